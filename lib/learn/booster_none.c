/* SPDX-License-Identifier: MIT */
/* learn/booster_none.c: stands in for booster.c in a build without XGBoost. */

#include "learn/booster.h"

#include "core/status.h"

static evtwin_status cannot_train(void) {
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build cannot train: it was made without XGBoost (EVTWIN_XGBOOST=OFF)");
}

const char *evtwin__booster_version(char text[16]) {
    text[0] = '\0';
    return text;
}

evtwin_status evtwin__booster_train(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data,
                                    evtwin__booster_round_fn round, void *ctx,
                                    evtwin__booster_model *out) {
    (void)params;
    (void)data;
    (void)round;
    (void)ctx;
    (void)out;
    return cannot_train();
}

evtwin_status evtwin__grower_create(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data, const float *other,
                                    size_t n_other, evtwin__grower **out) {
    (void)params;
    (void)data;
    (void)other;
    (void)n_other;
    (void)out;
    return cannot_train();
}

evtwin_status evtwin__grower_add_tree(evtwin__grower *g, const float **predicted) {
    (void)g;
    (void)predicted;
    return cannot_train();
}

void evtwin__grower_free(evtwin__grower *g) {
    (void)g;
}

void evtwin__booster_clear(evtwin__booster_model *model) {
    *model = (evtwin__booster_model){0};
}
