/* SPDX-License-Identifier: MIT */
/* serve/answer.c: the JSON envelope of every answer, how failures are reported, and rows as
 * objects. */

#include "serve/answer.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "serve/server.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_INTERVAL_US = 10000000, KNOWN_FOR_US = 1000000 };

/* ---- the envelope ---- */

static evtwin__text *begin(evtwin__call *call, int code, const char *status) {
    evtwin__text *body = &call->response->body;
    call->response->code = code;
    body->size = 0;
    evtwin__text_open(body, NULL, '{');
    evtwin__text_string(body, "status", status);
    return body;
}

evtwin__text *evtwin__answer_begin(evtwin__call *call) {
    return begin(call, 200, "success");
}

void evtwin__answer_end(evtwin__call *call) {
    evtwin__text *body = &call->response->body;
    evtwin__text_time(body, "timestamp", evtwin_time_now());
    evtwin__text_put(body, "}\n");
}

int evtwin__answer_error(evtwin__call *call, int code, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);

    evtwin__text *body = begin(call, code, "error");
    evtwin__text_string(body, "message", message);
    evtwin__answer_end(call);
    return 0;
}

/* What a client may know: nothing of paths, of SQL, or of the system's own words. */
static const char *public_text(evtwin_status status) {
    switch (status) {
    case EVTWIN_E_NOT_FOUND:
        return "there is no store yet: it is made by the first program that writes to it, such as "
               "evtwin-sim";
    case EVTWIN_E_CANCELLED:
        return "the answer took too long and was given up; ask for less, such as fewer hours";
    case EVTWIN_E_AGAIN:
        return "the store is busy or cannot be reached; try again";
    case EVTWIN_E_SCHEMA:
        return "the store was not made by this version of evtwin";
    case EVTWIN_E_CORRUPT:
        return "the store is damaged";
    case EVTWIN_E_NOMEM:
        return "the server is out of memory";
    default:
        return "the store cannot be read; the server's log says why";
    }
}

const char *evtwin__store_problem(evtwin_server *server, evtwin_status status) {
    /* a page that polls a missing store must not fill the log */
    const int64_t now_us = evtwin_time_now();
    int64_t last_us = atomic_load(&server->logged_us);
    if ((now_us - last_us > LOG_INTERVAL_US || now_us < last_us) &&
        atomic_compare_exchange_strong(&server->logged_us, &last_us, now_us)) {
        /* "evtwin.db: No such file or directory" says less than the text for clients */
        evtwin__log(EVTWIN_LOG_WARNING, "HTTP: %s",
                    status == EVTWIN_E_NOT_FOUND ? public_text(status) : evtwin_last_error());
    }
    return public_text(status);
}

int evtwin__store_answered(evtwin__call *call, evtwin_status status) {
    call->store_status = status;
    return status >= 0 ||
           evtwin__answer_error(call, 503, "%s", evtwin__store_problem(call->server, status));
}

double evtwin__rounded(double value) {
    return fabs(value) < 1e11 ? evtwin__round_to(value, 1e4) : value;
}

/* ---- rows ---- */

int evtwin__call_read_context(evtwin__call *call) {
    evtwin__store_handle *h = call->handle;
    const int64_t now_us = evtwin_time_now();
    if (h->known_us <= now_us && now_us - h->known_us < KNOWN_FOR_US) {
        return 1;
    }
    evtwin_table *models = NULL;
    evtwin_thresholds *thresholds = NULL;
    if (!evtwin__store_answered(call, evtwin_store_models(h->store, &models)) ||
        !evtwin__store_answered(call, evtwin_store_thresholds(h->store, &thresholds))) {
        evtwin_table_free(models);
        return 0;
    }
    evtwin_table_free(h->models);
    evtwin_thresholds_free(h->thresholds);
    h->models = models;
    h->thresholds = thresholds;
    h->known_us = now_us;
    return 1;
}

