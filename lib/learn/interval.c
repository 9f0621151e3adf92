/* SPDX-License-Identifier: MIT */
/* learn/interval.c: conformal intervals by battery.
 *
 * 1. Shape: how far truths lie below and above predictions of about the same value, as weighted
 *    quantiles in overlapping bands of the predicted value. Each tail has 1 - level, twice what is
 *    wanted: nearer to the middle a quantile of few batteries is steadier, which gave intervals a
 *    twelfth narrower at the same coverage; the factor makes up for it.
 * 2. Score of a row: its error over the shape there. The shape is that of the other batteries: the
 *    batteries are in N_PARTS parts, and each part is scored by the shape of the rest, since a
 *    shape fits the errors that it was made from better than others.
 * 3. Factor: the quantile of the scores, each battery with the same weight; and not below the
 *    quantile, over the batteries and one more with an infinite score, that of the battery to come,
 *    of each battery's own. The first is for a mean over batteries, the second for a share of them.
 *    One more battery in the first too would prove the mean, but models of folds have seen fewer
 *    batteries than the one that is saved and err more: so it is reached without, as measured on
 *    120 packs, and on a fifth of them to calibrate, and intervals are a twentieth narrower. Fewer
 *    than 20 batteries keep it: an interval of them is a guess.
 *
 * Source: Lee, Barber & Willett 2023, arXiv:2306.06342, hierarchical conformal prediction; Dunn,
 * Wasserman & Ramdas 2018, arXiv:1809.07441; errors over a scale: Papadopoulos et
 * al. 2002, doi:10.1007/3-540-36755-1_29. */

#include "learn/interval.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_PARTS = 10, NOT_LEFT_OUT = -1, BATTERIES_FOR_A_BAND = 10, MIN_BANDS = 4 };

static const double covered_batteries[EVTWIN__N_COVERAGES] = {
    [EVTWIN_COVERS_ON_AVERAGE] = EVTWIN__COVERED_BATTERIES,
    [EVTWIN_COVERS_EACH] = EVTWIN__COVERED_BATTERIES_EACH};

/* Neither side of a band is narrower than this part of the mean error. */
#define LEAST_SHARE 0.05

typedef struct row {
    double prediction, error; /* truth - prediction */
    double weight;            /* 1 / rows of its battery */
    double score;
    int32_t battery; /* from 0, without gaps */
} row;

/* A number with a weight, for quantiles. */
typedef struct weighted {
    double value, weight;
} weighted;

typedef struct calibration {
    row *rows; /* (n) by prediction */
    size_t n, n_batteries;
    weighted *room; /* (n + n_batteries) */
    double level, least;
} calibration;

static int compare(double a, double b) {
    return (a > b) - (a < b);
}

static int by_prediction(const void *a, const void *b) {
    const row *x = a, *y = b;
    const int c = compare(x->prediction, y->prediction), d = compare(x->error, y->error);
    return c != 0 ? c : d != 0 ? d : compare(x->battery, y->battery);
}

static int by_battery(const void *a, const void *b) {
    const row *x = a, *y = b;
    return compare(x->battery, y->battery);
}

static int by_value(const void *a, const void *b) {
    return compare(((const weighted *)a)->value, ((const weighted *)b)->value);
}

/* Of v in order: the smallest value at which the weight up to it reaches so much; the largest if
 * none does. */
static double quantile_in_order(const weighted *v, size_t n, double weight) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i].weight;
        if (sum >= weight * (1.0 - 1e-12)) {
            return v[i].value;
        }
    }
    return v[n - 1].value;
}

/* The same of v, which is sorted. */
static double quantile(weighted *v, size_t n, double weight) {
    qsort(v, n, sizeof *v, by_value);
    return quantile_in_order(v, n, weight);
}

/* ---- shape ---- */

static int is_in_part(const row *r, int part) {
    return part != NOT_LEFT_OUT && r->battery % N_PARTS == part;
}

