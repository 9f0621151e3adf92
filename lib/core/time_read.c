/* SPDX-License-Identifier: MIT */
/* core/time_read.c: text to microseconds since 1970: the forms that files have, formats of
 * directives, and what a clock on the wall means. */

#include "core/time.h"

#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { QUOTE_BYTES = 40 /* of a text in an error text */ };

static const int64_t us_per_s = 1000000;
static const int64_t s_per_day = 86400;
static const int64_t end_year = 10000;

/* What is left to read. */
typedef struct scan {
    const char *at, *end;
} scan;

/* The text, field by field; a missing offset is the caller's to interpret. */
typedef struct moment {
    int64_t year, month, day;
    int64_t day_of_year, weekday; /* 0 and -1: not given; a Sunday is 0 */
    int64_t hour, minute, second, us;
    int64_t offset_s;
    int64_t epoch_us; /* the whole, if is_epoch */
    int has_offset, is_epoch, is_afternoon;
} moment;

/* ---- scan: each takes what it expects and returns whether it was there ---- */

static int scan_char(scan *s, const char *any_of) {
    if (s->at == s->end || *s->at == '\0' || strchr(any_of, *s->at) == NULL) {
        return 0;
    }
    s->at++;
    return 1;
}

/* A number of min to max digits. */
static int scan_number(scan *s, int min, int max, int64_t *out) {
    const char *c = s->at;
    int64_t v = 0;
    int n = 0;
    for (; n < max && c != s->end && *c >= '0' && *c <= '9'; n++) {
        v = v * 10 + (*c++ - '0');
    }
    if (n < min) {
        return 0;
    }
    s->at = c;
    *out = v;
    return 1;
}

static int scan_two(scan *s, int64_t *out) {
    return scan_number(s, 2, 2, out);
}

static void skip_blanks(scan *s) {
    while (scan_char(s, " \t")) {
    }
}

/* The word, in any case. */
static int scan_word(scan *s, const char *word) {
    const char *at = s->at;
    for (; *word != '\0'; word++, at++) {
        if (at == s->end || (*at | 0x20) != (*word | 0x20)) {
            return 0;
        }
    }
    s->at = at;
    return 1;
}

/* One of n names or its first three letters; its number from 0. */
static int scan_name(scan *s, const char *const *names, int n, int64_t *out) {
    for (int i = 0; i < n; i++) {
        char three[4] = "";
        memcpy(three, names[i], 3);
        if (scan_word(s, names[i]) || scan_word(s, three)) {
            *out = i;
            return 1;
        }
    }
    return 0;
}

/* Digits after the point; those beyond the microsecond are cut off. */
static int scan_fraction(scan *s, int64_t *us) {
    int64_t digit, unit = us_per_s / 10;
    int n = 0;
    for (; scan_number(s, 1, 1, &digit); n++) {
        *us += digit * unit;
        unit /= 10;
    }
    return n > 0;
}

static int scan_seconds(scan *s, int min, moment *m) {
    return scan_number(s, min, 2, &m->second) && (!scan_char(s, ".,") || scan_fraction(s, &m->us));
}

/* "Z", "UTC", "GMT", "+hh", "+hhmm" or "+hh:mm", after a blank or not. */
static int scan_offset(scan *s, moment *m) {
    skip_blanks(s);
    m->has_offset = 1;
    if (scan_word(s, "UTC") || scan_word(s, "GMT") || scan_word(s, "Z")) {
        return 1;
    }
    const int64_t sign = s->at != s->end && *s->at == '-' ? -1 : 1;
    int64_t hour, minute = 0;
    if (!scan_char(s, "+-") || !scan_two(s, &hour)) {
        return 0;
    }
    const int has_colon = scan_char(s, ":");
    const int has_minute = scan_two(s, &minute);
    m->offset_s = sign * (hour * 3600 + minute * 60);
    return hour <= 23 && minute <= 59 && (has_minute || !has_colon);
}

/* ---- the forms that need no format ---- */

/* "hh:mm[:ss[.fraction]]", without the colons where the date has no dashes. */
static int scan_clock(scan *s, int is_basic, moment *m) {
    if (!scan_two(s, &m->hour) || (!is_basic && !scan_char(s, ":")) || !scan_two(s, &m->minute)) {
        return 0;
    }
    if (is_basic) {
        return s->at == s->end || *s->at < '0' || *s->at > '9' || scan_seconds(s, 2, m);
    }
    return !scan_char(s, ":") || scan_seconds(s, 2, m);
}

