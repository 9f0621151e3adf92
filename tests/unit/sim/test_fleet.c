/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_fleet.c: fleets: the contract's behaviour, reproducibility, options,
 * readings, memory. */

#include "sim_fleet.h"

/* Equal tables, bit for bit. */
static void assert_same(const evtwin_table *a, const evtwin_table *b) {
    assert_int_equal(evtwin_table_rows(a), evtwin_table_rows(b));
    assert_int_equal(evtwin_table_cols(a), evtwin_table_cols(b));
    for (size_t c = 0; c < evtwin_table_cols(a); c++) {
        for (size_t r = 0; r < evtwin_table_rows(a); r++) {
            if (evtwin_table_type(a, c) == EVTWIN_TEXT) {
                assert_string_equal(evtwin_table_text(a, c, r), evtwin_table_text(b, c, r));
                continue;
            }
            const double x = evtwin_table_number(a, c, r), y = evtwin_table_number(b, c, r);
            assert_memory_equal(&x, &y, sizeof x);
        }
    }
}

/* The first n packs are the same, bit for bit, in every quantity. */
static void assert_same_truth(const evtwin_sim *a, const evtwin_sim *b, size_t n) {
    truth *x = truths_of(a), *y = truths_of(b);
    assert_memory_equal(x, y, n * sizeof *x);
    free(x);
    free(y);
}

static void first_pack_starts_as_the_contract_says(void **state) {
    (void)state;
    const evtwin_sim_options o = defaults();
    evtwin_sim *sim = create(&o);
    assert_int_equal(evtwin_sim_packs(sim), 1);
    assert_string_equal(evtwin_sim_battery_id(sim, 0), "BATTERY_001");
    assert_null(evtwin_sim_battery_id(sim, 1));
    const truth t = truth_of(sim, 0);
    assert_near(t.soc_frac, 0.85, 0.0);
    assert_near(t.soh_frac, 0.95, 1e-9);
    assert_near(t.temperature_degC, 32.0, 0.0);
    assert_true(t.voltage_V > 350.0 && t.voltage_V < 403.3);
    assert_true(t.equivalent_full_cycles > 20.0 && t.resistance_ratio > 1.0);
    evtwin_sim_free(sim);
}

/* 50 to 120 A down to 20 %, 100 to 150 A up to 99 %, again and again. */
static void packs_cycle_as_the_contract_says(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 12;
    o.final_soh_percent = 76.0;
    evtwin_sim *sim = create(&o);
    int was_charging[12] = {0}, turns[12] = {0};
    double low[12], high[12];
    for (int i = 0; i < 12; i++) {
        low[i] = 1.0;
        high[i] = 0.0;
    }
    for (int minute = 0; minute < 3 * 1440; minute++) {
        assert_ok(evtwin_sim_advance(sim, 60.0));
        for (size_t i = 0; i < 12; i++) {
            const truth t = truth_of(sim, i);
            const int charging = t.current_A < 0.0;
            turns[i] += minute > 0 && charging != was_charging[i];
            was_charging[i] = charging;
            low[i] = t.soc_frac < low[i] ? t.soc_frac : low[i];
            high[i] = t.soc_frac > high[i] ? t.soc_frac : high[i];
            assert_true(charging || (t.current_A > 49.9 && t.current_A < 120.1));
            assert_true(!charging || t.current_A > -150.1);
            assert_true(charging || t.voltage_V > 240.0);
            assert_true(t.voltage_V < 403.3);
            assert_true(t.temperature_degC > 20.0 && t.temperature_degC < 60.0);

            /* away from the voltage limit the charge has its full current */
            assert_true(!charging || t.voltage_V > 403.1 || t.current_A < -99.9);
        }
    }
    for (int i = 0; i < 12; i++) {
        assert_true(turns[i] >= 12);
        assert_near(low[i], 0.20, 0.01);
        assert_near(high[i], 0.99, 0.01);
    }
    evtwin_sim_free(sim);
}

