/* SPDX-License-Identifier: MIT */
/* stream/pump_spool.h: the sinks of a pump with a spool: a thread each, fed from the spool. */
#ifndef EVTWIN_STREAM_PUMP_SPOOL_H
#define EVTWIN_STREAM_PUMP_SPOOL_H

#include "evtwin/spool.h"

#include "stream/pump_outlet.h"

/* Calls are the pump's, one at a time. */
typedef struct evtwin__delivery evtwin__delivery;

/* Start the threads of the (n) sinks and of that of letters (NULL = none), all borrowed, as is the
 * spool. Errors as of evtwin__spool_match_sinks. */
evtwin_status evtwin__delivery_start(evtwin_spool *spool, evtwin_sink *const *sinks, size_t n,
                                     evtwin_sink *letters, size_t max_batch_rows,
                                     evtwin__delivery **out);

/* Stop them: what is not delivered stays in the spool. NULL is fine. */
void evtwin__delivery_free(evtwin__delivery *delivery);

/* Let the source, whose position is kept under that name, go on behind what was accepted of it, and
 * the session (NULL = none) from the states that belong to that. */
evtwin_status evtwin__delivery_resume(evtwin_spool *spool, evtwin_source *source, const char *name,
                                      evtwin_session *session);

/* Into the spool with a batch or, if letters is not NULL, with letters that have the batch's source
 * and position; waits for room at most timeout_ms. */
evtwin_status evtwin__delivery_accept(evtwin_spool *spool, const evtwin_batch *batch,
                                      const evtwin__letter_list *letters, int timeout_ms);

/* Report what happened to the sinks since the last call. */
void evtwin__delivery_report(evtwin__delivery *delivery, const evtwin__pump_setup *setup);

/* Wait until every sink has all, at most so long; one that fails is tried once more at once, and
 * waited for as long as its failure is temporary and its next try comes in that time.
 * EVTWIN_E_AGAIN says what waits for which sink, and why. */
evtwin_status evtwin__delivery_drain(evtwin__delivery *delivery, double seconds);

/* A number that is another one once something was accepted or taken; and to wait for that, at most
 * so long. */
uint64_t evtwin__delivery_generation(const evtwin__delivery *delivery);
void evtwin__delivery_wait(const evtwin__delivery *delivery, uint64_t generation, double seconds);

/* Counts of sink i, that of letters being the last. */
void evtwin__delivery_stats(evtwin__delivery *delivery, size_t i, evtwin_pump_sink_stats *out);

#endif
