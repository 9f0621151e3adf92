/* SPDX-License-Identifier: MIT */
/* tests/unit/io/test_postgres.c: values both ways, COPY, transactions, errors. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres.h"

#include "core/status.h"

#define SERVER getenv("EVTWIN_TEST_POSTGRES")

static int set_up(void **state) {
    *state = test_client(SERVER);
    assert_ok(evtwin__pg_exec(*state, "CREATE TEMP TABLE t (f float8, i bigint, j int, s smallint,"
                                      " b bool, x text, at timestamptz)"));
    return 0;
}

static int tear_down(void **state) {
    evtwin__pg_free(*state);
    return 0;
}

/* ---- values ---- */

static void test_scalars_come_back(void **state) {
    evtwin__pg_params p = {.n = 0};
    evtwin__pg_result *r = NULL;
    evtwin__pg_add_f64(&p, 84.3);
    evtwin__pg_add_f64(&p, NAN);
    evtwin__pg_add_i64(&p, INT64_MIN);
    evtwin__pg_add_time(&p, -1);
    evtwin__pg_add_bool(&p, 1);
    evtwin__pg_add_text(&p, "Grüße");
    evtwin__pg_add_text(&p, NULL);
    evtwin__pg_add_bytes(&p, "\0\377", 2);
    assert_ok(evtwin__pg_query(*state,
                               "SELECT $1, $2, $3, $4, $5, $6, $7, encode($8, 'hex'),"
                               " ($4 AT TIME ZONE 'UTC')::text",
                               &p, &r));
    int64_t value = 7;
    assert_true(evtwin__pg_f64(r, 0, 0) == 84.3);
    assert_true(isnan(evtwin__pg_f64(r, 0, 1)));
    assert_true(evtwin__pg_i64(r, 0, 2, &value) && value == INT64_MIN);
    assert_true(evtwin__pg_i64(r, 0, 3, &value) && value == -1);
    assert_true(evtwin__pg_i64(r, 0, 4, &value) && value == 1);
    assert_string_equal(evtwin__pg_text(r, 0, 5), "Grüße");
    assert_null(evtwin__pg_text(r, 0, 6));
    assert_string_equal(evtwin__pg_text(r, 0, 7), "00ff");
    assert_string_equal(evtwin__pg_text(r, 0, 8), "1969-12-31 23:59:59.999999");
    assert_false(evtwin__pg_i64(r, 0, 5, &value));
    assert_true(isnan(evtwin__pg_f64(r, 0, 5)));
    evtwin__pg_result_free(r);
    evtwin__pg_params_free(&p);
}

static void test_types_of_others_are_read(void **state) {
    static const struct {
        const char *sql;
        double value;
    } numbers[] = {{"84.3::numeric", 84.3},
                   {"-0.00012345::numeric(12, 8)", -0.00012345},
                   {"123456789012.5::numeric", 123456789012.5},
                   {"0::numeric", 0.0},
                   {"1e30::numeric", 1e30},
                   {"'NaN'::numeric", NAN},
                   {"1.5::real", 1.5},
                   {"'Infinity'::float8", NAN},
                   {"7::smallint", 7.0},
                   {"-70000::int", -70000.0},
                   {"NULL::float8", NAN}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char sql[100];
        evtwin__pg_result *r = NULL;
        snprintf(sql, sizeof sql, "SELECT %s", numbers[i].sql);
        assert_ok(evtwin__pg_query(*state, sql, NULL, &r));
        const double value = evtwin__pg_f64(r, 0, 0);
        if (value != numbers[i].value && !(isnan(value) && isnan(numbers[i].value))) {
            fail_msg("%s gives %.17g", sql, value);
        }
        evtwin__pg_result_free(r);
    }
    int64_t value = 5;
    assert_ok(evtwin__pg_query_i64(*state, "SELECT 'infinity'::timestamptz", NULL, -9, &value));
    assert_int_equal(value, -9);
    assert_ok(
        evtwin__pg_query_i64(*state, "SELECT '1970-01-01 00:00:01'::timestamp", NULL, -9, &value));
    assert_int_equal(value, 1000000);
}

