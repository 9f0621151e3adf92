/* SPDX-License-Identifier: MIT */
/* learn/forest_load.c: read an XGBoost JSON model, check all of its structure, lay it out flat. */

#include "evtwin/model.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/forest_load.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- objects by table ---- */

static evtwin_status read_value(evtwin__loader *l, const evtwin__member *members, size_t n,
                                evtwin__slice key, uint32_t *seen) {
    for (size_t i = 0; i < n; i++) {
        if (!evtwin__slice_is(key, members[i].key)) {
            continue;
        }
        if (*seen >> i & 1) {
            EVTWIN_FAIL(EVTWIN_E_CORRUPT, "key \"%s\" appears twice", members[i].key);
        }
        *seen |= (uint32_t)1 << i;
        const evtwin_status st = members[i].read(l, members[i].arg);
        return st < 0 ? evtwin__fail_in(st, "%s", members[i].key) : st;
    }
    return evtwin__json_scan_skip(&l->scan);
}

/* Read an object: each of its members once, the required ones all; unknown keys are passed over. */
evtwin_status evtwin__load_object(evtwin__loader *l, const evtwin__member *members, size_t n) {
    assert(n <= 32);
    uint32_t seen = 0;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '{');
    for (;;) {
        evtwin__slice key;
        int more = 0;
        if (st < 0 || (st = evtwin__json_scan_member(&l->scan, &key, &more)) < 0) {
            return st;
        }
        if (!more) {
            break;
        }
        st = read_value(l, members, n, key, &seen);
    }
    for (size_t i = 0; i < n; i++) {
        if (members[i].required && !(seen >> i & 1)) {
            EVTWIN_FAIL(EVTWIN_E_CORRUPT, "key \"%s\" is missing", members[i].key);
        }
    }
    return EVTWIN_OK;
}

/* Room for need objects, at least doubling; NULL if memory is out. */
void *evtwin__load_grow(void *ptr, size_t *cap, size_t need, size_t size) {
    if (need <= *cap && ptr != NULL) {
        return ptr;
    }
    const size_t larger = need > 2 * *cap ? need : 2 * *cap;
    void *grown = evtwin__realloc(ptr, larger, size);
    if (grown != NULL) {
        *cap = larger;
    }
    return grown;
}

evtwin_status evtwin__load_no_memory(void) {
    EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the model");
}

/* A scalar setting: XGBoost writes them as strings. */
evtwin_status evtwin__load_setting(evtwin__loader *l, int64_t min, int64_t max, int32_t *out) {
    evtwin__slice text;
    const evtwin_status st = evtwin__json_scan_string(&l->scan, &text);
    if (st < 0) {
        return st;
    }
    int64_t v;
    if (!evtwin__parse_i64(text.at, text.size, &v) || v < min || v > max) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "\"%.*s\" is no integer in %" PRId64 " to %" PRId64,
                    text.size < 40 ? (int)text.size : 40, text.at, min, max);
    }
    *out = (int32_t)v;
    return EVTWIN_OK;
}

/* ---- the booster ---- */

/* The output each tree adds to: there is one. */
static evtwin_status read_tree_info(evtwin__loader *l, int arg) {
    (void)arg;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    while (st >= 0) {
        int more = 0;
        int32_t group;
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more ||
            (st = evtwin__json_scan_int(&l->scan, 0, INT32_MAX, &group)) < 0) {
            break;
        }
        if (group != 0) {
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "tree %zu adds to output %d (several outputs)",
                        l->set.n_tree_info, group);
        }
        l->set.n_tree_info++;
    }
    return st;
}

typedef enum model_setting { TREES, PARALLEL, MODEL_LEAF_SIZE } model_setting;

static evtwin_status read_model_setting(evtwin__loader *l, int arg) {
    switch ((model_setting)arg) {
    case TREES:
        return evtwin__load_setting(l, 0, INT32_MAX, &l->set.n_trees);
    case PARALLEL:
        return evtwin__load_setting(l, 0, INT32_MAX, &l->set.n_parallel);
    case MODEL_LEAF_SIZE:
        return evtwin__load_setting(l, 0, INT32_MAX, &l->set.leaf_size);
    }
    return EVTWIN_OK;
}

static evtwin_status read_model_param(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {
        {"num_trees", read_model_setting, TREES, 1},
        {"num_parallel_tree", read_model_setting, PARALLEL, 0},
        {"size_leaf_vector", read_model_setting, MODEL_LEAF_SIZE, 0}};
    return EVTWIN__READ_OBJECT(l, members);
}

