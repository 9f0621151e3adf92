/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_read.c: queries, answered with tables. */

#include "core/status.h"
#include "core/utf8.h"
#include "store/store_sqlite.h"

#include <string.h>

/* ---- rows into tables ---- */

/* A column of an answer: what it is called and holds, and which column of the query it is from. */
typedef struct column {
    const char *name;
    evtwin_type type;
    int from;
} column;

enum { MAX_COLUMNS = EVTWIN__Q_COUNT + 1 };

/* The columns of a query of the quantities of these kinds. */
static size_t quantity_columns(unsigned kinds, column columns[MAX_COLUMNS]) {
    size_t n = 0;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, kinds)) {
            columns[n] = (column){evtwin__schema[q].name, evtwin__schema[q].type, (int)n};
            n++;
        }
    }
    return n;
}

/* A cell that the database does not have, or has in a form that is not ours, stays missing. */
static evtwin_status set_cell(evtwin_table *table, size_t col, size_t row, evtwin__stmt *stmt,
                              const column *c) {
    int64_t value = 0;
    const char *text;
    switch (c->type) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(table, col, row, evtwin__stmt_f64(stmt, c->from));
    case EVTWIN_I64:
        return evtwin__stmt_i64(stmt, c->from, &value)
                   ? evtwin_table_set_i64(table, col, row, value)
                   : EVTWIN_OK;
    case EVTWIN_BOOL:
        return evtwin__stmt_i64(stmt, c->from, &value)
                   ? evtwin_table_set_bool(table, col, row, value != 0)
                   : EVTWIN_OK;
    case EVTWIN_TEXT:
        text = evtwin__stmt_text(stmt, c->from);
        return text != NULL && evtwin__utf8_is_valid(text, strlen(text))
                   ? evtwin_table_set_text(table, col, row, text)
                   : EVTWIN_OK;
    case EVTWIN_TIME:
    default:
        text = evtwin__stmt_text(stmt, c->from);
        return text != NULL && evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &value) == EVTWIN_OK
                   ? evtwin_table_set_i64(table, col, row, value)
                   : EVTWIN_OK;
    }
}

/* A table that grows with the rows of a query. */
typedef struct answer {
    column columns[MAX_COLUMNS];
    size_t n_columns, rows, capacity;
    evtwin_table *table;
} answer;

static evtwin_status start(answer *a) {
    evtwin_status st = evtwin_table_create(&a->table);
    for (size_t c = 0; c < a->n_columns && st == EVTWIN_OK; c++) {
        size_t q;
        const char *unit =
            evtwin_quantity_find(a->columns[c].name, &q, &unit, NULL) < 0 ? "" : unit;
        st = evtwin_table_add_column(a->table, a->columns[c].name, a->columns[c].type, unit, NULL);
    }
    return st;
}

static evtwin_status add_row(answer *a, evtwin__stmt *stmt) {
    evtwin_status st = EVTWIN_OK;
    if (a->rows == a->capacity) {
        a->capacity = a->capacity > 0 ? a->capacity * 2 : 16;
        st = evtwin_table_resize(a->table, a->capacity);
    }
    for (size_t c = 0; c < a->n_columns && st == EVTWIN_OK; c++) {
        st = set_cell(a->table, c, a->rows, stmt, &a->columns[c]);
    }
    a->rows += st == EVTWIN_OK;
    return st;
}

/* Add all rows of a statement whose parameters are bound, and reset it. */
static evtwin_status add_rows(answer *a, evtwin__stmt *stmt) {
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK && (st = add_row(a, stmt)) == EVTWIN_OK) {
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

/* Give out what was read. EVTWIN_DONE if there is no row, or the failure st. */
static evtwin_status finish(answer *a, evtwin_status st, evtwin_table **out) {
    if (st >= 0 && (st = evtwin_table_resize(a->table, a->rows)) >= 0 && a->rows == 0) {
        st = EVTWIN_DONE;
    }
    if (st == EVTWIN_OK) {
        *out = a->table;
    } else {
        evtwin_table_free(a->table);
    }
    return st;
}

static evtwin_status answer_all(answer *a, evtwin__stmt *stmt, evtwin_table **out) {
    evtwin_status st = start(a);
    if (st >= 0) {
        st = add_rows(a, stmt);
    } else {
        evtwin__stmt_reset(stmt);
    }
    return finish(a, st, out);
}

/* The rows of a query of the quantities of these kinds. */
static evtwin_status answer_rows(evtwin__stmt *stmt, unsigned kinds, evtwin_table **out) {
    answer a = {.table = NULL};
    a.n_columns = quantity_columns(kinds, a.columns);
    return answer_all(&a, stmt, out);
}

/* The rows of a query of these columns. */
static evtwin_status answer_columns(sqlite_store *s, sqlite_sql which, const column *columns,
                                    size_t n, evtwin_table **out) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt(s, which, &stmt);
    if (st < 0) {
        return st;
    }
    answer a = {.n_columns = n};
    memcpy(a.columns, columns, n * sizeof *columns);
    return answer_all(&a, stmt, out);
}

