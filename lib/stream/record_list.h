/* SPDX-License-Identifier: MIT */
/* stream/record_list.h: a message's payload, one JSON record or an array of them, cut into records.
 */
#ifndef EVTWIN_STREAM_RECORD_LIST_H
#define EVTWIN_STREAM_RECORD_LIST_H

#include "evtwin/base.h"

/* Borrows the payload. */
typedef struct evtwin__record_list {
    const char *data;
    size_t size, at; /* what is before `at` was given */
    int is_array, is_over;
    size_t n_given; /* records so far: the number of the last one, from 1 on */
} evtwin__record_list;

/* EVTWIN_E_PARSE for what cannot hold records: empty, over 2 MiB, with a NUL, not UTF-8. */
evtwin_status evtwin__records_begin(evtwin__record_list *list, const char *data, size_t size);

/* The next record, whose JSON is not looked into. EVTWIN_DONE behind the last one;
 * EVTWIN_E_PARSE if the rest is no list, after which there is nothing more. */
evtwin_status evtwin__records_next(evtwin__record_list *list, const char **text_out,
                                   size_t *length_out);

#endif
