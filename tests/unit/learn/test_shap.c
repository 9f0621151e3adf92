/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_shap.c: contributions are the Shapley values of their definition, sum to
 * the margin and equal XGBoost's. */

#include "models.h"

#include "core/rng.h"
#include "evtwin/explain.h"
#include "learn/forest.h"
#include "learn/shap.h"

static evtwin_model *load_text(const char *name, const char *text) {
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer(name, text, strlen(text), &m));
    return m;
}

static evtwin_model *load_fixture(const char *name) {
    char *text = read_fixture(name, ".json", NULL);
    evtwin_model *m = load_text(name, text);
    evtwin__free(text);
    return m;
}

/* Ordinary rows, one value in eight missing. */
static void fill(float *x, size_t rows, size_t cols, uint32_t channel) {
    for (size_t i = 0; i < rows * cols; i++) {
        const evtwin__rng_block b = evtwin__rng_at(22, EVTWIN__RNG_SPLIT, 0, channel, i);
        x[i] = b.word[3] % 8 == 0 ? NAN : (float)evtwin__rng_normal(b, 0);
    }
}

/* A row of phi sums to the margin, within 1e-5 of the largest of its parts. */
static void assert_sums(const double *phi, size_t cols, float margin) {
    double sum = 0.0, largest = fabs((double)margin);
    for (size_t c = 0; c <= cols; c++) {
        sum += phi[c];
        largest = fmax(largest, fabs(phi[c]));
    }
    assert_near(sum, (double)margin, 1e-5 * largest);
}

/* ---- the definition ---- */

/* What a tree gives if the features of a set are known: the mean over the others. */
static double value_of_set(const evtwin_model *m, size_t node, const int32_t *keys, unsigned set) {
    const uint32_t slot = m->nodes[node].link >> EVTWIN__DISTANCE_BITS;
    const size_t left = node + (m->nodes[node].link & EVTWIN__MAX_DISTANCE);
    if (left == node) {
        return (double)m->leaf[node];
    }
    if (set >> (slot / 2) & 1U) {
        return value_of_set(m, left + (keys[slot] >= m->nodes[node].key), keys, set);
    }
    return (double)m->share[left] * value_of_set(m, left, keys, set) +
           (double)m->share[left + 1] * value_of_set(m, left + 1, keys, set);
}

static double factorial(size_t n) {
    return n < 2 ? 1.0 : (double)n * factorial(n - 1);
}

/* The mean of what a feature adds, over all orders in which features become known. */
static void by_definition(const evtwin_model *m, const float *x, double *phi) {
    int32_t keys[2 * 16];
    double value[1U << 12];
    const size_t n = m->width;
    assert_true(n <= 12);
    evtwin__forest_keys(x, n, keys);
    for (unsigned set = 0; set < 1U << n; set++) {
        value[set] = (double)m->base_margin;
        for (size_t t = 0; t < m->n_trees; t++) {
            value[set] += value_of_set(m, m->root[t], keys, set);
        }
    }
    for (size_t c = 0; c < n; c++) {
        phi[c] = 0.0;
        for (unsigned set = 0; set < 1U << n; set++) {
            if (!(set >> c & 1U)) {
                const size_t size = (size_t)__builtin_popcount(set);
                phi[c] += factorial(size) * factorial(n - size - 1) / factorial(n) *
                          (value[set | 1U << c] - value[set]);
            }
        }
    }
    phi[n] = value[0];
}

static void compare_with_definition(const evtwin_model *m, size_t rows, uint32_t channel) {
    float x[12], margin;
    double phi[13], expected[13];
    for (size_t r = 0; r < rows; r++) {
        fill(x, 1, m->width, channel + (uint32_t)r);
        assert_ok(evtwin_model_contributions(m, x, 1, m->width, phi));
        by_definition(m, x, expected);
        for (size_t c = 0; c <= m->width; c++) {
            assert_near(phi[c], expected[c], 1e-12 * (1.0 + fabs(expected[m->width])));
        }
        assert_ok(evtwin_model_margin(m, x, 1, m->width, &margin));
        assert_sums(phi, m->width, margin);
    }
}

static void test_definition(void **state) {
    (void)state;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        evtwin_model *m = load_fixture(model_files[i]);
        compare_with_definition(m, 10, 100 * (uint32_t)i);
        evtwin_model_free(m);
    }
}

/* ---- edges ---- */

