/* SPDX-License-Identifier: MIT */
/* stream/pump_spool.c: a pump with a spool: what it accepts goes there, and a thread for each sink
 * takes it from there. */

#include "stream/pump_spool.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/pump_lane.h"
#include "stream/scheme.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What is being written when the pump ends may come to its end; then it is interrupted, and waits
 * in the spool. */
static const double grace_s = 1.0;

/* ---- events ---- */

/* Take one event out; 0 if there is none. */
static int take_event(evtwin__delivery *d, evtwin__lane_event *out) {
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
        char text[EVTWIN__SPOOL_NAME_SIZE + 200];
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
    evtwin__lane_event e;
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

/* ---- start and stop ---- */

static evtwin_status name_lane(evtwin__lane *l, const char *const *before, size_t n_before) {
    evtwin_spool *spool = l->delivery->spool;
    const char *uri = evtwin_sink_uri(l->sink);
    int is_long;
    EVTWIN_TRY(evtwin__spool_name_sink(spool, l->kind, uri, before, n_before, l->name, &is_long));

    /* two sinks of one place keep two positions there */
    const uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, uri, strlen(uri));
    snprintf(l->source, sizeof l->source, is_long ? "%s#%016llx" : "%s", evtwin_spool_id(spool),
             (unsigned long long)hash);
    return EVTWIN_OK;
}

/* Those of rows, (n) in names, come first, that of letters is the last. */
static evtwin_status name_lanes(evtwin__delivery *d, size_t n, const char **names) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(name_lane(&d->lanes[i], names, i));
        names[i] = d->lanes[i].name;
    }
    const int has_letters = d->n_lanes > n;
    EVTWIN_TRY(has_letters ? name_lane(&d->lanes[n], NULL, 0) : EVTWIN_OK);
    return evtwin__spool_match_sinks(d->spool, names, n, has_letters ? d->lanes[n].name : NULL);
}

static evtwin_status match_sinks(evtwin__delivery *d, size_t n) {
    const char **names = evtwin__calloc(n, sizeof *names);
    EVTWIN_FAIL_IF(names == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sinks", n);
    const evtwin_status st = name_lanes(d, n, names);
    evtwin__free((void *)names);
    return st;
}

/* Signals are for the program's own threads: one that ended here would not wake them. */
static evtwin_status start_threads(evtwin__delivery *d) {
    sigset_t all, before;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < d->n_lanes && error == 0; i++) {
        evtwin__lane *l = &d->lanes[i];
        error = pthread_create(&l->thread, NULL, evtwin__lane_run, l);
        l->has_thread = error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_EXTERNAL, "cannot start %zu threads for sinks: %s",
                   d->n_lanes, strerror(error));
    return EVTWIN_OK;
}

/* All cursors before the first thread: a record that is refused at once finds where letters go. */
static evtwin_status open_lanes(evtwin__delivery *d) {
    for (size_t i = 0; i < d->n_lanes; i++) {
        evtwin__lane *l = &d->lanes[i];
        EVTWIN_TRY(evtwin__spool_cursor_open(d->spool, l->kind, l->name, &l->cursor));
    }
    return start_threads(d);
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
    d->events = evtwin__calloc(EVTWIN__LANE_EVENTS, sizeof *d->events);
    evtwin_status st = EVTWIN_OK;
    if (d->lanes == NULL || d->events == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu sinks", n);
    }
    for (size_t i = 0; i < n_lanes && st >= 0; i++) {
        d->lanes[i] = (evtwin__lane){.delivery = d,
                                     .number = i,
                                     .sink = i < n ? sinks[i] : letters,
                                     .kind = i < n ? EVTWIN__SPOOL_ROWS : EVTWIN__SPOOL_LETTERS,
                                     .random = (uint64_t)evtwin__monotonic_us() * (2 * i + 1) | 1};
        pthread_mutex_init(&d->lanes[i].noting, NULL);
        d->n_lanes = i + 1;
    }
    if (st < 0 || (st = match_sinks(d, n)) < 0 || (st = open_lanes(d)) < 0) {
        evtwin__delivery_free(d);
        return st;
    }
    *out = d;
    return EVTWIN_OK;
}

static int is_running(evtwin__lane *l) {
    return l->has_thread && !atomic_load(&l->has_ended);
}

/* Until all threads have ended, at most so long. */
static void await_threads(evtwin__delivery *d, double seconds) {
    const double end_s = evtwin__monotonic_s() + seconds;
    for (size_t i = 0; i < d->n_lanes; i++) {
        for (;;) {
            const uint64_t generation = evtwin__spool_generation(d->spool);
            const double left_s = end_s - evtwin__monotonic_s();
            if (!is_running(&d->lanes[i]) || left_s <= 0.0) {
                break;
            }
            evtwin__spool_wait(d->spool, generation, left_s);
        }
    }
}

static void stop_threads(evtwin__delivery *d) {
    atomic_store(&d->is_stopped, 1);
    evtwin__spool_wake(d->spool);
    await_threads(d, grace_s);
    for (size_t i = 0; i < d->n_lanes; i++) {
        if (is_running(&d->lanes[i])) {
            evtwin__sink_interrupt(d->lanes[i].sink);
        }
    }
}

