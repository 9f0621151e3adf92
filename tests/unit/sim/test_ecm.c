/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_ecm.c: the equivalent circuit against PyBaMM's Thevenin model, its order, its
 * charge, its limits. */

#include "test.h"

#include "core/vmath.h"
#include "sim/ecm.h"
#define EVTWIN__W 2
#include "sim/vec.h"
#undef EVTWIN__W
#include "sim_cells.h"
#include "sim_fleet.h"

/* One cell (1s1p) at 25 degC in air of 25 degC. */
static evtwin_sim *one_cell(const char *json, double step_s, double soc_percent) {
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(temp_file("cell.json", json), &cell));
    evtwin_sim_options o;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.cell = cell;
    o.n_series = 1;
    o.n_parallel = 1;
    o.initial_soc_percent = soc_percent;
    o.initial_soh_percent = 100.0;
    o.initial_temperature_degC = 25.0;
    o.step_s = step_s;
    evtwin_sim *sim = NULL;
    assert_ok(evtwin_sim_create(&o, &sim));
    evtwin_cell_free(cell);
    return sim;
}

/* Largest differences from a reference trace. */
typedef struct deviation {
    double voltage_mV, temperature_mK, soc, v_mV;
} deviation;

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* Replay a trace: the current of a row is the one that flowed since the row before. */
static deviation replay(const char *json, const char *csv, double step_s) {
    evtwin_table *ref = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/pybamm/%s", SHARED_DATA, csv);
    evtwin_csv_options options;
    assert_ok(evtwin_csv_options_init(&options, sizeof options));
    options.units = "soc=fraction";
    assert_ok(evtwin_table_read_csv(path, &options, &ref));
    const char *names[] = {
        "time_s", "current_A", "voltage_V", "temperature_cell_degC", "temperature_jig_degC",
        "soc",    "v1_V",      "v2_V"};
    size_t at[8];
    for (int i = 0; i < 8; i++) {
        at[i] = evtwin_table_find(ref, names[i]);
        assert_true(at[i] != EVTWIN_NO_COLUMN);
    }
    evtwin_sim *sim = one_cell(json, step_s, 90.0);
    deviation d = {0};
    for (size_t r = 0; r < evtwin_table_rows(ref); r++) {
        double v[8];
        for (int i = 0; i < 8; i++) {
            v[i] = evtwin_table_number(ref, at[i], r);
        }
        assert_ok(evtwin_sim_set_current(sim, &v[1], 1));
        assert_ok(evtwin_sim_advance(sim, v[0] - evtwin_sim_time_s(sim)));
        assert_near(evtwin_sim_time_s(sim), v[0], 1e-9);
        const truth t = truth_of(sim, 0);
        d.voltage_mV = larger(d.voltage_mV, 1e3 * fabs(t.voltage_V - v[2]));
        d.temperature_mK = larger(d.temperature_mK, 1e3 * fabs(t.temperature_degC - v[3]));
        d.temperature_mK = larger(d.temperature_mK, 1e3 * fabs(t.boundary_temperature_degC - v[4]));
        d.soc = larger(d.soc, fabs(t.soc_frac - v[5]));
        d.v_mV = larger(d.v_mV, 1e3 * fabs(t.v1_V - v[6]));
        d.v_mV = larger(d.v_mV, 1e3 * fabs(t.v2_V - v[7]));
    }
    assert_true(evtwin_table_rows(ref) > 500);
    evtwin_sim_free(sim);
    evtwin_table_free(ref);
    print_message("%s at %g s: V %.5f mV, T %.4f mK, soc %.1e, v1 v2 %.6f mV\n", csv, step_s,
                  d.voltage_mV, d.temperature_mK, d.soc, d.v_mV);
    return d;
}

static void agrees_with_pybamm_const_1C(void **state) {
    (void)state;
    skip_without_shared_data("pybamm/ecm2_const_1C.csv");
    deviation d = replay(CELL_CONST, "ecm2_const_1C.csv", 1.0);
    assert_true(d.voltage_mV < 0.02 && d.temperature_mK < 1.0 && d.soc < 1e-8);
    d = replay(CELL_CONST, "ecm2_const_1C.csv", 5.0);
    assert_true(d.voltage_mV < 0.1 && d.temperature_mK < 2.0 && d.soc < 1e-8);
}

