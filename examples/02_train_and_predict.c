/* SPDX-License-Identifier: MIT */
/* Simulate a small fleet to end of life, train on it, and predict from the saved bundle. */
#include <evtwin/evtwin.h>
#include <stdio.h>

static int give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
    return 1;
}

int main(void) {
    /* a run-to-failure data set: every label is an outcome of the simulation, none is computed from
     * the inputs */
    evtwin_sim_options fleet;
    evtwin_sim_options_init(&fleet, sizeof fleet);
    fleet.n_packs = 20;
    evtwin_run_to_failure_options run;
    evtwin_run_to_failure_options_init(&run, sizeof run);
    run.record_every_days = 20;
    evtwin_table *records = NULL;
    if (evtwin_sim_run_to_failure(&fleet, &run, &records, NULL, 0) < 0) {
        return give_up("simulate");
    }

    /* scores are held out by battery */
    evtwin_train_options options;
    evtwin_train_options_init(&options, sizeof options);
    options.label_rule = "capacity below 80 % of new, or twice the resistance";
    evtwin_trainer *trainer = NULL;
    evtwin_score model = {0}, mean = {0};
    if (evtwin_train(records, NULL, 0, &options, &trainer) < 0 ||
        evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &model,
                             sizeof model) < 0 ||
        evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MEAN, EVTWIN_ALL_FOLDS, &mean,
                             sizeof mean) < 0 ||
        evtwin_trainer_save(trainer, "bundle") < 0) {
        return give_up("train");
    }
    printf("RUL: off by %.0f cycles on unseen batteries (the mean is off by %.0f)\n", model.rmse,
           mean.rmse);

    /* a bundle is one thing: features, units, scale and models cannot drift apart; these records
     * are the ones it has learned from, so this shows the call and not how good it is */
    evtwin_predictor *predictor = NULL;
    if (evtwin_predictor_load("bundle", &predictor) < 0 ||
        evtwin_predictor_apply(predictor, records) < 0) {
        return give_up("predict");
    }
    const size_t rul = evtwin_table_find(records, "rul_prediction");
    printf("first record: %.0f cycles left\n", evtwin_table_number(records, rul, 0));

    evtwin_predictor_free(predictor);
    evtwin_trainer_free(trainer);
    evtwin_table_free(records);
    return 0;
}
