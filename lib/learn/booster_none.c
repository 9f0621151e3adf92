/* SPDX-License-Identifier: MIT */
/* learn/booster_none.c: stands in for booster.c in a build without XGBoost. */

#include "learn/booster.h"

#include "core/status.h"

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
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build cannot train: it was made without XGBoost (EVTWIN_XGBOOST=OFF)");
}

void evtwin__booster_clear(evtwin__booster_model *model) {
    *model = (evtwin__booster_model){0};
}
