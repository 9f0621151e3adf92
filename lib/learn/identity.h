/* SPDX-License-Identifier: MIT */
/* learn/identity.h: signs that one battery goes by two names, or two batteries by one: what would
 * put rows of one battery on both sides of a split. */
#ifndef EVTWIN_LEARN_IDENTITY_H
#define EVTWIN_LEARN_IDENTITY_H

#include "learn/trainer.h"

/* EVTWIN_E_SCHEMA naming row and id if a column of battery ids has an invalid one. */
evtwin_status evtwin__check_battery_ids(const evtwin_table *table, size_t col);

/* Names that differ from an earlier one by blanks, dashes, case, accents, leading zeros or the
 * form of a number only. */
typedef struct evtwin__similar_names {
    size_t n;
    const char *first[2]; /* borrowed from names */
} evtwin__similar_names;

evtwin_status evtwin__find_similar_names(const evtwin__dict *names, evtwin__similar_names *out);

/* Batteries by id of which rows are in more than one group. */
typedef struct evtwin__torn_batteries {
    size_t n, n_all;
    const char *first; /* borrowed from the table */
} evtwin__torn_batteries;

evtwin_status evtwin__find_torn_batteries(const evtwin_table *table, const evtwin__groups *groups,
                                          evtwin__torn_batteries *out);

/* Held-out rows of groups of which half, and five or more, have the features and the label of a row
 * of another part: there by chance is a row or two. */
typedef struct evtwin__repeated_rows {
    size_t n_rows, n_groups;
    size_t first, twin; /* rows of the table: the first of them, and what it repeats */
} evtwin__repeated_rows;

evtwin_status evtwin__find_repeated_rows(const evtwin__dataset *data, const evtwin__label *label,
                                         evtwin__repeated_rows *out);

/* In rows that are one series: a counter that falls, so that they look like several. */
typedef struct evtwin__restarts {
    size_t n;
    size_t counter;  /* its column; EVTWIN_NO_COLUMN if there is none */
    size_t name_col; /* a column that changes where the counter falls, and nowhere else */
} evtwin__restarts;

evtwin__restarts evtwin__find_restarts(const evtwin__dataset *data);

#endif
