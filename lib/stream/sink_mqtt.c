/* SPDX-License-Identifier: MIT */
/* stream/sink_mqtt.c: "mqtt://HOST/TOPIC" as a sink: telemetry JSON, one record a message or a list
 * of them, with QoS 1. */

#include "core/mem.h"
#include "core/status.h"
#include "stream/cloudevent.h"
#include "stream/letter_json.h"
#include "stream/mqtt_link.h"
#include "stream/mqtt_outbox.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DEFAULT_TOPIC "ev/battery/telemetry"
#define PLACEHOLDER "{battery_id}"

enum { MAX_TOPIC = 1024, MAX_BATCH = 1000, MAX_INFLIGHT = 65535 };

typedef struct mqtt_sink {
    evtwin__mqtt_link link;
    size_t batch; /* records in a message, as many as the broker takes */
    int is_list;  /* a message is a list of records */
    size_t inflight;
    int wants_receipts;
    int cloudevents; /* an evtwin__cloudevents */
    int names;       /* whose the keys of records are */
    const char *topic;
    int is_per_battery; /* the topic has {battery_id} */
    char receipt_topic[MAX_TOPIC];
    evtwin__outbox outbox;
} mqtt_sink;

static const evtwin__param params[] = {
    EVTWIN__MQTT_LINK_PARAMS(mqtt_sink, link),
    EVTWIN__PARAM("batch", SIZE, offsetof(mqtt_sink, batch), .min = 1),
    EVTWIN__PARAM("inflight", SIZE, offsetof(mqtt_sink, inflight), .min = 1),
    EVTWIN__PARAM("confirm", WORD, offsetof(mqtt_sink, wants_receipts),
                  .words = {"broker", "receipts"}),
    EVTWIN__PARAM("cloudevents", WORD, offsetof(mqtt_sink, cloudevents),
                  .words = EVTWIN__CLOUDEVENTS_WORDS),
    EVTWIN__PARAM("names", WORD, offsetof(mqtt_sink, names), .words = EVTWIN__NAMES_WORDS),
    {.key = NULL}};

/* ---- open ---- */

/* Write the topic for a battery: EVTWIN_E_ARG if the id has a character that means something in
 * topics, or the topic becomes too long. */
static evtwin_status make_topic(const mqtt_sink *s, const char *battery_id, char to[MAX_TOPIC]) {
    size_t n = 0;
    EVTWIN_FAIL_IF(strpbrk(battery_id, "+#/$") != NULL, EVTWIN_E_ARG,
                   "battery '%.60s' has a character that a topic cannot hold", battery_id);
    for (const char *from = s->topic; *from != '\0';) {
        const int is_place = strncmp(from, PLACEHOLDER, strlen(PLACEHOLDER)) == 0;
        const size_t length = is_place ? strlen(battery_id) : 1;
        EVTWIN_FAIL_IF(n + length >= MAX_TOPIC, EVTWIN_E_ARG, "the topic is longer than %d bytes",
                       MAX_TOPIC - 1);
        memcpy(to + n, is_place ? battery_id : from, length);
        n += length;
        from += is_place ? strlen(PLACEHOLDER) : 1;
    }
    to[n] = '\0';
    return EVTWIN_OK;
}

static evtwin_status check_topic(mqtt_sink *s, const char *path) {
    char topic[MAX_TOPIC];
    s->topic = path[0] != '\0' ? path : DEFAULT_TOPIC;
    s->is_per_battery = strstr(s->topic, PLACEHOLDER) != NULL;
    EVTWIN_TRY(make_topic(s, "x", topic));
    EVTWIN_FAIL_IF(!evtwin__mqtt_is_topic(topic), EVTWIN_E_ARG,
                   "mqtt: '%.200s' is not a topic to publish to: it has + or #, or is not UTF-8",
                   s->topic);
    EVTWIN_FAIL_IF(
        strncmp(topic, "$SYS/", 5) == 0 || strncmp(topic, "$share/", 7) == 0, EVTWIN_E_ARG,
        "mqtt: '%.200s' is a topic of the broker's own: only a source can name it", s->topic);
    return EVTWIN_OK;
}