static void test_arguments(void **state) {
    (void)state;
    evtwin_model *m = load_fixture("xgboost-3.2-logistic");
    const float x[FIXTURE_FEATURES] = {0};
    double phi[FIXTURE_FEATURES + 1] = {7.0};
    assert_fails(evtwin_model_contributions(NULL, x, 1, FIXTURE_FEATURES, phi), EVTWIN_E_ARG,
                 "NULL");
    assert_fails(evtwin_model_contributions(m, NULL, 1, FIXTURE_FEATURES, phi), EVTWIN_E_ARG,
                 "NULL");
    assert_fails(evtwin_model_contributions(m, x, 1, FIXTURE_FEATURES, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_contributions(m, x, 1, 3, phi), EVTWIN_E_SCHEMA, "3 columns");
    assert_ok(evtwin_model_contributions(m, NULL, 0, FIXTURE_FEATURES, NULL));
    assert_true(phi[0] == 7.0);
    evtwin_model_free(m);
}

static void test_no_allocation(void **state) {
    (void)state;
    evtwin_model *m = load_fixture("xgboost-2.1-logistic");
    static float x[100 * FIXTURE_FEATURES];
    static double phi[100 * (FIXTURE_FEATURES + 1)];
    counting_allocator a = {.fail_at = 0};
    evtwin_set_allocator(counting_realloc, &a);
    assert_ok(evtwin_model_contributions(m, x, 100, FIXTURE_FEATURES, phi));
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(a.n_calls, 0);
    evtwin_model_free(m);
}

/* A model file of one tree, made of the arrays that matter. */
static char *one_tree(int n_nodes, int n_features, const char *left, const char *right,
                      const char *parents, const char *split, const char *condition,
                      const char *weights) {
    char zeros[4096] = "0";
    for (int i = 1; i < n_nodes; i++) {
        strcat(zeros, ",0");
    }
    static char text[65536];
    snprintf(text, sizeof text,
             "{\"learner\":{\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{\"num_trees\":"
             "\"1\"},\"tree_info\":[0],\"trees\":[{\"left_children\":[%s],\"right_children\":[%s],"
             "\"parents\":[%s],\"split_indices\":[%s],\"split_conditions\":[%s],"
             "\"default_left\":[%s],\"split_type\":[%s]%s%s%s,\"tree_param\":{\"num_nodes\":\"%d\","
             "\"num_deleted\":\"0\",\"num_feature\":\"%d\"}}]},\"name\":\"gbtree\"},"
             "\"learner_model_param\":{\"base_score\":\"1E0\",\"num_feature\":\"%d\"},"
             "\"objective\":{\"name\":\"reg:squarederror\"}},\"version\":[1,7,6]}",
             left, right, parents, split, condition, zeros, zeros,
             weights != NULL ? ",\"sum_hessian\":[" : "", weights != NULL ? weights : "",
             weights != NULL ? "]" : "", n_nodes, n_features, n_features);
    return text;
}

/* By hand: a quarter of the data below 0.5 gives 10, the rest 2, from 1. */
static void test_one_split(void **state) {
    (void)state;
    evtwin_model *m = load_text("split", one_tree(3, 2, "1,-1,-1", "2,-1,-1", "2147483647,0,0",
                                                  "1,0,0", "0.5,10,2", "8,2,6"));
    const float x[4] = {9.0f, 0.0f, 9.0f, NAN};
    double phi[6];
    assert_ok(evtwin_model_contributions(m, x, 2, 2, phi));
    const double expected[6] = {0.0, 6.0, 5.0, 0.0, -2.0, 5.0};
    for (size_t i = 0; i < 6; i++) {
        assert_near(phi[i], expected[i], 1e-13);
    }
    evtwin_model_free(m);
}

static void test_single_leaf(void **state) {
    (void)state;
    evtwin_model *m = load_text("leaf", one_tree(1, 2, "-1", "-1", "2147483647", "0", "3.5", "8"));
    const float x[2] = {1.0f, NAN};
    double phi[3];
    assert_ok(evtwin_model_contributions(m, x, 1, 2, phi));
    assert_true(phi[0] == 0.0 && phi[1] == 0.0);
    assert_near(phi[2], 4.5, 1e-13);
    evtwin_model_free(m);
}

/* A file without the weights predicts, and says why it does not explain. */
static void test_without_weights(void **state) {
    (void)state;
    evtwin_model *m = load_text("no weights", one_tree(3, 2, "1,-1,-1", "2,-1,-1", "2147483647,0,0",
                                                       "1,0,0", "0.5,10,2", NULL));
    const float x[2] = {9.0f, 0.0f};
    float y;
    double phi[3];
    assert_ok(evtwin_model_margin(m, x, 1, 2, &y));
    assert_true(y == 11.0f);
    assert_fails(evtwin_model_contributions(m, x, 1, 2, phi), EVTWIN_E_UNSUPPORTED, "sum_hessian");
    evtwin_model_free(m);
    evtwin_model *none = NULL;
    const char *text =
        one_tree(3, 2, "1,-1,-1", "2,-1,-1", "2147483647,0,0", "1,0,0", "0.5,10,2", "8,2");
    assert_fails(evtwin_model_load_buffer("short", text, strlen(text), &none), EVTWIN_E_CORRUPT,
                 "sum_hessian|2|3");
}

/* Weights that cannot be still give finite numbers that sum to the margin. */
static void test_strange_weights(void **state) {
    (void)state;
    static const char *const weights[] = {"0,0,0,0,0",           "8,0,8,0,8",   "8,8,0,0,0",
                                          "1,3e38,1,1,1",        "-5,2,-3,4,1", "1,1e-45,1,1e-45,1",
                                          "3e38,1e-45,1,1,1e-45"};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        evtwin_model *m = load_text("strange", one_tree(5, 2, "1,-1,3,-1,-1", "2,-1,4,-1,-1",
                                                        "2147483647,0,0,2,2", "1,0,1,0,0",
                                                        "0.5,10,1.5,2,-7", weights[i]));
        for (int k = 0; k < 4; k++) {
            const float x[2] = {0.0f, k == 3 ? NAN : (float)k};
            float margin;
            double phi[3];
            assert_ok(evtwin_model_margin(m, x, 1, 2, &margin));
            assert_ok(evtwin_model_contributions(m, x, 1, 2, phi));
            assert_sums(phi, 2, margin);
        }
        evtwin_model_free(m);
    }
}

