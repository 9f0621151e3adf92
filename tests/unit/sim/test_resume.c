/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_resume.c: a simulator that goes on from what was recorded: nothing jumps
 * back.
 */

#include "sim_fleet.h"

enum { PACKS = 10 };

/* A fleet after some days of use, and its last records. */
static evtwin_table *last_records(const evtwin_sim_options *o, double days) {
    evtwin_sim *sim = create(o);
    evtwin_table_free(read_all(sim));
    assert_ok(evtwin_sim_advance(sim, days * 86400.0));
    evtwin_table *t = read_all(sim);
    evtwin_sim_free(sim);
    return t;
}

/* The first records after a resume show what the last ones before it did, but for noise. */
static void assert_goes_on(const evtwin_table *last, const evtwin_table *first) {
    static const struct {
        const char *quantity;
        double tolerance;
    } near[] = {{"soc", 0.11},          {"soh", 0.11},
                {"temperature", 1.6},   {"charge_cycles", 0.0},
                {"sim_time_s", 0.0},    {"current", 1.0},
                {"is_charging", 0.0},   {"mean_temperature", 0.11},
                {"voltage", 4.0},       {"throughput_ah_per_day", 0.5},
                {"resistance_mohm", 1}, {"power_consumption", 1000}};
    for (size_t i = 0; i < PACKS; i++) {
        for (size_t k = 0; k < sizeof near / sizeof near[0]; k++) {
            const double a = number(last, near[k].quantity, i);
            const double b = number(first, near[k].quantity, i);
            if (!(isnan(a) && isnan(b)) && !(fabs(a - b) <= near[k].tolerance)) {
                fail_msg("pack %zu: %s was %g and is %g", i, near[k].quantity, a, b);
            }
        }
        assert_true(number(first, "seq", i) > number(last, "seq", i));
    }
}

/* Then life goes on in the same direction. */
static void assert_lives_on(evtwin_sim *sim, const evtwin_table *last) {
    double cycles[PACKS];
    for (size_t i = 0; i < PACKS; i++) {
        cycles[i] = number(last, "charge_cycles", i);
    }
    for (int hour = 0; hour < 24; hour++) {
        assert_ok(evtwin_sim_advance(sim, 3600.0));
        evtwin_table *t = read_all(sim);
        for (size_t i = 0; i < PACKS; i++) {
            assert_true(number(t, "charge_cycles", i) >= cycles[i]);
            cycles[i] = number(t, "charge_cycles", i);
            assert_true(number(t, "soh", i) <= number(last, "soh", i) + 0.3); /* its estimate */
            assert_true(fabs(number(t, "current", i)) < 200.0);
        }
        evtwin_table_free(t);
    }
}

/* ---- going on behind a time and a number ---- */

static void numbers_and_clock_never_go_back(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 3;
    evtwin_sim *sim = create(&o);
    assert_ok(evtwin_sim_go_on(sim, 600.0, 10));
    evtwin_table *t = read_all(sim);
    assert_near(number(t, "sim_time_s", 0), 600.0, 0.0);
    assert_near(number(t, "seq", 0), 12.0, 0.0); /* numbers of a reading begin at a multiple */
    evtwin_table_free(t);
    assert_ok(evtwin_sim_go_on(sim, 60.0, 2));
    t = read_all(sim);
    assert_near(number(t, "sim_time_s", 0), 600.0, 0.0);
    assert_near(number(t, "seq", 0), 15.0, 0.0);
    evtwin_table_free(t);
    assert_fails(evtwin_sim_go_on(NULL, 0.0, 0), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sim_go_on(sim, NAN, 0), EVTWIN_E_ARG, "time_s");
    assert_fails(evtwin_sim_go_on(sim, -1.0, 0), EVTWIN_E_ARG, "time_s");
    assert_fails(evtwin_sim_go_on(sim, 1.1e12, 0), EVTWIN_E_ARG, "time_s");
    assert_fails(evtwin_sim_go_on(sim, 0.0, -1), EVTWIN_E_ARG, "first_seq");
    assert_fails(evtwin_sim_go_on(sim, 0.0, INT64_MAX), EVTWIN_E_ARG, "first_seq");
    assert_ok(evtwin_sim_go_on(sim, 3e11, 0)); /* longer than can be simulated at once */
    assert_near(evtwin_sim_time_s(sim), 3e11, 1.0);
    evtwin_sim_free(sim);
    o.step_s = 1.0 / 7.0;
    sim = create(&o);
    assert_ok(evtwin_sim_go_on(sim, 0.428571, 0)); /* three steps, to the microsecond */
    assert_near(evtwin_sim_time_s(sim), 3.0 / 7.0, 1e-9);
    evtwin_sim_free(sim);
}

