/* SPDX-License-Identifier: MIT */
/* learn/audit_sensors.c: sensors that are stuck, and signs that differ between batteries. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <string.h>

/* ---- stuck ---- */

typedef struct run {
    size_t first, n;
} run;

/* A quantity that repeats in more of the rows moves slowly and rests by itself: only where it never
 * moves is it judged. */
#define SLOW 0.2

/* Longest run of equal values in a battery. */
static run longest_run(const evtwin__audit *a, const double *v, size_t b) {
    run longest = {a->start[b], 0}, now = longest;
    for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
        const int goes_on = k > a->start[b] && v[k] == v[k - 1];
        now = goes_on ? (run){now.first, now.n + 1} : (run){k, 1};
        longest = now.n > longest.n ? now : longest;
    }
    return longest;
}

static int is_long(const evtwin__audit *a, size_t b, const run *r) {
    return r->n >= 20 && 10 * r->n >= a->start[b + 1] - a->start[b];
}

static size_t repeats_of(const evtwin__audit *a, const double *v, size_t b) {
    size_t n = 0;
    for (size_t k = a->start[b] + 1; k < a->start[b + 1]; k++) {
        n += v[k] == v[k - 1];
    }
    return n;
}

/* What a run must be longer than: for a chance below 1e-9 among all rows, by the share of repeats
 * in the batteries (the median of them, since some are stuck), and to stand out among them. */
static double longest_by_chance(const evtwin__audit *a, const double *v, double *scratch,
                                double *share_out) {
    size_t n = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t steps = a->start[b + 1] - a->start[b] - 1;
        if (steps > 0) {
            scratch[n++] = (double)repeats_of(a, v, b) / (double)steps;
        }
    }
    const double share = n > 0 ? evtwin__select_median(scratch, n) : 1.0;
    const double least = 1e-3; /* no fewer are seen in a battery of some hundred rows */
    *share_out = share;
    if (share >= 1.0) {
        return INFINITY;
    }
    const double limit = log(1e-9 / (double)a->n) / log(share > least ? share : least);
    for (size_t b = 0; b < a->n_batteries; b++) {
        scratch[b] = (double)longest_run(a, v, b).n;
    }
    const double usual = evtwin__select_quantile(scratch, a->n_batteries, 0.75);
    return limit > 5.0 * usual ? limit : 5.0 * usual;
}

static int is_one_value(const evtwin__audit *a, const double *v, double *value_out) {
    double first = NAN;
    for (size_t k = 0; k < a->n; k++) {
        first = isnan(first) ? v[k] : first;
        if (!isnan(v[k]) && v[k] != first) {
            return 0;
        }
    }
    *value_out = first;
    return !isnan(first);
}

/* A run is long in one battery where it is not in the most: a quantity that rests in all of them (a
 * counter, a flag, a charge that is full) is none. */
static evtwin_status find_stuck(const evtwin__audit *a, const char *name, const double *v,
                                double *scratch) {
    double value, share;
    size_t n_stuck = 0, n_long = 0, battery = 0;
    run first = {0, 0};
    if (a->n >= 100 && is_one_value(a, v, &value)) {
        return FIND(a->trainer, CONSTANT, name, TEXT(name), DIGITS(value, 6), COUNT(a->n));
    }
    const double limit = longest_by_chance(a, v, scratch, &share);
    for (size_t b = 0; b < a->n_batteries; b++) {
        const run r = longest_run(a, v, b);
        const int is_whole = 10 * r.n >= 9 * (a->start[b + 1] - a->start[b]);
        if (!is_long(a, b, &r) || (share > SLOW && !is_whole)) {
            continue;
        }
        n_long++;
        if ((double)r.n > limit && n_stuck++ == 0) {
            first = r;
            battery = b;
        }
    }
    if (n_stuck == 0 || (a->n_batteries > 1 && 2 * n_long > a->n_batteries)) {
        return EVTWIN_OK;
    }
    return FIND(a->trainer, STUCK, name, TEXT(name), DIGITS(v[first.first], 6), COUNT(first.n),
                TEXT(evtwin__audit_battery(a, battery)), COUNT(n_stuck));
}

/* ---- signs ---- */

enum { MIN_ROWS = 20 };

/* How two columns go together in a battery; 0 of too few rows. */
static double correlation(const evtwin__audit *a, const double *x, const double *y, size_t b) {
    evtwin__pairs p = {0};
    for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
        if (!isnan(x[k]) && !isnan(y[k])) {
            evtwin__pairs_add(&p, x[k], y[k]);
        }
    }
    return p.n >= MIN_ROWS ? evtwin__pairs_r(&p) : 0.0;
}

