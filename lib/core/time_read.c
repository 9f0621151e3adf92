/* SPDX-License-Identifier: MIT */
/* core/time_read.c: text to microseconds since 1970, and what a clock on the wall means. */

#include "core/time.h"

#include "core/num.h"
#include "core/status.h"
#include "core/time_scan.h"

#include <string.h>
#include <time.h>

enum { QUOTE_BYTES = 40 /* of a text in an error text */ };

static const int64_t us_per_s = 1000000;
static const int64_t s_per_day = 86400;
static const int64_t end_year = 10000;

/* ---- does it exist? ---- */

static int is_leap_year(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

static int is_date(const evtwin__moment *m) {
    if (m->day_of_year > 0) {
        return m->day_of_year <= 365 + is_leap_year(m->year);
    }
    return m->month >= 1 && m->month <= 12 && m->day >= 1 &&
           m->day <= days_in_month(m->year, m->month);
}

static int64_t days_of(const evtwin__moment *m) {
    return m->day_of_year > 0
               ? evtwin__days_from_date((evtwin__date){m->year, 1, 1}) + m->day_of_year - 1
               : evtwin__days_from_date((evtwin__date){m->year, m->month, m->day});
}

static int exists(const evtwin__moment *m) {
    const int64_t thursday = 4; /* which 1970-01-01 was */
    return is_date(m) && m->hour <= 23 && m->minute <= 59 && m->second <= 60 &&
           (m->weekday < 0 || ((days_of(m) + thursday) % 7 + 7) % 7 == m->weekday);
}

/* ---- which instant is it? ---- */

/* Seconds since 1970 of a clock in UTC that shows this; a leap second shows as the one before. */
static int64_t shown_seconds(const evtwin__moment *m) {
    const int64_t hour = m->hour + (m->is_afternoon ? 12 : 0);
    const int64_t second = m->second == 60 ? 59 : m->second;
    return days_of(m) * s_per_day + hour * 3600 + m->minute * 60 + second;
}

/* How far the machine's zone is ahead of UTC at an instant, in seconds. */
static int64_t zone_offset(int64_t at_s) {
    const time_t t = (time_t)at_s;
    struct tm tm;
    if ((int64_t)t != at_s || localtime_r(&t, &tm) == NULL) {
        return 0;
    }
    const evtwin__date date = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
    return evtwin__days_from_date(date) * s_per_day + tm.tm_hour * 3600 + tm.tm_min * 60 +
           tm.tm_sec - at_s;
}

/* How many instants the machine's zone shows as this, the first in *out: both offsets that are in
 * force around it are tried, as mktime decides by what it was asked before. */
static int local_instants(int64_t shown_s, int64_t *out) {
    int n = 0;
    tzset();
    for (int day = -1; day <= 1; day++) {
        const int64_t at_s = shown_s - zone_offset(shown_s + day * s_per_day);
        if (at_s + zone_offset(at_s) == shown_s && (n == 0 || at_s != *out)) {
            *out = n == 0 || at_s < *out ? at_s : *out;
            n++;
        }
    }
    return n;
}

/* "'text'" of an error text, cut where it is long. */
#define QUOTED(text, n) (int)((n) < QUOTE_BYTES ? (n) : QUOTE_BYTES), (text)

static evtwin_status resolve(const char *text, size_t n, const evtwin__moment *m,
                             evtwin_naive_time naive, int64_t *time_us_out,
                             evtwin__time_kind *kind_out) {
    evtwin__time_kind kind = EVTWIN__TIME_NAIVE;
    int64_t s = shown_seconds(m);
    if (m->has_offset) {
        s -= m->offset_s;
        kind = EVTWIN__TIME_EXACT;
    } else if (naive == EVTWIN_NAIVE_REJECT) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "'%.*s' has no offset; end it with Z or +hh:mm",
                    QUOTED(text, n));
    } else if (naive == EVTWIN_NAIVE_LOCAL) {
        const int n_instants = local_instants(s, &s);
        EVTWIN_FAIL_IF(
            n_instants == 0, EVTWIN_E_PARSE,
            "'%.*s' does not exist in the local time zone: the clock is put forward at that time",
            QUOTED(text, n));
        kind = n_instants > 1 ? EVTWIN__TIME_TWICE : kind;
    }

    /* a leap second ends a day of UTC; our count has none, so it is the first second of the next */
    if (m->second == 60) {
        s++;
        EVTWIN_FAIL_IF(s % s_per_day != 0, EVTWIN_E_PARSE,
                       "'%.*s': second 60 is possible at 23:59 UTC only", QUOTED(text, n));
    }
    *time_us_out = s * us_per_s + m->us;
    *kind_out = kind;
    return EVTWIN_OK;
}

