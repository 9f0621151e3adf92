/* SPDX-License-Identifier: MIT */
/* io/mqtt.c: one MQTT connection by libmosquitto: connect, look, publish, acknowledge. */

#include "io/mqtt.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "io/host.h"
#include "io/mqtt_client.h"
#include "io/mqtt_properties.h"
#include "io/mqtt_reason.h"
#include "io/quiet.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 5000,
    SETTLED_MS = 10000, /* a connection that lasted so long was a good one */
    MANY_SHORT = 3,
    NETWORK_TIMEOUT_MS = 20000, /* sent bytes that no kernel at the other end has confirmed */
    GOODBYE_MS = 1000,
    ROUND_MS = 1000 /* the keepalive is looked after so often */
};

struct evtwin__mqtt {
    evtwin__mqtt_options options;
    struct mosquitto *client;
    int is_connected, has_answer, is_subscribed;
    int n_unreleased; /* messages whose acknowledgement waits in the queue */
    size_t broker_max;
    uint64_t n_connected;
    int64_t connected_ms;
    evtwin_status failure; /* why there is no connection; EVTWIN_OK = it was not tried yet */
    char reason[256];
    char tls_reason[160]; /* what OpenSSL said first of this connection */
    int pause_ms;
    int64_t try_again_ms;
    int n_short;    /* connections in a row that were lost soon */
    size_t n_tries; /* the addresses of a name take turns */
    int is_taken_over;
};

/* ---- why it fails ---- */

__attribute__((format(printf, 3, 4))) static evtwin_status
note_failure(evtwin__mqtt *m, evtwin_status st, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(m->reason, sizeof m->reason, format, args);
    va_end(args);
    m->failure = st;
    return st;
}

static evtwin_status fail(const evtwin__mqtt *m) {
    EVTWIN_FAIL(m->failure, "%s: %s", m->options.name, m->reason);
}

/* A reason code of CONNACK, SUBACK or DISCONNECT. What these concern is never the fault of one
 * record, whose statuses would make a pump pass over it. */
static void note_code(evtwin__mqtt *m, const char *what, int code) {
    const char *text = NULL;
    evtwin_status st = evtwin__mqtt_reason(code, &text);
    text = text != NULL ? text : mosquitto_reason_string(code);
    if (st == EVTWIN_E_ARG || st == EVTWIN_E_RANGE || st == EVTWIN_E_DATA) {
        st = EVTWIN_E_DENIED;
    }
    note_failure(m, st, "%s: %s (code %d)", what, text, code);
}

/* What OpenSSL said of it, however libmosquitto calls the end. */
static evtwin_status note_tls(evtwin__mqtt *m) {
    const char *text = NULL;
    const evtwin_status st = evtwin__mqtt_tls_reason(m->tls_reason, &text);
    return note_failure(m, st, "TLS: %s", text != NULL ? text : m->tls_reason);
}

/* An error of libmosquitto, which ended the connection if there was one; more may follow it. */
static evtwin_status note_error(evtwin__mqtt *m, int rc, const char *more) {
    if (m->tls_reason[0] != '\0') {
        return note_tls(m);
    }
    const char *text = rc == MOSQ_ERR_ERRNO ? strerror(errno)
                       : rc == MOSQ_ERR_EAI ? "the host name cannot be resolved"
                       : rc == MOSQ_ERR_TLS ? "the TLS handshake failed"
                                            : mosquitto_strerror(rc);
    return note_failure(m, rc == MOSQ_ERR_NOMEM ? EVTWIN_E_NOMEM : EVTWIN_E_AGAIN, "%s%s", text,
                        more);
}

/* There is no connection any more. After a good one, or the first time, it is made again at once.
 */
static evtwin_status lose(evtwin__mqtt *m) {
    const int64_t now_ms = evtwin__monotonic_ms();
    const int was_good = m->is_connected && now_ms - m->connected_ms > SETTLED_MS;
    m->n_short = was_good ? 0 : m->n_short + m->is_connected;
    if (m->is_connected && m->n_short >= MANY_SHORT) { /* older brokers do not say it */
        const size_t used = strlen(m->reason);
        snprintf(
            m->reason + used, sizeof m->reason - used,
            "; it happens again and again: does another client have the client id %.64s, or is "
            "a message larger than it takes?",
            m->options.client_id);
    }
    const int is_at_once = m->is_connected && m->n_short <= 1;
    const int longer_ms = m->pause_ms == 0 ? FIRST_PAUSE_MS : 2 * m->pause_ms;
    m->pause_ms = is_at_once ? 0 : longer_ms > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : longer_ms;
    /* jittered: many clients of one broker must not come back at the same moment */
    m->try_again_ms = now_ms + m->pause_ms / 2 + evtwin__monotonic_us() % (m->pause_ms / 2 + 1);
    m->is_connected = 0;
    m->n_unreleased = 0; /* what was in the queue is dropped with the connection */
    return fail(m);
}

