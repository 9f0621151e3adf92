/* SPDX-License-Identifier: MIT */
/* stream/mqtt_inbox.h: messages that came and were not read yet, and the receipts that are owed for
 * those that were. */
#ifndef EVTWIN_STREAM_MQTT_INBOX_H
#define EVTWIN_STREAM_MQTT_INBOX_H

#include "core/text.h"
#include "io/mqtt.h"

typedef struct evtwin__inbox_message {
    uint64_t number; /* from 1 on, in the order in which they came */
    int mid;
    size_t payload_size;
    int is_again; /* it was given by another number; there is no payload */
    const char *topic, *payload;
    const char *response_topic, *id; /* NULL unless its sender wants a receipt */
} evtwin__inbox_message;

typedef struct evtwin__inbox_receipt {
    uint64_t number;
    const char *topic, *id;
} evtwin__inbox_receipt;

/* All zero is an empty one. */
typedef struct evtwin__inbox {
    evtwin__inbox_message **messages; /* [first] to [n - 1] */
    size_t first, n, capacity, bytes;
    evtwin__inbox_receipt *receipts; /* (n_receipts) in the order of their numbers */
    size_t n_receipts, receipt_capacity;
    uint64_t n_came;
    uint64_t n_best_effort; /* that were sent with QoS 0, and so may be lost on their way */
    int is_failed;          /* a message was not kept for want of memory */
} evtwin__inbox;

/* Keep a copy, of one that came before by an earlier connection (is_again) without the payload.
 * 0: there is no memory for it, and inbox->is_failed is set. */
int evtwin__inbox_put(evtwin__inbox *inbox, const evtwin__mqtt_message *message, int is_again);

size_t evtwin__inbox_count(const evtwin__inbox *inbox);

/* 1 if no more messages should be taken for now. */
int evtwin__inbox_is_full(const evtwin__inbox *inbox);

/* The oldest, NULL if there is none. */
const evtwin__inbox_message *evtwin__inbox_front(const evtwin__inbox *inbox);

/* Drop it; a receipt that it wants is owed from now on. Returns its number. */
uint64_t evtwin__inbox_pass(evtwin__inbox *inbox);

/* Receipt number i of those that are owed, NULL beyond the last; drop the first n. */
const evtwin__inbox_receipt *evtwin__inbox_receipt_at(const evtwin__inbox *inbox, size_t i);
void evtwin__inbox_drop_receipts(evtwin__inbox *inbox, size_t n);

void evtwin__inbox_free(evtwin__inbox *inbox);

#endif
