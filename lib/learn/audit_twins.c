/* SPDX-License-Identifier: MIT */
/* learn/audit_twins.c: one battery under two names, also with noise on its sensors: batteries that
 * take the same steps, found by fingerprints. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <stdlib.h>

enum {
    MAX_SENSORS = 4,
    BAND_ROWS = 4,  /* steps whose signs are a fingerprint, with all sensors */
    MAX_BANDS = 16, /* fingerprints of a battery */
    MIN_STEPS = 15,
    MAX_STEPS = 200, /* that are compared */
    NEAR = 8,        /* batteries of one fingerprint that one is compared with */
    N_OTHERS = 200   /* pairs to compare with */
};

typedef struct sensors {
    const evtwin__audit *a;
    size_t n;
    double *v[MAX_SENSORS]; /* (rows) */
} sensors;

static size_t steps_of(const evtwin__audit *a, size_t b) {
    return a->start[b + 1] - a->start[b] - 1;
}

/* ---- sensors that go up and down ---- */

static int goes_both_ways(const evtwin__audit *a, const double *v) {
    size_t n_rises = 0, n = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        for (size_t k = a->start[b] + 1; k < a->start[b + 1]; k++) {
            n_rises += v[k] > v[k - 1];
            n++;
        }
    }
    return 10 * n_rises >= 3 * n && 10 * n_rises <= 7 * n;
}

static evtwin_status pick_sensors(const evtwin__audit *a, sensors *s) {
    for (size_t i = 0; i < a->data->cols && s->n < MAX_SENSORS; i++) {
        double *v = s->v[s->n] != NULL ? s->v[s->n] : evtwin__calloc(a->n, sizeof *v);
        EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
        s->v[s->n] = v;
        evtwin__audit_column(a, evtwin__audit_feature_column(a, i), v);
        s->n += (size_t)goes_both_ways(a, v);
    }
    return EVTWIN_OK;
}

/* ---- how alike two batteries are ---- */

typedef struct alike {
    double r; /* mean over the sensors; 0 of too few steps */
    size_t n;
} alike;

/* From their rows at_x and at_y on. */
static alike compare_from(const sensors *s, size_t x, size_t at_x, size_t y, size_t at_y) {
    const evtwin__audit *a = s->a;
    const size_t n_x = steps_of(a, x) - at_x, n_y = steps_of(a, y) - at_y;
    size_t n = n_x < n_y ? n_x : n_y;
    n = n < MAX_STEPS ? n : MAX_STEPS;
    alike result = {.n = n};
    for (size_t i = 0; i < s->n; i++) {
        const double *p = s->v[i] + a->start[x] + at_x, *q = s->v[i] + a->start[y] + at_y;
        evtwin__pairs pairs = {0};
        for (size_t k = 1; k <= n; k++) {
            const double dp = p[k] - p[k - 1], dq = q[k] - q[k - 1];
            if (!isnan(dp + dq)) {
                evtwin__pairs_add(&pairs, dp, dq);
            }
        }
        result.r += pairs.n >= MIN_STEPS ? evtwin__pairs_r(&pairs) / (double)s->n : 0.0;
    }
    return result;
}

static alike compare(const sensors *s, size_t x, size_t y) {
    return compare_from(s, x, 0, y, 0);
}

/* The most alike of pairs that are spread over the file. */
static double most_alike_by_chance(const sensors *s) {
    const size_t n = s->a->n_batteries, stride = n / N_OTHERS + 1;
    double most = 0.0;
    for (size_t b = 0; b < n; b += stride) {
        const size_t other = (b + 1 + n / 3) % n;
        const alike one = compare(s, b, other);
        /* a fleet that is there twice, one copy below the other, has twins among them */
        most = other != b && one.r > most && one.r < 0.5 ? one.r : most;
    }
    return most;
}

/* Share of such pairs that are as alike as twins would be: then all are, by what they all do. */
static int are_all_alike(const sensors *s) {
    const size_t n = s->a->n_batteries, stride = n / N_OTHERS + 1;
    size_t n_alike = 0, n_pairs = 0;
    for (size_t b = 0; b < n; b += stride) {
        for (size_t step = 1; step <= 2; step++) { /* a twin is one of them at most */
            const size_t other = (b + step * (1 + n / 3)) % n;
            n_pairs += other != b;
            n_alike += other != b && compare(s, b, other).r > 0.5;
        }
    }
    return 20 * n_alike > 13 * n_pairs;
}

