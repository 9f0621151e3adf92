/* SPDX-License-Identifier: MIT */
/* tests/unit/at_once.h: for tests that mostly wait, and share nothing but a server. */
#ifndef EVTWIN_TEST_AT_ONCE_H
#define EVTWIN_TEST_AT_ONCE_H

#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

/* Run the tests at the same time, each in a process of its own. Returns how many failed. */
static inline int run_at_once(const struct CMUnitTest *tests, size_t n, CMFixtureFunction set_up,
                              CMFixtureFunction tear_down) {
    int n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        const pid_t child = fork();
        if (child == 0) {
            const struct CMUnitTest one[] = {tests[i]};
            exit(cmocka_run_group_tests_name(tests[i].name, one, set_up, tear_down));
        }
        n_failed += child < 0;
    }
    int status = 0;
    while (wait(&status) > 0) {
        n_failed += status != 0;
    }
    return n_failed;
}

#endif
