/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest_load.c: model files of three XGBoost generations load. */

#include "small_tree.h"
#include "ubj_of.h"

#include <float.h>

static void test_small(void **state) {
    (void)state;
    evtwin_model *m;
    assert_ok(load(small, &m));
    assert_int_equal(evtwin_model_width(m), 2);
    assert_int_equal(evtwin_model_trees(m), 1);
    assert_int_equal(evtwin_model_objective(m), EVTWIN_OBJECTIVE_REGRESSION);
    assert_string_equal(evtwin_model_feature_name(m, 0), "a");
    assert_string_equal(evtwin_model_feature_name(m, 1), "b");
    assert_null(evtwin_model_feature_name(m, 2));
    evtwin_model_free(m);
    evtwin_model_free(NULL);

    assert_true(margin_of(small, 0.0f, 2.5f) == 3.5f); /* not less: right */
    assert_true(margin_of(small, 0.0f, 2.49f) == -0.5f);
    assert_true(margin_of(small, 9.0f, NAN) == -0.5f); /* missing: left by default */
}

/* The next line of a .margins file: features, then the margin; 0 at the end. */
static int next_row(const char **at, float v[FIXTURE_FEATURES + 1]) {
    *at = strchr(*at, '\n');
    if (*at == NULL || (*at)[1] == '\0') {
        return 0;
    }
    ++*at;
    const char *number = *at;
    for (int k = 0; k <= FIXTURE_FEATURES; k++) {
        char *end;
        v[k] = (float)strtod(number, &end);
        number = end;
    }
    return 1;
}

/* Files of each generation give the margins that generation gave, bit for bit. */
static void check_fixtures(const char *extension) {
    for (int i = 0; i < N_MODEL_FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, SOURCE_DIR "/tests/data/models/%s%s", model_files[i],
                 extension);
        evtwin_model *m;
        assert_ok(evtwin_model_load(path, &m));
        assert_int_equal(evtwin_model_width(m), FIXTURE_FEATURES);
        assert_int_equal(evtwin_model_objective(m), strstr(path, "logistic") != NULL
                                                        ? EVTWIN_OBJECTIVE_LOGISTIC
                                                        : EVTWIN_OBJECTIVE_REGRESSION);
        assert_string_equal(evtwin_model_feature_name(m, 3), "current");

        char *text = read_fixture(model_files[i], ".margins", NULL);
        int n_rows = 0;
        const char *at = text;
        float v[FIXTURE_FEATURES + 1];
        for (; next_row(&at, v); n_rows++) {
            float y;
            assert_ok(evtwin_model_margin(m, v, 1, FIXTURE_FEATURES, &y));
            if (memcmp(&y, &v[FIXTURE_FEATURES], sizeof y) != 0) {
                fail_msg("%s, row %d: %a instead of %a", model_files[i], n_rows, (double)y,
                         (double)v[FIXTURE_FEATURES]);
            }
        }
        assert_true(n_rows >= 70);
        evtwin__free(text);
        evtwin_model_free(m);
    }
}

static void test_fixtures(void **state) {
    (void)state;
    check_fixtures(".json");
    check_fixtures(".ubj");
}

/* Nodes that pruning deleted stay in the arrays: the 1.7 classifier has some. */
static void test_deleted_nodes(void **state) {
    (void)state;
    char *text = read_fixture("xgboost-1.7-logistic", ".json", NULL);
    assert_non_null(strstr(text, "\"num_deleted\":\"2\""));
    char *other = replaced(text, "\"num_deleted\":\"2\"", "\"num_deleted\":\"1\"");
    evtwin_model *m = NULL;
    assert_fails(load(other, &m), EVTWIN_E_CORRUPT, "tree 0|deleted|num_deleted");
    free(other);
    other = replaced(text, "2147483647,2147483647", "0,2147483647");
    assert_fails(load(other, &m), EVTWIN_E_CORRUPT, "tree 0|deleted|num_deleted");
    free(other);
    assert_null(m);
    evtwin__free(text);
}