/* What is required of it is asked in check_booster: the name of the booster, which says whether
 * this is a forest at all, comes after. */
static evtwin_status read_model(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {{"gbtree_model_param", read_model_param, 0, 0},
                                             {"tree_info", read_tree_info, 0, 0},
                                             {"trees", evtwin__load_trees, 0, 0}};
    return EVTWIN__READ_OBJECT(l, members);
}

static evtwin_status read_name(evtwin__loader *l, int is_booster) {
    return evtwin__json_scan_string(&l->scan, is_booster ? &l->set.booster : &l->set.objective);
}

static evtwin_status read_booster(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {{"model", read_model, 0, 0},
                                             {"name", read_name, 1, 1}};
    return EVTWIN__READ_OBJECT(l, members);
}

/* ---- the learner ---- */

static evtwin_status read_objective(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {{"name", read_name, 0, 1}};
    return EVTWIN__READ_OBJECT(l, members);
}

/* "5E-1", or from XGBoost 3.1 on "[5E-1]". */
static evtwin_status read_base_score(evtwin__loader *l, int arg) {
    (void)arg;
    evtwin__slice text;
    const evtwin_status st = evtwin__json_scan_string(&l->scan, &text);
    if (st < 0) {
        return st;
    }
    const evtwin__slice whole = text;
    if (text.size >= 2 && text.at[0] == '[' && text.at[text.size - 1] == ']') {
        text.at++;
        text.size -= 2;
    }
    if (memchr(text.at, ',', text.size) != NULL) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "several numbers (several outputs)");
    }
    if (!evtwin__parse_f32(text, &l->set.base_score)) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "\"%.*s\" is no finite float32",
                    whole.size < 40 ? (int)whole.size : 40, whole.at);
    }
    return EVTWIN_OK;
}

typedef enum learner_setting { LEARNER_FEATURES, CLASSES, TARGETS } learner_setting;

static evtwin_status read_learner_setting(evtwin__loader *l, int arg) {
    switch ((learner_setting)arg) {
    case LEARNER_FEATURES:
        return evtwin__load_setting(l, 1, INT32_MAX, &l->set.n_features);
    case CLASSES:
        return evtwin__load_setting(l, 0, INT32_MAX, &l->set.n_classes);
    case TARGETS:
        return evtwin__load_setting(l, 0, INT32_MAX, &l->set.n_targets);
    }
    return EVTWIN_OK;
}

static evtwin_status read_learner_param(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {
        {"base_score", read_base_score, 0, 1},
        {"num_feature", read_learner_setting, LEARNER_FEATURES, 1},
        {"num_class", read_learner_setting, CLASSES, 0},
        {"num_target", read_learner_setting, TARGETS, 0}};
    return EVTWIN__READ_OBJECT(l, members);
}

static evtwin_status read_feature_names(evtwin__loader *l, int arg) {
    (void)arg;
    evtwin_model *m = l->model;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    while (st >= 0) {
        int more = 0;
        evtwin__slice string;
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more ||
            (st = evtwin__json_scan_string(&l->scan, &string)) < 0) {
            break;
        }
        const size_t n = l->set.n_names;
        if (n == EVTWIN__MAX_WIDTH) {
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "more than %d features", EVTWIN__MAX_WIDTH);
        }
        char **names = evtwin__load_grow(m->feature_name, &l->names_cap, n + 1, sizeof *names);
        if (names == NULL) {
            return evtwin__load_no_memory();
        }
        m->feature_name = names;
        if ((st = evtwin__json_scan_decode(string, &names[n])) >= 0) {
            l->set.n_names++;
        }
    }
    return st;
}

static evtwin_status read_learner(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {{"feature_names", read_feature_names, 0, 0},
                                             {"gradient_booster", read_booster, 0, 1},
                                             {"learner_model_param", read_learner_param, 0, 1},
                                             {"objective", read_objective, 0, 1}};
    return EVTWIN__READ_OBJECT(l, members);
}

static evtwin_status read_version(evtwin__loader *l, int arg) {
    (void)arg;
    int32_t v[3] = {0};
    size_t n = 0;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    for (int more = 0; st >= 0; n++) {
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more) {
            break;
        }
        st = evtwin__json_scan_int(&l->scan, 0, INT32_MAX, &v[n < 3 ? n : 2]);
    }
    if (st < 0) {
        return st;
    }
    if (n != 3) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%zu numbers instead of 3", n);
    }
    if (v[0] < 1 || (v[0] == 1 && v[1] < 7) || v[0] > 3) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "XGBoost %d.%d.%d, this version reads 1.7 to 3.x", v[0],
                    v[1], v[2]);
    }
    for (int i = 0; i < 3; i++) {
        l->model->xgboost_version[i] = v[i];
    }
    return EVTWIN_OK;
}

