/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_features.c: what a row costs that moves a battery's past and is made into
 * features, one by one as live, beside pandas' rolling windows over the same columns at once; and
 * what derived quantities add. Needs a python3 with pandas, or $EVTWIN_PYTHON. */

#include "bench.h"

#include "learn/derive.h"
#include "learn/history.h"

#include <math.h>
#include <time.h>

enum { N_BATTERIES = 100, N_ROWS = 2000, N_QUANTITIES = 7, SIZE = 2048 };

/* Medians over 10 rows, their difference to the first 10, slopes over 50, of each quantity: rows
 * are cycles. Slopes from rolling sums, which is what pandas is quick at. */
static const char pandas_script[] =
    "import sys, time, numpy as np, pandas as pd\n"
    "b, n, q = (int(a) for a in sys.argv[1:])\n"
    "rng = np.random.default_rng(1)\n"
    "f = pd.DataFrame(rng.random((b * n, q)), columns=['q%d' % i for i in range(q)])\n"
    "f['id'] = np.repeat(np.arange(b), n)\n"
    "x = np.tile(np.arange(n, dtype=float), b)\n"
    "began = time.process_time()\n"
    "out = {}\n"
    "for c in ['q%d' % i for i in range(q)]:\n"
    "    g = f.groupby('id', sort=False)[c]\n"
    "    level = g.rolling(10, min_periods=1).median().to_numpy()\n"
    "    first = f[c].where(x < 10).groupby(f['id'], sort=False).transform('mean').to_numpy()\n"
    "    s_y = g.rolling(50, min_periods=25).sum().to_numpy()\n"
    "    xy = (f[c] * x).groupby(f['id'], sort=False).rolling(50, "
    "min_periods=25).sum().to_numpy()\n"
    "    k = np.minimum(x + 1, 50)\n"
    "    mean_x = x - (k - 1) / 2\n"
    "    out[c] = (level, np.where(x >= 10, level - first, np.nan),\n"
    "              (xy - mean_x * s_y) / (k * (k * k - 1) / 12))\n"
    "print(time.process_time() - began, pd.__version__)\n";

/* Of the processor, which others may keep busy too. */
static double cpu_s(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

/* Values of all rows, and what they are made into: both of their caller's, as live. */
static double values[N_BATTERIES * N_ROWS][N_QUANTITIES];
static double inputs[N_BATTERIES * N_ROWS][EVTWIN__I_COUNT];

/* An hour of driving, an hour of charging, a row a minute. */
static void make_rows(void) {
    uint32_t seed = 1;
    for (int r = 0; r < N_BATTERIES * N_ROWS; r++) {
        const int is_charging = r / 60 % 2;
        for (int q = 0; q < N_QUANTITIES; q++) {
            values[r][q] = noise(&seed);
        }
        double *in = inputs[r];
        for (int i = 0; i < (int)EVTWIN__I_COUNT; i++) {
            in[i] = NAN;
        }
        in[EVTWIN__I_TIME_US] = 60e6 * (r % N_ROWS);
        in[EVTWIN__I_SOC] = is_charging ? 20.0 + r % 60 : 80.0 - r % 60;
        in[EVTWIN__I_CURRENT] = is_charging ? -100.0 : 200.0 * values[r][0] - 50.0;
        in[EVTWIN__I_VOLTAGE] = 330.0 + in[EVTWIN__I_SOC] - 0.05 * in[EVTWIN__I_CURRENT];
        in[EVTWIN__I_TEMPERATURE] = 25.0 + values[r][1];
    }
}

/* Seconds of all rows; the last features of each battery are added to sum. */
static double follow_rows(int with_derived, double *sum) {
    static double past[SIZE], rows[SIZE];
    double x[N_QUANTITIES + 1][EVTWIN__H_COUNT], out[EVTWIN__D_COUNT];
    const double began_s = cpu_s();
    for (int r = 0; r < N_BATTERIES * N_ROWS; r++) {
        if (r % N_ROWS == 0) {
            evtwin__history_clear(past, N_QUANTITIES);
            evtwin__derive_clear(rows);
        }
        evtwin__history_push(past, N_QUANTITIES, (double)(r % N_ROWS), values[r]);
        for (size_t q = 0; q < N_QUANTITIES; q += 2) {
            evtwin__history_two(past, q, q + 1 < N_QUANTITIES ? q + 1 : q, x[q], x[q + 1]);
        }
        if (with_derived) {
            evtwin__derive_push(rows, inputs[r], out);
        }
        if (r % N_ROWS == N_ROWS - 1) {
            *sum += x[0][EVTWIN__H_LEVEL] + x[N_QUANTITIES - 1][EVTWIN__H_SLOPE50];
        }
    }
    return cpu_s() - began_s;
}

/* Seconds that pandas takes, NaN without it. */
static double follow_with_pandas(char version[32]) {
    const char *python = getenv("EVTWIN_PYTHON");
    char command[8192], line[128] = "";
    double took_s = NAN;
    snprintf(command, sizeof command, "%s - %d %d %d 2>/dev/null <<'END'\n%sEND\n",
             python != NULL ? python : "/usr/bin/python3", N_BATTERIES, N_ROWS, N_QUANTITIES,
             pandas_script);
    FILE *f = popen(command, "r");
    if (f != NULL) {
        if (fgets(line, sizeof line, f) == NULL ||
            sscanf(line, "%lf %31s", &took_s, version) != 2) {
            took_s = NAN;
        }
        pclose(f);
    }
    return took_s;
}

int main(void) {
    const double n = (double)N_BATTERIES * N_ROWS;
    double sum = 0.0;
    char version[32] = "";
    if (evtwin__history_size(N_QUANTITIES) > SIZE || evtwin__derive_size() > SIZE) {
        return 1;
    }
    make_rows();
    const double ours_s = follow_rows(0, &sum), all_s = follow_rows(1, &sum);
    const double pandas_s = follow_with_pandas(version);
    printf("%d quantities, %d statistics of each: %.0f ns a row; with %d derived quantities %.0f "
           "ns, %zu bytes a battery (sum %g)\n",
           N_QUANTITIES, (int)EVTWIN__H_COUNT, ours_s / n * 1e9, (int)EVTWIN__D_COUNT,
           all_s / n * 1e9,
           (evtwin__history_size(N_QUANTITIES) + evtwin__derive_size()) * sizeof(double), sum);
    if (isnan(pandas_s)) {
        printf("no python3 with pandas (set EVTWIN_PYTHON): not compared\n");
    } else {
        printf("pandas %s, rolling windows at once: %.0f ns a row, %.1f times ours\n", version,
               pandas_s / n * 1e9, pandas_s / ours_s);
    }
    return 0;
}
