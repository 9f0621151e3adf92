/* SPDX-License-Identifier: MIT */
/* stream/kafka_progress.h: how far each source of a producer is written, as records of a compacted
 * topic: one record for each producer and source, written in the transaction of the rows. */
#ifndef EVTWIN_STREAM_KAFKA_PROGRESS_H
#define EVTWIN_STREAM_KAFKA_PROGRESS_H

#include "core/text.h"
#include "io/kafka.h"

#define EVTWIN__KAFKA_PROGRESS_TOPIC "ev_battery_progress"

typedef struct evtwin__kafka_progress evtwin__kafka_progress;

/* Of the producer of that transactional id (copied). Nothing is known yet. */
evtwin_status evtwin__kafka_progress_create(const char *transactional_id,
                                            evtwin__kafka_progress **out);
void evtwin__kafka_progress_free(evtwin__kafka_progress *progress);

/* A record as the topic has it: evtwin__kafka_record_fn. Others' are passed over. */
evtwin_status evtwin__kafka_progress_take(void *progress, const char *key, size_t key_size,
                                          const char *data, size_t size);

/* Position of the source, NULL if there is none. Borrowed until the next change. */
const char *evtwin__kafka_progress_find(const evtwin__kafka_progress *progress, const char *source);

/* Is what was read up to `position` of the source already written? */
int evtwin__kafka_progress_covers(const evtwin__kafka_progress *progress, const char *source,
                                  const char *position);

/* The record of a new position: its key and value are the two parts of text, cut at *key_size. */
evtwin_status evtwin__kafka_progress_put(const evtwin__kafka_progress *progress, const char *source,
                                         const char *position, evtwin__text *text,
                                         size_t *key_size);

/* It is committed. */
evtwin_status evtwin__kafka_progress_set(evtwin__kafka_progress *progress, const char *source,
                                         const char *position);

#endif
