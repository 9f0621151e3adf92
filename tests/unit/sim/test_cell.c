/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_cell.c: cell parameter sets: the built-in ones, files, and every way a file
 * can be wrong. */

#include "test.h"

#include "sim/cell.h"
#include "sim_cells.h"

static void built_in_sets_say_what_is_listed(void **state) {
    (void)state;
    const size_t n = evtwin_cell_builtin_count();
    assert_true(n >= 1);
    assert_string_equal(evtwin_cell_builtin_name(0), "lgm50");
    for (size_t i = 0; i < n; i++) {
        evtwin_cell *cell = NULL;
        assert_ok(evtwin_cell_load(evtwin_cell_builtin_name(i), &cell));
        assert_string_equal(evtwin_cell_name(cell), evtwin_cell_builtin_name(i));
        assert_string_equal(cell->description, evtwin_cell_builtin_description(i));
        evtwin_cell_free(cell);

        /* the file beside the project is what was compiled in */
        char path[512];
        snprintf(path, sizeof path, "%s/models/cells/%s.json", SOURCE_DIR,
                 evtwin_cell_builtin_name(i));
        assert_ok(evtwin_cell_load(path, &cell));
        assert_string_equal(evtwin_cell_name(cell), evtwin_cell_builtin_name(i));
        evtwin_cell_free(cell);
    }
    assert_null(evtwin_cell_builtin_name(n));
    assert_null(evtwin_cell_builtin_description(n));
}

static void default_is_the_lgm50(void **state) {
    (void)state;
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(NULL, &cell));
    assert_string_equal(evtwin_cell_name(cell), "lgm50");
    assert_string_equal(evtwin_cell_chemistry(cell), "NMC811 / graphite-SiOx");
    assert_near(evtwin_cell_capacity_Ah(cell), 5.1532, 0.0);
    assert_near(evtwin_cell_v_min_V(cell), 2.5, 0.0);
    assert_near(evtwin_cell_v_max_V(cell), 4.2, 0.0);

    /* the identified table: OCV at nine points, R0 over temperature */
    static const double ocv[] = {3.2959, 3.4852, 3.5814, 3.6670, 3.7509,
                                 3.8406, 3.9479, 4.0421, 4.0967};
    for (int i = 0; i < 9; i++) {
        assert_near(evtwin_cell_ocv_V(cell, 0.1 * (i + 1)), ocv[i], 1e-4);
    }
    assert_near(evtwin_cell_ocv_V(cell, 0.0), 2.5, 1e-3);
    assert_near(evtwin_cell_ocv_V(cell, 1.0), 4.2, 1e-3);
    assert_near(evtwin_cell_r0_ohm(cell, 0.5, 25.0), 0.02539, 1e-12);
    assert_near(evtwin_cell_r0_ohm(cell, 0.5, 0.0), 0.0377, 0.06 * 0.0377);
    assert_near(evtwin_cell_r0_ohm(cell, 0.5, 45.0), 0.0179, 0.06 * 0.0179);
    evtwin_cell_free(cell);
}

/* The table's cubic against the half-cell formula, which it only samples 257 times. */
static void ocv_table_follows_the_formula(void **state) {
    (void)state;
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load("lgm50", &cell));
    double worst = 0.0;
    for (int k = 0; k <= 10007; k++) {
        const double z = k / 10007.0;
        const double x = 0.026346 + z * (0.910618 - 0.026346);
        const double y = 0.853975 + z * (0.263845 - 0.853975);
        const double un =
            1.9793 * exp(-39.3631 * x) + 0.2482 - 0.0909 * tanh(29.8538 * (x - 0.1234)) -
            0.04478 * tanh(14.9159 * (x - 0.2769)) - 0.0205 * tanh(30.4444 * (x - 0.6103));
        const double up = -0.809 * y + 4.4875 - 0.0428 * tanh(18.5138 * (y - 0.5542)) -
                          17.7326 * tanh(15.789 * (y - 0.3117)) +
                          17.5842 * tanh(15.9308 * (y - 0.312));
        const double error = fabs(evtwin_cell_ocv_V(cell, z) - (up - un));
        worst = error > worst ? error : worst;
    }
    print_message("OCV table: worst error %.3g uV\n", 1e6 * worst);
    assert_true(worst < 2e-6);
    evtwin_cell_free(cell);
}

