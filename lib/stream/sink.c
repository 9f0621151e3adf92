/* SPDX-License-Identifier: MIT */
/* stream/sink.c: a sink is its callbacks and its name, which every failure of it bears. */

#include "evtwin/stream.h"

#include "core/mem.h"
#include "core/status.h"

struct evtwin_sink {
    evtwin_sink_callbacks callbacks;
    void *ctx;
};

evtwin_status evtwin_sink_create(const evtwin_sink_callbacks *callbacks, void *ctx,
                                 evtwin_sink **out) {
    evtwin_sink_callbacks taken = {.size = 0};
    EVTWIN_FAIL_IF(callbacks == NULL || out == NULL, EVTWIN_E_ARG, "callbacks or out is NULL");
    evtwin__options_copy(&taken, sizeof taken, callbacks, callbacks->size);
    EVTWIN_FAIL_IF(taken.name == NULL || taken.write == NULL, EVTWIN_E_ARG,
                   "a sink needs a name and a function to write");
    evtwin_sink *s = evtwin__calloc(1, sizeof *s);
    char *name = evtwin__strdup(taken.name);
    if (s == NULL || name == NULL) {
        evtwin__free(s);
        evtwin__free(name);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%.200s: out of memory for a sink", taken.name);
    }
    s->callbacks = taken;
    s->callbacks.name = name;
    s->ctx = ctx;
    *out = s;
    return EVTWIN_OK;
}

void evtwin_sink_free(evtwin_sink *sink) {
    if (sink == NULL) {
        return;
    }
    if (sink->callbacks.flush != NULL) {
        sink->callbacks.flush(sink->ctx);
    }
    if (sink->callbacks.close != NULL) {
        sink->callbacks.close(sink->ctx);
    }
    evtwin__free((char *)sink->callbacks.name);
    evtwin__free(sink);
}

const char *evtwin_sink_uri(const evtwin_sink *sink) {
    return sink != NULL ? sink->callbacks.name : "";
}

/* A sink of a caller's own cannot set the error text: what its status means stands in for it. */
static void forget_error(void) {
    (void)evtwin__fail(EVTWIN_E_STATE, "%s", "");
}

static evtwin_status name_failure(const evtwin_sink *sink, evtwin_status status) {
    if (status >= 0) {
        return EVTWIN_OK;
    }
    const char *text = evtwin_last_error();
    EVTWIN_FAIL(status, "%s: %s", sink->callbacks.name,
                *text != '\0' ? text : evtwin_status_text(status));
}

evtwin_status evtwin_sink_write_batch(evtwin_sink *sink, const evtwin_batch *batch) {
    EVTWIN_FAIL_IF(sink == NULL || batch == NULL || batch->rows == NULL, EVTWIN_E_ARG,
                   "sink, batch or its rows are NULL");
    evtwin_batch taken = {.size = 0};
    evtwin__options_copy(&taken, sizeof taken, batch, batch->size);
    taken.size = sizeof taken;
    if (evtwin_table_rows(taken.rows) == 0) {
        return EVTWIN_OK;
    }
    forget_error();
    return name_failure(sink, sink->callbacks.write(sink->ctx, &taken));
}

evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table) {
    const evtwin_batch batch = {.size = sizeof batch, .rows = table};
    return evtwin_sink_write_batch(sink, &batch);
}

evtwin_status evtwin_sink_flush(evtwin_sink *sink) {
    EVTWIN_FAIL_IF(sink == NULL, EVTWIN_E_ARG, "sink is NULL");
    if (sink->callbacks.flush == NULL) {
        return EVTWIN_OK;
    }
    forget_error();
    return name_failure(sink, sink->callbacks.flush(sink->ctx));
}
