/* SPDX-License-Identifier: MIT */
/* serve/live.c: the thread that follows the store, and what is answered from its memory. */

#include "serve/live.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/live_feed.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Between two looks at the feed; after a failure; how long the first one is waited for, at a time
 * and from the start on; after how long without one nothing is answered any more, which is longer
 * while the whole fleet is read. */
enum {
    LOOK_MS = 100,
    RETRY_MS = 250,
    FIRST_MS = 3000,
    ALL_FIRST_MS = 10000,
    STALE_MS = 5000,
    LOADING_MS = 60000
};

struct evtwin__live {
    evtwin__live_feed feed; /* of the thread, but for its fleet */
    pthread_t thread;
    int is_running;
    pthread_mutex_t lock;   /* of what follows, and of the feed's fleet */
    pthread_cond_t changed; /* the first look has ended, or a stop */
    int is_stopped;
    atomic_int has_looked;
    int64_t start_ms;
    evtwin_status status; /* of the last look */
    char error[512];
    int64_t good_ms;
};

/* ---- the thread ---- */

static void wait_until(evtwin__live *live, int64_t until_ms) {
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_cond_timedwait(&live->changed, &live->lock, &until);
}

/* Note how a look ended, then rest; 1 at a stop. */
static int rest(evtwin__live *live, evtwin_status st) {
    const int64_t now_ms = evtwin__monotonic_ms();
    const int64_t until_ms = now_ms + (st < 0 ? RETRY_MS : LOOK_MS);
    pthread_mutex_lock(&live->lock);
    live->status = st;
    live->has_looked = 1;
    if (st < 0) {
        snprintf(live->error, sizeof live->error, "%s", evtwin_last_error());
    } else {
        live->good_ms = now_ms;
    }
    pthread_cond_broadcast(&live->changed);
    while (!live->is_stopped && evtwin__monotonic_ms() < until_ms) {
        wait_until(live, until_ms);
    }
    const int is_stopped = live->is_stopped;
    pthread_mutex_unlock(&live->lock);
    return is_stopped;
}

static void *run(void *ctx) {
    evtwin__live *live = ctx;
    while (!rest(live, evtwin__live_feed_look(&live->feed))) {
    }
    return NULL;
}

/* With the lock. */
static void wait_for_first(evtwin__live *live) {
    const int64_t last_ms = live->start_ms + ALL_FIRST_MS;
    const int64_t one_ms = evtwin__monotonic_ms() + FIRST_MS;
    const int64_t until_ms = one_ms < last_ms ? one_ms : last_ms;
    while (!live->has_looked && !live->is_stopped && evtwin__monotonic_ms() < until_ms) {
        wait_until(live, until_ms);
    }
}

/* ---- life ---- */

evtwin_status evtwin__live_start(const char *uri, const evtwin__patience *patience,
                                 evtwin__ring *ring, evtwin__live **out) {
    evtwin__live *live = evtwin__calloc(1, sizeof *live);
    EVTWIN_FAIL_IF(live == NULL, EVTWIN_E_NOMEM, "out of memory for the newest rows");
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&live->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&live->lock, NULL);
    live->start_ms = evtwin__monotonic_ms();
    evtwin_status st = evtwin__live_feed_open(&live->feed, uri, patience, ring, &live->lock);
    if (st >= 0 && pthread_create(&live->thread, NULL, run, live) != 0) {
        st = evtwin__fail(EVTWIN_E_IO, "no thread that follows the store");
    }
    live->is_running = st >= 0;
    if (st < 0) {
        evtwin__live_free(live);
        return st;
    }
    pthread_mutex_lock(&live->lock);
    wait_for_first(live);
    pthread_mutex_unlock(&live->lock);
    *out = live;
    return EVTWIN_OK;
}

void evtwin__live_interrupt(evtwin__live *live) {
    pthread_mutex_lock(&live->lock);
    live->is_stopped = 1;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    evtwin__live_feed_interrupt(&live->feed);
}

