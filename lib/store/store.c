/* SPDX-License-Identifier: MIT */
/* store/store.c: the public calls of store.h: check, then ask the backend that the URI's scheme
 * names. */

#include "evtwin/store.h"
#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/uri.h"
#include "store/backend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EVTWIN__MAX_POSITION = 1 << 16 };

/* The kinds of store of this build. */
static const evtwin__store_backend *const backends[] = {
#ifdef EVTWIN_HAVE_SQLITE
    &evtwin__store_sqlite,
#endif
    NULL};

/* ---- open ---- */

evtwin_status evtwin_store_options_init(evtwin_store_options *options, size_t size) {
    if (options == NULL || size < sizeof options->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size is %zu", size);
    }
    const evtwin_store_options defaults = {
        .size = sizeof defaults, .retention_days = 30.0, .busy_timeout_ms = 5000};
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

static evtwin_status unsupported(const char *uri) {
    char kinds[128] = "none";
    size_t used = 0;
    for (size_t i = 0; backends[i] != NULL && used < sizeof kinds; i++) {
        used += (size_t)snprintf(kinds + used, sizeof kinds - used, "%s%s:", i > 0 ? ", " : "",
                                 backends[i]->scheme);
    }
    char *shown = evtwin__uri_redact(uri);
    const evtwin_status st =
        evtwin__fail(EVTWIN_E_UNSUPPORTED, "'%s' is not a store that this build has (it has: %s)",
                     shown != NULL ? shown : "the URI", kinds);
    evtwin__free(shown);
    return st;
}

evtwin_status evtwin_store_open(const char *uri, const evtwin_store_options *options,
                                evtwin_store **out) {
    if (uri == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "uri or out is NULL");
    }
    evtwin_store_options complete;
    evtwin_store_options_init(&complete, sizeof complete);
    if (options != NULL) {
        evtwin__options_copy(&complete, sizeof complete, options, options->size);
    }
    if (!(complete.retention_days >= 0.0 && complete.retention_days <= 1e6)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "retention_days %g is not in 0 to 1000000",
                    complete.retention_days);
    }
    if (complete.busy_timeout_ms < 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "busy_timeout_ms %d is negative", complete.busy_timeout_ms);
    }
    for (size_t i = 0; backends[i] != NULL; i++) {
        const size_t length = strlen(backends[i]->scheme);
        if (strncmp(uri, backends[i]->scheme, length) == 0 && uri[length] == ':') {
            return backends[i]->open(uri, &complete, out);
        }
    }
    return unsupported(uri);
}

void evtwin_store_free(evtwin_store *store) {
    if (store != NULL) {
        store->backend->free(store);
    }
}

/* An answer without rows is no table: whoever frees it anyway frees NULL. */
static evtwin_status none_is_null(evtwin_status st, evtwin_table **out) {
    if (st == EVTWIN_DONE) {
        *out = NULL;
    }
    return st;
}

/* ---- write ---- */

static evtwin_status check_writable(const evtwin_store *store) {
    if (store->options.read_only) {
        EVTWIN_FAIL(EVTWIN_E_STATE, "the store was opened for reading only");
    }
    return EVTWIN_OK;
}

static evtwin_status insert_checked(evtwin_store *store, const evtwin_table *table,
                                    const char *source, const char *position,
                                    evtwin_insert_report *report, size_t report_size) {
    evtwin_insert_report full = {.size = sizeof full};
    evtwin__rows rows;
    evtwin_status st = check_writable(store);
    if (st < 0 || (st = evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT)) < 0 ||
        ((rows.binding.rows > 0 || source != NULL) &&
         (st = store->backend->insert(store, &rows, source, position, &full)) < 0)) {
        return st;
    }
    if (report != NULL) {
        evtwin__report_copy(report, report_size, &full, sizeof full);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_insert(evtwin_store *store, const evtwin_table *table,
                                  evtwin_insert_report *report, size_t report_size) {
    if (store == NULL || table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or table is NULL");
    }
    return insert_checked(store, table, NULL, NULL, report, report_size);
}

static evtwin_status check_source(const char *source) {
    if (source == NULL || source[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_ARG, "the source of a position is NULL or empty");
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_insert_from(evtwin_store *store, const evtwin_table *table,
                                       const char *source, const char *position,
                                       evtwin_insert_report *report, size_t report_size) {
    if (store == NULL || table == NULL || position == NULL ||
        strlen(position) > EVTWIN__MAX_POSITION) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store, table or position is NULL, or position is longer than %d",
                    EVTWIN__MAX_POSITION);
    }
    const evtwin_status st = check_source(source);
    return st < 0 ? st : insert_checked(store, table, source, position, report, report_size);
}

evtwin_status evtwin_store_position(evtwin_store *store, const char *source, char *text,
                                    size_t text_size) {
    if (store == NULL || text == NULL || text_size == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or text is NULL, or text_size is 0");
    }
    const evtwin_status st = check_source(source);
    return st < 0 ? st : store->backend->position(store, source, text, text_size);
}

evtwin_status evtwin_store_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out) {
    if (store == NULL || out == NULL || max_rows == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL, or max_rows is 0");
    }
    return none_is_null(store->backend->unpredicted(store, max_rows, out), out);
}

