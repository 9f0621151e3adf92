/* SPDX-License-Identifier: MIT */
/* core/time_scan.c: a text taken apart into the fields of a time. */

#include "core/time_scan.h"

#include "core/num.h"
#include "core/status.h"
#include "core/time.h"

#include <math.h>
#include <string.h>

static const int64_t us_per_s = 1000000;

/* What is left to read. */
typedef struct scan {
    const char *at, *end;
} scan;

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

static int scan_seconds(scan *s, int min, evtwin__moment *m) {
    return scan_number(s, min, 2, &m->second) && (!scan_char(s, ".,") || scan_fraction(s, &m->us));
}

/* "Z", "UTC", "GMT", "+hh", "+hhmm" or "+hh:mm", after a blank or not. */
static int scan_offset(scan *s, evtwin__moment *m) {
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
static int scan_clock(scan *s, int is_basic, evtwin__moment *m) {
    if (!scan_two(s, &m->hour) || (!is_basic && !scan_char(s, ":")) || !scan_two(s, &m->minute)) {
        return 0;
    }
    if (is_basic) {
        return s->at == s->end || *s->at < '0' || *s->at > '9' || scan_seconds(s, 2, m);
    }
    return !scan_char(s, ":") || scan_seconds(s, 2, m);
}

/* ISO 8601 with a date: "YYYY-MM-DD[T…]" or "YYYYMMDDT…". */
static int scan_iso(scan *s, evtwin__moment *m) {
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
static int set_epoch(evtwin__moment *m, double us) {
    m->is_epoch = fabs(us) < 0x1p62;
    m->epoch_us = m->is_epoch ? (int64_t)rint(us) : 0; /* us + 0.5 has no room beyond 2112 */
    return m->is_epoch;
}

/* All of the text as a time since 1970, the unit told by the digits before the point, which from
 * 2001-09-09 to 2286-11-20 are 10 (seconds), 13 (ms), 16 (us) or 19 (ns); other numbers may be
 * anything: 20240101, 202401010800.
 */
static int scan_epoch(scan *s, evtwin__moment *m) {
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
                       "time format '%.60s': '%%%c' repeats what an earlier directive gives", whole,
                       *c);
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
    EVTWIN_FAIL_IF(
        (has & YEAR) == 0 || (has & (DAY | DAY_OF_YEAR)) == 0 ||
            (has & (DAY | DAY_OF_YEAR)) == (DAY | DAY_OF_YEAR),
        EVTWIN_E_ARG,
        "time format '%.60s' does not give a complete date: it needs %%Y or %%y, and %%m and %%d "
        "or %%j",
        format);
    return EVTWIN_OK;
}

static int scan_short_year(scan *s, int64_t *year) {
    const int is_there = scan_two(s, year);
    *year += *year >= 69 ? 1900 : 2000; /* as POSIX */
    return is_there;
}

static int scan_half(scan *s, evtwin__moment *m) {
    m->is_afternoon = scan_word(s, "PM");
    return m->is_afternoon || scan_word(s, "AM");
}

/* From the clock of twelve hours, where 12 comes before 1; what is too large stays so. */
static int scan_hour_12(scan *s, int64_t *hour) {
    const int is_there = scan_number(s, 1, 2, hour) && *hour >= 1 && *hour <= 12;
    *hour %= 12;
    return is_there;
}

/* Seconds up to end as a plain decimal of whole microseconds, exactly: a double does not tell these
 * apart beyond the year 2242. */
static int scan_plain_seconds(const char *text, const char *end, evtwin__moment *m) {
    scan s = {text, end};
    const int64_t sign = *text == '-' ? -1 : 1;
    int64_t whole, us = 0;
    (void)scan_char(&s, "+-");
    if (!scan_number(&s, 1, 12, &whole) ||
        (scan_char(&s, ".") && (end - s.at > 6 || !scan_fraction(&s, &us))) || s.at != end) {
        return 0;
    }
    m->is_epoch = 1;
    m->epoch_us = sign * (whole * us_per_s + us);
    return 1;
}

static int scan_unix_time(scan *s, evtwin__moment *m) {
    double value;
    const char *begin = s->at;
    const char *behind = begin != s->end ? evtwin__scan_f64(begin, s->end, &value) : NULL;
    s->at = behind != NULL ? behind : begin;
    return behind != NULL &&
           (scan_plain_seconds(begin, behind, m) || set_epoch(m, value * (double)us_per_s));
}

/* One directive that does not stand for others; next is what the format has behind it. */
static int scan_directive(scan *s, char letter, char next, evtwin__moment *m) {
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

static int scan_format(scan *s, const char *format, char behind, evtwin__moment *m) {
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

/* ---- a whole text ---- */

static const evtwin__moment no_moment = {.weekday = -1};

int evtwin__time_scan_iso(const char *text, size_t n, evtwin__moment *out) {
    scan s = {text, text + n};
    *out = no_moment;
    return scan_iso(&s, out);
}

int evtwin__time_scan_epoch(const char *text, size_t n, evtwin__moment *out) {
    scan s = {text, text + n};
    *out = no_moment;
    return scan_epoch(&s, out);
}

int evtwin__time_scan_format(const char *text, size_t n, const char *format, evtwin__moment *out) {
    scan s = {text, text + n};
    *out = no_moment;
    return scan_format(&s, format, '\0', out) && s.at == s.end;
}
