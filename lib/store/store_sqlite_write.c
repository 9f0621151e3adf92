/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_write.c: insert telemetry, write predictions, remember models. */

#include "core/status.h"
#include "store/store_sqlite.h"

/* ---- revisions ---- */

/* Given out inside the write transaction, of which there is one at a time: readers see them in
 * commit order, without gaps that could fill later. */
static evtwin_status revision_get(sqlite_store *s, int64_t *out) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt(s, SQL_REVISION_GET, &stmt);
    if (st < 0) {
        return st;
    }
    st = evtwin__stmt_step(stmt);
    if (st >= 0 && (st == EVTWIN_DONE || !evtwin__stmt_i64(stmt, 0, out))) {
        st = evtwin__fail(EVTWIN_E_CORRUPT, "%s: table ev_revision has lost its row",
                          evtwin__db_name(s->db));
    }
    evtwin__stmt_reset(stmt);
    return st;
}

static evtwin_status revision_set(sqlite_store *s, int64_t revision) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt(s, SQL_REVISION_SET, &stmt);
    if (st < 0) {
        return st;
    }
    evtwin__stmt_bind_i64(stmt, 1, revision);
    return evtwin__stmt_run(stmt);
}

/* ---- insert ---- */

/* Texts of the times of one row; they live until the statement is reset. */
typedef struct row_times {
    char time[EVTWIN_TIME_TEXT_SIZE];
    char predicted[EVTWIN_TIME_TEXT_SIZE];
    const char *now; /* of the transaction */
} row_times;

static void bind_value(evtwin__stmt *stmt, int param, size_t c, const evtwin__value *value) {
    if (!value->present) {
        evtwin__stmt_bind_null(stmt, param);
        return;
    }
    switch (evtwin__store_columns[c].type) {
    case EVTWIN_F64:
        evtwin__stmt_bind_f64(stmt, param, value->f64);
        break;
    case EVTWIN_TEXT:
        evtwin__stmt_bind_text(stmt, param, value->text);
        break;
    default:
        evtwin__stmt_bind_i64(stmt, param, value->i64);
        break;
    }
}

static void bind_key(evtwin__stmt *stmt, const evtwin__value *value, const row_times *times) {
    evtwin__stmt_bind_text(stmt, 1, value[EVTWIN__COL_BATTERY_ID].text);
    evtwin__stmt_bind_text(stmt, 2, times->time);
    evtwin__stmt_bind_i64(stmt, 3, value[EVTWIN__COL_SEQ].i64);
}

/* When a row that comes with its prediction was predicted: as it says, else now; NULL without one.
 */
static const char *predicted_at(const evtwin__value *value, row_times *times) {
    if (!evtwin__row_is_predicted(value)) {
        return NULL;
    }
    const evtwin__value *at = &value[EVTWIN__COL_PREDICTION_TIMESTAMP];
    if (!at->present) {
        return times->now;
    }
    evtwin__sqlite_time(at->i64, times->predicted);
    return times->predicted;
}

static evtwin_status insert_row(evtwin__stmt *stmt, const evtwin__value *value, row_times *times,
                                int64_t revision) {
    evtwin__sqlite_time(value[EVTWIN__COL_TIME].i64, times->time);
    for (size_t c = 0; c < EVTWIN__COL_COUNT; c++) {
        const int param = (int)(c < EVTWIN__COL_STATUS ? c + 1 : c);
        switch (c) {
        case EVTWIN__COL_STATUS:
            break;
        case EVTWIN__COL_TIME:
            evtwin__stmt_bind_text(stmt, param, times->time);
            break;
        case EVTWIN__COL_PREDICTION_TIMESTAMP:
            evtwin__stmt_bind_text(stmt, param, predicted_at(value, times));
            break;
        case EVTWIN__COL_CREATED_AT:
            evtwin__stmt_bind_text(stmt, param, times->now);
            break;
        case EVTWIN__COL_REVISION:
            evtwin__stmt_bind_i64(stmt, param, revision);
            break;
        default:
            bind_value(stmt, param, c, &value[c]);
            break;
        }
    }
    return evtwin__stmt_run(stmt);
}

