/* SPDX-License-Identifier: MIT */
/* core/time_scan.h: a text taken apart into the fields of a time, by the forms that need no format
 * or by a format of directives. */
#ifndef EVTWIN_CORE_TIME_SCAN_H
#define EVTWIN_CORE_TIME_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* The text, field by field; a missing offset is the caller's to interpret. */
typedef struct evtwin__moment {
    int64_t year, month, day;
    int64_t day_of_year, weekday; /* 0 and -1: not given; a Sunday is 0 */
    int64_t hour, minute, second, us;
    int64_t offset_s;
    int64_t epoch_us; /* the whole, if is_epoch */
    int has_offset, is_epoch, is_afternoon;
} evtwin__moment;

/* Each takes the whole text apart and returns whether it could. */
int evtwin__time_scan_iso(const char *text, size_t n, evtwin__moment *out);
int evtwin__time_scan_epoch(const char *text, size_t n, evtwin__moment *out); /* since 1970 */
int evtwin__time_scan_format(const char *text, size_t n, const char *format, evtwin__moment *out);

#endif
