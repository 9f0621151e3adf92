/* SPDX-License-Identifier: MIT */
/* serve/http_stream.c: answers of any length, read piece by piece while the client takes them.
 *
 * libmicrohttpd calls for the next piece when the last one is out. With nothing to give the
 * connection is suspended, so it costs no thread and no time until it is woken. */

#include "serve/http_parts.h"

#include "core/mem.h"

#include <microhttpd.h>
#include <string.h>

enum { BLOCK = 16 * 1024, ASIDE_BLOCK = 64 * 1024, PACKED_BLOCK = 2 * ASIDE_BLOCK };

/* The waker comes first: it is what the reader knows of it. */
typedef struct streaming {
    evtwin__http_waker waker;
    struct evtwin__http *http;
    evtwin__connection *c;
    evtwin__http_stream stream;

    /* what was read aside and is not sent yet */
    size_t at, size;
    int is_dry, is_at_end, is_broken;
    evtwin__packer *packer; /* NULL = sent as it is */
    char kept[];            /* ASIDE_BLOCK; with a packer PACKED_BLOCK, and ASIDE_BLOCK as read */
} streaming;

int evtwin__stream_is_full(struct evtwin__http *http) {
    return atomic_load(&http->n_streams) >= (size_t)(http->options.max_connections + 1) / 2;
}

/* ---- what libmicrohttpd calls ---- */

/* The first bytes after none: from now on the client has to take them. */
static ssize_t sent(streaming *s, size_t n) {
    if (atomic_load(&s->c->phase) != EVTWIN__TAKING) {
        evtwin__connection_phase(s->c, EVTWIN__TAKING, -1);
    }
    return (ssize_t)n;
}

static ssize_t waits(streaming *s) {
    evtwin__connection_phase(s->c, EVTWIN__WAITING, -1);
    return 0;
}

static ssize_t read_now(void *ctx, uint64_t position, char *to, size_t room) {
    (void)position;
    streaming *s = ctx;
    for (;;) {
        evtwin__waker_clear(&s->waker);
        if (atomic_load(&s->c->is_given_up)) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        const ptrdiff_t n =
            atomic_load(&s->http->is_stopping) ? -1 : s->stream.read(s->stream.ctx, to, room);
        if (n < 0) {
            return n == EVTWIN__HTTP_BROKEN ? MHD_CONTENT_READER_END_WITH_ERROR
                                            : MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (n > 0) {
            return sent(s, (size_t)n);
        }
        if (evtwin__waker_sleep(&s->waker)) {
            return waits(s);
        }
    }
}

/* On the thread of long answers. */
static void read_aside(evtwin__connection *c) {
    streaming *s = (streaming *)(void *)c->waker;
    evtwin__waker_clear(&s->waker);
    s->at = s->size = 0;
    if (!atomic_load(&c->is_given_up) && !atomic_load(&s->http->is_aside_over)) {
        char *to = s->kept + (s->packer != NULL ? PACKED_BLOCK : 0);
        const ptrdiff_t n = s->stream.read(s->stream.ctx, to, ASIDE_BLOCK);
        s->is_at_end = n < 0;
        s->is_broken = n == EVTWIN__HTTP_BROKEN;
        s->is_dry = n == 0;
        s->size = s->is_broken        ? 0
                  : s->packer != NULL ? evtwin__packer_put(s->packer, to, n, s->kept, PACKED_BLOCK)
                  : n > 0             ? (size_t)n
                                      : 0;
    }
    MHD_resume_connection(c->mhd);
}

/* It ends with an error where it is not whole: the client must not take a part for all of it. */
static ssize_t read_kept(void *ctx, uint64_t position, char *to, size_t room) {
    (void)position;
    streaming *s = ctx;
    if (atomic_load(&s->c->is_given_up)) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (s->at < s->size) {
        const size_t n = s->size - s->at < room ? s->size - s->at : room;
        memcpy(to, s->kept + s->at, n);
        s->at += n;
        return sent(s, n);
    }
    if (s->is_at_end) {
        return s->is_broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    }
    const int was_dry = s->is_dry;
    s->is_dry = 0;
    if (was_dry && !atomic_load(&s->http->is_stopping) && evtwin__waker_sleep(&s->waker)) {
        return waits(s);
    }
    return evtwin__aside_put(s->c, EVTWIN__READS, read_aside) ? waits(s)
                                                              : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The connection may be gone by now, or go on with another request. */
static void end(void *ctx) {
    streaming *s = ctx;
    struct evtwin__http *http = s->http;
    pthread_mutex_lock(&http->lock);
    for (evtwin__connection *c = http->connections; c != NULL; c = c->next) {
        if (c->waker == &s->waker) {
            c->waker = NULL;
        }
    }
    pthread_mutex_unlock(&http->lock);
    s->stream.close(s->stream.ctx);
    pthread_mutex_destroy(&s->waker.lock);
    evtwin__packer_free(s->packer);
    evtwin__free(s);
    atomic_fetch_sub(&http->n_streams, 1);
}

struct MHD_Response *evtwin__stream_response(evtwin__connection *c) {
    const evtwin__http_stream stream = c->response.stream;
    c->response.stream = (evtwin__http_stream){0};
    const size_t room = (stream.is_aside ? ASIDE_BLOCK : 0) + (c->is_compressed ? PACKED_BLOCK : 0);
    streaming *s = evtwin__calloc(1, sizeof *s + room);
    if (s == NULL) {
        stream.close(stream.ctx);
        return NULL;
    }
    s->packer = c->is_compressed ? evtwin__packer_create() : NULL;
    c->is_compressed = s->packer != NULL;
    s->http = c->http;
    s->c = c;
    s->stream = stream;
    s->waker.mhd = c->mhd;
    pthread_mutex_init(&s->waker.lock, NULL);
    atomic_fetch_add(&c->http->n_streams, 1);
    stream.open(stream.ctx, &s->waker);
    struct MHD_Response *out = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK, stream.is_aside ? read_kept : read_now, s, end);
    if (out == NULL) {
        end(s);
        return NULL;
    }
    pthread_mutex_lock(&c->http->lock);
    c->waker = &s->waker;
    pthread_mutex_unlock(&c->http->lock);
    return out;
}
