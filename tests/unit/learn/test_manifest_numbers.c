/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_manifest_numbers.c: every number of a manifest, changed to nonsense, is
 * refused by name. */

#include "bundles.h"

#include "core/json.h"

/* A manifest in which no figure is unknown. */
static json_t *full_document(void) {
    evtwin__bundle_feature features[FIXTURE_FEATURES];
    memcpy(features, bundle_features, sizeof features);
    features[3].min = -40.0;
    features[3].max = 120.0;
    evtwin__bundle b = sample_bundle();
    b.feature = features;
    b.model[EVTWIN__T_RUL].score[EVTWIN_SCORED_SINGLE].r2 = 0.8;
    b.model[EVTWIN__T_RUL].score[EVTWIN_SCORED_SINGLE].rmse = 43.0;
    b.model[EVTWIN__T_RUL].single_feature = "soh";
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin_score *model = &b.model[t].score[EVTWIN_SCORED_MODEL];
        model->error_low = 0.05;
        model->error_high = 0.07;
        model->battery_mae = 0.04;
        model->coverage = 0.9;
        model->raw_brier = 0.09;
        model->ratio = 0.6;
        model->ratio_low = 0.5;
        model->ratio_high = 0.8;
    }
    b.model[EVTWIN__T_FAILURE].score[EVTWIN_SCORED_SINGLE].brier = 0.07;
    b.model[EVTWIN__T_FAILURE].calibration = (evtwin__calibration){.slope = 0.75,
                                                                   .offset = 0.25,
                                                                   .n_batteries = 40,
                                                                   .n_rows = 2469,
                                                                   .n_with = 25,
                                                                   .n_without = 39};
    char *text;
    size_t size;
    json_t *document;
    assert_ok(evtwin__manifest_write("full.json", &b, &text, &size));
    assert_ok(evtwin__json_parse("full.json", text, size, &document));
    evtwin__free(text);
    return document;
}

