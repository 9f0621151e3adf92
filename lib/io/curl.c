/* SPDX-License-Identifier: MIT */
/* io/curl.c: libcurl, for messages to web hooks and mail servers. */

#include "io/curl.h"

#include "core/status.h"
#include "io/curl_inside.h"
#include "io/quiet.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ANSWER = 64 * 1024 };

evtwin_status evtwin__curl_check(void) {
    return EVTWIN_OK;
}

/* ---- a transfer ---- */

typedef struct transfer {
    const evtwin__curl_where *where;
    CURL *curl;
    struct curl_slist *list;
    char error[CURL_ERROR_SIZE];
    const char *data; /* what is still to send, of a mail */
    size_t left, n_answer;
    char address[260]; /* of a mail, about which the server was asked last; "" = none */
    evtwin__curl_outcome *outcome;
} transfer;

/* What a server says is not wanted, nor without end. */
static size_t drop(char *data, size_t size, size_t n, void *ctx) {
    transfer *t = ctx;
    (void)data;
    t->n_answer += size * n;
    return t->n_answer <= MAX_ANSWER ? size * n : 0;
}

static size_t give(char *to, size_t size, size_t n, void *ctx) {
    transfer *t = ctx;
    const size_t room = size * n, given = t->left < room ? t->left : room;
    memcpy(to, t->data, given);
    t->data += given;
    t->left -= given;
    return given;
}

static int is_stopped(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const transfer *t = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return t->where->is_stopped != NULL && atomic_load(t->where->is_stopped);
}

#define SET(t, option, value) EVTWIN__CURL_SET((t)->curl, (t)->where->name, option, value)

static evtwin_status set_up(transfer *t, int is_mail) {
    const evtwin__curl_where *w = t->where;
    EVTWIN_TRY(evtwin__curl_safe(t->curl, w->name, is_mail));
    SET(t, CURLOPT_URL, w->url);
    SET(t, CURLOPT_TIMEOUT_MS, (long)(w->timeout_s * 1e3));
    SET(t, CURLOPT_ERRORBUFFER, t->error);
    SET(t, CURLOPT_WRITEFUNCTION, drop);
    SET(t, CURLOPT_WRITEDATA, t);
    SET(t, CURLOPT_NOPROGRESS, 0L);
    SET(t, CURLOPT_XFERINFOFUNCTION, is_stopped);
    SET(t, CURLOPT_XFERINFODATA, t);
    if (w->ca_file != NULL) {
        SET(t, CURLOPT_CAINFO, w->ca_file);
    }
    if (w->user != NULL) {
        SET(t, CURLOPT_USERNAME, w->user);
        SET(t, CURLOPT_PASSWORD, w->password != NULL ? w->password : "");
    }
    return EVTWIN_OK;
}

static evtwin_status open_transfer(transfer *t, const evtwin__curl_where *where,
                                   evtwin__curl_outcome *outcome) {
    *outcome = (evtwin__curl_outcome){.n_refused = 0};
    *t = (transfer){.where = where, .curl = evtwin__curl_open(), .outcome = outcome};
    EVTWIN_FAIL_IF(t->curl == NULL, EVTWIN_E_NOMEM, "out of memory for libcurl");
    return EVTWIN_OK;
}

static void close_transfer(transfer *t) {
    curl_slist_free_all(t->list);
    curl_easy_cleanup(t->curl);
}

/* Run it; answers_http: the server's answer counts. */
static evtwin_status run(transfer *t, int answers_http) {
    long code = 0;
    const evtwin__quiet quiet = evtwin__quiet_begin(); /* TLS writes to connections that are gone */
    const CURLcode result = curl_easy_perform(t->curl);
    evtwin__quiet_end(quiet);
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (answers_http && code >= 200 && code <= 299) {
        return EVTWIN_OK; /* whatever became of the rest of the answer */
    }
    t->outcome->retry_after_s = evtwin__curl_retry_after(t->curl);
    const int is_refused = answers_http && code >= 300; /* says more than what became of the rest */
    if (result != CURLE_OK && !is_refused) {
        t->error[strcspn(t->error, "\r\n")] = '\0';
        EVTWIN_FAIL(evtwin__curl_status(result), "%s: %s", t->where->name,
                    t->error[0] != '\0' ? t->error : curl_easy_strerror(result));
    }
    EVTWIN_FAIL_IF(answers_http, code == 401 || code == 403 ? EVTWIN_E_DENIED : EVTWIN_E_EXTERNAL,
                   "%s: answers %ld%s", t->where->name, code,
                   code >= 300 && code <= 399 ? ", a redirect, which is not followed" : "");
    return EVTWIN_OK;
}

/* ---- web hook ---- */

