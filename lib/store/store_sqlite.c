/* SPDX-License-Identifier: MIT */
/* store/store_sqlite.c: the embedded store: open and close, its statements, its place in the list.
 */

#include "store/store_sqlite.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/uri.h"

#include <assert.h>
#include <string.h>

static const char *const sql_texts[SQL_N] = {
    [SQL_REVISION_GET] = "SELECT revision FROM ev_revision",
    [SQL_REVISION_SET] = "UPDATE ev_revision SET revision = ?",
    [SQL_INSERT] = "INSERT INTO ev_telemetry (" EVTWIN__SQL_WRITTEN ") VALUES"
                   " (" EVTWIN__SQL_WRITTEN_PARAMS ")"
                   " ON CONFLICT (battery_id, time, seq) DO NOTHING",
    [SQL_ROW] = "SELECT " EVTWIN__SQL_TELEMETRY " FROM ev_telemetry"
                " WHERE battery_id = ? AND time = ? AND seq = ?",
    [SQL_PREDICT] = "UPDATE ev_telemetry SET rul_prediction = ?4, rul_low = ?5, rul_high = ?6,"
                    " failure_probability = ?7, prediction_timestamp = ?8, prediction_note = ?9,"
                    " model_version = ?10, revision = ?11"
                    " WHERE battery_id = ?1 AND time = ?2 AND seq = ?3",
    [SQL_PUT_MODEL] = "INSERT OR REPLACE INTO ev_model (model_version, rul_rmse, rul_mae, rul_r2,"
                      " failure_auc, failure_brier, trained_at, put_at)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_NEXT_ID] = "SELECT min(battery_id) FROM ev_telemetry WHERE battery_id > ?",
    [SQL_CHUNK_END] = "SELECT time FROM ev_telemetry WHERE battery_id = ? AND time > ? AND time < ?"
                      " ORDER BY time LIMIT 1 OFFSET ?",
    [SQL_DELETE] = "DELETE FROM ev_telemetry WHERE battery_id = ?1 AND time > ?2 AND time <= ?3"
                   " AND time < ?4 AND created_at < ?4",
    [SQL_UNPREDICTED] = "SELECT " EVTWIN__SQL_TELEMETRY " FROM ev_telemetry"
                        " WHERE prediction_timestamp IS NULL"
                        " ORDER BY time DESC, seq DESC, battery_id LIMIT ?",
    [SQL_LATEST] = "SELECT " EVTWIN__SQL_ALL " FROM ev_telemetry WHERE battery_id = ?"
                   " ORDER BY time DESC, seq DESC LIMIT 1",
    [SQL_LATEST_ALL] = "SELECT " EVTWIN__SQL_ALL " FROM latest_battery_status ORDER BY battery_id",
    [SQL_HISTORY] = "SELECT " EVTWIN__SQL_ALL " FROM ev_telemetry WHERE battery_id = ?1"
                    " AND time >= ?2 AND time <= ?3 AND (time, seq) < (?4, ?5)"
                    " AND (?6 = 0 OR rul_prediction IS NOT NULL OR failure_probability IS NOT NULL)"
                    " ORDER BY time DESC, seq DESC LIMIT ?7",
    [SQL_STATS] = "SELECT count(*), avg(soc), min(soc), max(soc), avg(soh), avg(temperature),"
                  " max(temperature), avg(voltage), avg(current), max(charge_cycles),"
                  " avg(rul_prediction), avg(failure_probability)"
                  " FROM ev_telemetry WHERE battery_id = ? AND time >= ? AND time <= ?",
    [SQL_MODELS] = "SELECT model_version, rul_rmse, rul_mae, rul_r2, failure_auc, failure_brier,"
                   " trained_at FROM ev_model ORDER BY put_at DESC, model_version",
    [SQL_CHANGES] = "SELECT " EVTWIN__SQL_ALL " FROM ev_telemetry WHERE revision > ?"
                    " ORDER BY revision LIMIT ?",
    [SQL_COUNT] = "SELECT count(*) FROM ev_telemetry",
};

evtwin_status evtwin__sqlite_stmt(sqlite_store *s, sqlite_sql which, evtwin__stmt **out) {
    if (s->stmt[which] == NULL) {
        const evtwin_status st = evtwin__stmt_prepare(s->db, sql_texts[which], &s->stmt[which]);
        if (st < 0) {
            return st;
        }
    }
    *out = s->stmt[which];
    return EVTWIN_OK;
}

