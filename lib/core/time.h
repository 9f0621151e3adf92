/* SPDX-License-Identifier: MIT */
/* core/time.h: times as files have them: what one means depends on its text alone. */
#ifndef EVTWIN_CORE_TIME_H
#define EVTWIN_CORE_TIME_H

#include "evtwin/base.h"

/* The years 0 to 9999: what the form of evtwin_time_format can say. */
#define EVTWIN__TIME_FIRST_US (-INT64_C(62167219200000000))
#define EVTWIN__TIME_LAST_US INT64_C(253402300799999999)

/* Write a time as seconds since 1970 ("1706702400.5"), exactly, and without an exponent; returns
 * the length. text is NUL-terminated, EVTWIN__NUM_SIZE is enough. */
size_t evtwin__time_seconds(int64_t time_us, char *text);

/* Up to here (the year 2242) the double nearest to such seconds tells all microseconds apart. */
#define EVTWIN__TIME_DOUBLE_US ((INT64_C(1) << 33) * 1000000)

/* How times are written. {0} is the forms of evtwin_time_parse, those without an offset in UTC. */
typedef struct evtwin__time_rule {
    const char *format; /* of directives (below); NULL = the forms of evtwin_time_parse */
    evtwin_naive_time naive;
} evtwin__time_rule;

/* What the text told; a caller counts the last two. */
typedef enum evtwin__time_kind {
    EVTWIN__TIME_EXACT, /* it has an offset, or is seconds since 1970 */
    EVTWIN__TIME_NAIVE, /* the rule said which offset it has */
    EVTWIN__TIME_TWICE /* … and a local clock shows it twice, as summer time ends: it is the first
                        */
} evtwin__time_kind;

/* The closed list of directives, in any language of the machine:
 *     %Y year (4 digits)     %y its last two (69-99: 19..)    %m month    %b %B its English name
 *     %d %e day of month     %j day of year      %a %A English name of the weekday, which must fit
 *     %H %k hour 0-23        %I %l hour 1-12, with %p: AM or PM
 *     %M minute              %S second, with a fraction if one follows   %f the fraction alone
 *     %z Z, UTC, GMT, +hh, +hhmm or +hh:mm       %s seconds since 1970, with a fraction or not
 *     %F %Y-%m-%d   %D %m/%d/%y   %T %H:%M:%S   %R %H:%M   %% a percent sign
 * A blank stands for any blanks, also none; numbers may have leading zeros or not.
 * EVTWIN_E_ARG that names the directive that is not one of these, that comes twice or that lacks
 * its partner; a format must fix a date. */
evtwin_status evtwin__time_format_check(const char *format);

/* Read all of text[0..n), which need not end with NUL; rule->format has been checked.
 * EVTWIN_E_PARSE that quotes the text, the outputs untouched. */
evtwin_status evtwin__time_read(const char *text, size_t n, const evtwin__time_rule *rule,
                                int64_t *time_us_out, evtwin__time_kind *kind_out);

/* How many times of a file were not exact. */
typedef struct evtwin__time_counts {
    size_t n_naive; /* those that come twice too */
    size_t n_twice;
} evtwin__time_counts;

void evtwin__time_count(evtwin__time_counts *counts, evtwin__time_kind kind);

/* Tell the log of them. */
void evtwin__time_log(const evtwin__time_counts *counts, const char *file, evtwin_naive_time naive);

/* May these ten digits be something else than seconds since 1970, of 2032 or later: a date as
 * YYYYMMDDHH, or as yymmddhhmm from 2020 on, or seconds since 1900 or 1904 (Excel, LabVIEW, NTP),
 * which would be instants after 2077? */
int evtwin__time_is_ambiguous(const char *text, size_t n);

/* ---- the calendar ---- */

typedef struct evtwin__date {
    int64_t year, month, day;
} evtwin__date;

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
int64_t evtwin__days_from_date(evtwin__date date);

#endif
