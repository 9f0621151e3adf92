/* SPDX-License-Identifier: MIT */
/* test_uri.c: the parts of a URI, what is refused, and that no password ever shows. */

#include "test.h"

#include "fail_nth.h"

#include "core/mem.h"
#include "core/uri.h"

static void splits_the_hierarchical_form(void **state) {
    (void)state;
    evtwin__uri u;
    assert_ok(
        evtwin__uri_parse("kafka://al%20ice:p%40ss@h.example:9092/topic%2Fa?x=1&y=a%26b", &u));
    assert_string_equal(u.scheme, "kafka");
    assert_string_equal(u.user, "al ice");
    assert_string_equal(u.password, "p@ss");
    assert_string_equal(u.host, "h.example");
    assert_int_equal(u.port, 9092);
    assert_string_equal(u.path, "topic/a");
    assert_int_equal(u.n_params, 2);
    assert_string_equal(evtwin__uri_param(&u, "x"), "1");
    assert_string_equal(evtwin__uri_param(&u, "y"), "a&b");
    assert_null(evtwin__uri_param(&u, "z"));
    evtwin__uri_free(&u);

    assert_ok(evtwin__uri_parse("http://[::1]:5001", &u));
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 5001);
    assert_string_equal(u.path, "");
    evtwin__uri_free(&u);

    assert_ok(evtwin__uri_parse("mqtt://host/ev/battery/telemetry", &u));
    assert_string_equal(u.user, "");
    assert_string_equal(u.password, "");
    assert_int_equal(u.port, -1);
    assert_string_equal(u.path, "ev/battery/telemetry");
    evtwin__uri_free(&u);
}

static void keeps_a_list_of_hosts_whole(void **state) {
    (void)state;
    evtwin__uri u;
    assert_ok(evtwin__uri_parse("kafka://a:9092,b.example,[::1]:9094/t?group=g", &u));
    assert_string_equal(u.host, "a:9092,b.example,[::1]:9094");
    assert_int_equal(u.port, -1);
    assert_string_equal(u.path, "t");
    evtwin__uri_free(&u);
}

static void keeps_the_path_of_the_flat_form_as_it_is(void **state) {
    (void)state;
    static const struct {
        const char *text, *scheme, *path;
    } cases[] = {
        {"csv:out.csv", "csv", "out.csv"},
        {"csv:-", "csv", "-"},
        {"null:", "null", ""},
        {"sqlite::memory:", "sqlite", ":memory:"},
        {"csv:/tmp/50% off #1 \xc3\xa4.csv", "csv", "/tmp/50% off #1 \xc3\xa4.csv"},
        {"jsonl:a@b:c&d=e", "jsonl", "a@b:c&d=e"},
        {"svn+ssh.x-1:y", "svn+ssh.x-1", "y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin__uri u;
        assert_ok(evtwin__uri_parse(cases[i].text, &u));
        assert_string_equal(u.scheme, cases[i].scheme);
        assert_string_equal(u.path, cases[i].path);
        assert_string_equal(u.host, "");
        assert_int_equal(u.n_params, 0);
        evtwin__uri_free(&u);
    }
    evtwin__uri u;
    assert_ok(evtwin__uri_parse("sim:?fleet=20&speed=60", &u));
    assert_string_equal(u.path, "");
    assert_string_equal(evtwin__uri_param(&u, "fleet"), "20");
    assert_string_equal(evtwin__uri_param(&u, "speed"), "60");
    evtwin__uri_free(&u);
    assert_ok(evtwin__uri_parse("csv:x?", &u));
    assert_int_equal(u.n_params, 0);
    evtwin__uri_free(&u);
    evtwin__uri_free(&u); /* twice is once */
    evtwin__uri_free(NULL);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "scheme"},
        {"out.csv", "scheme"},
        {":x", "scheme"},
        {"1x:y", "scheme"},
        {"a b:y", "scheme"},
        {"http://h:0/", "port"},
        {"http://h:65536/", "port"},
        {"http://h:/", "port"},
        {"http://h:12x/", "port"},
        {"http://h:+1/", "port"},
        {"http://a:b:c/", "host|':'"},
        {"http://[::1/", "brackets"},
        {"http://[::1]x/", "brackets"},
        {"kafka://a:1,b:0/t", "port"},
        {"kafka://a:1,/t", "host|list"},
        {"kafka://,a/t", "host|list"},
        {"kafka://a,,b/t", "host|list"},
        {"http://h/%", "hex"},
        {"http://h/%4", "hex"},
        {"http://h/%zz", "hex"},
        {"http://h/%00", "%00"},
        {"http://%00/", "%00"},
        {"csv:x?y", "name=value"},
        {"csv:x?=1", "name=value"},
        {"csv:x?a=1&a=2", "duplicate"},
        {"csv:x?a=1&%61=2", "duplicate"},
        {"csv:x?a=%q1", "hex"},
        {"csv:x?a=1&&b=2", "name=value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin__uri u = {.port = 77};
        const evtwin_status st = evtwin__uri_parse(cases[i].text, &u);
        if (st != EVTWIN_E_PARSE || !text_names(evtwin_last_error(), cases[i].says) ||
            u.port != 77) {
            fail_msg("'%s': %s: %s", cases[i].text, evtwin_status_name(st), evtwin_last_error());
        }
    }
    char many[1024] = "x:?a0=1";
    for (int i = 1; i < 65; i++) {
        snprintf(many + strlen(many), sizeof many - strlen(many), "&a%d=1", i);
    }
    evtwin__uri u;
    assert_fails(evtwin__uri_parse(many, &u), EVTWIN_E_PARSE, "64 parameters");
}

