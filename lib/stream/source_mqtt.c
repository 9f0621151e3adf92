/* SPDX-License-Identifier: MIT */
/* stream/source_mqtt.c: "mqtt://HOST/FILTER" as a source: messages of one telemetry record or a
 * list of them, acknowledged once they are taken for good. */

#include "core/clock.h"
#include "core/crash_site.h"
#include "core/hash.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/mqtt_inbox.h"
#include "stream/mqtt_link.h"
#include "stream/mqtt_seen.h"
#include "stream/mqtt_topic.h"
#include "stream/pacing.h"
#include "stream/record_reader.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FILTER "ev/battery/telemetry"

enum {
    CONNECT_MS = 5000,
    RELEASE_MS = 1000,
    ROUND_MS = 1000,
    WEEK_S = 7 * 24 * 3600,
    MAX_RECEIVE = 65535
};

typedef struct mqtt_source {
    evtwin__mqtt_link link;
    int is_clean; /* the broker forgets us with the connection */
    size_t session_expiry_s, receive_max;
    evtwin_naive_time naive;
    const char *time_format; /* NULL = of any form */
    evtwin__time_counts times;
    const char *filter;
    evtwin__text named; /* a record that got its battery from the topic */
    evtwin__inbox inbox;
    evtwin__seen seen;            /* what came, to know it again after a lost connection */
    evtwin__record_reader reader; /* of the message at the front of the inbox */
    uint64_t n_read;              /* number of the last message that was given or refused whole */
    uint64_t n_given;             /* the same without those that came again, whole or not */
    uint64_t n_committed;         /* up to there they are taken for good */
    size_t max_receipts;          /* in one message */
    uint64_t instance;            /* tells its positions from those of other runs */
    evtwin__text position;        /* memory for making one */
} mqtt_source;

static const evtwin__param params[] = {
    EVTWIN__MQTT_LINK_PARAMS(mqtt_source, link),
    EVTWIN__PARAM("clean", WORD, offsetof(mqtt_source, is_clean), .words = EVTWIN__FLAG_WORDS),
    EVTWIN__PARAM("session_expiry_s", SIZE, offsetof(mqtt_source, session_expiry_s), .min = 1),
    EVTWIN__PARAM("receive_max", SIZE, offsetof(mqtt_source, receive_max), .min = 1),
    EVTWIN__PARAM("naive_time", WORD, offsetof(mqtt_source, naive), .words = EVTWIN__NAIVE_WORDS),
    EVTWIN__PARAM("time_format", TEXT, offsetof(mqtt_source, time_format)),
    {.key = NULL}};

/* ---- of a message ---- */

static evtwin_status decode(void *ctx, const char *text, size_t length, evtwin_table *table) {
    mqtt_source *s = ctx;
    const evtwin__time_rule rule = {s->time_format, s->naive};
    evtwin__time_kind kind;
    char id[64];
    s->named.is_failed = 0;
    if (evtwin__mqtt_topic_battery(s->filter, evtwin__inbox_front(&s->inbox)->topic, id,
                                   sizeof id) &&
        evtwin__mqtt_name_battery(text, length, id, &s->named)) {
        text = s->named.data;
        length = s->named.size;
    }
    EVTWIN_FAIL_IF(s->named.is_failed, EVTWIN_E_NOMEM, "out of memory for a record");
    EVTWIN_TRY(evtwin__telemetry_decode(text, length, &rule, table, &kind));
    evtwin__time_count(&s->times, kind);
    return EVTWIN_OK;
}

static void name_place(void *ctx, char place[EVTWIN__RECORD_PLACE]) {
    const mqtt_source *s = ctx;
    const evtwin__inbox_message *message = evtwin__inbox_front(&s->inbox);
    snprintf(place, EVTWIN__RECORD_PLACE, "%.300s [message %d]", message->topic, message->mid);
}

/* ---- open ---- */

/* The same for each start of the same source on the same machine, so that the broker knows it again
 * and gives it what came meanwhile. */
