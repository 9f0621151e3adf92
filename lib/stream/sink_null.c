/* SPDX-License-Identifier: MIT */
/* stream/sink_null.c: "null:" takes everything and keeps nothing. */

#include "core/status.h"
#include "stream/scheme.h"

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    (void)ctx;
    EVTWIN_FAIL_IF(uri->path[0] != '\0', EVTWIN_E_ARG, "null: takes nothing after the colon");
    return EVTWIN_OK;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    (void)ctx;
    (void)batch;
    return EVTWIN_OK;
}

const evtwin__scheme evtwin__sink_null = {
    .name = "null",
    .open = open_sink,
    .sink = {.write = write_sink},
};
