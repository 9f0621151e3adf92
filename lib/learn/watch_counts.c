/* SPDX-License-Identifier: MIT */
/* learn/watch_counts.c: count live data beside the training data, of the fleet and of each battery:
 * pending, kept or dropped. Nothing is converted; old rows count ever less. */

#include "learn/watch_counts.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/features.h"

#include <math.h>
#include <string.h>

enum { BLOCK_VALUES = 4096, NO_BATTERY = -1 };
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)BLOCK_VALUES, "a row fits in a block");

static evtwin_status make_room(evtwin__watch *w, size_t wanted) {
    if (wanted <= w->capacity) {
        return EVTWIN_OK;
    }
    const size_t n = 2 * wanted < w->max_batteries ? 2 * wanted : w->max_batteries;
    char *batteries = evtwin__realloc(w->batteries, n, 2 * w->stride);
    w->batteries = batteries != NULL ? batteries : w->batteries;
    int32_t *moved = evtwin__realloc(w->moved, n, sizeof *moved);
    w->moved = moved != NULL ? moved : w->moved;
    uint8_t *is_moved = evtwin__realloc(w->is_moved, n, sizeof *is_moved);
    w->is_moved = is_moved != NULL ? is_moved : w->is_moved;
    EVTWIN_FAIL_IF(batteries == NULL || moved == NULL || is_moved == NULL, EVTWIN_E_NOMEM,
                   "out of memory to watch %zu batteries", n);
    memset(w->batteries + 2 * w->capacity * w->stride, 0, 2 * (n - w->capacity) * w->stride);
    memset(w->is_moved + w->capacity, 0, n - w->capacity);
    w->capacity = n;
    return EVTWIN_OK;
}

/* ---- life ---- */

evtwin_status evtwin__watch_create(const evtwin__bundle *bundle, size_t max_batteries,
                                   evtwin__watch **out) {
    const evtwin__inputs in = evtwin__bundle_inputs(bundle);
    const size_t n = in.n;
    evtwin__watch *w = evtwin__calloc(1, sizeof *w + n * sizeof w->feature[0]);
    EVTWIN_FAIL_IF(w == NULL, EVTWIN_E_NOMEM, "out of memory to watch %zu features", n);
    w->bundle = bundle;
    w->in = in;
    w->at = evtwin__bundle_places(bundle);
    w->max_batteries = max_batteries;
    w->fleet_size = sizeof(evtwin__watch_fleet) + n * sizeof(evtwin__watch_feature);
    w->stride = (sizeof(evtwin__watch_battery) +
                 n * sizeof(((evtwin__watch_battery *)NULL)->feature[0]) + 7) /
                8 * 8;
    w->now = evtwin__calloc(1, w->fleet_size);
    w->next = evtwin__calloc(1, w->fleet_size);
    if (w->now == NULL || w->next == NULL) {
        evtwin__watch_free(w);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to watch %zu features", n);
    }
    int has_range = 0;
    for (size_t i = 0; i < n; i++) {
        evtwin__possible_values(&in.feature[i], &w->feature[i].min, &w->feature[i].max);
        has_range |= !isnan(in.feature[i].min) && !isnan(in.feature[i].max);
    }
    if (!has_range) {
        evtwin__log(EVTWIN_LOG_INFO,
                    "bundle %s does not record the range of its training data: "
                    "values outside it are not noticed",
                    bundle->version);
    }
    *out = w;
    return EVTWIN_OK;
}

void evtwin__watch_free(evtwin__watch *watch) {
    if (watch != NULL) {
        evtwin__dict_free(&watch->ids);
        evtwin__free(watch->batteries);
        evtwin__free(watch->moved);
        evtwin__free(watch->is_moved);
        evtwin__free(watch->now);
        evtwin__free(watch->next);
        evtwin__free(watch);
    }
}

/* ---- count ---- */

static void count(evtwin__tally *t, double v, int is_outside) {
    t->min = t->n == 0.0 || v < t->min ? v : t->min;
    t->max = t->n == 0.0 || v > t->max ? v : t->max;
    t->n += 1.0;
    t->n_outside += is_outside;
}

static void count_impossible(evtwin__watch_feature *t, float *of_battery) {
    t->total.n_impossible += 1.0;
    t->recent.n_impossible += 1.0;
    if (of_battery != NULL) {
        *of_battery += 1.0F;
    }
}

static void count_features(evtwin__watch *w, const double *x, int is_sampled,
                           evtwin__watch_battery *s) {
    for (size_t i = 0; i < w->in.n; i++) {
        const evtwin__bundle_feature *f = &w->in.feature[i];
        const double v = x[i];
        evtwin__watch_feature *t = &w->next->feature[i];
        if (!isfinite(v)) {
            continue;
        }
        if (v < w->feature[i].min || v > w->feature[i].max) {
            count_impossible(t, s != NULL ? &s->feature[i].n_impossible : NULL);
            continue;
        }
        const int is_outside = evtwin__is_outside(f, v);
        count(&t->total, v, is_outside);
        count(&t->recent, v, is_outside);
        if (is_sampled) {
            t->recent.n_sampled += 1.0;
            t->recent.bin[evtwin__histogram_bin(&f->histogram, v)] += 1.0;
        }
        if (s != NULL) {
            s->feature[i].n += 1.0F;
            s->feature[i].n_outside += (float)is_outside;
        }
    }
}

