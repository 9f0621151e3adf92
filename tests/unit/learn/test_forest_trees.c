/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest_trees.c: trees as deep and as wide as they may be, and numbers as
 * XGBoost reads them. */

#include "small_tree.h"

#include "core/num.h"
#include "core/rng.h"
#include "learn/forest.h"
#include "learn/json_scan.h"

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
        cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_wide_tree),
        cmocka_unit_test(test_parse_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
