/* SPDX-License-Identifier: MIT */
/* learn/predictor.c: a loaded bundle: what it is, and what it predicts from features. */

#include "learn/predictor.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "core/utf8.h"
#include "learn/features.h"
#include "learn/forest.h"

#include <math.h>
#include <string.h>

_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)EVTWIN__BLOCK_VALUES,
               "a row fits in a block, which has at least 4 of them");
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)EVTWIN__MAX_WIDTH, "a forest takes a row");

/* ---- life ---- */

evtwin_status evtwin__predictor_take(evtwin__bundle *bundle, evtwin_predictor **out) {
    evtwin_predictor *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for a predictor");
    const char *counter = bundle->counter != NULL ? bundle->counter : "";
    const evtwin_status st = evtwin__past_create(bundle->features, counter, &p->past);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    p->bundle = *bundle;
    *bundle = (evtwin__bundle){0};
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (p->bundle.model[t].is_present) {
            p->target[p->n_targets++] = t;
        }
    }
    *out = p;
    return EVTWIN_OK;
}

const evtwin__bundle *evtwin__predictor_bundle(const evtwin_predictor *predictor) {
    return &predictor->bundle;
}

const evtwin__past *evtwin__predictor_past(const evtwin_predictor *predictor) {
    return predictor->past;
}

evtwin_status evtwin_predictor_load(const char *dir, evtwin_predictor **out) {
    EVTWIN_FAIL_IF(dir == NULL || out == NULL, EVTWIN_E_ARG, "dir or out is NULL");
    evtwin__bundle bundle;
    evtwin_status st = evtwin__bundle_load(dir, &bundle);
    if (st >= 0) {
        st = evtwin__predictor_take(&bundle, out);
        evtwin__bundle_clear(&bundle);
    }
    return st;
}

void evtwin_predictor_free(evtwin_predictor *predictor) {
    if (predictor != NULL) {
        evtwin__bundle_clear(&predictor->bundle);
        evtwin__past_free(predictor->past);
        evtwin__free(predictor->version);
        evtwin__free(predictor);
    }
}

evtwin_status evtwin_predictor_set_coverage(evtwin_predictor *predictor, evtwin_coverage coverage) {
    EVTWIN_FAIL_IF(predictor == NULL || (int)coverage < 0 || (int)coverage >= EVTWIN__N_COVERAGES,
                   EVTWIN_E_ARG, "predictor is NULL or coverage is out of range");
    predictor->coverage = coverage;
    return EVTWIN_OK;
}

evtwin_status evtwin_predictor_set_version(evtwin_predictor *predictor, const char *version) {
    EVTWIN_FAIL_IF(predictor == NULL || version == NULL, EVTWIN_E_ARG,
                   "predictor or version is NULL");
    const size_t length = strlen(version);
    int is_good =
        length > 0 && length < EVTWIN_MODEL_VERSION_SIZE && evtwin__utf8_is_valid(version, length);
    for (size_t i = 0; i < length && is_good; i++) {
        is_good = (unsigned char)version[i] >= ' ' && version[i] != 0x7f;
    }
    EVTWIN_FAIL_IF(!is_good, EVTWIN_E_ARG,
                   "a version of models is 1 to %d bytes of UTF-8 without control characters",
                   EVTWIN_MODEL_VERSION_SIZE - 1);
    char *copy = evtwin__strdup(version);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory for a version");
    evtwin__free(predictor->version);
    predictor->version = copy;
    return EVTWIN_OK;
}

/* ---- what it is ---- */

const char *evtwin__predictor_version(const evtwin_predictor *predictor) {
    return predictor->version != NULL ? predictor->version : predictor->bundle.version;
}

evtwin_status evtwin_predictor_info_get(const evtwin_predictor *predictor,
                                        evtwin_predictor_info *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "predictor or out is NULL, or size is too small");
    const evtwin__bundle *b = &predictor->bundle;
    const evtwin_predictor_info info = {.size = sizeof info,
                                        .version = evtwin__predictor_version(predictor),
                                        .trained_at = b->created,
                                        .n_targets = predictor->n_targets,
                                        .label_rule = b->label_rule,
                                        /* a bundle of 0.1 does not say so */
                                        .recipe = b->recipe[0] != '\0' ? b->recipe
                                                                       : EVTWIN__RECIPE_CONTRACT,
                                        .group = b->group != NULL ? b->group : "",
                                        .bundle = b->version};
    evtwin__report_copy(out, size, &info, sizeof info);
    return EVTWIN_OK;
}

