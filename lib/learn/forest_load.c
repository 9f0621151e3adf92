/* SPDX-License-Identifier: MIT */
/* learn/forest_load.c: read an XGBoost model, JSON or UBJSON. What is read of the file, and what
 * each part may hold, is in tables of rows, one table for each object of the file; other keys are
 * passed over. */

#include "evtwin/model.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/forest_objective.h"
#include "learn/forest_tree.h"
#include "learn/model_scan.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The state of one load; a row's place is an offset into it. */
typedef struct loader {
    evtwin__scan scan;
    evtwin__numbers version, tree_info;
    int32_t n_features, n_trees; /* n_trees -1: not given */
    evtwin_objective objective;
    int32_t checked; /* values that are only checked */
    evtwin__slice base_score, best_iteration;
    size_t n_names, names_cap;
    evtwin__file_tree tree; /* the one that is being read */
    evtwin__forest_builder builder;
} loader;

/* What is read under a key of an object. */
typedef struct row {
    const char *key;
    evtwin_status (*read)(loader *l, const struct row *r);
    int is_required;
    size_t place;             /* of the value, in a loader */
    int32_t min, max;         /* of an integer: outside them the file is damaged */
    int32_t supported;        /* above it the file is valid but not supported … */
    const char *unsupported;  /* … for this reason; NULL: all of [min, max] is supported */
    const char *item;         /* what one item of an array belongs to */
    const struct row *object; /* rows of an object, the last without a key */
} row;

/* ---- readers ---- */

static void *place_of(loader *l, const row *r) {
    return (char *)l + r->place;
}

static evtwin_status read_member(loader *l, const row *rows, evtwin__slice key, uint32_t *seen) {
    for (int i = 0; rows[i].key != NULL; i++) {
        if (!evtwin__slice_is(key, rows[i].key)) {
            continue;
        }
        assert(i < 32);
        EVTWIN_FAIL_IF(*seen >> i & 1, EVTWIN_E_CORRUPT, "duplicate key \"%s\"", rows[i].key);
        *seen |= (uint32_t)1 << i;
        const evtwin_status st = rows[i].read(l, &rows[i]);
        return st < 0 ? evtwin__fail_in(st, "%s", rows[i].key) : st;
    }
    return evtwin__scan_skip(&l->scan);
}

/* An object; it recurses as deep as the tables do. */
static evtwin_status object(loader *l, const row *r) {
    uint32_t seen = 0;
    int more = 1;
    evtwin__slice key;
    evtwin_status st = evtwin__scan_enter(&l->scan, '{');
    while (st >= 0 && (st = evtwin__scan_member(&l->scan, &key, &more)) >= 0 && more) {
        st = read_member(l, r->object, key, &seen);
    }
    for (int i = 0; st >= 0 && r->object[i].key != NULL; i++) {
        EVTWIN_FAIL_IF(r->object[i].is_required && !(seen >> i & 1), EVTWIN_E_CORRUPT,
                       "key \"%s\" is missing", r->object[i].key);
    }
    return st;
}

static evtwin_status check_supported(const row *r, int32_t v) {
    EVTWIN_FAIL_IF(r->unsupported != NULL && v > r->supported, EVTWIN_E_UNSUPPORTED,
                   "%d is not supported: %s", v, r->unsupported);
    return EVTWIN_OK;
}

static evtwin_status integer(loader *l, const row *r) {
    int32_t *out = place_of(l, r);
    const evtwin_status st = evtwin__scan_int(&l->scan, r->min, r->max, out);
    return st < 0 ? st : check_supported(r, *out);
}

/* An integer that is written as a string, as XGBoost does in its *_param objects. */
static evtwin_status setting(loader *l, const row *r) {
    evtwin__slice value;
    EVTWIN_TRY(evtwin__scan_string(&l->scan, &value));
    int64_t v;
    EVTWIN_FAIL_IF(!evtwin__parse_i64(value.at, value.size, &v) || v < r->min || v > r->max,
                   EVTWIN_E_CORRUPT, "\"%.*s\" is not an integer from %d to %d",
                   EVTWIN__SLICE_TEXT(value), r->min, r->max);
    *(int32_t *)place_of(l, r) = (int32_t)v;
    return check_supported(r, (int32_t)v);
}

/* An array of 4-byte numbers. A node has a number in seven arrays and a tree one in tree_info, so
 * that more of them than a seventh of the file's bytes (and the three of a version) are not of a
 * valid file: an array of single bytes would take four times its size. */