/* The same as UBJSON: one margin. */
static float margin_as_ubj(const char *text, float a, float b) {
    ubj_text u = ubj_of(text);
    assert_non_null(u.at);
    evtwin_model *m;
    assert_ok(evtwin_model_load_buffer("m.ubj", u.at, u.size, &m));
    const float x[2] = {a, b};
    float y = NAN;
    assert_ok(evtwin_model_margin(m, x, 1, 2, &y));
    evtwin_model_free(m);
    free(u.at);
    return y;
}

static void test_accepted_forms(void **state) {
    (void)state;
    static const char *const forms[][2] = {
        {"\"5E-1\"", "\"[5E-1]\""},
        {"\"5E-1\"", "\"0.5\""},
        {"\"default_left\":[1,0,0]", "\"default_left\":[true,false,false]"},
        {"\"feature_names\":[\"a\",\"b\"]", "\"feature_names\":[]"},
        {"[\"a\",\"b\"]", "[\"nodeid\",\"label_index\"]"}, /* names, not keys of other files */
        {"[\"a\",\"b\"]", "[\"generic_param\",\"b\"]"},
        {"\"feature_names\":[\"a\",\"b\"],", ""},
        {"\"num_class\":\"0\"", "\"num_class\":\"1\""},
        {",\"num_target\":\"1\"", ""},
        {"vector\":\"1\"", "vector\":\"0\""},
        {"\"attributes\":{}", "\"attributes\":{\"x\":[1,{\"y\":null},\"\\u20ac\\\"\"],\"z\":true}"},
        {"\"tree_info\"", " \r\n\t\"cats\":{\"enc\":[]} , \"tree_info\""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *text = replaced(small, forms[i][0], forms[i][1]);
        assert_true(margin_of(text, 0.0f, 3.0f) == 3.5f);
        assert_true(margin_as_ubj(text, 0.0f, 3.0f) == 3.5f);
        free(text);
    }

    /* the children may stand anywhere: swapped, with their parts */
    char *a = replaced(small, "\"left_children\":[1,", "\"left_children\":[2,");
    char *b = replaced(a, "\"right_children\":[2,", "\"right_children\":[1,");
    assert_true(margin_of(b, 0.0f, 3.0f) == -0.5f);
    assert_true(margin_of(b, 0.0f, NAN) == 3.5f);
    free(a);
    free(b);

    char *escaped = replaced(small, "[\"a\",\"b\"]", "[\"\\u20ac \\\"x\\\"\",\"b\"]");
    evtwin_model *m;
    assert_ok(load(escaped, &m));
    assert_string_equal(evtwin_model_feature_name(m, 0), "\xe2\x82\xac \"x\"");
    evtwin_model_free(m);
    ubj_text u = ubj_of(escaped);
    assert_ok(evtwin_model_load_buffer("m.ubj", u.at, u.size, &m));
    assert_string_equal(evtwin_model_feature_name(m, 0), "\xe2\x82\xac \"x\"");
    evtwin_model_free(m);
    free(u.at);
    free(escaped);
}

/* What a classifier starts from: before XGBoost 3.2 the ends are infinite margins, or refused by
 * XGBoost; from then on a probability is kept 1e-6 off them. */
static void test_base_score_of_classifier(void **state) {
    (void)state;
    char *logistic = replaced(small, "reg:squarederror", "binary:logistic");
    static const struct {
        const char *score;
        evtwin_status status;
    } before[] = {{"0E0", EVTWIN_E_UNSUPPORTED},   {"1E0", EVTWIN_E_UNSUPPORTED},
                  {"[1E0]", EVTWIN_E_UNSUPPORTED}, {"1E-45", EVTWIN_E_UNSUPPORTED},
                  {"-5E-1", EVTWIN_E_CORRUPT},     {"1.5E0", EVTWIN_E_CORRUPT}};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        char *text = replaced(logistic, "5E-1", before[i].score);
        evtwin_model *m = NULL;
        assert_fails(load(text, &m), before[i].status, "base_score");
        free(text);
    }

    /* a leaf of 3 is added to it */
    static const struct {
        const char *version, *score;
        float from;
    } accepted[] = {
        {"[3,1,3]", "[1E-9]", 1e-9f},
        {"[3,2,0]", "[1E-9]", 1e-6f},
        {"[3,2,0]", "[0E0]", 1e-6f},
        {"[3,2,0]", "[1E-45]", 1e-6f},
        {"[3,2,0]", "[1E0]", 1.0f - 1e-6f},
        {"[3,2,0]", "[9.999999E-1]", 1.0f - 1e-6f},
        {"[3,10,0]", "[0E0]", 1e-6f},
        {"[3,2,0]", "[1E-5]", 1e-5f},
        {"[3,1,3]", "[9.999999E-1]", 0.9999999f},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        char *newer = replaced(logistic, "[2,1,4]", accepted[i].version);
        char *text = replaced(newer, "5E-1", accepted[i].score);
        assert_true(margin_of(text, 0.0f, 3.0f) == -logf(1.0f / accepted[i].from - 1.0f) + 3.0f);
        free(text);
        free(newer);
    }
    /* base log(0.5 / 0.5) = 0; then the leaf alone */
    evtwin_model *m;
    assert_ok(load(logistic, &m));
    const float x[2] = {0.0f, 3.0f};
    float y;
    assert_ok(evtwin_model_predict(m, x, 1, 2, &y));
    assert_near((double)y, 1.0 / (1.0 + exp(-3.0)), 1e-7);
    evtwin_model_free(m);
    free(logistic);
}