static uint64_t identity(const evtwin__uri *uri, const char *filter) {
    char machine[256] = "";
    gethostname(machine, sizeof machine - 1);
    uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, machine, strlen(machine) + 1);
    hash = evtwin__hash(hash, uri->host, strlen(uri->host) + 1);
    hash = evtwin__hash(hash, &uri->port, sizeof uri->port);
    hash = evtwin__hash(hash, uri->user, strlen(uri->user) + 1);
    return evtwin__hash(hash, filter, strlen(filter) + 1);
}

static void on_message(void *ctx, const evtwin__mqtt_message *message) {
    mqtt_source *s = ctx;
    const uint64_t connection = s->is_clean ? 1 : evtwin__mqtt_n_connected(s->link.mqtt);
    const int is_again = evtwin__seen_note(&s->seen, connection, message);
    if (!evtwin__inbox_put(&s->inbox, message, is_again) && !is_again) {
        evtwin__seen_forget(&s->seen, message);
    }
}

static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    mqtt_source *s = ctx;
    const char *filter = uri->path[0] != '\0' ? uri->path : DEFAULT_FILTER;
    s->filter = filter;
    s->reader = (evtwin__record_reader){.ctx = s, .decode = decode, .place = name_place};
    evtwin__mqtt_link_defaults(&s->link);
    s->session_expiry_s = WEEK_S;
    s->receive_max = 100;
    s->max_receipts = EVTWIN__MQTT_MAX_RECEIPTS;
    s->naive = EVTWIN_NAIVE_REJECT; /* a live stream must not guess what a time means */
    s->instance = (uint64_t)evtwin_time_now();
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_TRY(s->time_format != NULL ? evtwin__time_format_check(s->time_format) : EVTWIN_OK);
    EVTWIN_FAIL_IF(!evtwin__mqtt_is_filter(filter), EVTWIN_E_ARG,
                   "mqtt: '%.200s' is not a topic filter: + and # stand for whole levels", filter);
    EVTWIN_FAIL_IF(s->receive_max > MAX_RECEIVE || s->session_expiry_s > UINT32_MAX, EVTWIN_E_ARG,
                   "mqtt: receive_max is at most %d, session_expiry_s %lu", MAX_RECEIVE,
                   (unsigned long)UINT32_MAX);
    EVTWIN_TRY(evtwin__seen_init(&s->seen, s->receive_max));
    evtwin__mqtt_options options = {.client_id =
                                        evtwin__mqtt_link_id(&s->link, identity(uri, filter)),
                                    .retains_status = 1, /* its id is the same each time */
                                    .keeps_session = !s->is_clean,
                                    .session_expiry_s = (uint32_t)s->session_expiry_s,
                                    .receive_max = s->receive_max,
                                    .send_max = MAX_RECEIVE,
                                    .filter = filter,
                                    .filter_qos = 1,
                                    .holds_acks = 1,
                                    .on_message = on_message,
                                    .ctx = s};
    return evtwin__mqtt_link_open(&s->link, uri, &options);
}

static void close_source(void *ctx) {
    mqtt_source *s = ctx;
    evtwin__time_log(&s->times, s->link.name, s->naive);
    evtwin__mqtt_link_close(&s->link);
    evtwin__inbox_free(&s->inbox);
    evtwin__seen_free(&s->seen);
    evtwin__text_free(&s->position);
    evtwin__text_free(&s->named);
}

static evtwin_status check_source(void *ctx, int timeout_ms) {
    const mqtt_source *s = ctx;
    return evtwin__mqtt_check(s->link.mqtt, timeout_ms);
}

/* ---- receive ---- */

/* The next messages from the broker, waiting at most timeout_ms for the first and not for others.
 */
