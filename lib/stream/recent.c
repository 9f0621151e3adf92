/* SPDX-License-Identifier: MIT */
/* stream/recent.c: what is remembered of the batteries heard of last, a bounded number of them: a
 * hash table whose entries are also a list, the newest first. */

#include "stream/recent.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NONE UINT32_MAX

enum { FIRST_CAPACITY = 64, MAX_BATTERIES = 1 << 30 };

void evtwin__recent_init(evtwin__recent *recent, size_t max) {
    assert(max > 0);
    *recent = (evtwin__recent){
        .max = max < MAX_BATTERIES ? max : MAX_BATTERIES, .newest = NONE, .oldest = NONE};
    if (getrandom(&recent->seed, sizeof recent->seed, GRND_NONBLOCK) !=
        (ssize_t)sizeof recent->seed) {
        recent->seed = EVTWIN__HASH_BEGIN; /* a machine that has just begun */
    }
}

void evtwin__recent_free(evtwin__recent *recent) {
    evtwin__free(recent->battery);
    evtwin__free(recent->bucket);
    *recent = (evtwin__recent){.n = 0};
}

static uint32_t *bucket_of(const evtwin__recent *r, const char *id) {
    uint64_t hash = evtwin__hash(r->seed, id, strlen(id));
    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return &r->bucket[(hash ^ hash >> 32) & (r->n_buckets - 1)];
}

static void put_in_bucket(evtwin__recent *r, uint32_t i) {
    uint32_t *bucket = bucket_of(r, r->battery[i].id);
    r->battery[i].next = *bucket;
    *bucket = i;
}

static evtwin_status grow(evtwin__recent *r) {
    const size_t twice = r->capacity == 0 ? FIRST_CAPACITY : 2 * r->capacity;
    const size_t capacity = twice < r->max ? twice : r->max;
    size_t n_buckets = FIRST_CAPACITY;
    while (n_buckets < capacity) {
        n_buckets *= 2;
    }
    evtwin__recent_battery *battery = evtwin__realloc(r->battery, capacity, sizeof *battery);
    r->battery = battery != NULL ? battery : r->battery;
    uint32_t *bucket = evtwin__calloc(n_buckets, sizeof *bucket);
    if (battery == NULL || bucket == NULL) {
        evtwin__free(bucket);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu batteries", capacity);
    }
    memset(bucket, 0xff, n_buckets * sizeof *bucket); /* NONE */
    evtwin__free(r->bucket);
    r->bucket = bucket;
    r->n_buckets = n_buckets;
    r->capacity = capacity;
    for (uint32_t i = 0; i < r->n; i++) {
        put_in_bucket(r, i);
    }
    return EVTWIN_OK;
}

/* ---- the list ---- */

static void unlink_one(evtwin__recent *r, uint32_t i) {
    const evtwin__recent_battery *b = &r->battery[i];
    *(b->newer != NONE ? &r->battery[b->newer].older : &r->newest) = b->older;
    *(b->older != NONE ? &r->battery[b->older].newer : &r->oldest) = b->newer;
}

static void link_as_newest(evtwin__recent *r, uint32_t i) {
    r->battery[i].newer = NONE;
    r->battery[i].older = r->newest;
    *(r->newest != NONE ? &r->battery[r->newest].newer : &r->oldest) = i;
    r->newest = i;
}

/* ---- find, or make ---- */

/* The place of the oldest one, which is forgotten. */
static uint32_t forget_oldest(evtwin__recent *r) {
    const uint32_t i = r->oldest;
    uint32_t *at = bucket_of(r, r->battery[i].id);
    while (*at != i) {
        at = &r->battery[*at].next;
    }
    *at = r->battery[i].next;
    unlink_one(r, i);
    r->n_forgotten++;
    return i;
}

evtwin_status evtwin__recent_get(evtwin__recent *recent, const char *id,
                                 evtwin__recent_battery **out) {
    uint32_t i = recent->n > 0 ? *bucket_of(recent, id) : NONE;
    while (i != NONE && strcmp(recent->battery[i].id, id) != 0) {
        i = recent->battery[i].next;
    }
    if (i != NONE) {
        unlink_one(recent, i);
    } else {
        if (recent->n == recent->capacity && recent->n < recent->max) {
            EVTWIN_TRY(grow(recent));
        }
        i = recent->n < recent->capacity ? (uint32_t)recent->n++ : forget_oldest(recent);
        recent->battery[i] = (evtwin__recent_battery){.has_time = 0};
        snprintf(recent->battery[i].id, sizeof recent->battery[i].id, "%s", id);
        put_in_bucket(recent, i);
    }
    link_as_newest(recent, i);
    *out = &recent->battery[i];
    return EVTWIN_OK;
}
