/* SPDX-License-Identifier: MIT */
/* stream/pump_lane.c: one sink of a pump with a spool: what waits for it is written, tried again
 * for ever, and what it refuses is passed over. */

#include "stream/pump_lane.h"

#include "core/binding.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/pump_outlet.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <string.h>

/* Full jitter: a pause is anything up to a limit that doubles, so that many who wait for one server
 * do not come at once. */
static const double first_limit_s = 0.1, longest_limit_s = 30.0;

/* ---- what a try has come to ---- */

/* Under the lock. */
static void add_event(evtwin__lane *l, evtwin_pump_event_kind kind, evtwin_status status,
                      size_t n_rows, const char *text) {
    evtwin__delivery *d = l->delivery;
    evtwin__lane_event *before = d->n_events > 0 ? &d->events[d->n_events - 1] : NULL;
    if (before != NULL && before->lane == l->number && before->kind == kind &&
        kind == EVTWIN_PUMP_SINK_REFUSED) {
        before->n_rows += n_rows; /* the text is that of the first */
        return;
    }
    if (d->n_events == EVTWIN__LANE_EVENTS) {
        return; /* the counts have it */
    }
    evtwin__lane_event *e = &d->events[d->n_events++];
    *e = (evtwin__lane_event){.kind = kind, .lane = l->number, .status = status, .n_rows = n_rows};
    snprintf(e->text, sizeof e->text, "%s", text);
}

static double random_fraction(evtwin__lane *l) {
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return (double)(l->random >> 11) * 0x1p-53;
}

static void note_failure(evtwin__lane *l, evtwin_status st) {
    const double longer_s = l->limit_s > 0.0 ? 2.0 * l->limit_s : first_limit_s;
    l->limit_s = longer_s < longest_limit_s ? longer_s : longest_limit_s;
    const double pause_s = 0.001 + l->limit_s * random_fraction(l);
    const char *text = evtwin_last_error();
    pthread_mutex_lock(&l->delivery->lock);
    l->n_failures++;
    l->failed_at_hurry = l->hurry;
    l->is_temporary = evtwin_status_is_temporary(st);
    l->try_again_s = evtwin__monotonic_s() + pause_s;
    snprintf(l->reason, sizeof l->reason, "%s", text);
    if (!l->is_down) {
        l->is_down = 1;
        add_event(l, EVTWIN_PUMP_SINK_FAILED, st, 0, text);
    }
    pthread_mutex_unlock(&l->delivery->lock);
    evtwin__spool_wake(l->delivery->spool); /* whoever drains waits for this */
}

static void note_success(evtwin__lane *l, size_t n_rows) {
    l->limit_s = 0.0;
    pthread_mutex_lock(&l->delivery->lock);
    l->n_delivered += n_rows;
    if (l->is_down) {
        l->is_down = 0;
        add_event(l, EVTWIN_PUMP_SINK_RECOVERED, EVTWIN_OK, n_rows, "");
    }
    pthread_mutex_unlock(&l->delivery->lock);
}

static void note_refusal(evtwin__lane *l, evtwin_status st, const char *reason) {
    pthread_mutex_lock(&l->delivery->lock);
    l->n_refused++;
    add_event(l, EVTWIN_PUMP_SINK_REFUSED, st, 1, reason);
    pthread_mutex_unlock(&l->delivery->lock);
}

/* ---- deliver ---- */

/* What the sink has already by its own word need not be written again. */
static evtwin_status ask_position(evtwin__lane *l) {
    char position[64];
    if (l->knows_position || l->kind == EVTWIN__SPOOL_LETTERS) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin_sink_position(l->sink, l->source, position, sizeof position);
    EVTWIN_TRY(st == EVTWIN_OK ? evtwin__spool_cursor_skip(l->cursor, position) : st);
    l->knows_position = 1;
    return EVTWIN_OK;
}

/* The number behind the rows that are offered. */
static int64_t number_behind(const evtwin__lane *l, size_t to) {
    return to == l->chunk.n ? l->chunk.last : l->chunk.number[to - 1];
}

static evtwin_status select_part(const evtwin__lane *l, evtwin_table **part_out) {
    const size_t n = l->to - l->from;
    size_t *index = evtwin__calloc(n, sizeof *index);
    EVTWIN_FAIL_IF(index == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        index[i] = l->from + i;
    }
    const evtwin_status st = evtwin_table_select(l->chunk.rows, index, n, part_out);
    evtwin__free(index);
    return st;
}

/* After a failure the same rows are offered again under the same position. */
static evtwin_status write_rows(evtwin__lane *l) {
    char position[EVTWIN__NUM_SIZE];
    evtwin_table *part = NULL;
    const int is_all = l->from == 0 && l->to == l->chunk.n;
    EVTWIN_TRY(is_all ? EVTWIN_OK : select_part(l, &part));
    evtwin__format_i64(number_behind(l, l->to), position);
    const evtwin_batch batch = {.size = sizeof batch,
                                .rows = is_all ? l->chunk.rows : part,
                                .source = l->source,
                                .position = position,
                                .states = l->chunk.states};
    const evtwin_status st = evtwin_sink_write_batch(l->sink, &batch);
    evtwin_table_free(part);
    return st;
}

static evtwin_status write_part(evtwin__lane *l) {
    if (l->is_written) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(l->kind == EVTWIN__SPOOL_LETTERS
                   ? evtwin_sink_write_letters(l->sink,
                                               evtwin__letter_list_all(&l->chunk.letters) + l->from,
                                               l->to - l->from)
                   : write_rows(l));
    l->is_written = 1;
    return EVTWIN_OK;
}

