/* SPDX-License-Identifier: MIT */
/* core/bits.h: bitmaps in Arrow's order, least significant bit of a byte first. */
#ifndef EVTWIN_CORE_BITS_H
#define EVTWIN_CORE_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int evtwin__bit(const uint8_t *bits, size_t i) {
    return bits[i / 8] >> (i % 8) & 1;
}

static inline void evtwin__bit_put(uint8_t *bits, size_t i, int value) {
    const unsigned mask = 1u << (i % 8);
    bits[i / 8] = (uint8_t)(value ? bits[i / 8] | mask : bits[i / 8] & ~mask);
}

/* Bits first to last - 1 become value. */
static inline void evtwin__bits_fill(uint8_t *bits, size_t first, size_t last, int value) {
    while (first < last && first % 8 != 0) {
        evtwin__bit_put(bits, first++, value);
    }
    if (last - first >= 8) {
        memset(bits + first / 8, value ? 0xFF : 0, (last - first) / 8);
        first += (last - first) / 8 * 8;
    }
    while (first < last) {
        evtwin__bit_put(bits, first++, value);
    }
}

/* n bits of from (from its bit 0) to the bits of to from first on. The two do not overlap, or first
 * is not below n. */
static inline void evtwin__bits_copy(uint8_t *to, size_t first, const uint8_t *from, size_t n) {
    size_t i = 0;
    if (first % 8 == 0) {
        memcpy(to + first / 8, from, n / 8);
        i = n / 8 * 8;
    }
    for (; i < n; i++) {
        evtwin__bit_put(to, first + i, evtwin__bit(from, i));
    }
}

/* How many of the bits first to last - 1 are set. */
static inline size_t evtwin__bits_count(const uint8_t *bits, size_t first, size_t last) {
    size_t count = 0;
    for (; first < last && first % 8 != 0; first++) {
        count += (size_t)evtwin__bit(bits, first);
    }
    for (; last - first >= 8; first += 8) {
        count += (size_t)__builtin_popcount(bits[first / 8]);
    }
    for (; first < last; first++) {
        count += (size_t)evtwin__bit(bits, first);
    }
    return count;
}

#endif