/* By so much, and no chance among thousands of pairs: Fisher's z > 5. The sensors of one step
 * depend on each other. */
static int is_alike(const alike *how, double enough) {
    return how->r > enough && atanh(fmin(how->r, 0.999999)) * sqrt((double)how->n) > 5.0;
}

/* Equal, or one is the other rounded. */
static int is_same_label(double p, double q) {
    return fabs(p - q) <= 1e-6 * fabs(p) ||
           (fabs(p - q) < 1.0 && (floor(p) == q || ceil(p) == q || floor(q) == p || ceil(q) == p) &&
            (p != floor(p) || q != floor(q)));
}

/* The label of a battery's row; NaN = none. */
static double label_at(const evtwin__audit *a, const double *label, size_t battery, size_t k) {
    return label[a->order[a->start[battery] + k]];
}

/* The same life: where labels that are known of both change, they are equal. Cells of one programme
 * may take the same steps, but do not end at the same time; a flag that stays as it is tells
 * nothing. */
static int have_one_life(const evtwin__audit *a, size_t x, size_t at_x, size_t y, size_t at_y) {
    const size_t n_x = steps_of(a, x) + 1 - at_x, n_y = steps_of(a, y) + 1 - at_y;
    const size_t n = n_x < n_y ? n_x : n_y;
    size_t n_known = 0, n_same = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const double *label = a->data->label[t].y;
        double p_before = NAN, q_before = NAN;
        for (size_t k = 0; label != NULL && k < n; k++) {
            const double p = label_at(a, label, x, at_x + k), q = label_at(a, label, y, at_y + k);
            if (p != p_before || q != q_before) {
                n_known += !isnan(p) && !isnan(q);
                n_same += is_same_label(p, q);
            }
            p_before = p;
            q_before = q;
        }
    }
    return 20 * (n_known - n_same) <= n_known;
}

/* Do several of a battery's neighbours in the file take its steps too? Then a programme does it. */
static int has_company(const sensors *s, size_t x, size_t y) {
    enum { REACH = 4, COMPANY = 3 };
    size_t n = 0;
    for (size_t b = y > REACH ? y - REACH : 0; b <= y + REACH && b < s->a->n_batteries; b++) {
        n += b != x && b != y && compare(s, b, y).r > 0.5;
    }
    return n >= COMPANY;
}

/* ---- fingerprints ---- */

typedef struct fingerprint {
    uint32_t band, bits;
    size_t battery;
} fingerprint;

static int compare_fingerprints(const void *a, const void *b) {
    const fingerprint *x = a, *y = b;
    int order = (x->band > y->band) - (x->band < y->band);
    order = order != 0 ? order : (x->bits > y->bits) - (x->bits < y->bits);
    return order != 0 ? order : (x->battery > y->battery) - (x->battery < y->battery);
}

static uint32_t signs(const sensors *s, size_t battery, size_t band) {
    uint32_t bits = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double *v = s->v[i] + s->a->start[battery] + band * BAND_ROWS;
        for (size_t k = 0; k < BAND_ROWS; k++) {
            bits = bits << 1 | (v[k + 1] > v[k]);
        }
    }
    return bits;
}

static size_t make_fingerprints(const sensors *s, fingerprint *list) {
    size_t n = 0;
    for (size_t b = 0; b < s->a->n_batteries; b++) {
        for (size_t band = 0; band < MAX_BANDS && (band + 1) * BAND_ROWS <= steps_of(s->a, b) &&
                              steps_of(s->a, b) >= MIN_STEPS;
             band++) {
            list[n++] = (fingerprint){(uint32_t)band, signs(s, b, band), b};
        }
    }
    qsort(list, n, sizeof *list, compare_fingerprints);
    return n;
}

/* ---- twins ---- */

typedef struct twins {
    size_t n, first[2];
    alike how;
} twins;

static void match(const sensors *s, const fingerprint *list, size_t n, double enough,
                  uint8_t *is_twin, twins *out) {
    for (size_t i = 1; i < n; i++) {
        for (size_t back = 1; back <= NEAR && back <= i; back++) {
            const fingerprint *x = &list[i - back], *y = &list[i];
            if (x->band != y->band || x->bits != y->bits) {
                break;
            }
            if (is_twin[y->battery]) {
                continue;
            }
            const alike how = compare(s, x->battery, y->battery);
            if (is_alike(&how, enough) && have_one_life(s->a, x->battery, 0, y->battery, 0) &&
                !has_company(s, x->battery, y->battery)) {
                is_twin[y->battery] = 1;
                if (out->n++ == 0) {
                    out->first[0] = y->battery;
                    out->first[1] = x->battery;
                    out->how = how;
                }
            }
        }
    }
}