static evtwin_status judge(evtwin__call *call) {
    const size_t n = evtwin_table_rows(call->current);
    call->condition = evtwin__calloc(n, sizeof *call->condition);
    EVTWIN_FAIL_IF(call->condition == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n);
    const int64_t now_us = evtwin_time_now();
    for (size_t i = 0; i < n; i++) {
        evtwin__condition_of(call->handle->thresholds, &call->server->patience, call->current, i,
                             now_us, &call->condition[i]);
    }
    return EVTWIN_OK;
}

int evtwin__call_read_latest(evtwin__call *call, const char *battery_id) {
    return evtwin__call_read_context(call) &&
           evtwin__store_answered(call, evtwin_store_latest(call->handle->store, battery_id,
                                                            &call->rows, &call->current)) &&
           (call->rows == NULL || evtwin__store_answered(call, judge(call)));
}

int evtwin__call_sort(evtwin__call *call) {
    const size_t n = evtwin_table_rows(call->rows);
    size_t n_done = 0;
    call->order = evtwin__calloc(n, sizeof *call->order);
    if (call->order == NULL) {
        return evtwin__store_answered(call, evtwin__fail(EVTWIN_E_NOMEM, "out of memory"));
    }
    for (int severity = EVTWIN__MAX_SEVERITY; severity >= 0; severity--) {
        for (size_t i = 0; i < n; i++) {
            if (evtwin__condition_severity(&call->condition[i]) == severity) {
                call->order[n_done++] = i;
            }
        }
    }
    return 1;
}

void evtwin__call_free(evtwin__call *call) {
    evtwin_table_free(call->rows);
    evtwin_table_free(call->current);
    evtwin__free(call->condition);
    evtwin__free(call->order);
    call->rows = call->current = NULL;
    call->condition = NULL;
    call->order = NULL;
}

static const char *text_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_text(table, evtwin_table_find(table, column), row);
}

static double number_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_number(table, evtwin_table_find(table, column), row);
}

/* Held-out RMSE of the model that predicted a row, NaN if unknown: what is not predicted has no
 * error. */
static double rul_error(const evtwin__call *call, const evtwin_table *table, size_t row) {
    const char *version = text_of(table, "model_version", row);
    if (version == NULL || isnan(number_of(table, "rul_prediction", row))) {
        return NAN;
    }
    for (size_t i = 0; i < evtwin_table_rows(call->handle->models); i++) {
        const char *known = text_of(call->handle->models, "model_version", i);
        const char *target = text_of(call->handle->models, "target", i);
        if (known != NULL && target != NULL && strcmp(known, version) == 0 &&
            strcmp(target, "rul") == 0) {
            return number_of(call->handle->models, "rmse", i);
        }
    }
    return NAN;
}

/* The reasons of a row in one string: "soh 73.9 < 75, temperature 61.2 > 60", those of its status
 * or all. Names, numbers and operators need no escapes. */
static void add_reason(evtwin__call *call, const char *key, evtwin_threshold_kind kind,
                       const evtwin_table *table, size_t row) {
    evtwin__text *body = &call->response->body;
    size_t broken[EVTWIN__MAX_REASONS];
    char reason[EVTWIN__REASON_SIZE];
    const size_t n = evtwin_thresholds_broken(call->handle->thresholds, kind, table, row, broken,
                                              EVTWIN__MAX_REASONS);
    evtwin__text_open(body, key, '"');
    for (size_t i = 0; i < n && i < EVTWIN__MAX_REASONS; i++) {
        evtwin__text_put(body, i > 0 ? ", " : "");
        evtwin__text_put(body, evtwin_thresholds_reason(call->handle->thresholds, broken[i], table,
                                                        row, reason, sizeof reason));
    }
    evtwin__text_put(body, "\"");
}