int evtwin_predictor_has_seen(const evtwin_predictor *predictor, const char *battery_id) {
    if (predictor == NULL || battery_id == NULL) {
        return 0;
    }
    const evtwin__bundle *b = &predictor->bundle;
    if (b->n_batteries == 0) {
        return -1;
    }
    char hash[EVTWIN__BATTERY_HASH_SIZE];
    evtwin__battery_hash(battery_id, hash);
    for (size_t i = 0; i < b->n_batteries; i++) { /* other writers need not sort them */
        if (strcmp(b->battery[i], hash) == 0) {
            return 1;
        }
    }
    return 0;
}

const evtwin_features *evtwin_predictor_features(const evtwin_predictor *predictor) {
    return predictor != NULL ? predictor->bundle.features : NULL;
}

const char *evtwin_predictor_target(const evtwin_predictor *predictor, size_t i) {
    if (predictor == NULL || i >= predictor->n_targets) {
        return NULL;
    }
    evtwin_target target;
    evtwin_target_get(predictor->target[i], &target, sizeof target);
    return target.name;
}

evtwin_status evtwin_predictor_score(const evtwin_predictor *predictor, const char *target,
                                     evtwin_scored scored, evtwin_score *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size || (int)scored < 0 ||
                       (int)scored >= EVTWIN__N_SCORED,
                   EVTWIN_E_ARG, "predictor or out is NULL, or scored or size is out of range");
    size_t t;
    EVTWIN_TRY(evtwin_target_find(target, &t));
    EVTWIN_FAIL_IF(!predictor->bundle.model[t].is_present, EVTWIN_E_NOT_FOUND,
                   "the bundle has no model of target %s", target);
    evtwin__report_copy(out, size, &predictor->bundle.model[t].score[scored], sizeof *out);
    return EVTWIN_OK;
}

/* Columns of evtwin_predictor_scores before the figures. */
enum { COL_VERSION, COL_TARGET, COL_TRAINED_AT };