static void points_make_a_rising_curve(void **state) {
    (void)state;
    const double soc[] = {0.0, 0.05, 0.3, 0.7, 1.0}, volt[] = {2.0, 3.0, 3.2, 3.21, 3.6};
    evtwin__ocv ocv;
    evtwin__ocv_from_points(soc, volt, 5, &ocv);
    assert_int_equal(evtwin__ocv_first_fall(&ocv), EVTWIN__OCV_INTERVALS);
    for (int i = 0; i < 5; i++) {
        assert_near(evtwin__ocv_at(&ocv, soc[i]), volt[i], 2e-3);
    }
    double last = 0.0;
    for (int k = 0; k <= 5000; k++) {
        const double u = evtwin__ocv_at(&ocv, k / 5000.0);
        assert_true(u >= last);
        last = u;
    }
    assert_near(evtwin__ocv_at(&ocv, -3.0), 2.0, 1e-12);
    assert_near(evtwin__ocv_at(&ocv, 7.0), 3.6, 1e-12);
}

/* Load `base` with one piece of text replaced by another. */
static evtwin_status load_edited(const char *base, const char *from, const char *to) {
    const char *at = strstr(base, from);
    assert_non_null(at);
    char *text = malloc(strlen(base) + strlen(to) + 1);
    assert_non_null(text);
    const size_t head = (size_t)(at - base);
    memcpy(text, base, head);
    strcpy(text + head, to);
    strcat(text, at + strlen(from));
    evtwin_cell *cell = NULL;
    const evtwin_status st = evtwin_cell_load(temp_file("edited.json", text), &cell);
    free(text);
    evtwin_cell_free(cell);
    return st;
}

static void mistakes_in_a_file_are_named(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        evtwin_status status;
        const char *text;
    } mistake[] = {
        {"\"format\":1", "\"format\":2", EVTWIN_E_RANGE, "'format'|2|[1, 1]"},
        {"\"format\":1,", "", EVTWIN_E_PARSE, "'format'"},
        {"\"name\":\"test\"", "\"name\":7", EVTWIN_E_PARSE, "'name'"},
        {"\"chemistry\"", "\"chemestry\"", EVTWIN_E_PARSE, "'chemestry'"},
        {"{\"value\":5.1532,\"source\":\"s\"}", "{\"value\":5.1532}", EVTWIN_E_PARSE,
         "capacity_Ah.source"},
        {"{\"value\":5.1532,\"source\":\"s\"}", "5.1532", EVTWIN_E_PARSE, "'capacity_Ah'"},
        {"5.1532", "-1", EVTWIN_E_RANGE, "capacity_Ah.value"},
        {"5.1532", "\"big\"", EVTWIN_E_PARSE, "capacity_Ah.value"},
        {"\"negative_empty\":{\"value\":0.026346", "\"negative_empty\":{\"value\":1.5",
         EVTWIN_E_RANGE, "ocv.negative_empty.value"},
        {"[1.9793,-39.3631,0]", "[1.9793,-39.3631]", EVTWIN_E_PARSE,
         "'ocv.negative.exp[0]'|[a, b, c]"},
        {"\"negative_full\":{\"value\":0.910618", "\"negative_full\":{\"value\":0.001",
         EVTWIN_E_RANGE, "'ocv'|soc|0.000"},
        {"\"v_max_V\":{\"value\":4.2", "\"v_max_V\":{\"value\":4.0", EVTWIN_E_RANGE,
         "'ocv'|2.5000|4.2000 V|2.5|4 V"},
        {"[0.1,0.2,0.3", "[0.1,0.3,0.3", EVTWIN_E_RANGE, "'circuit.r0_ohm.soc'|element 2"},
        {"[0.1,0.2,0.3", "[0.1,0.205,0.3", EVTWIN_E_RANGE, "'circuit.r0_ohm.soc[1]'|0.205|0.01"},
        {"[0.1,0.2,0.3", "[0.2,0.3", EVTWIN_E_PARSE, "'circuit.r0_ohm.soc'|8|9"},
        {"0.03149", "0", EVTWIN_E_RANGE, "circuit.r0_ohm.values[0]"},
        {"\"tau1_s\"", "\"tau_1\"", EVTWIN_E_PARSE, "'circuit.tau_1'"},
        {"12000", "-5", EVTWIN_E_RANGE, "circuit.r0_activation_J_mol.value"},
        {"42.775", "0", EVTWIN_E_RANGE, "thermal.capacity_J_K.value"},
        {"\"boundary_to_air_W_K\"", "\"boundary_to_sea\"", EVTWIN_E_PARSE,
         "thermal.boundary_to_sea"},
        {"\"to_boundary_W_K\"", "\"to_jig_W_K\"", EVTWIN_E_PARSE, "thermal.boundary_capacity_J_K"},
        {"\"law\":\"none\"", "\"law\":\"eternal\"", EVTWIN_E_PARSE, "'ageing.law'|'eternal'"},
        {"\"law\":\"none\"", "\"law\":\"schmalstieg\"", EVTWIN_E_PARSE, "'ageing.calibration'"},
        {"\"law\":\"none\"", "\"law\":\"none\",\"calibration\":1", EVTWIN_E_PARSE,
         "'ageing.calibration'"},
        {"\"spread_scale\":{\"value\":0", "\"spread_scale\":{\"value\":9", EVTWIN_E_RANGE,
         "spread_scale.value"},
    };
    assert_ok(load_edited(CELL_LIMITED, "test", "test"));
    for (size_t i = 0; i < sizeof mistake / sizeof mistake[0]; i++) {
        assert_fails(load_edited(CELL_LIMITED, mistake[i].from, mistake[i].to), mistake[i].status,
                     mistake[i].text);
        assert_non_null(strstr(evtwin_last_error(), "edited.json"));
    }
}