static void agrees_with_pybamm_const_udds(void **state) {
    (void)state;
    skip_without_shared_data("pybamm/ecm2_const_udds.csv");
    const deviation d = replay(CELL_CONST, "ecm2_const_udds.csv", 1.0);
    assert_true(d.voltage_mV < 0.02 && d.temperature_mK < 1.0 && d.soc < 1e-8);
}

static void agrees_with_pybamm_lgm50_udds(void **state) {
    (void)state;
    skip_without_shared_data("pybamm/ecm2_lgm50_udds.csv");
    const deviation d = replay(CELL_LGM50, "ecm2_lgm50_udds.csv", 1.0);
    assert_true(d.voltage_mV < 0.05 && d.temperature_mK < 1.0 && d.soc < 1e-8);
}

/* A smooth discharge, so that nothing but the step size makes the error. */
static truth discharge(double step_s) {
    evtwin_sim *sim = one_cell(CELL_LGM50, step_s, 90.0);
    const double current = 7.0;
    assert_ok(evtwin_sim_set_current(sim, &current, 1));
    assert_ok(evtwin_sim_advance(sim, 240.0));
    const truth t = truth_of(sim, 0);
    evtwin_sim_free(sim);
    return t;
}

static void is_of_second_order(void **state) {
    (void)state;
    /* within one interval of the tables (soc 0.8 to 0.9) everything is smooth */
    const truth exact = discharge(0.0625);
    const truth coarse = discharge(8.0), fine = discharge(4.0);
    const double order_v = log2(fabs(coarse.v1_V - exact.v1_V) / fabs(fine.v1_V - exact.v1_V));
    const double order_t = log2(fabs(coarse.temperature_degC - exact.temperature_degC) /
                                fabs(fine.temperature_degC - exact.temperature_degC));
    print_message("observed order: v1 %.3f, T %.3f\n", order_v, order_t);
    assert_near(order_v, 2.0, 0.2);
    assert_near(order_t, 2.0, 0.2);
}

static void counts_charge_exactly(void **state) {
    (void)state;
    evtwin_sim *sim = one_cell(CELL_LGM50, 1.0, 50.0);
    double balance_As = 0.0, discharge_As = 0.0;
    for (int k = 0; k < 2000; k++) {
        const double current = 0.1 * ((k * 7919) % 97 - 48);
        assert_ok(evtwin_sim_set_current(sim, &current, 1));
        assert_ok(evtwin_sim_advance(sim, 7.0));
        balance_As += 7.0 * current;
        discharge_As += current > 0.0 ? 7.0 * current : 0.0;
    }
    const truth t = truth_of(sim, 0);
    assert_near(t.charge_balance_Ah, balance_As / 3600.0, 1e-12 * discharge_As / 3600.0);
    assert_near(t.soc_frac, 0.5 - t.charge_balance_Ah / t.capacity_Ah,
                1e-12 * t.equivalent_full_cycles);
    assert_near(t.equivalent_full_cycles, discharge_As / 3600.0 / 5.1532, 1e-10);
    evtwin_sim_free(sim);
}

/* Whatever is asked for, voltages stay within the cell's limits and the charge within the cell. */
static void keeps_the_limits(void **state) {
    (void)state;
    const double asked[] = {-30.0, 40.0, -8.0, 15.0, 500.0, -500.0};
    const double steps[] = {0.1, 1.0, 10.0};
    for (size_t s = 0; s < 3; s++) {
        evtwin_sim *sim = one_cell(CELL_LIMITED, steps[s], 50.0);
        for (size_t k = 0; k < sizeof asked / sizeof asked[0]; k++) {
            assert_ok(evtwin_sim_set_current(sim, &asked[k], 1));
            for (int i = 0; i < 900; i++) {
                assert_ok(evtwin_sim_advance(sim, 10.0));
                const truth t = truth_of(sim, 0);
                assert_true(t.soc_frac >= 0.0 && t.soc_frac <= 1.0);
                assert_true(t.voltage_V < 4.2 + 2e-3 * (1.0 + steps[s]));
                assert_true(t.voltage_V > 2.5 - 5e-2 * (1.0 + steps[s]));
                assert_true(t.current_A * asked[k] >= 0.0);
                assert_true(fabs(t.current_A) <= fabs(asked[k]));
            }
            /* after two and a half hours the taper is over: full, or empty */
            const truth t = truth_of(sim, 0);
            assert_true(fabs(t.current_A) < 0.5);
            assert_true(asked[k] < 0.0 ? t.soc_frac > 0.98 : t.soc_frac < 0.05);
        }
        evtwin_sim_free(sim);
    }
}

