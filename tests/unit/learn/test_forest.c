/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest.c: margins equal XGBoost's bit for bit; evaluation is re-entrant,
 * does not allocate, and does not depend on how rows are grouped. */

#include "models.h"

#include "core/parallel.h"
#include "core/rng.h"
#include "core/status.h"
#include "learn/forest.h"

#include <float.h>

enum { MAX_COLS = 30 };

static uint32_t random_word(uint32_t channel, uint64_t i) {
    return evtwin__rng_at(11, EVTWIN__RNG_SPLIT, 0, channel, i).word[0];
}

/* Values that float comparisons trip over. */
static float special_value(uint32_t which) {
    static const float values[] = {NAN,     INFINITY, -INFINITY, 0.0f,    -0.0f,    1e-45f,
                                   -1e-45f, FLT_MIN,  -FLT_MIN,  FLT_MAX, -FLT_MAX, 1.0f};
    return values[which % (sizeof values / sizeof values[0])];
}

/* Thresholds of a loaded model, as floats, with the feature they are of. */
typedef struct thresholds {
    float *value;
    size_t *feature;
    size_t n;
} thresholds;

/* The float whose key this is: the mapping of keys is its own inverse. */
static float float_of_key(int32_t key) {
    const uint32_t bits = (uint32_t)key ^ ((uint32_t) - ((uint32_t)key >> 31) & 0x7fffffffu);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static thresholds thresholds_of(const evtwin_model *m) {
    thresholds t = {calloc(m->n_nodes, sizeof(float)), calloc(m->n_nodes, sizeof(size_t)), 0};
    for (size_t i = 0; i < m->n_nodes; i++) {
        if ((m->nodes[i].link & EVTWIN__MAX_DISTANCE) != 0) {
            t.value[t.n] = float_of_key(m->nodes[i].key);
            t.feature[t.n++] = (m->nodes[i].link >> EVTWIN__DISTANCE_BITS) / 2;
        }
    }
    return t;
}

/* Rows of ordinary values, thresholds and their neighbours, and special values. */
static void fill_rows(float *x, size_t rows, size_t cols, const thresholds *t) {
    for (size_t i = 0; i < rows * cols; i++) {
        const evtwin__rng_block b = evtwin__rng_at(12, EVTWIN__RNG_SPLIT, (uint32_t)cols, 1, i);
        x[i] = (float)evtwin__rng_normal(b, 0);
        if (b.word[2] % 6 == 0) {
            x[i] = special_value(b.word[3]);
        }
    }
    for (size_t r = 0; t->n > 0 && r < rows; r++) {
        for (size_t k = 0; k < 1 + cols / 2; k++) {
            const uint32_t word = random_word(2, r * MAX_COLS + k);
            const size_t which = word % t->n;
            const float v = t->value[which];
            x[r * cols + t->feature[which]] = word >> 30 == 0   ? nextafterf(v, INFINITY)
                                              : word >> 30 == 1 ? nextafterf(v, -INFINITY)
                                                                : v;
        }
    }
}

static void assert_same_bits(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) != 0) {
            fail_msg("row %zu: %a instead of %a", i, (double)a[i], (double)b[i]);
        }
    }
}

static void test_keys_are_ordered(void **state) {
    (void)state;
    static const float rising[] = {-INFINITY, -FLT_MAX, -1.0f,  -FLT_MIN, -1e-45f, 0.0f,
                                   1e-45f,    FLT_MIN,  0.999f, 1.0f,     FLT_MAX, INFINITY};
    for (size_t i = 1; i < sizeof rising / sizeof rising[0]; i++) {
        assert_true(evtwin__forest_key(rising[i - 1]) < evtwin__forest_key(rising[i]));
        assert_true(float_of_key(evtwin__forest_key(rising[i])) == rising[i]);
    }
    assert_int_equal(evtwin__forest_key(-0.0f), evtwin__forest_key(0.0f));
    assert_true(evtwin__forest_key(INFINITY) < EVTWIN__LEAF_KEY);
    assert_true(evtwin__forest_key(-INFINITY) > INT32_MIN);
    for (uint64_t i = 0; i < 100000; i++) {
        const uint32_t a_bits = random_word(3, i), b_bits = random_word(4, i);
        float a, b;
        memcpy(&a, &a_bits, sizeof a);
        memcpy(&b, &b_bits, sizeof b);
        if (!isnan(a) && !isnan(b)) {
            assert_int_equal(a < b, evtwin__forest_key(a) < evtwin__forest_key(b));
        }
    }
}

