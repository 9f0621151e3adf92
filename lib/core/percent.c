/* SPDX-License-Identifier: MIT */
/* core/percent.c: a column in percent that lies wholly within 0 to 1, or a little beyond, is a
 * fraction, or a fleet that is all but empty. */

#include "core/percent.h"

#include "core/schema.h"
#include "core/status.h"

#include <math.h>

void evtwin__percent_add(evtwin__percent *seen, const double *value, size_t rows) {
    for (size_t row = 0; value != NULL && row < rows && !seen->is_certain; row++) {
        if (!isnan(value[row])) {
            seen->is_certain = !(value[row] >= 0.0 && value[row] <= EVTWIN__FRACTION_MAX);
            seen->n++;
            seen->max = fmax(seen->max, value[row]);
        }
    }
}

evtwin_status evtwin__percent_check(const evtwin__percent *seen, const char *source,
                                    const char *header, const char *quantity) {
    if (seen->is_certain || seen->max == 0.0) {
        return EVTWIN_OK; /* 0 is the same in either unit */
    }
    const char *const form = "%s: column '%.100s' has %zu values, all within 0 to %g, and is in "
                             "percent: state its unit with option units: %s=fraction, or "
                             "%s=percent if that is right";
    if (seen->n < EVTWIN__FRACTION_VALUES) {
        evtwin__log(EVTWIN_LOG_WARNING, form, source, header, seen->n, fmax(seen->max, 1.0),
                    quantity, quantity);
        return EVTWIN_OK;
    }
    return evtwin__fail(EVTWIN_E_RANGE, form, source, header, seen->n, fmax(seen->max, 1.0),
                        quantity, quantity);
}
