/* SPDX-License-Identifier: MIT */
/* sim/cell.h: what a cell parameter set holds, ready for the kernel. */
#ifndef EVTWIN_SIM_CELL_H
#define EVTWIN_SIM_CELL_H

#include "evtwin/cell.h"

#include "sim/ageing.h"
#include "sim/ocv.h"
#include "sim/thermal.h"

enum { EVTWIN__PARAM_INTERVALS = 100, EVTWIN__PARAM_WIDTH = 8 };

/* Columns of the parameter table; a row is one cache line. */
enum {
    EVTWIN__PARAM_R0 = 0,
    EVTWIN__PARAM_R1 = 1,
    EVTWIN__PARAM_R2 = 2,
    EVTWIN__PARAM_TAU1 = 3,
    EVTWIN__PARAM_TAU2 = 4,
    EVTWIN__PARAM_ENTROPIC = 5
};

/* No pointers: a copy is an assignment. */
struct evtwin_cell {
    char name[64], chemistry[64], description[256];
    double capacity_Ah, v_min_V, v_max_V;
    evtwin__ocv ocv;
    _Alignas(64) double param[EVTWIN__PARAM_INTERVALS + 1][EVTWIN__PARAM_WIDTH];
    double r0_activation_K, rc_activation_K; /* E / R of exp(E / R (1 / T - 1 / Tref)) */
    double reference_K;
    evtwin__thermal thermal;
    evtwin__ageing_law ageing;
    double spread_scale; /* of the fleet's spread: 0 makes every pack the nominal one */
};

/* Parse a parameter file (docs/cells.md) given as text; name is what errors call it. *out is
 * untouched on failure. */
evtwin_status evtwin__cell_parse(const char *name, const char *text, size_t size, evtwin_cell *out);

/* The caller's set, or the default one where given is NULL. *out is untouched on failure. */
evtwin_status evtwin__cell_copy(const evtwin_cell *given, evtwin_cell *out);

/* Linear interpolation in one column of the table; soc is clamped to [0, 1]. */
double evtwin__cell_param(const evtwin_cell *cell, int column, double soc_frac);

/* exp(E / R (1 / T - 1 / Tref)). */
double evtwin__cell_arrhenius(const evtwin_cell *cell, double activation_K,
                              double temperature_degC);

/* The voltage drop per ampere 10 s after a step of current at soc 50 %, 25 degC: what "resistance"
 * means in labels. r0_ratio is R0 now / as built. */
double evtwin__cell_r10_ohm(const evtwin_cell *cell, double r0_ratio);

/* Growth of R0 also ages R1 and R2, by half of it (an assumption: facts are scarce). */
static inline double evtwin__rc_ratio(double r0_ratio) {
    return 1.0 + 0.5 * (r0_ratio - 1.0);
}

#endif
