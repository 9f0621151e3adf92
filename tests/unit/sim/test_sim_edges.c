/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_sim_edges.c: what a simulator refuses: options, calls, files, tables, and
 * memory that runs out. */

#include "counting_realloc.h"
#include "sim_cells.h"
#include "sim_fleet.h"

static void drive_cycle_files_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
        evtwin_status status;
    } file[] = {
        {"cycSecs,speed\n0,0\n1,1\n", "trace.csv|'cycMps'", EVTWIN_E_PARSE},
        {"cycSecs,cycMps\n0,0\n", "trace.csv|1 rows|2|1000000", EVTWIN_E_PARSE},
        {"cycSecs,cycMps\n0,0\n2,1\n", "row 2|cycSecs|2|1", EVTWIN_E_PARSE},
        {"cycSecs,cycMps\n0,0\n1,-4\n", "row 2|cycMps|-4|[0, 100]", EVTWIN_E_PARSE},
        {"cycSecs,cycMps\n0,0\n1,\n", "row 2|cycMps|nan|[0, 100]", EVTWIN_E_PARSE},
    };
    evtwin_sim *sim = NULL;
    evtwin_sim_options o = defaults();
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        o.drive_cycle = temp_file("trace.csv", file[i].text);
        assert_fails(evtwin_sim_create(&o, &sim), file[i].status, file[i].error);
    }
    o.drive_cycle = "/nowhere/trace.csv";
    assert_fails(evtwin_sim_create(&o, &sim), EVTWIN_E_NOT_FOUND, "/nowhere/trace.csv");
    assert_null(sim);
}

static void tables_that_do_not_fit_are_refused(void **state) {
    (void)state;
    const evtwin_sim_options o = defaults();
    evtwin_sim *sim = create(&o);
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_fails(evtwin_sim_read(sim, 0, t), EVTWIN_E_SCHEMA, "'time'");
    evtwin_table_free(t);
    assert_ok(evtwin_telemetry_table_create(&t));
    evtwin_table *shared = evtwin_table_share(t);
    assert_fails(evtwin_sim_read(sim, 0, t), EVTWIN_E_STATE, "");
    evtwin_table_free(shared);
    evtwin_table_free(t);
    assert_fails(evtwin_sim_read(sim, 0, NULL), EVTWIN_E_ARG, "table|NULL");
    evtwin_sim_free(sim);
}

static void ids_count_on_from_the_first(void **state) {
    (void)state;
    static const struct {
        const char *first;
        size_t pack;
        const char *expected;
    } name[] = {
        {"BATTERY_001", 1, "BATTERY_002"},
        {"BATTERY_999", 1, "BATTERY_1000"},
        {"bus", 0, "bus"},
        {"bus", 1, "bus_002"},
        {"a.7", 4, "a.11"},
        {"007", 2, "009"},
        {"x1234567890", 1, "x1234567891"},
    };
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        evtwin_sim_options o = defaults();
        o.n_packs = 5;
        o.battery_id = name[i].first;
        evtwin_sim *sim = create(&o);
        assert_string_equal(evtwin_sim_battery_id(sim, name[i].pack), name[i].expected);
        evtwin_sim_free(sim);
    }
    evtwin_sim_options o = defaults();
    evtwin_sim *sim = NULL;
    o.n_packs = 2;
    o.battery_id = "A23456789012345678901234567890123456789012345678.9";
    assert_fails(evtwin_sim_create(&o, &sim), EVTWIN_E_ARG, "battery_id|pack 2|50");
    o.battery_id = "no spaces";
    assert_fails(evtwin_sim_create(&o, &sim), EVTWIN_E_ARG, "no spaces");
    o.battery_id = "";
    assert_fails(evtwin_sim_create(&o, &sim), EVTWIN_E_ARG, "battery_id");
    assert_null(sim);
}

#define BAD(member, value, text)                                                                   \
    do {                                                                                           \
        evtwin_sim_options bad = defaults();                                                       \
        bad.member = (value);                                                                      \
        assert_fails(evtwin_sim_create(&bad, &sim), EVTWIN_E_ARG, text);                           \
        assert_null(sim);                                                                          \
    } while (0)

