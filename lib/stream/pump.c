/* SPDX-License-Identifier: MIT */
/* stream/pump.c: the one delivery engine: batches from a source through a predictor into sinks or a
 * spool, and acknowledged. */

#include "stream/pump_inside.h"

#include "core/crash_site.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/pacing.h"
#include "stream/pump_predict.h"
#include "stream/pump_recall.h"
#include "stream/pump_return.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

/* Letters that are kept and go on together; they fit in the smallest spool. */
enum { MAX_LETTERS = 1000, MAX_LETTER_BYTES = 128 << 10 };

static void report(const evtwin_pump *p, const evtwin_pump_event *event) {
    evtwin__pump_report(&p->setup, event);
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

/* Keep the record that was refused last as a letter, if there is a sink for those: it cannot be
 * read again. Without memory it is owed, and nothing is read or acknowledged before it is kept. */
static evtwin_status keep_letter(evtwin_pump *p) {
    evtwin_refusal r;
    if (!p->owes_letter || evtwin_source_refusal(p->source, &r, sizeof r) != EVTWIN_OK) {
        return EVTWIN_OK;
    }
    const evtwin_letter letter = {.size = sizeof letter,
                                  .received_us = evtwin_time_now(),
                                  .source = evtwin_source_uri(p->source),
                                  .place = r.place,
                                  .status = r.status,
                                  .reason = r.reason,
                                  .raw = r.raw,
                                  .raw_size = r.raw_size};
    EVTWIN_TRY(evtwin__letter_list_add(&p->letters.letters, &letter));
    p->owes_letter = 0;
    return EVTWIN_OK;
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
        p->owes_letter = p->letters.sink != NULL;
    }
    EVTWIN_TRY(keep_letter(p));
    return EVTWIN_REFUSED;
}

/* DONE only when nothing came with it. */
static evtwin_status read_batch(evtwin_pump *p, int timeout_ms) {
    evtwin_status st = evtwin_table_resize(p->batch, 0);
    if (st == EVTWIN_OK) {
        st = evtwin_source_read(p->source, p->setup.options.max_batch_rows, timeout_ms, p->batch);
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
    if (st != EVTWIN_REFUSED) {
        return st;
    }
    note_position(p); /* that of rows is noted when the letters before them are with their sink */
    return note_refusal(p);
}

static int has_room_for_letters(const evtwin_pump *p) {
    const evtwin__letter_list *letters = &p->letters.letters;
    return letters->n < MAX_LETTERS && letters->n < p->setup.options.max_batch_rows &&
           letters->bytes.size < MAX_LETTER_BYTES;
}

/* Refused records that follow each other become one write: a flood of them must not cost a commit
 * each. */
static evtwin_status read_on(evtwin_pump *p, int timeout_ms) {
    evtwin_status st = read_batch(p, timeout_ms);
    const int is_refused = st == EVTWIN_REFUSED;
    while (st == EVTWIN_REFUSED && p->letters.letters.n > 0 && has_room_for_letters(p)) {
        st = read_batch(p, 0);
    }
    return is_refused && st == EVTWIN_OK && p->stage == STAGE_EMPTY ? EVTWIN_REFUSED : st;
}

/* ---- predict ---- */

/* Before the first rows of another share are predicted. */
static void note_share(evtwin_pump *p) {
    const unsigned share = evtwin__source_share(p->source);
    if (share != p->share) {
        p->share = share;
        evtwin_session_doubt(p->session);
        report(p, &(evtwin_pump_event){.kind = EVTWIN_PUMP_SHARE_CHANGED,
                                       .uri = evtwin_source_uri(p->source)});
    }
}

static evtwin_status predict_batch(evtwin_pump *p) {
    if (p->predictor != NULL) {
        const double begin_s = evtwin__monotonic_s();
        evtwin_status st = evtwin_session_apply(p->session, p->batch);
        p->predict_s = evtwin__monotonic_s() - begin_s;
        if (st < 0 || (st = evtwin_session_pending(p->session, &p->states)) < 0) {
            evtwin_session_rollback(p->session); /* the next try moves it again */
            p->stats.n_errors++;
            return st;
        }
        evtwin__pump_note_predictions(&p->setup, p->session, p->batch, evtwin_source_uri(p->source),
                                      &p->stats);
    }
    p->stage = STAGE_PREDICTED;
    return EVTWIN_OK;
}

/* ---- deliver to all ---- */

/* What cannot be held, rows without room for that and letters, makes the call wait for the next try
 * of its sink. */
static void wait_for_pause(const evtwin_pump *p, int timeout_ms) {
    const size_t n_outlets = p->setup.options.max_held_rows > 0 ? 0 : p->n_outlets;
    double wait_s = 1e-3 * timeout_ms;
    int is_waiting = 0;
    for (size_t i = 0; i <= n_outlets; i++) {
        const double pause_s = evtwin__outlet_pause_s(i < n_outlets ? &p->outlets[i] : &p->letters);
        is_waiting |= pause_s > 0.0;
        wait_s = pause_s > 0.0 && pause_s < wait_s ? pause_s : wait_s;
    }
    if (is_waiting) {
        evtwin__sleep_s(wait_s);
    }
}

/* Does every sink but number i have the batch to last? */
static int have_all_others(const evtwin_pump *p, size_t i) {
    if (evtwin__outlet_is_behind(&p->letters)) {
        return 0;
    }
    for (size_t k = 0; k < p->n_outlets; k++) {
        if (k != i && (!p->outlets[k].has_batch || evtwin__outlet_is_behind(&p->outlets[k]))) {
            return 0;
        }
    }
    return 1;
}

/* Offer the batch, if there is one, to every sink that has not taken it, and what is held. A sink
 * that fails does not keep it from the others; the first failure is the answer. */
static evtwin_status offer_to_all(evtwin_pump *p, int is_last) {
    const int has_batch = p->stage == STAGE_PREDICTED;
    const char *source = p->source_name;
    evtwin_batch batch = {.size = sizeof batch,
                          .rows = p->batch,
                          .source = source,
                          .position = p->position.data,
                          .states = p->states};
    evtwin_status first = evtwin__outlet_offer_letters(&p->setup, &p->letters, is_last);
    const char *reason = first < 0 ? p->letters.reason : "";
    for (size_t i = 0; i < p->n_outlets; i++) {
        evtwin__outlet *o = &p->outlets[i];
        const int is_new = has_batch && !o->has_batch;
        if (!is_new && !evtwin__outlet_is_behind(o)) {
            continue;
        }
        batch.completes = first >= 0 && have_all_others(p, i);
        const evtwin_status st =
            evtwin__outlet_offer(&p->setup, o, is_new ? &batch : NULL, source, is_last);
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
                                       .batch = p->batch,
                                       .predict_s = p->predict_s});
    }
}

