/* SPDX-License-Identifier: MIT */
/* sim/bpx_function.h: a value of a BPX file over stoichiometry: a number, an expression in x or a
 * table. */
#ifndef EVTWIN_SIM_BPX_FUNCTION_H
#define EVTWIN_SIM_BPX_FUNCTION_H

#include "core/json.h"

/**
 * Once for each function, before its values: is a table of two or more points that are numbers, as
 * many of x as of y, x rising over all of it? EVTWIN_E_PARSE or E_RANGE, naming the point, if not.
 * Other functions are checked by their values.
 */
evtwin_status evtwin__bpx_check(const char *what, const json_t *function);

/**
 * The value at x of a function that was checked. An expression is one of Python's, of numbers, x,
 * brackets, the operators + - * / ** and exp, log, sqrt, sinh, cosh, tanh. A table is
 * {"x": […], "y": […]}, x rising, linear between its points and not read beyond them.
 * @param what  names the value in errors
 * @return EVTWIN_E_PARSE for anything else, with the place in an expression; EVTWIN_E_RANGE if the
 * value is not a finite number, or x not within the table.
 */
evtwin_status evtwin__bpx_value(const char *what, const json_t *function, double x, double *out);

#endif
