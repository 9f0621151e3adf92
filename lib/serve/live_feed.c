/* SPDX-License-Identifier: MIT */
/* serve/live_feed.c: what has changed in the store, taken over into memory. Which batteries have
 * changed is what the change feed says; how they stand then is read as evtwin_store_latest has it,
 * one by one or, where many have changed, all at once. */

#include "serve/live_feed.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "store/lazy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How often limits and models are read, what the feed holds back is looked for, and the whole fleet
 * is read: retention takes batteries away without a word in the feed. What a question may take, and
 * the whole fleet. */
enum { CONTEXT_MS = 500, HELD_MS = 1000, LOAD_MS = 60000, PAGE_ROWS = 1000, MAX_CHANGES = 20000 };
static const double load_s = 60.0;
static const double statement_s = 4.0;
static const double load_share = 0.02; /* of the time, at most, for reading all again */

/* ---- life ---- */

evtwin_status evtwin__live_feed_open(evtwin__live_feed *feed, const char *uri,
                                     const evtwin__patience *patience, evtwin__ring *ring,
                                     pthread_mutex_t *lock) {
    feed->lock = lock;
    feed->events.ring = ring;
    feed->maker.patience = *patience;
    feed->one_s = 1e-4;
    feed->fleet = evtwin__live_fleet_create(0);
    feed->change = evtwin__calloc(MAX_CHANGES, sizeof *feed->change);
    EVTWIN_FAIL_IF(feed->fleet == NULL || feed->change == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the newest rows");
    return evtwin__store_pool_create(uri, 1, statement_s, &feed->stores);
}

void evtwin__live_feed_interrupt(evtwin__live_feed *feed) {
    evtwin__store_pool_interrupt(feed->stores);
}

void evtwin__live_feed_close(evtwin__live_feed *feed) {
    evtwin__live_fleet_release(feed->fleet);
    evtwin__live_maker_free(&feed->maker);
    evtwin__live_events_free(&feed->events);
    evtwin_table_free(feed->limits);
    evtwin__free(feed->change);
    evtwin__store_pool_free(feed->stores);
}

/* ---- limits and models ---- */

static int is_same_cell(const evtwin_table *a, const evtwin_table *b, size_t col, size_t row) {
    const char *x = evtwin_table_text(a, col, row), *y = evtwin_table_text(b, col, row);
    if (x != NULL || y != NULL) {
        return x != NULL && y != NULL && strcmp(x, y) == 0;
    }
    const double u = evtwin_table_number(a, col, row), v = evtwin_table_number(b, col, row);
    return u == v || (isnan(u) && isnan(v));
}

static int is_same_table(const evtwin_table *a, const evtwin_table *b) {
    int is_same = evtwin_table_rows(a) == evtwin_table_rows(b) &&
                  evtwin_table_cols(a) == evtwin_table_cols(b);
    for (size_t row = 0; is_same && row < evtwin_table_rows(a); row++) {
        for (size_t col = 0; is_same && col < evtwin_table_cols(a); col++) {
            is_same = is_same_cell(a, b, col, row);
        }
    }
    return is_same;
}

/* Read them into the handle when it is time; what is in memory was perhaps made with others. */
static evtwin_status read_context(evtwin__live_feed *feed, evtwin__store_handle *h) {
    const int64_t now_ms = evtwin__monotonic_ms();
    if (h->thresholds != NULL && now_ms < feed->context_ms) {
        return EVTWIN_OK;
    }
    evtwin_table *models = NULL, *limits = NULL;
    evtwin_thresholds *thresholds = NULL;
    evtwin_status st = evtwin_store_models(h->store, &models);
    st = st < 0 ? st : evtwin_store_thresholds(h->store, &thresholds);
    st = st < 0 ? st : evtwin_thresholds_table(thresholds, &limits);
    if (st < 0) {
        evtwin_table_free(models);
        evtwin_thresholds_free(thresholds);
        return st;
    }
    feed->must_load |= h->thresholds == NULL || !is_same_table(models, h->models) ||
                       !is_same_table(limits, feed->limits);
    evtwin_table_free(h->models);
    evtwin_thresholds_free(h->thresholds);
    evtwin_table_free(feed->limits);
    h->models = models;
    h->thresholds = thresholds;
    feed->limits = limits;
    feed->context_ms = now_ms + CONTEXT_MS;
    return EVTWIN_OK;
}

/* ---- a place in the feed ---- */

static evtwin_status has_changes(evtwin_store *store, int64_t revision, int *out) {
    evtwin_table *row = NULL;
    const evtwin_status st = evtwin_store_changes(store, revision, 1, &row, &revision);
    *out = row != NULL;
    evtwin_table_free(row);
    return st;
}

/* The last revision that the feed gives now, below end, not below low; found by steps back that
 * double, then by halves: a greater one may be of a transaction that still runs, and others below
 * it may yet come. */
static evtwin_status find_end(evtwin_store *store, int64_t low, int64_t end, int64_t *out) {
    int64_t high = end;
    int has = 0;
    for (int64_t step = 1; !has && high > low; step = step < INT64_MAX / 2 ? 2 * step : step) {
        const int64_t at = high - low > step ? high - step : low;
        EVTWIN_TRY(has_changes(store, at, &has));
        if (has) {
            low = at;
        } else {
            high = at;
        }
    }
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        EVTWIN_TRY(has_changes(store, middle, &has));
        if (has) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *out = high;
    return EVTWIN_OK;
}

/* After a handle was opened anew, or the database was replaced under it: which one is it? What was
 * read of another, or of this one before it was set back, counts no more. */
static evtwin_status identify(evtwin__live_feed *feed, evtwin_store *store) {
    uint64_t identity = 0;
    int64_t end = 0;
    EVTWIN_TRY(evtwin__store_identity(store, &identity, &end));
    if (!feed->has_identity || identity != feed->identity || feed->revision >= end) {
        feed->has_identity = 0; /* until all of it is read */
        EVTWIN_TRY(find_end(store, 0, end, &feed->revision));
        feed->identity = identity;
    }
    feed->generation = evtwin_store_generation(store);
    feed->is_new = 0;
    return EVTWIN_OK;
}

/* Leave out what is between here and the end of the feed: the whole fleet is read then. */
static evtwin_status skip(evtwin_store *store, int64_t *revision) {
    uint64_t identity = 0;
    int64_t end = 0;
    EVTWIN_TRY(evtwin__store_identity(store, &identity, &end));
    return find_end(store, *revision, end, revision);
}

/* A transaction that stays open holds the feed up, not the rows that others commit meanwhile: they
 * come with the whole fleet, as often as that may be read. */
static evtwin_status look_beyond(evtwin__live_feed *feed, evtwin_store *store) {
    const int64_t now_ms = evtwin__monotonic_ms();
    int64_t from = 0;
    if (now_ms < feed->held_ms) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__store_held_back(store, feed->revision, &from));
    const int is_held = from != 0 && from == feed->held_from; /* since the look before this one */
    feed->must_load |= is_held;
    feed->held_from = from;
    feed->held_ms = now_ms + HELD_MS + (is_held ? (int64_t)(1e3 * feed->all_s / load_share) : 0);
    return EVTWIN_OK;
}