static inline evtwin_status numbers(loader *l, const row *r, int is_float) {
    evtwin__numbers *to = place_of(l, r);
    const size_t most = l->scan.size / 7 + 3;
    int more = 1;
    to->n = 0;
    evtwin_status st = evtwin__scan_enter(&l->scan, '[');
    while (st >= 0 && (st = evtwin__scan_item(&l->scan, &more)) >= 0 && more) {
        EVTWIN_FAIL_IF(to->n == most, EVTWIN_E_CORRUPT,
                       "more than %zu numbers in a file of %zu bytes", most, l->scan.size);
        if ((st = evtwin__model_grow(&to->i32, &to->cap, to->n + 1, sizeof *to->i32)) < 0) {
            break;
        }
        if (is_float) {
            st = evtwin__scan_f32(&l->scan, &to->f32[to->n]);
        } else if ((st = evtwin__scan_int(&l->scan, r->min, r->max, &to->i32[to->n])) >= 0) {
            st = check_supported(r, to->i32[to->n]);
        }
        to->n += st >= 0;
    }
    return st < 0 ? evtwin__fail_in(st, "%s %zu", r->item, to->n) : st;
}

static evtwin_status integers(loader *l, const row *r) {
    return numbers(l, r, 0);
}

static evtwin_status floats(loader *l, const row *r) {
    return numbers(l, r, 1);
}

/* An array that a supported file leaves empty. */
static evtwin_status empty(loader *l, const row *r) {
    int more = 0;
    evtwin_status st = evtwin__scan_enter(&l->scan, '[');
    EVTWIN_FAIL_IF(st >= 0 && (st = evtwin__scan_item(&l->scan, &more)) >= 0 && more,
                   EVTWIN_E_UNSUPPORTED, "not supported: %s", r->unsupported);
    return st;
}

static evtwin_status string(loader *l, const row *r) {
    return evtwin__scan_string(&l->scan, place_of(l, r));
}

static evtwin_status objective_name(loader *l, const row *r) {
    evtwin__slice value;
    EVTWIN_TRY(evtwin__scan_string(&l->scan, &value));
    return evtwin__objective_find(value, place_of(l, r));
}

static evtwin_status booster_name(loader *l, const row *r) {
    evtwin__slice value;
    (void)r;
    EVTWIN_TRY(evtwin__scan_string(&l->scan, &value));
    EVTWIN_FAIL_IF(!evtwin__slice_is(value, "gbtree"), EVTWIN_E_UNSUPPORTED,
                   "booster \"%.*s\" is not supported: train with booster=\"gbtree\"",
                   EVTWIN__SLICE_TEXT(value));
    return EVTWIN_OK;
}

static evtwin_status names(loader *l, const row *r) {
    evtwin_model *m = l->builder.model;
    int more = 1;
    evtwin__slice value;
    evtwin_status st = evtwin__scan_enter(&l->scan, '[');
    while (st >= 0 && (st = evtwin__scan_item(&l->scan, &more)) >= 0 && more) {
        const size_t n = l->n_names + 1;
        if ((st = check_supported(r, (int32_t)n)) < 0 ||
            (st = evtwin__scan_string(&l->scan, &value)) < 0 ||
            (st = evtwin__model_grow(&m->feature_name, &l->names_cap, n, sizeof(char *))) < 0 ||
            (st = evtwin__scan_decode(&l->scan, value, &m->feature_name[n - 1])) < 0) {
            return evtwin__fail_in(st, "%s %zu", r->item, n - 1);
        }
        l->n_names = n;
    }
    return st;
}

static evtwin_status trees(loader *l, const row *r);

/* ---- the tables ---- */

#define AT(member) .place = offsetof(loader, member)
#define ANY_COUNT .max = INT32_MAX
#define FEATURES                                                                                   \
    .min = 1, .max = INT32_MAX, .supported = EVTWIN__MAX_WIDTH,                                    \
    .unsupported = "more than 2048 features"
#define SEVERAL_OUTPUTS "several outputs; train one model for each class or target"
#define ONE_OUTPUT .max = INT32_MAX, .supported = 1, .unsupported = SEVERAL_OUTPUTS
#define ONE_LEAF                                                                                   \
    .max = INT32_MAX, .supported = 1,                                                              \
    .unsupported = "several outputs in a leaf (multi_strategy=\"multi_output_tree\"); train one "  \
                   "model for each target"
#define NO_CATEGORIES                                                                              \
    .unsupported = "categorical splits (enable_categorical=True); encode the categories as "       \
                   "numbers"
#define NODES(least, most) .min = (least), .max = (most), .item = "node"
_Static_assert((int)EVTWIN__MAX_WIDTH == 2048, "as FEATURES says");

