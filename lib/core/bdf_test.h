/* SPDX-License-Identifier: MIT */
/* core/bdf_test.h: the rules of a Battery Data Format file for the rows that are to become one: one
 * cell, a test time that does not go back, a voltage and a current in each row. */
#ifndef EVTWIN_CORE_BDF_TEST_H
#define EVTWIN_CORE_BDF_TEST_H

#include "core/binding.h"

/* What the rows so far say. {0} = there are none. */
typedef struct evtwin__bdf_test {
    int has_rows, has_time; /* of a row */
    int64_t first_us;       /* the first row with a time: that, and its test time; a row without a
                               test time counts from there */
    double first_s;
    char battery[64]; /* "" = no row names one */
    double last_s;    /* test time of the last row */
} evtwin__bdf_test;

/* The three quantities that the standard requires. */
extern const size_t evtwin__bdf_required[3];

/* 1 for the namings of the standard. */
int evtwin__naming_is_bdf(evtwin_naming naming);

/* The test time of a row: its sim_time_s, else its time since the first row's. EVTWIN_E_DATA if it
 * has neither, or no row before has a time. */
evtwin_status evtwin__bdf_test_time(const evtwin__bdf_test *test, const evtwin__binding *binding,
                                    size_t row, double *out);

/* Take the row, which is number row of the binding, as the next one. EVTWIN_E_DATA naming what
 * breaks a rule; test is as before then. */
evtwin_status evtwin__bdf_test_take(evtwin__bdf_test *test, const evtwin__binding *binding,
                                    size_t row);

#endif
