/* SPDX-License-Identifier: MIT */
/* store/kept_table.h: the small tables that a store keeps as they come. */
#ifndef EVTWIN_STORE_KEPT_TABLE_H
#define EVTWIN_STORE_KEPT_TABLE_H

#include "evtwin/table.h"

/* States of sessions, scores of models, limits. */
typedef enum evtwin__kept_id {
    EVTWIN__KEPT_STATES,
    EVTWIN__KEPT_SCORES,
    EVTWIN__KEPT_LIMITS,
    EVTWIN__N_KEPT
} evtwin__kept_id;

typedef struct evtwin__kept_column {
    const char *name;
    evtwin_type type;
} evtwin__kept_column;

enum { EVTWIN__KEPT_MAX_COLUMNS = 10 };

typedef struct evtwin__kept {
    const char *sql_table, *sql_order;
    int is_replaced; /* what is put takes the place of all that was there, not of equal keys */
    size_t n_columns, n_required; /* the first n_required are texts that no row may lack */
    evtwin__kept_column column[EVTWIN__KEPT_MAX_COLUMNS];
} evtwin__kept;

extern const evtwin__kept evtwin__kept_tables[EVTWIN__N_KEPT];

/* EVTWIN_E_SCHEMA if a column is absent or of another type, EVTWIN_E_ARG for a row that lacks a
 * required text. */
evtwin_status evtwin__kept_check(evtwin__kept_id which, const evtwin_table *table);

#endif
