/* SPDX-License-Identifier: MIT */
/* serve/alert_lane.c: ways of delivery, each with its thread. */

#include "serve/alert_lane.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/uri.h"
#include "io/curl.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SECRET = 8192, MAX_TO = 50, MAX_ADDRESS = 254 };
static const double timeout_s = 30.0;

struct evtwin__alert_lane {
    int way;
    char name[300];
    /* where it leads */
    char *url, *user, *password, *ca_file, *from, *addresses;
    const char *to[MAX_TO];
    size_t n_to;
    evtwin__curl_where where;
    /* the thread */
    pthread_t thread;
    int has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_int is_stopped;
    int is_busy, has_result; /* under the lock */
    evtwin__alert_message message;
    int64_t first_id;
    evtwin_status status;
    char reason[700];
    evtwin__curl_outcome outcome;
    void (*finished)(void *ctx);
    void *ctx;
};

/* ---- where it leads ---- */

/* The first line of a file that only its owner can read. */
static evtwin_status read_secret(const char *path, char **out) {
    size_t size = 0;
    EVTWIN_TRY(evtwin__file_check_private(path));
    EVTWIN_TRY(evtwin__file_read(path, MAX_SECRET, out, &size));
    (*out)[strcspn(*out, "\r\n")] = '\0';
    if ((*out)[0] == '\0') {
        evtwin__free(*out);
        *out = NULL;
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s: its first line is empty", path);
    }
    return EVTWIN_OK;
}

static evtwin_status copy(const char *text, char **out) {
    *out = evtwin__strdup(text);
    EVTWIN_FAIL_IF(text != NULL && *out == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    return EVTWIN_OK;
}

/* An address goes into heads and into the dialogue of SMTP as it is. */
static evtwin_status check_address(const char *address) {
    const char *at = strchr(address, '@');
    int is_good = at != NULL && at != address && at[1] != '\0' && strlen(address) <= MAX_ADDRESS;
    for (const char *c = address; *c != '\0'; c++) {
        is_good &= *c > ' ' && *c < 127 && strchr("<>()[]\\,;:\"", *c) == NULL;
    }
    EVTWIN_FAIL_IF(!is_good, EVTWIN_E_ARG, "'%.80s' is not a mail address as name@example.com",
                   address);
    return EVTWIN_OK;
}

static evtwin_status read_addresses(evtwin__alert_lane *lane, const char *list) {
    EVTWIN_TRY(copy(list, &lane->addresses));
    char *next = lane->addresses;
    while (next != NULL) {
        char *address = next + strspn(next, " ");
        next = evtwin__text_cut(address, ',');
        for (size_t n = strlen(address); n > 0 && address[n - 1] == ' '; n--) {
            address[n - 1] = '\0';
        }
        EVTWIN_TRY(check_address(address));
        EVTWIN_FAIL_IF(lane->n_to == MAX_TO, EVTWIN_E_ARG, "more than %d mail addresses", MAX_TO);
        lane->to[lane->n_to++] = address;
    }
    return EVTWIN_OK;
}

static evtwin_status read_webhook(evtwin__alert_lane *lane, const char *path) {
    EVTWIN_TRY(read_secret(path, &lane->url));
    evtwin__uri uri;
    /* the text of a failure must not have the URL */
    EVTWIN_FAIL_IF(evtwin__uri_parse(lane->url, &uri) < 0, EVTWIN_E_ARG,
                   "%s: its first line is not a URL", path);
    const int is_secure = strcmp(uri.scheme, "https") == 0;
    const int is_good = (is_secure || strcmp(uri.scheme, "http") == 0) && uri.host[0] != '\0';
    const int is_open = is_good && !is_secure && !evtwin__hosts_are_local(uri.host);
    snprintf(lane->name, sizeof lane->name, "web hook at %.250s", uri.host);
    evtwin__uri_free(&uri);
    EVTWIN_FAIL_IF(!is_good, EVTWIN_E_ARG, "%s: its first line is not an http: or https: URL",
                   path);
    if (is_open) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: http: is not encrypted, others can read the alerts",
                    lane->name);
    }
    return EVTWIN_OK;
}

/* The URL that libcurl gets: without user and parameters. */
static evtwin_status make_smtp_url(evtwin__alert_lane *lane, const evtwin__uri *uri) {
    char url[400], port[16] = "";
    if (uri->port >= 0) {
        snprintf(port, sizeof port, ":%d", uri->port);
    }
    const int is_ipv6 = strchr(uri->host, ':') != NULL && uri->host[0] != '[';
    snprintf(url, sizeof url, "%s://%s%.250s%s%s", uri->scheme, is_ipv6 ? "[" : "", uri->host,
             is_ipv6 ? "]" : "", port);
    snprintf(lane->name, sizeof lane->name, "mail by %.250s", uri->host);
    return copy(url, &lane->url);
}

