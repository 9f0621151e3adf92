/* SPDX-License-Identifier: MIT */
/* store/sweep.c: the retention of a store, a little at a time. */

#include "store/sweep.h"

#include "core/clock.h"
#include "core/status.h"

enum { CHUNK_ROWS = 5000 /* visited in one transaction of an explicit expire */ };

/* From the end of one sweep to the start of the next, when inserting. */
static const int64_t pause_us = INT64_C(600) * 1000000;

static void stop(evtwin__sweep *sweep) {
    sweep->is_active = 0;
    sweep->next_us = evtwin__monotonic_us() + pause_us;
}

static evtwin_status start(evtwin_store *store, evtwin__sweep *sweep,
                           const evtwin__sweep_steps *steps) {
    const evtwin_status st = steps->start(store, sweep);
    sweep->n_deleted = 0;
    sweep->is_active = 1;
    if (st != EVTWIN_OK) {
        stop(sweep);
    }
    return st;
}

static void report(const evtwin_store *store, const evtwin__sweep *sweep, const char *name) {
    char cutoff[EVTWIN_TIME_TEXT_SIZE] = "long ago";
    if (sweep->n_deleted > 0) {
        (void)evtwin_time_format(sweep->cutoff_us, cutoff, sizeof cutoff);
        evtwin__log(EVTWIN_LOG_INFO,
                    "%s: retention: %zu row%s older than %g days deleted (from before %s)", name,
                    sweep->n_deleted, sweep->n_deleted == 1 ? "" : "s",
                    store->options.retention_days, cutoff);
    }
}

/* One transaction. After a failure the sweep is over, too: its place may be past rows that are
 * still there. */
static evtwin_status visit(evtwin_store *store, evtwin__sweep *sweep,
                           const evtwin__sweep_steps *steps, size_t n_rows) {
    size_t n = 0;
    const evtwin_status st = steps->visit(store, n_rows, &n);
    sweep->n_deleted += st >= 0 ? n : 0;
    if (st != EVTWIN_OK) {
        report(store, sweep, steps->name(store));
        stop(sweep);
    }
    return st;
}

evtwin_status evtwin__sweep_all(evtwin_store *store, evtwin__sweep *sweep,
                                const evtwin__sweep_steps *steps, size_t *n_deleted_out) {
    evtwin_status st = start(store, sweep, steps);
    while (st == EVTWIN_OK) {
        st = visit(store, sweep, steps, CHUNK_ROWS);
    }
    EVTWIN_TRY(st);
    *n_deleted_out = sweep->n_deleted;
    return EVTWIN_OK;
}

void evtwin__sweep_some(evtwin_store *store, evtwin__sweep *sweep, const evtwin__sweep_steps *steps,
                        size_t n_inserted) {
    if (store->options.retention_days <= 0.0 ||
        (!sweep->is_active && evtwin__monotonic_us() < sweep->next_us)) {
        return;
    }
    /* twice as fast as rows come in, so that a sweep ends and the table stays bounded */
    const size_t n_rows =
        n_inserted < EVTWIN__SWEEP_MIN_ROWS / 2 ? EVTWIN__SWEEP_MIN_ROWS : 2 * n_inserted;
    evtwin_status st = sweep->is_active ? EVTWIN_OK : start(store, sweep, steps);
    st = st == EVTWIN_OK ? visit(store, sweep, steps, n_rows) : st;
    if (st < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "retention of %s stopped, to be tried again: %s",
                    steps->name(store), evtwin_last_error());
    }
}
