/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_variation.c: the fleet's spread is what variation.c says; noise and weather
 * behave. */

#include "test.h"

#include "sim/fleet.h"

enum { N = 20000 };

/* Mean and deviation of a sample. */
typedef struct moments {
    double n, sum, square;
} moments;

static void take(moments *m, double x) {
    m->n += 1.0;
    m->sum += x;
    m->square += x * x;
}

static double mean(const moments *m) {
    return m->sum / m->n;
}

static double sigma(const moments *m) {
    return sqrt(m->square / m->n - mean(m) * mean(m));
}

static void packs_spread_as_declared(void **state) {
    (void)state;
    moments capacity = {0}, resistance = {0}, rate = {0}, daily = {0}, limit = {0}, climate = {0};
    double product = 0.0, rates = 0.0;
    int defective = 0;
    for (uint32_t p = 0; p < N; p++) {
        const evtwin__variation t = evtwin__variation_sample((evtwin__pack_rng){5, p}, 1.0);
        take(&capacity, log(t.capacity_factor));
        take(&resistance, log(t.resistance_factor));
        take(&rate, log(t.capacity_rate));
        take(&daily, log(t.daily_cycles));
        take(&limit, t.charge_limit_frac);
        take(&climate, t.climate_K);
        product += log(t.capacity_factor) * log(t.resistance_factor);
        rates += log(t.capacity_rate) * log(t.resistance_rate);
        defective += t.is_defective;
        assert_true(t.plug_frac >= 0.15 && t.plug_frac <= 0.35);
        assert_true(t.charge_limit_frac >= 0.8 && t.charge_limit_frac <= 1.0);
        assert_true(t.defect_onset_cycles >= 50.0 && t.defect_onset_cycles <= 650.0);
    }
    assert_near(sigma(&capacity), 0.007, 0.0002);
    assert_near(sigma(&resistance), 0.025, 0.0006);
    assert_near(product / N / sigma(&capacity) / sigma(&resistance), -0.3, 0.03);
    assert_near(sigma(&rate), 0.10, 0.003);
    assert_near(rates / N / 0.01, 0.5, 0.04);
    assert_near(exp(mean(&daily)), 0.41, 0.005);
    assert_near(sigma(&daily), 0.25, 0.006);
    assert_near(mean(&limit), 0.9, 0.002);
    assert_near(sigma(&climate), 1.5, 0.04);
    assert_near((double)defective / N, 0.10, 0.008);
}

static void scale_zero_is_the_nominal_pack(void **state) {
    (void)state;
    for (uint32_t p = 0; p < 300; p++) {
        const evtwin__variation t = evtwin__variation_sample((evtwin__pack_rng){5, p}, 0.0);
        assert_true(t.capacity_factor == 1.0 && t.resistance_factor == 1.0);
        assert_true(t.capacity_rate == 1.0 && t.resistance_rate == 1.0);
        assert_true(t.daily_cycles == 0.41 && t.climate_K == 0.0 && t.is_defective == 0);
        assert_near(t.charge_limit_frac, 0.9, 1e-12);
    }
}

static void days_average_to_the_drivers_mean(void **state) {
    (void)state;
    const evtwin__pack_rng rng = {1, 4};
    const evtwin__variation t = evtwin__variation_sample(rng, 1.0);
    moments work = {0};
    int rest = 0, plugs = 0;
    for (uint64_t day = 0; day < N; day++) {
        const evtwin__day d = evtwin__day_sample(&t, day);
        plugs += d.plugs_in;
        assert_true(d.start_hour >= 6.0 && d.start_hour <= 10.0 && d.cycles > 0.0);

        /* errands stay far below a working day */
        if (d.cycles < 0.3 * t.daily_cycles) {
            rest++;
        } else {
            take(&work, d.cycles);
        }
    }
    assert_near(mean(&work), t.daily_cycles, 0.01 * t.daily_cycles);
    assert_near((double)rest / N, t.rest_day_probability, 0.01);
    assert_near((double)plugs / N, t.night_plug_probability, 0.012);
}

static void weather_has_seasons_and_hours(void **state) {
    (void)state;
    const evtwin__pack_rng rng = {9, 2};
    evtwin__variation t = evtwin__variation_sample(rng, 0.0);
    moments january = {0}, july = {0}, year = {0};
    for (int y = 0; y < 60; y++) {
        const double start = 19723.0 + 365.2425 * y;
        for (int d = 0; d < 365; d++) {
            const double air = evtwin__air_mean_degC(&t, start + d);
            take(&year, air);
            take(d < 31 ? &january : d >= 182 && d < 213 ? &july : &(moments){0}, air);
        }
    }
    assert_near(mean(&year), 17.0, 0.2);
    assert_near(mean(&january), 9.1, 0.6);
    assert_near(mean(&july), 24.9, 0.6);
    assert_near(sigma(&january), 3.0, 0.3);

    /* afternoon against night, and no jumps */
    assert_near(evtwin__air_degC(&t, 20000.0 + 15.0 / 24.0) -
                    evtwin__air_mean_degC(&t, 20000.0 + 15.0 / 24.0),
                5.0, 1e-6);
    assert_near(evtwin__air_degC(&t, 20000.0 + 3.0 / 24.0) -
                    evtwin__air_mean_degC(&t, 20000.0 + 3.0 / 24.0),
                -5.0, 1e-6);
    double last = evtwin__air_degC(&t, 20000.0);
    for (int k = 1; k < 24 * 60; k++) {
        const double air = evtwin__air_degC(&t, 20000.0 + k / 24.0);
        assert_true(fabs(air - last) < 2.0);
        last = air;
    }

    /* one region: two cars differ by a constant */
    evtwin__variation other = t;
    other.rng.pack = 3;
    other.climate_K = 2.0;
    assert_near(evtwin__air_degC(&other, 20000.3) - evtwin__air_degC(&t, 20000.3), 2.0, 1e-12);
}

