/* SPDX-License-Identifier: MIT */
/* core/health.c (goes with the last caller): status and alerts of a battery, both from the one
 * table of limits. */

#include "core/health.h"

#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

/* The quantities that rules speak of. */
typedef enum measure { SOC, SOH, TEMPERATURE, RUL, FAILURE, MEASURE_COUNT } measure;

static const char *const measure_name[MEASURE_COUNT] = {
    [SOC] = "soc",
    [SOH] = "soh",
    [TEMPERATURE] = "temperature",
    [RUL] = "rul_prediction",
    [FAILURE] = "failure_probability",
};

typedef struct rule {
    measure measure;
    evtwin_health level;
    int is_below;
    double limit;
} rule;

/* The contract's limits. */
static const rule rules[] = {
    {SOC, EVTWIN_HEALTH_CRITICAL, 1, 15.0},         {SOH, EVTWIN_HEALTH_CRITICAL, 1, 75.0},
    {TEMPERATURE, EVTWIN_HEALTH_CRITICAL, 0, 60.0}, {FAILURE, EVTWIN_HEALTH_CRITICAL, 0, 0.7},
    {SOC, EVTWIN_HEALTH_WARNING, 1, 30.0},          {SOH, EVTWIN_HEALTH_WARNING, 1, 85.0},
    {TEMPERATURE, EVTWIN_HEALTH_WARNING, 0, 45.0},  {FAILURE, EVTWIN_HEALTH_WARNING, 0, 0.3},
    {SOC, EVTWIN_HEALTH_NORMAL, 1, 20.0},           {RUL, EVTWIN_HEALTH_NORMAL, 1, 100.0},
};

enum { RULE_COUNT = sizeof rules / sizeof rules[0] };

/* NaN compares false either way: what is not known breaks no rule. */
static int is_broken(const rule *r, const double value[MEASURE_COUNT]) {
    const double v = value[r->measure];
    return r->is_below ? v < r->limit : v > r->limit;
}

/* A text of limited size that is appended to. */
typedef struct note {
    char *text;
    size_t size, length;
} note;

static void note_add(note *n, const char *text) {
    while (*text != '\0' && n->length + 1 < n->size) {
        n->text[n->length++] = *text++;
    }
    if (n->size > 0) {
        n->text[n->length] = '\0';
    }
}

static void note_number(note *n, double v) {
    char text[EVTWIN__NUM_SIZE];
    evtwin__format_f64(v, text);
    note_add(n, text);
}

/* "soh 73.9 < 75"; the value in the fewest decimals (two at least) that show which side it is on.
 */
static void note_rule(note *n, const rule *r, double value) {
    double shown = value;
    for (double unit = 1e2; unit <= 1e6 && fabs(value) < 1e9; unit *= 10.0) {
        shown = round(value * unit) / unit;
        if (r->is_below ? shown < r->limit : shown > r->limit) {
            break;
        }
        shown = value;
    }
    note_add(n, n->length > 0 ? ", " : "");
    note_add(n, measure_name[r->measure]);
    note_add(n, " ");
    if (isfinite(shown)) {
        note_number(n, shown);
    } else {
        note_add(n, shown > 0.0 ? "infinity" : "-infinity");
    }
    note_add(n, r->is_below ? " < " : " > ");
    note_number(n, r->limit);
}

static note note_start(char *text, size_t size) {
    const note n = {.text = text, .size = text != NULL ? size : 0};
    if (n.size > 0) {
        text[0] = '\0';
    }
    return n;
}

/* 1 if another rule of the same quantity is broken too and says more. */
static int is_outdone(const rule *r, const double value[MEASURE_COUNT]) {
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const rule *other = &rules[i];
        const int is_stricter = other->is_below ? other->limit < r->limit : other->limit > r->limit;
        if (other->measure == r->measure && is_stricter && is_broken(other, value)) {
            return 1;
        }
    }
    return 0;
}

evtwin_health evtwin_health_of(double soc_percent, double soh_percent, double temperature_degC,
                               double failure_probability, char *reason, size_t reason_size) {
    const double value[MEASURE_COUNT] = {[SOC] = soc_percent,
                                         [SOH] = soh_percent,
                                         [TEMPERATURE] = temperature_degC,
                                         [RUL] = NAN,
                                         [FAILURE] = failure_probability};
    evtwin_health level = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (rules[i].level > level && is_broken(&rules[i], value)) {
            level = rules[i].level;
        }
    }

    note n = note_start(reason, reason_size);
    for (size_t i = 0; i < RULE_COUNT && level > EVTWIN_HEALTH_NORMAL; i++) {
        if (rules[i].level == level && is_broken(&rules[i], value)) {
            note_rule(&n, &rules[i], value[rules[i].measure]);
        }
    }
    return level;
}

int evtwin_alert_of(double soc_percent, double soh_percent, double temperature_degC,
                    double rul_cycles, double failure_probability, char *reason,
                    size_t reason_size) {
    const double value[MEASURE_COUNT] = {[SOC] = soc_percent,
                                         [SOH] = soh_percent,
                                         [TEMPERATURE] = temperature_degC,
                                         [RUL] = rul_cycles,
                                         [FAILURE] = failure_probability};
    note n = note_start(reason, reason_size);
    int any = 0;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (is_broken(&rules[i], value) && !is_outdone(&rules[i], value)) {
            note_rule(&n, &rules[i], value[rules[i].measure]);
            any = 1;
        }
    }
    return any;
}
