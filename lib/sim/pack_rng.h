/* SPDX-License-Identifier: MIT */
/* sim/pack_rng.h: addressable random samples of a fleet: seed, stream, pack, channel, step. */
#ifndef EVTWIN_SIM_PACK_RNG_H
#define EVTWIN_SIM_PACK_RNG_H

#include "core/rng.h"

#include <math.h>
#include <stdint.h>

/* Channels of all streams, in one list so that no two samples share an address. A new one goes to
 * the end: the numbers are part of every simulated byte. */
typedef enum evtwin__channel {
    EVTWIN__CHANNEL_CELL = 0,
    EVTWIN__CHANNEL_RATE,
    EVTWIN__CHANNEL_DISTANCE,
    EVTWIN__CHANNEL_CHARGING,
    EVTWIN__CHANNEL_CLIMATE,
    EVTWIN__CHANNEL_START,
    EVTWIN__CHANNEL_DEFECT,
    EVTWIN__CHANNEL_DAY,
    EVTWIN__CHANNEL_DAY_PLAN,
    EVTWIN__CHANNEL_WEATHER,
    EVTWIN__CHANNEL_CURRENT,
    EVTWIN__CHANNEL_MOMENT,
    EVTWIN__CHANNEL_MOMENT_STATE,
    EVTWIN__CHANNEL_SENSOR_BIAS,
    EVTWIN__CHANNEL_SENSOR_GAIN,
    EVTWIN__CHANNEL_SENSOR_TEMPERATURE,
    EVTWIN__CHANNEL_SLOW_SOH,
    EVTWIN__CHANNEL_SLOW_RESISTANCE,
    EVTWIN__CHANNEL_SLOW_SOC,
    EVTWIN__CHANNEL_NOISE_VI,
    EVTWIN__CHANNEL_NOISE_T,
    EVTWIN__CHANNEL_CLASSIC_STEP,
    EVTWIN__CHANNEL_CLASSIC_NOISE
} evtwin__channel;

/* Whose samples: the seed of the fleet and the number of the pack in it. */
typedef struct evtwin__pack_rng {
    uint64_t seed;
    uint32_t pack;
} evtwin__pack_rng;

/* Two numbers share an address: half is 0 or 1. */
static inline double evtwin__sample_uniform(evtwin__pack_rng rng, evtwin__rng_stream stream,
                                            evtwin__channel channel, uint64_t step, int half) {
    return evtwin__rng_uniform(evtwin__rng_at(rng.seed, stream, rng.pack, channel, step), half);
}

static inline double evtwin__sample_normal(evtwin__pack_rng rng, evtwin__rng_stream stream,
                                           evtwin__channel channel, uint64_t step, int half) {
    return evtwin__rng_normal(evtwin__rng_at(rng.seed, stream, rng.pack, channel, step), half);
}

/* Uniform between two bounds. */
static inline double evtwin__sample_between(evtwin__pack_rng rng, evtwin__rng_stream stream,
                                            evtwin__channel channel, uint64_t step, int half,
                                            double low, double high) {
    return low + (high - low) * evtwin__sample_uniform(rng, stream, channel, step, half);
}

/* Continuous noise of mean 0 and deviation 1 at any time t, in units of its correlation time:
 * normal knots at whole t, blended so that the deviation is 1 between them too. */
static inline double evtwin__sample_slow(evtwin__pack_rng rng, evtwin__rng_stream stream,
                                         evtwin__channel channel, double t) {
    const double knot = floor(t);
    const double f = t - knot;
    const uint64_t step = (uint64_t)(int64_t)knot;
    const double a = evtwin__sample_normal(rng, stream, channel, step, 0);
    const double b = evtwin__sample_normal(rng, stream, channel, step + 1, 0);
    return (a * (1.0 - f) + b * f) / sqrt((1.0 - f) * (1.0 - f) + f * f);
}

#endif
