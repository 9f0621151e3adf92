/* SPDX-License-Identifier: MIT */
/* stream/mqtt_outbox.c: deliver a batch of messages: a window of them is on its way, each is sent
 * until it is acknowledged or confirmed, and a batch that is offered again goes on where it was. */

#include "stream/mqtt_outbox.h"

#include "core/clock.h"
#include "core/crash_site.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "io/mqtt_reason.h"

#include <stdio.h>
#include <string.h>

enum {
    STALLED_MS = 5000,  /* a write fails if nothing moves on for so long … */
    LONGEST_MS = 15000, /* … or is not through after this */
    SOON_MS = 1000,
    FIRST_RESEND_MS = 5000,
    LONGEST_RESEND_MS = 60000,
    MANY_FRUITLESS = 3,
    NO_SUBSCRIBERS = 16, /* a reason of an acknowledgement: nobody got the message */
    ID_SIZE = 40
};

typedef enum stage {
    STAGE_NEW,   /* not sent, or refused */
    STAGE_SENT,  /* the broker has not acknowledged it */
    STAGE_TAKEN, /* it has, but no receiver has confirmed it */
    STAGE_DONE
} stage;

struct evtwin__outgoing {
    size_t topic, properties, payload, size; /* where in the text; size of the payload */
    size_t n_properties;
    stage stage;
    int mid;
    int64_t sent_ms;
    uint64_t number; /* its id in receipts */
};

/* ---- compose ---- */

