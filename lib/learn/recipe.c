/* SPDX-License-Identifier: MIT */
/* learn/recipe.c: the list of recipes. */

#include "learn/recipe.h"

#include "core/status.h"
#include "core/text.h"
#include "learn/derive.h"

#include <math.h>
#include <string.h>

/* The second was chosen on cells (docs/learning-features.md): two forests of which one is good far
 * from the end and one near it. */
static const evtwin__recipe recipes[] = {
    {.name = EVTWIN__RECIPE_CONTRACT, .n_forests = 1, .log_offset = {(double)NAN}},
    {.name = EVTWIN__RECIPE_HISTORY,
     .has_past = 1,
     .n_forests = 2,
     .log_offset = {(double)NAN, 10.0},
     .trees = 200,
     .depth = 6,
     .learning_rate = 0.1,
     .subsample = 0.7,
     .min_child_weight = 20.0,
     .column_sample = 0.5,
     .least_share = 0.1},
};
enum { N_RECIPES = sizeof recipes / sizeof recipes[0] };

evtwin_status evtwin__recipe_find(const char *name, const evtwin__recipe **out) {
    for (size_t i = 0; i < N_RECIPES; i++) {
        if (strcmp(name != NULL && name[0] != '\0' ? name : recipes[0].name, recipes[i].name) ==
            0) {
            *out = &recipes[i];
            return EVTWIN_OK;
        }
    }
    EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "recipe '%.40s', this version knows '%s' and '%s'", name,
                recipes[0].name, recipes[1].name);
}

static evtwin_status check_derived(const char *name, size_t n) {
    char all[512] = "";
    int is_known = n == strlen(EVTWIN__DERIVE_ALL) && strncmp(name, EVTWIN__DERIVE_ALL, n) == 0;
    for (size_t i = 0; i < EVTWIN__D_COUNT; i++) {
        const char *known = evtwin__derived_list[i].name;
        evtwin__text_append(all, sizeof all, "%s%s", i > 0 ? ", " : "", known);
        is_known |= strlen(known) == n && strncmp(known, name, n) == 0;
    }
    EVTWIN_FAIL_IF(!is_known, EVTWIN_E_ARG,
                   "derived quantity '%.*s' is not known; there are %s, or '" EVTWIN__DERIVE_ALL
                   "'",
                   n < 64 ? (int)n : 64, name, all);
    return EVTWIN_OK;
}

evtwin_status evtwin__recipe_check_derived(const evtwin__recipe *recipe, const char *names) {
    if (names == NULL || names[0] == '\0') {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!recipe->has_past, EVTWIN_E_ARG,
                   "derived quantities are of a battery's past, which recipe '%s' does not see: "
                   "use recipe '" EVTWIN__RECIPE_HISTORY "'",
                   recipe->name);
    for (const char *at = names;; at++) {
        const size_t n = strcspn(at, ",");
        EVTWIN_TRY(check_derived(at, n));
        at += n;
        if (*at == '\0') {
            return EVTWIN_OK;
        }
    }
}

void evtwin__recipe_settle(const evtwin__recipe *recipe, double default_rate,
                           evtwin_trainer *trainer) {
    evtwin_train_options *o = &trainer->options;
    const int is_default = o->learning_rate == default_rate;
    trainer->recipe = recipe;
    o->learning_rate =
        is_default && recipe->learning_rate > 0.0 ? recipe->learning_rate : o->learning_rate;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin_target by_default, *target = &trainer->target[t];
        evtwin_target_get(t, &by_default, sizeof by_default);
        if (recipe->trees > 0 && target->trees == by_default.trees) {
            target->trees = recipe->trees;
        }
        if (recipe->depth > 0 && target->depth == by_default.depth) {
            target->depth = recipe->depth;
        }
        trainer->growth[t] = (evtwin__growth){.trees = target->trees,
                                              .depth = target->depth,
                                              .learning_rate = o->learning_rate,
                                              .subsample = recipe->subsample,
                                              .column_sample = recipe->column_sample,
                                              .min_child_weight = recipe->min_child_weight};
    }
}
