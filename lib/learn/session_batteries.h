/* SPDX-License-Identifier: MIT */
/* learn/session_batteries.h: a session's batteries, each with what is known of it. */
#ifndef EVTWIN_LEARN_SESSION_BATTERIES_H
#define EVTWIN_LEARN_SESSION_BATTERIES_H

#include "core/dict.h"
#include "core/schema.h"
#include "learn/past.h"
#include "learn/session.h"
#include "learn/watch.h"

#include <stdint.h>

/* What is known of a battery, beside its past. */
typedef struct evtwin__battery_state {
    int64_t time_us, seq;         /* of the newest row */
    int64_t n_rows;               /* rows that moved the state */
    double last[EVTWIN__T_COUNT]; /* last prediction of a target; NaN if there was none */
} evtwin__battery_state;

/* A battery by its number, which is the code of its id + 1; number 0 joins the two ends of the list
 * of those that are known. */
typedef struct evtwin__session_battery {
    size_t older, newer;             /* by when they were committed last */
    int is_known, is_moved;          /* which of the two states there are */
    uint64_t known_in, listed_in;    /* of round and listing of the session; 0 = none */
    evtwin__battery_state now, next; /* committed, pending */
    double *past, *next_past;        /* the same of its past, owned; NULL = none */
    char *next_reasons;              /* JSON, owned; NULL = none */
} evtwin__session_battery;

struct evtwin_session {
    const evtwin_predictor *predictor;
    const evtwin__past *past; /* NULL = the models see none */
    /* of the predictor; models are the same if both are */
    char version[EVTWIN_MODEL_VERSION_SIZE]; /* a copy: the predictor's may be renamed */
    const char *bundle;
    size_t max_batteries, n_known;
    size_t n_reasons; /* of each battery's newest row; 0 = none */
    int explains_each;
    evtwin__dict ids;
    evtwin__session_battery *battery; /* (capacity) */
    size_t *moved; /* (n_moved of capacity) numbers in the order of their first move */
    size_t capacity, n_moved;
    evtwin__watch *watch; /* of the features */
    int has_logged, has_logged_recall;
    uint64_t round, listing; /* from the first; how often doubted, and evtwin_session_unknown */
    evtwin__impossible impossible; /* of the last table */
};

/* ---- batteries ---- */

const char *evtwin__session_id(const evtwin_session *session, size_t number);

/* Room for the batteries up to that number. */
evtwin_status evtwin__session_reserve(evtwin_session *session, size_t number);

/* The number of the battery of that id, which has no state if it is new. */
evtwin_status evtwin__session_find(evtwin_session *session, const char *id, size_t *number_out);

/* It is the one seen last from here on. */
void evtwin__session_mark_seen(evtwin_session *session, size_t number);

/* Drop the least recently seen beyond the limit. */
void evtwin__session_forget_oldest(evtwin_session *session);

/* Leave out the ids that have no state any more where they are many; not while a state is pending.
 */
evtwin_status evtwin__session_tidy(evtwin_session *session);

/* evtwin_session_restore without its line in the log; also the number of states that were ignored.
 */
evtwin_status evtwin__session_take_states(evtwin_session *session, const evtwin_table *states,
                                          size_t *n_ignored_out);

/* Say once that states are ignored, so many of so many. */
void evtwin__session_log_ignored(const evtwin_session *session, size_t n_ignored, size_t n);

/* Free all that the session has but its watch. */
void evtwin__session_clear(evtwin_session *session);

/* ---- a row that may move a state ---- */

typedef struct evtwin__step {
    int64_t time_us, seq;
    size_t row;
    size_t battery; /* its number */
    int32_t code;   /* of its id in the table */
} evtwin__step;

/* Write the reasons that the session's options ask for. steps (n, by battery and time) of a table
 * that was predicted from x (rows, features), NULL = own values, and has moved no state yet. */
evtwin_status evtwin__session_reasons(evtwin_session *session, evtwin_table *table,
                                      const evtwin__step *steps, size_t n, const double *x);

/* By battery, then time, seq and row: for qsort. */
int evtwin__compare_steps(const void *a, const void *b);

#endif
