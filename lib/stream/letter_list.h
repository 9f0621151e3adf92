/* SPDX-License-Identifier: MIT */
/* stream/letter_list.h: dead letters that go on together, as bytes of spool_codec.h. */
#ifndef EVTWIN_STREAM_LETTER_LIST_H
#define EVTWIN_STREAM_LETTER_LIST_H

#include "evtwin/stream.h"

#include "core/text.h"

/* All zero is an empty one. */
typedef struct evtwin__letter_list {
    evtwin__text bytes; /* of all letters, one behind the other */
    size_t *size;       /* (n) of each */
    evtwin_letter *letter;
    size_t n;
} evtwin__letter_list;

void evtwin__letter_list_free(evtwin__letter_list *list);

/* Add a letter, or the bytes of one; on failure the list is as it was. EVTWIN_E_CORRUPT if the
 * bytes are not those of a letter. */
evtwin_status evtwin__letter_list_add(evtwin__letter_list *list, const evtwin_letter *letter);
evtwin_status evtwin__letter_list_add_bytes(evtwin__letter_list *list, const void *data,
                                            size_t size);

/* Take out the first n. */
void evtwin__letter_list_drop(evtwin__letter_list *list, size_t n);

/* The (n) letters, borrowed until the list changes. */
const evtwin_letter *evtwin__letter_list_all(evtwin__letter_list *list);

#endif
