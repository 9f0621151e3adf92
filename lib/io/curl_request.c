/* SPDX-License-Identifier: MIT */
/* io/curl_request.c: libcurl, for requests to HTTP servers. */

#include "core/mem.h"
#include "io/curl_inside.h"
#include "io/quiet.h"
#include "io/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REFUSAL = 64 * 1024 }; /* of an answer that is not 2xx, beyond which it is cut */

struct evtwin__requester {
    CURL *curl;
};

evtwin_status evtwin__requester_create(const char *who, evtwin__requester **out) {
    (void)who;
    evtwin__requester *r = evtwin__calloc(1, sizeof *r);
    CURL *curl = evtwin__curl_open();
    if (r == NULL || curl == NULL) {
        evtwin__free(r);
        curl_easy_cleanup(curl);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for libcurl");
    }
    r->curl = curl;
    *out = r;
    return EVTWIN_OK;
}

void evtwin__requester_free(evtwin__requester *requester) {
    if (requester != NULL) {
        curl_easy_cleanup(requester->curl);
        evtwin__free(requester);
    }
}

typedef struct exchange {
    const evtwin__request *request;
    evtwin__reply *reply;
    CURL *curl;
    struct curl_slist *header;
    size_t at;            /* of the body, what is next to send */
    evtwin_status status; /* of a callback that failed; its text is the thread's */
    char error[CURL_ERROR_SIZE];
} exchange;

static int is_success(CURL *curl) {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code >= 200 && code <= 299;
}

/* ---- what libcurl calls ---- */

static size_t take_part(const exchange *x, size_t n) {
    const size_t room = MAX_REFUSAL - x->reply->body.size;
    return n < room ? n : room;
}

static size_t take_answer(char *data, size_t size, size_t n, void *ctx) {
    exchange *x = ctx;
    const evtwin__request *r = x->request;
    const size_t bytes = size * n;
    if (!is_success(x->curl)) { /* words of a server: the beginning will do */
        evtwin__text_add(&x->reply->body, data, take_part(x, bytes));
        return bytes;
    }
    const size_t n_before = r->to != NULL ? x->reply->n_written : x->reply->body.size;
    if (bytes > r->max_answer - n_before) {
        x->status = evtwin__fail(EVTWIN_E_RANGE, "%s: the answer has more than %zu bytes", r->name,
                                 r->max_answer);
        return 0;
    }
    if (r->to == NULL) {
        evtwin__text_add(&x->reply->body, data, bytes);
    } else if ((x->status = evtwin__writer_write(r->to, data, bytes)) < 0) {
        return 0;
    } else {
        x->reply->n_written += bytes;
    }
    return bytes;
}

static size_t give_body(char *to, size_t size, size_t n, void *ctx) {
    exchange *x = ctx;
    const evtwin__request *r = x->request;
    const size_t room = size * n, left = r->body_size - x->at;
    const size_t wanted = left < room ? left : room;
    if (!r->from_file) {
        memcpy(to, r->body + x->at, wanted);
        x->at += wanted;
        return wanted;
    }
    ssize_t got;
    do {
        got = pread(r->body_fd, to, wanted, (off_t)x->at);
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && wanted > 0)) {
        x->status =
            evtwin__fail(EVTWIN_E_IO, "%s: the file %s", r->name,
                         got < 0 ? strerror(errno) : "has become shorter while it was read");
        return CURL_READFUNC_ABORT;
    }
    x->at += (size_t)got;
    return (size_t)got;
}

static int seek_body(void *ctx, curl_off_t offset, int origin) {
    exchange *x = ctx;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > x->request->body_size) {
        return CURL_SEEKFUNC_FAIL;
    }
    x->at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int look(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const exchange *x = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return x->request->progress != NULL &&
           x->request->progress(x->request->progress_ctx, x->request->name, -1.0) != 0;
}

/* ---- settings ---- */

#define SET(x, option, value) EVTWIN__CURL_SET((x)->curl, (x)->request->name, option, value)

static evtwin_status add_header(exchange *x, const char *line) {
    struct curl_slist *longer = curl_slist_append(x->header, line);
    EVTWIN_FAIL_IF(longer == NULL, EVTWIN_E_NOMEM, "out of memory for libcurl");
    x->header = longer;
    return EVTWIN_OK;
}

static evtwin_status set_headers(exchange *x) {
    if (x->request->sigv4 == NULL) {          /* libcurl would sign it, though it is not sent */
        EVTWIN_TRY(add_header(x, "Expect:")); /* nobody waits for "100 Continue" */
    }
    for (size_t i = 0; i < x->request->n_headers; i++) {
        EVTWIN_TRY(add_header(x, x->request->header[i]));
    }
    SET(x, CURLOPT_HTTPHEADER, x->header);
    SET(x, CURLOPT_USERAGENT, "evtwin/" EVTWIN_VERSION);
    return EVTWIN_OK;
}

