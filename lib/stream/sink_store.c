/* SPDX-License-Identifier: MIT */
/* stream/sink_store.c: "sqlite:FILE" and "postgresql://HOST/DATABASE" as sinks: a store's inserts,
 * or its predictions. */

#include "core/status.h"
#include "store/lazy.h"
#include "stream/scheme.h"

enum { WRITE_ROWS = 0, WRITE_PREDICTIONS = 1 };

/* Rows are held by the pump while another process writes, and offered again: waiting long for the
 * lock would only keep them from the other sinks. */
static const int rows_busy_timeout_ms = 500;

typedef struct store_sink {
    evtwin_store *store;
    int write; /* WRITE_… */
    int shared;
    size_t n_conflicting; /* rows whose key another record has */
    size_t n_absent;      /* predictions of rows that the store does not have */
} store_sink;

/* The others are the store's. */
static const evtwin__param params[] = {
    EVTWIN__PARAM("write", WORD, offsetof(store_sink, write),
                  .words = {[WRITE_ROWS] = "rows", [WRITE_PREDICTIONS] = "predictions"}),
    EVTWIN__PARAM("shared", WORD, offsetof(store_sink, shared), .words = EVTWIN__FLAG_WORDS),
    {.key = NULL}};

static void close_sink(void *ctx) {
    store_sink *s = ctx;
    if (s->n_conflicting > 1) {
        evtwin__log(EVTWIN_LOG_WARNING, "%zu records had the key of another one and were left out",
                    s->n_conflicting);
    }
    if (s->n_absent > 1) {
        evtwin__log(EVTWIN_LOG_WARNING, "%zu predictions were of rows that the store did not have",
                    s->n_absent);
    }
    evtwin_store_free(s->store);
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    store_sink *s = ctx;
    evtwin_store_options options;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    if (s->write == WRITE_ROWS) {
        options.busy_timeout_ms = rows_busy_timeout_ms;
    }
    options.shares_batteries = s->shared;
    return evtwin__store_open_uri(uri, params, &options, &s->store);
}

/* A record that differs from the one that has its key is not stored, which must not go unseen. */
static void note_conflicts(store_sink *s, size_t n) {
    if (n > 0 && s->n_conflicting == 0) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%zu record%s the key (battery, time, seq) of another one and left out; the first "
            "one stays; more are counted",
            n, n == 1 ? " has" : "s have");
    }
    s->n_conflicting += n;
}

/* Rows with their position, in one transaction; then the states, which may be those of the batch
 * before if a crash comes in between: a session goes on from them all the same. */
static evtwin_status insert(store_sink *s, const evtwin_batch *batch) {
    evtwin_insert_report report;
    const int has_position = batch->source != NULL && batch->position != NULL &&
                             batch->source[0] != '\0' && batch->position[0] != '\0';
    evtwin_status st = has_position
                           ? evtwin_store_insert_from(s->store, batch->rows, batch->source,
                                                      batch->position, &report, sizeof report)
                           : evtwin_store_insert(s->store, batch->rows, &report, sizeof report);
    note_conflicts(s, st < 0 ? 0 : report.n_conflicting);
    if (st < 0 || batch->states == NULL) {
        return st;
    }
    evtwin_table *no_rows = NULL;
    const size_t none = 0;
    if ((st = evtwin_table_select(batch->states, &none, 0, &no_rows)) == EVTWIN_OK) {
        st = evtwin_store_put_predictions(s->store, no_rows, batch->states, NULL);
    }
    evtwin_table_free(no_rows);
    return st;
}

/* A row may come later than its prediction, or be gone: the prediction is dropped, which must not
 * go unseen. */
static evtwin_status predict(store_sink *s, const evtwin_batch *batch) {
    size_t n_updated = 0;
    EVTWIN_TRY(evtwin_store_put_predictions(s->store, batch->rows, batch->states, &n_updated));
    const size_t n_absent = evtwin_table_rows(batch->rows) - n_updated;
    if (n_absent > 0 && s->n_absent == 0) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%zu prediction%s of rows that the store does not have (any more) and left out; "
            "more are counted",
            n_absent, n_absent == 1 ? " is" : "s are");
    }
    s->n_absent += n_absent;
    return EVTWIN_OK;
}

/* What was written is on the disk when this returns. */
static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    store_sink *s = ctx;
    return s->write == WRITE_PREDICTIONS ? predict(s, batch) : insert(s, batch);
}

/* Predictions are written by key, any number of times: no position is kept with them. */
static evtwin_status position_of(void *ctx, const char *source, char *text, size_t text_size) {
    store_sink *s = ctx;
    return s->write == WRITE_PREDICTIONS ? EVTWIN_DONE
                                         : evtwin_store_position(s->store, source, text, text_size);
}

static evtwin_status states_of(void *ctx, const evtwin_table *batteries, evtwin_table **out) {
    return evtwin_store_states_of(((store_sink *)ctx)->store, batteries, out);
}

static evtwin_status check_sink(void *ctx, int timeout_ms) {
    return evtwin__store_check(((store_sink *)ctx)->store, timeout_ms);
}

static evtwin_status write_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    store_sink *s = ctx;
    return evtwin_store_put_letters(s->store, letters, n);
}

static void interrupt_sink(void *ctx) {
    evtwin_store_interrupt(((store_sink *)ctx)->store);
}

#define STORE_SINK                                                                                 \
    .params = params, .passes_params = 1, .ctx_size = sizeof(store_sink), .open = open_sink,       \
    .sink = {.write = write_sink,                                                                  \
             .close = close_sink,                                                                  \
             .position = position_of,                                                              \
             .check = check_sink,                                                                  \
             .write_letters = write_letters,                                                       \
             .interrupt = interrupt_sink,                                                          \
             .states = states_of}

const evtwin__scheme evtwin__sink_sqlite = {.name = "sqlite", .names_file = 1, STORE_SINK};
const evtwin__scheme evtwin__sink_postgresql = {.name = "postgresql", .takes_host = 1, STORE_SINK};
const evtwin__scheme evtwin__sink_postgres = {.name = "postgres", .takes_host = 1, STORE_SINK};