static evtwin_status read_file(evtwin__loader *l) {
    static const evtwin__member members[] = {{"learner", read_learner, 0, 1},
                                             {"version", read_version, 0, 1}};
    const evtwin_status st = EVTWIN__READ_OBJECT(l, members);
    return st < 0 ? st : evtwin__json_scan_end(&l->scan);
}

/* ---- the whole ---- */

static evtwin_status check_booster(const evtwin__loader *l) {
    const evtwin__model_settings *set = &l->set;
    const size_t n_trees = l->model->n_trees;
    if (!evtwin__slice_is(set->booster, "gbtree")) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "booster \"%.*s\", this version reads \"gbtree\"",
                    set->booster.size < 40 ? (int)set->booster.size : 40, set->booster.at);
    }
    if (set->n_classes > 1 || set->n_targets > 1 || set->leaf_size > 1) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "several outputs (num_class %d, num_target %d)",
                    set->n_classes, set->n_targets);
    }
    if (set->n_parallel > 1) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "num_parallel_tree %d, this version reads 1",
                    set->n_parallel);
    }
    if (set->n_trees < 0 || (size_t)set->n_trees != n_trees || set->n_tree_info != n_trees) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "num_trees %d and %zu numbers of tree_info for %zu trees",
                    set->n_trees, set->n_tree_info, n_trees);
    }
    return EVTWIN_OK;
}

static evtwin_status check_features(evtwin__loader *l) {
    evtwin_model *m = l->model;
    const size_t n = (size_t)l->set.n_features;
    if (n > EVTWIN__MAX_WIDTH) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%zu features, this version takes %d", n,
                    EVTWIN__MAX_WIDTH);
    }
    if (m->n_trees > 0 && m->width != n) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "num_feature is %zu, the trees have %zu", n, m->width);
    }
    if (l->set.n_names != 0 && l->set.n_names != n) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%zu feature names for %zu features", l->set.n_names, n);
    }
    m->width = n;
    return EVTWIN_OK;
}

/* The margin that a sum starts from. For a classifier the file holds a probability p, which becomes
 * log(p / (1 - p)) in float and by libm's logf, as XGBoost does it: to the same bit on one machine.
 */
static evtwin_status set_objective(evtwin__loader *l) {
    evtwin_model *m = l->model;
    const float base = l->set.base_score;
    if (evtwin__slice_is(l->set.objective, "reg:squarederror")) {
        m->objective = EVTWIN_OBJECTIVE_REGRESSION;
        m->base_margin = base;
        return EVTWIN_OK;
    }
    if (!evtwin__slice_is(l->set.objective, "binary:logistic")) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                    "objective \"%.*s\", this version reads reg:squarederror and binary:logistic",
                    l->set.objective.size < 40 ? (int)l->set.objective.size : 40,
                    l->set.objective.at);
    }
    m->objective = EVTWIN_OBJECTIVE_LOGISTIC;
    m->base_margin = base > 0.0f && base < 1.0f ? -logf(1.0f / base - 1.0f) : INFINITY;
    if (!isfinite(m->base_margin)) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "base_score %g is no probability between 0 and 1",
                    (double)base);
    }
    return EVTWIN_OK;
}

/* No row's sum may leave the range of a float: one damaged leaf of 1e38 would. */
static evtwin_status check_sum(const evtwin_model *m) {
    double largest = fabs((double)m->base_margin);
    for (size_t t = 0; t < m->n_trees; t++) {
        const size_t end = t + 1 < m->n_trees ? m->root[t + 1] : m->n_nodes;
        double in_tree = 0.0;
        for (size_t i = m->root[t]; i < end; i++) {
            in_tree = fmax(in_tree, fabs((double)m->leaf[i]));
        }
        largest += in_tree;
    }
    if (largest > (double)FLT_MAX / 2) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "leaves that sum up to %g, too much for a float", largest);
    }
    return EVTWIN_OK;
}

/* Round the trees up to whole groups by a leaf of value -0.0, which changes no sum, and know how
 * deep each group is. */
