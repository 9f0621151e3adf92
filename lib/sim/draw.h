/* SPDX-License-Identifier: MIT */
/* sim/draw.h: addressable random numbers of a fleet: one seed, a stream, a pack, a channel, a step.
 */
#ifndef EVTWIN_SIM_DRAW_H
#define EVTWIN_SIM_DRAW_H

#include "core/rng.h"

#include <stdint.h>

/* Channels of all streams, in one list so that no two draws share an address. */
typedef enum evtwin__channel {
    EVTWIN__DRAW_CELL = 0,
    EVTWIN__DRAW_RATE,
    EVTWIN__DRAW_DISTANCE,
    EVTWIN__DRAW_CHARGING,
    EVTWIN__DRAW_CLIMATE,
    EVTWIN__DRAW_START,
    EVTWIN__DRAW_DEFECT,
    EVTWIN__DRAW_DAY,
    EVTWIN__DRAW_DAY_PLAN,
    EVTWIN__DRAW_WEATHER,
    EVTWIN__DRAW_CURRENT,
    EVTWIN__DRAW_MOMENT,
    EVTWIN__DRAW_MOMENT_STATE,
    EVTWIN__DRAW_BMS_BIAS,
    EVTWIN__DRAW_BMS_GAIN,
    EVTWIN__DRAW_BMS_TEMPERATURE,
    EVTWIN__DRAW_SLOW_SOH,
    EVTWIN__DRAW_SLOW_RESISTANCE,
    EVTWIN__DRAW_SLOW_SOC,
    EVTWIN__DRAW_NOISE_VI,
    EVTWIN__DRAW_NOISE_T,
    EVTWIN__DRAW_CLASSIC_STEP,
    EVTWIN__DRAW_CLASSIC_NOISE
} evtwin__channel;

/* Who draws: the seed of the fleet and the number of the pack in it. */
typedef struct evtwin__dice {
    uint64_t seed;
    uint32_t pack;
} evtwin__dice;

/* Two numbers share an address: half is 0 or 1. */
static inline double evtwin__draw_uniform(evtwin__dice d, evtwin__rng_stream stream,
                                          evtwin__channel channel, uint64_t step, int half) {
    return evtwin__rng_uniform(evtwin__rng_at(d.seed, stream, d.pack, channel, step), half);
}

static inline double evtwin__draw_normal(evtwin__dice d, evtwin__rng_stream stream,
                                         evtwin__channel channel, uint64_t step, int half) {
    return evtwin__rng_normal(evtwin__rng_at(d.seed, stream, d.pack, channel, step), half);
}

/* Uniform between two bounds. */
static inline double evtwin__draw_between(evtwin__dice d, evtwin__rng_stream stream,
                                          evtwin__channel channel, uint64_t step, int half,
                                          double low, double high) {
    return low + (high - low) * evtwin__draw_uniform(d, stream, channel, step, half);
}

/* Continuous noise of mean 0 and deviation 1 at any time t, in units of its correlation time:
 * normal knots at whole t, blended so that the deviation is 1 between them too. */
double evtwin__draw_slow(evtwin__dice d, evtwin__rng_stream stream, evtwin__channel channel,
                         double t);

#endif
