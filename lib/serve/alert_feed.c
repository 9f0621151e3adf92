/* SPDX-License-Identifier: MIT */
/* serve/alert_feed.c: from the store's alerts to the live stream. */

#include "serve/alert_feed.h"

#include "core/status.h"
#include "serve/alert_json.h"
#include "store/alerts.h"

enum { PAGE = 1000 };

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

evtwin_status evtwin__alert_feed_step(evtwin__alert_feed *feed, evtwin_store *store,
                                      evtwin__ring *ring) {
    if (feed->is_known && feed->generation != evtwin_store_generation(store)) {
        *feed = (evtwin__alert_feed){.is_known = 0};
    }
    for (;;) {
        evtwin_table *alerts = NULL;
        const evtwin_status st = read_page(feed, store, &alerts);
        if (st == EVTWIN_DONE) {
            feed->is_known = 1;
            feed->generation = evtwin_store_generation(store);
        }
        if (st != EVTWIN_OK) {
            return st < 0 ? st : EVTWIN_OK;
        }
        const size_t n = evtwin_table_rows(alerts);
        feed->change = evtwin_table_i64(alerts, EVTWIN__A_CHANGE)[n - 1];
        if (feed->is_known) {
            put_events(ring, alerts);
        }
        evtwin_table_free(alerts);
    }
}