/* Note the batteries of a page of the feed, each once. */
static void note_changes(evtwin__live_feed *feed, const evtwin_table *page) {
    const size_t id_col = evtwin_table_find(page, "battery_id");
    const int64_t *revision = evtwin_table_i64(page, evtwin_table_find(page, "revision"));
    for (size_t i = 0; i < evtwin_table_rows(page) && feed->n_changes < MAX_CHANGES; i++) {
        const char *id = evtwin_table_text(page, id_col, i);
        if (id == NULL || strlen(id) >= sizeof feed->change->id) {
            continue; /* of another program: it comes with the whole fleet */
        }
        const size_t number = evtwin__live_fleet_find(feed->fleet, id);
        if (number != SIZE_MAX && feed->fleet->seen[number] == feed->n_looks) {
            continue;
        }
        if (number != SIZE_MAX) {
            feed->fleet->seen[number] = feed->n_looks;
        }
        evtwin__live_change *c = &feed->change[feed->n_changes++];
        snprintf(c->id, sizeof c->id, "%s", id);
        c->revision = revision[i];
    }
}

/* Read the feed from *revision on; *is_behind_out if there is so much that its end is not in sight.
 */
static evtwin_status read_changes(evtwin__live_feed *feed, evtwin_store *store, int64_t *revision,
                                  int *is_behind_out) {
    feed->n_changes = 0;
    size_t n_rows = PAGE_ROWS, n_all = 0;
    while (n_rows >= PAGE_ROWS && n_all < MAX_CHANGES) {
        evtwin_table *page = NULL;
        EVTWIN_TRY(evtwin_store_changes(store, *revision, PAGE_ROWS, &page, revision));
        n_rows = evtwin_table_rows(page);
        n_all += n_rows;
        note_changes(feed, page);
        evtwin_table_free(page);
    }
    *is_behind_out = n_rows >= PAGE_ROWS || feed->n_changes == MAX_CHANGES;
    return EVTWIN_OK;
}

