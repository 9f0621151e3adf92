/* SPDX-License-Identifier: MIT */
/* serve/reply.c: the JSON envelope of every answer, and how failures are told. */

#include "serve/server.h"

#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOG_INTERVAL_US = 10000000 };

evtwin__body *evtwin__reply_begin(evtwin__call *call) {
    evtwin__body *body = &call->response->body;
    call->response->code = 200;
    body->size = 0;
    evtwin__body_text(body, "{\"status\":\"success\",");
    return body;
}

void evtwin__reply_end(evtwin__call *call) {
    evtwin__body *body = &call->response->body;
    evtwin__body_text(body, "\"timestamp\":");
    evtwin__body_json_time(body, evtwin_time_now());
    evtwin__body_text(body, "}\n");
}

void evtwin__reply_error(evtwin__call *call, int code, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    evtwin__body *body = &call->response->body;
    call->response->code = code;
    body->size = 0;
    evtwin__body_text(body, "{\"status\":\"error\",\"message\":");
    evtwin__body_json_text(body, text);
    evtwin__body_text(body, ",");
    evtwin__reply_end(call);
}

/* What a client may know: nothing of paths, of SQL, or of the system's own words. */
static const char *public_text(evtwin_status status) {
    switch (status) {
    case EVTWIN_E_NOT_FOUND:
        return "there is no store yet: it is made by the first program that writes to it, such as "
               "evtwin-sim";
    case EVTWIN_E_AGAIN:
        return "the store is busy; try again";
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
        /* "evtwin.db: No such file or directory" says less than what a client is told */
        evtwin__log(EVTWIN_LOG_WARNING, "HTTP: %s",
                    status == EVTWIN_E_NOT_FOUND ? public_text(status) : evtwin_last_error());
    }
    return public_text(status);
}

void evtwin__reply_store_error(evtwin__call *call, evtwin_status status) {
    evtwin__reply_error(call, 503, "%s", evtwin__store_problem(call->server, status));
}
