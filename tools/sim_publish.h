/* SPDX-License-Identifier: MIT */
/* tools/sim_publish.h: the sinks of the command line behind a pump, and what is reported of them.
 */
#ifndef EVTWIN_TOOLS_SIM_PUBLISH_H
#define EVTWIN_TOOLS_SIM_PUBLISH_H

#include "evtwin/stream.h"

enum { PUBLISHER_MAX_BATCH = 8192 };

typedef struct publisher publisher;

/* Open every sink, waiting for a locked database. CLI_CONTINUE, or an exit code after saying which
 * did not open (CLI_OK: a signal ended the wait). Batches have at most max_batch rows. */
int publisher_open_for(size_t max_batch, char *const *uris, size_t n, size_t max_held,
                       publisher **out);
int publisher_open(char *const *uris, size_t n, size_t max_held, publisher **out);

/* Each batch that was delivered, or is held. */
typedef void (*publisher_batch_fn)(void *ctx, const evtwin_table *batch);

/* The source that publisher_run reads; taken, also on failure. 0 or an exit code. */
int publisher_take_source(publisher *p, evtwin_source *source, publisher_batch_fn fn, void *ctx);

/**
 * One batch of the source. A sink that fails is named once; its records wait in memory, at most
 * max_held of them, and are offered again with growing pauses. CLI_CONTINUE, CLI_OK at the end of
 * the source, another exit code only for what waiting cannot cure: another process writes the same
 * battery, a record the sink refuses, standard output gone.
 */
int publisher_run(publisher *p, int timeout_ms);

/* The same for records that are there, without a source: 0, or the exit code. */
int publisher_offer(publisher *p, const evtwin_table *batch);

/* Offer what is held once more, flush, close, free. `code`, or CLI_FAILURE if records did not
 * arrive. */
int publisher_close(publisher *p, int code);

#endif
