/* SPDX-License-Identifier: MIT */
/* tests/fuzz/model_answers.h: any bytes as a model file: an error, or a model that answers every
 * row with a finite number. */
#ifndef EVTWIN_FUZZ_MODEL_ANSWERS_H
#define EVTWIN_FUZZ_MODEL_ANSWERS_H

#include "evtwin/model.h"

#include <math.h>
#include <stdlib.h>

static inline void load_and_answer(const uint8_t *data, size_t size) {
    enum { ROWS = 11, MAX_WIDTH = 64 };
    static const float value[] = {NAN,   0.5f,      -0.5f, INFINITY, 0.0f,
                                  1e30f, -INFINITY, -0.0f, -1e-40f};
    evtwin_model *model;
    if (evtwin_model_load_buffer("fuzz", (const char *)data, size, &model) < 0) {
        return;
    }
    const size_t width = evtwin_model_width(model);
    if (width <= MAX_WIDTH) {
        float x[ROWS * MAX_WIDTH], margin[ROWS], predicted[ROWS];
        for (size_t i = 0; i < ROWS * width; i++) {
            x[i] = value[(i + i / width) % (sizeof value / sizeof value[0])];
        }
        if (evtwin_model_margin(model, x, ROWS, width, margin) < 0 ||
            evtwin_model_predict(model, x, ROWS, width, predicted) < 0) {
            abort();
        }
        for (int r = 0; r < ROWS; r++) {
            if (!isfinite(margin[r]) || !isfinite(predicted[r])) {
                abort();
            }
        }
    }
    evtwin_model_free(model);
}

#endif