static evtwin_status set_identity(exchange *x) {
    const evtwin__request *r = x->request;
    if (r->token != NULL) {
        SET(x, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(x, CURLOPT_XOAUTH2_BEARER, r->token);
    } else if (r->user != NULL) {
        SET(x, CURLOPT_USERNAME, r->user);
        SET(x, CURLOPT_PASSWORD, r->password != NULL ? r->password : "");
        SET(x, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    }
    if (r->sigv4 != NULL) {
#if LIBCURL_VERSION_NUM >= 0x074b00 /* 7.75 */
        SET(x, CURLOPT_AWS_SIGV4, r->sigv4);
#else
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: S3 needs libcurl 7.75 or newer", r->name);
#endif
    }
    if (r->ca_file != NULL) {
        SET(x, CURLOPT_CAINFO, r->ca_file);
    }
    if (r->is_insecure) {
        SET(x, CURLOPT_SSL_VERIFYPEER, 0L);
        SET(x, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return EVTWIN_OK;
}

static evtwin_status set_body(exchange *x) {
    const evtwin__request *r = x->request;
    if (r->body != NULL || r->from_file) {
        SET(x, CURLOPT_UPLOAD, 1L); /* whatever the method */
        SET(x, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_size);
        SET(x, CURLOPT_READFUNCTION, give_body);
        SET(x, CURLOPT_READDATA, x);
        SET(x, CURLOPT_SEEKFUNCTION, seek_body);
        SET(x, CURLOPT_SEEKDATA, x);
    } else if (strcmp(r->method, "HEAD") == 0) {
        SET(x, CURLOPT_NOBODY, 1L);
    }
    SET(x, CURLOPT_CUSTOMREQUEST, r->method);
    return EVTWIN_OK;
}

static evtwin_status set_bounds(exchange *x) {
    const evtwin__request *r = x->request;
    const double longest_s = 86400.0;
    const double timeout_s = r->timeout_s < longest_s ? r->timeout_s : longest_s;
    const long timeout_ms = (long)(timeout_s * 1e3);
    if (r->from_file || r->to != NULL) {
        SET(x, CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(x, CURLOPT_LOW_SPEED_TIME, (long)(timeout_s > 1.0 ? timeout_s : 1.0));
    } else {
        SET(x, CURLOPT_TIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L); /* 0 would be for ever */
    }
    SET(x, CURLOPT_WRITEFUNCTION, take_answer);
    SET(x, CURLOPT_WRITEDATA, x);
    SET(x, CURLOPT_NOPROGRESS, 0L);
    SET(x, CURLOPT_XFERINFOFUNCTION, look);
    SET(x, CURLOPT_XFERINFODATA, x);
    SET(x, CURLOPT_ERRORBUFFER, x->error);
    return EVTWIN_OK;
}

static evtwin_status set_up(exchange *x) {
    EVTWIN_TRY(evtwin__curl_safe(x->curl, x->request->name, 0));
    SET(x, CURLOPT_URL, x->request->url);
    SET(x, CURLOPT_FRESH_CONNECT, x->request->is_once ? 1L : 0L);
    EVTWIN_TRY(set_headers(x));
    EVTWIN_TRY(set_identity(x));
    EVTWIN_TRY(set_body(x));
    return set_bounds(x);
}

/* ---- a request ---- */

/* Nothing of it can have reached a server that understands it. */
static int never_arrived(CURLcode result) {
    return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST ||
           result == CURLE_COULDNT_RESOLVE_PROXY || result == CURLE_PEER_FAILED_VERIFICATION ||
           result == CURLE_SSL_CONNECT_ERROR;
}

/* A connection that breaks is a matter of the moment here: the caller knows what may be repeated.
 */
static evtwin_status status_of(CURLcode result) {
    return result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR ? EVTWIN_E_AGAIN
                                                                    : evtwin__curl_status(result);
}

static evtwin_status run(exchange *x) {
    EVTWIN_TRY(set_up(x));
    const evtwin__quiet quiet = evtwin__quiet_begin(); /* TLS writes to connections that are gone */
    const CURLcode result = curl_easy_perform(x->curl);
    evtwin__quiet_end(quiet);
    long code = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
    x->reply->code = (int)code;
    x->reply->may_have_arrived = !never_arrived(result);
    x->reply->retry_after_s = evtwin__curl_retry_after(x->curl);
    EVTWIN_FAIL_IF(x->reply->body.is_failed, EVTWIN_E_NOMEM, "out of memory for an answer");
    if (x->status < 0 && result != CURLE_OK) {
        return x->status;
    }
    if (result != CURLE_OK && code < 300) { /* a refusal says more than what became of its rest */
        x->error[strcspn(x->error, "\r\n")] = '\0';
        EVTWIN_FAIL(status_of(result), "%s: %s", x->request->name,
                    x->error[0] != '\0' ? x->error : curl_easy_strerror(result));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__request_run(evtwin__requester *requester, const evtwin__request *request,
                                  evtwin__reply *reply) {
    exchange x = {.request = request, .reply = reply, .curl = requester->curl};
    *reply = (evtwin__reply){.code = 0};
    curl_easy_reset(x.curl); /* its connections stay */
    const evtwin_status st = run(&x);
    curl_easy_reset(x.curl); /* nothing of this call's stays in it */
    curl_slist_free_all(x.header);
    return st;
}
