/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_manifest.c: what is written reads back; unknown keys pass. */

#include "manifests.h"

#include "core/json.h"

static void assert_same_number(double a, double b) {
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void assert_same_scores(const evtwin_score *a, const evtwin_score *b) {
    const double x[] = {a->r2,       a->rmse,  a->mae,      a->auc, a->average_precision,
                        a->accuracy, a->brier, a->base_rate};
    const double y[] = {b->r2,       b->rmse,  b->mae,      b->auc, b->average_precision,
                        b->accuracy, b->brier, b->base_rate};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        assert_same_number(x[i], y[i]);
    }
}

static void assert_same_interval(const evtwin__interval *a, const evtwin__interval *b) {
    assert_true(a->level == b->level && a->n_batteries == b->n_batteries);
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_bands, b->n_bands);
    assert_memory_equal(a->prediction, b->prediction, sizeof a->prediction);
    assert_memory_equal(a->below, b->below, sizeof a->below);
    assert_memory_equal(a->above, b->above, sizeof a->above);
    assert_memory_equal(a->factor, b->factor, sizeof a->factor);
}

static void assert_same_feature(const evtwin__bundle_feature *a, const evtwin__bundle_feature *b) {
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->unit, b->unit);
    assert_string_equal(a->column, b->column);
    assert_string_equal(a->column_unit, b->column_unit);
    assert_same_number(a->min, b->min);
    assert_same_number(a->max, b->max);
    const evtwin__histogram *x = &a->histogram, *y = &b->histogram;
    assert_int_equal(x->n_bins, y->n_bins);
    assert_memory_equal(x->edge, y->edge, sizeof x->edge);
    assert_memory_equal(x->share, y->share, sizeof x->share);
    assert_same_number(x->month_psi, y->month_psi);
    assert_same_number(x->life_psi, y->life_psi);
}

static void assert_same_model(const evtwin__bundle_model *a, const evtwin__bundle_model *b) {
    assert_int_equal(a->is_present, b->is_present);
    assert_string_equal(a->column, b->column);
    assert_string_equal(a->unit, b->unit);
    assert_string_equal(a->file.name, b->file.name);
    assert_string_equal(a->file.sha256, b->file.sha256);
    assert_int_equal(a->trees, b->trees);
    assert_int_equal(a->depth, b->depth);
    assert_same_number(a->learning_rate, b->learning_rate);
    assert_same_number(a->subsample, b->subsample);
    assert_same_number(a->column_sample, b->column_sample);
    assert_same_number(a->min_child_weight, b->min_child_weight);
    assert_int_equal(a->n_tried, b->n_tried);
    assert_same_number(a->base_score, b->base_score);
    assert_string_equal(a->tree_method, b->tree_method);
    assert_string_equal(a->split_by, b->split_by);
    assert_true(a->seed == b->seed);
    assert_string_equal(a->single_feature, b->single_feature);
    assert_same_interval(&a->interval, &b->interval);
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        const evtwin_score *counts = &b->score[EVTWIN_SCORED_MODEL];
        assert_same_scores(&a->score[s], &b->score[s]);
        assert_int_equal(a->score[s].n_train, counts->n_train);
        assert_int_equal(a->score[s].n_test, counts->n_test);
        assert_int_equal(a->score[s].n_folds, counts->n_folds);
        assert_string_equal(a->score[s].feature,
                            s == EVTWIN_SCORED_SINGLE ? b->single_feature : "");
    }
}

static void test_round_trip(void **state) {
    (void)state;
    const evtwin__bundle a = sample_bundle();
    char *text = sample_text(NULL);
    evtwin__bundle b;
    assert_ok(parse(text, &b));
    const char *const same[][2] = {{b.library_version, a.library_version},
                                   {b.xgboost_version, a.xgboost_version},
                                   {b.created, a.created},
                                   {b.label_rule, a.label_rule},
                                   {b.recipe, a.recipe},
                                   {b.source_name, a.source_name},
                                   {b.first_time, a.first_time},
                                   {b.last_time, a.last_time},
                                   {b.scaler_file.name, a.scaler_file.name}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_string_equal(same[i][0], same[i][1]);
    }
    assert_int_equal(b.rows, 12345);
    assert_int_equal(b.n_groups, 40);
    assert_int_equal(b.n_batteries, 2);
    assert_string_equal(b.battery[1], a.battery[1]);
    assert_int_equal(b.n_features, FIXTURE_FEATURES);
    for (size_t i = 0; i < FIXTURE_FEATURES; i++) {
        assert_same_feature(&b.feature[i], &a.feature[i]);
    }
    assert_int_equal(b.curve.is_known, 1);
    for (size_t i = 0; i < EVTWIN__CURVE_BINS; i++) {
        assert_same_number(b.curve.voltage_V[i], a.curve.voltage_V[i]);
    }
    assert_same_number(b.curve.resistance_ohm, a.curve.resistance_ohm);
    assert_same_number(b.curve.min_V, a.curve.min_V);
    assert_same_number(b.curve.max_V, a.curve.max_V);
    assert_same_number(b.curve.power_factor, a.curve.power_factor);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        assert_same_model(&b.model[t], &a.model[t]);
    }
    evtwin__bundle_clear(&b);
    assert_null(b.feature);
    evtwin__bundle_clear(&b);
    evtwin__free(text);
}