enum { OPTIONAL, REQUIRED };

/* clang-format off */
static const row tree_param[] = {
    {"num_nodes",        setting, REQUIRED, AT(tree.n_nodes), .min = 1, .max = EVTWIN__LAST_NODE},
    {"num_deleted",      setting, REQUIRED, AT(tree.n_deleted), .max = EVTWIN__LAST_NODE},
    {"num_feature",      setting, REQUIRED, AT(tree.n_features), FEATURES},
    {"size_leaf_vector", setting, OPTIONAL, AT(checked), ONE_LEAF},
    {.key = NULL}};

static const row tree[] = {
    {"left_children",       integers, REQUIRED, AT(tree.left),
     NODES(EVTWIN__NO_CHILD, EVTWIN__LAST_NODE)},
    {"right_children",      integers, REQUIRED, AT(tree.right),
     NODES(EVTWIN__NO_CHILD, EVTWIN__LAST_NODE)},
    {"parents",             integers, REQUIRED, AT(tree.parent),
     NODES(-1, EVTWIN__NO_PARENT)}, /* -1 is the root's in trees of several outputs */
    {"split_indices",       integers, REQUIRED, AT(tree.split), NODES(0, EVTWIN__DELETED)},
    {"split_conditions",    floats,   REQUIRED, AT(tree.condition), NODES(0, 0)},
    {"default_left",        integers, REQUIRED, AT(tree.default_left), NODES(0, 1)},
    {"sum_hessian",         floats,   OPTIONAL, AT(tree.weight), NODES(0, 0)},
    {"split_type",          integers, REQUIRED, AT(tree.split_type), NODES(0, 1), NO_CATEGORIES},
    {"categories",          empty,    OPTIONAL, NO_CATEGORIES},
    {"categories_nodes",    empty,    OPTIONAL, NO_CATEGORIES},
    {"categories_segments", empty,    OPTIONAL, NO_CATEGORIES},
    {"categories_sizes",    empty,    OPTIONAL, NO_CATEGORIES},
    {"id",                  integer,  OPTIONAL, AT(tree.id), .max = EVTWIN__MAX_TREES},
    {"tree_param",          object,   REQUIRED, .object = tree_param},
    {.key = NULL}};

static const row gbtree_model_param[] = {
    {"num_trees",         setting, REQUIRED, AT(n_trees), ANY_COUNT},
    {"num_parallel_tree", setting, OPTIONAL, AT(checked), .max = INT32_MAX, .supported = 1,
     .unsupported = "boosted random forests; train with num_parallel_tree=1"},
    {"size_leaf_vector",  setting, OPTIONAL, AT(checked), ONE_LEAF},
    {.key = NULL}};

/* Another booster's model holds other keys, and its name comes after them: check_trees asks. */
static const row gbtree_model[] = {
    {"gbtree_model_param", object,   OPTIONAL, .object = gbtree_model_param},
    {"tree_info",          integers, OPTIONAL, AT(tree_info), .max = INT32_MAX, .item = "tree",
     .unsupported = SEVERAL_OUTPUTS},
    {"trees",              trees,    OPTIONAL, .object = tree, .item = "tree"},
    {.key = NULL}};

static const row gradient_booster[] = {
    {"model", object,       REQUIRED, .object = gbtree_model},
    {"name",  booster_name, REQUIRED, AT(checked)},
    {.key = NULL}};

static const row objective[] = {
    {"name", objective_name, REQUIRED, AT(objective)},
    {.key = NULL}};

static const row learner_model_param[] = {
    {"base_score",  string,  REQUIRED, AT(base_score)},
    {"num_feature", setting, REQUIRED, AT(n_features), FEATURES},
    {"num_class",   setting, OPTIONAL, AT(checked), ONE_OUTPUT},
    {"num_target",  setting, OPTIONAL, AT(checked), ONE_OUTPUT},
    {.key = NULL}};

static const row attributes[] = {
    {"best_iteration", string, OPTIONAL, AT(best_iteration)},
    {.key = NULL}};

static const row learner[] = {
    {"attributes",          object, OPTIONAL, .object = attributes},
    {"feature_names",       names,  OPTIONAL, FEATURES, .item = "feature"},
    {"gradient_booster",    object, REQUIRED, .object = gradient_booster},
    {"learner_model_param", object, REQUIRED, .object = learner_model_param},
    {"objective",           object, REQUIRED, .object = objective},
    {.key = NULL}};

static const row file[] = {
    {"learner", object,   REQUIRED, .object = learner},
    {"version", integers, REQUIRED, AT(version), ANY_COUNT, .item = "part"},
    {.key = NULL}};

