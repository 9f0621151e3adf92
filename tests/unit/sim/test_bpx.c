/* SPDX-License-Identifier: MIT */
/* test_bpx.c: cells of BPX files: what is taken is what the same cell says in our own form, what is
 * missing is said. tests/data/cells has the files. */

#include "test.h"

#include "fail_nth.h"
#include "sim/bpx.h"
#include "sim/cell.h"

#include <math.h>
#include <sys/stat.h>

#define FOLDER SOURCE_DIR "/tests/data/cells/"

/* The one in our form, and its BPX file, as JSON; a test changes them. */
static json_t *load(const char *path) {
    json_error_t error;
    json_t *v = json_load_file(path, 0, &error);
    if (v == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return v;
}

/* Load them from files in this folder. Frees both. */
static evtwin_status load_changed(json_t *own, json_t *bpx, evtwin_cell **out) {
    assert_int_equal(json_dump_file(own, "bpx-own.json", 0), 0);
    assert_int_equal(json_dump_file(bpx, "m50.bpx.json", 0), 0);
    json_decref(own);
    json_decref(bpx);
    return evtwin_cell_load("./bpx-own.json", out);
}

static json_t *own(void) {
    return load(FOLDER "m50.json");
}

static json_t *bpx(void) {
    return load(FOLDER "m50.bpx.json");
}

/* ---- what is taken ---- */

/* The LG M50 of Chen 2020, written down twice. */
static void it_is_the_same_cell(void **state) {
    (void)state;
    evtwin_cell *ours = NULL, *taken = NULL;
    assert_ok(evtwin_cell_load("lgm50", &ours));
    assert_ok(evtwin_cell_load(FOLDER "m50.json", &taken));
    assert_string_equal(evtwin_cell_name(taken), "m50");
    assert_non_null(strstr(taken->description, "half cells and electrodes"));
    assert_near(evtwin_cell_capacity_Ah(taken), evtwin_cell_capacity_Ah(ours), 2e-4);
    assert_near(evtwin_cell_v_min_V(taken), 2.5, 0.0);
    assert_near(evtwin_cell_v_max_V(taken), 4.2, 0.0);
    double worst = 0.0;
    for (int k = 0; k <= 10007; k++) {
        const double z = k / 10007.0;
        worst = fmax(worst, fabs(evtwin_cell_ocv_V(taken, z) - evtwin_cell_ocv_V(ours, z)));
    }
    print_message("OCV of BPX: %.3g uV from the formula at worst\n", 1e6 * worst);
    assert_true(worst < 3e-4); /* points, joined without their slopes */
    assert_near(evtwin_cell_r0_ohm(taken, 0.5, 25.0), evtwin_cell_r0_ohm(ours, 0.5, 25.0), 0.0);

    /* heat: c rho V, h A; dU/dT = -1e-4 - 1e-4 (1 - x) */
    assert_near(taken->thermal.capacity_J_K, 48.4, 1e-9);
    assert_near(taken->thermal.to_boundary_W_K, 0.0531, 1e-9);
    assert_near(taken->thermal.boundary_capacity_J_K, 0.0, 0.0);
    for (int k = 0; k <= 10; k++) {
        const double z = 0.1 * k, x = 0.026346 + z * (0.910618 - 0.026346);
        assert_near(evtwin__cell_param(taken, EVTWIN__PARAM_ENTROPIC, z), -1e-4 - 1e-4 * (1.0 - x),
                    1e-12);
    }
    evtwin_cell_free(ours);
    evtwin_cell_free(taken);
}

static void own_values_win(void **state) {
    (void)state;
    json_t *o = own();
    evtwin_cell *cell = NULL;
    json_object_set_new(o, "capacity_Ah", json_pack("{s:f,s:s}", "value", 7.0, "source", "s"));
    json_object_set_new(o, "description", json_string("mine"));
    json_object_set_new(
        o, "ocv",
        json_pack("{s:[f,f],s:[f,f],s:s}", "soc", 0.0, 1.0, "ocv_V", 2.6, 4.1, "source", "s"));
    json_object_set_new(o, "thermal",
                        json_pack("{s:{s:f,s:s}}", "to_air_W_K", "value", 0.25, "source", "s"));
    assert_ok(load_changed(o, bpx(), &cell));
    assert_near(evtwin_cell_capacity_Ah(cell), 7.0, 0.0);
    assert_string_equal(cell->description, "mine");
    assert_near(evtwin_cell_ocv_V(cell, 0.5), 3.35, 1e-9);
    assert_near(cell->thermal.to_boundary_W_K, 0.25, 0.0);
    assert_near(cell->thermal.capacity_J_K, 48.4, 1e-9); /* still of the file */
    evtwin_cell_free(cell);
}

/* BPX's nominal capacity is for C-rates. */
static void capacity_is_that_of_the_electrodes_if_they_agree(void **state) {
    (void)state;
    json_t *b = bpx();
    evtwin_cell *cell = NULL;
    json_t *positive =
        json_object_get(json_object_get(b, "Parameterisation"), "Positive electrode");
    json_object_set_new(positive, "Thickness [m]", json_real(9e-5));
    assert_ok(load_changed(own(), b, &cell));
    assert_near(evtwin_cell_capacity_Ah(cell), 5.0, 0.0);
    evtwin_cell_free(cell);
}

/* Tables are often measured from one limit of the stoichiometry to the other, and 0.187 + (0.7226 -
 * 0.187) rounds to more than 0.7226: the limit counts, not the sum. */
static void a_table_may_end_at_the_limits(void **state) {
    (void)state;
    static const double limits[][2] = {{0.187, 0.7226},      {0.026346, 0.910618}, {0.1, 0.7},
                                       {0.263845, 0.853975}, {0.2, 0.9},           {0.0, 1.0}};
    int n_above = 0, n_below = 0;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const double least = limits[i][0], most = limits[i][1];
        json_t *b = bpx(), *sections = json_object_get(b, "Parameterisation");
        static const char *const names[] = {"Negative electrode", "Positive electrode"};
        for (size_t k = 0; k < 2; k++) {
            json_t *section = json_object_get(sections, names[k]);
            json_object_set_new(section, "Minimum stoichiometry", json_real(least));
            json_object_set_new(section, "Maximum stoichiometry", json_real(most));
            json_object_set_new(section, "OCP [V]",
                                json_pack("{s:[f,f],s:[f,f]}", "x", least, most, "y",
                                          k == 0 ? 0.5 : 4.2, k == 0 ? 0.1 : 3.5));
            json_object_del(section, "Entropic change coefficient [V.K-1]");
        }
        evtwin_cell *cell = NULL;
        assert_ok(load_changed(own(), b, &cell));
        assert_near(evtwin_cell_ocv_V(cell, 0.0), 3.0, 1e-12);
        assert_near(evtwin_cell_ocv_V(cell, 1.0), 4.1, 1e-12);
        evtwin_cell_free(cell);
        n_above += least + (most - least) > most;
        n_below += most + (least - most) < least;
    }
    assert_true(n_above > 0 && n_below > 0);
}