static evtwin_model *load_fixture(const char *name) {
    size_t size;
    char *text = read_fixture(name, ".json", &size);
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer(name, text, size, &m));
    evtwin__free(text);
    return m;
}

static void test_arguments(void **state) {
    (void)state;
    evtwin_model *m = load_fixture("xgboost-3.2-logistic");
    const float x[FIXTURE_FEATURES] = {0};
    float y = 7.0f;
    assert_fails(evtwin_model_margin(NULL, x, 1, FIXTURE_FEATURES, &y), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_margin(m, NULL, 1, FIXTURE_FEATURES, &y), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_margin(m, x, 1, FIXTURE_FEATURES, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_margin(m, x, 1, 3, &y), EVTWIN_E_SCHEMA, "3 columns");
    assert_fails(evtwin_model_predict(m, x, 1, 5, &y), EVTWIN_E_SCHEMA, "5 columns");
    assert_true(y == 7.0f);
    assert_ok(evtwin_model_margin(m, NULL, 0, FIXTURE_FEATURES, NULL));
    assert_int_equal(evtwin_model_width(NULL), 0);
    assert_int_equal(evtwin_model_trees(NULL), 0);
    assert_null(evtwin_model_feature_name(NULL, 0));
    evtwin_model_free(m);
}

/* Any number of rows at once gives what one row at a time gives, and writes no row beyond. */
static void test_grouping(void **state) {
    (void)state;
    enum { ROWS = 300 };
    for (int i = 0; i < N_MODEL_FILES; i++) {
        evtwin_model *m = load_fixture(model_files[i]);
        thresholds t = thresholds_of(m);
        float x[ROWS * FIXTURE_FEATURES], one[ROWS], many[ROWS + 1];
        fill_rows(x, ROWS, FIXTURE_FEATURES, &t);
        for (size_t r = 0; r < ROWS; r++) {
            assert_ok(
                evtwin_model_margin(m, x + r * FIXTURE_FEATURES, 1, FIXTURE_FEATURES, &one[r]));
        }
        for (size_t rows = 0; rows <= ROWS; rows++) {
            many[rows] = 42.0f;
            assert_ok(evtwin_model_margin(m, x, rows, FIXTURE_FEATURES, many));
            assert_same_bits(many, one, rows);
            assert_true(many[rows] == 42.0f);
        }
        free(t.value);
        free(t.feature);
        evtwin_model_free(m);
    }
}

static void test_no_allocation(void **state) {
    (void)state;
    evtwin_model *m = load_fixture("xgboost-2.1-logistic");
    static float x[1000 * FIXTURE_FEATURES], y[1000];
    counting_allocator a = {.fail_at = 0};
    evtwin_set_allocator(counting_realloc, &a);
    assert_ok(evtwin_model_predict(m, x, 1000, FIXTURE_FEATURES, y));
    assert_ok(evtwin_model_margin(m, x, 1, FIXTURE_FEATURES, y));
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(a.n_calls, 0);
    evtwin_model_free(m);
}

/* The probability of extreme margins stays one, and agrees with the formula. */
static void test_probability(void **state) {
    (void)state;
    evtwin_model *m = load_fixture("xgboost-1.7-logistic");
    const float base = m->base_margin;
    static const float margins[] = {-200.0f, -88.0f, -3.0f, 0.0f, 3.0f, 88.0f, 200.0f};
    const float x[FIXTURE_FEATURES] = {NAN, NAN, NAN, NAN};
    float margin, p;
    assert_ok(evtwin_model_margin(m, x, 1, FIXTURE_FEATURES, &margin));
    for (size_t i = 0; i < sizeof margins / sizeof margins[0]; i++) {
        m->base_margin = base + margins[i];
        assert_ok(evtwin_model_margin(m, x, 1, FIXTURE_FEATURES, &margin));
        assert_ok(evtwin_model_predict(m, x, 1, FIXTURE_FEATURES, &p));
        assert_true(p >= 0.0f && p <= 1.0f);
        assert_near((double)p, 1.0 / (1.0 + exp(-(double)margin)), 6e-8);
    }
    evtwin_model_free(m);
}

typedef struct shared_work {
    const evtwin_model *model;
    const float *x, *expected;
    size_t rows;
} shared_work;

static evtwin_status predict_shared(void *ctx, size_t item) {
    const shared_work *w = ctx;
    float y[64];
    for (size_t r = 0; r + 64 <= w->rows; r += 64) {
        const evtwin_status st =
            evtwin_model_margin(w->model, w->x + r * FIXTURE_FEATURES, 64, FIXTURE_FEATURES, y);
        if (st < 0 || memcmp(y, w->expected + r, sizeof y) != 0) {
            return evtwin__fail(EVTWIN_E_STATE, "item %zu, row %zu differs", item, r);
        }
    }
    return EVTWIN_OK;
}

static void test_threads(void **state) {
    (void)state;
    enum { ROWS = 6400 };
    evtwin_model *m = load_fixture("xgboost-3.2-regression");
    thresholds t = thresholds_of(m);
    float *x = malloc(sizeof *x * ROWS * FIXTURE_FEATURES), *y = malloc(sizeof *y * ROWS);
    fill_rows(x, ROWS, FIXTURE_FEATURES, &t);
    assert_ok(evtwin_model_margin(m, x, ROWS, FIXTURE_FEATURES, y));
    shared_work work = {m, x, y, ROWS};
    assert_ok(evtwin__parallel_for(4, 64, predict_shared, &work));
    free(x);
    free(y);
    free(t.value);
    free(t.feature);
    evtwin_model_free(m);
}

#ifdef HAVE_XGBOOST
#include "xgboost_model.h"

/* Targets with steps, and features of every kind: normal, whole numbers, tiny, huge, mostly
 * missing. */
static void fill_training(float *x, float *y, size_t rows, size_t cols, int is_logistic) {
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t c = 0; c < cols; c++) {
            const evtwin__rng_block b =
                evtwin__rng_at(13, EVTWIN__RNG_SPLIT, (uint32_t)c, (uint32_t)cols, r);
            double v = evtwin__rng_normal(b, 0);
            sum += (c % 3 == 0 ? v : v > 0.3 ? 2.0 : -1.0) / (double)(c + 1);
            v = c % 5 == 1   ? nearbyint(2.0 * v)
                : c % 5 == 2 ? v * 1e-39
                : c % 5 == 3 ? v * 1e37
                             : v;
            const uint32_t missing_in_8 = c % 5 == 4 ? 5 : 1;
            x[r * cols + c] = b.word[3] % 8 < missing_in_8 ? NAN : (float)v;
        }
        y[r] = is_logistic ? (float)(sum > 0.4) : (float)(700.0 + 80.0 * sum);
    }
}

