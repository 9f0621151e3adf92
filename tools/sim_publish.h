/* SPDX-License-Identifier: MIT */
/* tools/sim_publish.h: give batches of records to sinks, holding them for one that does not take
 * them. */
#ifndef EVTWIN_TOOLS_SIM_PUBLISH_H
#define EVTWIN_TOOLS_SIM_PUBLISH_H

#include "evtwin/table.h"

typedef struct publisher publisher;

/* Open every sink, waiting for a locked database. CLI_CONTINUE, or an exit code after saying which
 * did not open (CLI_OK: a signal ended the wait). */
int publisher_open(char *const *uris, size_t n, size_t max_held, publisher **out);

/**
 * Offer a batch. A sink that fails is named once; its records wait in memory, at most max_held of
 * them, and are offered again with growing pauses. An exit code only for what waiting cannot cure:
 * another process writes the same battery, a record the sink refuses, standard output gone.
 */
int publisher_offer(publisher *p, const evtwin_table *batch);

/* Offer what is held once more, flush, close, free. `code`, or CLI_FAILURE if records did not
 * arrive. */
int publisher_close(publisher *p, int code);

#endif