/* A table of ours, not of quantities: each column as it must be. */
typedef struct column_need {
    const char *name;
    evtwin_type type;
} column_need;

static evtwin_status check_columns(const evtwin_table *table, const column_need *need, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const size_t col = evtwin_table_find(table, need[i].name);
        if (col == EVTWIN_NO_COLUMN || evtwin_table_type(table, col) != need[i].type) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "the table has no column %s, or not of the right type",
                        need[i].name);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status check_present(const evtwin_table *table, const char *name) {
    const size_t col = evtwin_table_find(table, name);
    for (size_t row = 0; row < evtwin_table_rows(table); row++) {
        const char *text = evtwin_table_text(table, col, row);
        if (text == NULL || text[0] == '\0') {
            EVTWIN_FAIL(EVTWIN_E_ARG, "row %zu has no %s", row + 1, name);
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_put_predictions(evtwin_store *store, const evtwin_table *table,
                                           const evtwin_table *states, size_t *n_updated_out) {
    static const column_need state_columns[] = {{"battery_id", EVTWIN_TEXT},
                                                {"time", EVTWIN_TIME},
                                                {"seq", EVTWIN_I64},
                                                {"state", EVTWIN_TEXT}};
    if (store == NULL || table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or table is NULL");
    }
    size_t n_updated = 0;
    evtwin__rows rows;
    evtwin_status st = check_writable(store);
    if (st < 0 || (st = evtwin__rows_open(&rows, table, EVTWIN__ROWS_PREDICT)) < 0) {
        return st;
    }
    if (states != NULL && ((st = check_columns(states, state_columns, 4)) < 0 ||
                           (st = check_present(states, "battery_id")) < 0)) {
        return st;
    }
    if ((rows.binding.rows > 0 || (states != NULL && evtwin_table_rows(states) > 0)) &&
        (st = store->backend->put_predictions(store, &rows, states, &n_updated)) < 0) {
        return st;
    }
    if (n_updated_out != NULL) {
        *n_updated_out = n_updated;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_states(evtwin_store *store, evtwin_table **out) {
    if (store == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL");
    }
    return none_is_null(store->backend->states(store, out), out);
}

evtwin_status evtwin_store_put_model(evtwin_store *store, const evtwin_table *scores) {
    static const column_need score_columns[] = {{"model_version", EVTWIN_TEXT},
                                                {"target", EVTWIN_TEXT},
                                                {"trained_at", EVTWIN_TIME},
                                                {"r2", EVTWIN_F64},
                                                {"rmse", EVTWIN_F64},
                                                {"mae", EVTWIN_F64},
                                                {"auc", EVTWIN_F64},
                                                {"brier", EVTWIN_F64},
                                                {"average_precision", EVTWIN_F64},
                                                {"accuracy", EVTWIN_F64}};
    if (store == NULL || scores == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or scores is NULL");
    }
    evtwin_status st = check_writable(store);
    if (st < 0 ||
        (st = check_columns(scores, score_columns,
                            sizeof score_columns / sizeof score_columns[0])) < 0 ||
        (st = check_present(scores, "model_version")) < 0 ||
        (st = check_present(scores, "target")) < 0) {
        return st;
    }
    return store->backend->put_model(store, scores);
}

evtwin_status evtwin_store_put_thresholds(evtwin_store *store,
                                          const evtwin_thresholds *thresholds) {
    if (store == NULL || thresholds == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or thresholds is NULL");
    }
    evtwin_table *limits = NULL;
    evtwin_status st = check_writable(store);
    if (st >= 0 && (st = evtwin_thresholds_table(thresholds, &limits)) >= 0) {
        st = store->backend->put_thresholds(store, limits);
    }
    evtwin_table_free(limits);
    return st;
}

evtwin_status evtwin_store_expire(evtwin_store *store, size_t *n_deleted_out) {
    if (store == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store is NULL");
    }
    size_t n_deleted = 0;
    evtwin_status st = check_writable(store);
    if (st < 0 || (store->options.retention_days > 0.0 &&
                   (st = store->backend->expire(store, &n_deleted)) < 0)) {
        return st;
    }
    if (n_deleted_out != NULL) {
        *n_deleted_out = n_deleted;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_backup(evtwin_store *store, const char *path) {
    if (store == NULL || path == NULL || path[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store is NULL, or path is NULL or empty");
    }
    return store->backend->backup(store, path);
}

/* ---- read ---- */

static evtwin_status check_battery_id(const char *battery_id) {
    if (!evtwin_battery_id_is_valid(battery_id)) {
        EVTWIN_FAIL(EVTWIN_E_ARG,
                    "'%.60s' is not a valid battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                    battery_id != NULL ? battery_id : "NULL");
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_latest(evtwin_store *store, const char *battery_id,
                                  evtwin_table **rows_out, evtwin_table **current_out) {
    if (store == NULL || rows_out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or rows_out is NULL");
    }
    evtwin_status st = battery_id != NULL ? check_battery_id(battery_id) : EVTWIN_OK;
    if (st < 0) {
        return st;
    }
    st = none_is_null(store->backend->latest(store, battery_id, rows_out, current_out), rows_out);
    return current_out != NULL ? none_is_null(st, current_out) : st;
}

evtwin_status evtwin_history_options_init(evtwin_history_options *options, size_t size) {
    if (options == NULL || size < sizeof options->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size is %zu", size);
    }
    const evtwin_history_options defaults = {.size = sizeof defaults,
                                             .from_us = INT64_MIN,
                                             .to_us = INT64_MAX,
                                             .limit = 1000,
                                             .before_time_us = INT64_MAX,
                                             .before_seq = INT64_MAX};
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

evtwin_status evtwin_store_history(evtwin_store *store, const char *battery_id,
                                   const evtwin_history_options *options, evtwin_table **out) {
    if (store == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL");
    }
    evtwin_history_options complete;
    evtwin_history_options_init(&complete, sizeof complete);
    if (options != NULL) {
        evtwin__options_copy(&complete, sizeof complete, options, options->size);
    }
    if (complete.limit == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "the limit of a history is 0 rows");
    }
    const evtwin_status st = check_battery_id(battery_id);
    return st < 0 ? st
                  : none_is_null(store->backend->history(store, battery_id, &complete, out), out);
}

evtwin_status evtwin_store_stats_get(evtwin_store *store, const char *battery_id, int64_t from_us,
                                     int64_t to_us, evtwin_store_stats *out, size_t out_size) {
    if (store == NULL || out == NULL || out_size < sizeof out->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL, or the size of out is %zu", out_size);
    }
    evtwin_store_stats full = {.size = sizeof full};
    evtwin_status st = check_battery_id(battery_id);
    if (st < 0 || (st = store->backend->stats(store, battery_id, from_us, to_us, &full)) < 0) {
        return st;
    }
    evtwin__report_copy(out, out_size, &full, sizeof full);
    return st;
}

evtwin_status evtwin_store_models(evtwin_store *store, evtwin_table **out) {
    if (store == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL");
    }
    return none_is_null(store->backend->models(store, out), out);
}

evtwin_status evtwin_store_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                   evtwin_table **out, int64_t *revision_out) {
    if (store == NULL || out == NULL || revision_out == NULL || max_rows == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store, out or revision_out is NULL, or max_rows is 0");
    }
    return none_is_null(store->backend->changes(store, after_revision, max_rows, out, revision_out),
                        out);
}

evtwin_status evtwin_store_thresholds(evtwin_store *store, evtwin_thresholds **out) {
    if (store == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or out is NULL");
    }
    evtwin_table *limits = NULL;
    evtwin_status st = store->backend->thresholds(store, &limits);
    if (st >= 0) {
        st = evtwin_thresholds_from_table(limits, out);
    }
    evtwin_table_free(limits);
    return st;
}

evtwin_status evtwin_store_count(evtwin_store *store, int64_t *rows_out) {
    if (store == NULL || rows_out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "store or rows_out is NULL");
    }
    return store->backend->count(store, rows_out);
}
