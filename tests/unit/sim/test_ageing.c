/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_ageing.c: the ageing laws against their closed forms, and their independence
 * of the step. */

#include "test.h"

#include "sim/pack.h"

static evtwin_cell *load(const char *name) {
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(name, &cell));
    return cell;
}

static const evtwin__stress year = {
    .duration_days = 365.0,
    .temperature_degC = 25.0,
    .rest_soc_frac = 0.7,
    .rest_V = 3.9,
    .rms_V = 3.8,
    .depth_frac = 0.6,
    .rate_per_h = 0.4,
    .cycles = 150.0,
};

/* The paper's equations, written down a second time with libm. */
static void schmalstieg_matches_its_closed_form(void **state) {
    (void)state;
    evtwin_cell *cell = load("lgm50");
    const double k = cell->ageing.constant[0];
    evtwin__ageing a = {0};
    evtwin__ageing_apply(&cell->ageing, &year, 1.0, 1.0, &a);
    const double t75 = pow(365.0, 0.75), Ah = 150.0 * 2.15;
    const double cal = (7.543 * 3.9 - 23.75) * 1e6 * exp(-6976.0 / 298.15) * t75;
    const double cyc = (7.348e-3 * pow(3.8 - 3.667, 2) + 7.6e-4 + 4.081e-3 * 0.6) * sqrt(Ah);
    const double r_cal = (5.270 * 3.9 - 16.32) * 1e5 * exp(-5986.0 / 298.15) * t75;
    const double r_cyc = (2.153e-4 * pow(3.8 - 3.725, 2) - 1.521e-5 + 2.798e-4 * 0.6) * Ah;
    assert_near(evtwin__ageing_capacity_loss(&cell->ageing, &a), k * (cal + cyc), 1e-12);
    assert_near(evtwin__ageing_resistance_growth(&cell->ageing, &a), k * (r_cal + r_cyc), 1e-12);
    evtwin_cell_free(cell);
}

/* Hour steps and day steps, under stress that changes from day to day. */
static void hours_and_days_agree(void **state) {
    (void)state;
    for (size_t s = 0; s < evtwin_cell_builtin_count(); s++) {
        evtwin_cell *cell = load(evtwin_cell_builtin_name(s));
        evtwin__ageing by_day = {0}, by_hour = {0};
        for (int day = 0; day < 2000; day++) {
            evtwin__stress stress = year;
            stress.duration_days = 1.0;
            stress.cycles = 0.4 + 0.1 * (day % 5);
            stress.temperature_degC = 5.0 + day % 30;
            stress.depth_frac = 0.2 + 0.01 * (day % 60);
            evtwin__ageing_apply(&cell->ageing, &stress, 1.1, 0.9, &by_day);
            stress.duration_days /= 24.0;
            stress.cycles /= 24.0;
            for (int hour = 0; hour < 24; hour++) {
                evtwin__ageing_apply(&cell->ageing, &stress, 1.1, 0.9, &by_hour);
            }
        }
        const double loss = evtwin__ageing_capacity_loss(&cell->ageing, &by_day);
        const double growth = evtwin__ageing_resistance_growth(&cell->ageing, &by_day);
        assert_true(loss > 0.05 && growth > 0.05);
        assert_near(evtwin__ageing_capacity_loss(&cell->ageing, &by_hour), loss, 1e-10 * loss);
        assert_near(evtwin__ageing_resistance_growth(&cell->ageing, &by_hour), growth,
                    1e-10 * growth);
        evtwin_cell_free(cell);
    }
}

/* x' = k ((x / k)^(1/p) + dt)^p, the step-invariant form as it is usually written. */
static void sums_equal_the_recursive_form(void **state) {
    (void)state;
    evtwin_cell *cell = load("lgm50");
    evtwin__ageing a = {0};
    double x = 0.0;
    for (int day = 0; day < 500; day++) {
        evtwin__stress stress = year;
        stress.duration_days = 1.0;
        stress.cycles = 0.0;
        stress.temperature_degC = 10.0 + day % 25;
        const double k = cell->ageing.constant[0] * (7.543 * 3.9 - 23.75) * 1e6 *
                         exp(-6976.0 / (stress.temperature_degC + 273.15));
        x = k * pow(pow(x / k, 1.0 / 0.75) + 1.0, 0.75);
        evtwin__ageing_apply(&cell->ageing, &stress, 1.0, 1.0, &a);
    }
    assert_near(evtwin__ageing_capacity_loss(&cell->ageing, &a), x, 1e-12);
    evtwin_cell_free(cell);
}

