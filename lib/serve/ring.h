/* SPDX-License-Identifier: MIT */
/* serve/ring.h: the events of the live stream: written once, kept for a while, and copied by each
 * reader straight to where its bytes go out.
 *
 * An event is kept as it is sent: an event of a text/event-stream. Its id is IDENTITY-REVISION.N:
 * the store, the last revision that was put, and the number of events since then that had none of
 * their own (".N" is left out for 0). A reader that names the last id it has seen goes on behind
 * it, whichever batteries it follows. One that cannot go on without a gap gets the event "reset",
 * {"reason": …}, and goes on with what comes next:
 *     replaced  the identity was set anew, so it is another store
 *     behind    what it had not yet read is no longer kept
 *     unknown   the id it came with is of another store, or of an event no longer kept
 */
#ifndef EVTWIN_SERVE_RING_H
#define EVTWIN_SERVE_RING_H

#include "evtwin/base.h"

#include <stddef.h>
#include <stdint.h>

typedef struct evtwin__ring evtwin__ring;
typedef struct evtwin__ring_reader evtwin__ring_reader;

enum { EVTWIN__RING_IDENTITY_SIZE = 80 };

/* Types of events that a reader may choose. */
enum {
    EVTWIN__RING_ROW = 1,
    EVTWIN__RING_SUMMARY = 2,
    EVTWIN__RING_ALERT = 4,
    EVTWIN__RING_ALL = 7
};

/* The type of that name, 0 if there is none. */
int evtwin__ring_type(const char *name, size_t length);

/* At most so many bytes and events are kept; both above 0. The memory for them is taken here. */
evtwin_status evtwin__ring_create(size_t max_bytes, size_t max_events, evtwin__ring **out);

/* No reader is left. NULL is fine. */
void evtwin__ring_free(evtwin__ring *ring);

/* ---- writing: from any thread ---- */

/* The events from here on are of that store (printable ASCII, shorter than
 * EVTWIN__RING_IDENTITY_SIZE) and follow that revision: rows up to it are what a client loads by
 * REST. Also where revisions were left out. Forgets all events; all readers get "reset". Before the
 * first call nothing is put and nothing is read. */
void evtwin__ring_identity(evtwin__ring *ring, const char *store_identity, int64_t revision);

/* Put an event. Revisions ascend; 0 = it has none of its own. battery_id NULL = for all readers.
 * data is JSON on one line. The newest "summary" is kept, and is what a new reader gets first; it
 * waits for one. */
void evtwin__ring_put(evtwin__ring *ring, const char *type, int64_t revision,
                      const char *battery_id, const char *data, size_t size);

/* Put a comment with the id reached: it keeps connections open, and tells clients of single
 * batteries how far the store has come. */
void evtwin__ring_comment(evtwin__ring *ring);

/* Wake no reader from hold to release: many events then cost each reader one wake. */
void evtwin__ring_hold(evtwin__ring *ring);
void evtwin__ring_release(evtwin__ring *ring);

/* ---- reading: each reader by one thread at a time ---- */

/* A reader of one battery (NULL = of all), behind that event (NULL = from now on). wake is called
 * once after a read that returned 0, when there is something again, from the thread that puts; it
 * must not call the ring, nor wait for a thread that does. */
evtwin_status evtwin__ring_join(evtwin__ring *ring, const char *battery_id,
                                const char *last_event_id, void (*wake)(void *ctx), void *ctx,
                                evtwin__ring_reader **out);

/* Leave out events of other types than these (a sum of them; at first EVTWIN__RING_ALL), but for
 * the summary that is first; before the first read. */
void evtwin__ring_choose(evtwin__ring_reader *reader, int types);

/* wake is not called any more. NULL is fine. */
void evtwin__ring_leave(evtwin__ring_reader *reader);

/* Copy at most room (above 0) bytes; the last event copied is whole unless it alone exceeds room.
 * Returns how many, 0 = nothing now, < 0 = the stream ends: the rest of an event that was sent in
 * part is no longer kept, or memory is out. */
ptrdiff_t evtwin__ring_read(evtwin__ring_reader *reader, char *to, size_t room);

#endif
