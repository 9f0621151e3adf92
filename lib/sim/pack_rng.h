/* SPDX-License-Identifier: MIT */
/* sim/pack_rng.h: addressable random samples of a fleet: seed, stream, pack, channel, step. */
#ifndef EVTWIN_SIM_PACK_RNG_H
#define EVTWIN_SIM_PACK_RNG_H

#include "core/rng.h"

#include <math.h>
#include <stdint.h>

/* What a sample is of: the number of its channel and the RNG stream it belongs to. In one list so
 * that no two share an address; the numbers are part of every simulated byte. */
typedef enum evtwin__channel {
    EVTWIN__CHANNEL_CELL = 0 << 4 | EVTWIN__RNG_BUILD,
    EVTWIN__CHANNEL_RATE = 1 << 4 | EVTWIN__RNG_BUILD,
    EVTWIN__CHANNEL_DISTANCE = 2 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CHARGING = 3 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CLIMATE = 4 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_START = 5 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_DEFECT = 6 << 4 | EVTWIN__RNG_DEFECT,
    EVTWIN__CHANNEL_DAY = 7 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_DAY_PLAN = 8 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_WEATHER = 9 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CURRENT = 10 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_MOMENT = 11 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_MOMENT_STATE = 12 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_SENSOR_BIAS = 13 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SENSOR_GAIN = 14 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SENSOR_TEMPERATURE = 15 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_SOH = 16 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_RESISTANCE = 17 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_SOC = 18 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_NOISE_VI = 19 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_NOISE_T = 20 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_CLASSIC_STEP = 21 << 4 | EVTWIN__RNG_CLASSIC,
    EVTWIN__CHANNEL_CLASSIC_NOISE = 22 << 4 | EVTWIN__RNG_CLASSIC
} evtwin__channel;

/* Whose samples: the seed of the fleet and the number of the pack in it. */
typedef struct evtwin__pack_rng {
    uint64_t seed;
    uint32_t pack;
} evtwin__pack_rng;

static inline evtwin__rng_block evtwin__sample_block(evtwin__pack_rng rng, evtwin__channel channel,
                                                     uint64_t step) {
    const unsigned bits = channel;
    return evtwin__rng_at(rng.seed, (evtwin__rng_stream)(bits & 15), rng.pack, bits >> 4, step);
}

/* Two numbers share an address: half is 0 or 1. */
static inline double evtwin__sample_uniform(evtwin__pack_rng rng, evtwin__channel channel,
                                            uint64_t step, int half) {
    return evtwin__rng_uniform(evtwin__sample_block(rng, channel, step), half);
}

static inline double evtwin__sample_normal(evtwin__pack_rng rng, evtwin__channel channel,
                                           uint64_t step, int half) {
    return evtwin__rng_normal(evtwin__sample_block(rng, channel, step), half);
}

/* Uniform between two bounds. */
static inline double evtwin__sample_between(evtwin__pack_rng rng, evtwin__channel channel,
                                            uint64_t step, int half, double low, double high) {
    return low + (high - low) * evtwin__sample_uniform(rng, channel, step, half);
}

/* Continuous noise of mean 0 and deviation 1 at any time t, in units of its correlation time:
 * normal knots at whole t, blended so that the deviation is 1 between them too. */
static inline double evtwin__sample_slow(evtwin__pack_rng rng, evtwin__channel channel, double t) {
    const double knot = floor(t);
    const double f = t - knot;
    const uint64_t step = (uint64_t)(int64_t)knot;
    const double a = evtwin__sample_normal(rng, channel, step, 0);
    const double b = evtwin__sample_normal(rng, channel, step + 1, 0);
    return (a * (1.0 - f) + b * f) / sqrt((1.0 - f) * (1.0 - f) + f * f);
}

#endif