/* ---- what is missing ---- */

static void alone_it_says_what_is_missing(void **state) {
    (void)state;
    static const char *const words[] = {
        "m50.bpx.json: a BPX file does not have all",
        "capacity_Ah of the electrodes 5.153",
        "ocv 2.5 to 4.2 V",
        "circuit.entropic_V_K",
        "thermal.capacity_J_K 48.4",
        "thermal.to_air_W_K 0.0531",
        "not used Electrolyte, Separator",
        "Missing: name, chemistry, circuit.r0_ohm, circuit.r1_ohm, circuit.tau1_s",
        "circuit.reference_degC, ageing.",
        "\"bpx\": \"m50.bpx.json\" (docs/cells.md)"};
    evtwin_cell *cell = NULL;
    assert_int_equal(evtwin_cell_load(FOLDER "m50.bpx.json", &cell), EVTWIN_E_SCHEMA);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(evtwin_last_error(), words[i]) == NULL) {
            fail_msg("no '%s' in: %s", words[i], evtwin_last_error());
        }
    }
    assert_null(cell);
}

/* The list of what is needed is that of the reader: whatever is taken away is optional, or missed
 * by name, and never found out only by the reader. */
static void whatever_is_taken_away_is_missed(void **state) {
    (void)state;
    static const char *const objects[] = {NULL, "circuit"};
    int n_missed = 0;
    for (size_t i = 0; i < 2; i++) {
        json_t *whole = own();
        json_t *object = i == 0 ? whole : json_object_get(whole, objects[i]);
        const char *key;
        json_t *value;
        json_object_foreach(object, key, value) {
            if (strcmp(key, "format") == 0 || strcmp(key, "bpx") == 0) {
                continue;
            }
            json_t *o = own();
            evtwin_cell *cell = NULL;
            char name[80];
            json_object_del(i == 0 ? o : json_object_get(o, objects[i]), key);
            snprintf(name, sizeof name, "%s%s%s", i == 0 ? "" : objects[i], i == 0 ? "" : ".", key);
            const evtwin_status st = load_changed(o, bpx(), &cell);
            if (st != EVTWIN_OK &&
                (st != EVTWIN_E_SCHEMA || strstr(evtwin_last_error(), name) == NULL)) {
                fail_msg("without %s: %s", name, evtwin_last_error());
            }
            n_missed += st == EVTWIN_E_SCHEMA;
            evtwin_cell_free(cell);
        }
        json_decref(whole);
    }
    assert_int_equal(n_missed, 3 + 1 + 8); /* name, chemistry, ageing, circuit and its eight */
}

