/* SPDX-License-Identifier: MIT */
/* serve/ring_reader.c: what each reader of the live stream gets, and whether it missed something.
 */

#include "serve/ring_parts.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <stdio.h>

evtwin_status evtwin__ring_join(evtwin__ring *ring, const char *battery_id,
                                const char *last_event_id, void (*wake)(void *ctx), void *ctx,
                                evtwin__ring_reader **out) {
    evtwin__ring_reader *reader = evtwin__calloc(1, sizeof *reader);
    EVTWIN_FAIL_IF(reader == NULL, EVTWIN_E_NOMEM, "out of memory for a reader of the live stream");
    reader->ring = ring;
    reader->wake = wake;
    reader->ctx = ctx;
    reader->types = EVTWIN__RING_ALL;
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

void evtwin__ring_choose(evtwin__ring_reader *reader, int types) {
    reader->types = types;
}

void evtwin__ring_leave(evtwin__ring_reader *reader) {
    if (reader == NULL) {
        return;
    }
    pthread_mutex_lock(&reader->ring->lock);
    evtwin__ring_unlink(reader);
    pthread_mutex_unlock(&reader->ring->lock);
    evtwin__text_free(&reader->own);
    evtwin__free(reader->wanted);
    evtwin__free(reader);
}

/* ---- where it reads ---- */

/* 0 if it is not an id of this store. */
static int read_id(const evtwin__ring *ring, const char *id, evtwin__ring_place *out) {
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
static uint64_t find_after(const evtwin__ring *ring, evtwin__ring_place at) {
    uint64_t low = ring->first, high = ring->end;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (evtwin__ring_is_after(evtwin__ring_get(ring, middle)->place, at)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Go on with what is put next. */
static void place_at_end(evtwin__ring_reader *reader) {
    reader->is_placed = 1;
    reader->epoch = reader->ring->epoch;
    reader->number = reader->ring->end;
}

/* An event for this reader alone, with the id of where it begins. */
static void tell(evtwin__ring_reader *reader, const char *type, const char *data, size_t size) {
    char head[EVTWIN__RING_HEAD_SIZE];
    evtwin__ring_head(reader->ring, type, head);
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
    evtwin__ring_place seen;
    if (reader->wanted == NULL) {
        if (ring->summary.size > 0 && !ring->summary.is_failed) {
            place_at_end(reader);
            tell(reader, "summary", ring->summary.data, ring->summary.size);
        }
    } else if (!read_id(ring, reader->wanted, &seen) || evtwin__ring_is_after(ring->floor, seen) ||
               evtwin__ring_is_after(seen, ring->last)) {
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

/* ---- what it reads ---- */

static void read_bytes(const evtwin__ring *ring, uint64_t from, char *to, size_t size) {
    const size_t at = (size_t)(from % ring->max_bytes);
    const size_t before_wrap = ring->max_bytes - at < size ? ring->max_bytes - at : size;
    memcpy(to, ring->bytes + at, before_wrap);
    memcpy(to + before_wrap, ring->bytes, size - before_wrap);
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

/* The evtwin__ring_event at the reader's place, and those behind it that lie side by side and fit:
 * one copy. An event that does not fit is begun only where it would never fit. */
static size_t read_run(evtwin__ring_reader *reader, char *to, size_t room, int is_at_front) {
    const evtwin__ring *ring = reader->ring;
    const evtwin__ring_event *e = evtwin__ring_get(ring, reader->number);
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
        e = evtwin__ring_get(ring, reader->number);
        if (!evtwin__ring_is_for(reader, e) || size + e->size > room) {
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
        if (!evtwin__ring_is_for(reader, evtwin__ring_get(ring, reader->number))) {
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
        evtwin__ring_unlink(reader);
        reader->number = reader->is_due ? reader->number : ring->end;
    }
    reader->is_due = 0;
    const int is_partly_out = reader->own_sent > 0; /* to its end first */
    if ((is_partly_out || keep_place(reader)) && !reader->own.is_failed) {
        size = (ptrdiff_t)(reader->own.size > 0 ? read_own(reader, to, room)
                                                : read_events(reader, to, room));
    }
    if (size == 0) {
        evtwin__ring_link(&ring->sleepers, reader);
    }
    pthread_mutex_unlock(&ring->lock);
    return size;
}