void evtwin__answer_reasons(evtwin__call *call, const char *name, size_t row) {
    evtwin__text *body = &call->response->body;
    size_t broken[EVTWIN__MAX_REASONS];
    char reason[EVTWIN__REASON_SIZE];
    const size_t n = evtwin_thresholds_broken(call->handle->thresholds, EVTWIN_THRESHOLD_ALERT,
                                              call->current, row, broken, EVTWIN__MAX_REASONS);
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < n && i < EVTWIN__MAX_REASONS; i++) {
        evtwin__text_string(body, NULL,
                            evtwin_thresholds_reason(call->handle->thresholds, broken[i],
                                                     call->current, row, reason, sizeof reason));
    }
    evtwin__text_put(body, "]");
}

static void add_cell(evtwin__call *call, size_t col, size_t row) {
    evtwin__text *body = &call->response->body;
    const evtwin_table *table = call->rows;
    const char *key = evtwin_table_name(table, col);
    if (!evtwin_table_is_valid(table, col, row)) {
        evtwin__text_word(body, key, "null");
        return;
    }
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        evtwin__text_number(body, key, evtwin_table_f64(table, col)[row]);
        break;
    case EVTWIN_I64:
        evtwin__text_integer(body, key, evtwin_table_i64(table, col)[row]);
        break;
    case EVTWIN_TIME:
        evtwin__text_time(body, key, evtwin_table_i64(table, col)[row]);
        break;
    case EVTWIN_BOOL:
        evtwin__text_word(body, key,
                          evtwin_table_number(table, col, row) != 0.0 ? "true" : "false");
        break;
    case EVTWIN_TEXT:
        evtwin__text_string(body, key, evtwin_table_text(table, col, row));
        break;
    }
}

void evtwin__answer_cells(evtwin__call *call, size_t row, const char *first) {
    const size_t first_col = evtwin_table_find(call->rows, first);
    const size_t cols = evtwin_table_cols(call->rows);
    if (first_col != EVTWIN_NO_COLUMN) {
        add_cell(call, first_col, row);
    }
    for (size_t col = 0; col < cols; col++) {
        if (col != first_col) {
            add_cell(call, col, row);
        }
    }
}

void evtwin__answer_row(evtwin__call *call, size_t row, const char *first) {
    evtwin__text *body = &call->response->body;
    evtwin__answer_cells(call, row, first);
    const char *status = text_of(call->rows, "status", row);
    if (status != NULL && strcmp(status, evtwin_health_name(EVTWIN_HEALTH_NORMAL)) == 0) {
        evtwin__text_string(body, "status_reason", "");
    } else {
        add_reason(call, "status_reason", EVTWIN_THRESHOLD_STATUS, call->rows, row);
    }
    evtwin__text_number(body, "rul_error", rul_error(call, call->rows, row));
}

size_t evtwin__answer_list(evtwin__call *call, const char *name,
                           int (*add)(evtwin__call *call, size_t row)) {
    evtwin__text *body = &call->response->body;
    const size_t rows = evtwin_table_rows(call->rows);
    size_t n = 0;
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < rows; i++) {
        const size_t row = call->order != NULL ? call->order[i] : i;
        const size_t before = body->size;
        evtwin__text_open(body, NULL, '{');
        if (add(call, row)) {
            evtwin__text_put(body, "}");
            n++;
        } else {
            body->size = before;
        }
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "count", (int64_t)n);
    return n;
}

/* ---- what stands for a battery ---- */

/* Seconds to a tenth; null if NaN. */
static void add_age(evtwin__text *body, const char *key, double age) {
    evtwin__text_number(body, key, round(age * 10.0) / 10.0);
}

static void add_time(evtwin__text *body, const char *key, const evtwin_table *table,
                     const char *column, size_t row) {
    const size_t col = evtwin_table_find(table, column);
    if (evtwin_table_is_valid(table, col, row)) {
        evtwin__text_time(body, key, evtwin_table_i64(table, col)[row]);
    } else {
        evtwin__text_word(body, key, "null");
    }
}