static void packs_spread_over_health_and_charge(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 60;
    o.initial_soh_percent = 100.0;
    o.final_soh_percent = 76.0;
    evtwin_sim *sim = create(&o);
    double soc_min = 1.0, soc_max = 0.0, efc_last = -1.0;
    int rising = 0;
    for (size_t i = 0; i < 60; i++) {
        const truth t = truth_of(sim, i);
        assert_near(t.soh_frac, 1.0 - 0.24 * (double)i / 59.0, 1e-9);
        soc_min = t.soc_frac < soc_min ? t.soc_frac : soc_min;
        soc_max = t.soc_frac > soc_max ? t.soc_frac : soc_max;
        rising += t.equivalent_full_cycles > efc_last;
        efc_last = t.equivalent_full_cycles;
    }
    assert_true(soc_min < 0.65 && soc_max > 0.9);

    /* older packs have mostly more cycles, but not strictly: histories differ */
    assert_true(rising > 30 && rising < 60);
    evtwin_sim_free(sim);
}

static void threads_do_not_change_a_bit(void **state) {
    (void)state;
    for (int use = 0; use < 2; use++) {
        evtwin_sim_options o = defaults();
        o.n_packs = 301;
        o.final_soh_percent = 77.0;
        o.use = (evtwin_sim_use)use;
        o.seed = 42;
        const int threads[] = {1, 2, 5};
        evtwin_sim *sim[3];
        evtwin_table *rows[3];
        for (int i = 0; i < 3; i++) {
            o.n_threads = threads[i];
            sim[i] = create(&o);
            assert_ok(evtwin_sim_advance(sim[i], 30000.0));
            rows[i] = read_all(sim[i]);
        }
        for (int i = 1; i < 3; i++) {
            assert_same(rows[0], rows[i]);
            assert_same_truth(sim[0], sim[i], 301);
        }
        for (int i = 0; i < 3; i++) {
            evtwin_table_free(rows[i]);
            evtwin_sim_free(sim[i]);
        }
    }
}

/* One call of 600 s, 600 of 1 s, and an uneven cut over a midnight. */
static void cuts_of_time_do_not_change_a_bit(void **state) {
    (void)state;
    for (int use = 0; use < 2; use++) {
        evtwin_sim_options o = defaults();
        o.n_packs = 20;
        o.use = (evtwin_sim_use)use;
        o.start_time_us += INT64_C(86100) * 1000000; /* five minutes before midnight */
        evtwin_sim *whole = create(&o), *parts = create(&o), *uneven = create(&o);
        for (int round = 0; round < 20; round++) {
            assert_ok(evtwin_sim_advance(whole, 600.0));
            for (int k = 0; k < 600; k++) {
                assert_ok(evtwin_sim_advance(parts, 1.0));
            }
            for (int k = 0; k < 8; k++) {
                assert_ok(evtwin_sim_advance(uneven, k % 2 == 0 ? 0.3 : 149.7));
            }
        }
        assert_near(evtwin_sim_time_s(parts), 12000.0, 0.0);
        assert_near(evtwin_sim_time_s(uneven), 12000.0, 0.0);
        assert_same_truth(whole, parts, 20);
        assert_same_truth(whole, uneven, 20);
        evtwin_sim_free(whole);
        evtwin_sim_free(parts);
        evtwin_sim_free(uneven);
    }
}

/* A pack is the same in any fleet. */
static void packs_do_not_depend_on_the_fleet(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 3;
    evtwin_sim *few = create(&o);
    o.n_packs = 30;
    evtwin_sim *many = create(&o);
    assert_ok(evtwin_sim_advance(few, 4000.0));
    assert_ok(evtwin_sim_advance(many, 4000.0));
    assert_same_truth(few, many, 3);
    evtwin_sim_free(few);

    /* another seed is another fleet */
    o.seed = 7;
    few = create(&o);
    assert_true(truth_of(few, 1).soc_frac != truth_of(many, 1).soc_frac);
    evtwin_sim_free(few);
    evtwin_sim_free(many);
}

