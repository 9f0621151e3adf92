/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_peers.c: joining other processes, as far as one process alone can: what is
 * refused, and what a failure says. tests/long/train_together*.py have several. */

#include "test.h"

#include "core/status.h"
#include "learn/peers.h"

#include "small_fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_joining_is_refused(void **state) {
    (void)state;
    evtwin_peers *peers = NULL;
    unsetenv("DMLC_TRACKER_URI");
    unsetenv("dmlc_tracker_uri");
    assert_int_equal(evtwin_peers_join(0.0, &peers), EVTWIN_E_STATE);
    assert_non_null(strstr(evtwin_last_error(), "DMLC_TRACKER_URI"));
    const double out_of_range[] = {-1.0, 0.5, 1e7, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < sizeof out_of_range / sizeof out_of_range[0]; i++) {
        assert_int_equal(evtwin_peers_join(out_of_range[i], &peers), EVTWIN_E_ARG);
    }
    assert_int_equal(evtwin_peers_join(0.0, NULL), EVTWIN_E_ARG);
    assert_null(peers);
}

/* XGBoost would train alone, without a word. */
static void test_of_another_thread(void **state) {
    (void)state;
    static evtwin_peers others = {1, 3, 60};
    evtwin_table *table = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    o.peers = &others;
    assert_int_equal(evtwin_train(table, NULL, 0, &o, &trainer), EVTWIN_E_STATE);
    assert_int_equal(evtwin_peers_agree(&others, EVTWIN_OK, NULL), EVTWIN_E_STATE);
    assert_null(trainer);
    evtwin_table_free(table);
    size_t n = 0;
    assert_int_equal(evtwin_peers_rank(&others, &n), 1);
    assert_int_equal(n, 3);
    assert_int_equal(evtwin_peers_rank(NULL, &n), 0);
    assert_int_equal(n, 0);
}

/* Without a collective nothing travels: every process says what this one does. */
static void test_what_the_others_are_told(void **state) {
    (void)state;
    static const evtwin_peers first = {0, 2, 60};
    char words[600];
    memset(words, 'x', sizeof words);
    memcpy(words + 510, "\xc3\xa4", 3); /* cut between its bytes */
    assert_int_equal(evtwin__peers_agree_why(&first, EVTWIN_E_DATA, words), EVTWIN_E_DATA);
    assert_int_equal(strlen(evtwin_last_error()), 510);
    assert_int_equal(evtwin__peers_agree_why(&first, EVTWIN_E_DATA, "no file"), EVTWIN_E_DATA);
    assert_string_equal(evtwin_last_error(), "no file");
    assert_int_equal(evtwin__peers_agree_why(&first, EVTWIN_OK, NULL), EVTWIN_OK);
    assert_int_equal(evtwin__peers_agree_why(NULL, EVTWIN_E_DATA, NULL), EVTWIN_E_DATA);
}

static void test_who_was_lost(void **state) {
    (void)state;
    static const evtwin_peers two = {0, 2, 60}, three = {0, 3, 60};
    char who[EVTWIN__PEERS_WHO_SIZE];
    evtwin__peers_who(&two, who);
    assert_non_null(strstr(who, "process 1 of 2"));
    evtwin__peers_who(&three, who);
    assert_non_null(strstr(who, "one of the 2 processes"));

    /* a failure of XGBoost's may be that of another process; one of ours is not */
    evtwin__fail(EVTWIN_E_EXTERNAL, "XGBoost: XGBoosterUpdateOneIter: Allreduce failed");
    assert_int_equal(evtwin__peers_explain(&two, EVTWIN_E_EXTERNAL), EVTWIN_E_EXTERNAL);
    assert_non_null(strstr(evtwin_last_error(), "process 1 of 2"));
    assert_non_null(strstr(evtwin_last_error(), "Allreduce failed"));
    evtwin__fail(EVTWIN_E_DATA, "too few");
    assert_int_equal(evtwin__peers_explain(&two, EVTWIN_E_DATA), EVTWIN_E_DATA);
    assert_string_equal(evtwin_last_error(), "too few");
}

int main(void) {
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build cannot train\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joining_is_refused),
        cmocka_unit_test(test_of_another_thread),
        cmocka_unit_test(test_what_the_others_are_told),
        cmocka_unit_test(test_who_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
