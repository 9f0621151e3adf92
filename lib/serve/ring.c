/* SPDX-License-Identifier: MIT */
/* serve/ring.c: the events of the live stream, as they are put and kept.
 *
 * Bytes lie in one ring, what they are in another. Both are numbered from the beginning, so a place
 * stays comparable after it was overwritten. One lock guards all of it: it is held for a copy of
 * what one write to a socket takes, and the threads that read are few. */

#include "serve/ring_parts.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <stdio.h>

/* ---- the two rings ---- */

static void write_bytes(evtwin__ring *ring, const char *from, size_t size) {
    const size_t at = (size_t)(ring->end_at % ring->max_bytes);
    const size_t before_wrap = ring->max_bytes - at < size ? ring->max_bytes - at : size;
    memcpy(ring->bytes + at, from, before_wrap);
    memcpy(ring->bytes, from + before_wrap, size - before_wrap);
    ring->end_at += size;
}

/* Forget the oldest events until one more of that size has room. */
static void make_room(evtwin__ring *ring, size_t size) {
    while (ring->first < ring->end &&
           (ring->end - ring->first == ring->max_events ||
            ring->end_at + size - evtwin__ring_get(ring, ring->first)->at > ring->max_bytes)) {
        ring->floor = evtwin__ring_get(ring, ring->first)->place;
        ring->first++;
    }
}

/* ---- what an event begins with ---- */

void evtwin__ring_id(const evtwin__ring *ring, evtwin__ring_place at,
                     char to[EVTWIN__RING_ID_SIZE]) {
    char revision[EVTWIN__NUM_SIZE], n[EVTWIN__NUM_SIZE];
    evtwin__format_i64(at.revision, revision);
    evtwin__format_i64(at.n, n);
    (void)snprintf(to, EVTWIN__RING_ID_SIZE, "%s-%s%s%s", ring->identity, revision,
                   at.n > 0 ? "." : "", at.n > 0 ? n : "");
}

void evtwin__ring_head(const evtwin__ring *ring, const char *type,
                       char head[EVTWIN__RING_HEAD_SIZE]) {
    char id[EVTWIN__RING_ID_SIZE];
    evtwin__ring_id(ring, ring->last, id);
    (void)snprintf(head, EVTWIN__RING_HEAD_SIZE,
                   "event: %.*s\nid: %s\ndata: ", EVTWIN__RING_TYPE_MAX, type, id);
}

/* ---- who sleeps ---- */

void evtwin__ring_unlink(evtwin__ring_reader *reader) {
    if (reader->link != NULL) {
        *reader->link = reader->next;
        if (reader->next != NULL) {
            reader->next->link = reader->link;
        }
        reader->link = NULL;
    }
}

void evtwin__ring_link(evtwin__ring_reader **list, evtwin__ring_reader *reader) {
    reader->next = *list;
    reader->link = list;
    if (reader->next != NULL) {
        reader->next->link = &reader->next;
    }
    *list = reader;
}

static void wake_due(evtwin__ring *ring) {
    while (ring->due != NULL && ring->n_holds == 0) {
        evtwin__ring_reader *reader = ring->due;
        evtwin__ring_unlink(reader);
        reader->wake(reader->ctx);
    }
}

/* Wake whom that event (NULL = a new identity) is for. Sleepers have read all that was for them, so
 * what was put since, up to that one, is not. */
static void call_sleepers(evtwin__ring *ring, const evtwin__ring_event *e) {
    evtwin__ring_reader *next;
    for (evtwin__ring_reader *reader = ring->sleepers; reader != NULL; reader = next) {
        next = reader->next;
        if (e == NULL || !reader->is_placed || evtwin__ring_is_for(reader, e)) {
            evtwin__ring_unlink(reader);
            evtwin__ring_link(&ring->due, reader);
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
static void begin_anew(evtwin__ring *ring, evtwin__ring_place at, const char *why) {
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
    begin_anew(ring, (evtwin__ring_place){revision, 0}, "replaced");
    pthread_mutex_unlock(&ring->lock);
}

int evtwin__ring_type(const char *name, size_t length) {
    static const char *const names[] = {"row", "summary", "alert"}; /* in the order of their bits */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && memcmp(name, names[i], length) == 0) {
            return 1 << i;
        }
    }
    return 0;
}

/* Add an event: head, data on one line, blank line. The lock is held. */
static void add(evtwin__ring *ring, int type, const char *battery_id, const char *head,
                const char *data, size_t size) {
    const size_t head_size = strlen(head), whole = head_size + size + strlen("\n\n");
    if (whole > ring->max_bytes) {
        begin_anew(ring, ring->last, "behind");
        return;
    }
    make_room(ring, whole);
    evtwin__ring_event *e = evtwin__ring_get(ring, ring->end);
    *e = (evtwin__ring_event){.at = ring->end_at, .size = whole, .place = ring->last, .type = type};
    if (battery_id != NULL) {
        /* one that is too long, of another program, is nobody's to follow: the hash is of all of it
         */
        (void)snprintf(e->battery_id, sizeof e->battery_id, "%s", battery_id);
        e->hash = evtwin__hash(EVTWIN__HASH_BEGIN, battery_id, strlen(battery_id));
    }
    write_bytes(ring, head, head_size);
    write_bytes(ring, data, size);
    write_bytes(ring, "\n\n", 2);
    ring->end++;
    call_sleepers(ring, e);
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
    char head[EVTWIN__RING_HEAD_SIZE];
    pthread_mutex_lock(&ring->lock);
    if (ring->identity[0] != '\0') {
        const int is_newer = revision > ring->last.revision;
        ring->last = is_newer ? (evtwin__ring_place){revision, 0}
                              : (evtwin__ring_place){ring->last.revision, ring->last.n + 1};
        const int of = evtwin__ring_type(type, strlen(type));
        if (of == EVTWIN__RING_SUMMARY) {
            keep_summary(ring, data, size);
        }
        evtwin__ring_head(ring, type, head);
        add(ring, of, battery_id, head, data, size);
    }
    pthread_mutex_unlock(&ring->lock);
}

/* Who waits for the store, or its first summary, has no place among the events yet. */
static void comment_to_waiting(evtwin__ring *ring) {
    evtwin__ring_reader *next;
    for (evtwin__ring_reader *reader = ring->sleepers; reader != NULL; reader = next) {
        next = reader->next;
        if (!reader->is_placed) {
            evtwin__text_put(&reader->own, ":\n\n");
            evtwin__ring_unlink(reader);
            evtwin__ring_link(&ring->due, reader);
        }
    }
}

void evtwin__ring_comment(evtwin__ring *ring) {
    char head[EVTWIN__RING_HEAD_SIZE], id[EVTWIN__RING_ID_SIZE];
    pthread_mutex_lock(&ring->lock);
    comment_to_waiting(ring);
    if (ring->identity[0] != '\0') {
        evtwin__ring_id(ring, ring->last, id);
        (void)snprintf(head, sizeof head, ":\nid: %s", id);
        add(ring, 0, NULL, head, "", 0);
    }
    wake_due(ring);
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
