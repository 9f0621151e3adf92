/* SPDX-License-Identifier: MIT */
/* core/dict.h: the dictionary of a text column: each text once, numbered in order of arrival. */
#ifndef EVTWIN_CORE_DICT_H
#define EVTWIN_CORE_DICT_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty dictionary. */
typedef struct evtwin__dict {
    char *bytes; /* the texts one after another, each with its NUL */
    size_t n_bytes, bytes_capacity;
    size_t *start;  /* of text i in bytes */
    uint32_t *hash; /* of text i */
    size_t n, capacity;
    int32_t *slot; /* hash table with linear probing: a code, or -1; twice the capacity or more */
    size_t n_slots;
} evtwin__dict;

void evtwin__dict_free(evtwin__dict *dict);

static inline const char *evtwin__dict_text(const evtwin__dict *dict, size_t code) {
    return dict->bytes + dict->start[code];
}

/* Code of text[0..length), or -1. */
int32_t evtwin__dict_find(const evtwin__dict *dict, const char *text, size_t length);

/* Code of text[0..length) (no NUL in it), added if new; -1 if memory or numbers are out. */
int32_t evtwin__dict_intern(evtwin__dict *dict, const char *text, size_t length);

/* *out becomes a copy of from; 0 when memory is out. */
int evtwin__dict_copy(const evtwin__dict *from, evtwin__dict *out);

#endif
