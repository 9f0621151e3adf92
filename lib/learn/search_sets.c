/* SPDX-License-Identifier: MIT */
/* learn/search_sets.c: the sets of parameters that a search tries, and which number of trees is
 * best for one. */

#include "learn/search.h"

#include "core/rng.h"
#include "core/vmath.h"

#include <math.h>

enum { WHOLE, LINEAR, LOG };

/* A value of the range from a number u in (0, 1), with four digits behind the point, so that
 * reports show what was used. */
static double drawn(double u, double from, double to, int scale) {
    switch (scale) {
    case WHOLE:
        return from + floor(u * (to - from + 1.0));
    case LINEAR:
        return nearbyint((from + u * (to - from)) * 1e4) / 1e4;
    default:
        return nearbyint(from * evtwin__exp(u * evtwin__log_fast(to / from)) * 1e4) / 1e4;
    }
}

static void draw(evtwin__growth *g, uint64_t seed, size_t t, size_t i) {
    uint32_t channel = 0;
#define EVTWIN__SEARCHED(type, member, from, to, scale)                                            \
    do {                                                                                           \
        const evtwin__rng_block b =                                                                \
            evtwin__rng_at(seed, EVTWIN__RNG_SEARCH, (uint32_t)t, channel++, i);                   \
        g->member = (type)drawn(evtwin__rng_uniform(b, 0), from, to, scale);                       \
    } while (0);
#include "learn/search.def"
#undef EVTWIN__SEARCHED
    g->trees = EVTWIN__SEARCH_TREES;
}

/* A parameter has a channel of its own, so one that is not used moves no other. */
evtwin__growth evtwin__search_set(const evtwin__growth *as_is, uint64_t seed, size_t t, size_t i,
                                  int is_column_sampled) {
    evtwin__growth g = *as_is;
    if (i > 0) {
        draw(&g, seed, t, i);
    }
    g.column_sample = is_column_sampled ? g.column_sample : 0.0;
    return g;
}

static double squares_at(const evtwin__errors *curve, size_t round) {
    return curve->squares[round < curve->n ? round : curve->n - 1];
}

void evtwin__search_judge(const evtwin__errors *curve, size_t n_folds, int is_fixed,
                          evtwin__tried *set) {
    size_t longest = 0, n_rows = 0;
    for (size_t f = 0; f < n_folds; f++) {
        longest = curve[f].n > longest ? curve[f].n : longest;
        n_rows += curve[f].n_rows;
    }
    double least = INFINITY;
    for (size_t round = is_fixed ? longest - 1 : 0; round < longest; round++) {
        double sum = 0.0;
        for (size_t f = 0; f < n_folds; f++) {
            sum += squares_at(&curve[f], round);
        }
        if (sum < least) {
            least = sum;
            set->growth.trees = (int)round + 1;
        }
    }
    set->error = sqrt(least / (double)n_rows);
}