/* Train, load, compare on rows rows. */
static void compare_shape(const xgb_spec *spec, size_t cols, size_t rows) {
    enum { TRAIN_ROWS = 3000 };
    const int is_logistic = strcmp(spec->objective, "binary:logistic") == 0;
    const size_t most = rows > TRAIN_ROWS ? rows : TRAIN_ROWS;
    float *x = malloc(sizeof *x * most * cols), *y = malloc(sizeof *y * most),
          *expected = malloc(sizeof *expected * most);
    fill_training(x, y, TRAIN_ROWS, cols, is_logistic);
    xgb_trained trained = xgb_train(spec, x, y, TRAIN_ROWS, cols);
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer("trained", trained.json, trained.size, &m));
    assert_int_equal(evtwin_model_trees(m), spec->trees);

    thresholds t = thresholds_of(m);
    fill_rows(x, rows, cols, &t);
    xgb_predict(trained.booster, 1, x, rows, cols, expected);
    assert_ok(evtwin_model_margin(m, x, rows, cols, y));
    assert_same_bits(y, expected, rows);

    /* probabilities: XGBoost's float formula, ours in double */
    xgb_predict(trained.booster, 0, x, rows, cols, expected);
    assert_ok(evtwin_model_predict(m, x, rows, cols, y));
    for (size_t r = 0; r < rows; r++) {
        const double ulp = (double)(nextafterf(expected[r], INFINITY) - expected[r]);
        assert_true(fabs((double)y[r] - (double)expected[r]) <= (is_logistic ? 3.0 * ulp : 0.0));
    }
    free(t.value);
    free(t.feature);
    evtwin_model_free(m);
    xgb_free(&trained);
    free(x);
    free(y);
    free(expected);
}

