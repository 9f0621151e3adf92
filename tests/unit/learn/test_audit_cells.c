/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_cells.c: honest laboratory data, in the forms that such data have,
 * give no warning; data that hold too little give a finding or an error, never a made-up one. */

#include "test.h"

#include "audit_fleet.h"

#define CELL_FEATURES "capacity,resistance,cc_time,temp_mean,current_mean"

/* How a data set is made. */
typedef struct laboratory {
    size_t cells, batch; /* cells of a batch go through one programme */
    double life, spread; /* cycles; deviation over life */
    double noise;        /* of the capacity */
    int resolution;      /* digits of the features */
    size_t every;        /* cycles from row to row */
    int has_rest;        /* the record goes on behind the end of life, without a label */
} laboratory;

static double rounded(double v, int digits) {
    const double unit = pow(10.0, digits);
    return round(v * unit) / unit;
}

static evtwin_table *columns(void) {
    static const char *const name[] = {"cycle",     "capacity",     "resistance", "cc_time",
                                       "temp_mean", "current_mean", "rul"};
    evtwin_table *t;
    size_t col;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "cell", EVTWIN_TEXT, "", &col));
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        assert_ok(evtwin_table_add_column(t, name[i], EVTWIN_F64, "", &col));
    }
    return t;
}

/* One cell to 80 % of its capacity; it fades faster late. */
static void add_cell(evtwin_table *t, const laboratory *lab, size_t cell, double life,
                     uint64_t *seed) {
    char id[32];
    const double capacity = 1.1 + 0.01 * normal_of(seed), knee = 1.3 + 0.5 * noise_of(seed);
    const double resistance = 15.0 + normal_of(seed), place = 30.0 + 1.5 * normal_of(seed);
    const double end = lab->has_rest ? 1.1 * life : life;
    uint64_t programme = 1000 + cell / lab->batch; /* the same for a batch */
    snprintf(id, sizeof id, "c%zu", cell);
    for (double cycle = 1.0; cycle <= floor(end); cycle += (double)lab->every) {
        const size_t r = evtwin_table_rows(t);
        const double worn = 0.2 * pow(cycle / life, knee);
        const double soh = 1.0 - worn + lab->noise * normal_of(seed);
        assert_ok(evtwin_table_resize(t, r + 1));
        assert_ok(evtwin_table_set_text(t, 0, r, id));
        const double v[] = {cycle,
                            rounded(capacity * soh, lab->resolution),
                            rounded(resistance * (1.0 + 1.5 * worn) + 0.1 * normal_of(seed), 3),
                            rounded(3000.0 * soh + 20.0 * normal_of(seed), 1),
                            rounded(place + 0.5 * normal_of(seed), 2),
                            rounded(1.0 + 0.3 * normal_of(&programme), 4),
                            cycle <= floor(life) ? floor(life) - cycle : (double)NAN};
        for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
            assert_ok(evtwin_table_set_f64(t, i + 1, r, v[i]));
        }
    }
}

static evtwin_table *make_cells(const laboratory *lab, uint64_t seed) {
    evtwin_table *t = columns();
    for (size_t c = 0; c < lab->cells; c++) {
        const double life = lab->life * (1.0 + lab->spread * normal_of(&seed));
        add_cell(t, lab, c, fmax(life, 0.2 * lab->life), &seed);
    }
    return t;
}

static evtwin_audit *audit_cells(const evtwin_table *t, const char *features) {
    evtwin_train_options o;
    evtwin_target target;
    size_t rul;
    evtwin_audit *audit = NULL;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    assert_ok(evtwin_target_find("rul", &rul));
    assert_ok(evtwin_target_get(rul, &target, sizeof target));
    target.column = "rul";
    o.group = "cell";
    o.features = features;
    assert_ok(evtwin_audit_run(t, &target, 1, &o, &audit));
    return audit;
}

static void assert_no_doubt(const evtwin_table *t, const char *features, const char *name) {
    evtwin_audit *audit = audit_cells(t, features);
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0) {
            fail_msg("%s: %s: %s", name, f.cause, f.text);
        }
    }
    evtwin_audit_free(audit);
}

