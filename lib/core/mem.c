/* SPDX-License-Identifier: MIT */
/* core/mem.c: the library's one allocator: the caller's realloc, or libc's. */

#include "evtwin/base.h"

#include "core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *libc_realloc(void *ctx, void *ptr, size_t new_size) {
    (void)ctx;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

static evtwin_realloc_fn realloc_fn = libc_realloc;
static void *realloc_ctx;

void evtwin_set_allocator(evtwin_realloc_fn fn, void *ctx) {
    realloc_fn = fn != NULL ? fn : libc_realloc;
    realloc_ctx = fn != NULL ? ctx : NULL;
}

void *evtwin__realloc(void *ptr, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        return NULL;
    }
    return realloc_fn(realloc_ctx, ptr, bytes > 0 ? bytes : 1);
}

void *evtwin__calloc(size_t n, size_t size) {
    void *ptr = evtwin__realloc(NULL, n, size);
    if (ptr != NULL) {
        memset(ptr, 0, n * size);
    }
    return ptr;
}

char *evtwin__strndup(const char *text, size_t length) {
    char *copy = evtwin__calloc(length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *evtwin__strdup(const char *text) {
    return text != NULL ? evtwin__strndup(text, strlen(text)) : NULL;
}

void evtwin__free(void *ptr) {
    if (ptr != NULL) {
        realloc_fn(realloc_ctx, ptr, 0);
    }
}

enum { ALIGNMENT = 64 };

void *evtwin__calloc_aligned(size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, ALIGNMENT + sizeof(void *), &bytes)) {
        return NULL;
    }
    char *raw = evtwin__calloc(bytes, 1);
    if (raw == NULL) {
        return NULL;
    }

    /* the pointer to free stands just before the aligned block */
    const uintptr_t first = (uintptr_t)raw + sizeof(void *);
    char *aligned = raw + sizeof(void *) + (ALIGNMENT - first % ALIGNMENT) % ALIGNMENT;
    memcpy(aligned - sizeof(void *), &raw, sizeof raw);
    return aligned;
}

void evtwin__free_aligned(void *ptr) {
    if (ptr != NULL) {
        void *raw;
        memcpy(&raw, (char *)ptr - sizeof(void *), sizeof raw);
        evtwin__free(raw);
    }
}
