/* SPDX-License-Identifier: MIT */
/* core/num.h: text to number and back, exact, never through the locale. */
#ifndef EVTWIN_CORE_NUM_H
#define EVTWIN_CORE_NUM_H

#include <stddef.h>
#include <stdint.h>

/* Parse all of text[0..length) as a decimal floating-point number: sign, digits, point, exponent;
 * no hex, no "inf", "nan", no blanks. The nearest double, as strtod in the C locale. Returns 0 if
 * it is not one or overflows (text[length] need not be NUL). */
int evtwin__parse_f64(const char *text, size_t length, double *out);

/* The longest such number at the front of [text, end): returns the end of it, or NULL. *end need
 * not be readable. */
const char *evtwin__scan_f64(const char *text, const char *end, double *out);

/* Parse all of text[0..length) as a decimal integer; 0 if it is not one or does not fit. */
int evtwin__parse_i64(const char *text, size_t length, int64_t *out);

/* x to the nearest multiple of 1 / per_unit, a whole number: a division by it, so that 84.3 is the
 * double nearest to 84.3 and prints as such. */
double evtwin__round_to(double x, double per_unit);

/* factor * v for the factor of a unit. Where v is the double nearest to a decimal the result is
 * that nearest to the decimal times factor: 100 times 0.8993 is 89.93, not 89.92999999999999. */
double evtwin__scale_decimal(double v, double factor);

static inline double evtwin__scale(double v, double factor) {
    return factor == 1.0 ? v : evtwin__scale_decimal(v, factor);
}

/* v with so many significant digits (1 or more); NaN and infinity as they are. */
double evtwin__round_digits(double v, int digits);

enum { EVTWIN__NUM_SIZE = 32 };

/* Write v in the shortest decimal form that reads back exactly; returns the length. v is finite.
 * Integral values come without a point ("85"); text is NUL-terminated, EVTWIN__NUM_SIZE is enough.
 */
size_t evtwin__format_f64(double v, char *text);

/* The same for any v, NaN ("unknown") and infinity being words; returns what to show, which need
 * not be in text. */
const char *evtwin__number_text(double v, char text[EVTWIN__NUM_SIZE]);

/* As evtwin__format_f64, for an integer. */
size_t evtwin__format_i64(int64_t v, char *text);

#endif