/* Is what the database has in column c the same as value? Time and key are equal already. */
static int is_same(evtwin__stmt *stmt, size_t c, const evtwin__value *value) {
    if (c == EVTWIN__COL_TIME || c == EVTWIN__COL_BATTERY_ID) {
        return 1;
    }
    if (evtwin__store_columns[c].type == EVTWIN_F64) {
        const double stored = evtwin__stmt_f64(stmt, (int)c);
        return value->present ? stored == value->f64 : stored != stored;
    }
    int64_t stored = 0;
    const int is_stored = evtwin__stmt_i64(stmt, (int)c, &stored);
    return is_stored == value->present && (!is_stored || stored == value->i64);
}

/* A row that is there already: the same telemetry again, or another claim to its key? */
static evtwin_status compare_row(sqlite_store *s, const evtwin__value *value,
                                 const row_times *times, evtwin_insert_report *report) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__sqlite_stmt(s, SQL_ROW, &stmt);
    if (st < 0) {
        return st;
    }
    bind_key(stmt, value, times);
    if ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        int same = 1;
        for (size_t c = 0; c < EVTWIN__COL_TELEMETRY_COUNT && same; c++) {
            same = is_same(stmt, c, &value[c]);
        }
        report->n_repeated += same ? 1 : 0;
        report->n_conflicting += same ? 0 : 1;
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status insert_rows(sqlite_store *s, const evtwin__rows *rows, const char *now,
                                 evtwin_insert_report *report) {
    evtwin__stmt *stmt = NULL;
    int64_t revision = 0;
    evtwin_status st = evtwin__sqlite_stmt(s, SQL_INSERT, &stmt);
    if (st < 0 || (st = revision_get(s, &revision)) < 0) {
        return st;
    }
    row_times times = {.now = now};
    evtwin__value value[EVTWIN__COL_COUNT];
    for (size_t i = 0; i < rows->n; i++) {
        if ((st = evtwin__rows_get(rows, i, value)) < 0 ||
            (st = insert_row(stmt, value, &times, revision + 1)) < 0) {
            return st;
        }
        if (evtwin__db_changes(s->db) > 0) {
            revision++;
            report->n_inserted++;
        } else if ((st = compare_row(s, value, &times, report)) < 0) {
            return st;
        }
    }
    return report->n_inserted > 0 ? revision_set(s, revision) : EVTWIN_OK;
}

/* The first insert of a battery claims it, before anything is written. */
static evtwin_status claim_batteries(sqlite_store *s, const evtwin__rows *rows) {
    const char *path = evtwin__db_path(s->db);
    if (path[0] == '\0') {
        return EVTWIN_OK; /* in memory: nobody else can see it */
    }
    evtwin_status st = EVTWIN_OK;
    if (s->claims == NULL && (st = evtwin__claims_open(path, &s->claims)) < 0) {
        return st;
    }
    const size_t id_col = rows->from[EVTWIN__COL_BATTERY_ID].col;
    const char *claimed = NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const char *id = evtwin_table_text(rows->table, id_col, i);
        if (id != claimed && (st = evtwin__claims_take(s->claims, id)) < 0) {
            return st;
        }
        claimed = id;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_insert(evtwin_store *store, const evtwin__rows *rows,
                                    evtwin_insert_report *report) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin_status st = claim_batteries(s, rows);
    if (st < 0 || (st = evtwin__db_begin_write(s->db)) < 0) {
        return st;
    }
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(store->now(), now);
    if ((st = insert_rows(s, rows, now, report)) < 0 || (st = evtwin__db_commit(s->db)) < 0) {
        evtwin__db_rollback(s->db);
        return st;
    }
    evtwin__sqlite_retain_some(s, rows->n);
    return EVTWIN_OK;
}

/* ---- predict ---- */

