/* SPDX-License-Identifier: MIT */
/* learn/derive.c: throughput, exposure to temperature and resistance from successive rows; charges
 * are charge_curve.c's. */

#include "learn/derive.h"

#include "core/vmath.h"
#include "learn/charge_curve.h"

#include <math.h>
#include <string.h>

const evtwin__derived_info evtwin__derived_list[EVTWIN__D_COUNT] = {
#define D(id, name, unit, formula, missing, source) {name, unit, formula, missing, source},
#include "learn/derive.def"
#undef D
};

/* The numbers of derive.def. */
static const double MAX_GAP_S = 120.0, DAY_S = 86400.0;
static const double HOT_degC = 35.0, COLD_degC = 10.0;
static const double ARRHENIUS_K = 6976.0, REFERENCE_K = 298.15, ZERO_degC_K = 273.15;
enum { N_STEPS = 9, MIN_STEPS = 3, MIN_ROWS = 10, RMS_ROWS = 3600 };

/* A step of current is read at its end: after how long is what a resistance is. */
enum { BRIEF, LONG, N_SPANS };
static const double longest_s[N_SPANS] = {10.0, 60.0};

typedef struct moment {
    double time_us, sim_time_s; /* NaN: not known */
} moment;

/* It is doubles alone, so that it is copied, written and read as one array. */
typedef struct thermal {
    moment at; /* of the newest row that has one */
    double temperature;
    double lasts_s, hot_s, cold_s, rate_s; /* of the day that fills up */
} thermal;

typedef struct electric {
    moment at;
    double soc, voltage, current, temperature, is_charging;
    double lasts_s, discharge_As, discharge_Ws; /* of the day that fills up */
    double n_rows, mean_square_A2;
    double newest_capacity_Ah; /* NaN = none known */
} electric;

typedef struct steps {
    double resistance_mohm[N_STEPS]; /* step i is at i % N_STEPS */
    double n;
} steps;

typedef struct kept_rows {
    thermal thermal;
    electric electric;
    steps steps[N_SPANS];
    evtwin__charge_curve charge;
} kept_rows;

evtwin__derived evtwin__derived_find(const char *name) {
    int i = 0;
    while (i < (int)EVTWIN__D_COUNT && strcmp(evtwin__derived_list[i].name, name) != 0) {
        i++;
    }
    return (evtwin__derived)i;
}

int evtwin__derived_is_listed(evtwin__derived d, const char *names) {
    const char *name = evtwin__derived_list[d].name;
    const size_t n_all = strlen(EVTWIN__DERIVE_ALL);
    for (const char *at = names;; at++) {
        const size_t n = strcspn(at, ",");
        if ((n == strlen(name) && strncmp(at, name, n) == 0) ||
            (n == n_all && strncmp(at, EVTWIN__DERIVE_ALL, n) == 0)) {
            return 1;
        }
        at += n;
        if (*at == '\0') {
            return 0;
        }
    }
}

/* ---- what is kept ---- */

size_t evtwin__derive_size(void) {
    return sizeof(kept_rows) / sizeof(double);
}

void evtwin__derive_clear(double *kept) {
    kept_rows *k = (kept_rows *)(void *)kept;
    *k = (kept_rows){.thermal = {.at = {NAN, NAN}}, .electric = {.at = {NAN, NAN}}};
    k->electric.newest_capacity_Ah = NAN;
    evtwin__charge_clear(&k->charge);
}

/* Seconds from one row to another; NaN if no clock is known at both. */
static double seconds_between(const moment *from, const moment *to) {
    const double physics_s = to->sim_time_s - from->sim_time_s;
    return !isnan(physics_s) ? physics_s : 1e-6 * (to->time_us - from->time_us);
}

static int is_interval(double dt_s) {
    return dt_s > 0.0 && dt_s <= MAX_GAP_S;
}

/* ---- temperature ---- */