/* ---- early stopping ---- */

static char last_log[300];
static int n_logs;

static void keep_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    n_logs++;
    snprintf(last_log, sizeof last_log, "%s", text);
}

/* The small model with its tree three times and the attribute as given. */
static char *three_trees(const char *attributes) {
    const char *first = strstr(small, "\"trees\":[") + strlen("\"trees\":[");
    const char *end = strstr(first, "]},\"name\"");
    char one[1000], trees[4000] = "";
    snprintf(one, sizeof one, "%.*s", (int)(end - first), first);
    for (int i = 0; i < 3; i++) {
        char id[32];
        snprintf(id, sizeof id, "\"id\":%d", i);
        char *numbered = replaced(one, "\"id\":0", id);
        const size_t n = strlen(trees);
        snprintf(trees + n, sizeof trees - n, "%s%s", i > 0 ? "," : "", numbered);
        free(numbered);
    }
    char *a = replaced(small, one, trees);
    char *b = replaced(a, "\"num_trees\":\"1\"", "\"num_trees\":\"3\"");
    char *c = replaced(b, "\"tree_info\":[0]", "\"tree_info\":[0,0,0]");
    char *d = replaced(c, "\"attributes\":{}", attributes);
    free(a);
    free(b);
    free(c);
    return d;
}

/* As XGBoost's scikit-learn wrapper, unless all trees are asked for; said where they differ. */
static void test_early_stopping(void **state) {
    (void)state;
    static const struct {
        const char *attributes;
        float margin; /* each tree adds 3 to 0.5 */
        int is_said;
    } cases[] = {
        {"\"attributes\":{\"best_iteration\":\"0\",\"best_score\":\"1.5\"}", 3.5f, 1},
        {"\"attributes\":{\"best_iteration\":\"1\"}", 6.5f, 1},
        {"\"attributes\":{\"best_iteration\":\"2\"}", 9.5f, 0},
        {"\"attributes\":{\"best_iteration\":\"7\"}", 9.5f, 0}, /* of the model it was cut from */
        {"\"attributes\":{\"best_iteration\":\"none\"}", 9.5f, 1},
        {"\"attributes\":{\"best_iteration\":\"-1\"}", 9.5f, 1},
        {"\"attributes\":{}", 9.5f, 0},
    };
    evtwin_set_log(keep_log, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = three_trees(cases[i].attributes);
        n_logs = 0;
        assert_true(margin_of(text, 0.0f, 3.0f) == cases[i].margin);
        assert_int_equal(n_logs, cases[i].is_said);
        const char *path = temp_file("early.json", text);
        evtwin_model *m;
        assert_ok(evtwin_model_load_all_trees(path, &m));
        assert_int_equal(evtwin_model_trees(m), 3);
        assert_int_equal(n_logs, 2 * cases[i].is_said);
        evtwin_model_free(m);
        free(text);
    }
    char *text = three_trees(cases[1].attributes);
    evtwin_model *m;
    assert_ok(load(text, &m));
    assert_int_equal(evtwin_model_trees(m), 2);
    assert_true(text_names(last_log, "m.json|3|2|best_iteration"));
    evtwin_model_free(m);
    free(text);
    evtwin_set_log(NULL, NULL);
}