void evtwin__delivery_free(evtwin__delivery *d) {
    if (d == NULL) {
        return;
    }
    stop_threads(d);
    for (size_t i = 0; i < d->n_lanes; i++) {
        evtwin__lane *l = &d->lanes[i];
        if (l->has_thread) {
            pthread_join(l->thread, NULL);
        }
        evtwin__spool_cursor_close(l->cursor);
        pthread_mutex_destroy(&l->noting);
    }
    pthread_mutex_destroy(&d->lock);
    evtwin__free(d->lanes);
    evtwin__free(d->events);
    evtwin__free(d);
}

/* ---- accept ---- */

/* Positions of many partitions are long. */
static evtwin_status get_position(evtwin_spool *spool, const char *name, char **position_out) {
    evtwin_status st = EVTWIN_E_RANGE;
    for (size_t size = 1024; st == EVTWIN_E_RANGE; size *= 4) {
        char *grown = evtwin__realloc(*position_out, size, 1);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "%s: out of memory for a position", name);
        *position_out = grown;
        st = evtwin_spool_position(spool, name, grown, size);
    }
    return st;
}

/* A spool of an earlier version has the position under the whole URI. */
static evtwin_status seek_source(evtwin_spool *spool, evtwin_source *source, const char *name) {
    char *position = NULL;
    const char *uri = evtwin_source_uri(source);
    evtwin_status st = get_position(spool, name, &position);
    st = st == EVTWIN_DONE ? get_position(spool, uri, &position) : st;
    st = st == EVTWIN_OK ? evtwin_source_seek(source, position) : st;
    if (st == EVTWIN_E_UNSUPPORTED || st == EVTWIN_E_PARSE) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: cannot continue behind \"%.80s\", and begins anew",
                    uri, position);
        st = EVTWIN_OK;
    }
    evtwin__free(position);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__delivery_resume(evtwin_spool *spool, evtwin_source *source, const char *name,
                                      evtwin_session *session) {
    EVTWIN_TRY(source != NULL ? seek_source(spool, source, name) : EVTWIN_OK);
    evtwin_table *states = NULL;
    evtwin_status st = session != NULL ? evtwin__spool_states(spool, &states) : EVTWIN_DONE;
    st = st == EVTWIN_OK ? evtwin_session_restore(session, states) : st;
    evtwin_table_free(states);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__delivery_accept(evtwin_spool *spool, const evtwin_batch *batch,
                                      const evtwin__letter_list *letters, int timeout_ms) {
    const double end_s = evtwin__monotonic_s() + 1e-3 * timeout_ms;
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(spool);
        const evtwin_status st =
            letters != NULL
                ? evtwin__spool_append_letters(spool, letters, batch->source, batch->position)
                : evtwin_spool_append(spool, batch);
        const double left_s = end_s - evtwin__monotonic_s();
        if (st != EVTWIN_E_AGAIN || left_s <= 0.0) {
            return st;
        }
        evtwin__spool_wait(spool, generation, left_s);
    }
}

/* ---- drain ---- */

/* 1 if something waits for the sink and it works, or was not tried since, or may work at its next
 * try, which is made before the end. */
static int is_worth_waiting(evtwin__lane *l, unsigned hurry, double end_s) {
    evtwin__spool_cursor_state state;
    pthread_mutex_lock(&l->noting); /* what no longer waits has been counted */
    evtwin__spool_cursor_get(l->cursor, &state);
    pthread_mutex_unlock(&l->noting);
    pthread_mutex_lock(&l->delivery->lock);
    const int is_tried = l->failed_at_hurry == hurry;
    const int is_hopeless = l->is_down && !(l->is_temporary && l->try_again_s < end_s);
    pthread_mutex_unlock(&l->delivery->lock);
    return state.n_waiting > 0 && !(is_hopeless && is_tried);
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
    const unsigned hurry = atomic_fetch_add(&d->n_hurried, 1) + 1;
    evtwin__spool_wake(d->spool);
    for (;;) {
        const uint64_t generation = evtwin__spool_generation(d->spool);
        int is_waiting = 0;
        for (size_t i = 0; i < d->n_lanes; i++) {
            is_waiting |= is_worth_waiting(&d->lanes[i], hurry, end_s);
        }
        const double left_s = end_s - evtwin__monotonic_s();
        if (!is_waiting || left_s <= 0.0) {
            break;
        }
        evtwin__spool_wait(d->spool, generation, left_s);
    }
    return what_waits(d);
}

/* ---- wait ---- */

uint64_t evtwin__delivery_generation(const evtwin__delivery *d) {
    return evtwin__spool_generation(d->spool);
}

void evtwin__delivery_wait(const evtwin__delivery *d, uint64_t generation, double seconds) {
    evtwin__spool_wait(d->spool, generation, seconds);
}

/* ---- counts ---- */

void evtwin__delivery_stats(evtwin__delivery *d, size_t i, evtwin_pump_sink_stats *out) {
    evtwin__lane *l = &d->lanes[i];
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
