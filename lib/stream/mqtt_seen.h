/* SPDX-License-Identifier: MIT */
/* stream/mqtt_seen.h: which messages came last. One whose acknowledgement could not leave comes
 * again by the next connection; it was taken, and is known by its number and what is in it. */
#ifndef EVTWIN_STREAM_MQTT_SEEN_H
#define EVTWIN_STREAM_MQTT_SEEN_H

#include "core/text.h"
#include "io/mqtt.h"

typedef struct evtwin__seen_message {
    uint64_t connection, hash; /* connection 0: none */
    int mid;
    unsigned given; /* in that round of acknowledgements; 0 = not yet */
} evtwin__seen_message;

typedef struct evtwin__seen {
    evtwin__seen_message *messages; /* (mask + 1) by their number */
    size_t mask;
    unsigned round; /* of acknowledgements, from 1 on */
} evtwin__seen;

/* Room for so many that are not acknowledged, and more where the broker counts their numbers up. */
evtwin_status evtwin__seen_init(evtwin__seen *seen, size_t n_unacknowledged);
void evtwin__seen_free(evtwin__seen *seen);

/* Note a message that comes by a connection, counted from 1 on. 1: it came by an earlier one. */
int evtwin__seen_note(evtwin__seen *seen, uint64_t connection, const evtwin__mqtt_message *message);

/* It was not taken after all. */
void evtwin__seen_forget(evtwin__seen *seen, const evtwin__mqtt_message *message);

/* The message of that number was given whole; all that were so far are acknowledged. */
void evtwin__seen_give(evtwin__seen *seen, int mid);
void evtwin__seen_acknowledge(evtwin__seen *seen);

/* Add those that were given and are not acknowledged, for a position, "+MID.HASH" each; and know
 * them in the next process, where they come again. 0: the text is not such a list. */
void evtwin__seen_write(const evtwin__seen *seen, evtwin__text *text);
int evtwin__seen_read(evtwin__seen *seen, const char *text);

#endif
