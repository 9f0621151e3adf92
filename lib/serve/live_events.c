/* SPDX-License-Identifier: MIT */
/* serve/live_events.c: what has changed in memory, as events for the live stream. */

#include "serve/live_events.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* How often the summary is made, and put: when a count has changed, and else, for its ages; the
 * comment. */
enum { SUMMARY_MS = 1000, SAME_SUMMARY_MS = 5000, COMMENT_MS = 15000 };

void evtwin__live_events_free(evtwin__live_events *events) {
    evtwin__text_free(&events->text);
}

void evtwin__live_events_begin(evtwin__live_events *events, uint64_t identity, int64_t revision) {
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, identity);
    events->n_set_back += strncmp(events->identity, text, strlen(text)) == 0;
    if (events->n_set_back == 0) {
        snprintf(events->identity, sizeof events->identity, "%s", text);
    } else { /* the same revisions mean other rows now */
        snprintf(events->identity, sizeof events->identity, "%s.%d", text, events->n_set_back);
    }
    evtwin__live_events_skip(events, revision);
}

void evtwin__live_events_skip(evtwin__live_events *events, int64_t revision) {
    evtwin__ring_identity(events->ring, events->identity, revision);
    events->revision = revision;
    events->summed_ms = events->summary_ms = 0;
}

void evtwin__live_events_row(evtwin__live_events *events, const evtwin__live_battery *battery,
                             int64_t revision) {
    evtwin__text *text = &events->text;
    evtwin__condition condition;
    evtwin__condition_of(&battery->standing, evtwin_time_now(), &condition);
    text->size = 0;
    text->is_failed = 0;
    evtwin__text_open(text, NULL, '{');
    evtwin__live_battery_write(battery, &condition, 0, text);
    evtwin__text_put(text, "}");
    if (text->is_failed) { /* no memory: a client must not miss it silently */
        evtwin__live_events_skip(events, revision > events->revision ? revision : events->revision);
        return;
    }
    /* after a look that failed halfway some come again, newer than before */
    const int is_next = revision > events->revision;
    events->revision = is_next ? revision : events->revision;
    evtwin__ring_put(events->ring, "row", is_next ? revision : 0, battery->id, text->data,
                     text->size);
}

static void put_summary(evtwin__live_events *events, const evtwin__live_fleet *fleet,
                        int64_t now_ms) {
    evtwin__fleet sum;
    evtwin__fleet_begin(&sum);
    evtwin__live_fleet_sum(fleet, evtwin_time_now(), &sum);
    const int is_same = memcmp(&sum, &events->summary, offsetof(evtwin__fleet, record_age_s)) == 0;
    if (is_same && now_ms - events->summary_ms < SAME_SUMMARY_MS) {
        return;
    }
    evtwin__text *text = &events->text;
    text->size = 0;
    text->is_failed = 0;
    evtwin__text_open(text, NULL, '{');
    evtwin__summary_write(&sum, text);
    evtwin__text_put(text, "}");
    if (!text->is_failed) {
        evtwin__ring_put(events->ring, "summary", 0, NULL, text->data, text->size);
        events->summary = sum;
        events->summary_ms = now_ms;
    }
}

void evtwin__live_events_rest(evtwin__live_events *events, const evtwin__live_fleet *fleet) {
    const int64_t now_ms = evtwin__monotonic_ms();
    if (fleet != NULL && now_ms - events->summed_ms >= SUMMARY_MS) {
        events->summed_ms = now_ms;
        put_summary(events, fleet, now_ms);
    }
    if (now_ms - events->comment_ms >= COMMENT_MS) {
        events->comment_ms = now_ms;
        evtwin__ring_comment(events->ring);
    }
}
