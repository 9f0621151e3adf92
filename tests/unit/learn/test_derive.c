/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_derive.c: derived quantities against their definitions, rows that are
 * missing, repeated or out of order, and the simulator's truth. */

#include "test.h"

#include "core/schema.h"
#include "evtwin/evtwin.h"
#include "learn/derive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEPT = 512 };

static double kept[MOST_KEPT], out[EVTWIN__D_COUNT];

static void clear(void) {
    assert_true(evtwin__derive_size() <= MOST_KEPT);
    evtwin__derive_clear(kept);
}

/* A row of a battery without a physics clock. */
typedef struct row {
    double s, soc, voltage, current, temperature;
} row;

static void push(row r) {
    const double in[EVTWIN__I_COUNT] = {
        [EVTWIN__I_TIME_US] = 1e6 * r.s, [EVTWIN__I_SIM_TIME_S] = NAN,
        [EVTWIN__I_SOC] = r.soc,         [EVTWIN__I_VOLTAGE] = r.voltage,
        [EVTWIN__I_CURRENT] = r.current, [EVTWIN__I_TEMPERATURE] = r.temperature,
        [EVTWIN__I_IS_CHARGING] = NAN,   [EVTWIN__I_CELL_MAX] = NAN,
        [EVTWIN__I_CELL_MIN] = NAN};
    evtwin__derive_push(kept, in, out);
}

