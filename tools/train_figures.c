/* SPDX-License-Identifier: MIT */
/* tools/train_figures.c: what is known of a model, as parameters and metrics of a run. */

#include "train_session.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { KEY_SIZE = 320, MAX_KEY = 250 };

int figures_target(const evtwin_trainer *trainer, size_t i, evtwin_target *out) {
    evtwin_score score;
    evtwin_target_get(i, out, sizeof *out);
    return evtwin_trainer_score(trainer, out->name, EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &score,
                                sizeof score) == EVTWIN_OK;
}

typedef struct figure {
    const char *name;
    size_t offset;
    int is_of_model; /* baselines do not have it */
} figure;

#define FIGURE(name, member, is_of_model)                                                          \
    { name, offsetof(evtwin_score, member), is_of_model }
static const figure number_figures[] = {
    FIGURE("r2", r2, 0),
    FIGURE("rmse", rmse, 0),
    FIGURE("mae", mae, 0),
    FIGURE("rmse_low", error_low, 1),
    FIGURE("rmse_high", error_high, 1),
    FIGURE("battery_mae", battery_mae, 1),
    FIGURE("coverage", coverage, 1),
    FIGURE("ratio", ratio, 1),
    FIGURE("ratio_low", ratio_low, 1),
    FIGURE("ratio_high", ratio_high, 1),
};
static const figure event_figures[] = {
    FIGURE("accuracy", accuracy, 0),
    FIGURE("auc", auc, 0),
    FIGURE("average_precision", average_precision, 0),
    FIGURE("brier", brier, 0),
    FIGURE("brier_low", error_low, 1),
    FIGURE("brier_high", error_high, 1),
    FIGURE("raw_brier", raw_brier, 1),
    FIGURE("ratio", ratio, 1),
    FIGURE("ratio_low", ratio_low, 1),
    FIGURE("ratio_high", ratio_high, 1),
};

void figures_put_score(track_list *list, const char *prefix, const evtwin_target *target,
                       const evtwin_score *score, int is_model) {
    const int is_event = target->kind == EVTWIN_TARGET_EVENT;
    const figure *of = is_event ? event_figures : number_figures;
    const size_t n = is_event ? sizeof event_figures / sizeof *event_figures
                              : sizeof number_figures / sizeof *number_figures;
    for (size_t i = 0; i < n; i++) {
        char key[KEY_SIZE];
        double value;
        memcpy(&value, (const char *)score + of[i].offset, sizeof value);
        snprintf(key, sizeof key, "%s%s", prefix, of[i].name);
        if (is_model || !of[i].is_of_model) {
            track_number(list, key, value, 0);
        }
    }
}

evtwin_score figures_score(const evtwin_trainer *trainer, const evtwin_target *target,
                           evtwin_scored scored) {
    evtwin_score score = {.size = sizeof score};
    evtwin_trainer_score(trainer, target->name, scored, EVTWIN_ALL_FOLDS, &score, sizeof score);
    return score;
}

/* The model's, then those of its baselines. */
void figures_put_scores(track_list *list, const evtwin_trainer *trainer,
                        const evtwin_target *target) {
    static const char *const prefix[] = {"", "baseline_mean_", "baseline_mean_life_",
                                         "baseline_single_"};
    for (int s = EVTWIN_SCORED_MODEL; s <= EVTWIN_SCORED_SINGLE; s++) {
        const evtwin_score score = figures_score(trainer, target, (evtwin_scored)s);
        figures_put_score(list, prefix[s], target, &score, s == EVTWIN_SCORED_MODEL);
        if (s == EVTWIN_SCORED_MODEL) {
            track_number(list, "n_train", (double)score.n_train, 0);
            track_number(list, "n_test", (double)score.n_test, 0);
        }
    }
}

/* Of every feature, those that no split uses too. MLflow has names of at most 250 characters, with
 * single '/' between others. */
void figures_put_importance(track_list *list, const evtwin_trainer *trainer,
                            const evtwin_target *target) {
    const evtwin_features *features = evtwin_trainer_features(trainer);
    for (size_t i = 0; i < evtwin_features_count(features); i++) {
        static const char folder[] = "importance/";
        char key[MAX_KEY + 1];
        snprintf(key, sizeof key, "%s%s", folder, evtwin_features_name(features, i));
        for (char *c = key + strlen(folder); (c = strchr(c, '/')) != NULL;) {
            *c = '_';
        }
        track_number(list, key, evtwin_trainer_importance(trainer, target->name, i), 0);
    }
}

/* "val_rmse" and "train_rmse" by round; of a further forest "forest_2/val_rmse". */
evtwin_status figures_put_rounds(track_list *list, const evtwin_trainer *trainer,
                                 const evtwin_target *target) {
    static const char *const column[] = {"train", "held_out"}, *const name[] = {"train", "val"};
    evtwin_table *rounds;
    const evtwin_status st = evtwin_trainer_rounds(trainer, target->name, &rounds);
    if (st == EVTWIN_E_STATE) { /* a training in pieces keeps none */
        return EVTWIN_OK;
    }
    TRY(st);
    for (size_t r = 0; r < evtwin_table_rows(rounds); r++) {
        const int64_t forest = evtwin_table_i64(rounds, evtwin_table_find(rounds, "forest"))[r];
        const int64_t round = evtwin_table_i64(rounds, evtwin_table_find(rounds, "round"))[r];
        const char *metric = evtwin_table_text(rounds, evtwin_table_find(rounds, "metric"), r);
        for (size_t i = 0; i < 2; i++) {
            char key[KEY_SIZE], prefix[40] = "";
            if (forest > 0) {
                snprintf(prefix, sizeof prefix, "forest_%lld/", (long long)forest + 1);
            }
            snprintf(key, sizeof key, "%s%s_%s", prefix, name[i], metric);
            track_number(list, key,
                         evtwin_table_number(rounds, evtwin_table_find(rounds, column[i]), r),
                         round);
        }
    }
    evtwin_table_free(rounds);
    return EVTWIN_OK;
}

evtwin_status figures_put_params(track_list *list, const evtwin_trainer *trainer,
                                 const evtwin_target *target) {
    evtwin_table *params;
    TRY(evtwin_trainer_params(trainer, target->name, &params));
    for (size_t i = 0; i < evtwin_table_rows(params); i++) {
        track_text(list, evtwin_table_text(params, evtwin_table_find(params, "name"), i),
                   evtwin_table_text(params, evtwin_table_find(params, "value"), i));
    }
    evtwin_table_free(params);
    return EVTWIN_OK;
}