/* One band: the rows whose weight, summed up in the order of predictions, lies in [from, to). */
static void fit_band(const calibration *c, int left_out, double from, double to,
                     evtwin__interval *shape) {
    double sum = 0.0, weight = 0.0, mean = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const row *r = &c->rows[i];
        if (is_in_part(r, left_out)) {
            continue;
        }
        if (sum >= from && sum < to) {
            c->room[n++] = (weighted){r->error, r->weight};
            weight += r->weight;
            mean += r->weight * r->prediction;
        }
        sum += r->weight;
    }
    if (n == 0) {
        return;
    }
    const size_t b = shape->n_bands++;
    const double tail = 1.0 - c->level;
    const double before =
        b > 0 ? shape->prediction[b - 1] : 0.0; /* rounding must not make it fall */
    shape->prediction[b] = fmax(mean / weight, before);
    shape->above[b] = fmax(quantile(c->room, n, (1.0 - tail) * weight), c->least);
    shape->below[b] = fmax(-quantile_in_order(c->room, n, tail * weight), c->least);
}

/* Most batteries have rows in most bands. */
static size_t n_bands_of(size_t n_batteries) {
    const size_t wanted = n_batteries / BATTERIES_FOR_A_BAND;
    return wanted < MIN_BANDS                    ? MIN_BANDS
           : wanted > EVTWIN__INTERVAL_MAX_BANDS ? EVTWIN__INTERVAL_MAX_BANDS
                                                 : wanted;
}

/* Of all batteries but those of a part. */
static void fit_shape(const calibration *c, int left_out, evtwin__interval *shape) {
    double weight = 0.0;
    for (size_t i = 0; i < c->n; i++) {
        weight += is_in_part(&c->rows[i], left_out) ? 0.0 : c->rows[i].weight;
    }
    const size_t n = n_bands_of(c->n_batteries);
    shape->n_bands = 0;
    for (size_t b = 0; b < n; b++) {
        const double step = weight / (double)n;
        fit_band(c, left_out, ((double)b - 0.5) * step, ((double)b + 1.5) * step, shape);
    }
}

/* The shape at a predicted value. */
static void shape_at(const evtwin__interval *shape, double prediction, double *below_out,
                     double *above_out) {
    const double *x = shape->prediction;
    const size_t last = shape->n_bands - 1;
    size_t b = 0;
    while (b < last && prediction > x[b + 1]) {
        b++;
    }
    const size_t next = b < last ? b + 1 : b;
    const double width = x[next] - x[b];
    const double t = width > 0.0 ? fmin(fmax((prediction - x[b]) / width, 0.0), 1.0) : 0.0;
    *below_out = shape->below[b] + t * (shape->below[next] - shape->below[b]);
    *above_out = shape->above[b] + t * (shape->above[next] - shape->above[b]);
}

/* ---- factors ---- */

static void score_rows(calibration *c) {
    evtwin__interval shape;
    for (int part = 0; part < N_PARTS; part++) {
        fit_shape(c, part, &shape);
        for (size_t i = 0; i < c->n && shape.n_bands > 0; i++) {
            row *r = &c->rows[i];
            if (is_in_part(r, part)) {
                double below, above;
                shape_at(&shape, r->prediction, &below, &above);
                r->score = r->error < 0.0 ? -r->error / below : r->error / above;
            }
        }
    }
}

/* Of all rows, each battery with the weight 1; of few batteries, one more to come. */
static double factor_on_average(const calibration *c) {
    for (size_t i = 0; i < c->n; i++) {
        c->room[i] = (weighted){c->rows[i].score, c->rows[i].weight};
    }
    const size_t more = c->n_batteries < EVTWIN__INTERVAL_ENOUGH;
    return quantile(c->room, c->n, c->level * (double)(c->n_batteries + more));
}

/* Of each battery's own quantile, own (n_batteries); sorts the rows by battery. */
static void own_factors(calibration *c, weighted *own) {
    size_t n = 0;
    qsort(c->rows, c->n, sizeof *c->rows, by_battery);
    for (size_t i = 0, k = 0; i < c->n; i++) {
        c->room[k++] = (weighted){c->rows[i].score, 1.0};
        if (i + 1 == c->n || c->rows[i + 1].battery != c->rows[i].battery) {
            own[n++] = (weighted){quantile(c->room, k, EVTWIN__COVERED_ROWS * (double)k), 1.0};
            k = 0;
        }
    }
}