static int n_known(void) {
    int n = 0;
    for (size_t i = 0; i < EVTWIN__D_COUNT; i++) {
        n += !isnan(out[i]);
    }
    return n;
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

/* ---- throughput and temperature ---- */

/* Over a day of uneven rows, with the sums that the definitions ask for. */
static void test_day(void **state) {
    (void)state;
    clear();
    uint32_t seed = 5;
    double lasts_s = 0.0, discharge_As = 0.0, discharge_Ws = 0.0, hot_s = 0.0, cold_s = 0.0;
    double rate_s = 0.0;
    row last = {.s = 0.0, .soc = NAN, .voltage = 350.0, .current = 10.0, .temperature = 20.0};
    push(last);
    while (isnan(out[EVTWIN__D_DISCHARGE_AH_PER_DAY])) {
        assert_int_equal(n_known() - !isnan(out[EVTWIN__D_STEP_RESISTANCE_MOHM]) -
                             !isnan(out[EVTWIN__D_MINUTE_RESISTANCE_MOHM]) -
                             !isnan(out[EVTWIN__D_STEP_TEMPERATURE]),
                         0);
        const row now = {.s = last.s + 1.0 + floor(100.0 * noise(&seed)),
                         .soc = NAN,
                         .voltage = 300.0 + 100.0 * noise(&seed),
                         .current = 150.0 * noise(&seed) - 50.0,
                         .temperature = 60.0 * noise(&seed) - 10.0};
        const double dt_s = now.s - last.s, mean = 0.5 * (now.temperature + last.temperature);
        lasts_s += dt_s;
        discharge_As += 0.5 * dt_s * (fmax(now.current, 0.0) + fmax(last.current, 0.0));
        discharge_Ws +=
            0.5 * dt_s *
            (fmax(now.current * now.voltage, 0.0) + fmax(last.current * last.voltage, 0.0));
        hot_s += mean > 35.0 ? dt_s : 0.0;
        cold_s += mean < 10.0 ? dt_s : 0.0;
        rate_s += dt_s * exp(6976.0 * (1.0 / 298.15 - 1.0 / (mean + 273.15)));
        push(now);
        last = now;
    }
    assert_true(lasts_s >= 86400.0 && lasts_s < 86520.0);
    assert_near(out[EVTWIN__D_DISCHARGE_AH_PER_DAY], discharge_As / lasts_s * 24.0, 1e-9);
    assert_near(out[EVTWIN__D_DISCHARGE_KWH_PER_DAY], discharge_Ws / lasts_s * 24.0 / 1e3, 1e-9);
    assert_near(out[EVTWIN__D_HOT_SHARE], hot_s / lasts_s, 1e-12);
    assert_near(out[EVTWIN__D_COLD_SHARE], cold_s / lasts_s, 1e-12);
    assert_near(out[EVTWIN__D_ARRHENIUS_RATE], rate_s / lasts_s, 1e-9);
    assert_true(isnan(out[EVTWIN__D_EFC_PER_DAY])); /* no capacity is known */
}

/* ---- resistance ---- */

static row ohmic(double s, double current) {
    return (row){.s = s,
                 .soc = NAN,
                 .voltage = 360.0 - 0.08 * current,
                 .current = current,
                 .temperature = 30.0};
}

static void test_resistance(void **state) {
    (void)state;
    static const struct {
        double dt_s;
        evtwin__derived known, other;
    } spans[] = {{1.0, EVTWIN__D_STEP_RESISTANCE_MOHM, EVTWIN__D_MINUTE_RESISTANCE_MOHM},
                 {10.0, EVTWIN__D_STEP_RESISTANCE_MOHM, EVTWIN__D_MINUTE_RESISTANCE_MOHM},
                 {60.0, EVTWIN__D_MINUTE_RESISTANCE_MOHM, EVTWIN__D_STEP_RESISTANCE_MOHM}};
    for (size_t k = 0; k < sizeof spans / sizeof spans[0]; k++) {
        clear();
        for (int i = 0; i < 30; i++) { /* discharge and charge in turn */
            push(ohmic(spans[k].dt_s * i, i % 2 == 0 ? 100.0 : -60.0));
            assert_true(isnan(out[spans[k].other]));
            assert_int_equal(!isnan(out[spans[k].known]), i >= 12); /* ten rows, three steps */
            assert_int_equal(!isnan(out[EVTWIN__D_STEP_TEMPERATURE]), i >= 10);
        }
        assert_near(out[spans[k].known], 80.0, 1e-9);
        assert_near(out[EVTWIN__D_STEP_TEMPERATURE], 30.0, 1e-12);
        push(ohmic(30.0 * spans[k].dt_s, -50.0)); /* a small step tells nothing */
        assert_int_equal(n_known(), 0);
    }
    /* rows further apart than a minute: none */
    clear();
    for (int i = 0; i < 30; i++) {
        push(ohmic(61.0 * i, i % 2 == 0 ? 100.0 : -60.0));
        assert_true(isnan(out[EVTWIN__D_MINUTE_RESISTANCE_MOHM]));
    }
}

/* One reading that is off does not move the median; a voltage that rises with the current is no
 * resistance. */
static void test_outlier(void **state) {
    (void)state;
    clear();
    for (int i = 0; i < 40; i++) {
        row r = ohmic(i, i % 2 == 0 ? 100.0 : -60.0);
        r.voltage += i == 31 ? 40.0 : i == 32 ? -90.0 : 0.0;
        push(r);
        assert_true(i < 12 || isnan(out[EVTWIN__D_STEP_RESISTANCE_MOHM]) ||
                    fabs(out[EVTWIN__D_STEP_RESISTANCE_MOHM] - 80.0) < 1e-9);
    }
}

/* ---- charges ---- */

/* Charge below a voltage, of a cell whose dQ/dV is a floor with a bell on it. */
static double charge_at(double V, double peak_V, double scale) {
    return scale * (20.0 * (V - 300.0) + 200.0 * (1.0 + erf((V - peak_V) / 12.0)));
}

/* A charge at constant current from 300 to 400 V, a row each dt_s; then rest. What became known on
 * the way. */
static void charge(double peak_V, double scale, double dt_s, double *facts) {
    const double current_A = 40.0;
    double V = 300.0, s = 0.0;
    for (size_t i = 0; i < EVTWIN__D_COUNT; i++) {
        facts[i] = NAN;
    }
    for (double Ah = charge_at(V, peak_V, scale); V < 400.0; Ah += current_A * dt_s / 3600.0) {
        while (charge_at(V, peak_V, scale) < Ah) {
            V += 0.001;
        }
        push((row){.s = s,
                   .soc = V < 400.0 ? 100.0 * (Ah - charge_at(300.0, peak_V, scale)) /
                                          (charge_at(400.0, peak_V, scale) -
                                           charge_at(300.0, peak_V, scale))
                                    : 100.0,
                   .voltage = V,
                   .current = -current_A,
                   .temperature = 22.0});
        assert_int_equal(n_known() - !isnan(out[EVTWIN__D_HOT_SHARE]) * 3 -
                             !isnan(out[EVTWIN__D_DISCHARGE_AH_PER_DAY]) * 2,
                         0);
        s += dt_s;
    }
    for (int i = 0; i < 25; i++, s += dt_s) { /* the voltage falls by 3 V in ten minutes */
        push((row){.s = s,
                   .soc = 100.0,
                   .voltage = V - 0.005 * dt_s * i,
                   .current = 0.0,
                   .temperature = 22.0});
        for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
            facts[d] = isnan(out[d]) ? facts[d] : out[d];
        }
    }
}

