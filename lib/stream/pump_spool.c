/* SPDX-License-Identifier: MIT */
/* stream/pump_spool.c: the sinks of a pump with a spool: a thread each, fed from the spool, tried
 * again for ever. */

#include "stream/pump_spool.h"

#include "core/binding.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/spool.h"
#include "stream/telemetry_json.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MAX_EVENTS = 256, NAME_SIZE = 512 };

/* Full jitter: a pause is anything up to a limit that doubles, so that many who wait for one server
 * do not come at once. */
static const double first_limit_s = 0.1, longest_limit_s = 30.0;

/* What happened to a sink, for the thread of the pump to report. */
typedef struct lane_event {
    evtwin_pump_event_kind kind;
    size_t lane;
    evtwin_status status;
    size_t n_rows;
    char text[600];
} lane_event;

/* One sink and its thread. */
typedef struct lane {
    evtwin__delivery *delivery;
    size_t number;
    evtwin_sink *sink;
    evtwin__spool_kind kind;
    char name[NAME_SIZE], source[64]; /* in the spool; of its batches */
    evtwin__spool_cursor *cursor;
    pthread_t thread;
    int has_thread;

    /* of its thread alone */
    evtwin__spool_chunk chunk;
    size_t from, to; /* rows of the chunk that are offered next */
    int is_written;  /* they are, and are to be flushed and noted */
    int knows_position;
    double limit_s;
    uint64_t random;

    /* under the lock of the delivery */
    uint64_t n_delivered, n_refused, n_failures, n_tries;
    int is_down;
    char reason[NAME_SIZE];
} lane;

struct evtwin__delivery {
    evtwin_spool *spool;
    size_t max_batch_rows;
    lane *lanes; /* (n_lanes) */
    size_t n_lanes;
    atomic_int is_stopped;
    atomic_uint n_hurried; /* pauses that began before are over */
    pthread_mutex_t lock;
    lane_event *events; /* (MAX_EVENTS), those from 0 to n_events - 1 */
    size_t n_events;
};

/* ---- events ---- */

/* Under the lock. */
static void add_event(lane *l, evtwin_pump_event_kind kind, evtwin_status status, size_t n_rows,
                      const char *text) {
    evtwin__delivery *d = l->delivery;
    lane_event *before = d->n_events > 0 ? &d->events[d->n_events - 1] : NULL;
    if (before != NULL && before->lane == l->number && before->kind == kind &&
        kind == EVTWIN_PUMP_SINK_REFUSED) {
        before->n_rows += n_rows; /* the text is that of the first */
        return;
    }
    if (d->n_events == MAX_EVENTS) {
        return; /* the counts have it */
    }
    lane_event *e = &d->events[d->n_events++];
    *e = (lane_event){.kind = kind, .lane = l->number, .status = status, .n_rows = n_rows};
    snprintf(e->text, sizeof e->text, "%s", text);
}

/* Take one event out; 0 if there is none. */
static int take_event(evtwin__delivery *d, lane_event *out) {
    pthread_mutex_lock(&d->lock);
    const int has_one = d->n_events > 0;
    if (has_one) {
        *out = d->events[0];
        memmove(d->events, d->events + 1, --d->n_events * sizeof *d->events);
    }
    pthread_mutex_unlock(&d->lock);
    return has_one;
}

static void report_losses(evtwin__delivery *d, const evtwin__pump_setup *setup) {
    for (size_t i = 0; i < d->n_lanes; i++) {
        char text[NAME_SIZE + 200];
        const uint64_t n = evtwin__spool_cursor_losses(d->lanes[i].cursor, text, sizeof text);
        if (n > 0) {
            evtwin__pump_report(setup,
                                &(evtwin_pump_event){.kind = EVTWIN_PUMP_SINK_LOST,
                                                     .uri = evtwin_sink_uri(d->lanes[i].sink),
                                                     .status = EVTWIN_E_DATA,
                                                     .text = text,
                                                     .n_rows = (size_t)n});
        }
    }
}

void evtwin__delivery_report(evtwin__delivery *d, const evtwin__pump_setup *setup) {
    lane_event e;
    while (take_event(d, &e)) {
        evtwin__pump_report(setup,
                            &(evtwin_pump_event){.kind = e.kind,
                                                 .uri = evtwin_sink_uri(d->lanes[e.lane].sink),
                                                 .status = e.status,
                                                 .text = e.text,
                                                 .n_rows = e.n_rows});
    }
    report_losses(d, setup);
}

