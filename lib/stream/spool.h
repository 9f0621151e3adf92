/* SPDX-License-Identifier: MIT */
/* stream/spool.h: what the pump needs of a spool beside its public calls: cursors, chunks, letters.
 */
#ifndef EVTWIN_STREAM_SPOOL_H
#define EVTWIN_STREAM_SPOOL_H

#include "evtwin/spool.h"

#include "core/text.h"
#include "stream/letter_list.h"
#include "stream/spool_file.h"

/* ---- accept (spool_accept.c, spool_admin.c) ---- */

/* As evtwin_spool_append, for letters; position may be NULL. */
evtwin_status evtwin__spool_append_letters(evtwin_spool *spool, const evtwin__letter_list *letters,
                                           const char *source, const char *position);

/* The newest state of every battery in what was accepted, for evtwin_session_restore; EVTWIN_DONE
 * if there is none. */
evtwin_status evtwin__spool_states(evtwin_spool *spool, evtwin_table **out);

/* ---- wait for a change: something was accepted, taken or woken ---- */

uint64_t evtwin__spool_generation(evtwin_spool *spool);
void evtwin__spool_wake(evtwin_spool *spool);
/* Until the generation is another one than that, at most so long. */
void evtwin__spool_wait(evtwin_spool *spool, uint64_t generation, double seconds);

/* ---- deliver: the cursor of one sink (spool_sinks.c, spool_cursor.c, spool_read.c) ---- */

typedef struct evtwin__spool_cursor evtwin__spool_cursor;

/* Records that go to the sink together. */
typedef struct evtwin__spool_chunk {
    evtwin_table *rows, *states; /* NULL = none */
    evtwin__letter_list letters; /* instead of rows */
    int64_t *number;             /* (n) of each row or letter */
    size_t n;
    int64_t last; /* the cursor behind all of it */
} evtwin__spool_chunk;

/* The sinks of a pump by their (n) names; letters is that of the dead-letter sink, or NULL. One
 * that is new begins with what is accepted from now on, in a spool that had none with all that is
 * there. Those that are not among them are forgotten; EVTWIN_E_STATE if something waits for one. */
evtwin_status evtwin__spool_match_sinks(evtwin_spool *spool, const char *const *names, size_t n,
                                        const char *letters);

enum { EVTWIN__SPOOL_NAME_SIZE = 512 };

/* The name of a sink of that URI, behind those before it of its kind, which have these (n_before)
 * names: its place, which stays when parameters change, or the whole URI (*is_long_out) where
 * another has the place. */
evtwin_status evtwin__spool_name_sink(evtwin_spool *spool, evtwin__spool_kind kind, const char *uri,
                                      const char *const *before, size_t n_before,
                                      char name[EVTWIN__SPOOL_NAME_SIZE], int *is_long_out);

/* The cursor of that name, which is made if there is none. It lives as long as the spool; close
 * stops its use. */
evtwin_status evtwin__spool_cursor_open(evtwin_spool *spool, evtwin__spool_kind kind,
                                        const char *name, evtwin__spool_cursor **out);
void evtwin__spool_cursor_close(evtwin__spool_cursor *cursor);

/* The next rows, at least those of an entry, at most about max_rows; or letters. *chunk is all zero
 * or was filled before. EVTWIN_DONE: none waits. What cannot be read back is set aside and listed
 * as lost. */
evtwin_status evtwin__spool_cursor_read(evtwin__spool_cursor *cursor, size_t max_rows,
                                        evtwin__spool_chunk *chunk);
void evtwin__spool_chunk_clear(evtwin__spool_chunk *chunk);

/* The sink has everything up to that number; letter, if it is not NULL and there is a sink of
 * letters, is queued in the same transaction: the record of that number was refused. */
evtwin_status evtwin__spool_cursor_advance(evtwin__spool_cursor *cursor, int64_t number,
                                           const evtwin_letter *letter);

/* The position that a sink keeps says what it has: the cursor moves up to it. */
evtwin_status evtwin__spool_cursor_skip(evtwin__spool_cursor *cursor, const char *position);

typedef struct evtwin__spool_cursor_state {
    uint64_t n_waiting, bytes_waiting, n_lost;
    int64_t oldest_us; /* when it was accepted; 0 = nothing waits */
} evtwin__spool_cursor_state;

void evtwin__spool_cursor_get(evtwin__spool_cursor *cursor, evtwin__spool_cursor_state *out);

/* What was lost for it since the last call: how many records; text gets their numbers and why. */
uint64_t evtwin__spool_cursor_losses(evtwin__spool_cursor *cursor, char *text, size_t text_size);

#endif