static void test_charge(void **state) {
    (void)state;
    static const double every_s[] = {30.0, 60.0};
    for (size_t k = 0; k < 2; k++) {
        double new[EVTWIN__D_COUNT], aged[EVTWIN__D_COUNT], shifted[EVTWIN__D_COUNT];
        clear();
        charge(350.0, 0.10, every_s[k], new);
        clear();
        charge(350.0, 0.08, every_s[k], aged);
        clear();
        charge(356.0, 0.10, every_s[k], shifted);
        const double all = charge_at(400.0, 350.0, 0.1) - charge_at(300.0, 350.0, 0.1);
        const double at_peak = charge_at(357.0, 350.0, 0.1) - charge_at(343.0, 350.0, 0.1);
        assert_near(new[EVTWIN__D_CHARGE_CAPACITY_AH], all, 0.01 * all);
        assert_near(new[EVTWIN__D_CHARGING_TEMPERATURE], 22.0, 1e-9);
        assert_near(new[EVTWIN__D_DQDV_PEAK_V], 350.0, 0.5);
        assert_near(new[EVTWIN__D_DQDV_AREA_AH], at_peak, 0.02 * at_peak);
        assert_near(new[EVTWIN__D_DQDV_PEAK_AH_PER_V], 0.1 * (20.0 + 400.0 / 12.0 / sqrt(M_PI)),
                    0.05 * 4.0);
        assert_near(new[EVTWIN__D_RELAXATION_V], 3.0, 0.15);
        /* a fifth of the capacity is gone: from height and area too, while the peak stays */
        assert_near(aged[EVTWIN__D_DQDV_PEAK_V], 350.0, 0.5);
        assert_near(aged[EVTWIN__D_DQDV_AREA_AH] / new[EVTWIN__D_DQDV_AREA_AH], 0.8, 0.02);
        assert_near(aged[EVTWIN__D_DQDV_PEAK_AH_PER_V] / new[EVTWIN__D_DQDV_PEAK_AH_PER_V], 0.8,
                    0.02);
        assert_near(aged[EVTWIN__D_CHARGE_CAPACITY_AH] / new[EVTWIN__D_CHARGE_CAPACITY_AH], 0.8,
                    0.02);
        assert_near(shifted[EVTWIN__D_DQDV_PEAK_V], 356.0, 0.5);
    }
}

/* What breaks a charge before it tells anything: the other sign, a row that says that it does not
 * charge, minutes, a gap in it. */