/* ---- the batteries ---- */

static const uint64_t unput = UINT64_MAX; /* a mark of a battery */

/* Those of the tables into a fleet that becomes ours; how a battery stood until now is in old (NULL
 * = not known). Those that have changed are marked as not put into the ring. */
static evtwin_status fill(evtwin__live_feed *feed, evtwin__store_handle *h, evtwin_table *rows,
                          evtwin_table *current, const evtwin__live_fleet *old,
                          evtwin__live_fleet *fleet) {
    const size_t n = evtwin_table_rows(rows), id_col = evtwin_table_find(rows, "battery_id");
    for (size_t i = 0; i < n; i++) {
        const char *id = evtwin_table_text(rows, id_col, i);
        if (id != NULL) {
            const size_t number = old != NULL ? evtwin__live_fleet_find(old, id) : SIZE_MAX;
            evtwin__live_battery *battery = NULL;
            EVTWIN_TRY(evtwin__live_battery_make(&feed->maker, h, rows, current, i,
                                                 number != SIZE_MAX ? old->battery[number] : NULL,
                                                 &battery));
            const int is_same = number != SIZE_MAX && old->battery[number] == battery;
            EVTWIN_TRY(evtwin__live_fleet_put(fleet, battery));
            fleet->seen[fleet->n - 1] = is_same ? 0 : unput;
        }
    }
    return EVTWIN_OK;
}

static void set_loading(evtwin__live_feed *feed, int is_loading) {
    pthread_mutex_lock(feed->lock);
    feed->is_loading = is_loading;
    pthread_mutex_unlock(feed->lock);
}

static evtwin_status load(evtwin__live_feed *feed, evtwin__store_handle *h) {
    const double start_s = evtwin__monotonic_s();
    evtwin_table *rows = NULL, *current = NULL;
    evtwin__live_fleet *fleet = NULL;
    set_loading(feed, 1);
    evtwin_status st = evtwin_store_deadline(h->store, load_s);
    st = st < 0 ? st : evtwin_store_latest(h->store, NULL, &rows, &current);
    if (st >= 0 && (fleet = evtwin__live_fleet_create(evtwin_table_rows(rows))) == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the newest rows");
    }
    st = st < 0 ? st : fill(feed, h, rows, current, feed->has_identity ? feed->fleet : NULL, fleet);
    evtwin_table_free(rows);
    evtwin_table_free(current);
    pthread_mutex_lock(feed->lock);
    feed->is_loading = 0;
    evtwin__live_fleet *unused = fleet;
    if (st >= 0) {
        unused = feed->fleet;
        feed->fleet = fleet;
    }
    pthread_mutex_unlock(feed->lock);
    evtwin__live_fleet_release(unused);
    feed->all_s = evtwin__monotonic_s() - start_s;
    feed->load_ms = evtwin__monotonic_ms() + LOAD_MS + (int64_t)(1e3 * feed->all_s / load_share);
    feed->must_load = st < 0;
    return st < 0 ? st : EVTWIN_OK;
}

/* Put what a load has changed: with the revisions that the feed gave, then what else is new. */
static void put_loaded(evtwin__live_feed *feed) {
    evtwin__live_fleet *fleet = feed->fleet;
    evtwin__ring_hold(feed->events.ring);
    for (size_t i = 0; i < feed->n_changes; i++) {
        const size_t number = evtwin__live_fleet_find(fleet, feed->change[i].id);
        if (number != SIZE_MAX && fleet->seen[number] == unput) {
            evtwin__live_events_row(&feed->events, fleet->battery[number],
                                    feed->change[i].revision);
            fleet->seen[number] = 0;
        }
    }
    for (size_t i = 0; i < fleet->n; i++) {
        if (fleet->seen[i] == unput) {
            evtwin__live_events_row(&feed->events, fleet->battery[i], 0);
            fleet->seen[i] = 0;
        }
    }
    evtwin__ring_release(feed->events.ring);
}