static evtwin_status add_score_columns(evtwin_table *table) {
    EVTWIN_TRY(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "target", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "trained_at", EVTWIN_TIME, NULL, NULL));
    const evtwin__figure *g;
    for (evtwin_target_kind kind = 0; (int)kind < EVTWIN__N_TARGET_KINDS; kind++) {
        for (size_t i = 0; (g = evtwin__figure_at(kind, EVTWIN_SCORED_MODEL, i)) != NULL; i++) {
            EVTWIN_TRY(g->is_claim
                           ? EVTWIN_OK
                           : evtwin_table_add_column(table, g->key, EVTWIN_F64, NULL, NULL));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status fill_scores(const evtwin_predictor *p, evtwin_table *table) {
    EVTWIN_TRY(add_score_columns(table));
    EVTWIN_TRY(evtwin_table_resize(table, p->n_targets));
    int64_t trained_us;
    const int has_time =
        evtwin_time_parse(p->bundle.created, EVTWIN_NAIVE_REJECT, &trained_us) == EVTWIN_OK;
    for (size_t i = 0; i < p->n_targets; i++) {
        evtwin_target target;
        evtwin_target_get(p->target[i], &target, sizeof target);
        EVTWIN_TRY(evtwin_table_set_text(table, COL_VERSION, i, evtwin__predictor_version(p)));
        EVTWIN_TRY(evtwin_table_set_text(table, COL_TARGET, i, target.name));
        if (has_time) {
            EVTWIN_TRY(evtwin_table_set_i64(table, COL_TRAINED_AT, i, trained_us));
        }
        const evtwin_score *score = &p->bundle.model[p->target[i]].score[EVTWIN_SCORED_MODEL];
        const evtwin__figure *g;
        for (size_t k = 0; (g = evtwin__figure_at(target.kind, EVTWIN_SCORED_MODEL, k)) != NULL;
             k++) {
            const size_t col = evtwin_table_find(table, g->key);
            EVTWIN_TRY(g->is_claim
                           ? EVTWIN_OK
                           : evtwin_table_set_f64(table, col, i, evtwin__figure_get(g, score)));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_predictor_scores(const evtwin_predictor *predictor, evtwin_table **out) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL, EVTWIN_E_ARG, "predictor or out is NULL");
    evtwin_table *table;
    evtwin_status st;
    EVTWIN_TRY(evtwin_table_create(&table));
    if ((st = fill_scores(predictor, table)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- predict ---- */

size_t evtwin__predictor_block(const evtwin_predictor *p) {
    const size_t fit = EVTWIN__BLOCK_VALUES / p->bundle.n_features;
    return fit < EVTWIN__BLOCK_ROWS ? fit : EVTWIN__BLOCK_ROWS;
}

/* What a prediction cannot be without is there: a window of the past may be. */
int evtwin__predictor_is_complete(const evtwin_predictor *p, const double *x) {
    int complete = 1;
    for (size_t i = 0; i < p->bundle.n_features; i++) {
        const int is_optional = p->past != NULL && !evtwin__past_is_required(p->past, i);
        complete &= isfinite(x[i]) != 0 || is_optional;
    }
    return complete;
}

/* Add what one of n forests says to every stride-th place of out. */
static void add_forest(const evtwin_model *forest, double log_offset, double n, const float *scaled,
                       size_t rows, size_t cols, double *out, size_t stride) {
    float y[EVTWIN__BLOCK_ROWS];
    const int has_values = evtwin_model_predict(forest, scaled, rows, cols, y) >= 0;
    for (size_t r = 0; r < rows; r++) {
        out[r * stride] +=
            has_values ? evtwin__from_forest((double)y[r], log_offset) / n : (double)NAN;
    }
}

/* What a model says of a block, into every stride-th place of out: the mean of its forests; a life
 * that is over is 0 cycles, not fewer. */
static void predict_with(const evtwin_predictor *p, const evtwin__bundle_model *m,
                         const float *scaled, const double *x, size_t rows, double *out,
                         size_t stride) {
    const size_t cols = p->bundle.n_features;
    const double n = (double)(1 + m->n_further);
    for (size_t r = 0; r < rows; r++) {
        out[r * stride] = 0.0;
    }
    add_forest(m->forest, NAN, n, scaled, rows, cols, out, stride);
    for (size_t k = 0; k < m->n_further; k++) {
        add_forest(m->further[k].forest, m->further[k].log_offset, n, scaled, rows, cols, out,
                   stride);
    }
    for (size_t r = 0; r < rows; r++) {
        const double y = out[r * stride];
        const int is_known = !isnan(y) && evtwin__predictor_is_complete(p, x + r * cols);
        out[r * stride] =
            is_known ? evtwin__calibrated(&m->calibration, fmax(y, 0.0)) : (double)NAN;
    }
}

evtwin_status evtwin_predictor_predict(const evtwin_predictor *predictor, const double *x,
                                       size_t rows, size_t cols, double *y, size_t n_targets) {
    EVTWIN_FAIL_IF(predictor == NULL || ((x == NULL || y == NULL) && rows > 0), EVTWIN_E_ARG,
                   "predictor, x or y is NULL");
    const evtwin__bundle *b = &predictor->bundle;
    EVTWIN_FAIL_IF(cols != b->n_features || n_targets != predictor->n_targets, EVTWIN_E_SCHEMA,
                   "%zu columns and %zu targets, the bundle has %zu features and %zu targets", cols,
                   n_targets, b->n_features, predictor->n_targets);
    float scaled[EVTWIN__BLOCK_VALUES];
    const size_t block = evtwin__predictor_block(predictor);
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        evtwin__scaler_apply(&b->scaler, x + first * cols, n, scaled);
        for (size_t i = 0; i < n_targets; i++) {
            predict_with(predictor, &b->model[predictor->target[i]], scaled, x + first * cols, n,
                         y + first * n_targets + i, n_targets);
        }
    }
    return EVTWIN_OK;
}