static void end_thermal_day(thermal *t, double *out) {
    if (t->lasts_s >= DAY_S) {
        out[EVTWIN__D_HOT_SHARE] = t->hot_s / t->lasts_s;
        out[EVTWIN__D_COLD_SHARE] = t->cold_s / t->lasts_s;
        out[EVTWIN__D_ARRHENIUS_RATE] = t->rate_s / t->lasts_s;
        t->lasts_s = t->hot_s = t->cold_s = t->rate_s = 0.0;
    }
}

static void push_thermal(thermal *t, const moment *now, double temperature, double *out) {
    if (isnan(temperature)) {
        return;
    }
    const double dt_s = seconds_between(&t->at, now);
    if (is_interval(dt_s)) {
        const double mean = 0.5 * (t->temperature + temperature);
        t->lasts_s += dt_s;
        t->hot_s += mean > HOT_degC ? dt_s : 0.0;
        t->cold_s += mean < COLD_degC ? dt_s : 0.0;
        t->rate_s +=
            dt_s * evtwin__exp(ARRHENIUS_K * (1.0 / REFERENCE_K - 1.0 / (mean + ZERO_degC_K)));
        end_thermal_day(t, out);
    }
    if (dt_s != 0.0) {
        t->at = *now;
        t->temperature = temperature;
    }
}

/* ---- steps of current ---- */

static double median(const double *value, size_t n) {
    double v[N_STEPS];
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && v[k - 1] > value[i]; k--) {
            v[k] = v[k - 1];
        }
        v[k] = value[i];
    }
    return n % 2 != 0 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static void push_step(steps *s, double resistance_mohm, double *out) {
    s->n = s->n >= 0.0 && s->n < 1e15 ? s->n : 0.0; /* restored from what never was a state */
    s->resistance_mohm[(size_t)s->n % N_STEPS] = resistance_mohm;
    s->n += 1.0;
    const size_t n = s->n < (double)N_STEPS ? (size_t)s->n : N_STEPS;
    if (n >= MIN_STEPS) {
        *out = median(s->resistance_mohm, n);
    }
}

static void find_step(kept_rows *k, const electric *now, double dt_s, double *out) {
    static const evtwin__derived resistance[N_SPANS] = {EVTWIN__D_STEP_RESISTANCE_MOHM,
                                                        EVTWIN__D_MINUTE_RESISTANCE_MOHM};
    const electric *before = &k->electric;
    const double rise_A = now->current - before->current;
    const double resistance_mohm = -1e3 * (now->voltage - before->voltage) / rise_A;
    const int is_large =
        before->n_rows >= MIN_ROWS && rise_A * rise_A >= before->mean_square_A2 && rise_A != 0.0;
    if (is_large && dt_s <= longest_s[LONG] && resistance_mohm > 0.0) {
        const int span = dt_s <= longest_s[BRIEF] ? BRIEF : LONG;
        push_step(&k->steps[span], resistance_mohm, &out[resistance[span]]);
        out[EVTWIN__D_STEP_TEMPERATURE] = 0.5 * (before->temperature + now->temperature);
    }
}

/* ---- throughput ---- */

static double positive(double x) {
    return x > 0.0 ? x : 0.0;
}

static void end_electric_day(electric *e, double *out) {
    if (e->lasts_s >= DAY_S) {
        const double per_day = DAY_S / e->lasts_s;
        out[EVTWIN__D_DISCHARGE_AH_PER_DAY] = per_day * e->discharge_As / 3600.0;
        out[EVTWIN__D_DISCHARGE_KWH_PER_DAY] = per_day * e->discharge_Ws / 3.6e6;
        out[EVTWIN__D_EFC_PER_DAY] = out[EVTWIN__D_DISCHARGE_AH_PER_DAY] / e->newest_capacity_Ah;
        e->lasts_s = e->discharge_As = e->discharge_Ws = 0.0;
    }
}