static void tapers_at_the_voltage_limit(void **state) {
    (void)state;
    evtwin_sim *sim = one_cell(CELL_LIMITED, 1.0, 70.0);
    const double current = -5.0;
    assert_ok(evtwin_sim_set_current(sim, &current, 1));
    int n_held = 0;
    double last = current;
    for (int i = 0; i < 3600; i++) {
        assert_ok(evtwin_sim_advance(sim, 1.0));
        const truth t = truth_of(sim, 0);
        if (t.current_A > current) {
            /* constant voltage, falling current (but for what the cooling cell's resistance does)
             */
            assert_near(t.voltage_V, 4.2, 1e-4);
            assert_true(t.current_A >= last - 1e-3);
            n_held++;
        }
        last = t.current_A;
    }
    assert_true(n_held > 1000);
    evtwin_sim_free(sim);
}

static void rests_at_the_open_circuit_voltage(void **state) {
    (void)state;
    evtwin_sim *sim = one_cell(CELL_LGM50, 1.0, 60.0);
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(temp_file("cell.json", CELL_LGM50), &cell));
    const double discharge_A = 10.0, rest_A = 0.0;
    assert_ok(evtwin_sim_set_current(sim, &discharge_A, 1));
    assert_ok(evtwin_sim_advance(sim, 300.0));
    assert_true(truth_of(sim, 0).temperature_degC > 26.0);
    assert_ok(evtwin_sim_set_current(sim, &rest_A, 1));
    assert_ok(evtwin_sim_advance(sim, 86000.0));
    const truth t = truth_of(sim, 0);
    assert_near(t.voltage_V, evtwin_cell_ocv_V(cell, t.soc_frac), 1e-9);
    assert_near(t.temperature_degC, 25.0, 1e-6);
    evtwin_cell_free(cell);
    evtwin_sim_free(sim);
}

/* The kernel's exp is core's, bit for bit, in every lane. */
static void vector_exp_equals_scalar(void **state) {
    (void)state;
    for (int k = 0; k < 4000; k++) {
        evtwin__v2 x;
        for (int l = 0; l < 2; l++) {
            x[l] = -720.0 + 0.18 * (k * 2 + l);
        }
        const evtwin__v2 y = v_exp2(x);
        for (int l = 0; l < 2; l++) {
            assert_true(y[l] == evtwin__exp(x[l]));
        }
    }
    const evtwin__v2 y = v_exp2((evtwin__v2){NAN, 1.0});
    assert_true(isnan(y[0]) && y[1] == evtwin__exp(1.0));
}

/* One instruction or four, min and max mean a < b ? a : b and a > b ? a : b, to the sign of zero.
 */
static void vector_min_and_max_equal_scalar(void **state) {
    (void)state;
    const double value[] = {-INFINITY, -1.0, -0.0, 0.0, 0.5, INFINITY, NAN};
    enum { N = sizeof value / sizeof value[0] };
    for (size_t i = 0; i < N * N; i++) {
        const double a = value[i / N], b = value[i % N];
        const evtwin__v2 va = {a, 1.0}, vb = {b, 2.0};
        const evtwin__v2 low = v_min2(va, vb), high = v_max2(va, vb);
        assert_true(evtwin__to_bits(low[0]) == evtwin__to_bits(a < b ? a : b));
        assert_true(evtwin__to_bits(high[0]) == evtwin__to_bits(a > b ? a : b));
        assert_true(low[1] == 1.0 && high[1] == 2.0);
    }
}