static void test_not_a_charge(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        clear();
        int n_told = 0;
        for (int i = 0; i < 60; i++) {
            const int is_over = kind == 2 ? i >= 9 : i >= 50;
            const double in[EVTWIN__I_COUNT] = {
                [EVTWIN__I_TIME_US] = 60e6 * (i + (kind == 3 ? 60.0 * (i / 9) : 0.0)),
                [EVTWIN__I_SIM_TIME_S] = NAN,
                [EVTWIN__I_SOC] = 20.0 + i,
                [EVTWIN__I_VOLTAGE] = 300.0 + 2.0 * i,
                [EVTWIN__I_CURRENT] = is_over     ? 0.0
                                      : kind == 0 ? 40.0
                                                  : -40.0,
                [EVTWIN__I_TEMPERATURE] = 25.0,
                [EVTWIN__I_IS_CHARGING] = kind == 1 ? 0.0 : (double)NAN,
                [EVTWIN__I_CELL_MAX] = NAN,
                [EVTWIN__I_CELL_MIN] = NAN};
            evtwin__derive_push(kept, in, out);
            n_told += !isnan(out[EVTWIN__D_CHARGE_CAPACITY_AH]) +
                      !isnan(out[EVTWIN__D_CHARGING_TEMPERATURE]) +
                      !isnan(out[EVTWIN__D_DQDV_PEAK_V]) + !isnan(out[EVTWIN__D_RELAXATION_V]);
        }
        assert_int_equal(n_told, 0);
    }
}

/* ---- rows as they should not be ---- */

/* Of a stretch of driving, the fingerprint of all that became known. */
static double drive(int with_repeats, int with_nan) {
    double sum = 0.0;
    uint32_t seed = 3;
    clear();
    for (int i = 0; i < 3000; i++) {
        row r = ohmic(30.0 * i, 150.0 * noise(&seed) - 50.0);
        for (int k = 0; k < (with_repeats && i % 7 == 0 ? 3 : 1); k++) {
            push(r);
            for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
                sum += isnan(out[d]) ? 0.0 : (double)(d + 1) * out[d];
            }
        }
        if (with_nan && i % 7 == 0) {
            r.s += 15.0;
            r.voltage = r.current = r.temperature = NAN;
            push(r);
            assert_int_equal(n_known(), 0);
        }
    }
    return sum;
}

static void test_repeats(void **state) {
    (void)state;
    const double once = drive(0, 0);
    assert_true(once > 0.0);
    assert_true(drive(1, 0) == once); /* the same bits */
    assert_true(drive(0, 1) == once); /* a row that says nothing lies between two that do */
}

/* Nothing is made of what lies across a gap or a clock that went back, whatever is in the rows. */
static void test_gaps(void **state) {
    (void)state;
    static const double step_s[] = {604800.0, 121.0, -5.0, -604800.0};
    for (size_t k = 0; k < sizeof step_s / sizeof step_s[0]; k++) {
        clear();
        for (int i = 0; i < 5000; i++) {
            push(ohmic(1e7 + step_s[k] * i, i % 2 == 0 ? 100.0 : -60.0));
            assert_int_equal(n_known(), 0);
        }
    }
    clear();
    for (int i = 0; i < 100; i++) { /* nobody knows when */
        push(ohmic(NAN, i % 2 == 0 ? 100.0 : -60.0));
        assert_int_equal(n_known(), 0);
    }
}

/* The physics clock counts, where both rows have it. */
static void test_clocks(void **state) {
    (void)state;
    for (int has_physics = 0; has_physics < 2; has_physics++) {
        clear();
        for (int i = 0; i < 40; i++) {
            const row r = ohmic(0.0, i % 2 == 0 ? 100.0 : -60.0);
            const double in[EVTWIN__I_COUNT] = {
                [EVTWIN__I_TIME_US] = 1e6 * i, /* a second live is a minute of physics */
                [EVTWIN__I_SIM_TIME_S] = has_physics ? 60.0 * i : (double)NAN,
                [EVTWIN__I_SOC] = NAN,
                [EVTWIN__I_VOLTAGE] = r.voltage,
                [EVTWIN__I_CURRENT] = r.current,
                [EVTWIN__I_TEMPERATURE] = NAN,
                [EVTWIN__I_IS_CHARGING] = NAN,
                [EVTWIN__I_CELL_MAX] = 4.1,
                [EVTWIN__I_CELL_MIN] = 4.05};
            evtwin__derive_push(kept, in, out);
            assert_near(out[EVTWIN__D_CELL_SPREAD_V], 0.05, 1e-12);
            assert_true(isnan(out[EVTWIN__D_STEP_TEMPERATURE])); /* it was not measured */
        }
        assert_int_equal(!isnan(out[EVTWIN__D_MINUTE_RESISTANCE_MOHM]), has_physics);
        assert_int_equal(!isnan(out[EVTWIN__D_STEP_RESISTANCE_MOHM]), !has_physics);
    }
}