/* A chain of splits on n_features features in turn, as deep as it has splits: to the right it ends,
 * to the left it goes on. Every rule of the integral is met. */
static void walk_chain(int depth, int n_features, evtwin_status expected) {
    const int n = 2 * depth + 1;
    char *a[6];
    for (int k = 0; k < 6; k++) {
        a[k] = calloc(1, 16 * (size_t)n);
    }
    for (int i = 0; i < n; i++) { /* node 2d splits, 2d + 1 is its left child's … leaf */
        const int splits = i % 2 == 0 && i < n - 1;
        const double numbers[6] = {splits ? i + 2 : -1,
                                   splits ? i + 1 : -1,
                                   i == 0       ? 2147483647
                                   : i % 2 == 1 ? i - 1
                                                : i - 2,
                                   splits ? (i / 2) % n_features : 0,
                                   splits ? 0.5 - 0.001 * i : 0.25 * i,
                                   splits || i == n - 1 ? 1e6 * pow(0.9, i / 2)
                                                        : 1e5 * pow(0.9, (i - 1) / 2)};
        for (int k = 0; k < 6; k++) {
            snprintf(a[k] + strlen(a[k]), 16, "%s%.7g", i > 0 ? "," : "",
                     k == 2 && i == 0 ? 0.0 : numbers[k]);
        }
    }
    char parents[16 * 600];
    snprintf(parents, sizeof parents, "2147483647%s", strchr(a[2], ','));
    evtwin_model *m =
        load_text("chain", one_tree(n, n_features, a[0], a[1], parents, a[3], a[4], a[5]));
    for (int row = 0; row < 3; row++) {
        float x[128], margin;
        double phi[129];
        for (int c = 0; c < n_features; c++) {
            x[c] = row == 0 ? -1.0f : (c + row) % 9 == 0 ? 0.6f : 0.1f;
        }
        assert_ok(evtwin_model_margin(m, x, 1, (size_t)n_features, &margin));
        assert_int_equal(evtwin_model_contributions(m, x, 1, (size_t)n_features, phi), expected);
        if (expected == EVTWIN_OK) {
            assert_sums(phi, (size_t)n_features, margin);
        }
    }
    for (int k = 0; k < 6; k++) {
        free(a[k]);
    }
    evtwin_model_free(m);
}

static void test_long_paths(void **state) {
    (void)state;
    static const int depths[] = {8, 9, 16, 17, 32, 33, 64};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        walk_chain(depths[i], depths[i], EVTWIN_OK);
        walk_chain(depths[i], 3, EVTWIN_OK);
    }
    walk_chain(EVTWIN__SHAP_MAX_DEPTH, 7, EVTWIN_OK);
    walk_chain(EVTWIN__SHAP_MAX_DEPTH + 1, 7, EVTWIN_E_UNSUPPORTED);
    walk_chain(EVTWIN__SHAP_MAX_PLAYERS + 1, EVTWIN__SHAP_MAX_PLAYERS + 1, EVTWIN_E_UNSUPPORTED);
}

#ifdef HAVE_XGBOOST

#include "xgboost_model.h"

static double normal_at(size_t c, uint32_t channel, size_t r) {
    return evtwin__rng_normal(evtwin__rng_at(21, EVTWIN__RNG_SPLIT, (uint32_t)c, channel, r), 0);
}

