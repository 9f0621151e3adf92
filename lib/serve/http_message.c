/* SPDX-License-Identifier: MIT */
/* serve/http_message.c: from libmicrohttpd's view of a request to ours, and back with the answer.
 */

#include "serve/http_parts.h"

#include "core/mem.h"
#include "core/num.h"
#include "serve/http_head.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

/* ---- the head of a request ---- */

/* What a request's headers say, and how long their lines are. */
typedef struct headers {
    evtwin__http_request *request;
    size_t size;
    int is_bad;
} headers;

enum { LONGEST_GAP = 64 };

/* What stands between a name and its value, ":" or ": " or more blanks: libmicrohttpd leaves both
 * where they came, so it can be counted; else it is as usual. */
static size_t gap_of(const char *key, size_t key_size, const char *value) {
    enum { USUAL = 2 };
    const uintptr_t end = (uintptr_t)key + key_size, at = (uintptr_t)value;
    if (value == NULL || at <= end || at - end > LONGEST_GAP) {
        return USUAL;
    }
    for (size_t i = 1; i < at - end; i++) {
        if (key[key_size + i] != ' ' && key[key_size + i] != '\t') {
            return USUAL;
        }
    }
    return at - end;
}

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size) {
    (void)kind;
    headers *h = ctx;
    evtwin__http_request *r = h->request;
#define WANTED(name, member)                                                                       \
    { name, sizeof name - 1, &r->member }
    const struct {
        const char *name;
        size_t size;
        const char **value;
    } wanted[] = {
        WANTED("Host", host),
        WANTED("Accept", accept),
        WANTED("Accept-Encoding", accept_encoding),
        WANTED("Authorization", authorization),
        WANTED("Content-Type", content_type),
        WANTED("Cookie", cookie),
        WANTED("If-None-Match", if_none_match),
        WANTED("Last-Event-ID", last_event_id),
        WANTED("Origin", origin),
        WANTED("Sec-Fetch-Site", fetch_site),
        WANTED("Sec-Fetch-Mode", fetch_mode),
        WANTED("Sec-Fetch-Dest", fetch_dest),
    };
#undef WANTED
    h->size += key_size + gap_of(key, key_size, value) + value_size + strlen("\r\n");
    h->is_bad |= !evtwin__head_is_name(key, key_size) || !evtwin__head_is_value(value, value_size);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (key_size == wanted[i].size && strcasecmp(key, wanted[i].name) == 0) {
            *wanted[i].value = value;
            r->n_hosts += i == 0;
        }
    }
    const int is_length = strcasecmp(key, "Content-Length") == 0;
    if (strcasecmp(key, "Transfer-Encoding") == 0 ||
        (is_length && (value == NULL || strcmp(value, "0") != 0))) {
        r->has_body = 1;
    }
    if (is_length && !evtwin__parse_i64(value, value_size, &r->body_length)) {
        r->body_length = -1;
    }
    return MHD_YES;
}

/* The front has seen the head of a connection's first request. Those of later ones, and all with
 * TLS, are seen by libmicrohttpd alone, and before its version 1 it passes over a NUL and what
 * follows it, and takes a CR or LF alone for a line's end: a head that is longer or shorter than
 * what it reports may have such things in it. The connection ends then, unanswered; a client with
 * nothing to hide asks again on a new one. */
static int is_to_the_letter(struct MHD_Connection *mhd, const headers *h, const char *version) {
    if (h->is_bad) {
        return 0;
    }
#if MHD_VERSION < 0x01000000
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const size_t size = strlen(h->request->method) + 1 + h->request->target_length + 1 +
                        strlen(version) + 2 + h->size + 2;
    return info != NULL && info->header_size == size;
#else
    (void)mhd;
    (void)version;
    return 1;
#endif
}