static void test_equal_to_xgboost(void **state) {
    (void)state;
    static const struct {
        xgb_spec spec;
        size_t cols;
    } shape[] = {
        {{"reg:squarederror", 1, 1, 0.5f, "hist", "0", 1, NULL}, 1},
        {{"reg:squarederror", 200, 8, 712.5f, "hist", "0", 1, NULL}, 7},
        {{"reg:squarederror", 300, 2, 0.0f, "exact", "0", 1, NULL}, 3},
        {{"reg:squarederror", 9, 10, -1234.567f, "exact", "0", 1, NULL}, 30},
        {{"reg:squarederror", 50, 6, 1e-3f, "exact", "20000", 1, NULL}, 7},
        {{"reg:squarederror", 17, 5, 700.0f, "hist", "0", 100, NULL}, 16},
        {{"binary:logistic", 200, 6, 0.0478f, "hist", "0", 1, NULL}, 7},
        {{"binary:logistic", 8, 1, 0.5f, "hist", "0", 1, NULL}, 2},
        {{"binary:logistic", 64, 9, 0.9999f, "exact", "1", 0, NULL}, 12},
        {{"binary:logistic", 33, 4, 1e-6f, "hist", "0", 1, NULL}, 5},
    };
    const size_t n = sizeof shape / sizeof shape[0];
    for (size_t i = 0; i < n; i++) {
        compare_shape(&shape[i].spec, shape[i].cols, 12500);
    }
    assert_true(n * 12500 >= 100000);
}

/* Wide models leave room for few rows of keys: the widest takes one row at a time. */
static void test_wide_models(void **state) {
    (void)state;
    enum { TRAIN_ROWS = 60, MAX_WIDTH = EVTWIN__MAX_WIDTH, ROWS = 150 };
    static const size_t widths[] = {200, 256, 257, 1024, MAX_WIDTH};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const size_t cols = widths[i];
        float *x = malloc(sizeof *x * ROWS * cols), y[ROWS], expected[ROWS];
        fill_training(x, y, TRAIN_ROWS, cols, 0);
        for (size_t r = 0; r < TRAIN_ROWS; r++) { /* the last feature matters too */
            y[r] += x[r * cols + cols - 1] > 0.0f ? 500.0f : 0.0f;
        }
        const xgb_spec spec = {"reg:squarederror", 10, 3, 100.0f, "exact", "0", 1, NULL};
        xgb_trained trained = xgb_train(&spec, x, y, TRAIN_ROWS, cols);
        evtwin_model *m = NULL;
        assert_ok(evtwin_model_load_buffer("wide", trained.json, trained.size, &m));
        thresholds t = thresholds_of(m);
        fill_rows(x, ROWS, cols, &t);
        xgb_predict(trained.booster, 1, x, ROWS, cols, expected);
        assert_ok(evtwin_model_margin(m, x, ROWS, cols, y));
        assert_same_bits(y, expected, ROWS);
        free(t.value);
        free(t.feature);
        free(x);
        evtwin_model_free(m);
        xgb_free(&trained);
    }
}

/* The one float whose text, read as a double first, would become its neighbour. */
static void test_number_rounded_twice(void **state) {
    (void)state;
    enum { ROWS = 40 };
    float x[ROWS], y[ROWS], margin[ROWS], expected[ROWS];
    for (int r = 0; r < ROWS; r++) {
        x[r] = (float)r;
        y[r] = r < 20 ? 1.0f : 2.0f;
    }
    const xgb_spec spec = {"reg:squarederror", 1, 1, 0.0f, "exact", "0", 1, NULL};
    xgb_trained trained = xgb_train(&spec, x, y, ROWS, 1);
    const char *first = strstr(trained.json, "\"split_conditions\":[");
    assert_non_null(first);
    first = strchr(first, ',') + 1;
    char leaf[40];
    snprintf(leaf, sizeof leaf, "%.*s", (int)strcspn(first, ","), first);
    const size_t before = (size_t)(first - trained.json);
    char *text = malloc(trained.size + 64);
    const int size = snprintf(text, trained.size + 64, "%.*s7.038531E-26%s", (int)before,
                              trained.json, first + strlen(leaf));
    XGB_DO(XGBoosterLoadModelFromBuffer(trained.booster, text, (bst_ulong)size));
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer("twice", text, (size_t)size, &m));
    xgb_predict(trained.booster, 1, x, ROWS, 1, expected);
    assert_ok(evtwin_model_margin(m, x, ROWS, 1, margin));
    assert_same_bits(margin, expected, ROWS);
    const float once = strtof("7.038531E-26", NULL);
    assert_memory_equal(&margin[0], &once, sizeof once);
    free(text);
    evtwin_model_free(m);
    xgb_free(&trained);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_ordered),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_grouping),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_probability),
        cmocka_unit_test(test_threads),
#ifdef HAVE_XGBOOST
        cmocka_unit_test(test_equal_to_xgboost),
        cmocka_unit_test(test_wide_models),
        cmocka_unit_test(test_number_rounded_twice),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
