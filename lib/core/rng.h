/* SPDX-License-Identifier: MIT */
/* core/rng.h: counter-based random numbers (Philox4x32-10): any sample is addressable, so results
 * depend on no order, no thread and no restart. */
#ifndef EVTWIN_CORE_RNG_H
#define EVTWIN_CORE_RNG_H

#include <stdint.h>

/* Independent streams of one seed; part of the key. */
typedef enum evtwin__rng_stream {
    EVTWIN__RNG_BUILD = 1,  /* how a pack was built */
    EVTWIN__RNG_USE = 2,    /* how it is used */
    EVTWIN__RNG_SENSOR = 3, /* measurement noise */
    EVTWIN__RNG_DEFECT = 4, /* faults */
    EVTWIN__RNG_SPLIT = 5,  /* hold-out splits and bootstraps */
    EVTWIN__RNG_CLASSIC = 6,
    EVTWIN__RNG_SEARCH = 7 /* sets of parameters that a search tries */
} evtwin__rng_stream;

typedef struct evtwin__rng_block {
    uint32_t word[4];
} evtwin__rng_block;

/* One block of four words at (pack, channel, step) of a stream.
 * Source: Salmon et al. 2011, doi:10.1145/2063384.2063405, Philox4x32 with 10 rounds. */
static inline evtwin__rng_block evtwin__philox(uint32_t key0, uint32_t key1, uint32_t c0,
                                               uint32_t c1, uint32_t c2, uint32_t c3) {
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0;
        const uint64_t b = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ key0;
        const uint32_t n2 = (uint32_t)(a >> 32) ^ c3 ^ key1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return (evtwin__rng_block){{c0, c1, c2, c3}};
}

/* The block of a 64-bit seed: stream, pack and channel name what is sampled, step names when. The
 * stream is folded into the channel so that the whole seed stays in the key. */
static inline evtwin__rng_block evtwin__rng_at(uint64_t seed, evtwin__rng_stream stream,
                                               uint32_t pack, uint32_t channel, uint64_t step) {
    return evtwin__philox((uint32_t)seed, (uint32_t)(seed >> 32), pack,
                          channel << 4 | (uint32_t)stream, (uint32_t)step, (uint32_t)(step >> 32));
}

/* Uniform in (0, 1), both limits excluded: 52 bits from two words of a block, half 0 or 1 (with 53
 * the largest would round to 1). */
static inline double evtwin__rng_uniform(evtwin__rng_block b, int half) {
    const uint64_t bits = ((uint64_t)b.word[2 * half] << 32 | b.word[2 * half + 1]) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

/* Standard normal by the inverse distribution function: one uniform in, no rejection. */
double evtwin__rng_normal(evtwin__rng_block b, int half);

/* Inverse of the standard normal distribution function, relative error below 1.2e-9, p in (0, 1).
 */
double evtwin__normal_quantile(double p);

#endif
