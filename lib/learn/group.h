/* SPDX-License-Identifier: MIT */
/* learn/group.h: which rows belong to one battery, and their order in time. */
#ifndef EVTWIN_LEARN_GROUP_H
#define EVTWIN_LEARN_GROUP_H

#include "core/dict.h"
#include "evtwin/table.h"

/* How the rows were put into groups. */
typedef enum evtwin__group_kind {
    EVTWIN__GROUP_BATTERY, /* by battery id, or recovered from a counter that restarts */
    EVTWIN__GROUP_COLUMN,  /* by another column the caller named */
    EVTWIN__GROUP_NONE     /* all rows are one series */
} evtwin__group_kind;

/* Groups are numbered in the order of their first row. All arrays are owned. */
typedef struct evtwin__groups {
    evtwin__group_kind kind;
    evtwin__dict names; /* of a restarting counter "000001", "000002", … */
    int32_t *of_row;    /* (rows); -1 where the row has no group */
    size_t *order; /* (n_ordered) rows that have a group, by group, then time, then place in the
                      table */
    size_t n_ordered;
    size_t time_col;    /* EVTWIN_NO_COLUMN if there is none */
    size_t counter_col; /* the restarting counter, else EVTWIN_NO_COLUMN */
} evtwin__groups;

/* group and group_by_reset are options of evtwin_train. EVTWIN_E_ARG if both are given,
 * EVTWIN_E_SCHEMA naming a column that is absent or, for a counter, not numeric. */
evtwin_status evtwin__groups_find(const evtwin_table *table, const char *group,
                                  const char *group_by_reset, evtwin__groups *out);

void evtwin__groups_clear(evtwin__groups *groups);

/* order[k] = the k-th row by (group_of_row, time_us, row), of the rows whose group is >= 0; their
 * number in *n_out. time_us (rows) may be NULL. */
evtwin_status evtwin__group_order(const int32_t *group_of_row, const int64_t *time_us, size_t rows,
                                  size_t *order, size_t *n_out);

#endif
