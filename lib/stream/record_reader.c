/* SPDX-License-Identifier: MIT */
/* stream/record_reader.c: the records of a message, in two passes where some are bad: the first
 * refuses, the second gives. */

#include "stream/record_reader.h"

#include "core/status.h"

#include <stdio.h>

enum { MAX_SINGLE = 10 }; /* refusals of one message: each costs a letter and a commit */

void evtwin__record_reader_begin(evtwin__record_reader *r, const char *data, size_t size) {
    *r = (evtwin__record_reader){
        .ctx = r->ctx, .decode = r->decode, .place = r->place, .data = data, .size = size};
}

/* It failed for want of something else than a good record. */
static int is_ours(evtwin_status st) {
    return st == EVTWIN_E_NOMEM || st == EVTWIN_E_STATE;
}

/* ---- refuse ---- */

/* Pass over record number `record` (0 = of the message as a whole) for the last failure. */
static evtwin_status refuse(evtwin__record_reader *r, evtwin_source *source, evtwin_status st,
                            size_t record, const char *text, size_t length) {
    char message[EVTWIN__RECORD_PLACE], place[EVTWIN__RECORD_PLACE + 40], number[40] = "";
    r->place(r->ctx, message);
    if (record > 0) {
        snprintf(number, sizeof number, ", record %zu", record);
    }
    snprintf(place, sizeof place, "%s%s", message, number);
    evtwin__fail_in(st, "%s", place);
    return evtwin_source_refuse(source, st, place, NULL, text, length);
}

static int is_at_end(const evtwin__record_list *list) {
    evtwin__record_list ahead = *list;
    const char *text = NULL;
    size_t length = 0;
    return evtwin__records_next(&ahead, &text, &length) == EVTWIN_DONE;
}

/* What is good in the message is left to give. */
static void end_check(evtwin__record_reader *r) {
    r->is_checked = 1;
    r->data = r->n_good > 0 ? r->data : NULL;
}

/* No record is left, as `st` says: refuse what was only counted, or an array that is broken. */
static evtwin_status refuse_rest(evtwin__record_reader *r, evtwin_source *source,
                                 const evtwin__record_list *last, evtwin_status st) {
    const char *message = r->data;
    if (r->n_more > 0 && st < 0) {
        r->checked = *last; /* the array comes by itself */
    } else {
        end_check(r);
    }
    if (r->n_more > 0) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%zu more records of this message are not valid",
                          r->n_more);
        r->n_more = 0;
    }
    return st < 0 ? refuse(r, source, st, 0, message, r->size) : EVTWIN_OK;
}

/* Refuse the next that is to be. EVTWIN_OK: there is none any more. */
static evtwin_status refuse_next(evtwin__record_reader *r, evtwin_source *source,
                                 evtwin_table *table) {
    const size_t rows = evtwin_table_rows(table);
    for (;;) {
        const evtwin__record_list before = r->checked;
        const char *text = NULL;
        size_t length = 0;
        evtwin_status st = evtwin__records_next(&r->checked, &text, &length);
        if (st != EVTWIN_OK) {
            return refuse_rest(r, source, &before, st);
        }
        st = r->decode(r->ctx, text, length, table);
        evtwin_table_resize(table, rows); /* shrinking does not fail */
        if (is_ours(st)) {
            r->checked = before; /* not the record's fault: it comes again */
            return st;
        }
        if (st >= 0) {
            r->n_good++;
        } else if (r->n_refused == MAX_SINGLE) {
            r->n_more++;
        } else {
            r->n_refused++;
            st = refuse(r, source, st, r->checked.is_array ? r->checked.n_given : 0, text, length);
            if (is_at_end(&r->checked)) {
                end_check(r);
            }
            return st;
        }
    }
}

/* ---- give ---- */

/* EVTWIN_DONE: something in it is to be refused first, and nothing was appended. */
static evtwin_status give(evtwin__record_reader *r, size_t room, evtwin_table *table) {
    const size_t before = evtwin_table_rows(table);
    evtwin__record_list list = r->given, last;
    const char *text = NULL;
    size_t length = 0;
    evtwin_status st;
    while ((last = list, st = evtwin__records_next(&list, &text, &length)) == EVTWIN_OK) {
        if (evtwin_table_rows(table) - before == room) {
            r->given = last; /* the rest is for the next read */
            return EVTWIN_OK;
        }
        st = r->decode(r->ctx, text, length, table);
        if (st < 0 && (!r->is_checked || is_ours(st))) {
            break;
        }
    }
    if (st < 0 && (!r->is_checked || is_ours(st))) {
        evtwin_table_resize(table, before);
        return is_ours(st) ? st : EVTWIN_DONE;
    }
    r->data = NULL;
    return EVTWIN_OK;
}

static evtwin_status begin(evtwin__record_reader *r, evtwin_source *source, int has_rows) {
    evtwin_status st = evtwin__records_begin(&r->given, r->data, r->size);
    if (st < 0) {
        if (has_rows) {
            return EVTWIN_DONE;
        }
        st = refuse(r, source, st, 0, r->data, r->size);
        r->data = NULL;
        return st;
    }
    r->is_begun = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__record_reader_take(evtwin__record_reader *r, evtwin_source *source,
                                         size_t room, int has_rows, evtwin_table *table) {
    if (!r->is_begun) {
        const evtwin_status st = begin(r, source, has_rows);
        if (st != EVTWIN_OK) {
            return st;
        }
    }
    if (!r->has_bad || r->is_checked) {
        const evtwin_status st = give(r, room, table);
        if (st != EVTWIN_DONE) {
            return st;
        }
        r->has_bad = 1;
        r->checked = r->given;
    }
    return has_rows ? EVTWIN_DONE : refuse_next(r, source, table);
}
