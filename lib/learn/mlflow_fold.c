/* SPDX-License-Identifier: MIT */
/* learn/mlflow_fold.c: fold scaler and calibration into a forest. */

#include "learn/mlflow_fold.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/forest_tree.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- a threshold ---- */

/* Integers that are ordered as finite doubles are. */
static int64_t key_of(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? (int64_t)(INT64_MIN - bits) : bits;
}

static double of_key(int64_t key) {
    const int64_t bits = key < 0 ? (int64_t)(INT64_MIN - key) : key;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Does x go right? Asked of the very code that scales. */
static int goes_right(const evtwin__scaler *scaler, size_t i, double x, float t) {
    const evtwin__scaler one = {.n = 1, .mean = &scaler->mean[i], .scale = &scaler->scale[i]};
    float scaled;
    evtwin__scaler_apply(&one, &x, 1, &scaled);
    return scaled >= t;
}

float evtwin__fold_threshold(const evtwin__scaler *scaler, size_t i, float t) {
    int64_t left = key_of(-DBL_MAX), right = key_of(DBL_MAX);
    if (goes_right(scaler, i, -DBL_MAX, t)) {
        return -FLT_MAX;
    }
    /* scaling does not fall as x rises: 64 halvings find where it reaches t */
    for (;;) {
        const int64_t between = (left & right) + ((left ^ right) >> 1); /* mean without overflow */
        if (between == left) {
            break;
        }
        if (goes_right(scaler, i, of_key(between), t)) {
            right = between;
        } else {
            left = between;
        }
    }
    const double least = of_key(right);
    return least >= FLT_MAX ? FLT_MAX : least <= -FLT_MAX ? -FLT_MAX : (float)least;
}

/* ---- a model ---- */

/* One model at work; JSON values are borrowed from the parsed file. */
typedef struct fold {
    const char *name;
    const evtwin__scaler *scaler;
    double slope;     /* of the leaves; 1 without a calibration */
    double in_leaves; /* what the leaves of the first tree have more */
    json_t *trees;
} fold;

static evtwin_status not_a_model(const fold *f, const char *what) {
    return evtwin__fail(EVTWIN_E_CORRUPT, "%s: its %s are not those of a model", f->name, what);
}

/* The condition of one node: a threshold or a leaf. */
static evtwin_status fold_node(const fold *f, int is_first_tree, int64_t left, int64_t split,
                               json_t *conditions, size_t k) {
    const double value = json_number_value(json_array_get(conditions, k));
    double folded = value;
    if (left == EVTWIN__NO_CHILD) {
        folded = f->slope * value + (is_first_tree ? f->in_leaves : 0.0);
    } else {
        if (split < 0 || (uint64_t)split >= f->scaler->n) {
            return not_a_model(f, "features");
        }
        folded = (double)evtwin__fold_threshold(f->scaler, (size_t)split, (float)value);
    }
    /* as float32, which nine digits give exactly */
    EVTWIN_FAIL_IF(json_array_set_new(conditions, k, json_real((double)(float)folded)) != 0,
                   EVTWIN_E_NOMEM, "%s: out of memory", f->name);
    return EVTWIN_OK;
}

static evtwin_status fold_tree(const fold *f, size_t t) {
    json_t *tree = json_array_get(f->trees, t);
    json_t *left, *split, *conditions;
    EVTWIN_TRY(evtwin__json_get_array(f->name, tree, "left_children", &left));
    EVTWIN_TRY(evtwin__json_get_array(f->name, tree, "split_indices", &split));
    EVTWIN_TRY(evtwin__json_get_array(f->name, tree, "split_conditions", &conditions));
    const size_t n = json_array_size(left);
    if (json_array_size(split) != n || json_array_size(conditions) != n) {
        return not_a_model(f, "trees");
    }
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(fold_node(f, t == 0, json_integer_value(json_array_get(left, k)),
                             json_integer_value(json_array_get(split, k)), conditions, k));
    }
    return EVTWIN_OK;
}

static void shorten(json_t *array, size_t n) {
    while (json_array_size(array) > n) {
        json_array_remove(array, json_array_size(array) - 1);
    }
}