static int64_t limit_of(size_t n) {
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* ---- the queries ---- */

/* The waiting rows of one battery. */
static evtwin_status add_waiting(sqlite_store *s, const char *battery_id, size_t max_rows,
                                 answer *a) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt(s, SQL_UNPREDICTED, &stmt);
    if (st < 0) {
        return st;
    }
    evtwin__stmt_bind_text(stmt, 1, battery_id);
    evtwin__stmt_bind_i64(stmt, 2, limit_of(max_rows));
    return add_rows(a, stmt);
}

evtwin_status evtwin__sqlite_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt(s, SQL_WAITING, &stmt);
    if (st < 0) {
        return st;
    }
    answer a = {.table = NULL};
    a.n_columns = quantity_columns(EVTWIN__TELEMETRY, a.columns);
    st = start(&a);
    while (st == EVTWIN_OK && a.rows < max_rows && (st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        const char *battery_id = evtwin__stmt_text(stmt, 0);
        if (battery_id != NULL) {
            st = add_waiting(s, battery_id, max_rows - a.rows, &a);
        }
    }
    evtwin__stmt_reset(stmt);
    return finish(&a, st, out);
}

evtwin_status evtwin__sqlite_states(evtwin_store *store, evtwin_table **out) {
    static const column columns[] = {{"battery_id", EVTWIN_TEXT, 0},
                                     {"time", EVTWIN_TIME, 1},
                                     {"seq", EVTWIN_I64, 2},
                                     {"state", EVTWIN_TEXT, 3}};
    return answer_columns((sqlite_store *)store, SQL_STATES, columns, 4, out);
}

evtwin_status evtwin__sqlite_position(evtwin_store *store, const char *source, char *text,
                                      size_t text_size) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_POSITION, &stmt);
    if (st < 0) {
        return st;
    }
    evtwin__stmt_bind_text(stmt, 1, source);
    if ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        const char *position = evtwin__stmt_text(stmt, 0);
        const size_t length = position != NULL ? strlen(position) : 0;
        if (length < text_size) {
            memcpy(text, position != NULL ? position : "", length + 1);
        } else {
            st = evtwin__fail(EVTWIN_E_RANGE, "the position of %s has %zu bytes, room is for %zu",
                              source, length + 1, text_size);
        }
    }
    evtwin__stmt_reset(stmt);
    return st;
}

/* The columns of the query's row, then its standing prediction and the time of that. */
static void current_columns(answer *current) {
    const size_t n_row = quantity_columns(EVTWIN__STORED, current->columns);
    int from = (int)n_row;
    for (size_t q = 0, c = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
            current->columns[c].from = from++;
        }
        c += evtwin__is_of(q, EVTWIN__STORED) != 0;
    }
    current->columns[n_row] = (column){"predicted_time", EVTWIN_TIME, from};
    current->n_columns = n_row + 1;
}

evtwin_status evtwin__sqlite_latest(evtwin_store *store, const char *battery_id,
                                    evtwin_table **rows_out, evtwin_table **current_out) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store,
                                           battery_id != NULL ? SQL_LATEST : SQL_LATEST_ALL, &stmt);
    if (st < 0) {
        return st;
    }
    if (battery_id != NULL) {
        evtwin__stmt_bind_text(stmt, 1, battery_id);
    }
    answer rows = {.table = NULL}, current = {.table = NULL};
    rows.n_columns = quantity_columns(EVTWIN__STORED, rows.columns);
    current_columns(&current);
    evtwin_table *row_table = NULL;
    if ((st = start(&rows)) >= 0) {
        st = start(&current);
    }
    while (st == EVTWIN_OK && (st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        st = add_row(&rows, stmt);
        if (st == EVTWIN_OK && current_out != NULL) {
            st = add_row(&current, stmt);
        }
    }
    evtwin__stmt_reset(stmt);
    st = finish(&rows, st, &row_table);
    if (current_out != NULL) {
        st = finish(&current, st, current_out);
    } else {
        evtwin_table_free(current.table);
    }
    if (st == EVTWIN_OK) {
        *rows_out = row_table;
    } else {
        evtwin_table_free(row_table);
    }
    return st;
}

evtwin_status evtwin__sqlite_history(evtwin_store *store, const char *battery_id,
                                     const evtwin_history_options *options, evtwin_table **out) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_HISTORY, &stmt);
    if (st < 0) {
        return st;
    }
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE], before[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(options->from_us, from);
    evtwin__sqlite_time(options->to_us, to);
    evtwin__sqlite_time(options->before_time_us, before);
    evtwin__stmt_bind_text(stmt, 1, battery_id);
    evtwin__stmt_bind_text(stmt, 2, from);
    evtwin__stmt_bind_text(stmt, 3, to);
    evtwin__stmt_bind_text(stmt, 4, before);
    evtwin__stmt_bind_i64(stmt, 5, options->before_seq);
    evtwin__stmt_bind_i64(stmt, 6, options->predicted_only != 0);
    evtwin__stmt_bind_i64(stmt, 7, limit_of(options->limit));
    return answer_rows(stmt, EVTWIN__STORED, out);
}