static void fill_training(float *x, float *y, size_t rows, size_t cols, int is_logistic) {
    fill(x, rows, cols, (uint32_t)cols);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t c = 0; c < cols; c++) {
            const double v = isnan(x[r * cols + c]) ? 0.7 : (double)x[r * cols + c];
            sum += (c % 3 == 0 ? v : v > 0.3 ? 2.0 : -1.0) / (double)(c + 1) + (c == 1) * v * sum;
        }
        y[r] = is_logistic ? (float)(sum + normal_at(0, 9, r) > 0.4) : (float)(700.0 + 80.0 * sum);
    }
}

/* Within 1e-5 of the row's largest part: XGBoost adds up in float. */
static void compare_shape(const xgb_spec *spec, size_t cols) {
    enum { TRAIN_ROWS = 2000, ROWS = 150 };
    const int is_logistic = strcmp(spec->objective, "binary:logistic") == 0;
    float *x = malloc(sizeof *x * TRAIN_ROWS * cols), *y = malloc(sizeof *y * TRAIN_ROWS);
    float *expected = malloc(sizeof *expected * ROWS * (cols + 1));
    double *phi = malloc(sizeof *phi * ROWS * (cols + 1));
    fill_training(x, y, TRAIN_ROWS, cols, is_logistic);
    xgb_trained trained = xgb_train(spec, x, y, TRAIN_ROWS, cols);
    evtwin_model *m = load_text("trained", trained.json);

    fill(x, ROWS, cols, 77);
    xgb_contributions(trained.booster, x, ROWS, cols, expected);
    assert_ok(evtwin_model_contributions(m, x, ROWS, cols, phi));
    assert_ok(evtwin_model_margin(m, x, ROWS, cols, y));
    double worst = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        const double *a = phi + r * (cols + 1);
        const float *b = expected + r * (cols + 1);
        double largest = fabs((double)y[r]);
        for (size_t c = 0; c <= cols; c++) {
            largest = fmax(largest, fabs(a[c]));
        }
        for (size_t c = 0; c <= cols; c++) {
            worst = fmax(worst, fabs(a[c] - (double)b[c]) / largest);
        }
        assert_sums(a, cols, y[r]);
    }
    print_message("%s, %d trees, depth %d, %zu features: largest difference to XGBoost %.1e\n",
                  spec->objective, spec->trees, spec->depth, cols, worst);
    assert_true(worst <= 1e-5);
    evtwin_model_free(m);
    xgb_free(&trained);
    free(x);
    free(y);
    free(expected);
    free(phi);
}

static void test_equal_to_xgboost(void **state) {
    (void)state;
    static const struct {
        xgb_spec spec;
        size_t cols;
    } shape[] = {
        {{"reg:squarederror", 1, 1, 0.5f, "hist", "0", 1, NULL}, 1},
        {{"reg:squarederror", 60, 8, 712.5f, "hist", "0", 1, NULL}, 7},
        {{"reg:squarederror", 100, 1, 0.0f, "exact", "0", 1, NULL}, 3},
        {{"reg:squarederror", 9, 10, -1234.567f, "exact", "0", 1, NULL}, 30},
        {{"reg:squarederror", 9, 10, 700.0f, "hist", "0", 1, NULL}, 5},
        {{"reg:squarederror", 50, 6, 1e-3f, "exact", "20000", 1, NULL}, 7}, /* single leaves */
        {{"binary:logistic", 60, 6, 0.0478f, "hist", "0", 1, NULL}, 7},
        {{"binary:logistic", 8, 1, 0.5f, "hist", "0", 1, NULL}, 2},
        {{"binary:logistic", 30, 9, 0.9999f, "exact", "1", 0, NULL}, 12},
    };
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        compare_shape(&shape[i].spec, shape[i].cols);
    }
}

/* Eight features on paths of ten splits: more than one of a feature, each a player of its own. */
static void test_trained_definition(void **state) {
    (void)state;
    enum { TRAIN_ROWS = 1500, COLS = 8 };
    static float x[TRAIN_ROWS * COLS], y[TRAIN_ROWS];
    fill_training(x, y, TRAIN_ROWS, COLS, 0);
    const xgb_spec spec = {"reg:squarederror", 4, 10, 700.0f, "hist", "0", 1, NULL};
    xgb_trained trained = xgb_train(&spec, x, y, TRAIN_ROWS, COLS);
    evtwin_model *m = load_text("trained", trained.json);
    compare_with_definition(m, 8, 5000);
    evtwin_model_free(m);
    xgb_free(&trained);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),       cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_no_allocation),    cmocka_unit_test(test_one_split),
        cmocka_unit_test(test_single_leaf),      cmocka_unit_test(test_without_weights),
        cmocka_unit_test(test_strange_weights),  cmocka_unit_test(test_long_paths),
#ifdef HAVE_XGBOOST
        cmocka_unit_test(test_equal_to_xgboost), cmocka_unit_test(test_trained_definition),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
