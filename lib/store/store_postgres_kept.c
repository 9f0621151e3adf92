/* SPDX-License-Identifier: MIT */
/* store/store_postgres_kept.c: small tables, and how far sources have been read. */

#include "core/status.h"
#include "store/store_postgres.h"

#include <stdio.h>
#include <string.h>

static const struct {
    evtwin__pg_type type;
    const char *sql;
} wire[] = {[EVTWIN_F64] = {EVTWIN__PG_F64, "float8"},
            [EVTWIN_I64] = {EVTWIN__PG_I64, "bigint"},
            [EVTWIN_TIME] = {EVTWIN__PG_TIME, "timestamptz"},
            [EVTWIN_BOOL] = {EVTWIN__PG_BOOL, "bool"},
            [EVTWIN_TEXT] = {EVTWIN__PG_TEXT, "text"}};

/* INSERT INTO table (columns) SELECT * FROM unnest($1::type[], …), over the rows of equal keys. */
static void put_sql(const evtwin__kept *kept, char *sql, size_t size) {
    evtwin__text_append(sql, size, "INSERT INTO %s (", kept->sql_table);
    for (size_t c = 0; c < kept->n_columns; c++) {
        evtwin__text_append(sql, size, "%s\"%s\"", c > 0 ? ", " : "", kept->column[c].name);
    }
    evtwin__text_append(sql, size, ") SELECT * FROM unnest(");
    for (size_t c = 0; c < kept->n_columns; c++) {
        evtwin__text_append(sql, size, "%s$%zu::%s[]", c > 0 ? ", " : "", c + 1,
                            wire[kept->column[c].type].sql);
    }
    evtwin__text_append(sql, size, ")");
}

static evtwin_status put_all(evtwin__pg *pg, const evtwin__kept *kept, const evtwin_table *table) {
    evtwin__pg_params params = {.n = 0};
    for (size_t c = 0; c < kept->n_columns; c++) {
        const size_t col = evtwin_table_find(table, kept->column[c].name);
        const size_t array = evtwin__pg_add_array(&params, wire[kept->column[c].type].type);
        for (size_t row = 0; row < evtwin_table_rows(table); row++) {
            evtwin__pg_push_cell(&params, array, table, col, row);
        }
    }
    char sql[1200] = "";
    put_sql(kept, sql, sizeof sql);
    const evtwin_status st = evtwin__pg_query(pg, sql, &params, NULL);
    evtwin__pg_params_free(&params);
    return st;
}

evtwin_status evtwin__postgres_keep_rows(evtwin__pg *pg, evtwin__kept_id which,
                                         const evtwin_table *table) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    if (kept->is_replaced) {
        char sql[80];
        snprintf(sql, sizeof sql, "DELETE FROM %s", kept->sql_table);
        EVTWIN_TRY(evtwin__pg_exec(pg, sql));
    }
    return put_all(pg, kept, table);
}

evtwin_status evtwin__postgres_keep(evtwin_store *store, evtwin__kept_id which,
                                    const evtwin_table *table) {
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    EVTWIN_TRY(evtwin__pg_begin(pg, ""));
    return evtwin__pg_end(pg, evtwin__postgres_keep_rows(pg, which, table));
}

evtwin_status evtwin__postgres_kept(evtwin_store *store, evtwin__kept_id which,
                                    evtwin_table **out) {
    (void)store, (void)which, (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read small tables from PostgreSQL");
}

evtwin_status evtwin__postgres_position(evtwin_store *store, const char *source, char *text,
                                        size_t text_size) {
    (void)store, (void)source, (void)text, (void)text_size;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read a position from PostgreSQL");
}