static evtwin_status pad_groups(evtwin__loader *l) {
    evtwin_model *m = l->model;
    const size_t n_groups = (m->n_trees + EVTWIN__FOREST_LANES - 1) / EVTWIN__FOREST_LANES;
    const size_t n_padded = n_groups * EVTWIN__FOREST_LANES;
    void *nodes = evtwin__realloc(m->nodes, m->n_nodes + 1, sizeof *m->nodes);
    m->nodes = nodes != NULL ? nodes : m->nodes;
    void *leaf = evtwin__realloc(m->leaf, m->n_nodes + 1, sizeof *m->leaf);
    m->leaf = leaf != NULL ? leaf : m->leaf;
    void *root = evtwin__realloc(m->root, n_padded, sizeof *m->root);
    m->root = root != NULL ? root : m->root;
    m->group_depth = evtwin__calloc(n_groups, sizeof *m->group_depth);
    if (nodes == NULL || leaf == NULL || root == NULL || m->group_depth == NULL) {
        return evtwin__load_no_memory();
    }

    m->nodes[m->n_nodes] = (evtwin__node){EVTWIN__LEAF_KEY, 0};
    m->leaf[m->n_nodes] = -0.0f;
    for (size_t t = 0; t < n_padded; t++) {
        if (t >= m->n_trees) {
            m->root[t] = (uint32_t)m->n_nodes;
        } else if (m->group_depth[t / EVTWIN__FOREST_LANES] < m->depth[t]) {
            m->group_depth[t / EVTWIN__FOREST_LANES] = m->depth[t];
        }
    }
    m->n_nodes++;
    return EVTWIN_OK;
}

static void drop_names(evtwin_model *m, size_t n_names) {
    for (size_t i = 0; m->feature_name != NULL && i < n_names; i++) {
        evtwin__free(m->feature_name[i]);
    }
    evtwin__free(m->feature_name);
    m->feature_name = NULL;
}

static void free_model(evtwin_model *m, size_t n_names) {
    drop_names(m, n_names);
    evtwin__free(m->nodes);
    evtwin__free(m->leaf);
    evtwin__free(m->root);
    evtwin__free(m->depth);
    evtwin__free(m->group_depth);
    evtwin__free(m);
}

void evtwin_model_free(evtwin_model *model) {
    if (model != NULL) {
        free_model(model, model->width);
    }
}

static evtwin_status load(evtwin__loader *l) {
    evtwin_status st;
    if ((st = read_file(l)) < 0 || (st = check_booster(l)) < 0 || (st = check_features(l)) < 0 ||
        (st = set_objective(l)) < 0 || (st = check_sum(l->model)) < 0 || (st = pad_groups(l)) < 0) {
        return st;
    }
    if (l->set.n_names == 0) {
        drop_names(l->model, 0);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_model_load_buffer(const char *name, const char *data, size_t size,
                                       evtwin_model **out) {
    if (data == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "data or out is NULL");
    }
    name = name != NULL ? name : "model";
    if (size > EVTWIN__MODEL_MAX_BYTES) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: %zu bytes, this version reads %d", name, size,
                    EVTWIN__MODEL_MAX_BYTES);
    }
    if (size >= 2 && data[0] == '{' && data[1] == 'L') {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: UBJSON; save the model as .json", name);
    }

    evtwin__loader l = {.scan = evtwin__json_scan_begin(data, size)};
    l.set = (evtwin__model_settings){-1, -1, -1, -1, -1, -1, 0.0f, {"", 0}, {"", 0}, 0, 0};
    l.model = evtwin__calloc(1, sizeof *l.model);
    if (l.model == NULL) {
        return evtwin__load_no_memory();
    }
    evtwin_status st = load(&l);
    for (int a = 0; a < EVTWIN__N_INT_ARRAYS; a++) {
        evtwin__free(l.tree.ints[a]);
    }
    evtwin__free(l.tree.condition);
    evtwin__free(l.order);
    evtwin__free(l.level);
    if (st < 0) {
        free_model(l.model, l.set.n_names);
        return evtwin__fail_in(st, "%s", name);
    }
    *out = l.model;
    return EVTWIN_OK;
}

evtwin_status evtwin_model_load(const char *path, evtwin_model **out) {
    if (path == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "path or out is NULL");
    }
    char *data;
    size_t size;
    evtwin_status st = evtwin__file_read(path, EVTWIN__MODEL_MAX_BYTES, &data, &size);
    if (st < 0) {
        return st;
    }
    st = evtwin_model_load_buffer(path, data, size, out);
    evtwin__free(data);
    return st;
}