/* The trees behind the best round, which XGBoost's loader would use, are left out. */
static evtwin_status cut(const fold *f, json_t *learner, json_t *model) {
    json_t *attributes = json_object_get(learner, "attributes"), *params;
    const char *text = json_string_value(json_object_get(attributes, "best_iteration"));
    int64_t best;
    char count[EVTWIN__NUM_SIZE];
    if (text == NULL || !evtwin__parse_i64(text, strlen(text), &best) || best < 0 ||
        (uint64_t)best + 1 >= json_array_size(f->trees)) {
        return EVTWIN_OK;
    }
    const size_t n = (size_t)best + 1;
    EVTWIN_TRY(evtwin__json_get_object(f->name, model, "gbtree_model_param", &params));
    shorten(f->trees, n);
    shorten(json_object_get(model, "tree_info"), n);
    shorten(json_object_get(model, "iteration_indptr"), n + 1); /* from 2.1 on */
    json_object_del(attributes, "best_iteration");
    json_object_del(attributes, "best_score");
    evtwin__format_i64((int64_t)n, count);
    EVTWIN_FAIL_IF(json_object_set_new(params, "num_trees", json_string(count)) != 0,
                   EVTWIN_E_NOMEM, "%s: out of memory", f->name);
    return EVTWIN_OK;
}

/* A calibrated margin is slope * margin + offset. What the sum starts from goes to the leaves of
 * the first tree: as a probability near 1, which the file would hold, it would lose digits. */
static evtwin_status take_base(fold *f, json_t *learner, const evtwin__calibration *calibration) {
    json_t *params;
    const char *text;
    double base;
    if (calibration == NULL || !evtwin__calibration_is_known(calibration)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__json_get_object(f->name, learner, "learner_model_param", &params));
    EVTWIN_TRY(evtwin__json_get_text(f->name, params, "base_score", &text));
    const int is_array = text[0] == '['; /* from 3.1 on */
    const size_t length = strlen(text) - (is_array && text[1] != '\0' ? 2 : 0);
    if (!evtwin__parse_f64(text + is_array, length, &base) || !(base > 0.0 && base < 1.0) ||
        json_array_size(f->trees) == 0) {
        return not_a_model(f, "first margin and trees");
    }
    f->slope = calibration->slope;
    f->in_leaves = calibration->slope * evtwin__log_fast(base / (1.0 - base)) + calibration->offset;
    EVTWIN_FAIL_IF(
        json_object_set_new(params, "base_score", json_string(is_array ? "[5E-1]" : "5E-1")) != 0,
        EVTWIN_E_NOMEM, "%s: out of memory", f->name);
    return EVTWIN_OK;
}

static evtwin_status fold_parsed(fold *f, json_t *root, const evtwin__calibration *calibration) {
    json_t *learner, *booster, *model;
    EVTWIN_TRY(evtwin__json_get_object(f->name, root, "learner", &learner));
    EVTWIN_TRY(evtwin__json_get_object(f->name, learner, "gradient_booster", &booster));
    EVTWIN_TRY(evtwin__json_get_object(f->name, booster, "model", &model));
    EVTWIN_TRY(evtwin__json_get_array(f->name, model, "trees", &f->trees));
    EVTWIN_TRY(cut(f, learner, model));
    EVTWIN_TRY(take_base(f, learner, calibration));
    for (size_t t = 0; t < json_array_size(f->trees); t++) {
        EVTWIN_TRY(fold_tree(f, t));
    }
    return EVTWIN_OK;
}

/* As XGBoost reads it: a real number has a point or an exponent. */
static evtwin_status write(const fold *f, const json_t *root, char **out, size_t *size_out) {
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(9);
    const size_t size = json_dumpb(root, NULL, 0, flags);
    char *text = size > 0 ? evtwin__calloc(size + 1, 1) : NULL;
    if (text == NULL || json_dumpb(root, text, size, flags) != size) {
        evtwin__free(text);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for a model of %zu bytes", f->name, size);
    }
    *out = text;
    *size_out = size;
    return EVTWIN_OK;
}

evtwin_status evtwin__fold_model(const char *name, const char *json, size_t size,
                                 const evtwin__scaler *scaler,
                                 const evtwin__calibration *calibration, char **out,
                                 size_t *size_out) {
    fold f = {.name = name, .scaler = scaler, .slope = 1.0};
    json_t *root;
    EVTWIN_TRY(evtwin__json_parse(name, json, size, &root));
    evtwin_status st = fold_parsed(&f, root, calibration);
    if (st >= 0) {
        st = write(&f, root, out, size_out);
    }
    json_decref(root);
    return st;
}
