/* SPDX-License-Identifier: MIT */
/* stream/sink_store.c: "sqlite:FILE" as a sink: a store's inserts, or its predictions. */

#include "core/status.h"
#include "stream/scheme.h"

enum { WRITE_ROWS = 0, WRITE_PREDICTIONS = 1 };

typedef struct store_sink {
    evtwin_store *store;
    evtwin__store_params params;
    int write; /* WRITE_… */
} store_sink;

static const evtwin__param params[] = {
    EVTWIN__PARAM("write", WORD, offsetof(store_sink, write),
                  .words = {[WRITE_ROWS] = "rows", [WRITE_PREDICTIONS] = "predictions"}),
    EVTWIN__STORE_PARAMS(store_sink),
    {.key = NULL}};

static void close_sink(void *ctx) {
    store_sink *s = ctx;
    evtwin_store_free(s->store);
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    store_sink *s = ctx;
    return evtwin__store_open_uri(uri, params, s, &s->params, 0, &s->store);
}

/* Rows with their position, in one transaction; then the states, which may be those of the batch
 * before if a crash comes in between: a session goes on from them all the same. */
static evtwin_status insert(evtwin_store *store, const evtwin_batch *batch) {
    const int has_position = batch->source != NULL && batch->position != NULL &&
                             batch->source[0] != '\0' && batch->position[0] != '\0';
    evtwin_status st = has_position ? evtwin_store_insert_from(store, batch->rows, batch->source,
                                                               batch->position, NULL, 0)
                                    : evtwin_store_insert(store, batch->rows, NULL, 0);
    if (st < 0 || batch->states == NULL) {
        return st;
    }
    evtwin_table *no_rows = NULL;
    const size_t none = 0;
    if ((st = evtwin_table_select(batch->states, &none, 0, &no_rows)) == EVTWIN_OK) {
        st = evtwin_store_put_predictions(store, no_rows, batch->states, NULL);
    }
    evtwin_table_free(no_rows);
    return st;
}

/* What was written is on the disk when this returns. */
static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    store_sink *s = ctx;
    return s->write == WRITE_PREDICTIONS
               ? evtwin_store_put_predictions(s->store, batch->rows, batch->states, NULL)
               : insert(s->store, batch);
}

const evtwin__scheme evtwin__sink_sqlite = {
    .name = "sqlite",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(store_sink),
    .open = open_sink,
    .sink = {.write = write_sink, .close = close_sink},
};