static evtwin_status receive(mqtt_source *s, size_t max_messages, int timeout_ms) {
    evtwin__mqtt *m = s->link.mqtt;
    const int64_t deadline_ms = evtwin__monotonic_ms() + timeout_ms;
    const int pause_ms = evtwin__mqtt_pause_ms(m);
    if (pause_ms > 0) {
        evtwin__sleep_s(1e-3 * (pause_ms < timeout_ms ? pause_ms : timeout_ms));
    }
    EVTWIN_TRY(evtwin__mqtt_connect(m, CONNECT_MS));
    for (;;) {
        const size_t n_before = evtwin__inbox_count(&s->inbox);
        const int64_t left = deadline_ms - evtwin__monotonic_ms();
        const int wait_ms = n_before > 0 || left <= 0 ? 0 : left > ROUND_MS ? ROUND_MS : (int)left;
        const evtwin_status st = evtwin__mqtt_run(m, wait_ms);
        const size_t n = evtwin__inbox_count(&s->inbox);
        EVTWIN_TRY(n == 0 ? st : EVTWIN_OK); /* what came is given, the failure comes again */
        if (s->inbox.is_failed) {            /* it must not be acknowledged: it comes again */
            s->inbox.is_failed = 0;
            return evtwin__mqtt_drop(m, EVTWIN_E_NOMEM, "out of memory for a message");
        }
        const int is_enough = n >= max_messages || evtwin__inbox_is_full(&s->inbox);
        if (st < 0 || is_enough || (n == n_before && (n > 0 || wait_ms < ROUND_MS))) {
            return EVTWIN_OK;
        }
    }
}

/* ---- acknowledge ---- */

/* Tell senders which of their messages up to that number are taken for good. A receipt that is lost
 * is asked for again by its message. */
static void send_receipts(mqtt_source *s, uint64_t number) {
    const char *ids[EVTWIN__MQTT_MAX_RECEIPTS];
    const evtwin__inbox_receipt *first;
    while ((first = evtwin__inbox_receipt_at(&s->inbox, 0)) != NULL && first->number <= number) {
        evtwin__mqtt_publication p = {.topic = first->topic, .payload = "", .receipts = ids};
        const evtwin__inbox_receipt *r = first;
        while (r != NULL && r->number <= number && p.n_receipts < s->max_receipts &&
               strcmp(r->topic, first->topic) == 0) {
            ids[p.n_receipts++] = r->id;
            r = evtwin__inbox_receipt_at(&s->inbox, p.n_receipts);
        }
        const evtwin_status st = evtwin__mqtt_publish(s->link.mqtt, &p, NULL);
        if (st == EVTWIN_E_RANGE && p.n_receipts > 1) { /* more than the broker takes at once */
            s->max_receipts = p.n_receipts / 2;
            continue;
        }
        if (st < 0) {
            evtwin__log(EVTWIN_LOG_INFO, "a receipt was not sent: %s", evtwin_last_error());
        }
        evtwin__inbox_drop_receipts(&s->inbox, p.n_receipts);
    }
}

/* Acknowledgements leave in the order in which messages came, all that wait at once: so they wait
 * until every message that was received is taken for good. Those that came again were given before:
 * they are taken for good with the others. */
static void settle(mqtt_source *s) {
    const int has_all = evtwin__inbox_front(&s->inbox) == NULL && s->n_committed >= s->n_given;
    send_receipts(s, has_all ? s->n_read : s->n_committed);
    if (has_all) {
        EVTWIN__CRASH_SITE("mqtt.before_puback");
        evtwin__mqtt_release(s->link.mqtt, RELEASE_MS);
        evtwin__seen_acknowledge(&s->seen);
        EVTWIN__CRASH_SITE("mqtt.after_puback");
    }
}

/* ---- read ---- */

/* The number of the last message, for a commit, and which ones the broker may give again, for the
 * next process. */
static evtwin_status set_position(mqtt_source *s, evtwin_source *source) {
    char number[64];
    evtwin__text *position = &s->position;
    snprintf(number, sizeof number, "%llx:%llu", (unsigned long long)s->instance,
             (unsigned long long)s->n_read);
    position->size = 0;
    position->is_failed = 0;
    evtwin__text_put(position, number);
    evtwin__seen_write(&s->seen, position);
    evtwin__text_add(position, "", 1);
    EVTWIN_FAIL_IF(position->is_failed, EVTWIN_E_NOMEM, "%s: out of memory for a position",
                   s->link.name);
    return evtwin_source_set_position(source, position->data);
}

static void pass(mqtt_source *s, const evtwin__inbox_message *message) {
    evtwin__seen_give(&s->seen, message->mid);
    s->n_read = evtwin__inbox_pass(&s->inbox);
}

