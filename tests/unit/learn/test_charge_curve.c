/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_charge_curve.c: what a charge tells, of curves of known shape and of
 * simulated packs that charge slowly. */

#include "derive_rows.h"

#include "evtwin/evtwin.h"

/* ---- a curve of known shape ---- */

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

/* ---- the simulator ---- */

enum { N_PACKS = 4 };

/* All packs from 50 % down, then with 20 A (a twelfth of the capacity an hour) up to 96 %, then
 * rest: what was told at rest. */
static void charge_slowly(double every_s, double facts[N_PACKS][EVTWIN__D_COUNT],
                          double *capacity_Ah) {
    static double of_pack[N_PACKS][MOST_KEPT];
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    int is_up[N_PACKS] = {0};
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.n_packs = N_PACKS;
    o.seed = 7;
    o.initial_soc_percent = 50.0;
    o.initial_soh_percent = 99.0;
    o.final_soh_percent = 81.0;
    assert_ok(evtwin_sim_create(&o, &sim));
    assert_ok(evtwin_sim_truth(sim, "capacity_Ah", capacity_Ah, N_PACKS));
    for (size_t p = 0; p < N_PACKS; p++) {
        evtwin__derive_clear(of_pack[p]);
        for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
            facts[p][d] = NAN;
        }
    }
    for (int i = 0; i < (int)(50000.0 / every_s); i++) {
        double soc[N_PACKS], current_A[N_PACKS];
        evtwin_table *table = NULL;
        evtwin__derive_columns columns;
        assert_ok(evtwin_sim_truth(sim, "soc_frac", soc, N_PACKS));
        for (size_t p = 0; p < N_PACKS; p++) {
            is_up[p] = is_up[p] || soc[p] < 0.05;
            current_A[p] = !is_up[p] ? 100.0 : soc[p] < 0.96 ? -20.0 : 0.0;
        }
        assert_ok(evtwin_sim_set_current(sim, current_A, N_PACKS));
        assert_ok(evtwin_sim_advance(sim, every_s));
        assert_ok(evtwin_telemetry_table_create(&table));
        assert_ok(evtwin_sim_read(sim, (int64_t)(1e6 * every_s) * i, table));
        evtwin__derive_columns_find(table, &columns);
        for (size_t p = 0; p < N_PACKS; p++) {
            double in[EVTWIN__I_COUNT];
            evtwin__derive_read(&columns, p, in);
            evtwin__derive_push(of_pack[p], in, out);
            for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
                facts[p][d] = isnan(out[d]) ? facts[p][d] : out[d];
            }
        }
        evtwin_table_free(table);
    }
    evtwin_sim_free(sim);
}

/* A bin of the curve, half a percent of the first voltage, is then 0 V wide. */
static void test_no_voltage(void **state) {
    (void)state;
    clear();
    for (int i = 0; i < 100; i++) {
        push((row){.s = 30.0 * i,
                   .soc = 0.5 * i,
                   .voltage = 1e-323,
                   .current = -40.0,
                   .temperature = 22.0});
    }
    push((row){.s = 3000.0, .soc = 50.0, .voltage = 1e-323, .current = 0.0, .temperature = 22.0});
    assert_true(isnan(out[EVTWIN__D_DQDV_PEAK_V]));
    assert_near(out[EVTWIN__D_CHARGE_CAPACITY_AH], 40.0 * 2970.0 / 36.0 / 49.5, 1e-6);
}

/* Packs age by losing capacity: the peak keeps its voltage, height and area shrink with it. */
static void test_slow_charge(void **state) {
    (void)state;
    static const double every_s[] = {10.0, 60.0};
    for (size_t k = 0; k < 2; k++) {
        static double facts[N_PACKS][EVTWIN__D_COUNT];
        double capacity[N_PACKS];
        charge_slowly(every_s[k], facts, capacity);
        assert_true(capacity[N_PACKS - 1] < 0.85 * capacity[0]);
        for (size_t p = 0; p < N_PACKS; p++) {
            const double share = capacity[p] / capacity[0];
            assert_near(facts[p][EVTWIN__D_CHARGE_CAPACITY_AH] / capacity[p], 1.0, 0.03);
            assert_near(facts[p][EVTWIN__D_DQDV_PEAK_V] / facts[0][EVTWIN__D_DQDV_PEAK_V], 1.0,
                        0.01);
            assert_near(facts[p][EVTWIN__D_DQDV_AREA_AH] / facts[0][EVTWIN__D_DQDV_AREA_AH], share,
                        0.02);
            assert_near(facts[p][EVTWIN__D_DQDV_PEAK_AH_PER_V] /
                            facts[0][EVTWIN__D_DQDV_PEAK_AH_PER_V],
                        share, 0.03);
            assert_true(facts[p][EVTWIN__D_RELAXATION_V] > 0.0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charge),
        cmocka_unit_test(test_not_a_charge),
        cmocka_unit_test(test_no_voltage),
        cmocka_unit_test(test_slow_charge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
