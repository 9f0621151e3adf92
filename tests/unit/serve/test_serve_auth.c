/* SPDX-License-Identifier: MIT */
/* The token: where it may stand, what it opens, how a browser gets its cookie, what may be written
 * with it, and what a wrong one costs. */

#include "serve_client.h"

#include "serve/auth.h"

#include <sys/stat.h>
#include <time.h>

#define TOKEN "0123456789abcdef-right"
#define AS_JSON "Content-Type: application/json\r\n"

static char store_uri[512];
static char token_path[512];
static evtwin_server *server;
static int port;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void write_token(const char *path, const char *text, mode_t mode) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static evtwin_server *start_with(const char *token_file, const char *const *hosts, size_t n_hosts) {
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = store_uri;
    options.token_file = token_file;
    options.allow_hosts = hosts;
    options.n_allow_hosts = n_hosts;
    options.max_connections = 8;
    evtwin_server *its = NULL;
    assert_ok(evtwin_server_start(&options, &its));
    return its;
}

static int set_up(void **state) {
    (void)state;
    snprintf(store_uri, sizeof store_uri, "%s", fresh_uri("auth.db"));
    const record records[] = {
        {"BATTERY_001", evtwin_time_now(), 1, 62.0, 91.0, 31.0, 500.0, 0.1, NULL}};
    fill_store(store_uri, records, 1);
    snprintf(token_path, sizeof token_path, "%s", temp_path("auth.token"));
    write_token(token_path, TOKEN "\n", 0600);
    server = start_with(token_path, NULL, 0);
    port = evtwin_server_port(server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    evtwin_server_free(server);
    remove(token_path);
    return 0;
}

/* The code alone. */
static int code_of(const char *method, const char *target, const char *headers) {
    reply r = client_request(port, method, target, headers);
    const int code = r.code;
    reply_free(&r);
    return code;
}

/* POST of a body with more headers. */
static reply post(int to_port, const char *target, const char *headers, const char *body) {
    char *text = malloc(strlen(body) + strlen(headers) + 300);
    snprintf(text, strlen(body) + strlen(headers) + 300,
             "POST %s HTTP/1.1\r\n%s%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", target,
             strstr(headers, "Host:") ? "" : "Host: localhost\r\n", headers, strlen(body), body);
    const reply r = client_raw(to_port, text, strlen(text));
    free(text);
    return r;
}

static void assert_post(const char *headers, const char *body, int code) {
    reply r = post(port, "/login", headers, body);
    if (r.code != code) {
        fail_msg("%s %s: expected %d: %s", headers, body, code, r.text);
    }
    reply_free(&r);
}

/* ---- the file ---- */

static void test_token_files(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        const char *said;
    } bad[] = {
        {TOKEN "\n", 0640, "others can read"},   {TOKEN "\n", 0604, "others can read"},
        {"short\n", 0600, "5 characters"},       {"", 0600, "0 characters"},
        {"with a blank in it\n", 0600, "blank"}, {"with-\xc3\xa4-umlaut-here\n", 0600, "ASCII"},
    };
    char path[512];
    snprintf(path, sizeof path, "%s", temp_path("bad.token"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin__auth *auth = NULL;
        write_token(path, bad[i].text, bad[i].mode);
        assert_fails(evtwin__auth_load(path, &auth), EVTWIN_E_ARG, bad[i].said);
        assert_null(strstr(evtwin_last_error(), "right"));
        assert_null(auth);
    }
    remove(path);
    evtwin__auth *auth = NULL;
    assert_fails(evtwin__auth_load(path, &auth), EVTWIN_E_NOT_FOUND, "bad.token");

    /* line ends of any kind; what follows the first line is a comment */
    write_token(path, TOKEN "\r\nmade in January\n", 0600);
    assert_ok(evtwin__auth_load(path, &auth));
    assert_int_equal(evtwin__auth_is_token(auth, TOKEN, strlen(TOKEN)), 1);
    assert_int_equal(evtwin__auth_is_token(auth, TOKEN, strlen(TOKEN) - 1), 0);
    assert_int_equal(evtwin__auth_is_token(auth, "", 0), 0);
    assert_int_equal(evtwin__auth_is_bearer(auth, "bearer " TOKEN), 1);
    assert_int_equal(evtwin__auth_is_bearer(auth, "Basic " TOKEN), 0);
    assert_int_equal(evtwin__auth_is_bearer(auth, TOKEN), 0);
    assert_int_equal(evtwin__auth_is_bearer(auth, NULL), 0);
    assert_int_equal(evtwin__auth_is_cookie(auth, "evtwin=" TOKEN), 0);
    assert_int_equal(evtwin__auth_is_cookie(auth, "evtwin="), 0);
    assert_int_equal(evtwin__auth_is_cookie(auth, NULL), 0);
    evtwin__auth_free(auth);
    remove(path);
}

/* ---- reading ---- */

static void test_reading_needs_it(void **state) {
    (void)state;
    static const char *const closed[] = {"/",
                                         "/api/batteries/list",
                                         "/api/battery/latest",
                                         "/metrics",
                                         "/app.js",
                                         "/api/alerts",
                                         "/no/such",
                                         "/LOGIN",
                                         "/health/",
                                         "/web/login/index.html",
                                         "/openapi.yaml"};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        reply r = client_get(port, closed[i]);
        if (r.code != 401) {
            fail_msg("%s: %d", closed[i], r.code);
        }
        assert_string_equal(reply_header(&r, "WWW-Authenticate"), "Bearer realm=\"evtwin\"");
        assert_non_null(strstr(r.body, "\"status\":\"error\""));
        reply_free(&r);
    }
    static const char *const open[] = {"/health", "/login", "/web/login/login.js",
                                       "/web/login/login.css", "/favicon.svg"};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        assert_int_equal(code_of("GET", open[i], ""), 200);
        assert_int_equal(code_of("HEAD", open[i], ""), 200);
    }
    assert_int_equal(code_of("GET", "/api/batteries/list", "Authorization: Bearer " TOKEN "\r\n"),
                     200);
    assert_int_equal(code_of("GET", "/", "Authorization: Bearer " TOKEN "\r\n"), 200);
}