static void check(evtwin_sim_options o, uint64_t seed_after, double days) {
    o.n_packs = PACKS;
    o.initial_soh_percent = 98.0;
    o.final_soh_percent = 78.0;
    evtwin_table *last = last_records(&o, days);
    o.seed = seed_after; /* other cars, other sensors, the same batteries */
    o.initial_soh_percent = 95.0;
    o.final_soh_percent = 95.0;
    evtwin_sim *sim = create(&o);
    size_t n = 0;
    assert_ok(evtwin_sim_resume(sim, last, &n));
    assert_int_equal(n, PACKS);
    evtwin_table *first = read_all(sim);
    assert_goes_on(last, first);
    assert_lives_on(sim, last);
    evtwin_table_free(first);
    evtwin_table_free(last);
    evtwin_sim_free(sim);
}

static void cycling_packs_go_on(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        check(defaults(), (uint64_t)i / 2, 0.4 + 0.37 * i);
    }
}

static void daily_packs_go_on(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.use = EVTWIN_USE_DAILY;
    for (int i = 0; i < 4; i++) {
        check(o, (uint64_t)i / 2, 0.4 + 0.17 * i);
    }
}

static void other_cells_and_models_go_on(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.model = EVTWIN_SIM_CLASSIC;
    check(o, 0, 0.01);
    evtwin_cell *cell = NULL;
    for (size_t i = 0; i < evtwin_cell_builtin_count(); i++) {
        assert_ok(evtwin_cell_load(evtwin_cell_builtin_name(i), &cell));
        o = defaults();
        o.cell = cell;
        check(o, 1, 1.3);
        evtwin_cell_free(cell);
    }
}

/* Rows in any order, of others, with gaps and impossible values. */
static void what_is_not_known_stays_as_created(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 4;
    o.initial_soh_percent = 90.0;
    evtwin_sim *fresh = create(&o), *sim = create(&o);
    evtwin_table *before = read_all(fresh), *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, 4));
    static const char *const ids[] = {"BATTERY_002", "OTHER", "BATTERY_002", "BATTERY_003"};
    static const double socs[] = {44.0, 10.0, 55.0, 150.0};
    static const int64_t times[] = {2, 3, 1, 1};
    for (size_t r = 0; r < 4; r++) {
        assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), r, ids[r]));
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "time"), r, times[r]));
        assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), r, socs[r]));
    }
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), 0, 1001));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "sim_time_s"), 0, 7200.0));
    size_t n = 0;
    assert_ok(evtwin_sim_resume(sim, t, &n));
    assert_int_equal(n, 2);
    evtwin_table *after = read_all(sim);
    assert_near(number(after, "soc", 0), number(before, "soc", 0), 0.3);
    assert_near(number(after, "soc", 1), 44.0, 0.11);
    assert_near(number(after, "soc", 2), number(before, "soc", 2), 0.3);
    for (size_t i = 0; i < 4; i++) {
        assert_near(number(after, "soh", i), number(before, "soh", i), 0.11);
        assert_near(number(after, "sim_time_s", i), 7200.0, 0.0);
        assert_true(number(after, "seq", i) > 1001.0);
    }

    assert_fails(evtwin_sim_resume(sim, t, NULL), EVTWIN_E_STATE, "advanced|read");
    assert_fails(evtwin_sim_resume(NULL, t, NULL), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_table_resize(t, 0));
    evtwin_sim_free(fresh);
    fresh = create(&o);
    assert_ok(evtwin_sim_resume(fresh, t, NULL)); /* nothing is known: a start */
    assert_ok(evtwin_table_rename(t, evtwin_table_find(t, "battery_id"), "name"));
    assert_fails(evtwin_sim_resume(fresh, t, NULL), EVTWIN_E_SCHEMA, "battery_id");
    evtwin_table_free(before);
    evtwin_table_free(after);
    evtwin_table_free(t);
    evtwin_sim_free(fresh);
    evtwin_sim_free(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycling_packs_go_on),
        cmocka_unit_test(daily_packs_go_on),
        cmocka_unit_test(other_cells_and_models_go_on),
        cmocka_unit_test(what_is_not_known_stays_as_created),
        cmocka_unit_test(numbers_and_clock_never_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
