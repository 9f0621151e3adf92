/* SPDX-License-Identifier: MIT */
/* serve/metrics_models.c: which models predict, and how the registry answers that they come from.
 */

#include "serve/metrics_models.h"

#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

evtwin_status evtwin__models_copy_take(const evtwin_predictor *predictor,
                                       const evtwin_follower *follower, evtwin__models_copy *out) {
    evtwin__models_copy copy = {.has_models = 1, .has_follower = follower != NULL};
    evtwin_predictor_info info;
    EVTWIN_TRY(evtwin_predictor_info_get(predictor, &info, sizeof info));
    if (follower != NULL) {
        EVTWIN_TRY(evtwin_follower_info_get(follower, &copy.follower, sizeof copy.follower));
    }
    snprintf(copy.version, sizeof copy.version, "%s", info.version);
    snprintf(copy.bundle, sizeof copy.bundle, "%s", info.bundle);
    *out = copy;
    return EVTWIN_OK;
}

static void write_follower(const evtwin_follower_info *f, evtwin__exposition *out) {
    evtwin__expose_one(out, "evtwin_registry_up", EVTWIN__GAUGE, NULL,
                       "1 if the registry of models answered when it was last asked.",
                       (double)f->is_reachable);
    evtwin__expose_one(out, "evtwin_registry_from_cache", EVTWIN__GAUGE, NULL,
                       "1 while models of the cache predict that the registry has not named since.",
                       (double)f->is_from_cache);
    evtwin__expose_one(out, "evtwin_registry_looks", EVTWIN__COUNTER, NULL,
                       "Requests to the registry for the version that the alias names.",
                       (double)f->n_looks);
    evtwin__expose_one(out, "evtwin_registry_failures", EVTWIN__COUNTER, NULL,
                       "Requests that got no answer, or no files.", (double)f->n_failures);
    evtwin__expose_one(out, "evtwin_registry_refused_versions", EVTWIN__COUNTER, NULL,
                       "Versions that cannot be used: damaged, unsafe or for other data.",
                       (double)f->n_refused);
    if (!isnan(f->age_s)) {
        evtwin__expose_one(out, "evtwin_registry_age_seconds", EVTWIN__GAUGE, "seconds",
                           "Time since the registry last answered.", f->age_s);
    }
}

/* What is behind NAME/ of the version that a follower gave it, else all of it. The follower may
 * have given newer models that do not predict yet. */
static const char *number_of(const evtwin__models_copy *copy) {
    const size_t n = strlen(copy->follower.name);
    const int is_named = copy->has_follower &&
                         strncmp(copy->version, copy->follower.name, n) == 0 &&
                         copy->version[n] == '/';
    return is_named ? copy->version + n + 1 : copy->version;
}

void evtwin__models_copy_write(const evtwin__models_copy *copy, evtwin__exposition *out) {
    if (!copy->has_models) {
        return;
    }
    const char *number = number_of(copy);
    const int is_newest = copy->has_follower && strcmp(number, copy->follower.version) == 0;
    const evtwin__label labels[] = {
        {"name", copy->has_follower ? copy->follower.name : ""},
        {"version", number},
        {"run_id", is_newest ? copy->follower.run_id : ""},
        {"model_version", copy->version},
        {"bundle", copy->bundle},
    };
    evtwin__expose_family(out, "evtwin_model", EVTWIN__INFO, NULL,
                          "The models in use; model_version as in the rows of a store.");
    evtwin__expose(out, "evtwin_model", "_info", labels, sizeof labels / sizeof labels[0], 1.0);
    if (copy->has_follower) {
        write_follower(&copy->follower, out);
    }
}