/* What is refused is counted as that, not as a failure of the server. */
static void test_refusals_are_counted(void **state) {
    (void)state;
    assert_int_equal(code_of("GET", "/api/batteries/list", ""), 401);
    reply r = client_request(port, "GET", "/metrics", "Authorization: Bearer " TOKEN "\r\n");
    assert_int_equal(r.code, 200);
    assert_non_null(strstr(r.body, ",code=\"401\"} "));
    assert_null(strstr(r.body, "code=\"503\""));
    reply_free(&r);
}

/* Who opens a page is shown the login in its place; a program gets an error. */
static void test_login_page(void **state) {
    (void)state;
    reply r = client_request(port, "GET", "/battery/BATTERY_001", "Accept: text/html,*/*\r\n");
    assert_int_equal(r.code, 401);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(reply_header(&r, "Cache-Control"), "no-store");
    assert_non_null(strstr(reply_header(&r, "Content-Security-Policy"), "default-src 'self'"));
    assert_non_null(strstr(r.body, "src=\"/web/login/login.js\""));
    assert_null(strstr(r.body, "style="));
    reply_free(&r);
    r = client_request(port, "GET", "/api/alerts", "Accept: text/html,*/*\r\n");
    assert_int_equal(r.code, 401);
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json; charset=utf-8");
    reply_free(&r);
}

