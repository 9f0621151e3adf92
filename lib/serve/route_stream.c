/* SPDX-License-Identifier: MIT */
/* serve/route_stream.c: the live stream: every change of the store as it comes, as server-sent
 * events. */

#include "serve/routes.h"

#include "core/mem.h"

#include <string.h>

/* A client on its way from the ring (ring.h) to its connection. */
typedef struct subscriber {
    evtwin__ring_reader *reader;
    evtwin__http_waker *waker;
} subscriber;

static void wake(void *ctx) {
    evtwin__http_wake(((subscriber *)ctx)->waker);
}

static void open_stream(void *ctx, evtwin__http_waker *waker) {
    ((subscriber *)ctx)->waker = waker;
}

static ptrdiff_t read_stream(void *ctx, char *to, size_t room) {
    return evtwin__ring_read(((subscriber *)ctx)->reader, to, room);
}

static void close_stream(void *ctx) {
    evtwin__ring_leave(((subscriber *)ctx)->reader);
    evtwin__free(ctx);
}

/* An EventSource that connects again has the address it began with, so what its header says is
 * newer. */
static const char *last_event_id(const evtwin__call *call) {
    const char *id = call->request->last_event_id;
    return id != NULL ? id : evtwin__query_get(&call->query, "last_event_id");
}

/* "summary,alert" as a sum of types, all where the parameter is absent; 0 if one is unknown. */
static int read_types(const char *names) {
    if (names == NULL) {
        return EVTWIN__RING_ALL;
    }
    for (int types = 0;; names++) {
        const size_t length = strcspn(names, ",");
        const int type = evtwin__ring_type(names, length);
        if (type == 0) {
            return 0;
        }
        types |= type;
        names += length;
        if (*names == '\0') {
            return types;
        }
    }
}

void evtwin__route_stream(evtwin__call *call) {
    const int types = read_types(evtwin__query_get(&call->query, "types"));
    if (types == 0) {
        evtwin__answer_error(call, 400,
                             "types must be one or more of row, summary, alert, with commas "
                             "between them");
        return;
    }
    evtwin__http_response *response = call->response;
    subscriber *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL ||
        evtwin__ring_join(call->server->ring, evtwin__query_get(&call->query, "battery_id"),
                          last_event_id(call), wake, s, &s->reader) < 0) {
        evtwin__free(s);
        evtwin__answer_error(call, 503, "the server is out of memory");
        return;
    }
    evtwin__ring_choose(s->reader, types);
    call->content_type = "text/event-stream; charset=utf-8";
    evtwin__http_header(response, "X-Accel-Buffering", "no"); /* or nginx holds events back */
    response->code = 200;
    response->stream = (evtwin__http_stream){
        .open = open_stream, .read = read_stream, .close = close_stream, .ctx = s};
}
