/* SPDX-License-Identifier: MIT */
/* core/naming.c: values as other namings write and read them. */

#include "core/naming.h"

#include "core/num.h"

#include <assert.h>

int evtwin__binding_direction(const evtwin__binding *binding, size_t row) {
    evtwin__value current, is_charging;
    if (evtwin__binding_get(binding, EVTWIN__Q_CURRENT, row, &current) < 0 ||
        evtwin__binding_get(binding, EVTWIN__Q_IS_CHARGING, row, &is_charging) < 0) {
        return 0;
    }
    if (current.is_present && current.f64 != 0.0) {
        return current.f64 > 0.0 ? 1 : -1;
    }
    if (is_charging.is_present) {
        return is_charging.i64 != 0 ? -1 : 1;
    }
    return current.is_present ? 1 : 0; /* nothing flows: no power that charges */
}

/* ours = factor * theirs */
static double factor_of(size_t q, const evtwin__alias *alias, evtwin__meaning *meaning) {
    const char *ours = evtwin__schema[q].unit;
    *meaning = (evtwin__meaning){q, alias->unit != NULL ? alias->unit : ours, alias->is_flipped,
                                 alias->is_stand_in};
    return evtwin__meaning_factor(meaning, evtwin__unit_find(meaning->unit, ours));
}

int evtwin__value_to_naming(size_t q, const evtwin__alias *alias, int direction, evtwin__value *v) {
    evtwin__meaning meaning;
    const double factor = factor_of(q, alias, &meaning);
    assert(evtwin__schema[q].type == EVTWIN_F64 || factor == 1.0);
    if (!v->is_present || evtwin__schema[q].type != EVTWIN_F64) {
        return 1;
    }
    double theirs = evtwin__scale(v->f64, 1.0 / factor);
    if (evtwin__meaning_is_absolute(&meaning)) {
        if (direction == 0 && v->f64 != 0.0) {
            return 0;
        }
        theirs *= direction;
    }
    v->f64 = theirs + 0.0; /* no negative zero */
    return 1;
}

double evtwin__number_from_naming(size_t q, const evtwin__alias *alias, double v) {
    evtwin__meaning meaning;
    const double ours = evtwin__scale(v, factor_of(q, alias, &meaning));
    return (evtwin__meaning_is_absolute(&meaning) ? fabs(ours) : ours) + 0.0;
}

int evtwin__alias_is_seconds(const evtwin__alias *alias) {
    return evtwin__header_time_format(alias->name) != NULL;
}