/* ---- what libmosquitto calls ---- */

static void subscribe(evtwin__mqtt *m) {
    const evtwin__mqtt_options *o = &m->options;
    if (o->status_topic != NULL) {
        mosquitto_publish_v5(m->client, NULL, o->status_topic, 6, "online", 0, o->retains_status,
                             NULL);
    }
    m->is_subscribed = o->filter == NULL;
    if (o->filter != NULL) { /* retained messages come with a new subscription only */
        mosquitto_subscribe_v5(m->client, NULL, o->filter, o->filter_qos,
                               MQTT_SUB_OPT_SEND_RETAIN_NEW, NULL);
    }
}

/* It subscribes here, so that its packet is queued before the acknowledgement of any message. */
static void on_connect(struct mosquitto *client, void *ctx, int code, int flags,
                       const mosquitto_property *properties) {
    (void)client;
    (void)flags;
    evtwin__mqtt *m = ctx;
    uint16_t max = UINT16_MAX;
    m->has_answer = 1;
    if (code != 0) {
        note_code(m, "the broker refused the connection", code);
        return;
    }
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &max, false);
    m->broker_max = max;
    m->is_connected = 1;
    m->n_connected++;
    m->connected_ms = evtwin__monotonic_ms();
    m->failure = EVTWIN_OK;
    subscribe(m);
}

static void on_subscribe(struct mosquitto *client, void *ctx, int mid, int n, const int *granted,
                         const mosquitto_property *properties) {
    (void)client;
    (void)mid;
    (void)properties;
    evtwin__mqtt *m = ctx;
    m->is_subscribed = 1;
    if (n > 0 && granted[0] >= 128) { /* 128 is all that MQTT 3.1.1 knows */
        note_code(m, "the subscription was refused", granted[0]);
    } else if (n > 0 && granted[0] < m->options.filter_qos) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: the broker grants QoS %d only: messages may be lost on the way",
                    m->options.name, granted[0]);
    }
}

/* Called with what the broker said, and again when the socket is closed: the first counts. */
static void on_disconnect(struct mosquitto *client, void *ctx, int code,
                          const mosquitto_property *properties) {
    (void)client;
    (void)properties;
    evtwin__mqtt *m = ctx;
    if (m->failure == EVTWIN_OK && code >= 128) {
        note_code(m, "the broker ended the connection", code);
        m->is_taken_over = m->failure == EVTWIN_E_BUSY;
    }
}

static void on_publish(struct mosquitto *client, void *ctx, int mid, int reason,
                       const mosquitto_property *properties) {
    (void)client;
    (void)properties;
    const evtwin__mqtt *m = ctx;
    if (m->options.on_ack != NULL) {
        m->options.on_ack(m->options.ctx, mid, reason);
    }
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *from,
                       const mosquitto_property *list) {
    (void)client;
    evtwin__mqtt *m = ctx;
    evtwin__mqtt_properties p;
    evtwin__mqtt_message message = {.topic = from->topic,
                                    .payload = from->payloadlen > 0 ? from->payload : "",
                                    .payload_size = (size_t)from->payloadlen,
                                    .qos = from->qos,
                                    .mid = from->qos > 0 ? from->mid : 0,
                                    .response_topic = ""};
    m->n_unreleased += m->options.holds_acks && from->qos > 0;
    evtwin__mqtt_properties_read(list, &message, &p);
    if (m->options.on_message != NULL) {
        m->options.on_message(m->options.ctx, &message);
    }
    evtwin__mqtt_properties_free(&p);
}

/* Errors of OpenSSL come by the log alone: the first of them is the cause. */
static void on_log(struct mosquitto *client, void *ctx, int level, const char *text) {
    (void)client;
    evtwin__mqtt *m = ctx;
    if (m->options.uses_tls && level == MOSQ_LOG_ERR && m->tls_reason[0] == '\0') {
        const char *last = strrchr(text, ':');
        snprintf(m->tls_reason, sizeof m->tls_reason, "%s",
                 last != NULL && strstr(text, "OpenSSL") != NULL ? last + 1 : text);
    }
}

