/* SPDX-License-Identifier: MIT */
/* core/dict.h: the dictionary of a text column: each string once, numbered in order of arrival. */
#ifndef EVTWIN_CORE_DICT_H
#define EVTWIN_CORE_DICT_H

#include "evtwin/base.h"

/* All zero is an empty dictionary. It holds every string twice: in Arrow's utf8 layout, so that an
 * export needs no copy, and with a NUL for C callers, at an address that stays. That costs little,
 * since a dictionary holds few distinct strings however many rows name them. */
typedef struct evtwin__dict {
    char *bytes;     /* the strings one after another, without NULs */
    int32_t *offset; /* (n + 1): string i is bytes[offset[i]] to bytes[offset[i + 1] - 1] */
    size_t n, capacity, bytes_capacity;
    const char **text; /* (n) copies with a NUL, in the arena */
    uint32_t *hash;    /* (n) */
    int32_t *slot;     /* hash table with linear probing: a code, or -1; twice the capacity */
    size_t n_slots;
    struct evtwin__dict_chunk *arena; /* the newest chunk, which leads to the others */
    size_t arena_used, arena_size;    /* bytes of it */
} evtwin__dict;

void evtwin__dict_free(evtwin__dict *dict);

static inline const char *evtwin__dict_text(const evtwin__dict *dict, size_t code) {
    return dict->text[code];
}

static inline size_t evtwin__dict_length(const evtwin__dict *dict, size_t code) {
    return (size_t)(dict->offset[code + 1] - dict->offset[code]);
}

/* Code of text[0..length), or -1. */
int32_t evtwin__dict_find(const evtwin__dict *dict, const char *text, size_t length);

/* Code of text[0..length) (no NUL in it), added if new. EVTWIN_E_RANGE if the strings would take
 * more bytes together than an int32 offset can count. */
evtwin_status evtwin__dict_intern(evtwin__dict *dict, const char *text, size_t length,
                                  int32_t *code_out);

/* *out becomes a copy of from. */
evtwin_status evtwin__dict_copy(const evtwin__dict *from, evtwin__dict *out);

#endif
