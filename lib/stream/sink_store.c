/* SPDX-License-Identifier: MIT */
/* stream/sink_store.c: "sqlite:FILE" as a sink: a store's inserts, or its predictions. */

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"
#include "stream/store_uri.h"

enum { WRITE_ROWS = 0, WRITE_PREDICTIONS = 1 };

static const char *const write_words[] = {
    [WRITE_ROWS] = "rows", [WRITE_PREDICTIONS] = "predictions"};

typedef struct store_sink {
    evtwin_store *store;
    size_t write; /* WRITE_… */
} store_sink;

static void close_sink(void *ctx) {
    store_sink *s = ctx;
    if (s != NULL) {
        evtwin_store_free(s->store);
        evtwin__free(s);
    }
}

static evtwin_status open_sink(const evtwin__uri *uri, void **ctx_out) {
    evtwin_store_options options;
    evtwin_status st = EVTWIN_OK;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    store_sink *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    if ((st = evtwin__param_word(uri, "write", write_words, 2, &s->write)) < 0 ||
        (st = evtwin__param_number(uri, "retention_days", 0.0, 1e6, &options.retention_days)) < 0 ||
        (st = evtwin__store_open_uri(uri, &options, &s->store)) < 0) {
        close_sink(s);
        return st;
    }
    *ctx_out = s;
    return EVTWIN_OK;
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

static const char *const params[] = {"write", "retention_days", NULL};

const evtwin__scheme evtwin__sink_sqlite = {
    .name = "sqlite",
    .params = params,
    .open = open_sink,
    .sink = {.write = write_sink, .close = close_sink},
};
