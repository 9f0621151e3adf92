/* SPDX-License-Identifier: MIT */
/* stream/pump.c: the one delivery engine: batches from a source through a predictor into sinks,
 * held and offered again where a sink fails, and acknowledged. */

#include "evtwin/stream.h"

#include "core/mem.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/text.h"
#include "stream/pacing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How far the batch has come; on failure it stays where it is. */
typedef enum stage { STAGE_EMPTY, STAGE_READ, STAGE_PREDICTED } stage;

/* One sink: what it has taken, what is held for it, when it is tried again. */
typedef struct outlet {
    evtwin_sink *sink;
    int has_batch;        /* it has taken the batch of the pump, or holds it */
    int has_acknowledged; /* and has acknowledged it to the source itself */

    evtwin_table *held, *held_states; /* NULL = none; newer than all that it has taken */
    evtwin__text held_position;       /* NUL-terminated behind the newest of them */
    uint64_t n_unflushed;             /* rows written that may not last yet */

    evtwin_status failure; /* what it failed with last; OK = it works */
    char reason[1024];
    double pause_s, try_again_s;
    int has_reported_full;
    size_t n_recovered; /* held rows written since it failed, not reported yet */
    uint64_t n_delivered, n_lost, n_failures;
} outlet;

struct evtwin_pump {
    evtwin_pump_options options;
    evtwin_source *source;
    evtwin_predictor *predictor;
    evtwin_session *session; /* of the predictor; NULL without one */
    outlet *outlets;
    size_t n_outlets;
    evtwin_table *batch;   /* one table for all batches: nothing is allocated in the long run */
    evtwin__text position; /* of the source behind the batch, with its NUL */
    evtwin_table *states;  /* that the batch moved in the session; NULL = none */
    stage stage;
    int owes_commit; /* that position is not acknowledged yet */
    int source_fails;
    evtwin_pump_event_fn on_event; /* NULL = nobody */
    void *event_ctx;
    evtwin_pump_stats stats;
};

/* ---- events ---- */

/* Fill in what every event has, and report it. */
static void report(const evtwin_pump *p, const evtwin_pump_event *event) {
    if (p->on_event != NULL) {
        evtwin_pump_event full = *event;
        full.size = sizeof full;
        full.text = full.text != NULL ? full.text : "";
        p->on_event(p->event_ctx, &full);
    }
}

/* What happened to the sink; its reason, if it is a failure, is o->reason. */
static void report_sink(const evtwin_pump *p, const outlet *o, evtwin_pump_event_kind kind,
                        evtwin_status status, size_t n_rows) {
    report(p, &(evtwin_pump_event){.kind = kind,
                                   .uri = evtwin_sink_uri(o->sink),
                                   .status = status,
                                   .text = status < 0 ? o->reason : "",
                                   .n_rows = n_rows});
}

static size_t rows_of(const evtwin_table *table) {
    return table != NULL ? evtwin_table_rows(table) : 0;
}

static void drop_held(outlet *o) {
    evtwin_table_free(o->held);
    evtwin_table_free(o->held_states);
    o->held = o->held_states = NULL;
}

static void free_outlet(outlet *o) {
    drop_held(o);
    evtwin__text_free(&o->held_position);
    evtwin_sink_free(o->sink);
}

/* Is something that it was given not with the sink to last? */
static int is_behind(const outlet *o) {
    return o->held != NULL || o->n_unflushed > 0;
}

/* How long it is not to be tried, at most 0 if it may be. */
static double pause_left_s(const outlet *o) {
    return o->failure < 0 ? o->try_again_s - evtwin__monotonic_s() : 0.0;
}

/* ---- hold for a sink ---- */

static evtwin_status append_copy(evtwin_table **to, const evtwin_table *from) {
    return from == NULL  ? EVTWIN_OK
           : *to == NULL ? evtwin_table_copy(from, to)
                         : evtwin_table_append(*to, from);
}