int evtwin__connection_read_head(evtwin__connection *c, const char *method, const char *version) {
    c->request = (evtwin__http_request){.method = method,
                                        .target = c->target,
                                        .target_length = c->target_length,
                                        .body_length = -1,
                                        .body = c->body,
                                        .body_size = c->body_size,
                                        .is_http_1_0 = strcmp(version, "HTTP/1.0") == 0};
    const uintptr_t blank = (uintptr_t)method + strlen(method);
    headers h = {.request = &c->request,
                 .is_bad = c->target_at > blank + 1 && c->target_at - blank <= LONGEST_GAP};
    (void)MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, on_header, &h);
    const int was_seen = c->n_requests == 1 && !c->http->is_tls;
    return was_seen || is_to_the_letter(c->mhd, &h, version);
}

int evtwin__connection_read_body(evtwin__connection *c, const char *piece, size_t size) {
    if (c->body_size + size > EVTWIN__HTTP_MAX_BODY) {
        return 0;
    }
    char *body = evtwin__realloc(c->body, c->body_size + size + 1, 1);
    if (body == NULL) {
        return 0;
    }
    memcpy(body + c->body_size, piece, size);
    c->body = body;
    c->body_size += size;
    body[c->body_size] = '\0';
    return 1;
}

/* ---- the answer ---- */

/* Of the body, the asset or the stream, which is taken over; NULL if there is no memory. */
static struct MHD_Response *make_response(evtwin__connection *c) {
    evtwin__http_response *r = &c->response;
    evtwin__text body = r->body;
    r->body = (evtwin__text){0};
    if (r->stream.ctx != NULL && strcmp(c->request.method, "HEAD") == 0) {
        /* libmicrohttpd would end what has no body with the end of one */
        r->stream.close(r->stream.ctx);
        r->stream.ctx = NULL;
    }
    c->sent = body; /* until the next answer */
    if (r->stream.ctx == NULL && r->asset == NULL) {
        return MHD_create_response_from_buffer(body.size, body.data, MHD_RESPMEM_PERSISTENT);
    }
    return r->stream.ctx != NULL ? evtwin__stream_response(c)
                                 : MHD_create_response_from_buffer(r->asset_size, (void *)r->asset,
                                                                   MHD_RESPMEM_PERSISTENT);
}

/* A compressed answer is another one than that with the same tag as it is: weak tags may be equal
 * all the same. */
static enum MHD_Result add_header(const evtwin__connection *c, struct MHD_Response *out,
                                  const char *name, const char *value) {
    char weak[64] = "W/";
    if (c->is_compressed && strcmp(name, "ETag") == 0 && *value == '"') {
        evtwin__text_append(weak, sizeof weak, "%s", value);
        value = weak;
    }
    return MHD_add_response_header(out, name, value);
}

static enum MHD_Result add_headers(const evtwin__connection *c, struct MHD_Response *out) {
    enum MHD_Result ok = MHD_YES;
    for (int i = 0; ok == MHD_YES && i < c->response.n_headers; i++) {
        ok = add_header(c, out, c->response.name[i], c->response.value[i]);
    }
    if (ok == MHD_YES && c->is_compressible) {
        ok = MHD_add_response_header(out, "Vary", "Accept-Encoding");
    }
    if (ok == MHD_YES && c->is_compressed) {
        ok = MHD_add_response_header(out, "Content-Encoding", "gzip");
    }
    if (ok == MHD_YES && (c->request.has_body || atomic_load(&c->http->is_stopping))) {
        ok = MHD_add_response_header(out, "Connection", "close");
    }
    return ok;
}

int evtwin__connection_send(evtwin__connection *c) {
    const evtwin__http_response *response = &c->response;
    if (response->code == 0) {
        evtwin__http_drop(&c->response);
        return 0;
    }
    const int64_t may_take_ms = response->stream.ctx != NULL ? -1 : c->http->response_ms;
    struct MHD_Response *out = make_response(c);
    if (out == NULL) {
        return 0;
    }
    enum MHD_Result ok = add_headers(c, out);
    if (ok == MHD_YES) {
        c->is_sent = 1;
        evtwin__connection_phase(c, EVTWIN__TAKING, may_take_ms);
        ok = MHD_queue_response(c->mhd, (unsigned)response->code, out);
    }
    MHD_destroy_response(out);
    return ok == MHD_YES;
}
