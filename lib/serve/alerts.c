/* SPDX-License-Identifier: MIT */
/* serve/alerts.c: the watch: look at the batteries, keep what has become of alerts in the store,
 * then deliver it. What is delivered is in the store before, that it was delivered right after: a
 * kill loses nothing and repeats at most the message that was on its way. */

#include "evtwin/alert.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/alert_feed.h"
#include "serve/alert_judge.h"
#include "serve/alert_lane.h"
#include "serve/alert_sending.h"
#include "store/alerts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const double lease_s = 10.0, renew_s = 3.0; /* of the one writer of a store */
static const double step_s = 1.0;                  /* between two looks at the batteries */
static const double share = 9.0; /* of what a look takes, so that it is a tenth of the time */
static const double worst_every_s = 60.0; /* how often worst values alone are written */
static const double statement_s = 20.0, goodbye_s = 3.0;
enum { LOG_EVERY_S = 60, MAX_WAIT_DAYS = 366 };

/* A line of the log about something that lasts is not repeated for a while. */
typedef struct complaint {
    double said_s;
    char text[512];
} complaint;

struct evtwin_alerts {
    char *uri;
    char holder[96];
    int64_t hold_us;
    evtwin__patience patience;
    evtwin__alert_lane *lane[EVTWIN__N_WAYS];
    evtwin__alert_sending sending[EVTWIN__N_WAYS];

    /* of the watch's own thread */
    evtwin_store *store; /* written under the lock */
    int64_t generation;
    int is_holder;                      /* of the lease, when it was last tried */
    evtwin__alert_book *book;           /* NULL: nothing is known yet */
    double leased_s, worst_s, looked_s; /* when it was tried, written, is to be looked at */
    complaint about_store, about_lane[EVTWIN__N_WAYS];

    pthread_t thread;
    int has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, gone;
    int is_stopped, is_woken, is_gone;

    pthread_mutex_t publish_lock;
    evtwin__ring *ring; /* borrowed; NULL = nobody listens */
    evtwin__alert_feed feed;
};

/* ---- log ---- */

static void complain(complaint *c, evtwin_log_level level, const char *text) {
    const double now_s = evtwin__monotonic_s();
    if (strcmp(c->text, text) != 0 || now_s - c->said_s > LOG_EVERY_S) {
        snprintf(c->text, sizeof c->text, "%s", text);
        c->said_s = now_s;
        evtwin__log(level, "alerts: %s", text);
    }
}

static void recover(complaint *c, const char *text) {
    if (c->text[0] != '\0') {
        c->text[0] = '\0';
        evtwin__log(EVTWIN_LOG_INFO, "alerts: %s", text);
    }
}

/* ---- the store ---- */

static void forget(evtwin_alerts *a) {
    evtwin__alert_book_free(a->book);
    a->book = NULL;
    a->is_holder = 0;
    a->leased_s = -lease_s;
}

static void set_store(evtwin_alerts *a, evtwin_store *store) {
    pthread_mutex_lock(&a->lock);
    evtwin_store *before = a->store;
    a->store = store;
    pthread_mutex_unlock(&a->lock);
    evtwin_store_free(before);
}

/* The store is made by whoever writes batteries. */
static evtwin_status open_store(evtwin_alerts *a) {
    evtwin_store_options options;
    evtwin_store *store = NULL;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    const evtwin_status st = evtwin_store_open(a->uri, &options, &store);
    evtwin_store_free(store);
    if (st < 0 && st != EVTWIN_E_SCHEMA) { /* an older one is brought up to date below */
        return st;
    }
    EVTWIN_TRY(evtwin_store_open(a->uri, NULL, &store));
    set_store(a, store);
    a->generation = evtwin_store_generation(store);
    return EVTWIN_OK;
}

static evtwin_status load_book(evtwin_alerts *a, evtwin__alert_book **out) {
    evtwin_alert_history_options newest;
    evtwin_table *last = NULL, *due = NULL;
    int wanted[EVTWIN__N_WAYS];
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        wanted[w] = a->lane[w] != NULL;
    }
    EVTWIN_TRY(evtwin_alert_history_options_init(&newest, sizeof newest));
    newest.limit = 1;
    EVTWIN_TRY(evtwin_store_alerts(a->store, &newest, &last));
    const int64_t last_id = last != NULL ? evtwin_table_i64(last, EVTWIN__A_ID)[0] : 0;
    evtwin_table_free(last);
    EVTWIN_TRY(evtwin__store_due_alerts(a->store, &due));
    evtwin__alert_book *book = NULL;
    evtwin_status st = evtwin__alert_book_create(last_id + 1, wanted, &book);
    st = st < 0 ? st : evtwin__alert_book_load(book, due);
    evtwin_table_free(due);
    if (st < 0) {
        evtwin__alert_book_free(book);
        return st;
    }
    *out = book;
    return EVTWIN_OK;
}

