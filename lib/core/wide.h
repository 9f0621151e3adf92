/* SPDX-License-Identifier: MIT */
/* core/wide.h: whole numbers of 128 bits, as far as reading and writing doubles needs them; a
 * compiler for 32 bits has no type for them. */
#ifndef EVTWIN_CORE_WIDE_H
#define EVTWIN_CORE_WIDE_H

#include <stdint.h>

typedef struct evtwin__wide {
    uint64_t high, low;
} evtwin__wide;

/* a * b in pieces of 32 bits. */
static inline evtwin__wide evtwin__wide_mul_portable(uint64_t a, uint64_t b) {
    const uint64_t mask = UINT32_MAX;
    const uint64_t a0 = a & mask, a1 = a >> 32, b0 = b & mask, b1 = b >> 32;
    const uint64_t low = a0 * b0;
    const uint64_t middle = a1 * b0 + (low >> 32); /* fits: (2^32 - 1)^2 + 2^32 - 1 < 2^64 */
    const uint64_t other = a0 * b1 + (middle & mask);
    return (evtwin__wide){a1 * b1 + (middle >> 32) + (other >> 32), (other << 32) | (low & mask)};
}

/* The quotient of w by d > w.high, which so fits 64 bits: long division, bit by bit. */
static inline uint64_t evtwin__wide_div_portable(evtwin__wide w, uint64_t d) {
    uint64_t rest = w.high, quotient = 0;
    for (int i = 63; i >= 0; i--) {
        const int carries = (int)(rest >> 63);
        rest = rest << 1 | (w.low >> i & 1);
        quotient <<= 1;
        if (carries || rest >= d) {
            rest -= d;
            quotient |= 1;
        }
    }
    return quotient;
}

#ifdef __SIZEOF_INT128__
static inline evtwin__wide evtwin__wide_mul(uint64_t a, uint64_t b) {
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (evtwin__wide){(uint64_t)(product >> 64), (uint64_t)product};
}

static inline uint64_t evtwin__wide_div(evtwin__wide w, uint64_t d) {
    return (uint64_t)(((unsigned __int128)w.high << 64 | w.low) / d);
}
#else
#define evtwin__wide_mul evtwin__wide_mul_portable
#define evtwin__wide_div evtwin__wide_div_portable
#endif

static inline evtwin__wide evtwin__wide_add(evtwin__wide a, evtwin__wide b) {
    const uint64_t low = a.low + b.low;
    return (evtwin__wide){a.high + b.high + (low < a.low), low};
}

static inline evtwin__wide evtwin__wide_sub(evtwin__wide a, evtwin__wide b) {
    return (evtwin__wide){a.high - b.high - (a.low < b.low), a.low - b.low};
}

/* < 0, 0, > 0 */
static inline int evtwin__wide_compare(evtwin__wide a, evtwin__wide b) {
    return a.high != b.high ? (a.high > b.high) - (a.high < b.high)
                            : (a.low > b.low) - (a.low < b.low);
}

/* By 1 to 127 bits. */
static inline evtwin__wide evtwin__wide_shift_up(evtwin__wide w, int bits) {
    return bits >= 64 ? (evtwin__wide){w.low << (bits - 64), 0}
                      : (evtwin__wide){w.high << bits | w.low >> (64 - bits), w.low << bits};
}

static inline evtwin__wide evtwin__wide_shift_down(evtwin__wide w, int bits) {
    return bits >= 64 ? (evtwin__wide){0, w.high >> (bits - 64)}
                      : (evtwin__wide){w.high >> bits, w.low >> bits | w.high << (64 - bits)};
}

#endif