static evtwin_status post(transfer *t, const char *json, size_t size) {
    EVTWIN_TRY(set_up(t, 0));
    t->list = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    EVTWIN_FAIL_IF(t->list == NULL, EVTWIN_E_NOMEM, "out of memory for libcurl");
    SET(t, CURLOPT_HTTPHEADER, t->list);
    SET(t, CURLOPT_USERAGENT, "evtwin/" EVTWIN_VERSION);
    SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    SET(t, CURLOPT_POSTFIELDS, json);
    return run(t, 1);
}

evtwin_status evtwin__curl_post(const evtwin__curl_where *where, const char *json, size_t size,
                                evtwin__curl_outcome *outcome) {
    transfer t;
    EVTWIN_TRY(open_transfer(&t, where, outcome));
    const evtwin_status st = post(&t, json, size);
    close_transfer(&t);
    return st;
}

/* ---- mail ---- */

#if LIBCURL_VERSION_NUM >= 0x080200 /* 8.2, which corrected the name of 7.69 */
#define ALLOW_REFUSED CURLOPT_MAIL_RCPT_ALLOWFAILS
#elif LIBCURL_VERSION_NUM >= 0x074500 /* 7.69 */
#define ALLOW_REFUSED CURLOPT_MAIL_RCPT_ALLLOWFAILS
#endif

static void note_refused(transfer *t, const char *answer, size_t size) {
    evtwin__curl_outcome *o = t->outcome;
    const size_t length = strlen(o->refused);
    snprintf(o->refused + length, sizeof o->refused - length, "%s%s: ", length > 0 ? ", " : "",
             t->address);
    for (size_t i = strlen(o->refused), k = 0; i + 1 < sizeof o->refused && k < size && k < 80;
         k++) {
        const char c = answer[k];
        if (c == '\r' || c == '\n') {
            break;
        }
        o->refused[i++] = (char)(c >= ' ' && c < 127 ? c : '?');
        o->refused[i] = '\0';
    }
    o->n_refused++;
}

/* The dialogue with a mail server: whom it refuses, libcurl tells in no other way. */
static int listen_in(CURL *curl, curl_infotype type, char *data, size_t size, void *ctx) {
    static const char command[] = "RCPT TO:<";
    const size_t n = sizeof command - 1;
    transfer *t = ctx;
    (void)curl;
    if (type == CURLINFO_HEADER_OUT) {
        const char *end = size > n ? memchr(data, '>', size) : NULL;
        t->address[0] = '\0';
        if (end != NULL && memcmp(data, command, n) == 0) {
            snprintf(t->address, sizeof t->address, "%.*s", (int)(end - data - (ptrdiff_t)n),
                     data + n);
        }
    } else if (type == CURLINFO_HEADER_IN && size > 3 && data[3] != '-' && t->address[0] != '\0') {
        if (data[0] == '4' || data[0] == '5') {
            note_refused(t, data, size);
        }
        t->address[0] = '\0';
    }
    return 0;
}

static evtwin_status mail(transfer *t, const char *from, const char *const *to, size_t n_to) {
    EVTWIN_TRY(set_up(t, 1));
    for (size_t i = 0; i < n_to; i++) {
        struct curl_slist *list = curl_slist_append(t->list, to[i]);
        EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "out of memory for libcurl");
        t->list = list;
    }
    SET(t, CURLOPT_USE_SSL, t->where->needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(t, CURLOPT_MAIL_FROM, from);
    SET(t, CURLOPT_MAIL_RCPT, t->list);
    SET(t, CURLOPT_UPLOAD, 1L);
    SET(t, CURLOPT_READFUNCTION, give);
    SET(t, CURLOPT_READDATA, t);
    SET(t, CURLOPT_VERBOSE, 1L);
    SET(t, CURLOPT_DEBUGFUNCTION, listen_in);
    SET(t, CURLOPT_DEBUGDATA, t);
#ifdef ALLOW_REFUSED
    SET(t, ALLOW_REFUSED, 1L);
#endif
    const evtwin_status st = run(t, 0);
    EVTWIN_FAIL_IF(st < 0 && t->outcome->n_refused > 0, st, "%s refuses %s", t->where->name,
                   t->outcome->refused);
    return st;
}

evtwin_status evtwin__curl_mail(const evtwin__curl_where *where, const char *from,
                                const char *const *to, size_t n_to, const char *message,
                                size_t size, evtwin__curl_outcome *outcome) {
    transfer t;
    EVTWIN_TRY(open_transfer(&t, where, outcome));
    t.data = message;
    t.left = size;
    const evtwin_status st = mail(&t, from, to, n_to);
    close_transfer(&t);
    return st;
}
