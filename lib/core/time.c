/* SPDX-License-Identifier: MIT */
/* core/time.c: RFC 3339 text to microseconds since 1970 and back, by calendar arithmetic of our
 * own. */

#include "evtwin/base.h"

#include "core/status.h"

#include <string.h>
#include <time.h>

static const int64_t us_per_s = 1000000;
static const int64_t s_per_day = 86400;
static const int64_t max_year = 9999;

typedef struct civil {
    int64_t year, month, day;
} civil;

/* The text, field by field; a missing offset is the caller's to interpret. */
typedef struct moment {
    civil date;
    int64_t hour, minute, second, us;
    int has_offset;
    int64_t offset_s;
} moment;

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March, so that the leap
 * day comes last. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * days_from_civil. */
static int64_t days_from_civil(civil c) {
    const int64_t y = c.year - (c.month <= 2);
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The inverse. Source: as above, civil_from_days. */
static civil civil_from_days(int64_t days) {
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t day_of_era = z - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t m = (5 * day_of_year + 2) / 153; /* 0 = March */
    const int64_t month = m < 10 ? m + 3 : m - 9;
    return (civil){.year = year_of_era + era * 400 + (month <= 2),
                   .month = month,
                   .day = day_of_year - (153 * m + 2) / 5 + 1};
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* ---- scan: each takes what it expects from *p and returns whether it was there ---- */

static int scan_digits(const char **p, int n, int64_t *out) {
    int64_t v = 0;
    for (int i = 0; i < n; i++) {
        const char c = (*p)[i];
        if (c < '0' || c > '9') {
            return 0;
        }
        v = v * 10 + (c - '0');
    }
    *p += n;
    *out = v;
    return 1;
}

static int scan_char(const char **p, const char *any_of) {
    if (**p == '\0' || strchr(any_of, **p) == NULL) {
        return 0;
    }
    (*p)++;
    return 1;
}

/* "hh:mm" with the limits of a clock. */
static int scan_hour_minute(const char **p, int64_t *hour, int64_t *minute) {
    return scan_digits(p, 2, hour) && scan_char(p, ":") && scan_digits(p, 2, minute) &&
           *hour <= 23 && *minute <= 59;
}

/* Digits after the point; those beyond the microsecond are cut off. */
static int scan_fraction(const char **p, int64_t *us) {
    int64_t digit, unit = us_per_s / 10;
    int n = 0;
    for (; scan_digits(p, 1, &digit); n++) {
        *us += digit * unit;
        unit /= 10;
    }
    return n > 0;
}

static int scan_date(const char **p, civil *c) {
    return scan_digits(p, 4, &c->year) && scan_char(p, "-") && scan_digits(p, 2, &c->month) &&
           scan_char(p, "-") && scan_digits(p, 2, &c->day) && c->month >= 1 && c->month <= 12 &&
           c->day >= 1 && c->day <= days_in_month(c->year, c->month);
}

/* "hh:mm[:ss[.fraction]]" */
static int scan_time_of_day(const char **p, moment *m) {
    if (!scan_hour_minute(p, &m->hour, &m->minute)) {
        return 0;
    }
    if (!scan_char(p, ":")) {
        return 1;
    }
    if (!scan_digits(p, 2, &m->second) || m->second > 60) {
        return 0;
    }
    return !scan_char(p, ".") || scan_fraction(p, &m->us);
}

/* "Z", "+hh:mm", "-hh:mm" or nothing. */
static int scan_offset(const char **p, moment *m) {
    m->has_offset = **p != '\0';
    if (!m->has_offset || scan_char(p, "Zz")) {
        return 1;
    }
    const int64_t sign = **p == '-' ? -1 : 1;
    int64_t hour, minute;
    if (!scan_char(p, "+-") || !scan_hour_minute(p, &hour, &minute)) {
        return 0;
    }
    m->offset_s = sign * (hour * 3600 + minute * 60);
    return 1;
}

static int scan_moment(const char *text, moment *m) {
    const char *p = text;
    if (!scan_date(&p, &m->date)) {
        return 0;
    }
    if (*p == '\0') {
        return 1;
    }
    return scan_char(&p, "Tt ") && scan_time_of_day(&p, m) && scan_offset(&p, m) && *p == '\0';
}

/* Seconds since 1970 of a clock that shows this; a leap second shows as the second before it. */
static int64_t shown_seconds(const moment *m) {
    const int64_t second = m->second == 60 ? 59 : m->second;
    return days_from_civil(m->date) * s_per_day + m->hour * 3600 + m->minute * 60 + second;
}

/* The same for a clock on the wall of this machine's time zone; 0 if the zone skips that time. */
static int local_seconds(const moment *m, int64_t *out) {
    struct tm tm = {.tm_year = (int)(m->date.year - 1900),
                    .tm_mon = (int)(m->date.month - 1),
                    .tm_mday = (int)m->date.day,
                    .tm_hour = (int)m->hour,
                    .tm_min = (int)m->minute,
                    .tm_sec = (int)(m->second == 60 ? 59 : m->second),
                    .tm_isdst = -1};
    const time_t t = mktime(&tm);
    *out = (int64_t)t;
    return tm.tm_hour == (int)m->hour && tm.tm_min == (int)m->minute; /* mktime moves what is not */
}

int64_t evtwin_time_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * us_per_s + now.tv_nsec / 1000;
}

evtwin_status evtwin_time_parse(const char *text, evtwin_naive_time naive, int64_t *time_us_out) {
    EVTWIN_FAIL_IF(text == NULL || time_us_out == NULL, EVTWIN_E_ARG,
                   "text or time_us_out is NULL");
    moment m = {.hour = 0};
    EVTWIN_FAIL_IF(!scan_moment(text, &m), EVTWIN_E_PARSE,
                   "'%.40s' is not a time; expected one like 2024-01-31T12:00:00Z", text);

    int64_t s;
    if (m.has_offset || naive == EVTWIN_NAIVE_UTC) {
        s = shown_seconds(&m) - m.offset_s;
    } else if (naive == EVTWIN_NAIVE_REJECT) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "'%.40s' has no offset; end it with Z or +hh:mm", text);
    } else if (!local_seconds(&m, &s)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "'%.40s' does not exist in the local time zone", text);
    }

    /* a leap second ends a day of UTC; our count has none, so it is the first second of the next */
    if (m.second == 60) {
        s++;
        EVTWIN_FAIL_IF(s % s_per_day != 0, EVTWIN_E_PARSE,
                       "'%.40s': second 60 is possible at 23:59 UTC only", text);
    }
    const int64_t first = days_from_civil((civil){0, 1, 1}) * s_per_day;
    const int64_t end = days_from_civil((civil){max_year + 1, 1, 1}) * s_per_day;
    EVTWIN_FAIL_IF(s < first || s >= end, EVTWIN_E_PARSE,
                   "'%.40s' is outside the years 0 to 9999 in UTC", text);
    *time_us_out = s * us_per_s + m.us;
    return EVTWIN_OK;
}

