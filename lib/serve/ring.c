/* SPDX-License-Identifier: MIT */
/* serve/ring.c: the events of the live stream.
 *
 * Bytes lie in one ring, what they are in another. Both are numbered from the beginning, so a place
 * stays comparable after it was overwritten. One lock guards all of it: it is held for a copy of
 * what one write to a socket takes, and the threads that read are few. */

#include "serve/ring.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    BATTERY_SIZE = 51,
    TYPE_MAX = 16,
    ID_SIZE = EVTWIN__RING_IDENTITY_SIZE + 2 * EVTWIN__NUM_SIZE,
    HEAD_SIZE = ID_SIZE + TYPE_MAX + 32
};

/* Where an event stands in the life of the store. */
typedef struct place {
    int64_t revision, n;
} place;

typedef struct event {
    uint64_t at; /* its first byte */
    size_t size;
    place place;
    uint64_t hash;                 /* of the battery */
    char battery_id[BATTERY_SIZE]; /* "" = for all */
} event;

struct evtwin__ring {
    pthread_mutex_t lock;
    char *bytes;
    event *events;
    size_t max_bytes, max_events;
    uint64_t first, end; /* number of the oldest event kept, and of the next one */
    uint64_t end_at;     /* the first byte of the next one */

    char identity[EVTWIN__RING_IDENTITY_SIZE]; /* "" = not known yet */
    uint64_t epoch;                            /* how often it began anew */
    const char *why;                           /* it last did */
    place floor, last; /* of the newest event no longer kept, and of the newest one */
    evtwin__text summary;

    evtwin__ring_reader *sleepers, *due; /* due: to be woken */
    int n_holds;
};

struct evtwin__ring_reader {
    evtwin__ring *ring;
    evtwin__ring_reader *next, **link; /* in sleepers or due; link NULL = it is awake */
    int is_due;
    void (*wake)(void *ctx);
    void *ctx;
    uint64_t hash;
    char battery_id[BATTERY_SIZE]; /* "" = all */

    char *wanted;  /* the last event it has seen; NULL = none */
    int is_placed; /* the rest is set */
    uint64_t epoch;
    uint64_t number;  /* of the event to read next */
    size_t sent;      /* bytes of it that are out */
    evtwin__text own; /* for this reader alone, before all else */
    size_t own_sent;
};

/* ---- the two rings ---- */

static event *get(const evtwin__ring *ring, uint64_t number) {
    return &ring->events[number % ring->max_events];
}

static void write_bytes(evtwin__ring *ring, const char *from, size_t size) {
    const size_t at = (size_t)(ring->end_at % ring->max_bytes);
    const size_t before_wrap = ring->max_bytes - at < size ? ring->max_bytes - at : size;
    memcpy(ring->bytes + at, from, before_wrap);
    memcpy(ring->bytes, from + before_wrap, size - before_wrap);
    ring->end_at += size;
}

static void read_bytes(const evtwin__ring *ring, uint64_t from, char *to, size_t size) {
    const size_t at = (size_t)(from % ring->max_bytes);
    const size_t before_wrap = ring->max_bytes - at < size ? ring->max_bytes - at : size;
    memcpy(to, ring->bytes + at, before_wrap);
    memcpy(to + before_wrap, ring->bytes, size - before_wrap);
}

/* Forget the oldest events until one more of that size has room. */
static void make_room(evtwin__ring *ring, size_t size) {
    while (ring->first < ring->end &&
           (ring->end - ring->first == ring->max_events ||
            ring->end_at + size - get(ring, ring->first)->at > ring->max_bytes)) {
        ring->floor = get(ring, ring->first)->place;
        ring->first++;
    }
}

/* ---- places ---- */

static int is_after(place a, place b) {
    return a.revision > b.revision || (a.revision == b.revision && a.n > b.n);
}

/* "IDENTITY-REVISION.N" */
static void write_id(const evtwin__ring *ring, place at, char to[ID_SIZE]) {
    char revision[EVTWIN__NUM_SIZE], n[EVTWIN__NUM_SIZE];
    evtwin__format_i64(at.revision, revision);
    evtwin__format_i64(at.n, n);
    (void)snprintf(to, ID_SIZE, "%s-%s%s%s", ring->identity, revision, at.n > 0 ? "." : "",
                   at.n > 0 ? n : "");
}

/* 0 if it is not an id of this store. */
static int read_id(const evtwin__ring *ring, const char *id, place *out) {
    const size_t length = strlen(ring->identity);
    if (strncmp(id, ring->identity, length) != 0 || id[length] != '-') {
        return 0;
    }
    const char *revision = id + length + 1;
    const size_t digits = strcspn(revision, ".");
    const char *n = revision + digits + 1;
    out->n = 0;
    return evtwin__parse_i64(revision, digits, &out->revision) &&
           (revision[digits] == '\0' || evtwin__parse_i64(n, strlen(n), &out->n));
}

