/* SPDX-License-Identifier: MIT */
/* stream/pump_make.c: put a pump together and take it apart; what it counts. */

#include "stream/pump_return.h"

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* ---- make ---- */

evtwin_status evtwin_pump_options_init(evtwin_pump_options *options, size_t size) {
    const evtwin_pump_options defaults = {.size = sizeof defaults,
                                          .max_batch_rows = 4096,
                                          .first_pause_s = 0.5,
                                          .longest_pause_s = 30.0,
                                          .drain_s = 10.0};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

/* A sink gets what is held in one batch: a database takes no more than 2^20 rows at once. */
enum { MAX_HELD_ROWS = 1000000 };

evtwin_status evtwin_pump_create(const evtwin_pump_options *options, evtwin_pump **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_pump_options taken;
    evtwin_pump_options_init(&taken, sizeof taken);
    EVTWIN_TRY(evtwin__options_merge(&taken, sizeof taken, options, "evtwin_pump_options_init"));
    EVTWIN_FAIL_IF(taken.max_held_rows > MAX_HELD_ROWS, EVTWIN_E_ARG,
                   "max_held_rows is %zu, more than %d: a spool holds more", taken.max_held_rows,
                   MAX_HELD_ROWS);
    EVTWIN_FAIL_IF(taken.max_batch_rows == 0 || !(taken.first_pause_s >= 0.0) ||
                       !(taken.longest_pause_s >= 0.0) || !(taken.drain_s >= 0.0),
                   EVTWIN_E_ARG, "max_batch_rows is 0, or a time is not 0 s or more");
    EVTWIN_FAIL_IF(taken.recalls_states && taken.max_held_rows > 0, EVTWIN_E_ARG,
                   "recalls_states and max_held_rows %zu: a sink for which rows are held does not "
                   "know the batteries' pasts",
                   taken.max_held_rows);
    evtwin_pump *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for a pump");
    const evtwin_status st = evtwin_telemetry_table_create(&p->batch);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    p->setup.options = taken;
    *out = p;
    return EVTWIN_OK;
}

void evtwin_pump_free(evtwin_pump *pump) {
    if (pump == NULL) {
        return;
    }
    evtwin__delivery_free(pump->delivery);
    for (size_t i = 0; i < pump->n_outlets; i++) {
        evtwin__outlet_free(&pump->outlets[i]);
    }
    evtwin__outlet_free(&pump->letters);
    evtwin_spool_free(pump->spool);
    evtwin_source_free(pump->source);
    evtwin_session_free(pump->session);
    evtwin_predictor_free(pump->predictor);
    evtwin_table_free(pump->states);
    evtwin_table_free(pump->batch);
    evtwin__text_free(&pump->position);
    evtwin__free(pump->source_name);
    evtwin__free(pump->outlets);
    evtwin__free(pump);
}

evtwin_status evtwin_pump_take_source(evtwin_pump *pump, evtwin_source *source) {
    EVTWIN_FAIL_IF(pump == NULL || source == NULL, EVTWIN_E_ARG, "pump or source is NULL");
    EVTWIN_FAIL_IF(pump->source != NULL, EVTWIN_E_STATE, "the pump has a source");

    /* parameters come and go: the position stays */
    char *name = evtwin__strdup(evtwin_source_uri(source));
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "out of memory for a source");
    name[strcspn(name, "?")] = '\0';
    pump->source_name = name;
    pump->source = source;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_sink(evtwin_pump *pump, evtwin_sink *sink) {
    EVTWIN_FAIL_IF(pump == NULL || sink == NULL, EVTWIN_E_ARG, "pump or sink is NULL");
    EVTWIN_FAIL_IF(pump->delivery != NULL, EVTWIN_E_STATE, "the pump delivers already");
    evtwin__outlet *grown = evtwin__realloc(pump->outlets, pump->n_outlets + 1, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for a sink");
    pump->outlets = grown;
    pump->outlets[pump->n_outlets++] = (evtwin__outlet){.sink = sink};
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_predictor(evtwin_pump *pump, evtwin_predictor *predictor) {
    EVTWIN_FAIL_IF(pump == NULL || predictor == NULL, EVTWIN_E_ARG, "pump or predictor is NULL");
    EVTWIN_FAIL_IF(pump->predictor != NULL, EVTWIN_E_STATE, "the pump has a predictor");
    evtwin_session_options options;
    evtwin_session_options_init(&options, sizeof options);
    options.n_reasons = pump->setup.options.n_reasons;
    options.explains_each = !pump->setup.options.reasons_of_newest;
    const evtwin_status st = evtwin_session_create(predictor, &options, &pump->session);
    pump->predictor = st == EVTWIN_OK ? predictor : NULL;
    return st;
}

evtwin_status evtwin_pump_swap_predictor(evtwin_pump *pump, evtwin_predictor *predictor,
                                         size_t *n_anew_out) {
    EVTWIN_FAIL_IF(pump == NULL || predictor == NULL, EVTWIN_E_ARG, "pump or predictor is NULL");
    EVTWIN_FAIL_IF(pump->predictor == NULL, EVTWIN_E_STATE, "the pump has no predictor to swap");
    EVTWIN_FAIL_IF(pump->stage == STAGE_PREDICTED, EVTWIN_E_AGAIN,
                   "a batch of %zu predicted rows waits for its sinks: run the pump first",
                   evtwin_table_rows(pump->batch));
    EVTWIN_TRY(evtwin_session_swap(pump->session, predictor, n_anew_out));
    evtwin_predictor_free(pump->predictor);
    pump->predictor = predictor;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_dead_letters(evtwin_pump *pump, evtwin_sink *sink) {
    EVTWIN_FAIL_IF(pump == NULL || sink == NULL, EVTWIN_E_ARG, "pump or sink is NULL");
    EVTWIN_FAIL_IF(pump->letters.sink != NULL || pump->delivery != NULL, EVTWIN_E_STATE,
                   "the pump has a dead-letter sink, or delivers already");
    const evtwin_letter none = {.size = sizeof none};
    EVTWIN_TRY(evtwin_sink_write_letters(sink, &none, 0)); /* one that takes none says so now */
    pump->letters.sink = sink;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_spool(evtwin_pump *pump, evtwin_spool *spool) {
    EVTWIN_FAIL_IF(pump == NULL || spool == NULL, EVTWIN_E_ARG, "pump or spool is NULL");
    EVTWIN_FAIL_IF(pump->spool != NULL || pump->has_run, EVTWIN_E_STATE,
                   "the pump has a spool, or has run");
    EVTWIN_FAIL_IF(pump->setup.options.n_reasons > 0, EVTWIN_E_UNSUPPORTED,
                   "n_reasons is %zu, and a spool keeps no reasons", pump->setup.options.n_reasons);
    EVTWIN_FAIL_IF(
        pump->setup.options.recalls_states, EVTWIN_E_UNSUPPORTED,
        "recalls_states: the sinks behind a spool may not know the batteries' pasts yet");
    pump->spool = spool;
    return EVTWIN_OK;
}

const evtwin_predictor *evtwin_pump_predictor(const evtwin_pump *pump) {
    return pump != NULL ? pump->predictor : NULL;
}

evtwin_session *evtwin_pump_session(evtwin_pump *pump) {
    return pump != NULL ? pump->session : NULL;
}

evtwin_status evtwin_pump_on_event(evtwin_pump *pump, evtwin_pump_event_fn fn, void *ctx) {
    EVTWIN_FAIL_IF(pump == NULL, EVTWIN_E_ARG, "pump is NULL");
    pump->setup.on_event = fn;
    pump->setup.event_ctx = ctx;
    return EVTWIN_OK;
}

/* ---- counts ---- */

/* Rows that a sink does not have to last: held, not flushed, or still in the batch. */
static uint64_t rows_behind(const evtwin_pump *p, const evtwin__outlet *o) {
    if (o == &p->letters) {
        return o->letters.n;
    }
    return evtwin__rows_of(o->held) + o->n_unflushed +
           (p->stage != STAGE_EMPTY && !o->has_batch ? evtwin_table_rows(p->batch) : 0);
}

/* Of sink i, that of letters being the last. */
static void sink_stats(const evtwin_pump *p, size_t i, evtwin_pump_sink_stats *out) {
    if (p->delivery != NULL) {
        evtwin__delivery_stats(p->delivery, i, out);
        return;
    }
    const evtwin__outlet *o = i < p->n_outlets ? &p->outlets[i] : &p->letters;
    *out = (evtwin_pump_sink_stats){.size = sizeof *out,
                                    .uri = evtwin_sink_uri(o->sink),
                                    .n_delivered = o->n_delivered,
                                    .n_held = rows_behind(p, o),
                                    .n_lost = o->n_lost,
                                    .n_refused = o->n_refused,
                                    .n_failures = o->n_failures,
                                    .is_up = o->failure >= 0,
                                    .is_letters = o == &p->letters};
    snprintf(out->reason, sizeof out->reason, "%.511s", o->reason);
}

evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out, size_t size) {
    EVTWIN_FAIL_IF(pump == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "pump or out is NULL, or out is too small");
    evtwin_pump_stats stats = pump->stats;
    for (size_t i = 0; i < pump->n_outlets; i++) {
        evtwin_pump_sink_stats sink;
        sink_stats(pump, i, &sink);
        stats.n_written =
            i == 0 || sink.n_delivered < stats.n_written ? sink.n_delivered : stats.n_written;
        stats.n_held += sink.n_held;
        stats.n_lost += sink.n_lost;
        stats.n_errors += sink.n_failures;
    }
    stats.n_due = evtwin__pump_due(pump);
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_sink_stats_get(const evtwin_pump *pump, size_t i,
                                         evtwin_pump_sink_stats *out, size_t size) {
    EVTWIN_FAIL_IF(pump == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "pump or out is NULL, or out is too small");
    if (i >= pump->n_outlets + (pump->letters.sink != NULL)) {
        return EVTWIN_DONE;
    }
    evtwin_pump_sink_stats stats;
    sink_stats(pump, i, &stats);
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}
