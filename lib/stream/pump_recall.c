/* SPDX-License-Identifier: MIT */
/* stream/pump_recall.c: the pasts of batteries, from the sink that keeps them. They are read as the
 * batteries appear, those of a batch with one question: a store may know a million. */

#include "stream/pump_recall.h"

#include "stream/scheme.h"

/* The first that keeps states; NULL if none does. */
static evtwin__outlet *find_keeper(const evtwin_pump *p) {
    for (size_t i = 0; i < p->n_outlets; i++) {
        if (evtwin__sink_keeps_states(p->outlets[i].sink)) {
            return &p->outlets[i];
        }
    }
    return NULL;
}

static evtwin_status recall(evtwin_pump *p, evtwin__outlet *keeper, int is_last) {
    evtwin_table *batteries = NULL, *states = NULL;
    evtwin_status st = evtwin_session_unknown(p->session, p->batch, &batteries);
    if (st == EVTWIN_OK &&
        (st = evtwin__outlet_states(&p->setup, keeper, batteries, is_last, &states)) >= 0) {
        st = evtwin_session_recall(p->session, batteries, states);
    }
    evtwin_table_free(states);
    evtwin_table_free(batteries);
    return st;
}

evtwin_status evtwin__pump_recall(evtwin_pump *p, int is_last) {
    evtwin__outlet *keeper =
        p->setup.options.recalls_states && p->session != NULL ? find_keeper(p) : NULL;
    const evtwin_status st = keeper != NULL ? recall(p, keeper, is_last) : EVTWIN_OK;
    return st < 0 ? st : EVTWIN_OK;
}
