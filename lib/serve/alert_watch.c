/* SPDX-License-Identifier: MIT */
/* serve/alert_watch.c: look at the batteries, keep what has become of alerts in the store, then
 * deliver it. What is delivered is in the store before, that it was delivered right after: a kill
 * loses nothing and repeats at most the message that was on its way. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/alerts_inside.h"
#include "store/alerts.h"

#include <stdio.h>
#include <string.h>

static const double lease_s = 10.0, renew_s = 3.0; /* of the one writer of a store */
static const double step_s = 1.0;                  /* between two looks at the batteries */
static const double share = 9.0; /* of what a look takes, so that it is a tenth of the time */
static const double worst_every_s = 60.0;   /* how often worst values alone are written */
static const double forget_every_s = 600.0; /* what is past the retention */
static const double statement_s = 20.0;
enum { LOG_EVERY_S = 60 };

/* ---- log ---- */

static void complain(evtwin__complaint *c, evtwin_log_level level, const char *text) {
    const double now_s = evtwin__monotonic_s();
    if (strcmp(c->text, text) != 0 || now_s - c->said_s > LOG_EVERY_S) {
        snprintf(c->text, sizeof c->text, "%s", text);
        c->said_s = now_s;
        evtwin__log(level, "alerts: %s", text);
    }
}

static void recover(evtwin__complaint *c, const char *text) {
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

evtwin_status evtwin__alerts_open_store(const char *uri, evtwin_store **out) {
    evtwin_store_options options;
    evtwin_store *store = NULL;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    const evtwin_status st = evtwin_store_open(uri, &options, &store);
    evtwin_store_free(store);
    /* an older one is brought up to date */
    return st < 0 && st != EVTWIN_E_SCHEMA ? st : evtwin_store_open(uri, NULL, out);
}

static evtwin_status open_store(evtwin_alerts *a) {
    evtwin_store *store = NULL;
    EVTWIN_TRY(evtwin__alerts_open_store(a->uri, &store));
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
    const double steady_s = evtwin__steady_s(&a->steady, now_us, evtwin__monotonic_us());
    if (st >= 0) {
        evtwin__alert_book_begin(a->book);
        st = evtwin__alert_judge(a->book, thresholds, &a->patience, current, now_us, steady_s);
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
    if (changes == NULL && now_s - a->forgot_s > forget_every_s) {
        EVTWIN_TRY(evtwin__alert_table_create(&changes));
    }
    const evtwin_status st =
        changes != NULL ? evtwin__store_put_alerts(a->store, a->holder, changes) : EVTWIN_OK;
    a->forgot_s = changes != NULL ? now_s : a->forgot_s;
    evtwin_table_free(changes);
    EVTWIN_TRY(st);
    a->worst_s = with_worse ? now_s : a->worst_s;
    evtwin__alert_book_stored(a->book, with_worse);
    return EVTWIN_OK;
}

/* ---- delivery ---- */

static void note_results(evtwin_alerts *a) {
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        evtwin__alert_result r;
        char text[800];
        if (a->lane[w] == NULL || !evtwin__alert_lane_result(a->lane[w], &r)) {
            continue;
        }
        const int went_well = r.status >= 0;
        const double pause_s = evtwin__alert_sending_note(&a->sending[w], went_well,
                                                          r.retry_after_s, evtwin__monotonic_us());
        atomic_fetch_add(&a->n_messages[w][!went_well], 1);
        atomic_fetch_add(&a->n_refused, went_well ? r.n_refused : 0);
        if (a->book != NULL) {
            evtwin__alert_book_sent(a->book, w, went_well);
        }
        if (!went_well) {
            snprintf(text, sizeof text, "%s; tried again, next in %.0f s", r.reason, pause_s);
            complain(&a->about_lane[w], EVTWIN_LOG_WARNING, text);
            continue;
        }
        snprintf(text, sizeof text, "%s: delivered", evtwin__alert_lane_name(a->lane[w]));
        recover(&a->about_lane[w], text);
        if (r.n_refused > 0) {
            complain(&a->about_refused, EVTWIN_LOG_WARNING, r.reason);
        } else {
            a->about_refused.text[0] = '\0';
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

/* ---- a step ---- */

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

void evtwin__alerts_step(evtwin_alerts *a) {
    if (a->store != NULL) {
        evtwin_store_deadline(a->store, statement_s);
    }
    look_after(a, watch(a));
    atomic_store(&a->is_watching, a->is_holder && a->book != NULL);
}

/* ---- the end ---- */

int evtwin__alerts_is_busy(evtwin_alerts *a) {
    int busy = 0;
    note_results(a);
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        busy |= a->lane[w] != NULL && evtwin__alert_lane_is_busy(a->lane[w]);
    }
    return busy;
}

void evtwin__alerts_give_back(evtwin_alerts *a) {
    if (a->book != NULL && a->store != NULL &&
        (save(a) < 0 || evtwin__store_alert_lease(a->store, a->holder, 0.0) < 0)) {
        evtwin__log(EVTWIN_LOG_WARNING, "alerts: %s", evtwin_last_error());
    }
}
