/* SPDX-License-Identifier: MIT */
/* serve/route_stream.c: the live stream: every change of the store as it comes, as server-sent
 * events. */

#include "serve/routes.h"

#include "core/mem.h"

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

void evtwin__route_stream(evtwin__call *call) {
    evtwin__http_response *response = call->response;
    subscriber *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL ||
        evtwin__ring_join(call->server->ring, evtwin__query_get(&call->query, "battery_id"),
                          last_event_id(call), wake, s, &s->reader) < 0) {
        evtwin__free(s);
        evtwin__answer_error(call, 503, "the server is out of memory");
        return;
    }
    call->content_type = "text/event-stream; charset=utf-8";
    evtwin__http_header(response, "X-Accel-Buffering", "no"); /* or nginx holds events back */
    response->code = 200;
    response->stream = (evtwin__http_stream){
        .open = open_stream, .read = read_stream, .close = close_stream, .ctx = s};
}