/* What a BPX file may lack is then to be given. */
static void a_part_of_a_file_gives_a_part(void **state) {
    (void)state;
    static const struct {
        const char *section, *key, *missing;
    } cases[] = {
        {"Negative electrode", "OCP [V]", "lacks ocv,"},
        {"Cell", "Volume [m3]", "lacks thermal.capacity_J_K,"},
        {"Cell", "External surface area [m2]", "lacks thermal.to_air_W_K,"},
        {"Cell", "Lower voltage cut-off [V]", "lacks v_min_V,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *b = bpx();
        evtwin_cell *cell = NULL;
        json_t *section = json_object_get(json_object_get(b, "Parameterisation"), cases[i].section);
        json_object_del(section, cases[i].key);
        assert_fails(load_changed(own(), b, &cell), EVTWIN_E_SCHEMA, cases[i].missing);
    }
}

/* A cell at a thermal boundary has all of its heat itself. */
static void a_boundary_is_ones_own(void **state) {
    (void)state;
    json_t *o = own(), *lgm50 = load(SOURCE_DIR "/models/cells/lgm50.json");
    evtwin_cell *cell = NULL;
    json_object_set_new(o, "thermal",
                        json_pack("{s:{s:f,s:s},s:{s:f,s:s},s:{s:f,s:s}}", "to_boundary_W_K",
                                  "value", 0.5, "source", "s", "boundary_capacity_J_K", "value",
                                  50.0, "source", "s", "boundary_to_air_W_K", "value", 0.06,
                                  "source", "s"));
    json_decref(lgm50);
    assert_ok(load_changed(o, bpx(), &cell));
    assert_near(cell->thermal.capacity_J_K, 48.4, 1e-9);
    assert_near(cell->thermal.boundary_capacity_J_K, 50.0, 0.0);
    evtwin_cell_free(cell);
}

/* ---- what is wrong ---- */

/* The BPX file with another value under Parameterisation.SECTION.KEY. */
static json_t *bpx_with(const char *section, const char *key, const char *value) {
    json_t *b = bpx();
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    json_object_set_new(json_object_get(json_object_get(b, "Parameterisation"), section), key, v);
    return b;
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *section, *key, *value;
        evtwin_status status;
        const char *reason;
    } cases[] = {
        {"Cell", "Density [kg.m-3]", "\"2000\"", EVTWIN_E_PARSE, "'Density [kg.m-3]' is not"},
        {"Cell", "Upper voltage cut-off [V]", "42", EVTWIN_E_RANGE, "'v_max_V.value' is 42"},
        {"Cell", "Upper voltage cut-off [V]", "4.0", EVTWIN_E_RANGE, "ocv' spans 2.5000 to 4.2000"},
        {"Negative electrode", "Minimum stoichiometry", "-0.1", EVTWIN_E_RANGE,
         "stoichiometry of the negative electrode is outside [0, 1]"},
        {"Negative electrode", "Minimum stoichiometry", "0.95", EVTWIN_E_RANGE,
         "the minimum stoichiometry of the negative electrode, 0.95, is not below the maximum"},
        {"Positive electrode", "Maximum stoichiometry", "0.1", EVTWIN_E_RANGE,
         "stoichiometry of the positive electrode, 0.263845, is not below the maximum, 0.1"},
        {"Positive electrode", "Maximum stoichiometry", "null", EVTWIN_E_PARSE,
         "'Maximum stoichiometry' is not a number"},
        {"Positive electrode", "OCP [V]", "{\"x\":[0,1,1],\"y\":[5,3,3]}", EVTWIN_E_RANGE,
         "'OCP [V] of the positive electrode' is a table whose x does not rise at point 3"},
        {"Cell", "Lower voltage cut-off [V]", "4.2", EVTWIN_E_RANGE, "ocv"},
        {"Positive electrode", "OCP [V]", "6", EVTWIN_E_RANGE, "'ocv' "},
        {"Positive electrode", "OCP [V]", "\"3 + x\"", EVTWIN_E_RANGE, "'ocv' "},
        {"Positive electrode", "OCP [V]", "[1]", EVTWIN_E_PARSE,
         "'OCP [V] of the positive electrode' is not a number, an expression in x or a table"},
        {"Positive electrode", "OCP [V]", "\"log(x - 1)\"", EVTWIN_E_RANGE,
         "is not a finite number at x ="},
        {"Positive electrode", "OCP [V]", "\"4 - y\"", EVTWIN_E_PARSE,
         "cannot be read at 'y' (character 5)"},
        {"Negative electrode", "OCP [V]", "{\"x\":[0.1,1],\"y\":[1,0]}", EVTWIN_E_RANGE,
         "is a table from x = 0.1 on, without x = 0.026346"},
        {"Positive electrode", "Entropic change coefficient [V.K-1]", "1", EVTWIN_E_RANGE,
         "'circuit.entropic_V_K.values[0]'"},
        {"Cell", "Density [kg.m-3]", "1e308", EVTWIN_E_RANGE, "thermal.capacity_J_K is too large"},
        {"Negative electrode", "OCP [V]", "-1.7e308", EVTWIN_E_RANGE,
         "'ocv.ocv_V[0]' is 1.7e+308, outside"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin_cell *cell = NULL;
        json_t *b = bpx_with(cases[i].section, cases[i].key, cases[i].value);
        assert_fails(load_changed(own(), b, &cell), cases[i].status, cases[i].reason);
        assert_null(cell);
    }
}

static void other_files_are_refused(void **state) {
    (void)state;
    evtwin_cell *cell = NULL;
    json_t *o = own();
    json_object_set_new(o, "bpx", json_string("no/such.json"));
    assert_fails(load_changed(o, bpx(), &cell), EVTWIN_E_NOT_FOUND, "./no/such.json");
    o = own();
    json_object_set_new(o, "bpx", json_integer(1));
    assert_fails(load_changed(o, bpx(), &cell), EVTWIN_E_PARSE, "'bpx' is not a string");
    o = own();
    json_object_set_new(o, "bpx", json_string("bpx-own.json"));
    assert_fails(load_changed(o, bpx(), &cell), EVTWIN_E_PARSE, "is not a BPX file");
    json_t *b = bpx();
    json_object_del(b, "Parameterisation");
    assert_fails(load_changed(own(), b, &cell), EVTWIN_E_PARSE,
                 "./bpx-own.json: ./m50.bpx.json: 'Parameterisation' is not");
    assert_fails(evtwin_cell_load("./m50.bpx.json", &cell), EVTWIN_E_PARSE,
                 "'Parameterisation' is not an object");
    assert_string_equal(evtwin_last_error(), "./m50.bpx.json: 'Parameterisation' is not an object");
    assert_fails(evtwin_cell_load(SOURCE_DIR "/tests/data/cells/none.json", &cell),
                 EVTWIN_E_NOT_FOUND, "none.json");
    o = own();
    json_object_set_new(o, "thermal", json_integer(5));
    assert_fails(load_changed(o, bpx(), &cell), EVTWIN_E_PARSE, "'thermal' is not an object");
    b = bpx();
    json_object_set_new(b, "Parameterisation", json_object());
    assert_fails(load_changed(own(), b, &cell), EVTWIN_E_SCHEMA,
                 "either; the BPX file has nothing");
}

static void other_versions_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *version;
        int is_read;
    } cases[] = {{"\"0.1\"", 1}, {"0.4", 1},      {"\"1.0.0\"", 1}, {"1", 1},  {"\"1.9\"", 1},
                 {"2.0", 0},     {"\"10.0\"", 0}, {"\"\"", 0},      {"-1", 0}, {"1e9", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *b = bpx();
        evtwin_cell *cell = NULL;
        json_object_set_new(json_object_get(b, "Header"), "BPX",
                            json_loads(cases[i].version, JSON_DECODE_ANY, NULL));
        const evtwin_status st = load_changed(own(), b, &cell);
        if (cases[i].is_read) {
            assert_ok(st);
        } else {
            assert_fails(st, EVTWIN_E_UNSUPPORTED, "BPX 0.1 to 1.x is read");
        }
        evtwin_cell_free(cell);
    }
}

