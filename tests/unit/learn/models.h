/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/models.h: the model files of tests/data/models and texts made from them. */
#ifndef EVTWIN_TEST_MODELS_H
#define EVTWIN_TEST_MODELS_H

#include "test.h"

#include "core/file.h"
#include "core/mem.h"

/* Written by XGBoost 1.7.6, 2.1.4 and 3.2.0; beside each .json a .margins with rows and its
 * answers. */
static const char *const model_files[] = {"xgboost-1.7-regression", "xgboost-1.7-logistic",
                                          "xgboost-2.1-regression", "xgboost-2.1-logistic",
                                          "xgboost-3.2-regression", "xgboost-3.2-logistic"};
enum { N_MODEL_FILES = 6, FIXTURE_FEATURES = 4 };

/* Its bytes, NUL-terminated, freed with evtwin__free. */
static inline char *read_fixture(const char *name, const char *extension, size_t *size_out) {
    char path[512];
    char *data = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, SOURCE_DIR "/tests/data/models/%s%s", name, extension);
    assert_ok(evtwin__file_read(path, 1 << 20, &data, &size));
    if (size_out != NULL) {
        *size_out = size;
    }
    return data;
}

/* text with the first occurrence of from replaced; freed with free. from must be there. */
static inline char *replaced(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    if (at == NULL) {
        fail_msg("'%s' is not in the text", from);
        return NULL;
    }
    const size_t size = strlen(text) + strlen(to) + 1;
    char *copy = malloc(size);
    assert_non_null(copy);
    snprintf(copy, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return copy;
}

/* An allocator that counts what is outstanding and fails from call number fail_at on (SIZE_MAX:
 * never). */
typedef struct counting_allocator {
    size_t n_calls, fail_at;
    long outstanding;
} counting_allocator;

static inline void *counting_realloc(void *ctx, void *ptr, size_t new_size) {
    counting_allocator *a = ctx;
    if (new_size == 0) {
        a->outstanding -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (a->n_calls++ >= a->fail_at) {
        return NULL;
    }
    void *grown = realloc(ptr, new_size);
    a->outstanding += ptr == NULL && grown != NULL;
    return grown;
}

#endif
