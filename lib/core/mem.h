/* SPDX-License-Identifier: MIT */
/* core/mem.h: the library's one allocator. */
#ifndef EVTWIN_CORE_MEM_H
#define EVTWIN_CORE_MEM_H

#include <stddef.h>

/* n objects of size bytes, zeroed; NULL on overflow or when memory is out. n 0 gives a unique
 * pointer. */
void *evtwin__calloc(size_t n, size_t size);

/* Grow or shrink to n objects of size bytes; ptr stays valid when NULL comes back. */
void *evtwin__realloc(void *ptr, size_t n, size_t size);

/* A copy of text; NULL stays NULL. */
char *evtwin__strdup(const char *text);
char *evtwin__strndup(const char *text, size_t length);

void evtwin__free(void *ptr);

/* Aligned to 64 bytes (a cache line, and any vector register), zeroed; freed by
 * evtwin__free_aligned. */
void *evtwin__calloc_aligned(size_t n, size_t size);
void evtwin__free_aligned(void *ptr);

#endif