static void add_prediction(evtwin__call *call, size_t row) {
    evtwin__text *body = &call->response->body;
    const evtwin_table *current = call->current;
    const size_t time = evtwin_table_find(current, "predicted_time");
    if (!evtwin_table_is_valid(current, time, row)) {
        evtwin__text_word(body, "prediction", "null");
        return;
    }
    evtwin__text_open(body, "prediction", '{');
    evtwin__text_time(body, "time", evtwin_table_i64(current, time)[row]);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const char *name = evtwin__schema[evtwin__target_prediction(t)].name;
        evtwin__text_number(body, name, number_of(current, name, row));
        if (t == EVTWIN__T_RUL) {
            evtwin__text_number(body, "rul_error", rul_error(call, current, row));
        }
    }
    evtwin__text_string(body, "prediction_note", text_of(current, "prediction_note", row));
    evtwin__text_string(body, "model_version", text_of(current, "model_version", row));
    add_time(body, "predicted_at", current, "predicted_at", row);
    add_age(body, "age_s", call->condition[row].prediction_age_s);
    evtwin__text_put(body, "}");
}

static void add_flag(evtwin__text *body, const char *key, int is_set) {
    evtwin__text_word(body, key, is_set ? "true" : "false");
}

void evtwin__answer_standing(evtwin__call *call, size_t row) {
    evtwin__text *body = &call->response->body;
    const evtwin__condition *c = &call->condition[row];
    const char *kept = text_of(call->current, "health", row);
    const char *status = evtwin_health_name(c->health);
    char notice[EVTWIN__NOTICE_SIZE];
    add_prediction(call, row);
    evtwin__text_open(body, "health", '{');
    evtwin__text_string(body, "status", status);
    add_reason(call, "reason", EVTWIN_THRESHOLD_ALERT, call->current, row);
    evtwin__answer_reasons(call, "reasons", row);
    if (kept != NULL && strcmp(kept, status) == 0) {
        add_time(body, "since", call->current, "health_since", row);
    } else {
        evtwin__text_word(body, "since", "null"); /* by limits or rows that came from others */
    }
    add_flag(body, "needs_charging", (c->needs & EVTWIN_NEEDS_CHARGING) != 0);
    add_flag(body, "needs_service", (c->needs & EVTWIN_NEEDS_SERVICE) != 0);
    add_flag(body, "silent", c->is_silent);
    add_age(body, "record_age_s", c->record_age_s);
    add_age(body, "no_predictions_for_s", c->no_predictions_for_s);
    evtwin__condition_notice(c, notice);
    evtwin__text_string(body, "notice", notice);
    evtwin__text_put(body, "}");
}

void evtwin__answer_summary(evtwin__call *call) {
    evtwin__text *body = &call->response->body;
    evtwin__fleet f;
    char notice[EVTWIN__NOTICE_SIZE];
    evtwin__fleet_sum(call->condition, evtwin_table_rows(call->current), &f);
    const struct {
        const char *key;
        size_t n;
    } counts[] = {{"batteries", f.n},
                  {"normal", f.n_by_health[EVTWIN_HEALTH_NORMAL]},
                  {"warning", f.n_by_health[EVTWIN_HEALTH_WARNING]},
                  {"critical", f.n_by_health[EVTWIN_HEALTH_CRITICAL]},
                  {"silent", f.n_silent},
                  {"needs_charging", f.n_needs_charging},
                  {"needs_service", f.n_needs_service},
                  {"without_predictions", f.n_without_predictions}};
    evtwin__text_open(body, "summary", '{');
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        evtwin__text_integer(body, counts[i].key, (int64_t)counts[i].n);
    }
    add_age(body, "last_record_age_s", f.record_age_s);
    add_age(body, "last_prediction_age_s", f.prediction_age_s);
    add_age(body, "no_predictions_for_s", f.no_predictions_for_s);
    evtwin__fleet_notice(&f, notice);
    evtwin__text_string(body, "notice", notice);
    evtwin__text_put(body, "}");
}
