/* SPDX-License-Identifier: MIT */
/* track/tracker.c: open a tracking server by its URI. */

#include "track/tracker.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/uri.h"
#include "track/url.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

static evtwin_tracker_options defaults(void) {
    return (evtwin_tracker_options){.size = sizeof(evtwin_tracker_options),
                                    .timeout_s = 120.0,
                                    .n_retries = 3,
                                    .retry_pause_s = 1.0,
                                    .max_download_bytes = (size_t)1 << 30,
                                    .max_download_files = 10000,
                                    .s3_region = "us-east-1"};
}

evtwin_status evtwin_tracker_options_init(evtwin_tracker_options *options, size_t size) {
    const evtwin_tracker_options all = defaults();
    return evtwin__options_init(options, size, &all, sizeof all);
}

/* What goes into a header must not begin another one. */
static evtwin_status check_line(const char *what, const char *text) {
    for (; text != NULL && *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        EVTWIN_FAIL_IF(c < 0x20 || c == 0x7f, EVTWIN_E_ARG, "%s has a control character", what);
    }
    return EVTWIN_OK;
}

static evtwin_status check_options(const evtwin_tracker_options *o) {
    EVTWIN_FAIL_IF(!(o->timeout_s > 0.0) || isinf(o->timeout_s), EVTWIN_E_ARG,
                   "timeout_s is %g; it is more than 0", o->timeout_s);
    EVTWIN_FAIL_IF(o->n_retries < 0 || o->n_retries > 1000, EVTWIN_E_ARG,
                   "n_retries is %d; it is from 0 to 1000", o->n_retries);
    EVTWIN_FAIL_IF(!(o->retry_pause_s >= 0.0) || isinf(o->retry_pause_s), EVTWIN_E_ARG,
                   "retry_pause_s is %g; it is 0 or more", o->retry_pause_s);
    EVTWIN_FAIL_IF(o->user != NULL && strchr(o->user, ':') != NULL, EVTWIN_E_ARG,
                   "the user of the tracking server has a ':'");
    EVTWIN_FAIL_IF((o->s3_access_key == NULL) != (o->s3_secret_key == NULL), EVTWIN_E_ARG,
                   "only one of s3_access_key and s3_secret_key is set");
    EVTWIN_FAIL_IF(o->s3_region == NULL || o->s3_region[0] == '\0' || strlen(o->s3_region) > 64 ||
                       strspn(o->s3_region, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
                           strlen(o->s3_region),
                   EVTWIN_E_ARG, "s3_region is not a region such as \"us-east-1\"");
    EVTWIN_TRY(check_line("the user of the tracking server", o->user));
    EVTWIN_TRY(check_line("the password of the tracking server", o->password));
    EVTWIN_TRY(check_line("the token of the tracking server", o->token));
    EVTWIN_TRY(check_line("s3_access_key", o->s3_access_key));
    EVTWIN_TRY(check_line("s3_secret_key", o->s3_secret_key));
    return check_line("s3_session_token", o->s3_session_token);
}

static evtwin_status keep(evtwin_tracker *t, const char **text) {
    const char *given = *text;
    *text = evtwin__track_keep(t, given);
    EVTWIN_FAIL_IF(given != NULL && *text == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a tracking server");
    return EVTWIN_OK;
}

static evtwin_status keep_options(evtwin_tracker *t, const evtwin_tracker_options *options) {
    t->options = defaults();
    EVTWIN_TRY(evtwin__options_merge(&t->options, sizeof t->options, options,
                                     "evtwin_tracker_options_init"));
    evtwin_tracker_options *o = &t->options;
    EVTWIN_TRY(check_options(o));
    const char **const text[] = {&o->user,          &o->password,         &o->token,
                                 &o->ca_file,       &o->s3_endpoint,      &o->s3_access_key,
                                 &o->s3_secret_key, &o->s3_session_token, &o->s3_region,
                                 &o->s3_ca_file};
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        const evtwin_status one = keep(t, text[i]); /* to the end: none stays the caller's */
        st = st < 0 ? st : one;
    }
    return st;
}

/* ---- the URI ---- */

static int is_host(const char *host) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    return host[0] != '\0' && strspn(host, good) == strlen(host);
}

