/* SPDX-License-Identifier: MIT */
/* store/store_postgres_kept.c: small tables, and how far sources have been read. */

#include "core/status.h"
#include "core/utf8.h"
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

/* The names of n columns from first on, each with prefix before it. */
static void add_some(const evtwin__kept *kept, size_t first, size_t n, const char *prefix,
                     char *sql, size_t size) {
    for (size_t c = first; c < first + n; c++) {
        evtwin__text_append(sql, size, "%s%s\"%s\"", c > first ? ", " : "", prefix,
                            kept->column[c].name);
    }
}

static void add_names(const evtwin__kept *kept, size_t n, const char *prefix, char *sql,
                      size_t size) {
    add_some(kept, 0, n, prefix, sql, size);
}

/* … unless what is kept is greater by the columns of its order. */
static void add_guard(const evtwin__kept *kept, char *sql, size_t size) {
    char own[40];
    snprintf(own, sizeof own, "%s.", kept->sql_table);
    evtwin__text_append(sql, size, " WHERE ((");
    add_some(kept, kept->n_required, kept->n_ordered, "EXCLUDED.", sql, size);
    evtwin__text_append(sql, size, ") < (");
    add_some(kept, kept->n_required, kept->n_ordered, own, sql, size);
    evtwin__text_append(sql, size, ")) IS NOT TRUE");
}

/* Rows from arrays in the place of rows of equal keys; of equal ones among them the greatest by the
 * columns of their order, then the last. In the order of the keys, so that two who put the same
 * wait for each other; but tables that have an order keep that of putting. */
static void put_sql(const evtwin__kept *kept, char *sql, size_t size) {
    const int is_in_order = strncmp(kept->sql_order, "rowid", 5) == 0;
    evtwin__text_append(sql, size, "INSERT INTO %s (", kept->sql_table);
    add_names(kept, kept->n_columns, "", sql, size);
    evtwin__text_append(sql, size, ") SELECT ");
    add_names(kept, kept->n_columns, "", sql, size);
    evtwin__text_append(sql, size, " FROM (SELECT DISTINCT ON (");
    add_names(kept, kept->n_required, "", sql, size);
    evtwin__text_append(sql, size, ") * FROM unnest(");
    for (size_t c = 0; c < kept->n_columns; c++) {
        evtwin__text_append(sql, size, "%s$%zu::%s[]", c > 0 ? ", " : "", c + 1,
                            wire[kept->column[c].type].sql);
    }
    evtwin__text_append(sql, size, ") WITH ORDINALITY AS u (");
    add_names(kept, kept->n_columns, "", sql, size);
    evtwin__text_append(sql, size, ", n) ORDER BY ");
    add_names(kept, kept->n_required, "", sql, size);
    for (size_t c = 0; c < kept->n_ordered; c++) {
        evtwin__text_append(sql, size, ", \"%s\" DESC NULLS LAST",
                            kept->column[kept->n_required + c].name);
    }
    evtwin__text_append(sql, size, ", n DESC) AS last%s ON CONFLICT (",
                        is_in_order ? " ORDER BY n" : "");
    add_names(kept, kept->n_required, "", sql, size);
    evtwin__text_append(sql, size, ") DO UPDATE SET (");
    add_names(kept, kept->n_columns, "", sql, size);
    evtwin__text_append(sql, size, ") = (SELECT ");
    add_names(kept, kept->n_columns, "EXCLUDED.", sql, size);
    evtwin__text_append(sql, size, ")%s", is_in_order ? ", rowid = DEFAULT" : "");
    if (kept->n_ordered > 0) {
        add_guard(kept, sql, size);
    }
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
    char sql[1600] = "";
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

static void get_sql(const evtwin__kept *kept, int has_keys, char *sql, size_t size) {
    evtwin__text_append(sql, size, "SELECT ");
    add_names(kept, kept->n_columns, "", sql, size);
    evtwin__text_append(sql, size, " FROM %s", kept->sql_table);
    if (has_keys) { /* one question, and a look-up in the primary key for each */
        evtwin__text_append(sql, size, " WHERE \"%s\" = ANY($1::text[])", kept->column[0].name);
    }
    evtwin__text_append(sql, size, " ORDER BY %s", kept->sql_order);
}

static evtwin_status fill(const evtwin__kept *kept, const evtwin__pg_result *result,
                          evtwin_table *table) {
    EVTWIN_TRY(evtwin_table_resize(table, evtwin__pg_rows(result)));
    for (size_t c = 0; c < kept->n_columns; c++) {
        EVTWIN_TRY(
            evtwin_table_add_column(table, kept->column[c].name, kept->column[c].type, "", NULL));
        EVTWIN_TRY(evtwin__pg_fill(result, c, table, c));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_kept(evtwin_store *store, evtwin__kept_id which,
                                    const char *const *keys, size_t n_keys, evtwin_table **out) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    evtwin__pg_result *result = NULL;
    evtwin_table *table = NULL;
    evtwin__pg_params params = {.n = 0};
    char sql[400] = "";
    get_sql(kept, keys != NULL, sql, sizeof sql);
    if (keys != NULL) {
        const size_t array = evtwin__pg_add_array(&params, EVTWIN__PG_TEXT);
        for (size_t k = 0; k < n_keys; k++) {
            evtwin__pg_push_text(&params, array, keys[k]);
        }
    }
    evtwin_status st = evtwin__pg_query(((postgres_store *)store)->pg, sql,
                                        keys != NULL ? &params : NULL, &result);
    evtwin__pg_params_free(&params);
    st = st < 0 ? st : evtwin_table_create(&table);
    st = st < 0 ? st : fill(kept, result, table);
    evtwin__pg_result_free(result);
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

void evtwin__postgres_add_source(evtwin__pg_params *params, const char *source) {
    static const char digits[] = "0123456789ABCDEF";
    evtwin__text text = {.size = 0};
    for (const char *left = source; *left != '\0';) {
        const size_t n = evtwin__utf8_length(left, strlen(left));
        const unsigned char byte = (unsigned char)*left;
        const char escaped[] = {'%', digits[byte >> 4], digits[byte & 15]};
        evtwin__text_add(&text, n > 0 ? left : escaped, n > 0 ? n : sizeof escaped);
        left += n > 0 ? n : 1;
    }
    evtwin__text_add(&text, "", 1);
    evtwin__pg_add_text(params, text.is_failed ? source : text.data);
    evtwin__text_free(&text);
}

static evtwin_status read_position(const evtwin__pg_result *result, const char *source, char *text,
                                   size_t text_size) {
    const char *position = evtwin__pg_rows(result) > 0 ? evtwin__pg_text(result, 0, 0) : NULL;
    if (position == NULL) {
        return EVTWIN_DONE;
    }
    const size_t size = strlen(position) + 1;
    EVTWIN_FAIL_IF(size > text_size, EVTWIN_E_RANGE,
                   "the position of %s has %zu bytes, there is room for %zu", source, size,
                   text_size);
    memcpy(text, position, size);
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_position(evtwin_store *store, const char *source, char *text,
                                        size_t text_size) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__postgres_add_source(&params, source);
    evtwin_status st =
        evtwin__pg_query(((postgres_store *)store)->pg,
                         "SELECT position FROM ev_position WHERE source = $1", &params, &result);
    evtwin__pg_params_free(&params);
    st = st < 0 ? st : read_position(result, source, text, text_size);
    evtwin__pg_result_free(result);
    return st;
}
