/* SPDX-License-Identifier: MIT */
/* sim/cell.h: what a cell parameter set holds, ready for the kernel: open-circuit voltage, circuit,
 * heat, the law of its ageing. */
#ifndef EVTWIN_SIM_CELL_H
#define EVTWIN_SIM_CELL_H

#include "evtwin/cell.h"

#define EVTWIN__GAS_CONSTANT_J_mol_K 8.314462618
#define EVTWIN__ZERO_CELSIUS_K 273.15
#define EVTWIN__SECONDS_PER_DAY 86400.0

/* ---- open-circuit voltage over state of charge: sampled once, then read from a cubic table ----
 */

enum { EVTWIN__OCV_INTERVALS = 256, EVTWIN__OCV_TERMS = 8 };

/* U(soc) on a uniform grid: in interval k, with f in [0, 1], U = c[0] + f (c[1] + f (c[2] + f
 * c[3])). Value and slope are continuous. 8 KiB, so it stays in the first-level cache. */
typedef struct evtwin__ocv {
    _Alignas(64) double coefficient[EVTWIN__OCV_INTERVALS][4];
} evtwin__ocv;

typedef struct evtwin__ocv_terms {
    size_t n;
    double abc[EVTWIN__OCV_TERMS][3];
} evtwin__ocv_terms;

/* One electrode against lithium over stoichiometry s:
 * U = constant + slope s + sum a exp(b (s - c)) + sum a tanh(b (s - c)). */
typedef struct evtwin__half_cell {
    double constant_V, slope_V;
    evtwin__ocv_terms exp, tanh;
} evtwin__half_cell;

/* The two electrodes and their stoichiometries at soc 0 (empty) and 1 (full). */
typedef struct evtwin__half_cells {
    evtwin__half_cell negative, positive;
    double negative_empty, negative_full, positive_empty, positive_full;
} evtwin__half_cells;

void evtwin__ocv_from_half_cells(const evtwin__half_cells *cells, evtwin__ocv *out);

/* From points (n >= 2, soc rising from 0 to 1): a cubic as monotone as they are, slopes by the
 * harmonic mean. Source: Fritsch & Butland 1984, doi:10.1137/0905021 */
void evtwin__ocv_from_points(const double *soc_frac, const double *ocv_V, size_t n,
                             evtwin__ocv *out);

/* First grid interval on which U does not rise, EVTWIN__OCV_INTERVALS if it rises everywhere. */
size_t evtwin__ocv_first_fall(const evtwin__ocv *ocv);

/* Voltage at a soc, clamped to [0, 1]. */
double evtwin__ocv_at(const evtwin__ocv *ocv, double soc_frac);

/* ---- heat: the cell alone in air or at a thermal boundary: a second heat capacity around it (a
 * test fixture, a module) that stands in the air ---- */

/*
 * C dTc/dt = heat - k (Tc - Tb),   Cb dTb/dt = k (Tc - Tb) - kb (Tb - Tair).
 * boundary_capacity_J_K 0 means that there is none: Tb is the air, k leads from the cell to it.
 */
typedef struct evtwin__thermal {
    double capacity_J_K, to_boundary_W_K;
    double boundary_capacity_J_K, boundary_to_air_W_K;
} evtwin__thermal;

/* ---- calendar and cycle ageing by published semi-empirical laws, in a form whose result does not
 * depend on how time is cut into steps ---- */

typedef enum evtwin__ageing_kind {
    EVTWIN__AGEING_NONE = 0,
    EVTWIN__AGEING_SCHMALSTIEG =
        1, /* NMC: Schmalstieg et al. 2014, doi:10.1016/j.jpowsour.2014.02.012 */
    EVTWIN__AGEING_NAUMANN = 2 /* LFP: Naumann et al. 2018 and 2020 */
} evtwin__ageing_kind;

enum { EVTWIN__AGEING_CONSTANTS = 17 };

/* A law and its constants, in the order of its keys. */
typedef struct evtwin__ageing_law {
    evtwin__ageing_kind kind;
    double constant[EVTWIN__AGEING_CONSTANTS];
} evtwin__ageing_law;

/* A constant of a law: its key in the parameter file and its domain. */
typedef struct evtwin__ageing_key {
    const char *key;
    double min, max;
} evtwin__ageing_key;

/* The law of a name in parameter files and its keys, EVTWIN__AGEING_CONSTANTS of them or fewer,
 * ended by key NULL; NULL if there is no such law. */
const evtwin__ageing_key *evtwin__ageing_find(const char *name, evtwin__ageing_kind *kind_out);

/* What wears a cell over some time. Voltages are open-circuit ones. */
typedef struct evtwin__stress {
    double duration_days;
    double temperature_degC; /* mean */
    double rest_soc_frac;    /* mean state of charge */
    double rest_V;           /* open-circuit voltage there */
    double rms_V;            /* root mean square over the swing */
    double depth_frac;       /* of the discharge in progress */
    double rate_per_h;       /* mean C-rate while discharging */
    double cycles;           /* discharge throughput / as-built capacity */
} evtwin__stress;

/*
 * Losses so far. A loss that grows as k t^p keeps x = (loss)^(1/p) = sum of k^(1/p) dt, so that
 * equal stresses over 24 steps of an hour or one of a day give the same sum: the step-invariant
 * form loss' = k ((loss/k)^(1/p) + dt)^p without its division by k.
 */
typedef struct evtwin__ageing {
    double calendar_x, cycle_x;     /* capacity */
    double calendar_r_x, cycle_r_x; /* resistance */
} evtwin__ageing;

/* Apply a stress; capacity_rate and resistance_rate scale the growth of this pack's losses. */
void evtwin__ageing_apply(const evtwin__ageing_law *law, const evtwin__stress *stress,
                          double capacity_rate, double resistance_rate, evtwin__ageing *a);

/* Fraction of the as-built capacity that is lost, in [0, 0.95]. */
double evtwin__ageing_capacity_loss(const evtwin__ageing_law *law, const evtwin__ageing *a);

/* Growth of the resistance as a fraction of the as-built one. */
double evtwin__ageing_resistance_growth(const evtwin__ageing_law *law, const evtwin__ageing *a);

/* Make the loss or the growth so great: its calendar and cycle parts keep their proportion; what
 * has not begun to age gets all of it by cycles. */
void evtwin__ageing_set_capacity_loss(const evtwin__ageing_law *law, double loss,
                                      evtwin__ageing *ageing);
void evtwin__ageing_set_resistance_growth(const evtwin__ageing_law *law, double growth,
                                          evtwin__ageing *ageing);

/* ---- the set ---- */

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

static inline double evtwin__clamp(double x, double low, double high) {
    return x < low ? low : (x > high ? high : x);
}

/* The interval of a uniform grid of n over [0, 1] in which soc lies (clamped), and how far in it.
 * The same operations as the kernel's, one soc at a time. */
static inline int evtwin__grid_at(double soc_frac, int n, double *f_out) {
    double x = soc_frac * (double)n;
    x = x > 0.0 ? x : 0.0;
    x = x < (double)n ? x : (double)n;
    const int k = (int)x < n ? (int)x : n - 1;
    *f_out = x - k;
    return k;
}

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
