/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_model.c: any bytes as a model file; its seeds are JSON. */

#include "model_answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    load_and_answer(data, size);
    return 0;
}
