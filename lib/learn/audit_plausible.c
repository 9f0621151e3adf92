/* SPDX-License-Identifier: MIT */
/* learn/audit_plausible.c: values that no battery has in the unit of their column. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/finding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What was presumed about telemetry columns: a unit that the header does not state, a sign. */
static evtwin_status find_presumed(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t i = 0; i < data->cols; i++) {
        const evtwin__bundle_feature *f = &trainer->bundle.feature[i];
        if (evtwin__unit_is_presumed(f->column, f->column_unit)) {
            EVTWIN_TRY(FIND(trainer, UNIT_PRESUMED, NULL, TEXT(f->column), TEXT(f->column_unit)));
        }
        if (evtwin__is_like_fraction(f->unit, data->rows, f->min, f->max)) {
            EVTWIN_TRY(FIND(trainer, LIKE_FRACTION, NULL, TEXT(f->column), TEXT(f->name)));
        }
        if (strcmp(f->name, evtwin__schema[EVTWIN__Q_CURRENT].name) == 0 && f->max < 0.0) {
            EVTWIN_TRY(FIND(trainer, SIGN_AS_IS, NULL, TEXT(f->column)));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__audit_plausible(const evtwin__audit *a) {
    return find_presumed(a->trainer, a->data);
}