/* Two groups of batteries: clearly one way and clearly the other. The fewer are the odd ones. */
typedef struct ways {
    size_t n[2], first[2]; /* below -0.3, above 0.3 */
} ways;

static void count_way(ways *w, size_t battery, double r) {
    if (fabs(r) > 0.3) {
        w->first[r > 0.0] = w->n[r > 0.0]++ == 0 ? battery : w->first[r > 0.0];
    }
}

/* Which of the two is odd; -1: all go one way, or it is not clear. */
static int odd_way(const ways *w, size_t n_batteries) {
    const int odd = w->n[0] > w->n[1];
    return w->n[0] == 0 || w->n[1] == 0 || 2 * (w->n[0] + w->n[1]) < n_batteries ? -1 : odd;
}

static size_t find_column(const evtwin__audit *a, size_t quantity) {
    return evtwin_telemetry_find(a->data->table, evtwin__schema[quantity].name);
}

static int is_feature(const evtwin__audit *a, size_t quantity) {
    for (size_t i = 0; i < a->data->cols; i++) {
        if (strcmp(a->trainer->bundle.feature[i].name, evtwin__schema[quantity].name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* y goes with x one way by nature; x is the suspect. */
static evtwin_status find_odd(const evtwin__audit *a, evtwin__finding_id id, size_t suspect,
                              const double *x, const double *y) {
    const char *name = evtwin_table_name(a->data->table, suspect);
    ways w = {.n = {0}};
    for (size_t b = 0; b < a->n_batteries; b++) {
        count_way(&w, b, correlation(a, x, y, b));
    }
    const int odd = odd_way(&w, a->n_batteries);
    return odd < 0 ? EVTWIN_OK
                   : evtwin__find(a->trainer, id, name,
                                  (const evtwin__argument[]){
                                      TEXT(name), COUNT(w.n[odd]), COUNT(a->n_batteries),
                                      TEXT(evtwin__audit_battery(a, w.first[odd]))});
}

/* What of the voltage SoC does not give: y = voltage - slope x SoC, in each battery by itself. */
static void take_rest(const evtwin__audit *a, const double *soc, double *voltage) {
    for (size_t b = 0; b < a->n_batteries; b++) {
        evtwin__pairs p = {0};
        for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
            if (!isnan(soc[k]) && !isnan(voltage[k])) {
                evtwin__pairs_add(&p, soc[k], voltage[k]);
            }
        }
        for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
            voltage[k] -= evtwin__pairs_slope(&p) * soc[k];
        }
    }
}

/* x, y: (n) */
static evtwin_status find_signs(const evtwin__audit *a, double *x, double *y) {
    const size_t soc = find_column(a, EVTWIN__Q_SOC), voltage = find_column(a, EVTWIN__Q_VOLTAGE);
    const size_t current = find_column(a, EVTWIN__Q_CURRENT);
    const size_t is_charging = find_column(a, EVTWIN__Q_IS_CHARGING);
    if (soc != EVTWIN_NO_COLUMN && voltage != EVTWIN_NO_COLUMN && is_feature(a, EVTWIN__Q_SOC)) {
        evtwin__audit_column(a, soc, x);
        evtwin__audit_column(a, voltage, y);
        EVTWIN_TRY(find_odd(a, EVTWIN__FIND_SIGN_OF_SOC, soc, x, y));
    }
    if (current == EVTWIN_NO_COLUMN || !is_feature(a, EVTWIN__Q_CURRENT)) {
        return EVTWIN_OK;
    }
    if (is_charging != EVTWIN_NO_COLUMN) {
        evtwin__audit_column(a, is_charging, y);
    } else if (soc != EVTWIN_NO_COLUMN && voltage != EVTWIN_NO_COLUMN) {
        evtwin__audit_column(a, soc, x);
        evtwin__audit_column(a, voltage, y);
        take_rest(a, x, y);
    } else {
        return EVTWIN_OK;
    }
    evtwin__audit_column(a, current, x);
    return find_odd(a, EVTWIN__FIND_SIGN_OF_CURRENT, current, x, y);
}

/* ---- each feature ---- */

evtwin_status evtwin__audit_sensors(const evtwin__audit *a) {
    const size_t room = a->n > a->n_batteries ? a->n : a->n_batteries;
    double *v = evtwin__calloc(room, 2 * sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < a->data->cols && st >= 0; i++) {
        const size_t col = evtwin__audit_feature_column(a, i);
        evtwin__audit_column(a, col, v);
        st = find_stuck(a, evtwin_table_name(a->data->table, col), v, v + room);
    }
    if (st >= 0 && a->n_batteries > 1) {
        st = find_signs(a, v, v + room);
    }
    evtwin__free(v);
    return st;
}
