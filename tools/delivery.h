/* SPDX-License-Identifier: MIT */
/* tools/delivery.h: a pump whose source and sinks are those of a command line, and what is reported
 * of them. */
#ifndef EVTWIN_TOOLS_DELIVERY_H
#define EVTWIN_TOOLS_DELIVERY_H

#include "evtwin/stream.h"

typedef struct delivery {
    evtwin_pump *pump;
    void (*on_batch)(void *ctx, const evtwin_table *batch);             /* delivered, or held */
    void (*on_refusal)(void *ctx, const evtwin_refusal *refusal);       /* NULL = passed over */
    void (*on_out_of_range)(void *ctx, const evtwin_pump_event *event); /* likewise */
    void *ctx;                                                          /* of all three */
    int holds;            /* records for a sink that fails, which is reported */
    int uses_stdout;      /* a sink writes to standard output */
    int is_stdout_broken; /* and failed to */
} delivery;

/* Make the pump; the rest of *d is kept. 0, or an exit code. */
int delivery_open(delivery *d, const evtwin_pump_options *options);

/* The source, taken also on failure, or the one that a URI names. 0, or an exit code. */
int delivery_take_source(delivery *d, evtwin_source *source);
int delivery_open_source(delivery *d, const char *uri);

/* Open a sink; waits: also for a locked database. 0, or an exit code (CLI_CONTINUE: a signal ended
 * the wait). */
int delivery_open_sink(delivery *d, const char *uri, int waits);

/**
 * One batch, where records are held. A sink that fails is named once; its records wait in memory
 * and are offered again with growing pauses. CLI_CONTINUE, CLI_OK at the end of the source, another
 * exit code only for what waiting cannot cure: another process writes the same battery, a record
 * the sink refuses, standard output gone.
 */
int delivery_run(delivery *d, int timeout_ms);

/* Report the records of each sink that did not arrive. `code`, or CLI_FAILURE if there are any. */
int delivery_report_missing(const delivery *d, int code);

/* Deliver what is held at the end; a database that another process holds for some seconds must not
 * cost the last records. */
evtwin_status delivery_flush(delivery *d);

/* Offer what is held once more, flush, report the totals of each sink. `code`, or CLI_FAILURE if
 * records did not arrive. */
int delivery_finish(delivery *d, int code);

#endif
