/* SPDX-License-Identifier: MIT */
/* core/thresholds_judge.c: which limits a row breaks, with the memory of those that were broken. */

#include "core/num.h"
#include "core/schema.h"
#include "core/table.h"
#include "core/threshold_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Those of the quantities that are listed; 0 = not listed. */
static const double margins[EVTWIN__Q_COUNT] = {
#define L(...)
#define M(QUANTITY, margin) [EVTWIN__Q_##QUANTITY] = (margin),
#include "core/thresholds.def"
#undef L
#undef M
};

/* ---- limits that are broken, and stay so ---- */

double evtwin__limit_margin(size_t q, double limit) {
    return margins[q] > 0.0 ? margins[q] : 0.02 * fabs(limit);
}

void evtwin__limit_key(evtwin_threshold_kind kind, size_t q, int is_below, double limit,
                       evtwin_health level, char key[EVTWIN__LIMIT_KEY_SIZE]) {
    char number[EVTWIN__NUM_SIZE];
    const char *const parts[] = {evtwin_threshold_kind_name(kind),
                                 " ",
                                 evtwin__schema[q].name,
                                 is_below ? " < " : " > ",
                                 evtwin__number_text(limit, number),
                                 " ",
                                 evtwin_health_name(level),
                                 "="};
    char *end = key; /* not printf: it is made for every limit of every battery that breaks some */
    size_t room = EVTWIN__LIMIT_KEY_SIZE, n;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && (n = strlen(parts[i])) < room; i++) {
        memcpy(end, parts[i], n + 1);
        end += n;
        room -= n;
    }
}

int evtwin__limit_find(const char *text, const char *key, double *value_out) {
    const char *at = text != NULL ? strstr(text, key) : NULL;
    if (at == NULL) {
        return 0;
    }
    at += strlen(key);
    if (value_out != NULL && !evtwin__parse_f64(at, strcspn(at, ";"), value_out)) {
        *value_out = NAN;
    }
    return 1;
}

/* ---- judging a row ---- */

/* The values of one row, each looked up once: several rules speak of one quantity. */
typedef struct values {
    const evtwin_table *rows;
    size_t row;
    const char *broken; /* the limits that were broken until this row; NULL = not known */
    double of[EVTWIN__Q_COUNT];
    unsigned char is_read[EVTWIN__Q_COUNT];
    signed char judged[EVTWIN__MAX_RULES]; /* of each rule: 1 broken, -1 not, 0 not judged yet */
} values;

static void open_values(values *v, const evtwin_table *rows, size_t row) {
    *v = (values){.rows = rows, .row = row};
    const char *broken =
        evtwin_table_text(rows, evtwin_table_find(rows, EVTWIN__BROKEN_COLUMN), row);
    v->broken = broken != NULL && broken[0] != '\0' ? broken : NULL;
}

static double value_of(const evtwin__rule *r, values *v) {
    if (!v->is_read[r->q]) {
        v->is_read[r->q] = 1;
        v->of[r->q] = evtwin_table_number(
            v->rows, evtwin_table_find(v->rows, evtwin__schema[r->q].name), v->row);
    }
    return v->of[r->q];
}

/* Was the rule broken until this row, and by which value? */
static int was_broken(const evtwin__rule *r, const values *v, double *value_out) {
    char key[EVTWIN__LIMIT_KEY_SIZE];
    if (v->broken == NULL || strstr(v->broken, evtwin__schema[r->q].name) == NULL) {
        return 0; /* as most are: without the cost of a key */
    }
    evtwin__limit_key(r->kind, r->q, r->is_below, r->limit, r->level, key);
    return evtwin__limit_find(v->broken, key, value_out);
}

static int is_beyond(const evtwin__rule *r, double value) {
    return evtwin__limit_is_beyond(r->is_below, r->limit, value);
}

/* Rule i, judged once: several questions are about one rule. */
static int is_broken(const evtwin_thresholds *t, size_t i, values *v) {
    const evtwin__rule *r = &t->rules[i];
    if (v->judged[i] == 0) {
        const double margin = evtwin__limit_margin(r->q, r->limit), value = value_of(r, v);
        const int is =
            evtwin__limit_is_broken(r->is_below, r->limit, margin, was_broken(r, v, NULL), value);
        v->judged[i] = is ? 1 : -1;
    }
    return v->judged[i] > 0;
}

/* Does a rule of this kind count when rules are asked for? Every status raises an alert too. */
static int counts_for(const evtwin__rule *r, evtwin_threshold_kind kind) {
    return r->kind == kind ||
           (kind == EVTWIN_THRESHOLD_ALERT && r->kind == EVTWIN_THRESHOLD_STATUS);
}

static evtwin_health status_of(const evtwin_thresholds *thresholds, values *v) {
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    evtwin_health level = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < n_rules; i++) {
        const evtwin__rule *r = &thresholds->rules[i];
        if (r->kind == EVTWIN_THRESHOLD_STATUS && r->level > level && is_broken(thresholds, i, v)) {
            level = r->level;
        }
    }
    return level;
}