/* Be the one that watches, and know what the one before has left; EVTWIN_DONE: another one is. */
static evtwin_status take_over(evtwin_alerts *a) {
    const double now_s = evtwin__monotonic_s();
    EVTWIN_TRY(a->store == NULL ? open_store(a) : EVTWIN_OK);
    if (now_s - a->leased_s > renew_s) {
        a->leased_s = now_s;
        EVTWIN_TRY(evtwin__store_alert_lease(a->store, a->holder, lease_s));
        a->is_holder = 1;
    }
    if (!a->is_holder) {
        return EVTWIN_DONE;
    }
    if (evtwin_store_generation(a->store) != a->generation) {
        a->generation = evtwin_store_generation(a->store);
        forget(a);
        EVTWIN_FAIL(EVTWIN_E_AGAIN, "the store was replaced; its alerts are read anew");
    }
    return a->book == NULL ? load_book(a, &a->book) : EVTWIN_OK;
}

/* ---- a look at the batteries ---- */

static evtwin_status look(evtwin_alerts *a) {
    evtwin_thresholds *thresholds = NULL;
    evtwin_table *rows = NULL, *current = NULL;
    EVTWIN_TRY(evtwin_store_thresholds(a->store, &thresholds));
    evtwin_status st = evtwin_store_latest(a->store, NULL, &rows, &current);
    const int64_t now_us = evtwin_time_now();
    if (st >= 0) {
        evtwin__alert_book_begin(a->book);
        st = evtwin__alert_judge(a->book, thresholds, &a->patience, current, now_us);
    }
    if (st >= 0) {
        evtwin__alert_book_end(a->book, now_us, evtwin__monotonic_us(), a->hold_us);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    evtwin_thresholds_free(thresholds);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status save(evtwin_alerts *a) {
    const double now_s = evtwin__monotonic_s();
    const int with_worse = now_s - a->worst_s > worst_every_s;
    evtwin_table *changes = NULL;
    EVTWIN_TRY(evtwin__alert_book_changes(a->book, with_worse, &changes));
    const evtwin_status st =
        changes != NULL ? evtwin__store_put_alerts(a->store, a->holder, changes) : EVTWIN_OK;
    evtwin_table_free(changes);
    EVTWIN_TRY(st);
    a->worst_s = with_worse ? now_s : a->worst_s;
    evtwin__alert_book_stored(a->book, with_worse);
    return EVTWIN_OK;
}

/* ---- delivery ---- */

static void note_results(evtwin_alerts *a) {
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        evtwin_status st;
        char reason[512], text[700];
        if (a->lane[w] == NULL ||
            !evtwin__alert_lane_result(a->lane[w], &st, reason, sizeof reason)) {
            continue;
        }
        const double pause_s =
            evtwin__alert_sending_note(&a->sending[w], st >= 0, evtwin__monotonic_us());
        if (a->book != NULL) {
            evtwin__alert_book_sent(a->book, w, st >= 0);
        }
        if (st >= 0) {
            snprintf(text, sizeof text, "%s: delivered", evtwin__alert_lane_name(a->lane[w]));
            recover(&a->about_lane[w], text);
        } else {
            snprintf(text, sizeof text, "%s; tried again, next in %.0f s", reason, pause_s);
            complain(&a->about_lane[w], EVTWIN_LOG_WARNING, text);
        }
    }
}

static evtwin_status send(evtwin_alerts *a, int way, size_t n) {
    evtwin__alert **list = evtwin__calloc(n, sizeof *list);
    EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "out of memory for a message of %zu alerts", n);
    evtwin__alert_message message;
    evtwin__alert_book_due(a->book, way, list, n);
    evtwin__alert_message_write(list, n, evtwin_time_now(), &message);
    evtwin__alert_book_sending(list, n, way);
    evtwin__alert_lane_take(a->lane[way], &message, list[0]->id);
    evtwin__free(list);
    return EVTWIN_OK;
}

static evtwin_status send_due(evtwin_alerts *a) {
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        if (a->lane[w] == NULL || evtwin__alert_lane_is_busy(a->lane[w])) {
            continue;
        }
        const size_t n = evtwin__alert_book_due(a->book, w, NULL, 0);
        if (evtwin__alert_sending_is_time(&a->sending[w], n, evtwin__monotonic_us())) {
            EVTWIN_TRY(send(a, w, n));
        }
    }
    return EVTWIN_OK;
}

/* ---- the thread ---- */

