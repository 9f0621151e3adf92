/* SPDX-License-Identifier: MIT */
/* serve/answer.h: one request on its way to an answer, and the JSON that answers are made of. */
#ifndef EVTWIN_SERVE_ANSWER_H
#define EVTWIN_SERVE_ANSWER_H

#include "serve/condition.h"
#include "serve/http.h"
#include "serve/query.h"
#include "serve/store_pool.h"

typedef struct evtwin__call {
    struct evtwin_server *server;
    const evtwin__http_request *request;
    evtwin__http_response *response;
    evtwin__params params;
    const char *content_type; /* JSON unless the handler says otherwise; static */
    int is_cacheable;         /* the handler has set how long the answer keeps */

    /* of a route that needs a store; the tables may be NULL and are freed after the handler */
    evtwin__store_handle *handle;
    evtwin_status store_status; /* what the last use of the store returned, for its pool */
    evtwin_table *rows;         /* what is answered */
    evtwin_table *current;      /* the same rows with the predictions that stand (live_battery.c) */

    evtwin__query query; /* last: its buffer is not cleared for each call */
} evtwin__call;

/* ---- the envelope ---- */

/* {"status":"success" — the handler adds its members, then ends it. */
evtwin__text *evtwin__answer_begin(evtwin__call *call);

/* "timestamp":…} */
void evtwin__answer_end(evtwin__call *call);

/* {"status":"error","message":…,"timestamp":…} with this code. Returns 0, the "no" of a caller that
 * was asked whether all is well. */
__attribute__((format(printf, 3, 4))) int evtwin__answer_error(evtwin__call *call, int code,
                                                               const char *format, ...);

/* What a client may know of a failure of the store; the log gets the library's own text, now and
 * then. */
const char *evtwin__store_problem(struct evtwin_server *server, evtwin_status status);

/* Note what a use of the store returned. 1 if that is a success, else 0 after it was answered with
 * 503: the library's text goes to the log, not to the client. */
int evtwin__store_answered(evtwin__call *call, evtwin_status status);

/* An average has more digits than what it is made of can bear: 89.93, not 89.92999999999999. 0.0001
 * is finer than any quantity here is measured; values below 1, such as small risks, keep six
 * digits.
 */
double evtwin__rounded(double value);

/* ---- rows ---- */

/* Have the models' held-out errors and the thresholds in the handle, at most a second old; 0 after
 * the error was answered. */
int evtwin__call_read_context(evtwin__call *call);

/* Read the newest row of a battery into rows; 0 after the error was answered. rows stays NULL if
 * there is none. */
int evtwin__call_read_latest(evtwin__call *call, const char *battery_id);

/* The cells of a row of rows, each under its column's name, in the table's order; the column first
 * (NULL = none) before all else. */
void evtwin__answer_cells(evtwin__call *call, size_t row, const char *first);

/* Those of a row of the store, then status_reason and rul_error (the held-out RMSE of the row's
 * model, null where there is no rul_prediction). */
void evtwin__answer_row(evtwin__call *call, size_t row, const char *first);

/* Free what the call has read. */
void evtwin__call_free(evtwin__call *call);

/* "name":[{…},…],"count":n of the rows. add writes the members of one; 0 leaves it out. Returns n.
 */
size_t evtwin__answer_list(evtwin__call *call, const char *name,
                           int (*add)(evtwin__call *call, size_t row));

/* The reasons of a status or an alert: how many are written, and how long one is. */
enum { EVTWIN__MAX_REASONS = 32, EVTWIN__REASON_SIZE = 160 };

/* The reasons of a row in one string: "soh 73.9 < 75, temperature 61.2 > 60", those of its status
 * or all. */
void evtwin__answer_reason(evtwin__call *call, const char *key, evtwin_threshold_kind kind,
                           const evtwin_table *table, size_t row);

/* Held-out RMSE of the model that predicted a row, NaN if unknown: what is not predicted has no
 * error. */
double evtwin__answer_rul_error(const evtwin__call *call, const evtwin_table *table, size_t row);

/* "name":["soh 73.9 < 75",…]: the limits that the battery breaks, the worst first. */
void evtwin__answer_reasons(evtwin__call *call, const char *name, size_t row);

#endif
