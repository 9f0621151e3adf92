/* SPDX-License-Identifier: MIT */
/* learn/recipe_restrain.c: what a recipe asks of a leaf depends on the rows that a battery has. */

#include "learn/peers.h"
#include "learn/recipe.h"

#include "core/status.h"

#include <math.h>

/* Training rows come by battery; those of all processes. */
static evtwin_status rows_per_battery(const evtwin__part *part, size_t n_further, double *out) {
    const int32_t *of_row = part->group_of_row;
    double n[] = {(double)(part->n_train + n_further), 0.0}; /* rows, batteries */
    for (size_t i = 0; i < part->n_train; i++) {
        n[1] += i == 0 || of_row[part->train[i]] != of_row[part->train[i - 1]];
    }
    EVTWIN_TRY(evtwin__peers_reduce(part->peers, EVTWIN__PEERS_SUM, n, 2));
    *out = n[1] > 0.0 ? n[0] / n[1] : 0.0;
    return EVTWIN_OK;
}

evtwin_status evtwin__recipe_restrain(const evtwin__recipe *recipe, const evtwin__part *part,
                                      size_t n_further, size_t cols,
                                      evtwin__booster_params *params) {
    evtwin__growth *g = &params->growth;
    double per_battery;
    EVTWIN_TRY(rows_per_battery(part, n_further, &per_battery));
    g->column_sample = cols >= EVTWIN__MANY_COLUMNS ? g->column_sample : 0.0;
    if (params->objective != EVTWIN_OBJECTIVE_LOGISTIC) { /* of which a row weighs 0 to 0.25 */
        g->min_child_weight = fmax(g->min_child_weight, recipe->least_share * per_battery);
    }
    return EVTWIN_OK;
}