void evtwin__live_free(evtwin__live *live) {
    if (live == NULL) {
        return;
    }
    if (live->is_running) {
        evtwin__live_interrupt(live);
        pthread_join(live->thread, NULL);
    }
    evtwin__live_feed_close(&live->feed);
    pthread_cond_destroy(&live->changed);
    pthread_mutex_destroy(&live->lock);
    evtwin__free(live);
}

/* ---- answers ---- */

int evtwin__live_has_looked(const evtwin__live *live) {
    return live->has_looked;
}

void evtwin__live_wait(evtwin__live *live) {
    pthread_mutex_lock(&live->lock);
    wait_for_first(live);
    pthread_mutex_unlock(&live->lock);
}

/* With the lock: may what is in memory be answered? A look that took too long says nothing of it.
 */
static evtwin_status check(evtwin__live *live) {
    const int is_late = live->status == EVTWIN_E_CANCELLED;
    EVTWIN_FAIL_IF(live->is_stopped, EVTWIN_E_CANCELLED, "the server is stopping");
    EVTWIN_FAIL_IF(!live->has_looked, EVTWIN_E_AGAIN, "the newest rows have not been read yet");
    EVTWIN_FAIL_IF(live->status < 0 && !is_late, live->status, "%s", live->error);
    const int64_t since_ms = live->good_ms != 0 ? live->good_ms : live->start_ms;
    const int64_t age_ms = evtwin__monotonic_ms() - since_ms;
    const int is_old = age_ms > (live->feed.is_loading ? LOADING_MS : STALE_MS);
    EVTWIN_FAIL_IF(is_old || live->good_ms == 0, EVTWIN_E_AGAIN,
                   "the store has not answered for %.0f s", 1e-3 * (double)age_ms);
    return EVTWIN_OK;
}

evtwin_status evtwin__live_find(evtwin__live *live, const char *battery_id,
                                evtwin__live_battery **out) {
    pthread_mutex_lock(&live->lock);
    evtwin_status st = check(live);
    if (st >= 0) {
        evtwin__live_battery *battery = evtwin__live_fleet_get(live->feed.fleet, battery_id);
        if (battery == NULL) {
            st = EVTWIN_DONE;
        } else {
            *out = evtwin__live_battery_keep(battery);
        }
    }
    pthread_mutex_unlock(&live->lock);
    return st;
}

/* The matches are put in order while others may be answered; the fleet keeps their numbers. */
evtwin_status evtwin__live_select(evtwin__live *live, const evtwin__live_query *query,
                                  evtwin__live_selection *out) {
    evtwin__live_selection s = {0};
    evtwin__live_fleet *fleet = NULL;
    pthread_mutex_lock(&live->lock);
    evtwin_status st = check(live);
    if (st >= 0) {
        fleet = live->feed.fleet;
        atomic_fetch_add(&fleet->n_refs, 1);
        st = evtwin__live_fleet_match(fleet, query, evtwin_time_now(), &s);
    }
    pthread_mutex_unlock(&live->lock);
    if (st >= 0) {
        evtwin__live_selection_sort(query, &s);
        pthread_mutex_lock(&live->lock);
        st = evtwin__live_fleet_take(fleet, query, &s);
        pthread_mutex_unlock(&live->lock);
    }
    evtwin__live_fleet_release(fleet);
    if (st < 0) {
        evtwin__live_selection_free(&s);
        return st;
    }
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin__live_check(evtwin__live *live) {
    pthread_mutex_lock(&live->lock);
    const evtwin_status st = check(live);
    pthread_mutex_unlock(&live->lock);
    return st;
}

double evtwin__live_age_s(evtwin__live *live, int *is_up_out) {
    pthread_mutex_lock(&live->lock);
    *is_up_out = live->has_looked && live->status >= 0;
    const int64_t good_ms = live->good_ms;
    pthread_mutex_unlock(&live->lock);
    return good_ms == 0 ? -1.0 : 1e-3 * (double)(evtwin__monotonic_ms() - good_ms);
}

int evtwin__live_alerts(evtwin__live *live, evtwin__alert_counts *out) {
    pthread_mutex_lock(&live->lock);
    const int is_known = live->status >= 0 && live->feed.alerts.has_counts;
    *out = live->feed.alerts.counts;
    pthread_mutex_unlock(&live->lock);
    return is_known;
}