static void test_login(void **state) {
    (void)state;
    reply r = post(port, "/login", AS_JSON, "{\"token\":\"" TOKEN "\"}");
    assert_int_equal(r.code, 200);
    const char *cookie = reply_header(&r, "Set-Cookie");
    assert_non_null(cookie);
    assert_non_null(strstr(cookie, "; HttpOnly; SameSite=Strict"));
    assert_null(strstr(cookie, "Secure"));
    assert_null(strstr(cookie, TOKEN));
    char header[300], wrong[300];
    snprintf(header, sizeof header, "Cookie: theme=dark; %.*s; b=c\r\n", (int)strcspn(cookie, ";"),
             cookie);
    reply_free(&r);
    assert_int_equal(code_of("GET", "/api/batteries/list", header), 200);
    snprintf(wrong, sizeof wrong, "%s", header);
    char *last = strstr(wrong, "; b=c") - 1;
    *last = *last == '0' ? '1' : '0';
    assert_int_equal(code_of("GET", "/api/batteries/list", wrong), 401);

    /* behind a proxy with TLS the cookie stays on TLS */
    r = post(port, "/login", AS_JSON "Origin: https://localhost\r\n", "{\"token\":\"" TOKEN "\"}");
    assert_int_equal(r.code, 200);
    assert_non_null(strstr(reply_header(&r, "Set-Cookie"), "; Secure"));
    reply_free(&r);
}

/* ---- writing ---- */

static void test_what_is_posted(void **state) {
    (void)state;
    const char good[] = "{\"token\":\"" TOKEN "\"}";
    assert_post(AS_JSON, good, 200);
    assert_post("content-type: application/json; charset=utf-8\r\n", good, 200);
    assert_post("", good, 415);
    assert_post("Content-Type: text/plain\r\n", good, 415);
    assert_post("Content-Type: application/jsonp\r\n", good, 415);
    assert_post("Content-Type: application/x-www-form-urlencoded\r\n", "token=" TOKEN, 415);
    static const char *const bodies[] = {"",
                                         "{}",
                                         "[]",
                                         "{\"token\":1}",
                                         "{\"token\":",
                                         "\"text\"",
                                         "{\"a\":\"b\"}",
                                         "null",
                                         "{\"token\":\"" TOKEN "\"}x"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_post(AS_JSON, bodies[i], 400);
    }

    /* another site, or another server of this machine, does not write through a browser */
    assert_post(AS_JSON "Origin: http://localhost\r\n", good, 200);
    static const char *const foreign[] = {
        "Origin: http://evil.example\r\n",   "Origin: null\r\n",
        "Origin: http://localhost:3000\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",     "Origin: http://localhost.evil.example\r\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        char headers[200];
        snprintf(headers, sizeof headers, AS_JSON "%s", foreign[i]);
        assert_post(headers, good, 403);
    }
    assert_int_equal(code_of("PUT", "/login", ""), 405);
    assert_int_equal(code_of("POST", "/api/alerts", "Authorization: Bearer " TOKEN "\r\n"), 405);
    assert_int_equal(code_of("DELETE", "/api/alerts", "Authorization: Bearer " TOKEN "\r\n"), 405);
}

/* Bodies: whole, in pieces, asked for, too large, without a length; the connection ends behind
 * each, so that nothing is smuggled. */
static void test_bodies(void **state) {
    (void)state;
    enum { LIMIT = 64 * 1024 };
    char *body = malloc(LIMIT + 2);
    for (int extra = 0; extra < 2; extra++) {
        memset(body, ' ', LIMIT + 1);
        memcpy(body, "{\"token\":\"" TOKEN "\"}", strlen("{\"token\":\"" TOKEN "\"}"));
        body[LIMIT + extra] = '\0';
        assert_post(AS_JSON, body, extra == 0 ? 200 : 413);
    }
    free(body);

    const char chunked[] = "POST /login HTTP/1.1\r\nHost: localhost\r\n" AS_JSON
                           "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    reply r = client_raw(port, chunked, sizeof chunked - 1);
    assert_int_equal(r.code, 411);
    reply_free(&r);

    const int fd = client_connect(port);
    const char head[] = "POST /login HTTP/1.1\r\nHost: localhost\r\n" AS_JSON
                        "Expect: 100-continue\r\nContent-Length: 34\r\n\r\n";
    const char rest[] = "{\"token\":\"" TOKEN "\"}"
                        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_int_equal(strstr(rest, "GET") - rest, 34);
    assert_true(client_send(fd, head, sizeof head - 1));
    char some[200] = "";
    assert_true(recv(fd, some, sizeof some - 1, 0) > 0);
    assert_non_null(strstr(some, "100 Continue"));
    for (size_t i = 0; i < sizeof rest - 1; i++) {
        if (!client_send(fd, rest + i, 1)) {
            break; /* it closes behind the body */
        }
    }
    char *text = client_read_all(fd, NULL);
    assert_non_null(strstr(text, "200 OK"));
    assert_null(strstr(text, "store_age_s"));
    free(text);
    close(fd);
}

