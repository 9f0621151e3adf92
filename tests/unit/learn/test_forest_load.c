/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest_load.c: model files of three XGBoost generations load; every other
 * file is an error with a reason. */

#include "models.h"

#include "core/num.h"
#include "core/rng.h"
#include "learn/forest.h"
#include "learn/json_scan.h"

#include <float.h>

/* The smallest tree with a split, in the words of XGBoost 2.1. */
static const char small[] =
    "{\"learner\":{\"attributes\":{},\"feature_names\":[\"a\",\"b\"],\"feature_types\":[],"
    "\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{\"num_parallel_tree\":\"1\","
    "\"num_trees\":\"1\"},\"iteration_indptr\":[0,1],\"tree_info\":[0],\"trees\":[{"
    "\"base_weights\":[0E0,1E0,2E0],\"categories\":[],\"categories_nodes\":[],"
    "\"categories_segments\":[],\"categories_sizes\":[],\"default_left\":[1,0,0],\"id\":0,"
    "\"left_children\":[1,-1,-1],\"loss_changes\":[5E0,0E0,0E0],\"parents\":[2147483647,0,0],"
    "\"right_children\":[2,-1,-1],\"split_conditions\":[2.5E0,-1E0,3E0],"
    "\"split_indices\":[1,0,0],\"split_type\":[0,0,0],\"sum_hessian\":[9E0,4E0,5E0],"
    "\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"2\",\"num_nodes\":\"3\","
    "\"size_leaf_vector\":\"1\"}}]},\"name\":\"gbtree\"},\"learner_model_param\":{"
    "\"base_score\":\"5E-1\",\"boost_from_average\":\"1\",\"num_class\":\"0\","
    "\"num_feature\":\"2\",\"num_target\":\"1\"},\"objective\":{\"name\":\"reg:squarederror\"}},"
    "\"version\":[2,1,4]}";

static evtwin_status load(const char *text, evtwin_model **out) {
    return evtwin_model_load_buffer("m.json", text, strlen(text), out);
}

static float margin_of(const char *text, float a, float b) {
    evtwin_model *m;
    assert_ok(load(text, &m));
    const float x[2] = {a, b};
    float y = NAN;
    assert_ok(evtwin_model_margin(m, x, 1, 2, &y));
    evtwin_model_free(m);
    return y;
}

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
static void test_fixtures(void **state) {
    (void)state;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, SOURCE_DIR "/tests/data/models/%s.json", model_files[i]);
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

typedef struct refusal {
    const char *from, *to;
    evtwin_status status;
    const char *names;
} refusal;

