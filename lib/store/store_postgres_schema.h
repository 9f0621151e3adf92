/* SPDX-License-Identifier: MIT */
/* store/store_postgres_schema.h: what the files share that make the schema in PostgreSQL. */
#ifndef EVTWIN_STORE_POSTGRES_SCHEMA_H
#define EVTWIN_STORE_POSTGRES_SCHEMA_H

#include "store/store_postgres.h"
#include "store/store_postgres_timescale.h"

/* ---- store_postgres_columns.c: the columns of ev_telemetry ---- */

typedef struct postgres_column {
    int is_there, is_generated, has_default;
    int64_t type;       /* its oid */
    int64_t max_length; /* of a text; 0 = no limit */
} postgres_column;

typedef struct postgres_columns {
    int is_table; /* 0: there is no ev_telemetry */
    postgres_column of[EVTWIN__Q_COUNT];
    char demanding[80]; /* a column of others that refuses rows without a value of theirs; "" */
} postgres_columns;

evtwin_status evtwin__postgres_columns_read(evtwin__pg *pg, postgres_columns *out);

/* The name of quantity q's type in SQL. */
const char *evtwin__postgres_type_name(size_t q);

/* 1, and how values go over the wire, if the column can be quantity q's as it is. */
int evtwin__postgres_column_fits(const postgres_column *column, size_t q, evtwin__pg_type *wire);

/* EVTWIN_E_SCHEMA if a column is absent, of another type, or demanding. */
evtwin_status evtwin__postgres_columns_check(evtwin__pg *pg, const postgres_columns *columns,
                                             postgres_schema *out);

/* ---- store_postgres_adopt.c ---- */

/* In the transaction of the migration: give an ev_telemetry that others made the columns and keys
 * of ours, keeping its rows. EVTWIN_E_SCHEMA if it is something else. */
evtwin_status evtwin__postgres_adopt(evtwin__pg *pg, const postgres_migration *how,
                                     const timescale *t);

/* Has it the shape for that? Looks at no rows, locks and changes nothing. */
evtwin_status evtwin__postgres_adopt_check(evtwin__pg *pg, const postgres_columns *columns);

/* When the tables beside it are there: the standing predictions. */
evtwin_status evtwin__postgres_adopt_predictions(evtwin__pg *pg);

/* ---- store_postgres_derived.c: functions, triggers and views, which can be made again ---- */

/* 1 in *out if all are there, as this version makes them. */
evtwin_status evtwin__postgres_derived_check(evtwin__pg *pg, int64_t *out);

/* Make them, over those that are there. */
evtwin_status evtwin__postgres_derived_make(evtwin__pg *pg, const postgres_schema *schema);

#endif