static void test_honest_laboratories_are_silent(void **state) {
    (void)state;
    static const struct {
        const char *name;
        laboratory lab;
    } honest[] = {
        {"one row a cycle", {40, 1, 500.0, 0.25, 0.002, 5, 1, 0}},
        {"precise", {40, 1, 500.0, 0.25, 0.0002, 7, 1, 0}},
        {"coarse", {40, 1, 500.0, 0.25, 0.002, 2, 1, 0}},
        {"every tenth cycle", {60, 1, 1500.0, 0.3, 0.002, 4, 10, 0}},
        {"batches of one programme", {48, 8, 400.0, 0.2, 0.002, 4, 1, 0}},
        {"one programme", {30, 30, 400.0, 0.2, 0.002, 4, 1, 0}},
        {"lives that are alike", {30, 1, 500.0, 0.05, 0.002, 4, 1, 0}},
        {"seen beyond the end", {40, 1, 500.0, 0.25, 0.002, 4, 1, 1}},
        {"short lives", {60, 1, 60.0, 0.3, 0.002, 4, 1, 0}},
    };
    for (size_t i = 0; i < sizeof honest / sizeof honest[0]; i++) {
        evtwin_table *t = make_cells(&honest[i].lab, 7 + i);
        assert_no_doubt(t, CELL_FEATURES, honest[i].name);
        assert_no_doubt(t, CELL_FEATURES ",cycle", honest[i].name);
        evtwin_table_free(t);
    }
}

static int has_cause(const evtwin_audit *audit, const char *cause) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.cause, cause) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What a few rows cannot show is not claimed: one cell, two, five. */
static void test_few_cells_leak_nothing(void **state) {
    (void)state;
    for (size_t cells = 1; cells <= 5; cells++) {
        const laboratory lab = {cells, 1, 200.0, 0.1, 0.002, 4, 1, 0};
        evtwin_table *t = make_cells(&lab, cells);
        evtwin_audit *audit = audit_cells(t, CELL_FEATURES ",cycle");
        assert_int_equal(evtwin_audit_refusal_count(audit), 0);
        assert_int_equal(has_cause(audit, "few-groups"), cells > 1);
        assert_int_equal(has_cause(audit, "one-series"), cells == 1);
        evtwin_audit_free(audit);
        evtwin_table_free(t);
    }
}

/* Gaps in every column, a column without any value, two that are constant. */
static void test_gaps_and_constants(void **state) {
    (void)state;
    const laboratory lab = {30, 1, 200.0, 0.25, 0.002, 4, 1, 0};
    evtwin_table *t = make_cells(&lab, 3);
    double *v;
    uint64_t seed = 1;
    for (size_t col = 2; col < 7; col++) {
        v = evtwin_table_f64_edit(t, col);
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            v[r] = noise_of(&seed) < 0.3 ? (double)NAN : v[r];
        }
    }
    assert_no_doubt(t, CELL_FEATURES, "gaps");
    v = edit(t, "nothing");
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        v[r] = r == 5 ? 1.0 : (double)NAN;
    }
    evtwin_audit *audit = audit_cells(t, CELL_FEATURES ",nothing");
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    evtwin_audit_free(audit);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        v[r] = 3.0;
    }
    audit = audit_cells(t, CELL_FEATURES ",nothing");
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    assert_true(has_cause(audit, "stuck-sensor"));
    evtwin_audit_free(audit);
    evtwin_table_free(t);
}

/* Strings that the caller frees are not kept; arguments that are not valid are errors. */
static void test_arguments(void **state) {
    (void)state;
    evtwin_audit *audit = NULL;
    evtwin_finding f;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_fails(evtwin_audit_run(NULL, NULL, 0, NULL, &audit), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_audit_run(t, NULL, 0, NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_audit_run(t, NULL, 0, NULL, &audit), EVTWIN_E_DATA, "0 rows");
    assert_fails(evtwin_audit_finding(NULL, 0, &f, sizeof f), EVTWIN_E_ARG, "NULL");
    assert_int_equal(evtwin_audit_finding_count(NULL), 0);
    assert_int_equal(evtwin_audit_refusal_count(NULL), 0);
    assert_null(evtwin_audit_json(NULL));
    evtwin_audit_free(NULL);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_laboratories_are_silent),
        cmocka_unit_test(test_few_cells_leak_nothing),
        cmocka_unit_test(test_gaps_and_constants),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
