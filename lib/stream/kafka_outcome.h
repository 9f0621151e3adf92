/* SPDX-License-Identifier: MIT */
/* stream/kafka_outcome.h: what became of a transaction of which it was not known whether it was
 * committed. Its messages may come again, at the front of a batch. */
#ifndef EVTWIN_STREAM_KAFKA_OUTCOME_H
#define EVTWIN_STREAM_KAFKA_OUTCOME_H

#include "io/kafka.h"

typedef struct evtwin__kafka_messages {
    size_t n, size; /* 0 = none */
    uint64_t hash;
    int with_offsets; /* of their source, in the same transaction: it need not commit them */
} evtwin__kafka_messages;

/* All zero: nothing is unsure. */
typedef struct evtwin__kafka_outcome {
    evtwin__kafka_messages unsure, committed;
    int is_sought;                /* the producer broke: the topic tells what became of them */
    evtwin__kafka_place place;    /* of one of them */
    evtwin__kafka_reader *reader; /* NULL = not begun */
} evtwin__kafka_outcome;

/* Nothing is in doubt any more; frees what it has. */
void evtwin__kafka_outcome_forget(evtwin__kafka_outcome *outcome);

/* These n messages are in a transaction whose end is not known. */
void evtwin__kafka_outcome_doubt(evtwin__kafka_outcome *outcome, const char *text, size_t size,
                                 size_t n, int with_offsets);

/* Of those it is known now. */
void evtwin__kafka_outcome_decide(evtwin__kafka_outcome *outcome, int is_committed);

/* No answer of the producer will tell, but the topic may. */
void evtwin__kafka_outcome_seek(evtwin__kafka_outcome *outcome, evtwin__kafka_place place);

/* Find out what is sought, after a new producer of the id was started. EVTWIN_E_AGAIN: call it
 * again. Logs a warning if the topic does not tell: then they count as not committed. */
evtwin_status evtwin__kafka_outcome_find(evtwin__kafka_outcome *outcome,
                                         const evtwin__kafka_config *config, const char *topic,
                                         int64_t deadline_ms);

/* How many of these n messages, from the first on, were committed without our knowing at the time.
 * end: (n) of each in the text. */
size_t evtwin__kafka_outcome_count(const evtwin__kafka_outcome *outcome, const char *text,
                                   const size_t *end, size_t n);

#endif