/* ---- all of it ---- */

static evtwin_status scan_text(const char *text, size_t n, const char *format, evtwin__moment *m) {
    if (format != NULL) {
        EVTWIN_FAIL_IF(!evtwin__time_scan_format(text, n, format, m), EVTWIN_E_PARSE,
                       "'%.*s' does not have the time format '%.60s'", QUOTED(text, n), format);
    } else if (!evtwin__time_scan_epoch(text, n, m)) {
        int64_t digits;
        EVTWIN_FAIL_IF(evtwin__parse_i64(text, n, &digits), EVTWIN_E_PARSE,
                       "'%.*s' is not a time: since 1970, seconds have 10 digits, milliseconds 13, "
                       "microseconds 16, nanoseconds 19; for others give the time format",
                       QUOTED(text, n));
        EVTWIN_FAIL_IF(!evtwin__time_scan_iso(text, n, m), EVTWIN_E_PARSE,
                       "'%.*s' is not a time; expected one like 2024-01-31T12:00:00Z, or give the "
                       "time format",
                       QUOTED(text, n));
    }
    EVTWIN_FAIL_IF(!m->is_epoch && !exists(m), EVTWIN_E_PARSE,
                   "'%.*s' is not a time: there is no such date or time of day", QUOTED(text, n));
    return EVTWIN_OK;
}

evtwin_status evtwin__time_read(const char *text, size_t n, const evtwin__time_rule *rule,
                                int64_t *time_us_out, evtwin__time_kind *kind_out) {
    evtwin__moment m;
    int64_t us = 0;
    evtwin__time_kind kind = EVTWIN__TIME_EXACT;
    EVTWIN_TRY(scan_text(text, n, rule->format, &m));
    if (m.is_epoch) {
        us = m.epoch_us;
    } else {
        EVTWIN_TRY(resolve(text, n, &m, rule->naive, &us, &kind));
    }
    const int64_t us_per_day = s_per_day * us_per_s;
    const int64_t first_us = evtwin__days_from_date((evtwin__date){0, 1, 1}) * us_per_day;
    const int64_t end_us = evtwin__days_from_date((evtwin__date){end_year, 1, 1}) * us_per_day;
    EVTWIN_FAIL_IF(us < first_us || us >= end_us, EVTWIN_E_PARSE,
                   "'%.*s' is outside the years 0 to 9999 in UTC", QUOTED(text, n));
    *time_us_out = us;
    *kind_out = kind;
    return EVTWIN_OK;
}

int evtwin__time_is_ambiguous(const char *text, size_t n) {
    static const char *const formats[] = {"%Y%m%d%H", "%y%m%d%H%M"};
    int64_t v;
    if (n != 10 || !evtwin__parse_i64(text, n, &v) || v < 1900000000) {
        return 0;
    }
    if (v >= 3400000000) {
        return 1;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        evtwin__moment m;
        if (text[0] - '1' >= (int)i && evtwin__time_scan_format(text, n, formats[i], &m) &&
            m.year < 2100 && exists(&m)) {
            return 1;
        }
    }
    return 0;
}

evtwin_status evtwin_time_parse(const char *text, evtwin_naive_time naive, int64_t *time_us_out) {
    EVTWIN_FAIL_IF(text == NULL || time_us_out == NULL, EVTWIN_E_ARG,
                   "text or time_us_out is NULL");
    const evtwin__time_rule rule = {.naive = naive};
    evtwin__time_kind kind;
    return evtwin__time_read(text, strlen(text), &rule, time_us_out, &kind);
}

/* ---- what is told of it ---- */

void evtwin__time_count(evtwin__time_counts *counts, evtwin__time_kind kind) {
    counts->n_naive += kind != EVTWIN__TIME_EXACT;
    counts->n_twice += kind == EVTWIN__TIME_TWICE;
}

void evtwin__time_log(const evtwin__time_counts *counts, const char *file,
                      evtwin_naive_time naive) {
    const size_t n = counts->n_naive, n_twice = counts->n_twice;
    if (n > 0) {
        evtwin__log(EVTWIN_LOG_INFO, "%s: %zu %s taken as %s", file, n,
                    n == 1 ? "time without an offset was" : "times without an offset were",
                    naive == EVTWIN_NAIVE_LOCAL ? "local time" : "UTC");
    }
    if (n_twice > 0) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: %zu local time%s twice where the clock is put back: the first of the two "
                    "was taken",
                    file, n_twice, n_twice == 1 ? " comes" : "s come");
    }
}