static void days_are_lived(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 16;
    o.use = EVTWIN_USE_DAILY;
    evtwin_sim *sim = create(&o);
    double before[16];
    for (size_t i = 0; i < 16; i++) {
        before[i] = truth_of(sim, i).equivalent_full_cycles;
    }
    int parked = 0, driving = 0, charging = 0;
    double coldest = 99.0;
    for (int quarter = 0; quarter < 20 * 96; quarter++) {
        assert_ok(evtwin_sim_advance(sim, 900.0));
        for (size_t i = 0; i < 16; i++) {
            const truth t = truth_of(sim, i);
            parked += t.current_A == 0.0;
            driving += t.current_A > 0.0;
            charging += t.current_A < 0.0;
            coldest = t.temperature_degC < coldest ? t.temperature_degC : coldest;
            assert_true(t.soc_frac > 0.1 && t.soc_frac <= 1.0);
        }
    }
    const int all = parked + driving + charging;
    assert_true(parked > all / 2 && driving > all / 50 && charging > all / 100);
    assert_true(coldest < 12.0); /* January */
    double sum = 0.0;
    for (size_t i = 0; i < 16; i++) {
        const double per_day = (truth_of(sim, i).equivalent_full_cycles - before[i]) / 20.0;
        assert_true(per_day > 0.1 && per_day < 1.0);
        assert_true(truth_of(sim, i).soh_frac < 0.95);
        sum += per_day;
    }
    assert_true(sum / 16.0 > 0.25 && sum / 16.0 < 0.55);
    evtwin_sim_free(sim);
}

static void drive_cycle_is_followed(void **state) {
    (void)state;
    skip_without_shared_data("drive_cycles/udds.csv");
    const char *traces[] = {SHARED_DATA "/drive_cycles/udds.csv",
                            SHARED_DATA "/drive_cycles/wltc_3b.csv"};
    for (int i = 0; i < 2; i++) {
        evtwin_sim_options o = defaults();
        o.drive_cycle = traces[i];
        evtwin_sim *sim = create(&o);
        int regen = 0, idle = 0, fast = 0;
        for (int k = 0; k < 3000; k++) {
            assert_ok(evtwin_sim_advance(sim, 1.0));
            const truth t = truth_of(sim, 0);
            regen += t.current_A < -1.0;
            fast += t.current_A > 40.0;
            idle += fabs(t.current_A * t.voltage_V - 400.0) < 5.0;
        }
        assert_true(regen > 100 && idle > 100 && fast > 50);
        const truth t = truth_of(sim, 0);
        assert_true(t.soc_frac < 0.85 && t.soc_frac > 0.7);
        evtwin_sim_free(sim);
    }
}

static void readings_are_what_a_bms_reports(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 2000;
    o.n_threads = 2;
    evtwin_sim *sim = create(&o);
    assert_ok(evtwin_sim_advance(sim, 1000.0));
    evtwin_table *t = read_all(sim);
    assert_int_equal(evtwin_table_rows(t), 2000);
    assert_ok(evtwin_telemetry_check(t));
    double sum = 0.0, square = 0.0, r_square = 0.0, soc_square = 0.0, v_square = 0.0;
    truth *all = truths_of(sim);
    for (size_t i = 0; i < 2000; i++) {
        const truth x = all[i];
        const double soh_error = number(t, "soh", i) - 100.0 * x.soh_frac;
        const double soc_error = number(t, "soc", i) - 100.0 * x.soc_frac;
        const double v_error = number(t, "voltage", i) - x.voltage_V;
        sum += soh_error;
        square += soh_error * soh_error;
        soc_square += soc_error * soc_error;
        v_square += v_error * v_error;
        r_square += pow(number(t, "resistance_mohm", i) / 60.8 / x.resistance_ratio - 1.0, 2);
        assert_near(number(t, "current", i), x.current_A, 0.01 * fabs(x.current_A) + 0.7);
        assert_near(number(t, "temperature", i), x.temperature_degC, 2.0);
        assert_near(number(t, "power_consumption", i),
                    fabs(number(t, "voltage", i) * number(t, "current", i)), 1e-3);
        assert_true(number(t, "is_charging", i) == (number(t, "current", i) < 0.0));
        assert_true(number(t, "charge_cycles", i) == floor(x.equivalent_full_cycles));
        assert_true(number(t, "seq", i) == (double)i);
        assert_near(number(t, "sim_time_s", i), 1000.0, 0.0);
        assert_true(number(t, "mean_temperature", i) > 2.0 &&
                    number(t, "mean_temperature", i) < 30.0);
        assert_true(number(t, "throughput_ah_per_day", i) > 20.0 &&
                    number(t, "throughput_ah_per_day", i) < 260.0);
        assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "battery_id"), i),
                            evtwin_sim_battery_id(sim, i));
    }

    free(all);

    /* bias and slow error of 0.5 each make 0.71; resistance 2 % twice, and how packs are built */
    assert_near(sum / 2000.0, 0.0, 0.06);
    assert_near(sqrt(square / 2000.0), 0.707, 0.05);
    assert_near(sqrt(soc_square / 2000.0), 0.3, 0.03);
    assert_near(sqrt(v_square / 2000.0), 0.0015 * sqrt(96.0), 0.002);
    assert_near(sqrt(r_square / 2000.0), sqrt(2.0 * 0.02 * 0.02 + 0.025 * 0.025), 0.006);

    /* a second reading: seq goes on, health estimates stay, sensors are noisy */
    assert_ok(evtwin_sim_read(sim, INT64_C(1700000002000000), t));
    int voltage_moved = 0;
    for (size_t i = 0; i < 2000; i++) {
        assert_true(number(t, "seq", 2000 + i) == (double)(2000 + i));
        assert_true(number(t, "soh", 2000 + i) == number(t, "soh", i));
        voltage_moved += number(t, "voltage", 2000 + i) != number(t, "voltage", i);
    }
    assert_true(voltage_moved > 1200);
    evtwin_table_free(t);
    evtwin_sim_free(sim);
}

