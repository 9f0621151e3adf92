/* SPDX-License-Identifier: MIT */
/* learn/pieces_sample.h: whole batteries of a file that is read in pieces, evenly spaced over it,
 * for the audit. */
#ifndef EVTWIN_LEARN_PIECES_SAMPLE_H
#define EVTWIN_LEARN_PIECES_SAMPLE_H

#include "learn/group.h"

/* All zero is an empty one. */
typedef struct evtwin__pieces_sample {
    evtwin_table *table; /* their rows; NULL before the first */
    size_t step;         /* every step-th battery is in it, the first of the file among them */
    struct evtwin__sampled {
        size_t battery, n_rows;
    } * list; /* (n) in the order of their rows */
    size_t n, capacity;
} evtwin__pieces_sample;

/* Look at a table of whole batteries, which are those from number first on; at most max_rows stay,
 * or one battery. */
evtwin_status evtwin__pieces_sample_add(evtwin__pieces_sample *s, const evtwin_table *table,
                                        const evtwin__groups *groups, size_t first,
                                        size_t max_rows);
void evtwin__pieces_sample_clear(evtwin__pieces_sample *s);

#endif
