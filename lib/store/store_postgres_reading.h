/* SPDX-License-Identifier: MIT */
/* store/store_postgres_reading.h: what the files share that read rows from PostgreSQL. */
#ifndef EVTWIN_STORE_POSTGRES_READING_H
#define EVTWIN_STORE_POSTGRES_READING_H

#include "store/store_postgres.h"

/* The batteries, found by jumping from each id to the next in an index. */
#define POSTGRES_BATTERIES(condition)                                                              \
    "WITH RECURSIVE battery (id) AS ((SELECT battery_id FROM ev_telemetry WHERE " condition        \
    " ORDER BY battery_id LIMIT 1) UNION ALL SELECT (SELECT n.battery_id FROM ev_telemetry AS n"   \
    " WHERE " condition " AND n.battery_id > battery.id ORDER BY n.battery_id LIMIT 1)"            \
    " FROM battery WHERE battery.id IS NOT NULL)"

static inline int64_t postgres_limit(size_t n) {
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* Of a row of a table that has the column. */
static inline int64_t postgres_revision(const evtwin_table *rows, size_t row) {
    return evtwin_table_i64(rows, evtwin_table_find(rows, "revision"))[row];
}

/* ---- store_postgres_read.c: rows into tables ---- */

/* Run a statement with the marks of sql_text.h. */
evtwin_status evtwin__postgres_ask(postgres_store *s, const char *text,
                                   const evtwin__pg_params *params, evtwin__pg_result **out);

/* A table with as many rows as the result, and no columns yet; to be freed by the caller also after
 * a failure. */
evtwin_status evtwin__postgres_table_start(const evtwin__pg_result *result, evtwin_table **out);

/* Add a column with the values of column from of the result. */
evtwin_status evtwin__postgres_add_column(evtwin_table *table, const evtwin__pg_result *result,
                                          size_t from, const char *name, evtwin_type type,
                                          const char *unit);

/* Add the quantities of these kinds, which are the first columns of the result; their predictions
 * come from the columns that begin with predictions_from, if it is not 0. */
evtwin_status evtwin__postgres_add_quantities(evtwin_table *table, const evtwin__pg_result *result,
                                              unsigned kinds, size_t predictions_from);

#endif