static void stress_orders_as_it_should(void **state) {
    (void)state;
    evtwin_cell *cell = load("lgm50");
    evtwin__stress hot = year, high = year, deep = year, idle = year;
    hot.temperature_degC = 40.0;
    high.rest_V = 4.1;
    deep.depth_frac = 0.9;
    idle.cycles = 0.0;
    const evtwin__stress *all[] = {&year, &hot, &high, &deep, &idle};
    double loss[5];
    for (int i = 0; i < 5; i++) {
        evtwin__ageing a = {0};
        evtwin__ageing_apply(&cell->ageing, all[i], 1.0, 1.0, &a);
        loss[i] = evtwin__ageing_capacity_loss(&cell->ageing, &a);
    }
    assert_true(loss[1] > loss[0] && loss[2] > loss[0] && loss[3] > loss[0] && loss[4] < loss[0]);
    evtwin_cell_free(cell);
}

/* A defect: from its onset resistance grows ten times as fast, capacity as before. */
static void defect_multiplies_the_growth(void **state) {
    (void)state;
    evtwin_cell *cell = load("lgm50");
    evtwin__variation healthy = evtwin__variation_sample((evtwin__pack_rng){1, 1}, 0.0);
    evtwin__variation defective = healthy;
    defective.is_defective = 1;
    defective.defect_onset_cycles = 140.0;
    evtwin__wear a = evtwin__wear_new(cell, &healthy), b = evtwin__wear_new(cell, &defective);
    evtwin__wear_apply(&a, &year);
    evtwin__wear_apply(&b, &year);
    assert_int_equal(a.has_defect, 0);
    assert_int_equal(b.has_defect, 1);
    const double r_onset = evtwin__wear_r0_ratio(&a);
    assert_near(evtwin__wear_r0_ratio(&b), r_onset, 1e-15);
    evtwin__wear_apply(&a, &year);
    evtwin__wear_apply(&b, &year);
    assert_near(evtwin__wear_r0_ratio(&b) - r_onset, 10.0 * (evtwin__wear_r0_ratio(&a) - r_onset),
                1e-12);
    assert_near(evtwin__wear_soh(&b), evtwin__wear_soh(&a), 0.0);

    /* R1 and R2 take half of it, so the 10 s resistance grows a little less than R0 */
    assert_true(evtwin__wear_r10_ratio(&b) < evtwin__wear_r0_ratio(&b));
    assert_near(evtwin__cell_r10_ohm(cell, 1.0), 29.15e-3, 0.3e-3);
    evtwin_cell_free(cell);
}

static void history_ends_at_the_health_asked_for(void **state) {
    (void)state;
    evtwin_cell *cell = load("lgm50");
    const double targets[] = {1.0, 0.999, 0.95, 0.8, 0.6};
    for (uint32_t p = 0; p < 40; p++) {
        const evtwin__pack_rng rng = {3, p};
        const evtwin__variation t = evtwin__variation_sample(rng, 1.0);
        for (size_t i = 0; i < 5; i++) {
            evtwin__wear life = evtwin__wear_new(cell, &t);
            assert_ok(evtwin__wear_age_to(&life, 19723.0, targets[i]));
            assert_near(evtwin__wear_soh(&life), targets[i], 1e-9);
            assert_true(i == 0 ? life.age_days == 0.0 : life.age_days > 0.0);
        }
    }
    evtwin_cell_free(cell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schmalstieg_matches_its_closed_form),
        cmocka_unit_test(hours_and_days_agree),
        cmocka_unit_test(sums_equal_the_recursive_form),
        cmocka_unit_test(stress_orders_as_it_should),
        cmocka_unit_test(defect_multiplies_the_growth),
        cmocka_unit_test(history_ends_at_the_health_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