static evtwin_status update(evtwin__live_feed *feed, evtwin__store_handle *h,
                            const evtwin__live_change *change) {
    evtwin_table *rows = NULL, *current = NULL;
    evtwin__live_battery *battery = NULL;
    evtwin_status st = evtwin_store_latest(h->store, change->id, &rows, &current);
    int is_as_before = 0; /* the last look saw more than the feed had told it of */
    if (st >= 0 && rows != NULL) {
        const size_t number = evtwin__live_fleet_find(feed->fleet, change->id);
        evtwin__live_battery *old = number != SIZE_MAX ? feed->fleet->battery[number] : NULL;
        st = evtwin__live_battery_make(&feed->maker, h, rows, current, 0, old, &battery);
        is_as_before = battery == old;
    }
    if (st >= 0 && battery != NULL) {
        evtwin__live_battery_keep(battery);
        pthread_mutex_lock(feed->lock);
        st = evtwin__live_fleet_put(feed->fleet, battery);
        pthread_mutex_unlock(feed->lock);
        if (st >= 0 && !is_as_before) {
            evtwin__live_events_row(&feed->events, battery, change->revision);
        }
        evtwin__live_battery_release(battery);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    return st;
}

static evtwin_status update_all(evtwin__live_feed *feed, evtwin__store_handle *h) {
    const double start_s = evtwin__monotonic_s();
    evtwin_status st = EVTWIN_OK;
    evtwin__ring_hold(feed->events.ring);
    for (size_t i = 0; st >= 0 && i < feed->n_changes; i++) {
        st = update(feed, h, &feed->change[i]);
    }
    evtwin__ring_release(feed->events.ring);
    if (st >= 0 && feed->n_changes > 0) {
        const double one_s = (evtwin__monotonic_s() - start_s) / (double)feed->n_changes;
        feed->one_s += 0.2 * (one_s - feed->one_s);
    }
    return st;
}

/* ---- a look ---- */

static evtwin_status look(evtwin__live_feed *feed, evtwin__store_handle *h) {
    int is_behind = 0;
    feed->is_new |= h->thresholds == NULL || evtwin_store_generation(h->store) != feed->generation;
    feed->must_load |= feed->is_new || evtwin__monotonic_ms() >= feed->load_ms;
    EVTWIN_TRY(read_context(feed, h));
    if (feed->is_new) {
        EVTWIN_TRY(identify(feed, h->store));
    }
    EVTWIN_TRY(look_beyond(feed, h->store));
    int64_t revision = feed->revision;
    EVTWIN_TRY(read_changes(feed, h->store, &revision, &is_behind));
    if (is_behind) {
        EVTWIN_TRY(skip(h->store, &revision));
    }
    const int is_all =
        feed->must_load || is_behind || (double)feed->n_changes * feed->one_s > feed->all_s;
    EVTWIN_TRY(is_all ? load(feed, h) : update_all(feed, h));
    feed->revision = revision;
    if (!feed->has_identity) {
        evtwin__live_events_begin(&feed->events, feed->identity, revision);
        evtwin__alert_feed_forget(&feed->alerts);
    } else if (is_behind) {
        evtwin__live_events_skip(&feed->events, revision);
    } else if (is_all) {
        put_loaded(feed);
    }
    feed->has_identity = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__live_feed_look(evtwin__live_feed *feed) {
    evtwin__store_handle *handle;
    feed->n_looks++;
    evtwin_status st = evtwin__store_pool_take(feed->stores, &handle);
    if (st >= 0) {
        st = look(feed, handle);
        if (st >= 0) {
            evtwin__alert_feed_look(&feed->alerts, handle->store, feed->events.ring, feed->lock);
        }
        evtwin__store_pool_give(feed->stores, handle, st);
    }
    evtwin__live_events_rest(&feed->events, st >= 0 ? feed->fleet : NULL);
    return st;
}