/* Does the row go into the bins? time_us NULL = unknown. */
static int is_sampled(const int64_t *time_us, evtwin__watch_battery *s) {
    if (s == NULL || time_us == NULL) {
        return 1;
    }
    const double since_s = s->has_sample ? 1e-6 * ((double)*time_us - (double)s->sampled_us) : 0.0;
    if (s->has_sample && fabs(since_s) < evtwin__drift_SAMPLE_EVERY_S) {
        return 0;
    }
    s->has_sample = 1;
    s->sampled_us = *time_us;
    return 1;
}

static int is_between(double v, double min, double max) {
    return v >= min && v <= max;
}

/* What a row adds to the sums of the fleet and of its battery. */
static evtwin__sums sums_of(const evtwin__watch *w, const double *x) {
    evtwin__sums s = {0};
    const evtwin__curve *c = &w->bundle->curve;
    const double rest = evtwin__curve_rest(c, &w->at, x);
    const double power = evtwin__power_factor(&w->at, x);
    if (isfinite(rest)) {
        const double i_A = x[w->at.current], slack = 0.01 * (c->max_V - c->min_V);
        s.n_rest = 1.0;
        s.n_off = is_between(rest, c->min_V - slack, c->max_V + slack) ? 0.0 : 1.0;
        s.n_flipped = s.n_off > 0.0 && is_between(rest - 2.0 * c->resistance_ohm * i_A,
                                                  c->min_V - slack, c->max_V + slack);
        s.rest = rest;
        s.i = i_A;
        s.ii = i_A * i_A;
        s.i_rest = i_A * rest;
    }
    if (power > 0.0 && isfinite(power)) {
        s.n_power = 1.0;
        s.n_power_off = evtwin__drift_is_power_off(w->bundle, power);
        s.log_power = s.n_power_off > 0.0 ? log(power) : 0.0;
    }
    return s;
}

/* The change of the state of charge since the battery's last row, times the charge that went in.
 * Rows that are not later say nothing. */
static void add_step(const evtwin__watch *w, const double *x, int64_t time_us,
                     evtwin__watch_battery *last, evtwin__sums *s) {
    if (w->at.soc == EVTWIN_NO_COLUMN || w->at.current == EVTWIN_NO_COLUMN ||
        !isfinite(x[w->at.soc]) || !isfinite(x[w->at.current]) ||
        (last->has_last && time_us <= last->time_us)) {
        return;
    }
    const double soc = x[w->at.soc], current = x[w->at.current];
    const double dt_s = last->has_last ? 1e-6 * ((double)time_us - (double)last->time_us) : 0.0;
    const double mean_A = 0.5 * (current + last->current);
    if (last->has_last && dt_s <= evtwin__drift_LONGEST_STEP_S && soc != last->soc &&
        fabs(mean_A) >= evtwin__drift_LEAST_CURRENT_A) { /* less may be the sensor's offset */
        const double step = (soc - last->soc) * -mean_A * dt_s;
        s->n_steps = 1.0;
        s->step = step;
        s->abs_step = fabs(step);
    }
    last->has_last = 1;
    last->time_us = time_us;
    last->soc = soc;
    last->current = current;
}

static void add(evtwin__sums *to, const evtwin__sums *what) {
    double *t = (double *)to;
    const double *v = (const double *)what;
    for (size_t k = 0; k < EVTWIN__N_SUMS; k++) {
        t[k] += v[k];
    }
}

/* The battery's pending counts, made of the committed ones. */
static evtwin__watch_battery *move_battery(evtwin__watch *w, int32_t number) {
    const size_t b = (size_t)number;
    evtwin__watch_battery *s = evtwin__watch_at(w, b, 1);
    if (!w->is_moved[b]) {
        memcpy(s, evtwin__watch_at(w, b, 0), w->stride);
        w->is_moved[b] = 1;
        w->moved[w->n_moved++] = number;
    }
    return s;
}

/* The columns that say whose row it is, and when. */
typedef struct keys {
    const evtwin_table *table;
    size_t id_col, time_col;
    const int32_t *code;
    const int64_t *time_us;
    int32_t last_code, last_number;
} keys;

static keys find_keys(const evtwin_table *table) {
    keys k = {.table = table, .last_code = -1, .last_number = NO_BATTERY};
    k.id_col = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_BATTERY_ID].name);
    k.time_col = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_TIME].name);
    k.code = evtwin_table_codes(table, k.id_col);
    k.time_us = evtwin_table_type(table, k.time_col) == EVTWIN_TIME
                    ? evtwin_table_i64(table, k.time_col)
                    : NULL;
    return k;
}

/* The id of a row; NULL if it has none, or that of the row before (is_same). */
static const char *id_of(keys *k, size_t row, int *is_same) {
    *is_same = 0;
    if (k->code == NULL || !evtwin_table_is_valid(k->table, k->id_col, row)) {
        return NULL;
    }
    *is_same = k->code[row] == k->last_code;
    k->last_code = k->code[row];
    return *is_same ? NULL : evtwin_table_dict_text(k->table, k->id_col, k->last_code);
}