/* One change to the small model, and what must be said. */
static const refusal refusals[] = {
    {"\"gbtree\"", "\"dart\"", EVTWIN_E_UNSUPPORTED, "gradient_booster|booster \"dart\"|gbtree"},
    {"\"gbtree\"", "\"gblinear\"", EVTWIN_E_UNSUPPORTED, "gradient_booster|booster \"gblinear\""},
    {"reg:squarederror", "multi:softmax", EVTWIN_E_UNSUPPORTED, "objective \"multi:softmax\""},
    {"[2,1,4]", "[1,6,2]", EVTWIN_E_UNSUPPORTED, "XGBoost 1.6.2"},
    {"[2,1,4]", "[4,0,0]", EVTWIN_E_UNSUPPORTED, "XGBoost 4.0.0"},
    {"[2,1,4]", "[2,1]", EVTWIN_E_CORRUPT, "version"},
    {"\"num_class\":\"0\"", "\"num_class\":\"3\"", EVTWIN_E_UNSUPPORTED, "num_class"},
    {"\"num_target\":\"1\"", "\"num_target\":\"2\"", EVTWIN_E_UNSUPPORTED, "num_target"},
    {"\"tree_info\":[0]", "\"tree_info\":[1]", EVTWIN_E_UNSUPPORTED, "tree_info: tree 0"},
    {"\"tree_info\":[0]", "\"tree_info\":[0,0]", EVTWIN_E_CORRUPT, "tree_info"},
    {"vector\":\"1\"", "vector\":\"2\"", EVTWIN_E_UNSUPPORTED, "size_leaf_vector|multi_strategy"},
    {"parallel_tree\":\"1\"", "parallel_tree\":\"4\"", EVTWIN_E_UNSUPPORTED, "num_parallel_tree"},
    {"\"num_trees\":\"1\"", "\"num_trees\":\"2\"", EVTWIN_E_CORRUPT, "num_trees|2"},
    {"\"num_trees\":\"1\"", "\"num_trees\":1", EVTWIN_E_PARSE, "num_trees|string"},
    {"\"split_type\":[0,0,0]", "\"split_type\":[1,0,0]", EVTWIN_E_UNSUPPORTED,
     "tree 0: split_type: node 0|enable_categorical"},
    {"\"categories\":[]", "\"categories\":[3]", EVTWIN_E_UNSUPPORTED, "tree 0: categories"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"4\"", EVTWIN_E_CORRUPT, "tree 0|left_children|3|4"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"0\"", EVTWIN_E_CORRUPT, "num_nodes"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"99999999999\"", EVTWIN_E_CORRUPT, "num_nodes"},
    {"\"default_left\":[1,0,0]", "\"default_left\":[1,0]", EVTWIN_E_CORRUPT, "default_left"},
    {"\"default_left\":[1,", "\"default_left\":[2,", EVTWIN_E_CORRUPT,
     "tree 0|default_left|node 0|2|0|1"},
    {"[2.5E0,-1E0,3E0]", "[2.5E0,-1E0]", EVTWIN_E_CORRUPT, "split_conditions"},
    {"[2.5E0,", "[1E39,", EVTWIN_E_CORRUPT, "tree 0: split_conditions: node 0: byte"},
    {"[2.5E0,", "[NaN,", EVTWIN_E_PARSE, "tree 0|split_conditions|node 0|number"},
    {"[2.5E0,", "[true,", EVTWIN_E_PARSE, "tree 0|split_conditions|node 0|number"},
    {"-1E0,3E0]", "3E38,3E0]", EVTWIN_E_CORRUPT, "leaves|3e+38"},
    {"\"left_children\":[1,", "\"left_children\":[2,", EVTWIN_E_CORRUPT, "tree 0|node 0|node 2"},
    {"\"left_children\":[1,", "\"left_children\":[3,", EVTWIN_E_CORRUPT, "node 0: left child 3"},
    {"\"left_children\":[1,", "\"left_children\":[0,", EVTWIN_E_CORRUPT, "left child 0"},
    {"\"left_children\":[1,", "\"left_children\":[-1,", EVTWIN_E_CORRUPT, "left child -1"},
    {"\"left_children\":[1,", "\"left_children\":[-2,", EVTWIN_E_CORRUPT, "node 0"},
    {"\"left_children\":[1,", "\"left_children\":[1.5,", EVTWIN_E_PARSE,
     "left_children|node 0|integer"},
    {"\"right_children\":[2,", "\"right_children\":[-1,", EVTWIN_E_CORRUPT, "right child -1"},
    {"\"right_children\":[2,-1,", "\"right_children\":[2,0,", EVTWIN_E_CORRUPT, "node 1"},
    {"\"left_children\":[1,-1,-1]", "\"left_children\":[-1,-1,-1]", EVTWIN_E_CORRUPT, "node 0"},
    {"[2147483647,0,0]", "[2147483647,0,1]", EVTWIN_E_CORRUPT, "node 0|right child 2|parent 1"},
    {"[2147483647,0,0]", "[0,0,0]", EVTWIN_E_CORRUPT, "node 0|root|parent 0"},
    {"\"split_indices\":[1,", "\"split_indices\":[2,", EVTWIN_E_CORRUPT, "feature 2 of 2"},
    {"\"split_indices\":[1,", "\"split_indices\":[2147483647,", EVTWIN_E_CORRUPT, "deleted"},
    {"\"split_indices\":[1,0,0]", "\"split_indices\":[1,0,2147483647]", EVTWIN_E_CORRUPT,
     "deleted"},
    {"\"id\":0", "\"id\":1", EVTWIN_E_CORRUPT, "tree 0|id|1"},
    {"\"num_feature\":\"2\",\"num_nodes", "\"num_feature\":\"3\",\"num_nodes", EVTWIN_E_CORRUPT,
     "num_feature|2|3"},
    {"\"num_feature\":\"2\",\"num_target", "\"num_feature\":\"0\",\"num_target", EVTWIN_E_CORRUPT,
     "num_feature"},
    {"[\"a\",\"b\"]", "[\"a\"]", EVTWIN_E_CORRUPT, "feature names|1|2"},
    {"[\"a\",\"b\"]", "[\"a\",\"\\ud800\"]", EVTWIN_E_PARSE, "feature_names"},
    {"\"5E-1\"", "\"abc\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"[]\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"[5E-1,5E-1]\"", EVTWIN_E_UNSUPPORTED, "base_score"},
    {"\"5E-1\"", "\"1E60\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "0.5", EVTWIN_E_PARSE, "base_score|string"},
    {"\"tree_param\"", "\"tree_parameter\"", EVTWIN_E_CORRUPT, "tree 0|\"tree_param\""},
    {"\"id\":0", "\"id\":0,\"id\":0", EVTWIN_E_CORRUPT, "tree 0|\"id\""},
    {"\"objective\"", "\"objektive\"", EVTWIN_E_CORRUPT, "learner|\"objective\""},
    {"\"model\"", "\"muster\"", EVTWIN_E_CORRUPT, "gradient_booster|\"model\""},
    {"\"gbtree_model_param\"", "\"linear_param\"", EVTWIN_E_CORRUPT,
     "model|\"gbtree_model_param\""},
    {"\"trees\"", "\"weights\"", EVTWIN_E_CORRUPT, "num_trees|1|0"},
    {"\"num_feature\":\"2\",\"num_nodes", "\"num_feature\":\"2049\",\"num_nodes",
     EVTWIN_E_UNSUPPORTED, "tree 0: tree_param: num_feature"},
    {"\"num_feature\":\"2\",\"num_target", "\"num_feature\":\"2049\",\"num_target",
     EVTWIN_E_UNSUPPORTED, "learner_model_param: num_feature"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":[1,}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":01x}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":\"\\x\"}", EVTWIN_E_PARSE, "escaped"},
    {"[2.5E0,", "[-Infinity,", EVTWIN_E_PARSE, "node 0|infinity"},
    {",3E0]", ",NaN]", EVTWIN_E_PARSE, "node 2|NaN"},
    {"[2.5E0,", "[01,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[00,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[1.,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[-.5,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[1e,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[+1,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"\"left_children\":[1,", "\"left_children\":[01,", EVTWIN_E_PARSE, "left_children|integer"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":01}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":\"\xff\xfe\"}", EVTWIN_E_PARSE, "UTF-8"},
    {"\"attributes\":{}", "\"attributes\":{\"\xc3\":1}", EVTWIN_E_PARSE, "UTF-8"},
    {"\"version\":[2,1,4]}", "\"version\":[2,1,4]} {", EVTWIN_E_PARSE, "byte 868|'{'"},
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        char *text = replaced(small, r->from, r->to);
        evtwin_model *m = NULL;
        const evtwin_status st = load(text, &m);
        if (st != r->status || !text_names(evtwin_last_error(), r->names) ||
            strncmp(evtwin_last_error(), "m.json: ", 8) != 0) {
            fail_msg("%s -> %s: %s: %s", r->from, r->to, evtwin_status_name(st),
                     evtwin_last_error());
        }
        assert_null(m);
        free(text);
    }
}

