/* SPDX-License-Identifier: MIT */
/* A way of delivery: whose result is whose. */

#include "test.h"

#include "serve/alert_lane.h"

#include <stdatomic.h>
#include <unistd.h>

static atomic_int n_finished;

static void note(void *ctx) {
    (void)ctx;
    atomic_fetch_add(&n_finished, 1);
}

static void give(evtwin__alert_lane *lane, int64_t id) {
    evtwin__alert_message message = {.subject = "a subject"};
    evtwin__text_put(&message.text, "a line\n");
    evtwin__text_put(&message.json, "{}");
    evtwin__alert_lane_take(lane, &message, id);
}

static void wait_for(int n) {
    for (int i = 0; i < 6000 && atomic_load(&n_finished) < n; i++) {
        usleep(10000);
    }
    assert_int_equal(atomic_load(&n_finished), n);
}

/* Else the next message would get the result of the one before, and be lost if that was a success.
 */
static void a_lane_is_busy_until_its_result_is_known(void **state) {
    (void)state;
    evtwin_alerts_options o;
    evtwin__alert_lane *lane;
    evtwin_status st = EVTWIN_OK;
    char reason[512];
    assert_int_equal(evtwin_alerts_options_init(&o, sizeof o), EVTWIN_OK);
    o.smtp = "smtp://127.0.0.1:1/"; /* nobody listens */
    o.mail_to = "fleet@example.com";
    const evtwin_status started = evtwin__alert_lane_start(&o, EVTWIN__MAIL, note, NULL, &lane);
    if (started == EVTWIN_E_UNSUPPORTED) {
        skip();
    }
    assert_int_equal(started, EVTWIN_OK);
    assert_false(evtwin__alert_lane_is_busy(lane));
    for (int i = 1; i <= 2; i++) {
        give(lane, i);
        wait_for(i);
        assert_true(evtwin__alert_lane_is_busy(lane));
        assert_true(evtwin__alert_lane_result(lane, &st, reason, sizeof reason));
        assert_true(st < 0);
        assert_false(evtwin__alert_lane_is_busy(lane));
        assert_false(evtwin__alert_lane_result(lane, &st, reason, sizeof reason));
    }
    evtwin__alert_lane_stop(lane);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_lane_is_busy_until_its_result_is_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