/* Each objective: where the margin starts, and what the value is of it. */
static void test_objectives(void **state) {
    (void)state;
    const struct {
        const char *name, *base_score;
        float margin, value; /* of the leaf 3 */
    } cases[] = {
        {"reg:squarederror", "\"5E-1\"", 3.5f, 3.5f},
        {"binary:logistic", "\"5E-1\"", 3.0f, 1.0f / (1.0f + expf(-3.0f))},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *named = replaced(small, "reg:squarederror", cases[i].name);
        char *text = replaced(named, "\"5E-1\"", cases[i].base_score);
        evtwin_model *m;
        assert_ok(load(text, &m));
        const float x[2] = {0.0f, 3.0f};
        float y;
        assert_ok(evtwin_model_margin(m, x, 1, 2, &y));
        assert_true(y == cases[i].margin);
        assert_ok(evtwin_model_predict(m, x, 1, 2, &y));
        assert_near(y, cases[i].value, 1e-6f * cases[i].value);
        evtwin_model_free(m);
        free(text);
        free(named);
    }

    /* all others are refused: some have another value than the margin, none is a RUL or a risk */
    static const char *const others[] = {
        "reg:absoluteerror", "reg:pseudohubererror", "reg:logistic", "reg:gamma",
        "reg:tweedie",       "count:poisson",        "survival:aft", "rank:pairwise"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *named = replaced(small, "reg:squarederror", others[i]);
        evtwin_model *m;
        assert_fails(load(named, &m), EVTWIN_E_UNSUPPORTED, "objective \"|train with one of");
        free(named);
    }
}

/* A version that is not supported is what is said of its file, whatever else is other in it. */
static void test_other_versions(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *version;
    } cases[] = {
        {"\"split_type\":[0,0,0],", "", "1.2.0"},
        {"\"parents\":[2147483647,0,0]", "\"parents\":{}", "4.0.0"},
        {"\"name\":\"gbtree\"", "\"kind\":1", "1.0.2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = replaced(small, cases[i].from, cases[i].to), version[24], dots[] = "0,0,0";
        evtwin_model *m = NULL;
        assert_true(load(text, &m) == EVTWIN_E_CORRUPT || load(text, &m) == EVTWIN_E_PARSE);
        assert_false(text_names(evtwin_last_error(), "version"));
        dots[0] = cases[i].version[0];
        dots[2] = cases[i].version[2];
        dots[4] = cases[i].version[4];
        snprintf(version, sizeof version, "\"version\":[%s]}", dots);
        char *other = replaced(text, "\"version\":[2,1,4]}", version);
        assert_fails(load(other, &m), EVTWIN_E_UNSUPPORTED, cases[i].version);
        assert_true(text_names(evtwin_last_error(), "m.json|version|1.7"));
        free(other);
        free(text);
    }
}

static void test_byte_order_mark(void **state) {
    (void)state;
    char *text = replaced(small, "{\"learner\"", "\xEF\xBB\xBF{\"learner\"");
    assert_true(margin_of(text, 0.0f, 2.5f) == 3.5f);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_deleted_nodes),
        cmocka_unit_test(test_accepted_forms),
        cmocka_unit_test(test_base_score_of_classifier),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_early_stopping),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
