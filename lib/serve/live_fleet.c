/* SPDX-License-Identifier: MIT */
/* serve/live_fleet.c: the batteries in memory, by id, and how some of them are selected. */

#include "serve/live_fleet.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- by id ---- */

static uint64_t hash_of(const char *id) {
    const uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, id, strlen(id));
    return hash ^ (hash >> 32); /* FNV mixes upwards only */
}

static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

/* Where the id stands in the table, or may be put. */
static evtwin__live_place *place_of(const evtwin__live_fleet *f, const char *id) {
    const uint64_t hash = hash_of(id);
    size_t i = (size_t)hash & (f->table_size - 1);
    while (f->table[i].battery != NULL &&
           (f->table[i].tag != tag_of(hash) || strcmp(f->table[i].battery->id, id) != 0)) {
        i = (i + 1) & (f->table_size - 1);
    }
    return &f->table[i];
}

static void enter(evtwin__live_fleet *f, size_t number) {
    evtwin__live_battery *battery = f->battery[number];
    *place_of(f, battery->id) =
        (evtwin__live_place){battery, (uint32_t)number, tag_of(hash_of(battery->id))};
}

static int grow(evtwin__live_fleet *f, size_t capacity) {
    size_t table_size = 64;
    while (table_size < 2 * capacity) {
        table_size *= 2;
    }
    evtwin__live_place *table = evtwin__calloc(table_size, sizeof *table);
    evtwin__live_battery **battery = evtwin__realloc(f->battery, capacity, sizeof *f->battery);
    f->battery = battery != NULL ? battery : f->battery;
    evtwin__live_brief *brief = evtwin__realloc(f->brief, capacity, sizeof *f->brief);
    f->brief = brief != NULL ? brief : f->brief;
    uint64_t *seen = evtwin__realloc(f->seen, capacity, sizeof *f->seen);
    f->seen = seen != NULL ? seen : f->seen;
    uint32_t *by_id = evtwin__realloc(f->by_id, capacity, sizeof *f->by_id);
    f->by_id = by_id != NULL ? by_id : f->by_id;
    if (table == NULL || battery == NULL || brief == NULL || seen == NULL || by_id == NULL) {
        evtwin__free(table);
        return 0;
    }
    evtwin__free(f->table);
    f->table = table;
    f->table_size = table_size;
    f->capacity = capacity;
    for (size_t i = 0; i < f->n; i++) {
        enter(f, i);
    }
    return 1;
}

evtwin__live_fleet *evtwin__live_fleet_create(size_t n_expected) {
    evtwin__live_fleet *f = evtwin__calloc(1, sizeof *f);
    if (f != NULL) {
        atomic_init(&f->n_refs, 1);
        if (!grow(f, n_expected > 0 ? n_expected : 16)) {
            evtwin__live_fleet_release(f);
            f = NULL;
        }
    }
    return f;
}

