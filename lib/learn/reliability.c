/* SPDX-License-Identifier: MIT */
/* learn/reliability.c: do held-out predictions keep their word? Band by band of the predicted
 * value: how often an event came true, how far a number was off and what its interval had. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdlib.h>

double evtwin__coverage(const evtwin__result *r) {
    const double *truth = evtwin__held(r, EVTWIN__HELD_TRUTH);
    const int32_t *group = evtwin_table_codes(r->held_out, EVTWIN__HELD_GROUP);
    const size_t n = evtwin_table_rows(r->held_out);
    double sum = 0.0, inside = 0.0, rows = 0.0, n_groups = 0.0;
    for (size_t i = 0; i < n && r->low != NULL; i++) { /* they come by group */
        const int is_known = !isnan(r->low[i]);
        inside += is_known && truth[i] >= r->low[i] && truth[i] <= r->high[i];
        rows += is_known;
        if (rows > 0.0 && (i + 1 == n || group[i + 1] != group[i])) {
            sum += inside / rows;
            n_groups += 1.0;
            inside = rows = 0.0;
        }
    }
    return n_groups > 0.0 ? sum / n_groups : (double)NAN;
}

/* ---- bands ---- */

enum { MAX_BANDS = 8 };

/* Most predictions of a rare event are small. */
static const double event_edges[] = {0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0};
_Static_assert(sizeof event_edges / sizeof event_edges[0] == MAX_BANDS + 1, "bands have edges");

/* Of a number: the ends and these quantiles of the predictions, rounded to two digits. Near 0 what
 * is left of a life is needed most precisely. */
static const double number_shares[] = {0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95};
_Static_assert(sizeof number_shares / sizeof number_shares[0] == MAX_BANDS - 1, "bands have edges");

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double two_digits(double value) {
    const double step = value > 0.0 ? pow(10.0, floor(log10(value)) - 1.0) : 1.0;
    return round(value / step) * step;
}

/* Edges (n + 1) of the n bands of predictions (n_rows >= 1), the outer ones their ends. */
static evtwin_status find_edges(evtwin_target_kind kind, const double *predicted, size_t n_rows,
                                double *edge, size_t *n_out) {
    size_t n = 0;
    if (kind == EVTWIN_TARGET_EVENT) {
        for (; n <= MAX_BANDS; n++) {
            edge[n] = event_edges[n];
        }
        *n_out = MAX_BANDS;
        return EVTWIN_OK;
    }
    double *sorted = evtwin__calloc(n_rows, sizeof *sorted);
    EVTWIN_FAIL_IF(sorted == NULL, EVTWIN_E_NOMEM, "out of memory for %zu predictions", n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        sorted[i] = fmax(predicted[i], 0.0);
    }
    qsort(sorted, n_rows, sizeof *sorted, by_value);
    edge[n++] = sorted[0];
    for (size_t k = 0; k < MAX_BANDS - 1; k++) {
        const double next = two_digits(sorted[(size_t)(number_shares[k] * (double)(n_rows - 1))]);
        if (next > edge[n - 1] && next < sorted[n_rows - 1]) {
            edge[n++] = next;
        }
    }
    edge[n] = sorted[n_rows - 1];
    *n_out = n;
    evtwin__free(sorted);
    return EVTWIN_OK;
}

static size_t band_of(const double *edge, size_t n, double value) {
    size_t b = 0;
    while (b + 1 < n && value >= edge[b + 1]) {
        b++;
    }
    return b;
}

/* ---- what happened in them ---- */

typedef struct band {
    double rows, batteries;
    double predicted, truth, squares; /* sums over rows */
    double width, share, n_known; /* sums over batteries of their means; batteries with intervals */
    double own_rows, own_known, own_width, own_inside; /* of the battery at hand */
} band;

static void close_battery(band *b) {
    if (b->own_rows > 0.0) {
        b->batteries += 1.0;
    }
    if (b->own_known > 0.0) {
        b->n_known += 1.0;
        b->width += b->own_width / b->own_known;
        b->share += b->own_inside / b->own_known;
    }
    b->own_rows = b->own_known = b->own_width = b->own_inside = 0.0;
}

static void sum_bands(const evtwin__result *r, const double *edge, size_t n_bands, band *bands) {
    const double *truth = evtwin__held(r, EVTWIN__HELD_TRUTH);
    const double *predicted = evtwin__held(r, EVTWIN__HELD_SCORED + EVTWIN_SCORED_MODEL);
    const int32_t *group = evtwin_table_codes(r->held_out, EVTWIN__HELD_GROUP);
    const size_t n = evtwin_table_rows(r->held_out);
    for (size_t i = 0; i < n; i++) {
        const double p = fmax(predicted[i], 0.0);
        band *b = &bands[band_of(edge, n_bands, p)];
        b->rows += 1.0;
        b->predicted += p;
        b->truth += truth[i];
        b->squares += (p - truth[i]) * (p - truth[i]);
        b->own_rows += 1.0;
        if (r->low != NULL && !isnan(r->low[i])) {
            b->own_known += 1.0;
            b->own_width += r->high[i] - r->low[i];
            b->own_inside += truth[i] >= r->low[i] && truth[i] <= r->high[i];
        }
        for (size_t k = 0; k < n_bands && (i + 1 == n || group[i + 1] != group[i]); k++) {
            close_battery(&bands[k]);
        }
    }
}

/* ---- as a table ---- */