/* ---- what a try has come to ---- */

static void note_failure(lane *l, evtwin_status st) {
    const char *text = evtwin_last_error();
    pthread_mutex_lock(&l->delivery->lock);
    l->n_failures++;
    l->n_tries++;
    snprintf(l->reason, sizeof l->reason, "%s", text);
    if (!l->is_down) {
        l->is_down = 1;
        add_event(l, EVTWIN_PUMP_SINK_FAILED, st, 0, text);
    }
    pthread_mutex_unlock(&l->delivery->lock);
    evtwin__spool_wake(l->delivery->spool); /* whoever drains waits for this */
}

static void note_success(lane *l, size_t n_rows) {
    l->limit_s = 0.0;
    pthread_mutex_lock(&l->delivery->lock);
    l->n_delivered += n_rows;
    l->n_tries++;
    if (l->is_down) {
        l->is_down = 0;
        add_event(l, EVTWIN_PUMP_SINK_RECOVERED, EVTWIN_OK, n_rows, "");
    }
    pthread_mutex_unlock(&l->delivery->lock);
}

static void note_refusal(lane *l, evtwin_status st, const char *reason) {
    pthread_mutex_lock(&l->delivery->lock);
    l->n_refused++;
    add_event(l, EVTWIN_PUMP_SINK_REFUSED, st, 1, reason);
    pthread_mutex_unlock(&l->delivery->lock);
}

/* ---- deliver ---- */

