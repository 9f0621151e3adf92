/* SPDX-License-Identifier: MIT */
/* serve/route_trends.c: /api/fleet/trends: how the states of health and the remaining lives of the
 * fleet are spread, and when its batteries will need service at their present use. */

#include "serve/routes.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/time.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_BINS = 20, MONTHS = 24, KEPT_MS = 10000 };
static const double day_s = 86400.0;
static const int64_t window_us = INT64_C(30) * 86400 * 1000000;

/* Counts of cycles are whole: fewer than these say little about how fast they come. */
static const double enough_cycles = 3.0;

static double number_at(const evtwin_table *table, const char *name, size_t row) {
    return evtwin_table_number(table, evtwin_table_find(table, name), row);
}

/* ---- distributions ---- */

/* The next of 1, 2, 5, 10, 20, … */
static double next_width(double width) {
    const double decade = pow(10.0, floor(log10(width) + 1e-9));
    return width < 1.5 * decade   ? 2.0 * decade
           : width < 3.0 * decade ? 5.0 * decade
                                  : 10.0 * decade;
}

/* The number of a value's bin; the highest value is in the one that ends with it. */
static double bin_of(double v, double width, double low, double high) {
    const double bin = floor(v / width);
    return v == high && v > low && bin * width == v ? bin - 1.0 : bin;
}

/* NaN where there is none, or an infinity that another program wrote. */
static double finite_at(const evtwin_table *table, const char *name, size_t row) {
    const double v = number_at(table, name, row);
    return isfinite(v) ? v : (double)NAN;
}

/* "name":[{"from":,"to":,"count":},…] of a column, in few bins of a round width.
 * "name_unknown": of so many it is not known. */
static void add_distribution(evtwin__text *body, const char *name, const evtwin_table *table,
                             const char *column, double width) {
    const size_t rows = evtwin_table_rows(table);
    double low = INFINITY, high = -INFINITY;
    size_t n_known = 0, count[MAX_BINS] = {0};
    for (size_t row = 0; row < rows; row++) {
        const double v = finite_at(table, column, row);
        n_known += !isnan(v);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    while (n_known > 0 && bin_of(high, width, low, high) - floor(low / width) >= MAX_BINS) {
        width = next_width(width);
    }
    const double first = floor(low / width);
    const size_t n_bins = n_known > 0 ? (size_t)(bin_of(high, width, low, high) - first) + 1 : 0;
    for (size_t row = 0; row < rows; row++) {
        const double v = finite_at(table, column, row);
        if (!isnan(v)) {
            count[(size_t)(bin_of(v, width, low, high) - first)]++;
        }
    }
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < n_bins; i++) {
        evtwin__text_open(body, NULL, '{');
        evtwin__text_number(body, "from", (first + (double)i) * width);
        evtwin__text_number(body, "to", (first + (double)i + 1.0) * width);
        evtwin__text_integer(body, "count", (int64_t)count[i]);
        evtwin__text_put(body, "}");
    }
    evtwin__text_put(body, "]");
    char key[32];
    snprintf(key, sizeof key, "%s_unknown", name);
    evtwin__text_integer(body, key, (int64_t)(rows - n_known));
}

/* ---- when service is due ---- */

/* Cycles a day between two rows of a battery, by its physics clock where both have one; NaN if too
 * few have come to tell, or the counts began anew. */
static double cycles_per_day(const evtwin_table *then, size_t then_row, const evtwin_table *now,
                             size_t now_row) {
    const double cycles =
        number_at(now, "charge_cycles", now_row) - number_at(then, "charge_cycles", then_row);
    double passed_s =
        number_at(now, "sim_time_s", now_row) - number_at(then, "sim_time_s", then_row);
    if (isnan(passed_s)) {
        const size_t time = evtwin_table_find(now, "time");
        passed_s = (double)(evtwin_table_i64(now, time)[now_row] -
                            evtwin_table_i64(then, evtwin_table_find(then, "time"))[then_row]) /
                   1e6;
    }
    return cycles >= enough_cycles && passed_s > 0.0 ? cycles / passed_s * day_s : (double)NAN;
}

/* At how many cycles of remaining life a battery goes on the alert list: the highest such limit; 0
 * without one. */
static double service_limit(const evtwin_thresholds *thresholds) {
    double highest = 0.0;
    for (size_t i = 0; i < evtwin_thresholds_count(thresholds); i++) {
        evtwin_threshold t = {.size = sizeof t};
        if (evtwin_thresholds_get(thresholds, i, &t, sizeof t) >= 0 &&
            t.kind != EVTWIN_THRESHOLD_DISPLAY && strcmp(t.quantity, "rul_prediction") == 0 &&
            t.is_below && t.limit > highest) {
            highest = t.limit;
        }
    }
    return highest;
}

