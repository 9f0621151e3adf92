/* SPDX-License-Identifier: MIT */
/* tools/train_run.c: the beginning and the end of a run of MLflow. */

#include "cli/cli.h"
#include "train_session.h"

evtwin_status session_start_run(const train_session *s, const evtwin_run *parent,
                                const char *experiment, const char *name, track_list *tags,
                                evtwin_run **out) {
    evtwin_run_options o;
    evtwin_run_options_init(&o, sizeof o);
    o.name = name;
    o.parent_run_id = parent != NULL ? evtwin_run_id(parent) : NULL;
    o.start_time_us = s->what->start_us;
    o.tag_keys = (const char *const *)tags->key;
    o.tag_values = (const char *const *)tags->text;
    o.n_tags = tags->n;
    const evtwin_status st =
        tags->is_failed ? EVTWIN_E_NOMEM : evtwin_run_start(s->tracker, experiment, &o, out);
    track_clear(tags);
    return st;
}

static evtwin_run_status status_of(evtwin_status st) {
    return st >= 0                    ? EVTWIN_RUN_FINISHED
           : st == EVTWIN_E_CANCELLED ? EVTWIN_RUN_KILLED
                                      : EVTWIN_RUN_FAILED;
}

evtwin_status session_keep_error(train_session *s, evtwin_status st) {
    if (st < 0 && s->error[0] == '\0') {
        snprintf(s->error, sizeof s->error, "%s", evtwin_last_error());
    }
    return st;
}

evtwin_status session_end_run(train_session *s, evtwin_run *run, evtwin_status st) {
    session_keep_error(s, st);
    s->is_ending = st < 0;
    evtwin_status ended = session_keep_error(s, evtwin_run_end(run, status_of(st)));
    if (st >= 0 && ended == EVTWIN_E_CANCELLED) { /* the user wants to stop just now */
        s->is_ending = 1;
        st = ended;
        ended = evtwin_run_end(run, EVTWIN_RUN_KILLED);
    }
    s->is_ending = 0;
    evtwin_run_free(run);
    if (st < 0 && ended < 0) {
        cli_warning("MLflow: a run stays open on the server: %s", evtwin_last_error());
    }
    return st < 0 ? st : ended;
}