static void test_without_a_token_nothing_is_written(void **state) {
    (void)state;
    evtwin_server *open = start_with(NULL, NULL, 0);
    reply r = post(evtwin_server_port(open), "/login", AS_JSON, "{\"token\":\"" TOKEN "\"}");
    assert_int_equal(r.code, 403);
    reply_free(&r);
    json_decref(client_json(evtwin_server_port(open), "/api/batteries/list", 200));
    evtwin_server_free(open);
}

/* ---- names ---- */

static void test_allowed_hosts(void **state) {
    (void)state;
    const char *hosts[] = {"twin.example.org", "other"};
    evtwin_server *its = start_with(token_path, hosts, 2);
    const int its_port = evtwin_server_port(its);
    static const struct {
        const char *headers;
        int code;
    } cases[] = {
        {"Host: twin.example.org\r\n", 200}, {"Host: TWIN.example.org:443\r\n", 200},
        {"Host: localhost\r\n", 200},        {"Host: twin.example.org.evil.example\r\n", 421},
        {"Host: win.example.org\r\n", 421},  {"Host: evil.example\r\n", 421}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reply r = client_request(its_port, "GET", "/health", cases[i].headers);
        assert_int_equal(r.code, cases[i].code);
        reply_free(&r);
    }
    /* a proxy may put another Host than the page has */
    reply r = post(its_port, "/login", AS_JSON "Origin: https://twin.example.org\r\n",
                   "{\"token\":\"" TOKEN "\"}");
    assert_int_equal(r.code, 200);
    reply_free(&r);
    evtwin_server_free(its);

    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    const char *bad[] = {"http://x"};
    options.allow_hosts = bad;
    options.n_allow_hosts = 1;
    assert_fails(evtwin_server_start(&options, &its), EVTWIN_E_ARG, "http://x");
}

static void test_beyond_the_loopback(void **state) {
    (void)state;
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "0.0.0.0:0";
    options.store = store_uri;
    evtwin_server *its = NULL;
    assert_fails(evtwin_server_start(&options, &its), EVTWIN_E_ARG, "0.0.0.0");
    options.token_file = token_path;
    assert_fails(evtwin_server_start(&options, &its), EVTWIN_E_ARG, "on the way");
    options.insecure_listen = 1;
    assert_ok(evtwin_server_start(&options, &its));
    reply r = client_request(evtwin_server_port(its), "GET", "/api/alerts", "Host: any.name\r\n");
    assert_int_equal(r.code, 401);
    reply_free(&r);
    evtwin_server_free(its);

    /* names that are given are the only ones */
    const char *const names[] = {"twin.example"};
    options.allow_hosts = names;
    options.n_allow_hosts = 1;
    assert_ok(evtwin_server_start(&options, &its));
    r = client_request(evtwin_server_port(its), "GET", "/api/alerts", "Host: any.name\r\n");
    assert_int_equal(r.code, 421);
    reply_free(&r);
    evtwin_server_free(its);
}