static int is_one_of(const char *key, const char *const *list) {
    for (; *list != NULL; list++) {
        if (strcmp(*list, key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What is no nonsense: an unknown score, an R2 below zero, a current of -1 A. */
static int may_be(const char *path, const char *key, const char *value) {
    static const char *const unknown[] = {
        "r2",        "auc",       "average_precision", "min",          "max",
        "month_psi", "life_psi",  "resistance",        "power_factor", "rmse_low",
        "rmse_high", "brier_low", "brier_high",        "raw_brier",    "battery_mae",
        "coverage",  "ratio",     "ratio_low",         "ratio_high",   NULL};
    if (strcmp(value, "null") == 0 && strstr(path, ".curve.m") != NULL) {
        return 0; /* there is a voltage, so something is left of it */
    }
    if (strcmp(value, "null") == 0) {
        return is_one_of(key, unknown) || strstr(path, ".baselines.") != NULL;
    }
    if (strcmp(value, "-1") == 0) {
        return strcmp(key, "r2") == 0 || strcmp(path, ".features[3].min") == 0 ||
               strcmp(path, ".features[3].max") == 0 || strcmp(path, ".curve.min") == 0 ||
               strcmp(path, ".curve.max") == 0 ||
               strcmp(path, ".models.failure.calibration.offset") == 0 ||
               strcmp(path, ".models.rul.params.base_score") == 0;
    }
    return 0;
}

static size_t n_numbers, n_passed;

static void try_value(json_t *root, const char *path, const char *key, const char *value) {
    char *text = json_dumps(root, 0);
    evtwin__bundle m;
    const evtwin_status st = evtwin__manifest_read("m.json", text, strlen(text), &m);
    free(text);
    if (st >= 0) {
        evtwin__bundle_clear(&m);
        n_passed++;
    }
    const int is_refused = st == EVTWIN_E_SCHEMA || st == EVTWIN_E_PARSE;
    if (is_refused == may_be(path, key, value) ||
        (is_refused && !text_names(evtwin_last_error(), key))) {
        fail_msg("%s = %s: %s (%s)", path, value, evtwin_status_name(st), evtwin_last_error());
    }
}

static void change_numbers(json_t *root, json_t *value, const char *path) {
    static const char *const nonsense[] = {"null", "-1", "1e39", "\"x\""};
    char below[256];
    const char *key;
    json_t *child;
    void *next;
    for (size_t i = 0; i < json_array_size(value); i++) {
        snprintf(below, sizeof below, "%s[%zu]", path, i);
        change_numbers(root, json_array_get(value, i), below);
    }
    json_object_foreach_safe(value, next, key, child) {
        snprintf(below, sizeof below, "%s.%s", path, key);
        if (!json_is_number(child)) {
            change_numbers(root, child, below);
            continue;
        }
        json_t *kept = json_incref(child);
        n_numbers++;
        for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
            json_t *other = json_loads(nonsense[i], JSON_DECODE_ANY, NULL);
            assert_int_equal(json_object_set_new(value, key, other), 0);
            try_value(root, below, key, nonsense[i]);
        }
        assert_int_equal(json_object_set_new(value, key, kept), 0);
    }
}

static void test_every_number(void **state) {
    (void)state;
    json_t *root = full_document();
    change_numbers(root, root, "");
    json_decref(root);
    assert_int_equal(n_numbers, 87);
    assert_int_equal(n_passed, 49); /* those of may_be, and no other */
}

static void test_limits(void **state) {
    (void)state;
    static const struct {
        const char *object, *key;
        double value;
        const char *text;
    } wrong[] = {
        {"failure.calibration", "slope", 0, "models.failure.calibration|\"slope\"|0.01|100"},
        {"failure.calibration", "with", 41, "\"with\"|41|40"},
        {"rul.params", "trees", 0, "m.json:|models.rul.params|\"trees\"|0"},
        {"rul.params", "trees", 2e6, "\"trees\"|2000000|1|1048576"},
        {"rul.params", "depth", 1001, "\"depth\"|1001|1000"},
        {"rul.params", "learning_rate", 1.5, "\"learning_rate\"|1.5|0|1"},
        {"rul.params", "subsample", 1.1, "\"subsample\"|1.1|0|1"},
        {"rul.params", "column_sample", -0.1, "\"column_sample\"|-0.1|0|1"},
        {"rul.params", "min_child_weight", 1e39, "\"min_child_weight\""},
        {"rul.params", "tried", 1001, "\"tried\"|1001|1|1000"},
        {"failure.params", "base_score", 1.5, "models.failure.params|\"base_score\""},
        {"rul.held_out", "r2", 1.01, "models.rul.held_out|\"r2\"|1.01|1"},
        {"rul.held_out", "rmse", 1e39, "\"rmse\"|1e39|0|3.4028234663852886e38"},
        {"rul.held_out", "n_test", 0, "\"n_test\"|0|1"},
        {"rul.held_out", "n_folds", 101, "\"n_folds\"|101|100 rows"},
        {"failure.held_out", "auc", 1.01, "\"auc\"|1.01|0|1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *root = full_document(), *at = json_object_get(root, "models");
        char path[64];
        snprintf(path, sizeof path, "%s", wrong[i].object);
        char *dot = strchr(path, '.');
        *dot = '\0';
        at = json_object_get(json_object_get(at, path), dot + 1);
        const int is_count =
            strcmp(wrong[i].key, "rmse") != 0 && wrong[i].value == floor(wrong[i].value);
        assert_int_equal(json_object_set_new(at, wrong[i].key,
                                             is_count ? json_integer((json_int_t)wrong[i].value)
                                                      : json_real(wrong[i].value)),
                         0);
        evtwin__bundle m;
        char *text = json_dumps(root, 0);
        assert_fails(evtwin__manifest_read("m.json", text, strlen(text), &m), EVTWIN_E_SCHEMA,
                     wrong[i].text);
        free(text);
        json_decref(root);
    }
}

/* A writer is held to what a reader takes; what it does not know it leaves out. */
static void test_nonsense_is_not_written(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    evtwin__bundle b = sample_bundle(), back;
    evtwin__bundle_model *rul = &b.model[EVTWIN__T_RUL], *failure = &b.model[EVTWIN__T_FAILURE];
    rul->score[EVTWIN_SCORED_MODEL].rmse = -1.0;
    assert_fails(evtwin__manifest_write("m", &b, &text, &size), EVTWIN_E_SCHEMA, "\"rmse\"|-1");
    b = sample_bundle();
    failure->trees = 2000000;
    assert_fails(evtwin__manifest_write("m", &b, &text, &size), EVTWIN_E_SCHEMA,
                 "\"trees\"|2000000");
    assert_null(text);

    b = sample_bundle();
    b.rows = rul->score[EVTWIN_SCORED_MODEL].n_test = 0;
    rul->trees = 0;
    rul->score[EVTWIN_SCORED_MODEL].rmse = failure->learning_rate = NAN;
    assert_ok(evtwin__manifest_write("m", &b, &text, &size));
    assert_ok(evtwin__manifest_read("m", text, size, &back));
    const evtwin__bundle_model *read = &back.model[EVTWIN__T_RUL];
    assert_true(isnan(read->score[EVTWIN_SCORED_MODEL].rmse) &&
                isnan(back.model[EVTWIN__T_FAILURE].learning_rate));
    assert_true(back.rows == 0 && read->score[EVTWIN_SCORED_MODEL].n_test == 0 && read->trees == 0);
    evtwin__bundle_clear(&back);
    evtwin__free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nonsense_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
