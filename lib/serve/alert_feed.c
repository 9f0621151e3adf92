/* SPDX-License-Identifier: MIT */
/* serve/alert_feed.c: from the store's alerts to the live stream. */

#include "serve/alert_feed.h"

#include "core/clock.h"
#include "core/status.h"
#include "serve/alert_json.h"
#include "store/alerts.h"

enum { PAGE = 1000, LOOK_MS = 200, COUNT_MS = 1000 };

static evtwin_status read_page(evtwin__alert_feed *feed, evtwin_store *store, evtwin_table **out) {
    evtwin_alert_history_options options;
    EVTWIN_TRY(evtwin_alert_history_options_init(&options, sizeof options));
    options.after_change = feed->change;
    options.limit = PAGE;
    return evtwin_store_alerts(store, &options, out);
}

static void put_events(evtwin__ring *ring, const evtwin_table *alerts) {
    evtwin__text text = {.size = 0};
    for (size_t row = 0; row < evtwin_table_rows(alerts); row++) {
        text.size = 0;
        evtwin__text_open(&text, NULL, '{');
        evtwin__alert_json(&text, alerts, row);
        evtwin__text_put(&text, "}");
        if (!text.is_failed) {
            evtwin__ring_put(ring, "alert", 0, evtwin_table_text(alerts, EVTWIN__A_BATTERY_ID, row),
                             text.data, text.size);
        }
    }
    evtwin__text_free(&text);
}

void evtwin__alert_feed_forget(evtwin__alert_feed *feed) {
    feed->is_known = 0;
    feed->change = 0;
    feed->look_ms = feed->count_ms = 0;
    feed->is_changed = 1;
}

evtwin_status evtwin__alert_feed_step(evtwin__alert_feed *feed, evtwin_store *store,
                                      evtwin__ring *ring) {
    if (!feed->is_known) { /* those from before are no news */
        EVTWIN_TRY(evtwin__store_alert_change(store, &feed->change));
        feed->is_known = feed->is_changed = 1;
    }
    for (;;) {
        evtwin_table *alerts = NULL;
        const evtwin_status st = read_page(feed, store, &alerts);
        if (st != EVTWIN_OK) {
            return st < 0 ? st : EVTWIN_OK;
        }
        const size_t n = evtwin_table_rows(alerts);
        feed->change = evtwin_table_i64(alerts, EVTWIN__A_CHANGE)[n - 1];
        feed->is_changed = 1;
        put_events(ring, alerts);
        evtwin_table_free(alerts);
    }
}

/* Counting visits what is open: a hundredth of the time at most. */
static evtwin_status count(evtwin__alert_feed *feed, evtwin_store *store, pthread_mutex_t *lock) {
    const int64_t start_ms = evtwin__monotonic_ms();
    evtwin__alert_counts counts;
    if (!feed->is_changed || start_ms < feed->count_ms) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__alert_counts_read(store, &counts));
    pthread_mutex_lock(lock);
    feed->counts = counts;
    feed->has_counts = 1;
    pthread_mutex_unlock(lock);
    const int64_t end_ms = evtwin__monotonic_ms();
    feed->count_ms = end_ms + COUNT_MS + 100 * (end_ms - start_ms);
    feed->is_changed = 0;
    return EVTWIN_OK;
}

void evtwin__alert_feed_look(evtwin__alert_feed *feed, evtwin_store *store, evtwin__ring *ring,
                             pthread_mutex_t *lock) {
    const int64_t now_ms = evtwin__monotonic_ms();
    if (now_ms < feed->look_ms) {
        return;
    }
    feed->look_ms = now_ms + LOOK_MS;
    evtwin_status st = evtwin__alert_feed_step(feed, store, ring);
    st = st < 0 ? st : count(feed, store, lock);
    if (st < 0 && !evtwin_status_is_temporary(st) && st != EVTWIN_E_CANCELLED &&
        !feed->has_complained) {
        evtwin__log(EVTWIN_LOG_WARNING, "alerts are not in the live stream: %s",
                    evtwin_last_error());
        feed->has_complained = 1;
    }
}
