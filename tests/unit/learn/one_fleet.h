/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/one_fleet.h: one small fleet that all tests of a program read, and the end of
 * that program. */
#ifndef EVTWIN_TEST_ONE_FLEET_H
#define EVTWIN_TEST_ONE_FLEET_H

#include "small_fleet.h"

static evtwin_table *table;

static int make_table(void **state) {
    (void)state;
    table = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    return 0;
}

static int free_table(void **state) {
    (void)state;
    evtwin_table_free(table);
    return 0;
}

/* The tests of `tests`, or the code of a skipped program where this build cannot train. */
#define RUN_ON_ONE_FLEET(tests)                                                                    \
    (strstr(evtwin_build_info(), "xgboost") != NULL                                                \
         ? cmocka_run_group_tests(tests, make_table, free_table)                                   \
         : (print_message("skipped: this build cannot train\n"), 77))

#endif
