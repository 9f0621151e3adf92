/* SPDX-License-Identifier: MIT */
/* core/dict.c: the dictionary of a text column: each string once, numbered in order of arrival. */

#include "core/dict.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

enum { MIN_CHUNK = 256, MAX_CHUNK = 1 << 16 }; /* bytes of copies that one allocation holds */

struct evtwin__dict_chunk {
    struct evtwin__dict_chunk *older;
    char text[];
};

/* Eight bytes at a time. A product spreads a difference upwards only, so the upper half is folded
 * down after each, and the last product reaches every bit that is used. */
static uint32_t hash_of(const char *text, size_t length) {
    uint64_t h = 0x9E3779B97F4A7C15u ^ length;
    while (length > 0) {
        uint64_t word = 0;
        const size_t n = length < 8 ? length : 8;
        memcpy(&word, text, n);
        h = (h ^ word) * 0xA0761D6478BD642Fu;
        h ^= h >> 32;
        text += n;
        length -= n;
    }
    h *= 0xE7037ED1A0B428DBu;
    return (uint32_t)(h >> 32);
}

void evtwin__dict_free(evtwin__dict *dict) {
    while (dict->arena != NULL) {
        struct evtwin__dict_chunk *older = dict->arena->older;
        evtwin__free(dict->arena);
        dict->arena = older;
    }
    evtwin__free(dict->bytes);
    evtwin__free(dict->offset);
    evtwin__free(dict->text);
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
        if (dict->hash[code] == hash && evtwin__dict_length(dict, code) == length &&
            memcmp(dict->text[code], text, length) == 0) {
            return i;
        }
    }
    return i;
}

int32_t evtwin__dict_find(const evtwin__dict *dict, const char *text, size_t length) {
    return dict->n > 0 ? dict->slot[probe(dict, text, length, hash_of(text, length))] : -1;
}

/* ---- add: 0 when memory is out; a half-done growth harms nothing ---- */

/* Make *array_io one of n items of size bytes. */
static int grow_array(void *array_io, size_t n, size_t size) {
    void *array;
    memcpy(&array, array_io, sizeof array);
    array = evtwin__realloc(array, n, size);
    if (array != NULL) {
        memcpy(array_io, &array, sizeof array);
    }
    return array != NULL;
}

/* Room for the number of one more string. */
static int grow_codes(evtwin__dict *dict) {
    if (dict->n < dict->capacity) {
        return 1;
    }
    const size_t capacity = dict->capacity > 0 ? 2 * dict->capacity : 16;
    if (dict->n > INT32_MAX / 2 || !grow_array(&dict->offset, capacity + 1, sizeof *dict->offset) ||
        !grow_array(&dict->text, capacity, sizeof *dict->text) ||
        !grow_array(&dict->hash, capacity, sizeof *dict->hash) ||
        !grow_array(&dict->slot, 2 * capacity, sizeof *dict->slot)) {
        return 0;
    }
    dict->offset[0] = 0;
    dict->capacity = capacity;
    dict->n_slots = 2 * capacity;
    memset(dict->slot, 0xFF, dict->n_slots * sizeof *dict->slot);
    for (size_t code = 0; code < dict->n; code++) {
        size_t i = dict->hash[code] & (dict->n_slots - 1);
        while (dict->slot[i] >= 0) {
            i = (i + 1) & (dict->n_slots - 1);
        }
        dict->slot[i] = (int32_t)code;
    }
    return 1;
}

/* Room for the bytes of all strings. */
static int grow_bytes(evtwin__dict *dict, size_t n_bytes) {
    if (dict->bytes != NULL && n_bytes <= dict->bytes_capacity) {
        return 1;
    }
    const size_t capacity = n_bytes + n_bytes / 2 + 64;
    if (!grow_array(&dict->bytes, capacity, 1)) {
        return 0;
    }
    dict->bytes_capacity = capacity;
    return 1;
}

/* Room in the arena for size bytes, in a chunk that never moves. */
static int grow_arena(evtwin__dict *dict, size_t size) {
    if (dict->arena != NULL && size <= dict->arena_size - dict->arena_used) {
        return 1;
    }
    size_t chunk_size = dict->arena_size < MAX_CHUNK / 2 ? 2 * dict->arena_size : MAX_CHUNK;
    chunk_size = chunk_size < MIN_CHUNK ? MIN_CHUNK : chunk_size;
    chunk_size = chunk_size < size ? size : chunk_size;
    struct evtwin__dict_chunk *chunk = evtwin__realloc(NULL, sizeof *chunk + chunk_size, 1);
    if (chunk == NULL) {
        return 0;
    }
    chunk->older = dict->arena;
    dict->arena = chunk;
    dict->arena_size = chunk_size;
    dict->arena_used = 0;
    return 1;
}

/* A string that is not there yet. */
static evtwin_status add(evtwin__dict *dict, const char *text, size_t length, uint32_t hash,
                         int32_t *code_out) {
    const size_t code = dict->n;
    const size_t n_bytes = code > 0 ? (size_t)dict->offset[code] : 0;
    EVTWIN_FAIL_IF(length > INT32_MAX - n_bytes, EVTWIN_E_RANGE,
                   "string %zu has %zu bytes: with it the dictionary's strings would exceed "
                   "%d bytes together",
                   code + 1, length, INT32_MAX);
    EVTWIN_FAIL_IF(!grow_codes(dict) || !grow_bytes(dict, n_bytes + length) ||
                       !grow_arena(dict, length + 1),
                   EVTWIN_E_NOMEM, "no memory for string %zu of a dictionary", code + 1);

    char *copy = dict->arena->text + dict->arena_used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    dict->arena_used += length + 1;
    memcpy(dict->bytes + n_bytes, text, length);
    dict->slot[probe(dict, text, length, hash)] = (int32_t)code;
    dict->offset[code + 1] = (int32_t)(n_bytes + length);
    dict->text[code] = copy;
    dict->hash[code] = hash;
    dict->n++;
    *code_out = (int32_t)code;
    return EVTWIN_OK;
}

evtwin_status evtwin__dict_intern(evtwin__dict *dict, const char *text, size_t length,
                                  int32_t *code_out) {
    const uint32_t hash = hash_of(text, length);
    if (dict->n > 0) {
        const int32_t known = dict->slot[probe(dict, text, length, hash)];
        if (known >= 0) {
            *code_out = known;
            return EVTWIN_OK;
        }
    }
    return add(dict, text, length, hash, code_out);
}

evtwin_status evtwin__dict_copy(const evtwin__dict *from, evtwin__dict *out) {
    evtwin__dict copy = {0};
    for (size_t i = 0; i < from->n; i++) {
        int32_t code;
        const evtwin_status st =
            add(&copy, from->text[i], evtwin__dict_length(from, i), from->hash[i], &code);
        if (st < 0) {
            evtwin__dict_free(&copy);
            return st;
        }
    }
    *out = copy;
    return EVTWIN_OK;
}