evtwin_status evtwin__outbox_begin(evtwin__outbox *o, const char *topic) {
    evtwin__mailbag *bag = &o->next;
    if (bag->n == bag->capacity) {
        const size_t capacity = bag->capacity > 0 ? 2 * bag->capacity : 64;
        evtwin__outgoing *grown = evtwin__realloc(bag->messages, capacity, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu messages", capacity);
        bag->messages = grown;
        bag->capacity = capacity;
    }
    const size_t at = bag->text.size;
    evtwin__text_add(&bag->text, topic, strlen(topic) + 1);
    bag->messages[bag->n] =
        (evtwin__outgoing){.topic = at, .properties = bag->text.size, .payload = bag->text.size};
    return EVTWIN_OK;
}

void evtwin__outbox_property(evtwin__outbox *o, const char *name, const char *value) {
    evtwin__mailbag *bag = &o->next;
    evtwin__text_add(&bag->text, name, strlen(name) + 1);
    evtwin__text_add(&bag->text, value, strlen(value) + 1);
    bag->messages[bag->n].payload = bag->text.size;
    bag->messages[bag->n].n_properties++;
}

evtwin_status evtwin__outbox_end(evtwin__outbox *o) {
    evtwin__mailbag *bag = &o->next;
    EVTWIN_FAIL_IF(bag->text.is_failed, EVTWIN_E_NOMEM, "out of memory for messages");
    evtwin__outgoing *message = &bag->messages[bag->n++];
    message->size = bag->text.size - message->payload;
    return EVTWIN_OK;
}

void evtwin__outbox_clear(evtwin__outbox *o) {
    o->next.n = o->next.text.size = 0;
    o->next.text.is_failed = 0;
}

static void free_bag(evtwin__mailbag *bag) {
    evtwin__text_free(&bag->text);
    evtwin__free(bag->messages);
}

void evtwin__outbox_free(evtwin__outbox *o) {
    free_bag(&o->next);
    free_bag(&o->pending);
}

/* ---- the batch on its way ---- */

/* How many messages at the beginning of both are the same. */
static size_t n_common(const evtwin__mailbag *a, const evtwin__mailbag *b) {
    size_t i = 0;
    for (; i < a->n && i < b->n; i++) {
        const evtwin__outgoing *x = &a->messages[i], *y = &b->messages[i];
        if (x->size != y->size || x->topic != y->topic || x->payload != y->payload ||
            memcmp(a->text.data + x->topic, b->text.data + y->topic,
                   x->payload - x->topic + x->size) != 0) {
            break;
        }
    }
    return i;
}

static void count_stages(evtwin__outbox *o) {
    o->n_done = o->n_sent = o->n_taken = 0;
    o->first_open = o->next_new = o->pending.n;
    for (size_t i = o->pending.n; i-- > 0;) {
        const stage at = o->pending.messages[i].stage;
        o->n_done += at == STAGE_DONE;
        o->n_sent += at == STAGE_SENT;
        o->n_taken += at == STAGE_TAKEN;
        o->first_open = at != STAGE_DONE ? i : o->first_open;
        o->next_new = at == STAGE_NEW ? i : o->next_new;
    }
}

/* What was composed takes the place of what is pending, and goes on where that was as far as it is
 * the same: a batch is offered again as it was, or with rows added at its end. */
static void adopt(evtwin__outbox *o) {
    const size_t n_same = n_common(&o->next, &o->pending);
    const evtwin__mailbag old = o->pending;
    for (size_t i = 0; i < o->next.n; i++) {
        if (i < n_same) {
            o->next.messages[i] = old.messages[i];
        } else {
            o->next.messages[i].number = o->next_number++;
        }
    }
    o->pending = o->next;
    o->next = old;
    o->resend_ms = n_same > 0 ? o->resend_ms : FIRST_RESEND_MS;
    count_stages(o);
    evtwin__outbox_clear(o);
}

static void set_stage(evtwin__outbox *o, size_t i, stage to) {
    evtwin__outgoing *message = &o->pending.messages[i];
    o->n_sent += (to == STAGE_SENT) - (message->stage == STAGE_SENT);
    o->n_taken += (to == STAGE_TAKEN) - (message->stage == STAGE_TAKEN);
    o->n_done += to == STAGE_DONE;
    message->stage = to;
    while (o->first_open < o->pending.n && o->pending.messages[o->first_open].stage == STAGE_DONE) {
        o->first_open++;
    }
}

static evtwin_status send_one(evtwin__outbox *o, size_t i) {
    evtwin__outgoing *message = &o->pending.messages[i];
    char id[ID_SIZE];
    snprintf(id, sizeof id, "%08x-%llu", (unsigned)o->run, (unsigned long long)message->number);
    const evtwin__mqtt_publication p = {.topic = o->pending.text.data + message->topic,
                                        .payload = o->pending.text.data + message->payload,
                                        .payload_size = message->size,
                                        .qos = 1,
                                        .content_type = o->content_type,
                                        .properties = o->pending.text.data + message->properties,
                                        .n_properties = message->n_properties,
                                        .response_topic = o->receipt_topic,
                                        .correlation = o->receipt_topic != NULL ? id : NULL};
    EVTWIN__CRASH_SITE("mqtt.before_publish");
    EVTWIN_TRY(evtwin__mqtt_publish(o->mqtt, &p, &message->mid));
    EVTWIN__CRASH_SITE("mqtt.after_publish");
    message->sent_ms = evtwin__monotonic_ms();
    set_stage(o, i, STAGE_SENT);
    return EVTWIN_OK;
}

static evtwin_status send_new(evtwin__outbox *o) {
    const size_t broker_max = evtwin__mqtt_broker_max(o->mqtt);
    const size_t most_sent = broker_max < o->inflight ? broker_max : o->inflight;
    while (o->next_new < o->pending.n && o->n_sent < most_sent &&
           o->n_sent + o->n_taken < o->inflight) {
        if (o->pending.messages[o->next_new].stage == STAGE_NEW) {
            EVTWIN_TRY(send_one(o, o->next_new));
        }
        o->next_new++;
    }
    return EVTWIN_OK;
}

/* Send a message that was taken again soon, though it is not long ago. */
static void hasten(const evtwin__outbox *o, evtwin__outgoing *message) {
    const int64_t sent_ms = evtwin__monotonic_ms() + SOON_MS - o->resend_ms;
    message->sent_ms = sent_ms < message->sent_ms ? sent_ms : message->sent_ms;
}

/* A broker that was lost may have forgotten all that it took. */
static void look_for_new_connection(evtwin__outbox *o) {
    const uint64_t n = evtwin__mqtt_n_connected(o->mqtt);
    if (n == o->n_connected) {
        return;
    }
    for (size_t i = o->first_open; i < o->pending.n; i++) {
        hasten(o, &o->pending.messages[i]);
    }
    o->n_connected = n;
}

/* What the broker took long ago and no receiver has confirmed: it may have lost it. */
static evtwin_status send_unconfirmed(evtwin__outbox *o) {
    const int64_t now_ms = evtwin__monotonic_ms();
    look_for_new_connection(o);
    int has_sent = 0;
    for (size_t i = o->first_open; i < o->pending.n && o->n_taken > 0; i++) {
        const evtwin__outgoing *message = &o->pending.messages[i];
        if (message->stage == STAGE_TAKEN && now_ms - message->sent_ms >= o->resend_ms) {
            EVTWIN_TRY(send_one(o, i));
            has_sent = 1;
        }
    }
    if (has_sent && o->resend_ms < LONGEST_RESEND_MS) {
        o->resend_ms *= 2; /* its receiver may be slow: that must not make it slower */
    }
    return EVTWIN_OK;
}

static evtwin_status fail_refused(const evtwin__outbox *o) {
    const char *topic = o->pending.text.data + o->pending.messages[o->refused].topic;
    const int reason = o->refused_reason;
    const char *text = NULL;
    const evtwin_status st = evtwin__mqtt_reason(reason, &text);
    EVTWIN_FAIL_IF(text != NULL, st, "the broker refused a message to %.100s: %s", topic, text);
    EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "the broker refused a message to %.100s: code %d", topic,
                reason);
}

