/* SPDX-License-Identifier: MIT */
/* stream/mqtt_inbox.c: a queue of messages in memory, whose bounds are the broker's window and a
 * number of bytes. */

#include "stream/mqtt_inbox.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/mqtt_outbox.h"

#include <string.h>

enum { MAX_BYTES = 8 << 20, MAX_ID = 64, MAX_TOPIC = 1024, MAX_OWED = 65536 };

/* ---- messages ---- */

/* Does its sender want a receipt, on a topic where receipts belong, with an id that can be one? */
static int wants_receipt(const evtwin__mqtt_message *m) {
    const size_t n = strlen(EVTWIN__MQTT_RECEIPTS);
    if (strncmp(m->response_topic, EVTWIN__MQTT_RECEIPTS, n) != 0 ||
        strlen(m->response_topic) > MAX_TOPIC || !evtwin__mqtt_is_topic(m->response_topic) ||
        m->correlation_size == 0 || m->correlation_size > MAX_ID) {
        return 0;
    }
    for (size_t i = 0; i < m->correlation_size; i++) {
        if (m->correlation[i] <= ' ' || m->correlation[i] > '~') {
            return 0;
        }
    }
    return 1;
}

static char *copy(char *to, const char *from, size_t size, const char **out) {
    memcpy(to, from, size);
    to[size] = '\0';
    *out = to;
    return to + size + 1;
}

static evtwin__inbox_message *copy_message(const evtwin__mqtt_message *from, int is_again) {
    const int has_id = wants_receipt(from);
    const size_t topic_size = strlen(from->topic);
    const size_t payload_size = is_again ? 0 : from->payload_size;
    const size_t response_size = has_id ? strlen(from->response_topic) : 0;
    const size_t id_size = has_id ? from->correlation_size : 0;
    evtwin__inbox_message *m =
        evtwin__calloc(1, sizeof *m + topic_size + payload_size + response_size + id_size + 4);
    if (m != NULL) {
        char *to = copy((char *)(m + 1), from->topic, topic_size, &m->topic);
        to = copy(to, from->payload, payload_size, &m->payload);
        if (has_id) {
            to = copy(to, from->response_topic, response_size, &m->response_topic);
            copy(to, from->correlation, id_size, &m->id);
        }
        m->mid = from->mid;
        m->payload_size = payload_size;
        m->is_again = is_again;
    }
    return m;
}

static int make_room(evtwin__inbox *inbox) {
    if (inbox->first == inbox->n) {
        inbox->first = inbox->n = 0;
    }
    if (inbox->n < inbox->capacity) {
        return 1;
    }
    const size_t capacity = inbox->capacity > 0 ? 2 * inbox->capacity : 64;
    evtwin__inbox_message **grown =
        evtwin__realloc(inbox->messages, capacity, sizeof *inbox->messages);
    if (grown != NULL) {
        inbox->messages = grown;
        inbox->capacity = capacity;
    }
    return grown != NULL;
}

int evtwin__inbox_put(evtwin__inbox *inbox, const evtwin__mqtt_message *message, int is_again) {
    evtwin__inbox_message *m = make_room(inbox) ? copy_message(message, is_again) : NULL;
    if (m == NULL) {
        inbox->is_failed = 1;
        return 0;
    }
    m->number = ++inbox->n_came;
    inbox->messages[inbox->n++] = m;
    inbox->bytes += m->payload_size;
    if (message->qos == 0 && inbox->n_best_effort++ == 0) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: messages come with QoS 0, which may be lost on their way: publish with "
                    "QoS 1",
                    message->topic);
    }
    return 1;
}

size_t evtwin__inbox_count(const evtwin__inbox *inbox) {
    return inbox->n - inbox->first;
}

int evtwin__inbox_is_full(const evtwin__inbox *inbox) {
    return inbox->bytes >= MAX_BYTES;
}

const evtwin__inbox_message *evtwin__inbox_front(const evtwin__inbox *inbox) {
    return inbox->first < inbox->n ? inbox->messages[inbox->first] : NULL;
}

/* ---- receipts ---- */

/* Without memory for it there is none: the sender then sends the message again. */
static void owe_receipt(evtwin__inbox *inbox, const evtwin__inbox_message *m) {
    if (inbox->n_receipts == inbox->receipt_capacity) {
        const size_t capacity = inbox->receipt_capacity > 0 ? 2 * inbox->receipt_capacity : 64;
        evtwin__inbox_receipt *grown =
            capacity <= MAX_OWED ? evtwin__realloc(inbox->receipts, capacity, sizeof *grown) : NULL;
        if (grown == NULL) {
            return;
        }
        inbox->receipts = grown;
        inbox->receipt_capacity = capacity;
    }
    evtwin__inbox_receipt r = {.number = m->number,
                               .topic = evtwin__strdup(m->response_topic),
                               .id = evtwin__strdup(m->id)};
    if (r.topic == NULL || r.id == NULL) {
        evtwin__free((char *)r.topic);
        evtwin__free((char *)r.id);
        return;
    }
    inbox->receipts[inbox->n_receipts++] = r;
}

uint64_t evtwin__inbox_pass(evtwin__inbox *inbox) {
    evtwin__inbox_message *m = inbox->messages[inbox->first++];
    const uint64_t number = m->number;
    if (m->response_topic != NULL) {
        owe_receipt(inbox, m);
    }
    inbox->bytes -= m->payload_size;
    evtwin__free(m);
    return number;
}

const evtwin__inbox_receipt *evtwin__inbox_receipt_at(const evtwin__inbox *inbox, size_t i) {
    return i < inbox->n_receipts ? &inbox->receipts[i] : NULL;
}

void evtwin__inbox_drop_receipts(evtwin__inbox *inbox, size_t n) {
    for (size_t i = 0; i < n; i++) {
        evtwin__free((char *)inbox->receipts[i].topic);
        evtwin__free((char *)inbox->receipts[i].id);
    }
    inbox->n_receipts -= n;
    if (n == 0) {
        return;
    }
    memmove(inbox->receipts, inbox->receipts + n, inbox->n_receipts * sizeof *inbox->receipts);
}

void evtwin__inbox_free(evtwin__inbox *inbox) {
    for (size_t i = inbox->first; i < inbox->n; i++) {
        evtwin__free(inbox->messages[i]);
    }
    evtwin__free(inbox->messages);
    evtwin__inbox_drop_receipts(inbox, inbox->n_receipts);
    evtwin__free(inbox->receipts);
}