static void slow_noise_keeps_its_deviation(void **state) {
    (void)state;
    for (int part = 0; part < 4; part++) {
        moments m = {0};
        for (uint32_t p = 0; p < N; p++) {
            take(&m, evtwin__sample_slow((evtwin__pack_rng){3, p}, EVTWIN__CHANNEL_SLOW_SOH,
                                         7.0 + 0.25 * part));
        }
        assert_near(mean(&m), 0.0, 0.03);
        assert_near(sigma(&m), 1.0, 0.02);
    }

    /* near in time is near in value; also before time zero */
    const evtwin__pack_rng d = {3, 3};
    for (int k = -50; k < 50; k++) {
        const double t = 0.1 * k;
        assert_near(evtwin__sample_slow(d, EVTWIN__CHANNEL_SLOW_SOH, t + 1e-9),
                    evtwin__sample_slow(d, EVTWIN__CHANNEL_SLOW_SOH, t - 1e-9), 1e-6);
    }
}

static void readings_stay_in_their_ranges(void **state) {
    (void)state;
    for (uint32_t p = 0; p < 2000; p++) {
        const evtwin__pack_rng rng = {2, p};
        const evtwin__sensors sensors = evtwin__sensors_sample(rng);
        const evtwin__sensor_input in = {.soc_frac = p % 2,
                                         .soh_frac = 1.0,
                                         .voltage_V = 400.0,
                                         .current_A = 0.0,
                                         .temperature_degC = 25.0,
                                         .resistance_ohm = 0.06,
                                         .n_series = 96};
        const evtwin__reading r = evtwin__sensors_read(&sensors, p, &in);
        assert_true(r.soc_percent >= 0.0 && r.soc_percent <= 100.0 && r.soh_percent <= 100.0);
        assert_true(r.current_A == 0.0 && r.is_charging == 0 && r.power_W == 0.0);
        assert_true(isfinite(r.throughput_Ah_per_day) && isfinite(r.mean_temperature_degC));

        /* resolutions: what is printed is short */
        assert_near(r.temperature_degC * 2.0, nearbyint(r.temperature_degC * 2.0), 0.0);
        assert_near(r.voltage_V * 100.0, nearbyint(r.voltage_V * 100.0), 1e-9);
    }
}

/* Power from speed: standing, cruising, braking; means over any stretch, round after round. */
static void vehicle_turns_speed_into_power(void **state) {
    (void)state;
    evtwin__drive_cycle c;
    assert_ok(evtwin__drive_cycle_load(
        temp_file("trace.csv", "cycSecs,cycMps\n0,0\n1,0\n2,10\n3,20\n4,20\n5,10\n6,0\n"), &c));
    assert_int_equal(c.n_seconds, 6);
    assert_near(evtwin__drive_cycle_power_W(&c, 0.0, 1.0), 400.0, 1e-9);
    const double cruise =
        (1850.0 * 9.81 * 0.009 + 0.5 * 1.2 * 0.55 * 20.0 * 20.0) * 20.0 / 0.9 + 400.0;
    assert_near(evtwin__drive_cycle_power_W(&c, 3.0, 1.0), cruise, 1e-6);
    assert_near(evtwin__drive_cycle_power_W(&c, 4.0, 1.0), -60e3 + 400.0, 1e-6); /* capped */
    double sum = 0.0;
    for (int k = 0; k < 6; k++) {
        sum += evtwin__drive_cycle_power_W(&c, k, 1.0);
    }
    assert_near(evtwin__drive_cycle_power_W(&c, 0.0, 6.0), sum / 6.0, 1e-6);
    assert_near(evtwin__drive_cycle_power_W(&c, 1.5, 12.0), sum / 6.0, 1e-6);
    assert_near(evtwin__drive_cycle_power_W(&c, 603.25, 0.5), cruise, 1e-6);
    evtwin__drive_cycle_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_spread_as_declared),
        cmocka_unit_test(scale_zero_is_the_nominal_pack),
        cmocka_unit_test(days_average_to_the_drivers_mean),
        cmocka_unit_test(weather_has_seasons_and_hours),
        cmocka_unit_test(slow_noise_keeps_its_deviation),
        cmocka_unit_test(readings_stay_in_their_ranges),
        cmocka_unit_test(vehicle_turns_speed_into_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