/* The files of the other boosters, as far as we read them: the name of the booster is the reason,
 * not what they lack. */
static void test_other_boosters(void **state) {
    (void)state;
    char *gbtree = replaced(small, "\"gradient_booster\"", "\"ignored\"");
    static const char *const boosters[][2] = {
        {"\"gradient_booster\":{\"model\":{\"boosted_rounds\":1,\"param\":{},\"weights\":[1,2,3]},"
         "\"name\":\"gblinear\"},\"version\"",
         "\"gblinear\""},
        {"\"gradient_booster\":{\"gbtree\":{\"model\":{},\"name\":\"gbtree\"},\"name\":\"dart\","
         "\"weight_drop\":[]},\"version\"",
         "\"dart\""}};
    for (size_t i = 0; i < sizeof boosters / sizeof boosters[0]; i++) {
        char *objective = replaced(gbtree, "\"objective\":{\"name\":\"reg:squarederror\"}},", "");
        char *text = replaced(objective, "\"version\"", boosters[i][0]);
        char *whole = replaced(text, "\"version\"",
                               "\"objective\":{\"name\":\"reg:squarederror\"}},\"version\"");
        evtwin_model *m = NULL;
        assert_fails(load(whole, &m), EVTWIN_E_UNSUPPORTED, boosters[i][1]);
        assert_null(m);
        free(whole);
        free(text);
        free(objective);
    }
    free(gbtree);
}