evtwin_health evtwin_thresholds_status(const evtwin_thresholds *thresholds,
                                       const evtwin_table *rows, size_t row) {
    values v;
    open_values(&v, rows, row);
    return status_of(thresholds, &v);
}

int evtwin_thresholds_needs(const evtwin_thresholds *thresholds, const evtwin_table *rows,
                            size_t row) {
    values v;
    open_values(&v, rows, row);
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    int needs = 0;
    for (size_t i = 0; i < n_rules; i++) {
        const evtwin__rule *r = &thresholds->rules[i];
        const int need =
            r->q == EVTWIN__Q_SOC && r->is_below ? EVTWIN_NEEDS_CHARGING : EVTWIN_NEEDS_SERVICE;
        if (counts_for(r, EVTWIN_THRESHOLD_ALERT) && (needs & need) == 0 &&
            is_broken(thresholds, i, &v)) {
            needs |= need;
        }
    }
    return needs;
}

/* 1 if another rule of the same quantity is broken too and says more. */
static int is_outdone(const evtwin_thresholds *t, const evtwin__rule *r, evtwin_threshold_kind kind,
                      values *v) {
    for (size_t i = 0; i < t->n; i++) {
        const evtwin__rule *other = &t->rules[i];
        const int is_stricter = other->is_below ? other->limit < r->limit : other->limit > r->limit;
        if (other->q == r->q && other->is_below == r->is_below && counts_for(other, kind) &&
            is_stricter && is_broken(t, i, v)) {
            return 1;
        }
    }
    return 0;
}

size_t evtwin_thresholds_broken(const evtwin_thresholds *thresholds, evtwin_threshold_kind kind,
                                const evtwin_table *rows, size_t row, size_t *broken, size_t max) {
    values v;
    open_values(&v, rows, row);
    const evtwin_health status = status_of(thresholds, &v);
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    size_t n = 0;
    for (int level = EVTWIN_HEALTH_CRITICAL; level >= EVTWIN_HEALTH_NORMAL; level--) {
        for (size_t i = 0; i < n_rules; i++) {
            const evtwin__rule *r = &thresholds->rules[i];
            if ((int)r->level != level || !counts_for(r, kind) || !is_broken(thresholds, i, &v)) {
                continue;
            }
            const int is_meant = kind == EVTWIN_THRESHOLD_STATUS
                                     ? r->level == status
                                     : !is_outdone(thresholds, r, kind, &v);
            if (is_meant) {
                if (n < max) {
                    broken[n] = i;
                }
                n++;
            }
        }
    }
    return n;
}

size_t evtwin__thresholds_all_broken(const evtwin_thresholds *thresholds, const evtwin_table *rows,
                                     size_t row, size_t *broken, size_t max) {
    values v;
    open_values(&v, rows, row);
    size_t n = 0;
    for (size_t i = 0; i < thresholds->n && n < max; i++) {
        if (counts_for(&thresholds->rules[i], EVTWIN_THRESHOLD_ALERT) &&
            is_broken(thresholds, i, &v)) {
            broken[n++] = i;
        }
    }
    return n;
}

/* The value in the fewest decimals (two at least) that show which side of the limit it is on. */
static double shown_value(const evtwin__rule *r, double value) {
    const int side = is_beyond(r, value);
    for (double unit = 1e2; unit <= 1e6 && fabs(value) < 1e9; unit *= 10.0) {
        const double rounded = round(value * unit) / unit;
        if (is_beyond(r, rounded) == side) {
            return rounded;
        }
    }
    return value;
}

const char *evtwin_thresholds_reason(const evtwin_thresholds *thresholds, size_t i,
                                     const evtwin_table *rows, size_t row, char *text,
                                     size_t text_size) {
    if (text == NULL || text_size == 0) {
        return text;
    }
    text[0] = '\0';
    if (i >= evtwin_thresholds_count(thresholds)) {
        return text;
    }
    const evtwin__rule *r = &thresholds->rules[i];
    values v;
    open_values(&v, rows, row);
    double last = NAN;
    const double value = value_of(r, &v);
    const int is_held = was_broken(r, &v, &last) && !is_beyond(r, value);
    const double margin = evtwin__limit_margin(r->q, r->limit);
    char number[EVTWIN__NUM_SIZE], limit[EVTWIN__NUM_SIZE], until[EVTWIN__NUM_SIZE], more[64] = "";
    if (is_held && isnan(value)) {
        snprintf(more, sizeof more, " (last known)");
    } else if (is_held) {
        const double back = r->is_below ? r->limit + margin : r->limit - margin;
        snprintf(more, sizeof more, " (until %s)",
                 evtwin__number_text(round(back * 1e6) / 1e6, until));
    }
    snprintf(text, text_size, "%s %s %s%c %s%s", evtwin__schema[r->q].name,
             evtwin__number_text(shown_value(r, isnan(value) ? last : value), number),
             is_held && !isnan(value) ? "was " : "", r->is_below ? '<' : '>',
             evtwin__number_text(r->limit, limit), more);
    return text;
}
