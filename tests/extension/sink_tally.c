/* SPDX-License-Identifier: MIT */
/* tests/extension/sink_tally.c: "tally:" counts the rows it takes. */

#include "stream/scheme.h"

/* Rows taken by all sinks of this kind: the test looks here. */
extern long evtwin_tally;
long evtwin_tally;

static evtwin_status open_tally(const evtwin__uri *uri, void *ctx) {
    (void)uri;
    (void)ctx;
    return EVTWIN_OK;
}

static evtwin_status write_tally(void *ctx, const evtwin_batch *batch) {
    (void)ctx;
    evtwin_tally += (long)evtwin_table_rows(batch->rows);
    return EVTWIN_OK;
}

const evtwin__scheme evtwin__sink_tally = {
    .name = "tally",
    .open = open_tally,
    .sink = {.write = write_tally},
};