/* A name takes ten times the memory of its three bytes in the file, so their number has a limit. */
static void test_many_names(void **state) {
    (void)state;
    char names[3 * (EVTWIN__MAX_WIDTH + 1) + 8] = "[";
    size_t n = 1;
    for (int i = 0; i <= EVTWIN__MAX_WIDTH; i++) {
        memcpy(names + n, "\"\",", 4);
        n += 3;
    }
    names[n - 1] = ']';
    char *text = replaced(small, "[\"a\",\"b\"]", names);
    evtwin_model *m = NULL;
    assert_fails(load(text, &m), EVTWIN_E_UNSUPPORTED, "feature_names: feature 2048");
    assert_null(m);
    free(text);
}

static void test_accepted_forms(void **state) {
    (void)state;
    static const char *const forms[][2] = {
        {"\"5E-1\"", "\"[5E-1]\""},
        {"\"5E-1\"", "\"0.5\""},
        {"\"default_left\":[1,0,0]", "\"default_left\":[true,false,false]"},
        {"\"feature_names\":[\"a\",\"b\"]", "\"feature_names\":[]"},
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

/* ---- what is no model ---- */

static void test_other_kinds(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *names;
    } files[] = {
#define BYTES(text) text, sizeof text - 1
        {BYTES("binf\0\0\0\x3f\5\0\0\0"), "binary|save_model"},
        {BYTES("booster[0]:\n0:[soh<86.8] yes=1,no=2"), "dump|save_model"},
        {BYTES("[\n  { \"nodeid\": 0, \"depth\": 0"), "JSON dump|save_model"},
        {BYTES("{\"learner\":{\"generic_param\":{\"device\":\"cpu\"}"), "configuration|save_model"},
        {BYTES("{\n  \"learner\": {\n    \"generic_param\": {"), "configuration|save_model"},
        {BYTES("tree\nversion=v4\n"), "LightGBM|save_model"},
        {BYTES("\x80\4\x95"), "pickle|save_model"},
        {BYTES("\x1f\x8b\x08"), "gzip|decompress"},
        {BYTES("{L\0\0\0\0\0\0\0\7learner"), "UBJSON|.json"},
        {BYTES("PK\3\4"), "zip|unpack"},
        {BYTES("\xff\xfe{\0"), "UTF-16|UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        evtwin_model *m = NULL;
        assert_fails(evtwin_model_load_buffer("m.json", files[i].data, files[i].size, &m),
                     EVTWIN_E_UNSUPPORTED, files[i].names);
    }
}

/* A tree of no split, a model of no trees. */
static void test_trivial_models(void **state) {
    (void)state;
    static const refusal steps[] = {
        {"[0E0,1E0,2E0]", "[0E0]", 0, NULL},
        {"[1,0,0]", "[0]", 0, NULL}, /* default_left */
        {"\"left_children\":[1,-1,-1]", "\"left_children\":[-1]", 0, NULL},
        {"\"right_children\":[2,-1,-1]", "\"right_children\":[-1]", 0, NULL},
        {"[2147483647,0,0]", "[2147483647]", 0, NULL},
        {"[2.5E0,-1E0,3E0]", "[7E0]", 0, NULL},
        {"[9E0,4E0,5E0]", "[9E0]", 0, NULL},
        {"[1,0,0]", "[0]", 0, NULL}, /* split_indices */
        {"\"split_type\":[0,0,0]", "\"split_type\":[0]", 0, NULL},
        {"\"num_nodes\":\"3\"", "\"num_nodes\":\"1\"", 0, NULL},
    };
    char *text = malloc(sizeof small);
    memcpy(text, small, sizeof small);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char *next = replaced(text, steps[i].from, steps[i].to);
        free(text);
        text = next;
    }
    assert_true(margin_of(text, 1.0f, NAN) == 7.5f);

    const char *trees = strstr(text, "\"trees\":[") + strlen("\"trees\":[");
    char *end = strstr(trees, "]},\"name\"");
    const size_t none_size = strlen(text) + 1;
    char *none = malloc(none_size);
    snprintf(none, none_size, "%.*s%s", (int)(trees - text), text, end);
    char *one = replaced(none, "\"num_trees\":\"1\"", "\"num_trees\":\"0\"");
    char *two = replaced(one, "\"tree_info\":[0]", "\"tree_info\":[]");
    assert_true(margin_of(two, 1.0f, NAN) == 0.5f);
    free(two);
    free(one);
    free(none);
    free(text);
}

static void test_other_files(void **state) {
    (void)state;
    evtwin_model *m = NULL;
    assert_fails(evtwin_model_load("/nowhere/model.json", &m), EVTWIN_E_NOT_FOUND,
                 "/nowhere/model.json");
    assert_fails(evtwin_model_load(NULL, &m), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_load("x", NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_load_buffer("x", NULL, 0, &m), EVTWIN_E_ARG, "NULL");
    assert_fails(load("", &m), EVTWIN_E_PARSE, "m.json:|byte 0");
    assert_fails(load("[]", &m), EVTWIN_E_PARSE, "byte 0|'['|object");
    assert_fails(load("{}", &m), EVTWIN_E_CORRUPT, "\"learner\"");
    assert_fails(evtwin_model_load_buffer("x", small, (size_t)1 << 31, &m), EVTWIN_E_UNSUPPORTED,
                 "bytes");
    assert_fails(evtwin_model_load(temp_file("empty.json", ""), &m), EVTWIN_E_PARSE, "empty.json");

    /* nested deeper than anyone needs: neither a crash nor a long wait */
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP + 16);
    const int n = snprintf(deep, 16, "{\"x\":");
    memset(deep + n, '[', DEEP);
    deep[n + DEEP] = '\0';
    assert_fails(load(deep, &m), EVTWIN_E_PARSE, "byte 69|64");
    free(deep);
    assert_null(m);
}

static void test_truncations(void **state) {
    (void)state;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], ".json", &size);
        while (size > 0 && text[size - 1] != '}') {
            size--;
        }
        for (size_t n = 0; n < size; n++) {
            char *exact = malloc(n + 1); /* of that size, so that a sanitizer sees a step too far */
            memcpy(exact, text, n);
            char *cut = realloc(exact, n > 0 ? n : 1);
            evtwin_model *m = NULL;
            const evtwin_status st = evtwin_model_load_buffer("cut", cut, n, &m);
            if (st != EVTWIN_E_PARSE || m != NULL) {
                fail_msg("%s cut at %zu: %s", model_files[i], n, evtwin_status_name(st));
            }
            free(cut);
        }
        evtwin__free(text);
    }
}