static evtwin_status read_smtp_parts(evtwin__alert_lane *lane, const evtwin__uri *uri) {
    static const char *const known[] = {"password_file", "from", "tls", NULL};
    const char *password_file = evtwin__uri_param(uri, "password_file");
    const char *from = evtwin__uri_param(uri, "from"), *tls = evtwin__uri_param(uri, "tls");
    EVTWIN_TRY(evtwin__uri_check_params(uri, known));
    EVTWIN_FAIL_IF((strcmp(uri->scheme, "smtp") != 0 && strcmp(uri->scheme, "smtps") != 0) ||
                       uri->host[0] == '\0',
                   EVTWIN_E_ARG, "'%.20s:' is not a mail server: smtp://HOST or smtps://HOST",
                   uri->scheme);
    EVTWIN_FAIL_IF(tls != NULL && strcmp(tls, "none") != 0 && strcmp(tls, "required") != 0,
                   EVTWIN_E_ARG, "tls=%.20s is not none or required", tls);
    EVTWIN_FAIL_IF(uri->password[0] != '\0' && password_file != NULL, EVTWIN_E_ARG,
                   "a password in the URI and password_file= are mutually exclusive");
    lane->where.needs_tls =
        tls != NULL ? strcmp(tls, "required") == 0 : !evtwin__hosts_are_local(uri->host);
    EVTWIN_TRY(make_smtp_url(lane, uri));
    if (!lane->where.needs_tls && strcmp(uri->scheme, "smtp") == 0 &&
        !evtwin__hosts_are_local(uri->host)) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: tls=none is not encrypted, others can read the alerts",
                    lane->name);
    }
    EVTWIN_TRY(uri->user[0] != '\0' ? copy(uri->user, &lane->user) : EVTWIN_OK);
    EVTWIN_TRY(uri->password[0] != '\0' ? copy(uri->password, &lane->password) : EVTWIN_OK);
    EVTWIN_TRY(password_file != NULL ? read_secret(password_file, &lane->password) : EVTWIN_OK);
    EVTWIN_FAIL_IF(lane->password != NULL && lane->user == NULL, EVTWIN_E_ARG,
                   "a password for mail needs its user: smtp://USER@HOST");
    const int user_is_address = strchr(uri->user, '@') != NULL;
    EVTWIN_TRY(copy(from != NULL ? from : user_is_address ? uri->user : lane->to[0], &lane->from));
    return check_address(lane->from);
}

static evtwin_status read_smtp(evtwin__alert_lane *lane, const evtwin_alerts_options *o) {
    EVTWIN_FAIL_IF(o->mail_to == NULL || o->mail_to[0] == '\0', EVTWIN_E_ARG,
                   "mail has no receiver: name the addresses");
    EVTWIN_TRY(read_addresses(lane, o->mail_to));
    evtwin__uri uri;
    EVTWIN_TRY(evtwin__uri_parse(o->smtp, &uri));
    const evtwin_status st = read_smtp_parts(lane, &uri);
    evtwin__uri_free(&uri);
    return st;
}

static evtwin_status read_options(evtwin__alert_lane *lane, const evtwin_alerts_options *o) {
    EVTWIN_TRY(evtwin__curl_check());
    EVTWIN_TRY(lane->way == EVTWIN__WEBHOOK ? read_webhook(lane, o->webhook_file)
                                            : read_smtp(lane, o));
    EVTWIN_TRY(copy(o->ca_file, &lane->ca_file));
    lane->where.url = lane->url;
    lane->where.name = lane->name;
    lane->where.user = lane->user;
    lane->where.password = lane->password;
    lane->where.ca_file = lane->ca_file;
    lane->where.timeout_s = timeout_s;
    lane->where.is_stopped = &lane->is_stopped;
    return EVTWIN_OK;
}

/* ---- the thread ---- */

static evtwin_status deliver(evtwin__alert_lane *lane, evtwin__curl_outcome *outcome) {
    const evtwin__alert_message *m = &lane->message;
    EVTWIN_FAIL_IF(m->json.is_failed, EVTWIN_E_NOMEM, "%s: out of memory", lane->name);
    if (lane->way == EVTWIN__WEBHOOK) {
        return evtwin__curl_post(&lane->where, m->json.data, m->json.size, outcome);
    }
    evtwin__text mail = {.size = 0};
    evtwin__alert_mail_write(m, lane->from, lane->to, lane->n_to, evtwin_time_now(), lane->first_id,
                             &mail);
    const evtwin_status st = mail.is_failed
                                 ? evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory", lane->name)
                                 : evtwin__curl_mail(&lane->where, lane->from, lane->to, lane->n_to,
                                                     mail.data, mail.size, outcome);
    evtwin__text_free(&mail);
    return st;
}

