/* SPDX-License-Identifier: MIT */
/* serve/alert_judge.c: from limits, rows and their ages to findings. */

#include "serve/alert_judge.h"

#include "core/num.h"
#include "core/status.h"
#include "core/thresholds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_BROKEN = 256 };

typedef struct round_of_one {
    evtwin__alert_book *book;
    const evtwin_thresholds *thresholds;
    const evtwin_table *current;
    size_t row;
    const char *battery_id;
    int64_t now_us;
    double steady_s;
} round_of_one;

static const int64_t jump_us = 2000000;

double evtwin__steady_s(evtwin__steady *s, int64_t now_us, int64_t monotonic_us) {
    const int64_t offset_us = now_us - monotonic_us;
    if (s->is_known && llabs(offset_us - s->offset_us) > jump_us) {
        s->has_jumped = 1;
        s->jumped_us = monotonic_us;
    }
    s->is_known = 1;
    s->offset_us = offset_us;
    return s->has_jumped ? 1e-6 * (double)(monotonic_us - s->jumped_us) : INFINITY;
}

static int is_in(size_t rule, const size_t *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (list[i] == rule) {
            return 1;
        }
    }
    return 0;
}

static evtwin_status find_limit(const round_of_one *r, size_t rule, int may_raise) {
    evtwin_threshold limit;
    evtwin__finding f = {.may_raise = may_raise};
    char number[EVTWIN__NUM_SIZE];
    EVTWIN_TRY(evtwin_thresholds_get(r->thresholds, rule, &limit, sizeof limit));
    f.rule = (evtwin__alert_rule){.quantity = limit.quantity,
                                  .is_below = limit.is_below,
                                  .limit = limit.limit,
                                  .level = limit.level};
    snprintf(f.rule.name, sizeof f.rule.name, "%s %c %s %s", limit.quantity,
             limit.is_below ? '<' : '>', evtwin__number_text(limit.limit, number),
             evtwin_health_name(limit.level));
    f.value =
        evtwin_table_number(r->current, evtwin_table_find(r->current, limit.quantity), r->row);
    evtwin_thresholds_reason(r->thresholds, rule, r->current, r->row, f.text, sizeof f.text);
    return evtwin__alert_book_find(r->book, r->battery_id, &f, r->now_us);
}

/* A limit that a stricter one outdoes raises no alert, but one that is there is not over. */
static evtwin_status find_limits(const round_of_one *r) {
    size_t broken[MAX_BROKEN], strictest[MAX_BROKEN];
    const size_t n =
        evtwin__thresholds_all_broken(r->thresholds, r->current, r->row, broken, MAX_BROKEN);
    size_t n_strictest = evtwin_thresholds_broken(r->thresholds, EVTWIN_THRESHOLD_ALERT, r->current,
                                                  r->row, strictest, MAX_BROKEN);
    n_strictest = n_strictest < MAX_BROKEN ? n_strictest : MAX_BROKEN;
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(find_limit(r, broken[i], is_in(broken[i], strictest, n_strictest)));
    }
    return EVTWIN_OK;
}

/* Silence or missing predictions, for so many seconds. */
static evtwin_status find_age(const round_of_one *r, const char *rule, const char *text, double s,
                              double patience_s) {
    const int is_steady = r->steady_s > patience_s;
    evtwin__finding f = {.value = is_steady ? round(fabs(s) * 10.0) / 10.0 : NAN,
                         .may_raise = is_steady};
    char duration[32];
    f.rule.level = EVTWIN_HEALTH_WARNING;
    snprintf(f.rule.name, sizeof f.rule.name, "%s", rule);
    snprintf(f.text, sizeof f.text, "%s for %s", text, evtwin__duration_text(s, duration));
    return evtwin__alert_book_find(r->book, r->battery_id, &f, r->now_us);
}

static evtwin_status judge_one(const round_of_one *r, const evtwin__standing *standing,
                               const evtwin__condition *c) {
    EVTWIN_TRY(c->needs != 0 ? find_limits(r) : EVTWIN_OK);
    if (c->is_silent) {
        EVTWIN_TRY(find_age(r, "silent", "no data", c->record_age_s, standing->silent_after_s));
    }
    return isnan(c->no_predictions_for_s)
               ? EVTWIN_OK
               : find_age(r, "no_predictions", "no predictions", c->no_predictions_for_s,
                          standing->stopped_after_s);
}

evtwin_status evtwin__alert_judge(evtwin__alert_book *book, const evtwin_thresholds *thresholds,
                                  const evtwin__patience *patience, const evtwin_table *current,
                                  int64_t now_us, double steady_s) {
    const size_t n = evtwin_table_rows(current), id = evtwin_table_find(current, "battery_id");
    round_of_one r = {.book = book,
                      .thresholds = thresholds,
                      .current = current,
                      .now_us = now_us,
                      .steady_s = steady_s};
    for (r.row = 0; r.row < n; r.row++) {
        evtwin__standing standing;
        evtwin__condition c;
        evtwin__standing_of(thresholds, patience, current, r.row, &standing);
        evtwin__condition_of(&standing, now_us, &c);
        r.battery_id = evtwin_table_text(current, id, r.row);
        EVTWIN_TRY(r.battery_id != NULL ? judge_one(&r, &standing, &c) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}
