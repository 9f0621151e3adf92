/* SPDX-License-Identifier: MIT */
/* stream/end_null.c: "null:" takes everything and keeps nothing. */

#include "stream/ends.h"

#include "core/status.h"

static evtwin_status open_null(const evtwin__uri *uri, void **state_out) {
    if (uri->path[0] != '\0') {
        EVTWIN_FAIL(EVTWIN_E_ARG, "null: takes nothing after the colon");
    }
    *state_out = NULL;
    return EVTWIN_OK;
}

static evtwin_status write_null(void *state, const evtwin_table *table) {
    (void)state;
    (void)table;
    return EVTWIN_OK;
}

static evtwin_status flush_null(void *state) {
    (void)state;
    return EVTWIN_OK;
}

static void close_null(void *state) {
    (void)state;
}

static const char *const params[] = {NULL};

const evtwin__sink_end evtwin__sink_null = {
    .scheme = "null",
    .params = params,
    .open = open_null,
    .write = write_null,
    .flush = flush_null,
    .close = close_null,
};