static void *work(void *ctx) {
    evtwin__alert_lane *lane = ctx;
    pthread_mutex_lock(&lane->lock);
    while (!atomic_load(&lane->is_stopped)) {
        if (!lane->is_busy || lane->has_result) {
            pthread_cond_wait(&lane->wake, &lane->lock);
            continue;
        }
        pthread_mutex_unlock(&lane->lock);
        evtwin__curl_outcome outcome = {.n_refused = 0};
        const evtwin_status st = deliver(lane, &outcome);
        evtwin__alert_message_free(&lane->message);
        pthread_mutex_lock(&lane->lock);
        lane->status = st;
        snprintf(lane->reason, sizeof lane->reason, "%s", st < 0 ? evtwin_last_error() : "");
        lane->outcome = outcome;
        if (st >= 0 && outcome.n_refused > 0) {
            snprintf(lane->reason, sizeof lane->reason, "%s refuses %s; others have it", lane->name,
                     outcome.refused);
        }
        lane->has_result = 1;
        pthread_mutex_unlock(&lane->lock);
        lane->finished(lane->ctx);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

evtwin_status evtwin__alert_lane_start(const evtwin_alerts_options *options, int way,
                                       void (*finished)(void *ctx), void *ctx,
                                       evtwin__alert_lane **out) {
    *out = NULL;
    if ((way == EVTWIN__WEBHOOK ? options->webhook_file : options->smtp) == NULL) {
        return EVTWIN_OK;
    }
    evtwin__alert_lane *lane = evtwin__calloc(1, sizeof *lane);
    EVTWIN_FAIL_IF(lane == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    lane->way = way;
    lane->finished = finished;
    lane->ctx = ctx;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->wake, NULL);
    evtwin_status st = read_options(lane, options);
    if (st >= 0) {
        const int error = pthread_create(&lane->thread, NULL, work, lane);
        lane->has_thread = error == 0;
        st = error == 0 ? EVTWIN_OK : evtwin__fail(EVTWIN_E_IO, "a thread: %s", strerror(error));
    }
    if (st < 0) {
        evtwin__alert_lane_stop(lane);
        return st;
    }
    *out = lane;
    return EVTWIN_OK;
}

void evtwin__alert_lane_stop(evtwin__alert_lane *lane) {
    if (lane == NULL) {
        return;
    }
    pthread_mutex_lock(&lane->lock);
    atomic_store(&lane->is_stopped, 1);
    pthread_cond_broadcast(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
    if (lane->has_thread) {
        pthread_join(lane->thread, NULL);
    }
    evtwin__alert_message_free(&lane->message);
    char *const strings[] = {lane->url,     lane->user, lane->password,
                             lane->ca_file, lane->from, lane->addresses};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        evtwin__free(strings[i]);
    }
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    evtwin__free(lane);
}

void evtwin__alert_lane_take(evtwin__alert_lane *lane, evtwin__alert_message *message,
                             int64_t first_id) {
    pthread_mutex_lock(&lane->lock);
    lane->message = *message;
    lane->first_id = first_id;
    lane->is_busy = 1;
    pthread_cond_broadcast(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
    *message = (evtwin__alert_message){.subject = ""};
}

int evtwin__alert_lane_is_busy(evtwin__alert_lane *lane) {
    pthread_mutex_lock(&lane->lock);
    const int is_busy = lane->is_busy;
    pthread_mutex_unlock(&lane->lock);
    return is_busy;
}

int evtwin__alert_lane_result(evtwin__alert_lane *lane, evtwin__alert_result *out) {
    pthread_mutex_lock(&lane->lock);
    const int has_result = lane->has_result;
    if (has_result) {
        *out = (evtwin__alert_result){.status = lane->status,
                                      .n_refused = lane->outcome.n_refused,
                                      .retry_after_s = lane->outcome.retry_after_s};
        snprintf(out->reason, sizeof out->reason, "%s", lane->reason);
        lane->has_result = lane->is_busy = 0;
    }
    pthread_mutex_unlock(&lane->lock);
    return has_result;
}

const char *evtwin__alert_lane_name(const evtwin__alert_lane *lane) {
    return lane->name;
}