evtwin_status evtwin__sqlite_stats(evtwin_store *store, const char *battery_id, int64_t from_us,
                                   int64_t to_us, evtwin_store_stats *out) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_STATS, &stmt);
    if (st < 0) {
        return st;
    }
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(from_us, from);
    evtwin__sqlite_time(to_us, to);
    evtwin__stmt_bind_text(stmt, 1, battery_id);
    evtwin__stmt_bind_text(stmt, 2, from);
    evtwin__stmt_bind_text(stmt, 3, to);
    if ((st = evtwin__stmt_step(stmt)) >= 0) {
        evtwin__stmt_i64(stmt, 0, &out->total_records);
        out->avg_soc = evtwin__stmt_f64(stmt, 1);
        out->min_soc = evtwin__stmt_f64(stmt, 2);
        out->max_soc = evtwin__stmt_f64(stmt, 3);
        out->avg_soh = evtwin__stmt_f64(stmt, 4);
        out->avg_temperature = evtwin__stmt_f64(stmt, 5);
        out->max_temperature = evtwin__stmt_f64(stmt, 6);
        out->avg_voltage = evtwin__stmt_f64(stmt, 7);
        out->avg_current = evtwin__stmt_f64(stmt, 8);
        out->total_cycles = evtwin__stmt_f64(stmt, 9);
        out->avg_rul = evtwin__stmt_f64(stmt, 10);
        out->avg_failure_risk = evtwin__stmt_f64(stmt, 11);
        st = out->total_records > 0 ? EVTWIN_OK : EVTWIN_DONE;
    }
    evtwin__stmt_reset(stmt);
    return st;
}

evtwin_status evtwin__sqlite_models(evtwin_store *store, evtwin_table **out) {
    static const column columns[] = {{"model_version", EVTWIN_TEXT, 0},
                                     {"target", EVTWIN_TEXT, 1},
                                     {"trained_at", EVTWIN_TIME, 2},
                                     {"r2", EVTWIN_F64, 3},
                                     {"rmse", EVTWIN_F64, 4},
                                     {"mae", EVTWIN_F64, 5},
                                     {"auc", EVTWIN_F64, 6},
                                     {"average_precision", EVTWIN_F64, 7},
                                     {"accuracy", EVTWIN_F64, 8},
                                     {"brier", EVTWIN_F64, 9}};
    return answer_columns((sqlite_store *)store, SQL_SCORES, columns,
                          sizeof columns / sizeof columns[0], out);
}

evtwin_status evtwin__sqlite_thresholds(evtwin_store *store, evtwin_table **out) {
    static const column columns[] = {{"kind", EVTWIN_TEXT, 0},
                                     {"quantity", EVTWIN_TEXT, 1},
                                     {"level", EVTWIN_TEXT, 2},
                                     {"operator", EVTWIN_TEXT, 3},
                                     {"limit", EVTWIN_F64, 4}};
    const evtwin_status st = answer_columns((sqlite_store *)store, SQL_LIMITS, columns, 5, out);
    if (st != EVTWIN_DONE) {
        return st;
    }
    answer none = {.n_columns = 5}; /* somebody who wants no limits has an empty set of them */
    memcpy(none.columns, columns, sizeof columns);
    const evtwin_status made = start(&none);
    if (made < 0) {
        evtwin_table_free(none.table);
        return made;
    }
    *out = none.table;
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                     evtwin_table **out, int64_t *revision_out) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_CHANGES, &stmt);
    if (st < 0) {
        return st;
    }
    evtwin_table *table = NULL;
    evtwin__stmt_bind_i64(stmt, 1, after_revision);
    evtwin__stmt_bind_i64(stmt, 2, limit_of(max_rows));
    st = answer_rows(stmt, EVTWIN__STORED, &table);
    if (st == EVTWIN_OK) {
        const int64_t *revision = evtwin_table_i64(table, evtwin_table_find(table, "revision"));
        *revision_out = revision[evtwin_table_rows(table) - 1];
        *out = table;
    } else if (st == EVTWIN_DONE) {
        *revision_out = after_revision;
    }
    return st;
}

evtwin_status evtwin__sqlite_count(evtwin_store *store, int64_t *rows_out) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_COUNT, &stmt);
    if (st < 0) {
        return st;
    }
    if ((st = evtwin__stmt_step(stmt)) >= 0) {
        evtwin__stmt_i64(stmt, 0, rows_out);
        st = EVTWIN_OK;
    }
    evtwin__stmt_reset(stmt);
    return st;
}
