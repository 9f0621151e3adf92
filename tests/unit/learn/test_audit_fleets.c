/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_fleets.c: no false alarm in clean fleets of 20 to 300 packs, two
 * chemistries, a record every 1 to 30 days; with the contract's features and with more. */

#include "test.h"

#include "audit_faults.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_fleets_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
