/* SPDX-License-Identifier: MIT */
/* tools/track_list.h: parameters, tags or metrics on their way to a run. */
#ifndef EVTWIN_TOOLS_TRACK_LIST_H
#define EVTWIN_TOOLS_TRACK_LIST_H

#include "evtwin/evtwin.h"

/* All zero is an empty one. Columns of n entries each; strings are owned. */
typedef struct track_list {
    char **key, **text;
    double *value;
    int64_t *step;
    size_t n, capacity;
    int is_failed; /* memory ran out: nothing of it is logged */
} track_list;

/* A key is taken as MLflow takes one: other characters become '_'. */
void track_text(track_list *list, const char *key, const char *text);
/* What is not a finite number is left out. */
void track_number(track_list *list, const char *key, double value, int64_t step);

/* Log what is in the list, then clear it. */
evtwin_status track_log_params(track_list *list, evtwin_run *run);
evtwin_status track_log_tags(track_list *list, evtwin_run *run);
evtwin_status track_log_metrics(track_list *list, evtwin_run *run, const char *model_id);

void track_clear(track_list *list);

#endif