static void test_open_reads(void **state) {
    (void)state;
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.store = store_uri;
    options.token_file = token_path;
    options.open_reads = 1;
    evtwin_server *its = NULL;
    options.listen = "0.0.0.0:0";
    assert_fails(evtwin_server_start(&options, &its), EVTWIN_E_ARG, "open_reads");
    options.listen = "127.0.0.1:0";
    assert_ok(evtwin_server_start(&options, &its));
    const int its_port = evtwin_server_port(its);
    reply r = client_request(its_port, "GET", "/api/alerts", "Host: localhost\r\n");
    assert_int_equal(r.code, 200);
    reply_free(&r);
    r = post(its_port, "/api/alerts/acknowledge", AS_JSON, "{\"id\":1,\"by\":\"A\"}");
    assert_int_equal(r.code, 401);
    reply_free(&r);
    evtwin_server_free(its);
}

/* ---- wrong tokens ---- */

/* They wait, the others do not, and their places are free to who needs them. */
static void test_wrong_tokens_wait(void **state) {
    (void)state;
    enum { N = 24 }; /* three times the connections that there are */
    const char request[] = "GET /api/alerts HTTP/1.1\r\nHost: localhost\r\n"
                           "Authorization: Bearer wrong-wrong-wrong\r\n\r\n";
    int fd[N];
    for (int i = 0; i < N; i++) {
        fd[i] = client_connect(port);
        assert_true(client_send(fd[i], request, sizeof request - 1));
    }
    const double start = now_s();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(code_of("GET", "/health", ""), 200);
    }
    const double others_s = now_s() - start;
    const double then = now_s();
    reply r = post(port, "/login", AS_JSON, "{\"token\":\"wrong-wrong-wrong\"}");
    const double wrong_s = now_s() - then;
    assert_int_equal(r.code, 401);
    assert_null(strstr(r.text, "wrong-wrong"));
    reply_free(&r);
    assert_true(wrong_s > 0.5);
    assert_true(others_s < 10.0 * wrong_s);
    for (int i = 0; i < N; i++) {
        close(fd[i]);
    }
}

/* So are those of bodies that do not come. */
static void test_half_bodies_give_way(void **state) {
    (void)state;
    enum { N = 24 };
    const char request[] = "POST /login HTTP/1.1\r\nHost: localhost\r\n" AS_JSON
                           "Content-Length: 1000\r\n\r\n{\"token\":";
    int fd[N];
    for (int i = 0; i < N; i++) {
        fd[i] = client_connect(port);
        assert_true(client_send(fd[i], request, sizeof request - 1));
    }
    const double start = now_s();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(code_of("GET", "/health", ""), 200);
    }
    assert_true(now_s() - start < 10.0); /* the deadline of a body is later */
    for (int i = 0; i < N; i++) {
        close(fd[i]);
    }
}

static void test_stop_while_they_wait(void **state) {
    (void)state;
    evtwin_server *its = start_with(token_path, NULL, 0);
    const char request[] = "GET /api/alerts HTTP/1.1\r\nHost: localhost\r\n"
                           "Authorization: Bearer wrong-wrong-wrong\r\n\r\n";
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = client_connect(evtwin_server_port(its));
        assert_true(client_send(fd[i], request, sizeof request - 1));
    }
    usleep(100000);
    evtwin_server_free(its); /* answers them at once, or closes */
    for (int i = 0; i < 4; i++) {
        free(client_read_all(fd[i], NULL));
        close(fd[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_files),
        cmocka_unit_test(test_reading_needs_it),
        cmocka_unit_test(test_refusals_are_counted),
        cmocka_unit_test(test_login_page),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_what_is_posted),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_without_a_token_nothing_is_written),
        cmocka_unit_test(test_allowed_hosts),
        cmocka_unit_test(test_beyond_the_loopback),
        cmocka_unit_test(test_open_reads),
        cmocka_unit_test(test_wrong_tokens_wait),
        cmocka_unit_test(test_half_bodies_give_way),
        cmocka_unit_test(test_stop_while_they_wait),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no SQLite store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
