/* SPDX-License-Identifier: MIT */
/* serve/metrics_models.h: which models predict, and the registry they come from, as metrics. */
#ifndef EVTWIN_SERVE_METRICS_MODELS_H
#define EVTWIN_SERVE_METRICS_MODELS_H

#include "serve/exposition.h"

/* All zero: nothing was observed, and nothing is written. */
typedef struct evtwin__models_copy {
    int has_models, has_follower;
    char version[EVTWIN_MODEL_VERSION_SIZE], bundle[16]; /* as the predictor has them */
    evtwin_follower_info follower;
} evtwin__models_copy;

/* follower NULL = the models are of a folder. */
evtwin_status evtwin__models_copy_take(const evtwin_predictor *predictor,
                                       const evtwin_follower *follower, evtwin__models_copy *out);

void evtwin__models_copy_write(const evtwin__models_copy *copy, evtwin__exposition *out);

#endif
