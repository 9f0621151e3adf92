/* SPDX-License-Identifier: MIT */
/* serve/http_gzip.c: answers of text are compressed for clients that take that.
 *
 * Assets are compressed once, as small as can be; what is made for one request quickly. */

#include "serve/http_parts.h"

#include "core/mem.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { MIN_SIZE = 1024, GZIP = 16, WINDOW_BITS = 15, MEMORY_LEVEL = 8, FAST = 1, SMALL = 9 };

/* Of a stream, many of which may be open: it keeps 64 KiB instead of 256. */
enum { STREAM_WINDOW_BITS = 13, STREAM_MEMORY_LEVEL = 6 };

/* ---- what is possible ---- */

static int begins(const char *text, const char *beginning) {
    return strncasecmp(text, beginning, strlen(beginning)) == 0;
}

static int is_text(const evtwin__http_response *r) {
    static const char *const types[] = {"text/", "application/json", "application/openmetrics-text",
                                        "application/yaml", "image/svg+xml"};
    for (int i = 0; i < r->n_headers; i++) {
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            if (strcmp(r->name[i], "Content-Type") == 0 && begins(r->value[i], types[t])) {
                return 1;
            }
        }
    }
    return 0;
}

/* "gzip", "br;q=1.0, gzip;q=0.8" or "*", but not "gzip;q=0". */
static int takes_gzip(const char *accept) {
    while (accept != NULL && *accept != '\0') {
        const size_t length = strcspn(accept, ",");
        const size_t name = strcspn(accept, ",; \t");
        if ((name == 4 && begins(accept, "gzip")) || (name == 1 && *accept == '*')) {
            const char *q = accept + name + strspn(accept + name, "; \t");
            const int is_refused =
                begins(q, "q=0") && q + 3 + strspn(q + 3, ".0") >= accept + length;
            return !is_refused;
        }
        accept += length;
        accept += strspn(accept, ", \t");
    }
    return 0;
}

/* ---- compressing ---- */

static void *allocate(void *ctx, unsigned n, unsigned size) {
    (void)ctx;
    return evtwin__calloc(n, size);
}

static void release(void *ctx, void *memory) {
    (void)ctx;
    evtwin__free(memory);
}

/* NULL if there is no memory, or it would not be smaller. */
static char *compress_text(const char *data, size_t size, int level, size_t *size_out) {
    z_stream z = {.zalloc = allocate, .zfree = release};
    if (size > UINT32_MAX || deflateInit2(&z, level, Z_DEFLATED, GZIP + WINDOW_BITS, MEMORY_LEVEL,
                                          Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    char *out = evtwin__realloc(NULL, size, 1);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)size;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)size;
    const int is_done = out != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END;
    *size_out = size - z.avail_out;
    (void)deflateEnd(&z);
    if (!is_done) {
        evtwin__free(out);
        return NULL;
    }
    char *smaller = evtwin__realloc(out, *size_out, 1);
    return smaller != NULL ? smaller : out;
}

static evtwin__small_asset *find_asset(struct evtwin__http *http, const char *asset, size_t size) {
    for (size_t i = 0; i < http->n_small; i++) {
        if (http->small[i].asset == asset && http->small[i].asset_size == size) {
            return &http->small[i];
        }
    }
    if (http->n_small == EVTWIN__MAX_SMALL) {
        return NULL;
    }
    evtwin__small_asset *s = &http->small[http->n_small++];
    s->asset = asset;
    s->asset_size = size;
    s->data = compress_text(asset, size, SMALL, &s->size);
    return s;
}

/* The first request for it makes it; those that come meanwhile wait. */
static int compress_asset(struct evtwin__http *http, evtwin__http_response *r) {
    pthread_mutex_lock(&http->small_lock);
    const evtwin__small_asset *s = find_asset(http, r->asset, r->asset_size);
    pthread_mutex_unlock(&http->small_lock);
    if (s == NULL || s->data == NULL) {
        return 0;
    }
    r->asset = s->data;
    r->asset_size = s->size;
    return 1;
}

static int compress_body(evtwin__http_response *r) {
    size_t size;
    char *data = compress_text(r->body.data, r->body.size, FAST, &size);
    if (data == NULL) {
        return 0;
    }
    evtwin__text_free(&r->body);
    r->body = (evtwin__text){.data = data, .size = size, .capacity = size};
    return 1;
}

/* ---- streams ---- */

struct evtwin__packer {
    z_stream z;
};

evtwin__packer *evtwin__packer_create(void) {
    evtwin__packer *p = evtwin__calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->z = (z_stream){.zalloc = allocate, .zfree = release};
    if (deflateInit2(&p->z, FAST, Z_DEFLATED, GZIP + STREAM_WINDOW_BITS, STREAM_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        evtwin__free(p);
        return NULL;
    }
    return p;
}

size_t evtwin__packer_put(evtwin__packer *p, const char *data, ptrdiff_t n, char *to, size_t room) {
    p->z.next_in = (unsigned char *)(uintptr_t)data;
    p->z.avail_in = n > 0 ? (unsigned)n : 0;
    p->z.next_out = (unsigned char *)to;
    p->z.avail_out = (unsigned)room;
    (void)deflate(&p->z, n > 0 ? Z_NO_FLUSH : n == 0 ? Z_SYNC_FLUSH : Z_FINISH);
    assert(p->z.avail_in == 0 && p->z.avail_out > 0);
    return room - p->z.avail_out;
}

void evtwin__packer_free(evtwin__packer *p) {
    if (p != NULL) {
        (void)deflateEnd(&p->z);
        evtwin__free(p);
    }
}

/* ---- what is compressed ---- */

void evtwin__connection_compress(evtwin__connection *c) {
    evtwin__http_response *r = &c->response;
    const size_t size = r->asset != NULL ? r->asset_size : r->body.size;
    c->is_compressed = 0;
    if (r->stream.ctx != NULL) {
        /* live events are small and must not wait for each other */
        c->is_compressible = r->stream.is_aside && is_text(r);
        c->is_compressed = c->is_compressible && takes_gzip(c->request.accept_encoding);
        return;
    }
    c->is_compressible = is_text(r) && (size >= MIN_SIZE || r->code == 304);
    if (c->is_compressible && size >= MIN_SIZE && takes_gzip(c->request.accept_encoding)) {
        c->is_compressed = r->asset != NULL ? compress_asset(c->http, r) : compress_body(r);
    }
}

void evtwin__http_free_small(struct evtwin__http *http) {
    for (size_t i = 0; i < http->n_small; i++) {
        evtwin__free(http->small[i].data);
    }
}