/* ---- make and free ---- */

evtwin_status evtwin__mqtt_create(const evtwin__mqtt_options *options, evtwin__mqtt **out) {
    evtwin__mqtt *m = evtwin__calloc(1, sizeof *m);
    EVTWIN_FAIL_IF(m == NULL, EVTWIN_E_NOMEM, "out of memory for a connection");
    m->options = *options;
    void *client = NULL;
    const evtwin_status st = evtwin__mqtt_client_make(options, m, &client);
    if (st < 0) {
        evtwin__free(m);
        return st;
    }
    m->client = client;
    mosquitto_connect_v5_callback_set(m->client, on_connect);
    mosquitto_disconnect_v5_callback_set(m->client, on_disconnect);
    mosquitto_subscribe_v5_callback_set(m->client, on_subscribe);
    mosquitto_publish_v5_callback_set(m->client, on_publish);
    mosquitto_message_v5_callback_set(m->client, on_message);
    mosquitto_log_callback_set(m->client, on_log);
    *out = m;
    return EVTWIN_OK;
}

/* ---- rounds of the loop ---- */

static int may_write(const evtwin__mqtt *m) {
    return m->n_unreleased == 0;
}

/* Milliseconds from now to then, from 0 to max. */
static int left_ms(int64_t then_ms, int max_ms) {
    const int64_t left = then_ms - evtwin__monotonic_ms();
    return left < 0 ? 0 : left > max_ms ? max_ms : (int)left;
}

/* One look at the socket: take what came, send what is queued. An error of libmosquitto, 0 if none;
 * the callbacks note what was said. */
static int look(evtwin__mqtt *m, int timeout_ms) {
    int rc = may_write(m) && m->is_connected ? mosquitto_loop_misc(m->client) : 0;
    struct pollfd p = {.fd = mosquitto_socket(m->client), .events = POLLIN};
    if (rc != 0 || p.fd < 0) {
        return rc != 0 ? rc : MOSQ_ERR_CONN_LOST;
    }
    /* within a TLS handshake it always wants to write, but waits for the broker */
    const int can_write = may_write(m) && (m->has_answer || !m->options.uses_tls);
    p.events |= can_write && mosquitto_want_write(m->client) ? POLLOUT : 0;
    if (poll(&p, 1, timeout_ms) <= 0) {
        return 0;
    }
    if (p.revents & ~POLLOUT) {
        rc = mosquitto_loop_read(m->client, 1);
        evtwin__socket_hurry(mosquitto_socket(m->client));
    }
    if (rc == 0 && may_write(m) && mosquitto_want_write(m->client)) {
        rc = mosquitto_loop_write(m->client, 1);
    }
    return rc == 0 && mosquitto_socket(m->client) < 0 ? MOSQ_ERR_CONN_LOST : rc;
}

static int look_quietly(evtwin__mqtt *m, int timeout_ms) {
    const evtwin__quiet q = evtwin__quiet_begin();
    const int rc = look(m, timeout_ms);
    evtwin__quiet_end(q);
    return rc;
}

/* ---- connect ---- */

/* Until the broker has answered and the subscription stands. With a message there before it
 * (of a session that was kept) nothing more is sent now, and the answer comes later. */
static evtwin_status shake_hands(evtwin__mqtt *m, int64_t deadline_ms) {
    int rc = mosquitto_loop_read(m->client, 1); /* TLS: the first step */
    rc = rc == 0 && mosquitto_want_write(m->client) ? mosquitto_loop_write(m->client, 1) : rc;
    while (rc == 0 && !(m->has_answer && (m->is_subscribed || !may_write(m)))) {
        const int wait_ms = left_ms(deadline_ms, ROUND_MS);
        if (wait_ms == 0) {
            return note_failure(m, EVTWIN_E_AGAIN, "connected, but the broker does not answer");
        }
        rc = look(m, wait_ms);
    }
    if (m->failure == EVTWIN_OK && rc != 0) {
        note_error(m, rc, m->has_answer ? "" : evtwin__mqtt_hint(&m->options));
    }
    return m->failure;
}