static void on_ack(void *ctx, int mid, int reason) {
    mqtt_sink *s = ctx;
    evtwin__outbox_on_ack(&s->outbox, mid, reason);
}

static void on_message(void *ctx, const evtwin__mqtt_message *message) {
    mqtt_sink *s = ctx;
    evtwin__outbox_on_receipts(&s->outbox, message);
}

static evtwin_status open_receipts(mqtt_sink *s, const char *client_id) {
    EVTWIN_FAIL_IF(s->link.version != 0, EVTWIN_E_ARG, "mqtt: confirm=receipts needs version=5");
    const int n =
        snprintf(s->receipt_topic, sizeof s->receipt_topic, EVTWIN__MQTT_RECEIPTS "%s", client_id);
    EVTWIN_FAIL_IF(n >= MAX_TOPIC || !evtwin__mqtt_is_topic(s->receipt_topic), EVTWIN_E_ARG,
                   "mqtt: the client id '%.60s' cannot be part of a topic", client_id);
    s->outbox.receipt_topic = s->receipt_topic;
    return EVTWIN_OK;
}

/* Source: CloudEvents 1.0.2, MQTT protocol binding, sections 1.3 and 3: binary mode is of MQTT 5
 * only, there is no mode for several events, and 3.1.1 has no content type. */
static evtwin_status open_cloudevents(mqtt_sink *s) {
    const int is_binary = s->cloudevents == EVTWIN__CLOUDEVENTS_BINARY;
    if (s->cloudevents == EVTWIN__CLOUDEVENTS_NONE) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(s->batch > 1, EVTWIN_E_ARG,
                   "mqtt: an MQTT message holds one CloudEvent: leave batch=%zu out", s->batch);
    EVTWIN_FAIL_IF(is_binary && s->link.version != 0, EVTWIN_E_ARG,
                   "mqtt: cloudevents=binary needs version=5; version=3.1.1 can have "
                   "cloudevents=structured");
    s->outbox.content_type = is_binary              ? EVTWIN__CLOUDEVENTS_DATA_TYPE
                             : s->link.version == 0 ? EVTWIN__CLOUDEVENTS_JSON_TYPE
                                                    : NULL;
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    mqtt_sink *s = ctx;
    uint64_t random = 0; /* each sink is a client of its own */
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        random = (uint64_t)(uintptr_t)s ^ (uint64_t)evtwin_time_now();
    }
    s->batch = 1;
    s->inflight = 100;
    evtwin__mqtt_link_defaults(&s->link);
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_FAIL_IF(s->batch > MAX_BATCH || s->inflight > MAX_INFLIGHT, EVTWIN_E_ARG,
                   "mqtt: batch is at most %d, inflight %d", MAX_BATCH, MAX_INFLIGHT);
    s->is_list = s->batch > 1;
    EVTWIN_TRY(open_cloudevents(s));
    EVTWIN_TRY(check_topic(s, uri->path));
    const char *client_id = evtwin__mqtt_link_id(&s->link, random);
    EVTWIN_TRY(s->wants_receipts ? open_receipts(s, client_id) : EVTWIN_OK);
    evtwin__mqtt_options options = {.client_id = client_id,
                                    .receive_max = 20,
                                    .send_max = s->inflight,
                                    .filter = s->outbox.receipt_topic,
                                    .filter_qos = 0, /* one that is lost comes again */
                                    .on_message = on_message,
                                    .on_ack = on_ack,
                                    .ctx = s};
    EVTWIN_TRY(evtwin__mqtt_link_open(&s->link, uri, &options));
    s->outbox.mqtt = s->link.mqtt;
    s->outbox.inflight = s->inflight;
    s->outbox.run = (uint32_t)(random >> 32);
    return EVTWIN_OK;
}