static evtwin_status fail_late(const evtwin__outbox *o) {
    const size_t n_left = o->pending.n - o->n_done;
    EVTWIN_FAIL_IF(o->n_taken == 0, EVTWIN_E_AGAIN,
                   "%zu of %zu messages are not acknowledged by the broker yet", n_left,
                   o->pending.n);
    EVTWIN_FAIL(EVTWIN_E_AGAIN, "%zu of %zu messages are not confirmed by a receiver yet%s", n_left,
                o->pending.n,
                o->has_no_receiver ? ": nobody subscribes to their topic; start the receiver" : "");
}

/* How long the write may still wait. */
static int patience_ms(const evtwin__outbox *o, int64_t begin_ms) {
    const int64_t stalled_ms = o->progress_ms + STALLED_MS, end_ms = begin_ms + LONGEST_MS;
    const int64_t left = (stalled_ms < end_ms ? stalled_ms : end_ms) - evtwin__monotonic_ms();
    return left > 0 ? (int)left : 0;
}

evtwin_status evtwin__outbox_deliver(evtwin__outbox *o) {
    adopt(o);
    const int64_t begin_ms = evtwin__monotonic_ms();
    o->progress_ms = begin_ms;
    o->has_no_receiver = o->refused_reason = 0;
    while (o->n_done < o->pending.n) {
        const int left_ms = patience_ms(o, begin_ms);
        if (o->refused_reason != 0) {
            return fail_refused(o);
        }
        if (left_ms == 0 || atomic_load(&o->is_interrupted)) {
            return fail_late(o);
        }
        EVTWIN_TRY(evtwin__mqtt_connect(o->mqtt, left_ms));
        EVTWIN_TRY(send_unconfirmed(o));
        EVTWIN_TRY(send_new(o));
        const evtwin_status st = evtwin__mqtt_run(o->mqtt, left_ms);
        if (st < 0 && st != EVTWIN_E_AGAIN) { /* a lost connection is made again above */
            return st;
        }
    }
    o->pending.n = o->pending.text.size = 0;
    o->n_done = o->first_open = o->next_new = 0;
    return EVTWIN_OK;
}

int evtwin__outbox_is_stuck(const evtwin__outbox *o) {
    return evtwin__mqtt_n_connected(o->mqtt) >= o->n_acked + MANY_FRUITLESS;
}

void evtwin__outbox_restart(evtwin__outbox *o, evtwin__mqtt *mqtt) {
    o->mqtt = mqtt;
    o->pending.n = o->pending.text.size = 0;
    o->n_connected = o->n_acked = 0;
}

/* ---- answers ---- */

void evtwin__outbox_on_ack(evtwin__outbox *o, int mid, int reason) {
    size_t i = o->first_open;
    while (i < o->pending.n &&
           (o->pending.messages[i].stage != STAGE_SENT || o->pending.messages[i].mid != mid)) {
        i++;
    }
    if (i >= o->pending.n) {
        return; /* of a batch that was given up, or a status */
    }
    if (reason >= 128) {
        o->refused_reason = reason;
        o->refused = i;
        o->next_new = i < o->next_new ? i : o->next_new; /* it is sent with the next try */
        set_stage(o, i, STAGE_NEW);
        return;
    }
    o->progress_ms = evtwin__monotonic_ms();
    o->n_acked = evtwin__mqtt_n_connected(o->mqtt);
    if (reason == NO_SUBSCRIBERS && o->receipt_topic != NULL) {
        o->has_no_receiver = 1;
        hasten(o, &o->pending.messages[i]);
    }
    set_stage(o, i, o->receipt_topic != NULL ? STAGE_TAKEN : STAGE_DONE);
}

/* Which message of the pending batch "run-number" names; n if none. */
static size_t find_id(const evtwin__outbox *o, const char *id) {
    char run[16];
    int64_t number = 0;
    const size_t length = (size_t)snprintf(run, sizeof run, "%08x-", (unsigned)o->run);
    size_t i = o->first_open;
    if (strncmp(id, run, length) != 0 ||
        !evtwin__parse_i64(id + length, strlen(id + length), &number)) {
        return o->pending.n;
    }
    while (i < o->pending.n && o->pending.messages[i].number != (uint64_t)number) {
        i++;
    }
    return i;
}

void evtwin__outbox_on_receipts(evtwin__outbox *o, const evtwin__mqtt_message *message) {
    for (size_t k = 0; k < message->n_receipts; k++) {
        const size_t i = find_id(o, message->receipts[k]);
        const stage at = i < o->pending.n ? o->pending.messages[i].stage : STAGE_DONE;
        if (at == STAGE_SENT || at == STAGE_TAKEN) {
            o->progress_ms = evtwin__monotonic_ms();
            set_stage(o, i, STAGE_DONE);
        }
    }
}