static evtwin_status predict_rows(sqlite_store *s, const evtwin__rows *rows, const char *now,
                                  size_t *n_updated_out) {
    /* the columns of the statement's parameters 4 … 10 */
    static const evtwin__store_column written[] = {EVTWIN__COL_RUL_PREDICTION,
                                                   EVTWIN__COL_RUL_LOW,
                                                   EVTWIN__COL_RUL_HIGH,
                                                   EVTWIN__COL_FAILURE_PROBABILITY,
                                                   EVTWIN__COL_PREDICTION_TIMESTAMP,
                                                   EVTWIN__COL_PREDICTION_NOTE,
                                                   EVTWIN__COL_MODEL_VERSION};
    evtwin__stmt *stmt = NULL;
    int64_t revision = 0;
    evtwin_status st = evtwin__sqlite_stmt(s, SQL_PREDICT, &stmt);
    if (st < 0 || (st = revision_get(s, &revision)) < 0) {
        return st;
    }
    size_t n_updated = 0;
    row_times times = {.now = now};
    evtwin__value value[EVTWIN__COL_COUNT];
    for (size_t i = 0; i < rows->n; i++) {
        if ((st = evtwin__rows_get(rows, i, value)) < 0) {
            return st;
        }
        evtwin__sqlite_time(value[EVTWIN__COL_TIME].i64, times.time);
        bind_key(stmt, value, &times);
        for (size_t k = 0; k < sizeof written / sizeof written[0]; k++) {
            const size_t c = written[k];
            if (c == EVTWIN__COL_PREDICTION_TIMESTAMP) {
                evtwin__stmt_bind_text(stmt, (int)k + 4, now);
            } else {
                bind_value(stmt, (int)k + 4, c, &value[c]);
            }
        }
        evtwin__stmt_bind_i64(stmt, 11, revision + 1);
        if ((st = evtwin__stmt_run(stmt)) < 0) {
            return st;
        }
        if (evtwin__db_changes(s->db) > 0) {
            revision++;
            n_updated++;
        }
    }
    *n_updated_out = n_updated;
    return n_updated > 0 ? revision_set(s, revision) : EVTWIN_OK;
}

evtwin_status evtwin__sqlite_predict(evtwin_store *store, const evtwin__rows *rows,
                                     size_t *n_updated_out) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin_status st = evtwin__db_begin_write(s->db);
    if (st < 0) {
        return st;
    }
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(store->now(), now);
    if ((st = predict_rows(s, rows, now, n_updated_out)) < 0 ||
        (st = evtwin__db_commit(s->db)) < 0) {
        evtwin__db_rollback(s->db);
        return st;
    }
    return EVTWIN_OK;
}

/* ---- models ---- */

evtwin_status evtwin__sqlite_put_model(evtwin_store *store, const evtwin_predictor_info *info) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin__stmt *stmt = NULL;
    const evtwin_status st = evtwin__sqlite_stmt(s, SQL_PUT_MODEL, &stmt);
    if (st < 0) {
        return st;
    }

    /* in our form of a time; one that is none is not worth a failure here */
    char trained_at[EVTWIN_TIME_TEXT_SIZE] = "";
    int64_t trained_us = 0;
    if (info->trained_at != NULL &&
        evtwin_time_parse(info->trained_at, EVTWIN_NAIVE_UTC, &trained_us) == EVTWIN_OK) {
        evtwin__sqlite_time(trained_us, trained_at);
    }
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(store->now(), now);
    evtwin__stmt_bind_text(stmt, 1, info->version);
    evtwin__stmt_bind_f64(stmt, 2, info->rul_rmse);
    evtwin__stmt_bind_f64(stmt, 3, info->rul_mae);
    evtwin__stmt_bind_f64(stmt, 4, info->rul_r2);
    evtwin__stmt_bind_f64(stmt, 5, info->failure_auc);
    evtwin__stmt_bind_f64(stmt, 6, info->failure_brier);
    evtwin__stmt_bind_text(stmt, 7, trained_at[0] != '\0' ? trained_at : NULL);
    evtwin__stmt_bind_text(stmt, 8, now);
    return evtwin__stmt_run(stmt);
}