/* What changed goes to the listeners, whoever watches. */
static evtwin_status publish(evtwin_alerts *a) {
    pthread_mutex_lock(&a->publish_lock);
    const evtwin_status st = a->ring != NULL && a->store != NULL
                                 ? evtwin__alert_feed_step(&a->feed, a->store, a->ring)
                                 : EVTWIN_OK;
    pthread_mutex_unlock(&a->publish_lock);
    return st;
}

static evtwin_status watch(evtwin_alerts *a) {
    const evtwin_status st = take_over(a);
    if (st != EVTWIN_OK) {
        return st;
    }
    note_results(a);
    if (evtwin__monotonic_s() >= a->looked_s) {
        const double start_s = evtwin__monotonic_s();
        EVTWIN_TRY(look(a));
        const double took_s = evtwin__monotonic_s() - start_s;
        a->looked_s = start_s + (share * took_s > step_s ? took_s + share * took_s : step_s);
    }
    EVTWIN_TRY(save(a));
    return send_due(a);
}

static evtwin_status step(evtwin_alerts *a) {
    const evtwin_status st = watch(a);
    if (st < 0) {
        return st;
    }
    return publish(a);
}

/* After a failure: what cannot be known any more is read anew. */
static void look_after(evtwin_alerts *a, evtwin_status st) {
    if (st >= 0) {
        if (a->is_holder) {
            recover(&a->about_store, "the store is watched");
        }
        return;
    }
    complain(&a->about_store, st == EVTWIN_E_BUSY ? EVTWIN_LOG_INFO : EVTWIN_LOG_WARNING,
             evtwin_last_error());
    if (!evtwin_status_is_temporary(st) && st != EVTWIN_E_CANCELLED) {
        forget(a);
        if (st == EVTWIN_E_BUSY) {
            a->leased_s = evtwin__monotonic_s(); /* it has just been tried */
        } else {
            set_store(a, NULL);
        }
    }
}

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

static int is_busy(evtwin_alerts *a) {
    int busy = 0;
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        busy |= a->lane[w] != NULL && evtwin__alert_lane_is_busy(a->lane[w]);
    }
    return busy;
}

/* What is on its way gets a while to arrive, and is noted; then another one may watch. */
static void say_goodbye(evtwin_alerts *a) {
    const double until_s = evtwin__monotonic_s() + goodbye_s;
    while (is_busy(a) && evtwin__monotonic_s() < until_s) {
        const struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL);
    }
    note_results(a);
    if (a->book != NULL && a->store != NULL) {
        if (save(a) < 0 || evtwin__store_alert_lease(a->store, a->holder, 0.0) < 0) {
            evtwin__log(EVTWIN_LOG_WARNING, "alerts: %s", evtwin_last_error());
        }
    }
}

static void *work(void *ctx) {
    evtwin_alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    while (!a->is_stopped) {
        pthread_mutex_unlock(&a->lock);
        if (a->store != NULL) {
            evtwin_store_deadline(a->store, statement_s);
        }
        look_after(a, step(a));
        pthread_mutex_lock(&a->lock);
        nap(a, step_s);
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
    pthread_mutex_init(&a->publish_lock, NULL);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_cond_init(&a->gone, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static evtwin_status start(evtwin_alerts *a, const evtwin_alerts_options *o) {
    a->uri = evtwin__strdup(o->store);
    EVTWIN_FAIL_IF(a->uri == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    a->hold_us = (int64_t)(o->clear_after_s * 1e6);
    a->patience = (evtwin__patience){o->silent_after_s, o->predictions_stopped_after_s};
    a->leased_s = a->worst_s = -worst_every_s;
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

evtwin_status evtwin_alerts_start(const evtwin_alerts_options *options, evtwin_alerts **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "evtwin_alerts_start: out is NULL");
    evtwin_alerts_options full = defaults;
    EVTWIN_TRY(evtwin__options_merge(&full, sizeof full, options, "evtwin_alerts_options_init"));
    EVTWIN_TRY(check(&full));
    evtwin_alerts *a = evtwin__calloc(1, sizeof *a);
    EVTWIN_FAIL_IF(a == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    set_up_locks(a);
    const evtwin_status st = start(a, &full);
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
    EVTWIN_TRY(evtwin_store_open(alerts->uri, NULL, &store));
    const evtwin_status st = evtwin_store_acknowledge_alert(store, id, by);
    evtwin_store_free(store);
    wake(alerts);
    return st;
}

void evtwin__alerts_publish(evtwin_alerts *alerts, evtwin__ring *ring) {
    if (alerts != NULL) {
        pthread_mutex_lock(&alerts->publish_lock);
        alerts->ring = ring;
        pthread_mutex_unlock(&alerts->publish_lock);
    }
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
    pthread_mutex_destroy(&a->publish_lock);
    evtwin__free(a->uri);
    evtwin__free(a);
}
