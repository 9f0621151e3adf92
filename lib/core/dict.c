/* SPDX-License-Identifier: MIT */
/* core/dict.c: the dictionary of a text column: each text once, numbered in order of arrival. */

#include "core/dict.h"

#include "core/mem.h"

#include <string.h>

/* Eight bytes at a time, each folded in by a 128-bit product. */
static uint32_t hash_of(const char *text, size_t length) {
    uint64_t h = 0x9E3779B97F4A7C15u ^ length;
    while (length > 0) {
        uint64_t word = 0;
        const size_t n = length < 8 ? length : 8;
        memcpy(&word, text, n);
        const unsigned __int128 product = (unsigned __int128)(h ^ word) * 0xA0761D6478BD642Fu;
        h = (uint64_t)product ^ (uint64_t)(product >> 64) ^ 0xE7037ED1A0B428DBu;
        text += n;
        length -= n;
    }
    return (uint32_t)(h ^ h >> 32);
}

void evtwin__dict_free(evtwin__dict *dict) {
    evtwin__free(dict->bytes);
    evtwin__free(dict->start);
    evtwin__free(dict->hash);
    evtwin__free(dict->slot);
    *dict = (evtwin__dict){0};
}

/* Slot that holds the text, or the free one where it belongs. */
static size_t probe(const evtwin__dict *dict, const char *text, size_t length, uint32_t hash) {
    const size_t mask = dict->n_slots - 1;
    size_t i = hash & mask;
    for (; dict->slot[i] >= 0; i = (i + 1) & mask) {
        const size_t code = (size_t)dict->slot[i];
        if (dict->hash[code] == hash) {
            const size_t end = code + 1 < dict->n ? dict->start[code + 1] : dict->n_bytes;
            if (end - dict->start[code] == length + 1 &&
                memcmp(evtwin__dict_text(dict, code), text, length) == 0) {
                return i;
            }
        }
    }
    return i;
}

int32_t evtwin__dict_find(const evtwin__dict *dict, const char *text, size_t length) {
    return dict->n > 0 ? dict->slot[probe(dict, text, length, hash_of(text, length))] : -1;
}

/* Room for one more text; 0 when memory or numbers are out. A half-done growth harms nothing. */
static int grow(evtwin__dict *dict) {
    if (dict->n < dict->capacity) {
        return 1;
    }
    if (dict->n > INT32_MAX / 2) {
        return 0;
    }
    const size_t capacity = dict->capacity > 0 ? 2 * dict->capacity : 16;
    size_t *start = evtwin__realloc(dict->start, capacity, sizeof *start);
    if (start == NULL) {
        return 0;
    }
    dict->start = start;
    uint32_t *hash = evtwin__realloc(dict->hash, capacity, sizeof *hash);
    if (hash == NULL) {
        return 0;
    }
    dict->hash = hash;
    int32_t *slot = evtwin__realloc(dict->slot, 2 * capacity, sizeof *slot);
    if (slot == NULL) {
        return 0;
    }
    dict->slot = slot;
    dict->capacity = capacity;
    dict->n_slots = 2 * capacity;

    memset(slot, 0xFF, dict->n_slots * sizeof *slot);
    for (size_t code = 0; code < dict->n; code++) {
        size_t i = dict->hash[code] & (dict->n_slots - 1);
        while (slot[i] >= 0) {
            i = (i + 1) & (dict->n_slots - 1);
        }
        slot[i] = (int32_t)code;
    }
    return 1;
}

/* Room for length more bytes and a NUL. */
static int grow_bytes(evtwin__dict *dict, size_t length) {
    size_t need;
    if (__builtin_add_overflow(dict->n_bytes, length, &need) || need > SIZE_MAX / 4) {
        return 0;
    }
    if (need < dict->bytes_capacity) {
        return 1;
    }
    const size_t capacity = 2 * need + 64;
    char *bytes = evtwin__realloc(dict->bytes, capacity, 1);
    if (bytes == NULL) {
        return 0;
    }
    dict->bytes = bytes;
    dict->bytes_capacity = capacity;
    return 1;
}

int32_t evtwin__dict_intern(evtwin__dict *dict, const char *text, size_t length) {
    const uint32_t hash = hash_of(text, length);
    if (dict->n_slots > 0) {
        const int32_t known = dict->slot[probe(dict, text, length, hash)];
        if (known >= 0) {
            return known;
        }
    }
    if (!grow(dict) || !grow_bytes(dict, length)) {
        return -1;
    }

    const size_t code = dict->n;
    memcpy(dict->bytes + dict->n_bytes, text, length);
    dict->bytes[dict->n_bytes + length] = '\0';
    dict->start[code] = dict->n_bytes;
    dict->hash[code] = hash;
    dict->slot[probe(dict, text, length, hash)] = (int32_t)code;
    dict->n_bytes += length + 1;
    dict->n++;
    return (int32_t)code;
}

int evtwin__dict_copy(const evtwin__dict *from, evtwin__dict *out) {
    evtwin__dict copy = *from;
    copy.bytes = evtwin__realloc(NULL, from->bytes_capacity, 1);
    copy.start = evtwin__realloc(NULL, from->capacity, sizeof *copy.start);
    copy.hash = evtwin__realloc(NULL, from->capacity, sizeof *copy.hash);
    copy.slot = evtwin__realloc(NULL, from->n_slots, sizeof *copy.slot);
    if (copy.bytes == NULL || copy.start == NULL || copy.hash == NULL || copy.slot == NULL) {
        evtwin__dict_free(&copy);
        return 0;
    }
    if (from->n_slots > 0) {
        memcpy(copy.slot, from->slot, from->n_slots * sizeof *copy.slot);
    }
    if (from->n > 0) {
        memcpy(copy.bytes, from->bytes, from->n_bytes);
        memcpy(copy.start, from->start, from->n * sizeof *copy.start);
        memcpy(copy.hash, from->hash, from->n * sizeof *copy.hash);
    }
    *out = copy;
    return 1;
}