/* Of a share of the batteries, one more to come. */
static double factor_for_share(const calibration *c, weighted *own, double share) {
    return quantile(own, c->n_batteries, ceil(share * (double)(c->n_batteries + 1)));
}

/* ---- the whole ---- */

static int is_usable(double prediction, double truth, int32_t battery) {
    return isfinite(prediction) && isfinite(truth) && battery >= 0;
}

/* The usable rows, by prediction. Batteries are numbered anew, so that parts are of equal size. */
static evtwin_status take_rows(const double *prediction, const double *truth,
                               const int32_t *battery, size_t n, calibration *c) {
    int32_t largest = -1;
    for (size_t i = 0; i < n; i++) {
        largest = is_usable(prediction[i], truth[i], battery[i]) && battery[i] > largest
                      ? battery[i]
                      : largest;
    }
    size_t *count = evtwin__calloc((size_t)(largest + 1), 2 * sizeof *count);
    c->rows = evtwin__calloc(n, sizeof *c->rows);
    c->room = evtwin__calloc(n + (size_t)(largest + 1), sizeof *c->room);
    if (count == NULL || c->rows == NULL || c->room == NULL) {
        evtwin__free(count);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to calibrate intervals on %zu rows", n);
    }
    size_t *number = count + largest + 1;
    for (size_t i = 0; i < n; i++) {
        if (is_usable(prediction[i], truth[i], battery[i])) {
            count[battery[i]]++;
        }
    }
    for (int32_t b = 0; b <= largest; b++) {
        number[b] = c->n_batteries;
        c->n_batteries += count[b] > 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_usable(prediction[i], truth[i], battery[i])) {
            c->rows[c->n++] = (row){.prediction = prediction[i],
                                    .error = truth[i] - prediction[i],
                                    .weight = 1.0 / (double)count[battery[i]],
                                    .battery = (int32_t)number[battery[i]]};
        }
    }
    evtwin__free(count);
    qsort(c->rows, c->n, sizeof *c->rows, by_prediction);
    return EVTWIN_OK;
}

static evtwin_status calibrate(calibration *c, evtwin__interval *out) {
    EVTWIN_FAIL_IF(c->n_batteries < 2, EVTWIN_E_DATA,
                   "%zu batteries with predictions and truths: an interval needs 2 or more",
                   c->n_batteries);
    for (size_t i = 0; i < c->n; i++) {
        c->least +=
            LEAST_SHARE * c->rows[i].weight * fabs(c->rows[i].error) / (double)c->n_batteries;
    }
    EVTWIN_FAIL_IF(!(c->least > 0.0), EVTWIN_E_DATA,
                   "every prediction of %zu batteries is exact: their errors give no interval",
                   c->n_batteries);
    evtwin__interval made = {.level = c->level, .n_batteries = c->n_batteries, .n_rows = c->n};
    fit_shape(c, NOT_LEFT_OUT, &made);
    score_rows(c);
    const double on_average = factor_on_average(c);
    weighted *own = c->room + c->n;
    own_factors(c, own);
    for (int k = 0; k < EVTWIN__N_COVERAGES; k++) {
        made.factor[k] = fmax(on_average, factor_for_share(c, own, covered_batteries[k]));
    }
    *out = made;
    return EVTWIN_OK;
}

evtwin_status evtwin__interval_calibrate(const double *prediction, const double *truth,
                                         const int32_t *battery, size_t n, double level,
                                         evtwin__interval *out) {
    EVTWIN_FAIL_IF(!(level > 0.0 && level < 1.0), EVTWIN_E_ARG, "level is not between 0 and 1");
    calibration c = {.level = level};
    evtwin_status st = take_rows(prediction, truth, battery, n, &c);
    st = st < 0 ? st : calibrate(&c, out);
    evtwin__free(c.rows);
    evtwin__free(c.room);
    return st;
}

void evtwin__interval_around(const evtwin__interval *interval, evtwin_coverage coverage,
                             double prediction, double *low_out, double *high_out) {
    double below, above;
    const double factor = interval->factor[coverage];
    shape_at(interval, prediction, &below, &above);
    *low_out = isnan(prediction) ? (double)NAN : fmax(prediction - factor * below, 0.0);
    *high_out = prediction + factor * above;
}