static void test_arrays_and_columns(void **state) {
    evtwin__pg_params p = {.n = 0};
    evtwin__pg_result *r = NULL;
    evtwin_table *table = NULL;
    const size_t f = evtwin__pg_add_array(&p, EVTWIN__PG_F64);
    const size_t i = evtwin__pg_add_array(&p, EVTWIN__PG_I64);
    const size_t t = evtwin__pg_add_array(&p, EVTWIN__PG_TIME);
    const size_t b = evtwin__pg_add_array(&p, EVTWIN__PG_BOOL);
    const size_t x = evtwin__pg_add_array(&p, EVTWIN__PG_TEXT);
    for (int64_t row = 0; row < 1000; row++) {
        evtwin__pg_push_f64(&p, f, row % 3 == 0 ? NAN : 0.1 * (double)row);
        evtwin__pg_push_i64(&p, i, -row);
        evtwin__pg_push_i64(&p, t, row * 1000);
        evtwin__pg_push_i64(&p, b, row % 2);
        evtwin__pg_push_text(&p, x, row % 5 == 0 ? NULL : row % 5 == 1 ? "" : "abc");
    }
    assert_ok(evtwin__pg_query(*state, "SELECT * FROM unnest($1, $2, $3, $4, $5)", &p, &r));
    assert_int_equal(evtwin__pg_rows(r), 1000);
    assert_ok(evtwin_table_create(&table));
    static const evtwin_type types[] = {EVTWIN_F64, EVTWIN_I64, EVTWIN_TIME, EVTWIN_BOOL,
                                        EVTWIN_TEXT};
    for (size_t c = 0; c < 5; c++) {
        const char name[] = {(char)('a' + c), '\0'};
        assert_ok(evtwin_table_add_column(table, name, types[c], NULL, NULL));
    }
    assert_ok(evtwin_table_resize(table, 1000));
    for (size_t c = 0; c < 5; c++) {
        assert_ok(evtwin__pg_fill(r, c, table, c));
    }
    for (size_t row = 0; row < 1000; row++) {
        const double number = evtwin_table_number(table, 0, row);
        assert_true(row % 3 == 0 ? isnan(number) : number == 0.1 * (double)row);
        assert_int_equal(evtwin_table_i64(table, 1)[row], -(int64_t)row);
        assert_int_equal(evtwin_table_i64(table, 2)[row], (int64_t)row * 1000);
        assert_int_equal(evtwin_table_bits(table, 3)[row / 8] >> row % 8 & 1, row % 2);
        const char *text = evtwin_table_text(table, 4, row);
        assert_true(row % 5 == 0 ? text == NULL : strcmp(text, row % 5 == 1 ? "" : "abc") == 0);
    }
    evtwin__pg_result_free(r);

    /* used again, and an empty array */
    evtwin__pg_params_clear(&p);
    evtwin__pg_add_array(&p, EVTWIN__PG_TEXT);
    int64_t n = -1;
    assert_ok(evtwin__pg_query_i64(*state, "SELECT count(*) FROM unnest($1)", &p, -1, &n));
    assert_int_equal(n, 0);
    evtwin__pg_params_free(&p);
    evtwin_table_free(table);
}

/* ---- COPY ---- */

static const evtwin__pg_type t_types[] = {EVTWIN__PG_F64, EVTWIN__PG_I64,  EVTWIN__PG_I32,
                                          EVTWIN__PG_I16, EVTWIN__PG_BOOL, EVTWIN__PG_TEXT,
                                          EVTWIN__PG_TIME};

static evtwin_status copy_rows(evtwin__pg *pg, int64_t n, int64_t j) {
    static const uint8_t from[] = {6, 5, 4, 3, 2, 1, 0};
    evtwin_status st = evtwin__pg_copy_begin(pg, "COPY t FROM STDIN (FORMAT binary)", t_types, 7);
    for (int64_t row = 0; st >= 0 && row < n; row++) {
        const evtwin__value value[] = {{1, .i64 = 1000000},
                                       {row != 2, .text = "text"},
                                       {1, .i64 = 1},
                                       {1, .i64 = -1},
                                       {1, .i64 = j},
                                       {1, .i64 = row},
                                       {1, .f64 = row == 1 ? NAN : 0.5 * (double)row}};
        st = evtwin__pg_copy_row(pg, value, from);
    }
    return evtwin__pg_copy_end(pg, st);
}

