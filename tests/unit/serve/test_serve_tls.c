/* SPDX-License-Identifier: MIT */
/* TLS: what a client's first message looks like, and which option is at fault where a server may
 * not start. tests/integration/serve_tls.py speaks it. */

#include "test.h"

#include "evtwin/serve.h"

#ifdef HAVE_HTTP
#include "serve/http_head.h"

/* kind, version, length, and that it is a ClientHello */
#define HELLO "\x16\x03\x01\x00\x08\x01"

static void assert_hello(const char *data, size_t size, evtwin__head expected) {
    const evtwin__head its = evtwin__hello_check(data, size);
    if (its != expected) {
        fail_msg("%zu bytes, the first %d: %d in place of %d", size, size > 0 ? data[0] : 0, its,
                 expected);
    }
}

static void test_first_messages(void **state) {
    (void)state;
    const char whole[] = HELLO "1234567";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        assert_hello(whole, n, EVTWIN__HEAD_PART);
    }
    assert_hello(whole, sizeof whole - 1, EVTWIN__HEAD_WHOLE);
    assert_hello(HELLO "1234567\x14\x03", sizeof whole + 1, EVTWIN__HEAD_WHOLE);

    /* HTTP without TLS is told so, from its first byte on */
    assert_hello("G", 1, EVTWIN__HEAD_PLAIN);
    assert_hello("\r\nGET / HTTP/1.1", 16, EVTWIN__HEAD_PLAIN);

    /* anything else */
    const struct {
        const char *data;
        size_t size;
    } bad[] = {{"\x80\x2e\x01", 3},
               {"\x15\x03\x01", 3},
               {"\x17\x03\x03\x00\x10\x01", 6},
               {"\x16\x02", 2},
               {"\x16\x03\x01\x00\x08\x02", 6},
               {"\x16\x03\x01\x00\x00\x01", 6},
               {"\x16\x03\x01\x40\x00\x01", 6},
               {"\x16\x03\x01\xff\xff\x01", 6},
               {"\0", 1},
               {" ", 1},
               {"\xff", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_hello(bad[i].data, bad[i].size, EVTWIN__HEAD_BAD);
    }
}
#endif

static void assert_at_fault(const evtwin_server_options *options, evtwin_status st,
                            const char *member) {
    const char *option = "nothing";
    assert_fails(evtwin_server_check(options, &option), st, "");
    assert_string_equal(option, member);
    assert_fails(evtwin_server_check(options, NULL), st, "");
}

static void test_which_option(void **state) {
    (void)state;
    evtwin_server_options fine, o;
    assert_ok(evtwin_server_options_init(&fine, sizeof fine));
    const char *option = "nothing";
    assert_ok(evtwin_server_check(&fine, &option));
    assert_null(option);
    assert_fails(evtwin_server_check(NULL, NULL), EVTWIN_E_ARG, "NULL");

    o = fine, o.listen = "nonsense";
    assert_at_fault(&o, EVTWIN_E_ARG, "listen");
    o = fine, o.n_threads = 0;
    assert_at_fault(&o, EVTWIN_E_ARG, "n_threads");
    const char *const names[] = {"http://x"};
    o = fine, o.allow_hosts = names, o.n_allow_hosts = 1;
    assert_at_fault(&o, EVTWIN_E_ARG, "allow_hosts");
    o = fine, o.token_file = "no/such.token";
    assert_at_fault(&o, EVTWIN_E_NOT_FOUND, "token_file");
    o = fine, o.tls_cert_file = "cert.pem";
    assert_at_fault(&o, EVTWIN_E_ARG, "tls_key_file");
    o = fine, o.tls_key_file = "key.pem";
    assert_at_fault(&o, EVTWIN_E_ARG, "tls_cert_file");
}

/* Beyond the loopback: a token and encryption, or leave to go without. */
static void test_reach(void **state) {
    (void)state;
    evtwin_server_options o;
    assert_ok(evtwin_server_options_init(&o, sizeof o));
    o.listen = "0.0.0.0:0";
    assert_at_fault(&o, EVTWIN_E_ARG, "insecure_listen");
    assert_fails(evtwin_server_check(&o, NULL), EVTWIN_E_ARG, "0.0.0.0:0|token|encryption");
    o.token_file = "no/such.token";
    assert_fails(evtwin_server_check(&o, NULL), EVTWIN_E_ARG, "on the way");
    o.tls_cert_file = o.tls_key_file = "no/such.pem"; /* it may; what is missing is the files */
    assert_at_fault(&o, EVTWIN_E_NOT_FOUND, "token_file");
    o.token_file = NULL;
    assert_fails(evtwin_server_check(&o, NULL), EVTWIN_E_ARG, "no token");
    o.tls_cert_file = o.tls_key_file = NULL;
    o.insecure_listen = 1;
    assert_ok(evtwin_server_check(&o, NULL));
    o.open_reads = 1;
    assert_at_fault(&o, EVTWIN_E_ARG, "open_reads");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef HAVE_HTTP
        cmocka_unit_test(test_first_messages),
#endif
        cmocka_unit_test(test_which_option),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