/* Kept doubles come back from a store as text: whatever they are, rows are followed. */
static void test_any_state(void **state) {
    (void)state;
    static const double odd[] = {-1.0, 0.0, 1e300, -1e300, 1e9, 350.0, 64.0, (double)NAN};
    uint32_t seed = 8;
    for (int k = 0; k < 3000; k++) {
        clear();
        for (size_t i = 0; i < evtwin__derive_size(); i++) {
            const size_t which = (size_t)(24.0 * noise(&seed));
            kept[i] = which < 8 ? odd[which] : kept[i];
        }
        kept[0] = kept[6] = 0.0; /* clocks, of the temperature and the current */
        for (int i = 0; i < 12; i++) {
            push((row){.s = 60.0 + 30.0 * i,
                       .soc = 50.0,
                       .voltage = 350.0 + i,
                       .current = i < 8 ? -50.0 : 40.0,
                       .temperature = 20.0});
        }
    }
}

/* ---- the simulator ---- */

enum { N_PACKS = 4 };

typedef struct told {
    double sum[EVTWIN__D_COUNT], n[EVTWIN__D_COUNT];
} told;

static void simulate(double every_s, double days, evtwin_sim_use use, told *packs,
                     double *resistance_ratio, double *capacity_Ah, double *discharged_efc,
                     double *capacity_new_Ah) {
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    static double of_pack[N_PACKS][MOST_KEPT];
    double began[N_PACKS], soh[N_PACKS];
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.n_packs = N_PACKS;
    o.seed = 7;
    o.use = use;
    o.initial_soh_percent = 99.0;
    o.final_soh_percent = 81.0;
    assert_ok(evtwin_sim_create(&o, &sim));
    assert_ok(evtwin_sim_truth(sim, "equivalent_full_cycles", began, N_PACKS));
    for (size_t p = 0; p < N_PACKS; p++) {
        evtwin__derive_clear(of_pack[p]);
        packs[p] = (told){0};
    }
    for (int i = 0; i < (int)(days * 86400.0 / every_s); i++) {
        evtwin_table *table = NULL;
        evtwin__derive_columns columns;
        assert_ok(evtwin_sim_advance(sim, every_s));
        assert_ok(evtwin_telemetry_table_create(&table));
        assert_ok(evtwin_sim_read(sim, (int64_t)(1e6 * every_s) * i, table));
        evtwin__derive_columns_find(table, &columns);
        for (size_t p = 0; p < N_PACKS; p++) {
            double in[EVTWIN__I_COUNT];
            evtwin__derive_read(&columns, p, in);
            evtwin__derive_push(of_pack[p], in, out);
            for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
                packs[p].sum[d] += isnan(out[d]) ? 0.0 : out[d];
                packs[p].n[d] += !isnan(out[d]);
            }
        }
        evtwin_table_free(table);
    }
    assert_ok(evtwin_sim_truth(sim, "resistance_ratio", resistance_ratio, N_PACKS));
    assert_ok(evtwin_sim_truth(sim, "capacity_Ah", capacity_Ah, N_PACKS));
    assert_ok(evtwin_sim_truth(sim, "soh_frac", soh, N_PACKS));
    assert_ok(evtwin_sim_truth(sim, "equivalent_full_cycles", discharged_efc, N_PACKS));
    for (size_t p = 0; p < N_PACKS; p++) {
        discharged_efc[p] -= began[p];
        capacity_new_Ah[p] = capacity_Ah[p] / soh[p];
    }
    evtwin_sim_free(sim);
}