/* Of recipe history: the own values of a row beside the features that are made of them. */
static void test_inputs(void **state) {
    (void)state;
    evtwin__bundle a = sample_bundle(), b;
    evtwin__bundle_feature level = {.name = "soh.level",
                                    .unit = "percent",
                                    .column = "SoH",
                                    .column_unit = "percent",
                                    .min = 70.0,
                                    .max = 100.0};
    a.recipe = EVTWIN__RECIPE_HISTORY;
    a.counter = "charge_cycles";
    a.group = "vehicle";
    a.input = a.feature;
    a.n_inputs = a.n_features;
    a.feature = &level;
    a.n_features = 1;
    char *text = NULL;
    size_t size;
    assert_ok(evtwin__manifest_write("m.json", &a, &text, &size));
    assert_ok(evtwin__manifest_read("m.json", text, size, &b));
    assert_string_equal(b.counter, a.counter);
    assert_string_equal(b.group, a.group);
    assert_int_equal(b.n_features, 1);
    assert_same_feature(&b.feature[0], &level);
    assert_int_equal(b.n_inputs, a.n_inputs);
    for (size_t i = 0; i < a.n_inputs; i++) {
        assert_same_feature(&b.input[i], &a.input[i]);
    }
    assert_int_equal(evtwin__bundle_inputs(&b).n, a.n_inputs);
    evtwin__bundle_clear(&b);

    /* they are refused as features are, and must be there */
    static const struct {
        const char *from, *to;
        evtwin_status status;
        const char *names;
    } change[] = {
        {"\"inputs\"", "\"imputs\"", EVTWIN_E_PARSE, "\"inputs\""},
        {"\"name\": \"soh\"", "\"name\": \"soc\"", EVTWIN_E_SCHEMA, "inputs[1]|'soc'"},
        {"45.5,", "80,", EVTWIN_E_SCHEMA, "inputs[0].histogram|\"edges\""},
        {"45.5,", "1e999,", EVTWIN_E_PARSE, "m.json"},
        {"0.25,", "-0.25,", EVTWIN_E_SCHEMA, "inputs[0].histogram|\"shares\"|-0.25"},
        {"\"life_psi\": 2.5", "\"life_psi\": -1", EVTWIN_E_SCHEMA,
         "inputs[0].histogram|life_psi|-1"},
        {"\"power_factor\": 1", "\"power_factor\": 0", EVTWIN_E_SCHEMA, "curve|power_factor|0"},
        {"\"resistance\": 0.125", "\"resistance\": -0.125", EVTWIN_E_SCHEMA, "curve|resistance"},
    };
    for (size_t i = 0; i < sizeof change / sizeof change[0]; i++) {
        char *other = replaced(text, change[i].from, change[i].to);
        const evtwin_status st = parse(other, &b);
        if (st != change[i].status || !text_names(evtwin_last_error(), change[i].names)) {
            fail_msg("%s: %s: %s", change[i].to, evtwin_status_name(st), evtwin_last_error());
        }
        free(other);
    }
    evtwin__free(text);
}

/* What is not known may be NULL. */
static void test_unknown_is_written_as_such(void **state) {
    (void)state;
    evtwin__bundle a = sample_bundle();
    a.created = a.xgboost_version = a.label_rule = a.recipe = a.first_time = a.last_time = NULL;
    a.n_batteries = 0;
    a.model[EVTWIN__T_FAILURE].is_present = 0;
    evtwin__bundle_model *rul = &a.model[EVTWIN__T_RUL];
    rul->tree_method = rul->split_by = rul->single_feature = NULL;
    char *text;
    size_t size;
    evtwin__bundle b;
    assert_ok(evtwin__manifest_write("m.json", &a, &text, &size));
    assert_ok(evtwin__manifest_read("m.json", text, size, &b));
    assert_string_equal(b.xgboost_version, "");
    assert_string_equal(b.created, "");
    assert_string_equal(b.recipe, "");
    assert_string_equal(b.first_time, "");
    assert_int_equal(b.n_batteries, 0);
    assert_int_equal(b.model[EVTWIN__T_FAILURE].is_present, 0);
    assert_true(isnan(b.model[EVTWIN__T_FAILURE].score[0].auc));
    assert_string_equal(b.model[EVTWIN__T_RUL].split_by, "");
    evtwin__bundle_clear(&b);
    evtwin__free(text);
}

