/* SPDX-License-Identifier: MIT */
/* stream/kafka_payloads.c: what Kafka messages hold.
 * Source of headers: CloudEvents 1.0.2, Kafka protocol binding, sections 3.2 and 3.3 */

#include "stream/kafka_payloads.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/letter_json.h"

#include <stdio.h>
#include <string.h>

void evtwin__kafka_payloads_free(evtwin__kafka_payloads *p) {
    evtwin__text_free(&p->text);
    evtwin__free(p->end);
}

/* ---- where they are from ---- */

/* The key of a battery is the same for all its records, which keeps their order. */
static const char *battery_of(const void *from, size_t i) {
    const evtwin__binding *b = from;
    return evtwin_table_text(b->table, b->bound[EVTWIN__Q_BATTERY_ID].col, i);
}

static const char *source_of(const void *from, size_t i) {
    return ((const evtwin_letter *)from)[i].source;
}

static const char *no_key(const void *from, size_t i) {
    (void)from;
    (void)i;
    return NULL;
}

static evtwin_status event_of_row(const void *from, size_t i, evtwin__cloudevent *out) {
    return evtwin__cloudevent_of_row(from, i, out);
}

static evtwin_status event_of_letter(const void *from, size_t i, evtwin__cloudevent *out) {
    evtwin__cloudevent_of_letter((const evtwin_letter *)from + i, out);
    return EVTWIN_OK;
}

/* ---- compose ---- */

static evtwin_status begin(evtwin__kafka_payloads *p, size_t n) {
    p->text.size = p->n = 0;
    p->text.is_failed = 0;
    if (n > p->capacity) {
        size_t *grown = evtwin__realloc(p->end, n, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu messages", n);
        p->end = grown;
        p->capacity = n;
    }
    return EVTWIN_OK;
}

static int is_structured(const evtwin__kafka_payloads *p) {
    return p->cloudevents == EVTWIN__CLOUDEVENTS_STRUCTURED;
}

static evtwin_status begin_message(evtwin__kafka_payloads *p) {
    if (is_structured(p)) {
        evtwin__cloudevent event;
        EVTWIN_TRY(p->event(p->from, p->n, &event));
        evtwin__cloudevent_open(&event, &p->text);
    }
    return EVTWIN_OK;
}

static evtwin_status end_message(evtwin__kafka_payloads *p) {
    if (is_structured(p)) {
        evtwin__cloudevent_close(&p->text);
    }
    EVTWIN_FAIL_IF(p->text.is_failed, EVTWIN_E_NOMEM, "out of memory for messages");
    p->end[p->n++] = p->text.size;
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_payloads_rows(evtwin__kafka_payloads *p, const evtwin__binding *binding,
                                          int has_key) {
    p->from = binding;
    p->key = has_key ? battery_of : no_key;
    p->event = event_of_row;
    EVTWIN_TRY(begin(p, binding->rows));
    for (size_t row = 0; row < binding->rows; row++) {
        EVTWIN_TRY(begin_message(p));
        EVTWIN_TRY(evtwin__telemetry_put_named(binding, row,
                                               EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS,
                                               evtwin__names_naming(p->names), &p->text));
        EVTWIN_TRY(end_message(p));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_payloads_letters(evtwin__kafka_payloads *p,
                                             const evtwin_letter *letters, size_t n) {
    p->from = letters;
    p->key = source_of;
    p->event = event_of_letter;
    EVTWIN_TRY(begin(p, n));
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(begin_message(p));
        EVTWIN_TRY(evtwin__letter_put_json(&letters[i], &p->text));
        EVTWIN_TRY(end_message(p));
    }
    return EVTWIN_OK;
}

/* ---- send ---- */

enum { N_HEADERS = EVTWIN__CLOUDEVENT_ATTRIBUTES + 1, NAME_SIZE = 32 };

/* The headers of an event, whose strings they borrow; returns their number. */
static size_t make_headers(const evtwin__kafka_payloads *p, const evtwin__cloudevent *event,
                           evtwin__kafka_header to[N_HEADERS],
                           char names[EVTWIN__CLOUDEVENT_ATTRIBUTES][NAME_SIZE]) {
    to[0] =
        (evtwin__kafka_header){"content-type", is_structured(p) ? EVTWIN__CLOUDEVENTS_JSON_TYPE
                                                                : EVTWIN__CLOUDEVENTS_DATA_TYPE};
    if (is_structured(p)) {
        return 1;
    }
    for (size_t i = 0; i < EVTWIN__CLOUDEVENT_ATTRIBUTES; i++) {
        const evtwin__cloudevent_attribute at = evtwin__cloudevent_get(event, i);
        snprintf(names[i], NAME_SIZE, "ce_%s", at.name);
        to[i + 1] = (evtwin__kafka_header){names[i], at.value};
    }
    return N_HEADERS;
}

static evtwin_status put_message(const evtwin__kafka_payloads *p, evtwin__kafka_producer *producer,
                                 int topic, size_t i, int64_t deadline_ms) {
    const size_t start = i > 0 ? p->end[i - 1] : 0;
    const char *key = p->key(p->from, i);
    evtwin__cloudevent event;
    evtwin__kafka_header headers[N_HEADERS];
    char names[EVTWIN__CLOUDEVENT_ATTRIBUTES][NAME_SIZE];
    evtwin__kafka_record record = {.key = key,
                                   .key_size = key != NULL ? strlen(key) : 0,
                                   .data = p->text.data + start,
                                   .size = p->end[i] - start,
                                   .headers = headers};
    if (p->cloudevents != EVTWIN__CLOUDEVENTS_NONE) {
        EVTWIN_TRY(p->event(p->from, i, &event));
        record.n_headers = make_headers(p, &event, headers, names);
    }
    return evtwin__kafka_put(producer, topic, &record, deadline_ms);
}

evtwin_status evtwin__kafka_payloads_put(const evtwin__kafka_payloads *p,
                                         evtwin__kafka_producer *producer, int topic, size_t first,
                                         int64_t deadline_ms) {
    for (size_t i = first; i < p->n; i++) {
        EVTWIN_TRY(put_message(p, producer, topic, i, deadline_ms));
    }
    return EVTWIN_OK;
}