/* Number of the first event after a place. */
static uint64_t find_after(const evtwin__ring *ring, place at) {
    uint64_t low = ring->first, high = ring->end;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (is_after(get(ring, middle)->place, at)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* ---- who sleeps ---- */

static void unlink_reader(evtwin__ring_reader *reader) {
    if (reader->link != NULL) {
        *reader->link = reader->next;
        if (reader->next != NULL) {
            reader->next->link = reader->link;
        }
        reader->link = NULL;
    }
}

static void link_reader(evtwin__ring_reader **list, evtwin__ring_reader *reader) {
    reader->next = *list;
    reader->link = list;
    if (reader->next != NULL) {
        reader->next->link = &reader->next;
    }
    *list = reader;
}

static int is_for(const evtwin__ring_reader *reader, const event *e) {
    return reader->battery_id[0] == '\0' || e->battery_id[0] == '\0' ||
           (reader->hash == e->hash && strcmp(reader->battery_id, e->battery_id) == 0);
}

static void wake_due(evtwin__ring *ring) {
    while (ring->due != NULL && ring->n_holds == 0) {
        evtwin__ring_reader *reader = ring->due;
        unlink_reader(reader);
        reader->wake(reader->ctx);
    }
}

/* Wake whom that event (NULL = a new identity) is for. Sleepers have read all that was for them, so
 * what was put since, up to that one, is not. */
static void call_sleepers(evtwin__ring *ring, const event *e) {
    evtwin__ring_reader *next;
    for (evtwin__ring_reader *reader = ring->sleepers; reader != NULL; reader = next) {
        next = reader->next;
        if (e == NULL || is_for(reader, e)) {
            unlink_reader(reader);
            link_reader(&ring->due, reader);
            reader->is_due = 1;
            reader->number = ring->end - (e != NULL);
        }
    }
    wake_due(ring);
}

/* ---- writing ---- */

evtwin_status evtwin__ring_create(size_t max_bytes, size_t max_events, evtwin__ring **out) {
    assert(max_bytes > 0 && max_events > 0);
    evtwin__ring *ring = evtwin__calloc(1, sizeof *ring);
    EVTWIN_FAIL_IF(ring == NULL, EVTWIN_E_NOMEM, "out of memory for the live stream");
    ring->max_bytes = max_bytes;
    ring->max_events = max_events;
    pthread_mutex_init(&ring->lock, NULL);
    ring->bytes = evtwin__calloc(max_bytes, 1);
    ring->events = evtwin__calloc(max_events, sizeof *ring->events);
    if (ring->bytes == NULL || ring->events == NULL) {
        evtwin__ring_free(ring);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the live stream");
    }
    *out = ring;
    return EVTWIN_OK;
}

void evtwin__ring_free(evtwin__ring *ring) {
    if (ring == NULL) {
        return;
    }
    assert(ring->sleepers == NULL && ring->due == NULL);
    pthread_mutex_destroy(&ring->lock);
    evtwin__text_free(&ring->summary);
    evtwin__free(ring->events);
    evtwin__free(ring->bytes);
    evtwin__free(ring);
}

/* Forget all events: readers see by the epoch that there is a gap. The lock is held. */
static void begin_anew(evtwin__ring *ring, place at, const char *why) {
    ring->why = why;
    ring->first = ring->end;
    ring->floor = ring->last = at;
    ring->epoch++;
    call_sleepers(ring, NULL);
}

void evtwin__ring_identity(evtwin__ring *ring, const char *store_identity, int64_t revision) {
    assert(store_identity[0] != '\0' && strlen(store_identity) < sizeof ring->identity);
    pthread_mutex_lock(&ring->lock);
    (void)snprintf(ring->identity, sizeof ring->identity, "%s", store_identity);
    evtwin__text_free(&ring->summary);
    begin_anew(ring, (place){revision, 0}, "replaced");
    pthread_mutex_unlock(&ring->lock);
}

/* Add an event: head, data on one line, blank line. The lock is held. */
static void add(evtwin__ring *ring, const char *battery_id, const char *head, const char *data,
                size_t size) {
    const size_t head_size = strlen(head), whole = head_size + size + strlen("\n\n");
    if (whole > ring->max_bytes) {
        begin_anew(ring, ring->last, "behind");
        return;
    }
    make_room(ring, whole);
    event *e = get(ring, ring->end);
    *e = (event){.at = ring->end_at, .size = whole, .place = ring->last};
    if (battery_id != NULL) {
        assert(strlen(battery_id) < sizeof e->battery_id);
        (void)snprintf(e->battery_id, sizeof e->battery_id, "%s", battery_id);
        e->hash = evtwin__hash(EVTWIN__HASH_BEGIN, battery_id, strlen(battery_id));
    }
    write_bytes(ring, head, head_size);
    write_bytes(ring, data, size);
    write_bytes(ring, "\n\n", 2);
    ring->end++;
    call_sleepers(ring, e);
}

static void write_head(const evtwin__ring *ring, const char *type, char head[HEAD_SIZE]) {
    char id[ID_SIZE];
    write_id(ring, ring->last, id);
    (void)snprintf(head, HEAD_SIZE, "event: %.*s\nid: %s\ndata: ", TYPE_MAX, type, id);
}

static void keep_summary(evtwin__ring *ring, const char *data, size_t size) {
    if (ring->summary.is_failed) {
        evtwin__text_free(&ring->summary);
    }
    ring->summary.size = 0;
    evtwin__text_add(&ring->summary, data, size);
}

void evtwin__ring_put(evtwin__ring *ring, const char *type, int64_t revision,
                      const char *battery_id, const char *data, size_t size) {
    assert(memchr(data, '\n', size) == NULL && memchr(data, '\r', size) == NULL);
    char head[HEAD_SIZE];
    pthread_mutex_lock(&ring->lock);
    if (ring->identity[0] != '\0') {
        const int is_newer = revision > ring->last.revision;
        ring->last =
            is_newer ? (place){revision, 0} : (place){ring->last.revision, ring->last.n + 1};
        if (strcmp(type, "summary") == 0) {
            keep_summary(ring, data, size);
        }
        write_head(ring, type, head);
        add(ring, battery_id, head, data, size);
    }
    pthread_mutex_unlock(&ring->lock);
}

void evtwin__ring_comment(evtwin__ring *ring) {
    char head[HEAD_SIZE], id[ID_SIZE];
    pthread_mutex_lock(&ring->lock);
    if (ring->identity[0] != '\0') {
        write_id(ring, ring->last, id);
        (void)snprintf(head, sizeof head, ":\nid: %s", id);
        add(ring, NULL, head, "", 0);
    }
    pthread_mutex_unlock(&ring->lock);
}

void evtwin__ring_hold(evtwin__ring *ring) {
    pthread_mutex_lock(&ring->lock);
    ring->n_holds++;
    pthread_mutex_unlock(&ring->lock);
}

void evtwin__ring_release(evtwin__ring *ring) {
    pthread_mutex_lock(&ring->lock);
    assert(ring->n_holds > 0);
    ring->n_holds--;
    wake_due(ring);
    pthread_mutex_unlock(&ring->lock);
}

/* ---- reading ---- */

evtwin_status evtwin__ring_join(evtwin__ring *ring, const char *battery_id,
                                const char *last_event_id, void (*wake)(void *ctx), void *ctx,
                                evtwin__ring_reader **out) {
    evtwin__ring_reader *reader = evtwin__calloc(1, sizeof *reader);
    EVTWIN_FAIL_IF(reader == NULL, EVTWIN_E_NOMEM, "out of memory for a reader of the live stream");
    reader->ring = ring;
    reader->wake = wake;
    reader->ctx = ctx;
    if (battery_id != NULL) {
        assert(strlen(battery_id) < sizeof reader->battery_id);
        (void)snprintf(reader->battery_id, sizeof reader->battery_id, "%s", battery_id);
        reader->hash = evtwin__hash(EVTWIN__HASH_BEGIN, battery_id, strlen(battery_id));
    }
    reader->wanted = evtwin__strdup(last_event_id);
    evtwin__text_put(&reader->own, "retry: 2000\n\n");
    if (reader->own.is_failed || (last_event_id != NULL && reader->wanted == NULL)) {
        evtwin__ring_leave(reader);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a reader of the live stream");
    }
    *out = reader;
    return EVTWIN_OK;
}

void evtwin__ring_leave(evtwin__ring_reader *reader) {
    if (reader == NULL) {
        return;
    }
    pthread_mutex_lock(&reader->ring->lock);
    unlink_reader(reader);
    pthread_mutex_unlock(&reader->ring->lock);
    evtwin__text_free(&reader->own);
    evtwin__free(reader->wanted);
    evtwin__free(reader);
}

/* Go on with what is put next. */
static void place_at_end(evtwin__ring_reader *reader) {
    reader->is_placed = 1;
    reader->epoch = reader->ring->epoch;
    reader->number = reader->ring->end;
}

/* An event for this reader alone, with the id of where it begins. */
static void tell(evtwin__ring_reader *reader, const char *type, const char *data, size_t size) {
    char head[HEAD_SIZE];
    write_head(reader->ring, type, head);
    evtwin__text_put(&reader->own, head);
    evtwin__text_add(&reader->own, data, size);
    evtwin__text_put(&reader->own, "\n\n");
}

static void reset(evtwin__ring_reader *reader, const char *why) {
    char data[64];
    (void)snprintf(data, sizeof data, "{\"reason\":\"%s\"}", why);
    place_at_end(reader);
    tell(reader, "reset", data, strlen(data));
}

/* The first place: behind the event it has seen last, or at the end. */
static void place_first(evtwin__ring_reader *reader) {
    const evtwin__ring *ring = reader->ring;
    place seen;
    if (reader->wanted == NULL) {
        if (ring->summary.size > 0 && !ring->summary.is_failed) {
            place_at_end(reader);
            tell(reader, "summary", ring->summary.data, ring->summary.size);
        }
    } else if (!read_id(ring, reader->wanted, &seen) || is_after(ring->floor, seen) ||
               is_after(seen, ring->last)) {
        reset(reader, "unknown");
    } else {
        place_at_end(reader);
        reader->number = find_after(ring, seen);
    }
}

/* Find out what the reader missed; 0 if its stream must end. */
static int keep_place(evtwin__ring_reader *reader) {
    const evtwin__ring *ring = reader->ring;
    if (ring->identity[0] == '\0') {
        return 1;
    }
    if (!reader->is_placed) {
        place_first(reader);
        return 1;
    }
    const int is_replaced = reader->epoch != ring->epoch;
    if (!is_replaced && reader->number >= ring->first) {
        return 1;
    }
    if (reader->sent > 0) {
        return 0;
    }
    reset(reader, is_replaced ? ring->why : "behind");
    return 1;
}

static size_t read_own(evtwin__ring_reader *reader, char *to, size_t room) {
    evtwin__text *own = &reader->own;
    const size_t left = own->size - reader->own_sent, n = left < room ? left : room;
    if (n > 0) {
        memcpy(to, own->data + reader->own_sent, n);
        reader->own_sent += n;
    }
    if (reader->own_sent == own->size) {
        evtwin__text_free(own);
        reader->own_sent = 0;
    }
    return n;
}

/* The event at the reader's place, and those behind it that lie side by side and fit: one copy. An
 * event that does not fit is begun only where it would never fit. */
static size_t read_run(evtwin__ring_reader *reader, char *to, size_t room, int is_at_front) {
    const evtwin__ring *ring = reader->ring;
    const event *e = get(ring, reader->number);
    const uint64_t from = e->at + reader->sent;
    size_t size = e->size - reader->sent;
    if (size > room) {
        if (!is_at_front) {
            return 0;
        }
        reader->sent += room;
        read_bytes(ring, from, to, room);
        return room;
    }
    reader->sent = 0;
    while (++reader->number < ring->end) {
        e = get(ring, reader->number);
        if (!is_for(reader, e) || size + e->size > room) {
            break;
        }
        size += e->size;
    }
    read_bytes(ring, from, to, size);
    return size;
}

static size_t read_events(evtwin__ring_reader *reader, char *to, size_t room) {
    const evtwin__ring *ring = reader->ring;
    size_t size = 0;
    while (reader->is_placed && reader->number < ring->end) {
        if (!is_for(reader, get(ring, reader->number))) {
            reader->number++;
            continue;
        }
        const size_t n = read_run(reader, to + size, room - size, size == 0);
        if (n == 0) {
            break;
        }
        size += n;
    }
    return size;
}

ptrdiff_t evtwin__ring_read(evtwin__ring_reader *reader, char *to, size_t room) {
    assert(room > 0);
    evtwin__ring *ring = reader->ring;
    ptrdiff_t size = -1;
    pthread_mutex_lock(&ring->lock);
    if (reader->link != NULL) { /* it was asleep and is awake now, whoever called */
        unlink_reader(reader);
        reader->number = reader->is_due ? reader->number : ring->end;
    }
    reader->is_due = 0;
    const int is_partly_out = reader->own_sent > 0; /* to its end first */
    if ((is_partly_out || keep_place(reader)) && !reader->own.is_failed) {
        size = (ptrdiff_t)(reader->own.size > 0 ? read_own(reader, to, room)
                                                : read_events(reader, to, room));
    }
    if (size == 0) {
        link_reader(&ring->sleepers, reader);
    }
    pthread_mutex_unlock(&ring->lock);
    return size;
}