/* What a reader of version 0.1 asks: it knows no key of the later ones. */
static int is_read_by_0_1(const evtwin__bundle *b) {
    char *text;
    size_t size;
    json_t *root;
    assert_ok(evtwin__manifest_write("m.json", b, &text, &size));
    assert_ok(evtwin__json_parse("m.json", text, size, &root));
    const int is_read = json_integer_value(json_object_get(root, "format")) <= 1;
    json_decref(root);
    evtwin__bundle read_back;
    assert_ok(evtwin__manifest_read("m.json", text, size, &read_back));
    evtwin__bundle_clear(&read_back);
    evtwin__free(text);
    return is_read;
}

/* It refuses the bundles that it would predict something else from, and no others. */
static void test_format_says_who_reads_it(void **state) {
    (void)state;
    evtwin__bundle plain = sample_bundle();
    plain.eol_soh_percent = NAN;
    plain.n_inputs = 0;
    plain.recipe = EVTWIN__RECIPE_CONTRACT;
    plain.counter = NULL;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        plain.model[t].n_further = 0;
        plain.model[t].calibration = (evtwin__calibration){.slope = 0.0};
    }
    assert_true(plain.model[EVTWIN__T_RUL].interval.n_bands > 0);
    assert_true(is_read_by_0_1(&plain));
    evtwin__bundle b = plain;
    b.eol_soh_percent = 80.0;
    assert_false(is_read_by_0_1(&b));
    b = plain;
    b.model[EVTWIN__T_FAILURE].calibration = (evtwin__calibration){
        .slope = 0.75, .n_batteries = 40, .n_rows = 2469, .n_with = 25, .n_without = 39};
    assert_false(is_read_by_0_1(&b));
    b.model[EVTWIN__T_FAILURE].is_present = 0; /* of no model: it is not written */
    assert_true(is_read_by_0_1(&b));
    b = plain;
    b.recipe = EVTWIN__RECIPE_HISTORY;
    b.input = b.feature;
    b.n_inputs = b.n_features;
    b.counter = b.group = b.group_by_reset = "";
    assert_false(is_read_by_0_1(&b));
}

/* The least that someone else has to write. */
static void test_minimal(void **state) {
    (void)state;
    static const char minimal[] =
        "{\"format\": 1, \"features\": [{\"name\": \"soc\", \"unit\": \"percent\"}],"
        " \"scaler\": {\"file\": \"s.json\", \"sha256\": "
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
        " \"models\": {\"failure\": {\"file\": \"f.json\", \"objective\": \"binary:logistic\","
        " \"sha256\": \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
        " \"future\": [1, 2]}}, \"future\": {\"key\": null}}";
    evtwin__bundle m;
    assert_ok(parse(minimal, &m));
    assert_int_equal(m.model[EVTWIN__T_RUL].is_present, 0);
    assert_true(isnan(m.model[EVTWIN__T_RUL].score[0].rmse) &&
                isnan(m.model[EVTWIN__T_FAILURE].score[0].auc) && isnan(m.feature[0].min));
    assert_string_equal(m.created, "");
    assert_string_equal(m.model[EVTWIN__T_FAILURE].column, "");
    evtwin__bundle_clear(&m);

    /* objects and keys that may be left out may not be something else */
    static const char *const wrong[][2] = {
        {"\"future\": {\"key\": null}", "\"source\": 3"},
        {"\"future\": {\"key\": null}", "\"source\": {\"rows\": 1.5}"},
        {"\"future\": {\"key\": null}",
         "\"source\": {\"first_time\": \"x\", \"last_time\": \"2026-01-01T00:00:00Z\"}"},
        {"\"future\": {\"key\": null}", "\"library\": \"x\""},
        {"\"future\": {\"key\": null}", "\"xgboost\": 3"},
        {"\"future\": [1, 2]", "\"held_out\": []"},
        {"\"future\": [1, 2]", "\"held_out\": {\"auc\": \"0.9\"}"},
        {"\"future\": [1, 2]", "\"held_out\": {\"seed\": \"-1\"}"},
        {"\"future\": [1, 2]", "\"held_out\": {\"seed\": \"18446744073709551616\"}"},
        {"\"future\": [1, 2]", "\"params\": {\"trees\": \"200\"}"},
        {"\"unit\": \"percent\"", "\"min\": \"0\""},
        {"\"future\": {\"key\": null}", "\"batteries\": {}"},
        {"\"future\": {\"key\": null}", "\"batteries\": [\"0123\"]"},
        {"\"future\": {\"key\": null}", "\"batteries\": [\"0123456789abcdeF\"]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *text = replaced(minimal, wrong[i][0], wrong[i][1]);
        const evtwin_status st = parse(text, &m);
        if (st != EVTWIN_E_PARSE || strncmp(evtwin_last_error(), "m.json: ", 8) != 0) {
            fail_msg("%s: %s: %s", wrong[i][1], evtwin_status_name(st), evtwin_last_error());
        }
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_unknown_is_written_as_such),
        cmocka_unit_test(test_format_says_who_reads_it),
        cmocka_unit_test(test_minimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