static void add_throughput(electric *e, const electric *now, double dt_s, double *out) {
    e->lasts_s += dt_s;
    e->discharge_As += 0.5 * dt_s * (positive(e->current) + positive(now->current));
    e->discharge_Ws +=
        0.5 * dt_s * (positive(e->current * e->voltage) + positive(now->current * now->voltage));
    end_electric_day(e, out);
}

/* ---- charges ---- */

/* By the current's sign, unless the row says that it is not. */
static int is_charging(const electric *e) {
    return e->current < 0.0 && e->is_charging != 0.0;
}

static void tell_charge(electric *e, const evtwin__charge_facts *facts, double *out) {
    out[EVTWIN__D_CHARGE_CAPACITY_AH] = facts->capacity_Ah;
    out[EVTWIN__D_CHARGING_TEMPERATURE] = facts->temperature_degC;
    out[EVTWIN__D_DQDV_PEAK_V] = facts->peak_V;
    out[EVTWIN__D_DQDV_PEAK_AH_PER_V] = facts->peak_Ah_per_V;
    out[EVTWIN__D_DQDV_AREA_AH] = facts->area_Ah;
    out[EVTWIN__D_RELAXATION_V] = facts->relaxation_V;
    e->newest_capacity_Ah = isnan(facts->capacity_Ah) ? e->newest_capacity_Ah : facts->capacity_Ah;
}

static void push_charge(kept_rows *k, const electric *now, double dt_s, double *out) {
    electric *before = &k->electric;
    evtwin__charge_facts facts;
    const evtwin__charge_step step = {.dt_s = dt_s,
                                      .from_V = before->voltage,
                                      .to_V = now->voltage,
                                      .from_A = before->current,
                                      .to_A = now->current,
                                      .from_degC = before->temperature,
                                      .to_degC = now->temperature,
                                      .from_soc = before->soc,
                                      .to_soc = now->soc,
                                      .is_charging = is_charging(before) && is_charging(now)};
    if (is_interval(dt_s)) {
        evtwin__charge_push(&k->charge, &step, &facts);
    } else {
        evtwin__charge_break(&k->charge, &facts);
    }
    tell_charge(before, &facts, out);
}

static void push_electric(kept_rows *k, const electric *now, double *out) {
    electric *e = &k->electric;
    if (isnan(now->voltage) || isnan(now->current)) {
        return;
    }
    const double dt_s = seconds_between(&e->at, &now->at);
    if (dt_s == 0.0) {
        return; /* the same row once more */
    }
    push_charge(k, now, dt_s, out);
    if (is_interval(dt_s)) {
        find_step(k, now, dt_s, out);
        add_throughput(e, now, dt_s, out);
    }
    e->n_rows = fmin(e->n_rows + 1.0, (double)RMS_ROWS);
    e->mean_square_A2 += (now->current * now->current - e->mean_square_A2) / e->n_rows;
    e->at = now->at;
    e->soc = now->soc;
    e->voltage = now->voltage;
    e->current = now->current;
    e->temperature = now->temperature;
    e->is_charging = now->is_charging;
}

void evtwin__derive_push(double *kept, const double *in, double *out) {
    kept_rows *k = (kept_rows *)(void *)kept;
    for (size_t i = 0; i < EVTWIN__D_COUNT; i++) {
        out[i] = NAN;
    }
    const electric now = {.at = {in[EVTWIN__I_TIME_US], in[EVTWIN__I_SIM_TIME_S]},
                          .soc = in[EVTWIN__I_SOC],
                          .voltage = in[EVTWIN__I_VOLTAGE],
                          .current = in[EVTWIN__I_CURRENT],
                          .temperature = in[EVTWIN__I_TEMPERATURE],
                          .is_charging = in[EVTWIN__I_IS_CHARGING]};
    push_thermal(&k->thermal, &now.at, now.temperature, out);
    push_electric(k, &now, out);
    out[EVTWIN__D_CELL_SPREAD_V] = in[EVTWIN__I_CELL_MAX] - in[EVTWIN__I_CELL_MIN];
}