static void close_sink(void *ctx) {
    mqtt_sink *s = ctx;
    evtwin__mqtt_link_close(&s->link);
    evtwin__outbox_free(&s->outbox);
}

static evtwin_status check_sink(void *ctx, int timeout_ms) {
    const mqtt_sink *s = ctx;
    return evtwin__mqtt_check(s->link.mqtt, timeout_ms);
}

/* ---- write ---- */

typedef struct place {
    const char *battery_id;
    size_t row;
} place;

static int by_battery(const void *a, const void *b) {
    const place *x = a, *y = b;
    const int order = strcmp(x->battery_id, y->battery_id);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* The order in which rows are sent: as they come, but those of a battery together if messages of
 * many records have one battery each. */
static evtwin_status order_rows(const mqtt_sink *s, const evtwin__binding *b, place *places) {
    for (size_t row = 0; row < b->rows; row++) {
        evtwin__value id;
        EVTWIN_TRY(evtwin__binding_get(b, EVTWIN__Q_BATTERY_ID, row, &id));
        places[row] = (place){id.text, row};
    }
    if (s->is_per_battery && s->is_list) {
        qsort(places, b->rows, sizeof *places, by_battery);
    }
    return EVTWIN_OK;
}

/* How many of the n rows go into one message. */
static size_t rows_of_message(const mqtt_sink *s, const place *places, size_t n) {
    size_t count = 1;
    while (count < s->batch && count < n &&
           (!s->is_per_battery || strcmp(places[0].battery_id, places[count].battery_id) == 0)) {
        count++;
    }
    return count;
}

/* What goes before the payload of an event, and behind it. */
static void begin_event(mqtt_sink *s, const evtwin__cloudevent *event) {
    if (s->cloudevents == EVTWIN__CLOUDEVENTS_STRUCTURED) {
        evtwin__cloudevent_open(event, &s->outbox.next.text);
        return;
    }
    for (size_t i = 0; i < EVTWIN__CLOUDEVENT_ATTRIBUTES; i++) {
        const evtwin__cloudevent_attribute at = evtwin__cloudevent_get(event, i);
        evtwin__outbox_property(&s->outbox, at.name, at.value);
    }
}

static void end_event(mqtt_sink *s) {
    if (s->cloudevents == EVTWIN__CLOUDEVENTS_STRUCTURED) {
        evtwin__cloudevent_close(&s->outbox.next.text);
    }
}

static evtwin_status compose_message(mqtt_sink *s, const evtwin__binding *b, const place *places,
                                     size_t n) {
    char topic[MAX_TOPIC];
    evtwin__text *text = &s->outbox.next.text;
    EVTWIN_TRY(make_topic(s, places[0].battery_id, topic));
    EVTWIN_TRY(evtwin__outbox_begin(&s->outbox, topic));
    if (s->cloudevents != EVTWIN__CLOUDEVENTS_NONE) { /* of one row */
        evtwin__cloudevent event;
        EVTWIN_TRY(evtwin__cloudevent_of_row(b, places[0].row, &event));
        begin_event(s, &event);
    }
    if (s->is_list) {
        evtwin__text_put(text, "[");
    }
    for (size_t i = 0; i < n; i++) {
        evtwin__text_put(text, i > 0 ? "," : "");
        EVTWIN_TRY(evtwin__telemetry_put_named(b, places[i].row,
                                               EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS,
                                               evtwin__names_naming(s->names), text));
    }
    if (s->is_list) {
        evtwin__text_put(text, "]");
    }
    end_event(s);
    return evtwin__outbox_end(&s->outbox);
}

static evtwin_status compose_rows(mqtt_sink *s, const evtwin__binding *b, const place *places) {
    evtwin__outbox_clear(&s->outbox);
    for (size_t row = 0; row < b->rows;) {
        const size_t n = rows_of_message(s, places + row, b->rows - row);
        EVTWIN_TRY(compose_message(s, b, places + row, n));
        row += n;
    }
    return EVTWIN_OK;
}

/* Was the last try in vain because of the size of messages? Not every broker says so: of MQTT 3.1.1
 * they only end the connection, and mosquitto 2.0.11 may do so before its refusal is read. */
static int are_too_large(const mqtt_sink *s, evtwin_status st) {
    return s->batch > 1 &&
           (st == EVTWIN_E_RANGE || (st == EVTWIN_E_AGAIN && evtwin__outbox_is_stuck(&s->outbox)));
}

/* With half as many records in a message. What is on its way would be sent again by the connection
 * that there is, and end it again. Some records may be sent twice. */
static evtwin_status shorten(mqtt_sink *s, const evtwin__binding *b, const place *places) {
    EVTWIN_TRY(evtwin__mqtt_link_renew(&s->link));
    evtwin__outbox_restart(&s->outbox, s->link.mqtt);
    s->batch /= 2;
    return compose_rows(s, b, places);
}

/* Messages that are larger than the broker takes are made shorter, for good unless it is a single
 * record that is too large. */
static evtwin_status deliver_rows(mqtt_sink *s, const evtwin__binding *b, const place *places) {
    const size_t asked = s->batch;
    evtwin_status st;
    EVTWIN_TRY(compose_rows(s, b, places));
    while (are_too_large(s, st = evtwin__outbox_deliver(&s->outbox))) {
        EVTWIN_TRY(shorten(s, b, places));
    }
    if (st == EVTWIN_E_RANGE) {
        s->batch = asked;
    } else if (s->batch < asked) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%s: %zu records are more than the broker takes in one message; %zu from now on",
            s->link.name, asked, s->batch);
    }
    return st;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    mqtt_sink *s = ctx;
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(batch->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
    EVTWIN_TRY(evtwin__binding_check_keys(&b));
    place *places = evtwin__calloc(b.rows, sizeof *places);
    EVTWIN_FAIL_IF(places == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", b.rows);
    evtwin_status st = order_rows(s, &b, places);
    st = st < 0 ? st : deliver_rows(s, &b, places);
    evtwin__free(places);
    return st;
}

static evtwin_status write_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    mqtt_sink *s = ctx;
    EVTWIN_FAIL_IF(s->is_per_battery, EVTWIN_E_ARG,
                   "refused records have no battery: name a topic without " PLACEHOLDER);
    EVTWIN_FAIL_IF(s->wants_receipts, EVTWIN_E_ARG,
                   "nobody confirms refused records: leave confirm=receipts out");
    evtwin__outbox_clear(&s->outbox);
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(evtwin__outbox_begin(&s->outbox, s->topic));
        if (s->cloudevents != EVTWIN__CLOUDEVENTS_NONE) {
            evtwin__cloudevent event;
            evtwin__cloudevent_of_letter(&letters[i], &event);
            begin_event(s, &event);
        }
        EVTWIN_TRY(evtwin__letter_put_json(&letters[i], &s->outbox.next.text));
        end_event(s);
        EVTWIN_TRY(evtwin__outbox_end(&s->outbox));
    }
    return evtwin__outbox_deliver(&s->outbox);
}

static void interrupt_sink(void *ctx) {
    atomic_store(&((mqtt_sink *)ctx)->outbox.is_interrupted, 1);
}

#define SCHEME(name_)                                                                              \
    {                                                                                              \
        .name = name_, .takes_host = 1, .params = params, .ctx_size = sizeof(mqtt_sink),           \
        .open = open_sink, .sink = {                                                               \
            .write = write_sink,                                                                   \
            .close = close_sink,                                                                   \
            .check = check_sink,                                                                   \
            .write_letters = write_letters,                                                        \
            .interrupt = interrupt_sink                                                            \
        }                                                                                          \
    }

const evtwin__scheme evtwin__sink_mqtt = SCHEME("mqtt");
const evtwin__scheme evtwin__sink_mqtts = SCHEME("mqtts");