/* Records of the messages at hand, up to a bad one, which comes by itself in the next call. */
static evtwin_status give(mqtt_source *s, evtwin_source *source, size_t max_rows,
                          evtwin_table *table) {
    const size_t first = evtwin_table_rows(table);
    const evtwin__inbox_message *message;
    while ((message = evtwin__inbox_front(&s->inbox)) != NULL &&
           evtwin_table_rows(table) - first < max_rows) {
        const size_t n = evtwin_table_rows(table) - first;
        if (message->is_again) {
            pass(s, message);
            continue;
        }
        const uint64_t number = message->number;
        if (s->reader.data == NULL) {
            evtwin__record_reader_begin(&s->reader, message->payload, message->payload_size);
        }
        const evtwin_status st =
            evtwin__record_reader_take(&s->reader, source, max_rows - n, n > 0, table);
        const int has_given = st == EVTWIN_REFUSED || evtwin_table_rows(table) - first > n;
        s->n_given = has_given ? number : s->n_given;
        if (s->reader.data == NULL) {
            pass(s, message);
        }
        if (st == EVTWIN_DONE || (st < 0 && n > 0)) {
            return EVTWIN_OK; /* those before are given first, a failure comes again */
        }
        if (st != EVTWIN_OK) {
            return st;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    mqtt_source *s = ctx;
    if (evtwin__inbox_front(&s->inbox) == NULL) {
        EVTWIN_TRY(receive(s, max_rows, timeout_ms));
    }
    if (evtwin__inbox_front(&s->inbox) != NULL) {
        EVTWIN__CRASH_SITE("mqtt.before_accept");
    }
    const size_t n_rows = evtwin_table_rows(table);
    const uint64_t n_read = s->n_read;
    const evtwin_status st = give(s, source, max_rows, table);
    if (st < 0) {
        return st;
    }
    if (set_position(s, source) < 0) { /* they are acknowledged with what comes next */
        evtwin__log(EVTWIN_LOG_WARNING, "%s", evtwin_last_error());
    }
    if (st == EVTWIN_OK && s->n_read > n_read && evtwin_table_rows(table) == n_rows) {
        settle(s); /* nothing was given of these, and so nothing will be committed for them */
    }
    return st;
}

static evtwin_status commit_source(void *ctx, const char *position) {
    mqtt_source *s = ctx;
    char instance[32];
    int64_t number = 0;
    const size_t n =
        (size_t)snprintf(instance, sizeof instance, "%llx:", (unsigned long long)s->instance);
    EVTWIN_FAIL_IF(strncmp(position, instance, n) != 0 ||
                       !evtwin__parse_i64(position + n, strcspn(position + n, "+"), &number) ||
                       number < 0 || (uint64_t)number > s->n_read,
                   EVTWIN_E_ARG, "'%.60s' is not a position of this source", position);
    s->n_committed = (uint64_t)number > s->n_committed ? (uint64_t)number : s->n_committed;
    settle(s);
    return EVTWIN_OK;
}

/* The broker knows by itself what was not acknowledged, and gives it again: what of that lies
 * before the position is known again. */
static evtwin_status seek_source(void *ctx, const char *position) {
    mqtt_source *s = ctx;
    if (s->is_clean) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!evtwin__seen_read(&s->seen, position + strcspn(position, "+")), EVTWIN_E_PARSE,
                   "'%.60s' is not a position of mqtt:", position);
    return EVTWIN_OK;
}

#define SCHEME(name_)                                                                              \
    {                                                                                              \
        .name = name_, .takes_host = 1, .params = params, .ctx_size = sizeof(mqtt_source),         \
        .open = open_source, .source = {                                                           \
            .read = read_source,                                                                   \
            .commit = commit_source,                                                               \
            .close = close_source,                                                                 \
            .seek = seek_source,                                                                   \
            .check = check_source                                                                  \
        }                                                                                          \
    }

const evtwin__scheme evtwin__source_mqtt = SCHEME("mqtt");
const evtwin__scheme evtwin__source_mqtts = SCHEME("mqtts");