/* What stands behind the trees and may say more than they do. */
static const row outputs[] = {
    {"num_class",  setting, OPTIONAL, AT(checked), ONE_OUTPUT},
    {"num_target", setting, OPTIONAL, AT(checked), ONE_OUTPUT},
    {.key = NULL}};

static const row learner_outline[] = {
    {"learner_model_param", object, OPTIONAL, .object = outputs},
    {.key = NULL}};

static const row outline[] = {
    {"learner", object,   OPTIONAL, .object = learner_outline},
    {"version", integers, OPTIONAL, AT(version), ANY_COUNT, .item = "part"},
    {.key = NULL}};
/* clang-format on */

/* ---- trees ---- */

static evtwin_status read_tree(loader *l, const row *r) {
    evtwin__file_tree *t = &l->tree;
    t->id = -1;
    t->weight.n = 0;
    EVTWIN_TRY(object(l, r));
    for (const row *array = r->object; array->key != NULL; array++) {
        if (array->read != integers && array->read != floats) {
            continue;
        }
        const size_t n = ((const evtwin__numbers *)place_of(l, array))->n;
        EVTWIN_FAIL_IF(n != (size_t)t->n_nodes && (n > 0 || array->is_required), EVTWIN_E_CORRUPT,
                       "%s has %zu numbers for %d nodes", array->key, n, t->n_nodes);
    }
    EVTWIN_FAIL_IF(t->id >= 0 && (size_t)t->id != l->builder.model->n_trees, EVTWIN_E_CORRUPT,
                   "its id is %d", t->id);
    return evtwin__forest_add_tree(&l->builder, t);
}

static evtwin_status trees(loader *l, const row *r) {
    int more = 1;
    evtwin_status st = evtwin__scan_enter(&l->scan, '[');
    while (st >= 0 && (st = evtwin__scan_item(&l->scan, &more)) >= 0 && more) {
        const size_t i = l->builder.model->n_trees;
        if ((st = read_tree(l, r)) < 0) {
            return evtwin__fail_in(st, "%s %zu", r->item, i);
        }
    }
    return st;
}

/* ---- the whole ---- */

static evtwin_status check_version(const loader *l) {
    const int32_t *v = l->version.i32;
    EVTWIN_FAIL_IF(l->version.n != 3, EVTWIN_E_CORRUPT, "version: %zu numbers instead of 3",
                   l->version.n);
    EVTWIN_FAIL_IF(v[0] < 1 || (v[0] == 1 && v[1] < 7) || v[0] > 3, EVTWIN_E_UNSUPPORTED,
                   "version: XGBoost %d.%d.%d is not supported, only 1.7 to 3.x", v[0], v[1], v[2]);
    memcpy(l->builder.model->xgboost_version, v, 3 * sizeof *v);
    return EVTWIN_OK;
}

static evtwin_status check_trees(const loader *l) {
    const evtwin_model *m = l->builder.model;
    const size_t n = (size_t)l->n_features;
    EVTWIN_FAIL_IF(l->n_trees < 0, EVTWIN_E_CORRUPT,
                   "learner: gradient_booster: model: key \"gbtree_model_param\" is missing");
    EVTWIN_FAIL_IF((size_t)l->n_trees != m->n_trees || l->tree_info.n != m->n_trees,
                   EVTWIN_E_CORRUPT, "num_trees is %d and tree_info has %zu numbers for %zu trees",
                   l->n_trees, l->tree_info.n, m->n_trees);
    EVTWIN_FAIL_IF(m->n_trees > 0 && m->width != n, EVTWIN_E_CORRUPT,
                   "num_feature is %zu, the trees have %zu", n, m->width);
    EVTWIN_FAIL_IF(l->n_names != 0 && l->n_names != n, EVTWIN_E_CORRUPT,
                   "%zu feature names for %zu features", l->n_names, n);
    return EVTWIN_OK;
}

/* Early stopping leaves the rounds after the best one in the file. Without all_trees they are cut
 * off, as XGBoost's scikit-learn wrapper does for whatever file has the attribute. */
