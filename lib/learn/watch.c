/* SPDX-License-Identifier: MIT */
/* learn/watch.c: live data beside the training data: values outside its range, another
 * distribution, voltage, current, power and state of charge that do not belong together; of the
 * fleet and of each battery. Counted, never converted. learn/drift.c judges. */

#include "learn/watch.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/drift.h"
#include "learn/features.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LOGGED = 10, BLOCK_VALUES = 4096, NO_BATTERY = -1 };
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)BLOCK_VALUES, "a row fits in a block");

/* What there was of the fleet. total counts all, recent is halved now and then. */
typedef struct feature_tally {
    evtwin__tally total, recent;
} feature_tally;

typedef struct fleet {
    evtwin__sums sums;
    feature_tally feature[]; /* (inputs) */
} fleet;

/* What there was of one battery. */
typedef struct seen {
    int64_t time_us; /* of its newest row, with these */
    double soc, current;
    int has_last;
    unsigned told; /* causes that were logged, as bits */
    evtwin__sums sums;
    struct {
        float n, n_outside;
    } feature[]; /* (inputs) */
} seen;

/* What a value can be: beyond, it gets no prediction and does not count. */
typedef struct limits {
    double min, max;
    double n_logged; /* values outside when that was logged last */
    unsigned told;
    int is_in_fleet; /* the fleet has a finding about it */
} limits;

struct evtwin__watch {
    const evtwin__bundle *bundle;
    evtwin__inputs in; /* of the bundle */
    evtwin__places at;
    fleet *now, *next; /* committed; with what is pending */
    evtwin__dict ids;
    size_t max_batteries, capacity;
    char *batteries;                    /* (capacity) pairs of seen: committed, pending */
    int32_t *moved;                     /* (n_moved of capacity) */
    uint8_t *is_moved;                  /* (capacity) */
    size_t n_moved, fleet_size, stride; /* bytes */
    unsigned told;                      /* of what belongs together */
    limits feature[];                   /* (inputs) */
};

static seen *battery_at(const evtwin__watch *w, size_t number, int is_pending) {
    return (seen *)(void *)(w->batteries + (2 * number + (size_t)is_pending) * w->stride);
}

