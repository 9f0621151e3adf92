/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_read.c: queries, answered with tables. */

#include "core/status.h"
#include "core/utf8.h"
#include "store/store_sqlite.h"

#include <string.h>

/* ---- rows into tables ---- */

/* What a column of an answer is called and holds. */
typedef evtwin__store_column_info column_info;

static evtwin_status set_cell(evtwin_table *table, evtwin__stmt *stmt, size_t c, evtwin_type type,
                              size_t row) {
    int64_t value = 0;
    const char *text;
    switch (type) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(table, c, row, evtwin__stmt_f64(stmt, (int)c));
    case EVTWIN_I64:
        return evtwin__stmt_i64(stmt, (int)c, &value) ? evtwin_table_set_i64(table, c, row, value)
                                                      : EVTWIN_OK;
    case EVTWIN_BOOL:
        return evtwin__stmt_i64(stmt, (int)c, &value)
                   ? evtwin_table_set_bool(table, c, row, value != 0)
                   : EVTWIN_OK;
    case EVTWIN_TEXT:
        text = evtwin__stmt_text(stmt, (int)c);
        return text != NULL && evtwin__utf8_is_valid(text, strlen(text))
                   ? evtwin_table_set_text(table, c, row, text)
                   : EVTWIN_OK;
    case EVTWIN_TIME:
    default:
        text = evtwin__stmt_text(stmt, (int)c);
        return text != NULL && evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &value) == EVTWIN_OK
                   ? evtwin_table_set_i64(table, c, row, value)
                   : EVTWIN_OK;
    }
}

static evtwin_status add_columns(evtwin_table *table, const column_info *info, size_t n_columns) {
    for (size_t c = 0; c < n_columns; c++) {
        const evtwin_status st =
            evtwin_table_add_column(table, info[c].name, info[c].type, info[c].unit, NULL);
        if (st < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

/* A new row is all missing: a cell that the database does not have, or has in a form that is none
 * of ours, stays so. */
static evtwin_status read_rows(evtwin_table *table, evtwin__stmt *stmt, const column_info *info,
                               size_t n_columns) {
    size_t rows = 0, capacity = 0;
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        if (rows == capacity) {
            capacity = capacity > 0 ? capacity * 2 : 16;
            if ((st = evtwin_table_resize(table, capacity)) < 0) {
                return st;
            }
        }
        for (size_t c = 0; c < n_columns; c++) {
            if ((st = set_cell(table, stmt, c, info[c].type, rows)) < 0) {
                return st;
            }
        }
        rows++;
    }
    return st < 0 ? st : evtwin_table_resize(table, rows);
}

/* Run a statement whose parameters are bound, and reset it. EVTWIN_DONE if there is no row. */
static evtwin_status answer(evtwin__stmt *stmt, const column_info *info, size_t n_columns,
                            evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st = evtwin_table_create(&table);
    if (st >= 0 && (st = add_columns(table, info, n_columns)) >= 0) {
        st = read_rows(table, stmt, info, n_columns);
    }
    evtwin__stmt_reset(stmt);
    if (st >= 0 && evtwin_table_rows(table) == 0) {
        st = EVTWIN_DONE;
    }
    if (st == EVTWIN_OK) {
        *out = table;
    } else {
        evtwin_table_free(table);
    }
    return st;
}

static int64_t limit_of(size_t n) {
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* ---- the queries ---- */

evtwin_status evtwin__sqlite_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_UNPREDICTED, &stmt);
    if (st < 0) {
        return st;
    }
    evtwin__stmt_bind_i64(stmt, 1, limit_of(max_rows));
    return answer(stmt, evtwin__store_columns, EVTWIN__COL_TELEMETRY_COUNT, out);
}

evtwin_status evtwin__sqlite_latest(evtwin_store *store, const char *battery_id,
                                    evtwin_table **out) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt(
        (sqlite_store *)store, battery_id != NULL ? SQL_LATEST : SQL_LATEST_ALL, &stmt);
    if (st < 0) {
        return st;
    }
    if (battery_id != NULL) {
        evtwin__stmt_bind_text(stmt, 1, battery_id);
    }
    return answer(stmt, evtwin__store_columns, EVTWIN__COL_COUNT, out);
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
    return answer(stmt, evtwin__store_columns, EVTWIN__COL_COUNT, out);
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
    static const column_info columns[] = {
        {"model_version", EVTWIN_TEXT, ""}, {"rul_rmse", EVTWIN_F64, "cycles"},
        {"rul_mae", EVTWIN_F64, "cycles"},  {"rul_r2", EVTWIN_F64, ""},
        {"failure_auc", EVTWIN_F64, ""},    {"failure_brier", EVTWIN_F64, ""},
        {"trained_at", EVTWIN_TIME, ""},
    };
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt((sqlite_store *)store, SQL_MODELS, &stmt);
    return st < 0 ? st : answer(stmt, columns, sizeof columns / sizeof columns[0], out);
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
    st = answer(stmt, evtwin__store_columns, EVTWIN__COL_COUNT, &table);
    if (st == EVTWIN_OK) {
        const int64_t *revision = evtwin_table_i64(table, EVTWIN__COL_REVISION);
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