/* A damaged file that loads all the same must at least be safe: finite answers to any row. */
static void load_and_use(const char *text, size_t size, size_t *n_loaded) {
    evtwin_model *m = NULL;
    if (evtwin_model_load_buffer("mutated", text, size, &m) < 0) {
        assert_null(m);
        return;
    }
    ++*n_loaded;
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e30f, 0.7f, -0.3f};
    float x[64 * 16], y[16];
    const size_t width = evtwin_model_width(m);
    if (width <= 64) {
        for (size_t i = 0; i < 16 * width; i++) {
            x[i] = special[(i * 7 + i / 3) % 8];
        }
        assert_ok(evtwin_model_margin(m, x, 16, width, y));
        for (int r = 0; r < 16; r++) {
            assert_true(isfinite(y[r]));
        }
    }
    evtwin_model_free(m);
}

static int starts_number(const char *text, size_t i) {
    const char before = i > 0 ? text[i - 1] : ' ';
    return (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) &&
           strchr("[,:\"", before) != NULL;
}

/* Every number of the file, one at a time, becomes nonsense. */
static void test_numbers_changed(void **state) {
    (void)state;
    static const char *const nonsense[] = {"-1",         "0",           "1", "77",
                                           "2147483647", "1e999",       "",  "null",
                                           "-3e38",      "99999999999", "x", "0.5"};
    size_t n_tried = 0, n_loaded = 0;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], ".json", &size);
        char *copy = malloc(size + 32);
        for (size_t at = 0; at < size; at++) {
            if (!starts_number(text, at)) {
                continue;
            }
            const size_t length = strspn(text + at, "0123456789.Ee+-");
            for (size_t k = 0; k < sizeof nonsense / sizeof nonsense[0]; k++) {
                const size_t n = strlen(nonsense[k]);
                memcpy(copy, text, at);
                memcpy(copy + at, nonsense[k], n);
                memcpy(copy + at + n, text + at + length, size - at - length);
                load_and_use(copy, size - length + n, &n_loaded);
                n_tried++;
            }
        }
        free(copy);
        evtwin__free(text);
    }
    assert_true(n_tried > 20000);
    /* another leaf or threshold is a valid model, and only the bundle's hash can tell; most is
     * refused */
    assert_true(n_loaded < n_tried / 2);
}