/* ---- twins whose records do not begin at the same row ---- */

/* The signs of 24 steps and more, at rows that these signs themselves choose, so that both twins
 * choose the same. */
enum { PRINT_ROWS = 8, MAX_PRINTS = 16, LAST_ROW = 400 };

static size_t make_moved_prints(const sensors *s, fingerprint *list) {
    size_t n = 0;
    for (size_t b = 0; b < s->a->n_batteries; b++) {
        size_t n_prints = 0;
        for (size_t at = 0; n_prints < MAX_PRINTS && at + PRINT_ROWS <= steps_of(s->a, b) &&
                            at < LAST_ROW && steps_of(s->a, b) >= MIN_STEPS;
             at++) {
            uint32_t bits = 1;
            for (size_t i = 0; i < s->n; i++) {
                const double *v = s->v[i] + s->a->start[b] + at;
                for (size_t k = 0; k < PRINT_ROWS; k++) {
                    bits = bits * UINT32_C(0x9E3779B1) + (v[k + 1] > v[k]) + 1;
                }
            }
            bits ^= bits >> 15;
            if (bits % 4 == 0) {
                list[n++] = (fingerprint){bits, (uint32_t)at, b};
                n_prints++;
            }
        }
    }
    qsort(list, n, sizeof *list, compare_fingerprints);
    return n;
}

/* As match(), of prints that are alike (band) at other rows (bits) of two batteries. */
static void match_moved(const sensors *s, const fingerprint *list, size_t n, double enough,
                        uint8_t *is_twin, twins *out) {
    for (size_t i = 1; i < n; i++) {
        const fingerprint *x = &list[i - 1], *y = &list[i];
        const size_t twin = x->battery > y->battery ? x->battery : y->battery;
        if (x->band != y->band || x->bits == y->bits || x->battery == y->battery ||
            is_twin[x->battery] || is_twin[y->battery]) {
            continue;
        }
        const alike how = compare_from(s, x->battery, x->bits, y->battery, y->bits);
        if (is_alike(&how, enough) && how.n >= MIN_STEPS &&
            have_one_life(s->a, x->battery, x->bits, y->battery, y->bits) &&
            !has_company(s, x->battery, y->battery)) {
            is_twin[twin] = 1;
            if (out->n++ == 0) {
                out->first[0] = twin;
                out->first[1] = x->battery + y->battery - twin;
                out->how = how;
            }
        }
    }
}

static evtwin_status find_twins(const sensors *s) {
    const evtwin__audit *a = s->a;
    fingerprint *list = evtwin__calloc(a->n_batteries, MAX_BANDS * sizeof *list);
    uint8_t *is_twin = evtwin__calloc(a->n_batteries, 1);
    const int has_memory = list != NULL && is_twin != NULL;
    twins t = {.n = 0};
    double by_chance = 0.0;
    if (has_memory && !are_all_alike(s)) {
        by_chance = most_alike_by_chance(s);
        const double enough = by_chance < 0.0 ? 0.5 : 0.5 + 0.5 * by_chance;
        match(s, list, make_fingerprints(s, list), enough, is_twin, &t);
        match_moved(s, list, make_moved_prints(s, list), enough, is_twin, &t);
    }
    evtwin__free(list);
    evtwin__free(is_twin);
    EVTWIN_FAIL_IF(!has_memory, EVTWIN_E_NOMEM, "out of memory for %zu batteries", a->n_batteries);
    return t.n == 0
               ? EVTWIN_OK
               : FIND(a->trainer, SAME_BATTERY, NULL, TEXT(evtwin__audit_battery(a, t.first[0])),
                      TEXT(evtwin__audit_battery(a, t.first[1])), FIGURE(t.how.r, 2),
                      COUNT(t.how.n + 1), FIGURE(by_chance, 2), COUNT(t.n));
}

evtwin_status evtwin__audit_twins(const evtwin__audit *a) {
    sensors s = {.a = a};
    evtwin_status st = EVTWIN_OK;
    if (!a->is_one_series && a->n_batteries > 1) {
        st = pick_sensors(a, &s);
        st = st >= 0 && s.n > 1 ? find_twins(&s) : st;
    }
    for (size_t i = 0; i < MAX_SENSORS; i++) {
        evtwin__free(s.v[i]);
    }
    return st;
}
