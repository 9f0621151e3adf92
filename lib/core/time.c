/* SPDX-License-Identifier: MIT */
/* core/time.c: microseconds since 1970 as RFC 3339 text, by calendar arithmetic of our own. */

#include "core/time.h"

#include "core/num.h"
#include "core/status.h"

#include <time.h>

static const int64_t us_per_s = 1000000;
static const int64_t s_per_day = 86400;
static const int64_t max_year = 9999;

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March, so that the leap
 * day comes last. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * days_from_civil. */
int64_t evtwin__days_from_date(evtwin__date c) {
    const int64_t y = c.year - (c.month <= 2);
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The inverse. Source: as above, civil_from_days. */
static evtwin__date date_from_days(int64_t days) {
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t day_of_era = z - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t m = (5 * day_of_year + 2) / 153; /* 0 = March */
    const int64_t month = m < 10 ? m + 3 : m - 9;
    return (evtwin__date){.year = year_of_era + era * 400 + (month <= 2),
                          .month = month,
                          .day = day_of_year - (153 * m + 2) / 5 + 1};
}

int64_t evtwin_time_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * us_per_s + now.tv_nsec / 1000;
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
    const evtwin__date date = date_from_days(time_us / us_per_day - (time_us % us_per_day < 0));
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

size_t evtwin__time_seconds(int64_t time_us, char *text) {
    const int64_t part = time_us % us_per_s;
    char *to = text;
    if (time_us < 0) {
        *to++ = '-'; /* also of half a second before 1970, whose whole seconds have no sign */
    }
    to += evtwin__format_i64(time_us < 0 ? -(time_us / us_per_s) : time_us / us_per_s, to);
    if (part != 0) {
        *to++ = '.';
        to = put_digits(to, part < 0 ? -part : part, 6, '0') - 1;
        while (to[-1] == '0') {
            to--;
        }
        *to = '\0';
    }
    return (size_t)(to - text);
}
