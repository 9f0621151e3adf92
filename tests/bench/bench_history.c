/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_history.c: what a row costs that moves a battery's past and is made into
 * features, as live. */

#include "core/clock.h"
#include "learn/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_QUANTITIES = 7, N_ROWS = 200000, ROWS_A_CYCLE = 20, SIZE = 512 };

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

int main(void) {
    static double kept[SIZE];
    double value[N_QUANTITIES], sum = 0.0;
    uint32_t seed = 1;
    if (evtwin__history_size(N_QUANTITIES) > SIZE) {
        return 1;
    }
    evtwin__history_clear(kept, N_QUANTITIES);
    const double began_s = evtwin__monotonic_s();
    for (int r = 0; r < N_ROWS; r++) {
        for (int q = 0; q < N_QUANTITIES; q++) {
            value[q] = noise(&seed);
        }
        evtwin__history_push(kept, N_QUANTITIES, (double)r / ROWS_A_CYCLE, value);
        for (size_t q = 0; q < N_QUANTITIES; q++) {
            double all[EVTWIN__H_COUNT], same[EVTWIN__H_COUNT];
            evtwin__history_two(kept, q, q, all, same);
            for (int s = 0; s < (int)EVTWIN__H_COUNT; s++) {
                const double v = all[s];
                sum += isnan(v) ? 0.0 : v;
            }
        }
    }
    const double took_s = evtwin__monotonic_s() - began_s;
    printf("%d quantities, %d statistics of each: %.0f ns a row (%.0f ns a feature), %zu bytes a "
           "battery (sum %g)\n",
           N_QUANTITIES, (int)EVTWIN__H_COUNT, took_s / N_ROWS * 1e9,
           took_s / N_ROWS * 1e9 / (N_QUANTITIES * EVTWIN__H_COUNT),
           evtwin__history_size(N_QUANTITIES) * sizeof *kept, sum);
    return 0;
}
