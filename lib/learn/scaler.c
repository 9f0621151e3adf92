/* SPDX-License-Identifier: MIT */
/* learn/scaler.c: fit, apply, write and read the standard scaler. */

#include "learn/scaler.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { SCALER_FORMAT = 1, MAX_COLS = 65536 };

static evtwin_status scaler_alloc(size_t n, evtwin__scaler *out) {
    evtwin__scaler s = {.n = n};
    s.mean = evtwin__calloc(n, sizeof *s.mean);
    s.scale = evtwin__calloc(n, sizeof *s.scale);
    if (s.mean == NULL || s.scale == NULL) {
        evtwin__scaler_clear(&s);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a scaler of %zu features", n);
    }
    *out = s;
    return EVTWIN_OK;
}

void evtwin__scaler_clear(evtwin__scaler *s) {
    evtwin__free(s->mean);
    evtwin__free(s->scale);
    *s = (evtwin__scaler){0};
}

/* One column, x[row_index[r] * stride]: the mean, then the root of the mean squared deviation. */
static void fit_column(const double *x, size_t stride, const size_t *row_index, size_t n_rows,
                       double *mean, double *scale) {
    const double first = x[row_index[0] * stride];
    double sum = 0.0;
    int is_constant = 1;
    for (size_t r = 0; r < n_rows; r++) {
        const double v = x[row_index[r] * stride];
        assert(!isnan(v));
        sum += v;
        is_constant &= v == first;
    }
    /* the sum of equal values rounds; their mean is known without it */
    *mean = is_constant ? first : sum / (double)n_rows;

    double square = 0.0;
    for (size_t r = 0; r < n_rows; r++) {
        const double deviation = x[row_index[r] * stride] - *mean;
        square += deviation * deviation;
    }
    const double deviation = sqrt(square / (double)n_rows);
    *scale = deviation == 0.0 ? 1.0 : deviation;
}

evtwin_status evtwin__scaler_fit(const double *x, size_t cols, const size_t *row_index,
                                 size_t n_rows, evtwin__scaler *out) {
    assert(n_rows > 0);
    evtwin__scaler s;
    const evtwin_status st = scaler_alloc(cols, &s);
    if (st < 0) {
        return st;
    }
    for (size_t i = 0; i < cols; i++) {
        fit_column(x + i, cols, row_index, n_rows, &s.mean[i], &s.scale[i]);
        if (!isfinite(s.mean[i]) || !isfinite(s.scale[i])) {
            evtwin__scaler_clear(&s);
            EVTWIN_FAIL(EVTWIN_E_RANGE, "the deviation of feature %zu overflows a double", i + 1);
        }
    }
    *out = s;
    return EVTWIN_OK;
}

static float to_float(double v) {
    if (v > FLT_MAX) {
        return FLT_MAX;
    }
    return v < -FLT_MAX ? -FLT_MAX : (float)v;
}

void evtwin__scaler_apply(const evtwin__scaler *s, const double *x, size_t rows, float *y) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < s->n; i++) {
            const size_t at = r * s->n + i;
            y[at] = to_float((x[at] - s->mean[i]) / s->scale[i]);
        }
    }
}

/* ---- scaler.json ---- */

static json_t *array_of(const double *v, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, json_real(v[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

evtwin_status evtwin__scaler_write(const evtwin__scaler *s, char **text_out, size_t *size_out) {
    json_t *root = json_pack("{s:i, s:s, s:o, s:o}", "format", SCALER_FORMAT, "kind", "standard",
                             "mean", array_of(s->mean, s->n), "scale", array_of(s->scale, s->n));
    const evtwin_status st = evtwin__json_text(root, text_out, size_out);
    json_decref(root);
    return st < 0 ? evtwin__fail_in(st, "scaler.json") : st;
}

/* Copy an array of n finite numbers, each above minimum. */
static evtwin_status read_array(const char *name, const char *key, const json_t *array, size_t n,
                                double minimum, double *out) {
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        const double v = json_number_value(value);
        if (!json_is_number(value) || !isfinite(v) || !(v > minimum)) {
            EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%s: %s[%zu] is not a number%s", name, key, i,
                        minimum >= 0.0 ? " above zero" : "");
        }
        out[i] = v;
    }
    return EVTWIN_OK;
}

static evtwin_status read_root(const char *name, const json_t *root, evtwin__scaler *out) {
    evtwin_status st;
    double format;
    const char *kind;
    json_t *mean, *scale;
    if ((st = evtwin__json_get_number(name, root, "format", &format)) < 0 ||
        (st = evtwin__json_get_text(name, root, "kind", &kind)) < 0 ||
        (st = evtwin__json_get_array(name, root, "mean", &mean)) < 0 ||
        (st = evtwin__json_get_array(name, root, "scale", &scale)) < 0) {
        return st;
    }
    if (format != (double)SCALER_FORMAT || strcmp(kind, "standard") != 0) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: a '%s' scaler of format %g, this version reads %d",
                    name, kind, format, SCALER_FORMAT);
    }
    const size_t n = json_array_size(mean);
    if (n == 0 || n > MAX_COLS || json_array_size(scale) != n) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%s: %zu means and %zu scales (1 to %d of each)", name, n,
                    json_array_size(scale), MAX_COLS);
    }

    evtwin__scaler s;
    if ((st = scaler_alloc(n, &s)) < 0) {
        return st;
    }
    if ((st = read_array(name, "mean", mean, n, -INFINITY, s.mean)) < 0 ||
        (st = read_array(name, "scale", scale, n, 0.0, s.scale)) < 0) {
        evtwin__scaler_clear(&s);
        return st;
    }
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin__scaler_read(const char *name, const char *text, size_t size,
                                  evtwin__scaler *out) {
    json_t *root;
    evtwin_status st = evtwin__json_parse(name, text, size, &root);
    if (st < 0) {
        return st;
    }
    st = read_root(name, root, out);
    json_decref(root);
    return st;
}