static void options_are_checked(void **state) {
    (void)state;
    evtwin_sim *sim = NULL;
    BAD(n_packs, 0, "n_packs|0");
    BAD(n_packs, SIZE_MAX, "n_packs");
    BAD(n_series, 0, "n_series|0");
    BAD(n_parallel, -3, "n_parallel|-3");
    BAD(initial_soc_percent, 100.5, "initial_soc_percent|100.5");
    BAD(initial_soc_percent, NAN, "initial_soc_percent");
    BAD(initial_soh_percent, 5.0, "initial_soh_percent");
    BAD(final_soh_percent, INFINITY, "final_soh_percent");
    BAD(initial_temperature_degC, 200.0, "initial_temperature_degC");
    BAD(initial_cycles, -1.0, "initial_cycles");
    BAD(without_defects, 2, "without_defects");
    BAD(step_s, 0.0, "step_s");
    BAD(step_s, NAN, "step_s");
    BAD(n_threads, -1, "n_threads");
    BAD(start_time_us, -1, "start_time_us");
    BAD(start_time_us, INT64_MAX, "start_time_us");
    BAD(model, (evtwin_sim_model)9, "model|9");
    BAD(use, (evtwin_sim_use)9, "use|9");
    BAD(size, 0, "size");
    assert_fails(evtwin_sim_create(NULL, &sim), EVTWIN_E_ARG, "options|NULL");
    const evtwin_sim_options o = defaults();
    assert_fails(evtwin_sim_create(&o, NULL), EVTWIN_E_ARG, "out|NULL");

    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(NULL, &cell));
    evtwin_sim_options tall = defaults();
    tall.cell = cell;
    tall.n_series = 500;
    assert_fails(evtwin_sim_create(&tall, &sim), EVTWIN_E_ARG, "n_series|500|2100 V|2000 V");
    evtwin_cell_free(cell);

    assert_ok(evtwin_cell_load(temp_file("cell.json", CELL_LIMITED), &cell));
    evtwin_sim_options young = defaults();
    young.cell = cell;
    assert_fails(evtwin_sim_create(&young, &sim), EVTWIN_E_ARG, "'test'|initial_soh_percent|100");
    evtwin_cell_free(cell);
    evtwin_sim_free(NULL);
}

static void calls_are_checked(void **state) {
    (void)state;
    const evtwin_sim_options o = defaults();
    evtwin_sim *sim = create(&o);
    assert_fails(evtwin_sim_advance(sim, -1.0), EVTWIN_E_ARG, "duration_s|-1");
    assert_fails(evtwin_sim_advance(sim, NAN), EVTWIN_E_ARG, "duration_s");
    assert_fails(evtwin_sim_advance(NULL, 1.0), EVTWIN_E_ARG, "sim|NULL");
    const double current[2] = {1.0, NAN};
    assert_fails(evtwin_sim_set_current(sim, current, 2), EVTWIN_E_ARG, "2 currents|1 packs");
    assert_fails(evtwin_sim_set_current(sim, &current[1], 1), EVTWIN_E_ARG, "current_A[0]");
    double soc[2] = {7.0, 7.0};
    assert_fails(evtwin_sim_truth(sim, "soc_frac", soc, 2), EVTWIN_E_ARG, "2 values");
    assert_fails(evtwin_sim_truth(sim, "soc_frac", soc, 0), EVTWIN_E_ARG, "0 values");
    assert_fails(evtwin_sim_truth(NULL, "soc_frac", soc, 1), EVTWIN_E_ARG, "sim|NULL");
    assert_fails(evtwin_sim_truth(sim, NULL, soc, 1), EVTWIN_E_ARG, "name|NULL");
    assert_fails(evtwin_sim_truth(sim, "soc_frac", NULL, 1), EVTWIN_E_ARG, "out|NULL");
    assert_true(soc[0] == 7.0 && soc[1] == 7.0);
    assert_ok(evtwin_sim_truth(sim, "soc_frac", soc, 1));
    assert_true(soc[0] == 0.85 && soc[1] == 7.0);
    evtwin_sim_free(sim);
}

static evtwin_status use_once(void) {
    evtwin_sim_options o = defaults();
    o.n_packs = 9;
    evtwin_sim *sim = NULL;
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_sim_create(&o, &sim);
    if (st >= 0 && (st = evtwin_telemetry_table_create(&t)) >= 0) {
        st = evtwin_sim_read(sim, 0, t);
        assert_int_equal(evtwin_table_rows(t), st < 0 ? 0 : 9);
    }
    evtwin_table_free(t);
    evtwin_sim_free(sim);
    return st;
}

static void running_out_of_memory_is_an_error(void **state) {
    (void)state;
    counter c = {0};
    evtwin_set_allocator(counting_realloc, &c);
    assert_ok(use_once());
    const long n = c.calls;
    assert_true(n > 5);
    assert_int_equal(c.live, 0);
    for (long k = 1; k <= n; k++) {
        c = (counter){.fail_at = k};
        const evtwin_status st = use_once();
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_int_equal(c.live, 0);
    }
    evtwin_set_allocator(NULL, NULL);
}

static void stepping_does_not_allocate(void **state) {
    (void)state;
    counter c = {0};
    evtwin_set_allocator(counting_realloc, &c);
    evtwin_sim_options o = defaults();
    o.n_packs = 20;
    evtwin_sim *sim = create(&o);
    const long before = c.calls;
    assert_ok(evtwin_sim_advance(sim, 100000.0));
    assert_int_equal(c.calls, before);
    evtwin_sim_free(sim);
    assert_int_equal(c.live, 0);
    evtwin_set_allocator(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drive_cycle_files_are_checked),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(ids_count_on_from_the_first),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(calls_are_checked),
        cmocka_unit_test(running_out_of_memory_is_an_error),
        cmocka_unit_test(stepping_does_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
