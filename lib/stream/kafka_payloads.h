/* SPDX-License-Identifier: MIT */
/* stream/kafka_payloads.h: the messages of a batch: records or dead letters as JSON, one behind the
 * other, with their keys and, where CloudEvents are asked for, their headers. */
#ifndef EVTWIN_STREAM_KAFKA_PAYLOADS_H
#define EVTWIN_STREAM_KAFKA_PAYLOADS_H

#include "io/kafka.h"
#include "stream/cloudevent.h"
#include "stream/telemetry_json.h"

/* All zero is an empty one, of bare records. */
typedef struct evtwin__kafka_payloads {
    int cloudevents; /* an evtwin__cloudevents */
    int names;       /* whose the keys of records are */
    evtwin__text text;
    size_t *end; /* (n) of each message in the text */
    size_t n, capacity;

    /* what they were made from, borrowed: message i has its key and attributes from there */
    const void *from;
    const char *(*key)(const void *from, size_t i);
    evtwin_status (*event)(const void *from, size_t i, evtwin__cloudevent *out);
} evtwin__kafka_payloads;

void evtwin__kafka_payloads_free(evtwin__kafka_payloads *p);

/* In the place of what is there: the rows, of which evtwin__binding_check_keys holds. Their key is
 * their battery if has_key. */
evtwin_status evtwin__kafka_payloads_rows(evtwin__kafka_payloads *p, const evtwin__binding *binding,
                                          int has_key);

/* The same for letters, whose key is their source. */
evtwin_status evtwin__kafka_payloads_letters(evtwin__kafka_payloads *p,
                                             const evtwin_letter *letters, size_t n);

/* Add the messages from number `first` on to the producer's transaction. */
evtwin_status evtwin__kafka_payloads_put(const evtwin__kafka_payloads *p,
                                         evtwin__kafka_producer *producer, int topic, size_t first,
                                         int64_t deadline_ms);

#endif