/* ISO 8601 with a date: "YYYY-MM-DD[T…]" or "YYYYMMDDT…". */
static int scan_iso(scan *s, moment *m) {
    if (!scan_number(s, 4, 4, &m->year)) {
        return 0;
    }
    const int is_basic = !scan_char(s, "-");
    if (!scan_two(s, &m->month) || (!is_basic && !scan_char(s, "-")) || !scan_two(s, &m->day)) {
        return 0;
    }
    if (s->at == s->end) {
        return !is_basic; /* eight digits may be anything */
    }
    return scan_char(s, is_basic ? "Tt" : "Tt ") && scan_clock(s, is_basic, m) &&
           (s->at == s->end || (scan_offset(s, m) && s->at == s->end));
}

/* A number to whole microseconds: the nearest, as such fractions come from floating point. */
static int set_epoch(moment *m, double us) {
    m->is_epoch = fabs(us) < 0x1p62;
    m->epoch_us = m->is_epoch ? (int64_t)floor(us + 0.5) : 0;
    return m->is_epoch;
}

/* All of the text as a time since 1970, the unit told by the digits before the point, which from
 * 2001-09-09 to 2286-11-20 are 10 (seconds), 13 (ms), 16 (us) or 19 (ns); other numbers may be
 * anything: 20240101, 202401010800.
 */
static int scan_epoch(scan *s, moment *m) {
    static const double us_per_unit[] = {1e6, 1e3, 1.0, 1e-3};
    const char *c = s->at;
    while (c != s->end && *c >= '0' && *c <= '9') {
        c++;
    }
    const ptrdiff_t n = c - s->at;
    if (n < 10 || n > 19 || (n - 10) % 3 != 0 || (c != s->end && *c != '.')) {
        return 0;
    }
    double value;
    int64_t ns;
    if (n == 19 && c == s->end && evtwin__parse_i64(s->at, 19, &ns)) {
        m->is_epoch = 1; /* exactly: these are more digits than a double has */
        m->epoch_us = ns / 1000;
        return 1;
    }
    return evtwin__scan_f64(s->at, s->end, &value) == s->end &&
           set_epoch(m, value * us_per_unit[(n - 10) / 3]);
}

/* ---- formats ---- */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

enum {
    YEAR = 1 << 0,
    MONTH = 1 << 1,
    DAY = 1 << 2,
    DAY_OF_YEAR = 1 << 3,
    WEEKDAY = 1 << 4,
    HOUR = 1 << 5,
    HOUR_12 = 1 << 6,
    HALF = 1 << 7,
    MINUTE = 1 << 8,
    SECOND = 1 << 9,
    FRACTION = 1 << 10,
    OFFSET = 1 << 11,
    EPOCH = 1 << 12
};

/* The closed list: what each directive gives, and for what others it is short. */
static const struct directive {
    char letter;
    unsigned gives;
    const char *means;
} directives[] = {
    {'Y', YEAR, NULL},    {'y', YEAR, NULL},     {'m', MONTH, NULL},   {'b', MONTH, NULL},
    {'B', MONTH, NULL},   {'d', DAY, NULL},      {'e', DAY, NULL},     {'j', DAY_OF_YEAR, NULL},
    {'a', WEEKDAY, NULL}, {'A', WEEKDAY, NULL},  {'H', HOUR, NULL},    {'k', HOUR, NULL},
    {'I', HOUR_12, NULL}, {'l', HOUR_12, NULL},  {'p', HALF, NULL},    {'M', MINUTE, NULL},
    {'S', SECOND, NULL},  {'f', FRACTION, NULL}, {'z', OFFSET, NULL},  {'s', EPOCH, NULL},
    {'F', 0, "%Y-%m-%d"}, {'D', 0, "%m/%d/%y"},  {'T', 0, "%H:%M:%S"}, {'R', 0, "%H:%M"},
    {'%', 0, NULL},
};

static const struct directive *find_directive(char letter) {
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        if (directives[i].letter == letter) {
            return &directives[i];
        }
    }
    return NULL;
}