/* Keep a copy of the batch. */
static evtwin_status keep(outlet *o, const evtwin_batch *batch) {
    const char *position = batch->position != NULL ? batch->position : "";
    const size_t size = strlen(position) + 1;
    EVTWIN_FAIL_IF(evtwin__text_room(&o->held_position, size) == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a position");
    EVTWIN_TRY(append_copy(&o->held_states, batch->states));
    EVTWIN_TRY(append_copy(&o->held, batch->rows));
    memcpy(o->held_position.data, position, size);
    o->held_position.size = size;
    return EVTWIN_OK;
}

/* Keep the first n rows of the batch. */
static evtwin_status keep_first(outlet *o, const evtwin_batch *batch, size_t n) {
    size_t *rows = evtwin__calloc(n, sizeof *rows);
    evtwin_table *first = NULL;
    EVTWIN_FAIL_IF(rows == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = i;
    }
    evtwin_status st = evtwin_table_select(batch->rows, rows, n, &first);
    evtwin__free(rows);
    if (st >= 0) {
        evtwin_batch part = *batch;
        part.rows = first;
        st = keep(o, &part);
    }
    evtwin_table_free(first);
    return st;
}

/* Beyond the limit the new rows are lost, which is reported. */
static void hold(const evtwin_pump *p, outlet *o, const evtwin_batch *batch) {
    const size_t n = evtwin_table_rows(batch->rows);
    const size_t room = p->options.max_held_rows - rows_of(o->held);
    if (n <= room && keep(o, batch) >= 0) {
        return;
    }
    const int is_part = n > room && room > 0 && keep_first(o, batch, room) >= 0;
    const size_t n_held = rows_of(o->held);
    o->n_lost += n - (is_part ? room : 0);
    if (!o->has_reported_full) {
        o->has_reported_full = 1;
        report_sink(p, o, EVTWIN_PUMP_HOLD_FULL, EVTWIN_OK, n_held);
    }
}

/* ---- deliver to a sink ---- */

static evtwin_status flush(outlet *o) {
    const evtwin_status st = o->n_unflushed > 0 ? evtwin_sink_flush(o->sink) : EVTWIN_OK;
    if (st >= 0) {
        o->n_delivered += o->n_unflushed;
        o->n_unflushed = 0;
    }
    return st;
}

/* What was written must not be written again because a flush failed: that is owed from then on. */
static evtwin_status deliver_held(outlet *o, const char *source) {
    if (o->held == NULL) {
        return flush(o);
    }
    const size_t n = evtwin_table_rows(o->held);
    const evtwin_batch held = {.size = sizeof held,
                               .rows = o->held,
                               .source = source,
                               .position = o->held_position.data,
                               .states = o->held_states};
    EVTWIN_TRY(evtwin_sink_write_batch(o->sink, &held));
    o->n_unflushed += n;
    o->n_recovered += n;
    drop_held(o);
    return flush(o);
}

static void note_failure(const evtwin_pump *p, outlet *o, evtwin_status st) {
    const int is_first = o->failure >= 0;
    const double longest_s = p->options.longest_pause_s;
    const double longer_s = 2 * o->pause_s < longest_s ? 2 * o->pause_s : longest_s;
    o->pause_s = is_first ? p->options.first_pause_s : longer_s;
    o->try_again_s = evtwin__monotonic_s() + o->pause_s;
    o->failure = st;
    o->n_failures++;
    snprintf(o->reason, sizeof o->reason, "%s", evtwin_last_error());
    report_sink(p, o, is_first ? EVTWIN_PUMP_SINK_FAILED : EVTWIN_PUMP_SINK_STILL_FAILING, st, 0);
}

static void note_success(const evtwin_pump *p, outlet *o) {
    if (o->failure < 0) {
        o->failure = EVTWIN_OK;
        o->has_reported_full = 0;
        report_sink(p, o, EVTWIN_PUMP_SINK_RECOVERED, EVTWIN_OK, o->n_recovered);
        o->n_recovered = 0;
    }
}

/* All that it owes, then the batch. *is_taken_out says whether the sink has the batch. */
static evtwin_status deliver(outlet *o, const evtwin_batch *batch, const char *source,
                             int *is_taken_out) {
    EVTWIN_TRY(deliver_held(o, source));
    if (batch == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin_sink_write_batch(o->sink, batch);
    EVTWIN_TRY(st);
    o->has_acknowledged = st == EVTWIN_DONE;
    *is_taken_out = 1;
    o->n_unflushed += evtwin_table_rows(batch->rows);
    return flush(o);
}

/* Offer what is held and flush, then the batch (NULL = none) of that source and flush; a batch that
 * is not taken is held, if max_held_rows is not 0. The failure, unless it is temporary and the
 * batch is held; the same again during a pause, which is_last passes over. */
static evtwin_status offer(const evtwin_pump *p, outlet *o, const evtwin_batch *batch,
                           const char *source, int is_last) {
    int is_taken = batch == NULL;
    evtwin_status st = o->failure;
    if (is_last || pause_left_s(o) <= 0.0) {
        st = deliver(o, batch, source, &is_taken);
        if (st >= 0) {
            note_success(p, o);
        } else {
            note_failure(p, o, st);
        }
    }
    const int may_wait = p->options.max_held_rows > 0 && evtwin_status_is_temporary(st);
    if (!is_taken && st < 0 && may_wait) {
        hold(p, o, batch);
        is_taken = 1;
    }
    o->has_batch |= is_taken && batch != NULL;
    EVTWIN_FAIL_IF(st < 0 && (is_last || !may_wait), st, "%s", o->reason);
    return EVTWIN_OK;
}

/* ---- make ---- */

evtwin_status evtwin_pump_options_init(evtwin_pump_options *options, size_t size) {
    const evtwin_pump_options defaults = {.size = sizeof defaults,
                                          .max_batch_rows = 4096,
                                          .first_pause_s = 0.5,
                                          .longest_pause_s = 30.0};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

evtwin_status evtwin_pump_create(const evtwin_pump_options *options, evtwin_pump **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_pump_options taken;
    evtwin_pump_options_init(&taken, sizeof taken);
    EVTWIN_TRY(evtwin__options_merge(&taken, sizeof taken, options, "evtwin_pump_options_init"));
    EVTWIN_FAIL_IF(taken.max_batch_rows == 0 || !(taken.first_pause_s >= 0.0) ||
                       !(taken.longest_pause_s >= 0.0),
                   EVTWIN_E_ARG, "max_batch_rows is 0, or a pause is not 0 s or more");
    evtwin_pump *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for a pump");
    const evtwin_status st = evtwin_telemetry_table_create(&p->batch);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    p->options = taken;
    *out = p;
    return EVTWIN_OK;
}

void evtwin_pump_free(evtwin_pump *pump) {
    if (pump == NULL) {
        return;
    }
    for (size_t i = 0; i < pump->n_outlets; i++) {
        free_outlet(&pump->outlets[i]);
    }
    evtwin_source_free(pump->source);
    evtwin_session_free(pump->session);
    evtwin_predictor_free(pump->predictor);
    evtwin_table_free(pump->states);
    evtwin_table_free(pump->batch);
    evtwin__text_free(&pump->position);
    evtwin__free(pump->outlets);
    evtwin__free(pump);
}

evtwin_status evtwin_pump_take_source(evtwin_pump *pump, evtwin_source *source) {
    EVTWIN_FAIL_IF(pump == NULL || source == NULL, EVTWIN_E_ARG, "pump or source is NULL");
    EVTWIN_FAIL_IF(pump->source != NULL, EVTWIN_E_STATE, "the pump has a source");
    pump->source = source;
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_sink(evtwin_pump *pump, evtwin_sink *sink) {
    EVTWIN_FAIL_IF(pump == NULL || sink == NULL, EVTWIN_E_ARG, "pump or sink is NULL");
    outlet *grown = evtwin__realloc(pump->outlets, pump->n_outlets + 1, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for a sink");
    pump->outlets = grown;
    pump->outlets[pump->n_outlets++] = (outlet){.sink = sink};
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_take_predictor(evtwin_pump *pump, evtwin_predictor *predictor) {
    EVTWIN_FAIL_IF(pump == NULL || predictor == NULL, EVTWIN_E_ARG, "pump or predictor is NULL");
    EVTWIN_FAIL_IF(pump->predictor != NULL, EVTWIN_E_STATE, "the pump has a predictor");
    const evtwin_status st = evtwin_session_create(predictor, NULL, &pump->session);
    pump->predictor = st == EVTWIN_OK ? predictor : NULL;
    return st;
}

evtwin_session *evtwin_pump_session(evtwin_pump *pump) {
    return pump != NULL ? pump->session : NULL;
}

evtwin_status evtwin_pump_on_event(evtwin_pump *pump, evtwin_pump_event_fn fn, void *ctx) {
    EVTWIN_FAIL_IF(pump == NULL, EVTWIN_E_ARG, "pump is NULL");
    pump->on_event = fn;
    pump->event_ctx = ctx;
    return EVTWIN_OK;
}

/* ---- read ---- */

/* Remember where the source is now. Without memory for it the batch has no position, and what is
 * acknowledged next is that of a later one. */
static void note_position(evtwin_pump *p) {
    const char *position = evtwin_source_position(p->source);
    const size_t size = strlen(position) + 1;
    if (evtwin__text_room(&p->position, size) == NULL) {
        evtwin__text_free(&p->position);
        return;
    }
    memcpy(p->position.data, position, size);
    p->position.size = size;
    p->owes_commit = 1;
}

/* Report a failure of the source once, and its end. */
static evtwin_status note_source(evtwin_pump *p, evtwin_status st) {
    p->stats.n_errors += st < 0;
    if (p->source_fails == (st < 0)) {
        return st;
    }
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", st < 0 ? evtwin_last_error() : "");
    p->source_fails = st < 0;
    report(p, &(evtwin_pump_event){.kind = st < 0 ? EVTWIN_PUMP_SOURCE_FAILED
                                                  : EVTWIN_PUMP_SOURCE_RECOVERED,
                                   .uri = evtwin_source_uri(p->source),
                                   .status = st < 0 ? st : EVTWIN_OK,
                                   .text = reason});
    EVTWIN_FAIL_IF(st < 0, st, "%s", reason);
    return st;
}

static evtwin_status note_refusal(evtwin_pump *p) {
    evtwin_refusal refusal;
    p->stats.n_refused++;
    if (evtwin_source_refusal(p->source, &refusal, sizeof refusal) == EVTWIN_OK) {
        report(p, &(evtwin_pump_event){.kind = EVTWIN_PUMP_REFUSED,
                                       .uri = evtwin_source_uri(p->source),
                                       .status = refusal.status,
                                       .text = refusal.reason,
                                       .refusal = &refusal});
    }
    return EVTWIN_REFUSED;
}

/* DONE only when nothing came with it. */
static evtwin_status read_batch(evtwin_pump *p, int timeout_ms) {
    evtwin_status st = evtwin_table_resize(p->batch, 0);
    if (st == EVTWIN_OK) {
        st = evtwin_source_read(p->source, p->options.max_batch_rows, timeout_ms, p->batch);
        note_source(p, st);
    }
    const size_t n = evtwin_table_rows(p->batch);
    if (n > 0) {
        p->stats.n_read += n;
        p->stage = STAGE_READ;
        for (size_t i = 0; i < p->n_outlets; i++) {
            p->outlets[i].has_batch = p->outlets[i].has_acknowledged = 0;
        }
    }
    if (n > 0 || st == EVTWIN_REFUSED) {
        note_position(p);
    }
    return st == EVTWIN_REFUSED ? note_refusal(p) : st;
}

/* ---- predict ---- */

/* A row without the figure of any target is unknown. */
static void count_predictions(evtwin_pump *p) {
    size_t col[EVTWIN__T_COUNT];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        col[t] = evtwin_table_find(p->batch, evtwin__schema[evtwin__target_prediction(t)].name);
    }
    const size_t n = evtwin_table_rows(p->batch);
    for (size_t i = 0; i < n; i++) {
        int is_known = 0;
        for (size_t t = 0; t < EVTWIN__T_COUNT && !is_known; t++) {
            is_known = !isnan(evtwin_table_number(p->batch, col[t], i));
        }
        p->stats.n_predicted += is_known;
        p->stats.n_unknown += !is_known;
    }
}

/* Rows that could not be predicted from what they say. */
static void note_impossible(evtwin_pump *p) {
    size_t first = 0;
    const size_t n = evtwin_session_out_of_range(p->session, &first);
    if (n == 0) {
        return;
    }
    const evtwin_table *b = p->batch;
    const char *id = evtwin_table_text(b, evtwin_table_find(b, "battery_id"), first);
    const char *note = evtwin_table_text(b, evtwin_table_find(b, "prediction_note"), first);
    char text[640];
    snprintf(text, sizeof text, "battery %s: %s", id != NULL ? id : "?", note != NULL ? note : "");
    p->stats.n_out_of_range += n;
    report(p, &(evtwin_pump_event){.kind = EVTWIN_PUMP_OUT_OF_RANGE,
                                   .uri = evtwin_source_uri(p->source),
                                   .status = EVTWIN_E_RANGE,
                                   .text = text,
                                   .n_rows = n});
}

static evtwin_status predict_batch(evtwin_pump *p) {
    if (p->predictor != NULL) {
        evtwin_status st = evtwin_session_apply(p->session, p->batch);
        if (st < 0 || (st = evtwin_session_pending(p->session, &p->states)) < 0) {
            evtwin_session_rollback(p->session); /* the next try moves it again */
            p->stats.n_errors++;
            return st;
        }
        count_predictions(p);
        note_impossible(p);
    }
    p->stage = STAGE_PREDICTED;
    return EVTWIN_OK;
}

/* ---- deliver to all ---- */

/* Where rows cannot be held, the next try of a sink is what the call waits for. */
static void wait_for_pause(const evtwin_pump *p, int timeout_ms) {
    double wait_s = p->options.max_held_rows > 0 ? 0.0 : 1e-3 * timeout_ms;
    int is_waiting = 0;
    for (size_t i = 0; i < p->n_outlets; i++) {
        const double pause_s = pause_left_s(&p->outlets[i]);
        is_waiting |= pause_s > 0.0;
        wait_s = pause_s > 0.0 && pause_s < wait_s ? pause_s : wait_s;
    }
    if (is_waiting) {
        evtwin__sleep_s(wait_s);
    }
}

/* Does every sink but number i have the batch to last? */
static int have_all_others(const evtwin_pump *p, size_t i) {
    for (size_t k = 0; k < p->n_outlets; k++) {
        if (k != i && (!p->outlets[k].has_batch || is_behind(&p->outlets[k]))) {
            return 0;
        }
    }
    return 1;
}

/* Offer the batch, if there is one, to every sink that has not taken it, and what is held. A sink
 * that fails does not keep it from the others; the first failure is the answer. */
static evtwin_status offer_to_all(evtwin_pump *p, int is_last) {
    const int has_batch = p->stage == STAGE_PREDICTED;
    const char *source = evtwin_source_uri(p->source);
    evtwin_batch batch = {.size = sizeof batch,
                          .rows = p->batch,
                          .source = source,
                          .position = p->position.data,
                          .states = p->states};
    evtwin_status first = EVTWIN_OK;
    const char *reason = "";
    for (size_t i = 0; i < p->n_outlets; i++) {
        outlet *o = &p->outlets[i];
        const int is_new = has_batch && !o->has_batch;
        if (!is_new && !is_behind(o)) {
            continue;
        }
        batch.completes = have_all_others(p, i);
        const evtwin_status st = offer(p, o, is_new ? &batch : NULL, source, is_last);
        if (st < 0 && first == EVTWIN_OK) {
            first = st;
            reason = o->reason;
        }
    }
    EVTWIN_FAIL_IF(first < 0, first, "%s", reason);
    return EVTWIN_OK;
}

/* Every sink has the batch, or holds it. */
static void finish_batch(evtwin_pump *p, size_t *n_out) {
    if (p->stage == STAGE_PREDICTED) {
        *n_out = evtwin_table_rows(p->batch);
        p->stage = STAGE_EMPTY;
        if (p->session != NULL) {
            evtwin_session_commit(p->session);
            evtwin_table_free(p->states);
            p->states = NULL;
        }
        report(p, &(evtwin_pump_event){.kind = EVTWIN_PUMP_BATCH,
                                       .uri = evtwin_source_uri(p->source),
                                       .n_rows = *n_out,
                                       .batch = p->batch});
    }
}

/* The newest position, once no sink is behind. */
static evtwin_status acknowledge(evtwin_pump *p) {
    for (size_t i = 0; i < p->n_outlets; i++) {
        if (is_behind(&p->outlets[i])) {
            return EVTWIN_OK;
        }
        p->owes_commit &= !p->outlets[i].has_acknowledged;
        p->outlets[i].has_acknowledged = 0;
    }
    if (!p->owes_commit || p->stage != STAGE_EMPTY || p->position.data == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = note_source(p, evtwin_source_commit(p->source, p->position.data));
    p->owes_commit = st < 0;
    return st;
}

static evtwin_status move_batch(evtwin_pump *p, int timeout_ms, size_t *n_out) {
    evtwin_status answer = EVTWIN_OK;
    wait_for_pause(p, timeout_ms);
    if (p->stage == STAGE_EMPTY) {
        EVTWIN_TRY(offer_to_all(p, 0)); /* what is left of the calls before */
        EVTWIN_TRY(acknowledge(p));
        answer = read_batch(p, timeout_ms);
    }
    EVTWIN_TRY(p->stage == STAGE_READ ? predict_batch(p) : EVTWIN_OK);
    EVTWIN_TRY(p->stage == STAGE_PREDICTED ? offer_to_all(p, 0) : EVTWIN_OK);
    if (answer >= 0) {
        finish_batch(p, n_out);
        EVTWIN_TRY(acknowledge(p));
    }
    return answer;
}

evtwin_status evtwin_pump_run_once(evtwin_pump *pump, int timeout_ms, size_t *n_rows_out) {
    EVTWIN_FAIL_IF(pump == NULL || timeout_ms < 0, EVTWIN_E_ARG,
                   "pump is NULL or timeout_ms is negative");
    EVTWIN_FAIL_IF(pump->source == NULL, EVTWIN_E_STATE, "the pump has no source");
    size_t n = 0;
    const evtwin_status st = move_batch(pump, timeout_ms, &n);
    if (st >= 0 && n_rows_out != NULL) {
        *n_rows_out = n;
    }
    return st;
}

evtwin_status evtwin_pump_finish(evtwin_pump *pump) {
    EVTWIN_FAIL_IF(pump == NULL, EVTWIN_E_ARG, "pump is NULL");
    size_t n = 0;
    EVTWIN_TRY(pump->stage == STAGE_READ ? predict_batch(pump) : EVTWIN_OK);
    EVTWIN_TRY(offer_to_all(pump, 1));
    finish_batch(pump, &n);
    return pump->source != NULL ? acknowledge(pump) : EVTWIN_OK;
}

/* ---- counts ---- */

/* Rows that a sink does not have to last: held, not flushed, or still in the batch. */
static uint64_t rows_behind(const evtwin_pump *p, const outlet *o) {
    return (o->held != NULL ? evtwin_table_rows(o->held) : 0) + o->n_unflushed +
           (p->stage != STAGE_EMPTY && !o->has_batch ? evtwin_table_rows(p->batch) : 0);
}

evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out, size_t size) {
    EVTWIN_FAIL_IF(pump == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "pump or out is NULL, or out is too small");
    evtwin_pump_stats stats = pump->stats;
    for (size_t i = 0; i < pump->n_outlets; i++) {
        const outlet *o = &pump->outlets[i];
        stats.n_written =
            i == 0 || o->n_delivered < stats.n_written ? o->n_delivered : stats.n_written;
        stats.n_held += rows_behind(pump, o);
        stats.n_lost += o->n_lost;
        stats.n_errors += o->n_failures;
    }
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}

evtwin_status evtwin_pump_sink_stats_get(const evtwin_pump *pump, size_t i,
                                         evtwin_pump_sink_stats *out, size_t size) {
    EVTWIN_FAIL_IF(pump == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "pump or out is NULL, or out is too small");
    if (i >= pump->n_outlets) {
        return EVTWIN_DONE;
    }
    const outlet *o = &pump->outlets[i];
    const evtwin_pump_sink_stats stats = {.size = sizeof stats,
                                          .uri = evtwin_sink_uri(o->sink),
                                          .n_delivered = o->n_delivered,
                                          .n_held = rows_behind(pump, o),
                                          .n_lost = o->n_lost};
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}
