/* SPDX-License-Identifier: MIT */
/* tests/unit/io/test_postgres_uri.c: what libpq is told: places, safe defaults, passwords. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
static void test_a_build_without_it_says_so(void **state) {
    (void)state;
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open("postgresql://localhost/x", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "-DEVTWIN_POSTGRESQL=ON");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_build_without_it_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else

#include "io/postgres.h"
#include "io/postgres_uri.h"

static evtwin_status target_read(const char *text, evtwin__pg_target *out) {
    evtwin__uri uri;
    assert_ok(evtwin__uri_parse(text, &uri));
    const evtwin_status st = evtwin__pg_target_read(&uri, out);
    evtwin__uri_free(&uri);
    return st;
}

static const char *word(const evtwin__pg_target *target, const char *keyword) {
    for (size_t i = 0; i < target->n; i++) {
        if (strcmp(target->keyword[i], keyword) == 0) {
            return target->value[i];
        }
    }
    return "";
}

static int set_up(void **state) {
    (void)state;
    unsetenv("PGHOST");
    unsetenv("PGSSLMODE");
    return 0;
}

static void test_all_parts(void **state) {
    (void)state;
    evtwin__pg_target t;
    assert_ok(target_read("postgresql://tw%40in:p%3Aw@127.0.0.1:5433/twin_data?sslmode=require"
                          "&application_name=sim&connect_timeout=2",
                          &t));
    static const char *const expected[][2] = {
        {"host", "127.0.0.1"},       {"port", "5433"},           {"user", "tw@in"},
        {"password", "p:w"},         {"dbname", "twin_data"},    {"sslmode", "require"},
        {"application_name", "sim"}, {"client_encoding", "UTF8"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_string_equal(word(&t, expected[i][0]), expected[i][1]);
    }
    assert_int_equal(t.connect_timeout_ms, 2000);
    assert_null(strstr(t.name, "p:w"));
    assert_null(strstr(t.name, "tw@in"));
    evtwin__pg_target_free(&t);
}

/* A name of another machine is believed only with a certificate. */
static void test_remote_hosts_must_prove_who_they_are(void **state) {
    (void)state;
    static const struct {
        const char *uri, *host, *sslmode_env, *sslmode;
    } list[] = {{"postgresql://db.example.com/x", NULL, NULL, "verify-full"},
                {"postgres://10.0.0.5:5432/x", NULL, NULL, "verify-full"},
                {"postgresql://db.example.com/x?sslmode=disable", NULL, NULL, "disable"},
                {"postgresql://db.example.com/x", NULL, "require", ""},
                {"postgresql:///x", "db.example.com", NULL, "verify-full"},
                {"postgresql:///x?host=db.example.com", NULL, NULL, "verify-full"},
                {"postgresql:///x", "/run/postgresql", NULL, ""},
                {"postgresql:///x", NULL, NULL, ""},
                {"postgresql://localhost/x", NULL, NULL, ""},
                {"postgresql://localhost.example.com/x", NULL, NULL, "verify-full"},
                {"postgresql://127.0.0.1/x", NULL, NULL, ""},
                {"postgresql://127.example.com/x", NULL, NULL, "verify-full"},
                {"postgresql://[::1]/x", NULL, NULL, ""},
                {"postgresql:///x?host=/run/postgresql,db.example.com", NULL, NULL, "verify-full"},
                {"postgresql:///x", "/run/postgresql,localhost", NULL, ""}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        evtwin__pg_target t;
        set_up(NULL);
        if (list[i].host != NULL) {
            setenv("PGHOST", list[i].host, 1);
        }
        if (list[i].sslmode_env != NULL) {
            setenv("PGSSLMODE", list[i].sslmode_env, 1);
        }
        assert_ok(target_read(list[i].uri, &t));
        if (strcmp(word(&t, "sslmode"), list[i].sslmode) != 0) {
            fail_msg("%s: sslmode=%s", list[i].uri, word(&t, "sslmode"));
        }
        evtwin__pg_target_free(&t);
    }
    set_up(NULL);

    /* the address that libpq takes for the host */
    evtwin__pg_target t;
    setenv("PGHOSTADDR", "10.0.0.5", 1);
    assert_ok(target_read("postgresql://localhost/x", &t));
    unsetenv("PGHOSTADDR");
    assert_string_equal(word(&t, "sslmode"), "verify-full");
    evtwin__pg_target_free(&t);
}

static void test_wrong_uris(void **state) {
    (void)state;
    evtwin__pg_target t;
    assert_fails(target_read("postgresql:db", &t), EVTWIN_E_ARG, "postgresql");
    assert_fails(target_read("postgresql://a/x?host=b", &t), EVTWIN_E_ARG, "host");
    assert_fails(target_read("postgresql://a:1/x?port=2", &t), EVTWIN_E_ARG, "port");
    assert_fails(target_read("postgresql://a/x?connect_timeout=0", &t), EVTWIN_E_ARG,
                 "connect_timeout");
    assert_fails(target_read("postgresql://a/x?sslmode=bogus", &t), EVTWIN_E_ARG, "sslmode=bogus");
    setenv("PGSSLMODE", "verify", 1);
    assert_fails(target_read("postgresql://a/x", &t), EVTWIN_E_ARG, "sslmode=verify");
    unsetenv("PGSSLMODE");
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open("postgresql://a/x?ssl_mode=disable", NULL, &store), EVTWIN_E_ARG,
                 "ssl_mode");
    assert_fails(evtwin_store_open("postgresql://u:planted@a:0/x", NULL, &store), EVTWIN_E_PARSE,
                 "port");
    assert_null(strstr(evtwin_last_error(), "planted"));
}

static void test_password_files(void **state) {
    (void)state;
    evtwin__pg_target t;
    char uri[400], *password = NULL;
    const char *path = temp_file("password", "open sesame\r\n");
    snprintf(uri, sizeof uri, "postgresql://localhost/x?password_file=%s", path);
    assert_int_equal(chmod(path, 0640), 0);
    assert_fails(target_read(uri, &t), EVTWIN_E_ARG, "chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(target_read(uri, &t));
    assert_string_equal(word(&t, "password"), "");
    assert_ok(evtwin__pg_password_read(t.password_file, &password));
    assert_string_equal(password, "open sesame");
    evtwin__pg_password_free(password);
    evtwin__pg_target_free(&t);

    temp_file("password", "");
    assert_fails(target_read(uri, &t), EVTWIN_E_PARSE, "password");
    temp_file("password", "planted\nmore\n");
    assert_fails(target_read(uri, &t), EVTWIN_E_PARSE, "line");
    assert_null(strstr(evtwin_last_error(), "planted"));
    assert_int_equal(unlink(path), 0);
    assert_fails(target_read(uri, &t), EVTWIN_E_NOT_FOUND, "password");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_parts, set_up),
        cmocka_unit_test_setup(test_remote_hosts_must_prove_who_they_are, set_up),
        cmocka_unit_test_setup(test_wrong_uris, set_up),
        cmocka_unit_test_setup(test_password_files, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