static double mean(const told *pack, evtwin__derived d) {
    assert_true(pack->n[d] > 0.0);
    return pack->sum[d] / pack->n[d];
}

/* Packs of 99 to 81 % of health, of which one has three times the resistance. */
static void test_truth(void **state) {
    (void)state;
    static const struct {
        double every_s, days;
        evtwin__derived resistance;
        double within; /* over a minute there is diffusion in it, which ages less */
    } kinds[] = {{1.0, 1.1, EVTWIN__D_STEP_RESISTANCE_MOHM, 0.05},
                 {10.0, 2.1, EVTWIN__D_STEP_RESISTANCE_MOHM, 0.05},
                 {60.0, 4.1, EVTWIN__D_MINUTE_RESISTANCE_MOHM, 0.12}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        told packs[N_PACKS];
        double ratio[N_PACKS], capacity[N_PACKS], efc[N_PACKS], as_new[N_PACKS], per_ratio = 0.0;
        simulate(kinds[k].every_s, kinds[k].days, EVTWIN_USE_CYCLE, packs, ratio, capacity, efc,
                 as_new);
        for (size_t p = 0; p < N_PACKS; p++) {
            per_ratio += mean(&packs[p], kinds[k].resistance) / ratio[p] / N_PACKS;
        }
        for (size_t p = 0; p < N_PACKS; p++) {
            /* packs differ by some percent as built */
            assert_near(mean(&packs[p], kinds[k].resistance) / ratio[p] / per_ratio, 1.0,
                        kinds[k].within);
            assert_near(mean(&packs[p], EVTWIN__D_CHARGE_CAPACITY_AH) / capacity[p], 1.0, 0.03);
            const double Ah_per_day = efc[p] * as_new[p] / kinds[k].days;
            assert_near(mean(&packs[p], EVTWIN__D_DISCHARGE_AH_PER_DAY) / Ah_per_day, 1.0, 0.2);
        }
    }
}

/* ---- the catalogue ---- */

static void test_catalogue(void **state) {
    (void)state;
    char path[512], *docs = calloc(1, 65536);
    assert_non_null(docs);
    snprintf(path, sizeof path, "%s/docs/learning-features.md", SOURCE_DIR);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_true(fread(docs, 1, 65535, f) < 65535);
    fclose(f);
    for (int i = 0; i < (int)EVTWIN__D_COUNT; i++) {
        const evtwin__derived_info *d = &evtwin__derived_list[i];
        char line[256];
        assert_int_equal(evtwin__derived_find(d->name), i);
        assert_int_equal(evtwin__quantity_by_name(d->name), EVTWIN__Q_COUNT);
        assert_true(d->formula[0] != '\0' && d->missing[0] != '\0' && d->source[0] != '\0');
        snprintf(line, sizeof line, "| `%s` | %s |", d->name, d->unit[0] != '\0' ? d->unit : "–");
        if (strstr(docs, line) == NULL) {
            fail_msg("docs/learning-features.md has no line \"%s\"", line);
        }
    }
    assert_int_equal(evtwin__derived_find("soh"), EVTWIN__D_COUNT);
    assert_true(evtwin__derived_is_listed(EVTWIN__D_RELAXATION_V, "hot_share,relaxation_v"));
    assert_false(evtwin__derived_is_listed(EVTWIN__D_RELAXATION_V, "hot_share,relaxation"));
    assert_true(evtwin__derived_is_listed(EVTWIN__D_RELAXATION_V, "all"));
    assert_false(evtwin__derived_is_listed(EVTWIN__D_RELAXATION_V, ""));
    free(docs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_day),          cmocka_unit_test(test_resistance),
        cmocka_unit_test(test_outlier),      cmocka_unit_test(test_charge),
        cmocka_unit_test(test_not_a_charge), cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_gaps),         cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_any_state),    cmocka_unit_test(test_truth),
        cmocka_unit_test(test_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
