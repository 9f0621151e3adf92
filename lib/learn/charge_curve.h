/* SPDX-License-Identifier: MIT */
/* learn/charge_curve.h: one charge after another: how much went in, at which voltages. */
#ifndef EVTWIN_LEARN_CHARGE_CURVE_H
#define EVTWIN_LEARN_CHARGE_CURVE_H

#include <stddef.h>

enum { EVTWIN__CHARGE_BINS = 64 };

/* All doubles, so that it is kept, written and read with what is around it. */
typedef struct evtwin__charge_curve {
    double lasts_s, charge_As;             /* of the charge that goes on; 0 s = there is none */
    double temperature_s, temperature_K_s; /* seconds with a temperature; its integral, degC s */
    double first_soc, newest_soc;          /* percent; NaN = not measured */
    double most_A;                         /* the charging current, > 0 */
    double first_V, low_V, high_V;         /* where bins begin; what they were filled between */
    double bin_As[EVTWIN__CHARGE_BINS];
    double rest_s, rest_V; /* since the last charge ended, from which voltage; NaN = no rest */
} evtwin__charge_curve;

/* What lies between two rows. */
typedef struct evtwin__charge_step {
    double dt_s;
    double from_V, to_V, from_A, to_A; /* A > 0 discharges */
    double from_degC, to_degC, from_soc, to_soc;
    int is_charging; /* at both rows */
} evtwin__charge_step;

/* What a charge or a rest was, NaN where it was too little for that. */
typedef struct evtwin__charge_facts {
    double capacity_Ah, temperature_degC, peak_V, peak_Ah_per_V, area_Ah, relaxation_V;
} evtwin__charge_facts;

void evtwin__charge_clear(evtwin__charge_curve *c);
/* The next step; what became known at its end. */
void evtwin__charge_push(evtwin__charge_curve *c, const evtwin__charge_step *step,
                         evtwin__charge_facts *out);
/* The thread of rows is broken: what became known of the charge before. No rest follows. */
void evtwin__charge_break(evtwin__charge_curve *c, evtwin__charge_facts *out);

#endif