static void test_bytes_changed(void **state) {
    (void)state;
    size_t n_loaded = 0;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], ".json", &size);
        char *copy = malloc(size);
        for (uint64_t k = 0; k < 4000; k++) {
            memcpy(copy, text, size);
            const evtwin__rng_block b = evtwin__rng_at(5, EVTWIN__RNG_SPLIT, (uint32_t)i, 0, k);
            const size_t at = b.word[0] % size;
            switch (b.word[1] % 3) {
            case 0: /* another byte */
                copy[at] = (char)b.word[2];
                break;
            case 1: /* a byte of the file itself: mostly still JSON */
                copy[at] = text[b.word[2] % size];
                break;
            default: /* a piece moved elsewhere */
                memmove(copy + at, text + b.word[2] % size,
                        size - (at > b.word[2] % size ? at : b.word[2] % size));
            }
            load_and_use(copy, size, &n_loaded);
        }
        free(copy);
        evtwin__free(text);
    }
    assert_true(n_loaded < 24000);
}

static void test_out_of_memory(void **state) {
    (void)state;
    size_t size;
    char *text = read_fixture("xgboost-3.2-logistic", ".json", &size);
    char *copy = malloc(size + 1);
    memcpy(copy, text, size + 1);
    evtwin__free(text);
    size_t n_failures = 0;
    for (;; n_failures++) {
        counting_allocator a = {.fail_at = n_failures};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_model *m = NULL;
        const evtwin_status st = evtwin_model_load_buffer("oom", copy, size, &m);
        evtwin_model_free(m);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_null(m);
    }
    assert_true(n_failures > 20);
    free(copy);
}

/* ---- trees made to measure ---- */

