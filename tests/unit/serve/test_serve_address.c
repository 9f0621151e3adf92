/* SPDX-License-Identifier: MIT */
/* Where to listen, and under which names. */

#include "test.h"

#include "serve/address.h"

static void test_parse(void **state) {
    (void)state;
    evtwin__address a;
    assert_ok(evtwin__address_parse("127.0.0.1:5001", &a));
    assert_string_equal(a.host, "127.0.0.1");
    assert_int_equal(a.port, 5001);
    assert_true(a.is_loopback && !a.is_ipv6);
    assert_ok(evtwin__address_parse("[::1]:0", &a));
    assert_string_equal(a.host, "::1");
    assert_true(a.port == 0 && a.is_loopback && a.is_ipv6);
    assert_ok(evtwin__address_parse("LocalHost:80", &a));
    assert_string_equal(a.host, "127.0.0.1");
    assert_ok(evtwin__address_parse("127.3.2.1:80", &a));
    assert_true(a.is_loopback);
    assert_ok(evtwin__address_parse("0.0.0.0:65535", &a));
    assert_false(a.is_loopback);
    assert_ok(evtwin__address_parse("[::]:80", &a));
    assert_false(a.is_loopback);
    assert_ok(evtwin__address_parse("192.168.1.7:80", &a));
    assert_false(a.is_loopback);
}

static void test_parse_refusals(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ":5001",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1:65536",
        "127.0.0.1:80 ",
        "127.0.0.1:80:80",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[]:80",
        "[127.0.0.1]:80",
        "example.org:80",
        "[localhost]:80",
        "127.1:80",
        "1.2.3:80",
        "*:80",
        "127.0.0.1:99999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin__address a = {.port = 77};
        assert_fails(evtwin__address_parse(bad[i], &a), EVTWIN_E_ARG, "'");
        assert_int_equal(a.port, 77);
    }
    char text[200];
    memset(text, '1', sizeof text);
    memcpy(text + 190, ":80", 4);
    evtwin__address a;
    assert_fails(evtwin__address_parse(text, &a), EVTWIN_E_ARG, "ADDRESS:PORT");
}

static void test_listen(void **state) {
    (void)state;
    evtwin__address first, second;
    int fd, other = -5;
    assert_ok(evtwin__address_parse("127.0.0.1:0", &first));
    assert_ok(evtwin__address_listen(&first, &fd));
    assert_true(first.port > 0);
    second = first;
    char place[64];
    snprintf(place, sizeof place, "127.0.0.1:%d", first.port);
    assert_fails(evtwin__address_listen(&second, &other), EVTWIN_E_BUSY, place);
    assert_int_equal(other, -5);
    close(fd);
    assert_ok(evtwin__address_listen(&second, &other));
    close(other);

    /* an address of no interface of ours (TEST-NET-1, RFC 5737) */
    assert_ok(evtwin__address_parse("192.0.2.1:0", &first));
    assert_fails(evtwin__address_listen(&first, &other), EVTWIN_E_IO, "192.0.2.1:0");
}

static void test_host_names(void **state) {
    (void)state;
    evtwin__address a;
    assert_ok(evtwin__address_parse("127.0.0.1:5001", &a));
    static const char *const ours[] = {"localhost", "localhost:5001", "LOCALHOST:9",
                                       "127.0.0.1", "127.0.0.1:5001", "127.0.0.9:1",
                                       "[::1]",     "[::1]:5001"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (!evtwin__address_allows_host(&a, ours[i])) {
            fail_msg("%s is refused", ours[i]);
        }
    }
    static const char *const others[] = {"",
                                         "evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "10.0.0.1",
                                         "[::2]",
                                         "localhost:x",
                                         "localhost:5001:1",
                                         "[localhost]",
                                         "0.0.0.0",
                                         "127.0.0.1 evil",
                                         "localhost@evil"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (evtwin__address_allows_host(&a, others[i])) {
            fail_msg("%s is let in", others[i]);
        }
    }
    assert_ok(evtwin__address_parse("10.1.2.3:80", &a));
    assert_true(evtwin__address_allows_host(&a, "10.1.2.3:80"));
    assert_false(evtwin__address_allows_host(&a, "10.1.2.4:80"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refusals),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_host_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
