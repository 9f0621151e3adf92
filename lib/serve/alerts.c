/* SPDX-License-Identifier: MIT */
/* serve/alerts.c: the watch for alerts: its thread, its start and its end. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/alerts_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const double nap_s = 1.0, goodbye_s = 3.0;
enum { MAX_WAIT_DAYS = 366 };

/* ---- the thread ---- */

/* Under the lock: sleep until something is to be done, at most so many seconds. */
static void nap(evtwin_alerts *a, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while (!a->is_stopped && !a->is_woken &&
           pthread_cond_timedwait(&a->wake, &a->lock, &until) != ETIMEDOUT) {
    }
    a->is_woken = 0;
}

/* What is on its way gets a while to arrive, and is noted; then another one may watch. */
static void say_goodbye(evtwin_alerts *a) {
    const double until_s = evtwin__monotonic_s() + goodbye_s;
    while (evtwin__alerts_is_busy(a) && evtwin__monotonic_s() < until_s) {
        const struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL);
    }
    evtwin__alerts_give_back(a);
}

static void *work(void *ctx) {
    evtwin_alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    while (!a->is_stopped) {
        pthread_mutex_unlock(&a->lock);
        evtwin__alerts_step(a);
        pthread_mutex_lock(&a->lock);
        nap(a, nap_s);
    }
    pthread_mutex_unlock(&a->lock);
    say_goodbye(a);
    pthread_mutex_lock(&a->lock);
    a->is_gone = 1;
    pthread_cond_broadcast(&a->gone);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Something is to be done now. */
static void wake(void *ctx) {
    evtwin_alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    a->is_woken = 1;
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

/* ---- start and stop ---- */

static const evtwin_alerts_options defaults = {
    .size = sizeof defaults, .group_s = 30.0, .clear_after_s = 60.0};

evtwin_status evtwin_alerts_options_init(evtwin_alerts_options *options, size_t size) {
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

static evtwin_status check_seconds(const char *name, double s, double min, double max) {
    EVTWIN_FAIL_IF(!(s >= min && s <= max), EVTWIN_E_ARG, "%s %g is not in %g to %g", name, s, min,
                   max);
    return EVTWIN_OK;
}

static evtwin_status check(const evtwin_alerts_options *o) {
    const double most_s = MAX_WAIT_DAYS * 86400.0;
    EVTWIN_FAIL_IF(o->store == NULL, EVTWIN_E_ARG, "evtwin_alerts_start: store is NULL");
    EVTWIN_TRY(check_seconds("group_s", o->group_s, 1.0, 86400.0));
    EVTWIN_TRY(check_seconds("clear_after_s", o->clear_after_s, 0.0, 86400.0));
    EVTWIN_TRY(check_seconds("silent_after_s", o->silent_after_s, 0.0, most_s));
    return check_seconds("predictions_stopped_after_s", o->predictions_stopped_after_s, 0.0,
                         most_s);
}

static void name_holder(char *name, size_t size) {
    char host[64] = "";
    uint64_t number = 0;
    (void)gethostname(host, sizeof host - 1);
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        number = (uint64_t)evtwin__monotonic_us();
    }
    snprintf(name, size, "%s:%ld:%016llx", host, (long)getpid(), (unsigned long long)number);
}

static void set_up_locks(evtwin_alerts *a) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_cond_init(&a->gone, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static evtwin_status start(evtwin_alerts *a, const evtwin_alerts_options *o) {
    a->uri = evtwin__strdup(o->store);
    EVTWIN_FAIL_IF(a->uri == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    a->hold_us = (int64_t)(o->clear_after_s * 1e6);
    a->patience = (evtwin__patience){o->silent_after_s, o->predictions_stopped_after_s};
    a->leased_s = a->worst_s = -3600.0; /* long ago */
    name_holder(a->holder, sizeof a->holder);
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        a->sending[w].group_us = (int64_t)(o->group_s * 1e6);
        EVTWIN_TRY(evtwin__alert_lane_start(o, w, wake, a, &a->lane[w]));
    }
    const int error = pthread_create(&a->thread, NULL, work, a);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread: %s", strerror(error));
    a->has_thread = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin_alerts_check(const evtwin_alerts_options *options) {
    evtwin_alerts_options full = defaults;
    EVTWIN_TRY(evtwin__options_merge(&full, sizeof full, options, "evtwin_alerts_options_init"));
    EVTWIN_TRY(check(&full));
    evtwin_status st = EVTWIN_OK;
    for (int w = 0; st >= 0 && w < EVTWIN__N_WAYS; w++) {
        evtwin__alert_lane *lane = NULL;
        st = evtwin__alert_lane_start(&full, w, NULL, NULL, &lane);
        evtwin__alert_lane_stop(lane);
    }
    return st;
}

evtwin_status evtwin_alerts_start(const evtwin_alerts_options *options, evtwin_alerts **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "evtwin_alerts_start: out is NULL");
    evtwin_alerts_options full = defaults;
    EVTWIN_TRY(evtwin__options_merge(&full, sizeof full, options, "evtwin_alerts_options_init"));
    EVTWIN_TRY(check(&full));
    evtwin_alerts *a = evtwin__calloc(1, sizeof *a);
    EVTWIN_FAIL_IF(a == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    set_up_locks(a);
    sigset_t signals, before; /* they are the program's, not of these threads */
    sigfillset(&signals);
    pthread_sigmask(SIG_SETMASK, &signals, &before);
    const evtwin_status st = start(a, &full);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (st < 0) {
        evtwin_alerts_free(a);
        return st;
    }
    *out = a;
    return EVTWIN_OK;
}

evtwin_status evtwin_alerts_acknowledge(evtwin_alerts *alerts, int64_t id, const char *by) {
    EVTWIN_FAIL_IF(alerts == NULL || by == NULL, EVTWIN_E_ARG, "alerts or by is NULL");
    evtwin_store *store = NULL;
    EVTWIN_TRY(evtwin__alerts_open_store(alerts->uri, &store));
    const evtwin_status st = evtwin_store_acknowledge_alert(store, id, by);
    evtwin_store_free(store);
    wake(alerts);
    return st;
}

/* Ask the thread to end; a statement that takes too long is interrupted. */
static void stop_thread(evtwin_alerts *a) {
    struct timespec until;
    pthread_mutex_lock(&a->lock);
    a->is_stopped = 1;
    pthread_cond_broadcast(&a->wake);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(2.0 * goodbye_s);
    while (!a->is_gone && pthread_cond_timedwait(&a->gone, &a->lock, &until) != ETIMEDOUT) {
    }
    evtwin_store_interrupt(a->is_gone ? NULL : a->store);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
}

void evtwin_alerts_free(evtwin_alerts *a) {
    if (a == NULL) {
        return;
    }
    if (a->has_thread) {
        stop_thread(a);
    }
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        evtwin__alert_lane_stop(a->lane[w]);
    }
    evtwin_store_free(a->store);
    evtwin__alert_book_free(a->book);
    pthread_cond_destroy(&a->wake);
    pthread_cond_destroy(&a->gone);
    pthread_mutex_destroy(&a->lock);
    evtwin__free(a->uri);
    evtwin__free(a);
}
