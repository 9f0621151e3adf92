/* SPDX-License-Identifier: MIT */
/* A way of delivery: whose result is whose, and an end while a name server hangs. */

#include "test.h"

#include "serve/alert_lane.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#if __has_include(<curl/curlver.h>)
#include <curl/curlver.h>
#if LIBCURL_VERSION_NUM >= 0x075700
#define CURL_LEAVES_NAMES 1 /* before 7.87 it waits for a name server at the end */
#endif
#endif
#ifndef CURL_LEAVES_NAMES
#define CURL_LEAVES_NAMES 0
#endif

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
    evtwin__alert_result result;
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
        assert_true(evtwin__alert_lane_result(lane, &result));
        assert_true(result.status < 0);
        assert_false(evtwin__alert_lane_is_busy(lane));
        assert_false(evtwin__alert_lane_result(lane, &result));
    }
    evtwin__alert_lane_stop(lane);
}

/* ---- a name server that does not answer ---- */

static atomic_int n_asked, is_answered, n_left;

/* libcurl's question comes here. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out) {
    if (node != NULL && strcmp(node, "hangs.example.com") == 0) {
        atomic_fetch_add(&n_asked, 1);
        while (!atomic_load(&is_answered)) {
            usleep(10000);
        }
        atomic_fetch_add(&n_left, 1);
        return EAI_AGAIN;
    }
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(node, service, hints, out);
}

static void a_stop_does_not_wait_for_a_name_server(void **state) {
    (void)state;
    evtwin_alerts_options o;
    evtwin__alert_lane *lane;
    if (!CURL_LEAVES_NAMES) {
        skip();
    }
    assert_int_equal(evtwin_alerts_options_init(&o, sizeof o), EVTWIN_OK);
    o.smtp = "smtp://hangs.example.com/";
    o.mail_to = "fleet@example.com";
    const evtwin_status started = evtwin__alert_lane_start(&o, EVTWIN__MAIL, note, NULL, &lane);
    if (started == EVTWIN_E_UNSUPPORTED) {
        skip();
    }
    assert_int_equal(started, EVTWIN_OK);
    give(lane, 1);
    for (int i = 0; i < 6000 && atomic_load(&n_asked) == 0; i++) {
        usleep(10000);
    }
    if (atomic_load(&n_asked) == 0) { /* a libcurl with a resolver of its own */
        evtwin__alert_lane_stop(lane);
        skip();
    }
    alarm(120); /* or this test ends here */
    evtwin__alert_lane_stop(lane);
    alarm(0);
    assert_int_equal(atomic_load(&n_left), 0); /* it still hangs */
    atomic_store(&is_answered, 1);
    for (int i = 0; i < 6000 && atomic_load(&n_left) < atomic_load(&n_asked); i++) {
        usleep(10000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lane_is_busy_until_its_result_is_known),
        cmocka_unit_test(a_stop_does_not_wait_for_a_name_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