/* n digits and what separates them from the next. */
static char *put_digits(char *to, int64_t value, int n, char separator) {
    for (int i = n - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    to[n] = separator;
    return to + n + 1;
}

evtwin_status evtwin_time_format(int64_t time_us, char *text, size_t text_size) {
    static const size_t length = 27;
    EVTWIN_FAIL_IF(text == NULL || text_size <= length, EVTWIN_E_ARG,
                   "text is NULL or smaller than %zu bytes", length + 1);

    /* floor division: the time of day is never negative */
    const int64_t us_per_day = s_per_day * us_per_s;
    const int64_t us_of_day = (time_us % us_per_day + us_per_day) % us_per_day;
    const civil date = civil_from_days(time_us / us_per_day - (time_us % us_per_day < 0));
    EVTWIN_FAIL_IF(date.year < 0 || date.year > max_year, EVTWIN_E_RANGE,
                   "time %lld us is outside the years 0 to 9999", (long long)time_us);

    const int64_t second_of_day = us_of_day / us_per_s;
    char *to = put_digits(text, date.year, 4, '-');
    to = put_digits(to, date.month, 2, '-');
    to = put_digits(to, date.day, 2, 'T');
    to = put_digits(to, second_of_day / 3600, 2, ':');
    to = put_digits(to, second_of_day / 60 % 60, 2, ':');
    to = put_digits(to, second_of_day % 60, 2, '.');
    to = put_digits(to, us_of_day % us_per_s, 6, 'Z');
    *to = '\0';
    return EVTWIN_OK;
}
