/* SPDX-License-Identifier: MIT */
/* tools/ingest_tool.h: the options of evtwin-ingest and its one way to run. */
#ifndef EVTWIN_TOOLS_INGEST_TOOL_H
#define EVTWIN_TOOLS_INGEST_TOOL_H

#include "cli/cli.h"
#include "delivery.h"
#include "scrape.h"

/* Index of each option in the table of evtwin-ingest.c. */
enum {
    INGEST_SOURCE,
    INGEST_NAIVE_TIME,
    INGEST_ONCE,
    INGEST_SINK,
    INGEST_DEAD_LETTER,
    INGEST_SPOOL, /* the first of them */
    INGEST_CHECK = INGEST_SPOOL + DELIVERY_N_OPTIONS,
    INGEST_LATE_AFTER,
    INGEST_FUTURE_AFTER,
    INGEST_METRICS, /* the first of them */
    INGEST_N_OPTIONS = INGEST_METRICS + SCRAPE_N_OPTIONS
};

/* Returns an exit code. source: with what options say of it. */
int ingest_run(const cli *c, const char *source);

#endif
