/* SPDX-License-Identifier: MIT */
/* stream/mqtt_outbox.h: messages on their way to an MQTT broker until each is acknowledged, or
 * confirmed by its receiver. */
#ifndef EVTWIN_STREAM_MQTT_OUTBOX_H
#define EVTWIN_STREAM_MQTT_OUTBOX_H

#include "core/text.h"
#include "io/mqtt.h"

#include <stdatomic.h>

/* Receipts are sent below this topic only: a stranger's message cannot make us publish elsewhere.
 */
#define EVTWIN__MQTT_RECEIPTS "evtwin/receipts/"

typedef struct evtwin__outgoing evtwin__outgoing;

/* Messages of one batch. */
typedef struct evtwin__mailbag {
    evtwin__text text;          /* topics, properties, each with its NUL, and payloads */
    evtwin__outgoing *messages; /* (n) */
    size_t n, capacity;
} evtwin__mailbag;

typedef struct evtwin__outbox {
    evtwin__mqtt *mqtt;
    const char *content_type;  /* of every message; NULL: none */
    const char *receipt_topic; /* NULL: an acknowledgement of the broker is enough */
    size_t inflight;
    evtwin__mailbag next;    /* that is composed */
    evtwin__mailbag pending; /* that was offered last, if it could not be delivered yet */
    size_t n_done, first_open, next_new;
    size_t n_sent, n_taken; /* not acknowledged; acknowledged, but not confirmed */
    uint32_t run;           /* tells the receipts of this process from those of others */
    uint64_t next_number;   /* of the next message that is new */
    int resend_ms;          /* what is not confirmed is sent again after this time */
    uint64_t n_connected;   /* evtwin__mqtt_n_connected when it was looked at last */
    uint64_t n_acked;       /* the same when the broker last acknowledged something */
    int has_no_receiver;    /* the broker said so of a message */
    int refused_reason;     /* of the broker in this delivery, 0 = none … */
    size_t refused;         /* … for that message of those pending */
    int64_t progress_ms;
    atomic_int is_interrupted; /* by another thread: a delivery waits no longer */
} evtwin__outbox;

/* Compose a message of the next batch: its topic, then its user properties if it has any, then its
 * payload onto outbox->next.text, then its end. */
evtwin_status evtwin__outbox_begin(evtwin__outbox *o, const char *topic);
void evtwin__outbox_property(evtwin__outbox *o, const char *name, const char *value);
evtwin_status evtwin__outbox_end(evtwin__outbox *o);

/* Deliver what was composed. As far as it begins with what was offered before and failed, only what
 * is still open of that is sent. EVTWIN_E_AGAIN if nothing moves on for five seconds, or as
 * evtwin__mqtt_connect; EVTWIN_E_DENIED, EVTWIN_E_ARG, EVTWIN_E_RANGE, EVTWIN_E_EXTERNAL if the
 * broker refuses a message.
 */
evtwin_status evtwin__outbox_deliver(evtwin__outbox *o);

/* Drop what was composed. */
void evtwin__outbox_clear(evtwin__outbox *o);

/* Do connections end again and again before the broker acknowledges anything? */
int evtwin__outbox_is_stuck(const evtwin__outbox *o);

/* Forget what was offered before, and go on with another connection. */
void evtwin__outbox_restart(evtwin__outbox *o, evtwin__mqtt *mqtt);

/* For the callbacks of the connection. */
void evtwin__outbox_on_ack(evtwin__outbox *o, int mid, int reason);
void evtwin__outbox_on_receipts(evtwin__outbox *o, const evtwin__mqtt_message *message);

void evtwin__outbox_free(evtwin__outbox *o);

#endif