/* Of too many batteries, only the fleet's counts have the last ones. */
evtwin_status evtwin__watch_reserve(evtwin__watch *watch, const evtwin_table *table) {
    keys k = find_keys(table);
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        int is_same;
        int32_t number;
        const char *id = id_of(&k, r, &is_same);
        if (id != NULL && watch->ids.n < watch->max_batteries) {
            EVTWIN_TRY(make_room(watch, watch->ids.n + 1));
            EVTWIN_TRY(evtwin__dict_intern(&watch->ids, id, strlen(id), &number));
        }
    }
    return EVTWIN_OK;
}

/* The battery of a row; NO_BATTERY if it has none, or is one too many. */
static int32_t battery_of(const evtwin__watch *w, keys *k, size_t row) {
    int is_same;
    const char *id = id_of(k, row, &is_same);
    if (id != NULL) {
        k->last_number = evtwin__dict_find(&w->ids, id, strlen(id));
    }
    return id != NULL || is_same ? k->last_number : NO_BATTERY;
}

static void take_row(evtwin__watch *w, keys *k, size_t row, const double *x) {
    const int32_t number = battery_of(w, k, row);
    evtwin__watch_battery *s = number != NO_BATTERY ? move_battery(w, number) : NULL;
    const int has_time = k->time_us != NULL && evtwin_table_is_valid(k->table, k->time_col, row);
    const int64_t *time_us = has_time ? &k->time_us[row] : NULL;
    count_features(w, x, is_sampled(time_us, s), s);
    evtwin__sums sums = sums_of(w, x);
    if (s != NULL && has_time) {
        add_step(w, x, *time_us, s, &sums);
    }
    add(&w->next->sums, &sums);
    if (s != NULL) {
        add(&s->sums, &sums);
    }
}

void evtwin__watch_observe(evtwin__watch *watch, const evtwin_table *table) {
    double x[BLOCK_VALUES];
    const size_t cols = watch->in.n, rows = evtwin_table_rows(table);
    const size_t block = BLOCK_VALUES / cols;
    keys k = find_keys(table);
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        evtwin__features_read(watch->in.features, table, first, n, x);
        for (size_t r = 0; r < n; r++) {
            take_row(watch, &k, first + r, x + r * cols);
        }
    }
}

/* ---- commit, roll back ---- */

static void halve_sums(evtwin__sums *s) {
    double *v = (double *)s;
    for (size_t k = 0; k < EVTWIN__N_SUMS; k++) {
        v[k] *= 0.5;
    }
}

/* Old rows count ever less. */
static void forget_fleet(const evtwin__watch *w, evtwin__watch_fleet *f) {
    const double window = evtwin__drift_SAMPLE_WINDOW * fmax((double)w->ids.n, 1.0);
    for (size_t i = 0; i < w->in.n; i++) {
        evtwin__tally *t = &f->feature[i].recent;
        if (t->n + t->n_impossible > evtwin__drift_FLEET_WINDOW) {
            t->n *= 0.5;
            t->n_impossible *= 0.5;
            t->n_outside *= 0.5;
        }
        if (t->n_sampled > window) {
            t->n_sampled *= 0.5;
            for (size_t b = 0; b < EVTWIN__HISTOGRAM_BINS; b++) {
                t->bin[b] *= 0.5;
            }
        }
    }
    if (fmax(f->sums.n_rest, f->sums.n_power) > evtwin__drift_FLEET_WINDOW) {
        halve_sums(&f->sums);
    }
}

static void forget_battery(const evtwin__watch *w, evtwin__watch_battery *s) {
    for (size_t i = 0; i < w->in.n; i++) {
        if ((double)(s->feature[i].n + s->feature[i].n_impossible) > evtwin__drift_BATTERY_WINDOW) {
            s->feature[i].n *= 0.5F;
            s->feature[i].n_impossible *= 0.5F;
            s->feature[i].n_outside *= 0.5F;
        }
    }
    if (fmax(s->sums.n_rest, s->sums.n_power) > evtwin__drift_BATTERY_WINDOW) {
        halve_sums(&s->sums);
    }
}

void evtwin__watch_keep_fleet(evtwin__watch *w) {
    forget_fleet(w, w->next);
    memcpy(w->now, w->next, w->fleet_size);
}

size_t evtwin__watch_keep_moved(evtwin__watch *w, size_t i) {
    const size_t b = (size_t)w->moved[i];
    forget_battery(w, evtwin__watch_at(w, b, 1));
    memcpy(evtwin__watch_at(w, b, 0), evtwin__watch_at(w, b, 1), w->stride);
    w->is_moved[b] = 0;
    return b;
}

void evtwin__watch_rollback(evtwin__watch *watch) {
    memcpy(watch->next, watch->now, watch->fleet_size);
    while (watch->n_moved > 0) {
        watch->is_moved[watch->moved[--watch->n_moved]] = 0;
    }
}
