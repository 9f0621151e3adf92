/* SPDX-License-Identifier: MIT */
/* stream/record_reader.h: rows and refusals from a message that holds one record or an array of
 * them: its bad records are refused before its good ones are given, which then fit into one batch
 * with the position behind the message. */
#ifndef EVTWIN_STREAM_RECORD_READER_H
#define EVTWIN_STREAM_RECORD_READER_H

#include "evtwin/stream.h"
#include "stream/record_list.h"

enum { EVTWIN__RECORD_PLACE = 360 }; /* bytes of the place of a message */

typedef struct evtwin__record_reader {
    /* of the source, before the first message */
    void *ctx;
    evtwin_status (*decode)(void *ctx, const char *text, size_t length, evtwin_table *table);
    void (*place)(void *ctx, char place[EVTWIN__RECORD_PLACE]); /* of the message in hand */

    const char *data; /* (size) the message in hand, borrowed; NULL = none, or it is done */
    size_t size;
    int is_begun;
    evtwin__record_list given;   /* up to here records were given */
    evtwin__record_list checked; /* up to here they were looked at for bad ones */
    int has_bad, is_checked;     /* something behind `given` is bad; all of that is refused */
    size_t n_good;               /* between the two */
    size_t n_refused, n_more;    /* one by one; and others, which are refused together */
} evtwin__record_reader;

/* Take a message in hand. */
void evtwin__record_reader_begin(evtwin__record_reader *r, const char *data, size_t size);

/**
 * Append at most `room` records of the message in hand, or refuse one: EVTWIN_REFUSED. Of one
 * message ten bad records are refused one by one, and all others together as the eleventh, with the
 * message as its raw bytes. has_rows: the table holds rows that were not given on yet; EVTWIN_DONE
 * says that they have to be, because something is to be refused. EVTWIN_E_NOMEM and EVTWIN_E_STATE:
 * nothing happened, call it again. Behind the last record r->data is NULL.
 */
evtwin_status evtwin__record_reader_take(evtwin__record_reader *r, evtwin_source *source,
                                         size_t room, int has_rows, evtwin_table *table);

#endif