/* A title is cut in the middle of a character, a folder is named in Latin-1: both are only told. */
static void names_are_of_any_length_and_bytes(void **state) {
    (void)state;
    char title[301] = "a";
    for (size_t i = 1; i + 2 < sizeof title; i += 2) {
        memcpy(title + i, "\xc3\xa9", 3);
    }
    json_t *b = bpx(), *o = own();
    evtwin_cell *cell = NULL;
    json_object_set_new(json_object_get(b, "Header"), "Title", json_string(title));
    json_object_set_new(json_object_get(b, "Header"), "Description", json_string(title));
    assert_ok(load_changed(own(), b, &cell));
    evtwin_cell_free(cell);
    (void)mkdir("bpx-\xe9", 0700);
    assert_int_equal(json_dump_file(o, "bpx-\xe9/own.json", 0), 0);
    b = bpx();
    assert_int_equal(json_dump_file(b, "bpx-\xe9/m50.bpx.json", 0), 0);
    json_decref(b);
    json_decref(o);
    assert_ok(evtwin_cell_load("bpx-\xe9/own.json", &cell));
    evtwin_cell_free(cell);
}

/* ---- memory ---- */

static evtwin_status load_and_free(void *ctx) {
    evtwin_cell *cell = NULL;
    const evtwin_status st = evtwin_cell_load(ctx, &cell);
    evtwin_cell_free(cell);
    return st;
}

static evtwin_status explain_and_free(void *ctx) {
    const evtwin_status st = load_and_free(ctx);
    return st == EVTWIN_E_SCHEMA ? EVTWIN_OK : st;
}

static void memory_may_run_out(void **state) {
    (void)state;
    char whole[] = FOLDER "m50.json", alone[] = FOLDER "m50.bpx.json";
    assert_true(fail_allocations(load_and_free, whole, 40, 499) > 20);
    assert_true(fail_allocations(explain_and_free, alone, 40, 499) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_same_cell),
        cmocka_unit_test(own_values_win),
        cmocka_unit_test(capacity_is_that_of_the_electrodes_if_they_agree),
        cmocka_unit_test(a_table_may_end_at_the_limits),
        cmocka_unit_test(alone_it_says_what_is_missing),
        cmocka_unit_test(whatever_is_taken_away_is_missed),
        cmocka_unit_test(a_part_of_a_file_gives_a_part),
        cmocka_unit_test(a_boundary_is_ones_own),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(names_are_of_any_length_and_bytes),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