static void knows_its_parameters(void **state) {
    (void)state;
    static const char *const known[] = {"replace", "follow", NULL};
    evtwin__uri u;
    assert_ok(evtwin__uri_parse("csv:x?follow=1", &u));
    assert_ok(evtwin__uri_check_params(&u, known));
    evtwin__uri_free(&u);
    assert_ok(evtwin__uri_parse("csv:x?folow=1", &u));
    assert_fails(evtwin__uri_check_params(&u, known), EVTWIN_E_ARG, "csv:|\"folow\"");
    evtwin__uri_free(&u);
}

static void no_password_ever_shows(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"postgresql://u:hunter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:hunter2@h:5432/db?sslmode=require",
         "postgresql://u:***@h:5432/db?sslmode=require"},
        {"postgresql://u:hun@ter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:hun/ter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:#hunter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:/hunter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u:?hunter2@h/db", "postgresql://u:***@h/db"},
        {"postgresql://h/db?user=u&password=hunter2&x=1",
         "postgresql://h/db?user=u&password=***&x=1"},
        {"mqtt://h/t?ssl_Password=hunter2", "mqtt://h/t?ssl_Password=***"},
        {"mqtt://h/t?token=hunter2&secret=hunter2", "mqtt://h/t?token=***&secret=***"},
        {"host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"},
        {"postgresql://u:hunter2@h/db?password=hunter2", "postgresql://u:***@h/db?password=***"},
        {"kafka://a:1,b:2/t?sasl.username=u&sasl.password=hunter2&group=g",
         "kafka://a:1,b:2/t?sasl.username=u&sasl.password=***&group=g"},
        {"kafka://h/t?ssl.key.password=hunter2&ssl.key.location=/k.pem",
         "kafka://h/t?ssl.key.password=***&ssl.key.location=/k.pem"},
        {"kafka://h/t?ssl.key.pem=hunter2&sasl.oauthbearer.config=hunter2",
         "kafka://h/t?ssl.key.pem=***&sasl.oauthbearer.config=***"},
        {"kafka://h:9092/topic", "kafka://h:9092/topic"},
        {"kafka://h:9092/a@b", "kafka://h:9092/a@b"},
        {"kafka://user@h:9092/t", "kafka://user@h:9092/t"},
        {"csv:out.csv", "csv:out.csv"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = evtwin__uri_redact(cases[i].text);
        assert_string_equal(text, cases[i].want);
        evtwin__free(text);
    }

    /* and not in an error either */
    evtwin__uri u;
    assert_fails(evtwin__uri_parse("kafka://u:hunter2@h:bad/t", &u), EVTWIN_E_PARSE, "u:***@h:bad");
    assert_null(strstr(evtwin_last_error(), "hunter2"));
}