/* However a file is cut off, the answer is an error. */
static void truncated_files_are_refused(void **state) {
    (void)state;
    const size_t n = strlen(CELL_LIMITED);
    evtwin_cell *cell = NULL;
    for (size_t length = 0; length < n; length += 7) {
        char *text = strndup(CELL_LIMITED, length);
        assert_true(evtwin_cell_load(temp_file("cut.json", text), &cell) < 0);
        assert_null(cell);
        free(text);
    }
}

static void names_and_paths_are_told_apart(void **state) {
    (void)state;
    evtwin_cell *cell = NULL;
    assert_fails(evtwin_cell_load("lgm51", &cell), EVTWIN_E_NOT_FOUND, "lgm51");
    assert_fails(evtwin_cell_load("lgm50.json", &cell), EVTWIN_E_NOT_FOUND, "lgm50.json");
    assert_fails(evtwin_cell_load("/nowhere/x", &cell), EVTWIN_E_NOT_FOUND, "/nowhere/x");
    assert_fails(evtwin_cell_load("", &cell), EVTWIN_E_NOT_FOUND, "''|'lgm50'");
    assert_fails(evtwin_cell_load(temp_file("list.json", "[]"), &cell), EVTWIN_E_PARSE,
                 "list.json|object");
    assert_fails(evtwin_cell_load(NULL, NULL), EVTWIN_E_ARG, "out|NULL");
    assert_null(cell);
    evtwin_cell_free(NULL);
}

/* An OCV given as points, and a cell alone in air. */
static void points_and_one_node_are_accepted(void **state) {
    (void)state;
    static const char text[] = CELL_HEAD CELL_LIMITS
        "\"ocv\":{\"soc\":[0,0.5,1],\"ocv_V\":[2.6,3.6,4.1],\"source\":\"s\"}," CONST_CIRCUIT ","
        "\"thermal\":{\"capacity_J_K\":{\"value\":40,\"source\":\"s\"},"
        "\"to_air_W_K\":{\"value\":0.05,\"source\":\"s\"}}," CELL_TAIL;
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(temp_file("points.json", text), &cell));
    assert_near(evtwin_cell_ocv_V(cell, 0.5), 3.6, 1e-12);
    evtwin_cell_free(cell);
    assert_fails(load_edited(text, "[0,0.5,1]", "[0.1,0.5,1]"), EVTWIN_E_RANGE, "'ocv.soc'|0|1");
    assert_fails(load_edited(text, "\"to_air_W_K\"", "\"to_air\""), EVTWIN_E_PARSE,
                 "thermal.to_air");
}

/* Files from before 0.2 call the thermal boundary a jig. */
static void older_names_of_the_boundary_are_read(void **state) {
    (void)state;
    static const char old[] = CELL_HEAD CELL_LIMITS CHEN_OCV
        "," CONST_CIRCUIT ","
        "\"thermal\":{\"capacity_J_K\":{\"value\":40,\"source\":\"s\"},"
        "\"to_jig_W_K\":{\"value\":0.5,\"source\":\"s\"},"
        "\"jig_capacity_J_K\":{\"value\":50,\"source\":\"s\"},"
        "\"jig_to_air_W_K\":{\"value\":0.06,\"source\":\"s\"}}," CELL_TAIL;
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(temp_file("old.json", old), &cell));
    assert_near(cell->thermal.to_boundary_W_K, 0.5, 0.0);
    assert_near(cell->thermal.boundary_capacity_J_K, 50.0, 0.0);
    assert_near(cell->thermal.boundary_to_air_W_K, 0.06, 0.0);
    evtwin_cell_free(cell);
    assert_fails(load_edited(old, "jig_capacity", "boundary_capacity"), EVTWIN_E_PARSE,
                 "thermal.boundary_capacity_J_K");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_sets_say_what_is_listed),
        cmocka_unit_test(default_is_the_lgm50),
        cmocka_unit_test(ocv_table_follows_the_formula),
        cmocka_unit_test(points_make_a_rising_curve),
        cmocka_unit_test(mistakes_in_a_file_are_named),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(names_and_paths_are_told_apart),
        cmocka_unit_test(points_and_one_node_are_accepted),
        cmocka_unit_test(older_names_of_the_boundary_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
