/* SPDX-License-Identifier: MIT */
/* learn/session.h: rows with a value that cannot be: what a session found of them. */
#ifndef EVTWIN_LEARN_SESSION_H
#define EVTWIN_LEARN_SESSION_H

#include "evtwin/session.h"

/* Rows of a table of which a feature is outside its range in the schema, or infinite. */
typedef struct evtwin__impossible {
    size_t n_rows;
    size_t first_row; /* of them, if there are any */
} evtwin__impossible;

/* evtwin_predictor_apply where such rows get a note instead of a prediction and keep no other from
 * theirs. */
evtwin_status evtwin__predictor_apply_each(const evtwin_predictor *predictor, evtwin_table *table,
                                           evtwin__impossible *found);

/* Those of the table that evtwin_session_apply predicted last. */
evtwin__impossible evtwin__session_impossible(const evtwin_session *session);

#endif