static void stop_at_best(const char *name, loader *l, int all_trees) {
    evtwin_model *m = l->builder.model;
    int64_t best;
    if (l->best_iteration.at == NULL) {
        return;
    }
    if (!evtwin__parse_i64(l->best_iteration.at, l->best_iteration.size, &best) || best < 0) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%s: best_iteration \"%.*s\" is not the number of a round: all %zu trees are used",
            name, EVTWIN__SLICE_TEXT(l->best_iteration), m->n_trees);
        return;
    }
    if ((uint64_t)best + 1 >= m->n_trees) {
        return;
    }
    evtwin__log(EVTWIN_LOG_WARNING,
                all_trees ? "%s: all %zu trees are used, though early stopping found the first "
                            "%lld best (best_iteration)"
                          : "%s: of %zu trees the first %lld are used: early stopping found them "
                            "best (best_iteration)",
                name, m->n_trees, (long long)best + 1);
    if (!all_trees) {
        m->n_trees = (size_t)best + 1;
        m->n_nodes = m->root[m->n_trees];
    }
}

static evtwin_status load(const char *name, loader *l, int all_trees) {
    evtwin_model *m = l->builder.model;
    evtwin_status st;
    if ((st = object(l, &(row){.object = file})) < 0 || (st = evtwin__scan_end(&l->scan)) < 0 ||
        (st = check_version(l)) < 0 || (st = check_trees(l)) < 0) {
        return st;
    }
    m->width = (size_t)l->n_features;
    m->objective = l->objective;
    EVTWIN_TRY(evtwin__objective_base_margin(m->objective, l->base_score, m->xgboost_version,
                                             &m->base_margin));
    stop_at_best(name, l, all_trees);
    return evtwin__forest_finish(&l->builder);
}

/* Files of other versions differ anywhere, those of several outputs in their trees, and what says
 * so stands behind them: where the version or the outputs are not supported, that is the reason,
 * not what was found first. */
static evtwin_status explain(loader *l, evtwin_status st) {
    char text[512];
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    evtwin__scan_again(&l->scan);
    l->version.n = 0;
    evtwin_status again = object(l, &(row){.object = outline});
    if (again >= 0 && l->version.n > 0) {
        again = check_version(l);
    }
    return again == EVTWIN_E_UNSUPPORTED ? again : evtwin__fail(st, "%s", text);
}

static void free_loader(loader *l) {
    evtwin__free(l->version.i32);
    evtwin__free(l->tree_info.i32);
    for (const row *r = tree; r->key != NULL; r++) {
        if (r->read == integers || r->read == floats) {
            evtwin__free(((evtwin__numbers *)place_of(l, r))->i32);
        }
    }
    evtwin__free(l->builder.queue);
}

static evtwin_status load_buffer(const char *name, const char *data, size_t size, int all_trees,
                                 evtwin_model **out) {
    EVTWIN_FAIL_IF(size > EVTWIN__MODEL_MAX_BYTES, EVTWIN_E_UNSUPPORTED,
                   "%s: %zu bytes, at most %d are supported", name, size, EVTWIN__MODEL_MAX_BYTES);
    EVTWIN_TRY(evtwin__forest_check_kind(name, data, size));
    loader l = {.n_trees = -1};
    evtwin__scan_begin(&l.scan, data, size);
    l.builder.model = evtwin__calloc(1, sizeof *l.builder.model);
    EVTWIN_FAIL_IF(l.builder.model == NULL, EVTWIN_E_NOMEM, "out of memory for the model");
    evtwin_status st = load(name, &l, all_trees);
    st = st == EVTWIN_E_CORRUPT || st == EVTWIN_E_PARSE ? explain(&l, st) : st;
    free_loader(&l);
    if (st < 0) {
        l.builder.model->width = l.n_names; /* as many as there are to free */
        evtwin_model_free(l.builder.model);
        return evtwin__fail_in(st, "%s", name);
    }
    *out = l.builder.model;
    return EVTWIN_OK;
}

evtwin_status evtwin_model_load_buffer(const char *name, const char *data, size_t size,
                                       evtwin_model **out) {
    EVTWIN_FAIL_IF(data == NULL || out == NULL, EVTWIN_E_ARG, "data or out is NULL");
    return load_buffer(name != NULL ? name : "model", data, size, 0, out);
}

static evtwin_status load_file(const char *path, int all_trees, evtwin_model **out) {
    EVTWIN_FAIL_IF(path == NULL || out == NULL, EVTWIN_E_ARG, "path or out is NULL");
    char *data;
    size_t size;
    EVTWIN_TRY(evtwin__file_read(path, EVTWIN__MODEL_MAX_BYTES, &data, &size));
    const evtwin_status st = load_buffer(path, data, size, all_trees, out);
    evtwin__free(data);
    return st;
}

evtwin_status evtwin_model_load(const char *path, evtwin_model **out) {
    return load_file(path, 0, out);
}

evtwin_status evtwin_model_load_all_trees(const char *path, evtwin_model **out) {
    return load_file(path, 1, out);
}