void evtwin__live_fleet_release(evtwin__live_fleet *f) {
    if (f == NULL || atomic_fetch_sub(&f->n_refs, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < f->n; i++) {
        evtwin__live_battery_release(f->battery[i]);
    }
    evtwin__free(f->battery);
    evtwin__free(f->brief);
    evtwin__free(f->seen);
    evtwin__free(f->by_id);
    evtwin__free(f->table);
    evtwin__free(f);
}

size_t evtwin__live_fleet_find(const evtwin__live_fleet *f, const char *id) {
    const evtwin__live_place *place = place_of(f, id);
    return place->battery == NULL ? SIZE_MAX : place->number;
}

evtwin__live_battery *evtwin__live_fleet_get(const evtwin__live_fleet *f, const char *id) {
    return place_of(f, id)->battery;
}

/* Mostly they come in the order of ids. */
static void insert_by_id(evtwin__live_fleet *f, uint32_t number) {
    size_t low = 0, high = f->n;
    const char *id = f->battery[number]->id;
    if (high > 0 && strcmp(f->battery[f->by_id[high - 1]]->id, id) < 0) {
        low = high;
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(f->battery[f->by_id[middle]]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(f->by_id + low + 1, f->by_id + low, (f->n - low) * sizeof *f->by_id);
    f->by_id[low] = number;
}

static void set(evtwin__live_fleet *f, size_t number, evtwin__live_battery *battery) {
    f->battery[number] = battery;
    f->brief[number] = (evtwin__live_brief){battery->standing, battery->time_factor};
}

evtwin_status evtwin__live_fleet_put(evtwin__live_fleet *f, evtwin__live_battery *battery) {
    evtwin__live_place *place = place_of(f, battery->id);
    if (place->battery != NULL) {
        evtwin__live_battery_release(place->battery);
        place->battery = battery;
        set(f, place->number, battery);
        return EVTWIN_OK;
    }
    if (f->n == UINT32_MAX - 1 || (f->n == f->capacity && !grow(f, 2 * f->capacity))) {
        evtwin__live_battery_release(battery);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu batteries", f->n + 1);
    }
    set(f, f->n, battery);
    f->seen[f->n] = 0;
    enter(f, f->n);
    insert_by_id(f, (uint32_t)f->n);
    f->n++;
    return EVTWIN_OK;
}

/* ---- selection ---- */

void evtwin__live_fleet_sum(const evtwin__live_fleet *f, int64_t now_us, evtwin__fleet *out) {
    for (size_t i = 0; i < f->n; i++) {
        evtwin__condition condition;
        evtwin__condition_of(&f->brief[i].standing, now_us, &condition);
        evtwin__fleet_add(out, &condition, f->brief[i].time_factor);
    }
}

static int matches(const evtwin__live_query *q, const evtwin__live_battery *b,
                   const evtwin__condition *c) {
    return (q->health < 0 || (int)c->health == q->health) &&
           (q->needs == 0 || (c->needs & q->needs) != 0) &&
           (q->silent < 0 || c->is_silent == q->silent) &&
           (q->wanted == NULL || strcasestr(b->id, q->wanted) != NULL);
}

/* What it is sorted by, the greatest last. */
static double key_of(const evtwin__live_query *q, const evtwin__live_battery *b,
                     const evtwin__condition *c) {
    return q->sort == EVTWIN__SORT_SEVERITY  ? (double)evtwin__condition_severity(c)
           : q->sort == EVTWIN__Q_TIME       ? (double)b->newest.time_us
           : q->sort == EVTWIN__Q_BATTERY_ID ? 0.0
                                             : b->value[q->sort];
}

evtwin_status evtwin__live_fleet_match(const evtwin__live_fleet *f, const evtwin__live_query *query,
                                       int64_t now_us, evtwin__live_selection *out) {
    *out = (evtwin__live_selection){.now_us = now_us};
    out->pick = evtwin__calloc(f->n, sizeof *out->pick);
    EVTWIN_FAIL_IF(out->pick == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", f->n);
    evtwin__fleet_begin(&out->fleet);
    for (size_t i = 0; i < f->n; i++) {
        const uint32_t number = f->by_id[i];
        evtwin__condition condition;
        evtwin__condition_of(&f->brief[number].standing, now_us, &condition);
        evtwin__fleet_add(&out->fleet, &condition, f->brief[number].time_factor);
        if (matches(query, f->battery[number], &condition)) {
            out->pick[out->total++] =
                (evtwin__live_pick){.key = key_of(query, f->battery[number], &condition),
                                    .position = (uint32_t)i,
                                    .number = number};
        }
    }
    return EVTWIN_OK;
}

/* Missing values last, either way; equal ones in the order of ids. */
static int compare(const evtwin__live_pick *a, const evtwin__live_pick *b, int sign) {
    const int missing = (isnan(a->key) != 0) - (isnan(b->key) != 0);
    const int by_key = sign * ((a->key > b->key) - (a->key < b->key));
    return missing != 0  ? missing
           : by_key != 0 ? by_key
                         : (a->position > b->position) - (a->position < b->position);
}

static int ascending(const void *a, const void *b) {
    return compare(a, b, 1);
}

static int descending(const void *a, const void *b) {
    return compare(a, b, -1);
}

/* They are in the order of ids now, and there are few grades: no comparison is needed. */
static int sort_by_severity(evtwin__live_selection *s, int is_descending) {
    enum { N_GRADES = EVTWIN__MAX_SEVERITY + 1 };
    size_t at[N_GRADES + 1] = {0};
    evtwin__live_pick *sorted = evtwin__calloc(s->total, sizeof *sorted);
    if (sorted == NULL) {
        return 0;
    }
    for (size_t i = 0; i < s->total; i++) {
        const int grade = (int)s->pick[i].key;
        at[(is_descending ? EVTWIN__MAX_SEVERITY - grade : grade) + 1]++;
    }
    for (int g = 1; g <= N_GRADES; g++) {
        at[g] += at[g - 1];
    }
    for (size_t i = 0; i < s->total; i++) {
        const int grade = (int)s->pick[i].key;
        sorted[at[is_descending ? EVTWIN__MAX_SEVERITY - grade : grade]++] = s->pick[i];
    }
    evtwin__free(s->pick);
    s->pick = sorted;
    return 1;
}

void evtwin__live_selection_sort(const evtwin__live_query *query, evtwin__live_selection *s) {
    if (query->sort == EVTWIN__Q_BATTERY_ID) {
        for (size_t i = 0; query->is_descending && i < s->total / 2; i++) {
            const evtwin__live_pick pick = s->pick[i];
            s->pick[i] = s->pick[s->total - 1 - i];
            s->pick[s->total - 1 - i] = pick;
        }
        return;
    }
    if (query->sort != EVTWIN__SORT_SEVERITY || !sort_by_severity(s, query->is_descending)) {
        qsort(s->pick, s->total, sizeof *s->pick, query->is_descending ? descending : ascending);
    }
}

evtwin_status evtwin__live_fleet_take(const evtwin__live_fleet *f, const evtwin__live_query *query,
                                      evtwin__live_selection *s) {
    const size_t left = query->offset < s->total ? s->total - query->offset : 0;
    const size_t n = left < query->limit ? left : query->limit;
    s->battery = evtwin__calloc(n, sizeof *s->battery);
    s->condition = evtwin__calloc(n, sizeof *s->condition);
    EVTWIN_FAIL_IF(s->battery == NULL || s->condition == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a list of %zu batteries", n);
    for (; s->n < n; s->n++) {
        evtwin__live_battery *b = f->battery[s->pick[query->offset + s->n].number];
        s->battery[s->n] = evtwin__live_battery_keep(b);
        evtwin__condition_of(&b->standing, s->now_us, &s->condition[s->n]);
    }
    return EVTWIN_OK;
}

void evtwin__live_selection_free(evtwin__live_selection *s) {
    for (size_t i = 0; i < s->n; i++) {
        evtwin__live_battery_release(s->battery[i]);
    }
    evtwin__free(s->battery);
    evtwin__free(s->condition);
    evtwin__free(s->pick);
    *s = (evtwin__live_selection){0};
}

/* ---- the summary ---- */

void evtwin__summary_write(const evtwin__fleet *f, evtwin__text *text) {
    char notice[EVTWIN__NOTICE_SIZE];
    const struct {
        const char *key;
        size_t n;
    } counts[] = {{"batteries", f->n},
                  {"normal", f->n_by_health[EVTWIN_HEALTH_NORMAL]},
                  {"warning", f->n_by_health[EVTWIN_HEALTH_WARNING]},
                  {"critical", f->n_by_health[EVTWIN_HEALTH_CRITICAL]},
                  {"silent", f->n_silent},
                  {"needs_charging", f->n_needs_charging},
                  {"needs_service", f->n_needs_service},
                  {"without_predictions", f->n_without_predictions}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        evtwin__text_integer(text, counts[i].key, (int64_t)counts[i].n);
    }
    evtwin__age_write(text, "last_record_age_s", f->record_age_s);
    evtwin__age_write(text, "last_prediction_age_s", f->prediction_age_s);
    evtwin__age_write(text, "no_predictions_for_s", f->no_predictions_for_s);
    evtwin__fleet_notice(f, notice);
    evtwin__text_string(text, "notice", notice);
    evtwin__text_number(text, "time_factor", evtwin__fleet_time_factor(f));
}
