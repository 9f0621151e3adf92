/* SPDX-License-Identifier: MIT */
/* core/hash.h: FNV-1a, for what is told apart by a hash and was not chosen by an enemy. */
#ifndef EVTWIN_CORE_HASH_H
#define EVTWIN_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define EVTWIN__HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/* The hash with size bytes more. */
static inline uint64_t evtwin__hash(uint64_t hash, const void *data, size_t size) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

#endif
