/* SPDX-License-Identifier: MIT */
/* sim/bpx_function.h: a value of a BPX file over stoichiometry: a number, an expression in x or a
 * table. */
#ifndef EVTWIN_SIM_BPX_FUNCTION_H
#define EVTWIN_SIM_BPX_FUNCTION_H

#include "core/json.h"

/**
 * The value at x. An expression is one of Python's: numbers, x, + - * / ** and brackets, and exp,
 * log, sqrt, sinh, cosh, tanh. A table is {"x": […], "y": […]}, x rising, linear between its points
 * and not read beyond them.
 * @param what  names the value in errors
 * @return EVTWIN_E_PARSE for anything else, with the place in an expression; EVTWIN_E_RANGE if the
 * value is not a finite number, or x not within the table.
 */
evtwin_status evtwin__bpx_value(const char *what, const json_t *function, double x, double *out);

#endif
