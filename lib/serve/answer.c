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
        return "the store has no tables yet, is busy or cannot be reached; try again";
    case EVTWIN_E_SCHEMA:
        return "the store's schema is not that of this version of evtwin; the server's log says "
               "what to do";
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
    double per_unit = 1e4;
    for (double size = fabs(value); size > 0.0 && size < 1.0 && per_unit < 1e15; size *= 10.0) {
        per_unit = per_unit < 1e6 ? 1e6 : 10.0 * per_unit;
    }
    return fabs(value) < 1e11 ? evtwin__round_to(value, per_unit) : value;
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

int evtwin__call_read_latest(evtwin__call *call, const char *battery_id) {
    return evtwin__store_answered(
        call, evtwin_store_latest(call->handle->store, battery_id, &call->rows, NULL));
}

void evtwin__call_free(evtwin__call *call) {
    evtwin_table_free(call->rows);
    evtwin_table_free(call->current);
    call->rows = call->current = NULL;
}

static const char *text_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_text(table, evtwin_table_find(table, column), row);
}

static double number_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_number(table, evtwin_table_find(table, column), row);
}

double evtwin__answer_rul_error(const evtwin__call *call, const evtwin_table *table, size_t row) {
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

/* Names, numbers and operators need no escapes. */
void evtwin__answer_reason(evtwin__call *call, const char *key, evtwin_threshold_kind kind,
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
        evtwin__answer_reason(call, "status_reason", EVTWIN_THRESHOLD_STATUS, call->rows, row);
    }
    evtwin__text_number(body, "rul_error", evtwin__answer_rul_error(call, call->rows, row));
}

size_t evtwin__answer_list(evtwin__call *call, const char *name,
                           int (*add)(evtwin__call *call, size_t row)) {
    evtwin__text *body = &call->response->body;
    const size_t rows = evtwin_table_rows(call->rows);
    size_t n = 0;
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < rows; i++) {
        const size_t before = body->size;
        evtwin__text_open(body, NULL, '{');
        if (add(call, i)) {
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