static void hands_on_and_off(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 9;
    o.initial_soc_percent = 50.0;
    evtwin_sim *sim = create(&o);
    double current[9];
    for (int i = 0; i < 9; i++) {
        current[i] = 10.0 * (i - 4);
    }
    assert_ok(evtwin_sim_set_current(sim, current, 9));
    assert_ok(evtwin_sim_advance(sim, 500.0));
    for (size_t i = 0; i < 9; i++) {
        const truth t = truth_of(sim, i);
        assert_near(t.current_A, current[i], 1e-12);
        assert_near(t.charge_balance_Ah, current[i] * 500.0 / 3600.0, 1e-9);
    }
    assert_ok(evtwin_sim_set_current(sim, NULL, 0));
    assert_ok(evtwin_sim_advance(sim, 500.0));
    for (size_t i = 0; i < 9; i++) {
        assert_true(fabs(truth_of(sim, i).current_A) > 40.0 || truth_of(sim, i).voltage_V > 403.0);
    }
    evtwin_sim_free(sim);
}

static void a_city_of_packs_steps(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.n_packs = 100000;
    o.initial_soh_percent = 100.0;
    o.final_soh_percent = 95.0;
    o.n_threads = 0;
    evtwin_sim *sim = create(&o);
    assert_ok(evtwin_sim_advance(sim, 20.0));
    assert_string_equal(evtwin_sim_battery_id(sim, 99999), "BATTERY_100000");
    evtwin_table *t = read_all(sim);
    assert_int_equal(evtwin_table_rows(t), 100000);
    assert_ok(evtwin_telemetry_check(t));
    evtwin_table_free(t);
    evtwin_sim_free(sim);
}

static void classic_follows_the_original(void **state) {
    (void)state;
    evtwin_sim_options o = defaults();
    o.model = EVTWIN_SIM_CLASSIC;
    o.n_packs = 2;
    evtwin_sim *sim = create(&o);
    evtwin_table *t = read_all(sim);
    assert_near(number(t, "soc", 0), 85.0, 1e-12);
    assert_near(number(t, "soh", 0), 95.0, 1e-12);
    assert_near(number(t, "temperature", 0), 32.0, 0.0);
    assert_near(number(t, "charge_cycles", 0), 150.0, 0.0);
    assert_true(isnan(number(t, "resistance_mohm", 0)));
    evtwin_table_free(t);

    double last = 85.0, cycles = 150.0;
    int charging = 0, n_charged = 0;
    for (int k = 0; k < 20000; k++) {
        assert_ok(evtwin_sim_advance(sim, 2.0));
        const truth x = truth_of(sim, 0);
        const double soc = 100.0 * x.soc_frac;
        if (charging) {
            assert_true(x.current_A <= -100.0 && x.current_A >= -150.0);
            assert_true(soc == 100.0 || (soc - last > 0.499 && soc - last < 1.501));
        } else {
            assert_true(x.current_A >= 50.0 && x.current_A <= 120.0);
            assert_true(last - soc > 0.199 && last - soc < 0.801);
        }
        assert_near(x.voltage_V, 350.0 + 0.5 * soc, 5.0);
        const double warm = 25.0 + 0.08 * fabs(x.current_A);
        assert_near(x.temperature_degC, warm, 2.0);
        if (charging && soc >= 99.0) {
            charging = 0;
            n_charged++;
            cycles += 1.0;
        } else if (!charging && soc <= 20.0) {
            charging = 1;
        }
        assert_near(x.equivalent_full_cycles, cycles, 0.0);
        assert_near(x.soh_frac, 0.95 - 1e-4 * (cycles - 150.0), 1e-12);
        last = soc;
    }
    assert_true(n_charged > 50);
    const double current[2] = {1.0, 1.0};
    assert_fails(evtwin_sim_set_current(sim, current, 2), EVTWIN_E_UNSUPPORTED, "classic");
    evtwin_sim_free(sim);
}

