/* SPDX-License-Identifier: MIT */
/* core/bdf_test.c: the rules of a Battery Data Format file for the rows that are to become one. */

#include "core/bdf_test.h"

#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const size_t evtwin__bdf_required[3] = {EVTWIN__Q_SIM_TIME_S, EVTWIN__Q_VOLTAGE, EVTWIN__Q_CURRENT};

int evtwin__naming_is_bdf(evtwin_naming naming) {
    return naming == EVTWIN_NAMING_BDF || naming == EVTWIN_NAMING_BDF_MACHINE;
}

/* To the microsecond where the first test time allows it: it may be any number. */
static double count(const evtwin__bdf_test *test, int64_t time_us) {
    const double passed_us = (double)time_us - (double)test->first_us; /* no time overflows it */
    return fabs(test->first_s) < 0x1p33 ? rint(test->first_s * 1e6 + passed_us) / 1e6
                                        : test->first_s + passed_us / 1e6;
}

evtwin_status evtwin__bdf_test_time(const evtwin__bdf_test *test, const evtwin__binding *binding,
                                    size_t row, double *out) {
    evtwin__value own, time;
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_SIM_TIME_S, row, &own));
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_TIME, row, &time));
    EVTWIN_FAIL_IF(
        !own.is_present && !time.is_present, EVTWIN_E_DATA,
        "row %zu has neither sim_time_s nor time, and the Battery Data Format requires a "
        "test time",
        row + 1);
    EVTWIN_FAIL_IF(!own.is_present && test->has_rows && !test->has_time, EVTWIN_E_DATA,
                   "row %zu has no sim_time_s, and no row before it has a time that it could count "
                   "from",
                   row + 1);
    *out = own.is_present ? own.f64 : test->has_rows ? count(test, time.i64) : 0.0;
    return EVTWIN_OK;
}

static evtwin_status check_required(const evtwin__binding *binding, size_t row) {
    for (size_t i = 1; i < sizeof evtwin__bdf_required / sizeof *evtwin__bdf_required; i++) {
        const size_t q = evtwin__bdf_required[i];
        evtwin__value v;
        EVTWIN_TRY(evtwin__binding_get(binding, q, row, &v));
        EVTWIN_FAIL_IF(!v.is_present, EVTWIN_E_DATA,
                       "row %zu has no %s, which the Battery Data Format requires", row + 1,
                       evtwin__schema[q].name);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__bdf_test_take(evtwin__bdf_test *test, const evtwin__binding *binding,
                                    size_t row) {
    evtwin__bdf_test next = *test;
    evtwin__value battery, time;
    char last[EVTWIN__NUM_SIZE], now[EVTWIN__NUM_SIZE];
    EVTWIN_TRY(check_required(binding, row));
    EVTWIN_TRY(evtwin__bdf_test_time(test, binding, row, &next.last_s));
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_BATTERY_ID, row, &battery));
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_TIME, row, &time));
    const char *id = battery.is_present ? battery.text : "";
    EVTWIN_FAIL_IF(
        test->has_rows && strncmp(id, test->battery, sizeof test->battery - 1) != 0, EVTWIN_E_DATA,
        "row %zu is of battery '%.60s', those before of '%s': a file of the Battery Data "
        "Format is of one cell; give each battery a file of its own",
        row + 1, id, test->battery);
    EVTWIN_FAIL_IF(test->has_rows && next.last_s < test->last_s, EVTWIN_E_DATA,
                   "row %zu: its test time goes back from %s s to %s s; a file of the Battery Data "
                   "Format is of one test: give another one a file of its own",
                   row + 1, evtwin__number_text(test->last_s, last),
                   evtwin__number_text(next.last_s, now));
    if (!test->has_time && time.is_present) {
        next.has_time = 1;
        next.first_us = time.i64;
        next.first_s = next.last_s;
    }
    if (!test->has_rows) {
        snprintf(next.battery, sizeof next.battery, "%s", id);
    }
    next.has_rows = 1;
    *test = next;
    return EVTWIN_OK;
}
