/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_fleets.c: no false alarm in clean fleets of 20 to 300 packs, two
 * chemistries, a record every 1 to 30 days, in live records and in cells of laboratories; with the
 * contract's features and with more. */

#include "test.h"

#include "audit_faults.h"
#include "../../support/lab_cells.h"

#define LFP SOURCE_DIR "/models/cells/lfp26650.json"

static const struct {
    size_t packs;
    uint64_t seed;
    const char *cell;
    double every_days;
} fleets[] = {
    {20, 11, NULL, 7.0},   {40, 12, NULL, 30.0}, {100, 13, NULL, 7.0}, {300, 14, NULL, 15.0},
    {200, 15, NULL, 15.0}, {50, 16, NULL, 3.0},  {20, 17, NULL, 1.0},  {25, 33, NULL, 14.0},
    {120, 32, NULL, 20.0}, {60, 21, LFP, 15.0},  {200, 22, LFP, 15.0}, {40, 24, LFP, 7.0},
    {100, 23, LFP, 30.0},
};

static void test_clean_fleets_are_silent(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fleets / sizeof fleets[0]; i++) {
        char name[64];
        setup s = default_setup();
        evtwin_table *t =
            simulate_records(fleets[i].packs, fleets[i].seed, fleets[i].cell, fleets[i].every_days);
        snprintf(name, sizeof name, "%zu packs of seed %d", fleets[i].packs, (int)fleets[i].seed);
        assert_silent(t, &s, name);
        MORE_FEATURES_OF(&s, "is_charging,resistance_mohm,mean_temperature,throughput_ah_per_day");
        assert_silent(t, &s, name);
        evtwin_table_free(t);
    }
}

/* ---- live records: packs that are parked for hours, or charge and discharge all day ---- */

static const struct {
    size_t packs;
    uint64_t seed;
    evtwin_sim_use use;
    double days, every_s;
    double soc_step; /* what the pack's values are rounded to, 0 = as they are */
} live[] = {
    {40, 1, EVTWIN_USE_DAILY, 10, 3600, 0}, {30, 2, EVTWIN_USE_DAILY, 3, 600, 0},
    {40, 3, EVTWIN_USE_CYCLE, 10, 3600, 0}, {30, 4, EVTWIN_USE_CYCLE, 3, 600, 0},
    {60, 7, EVTWIN_USE_DAILY, 7, 1800, 0},  {40, 8, EVTWIN_USE_CYCLE, 10, 3600, 1},
    {30, 9, EVTWIN_USE_DAILY, 3, 600, 1},
};

static evtwin_table *drive(size_t i) {
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.use = live[i].use;
    o.n_packs = live[i].packs;
    o.seed = live[i].seed;
    o.initial_soh_percent = 99.0;
    o.final_soh_percent = 80.0;
    assert_ok(evtwin_sim_create(&o, &sim));
    assert_ok(evtwin_telemetry_table_create(&t));
    for (double s = 0.0; s < live[i].days * 86400.0; s += live[i].every_s) {
        assert_ok(evtwin_sim_advance(sim, live[i].every_s));
        assert_ok(
            evtwin_sim_read(sim, o.start_time_us + (int64_t)(evtwin_sim_time_s(sim) * 1e6), t));
    }
    evtwin_sim_free(sim);
    return t;
}

/* Outcomes: at its own pace each battery comes to its end; the failure is due 60 cycles before. */
static void label_outcomes(evtwin_table *t, size_t packs, uint64_t seed) {
    double *rul = edit(t, "rul"), *failure = edit(t, "failure"), end[64];
    EACH_ROW(t, r) {
        const size_t pack = r % packs;
        const double cycles = get(t, "charge_cycles", r);
        if (r < packs) {
            const double left = fmax(get(t, "soh", r) - 80.0 + 0.6 * normal_of(&seed), 0.0);
            end[pack] = cycles + left * (35.0 + 40.0 * noise_of(&seed));
        }
        rul[r] = fmax(round(end[pack] - cycles), 0.0);
        failure[r] = rul[r] < 60.0 ? 1.0 : 0.0;
    }
}

static void test_live_records_are_silent(void **state) {
    (void)state;
    static const char *const rounded[] = {"soc", "voltage", "temperature", "soh"};
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++) {
        char name[64];
        evtwin_table *t = drive(i);
        label_outcomes(t, live[i].packs, live[i].seed);
        for (size_t k = 0; k < 4 && live[i].soc_step > 0.0; k++) {
            double *v = edit(t, rounded[k]);
            EACH_ROW(t, r) {
                v[r] = live[i].soc_step * round(v[r] / live[i].soc_step);
            }
        }
        setup s = default_setup();
        snprintf(name, sizeof name, "live records %zu", i);
        assert_silent(t, &s, name);
        MORE_FEATURES_OF(&s, "is_charging,resistance_mohm,mean_temperature,throughput_ah_per_day");
        assert_silent(t, &s, name);
        evtwin_table_free(t);
    }
}

/* ---- cells of laboratories: nothing but what is true, that they are few or censored ---- */

static void test_laboratories_are_silent(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lab_shapes / sizeof lab_shapes[0]; i++) {
        for (uint64_t seed = 1; seed <= 2; seed++) {
            evtwin_table *t = lab_make(&lab_shapes[i], seed);
            setup s = default_setup();
            assert_non_null(t);
            s.options.group = "cell_name";
            s.options.features =
                "capacity_ah,internal_resistance_ohm,temperature_mean,charge_time_s,cycle";
            s.rul = "rul";
            s.failure = "none";
            evtwin_audit *audit = audit_table(t, &s);
            for (size_t k = 0; k < evtwin_audit_finding_count(audit); k++) {
                evtwin_finding f;
                assert_ok(evtwin_audit_finding(audit, k, &f, sizeof f));
                if (strcmp(f.severity, "info") != 0 && strcmp(f.cause, "few-groups") != 0 &&
                    strcmp(f.cause, "censored") != 0) {
                    print_findings(audit);
                    fail_msg("%s of clean cells: %s", f.cause, lab_shapes[i].name);
                }
            }
            evtwin_audit_free(audit);
            evtwin_table_free(t);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_records_are_silent),
        cmocka_unit_test(test_laboratories_are_silent),
        cmocka_unit_test(test_clean_fleets_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