typedef struct text_buffer {
    char *at;
    size_t size, cap;
} text_buffer;

static void put(text_buffer *b, const char *text) {
    const size_t n = strlen(text);
    if (b->cap - b->size < n + 1) {
        b->cap = 2 * b->cap + n + 4096;
        b->at = realloc(b->at, b->cap);
        assert_non_null(b->at);
    }
    memcpy(b->at + b->size, text, n + 1);
    b->size += n;
}

/* Whole numbers. */
static void put_array(text_buffer *b, const char *key, const double *v, size_t n) {
    put(b, "\"");
    put(b, key);
    put(b, "\":[");
    for (size_t i = 0; i < n; i++) {
        char number[EVTWIN__NUM_SIZE];
        evtwin__format_i64((int64_t)v[i], number);
        put(b, i > 0 ? "," : "");
        put(b, number);
    }
    put(b, "],");
}

/* The small model with a tree of n nodes: children by number (-1 = leaf), leaf i of value i % 1000.
 */
static char *model_of_tree(const double *left, const double *right, const double *threshold,
                           size_t n, size_t *size_out) {
    double *parent = calloc(n, sizeof *parent), *zero = calloc(n, sizeof *zero),
           *condition = calloc(n, sizeof *condition);
    parent[0] = 2147483647.0;
    for (size_t i = 0; i < n; i++) {
        condition[i] = left[i] >= 0.0 ? threshold[i] : (double)(i % 1000);
        if (left[i] >= 0.0) {
            parent[(size_t)left[i]] = parent[(size_t)right[i]] = (double)i;
        }
    }
    text_buffer b = {0};
    put_array(&b, "default_left", zero, n);
    put_array(&b, "left_children", left, n);
    put_array(&b, "parents", parent, n);
    put_array(&b, "right_children", right, n);
    put_array(&b, "split_conditions", condition, n);
    put_array(&b, "split_indices", zero, n);
    put_array(&b, "split_type", zero, n);
    char param[96];
    snprintf(param, sizeof param,
             "\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"2\",\"num_nodes\":\"%zu\"}",
             n);
    put(&b, param);
    const char *tree = strstr(small, "\"base_weights\"");
    const char *rest = strstr(small, "}]},\"name\"");
    const size_t text_size = sizeof small + b.size;
    char *text = malloc(text_size);
    *size_out =
        (size_t)snprintf(text, text_size, "%.*s%s%s", (int)(tree - small), small, b.at, rest);
    free(b.at);
    free(parent);
    free(zero);
    free(condition);
    return text;
}

/* A chain 20,000 deep: no recursion anywhere, and the right leaf at the end. */
static void test_deep_tree(void **state) {
    (void)state;
    enum { DEPTH = 20000, N = 2 * DEPTH + 1 };
    double *left = malloc(N * sizeof *left), *right = malloc(N * sizeof *right),
           *threshold = malloc(N * sizeof *threshold);
    for (int i = 0; i < N; i++) {
        const int is_split = i % 2 == 0 && i + 2 < N;
        left[i] = is_split ? i + 1 : -1;
        right[i] = is_split ? i + 2 : -1;
        threshold[i] = i;
    }
    size_t size;
    char *text = model_of_tree(left, right, threshold, N, &size);
    evtwin_model *m;
    assert_ok(evtwin_model_load_buffer("deep", text, size, &m));
    float x[16 * 2], y[16];
    for (int r = 0; r < 16; r++) {
        x[2 * r] = (float)(r * 2500);
        x[2 * r + 1] = 0.0f;
    }
    x[2 * 15] = NAN; /* missing: right at every step */
    assert_ok(evtwin_model_margin(m, x, 16, 2, y));
    for (int r = 0; r < 16; r++) {
        /* left at the first even i with x < i */
        const int i = r == 15 ? N : r * 2500 + 2;
        const int leaf = i + 2 < N ? i + 1 : N - 1;
        assert_true(y[r] == 0.5f + (float)(leaf % 1000));
    }
    evtwin_model_free(m);
    free(text);
    free(left);
    free(right);
    free(threshold);
}

