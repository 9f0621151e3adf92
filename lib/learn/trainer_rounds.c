/* SPDX-License-Identifier: MIT */
/* learn/trainer_rounds.c: how the saved models came to be, as tables: what XGBoost was given, and
 * what each round gave. */

#include "core/num.h"
#include "core/status.h"
#include "learn/fit_work.h"
#include "learn/recipe.h"

#include <math.h>
#include <stdio.h>

static evtwin_status find_trained(const evtwin_trainer *trainer, const char *target,
                                  const void *out, size_t *t_out) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL, EVTWIN_E_ARG, "trainer or out is NULL");
    EVTWIN_TRY(evtwin_target_find(target, t_out));
    EVTWIN_FAIL_IF(!trainer->bundle.model[*t_out].is_present, EVTWIN_E_NOT_FOUND,
                   "no %s model was trained", trainer->target[*t_out].title);
    return EVTWIN_OK;
}

/* Give out the table that was filled, or free it. */
static evtwin_status give(evtwin_status st, evtwin_table *table, evtwin_table **out) {
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- rounds ---- */

enum { ROUND_FOREST, ROUND_ROUND, ROUND_METRIC, ROUND_TRAIN, ROUND_HELD_OUT };

static evtwin_status set_known(evtwin_table *t, size_t col, size_t row, double value) {
    return isnan(value) ? EVTWIN_OK : evtwin_table_set_f64(t, col, row, value);
}

static evtwin_status fill_rounds(const evtwin__result *r, evtwin_table *t) {
    EVTWIN_TRY(evtwin_table_add_column(t, "forest", EVTWIN_I64, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(t, "round", EVTWIN_I64, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(t, "metric", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(t, "train", EVTWIN_F64, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(t, "held_out", EVTWIN_F64, NULL, NULL));
    EVTWIN_TRY(evtwin_table_resize(t, r->n_rounds));
    for (size_t i = 0; i < r->n_rounds; i++) {
        const evtwin__round *round = &r->rounds[i];
        EVTWIN_TRY(evtwin_table_set_i64(t, ROUND_FOREST, i, round->forest));
        EVTWIN_TRY(evtwin_table_set_i64(t, ROUND_ROUND, i, round->round));
        EVTWIN_TRY(evtwin_table_set_text(t, ROUND_METRIC, i, round->metric));
        EVTWIN_TRY(set_known(t, ROUND_TRAIN, i, round->train));
        EVTWIN_TRY(set_known(t, ROUND_HELD_OUT, i, round->held_out));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_rounds(const evtwin_trainer *trainer, const char *target,
                                    evtwin_table **out) {
    size_t t;
    evtwin_table *table;
    EVTWIN_TRY(find_trained(trainer, target, out, &t));
    EVTWIN_FAIL_IF(trainer->result[t].rounds == NULL, EVTWIN_E_STATE,
                   "the rounds of the %s model were not kept: train with options.keep_rounds",
                   trainer->target[t].title);
    EVTWIN_TRY(evtwin_table_create(&table));
    return give(fill_rounds(&trainer->result[t], table), table, out);
}

/* ---- parameters ---- */

enum { PARAM_NAME, PARAM_VALUE };

static evtwin_status add_text(evtwin_table *t, const char *name, const char *value) {
    const size_t row = evtwin_table_rows(t);
    EVTWIN_TRY(evtwin_table_resize(t, row + 1));
    EVTWIN_TRY(evtwin_table_set_text(t, PARAM_NAME, row, name));
    return evtwin_table_set_text(t, PARAM_VALUE, row, value);
}

static evtwin_status add_number(evtwin_table *t, const char *name, size_t forest, double value) {
    char text[EVTWIN__NUM_SIZE], full[64];
    evtwin__format_f64(value, text);
    snprintf(full, sizeof full, forest > 0 ? "%s_%zu" : "%s", name, forest + 1);
    return add_text(t, full, text);
}

/* What a forest may have of its own; 0 stands for XGBoost's default. */
static evtwin_status add_forest(evtwin_table *t, const evtwin__booster_params *p, size_t k) {
    EVTWIN_TRY(add_number(t, "base_score", k, p->base_score));
    EVTWIN_TRY(p->growth.subsample > 0.0 ? add_number(t, "subsample", k, p->growth.subsample)
                                         : EVTWIN_OK);
    EVTWIN_TRY(p->growth.column_sample > 0.0
                   ? add_number(t, "colsample_bytree", k, p->growth.column_sample)
                   : EVTWIN_OK);
    return p->growth.min_child_weight > 0.0
               ? add_number(t, "min_child_weight", k, p->growth.min_child_weight)
               : EVTWIN_OK;
}

static evtwin_status fill_params(const evtwin_trainer *trainer, size_t t, evtwin_table *table) {
    const evtwin__booster_params *p = trainer->result[t].params;
    EVTWIN_TRY(evtwin_table_add_column(table, "name", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "value", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(add_text(table, "objective",
                        p->objective == EVTWIN_OBJECTIVE_LOGISTIC ? "binary:logistic"
                                                                  : "reg:squarederror"));
    EVTWIN_TRY(add_text(table, "tree_method", trainer->bundle.model[t].tree_method));
    EVTWIN_TRY(add_number(table, "n_estimators", 0, (double)p->growth.trees));
    EVTWIN_TRY(add_number(table, "max_depth", 0, (double)p->growth.depth));
    EVTWIN_TRY(add_number(table, "learning_rate", 0, p->growth.learning_rate));
    const size_t n = evtwin__count_forests(trainer, t);
    EVTWIN_TRY(add_number(table, "forests", 0, (double)n));
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(add_forest(table, &p[k], k));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_params(const evtwin_trainer *trainer, const char *target,
                                    evtwin_table **out) {
    size_t t;
    evtwin_table *table;
    EVTWIN_TRY(find_trained(trainer, target, out, &t));
    EVTWIN_TRY(evtwin_table_create(&table));
    return give(fill_params(trainer, t, table), table, out);
}