/* On to the rows behind those that the sink has, or has refused. */
static void go_on(evtwin__lane *l) {
    l->from = l->to;
    l->to = l->chunk.n;
    l->is_written = 0;
    if (l->from == l->chunk.n) {
        evtwin__spool_chunk_clear(&l->chunk);
    }
}

/* Past the record, with that letter (NULL = none). */
static evtwin_status pass_refused(evtwin__lane *l, evtwin_status st, const char *reason,
                                  const evtwin_letter *letter) {
    pthread_mutex_lock(&l->noting);
    const evtwin_status moved =
        evtwin__spool_cursor_advance(l->cursor, number_behind(l, l->to), letter);
    if (moved >= 0) {
        note_refusal(l, st, reason);
    }
    pthread_mutex_unlock(&l->noting);
    EVTWIN_TRY(moved);
    go_on(l);
    return EVTWIN_REFUSED;
}

/* The record as a letter, and past it. */
static evtwin_status refuse_row(evtwin__lane *l, evtwin_status st, const char *reason) {
    char place[96];
    const int64_t number = l->chunk.number[l->from];
    evtwin__text raw = {.data = NULL};
    evtwin__binding binding;
    snprintf(place, sizeof place, "record %lld of %s", (long long)number,
             evtwin_spool_id(l->delivery->spool));
    if (evtwin__bind(l->chunk.rows, EVTWIN__ALL_KINDS, &binding) >= 0) {
        (void)evtwin__telemetry_put_json(&binding, l->from, EVTWIN__TELEMETRY, &raw);
    }
    const evtwin_letter letter = {.size = sizeof letter,
                                  .received_us = evtwin_time_now(),
                                  .source = evtwin_sink_uri(l->sink),
                                  .place = place,
                                  .status = st,
                                  .reason = reason,
                                  .raw = raw.data != NULL ? raw.data : "",
                                  .raw_size = raw.data != NULL ? raw.size : 0};
    const evtwin_status passed = pass_refused(l, st, reason, &letter);
    evtwin__text_free(&raw);
    return passed;
}

/* Halve what is offered until it is one record, and refuse that. A letter that its sink refuses (it
 * is too long, say) must not hold up those behind it. REFUSED: go on at once. */
static evtwin_status narrow(evtwin__lane *l, evtwin_status st) {
    char reason[EVTWIN__SPOOL_NAME_SIZE];
    snprintf(reason, sizeof reason, "%s", evtwin_last_error());
    if (l->is_written || !evtwin__sink_refuses(l->sink, st)) {
        EVTWIN_FAIL(st, "%s", reason);
    }
    if (l->to - l->from > 1) {
        l->to = l->from + (l->to - l->from) / 2;
        return EVTWIN_REFUSED;
    }
    return l->kind == EVTWIN__SPOOL_LETTERS ? pass_refused(l, st, reason, NULL)
                                            : refuse_row(l, st, reason);
}

static evtwin_status read_next(evtwin__lane *l) {
    if (l->chunk.n > 0) {
        return EVTWIN_OK;
    }
    const evtwin_status st =
        evtwin__spool_cursor_read(l->cursor, l->delivery->max_batch_rows, &l->chunk);
    l->from = 0;
    l->to = l->chunk.n;
#if defined(EVTWIN_CRASH_SITES) &&                                                                 \
    defined(EVTWIN_BREAK_FREE_ON_ENQUEUE) /* wrong on purpose: the kill tests must find it */
    EVTWIN_TRY(st == EVTWIN_OK ? evtwin__spool_cursor_advance(l->cursor, l->chunk.last, NULL) : st);
#endif
    return st;
}

/* One write. OK: it was taken. DONE: nothing waits. REFUSED: go on at once. */
static evtwin_status step(evtwin__lane *l) {
    EVTWIN_TRY(ask_position(l));
    evtwin_status st = read_next(l);
    if (st != EVTWIN_OK) {
        return st;
    }
    if (atomic_load(&l->delivery->is_stopped)) { /* since the sink was asked where it is */
        return EVTWIN_DONE;
    }
    st = write_part(l);
    if (st < 0) {
        return narrow(l, st);
    }
    EVTWIN_TRY(evtwin_sink_flush(l->sink));
    pthread_mutex_lock(&l->noting);
    st = evtwin__spool_cursor_advance(l->cursor, number_behind(l, l->to), NULL);
    if (st >= 0) {
        note_success(l, l->to - l->from);
    }
    pthread_mutex_unlock(&l->noting);
    EVTWIN_TRY(st);
    go_on(l);
    return EVTWIN_OK;
}

/* ---- the thread ---- */

static void pause_after_failure(evtwin__lane *l) {
    evtwin__delivery *d = l->delivery;
    double left_s;
    while ((left_s = l->try_again_s - evtwin__monotonic_s()) > 0.0) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        if (atomic_load(&d->is_stopped) || atomic_load(&d->n_hurried) != l->hurry) {
            return;
        }
        evtwin__spool_wait(d->spool, generation, left_s);
    }
}

void *evtwin__lane_run(void *ctx) {
    evtwin__lane *l = ctx;
    evtwin__delivery *d = l->delivery;
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        if (atomic_load(&d->is_stopped)) {
            break;
        }
        l->hurry = atomic_load(&d->n_hurried);
        const evtwin_status st = step(l);
        if (st == EVTWIN_DONE) {
            evtwin__spool_wait(d->spool, generation, 3600.0);
        } else if (st < 0) {
            note_failure(l, st);
            pause_after_failure(l);
        }
    }
    evtwin__spool_chunk_clear(&l->chunk);
    atomic_store(&l->has_ended, 1);
    evtwin__spool_wake(d->spool);
    return NULL;
}
