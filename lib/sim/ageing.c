/* SPDX-License-Identifier: MIT */
/* sim/ageing.c: the laws of Schmalstieg (NMC) and Naumann (LFP). */

#include "sim/cell.h"

#include "core/vmath.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define REFERENCE_K 298.15

/* The constants of a law, one row each: index into evtwin__ageing_law.constant, key in the
 * parameter file, domain. Those of a loss stand twice: of capacity, and of resistance (R_). */
#define SCHMALSTIEG_LOSS(X, OF, of)                                                                \
    X(S_##OF##CAL_PER_V, of "calendar_per_V", 0.0, 1e9)                                            \
    X(S_##OF##CAL_OFFSET, of "calendar_offset", -1e9, 1e9)                                         \
    X(S_##OF##CAL_ACTIVATION_K, of "calendar_activation_K", 0.0, 2e4)                              \
    X(S_##OF##CYC_SQUARE, of "cycle_square", 0.0, 1.0)                                             \
    X(S_##OF##CYC_V, of "cycle_V", 0.0, 6.0)                                                       \
    X(S_##OF##CYC_CONSTANT, of "cycle_constant", -1.0, 1.0)                                        \
    X(S_##OF##CYC_DEPTH, of "cycle_depth", 0.0, 1.0)
#define SCHMALSTIEG(X)                                                                             \
    X(S_CALIBRATION, "calibration", 1e-3, 1e3)                                                     \
    X(S_REFERENCE_AH, "reference_capacity_Ah", 1e-3, 1e3)                                          \
    SCHMALSTIEG_LOSS(X, , "") SCHMALSTIEG_LOSS(X, R_, "resistance_")

#define NAUMANN_LOSS(X, OF, of, shape)                                                             \
    X(N_##OF##CAL_RATE, of "calendar_rate", 0.0, 1.0)                                              \
    X(N_##OF##CAL_ACTIVATION, of "calendar_activation_J_mol", 0.0, 2e5)                            \
    X(N_##OF##CAL_SHAPE, of "calendar_" shape, -10.0, 10.0)                                        \
    X(N_##OF##CAL_OFFSET, of "calendar_offset", 0.0, 10.0)                                         \
    X(N_##OF##CYC_C_RATE, of "cycle_c_rate", -1.0, 1.0)                                            \
    X(N_##OF##CYC_CONSTANT, of "cycle_constant", -1.0, 1.0)                                        \
    X(N_##OF##CYC_CUBIC, of "cycle_cubic", -100.0, 100.0)                                          \
    X(N_##OF##CYC_OFFSET, of "cycle_offset", 0.0, 100.0)
#define NAUMANN(X)                                                                                 \
    X(N_CALIBRATION, "calibration", 1e-3, 1e3)                                                     \
    NAUMANN_LOSS(X, , "", "cubic") NAUMANN_LOSS(X, R_, "resistance_", "square")

#define INDEX(index, key, min, max) index,
#define KEY(index, key, min, max) {key, min, max},
enum { SCHMALSTIEG(INDEX) };
enum { NAUMANN(INDEX) N_COUNT };
_Static_assert((int)N_COUNT == (int)EVTWIN__AGEING_CONSTANTS, "the longer of the laws fits");

static const struct {
    const char *name;
    evtwin__ageing_key keys[EVTWIN__AGEING_CONSTANTS + 1]; /* ended by key NULL */
} laws[] = {
    [EVTWIN__AGEING_NONE] = {"none", {{NULL, 0.0, 0.0}}},
    [EVTWIN__AGEING_SCHMALSTIEG] = {"schmalstieg", {SCHMALSTIEG(KEY){NULL, 0.0, 0.0}}},
    [EVTWIN__AGEING_NAUMANN] = {"naumann", {NAUMANN(KEY){NULL, 0.0, 0.0}}},
};

const evtwin__ageing_key *evtwin__ageing_find(const char *name, evtwin__ageing_kind *kind_out) {
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        if (strcmp(laws[i].name, name) == 0) {
            *kind_out = (evtwin__ageing_kind)i;
            return laws[i].keys;
        }
    }
    return NULL;
}

static double positive(double x) {
    return x > 0.0 ? x : 0.0;
}

/* x^(4/3) for x >= 0. */
static double pow_4_3(double x) {
    return x > 0.0 ? evtwin__pow(x, 4.0 / 3.0) : 0.0;
}

/* x^(3/4) for x >= 0. */
static double pow_3_4(double x) {
    return sqrt(x) * sqrt(sqrt(x));
}

/* a = (7.543 V - 23.75) 1e6 exp(-6976 / T), and ar alike. */
static double schmalstieg_calendar(const double *loss, const evtwin__stress *s) {
    return positive(loss[S_CAL_PER_V] * s->rest_V + loss[S_CAL_OFFSET]) *
           evtwin__exp(-loss[S_CAL_ACTIVATION_K] / (s->temperature_degC + EVTWIN__ZERO_CELSIUS_K));
}

/* b = 7.348e-3 (Vrms - 3.667)^2 + 7.6e-4 + 4.081e-3 DoD, and br alike. */
static double schmalstieg_cycle(const double *loss, const evtwin__stress *s) {
    const double dv = s->rms_V - loss[S_CYC_V];
    return positive(loss[S_CYC_SQUARE] * dv * dv + loss[S_CYC_CONSTANT] +
                    loss[S_CYC_DEPTH] * s->depth_frac);
}

/* Q = a t[d]^0.75 + b sqrt(Ah);  R = ar t^0.75 + br Ah, Ah on a cell of the reference capacity.
 * Source: Schmalstieg et al. 2014, doi:10.1016/j.jpowsour.2014.02.012, eqs. 20-27. */
static void apply_schmalstieg(const double *c, const evtwin__stress *s, double capacity_rate,
                              double resistance_rate, evtwin__ageing *a) {
    const double *c_r = c + (S_R_CAL_PER_V - S_CAL_PER_V); /* the same constants, of resistance */
    const double throughput_Ah = s->cycles * c[S_REFERENCE_AH];
    const double k = c[S_CALIBRATION] * capacity_rate;
    const double k_r = c[S_CALIBRATION] * resistance_rate;
    const double k_cal = schmalstieg_calendar(c, s), k_r_cal = schmalstieg_calendar(c_r, s);
    const double k_cyc = schmalstieg_cycle(c, s);
    a->calendar_x += pow_4_3(k * k_cal) * s->duration_days;
    a->cycle_x += k * k_cyc * k * k_cyc * throughput_Ah;
    a->calendar_r_x += pow_4_3(k_r * k_r_cal) * s->duration_days;
    a->cycle_r_x += k_r * schmalstieg_cycle(c_r, s) * throughput_Ah;
}

static double arrhenius(double activation_J_mol, double kelvin) {
    return evtwin__exp(-activation_J_mol / EVTWIN__GAS_CONSTANT_J_mol_K *
                       (1.0 / kelvin - 1.0 / REFERENCE_K));
}

/* Q = kT kz sqrt(t[s]) + (cyc [%]) sqrt(FEC);  R = kT kz t + (cyc [%]) FEC.
 * Source: Naumann et al. 2018 (doi:10.1016/j.est.2018.01.019) and 2020
 * (doi:10.1016/j.jpowsour.2019.227666). */
static void apply_naumann(const double *c, const evtwin__stress *s, double capacity_rate,
                          double resistance_rate, evtwin__ageing *a) {
    const double kelvin = s->temperature_degC + EVTWIN__ZERO_CELSIUS_K;
    const double duration_s = s->duration_days * EVTWIN__SECONDS_PER_DAY;
    const double z = s->rest_soc_frac - 0.5;
    const double d = s->depth_frac - 0.6;
    const double d_r = s->depth_frac - 0.5;

    const double k_cal = c[N_CAL_RATE] * arrhenius(c[N_CAL_ACTIVATION], kelvin) *
                         positive(c[N_CAL_SHAPE] * z * z * z + c[N_CAL_OFFSET]);
    const double k_r_cal = c[N_R_CAL_RATE] * arrhenius(c[N_R_CAL_ACTIVATION], kelvin) *
                           positive(c[N_R_CAL_SHAPE] * z * z + c[N_R_CAL_OFFSET]);
    const double k_cyc = 0.01 * positive(c[N_CYC_C_RATE] * s->rate_per_h + c[N_CYC_CONSTANT]) *
                         positive(c[N_CYC_CUBIC] * d * d * d + c[N_CYC_OFFSET]);
    const double k_r_cyc = 0.01 *
                           positive(c[N_R_CYC_C_RATE] * s->rate_per_h + c[N_R_CYC_CONSTANT]) *
                           positive(c[N_R_CYC_CUBIC] * d_r * d_r * d_r + c[N_R_CYC_OFFSET]);

    const double k = c[N_CALIBRATION] * capacity_rate;
    const double k_r = c[N_CALIBRATION] * resistance_rate;
    a->calendar_x += k * k_cal * k * k_cal * duration_s;
    a->cycle_x += k * k_cyc * k * k_cyc * s->cycles;
    a->calendar_r_x += k_r * k_r_cal * duration_s;
    a->cycle_r_x += k_r * k_r_cyc * s->cycles;
}

void evtwin__ageing_apply(const evtwin__ageing_law *law, const evtwin__stress *stress,
                          double capacity_rate, double resistance_rate, evtwin__ageing *a) {
    assert(stress->duration_days >= 0.0 && stress->cycles >= 0.0);
    switch (law->kind) {
    case EVTWIN__AGEING_SCHMALSTIEG:
        apply_schmalstieg(law->constant, stress, capacity_rate, resistance_rate, a);
        break;
    case EVTWIN__AGEING_NAUMANN:
        apply_naumann(law->constant, stress, capacity_rate, resistance_rate, a);
        break;
    case EVTWIN__AGEING_NONE:
        break;
    }
}

double evtwin__ageing_capacity_loss(const evtwin__ageing_law *law, const evtwin__ageing *a) {
    const double calendar =
        law->kind == EVTWIN__AGEING_SCHMALSTIEG ? pow_3_4(a->calendar_x) : sqrt(a->calendar_x);
    const double loss = calendar + sqrt(a->cycle_x);
    return loss < 0.95 ? loss : 0.95;
}

double evtwin__ageing_resistance_growth(const evtwin__ageing_law *law, const evtwin__ageing *a) {
    const double calendar =
        law->kind == EVTWIN__AGEING_SCHMALSTIEG ? pow_3_4(a->calendar_r_x) : a->calendar_r_x;
    return calendar + a->cycle_r_x;
}

void evtwin__ageing_set_capacity_loss(const evtwin__ageing_law *law, double loss,
                                      evtwin__ageing *a) {
    const double before = evtwin__ageing_capacity_loss(law, a);
    if (law->kind == EVTWIN__AGEING_NONE) {
        return;
    }
    if (before <= 0.0 || loss <= 0.0) {
        a->calendar_x = 0.0;
        a->cycle_x = loss > 0.0 ? loss * loss : 0.0;
        return;
    }
    const double f = loss / before;
    a->calendar_x *= law->kind == EVTWIN__AGEING_SCHMALSTIEG ? pow_4_3(f) : f * f;
    a->cycle_x *= f * f;
}

void evtwin__ageing_set_resistance_growth(const evtwin__ageing_law *law, double growth,
                                          evtwin__ageing *a) {
    const double before = evtwin__ageing_resistance_growth(law, a);
    if (law->kind == EVTWIN__AGEING_NONE) {
        return;
    }
    if (before <= 0.0 || growth <= 0.0) {
        a->calendar_r_x = 0.0;
        a->cycle_r_x = growth > 0.0 ? growth : 0.0;
        return;
    }
    const double f = growth / before;
    a->calendar_r_x *= law->kind == EVTWIN__AGEING_SCHMALSTIEG ? pow_4_3(f) : f;
    a->cycle_r_x *= f;
}
