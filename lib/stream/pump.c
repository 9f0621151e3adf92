/* SPDX-License-Identifier: MIT */
/* stream/pump.c: move batches from a source through a predictor into sinks. */

#include "evtwin/stream.h"
#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

/* How far the batch has come; on failure it stays where it is. */
typedef enum stage { STAGE_EMPTY, STAGE_READ, STAGE_PREDICTED } stage;

typedef struct outlet {
    evtwin_sink *sink;
    int has_batch; /* this sink has taken the batch */
} outlet;

struct evtwin_pump {
    evtwin_source *source;
    evtwin_predictor *predictor;
    outlet *outlets;
    size_t n_outlets;
    evtwin_table
        *batch; /* one table for all batches, so that nothing is allocated in the long run */
    stage stage;
    evtwin_batch_fn fn;
    void *fn_ctx;
    evtwin_pump_stats stats;
};

evtwin_status evtwin_pump_create(evtwin_pump **out) {
    if (out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "out is NULL");
    }
    evtwin_pump *p = evtwin__calloc(1, sizeof *p);
    if (p == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a pump");
    }
    const evtwin_status st = evtwin_telemetry_table_create(&p->batch);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    *out = p;
    return EVTWIN_OK;
}

void evtwin_pump_free(evtwin_pump *pump) {
    if (pump == NULL) {
        return;
    }
    for (size_t i = 0; i < pump->n_outlets; i++) {
        evtwin_sink_free(pump->outlets[i].sink);
    }
    evtwin_source_free(pump->source);
    evtwin_predictor_free(pump->predictor);
    evtwin_table_free(pump->batch);
    evtwin__free(pump->outlets);
    evtwin__free(pump);
}

evtwin_status evtwin_pump_take_source(evtwin_pump *pump, evtwin_source *source) {
    if (pump == NULL || source == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump or source is NULL");
    }
    if (pump->source != NULL) {
        EVTWIN_FAIL(EVTWIN_E_STATE, "the pump has a source");
    }
    pump->source = source;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_sink(evtwin_pump *pump, evtwin_sink *sink) {
    if (pump == NULL || sink == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump or sink is NULL");
    }
    outlet *grown = evtwin__realloc(pump->outlets, pump->n_outlets + 1, sizeof *grown);
    if (grown == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a sink");
    }
    pump->outlets = grown;
    pump->outlets[pump->n_outlets++] = (outlet){.sink = sink};
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_predictor(evtwin_pump *pump, evtwin_predictor *predictor) {
    if (pump == NULL || predictor == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump or predictor is NULL");
    }
    if (pump->predictor != NULL) {
        EVTWIN_FAIL(EVTWIN_E_STATE, "the pump has a predictor");
    }
    pump->predictor = predictor;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_on_batch(evtwin_pump *pump, evtwin_batch_fn fn, void *ctx) {
    if (pump == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump is NULL");
    }
    pump->fn = fn;
    pump->fn_ctx = ctx;
    return EVTWIN_OK;
}

/* DONE only when nothing came with it. */
static evtwin_status read_batch(evtwin_pump *p, size_t max_rows) {
    evtwin_status st = evtwin_table_resize(p->batch, 0);
    if (st == EVTWIN_OK) {
        st = evtwin_source_read(p->source, max_rows, p->batch);
    }
    const size_t n = evtwin_table_rows(p->batch);
    if (st < 0 || n == 0) {
        return st;
    }
    p->stats.n_read += n;
    p->stage = STAGE_READ;
    for (size_t i = 0; i < p->n_outlets; i++) {
        p->outlets[i].has_batch = 0;
    }
    return EVTWIN_OK;
}

/* A row with neither figure is unknown. */
static void count_predictions(evtwin_pump *p) {
    const size_t rul = evtwin_table_find(p->batch, "rul_prediction");
    const size_t failure = evtwin_table_find(p->batch, "failure_probability");
    const size_t n = evtwin_table_rows(p->batch);
    for (size_t i = 0; i < n; i++) {
        const int is_known = !isnan(evtwin_table_number(p->batch, rul, i)) ||
                             !isnan(evtwin_table_number(p->batch, failure, i));
        p->stats.n_predicted += is_known;
        p->stats.n_unknown += !is_known;
    }
}

static evtwin_status predict_batch(evtwin_pump *p) {
    if (p->predictor != NULL) {
        const evtwin_status st = evtwin_predictor_apply(p->predictor, p->batch);
        if (st < 0) {
            return st;
        }
        count_predictions(p);
    }
    p->stage = STAGE_PREDICTED;
    return EVTWIN_OK;
}

/* A sink that fails does not keep the batch from the others; the first failure is the answer. */
static evtwin_status write_batch(evtwin_pump *p) {
    evtwin_status first = EVTWIN_OK;
    char text[TEXT_SIZE];
    for (size_t i = 0; i < p->n_outlets; i++) {
        outlet *o = &p->outlets[i];
        if (o->has_batch) {
            continue;
        }
        const evtwin_status st = evtwin_sink_write(o->sink, p->batch);
        o->has_batch = st >= 0;
        if (st < 0 && first == EVTWIN_OK) {
            first = st;
            snprintf(text, sizeof text, "%s", evtwin_last_error());
        }
    }
    if (first < 0) {
        EVTWIN_FAIL(first, "%s", text);
    }
    return EVTWIN_OK;
}

static evtwin_status move_batch(evtwin_pump *p, size_t max_rows) {
    evtwin_status st = EVTWIN_OK;
    if (p->stage == STAGE_EMPTY) {
        st = read_batch(p, max_rows);
    }
    if (p->stage == STAGE_READ) {
        st = predict_batch(p);
    }
    return p->stage == STAGE_PREDICTED ? write_batch(p) : st;
}

evtwin_status evtwin_pump_run_once(evtwin_pump *pump, size_t max_rows, size_t *n_rows_out) {
    if (pump == NULL || max_rows == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump is NULL or max_rows is 0");
    }
    if (pump->source == NULL) {
        EVTWIN_FAIL(EVTWIN_E_STATE, "the pump has no source");
    }
    const evtwin_status st = move_batch(pump, max_rows);
    if (st < 0) {
        pump->stats.n_errors++;
        return st;
    }
    size_t n = 0;
    if (pump->stage == STAGE_PREDICTED) {
        n = evtwin_table_rows(pump->batch);
        pump->stats.n_written += pump->n_outlets > 0 ? n : 0;
        pump->stage = STAGE_EMPTY;
        if (pump->fn != NULL) {
            pump->fn(pump->fn_ctx, pump->batch);
        }
    }
    if (n_rows_out != NULL) {
        *n_rows_out = n;
    }
    return st;
}

evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out, size_t size) {
    if (pump == NULL || out == NULL || size < sizeof out->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pump or out is NULL, or out is too small");
    }
    evtwin__report_copy(out, size, &pump->stats, sizeof pump->stats);
    return EVTWIN_OK;
}