/* Wide registers and narrow ones give the same bits; so do any cuts of a run. */
static void registers_do_not_change_a_bit(void **state) {
    (void)state;
    for (size_t set = 0; set < evtwin_cell_builtin_count(); set++) {
        evtwin_cell *cell = NULL;
        assert_ok(evtwin_cell_load(evtwin_cell_builtin_name(set), &cell));
        evtwin__ecm_model model;
        evtwin__ecm_model_init(cell, 1.0, &model);
        evtwin__ecm_block wide;
        memset(&wide, 0, sizeof wide);
        for (int l = 0; l < EVTWIN__LANES; l++) {
            evtwin__ecm_set_capacity(&wide, l, 3600.0 * cell->capacity_Ah);
            wide.r0_ratio[l] = 1.0 + 0.1 * l;
            wide.rc_ratio[l] = 1.0 + 0.05 * l;
            wide.air_degC[l] = 5.0 * l;
            evtwin__ecm_rest(&model, &wide, l, 0.05 + 0.12 * l, 30.0 - 3.0 * l);
            wide.request_A[l] = cell->capacity_Ah * (1.0 - 0.3 * l);
            wide.stop_low_frac[l] = -1.0;
            wide.stop_high_frac[l] = 2.0;
        }
        evtwin__ecm_block narrow = wide, cut = wide;
        assert_int_equal(evtwin__ecm_run(&model, &wide, 7000), 7000);
        assert_int_equal(evtwin__ecm_run_baseline(&model, &narrow, 7000), 7000);
        for (int k = 0; k < 1000; k++) {
            evtwin__ecm_run(&model, &cut, 7);
        }
        assert_memory_equal(&wide, &narrow, sizeof wide);
        assert_memory_equal(&wide, &cut, sizeof wide);
        assert_true(wide.temperature_degC[0] == wide.temperature_degC[0]);
        evtwin_cell_free(cell);
    }
}

/* 2x2 propagator against many small explicit steps. */
static void thermal_step_is_exact(void **state) {
    (void)state;
    const evtwin__thermal thermal = {42.775, 0.5, 50.0, 0.06};
    const evtwin__thermal_step s = evtwin__thermal_step_make(&thermal, 30.0);
    const double c = s.cc * 3.0 + s.cb * 1.0 + s.gc * 2.0;
    const double j = s.bc * 3.0 + s.bb * 1.0 + s.gb * 2.0;
    double x = 3.0, y = 1.0;
    const int n = 3000000;
    const double h = 30.0 / n;
    for (int i = 0; i < n; i++) {
        const double dx = (2.0 - 0.5 * (x - y)) / 42.775, dy = (0.5 * (x - y) - 0.06 * y) / 50.0;
        x += h * dx;
        y += h * dy;
    }
    assert_near(c, x, 1e-6);
    assert_near(j, y, 1e-6);

    /* two half steps are one step */
    const evtwin__thermal_step half = evtwin__thermal_step_make(&thermal, 15.0);
    const double c1 = half.cc * 3.0 + half.cb * 1.0 + half.gc * 2.0;
    const double j1 = half.bc * 3.0 + half.bb * 1.0 + half.gb * 2.0;
    assert_near(half.cc * c1 + half.cb * j1 + half.gc * 2.0, c, 1e-13);
    assert_near(half.bc * c1 + half.bb * j1 + half.gb * 2.0, j, 1e-13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pybamm_const_1C),
        cmocka_unit_test(agrees_with_pybamm_const_udds),
        cmocka_unit_test(agrees_with_pybamm_lgm50_udds),
        cmocka_unit_test(is_of_second_order),
        cmocka_unit_test(counts_charge_exactly),
        cmocka_unit_test(keeps_the_limits),
        cmocka_unit_test(tapers_at_the_voltage_limit),
        cmocka_unit_test(rests_at_the_open_circuit_voltage),
        cmocka_unit_test(vector_exp_equals_scalar),
        cmocka_unit_test(vector_min_and_max_equal_scalar),
        cmocka_unit_test(registers_do_not_change_a_bit),
        cmocka_unit_test(thermal_step_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