static evtwin_status put(evtwin_table *table, size_t row, const char *name, const char *unit,
                         double value) {
    size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        EVTWIN_TRY(evtwin_table_add_column(table, name, EVTWIN_F64, unit, &col));
    }
    return evtwin_table_set_f64(table, col, row, value);
}

static evtwin_status put_count(evtwin_table *table, size_t row, const char *name, double n) {
    size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        EVTWIN_TRY(evtwin_table_add_column(table, name, EVTWIN_I64, "", &col));
    }
    return evtwin_table_set_i64(table, col, row, (int64_t)n);
}

/* The 90 % interval of a share, as if each battery were one observation: rows of one battery
 * depend on each other. It is wide rather than narrow, and 0 of n does not make it [0, 0]. Source:
 * Wilson 1927, doi:10.1080/01621459.1927.10502953 */
static void wilson(double share, double n, double out[2]) {
    const double z = 1.6448536269514722, zz = z * z / n;
    const double middle = share + zz / 2.0;
    const double half = z * sqrt(share * (1.0 - share) / n + zz / (4.0 * n));
    out[0] = fmin(fmax((middle - half) / (1.0 + zz), 0.0), share); /* rounding */
    out[1] = fmax(fmin((middle + half) / (1.0 + zz), 1.0), share);
}

static evtwin_status put_event(evtwin_table *table, size_t row, const band *b) {
    double ends[2];
    const double observed = b->truth / b->rows;
    wilson(observed, b->batteries, ends);
    EVTWIN_TRY(put(table, row, "predicted", "", b->predicted / b->rows));
    EVTWIN_TRY(put(table, row, "observed", "", observed));
    EVTWIN_TRY(put(table, row, "observed_low", "", ends[0]));
    return put(table, row, "observed_high", "", ends[1]);
}

static evtwin_status put_number(evtwin_table *table, size_t row, const char *unit, const band *b) {
    const double n = b->n_known > 0.0 ? b->n_known : (double)NAN;
    EVTWIN_TRY(put(table, row, "rmse", unit, sqrt(b->squares / b->rows)));
    EVTWIN_TRY(put(table, row, "width", unit, b->width / n));
    return put(table, row, "coverage", "", b->share / n);
}

static evtwin_status fill(const evtwin_trainer *trainer, size_t t, evtwin_table *table) {
    const evtwin__result *r = &trainer->result[t];
    const evtwin_target_kind kind = trainer->target[t].kind;
    const char *unit =
        kind == EVTWIN_TARGET_EVENT ? "" : evtwin_table_unit(r->held_out, EVTWIN__HELD_TRUTH);
    const double *predicted = evtwin__held(r, EVTWIN__HELD_SCORED + EVTWIN_SCORED_MODEL);
    double edge[MAX_BANDS + 1];
    band bands[MAX_BANDS] = {0};
    size_t n_bands, row = 0, n = 0;
    EVTWIN_TRY(find_edges(kind, predicted, evtwin_table_rows(r->held_out), edge, &n_bands));
    sum_bands(r, edge, n_bands, bands);
    for (size_t b = 0; b < n_bands; b++) {
        n += bands[b].rows > 0.0;
    }
    EVTWIN_TRY(evtwin_table_resize(table, n));
    for (size_t b = 0; b < n_bands; b++) {
        if (bands[b].rows > 0.0) {
            EVTWIN_TRY(put(table, row, "from", unit, edge[b]));
            EVTWIN_TRY(put(table, row, "to", unit, edge[b + 1]));
            EVTWIN_TRY(put_count(table, row, "rows", bands[b].rows));
            EVTWIN_TRY(put_count(table, row, "batteries", bands[b].batteries));
            EVTWIN_TRY(kind == EVTWIN_TARGET_EVENT ? put_event(table, row, &bands[b])
                                                   : put_number(table, row, unit, &bands[b]));
            row++;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_reliability(const evtwin_trainer *trainer, const char *target,
                                         evtwin_table **out) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL, EVTWIN_E_ARG, "trainer or out is NULL");
    size_t t;
    EVTWIN_TRY(evtwin_target_find(target, &t));
    EVTWIN_FAIL_IF(!trainer->bundle.model[t].is_present, EVTWIN_E_NOT_FOUND,
                   "no %s model was trained", trainer->target[t].title);
    evtwin_table *table = NULL;
    evtwin_status st;
    EVTWIN_TRY(evtwin_table_create(&table));
    if ((st = fill(trainer, t, table)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- as JSON ---- */

json_t *evtwin__reliability_json(const evtwin_trainer *trainer, const char *target) {
    evtwin_table *table = NULL;
    json_t *array = json_array();
    int is_complete = evtwin_trainer_reliability(trainer, target, &table) >= 0;
    for (size_t r = 0; is_complete && r < evtwin_table_rows(table); r++) {
        json_t *object = json_object();
        is_complete &= json_array_append_new(array, object) == 0;
        for (size_t col = 0; is_complete && col < evtwin_table_cols(table); col++) {
            const double value = evtwin_table_number(table, col, r);
            is_complete &= json_object_set_new(object, evtwin_table_name(table, col),
                                               evtwin_table_type(table, col) == EVTWIN_I64
                                                   ? json_integer((json_int_t)value)
                                                   : evtwin__json_number(value)) == 0;
        }
    }
    evtwin_table_free(table);
    if (!is_complete) {
        json_decref(array);
        array = NULL;
    }
    return array;
}