/* What the sink has already by its own word need not be written again. */
static evtwin_status ask_position(lane *l) {
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
static int64_t number_behind(const lane *l, size_t to) {
    return to == l->chunk.n ? l->chunk.last : l->chunk.number[to - 1];
}

static evtwin_status select_part(const lane *l, evtwin_table **part_out) {
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
static evtwin_status write_rows(lane *l) {
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

static evtwin_status write_part(lane *l) {
    if (l->is_written) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(l->kind == EVTWIN__SPOOL_LETTERS
                   ? evtwin_sink_write_letters(l->sink, &l->chunk.letter, 1)
                   : write_rows(l));
    l->is_written = 1;
    return EVTWIN_OK;
}

/* On to the rows behind those that the sink has, or has refused. */
static void go_on(lane *l) {
    l->from = l->to;
    l->to = l->chunk.n;
    l->is_written = 0;
    if (l->from == l->chunk.n) {
        evtwin__spool_chunk_clear(&l->chunk);
    }
}

/* Would it refuse these rows again? A sink that cannot be written to at all does not mean them. */
static int is_about_rows(lane *l, evtwin_status st) {
    const int may_be =
        st == EVTWIN_E_DATA || st == EVTWIN_E_RANGE || st == EVTWIN_E_SCHEMA || st == EVTWIN_E_ARG;
    return may_be && l->kind == EVTWIN__SPOOL_ROWS && !l->is_written &&
           evtwin_sink_check(l->sink, 1000) >= 0;
}

/* The record as a letter, and past it. */
static evtwin_status refuse_row(lane *l, evtwin_status st, const char *reason) {
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
    const evtwin_status moved =
        evtwin__spool_cursor_advance(l->cursor, number_behind(l, l->to), &letter);
    evtwin__text_free(&raw);
    EVTWIN_TRY(moved);
    note_refusal(l, st, reason);
    go_on(l);
    return EVTWIN_REFUSED;
}

/* Halve what is offered until it is one row, and refuse that. REFUSED: go on at once. */
static evtwin_status narrow(lane *l, evtwin_status st) {
    char reason[NAME_SIZE];
    snprintf(reason, sizeof reason, "%s", evtwin_last_error());
    if (!is_about_rows(l, st)) {
        EVTWIN_FAIL(st, "%s", reason);
    }
    if (l->to - l->from > 1) {
        l->to = l->from + (l->to - l->from) / 2;
        return EVTWIN_REFUSED;
    }
    return refuse_row(l, st, reason);
}

static evtwin_status read_next(lane *l) {
    if (l->chunk.n > 0) {
        return EVTWIN_OK;
    }
    const evtwin_status st =
        evtwin__spool_cursor_read(l->cursor, l->delivery->max_batch_rows, &l->chunk);
    l->from = 0;
    l->to = l->chunk.n;
#ifdef EVTWIN_BREAK_FREE_ON_ENQUEUE /* wrong on purpose: the kill tests must find it */
    EVTWIN_TRY(st == EVTWIN_OK ? evtwin__spool_cursor_advance(l->cursor, l->chunk.last, NULL) : st);
#endif
    return st;
}

/* One write. OK: it was taken. DONE: nothing waits. REFUSED: go on at once. */
static evtwin_status step(lane *l) {
    EVTWIN_TRY(ask_position(l));
    evtwin_status st = read_next(l);
    if (st != EVTWIN_OK) {
        return st;
    }
    st = write_part(l);
    if (st < 0) {
        return narrow(l, st);
    }
    EVTWIN_TRY(evtwin_sink_flush(l->sink));
    EVTWIN_TRY(evtwin__spool_cursor_advance(l->cursor, number_behind(l, l->to), NULL));
    note_success(l, l->to - l->from);
    go_on(l);
    return EVTWIN_OK;
}

/* ---- the thread ---- */

static double random_fraction(lane *l) {
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return (double)(l->random >> 11) * 0x1p-53;
}

static void pause_after_failure(lane *l) {
    evtwin__delivery *d = l->delivery;
    const double longer_s = l->limit_s > 0.0 ? 2.0 * l->limit_s : first_limit_s;
    l->limit_s = longer_s < longest_limit_s ? longer_s : longest_limit_s;
    const unsigned n_hurried = atomic_load(&d->n_hurried);
    const double end_s = evtwin__monotonic_s() + 0.001 + l->limit_s * random_fraction(l);
    double left_s;
    while ((left_s = end_s - evtwin__monotonic_s()) > 0.0) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        if (atomic_load(&d->is_stopped) || atomic_load(&d->n_hurried) != n_hurried) {
            return;
        }
        evtwin__spool_wait(d->spool, generation, left_s);
    }
}

static void *run_lane(void *ctx) {
    lane *l = ctx;
    evtwin__delivery *d = l->delivery;
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        if (atomic_load(&d->is_stopped)) {
            break;
        }
        const evtwin_status st = step(l);
        if (st == EVTWIN_DONE) {
            evtwin__spool_wait(d->spool, generation, 3600.0);
        } else if (st < 0) {
            note_failure(l, st);
            pause_after_failure(l);
        }
    }
    evtwin__spool_chunk_clear(&l->chunk);
    return NULL;
}

/* ---- start and stop ---- */

/* Length of what of a URI names its place: parameters come and go. */
static size_t place_length(const char *uri) {
    return strcspn(uri, "?");
}

static int has_same_place(const char *a, const char *b) {
    return place_length(a) == place_length(b) && strncmp(a, b, place_length(a)) == 0;
}

/* Names that stay when parameters change, unless two sinks differ in nothing else. */
static evtwin_status name_lanes(evtwin__delivery *d, size_t n) {
    for (size_t i = 0; i < d->n_lanes; i++) {
        lane *l = &d->lanes[i];
        const char *uri = evtwin_sink_uri(l->sink);
        int is_shared = 0;
        for (size_t k = 0; k < n && i < n; k++) {
            is_shared |= k != i && has_same_place(uri, evtwin_sink_uri(d->lanes[k].sink));
        }
        const size_t length = is_shared ? strlen(uri) : place_length(uri);
        EVTWIN_FAIL_IF(length >= sizeof l->name, EVTWIN_E_ARG,
                       "%.80s…: the name of the sink is longer "
                       "than %zu bytes",
                       uri, sizeof l->name - 1);
        memcpy(l->name, uri, length);

        /* two sinks of one place keep two positions there */
        const uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, uri, strlen(uri));
        snprintf(l->source, sizeof l->source, is_shared ? "%s#%016llx" : "%s",
                 evtwin_spool_id(d->spool), (unsigned long long)hash);
    }
    return EVTWIN_OK;
}