/* By TLS the broker's name must stay, to be compared with that of its certificate. */
static evtwin_status try_address(evtwin__mqtt *m, const char *address, int64_t deadline_ms) {
    const evtwin__mqtt_options *o = &m->options;
    m->has_answer = m->is_subscribed = 0;
    m->n_unreleased = 0;
    m->tls_reason[0] = '\0';
    m->failure = EVTWIN_OK;
    const int rc = mosquitto_connect_bind_async(m->client, o->uses_tls ? o->host : address, o->port,
                                                o->keepalive_s, NULL);
    const int fd = mosquitto_socket(m->client);
    if (rc > 0 || fd < 0) {
        return note_error(m, rc > 0 ? rc : MOSQ_ERR_NO_CONN, "");
    }
    evtwin__socket_settle(fd, NETWORK_TIMEOUT_MS);
    const int error = evtwin__socket_wait(fd, left_ms(deadline_ms, INT32_MAX));
    if (error != 0) {
        const int is_ended = error == ENOTCONN || error == ECONNRESET; /* a handshake had begun */
        return note_failure(m, EVTWIN_E_AGAIN, "%s%s",
                            error == ENOTCONN ? "refused, or ended at once" : strerror(error),
                            is_ended ? evtwin__mqtt_hint(o) : "");
    }
    return shake_hands(m, deadline_ms);
}

/* The addresses of the host take turns, each with its share of the time. */
static evtwin_status try_host(evtwin__mqtt *m, int64_t deadline_ms) {
    char address[EVTWIN__HOST_ADDRESSES][EVTWIN__ADDRESS_SIZE];
    size_t n = 0;
    if (evtwin__host_resolve(m->options.host, address, &n) < 0) {
        return note_failure(m, EVTWIN_E_AGAIN, "%s", evtwin_last_error());
    }
    evtwin_status st = EVTWIN_E_AGAIN;
    for (size_t i = 0; i < n && st == EVTWIN_E_AGAIN; i++) {
        const int share_ms = left_ms(deadline_ms, INT32_MAX) / (int)(n - i);
        st = try_address(m, address[m->n_tries % n], evtwin__monotonic_ms() + share_ms);
        m->n_tries += st == EVTWIN_E_AGAIN; /* a good one is the first next time */
    }
    return st;
}

int evtwin__mqtt_pause_ms(const evtwin__mqtt *m) {
    return m->is_connected || m->failure == EVTWIN_OK ? 0 : left_ms(m->try_again_ms, INT32_MAX);
}

evtwin_status evtwin__mqtt_connect(evtwin__mqtt *m, int timeout_ms) {
    if (m->is_taken_over || evtwin__mqtt_pause_ms(m) > 0) {
        return fail(m);
    }
    if (m->is_connected && m->failure == EVTWIN_OK) {
        return EVTWIN_OK;
    }
    const evtwin__quiet q = evtwin__quiet_begin();
    const evtwin_status st = try_host(m, evtwin__monotonic_ms() + timeout_ms);
    evtwin__quiet_end(q);
    return st < 0 ? lose(m) : EVTWIN_OK;
}

/* It leaves nothing behind: no session, no status, no message acknowledged; of a shared
 * subscription it would take messages from the others. */
evtwin_status evtwin__mqtt_check(const evtwin__mqtt *m, int timeout_ms) {
    if (m->is_taken_over) {
        return fail(m);
    }
    if (m->is_connected && m->failure == EVTWIN_OK) {
        return EVTWIN_OK;
    }
    char id[24];
    snprintf(id, sizeof id, "evtwin-%016llx",
             (unsigned long long)evtwin__monotonic_us() ^ (uint64_t)getpid() << 40);
    evtwin__mqtt_options o = m->options;
    const int is_shared = o.filter != NULL && strncmp(o.filter, "$share/", 7) == 0;
    o.client_id = id;
    o.status_topic = NULL;
    o.keeps_session = 0;
    o.holds_acks = 1;
    o.on_message = NULL;
    o.on_ack = NULL;
    o.filter = is_shared ? NULL : o.filter;
    evtwin__mqtt *other = NULL;
    EVTWIN_TRY(evtwin__mqtt_create(&o, &other));
    const evtwin_status st = evtwin__mqtt_connect(other, timeout_ms);
    evtwin__mqtt_free(other);
    return st;
}

uint64_t evtwin__mqtt_n_connected(const evtwin__mqtt *m) {
    return m->n_connected;
}

size_t evtwin__mqtt_broker_max(const evtwin__mqtt *m) {
    return m->broker_max > 0 ? m->broker_max : UINT16_MAX;
}