void evtwin__sqlite_time(int64_t time_us, char text[EVTWIN_TIME_TEXT_SIZE]) {
    const int64_t clamped = time_us < EVTWIN__STORE_FIRST_US  ? EVTWIN__STORE_FIRST_US
                            : time_us > EVTWIN__STORE_LAST_US ? EVTWIN__STORE_LAST_US
                                                              : time_us;
    const evtwin_status st = evtwin_time_format(clamped, text, EVTWIN_TIME_TEXT_SIZE);
    assert(st == EVTWIN_OK);
    (void)st;
}

/* ---- open ---- */

static evtwin_status get_number(const evtwin__uri *uri, const char *key, double max,
                                double *value) {
    const char *text = evtwin__uri_param(uri, key);
    double number;
    if (text == NULL) {
        return EVTWIN_OK;
    }
    if (!evtwin__parse_f64(text, strlen(text), &number) || number < 0.0 || number > max) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s=%s is not a number from 0 to %g", key, text, max);
    }
    *value = number;
    return EVTWIN_OK;
}

/* "sqlite:FILE" or "sqlite:///FILE", then perhaps "?retention_days=…&busy_timeout_ms=…", which go
 * before the caller's options: they are what the user typed. The caller frees *file_out. */
static evtwin_status read_uri(const evtwin__uri *uri, evtwin_store_options *options,
                              char **file_out) {
    static const char *const known[] = {"retention_days", "busy_timeout_ms", NULL};
    double timeout_ms = options->busy_timeout_ms;
    evtwin_status st = evtwin__uri_check_params(uri, known);
    if (st < 0 || (st = get_number(uri, "retention_days", 1e6, &options->retention_days)) < 0 ||
        (st = get_number(uri, "busy_timeout_ms", 1e6, &timeout_ms)) < 0) {
        return st;
    }
    options->busy_timeout_ms = (int)timeout_ms;
    if (uri->host[0] != '\0' || uri->user[0] != '\0' || uri->port >= 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG,
                    "'sqlite://%s' names a host; a SQLite store is a file: "
                    "sqlite:FILE",
                    uri->host);
    }
    if (uri->path[0] == '\0' || strcmp(uri->path, "/") == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "the store URI names no file: sqlite:FILE");
    }
    char *file = evtwin__strdup(uri->path);
    if (file == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the name of %s", uri->path);
    }
    *file_out = file;
    return EVTWIN_OK;
}

static void sqlite_free(evtwin_store *store) {
    sqlite_store *s = (sqlite_store *)store;
    for (size_t i = 0; i < SQL_N; i++) {
        evtwin__stmt_free(s->stmt[i]);
    }
    evtwin__db_close(s->db);
    evtwin__claims_free(s->claims);
    evtwin__free(s);
}

static evtwin_status open_file(const char *file, const evtwin_store_options *options,
                               evtwin_store **out) {
    sqlite_store *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the store %s", file);
    }
    s->base = (evtwin_store){
        .backend = &evtwin__store_sqlite, .options = *options, .now = evtwin_time_now};
    evtwin_status st =
        evtwin__db_open(file, options->read_only ? EVTWIN__DB_READ : EVTWIN__DB_CREATE,
                        options->busy_timeout_ms, &s->db);
    if (st < 0 || (st = evtwin__sqlite_migrate(s->db, options->read_only)) < 0) {
        sqlite_free(&s->base);
        return st;
    }
    *out = &s->base;
    return EVTWIN_OK;
}

static evtwin_status sqlite_open(const char *text, const evtwin_store_options *options,
                                 evtwin_store **out) {
    evtwin__uri uri;
    evtwin_status st = evtwin__uri_parse(text, &uri);
    if (st < 0) {
        return st;
    }
    evtwin_store_options complete = *options;
    char *file = NULL;
    if ((st = read_uri(&uri, &complete, &file)) >= 0) {
        st = open_file(file, &complete, out);
    }
    evtwin__free(file);
    evtwin__uri_free(&uri);
    return st;
}

static evtwin_status sqlite_backup(evtwin_store *store, const char *path) {
    return evtwin__db_backup(((sqlite_store *)store)->db, path);
}

const evtwin__store_backend evtwin__store_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .free = sqlite_free,
    .insert = evtwin__sqlite_insert,
    .unpredicted = evtwin__sqlite_unpredicted,
    .predict = evtwin__sqlite_predict,
    .put_model = evtwin__sqlite_put_model,
    .retain = evtwin__sqlite_retain,
    .backup = sqlite_backup,
    .latest = evtwin__sqlite_latest,
    .history = evtwin__sqlite_history,
    .stats = evtwin__sqlite_stats,
    .models = evtwin__sqlite_models,
    .changes = evtwin__sqlite_changes,
    .count = evtwin__sqlite_count,
};