/* 95 - 0.01 * 507 is 89.92999999999999; telemetry says 89.93. */
static void classic_telemetry_has_two_decimals(void **state) {
    (void)state;
    static const char *const names[] = {"soc",     "soh",         "voltage",
                                        "current", "temperature", "power_consumption"};
    evtwin_sim_options o = defaults();
    o.model = EVTWIN_SIM_CLASSIC;
    evtwin_sim *sim = create(&o);
    for (int k = 0; k < 600; k++) {
        assert_ok(evtwin_sim_advance(sim, 500.0));
        evtwin_table *t = read_all(sim);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const double x = number(t, names[i], 0);
            assert_true(nearbyint(100.0 * x) / 100.0 == x);
        }
        evtwin_table_free(t);
    }
    evtwin_sim_free(sim);
}

/* Each model lists what it knows, and says every listed quantity of every pack. */
static void truth_is_asked_for_by_name(void **state) {
    (void)state;
    const size_t n_expected[] = {[EVTWIN_SIM_ECM] = 13, [EVTWIN_SIM_CLASSIC] = 6};
    for (int model = 0; model < 2; model++) {
        evtwin_sim_options o = defaults();
        o.model = (evtwin_sim_model)model;
        o.n_packs = 3;
        evtwin_sim *sim = create(&o);
        assert_ok(evtwin_sim_advance(sim, 100.0));
        const size_t n = evtwin_sim_truth_count(sim);
        assert_int_equal(n, n_expected[model]);
        for (size_t i = 0; i < n; i++) {
            double value[3] = {NAN, NAN, NAN};
            assert_ok(evtwin_sim_truth(sim, evtwin_sim_truth_name(sim, i), value, 3));
            assert_true(isfinite(value[0]) && isfinite(value[1]) && isfinite(value[2]));
        }
        assert_null(evtwin_sim_truth_name(sim, n));

        double value[3] = {7.0, 7.0, 7.0};
        assert_fails(evtwin_sim_truth(sim, "mood", value, 3), EVTWIN_E_NOT_FOUND, "'mood'");
        for (size_t i = 0; i < n; i++) {
            assert_non_null(strstr(evtwin_last_error(), evtwin_sim_truth_name(sim, i)));
        }
        assert_int_equal(evtwin_sim_truth(sim, "v1_V", value, 3),
                         model == EVTWIN_SIM_ECM ? EVTWIN_OK : EVTWIN_E_NOT_FOUND);
        assert_true(model == EVTWIN_SIM_ECM ? value[0] < 0.1 : value[0] == 7.0);
        evtwin_sim_free(sim);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_pack_starts_as_the_contract_says),
        cmocka_unit_test(packs_cycle_as_the_contract_says),
        cmocka_unit_test(packs_spread_over_health_and_charge),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(cuts_of_time_do_not_change_a_bit),
        cmocka_unit_test(packs_do_not_depend_on_the_fleet),
        cmocka_unit_test(days_are_lived),
        cmocka_unit_test(drive_cycle_is_followed),
        cmocka_unit_test(readings_are_what_a_bms_reports),
        cmocka_unit_test(hands_on_and_off),
        cmocka_unit_test(a_city_of_packs_steps),
        cmocka_unit_test(classic_follows_the_original),
        cmocka_unit_test(classic_telemetry_has_two_decimals),
        cmocka_unit_test(truth_is_asked_for_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