/* Add what the format gives to *has; each thing once. */
static evtwin_status collect(const char *format, const char *whole, unsigned *has) {
    for (const char *c = format; *c != '\0'; c++) {
        if (*c != '%') {
            continue;
        }
        c++;
        const struct directive *d = *c != '\0' ? find_directive(*c) : NULL;
        EVTWIN_FAIL_IF(d == NULL, EVTWIN_E_ARG,
                       "time format '%.60s': '%%%.1s' is not a directive; those are %%Y %%y %%m "
                       "%%b %%B %%d %%e %%j %%a %%A %%H %%k %%I %%l %%p %%M %%S %%f %%z %%s %%F "
                       "%%D %%T %%R %%%%",
                       whole, c);
        EVTWIN_FAIL_IF((*has & d->gives) != 0, EVTWIN_E_ARG,
                       "time format '%.60s': '%%%c' gives what a directive before it has given",
                       whole, *c);
        *has |= d->gives;
        EVTWIN_TRY(d->means != NULL ? collect(d->means, whole, has) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__time_format_check(const char *format) {
    static const struct {
        unsigned given, needs; /* one of needs */
        const char *text;
    } rules[] = {
        {HOUR_12, HALF, "%I needs %p (AM or PM), or %H is meant"},
        {HALF, HOUR_12, "%p needs the hour as %I, not %H"},
        {MINUTE, HOUR | HOUR_12, "%M is the minute and needs %H; the month is %m"},
        {SECOND, MINUTE, "%S needs %M"},
        {FRACTION, SECOND, "%f needs %S"},
        {MONTH, DAY, "%m needs %d"},
        {DAY, MONTH, "%d needs %m"},
    };
    unsigned has = 0;
    EVTWIN_FAIL_IF(format == NULL, EVTWIN_E_ARG, "format is NULL");
    EVTWIN_TRY(collect(format, format, &has));
    if ((has & EPOCH) != 0) {
        EVTWIN_FAIL_IF(has != EPOCH, EVTWIN_E_ARG,
                       "time format '%.60s': '%%s' is the whole time and stands alone", format);
        return EVTWIN_OK;
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        EVTWIN_FAIL_IF((has & rules[i].given) != 0 && (has & rules[i].needs) == 0, EVTWIN_E_ARG,
                       "time format '%.60s': %s", format, rules[i].text);
    }
    EVTWIN_FAIL_IF((has & YEAR) == 0 || (has & (DAY | DAY_OF_YEAR)) == 0 ||
                       (has & (DAY | DAY_OF_YEAR)) == (DAY | DAY_OF_YEAR),
                   EVTWIN_E_ARG,
                   "time format '%.60s' does not fix a date: it needs %%Y or %%y, and %%m and %%d "
                   "or %%j",
                   format);
    return EVTWIN_OK;
}

static int scan_short_year(scan *s, int64_t *year) {
    const int is_there = scan_two(s, year);
    *year += *year >= 69 ? 1900 : 2000; /* as POSIX */
    return is_there;
}

static int scan_half(scan *s, moment *m) {
    m->is_afternoon = scan_word(s, "PM");
    return m->is_afternoon || scan_word(s, "AM");
}

/* From the clock of twelve hours, where 12 comes before 1; what is too large stays so. */
static int scan_hour_12(scan *s, int64_t *hour) {
    const int is_there = scan_number(s, 1, 2, hour) && *hour >= 1 && *hour <= 12;
    *hour %= 12;
    return is_there;
}

static int scan_unix_time(scan *s, moment *m) {
    double value;
    const char *behind = s->at != s->end ? evtwin__scan_f64(s->at, s->end, &value) : NULL;
    s->at = behind != NULL ? behind : s->at;
    return behind != NULL && set_epoch(m, value * (double)us_per_s);
}

/* One directive that does not stand for others; next is what the format has behind it. */
static int scan_directive(scan *s, char letter, char next, moment *m) {
    switch (letter) {
    case 'Y':
        return scan_number(s, 4, 4, &m->year);
    case 'y':
        return scan_short_year(s, &m->year);
    case 'm':
        return scan_number(s, 1, 2, &m->month);
    case 'b':
    case 'B':
        return scan_name(s, months, 12, &m->month) && m->month++ >= 0;
    case 'e':
    case 'd':
        skip_blanks(s);
        return scan_number(s, 1, 2, &m->day);
    case 'j':
        return scan_number(s, 1, 3, &m->day_of_year) && m->day_of_year > 0;
    case 'a':
    case 'A':
        return scan_name(s, weekdays, 7, &m->weekday);
    case 'k':
    case 'H':
        skip_blanks(s);
        return scan_number(s, 1, 2, &m->hour);
    case 'l':
    case 'I':
        skip_blanks(s);
        return scan_hour_12(s, &m->hour);
    case 'p':
        return scan_half(s, m);
    case 'M':
        return scan_number(s, 1, 2, &m->minute);
    case 'S':
        return next == '.' || next == ',' ? scan_number(s, 1, 2, &m->second)
                                          : scan_seconds(s, 1, m);
    case 'f':
        return scan_fraction(s, &m->us);
    case 'z':
        return scan_offset(s, m);
    case 's':
        return scan_unix_time(s, m);
    default:
        return scan_char(s, "%");
    }
}

static int scan_format(scan *s, const char *format, char behind, moment *m) {
    for (const char *c = format; *c != '\0'; c++) {
        int is_there = 1;
        if (*c == ' ') {
            skip_blanks(s);
        } else if (*c != '%') {
            is_there = s->at != s->end && *s->at++ == *c;
        } else {
            const struct directive *d = find_directive(*++c);
            const char next = c[1] != '\0' ? c[1] : behind;
            is_there = d->means != NULL ? scan_format(s, d->means, next, m)
                                        : scan_directive(s, d->letter, next, m);
        }
        if (!is_there) {
            return 0;
        }
    }
    return 1;
}

/* ---- does it exist? ---- */

static int is_leap_year(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

static int is_date(const moment *m) {
    if (m->day_of_year > 0) {
        return m->day_of_year <= 365 + is_leap_year(m->year);
    }
    return m->month >= 1 && m->month <= 12 && m->day >= 1 &&
           m->day <= days_in_month(m->year, m->month);
}

static int64_t days_of(const moment *m) {
    return m->day_of_year > 0
               ? evtwin__days_from_date((evtwin__date){m->year, 1, 1}) + m->day_of_year - 1
               : evtwin__days_from_date((evtwin__date){m->year, m->month, m->day});
}

static int exists(const moment *m) {
    const int64_t thursday = 4; /* which 1970-01-01 was */
    return is_date(m) && m->hour <= 23 && m->minute <= 59 && m->second <= 60 &&
           (m->weekday < 0 || ((days_of(m) + thursday) % 7 + 7) % 7 == m->weekday);
}

/* ---- which instant is it? ---- */

/* Seconds since 1970 of a clock in UTC that shows this; a leap second shows as the one before. */
static int64_t shown_seconds(const moment *m) {
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

static evtwin_status resolve(const char *text, size_t n, const moment *m, evtwin_naive_time naive,
                             int64_t *time_us_out, evtwin__time_kind *kind_out) {
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
        EVTWIN_FAIL_IF(n_instants == 0, EVTWIN_E_PARSE,
                       "'%.*s' does not exist in the local time zone: its clock is put forward",
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

static evtwin_status scan_text(const char *text, size_t n, const char *format, moment *m) {
    scan s = {text, text + n};
    if (format != NULL) {
        EVTWIN_FAIL_IF(!scan_format(&s, format, '\0', m) || s.at != s.end, EVTWIN_E_PARSE,
                       "'%.*s' does not have the time format '%.60s'", QUOTED(text, n), format);
    } else if (!scan_epoch(&s, m)) {
        int64_t digits;
        EVTWIN_FAIL_IF(evtwin__parse_i64(text, n, &digits), EVTWIN_E_PARSE,
                       "'%.*s' is not a time: since 1970, seconds have 10 digits, milliseconds 13, "
                       "microseconds 16, nanoseconds 19; for others give the time format",
                       QUOTED(text, n));
        EVTWIN_FAIL_IF(!scan_iso(&s, m), EVTWIN_E_PARSE,
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
    moment m = {.weekday = -1};
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
        moment m = {.weekday = -1};
        scan s = {text, text + n};
        if (text[0] - '1' >= (int)i && scan_format(&s, formats[i], '\0', &m) && s.at == s.end &&
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