/* "http://host:port/prefix" and "host:port" of a URI that was read. */
static evtwin_status make_base(evtwin_tracker *t, const evtwin__uri *uri) {
    const int is_https = strcmp(uri->scheme, "https") == 0;
    const int is_ipv6 = strchr(uri->host, ':') != NULL;
    char authority[300];
    const int n = snprintf(authority, sizeof authority, "%s%s%s:%d", is_ipv6 ? "[" : "", uri->host,
                           is_ipv6 ? "]" : "",
                           uri->port > 0 ? uri->port
                           : is_https    ? 443
                                         : 80);
    EVTWIN_FAIL_IF(n >= (int)sizeof authority || !is_host(uri->host), EVTWIN_E_PARSE,
                   "the host of the tracking server is not valid");
    evtwin__text base = {0};
    evtwin__text_put(&base, uri->scheme);
    evtwin__text_put(&base, "://");
    evtwin__text_put(&base, authority);
    size_t n_path = strlen(uri->path);
    while (n_path > 0 && uri->path[n_path - 1] == '/') {
        n_path--;
    }
    char *path = evtwin__strndup(uri->path, n_path);
    base.is_failed |= path == NULL;
    if (n_path > 0 && path != NULL) {
        evtwin__text_put(&base, "/");
        evtwin__url_add(&base, path, 1);
    }
    evtwin__free(path);
    char *text = evtwin__url_end(&base);
    t->base = evtwin__track_keep(t, text);
    t->authority = evtwin__track_keep(t, authority);
    t->is_local = evtwin__hosts_are_local(uri->host);
    evtwin__free(text);
    EVTWIN_FAIL_IF(t->base == NULL || t->authority == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a tracking server");
    return EVTWIN_OK;
}

static evtwin_status take_uri(evtwin_tracker *t, const evtwin__uri *uri) {
    static const char *const no_params[] = {NULL};
    EVTWIN_FAIL_IF(
        strcmp(uri->scheme, "http") != 0 && strcmp(uri->scheme, "https") != 0, EVTWIN_E_UNSUPPORTED,
        "%.20s: is not the address of a tracking server: give http://HOST:PORT, and start "
        "one with \"mlflow server\"",
        uri->scheme);
    EVTWIN_TRY(evtwin__uri_check_params(uri, no_params));
    EVTWIN_TRY(make_base(t, uri));
    evtwin_tracker_options *o = &t->options;
    if (uri->user[0] != '\0' && o->user == NULL && o->token == NULL) {
        o->user = uri->user;
        o->password = uri->password;
        EVTWIN_TRY(keep(t, &o->user));
        EVTWIN_TRY(keep(t, &o->password));
        EVTWIN_TRY(check_options(o));
    }
    return evtwin__track_know_secrets(t);
}

static evtwin_status open_at(evtwin_tracker *t, const char *text,
                             const evtwin_tracker_options *options) {
    evtwin__uri uri;
    EVTWIN_TRY(keep_options(t, options));
    EVTWIN_TRY(evtwin__requester_create("an MLflow server", &t->requester));
    EVTWIN_TRY(evtwin__uri_parse(text, &uri));
    const evtwin_status st = take_uri(t, &uri);
    evtwin__uri_free(&uri);
    return st;
}

evtwin_status evtwin_tracker_open(const char *uri, const evtwin_tracker_options *options,
                                  evtwin_tracker **out) {
    EVTWIN_FAIL_IF(uri == NULL || out == NULL, EVTWIN_E_ARG, "uri or out is NULL");
    evtwin_tracker *t = evtwin__calloc(1, sizeof *t);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "out of memory for a tracking server");
    const evtwin_status st = open_at(t, uri, options);
    if (st < 0) {
        evtwin_tracker_free(t);
        return st;
    }
    *out = t;
    return EVTWIN_OK;
}

void evtwin_tracker_free(evtwin_tracker *tracker) {
    if (tracker == NULL) {
        return;
    }
    evtwin__requester_free(tracker->requester);
    for (size_t i = 0; i < tracker->n_strings; i++) {
        explicit_bzero(tracker->string[i], strlen(tracker->string[i])); /* some are secrets */
        evtwin__free(tracker->string[i]);
    }
    evtwin__free(tracker);
}