static evtwin_status make_room(evtwin__watch *w, size_t wanted) {
    if (wanted <= w->capacity) {
        return EVTWIN_OK;
    }
    const size_t n = 2 * wanted;
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

static limits possible_values(const evtwin__bundle_feature *f) {
    const size_t q = evtwin__quantity_by_name(f->name);
    const int is_known = q < EVTWIN__Q_COUNT;
    const double max = is_known ? evtwin__schema[q].max : (double)NAN;
    /* a power whose source has it signed keeps its sign */
    const double min = !is_known                   ? (double)NAN
                       : strcmp(f->unit, "W") == 0 ? -max
                                                   : evtwin__schema[q].min;
    return (limits){.min = isnan(min) ? -INFINITY : min, .max = isnan(max) ? INFINITY : max};
}

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
    w->fleet_size = sizeof(fleet) + n * sizeof(feature_tally);
    w->stride = (sizeof(seen) + n * 2 * sizeof(float) + 7) / 8 * 8;
    w->now = evtwin__calloc(1, w->fleet_size);
    w->next = evtwin__calloc(1, w->fleet_size);
    if (w->now == NULL || w->next == NULL) {
        evtwin__watch_free(w);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to watch %zu features", n);
    }
    int has_range = 0;
    for (size_t i = 0; i < n; i++) {
        w->feature[i] = possible_values(&in.feature[i]);
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

static void count_features(evtwin__watch *w, const double *x, seen *s) {
    for (size_t i = 0; i < w->in.n; i++) {
        const evtwin__bundle_feature *f = &w->in.feature[i];
        const double v = x[i];
        if (!isfinite(v) || v < w->feature[i].min || v > w->feature[i].max) {
            continue;
        }
        feature_tally *t = &w->next->feature[i];
        const int is_outside = evtwin__is_outside(f, v);
        count(&t->total, v, is_outside);
        count(&t->recent, v, is_outside);
        t->recent.bin[evtwin__histogram_bin(&f->histogram, v)] += 1.0;
        if (s != NULL) {
            s->feature[i].n += 1.0F;
            s->feature[i].n_outside += (float)is_outside;
        }
    }
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
        s.n_off = rest < c->min_V - slack || rest > c->max_V + slack;
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
static void add_step(const evtwin__watch *w, const double *x, int64_t time_us, seen *last,
                     evtwin__sums *s) {
    if (w->at.soc == EVTWIN_NO_COLUMN || w->at.current == EVTWIN_NO_COLUMN ||
        !isfinite(x[w->at.soc]) || !isfinite(x[w->at.current]) ||
        (last->has_last && time_us <= last->time_us)) {
        return;
    }
    const double soc = x[w->at.soc], current = x[w->at.current];
    const double dt_s = last->has_last ? 1e-6 * ((double)time_us - (double)last->time_us) : 0.0;
    if (last->has_last && dt_s <= evtwin__drift_LONGEST_STEP_S && soc != last->soc) {
        const double step = (soc - last->soc) * -0.5 * (current + last->current) * dt_s;
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
static seen *move_battery(evtwin__watch *w, int32_t number) {
    const size_t b = (size_t)number;
    seen *s = battery_at(w, b, 1);
    if (!w->is_moved[b]) {
        memcpy(s, battery_at(w, b, 0), w->stride);
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
    seen *s = number != NO_BATTERY ? move_battery(w, number) : NULL;
    count_features(w, x, s);
    evtwin__sums sums = sums_of(w, x);
    if (s != NULL && k->time_us != NULL && evtwin_table_is_valid(k->table, k->time_col, row)) {
        add_step(w, x, k->time_us[row], s, &sums);
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

evtwin_feature_range evtwin__watch_range(const evtwin__watch *watch, size_t i) {
    const evtwin__bundle_feature *f = &watch->in.feature[i];
    const feature_tally *t = &watch->now->feature[i];
    const int has_values = t->total.n > 0.0;
    const int has_psi = f->histogram.n_bins > 1 && t->recent.n > 0.0;
    return (evtwin_feature_range){
        .size = sizeof(evtwin_feature_range),
        .feature = f->name,
        .unit = f->unit,
        .trained_min = f->min,
        .trained_max = f->max,
        .n_values = (uint64_t)t->total.n,
        .n_outside = (uint64_t)t->total.n_outside,
        .min = has_values ? t->total.min : (double)NAN,
        .max = has_values ? t->total.max : (double)NAN,
        .looks_like_fraction =
            evtwin__is_like_fraction(f->unit, (size_t)t->total.n, t->total.min, t->total.max),
        .psi = has_psi ? evtwin__histogram_psi(&f->histogram, t->recent.bin) : (double)NAN,
        .psi_limit =
            has_psi ? evtwin__drift_psi_limit(watch->bundle, i, watch->ids.n) : (double)NAN};
}

/* ---- findings ---- */

typedef evtwin_status (*on_finding)(void *ctx, const char *battery, const evtwin__drift *d);

/* What is unlike the training data in the fleet. */
static evtwin_status visit_fleet(const evtwin__watch *w, on_finding visit, void *ctx) {
    evtwin__drift d[EVTWIN__N_TOGETHER];
    for (size_t i = 0; i < w->in.n; i++) {
        const feature_tally *t = &w->now->feature[i];
        evtwin__drift_of_feature(w->bundle, i, &t->total, &t->recent, w->ids.n, &d[0]);
        EVTWIN_TRY(d[0].cause != EVTWIN__DRIFT_NONE ? visit(ctx, NULL, &d[0]) : EVTWIN_OK);
    }
    const size_t n = evtwin__drift_of_sums(w->bundle, &w->now->sums, d);
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(visit(ctx, NULL, &d[k]));
    }
    return EVTWIN_OK;
}

static evtwin_status visit_battery(const evtwin__watch *w, size_t number, on_finding visit,
                                   void *ctx) {
    evtwin__drift d[EVTWIN__N_TOGETHER];
    const seen *s = battery_at(w, number, 0);
    const char *id = evtwin__dict_text(&w->ids, number);
    for (size_t i = 0; i < w->in.n; i++) {
        evtwin__drift_of_battery(w->bundle, i, (double)s->feature[i].n,
                                 (double)s->feature[i].n_outside, &d[0]);
        EVTWIN_TRY(d[0].cause != EVTWIN__DRIFT_NONE ? visit(ctx, id, &d[0]) : EVTWIN_OK);
    }
    const size_t n = evtwin__drift_of_sums(w->bundle, &s->sums, d);
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(visit(ctx, id, &d[k]));
    }
    return EVTWIN_OK;
}

/* ---- log ---- */

typedef struct logging {
    evtwin__watch *watch;
    unsigned *told;        /* of the battery */
    unsigned fleet_causes; /* found in the fleet by this commit */
    size_t n_logged;
} logging;

static void log_line(logging *l, const char *battery, const char *text) {
    l->n_logged++;
    if (l->n_logged <= MAX_LOGGED) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s%s%s%s", battery != NULL ? "battery " : "",
                    battery != NULL ? battery : "", battery != NULL ? ": " : "", text);
    }
}

static limits *limits_of(const logging *l, const char *quantity) {
    for (size_t i = 0; i < l->watch->in.n; i++) {
        if (l->watch->in.feature[i].name == quantity) {
            return &l->watch->feature[i];
        }
    }
    return NULL;
}

/* Once for each cause; of a range when it begins, then each time that the number of values outside
 * has grown tenfold. */
static evtwin_status log_fleet(void *ctx, const char *battery, const evtwin__drift *d) {
    logging *l = ctx;
    limits *of = limits_of(l, d->quantity);
    unsigned *told = of != NULL ? &of->told : &l->watch->told;
    const unsigned bit = 1u << d->cause;
    int is_new = (*told & bit) == 0;
    if (of != NULL && d->cause == EVTWIN__DRIFT_RANGE) {
        const double n_outside = l->watch->now->feature[of - l->watch->feature].total.n_outside;
        is_new = floor(n_outside / 10.0) >= of->n_logged;
        of->n_logged = is_new ? n_outside : of->n_logged;
    }
    *told |= bit;
    l->fleet_causes |= of == NULL ? bit : 0;
    if (of != NULL) {
        of->is_in_fleet = 1;
    }
    if (is_new) {
        log_line(l, battery, d->text);
    }
    return EVTWIN_OK;
}

/* What the whole fleet has is not said of each battery. */
static evtwin_status log_battery(void *ctx, const char *battery, const evtwin__drift *d) {
    logging *l = ctx;
    const unsigned bit = 1u << d->cause;
    const limits *of = d->cause == EVTWIN__DRIFT_RANGE ? limits_of(l, d->quantity) : NULL;
    if (((*l->told | l->fleet_causes) & bit) == 0 && (of == NULL || !of->is_in_fleet)) {
        *l->told |= bit;
        log_line(l, battery, d->text);
    }
    return EVTWIN_OK;
}

/* ---- commit, roll back ---- */

static void halve_sums(evtwin__sums *s) {
    double *v = (double *)s;
    for (size_t k = 0; k < EVTWIN__N_SUMS; k++) {
        v[k] *= 0.5;
    }
}

/* Old rows count ever less. */
static void forget_fleet(const evtwin__watch *w, fleet *f) {
    for (size_t i = 0; i < w->in.n; i++) {
        evtwin__tally *t = &f->feature[i].recent;
        if (t->n > evtwin__drift_FLEET_WINDOW) {
            t->n *= 0.5;
            t->n_outside *= 0.5;
            for (size_t b = 0; b < EVTWIN__HISTOGRAM_BINS; b++) {
                t->bin[b] *= 0.5;
            }
        }
    }
    if (fmax(f->sums.n_rest, f->sums.n_power) > evtwin__drift_FLEET_WINDOW) {
        halve_sums(&f->sums);
    }
}

static void forget_battery(const evtwin__watch *w, seen *s) {
    for (size_t i = 0; i < w->in.n; i++) {
        if ((double)s->feature[i].n > evtwin__drift_BATTERY_WINDOW) {
            s->feature[i].n *= 0.5F;
            s->feature[i].n_outside *= 0.5F;
        }
    }
    if (fmax(s->sums.n_rest, s->sums.n_power) > evtwin__drift_BATTERY_WINDOW) {
        halve_sums(&s->sums);
    }
}

void evtwin__watch_commit(evtwin__watch *watch) {
    logging l = {.watch = watch};
    forget_fleet(watch, watch->next);
    memcpy(watch->now, watch->next, watch->fleet_size);
    for (size_t i = 0; i < watch->in.n; i++) {
        watch->feature[i].is_in_fleet = 0;
    }
    visit_fleet(watch, log_fleet, &l);
    for (size_t k = 0; k < watch->n_moved; k++) {
        const size_t b = (size_t)watch->moved[k];
        forget_battery(watch, battery_at(watch, b, 1));
        memcpy(battery_at(watch, b, 0), battery_at(watch, b, 1), watch->stride);
        watch->is_moved[b] = 0;
        l.told = &battery_at(watch, b, 0)->told;
        visit_battery(watch, b, log_battery, &l);
    }
    watch->n_moved = 0;
    if (l.n_logged > MAX_LOGGED) {
        evtwin__log(EVTWIN_LOG_WARNING, "and %zu more are unlike the training data",
                    l.n_logged - MAX_LOGGED);
    }
}

void evtwin__watch_rollback(evtwin__watch *watch) {
    memcpy(watch->next, watch->now, watch->fleet_size);
    while (watch->n_moved > 0) {
        watch->is_moved[watch->moved[--watch->n_moved]] = 0;
    }
}

/* ---- as a table ---- */

enum { COL_BATTERY, COL_CAUSE, COL_QUANTITY, COL_VALUE, COL_LIMIT, COL_TEXT, N_COLS };
static const struct {
    const char *name;
    evtwin_type type;
} columns[N_COLS] = {{"battery_id", EVTWIN_TEXT}, {"cause", EVTWIN_TEXT}, {"quantity", EVTWIN_TEXT},
                     {"value", EVTWIN_F64},       {"limit", EVTWIN_F64},  {"text", EVTWIN_TEXT}};

static evtwin_status append(void *ctx, const char *battery, const evtwin__drift *d) {
    evtwin_table *t = ctx;
    const size_t r = evtwin_table_rows(t);
    EVTWIN_TRY(evtwin_table_resize(t, r + 1));
    EVTWIN_TRY(battery != NULL ? evtwin_table_set_text(t, COL_BATTERY, r, battery)
                               : evtwin_table_set_missing(t, COL_BATTERY, r));
    EVTWIN_TRY(evtwin_table_set_text(t, COL_CAUSE, r, evtwin__drift_cause_name(d->cause)));
    EVTWIN_TRY(evtwin_table_set_text(t, COL_QUANTITY, r, d->quantity));
    EVTWIN_TRY(evtwin_table_set_f64(t, COL_VALUE, r, d->value));
    EVTWIN_TRY(evtwin_table_set_f64(t, COL_LIMIT, r, d->limit));
    return evtwin_table_set_text(t, COL_TEXT, r, d->text);
}

static evtwin_status fill_drift(const evtwin__watch *w, evtwin_table *t) {
    for (size_t c = 0; c < N_COLS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(t, columns[c].name, columns[c].type, NULL, NULL));
    }
    EVTWIN_TRY(visit_fleet(w, append, t));
    for (size_t b = 0; b < w->ids.n; b++) {
        EVTWIN_TRY(visit_battery(w, b, append, t));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__watch_drift(const evtwin__watch *watch, evtwin_table **out) {
    evtwin_table *t;
    EVTWIN_TRY(evtwin_table_create(&t));
    const evtwin_status st = fill_drift(watch, t);
    if (st < 0 || evtwin_table_rows(t) == 0) {
        evtwin_table_free(t);
        *out = NULL;
        return st < 0 ? st : EVTWIN_DONE;
    }
    *out = t;
    return EVTWIN_OK;
}