static void test_copy_sends_rows(void **state) {
    evtwin__pg_result *r = NULL;
    assert_ok(copy_rows(*state, 20000, 7));
    assert_ok(
        evtwin__pg_query(*state,
                         "SELECT count(*), sum(f), sum(i), min(j), min(s), count(f), count(x),"
                         " bool_and(b), max(at) FROM t",
                         NULL, &r));
    int64_t value[9];
    static const int64_t expected[] = {20000, 0, 199990000, 7, -1, 19999, 19999, 1, 1000000};
    assert_true(evtwin__pg_f64(r, 0, 1) == 0.5 * (199990000.0 - 1.0));
    for (size_t c = 0; c < 9; c++) {
        if (c != 1 && c != 2) { /* sum of bigint is numeric */
            assert_true(evtwin__pg_i64(r, 0, c, &value[c]));
            assert_int_equal(value[c], expected[c]);
        }
    }
    assert_true(evtwin__pg_f64(r, 0, 2) == (double)expected[2]);
    evtwin__pg_result_free(r);
}

static void test_a_failed_copy_stores_nothing(void **state) {
    evtwin__pg *pg = *state;
    int64_t n = -1;
    assert_fails(copy_rows(pg, 10, INT64_C(1) << 40), EVTWIN_E_RANGE, "integer");
    assert_ok(evtwin__pg_exec(pg, "CREATE UNIQUE INDEX ON t (j)"));
    assert_fails(copy_rows(pg, 50000, 7), EVTWIN_E_DATA, "unique");
    assert_true(evtwin__pg_is_duplicate(pg));

    /* the status of what went wrong before stays */
    assert_ok(evtwin__pg_copy_begin(pg, "COPY t FROM STDIN (FORMAT binary)", t_types, 7));
    assert_fails(evtwin__pg_copy_end(pg, evtwin__fail(EVTWIN_E_NOMEM, "a reason")), EVTWIN_E_NOMEM,
                 "a reason");
    assert_ok(evtwin__pg_query_i64(pg, "SELECT count(*) FROM t", NULL, -1, &n));
    assert_int_equal(n, 0);
}

/* ---- transactions, errors ---- */

static void test_transactions(void **state) {
    evtwin__pg *pg = *state;
    int64_t n = -1;
    assert_ok(evtwin__pg_begin(pg, ""));
    assert_ok(evtwin__pg_exec(pg, "INSERT INTO t (i) VALUES (1)"));
    assert_fails(evtwin__pg_end(pg, evtwin__fail(EVTWIN_E_RANGE, "why")), EVTWIN_E_RANGE, "why");
    assert_ok(evtwin__pg_query_i64(pg, "SELECT count(*) FROM t", NULL, -1, &n));
    assert_int_equal(n, 0);
    assert_ok(evtwin__pg_begin(pg, ""));
    assert_ok(evtwin__pg_exec(pg, "INSERT INTO t (i) VALUES (1)"));
    assert_ok(evtwin__pg_end(pg, EVTWIN_OK));
    assert_ok(evtwin__pg_query_i64(pg, "SELECT count(*) FROM t", NULL, -1, &n));
    assert_int_equal(n, 1);

    /* a transaction in which a statement failed cannot be committed by mistake */
    assert_ok(evtwin__pg_begin(pg, ""));
    assert_fails(evtwin__pg_exec(pg, "SELECT 1/0"), EVTWIN_E_DATA, "division");
    assert_fails(evtwin__pg_end(pg, EVTWIN_OK), EVTWIN_E_STATE, "");
}

static void test_failures_have_their_status(void **state) {
    static const struct {
        const char *sql, *sqlstate;
        evtwin_status status;
    } list[] = {{"SELECT * FROM no_such_table", "42P01", EVTWIN_E_SCHEMA},
                {"SELECT nothing FROM t", "42703", EVTWIN_E_SCHEMA},
                {"SELECT 'x'::int", "22P02", EVTWIN_E_DATA},
                {"SET ROLE evtwin_no_such_role", "22023", EVTWIN_E_DATA},
                {"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$", "40001",
                 EVTWIN_E_AGAIN},
                {"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$", "42501",
                 EVTWIN_E_DENIED},
                {"SELEC", "42601", EVTWIN_E_EXTERNAL}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        const evtwin_status st = evtwin__pg_query(*state, list[i].sql, NULL, NULL);
        if (st != list[i].status || strcmp(evtwin__pg_sqlstate(*state), list[i].sqlstate) != 0) {
            fail_msg("%s: %s %s", list[i].sql, evtwin_status_name(st), evtwin__pg_sqlstate(*state));
        }
        assert_null(strchr(evtwin_last_error(), '\n'));
    }
    assert_ok(evtwin__pg_query(*state, "SELECT 1", NULL, NULL));
}