/* A full tree of depth 20 has the widest level there may be; with one split more, of the first
 * leaf, a child is too far from its parent, which is refused, not misread. */
static void test_wide_tree(void **state) {
    (void)state;
    const size_t n = ((size_t)2 << 20) - 1;
    double *left = malloc((n + 2) * sizeof *left), *right = malloc((n + 2) * sizeof *right),
           *threshold = calloc(n + 2, sizeof *threshold);
    for (size_t i = 0; i < n + 2; i++) {
        left[i] = 2 * i + 1 < n ? (double)(2 * i + 1) : -1.0;
        right[i] = 2 * i + 1 < n ? (double)(2 * i + 2) : -1.0;
    }
    size_t size;
    char *text = model_of_tree(left, right, threshold, n, &size);
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer("wide", text, size, &m));
    const float x[4] = {1.0f, 0.0f, -1.0f, 0.0f};
    float y[2];
    assert_ok(evtwin_model_margin(m, x, 2, 2, y));
    assert_true(y[0] == 0.5f + (float)((n - 1) % 1000));
    assert_true(y[1] == 0.5f + (float)((n / 2) % 1000));
    evtwin_model_free(m);
    free(text);

    left[n / 2] = (double)n;
    right[n / 2] = (double)(n + 1);
    text = model_of_tree(left, right, threshold, n + 2, &size);
    assert_fails(evtwin_model_load_buffer("wide", text, size, &m), EVTWIN_E_UNSUPPORTED,
                 "node 1048575|1048575 nodes");
    free(text);
    free(left);
    free(right);
    free(threshold);
}

/* ---- numbers ---- */

static float parse(const char *text) {
    float f = NAN;
    return evtwin__parse_f32((evtwin__slice){text, strlen(text)}, &f) ? f : NAN;
}

static void test_parse_f32(void **state) {
    (void)state;
    static const char *const texts[] = {
        "5E-1",          "1.17549435E-38", "1E-45",         "3.4028235E38", "-0",
        "16777217",      "1.0000001E0",    "-2.5e+3",       "9.8E-45",      "0.1",
        "7.038531E-26", /* the one whose nearest double is halfway between two floats */
        "-7.038531E-26", "70385310E-33",   "0.7038531E-25", "8388608.5",    "8388609.5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const float expected = strtof(texts[i], NULL), got = parse(texts[i]);
        if (memcmp(&expected, &got, sizeof got) != 0) {
            fail_msg("%s: %a instead of %a", texts[i], (double)got, (double)expected);
        }
    }
    assert_true((float)strtod("7.038531E-26", NULL) != strtof("7.038531E-26", NULL));
    static const char *const bad[] = {"", "-", "1E39", "-1E39", "nan", "inf", "0x1p3", "1e", "1 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(isnan(parse(bad[i])));
    }

    /* random floats in nine digits come back */
    for (uint64_t i = 0; i < 100000; i++) {
        const uint32_t bits = evtwin__rng_at(3, EVTWIN__RNG_SPLIT, 0, 0, i).word[0];
        float f;
        memcpy(&f, &bits, sizeof f);
        char text[32];
        snprintf(text, sizeof text, "%.9g", (double)f);
        if (isfinite(f)) {
            const float back = parse(text);
            assert_memory_equal(&back, &f, sizeof f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),           cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_deleted_nodes),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_accepted_forms),  cmocka_unit_test(test_base_score_of_classifier),
        cmocka_unit_test(test_other_boosters),  cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_trivial_models),  cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_truncations),     cmocka_unit_test(test_numbers_changed),
        cmocka_unit_test(test_bytes_changed),   cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_deep_tree),       cmocka_unit_test(test_wide_tree),
        cmocka_unit_test(test_parse_f32),       cmocka_unit_test(test_early_stopping),
        cmocka_unit_test(test_other_kinds),     cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
