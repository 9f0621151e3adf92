/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_batch.c: a batch is one transaction on the server that
 * EVTWIN_TEST_POSTGRES names, also where its COMMIT goes with its rows; and has a largest size. Who
 * may not make the tables. */

#include "store_kinds.h"
#include "store_rows.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "evtwin/stream.h"

#include "core/clock.h"

static char uri[320];
static evtwin_store *store;

static int setup(void **state) {
    (void)state;
    snprintf(uri, sizeof uri, "%s", fresh_uri("batch"));
    store = open_store(uri);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    evtwin_store_free(store);
    store = NULL;
    return 0;
}

static int64_t n_seq; /* rows that were inserted */

/* n batches of one row each of that charge. */
static void insert_rows(size_t n, double soc) {
    for (size_t i = 0; i < n; i++) {
        evtwin_table *table = some_rows("A", n_seq++, 1);
        assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 0, soc));
        assert_int_equal(insert_new(store, table).n_inserted, 1);
    }
}

/* The transaction that wrote the newest row. */
static int64_t last_transaction(void) {
    return (int64_t)ask_sql(uri, "SELECT max(revision) >> 20 FROM ev_telemetry");
}

/* After some batches that change no health the store sends COMMIT with the rows. A battery whose
 * health then changes has to be written, too: the transaction is begun anew, which shows in the
 * server's count of them. Where the machine is so slow that rows come once a second nothing is
 * foreseen, and the next change may show it. */
static void health_that_changes_is_written_with_its_row(void **state) {
    (void)state;
    static const double soc[] = {85.0, 3.0};
    static const char *const sql[] = {"SELECT count(*) FROM ev_health WHERE status = 'NORMAL'",
                                      "SELECT count(*) FROM ev_health WHERE status = 'CRITICAL'"};
    const int64_t end_us = evtwin__monotonic_us() + 60 * SECOND;
    int64_t n_transactions = 0;
    n_seq = 0;
    for (int is_low = 0; n_transactions < 2; is_low = !is_low) {
        assert_true(evtwin__monotonic_us() < end_us);
        insert_rows(20, soc[is_low]);
        const int64_t before = last_transaction();
        insert_rows(1, soc[!is_low]);
        n_transactions = last_transaction() - before;
        assert_near(ask_sql(uri, sql[!is_low]), 1, 0);
    }
    assert_int_equal(count(store), n_seq);
}

/* So does the position of their source, with whatever characters. */
static void a_position_goes_with_calm_rows(void **state) {
    (void)state;
    static const char source[] = "file:it's\\\xff", position[] = "12'\\'; DROP TABLE ev_position";
    char found[100];
    n_seq = 0;
    insert_rows(20, 85.0);
    for (int i = 0; i < 20; i++) {
        evtwin_table *table = some_rows("A", n_seq++, 1);
        assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 0, 85.0));
        assert_ok(
            evtwin_store_insert_from(store, table, source, i < 19 ? "early" : position, NULL, 0));
        evtwin_table_free(table);
    }
    assert_ok(evtwin_store_position(store, source, found, sizeof found));
    assert_string_equal(found, position);
    assert_int_equal(count(store), n_seq);
}

/* The same batch again finds its rows by their keys, and so does one that only in part is new. */
static void a_repeated_batch_merges_after_calm_ones(void **state) {
    (void)state;
    n_seq = 0;
    insert_rows(20, 85.0);
    evtwin_table *table = some_rows("A", 15, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_ok(evtwin_table_set_f64(table, need(table, "soc"), i, 85.0));
    }
    const evtwin_insert_report report = insert_new(store, table);
    assert_int_equal(report.n_inserted, 5);
    assert_int_equal(report.n_repeated, 5);
    assert_int_equal(count(store), 25);
}

/* A revision has 20 bits for the number of a row in its transaction: more rows would get the
 * revisions of later ones. */
static void a_batch_that_is_too_large_is_refused(void **state) {
    (void)state;
    enum { MOST = 1 << 20 };
    evtwin_table *table = empty_rows();
    assert_ok(evtwin_table_resize(table, MOST + 1));
    int64_t *time_us = evtwin_table_i64_edit(table, need(table, "time"));
    int64_t *seq = evtwin_table_i64_edit(table, need(table, "seq"));
    for (size_t i = 0; i <= MOST; i++) {
        time_us[i] = t0 + (int64_t)i;
        seq[i] = (int64_t)i;
        assert_ok(evtwin_table_set_text(table, need(table, "battery_id"), i, "A"));
    }
    add_prediction_columns(table);
    assert_fails(evtwin_store_insert(store, table, NULL, 0), EVTWIN_E_RANGE, "1048577|1048576");
    assert_fails(evtwin_store_put_predictions(store, table, NULL, NULL), EVTWIN_E_RANGE,
                 "1048577|1048576");
    assert_int_equal(count(store), 0);
    insert_new(store, some_rows("A", 0, 1));
    evtwin_table_free(table);
}

/* ---- rights ---- */

/* The store's URI as another user. */
static const char *uri_as(const char *user) {
    static char text[340];
    const char *at = strchr(uri, '@');
    assert_non_null(at);
    snprintf(text, sizeof text, "postgresql://%s%s", user, at);
    return text;
}

/* Tables are made by their owner. Who may not make them waits for that, if it reads. */
static void a_reader_without_rights_waits_for_the_tables(void **state) {
    (void)state;
    char role[60], sql[600], source_uri[400];
    evtwin_source *source = NULL;
    evtwin_store *own = NULL;
    evtwin_table *table = empty_rows(), *rows = some_rows("A", 0, 1);
    evtwin_store_free(store);
    store = NULL;
    snprintf(uri, sizeof uri, "%s", fresh_uri("rights"));
    snprintf(role, sizeof role, "evtwin_reader_%d", (int)getpid());
    snprintf(sql, sizeof sql, "CREATE ROLE %s LOGIN; GRANT USAGE ON SCHEMA %s TO %s", role,
             strrchr(uri, 'D') + 1, role);
    run_sql(uri, sql);
    snprintf(source_uri, sizeof source_uri, "%s&rows=unpredicted", uri_as(role));
    assert_ok(evtwin_source_open(source_uri, &source));
    assert_fails(evtwin_source_read(source, 10, 0, table), EVTWIN_E_AGAIN, "permission|CREATE");
    assert_fails(evtwin_store_open(uri_as(role), NULL, &own), EVTWIN_E_DENIED, "permission|CREATE");

    store = open_store(uri);
    insert_new(store, rows);
    snprintf(sql, sizeof sql, "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s",
             strrchr(uri, 'D') + 1, role);
    run_sql(uri, sql);
    assert_ok(evtwin_source_read(source, 10, 0, table));
    assert_int_equal(evtwin_table_rows(table), 1);
    evtwin_source_free(source);
    evtwin_table_free(table);
    snprintf(sql, sizeof sql, "DROP OWNED BY %s; DROP ROLE %s", role, role);
    run_sql(uri, sql);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(health_that_changes_is_written_with_its_row),
        TEST(a_position_goes_with_calm_rows),
        TEST(a_repeated_batch_merges_after_calm_ones),
        TEST(a_reader_without_rights_waits_for_the_tables),
        TEST(a_batch_that_is_too_large_is_refused),
    };
    if (!on_postgres()) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