/* ---- connect ---- */

/* The server ended the session while nobody looked. */
static void test_a_lost_connection_is_made_again(void **state) {
    evtwin__pg *pg = *state, *other = test_client(SERVER);
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", evtwin__pg_backend_pid(pg));
    assert_ok(evtwin__pg_exec(other, sql));
    assert_ok(evtwin__pg_connect(pg));
    assert_ok(evtwin__pg_query(pg, "SELECT 1", NULL, NULL));

    /* and within a call */
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", evtwin__pg_backend_pid(pg));
    assert_ok(evtwin__pg_exec(other, sql));
    assert_fails(evtwin__pg_query(pg, "SELECT 1", NULL, NULL), EVTWIN_E_AGAIN, "");
    assert_ok(evtwin__pg_connect(pg));
    assert_ok(evtwin__pg_query(pg, "SELECT 1", NULL, NULL));
    evtwin__pg_free(other);
}

/* Another program has given a table other columns since a statement was prepared. */
static void test_a_stale_statement_is_prepared_anew(void **state) {
    evtwin__pg *pg = *state;
    const int64_t session = evtwin__pg_session(pg);
    assert_ok(evtwin__pg_query(pg, "SELECT * FROM t", NULL, NULL));
    assert_ok(evtwin__pg_exec(pg, "ALTER TABLE t ADD COLUMN other INTEGER"));
    assert_fails(evtwin__pg_query(pg, "SELECT * FROM t", NULL, NULL), EVTWIN_E_AGAIN, "plan");
    assert_ok(evtwin__pg_connect(pg));
    assert_int_equal(evtwin__pg_session(pg), session + 1);
}

/* The tests' server as somebody else. */
static const char *uri_with(const char *user, const char *rest) {
    static char uri[500];
    char port[200] = "";
    const char *at = strchr(SERVER, '@');
    snprintf(port, sizeof port, "%s", at != NULL ? at + 1 : SERVER);
    port[strcspn(port, "/")] = '\0';
    snprintf(uri, sizeof uri, "postgresql://%s@%s/%s", user, port, rest);
    return uri;
}

static void test_who_may_connect(void **state) {
    (void)state;
    const char *file = temp_file("password", "open sesame\n");
    char rest[300];
    assert_int_equal(chmod(file, 0600), 0);
    assert_fails(test_connect(uri_with("guarded", "evtwin")), EVTWIN_E_DENIED,
                 "password_file|DB_PASSWORD");
    assert_fails(test_connect(uri_with("guarded:planted", "evtwin")), EVTWIN_E_DENIED,
                 "password|guarded");
    assert_null(strstr(evtwin_last_error(), "planted"));
    assert_null(strchr(evtwin_last_error(), '\n'));
    snprintf(rest, sizeof rest, "evtwin?password_file=%s", file);
    assert_ok(test_connect(uri_with("guarded", rest)));
    assert_fails(test_connect(uri_with("evtwin", "no_such_database")), EVTWIN_E_NOT_FOUND,
                 "no_such_database");
    assert_fails(test_connect(uri_with("evtwin", "evtwin?sslmode=require")), EVTWIN_E_AGAIN,
                 "SSL|sslmode");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_scalars_come_back),
        TEST(test_types_of_others_are_read),
        TEST(test_arrays_and_columns),
        TEST(test_copy_sends_rows),
        TEST(test_a_failed_copy_stores_nothing),
        TEST(test_transactions),
        TEST(test_failures_have_their_status),
        TEST(test_a_lost_connection_is_made_again),
        TEST(test_a_stale_statement_is_prepared_anew),
        cmocka_unit_test(test_who_may_connect),
    };
    if (SERVER == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