/* ---- send and receive ---- */

evtwin_status evtwin__mqtt_publish(evtwin__mqtt *m, const evtwin__mqtt_publication *p,
                                   int *mid_out) {
    void *made = NULL;
    int rc = evtwin__mqtt_properties_make(p, &made);
    mosquitto_property *list = made;
    rc = rc == 0 ? mosquitto_publish_v5(m->client, mid_out, p->topic, (int)p->payload_size,
                                        p->payload, p->qos, false, list)
                 : rc;
    mosquitto_property_free_all(&list);
    const evtwin_status st = rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE
                                 ? EVTWIN_E_RANGE
                             : rc == MOSQ_ERR_QOS_NOT_SUPPORTED ? EVTWIN_E_UNSUPPORTED
                             : rc == MOSQ_ERR_NOMEM             ? EVTWIN_E_NOMEM
                             : rc == MOSQ_ERR_NO_CONN           ? EVTWIN_E_AGAIN
                                                                : EVTWIN_E_EXTERNAL;
    EVTWIN_FAIL_IF(rc != 0, st, "%s: a message of %zu bytes to %.80s: %s", m->options.name,
                   p->payload_size, p->topic, mosquitto_strerror(rc));
    return EVTWIN_OK;
}

evtwin_status evtwin__mqtt_run(evtwin__mqtt *m, int timeout_ms) {
    EVTWIN_FAIL_IF(!m->is_connected, EVTWIN_E_AGAIN, "%s: not connected", m->options.name);
    const int rc =
        m->failure < 0 ? 0 : look_quietly(m, timeout_ms < ROUND_MS ? timeout_ms : ROUND_MS);
    if (m->failure == EVTWIN_OK && rc != 0) {
        note_error(m, rc, "");
    }
    return m->failure < 0 ? lose(m) : EVTWIN_OK;
}

evtwin_status evtwin__mqtt_drop(evtwin__mqtt *m, evtwin_status status, const char *reason) {
    note_failure(m, status, "%s", reason);
    return lose(m);
}

/* Write out the queue, within that time. */
static void flush(evtwin__mqtt *m, int timeout_ms) {
    const int64_t deadline_ms = evtwin__monotonic_ms() + timeout_ms;
    int rc = 0, wait_ms = timeout_ms;
    while (rc == 0 && mosquitto_want_write(m->client) && wait_ms > 0) {
        struct pollfd p = {.fd = mosquitto_socket(m->client), .events = POLLOUT};
        rc = poll(&p, 1, wait_ms) > 0 ? mosquitto_loop_write(m->client, 1) : 0;
        wait_ms = left_ms(deadline_ms, timeout_ms);
    }
}

void evtwin__mqtt_release(evtwin__mqtt *m, int timeout_ms) {
    const evtwin__quiet q = evtwin__quiet_begin();
    m->n_unreleased = 0;
    if (m->is_connected) {
        flush(m, timeout_ms);
    }
    evtwin__quiet_end(q);
}

/* libmosquitto closes the socket right behind its last packet. If something unread is in it then,
 * the kernel resets the connection and what was sent may never be read: so it stays open here until
 * the broker has closed it. */
static void say_goodbye(evtwin__mqtt *m) {
    const int fd = dup(mosquitto_socket(m->client));
    const int64_t deadline_ms = evtwin__monotonic_ms() + GOODBYE_MS;
    char rest[4096];
    flush(m, GOODBYE_MS);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (fd >= 0 && poll(&p, 1, left_ms(deadline_ms, GOODBYE_MS)) > 0 &&
           read(fd, rest, sizeof rest) > 0) {
    }
    close(fd);
}

void evtwin__mqtt_free(evtwin__mqtt *m) {
    if (m == NULL) {
        return;
    }
    const evtwin__mqtt_options *o = &m->options;
    const evtwin__quiet q = evtwin__quiet_begin();
    if (m->is_connected && m->failure == EVTWIN_OK && may_write(m)) {
        if (o->status_topic != NULL) {
            mosquitto_publish_v5(m->client, NULL, o->status_topic, 7, "offline", 0,
                                 o->retains_status, NULL);
        }
        mosquitto_disconnect_v5(m->client, 0, NULL);
        say_goodbye(m);
    }
    mosquitto_destroy(m->client);
    evtwin__quiet_end(q);
    evtwin__free(m);
}