static void what_must_not_be_on_a_command_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int has_password;
    } cases[] = {
        {"postgresql://u:hunter2@h/db", 1},
        {"kafka://h/t?sasl.password=hunter2", 1},
        {"mqtt://h/t?token=hunter2", 1},
        {"kafka://h/t?ssl.key.pem=hunter2", 1},
        {"postgresql://u@h:5432/db?password_file=/run/secret", 0},
        {"mqtts://h/t?certfile=c.pem&keyfile=k.pem", 0},
        {"postgresql://h/db?sslkey=k.pem", 0}, /* the name of a file */
        {"kafka://a:9092,b:9092/t?properties=p", 0},
        {"postgresql://u:@h/db?password=", 0},
        {"csv:pass.csv", 0},
        {"", 0},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(evtwin_uri_redact(cases[i].text, NULL, 0), cases[i].has_password);
        assert_int_equal(evtwin_uri_redact(cases[i].text, text, sizeof text),
                         cases[i].has_password);
        assert_null(strstr(text, "hunter2"));
    }
    assert_int_equal(evtwin_uri_redact(NULL, text, sizeof text), 0);
    assert_string_equal(text, "");
    evtwin_uri_redact("postgresql://u:hunter2@h/db", text, 20);
    assert_string_equal(text, "postgresql://u:***@");
}

static evtwin_status parse_and_free(void *ctx) {
    evtwin__uri u;
    const evtwin_status st = evtwin__uri_parse(ctx, &u);
    if (st == EVTWIN_OK) {
        evtwin__uri_free(&u);
    }
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    static char text[] = "kafka://u:p@h/t?a=1";
    assert_true(fail_every_allocation(parse_and_free, text) > 1);

    evtwin_set_allocator(fail_nth_realloc, NULL);
    fail_nth_countdown = 0;
    assert_null(evtwin__uri_redact("x:y"));
    evtwin_set_allocator(NULL, NULL);
}

static void reads_numbers(void **state) {
    (void)state;
    evtwin__uri u;
    double value = 7.0;
    assert_ok(evtwin__uri_parse("x:y?half=0.5&less=-1&more=11&none=nan&empty=", &u));
    assert_ok(evtwin__uri_number(&u, "absent", 10.0, &value));
    assert_float_equal(value, 7.0, 0.0);
    assert_ok(evtwin__uri_number(&u, "half", 10.0, &value));
    assert_float_equal(value, 0.5, 0.0);
    assert_fails(evtwin__uri_number(&u, "less", 10.0, &value), EVTWIN_E_ARG, "less=-1");
    assert_fails(evtwin__uri_number(&u, "more", 10.0, &value), EVTWIN_E_ARG, "more=11|10");
    assert_fails(evtwin__uri_number(&u, "none", 10.0, &value), EVTWIN_E_ARG, "none=nan");
    assert_fails(evtwin__uri_number(&u, "empty", 10.0, &value), EVTWIN_E_ARG, "empty");
    assert_float_equal(value, 0.5, 0.0);
    evtwin__uri_free(&u);
}

static void knows_this_machine(void **state) {
    (void)state;
    static const struct {
        const char *hosts;
        int are_local;
    } cases[] = {{"", 1},
                 {"localhost", 1},
                 {"localhost:9092,127.0.0.1:1,[::1]:9093,127.1", 1},
                 {"::1", 1},
                 {"[::1]", 1},
                 {"/run/postgresql", 1},
                 {"localhost.example", 0},
                 {"127.example:1", 0},
                 {"127.", 0},
                 {"[::1].example", 0},
                 {"::12", 0},
                 {"localhost,db.example", 0},
                 {"db.example,localhost", 0},
                 {"/run/postgresql,db.example", 0},
                 {"10.0.0.5", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (evtwin__hosts_are_local(cases[i].hosts) != cases[i].are_local) {
            fail_msg("%s", cases[i].hosts);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_must_not_be_on_a_command_line),
        cmocka_unit_test(splits_the_hierarchical_form),
        cmocka_unit_test(keeps_a_list_of_hosts_whole),
        cmocka_unit_test(keeps_the_path_of_the_flat_form_as_it_is),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(knows_its_parameters),
        cmocka_unit_test(no_password_ever_shows),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