typedef struct due {
    size_t now, later, unknown, month[MONTHS];
} due;

/* Months since the year 0, UTC. */
static int month_of(int64_t time_us) {
    char text[EVTWIN_TIME_TEXT_SIZE];
    if (evtwin_time_format(time_us, text, sizeof text) < 0) {
        return 0;
    }
    const int year =
        (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
    return year * 12 + (text[5] - '0') * 10 + (text[6] - '0') - 1;
}

/* Count a battery that does not need service yet, whose remaining life comes to the limit then. */
static void add_due(due *d, double days, int64_t now_us) {
    if (isnan(days)) {
        d->unknown++;
        return;
    }
    const double most_days = 31.0 * (MONTHS + 1);
    const int64_t then_us = now_us + (int64_t)((days < most_days ? days : most_days) * day_s * 1e6);
    const int in_months = month_of(then_us) - month_of(now_us);
    if (in_months < MONTHS) {
        d->month[in_months > 0 ? in_months : 0]++;
    } else {
        d->later++;
    }
}

/* Both tables are in the order of ids. */
static void count_due(const evtwin__call *call, const evtwin_table *oldest, due *d) {
    const evtwin_thresholds *thresholds = call->handle->thresholds;
    const double limit = service_limit(thresholds);
    const int64_t now_us = evtwin_time_now();
    const size_t rows = evtwin_table_rows(call->current);
    const size_t id = evtwin_table_find(call->current, "battery_id");
    const size_t oldest_id = evtwin_table_find(oldest, "battery_id");
    for (size_t row = 0, then = 0; row < rows; row++) {
        const char *name = evtwin_table_text(call->current, id, row);
        while (then < evtwin_table_rows(oldest) &&
               strcmp(evtwin_table_text(oldest, oldest_id, then), name) < 0) {
            then++;
        }
        if (evtwin_thresholds_needs(thresholds, call->current, row) & EVTWIN_NEEDS_SERVICE) {
            d->now++;
            continue;
        }
        const int is_there = then < evtwin_table_rows(oldest) &&
                             strcmp(evtwin_table_text(oldest, oldest_id, then), name) == 0;
        const double per_day =
            is_there ? cycles_per_day(oldest, then, call->rows, row) : (double)NAN;
        const double left = number_at(call->current, "rul_prediction", row) - limit;
        add_due(d, (left < 0.0 ? 0.0 : left) / per_day, now_us);
    }
}

static void add_months(evtwin__text *body, const due *d) {
    const int first = month_of(evtwin_time_now());
    evtwin__text_open(body, "due", '[');
    for (int i = 0; i < MONTHS; i++) {
        char date[32];
        snprintf(date, sizeof date, "%04d-%02d", (first + i) / 12, (first + i) % 12 + 1);
        evtwin__text_open(body, NULL, '{');
        evtwin__text_string(body, "date", date);
        evtwin__text_integer(body, "count", (int64_t)d->month[i]);
        evtwin__text_put(body, "}");
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "due_now", (int64_t)d->now);
    evtwin__text_integer(body, "due_later", (int64_t)d->later);
    evtwin__text_integer(body, "due_unknown", (int64_t)d->unknown);
}

/* ---- the answer ---- */

/* Write the members; 0 after the error was answered. */
static int write_trends(evtwin__call *call, evtwin__text *members) {
    evtwin_table *oldest = NULL;
    due d = {.now = 0};
    evtwin_store *store = call->handle->store;
    if (!evtwin__call_read_context(call) ||
        !evtwin__store_answered(call,
                                evtwin_store_latest(store, NULL, &call->rows, &call->current)) ||
        !evtwin__store_answered(
            call, evtwin_store_oldest(store, evtwin_time_now() - window_us, &oldest))) {
        return 0;
    }
    count_due(call, oldest, &d);
    evtwin_table_free(oldest);
    members->size = 0;
    evtwin__text_integer(members, "batteries", (int64_t)evtwin_table_rows(call->rows));
    add_distribution(members, "soh", call->current, "soh", 1.0);
    add_distribution(members, "rul", call->current, "rul_prediction", 10.0);
    add_months(members, &d);
    return 1;
}

void evtwin__route_trends(evtwin__call *call) {
    evtwin__trends *kept = &call->server->trends; /* long answers are given one after the other */
    const int64_t now_ms = evtwin__monotonic_ms();
    if (kept->made_ms == 0 || now_ms - kept->made_ms > KEPT_MS || kept->members.is_failed) {
        kept->made_ms = 0;
        kept->members.is_failed = 0;
        if (!write_trends(call, &kept->members)) {
            return;
        }
        kept->made_ms = now_ms;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_put(body, ",");
    evtwin__text_add(body, kept->members.data, kept->members.size);
    evtwin__answer_end(call);
    body->is_failed |= kept->members.is_failed;
}