/* The newest position, once no sink is behind or the spool has what is before it. */
static evtwin_status acknowledge(evtwin_pump *p) {
    int is_behind = evtwin__outlet_is_behind(&p->letters);
    for (size_t i = 0; i < p->n_outlets; i++) {
        is_behind |= evtwin__outlet_is_behind(&p->outlets[i]);
    }
    if (is_behind) {
        return EVTWIN_OK;
    }
    for (size_t i = 0; i < p->n_outlets; i++) {
        p->owes_commit &= !p->outlets[i].has_acknowledged;
        p->outlets[i].has_acknowledged = 0;
    }
    if (!p->owes_commit || p->stage != STAGE_EMPTY || p->position.data == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN__CRASH_SITE("pump.before_source_commit");
    const evtwin_status st = note_source(p, evtwin_source_commit(p->source, p->position.data));
    EVTWIN__CRASH_SITE("pump.after_source_commit");
    p->owes_commit = st < 0;
    return st;
}

/* ---- accept into the spool ---- */

/* That the spool takes nothing is reported once, and that it does again. */
static evtwin_status note_spool(evtwin_pump *p, evtwin_status st) {
    p->stats.n_errors += st < 0;
    if (p->is_spool_full == (st < 0)) {
        return st;
    }
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", st < 0 ? evtwin_last_error() : "");
    p->is_spool_full = st < 0;
    report(p, &(evtwin_pump_event){.kind = st < 0 ? EVTWIN_PUMP_SPOOL_FULL : EVTWIN_PUMP_SPOOL_ROOM,
                                   .uri = evtwin_spool_id(p->spool),
                                   .status = st < 0 ? st : EVTWIN_OK,
                                   .text = reason});
    EVTWIN_FAIL_IF(st < 0, st, "%s", reason);
    return st;
}

static evtwin_status begin_delivery(evtwin_pump *p) {
    p->has_run = 1;
    if (p->spool == NULL || p->delivery != NULL) {
        return EVTWIN_OK;
    }
    evtwin_sink **sinks = evtwin__calloc(p->n_outlets, sizeof *sinks);
    EVTWIN_FAIL_IF(sinks == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sinks", p->n_outlets);
    for (size_t i = 0; i < p->n_outlets; i++) {
        sinks[i] = p->outlets[i].sink;
    }
    evtwin_status st =
        note_source(p, evtwin__delivery_resume(p->spool, p->source, p->source_name, p->session));
    if (st >= 0) {
        st = note_spool(p, evtwin__delivery_start(p->spool, sinks, p->n_outlets, p->letters.sink,
                                                  p->setup.options.max_batch_rows, &p->delivery));
    }
    evtwin__free(sinks);
    return st;
}

/* The letters that are kept, or the batch. */
static evtwin_status accept(evtwin_pump *p, int timeout_ms) {
    evtwin__letter_list *letters = &p->letters.letters;
    if (letters->n == 0 && p->stage != STAGE_PREDICTED) {
        return EVTWIN_OK;
    }
    const evtwin_batch batch = {.size = sizeof batch,
                                .rows = p->batch,
                                .source = p->source_name,
                                .position = p->position.data,
                                .states = p->states};
    EVTWIN_TRY(note_spool(
        p, evtwin__delivery_accept(p->spool, &batch, letters->n > 0 ? letters : NULL, timeout_ms)));
    evtwin__letter_list_drop(letters, letters->n);
    return EVTWIN_OK;
}

/* ---- move ---- */

/* To all sinks, or to the spool. */
static evtwin_status deliver(evtwin_pump *p, int timeout_ms, int is_last) {
    return p->spool != NULL ? accept(p, timeout_ms) : offer_to_all(p, is_last);
}

/* Letters, then the rows that were read behind them; at the end also what is held. */
static evtwin_status deliver_read(evtwin_pump *p, int timeout_ms, int is_last) {
    EVTWIN_TRY(p->letters.letters.n > 0 ? deliver(p, timeout_ms, is_last) : EVTWIN_OK);
    if (p->stage == STAGE_READ) {
        note_position(p);
        note_share(p);
        EVTWIN_TRY(evtwin__pump_recall(p, is_last));
        EVTWIN_TRY(predict_batch(p));
    }
    return is_last || p->stage == STAGE_PREDICTED ? deliver(p, timeout_ms, is_last) : EVTWIN_OK;
}

static evtwin_status move_batch(evtwin_pump *p, int timeout_ms, size_t *n_out) {
    evtwin_status answer = EVTWIN_OK;
    EVTWIN_TRY(begin_delivery(p));
    if (p->spool == NULL) {
        wait_for_pause(p, timeout_ms);
    } else {
        evtwin__delivery_report(p->delivery, &p->setup);
    }
    if (p->stage == STAGE_EMPTY) {
        EVTWIN_TRY(keep_letter(p));
        EVTWIN_TRY(deliver(p, timeout_ms, 0)); /* what is left of the calls before */
        EVTWIN_TRY(acknowledge(p));
        EVTWIN_TRY(answer = evtwin__pump_await_return(p, &timeout_ms));
        if (answer == EVTWIN_DONE) {
            return EVTWIN_OK;
        }
        EVTWIN_TRY(answer = read_on(p, timeout_ms));
    }
    EVTWIN_TRY(deliver_read(p, timeout_ms, 0));
    finish_batch(p, n_out);
    EVTWIN_TRY(acknowledge(p));
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

/* What the sinks get is the same whether the last batch was accepted (st) or not. */
static evtwin_status drain(evtwin_pump *p, evtwin_status st) {
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", st < 0 ? evtwin_last_error() : "");
    const evtwin_status drained = evtwin__delivery_drain(p->delivery, p->setup.options.drain_s);
    evtwin__delivery_report(p->delivery, &p->setup);
    EVTWIN_FAIL_IF(st < 0, st, "%s", reason);
    return drained;
}

evtwin_status evtwin_pump_finish(evtwin_pump *pump) {
    EVTWIN_FAIL_IF(pump == NULL, EVTWIN_E_ARG, "pump is NULL");
    size_t n = 0;
    EVTWIN_TRY(begin_delivery(pump));
    EVTWIN_TRY(keep_letter(pump));
    evtwin_status st = deliver_read(pump, 0, 1);
    if (st >= 0) {
        finish_batch(pump, &n);
        st = pump->source != NULL ? acknowledge(pump) : EVTWIN_OK;
    }
    return pump->spool != NULL ? drain(pump, st) : st;
}
