/* SPDX-License-Identifier: MIT */
/* learn/bootstrap.c: a percentile bootstrap over blocks, addressed draw by draw. */

#include "learn/bootstrap.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/status.h"

#include <stdlib.h>

enum { N_RESAMPLES = 1000, MAX_BLOCKS = 4096, BOOTSTRAP_CHANNEL = 1, WORDS = 4 };

static int compare_f64(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sum of n draws; word w of the stream picks block floor(w n / 2^32). */
static double resample(const double *block_sum, size_t n, uint64_t seed, uint32_t resample_index) {
    double sum = 0.0;
    for (size_t first = 0; first < n; first += WORDS) {
        const evtwin__rng_block random = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, resample_index,
                                                        BOOTSTRAP_CHANNEL, first / WORDS);
        for (size_t i = 0; i < WORDS && first + i < n; i++) {
            sum += block_sum[(uint64_t)random.word[i] * n >> 32];
        }
    }
    return sum;
}

evtwin_status evtwin__bootstrap_bound(const double *block_sum, size_t n, uint64_t seed,
                                      double *bound_out) {
    double pooled[MAX_BLOCKS] = {0.0};
    const size_t n_pooled = n < MAX_BLOCKS ? n : MAX_BLOCKS;
    for (size_t i = 0; i < n; i++) {
        pooled[n_pooled == n ? i : i * MAX_BLOCKS / n] += block_sum[i];
    }

    double *sums = evtwin__calloc(N_RESAMPLES, sizeof *sums);
    if (sums == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a bootstrap");
    }
    for (uint32_t r = 0; r < N_RESAMPLES; r++) {
        sums[r] = resample(pooled, n_pooled, seed, r);
    }
    qsort(sums, N_RESAMPLES, sizeof *sums, compare_f64);
    *bound_out = sums[N_RESAMPLES / 20];
    evtwin__free(sums);
    return EVTWIN_OK;
}