static evtwin_status match_sinks(evtwin__delivery *d, size_t n, int has_letters) {
    const char **names = evtwin__calloc(n, sizeof *names);
    EVTWIN_FAIL_IF(names == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sinks", n);
    for (size_t i = 0; i < n; i++) {
        names[i] = d->lanes[i].name;
    }
    const evtwin_status st =
        evtwin__spool_match_sinks(d->spool, names, n, has_letters ? d->lanes[n].name : NULL);
    evtwin__free((void *)names);
    return st;
}

/* All cursors before the first thread: a record that is refused at once finds where letters go. */
static evtwin_status open_lanes(evtwin__delivery *d) {
    for (size_t i = 0; i < d->n_lanes; i++) {
        lane *l = &d->lanes[i];
        EVTWIN_TRY(evtwin__spool_cursor_open(d->spool, l->kind, l->name, &l->cursor));
    }
    for (size_t i = 0; i < d->n_lanes; i++) {
        lane *l = &d->lanes[i];
        const int error = pthread_create(&l->thread, NULL, run_lane, l);
        EVTWIN_FAIL_IF(error != 0, EVTWIN_E_EXTERNAL, "%s: cannot start a thread: %s", l->name,
                       strerror(error));
        l->has_thread = 1;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__delivery_start(evtwin_spool *spool, evtwin_sink *const *sinks, size_t n,
                                     evtwin_sink *letters, size_t max_batch_rows,
                                     evtwin__delivery **out) {
    const size_t n_lanes = n + (letters != NULL);
    evtwin__delivery *d = evtwin__calloc(1, sizeof *d);
    EVTWIN_FAIL_IF(d == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sinks", n);
    pthread_mutex_init(&d->lock, NULL);
    d->spool = spool;
    d->max_batch_rows = max_batch_rows;
    d->lanes = evtwin__calloc(n_lanes, sizeof *d->lanes);
    d->events = evtwin__calloc(MAX_EVENTS, sizeof *d->events);
    evtwin_status st = EVTWIN_OK;
    if (d->lanes == NULL || d->events == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu sinks", n);
    }
    for (size_t i = 0; i < n_lanes && st >= 0; i++) {
        d->lanes[i] = (lane){.delivery = d,
                             .number = i,
                             .sink = i < n ? sinks[i] : letters,
                             .kind = i < n ? EVTWIN__SPOOL_ROWS : EVTWIN__SPOOL_LETTERS,
                             .random = (uint64_t)evtwin__monotonic_us() * (2 * i + 1) | 1};
        d->n_lanes = i + 1;
    }
    if (st < 0 || (st = name_lanes(d, n)) < 0 || (st = match_sinks(d, n, letters != NULL)) < 0 ||
        (st = open_lanes(d)) < 0) {
        evtwin__delivery_free(d);
        return st;
    }
    *out = d;
    return EVTWIN_OK;
}

void evtwin__delivery_free(evtwin__delivery *d) {
    if (d == NULL) {
        return;
    }
    atomic_store(&d->is_stopped, 1);
    evtwin__spool_wake(d->spool);
    for (size_t i = 0; i < d->n_lanes; i++) {
        lane *l = &d->lanes[i];
        if (l->has_thread) {
            pthread_join(l->thread, NULL);
        }
        evtwin__spool_cursor_close(l->cursor);
    }
    pthread_mutex_destroy(&d->lock);
    evtwin__free(d->lanes);
    evtwin__free(d->events);
    evtwin__free(d);
}

/* ---- accept ---- */

static evtwin_status seek_source(evtwin_spool *spool, evtwin_source *source) {
    char position[1024];
    const char *uri = evtwin_source_uri(source);
    evtwin_status st = evtwin_spool_position(spool, uri, position, sizeof position);
    st = st == EVTWIN_OK ? evtwin_source_seek(source, position) : st;
    if (st == EVTWIN_E_UNSUPPORTED || st == EVTWIN_E_PARSE) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: cannot go on behind \"%.80s\", and begins anew", uri,
                    position);
        return EVTWIN_OK;
    }
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__delivery_resume(evtwin_spool *spool, evtwin_source *source,
                                      evtwin_session *session) {
    EVTWIN_TRY(source != NULL ? seek_source(spool, source) : EVTWIN_OK);
    evtwin_table *states = NULL;
    evtwin_status st = session != NULL ? evtwin__spool_states(spool, &states) : EVTWIN_DONE;
    st = st == EVTWIN_OK ? evtwin_session_restore(session, states) : st;
    evtwin_table_free(states);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__delivery_accept(evtwin_spool *spool, const evtwin_batch *batch,
                                      const evtwin_letter *letter, int timeout_ms) {
    const double end_s = evtwin__monotonic_s() + 1e-3 * timeout_ms;
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(spool);
        const evtwin_status st =
            letter != NULL
                ? evtwin__spool_append_letter(spool, letter, batch->source, batch->position)
                : evtwin_spool_append(spool, batch);
        const double left_s = end_s - evtwin__monotonic_s();
        if (st != EVTWIN_E_AGAIN || left_s <= 0.0) {
            return st;
        }
        evtwin__spool_wait(spool, generation, left_s);
    }
}

/* ---- drain ---- */

/* 1 if something waits for the sink and it works, or was not tried since. */
static int is_worth_waiting(lane *l, uint64_t n_tries_before) {
    evtwin__spool_cursor_state state;
    evtwin__spool_cursor_get(l->cursor, &state);
    pthread_mutex_lock(&l->delivery->lock);
    const int is_tried = l->n_tries > n_tries_before;
    const int is_down = l->is_down;
    pthread_mutex_unlock(&l->delivery->lock);
    return state.n_waiting > 0 && !(is_down && is_tried);
}

static evtwin_status what_waits(evtwin__delivery *d) {
    char text[1024] = "";
    for (size_t i = 0; i < d->n_lanes; i++) {
        evtwin_pump_sink_stats stats = {.size = sizeof stats};
        evtwin__delivery_stats(d, i, &stats);
        if (stats.n_held > 0) {
            evtwin__text_append(text, sizeof text, "%s%llu %s for %s%s%.200s%s",
                                text[0] != '\0' ? "; " : "", (unsigned long long)stats.n_held,
                                stats.n_held == 1 ? "record waits" : "records wait", stats.uri,
                                stats.is_up ? "" : " (", stats.is_up ? "" : stats.reason,
                                stats.is_up ? "" : ")");
        }
    }
    EVTWIN_FAIL_IF(text[0] != '\0', EVTWIN_E_AGAIN, "left in the spool for the next start: %s",
                   text);
    return EVTWIN_OK;
}

evtwin_status evtwin__delivery_drain(evtwin__delivery *d, double seconds) {
    const double end_s = evtwin__monotonic_s() + seconds;
    uint64_t *n_before = evtwin__calloc(d->n_lanes, sizeof *n_before);
    EVTWIN_FAIL_IF(n_before == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sinks", d->n_lanes);
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->n_lanes; i++) {
        n_before[i] = d->lanes[i].n_tries;
    }
    pthread_mutex_unlock(&d->lock);
    atomic_fetch_add(&d->n_hurried, 1);
    evtwin__spool_wake(d->spool);
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        int is_waiting = 0;
        for (size_t i = 0; i < d->n_lanes; i++) {
            is_waiting |= is_worth_waiting(&d->lanes[i], n_before[i]);
        }
        const double left_s = end_s - evtwin__monotonic_s();
        if (!is_waiting || left_s <= 0.0) {
            break;
        }
        evtwin__spool_wait(d->spool, generation, left_s);
    }
    evtwin__free(n_before);
    return what_waits(d);
}

/* ---- counts ---- */

void evtwin__delivery_stats(evtwin__delivery *d, size_t i, evtwin_pump_sink_stats *out) {
    lane *l = &d->lanes[i];
    evtwin__spool_cursor_state state;
    evtwin__spool_cursor_get(l->cursor, &state);
    const double age_s = 1e-6 * (double)(evtwin_time_now() - state.oldest_us);
    pthread_mutex_lock(&d->lock);
    *out =
        (evtwin_pump_sink_stats){.size = sizeof *out,
                                 .uri = evtwin_sink_uri(l->sink),
                                 .n_delivered = l->n_delivered,
                                 .n_held = state.n_waiting,
                                 .n_lost = state.n_lost,
                                 .n_refused = l->n_refused,
                                 .n_failures = l->n_failures,
                                 .is_up = !l->is_down,
                                 .is_letters = l->kind == EVTWIN__SPOOL_LETTERS,
                                 .held_bytes = state.bytes_waiting,
                                 .oldest_held_s = state.oldest_us > 0 && age_s > 0.0 ? age_s : 0.0};
    memcpy(out->reason, l->reason, sizeof out->reason);
    pthread_mutex_unlock(&d->lock);
}
