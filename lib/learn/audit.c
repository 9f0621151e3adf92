/* SPDX-License-Identifier: MIT */
/* learn/audit.c: the audit of a data set before it is learned from: its parts in their order. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"

/* ---- its parts, in the order of their findings ---- */

static evtwin_status run(evtwin__audit *a) {
    EVTWIN_TRY(evtwin__audit_labels(a));
    EVTWIN_TRY(evtwin__audit_counter(a));
    EVTWIN_TRY(evtwin__audit_inputs(a));
    EVTWIN_TRY(evtwin__audit_rule(a));
    EVTWIN_TRY(evtwin__audit_formula(a));
    EVTWIN_TRY(evtwin__audit_series(a));
    if (!a->is_mixed && !a->is_misordered) { /* there is no earlier and later */
        EVTWIN_TRY(evtwin__audit_ahead(a));
        EVTWIN_TRY(evtwin__audit_window(a));
    }
    EVTWIN_TRY(evtwin__audit_identity(a));
    EVTWIN_TRY(evtwin__audit_twins(a));
    EVTWIN_TRY(evtwin__audit_bias(a));
    EVTWIN_TRY(evtwin__audit_sensors(a));
    return evtwin__audit_plausible(a);
}

evtwin_status evtwin__audit_data(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__audit a = {.trainer = trainer, .data = data};
    evtwin_status st = evtwin__audit_rows(&a);
    if (st >= 0) {
        st = run(&a);
    }
    evtwin__free(a.start);
    return st;
}
