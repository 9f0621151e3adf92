/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_replaced.c: a database that is removed, moved or replaced while it is
 * open. */

#include "store_rows.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "core/hash.h"
#include "io/sqlite.h"
#include "store/lazy.h"

#include <errno.h>
#include <sqlite3.h>

static evtwin_store *open_reader(const char *path) {
    evtwin_store_options options;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    assert_ok(evtwin_store_open(uri_of(path), &options, &store));
    return store;
}

static void remove_database(const char *path) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[320];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        assert_true(unlink(name) == 0 || errno == ENOENT);
    }
}

static void assert_sound(const char *path, int64_t n_rows) {
    evtwin__db *db = NULL;
    int64_t n = 0;
    assert_ok(evtwin__db_open(path, EVTWIN__DB_WRITE, 1000, &db));
    assert_ok(evtwin__db_query_i64(
        db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'", 0, &n));
    assert_int_equal(n, 1);
    assert_ok(evtwin__db_query_i64(db, "SELECT count(*) FROM ev_telemetry", -1, &n));
    assert_int_equal(n, n_rows);
    evtwin__db_close(db);
}

static evtwin_table *predicted_rows(size_t n) {
    evtwin_table *rows = some_rows("A", 0, n);
    add_prediction_columns(rows);
    for (size_t i = 0; i < n; i++) {
        set_prediction(rows, i, 100.0, 0.5);
    }
    return rows;
}

static void test_a_removed_database_is_made_anew_by_inserts(void **state) {
    (void)state;
    const char *path = temp_path("removed.db");
    evtwin_store *writer = open_store(uri_of(path)), *reader = open_reader(path);
    insert_new(writer, some_rows("A", 0, 3));
    assert_int_equal(count(reader), 3);
    remove_database(path);

    /* whoever reads or predicts makes nothing, and does not answer with the past */
    int64_t n = -1;
    size_t n_updated = 0;
    evtwin_table *rows = predicted_rows(3), *waiting = NULL;
    assert_fails(evtwin_store_count(reader, &n), EVTWIN_E_AGAIN, "removed.db");
    assert_fails(evtwin_store_put_predictions(writer, rows, NULL, &n_updated), EVTWIN_E_AGAIN,
                 "removed.db");
    assert_int_equal(access(path, F_OK), -1);

    insert_new(writer, some_rows("A", 0, 2));
    assert_int_equal(count(reader), 2);
    assert_ok(evtwin_store_unpredicted(reader, 9, &waiting));
    assert_int_equal(evtwin_table_rows(waiting), 2);
    assert_ok(evtwin_store_put_predictions(writer, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 2);
    evtwin_table_free(waiting);
    evtwin_table_free(rows);
    evtwin_store_free(reader);
    evtwin_store_free(writer);
    assert_sound(path, 2);
}

static void test_a_rotated_database_keeps_all_of_its_rows(void **state) {
    (void)state;
    const char *path = temp_path("rotated.db"), *old = temp_path("rotated-old.db");
    evtwin_store *writer = open_store(uri_of(path)), *other = open_store(uri_of(path));
    evtwin_store *reader = open_reader(path);
    insert_new(writer, some_rows("A", 0, 50)); /* in the log only */
    assert_int_equal(count(other), 50);
    assert_int_equal(count(reader), 50);
    assert_int_equal(rename(path, old), 0);
    insert_new(writer, some_rows("A", 50, 4));
    insert_new(other, some_rows("B", 0, 3));
    assert_int_equal(count(writer), 7);
    assert_int_equal(count(reader), 7);
    assert_int_equal(count(other), 7);
    evtwin_store_free(writer);
    evtwin_store_free(other);
    assert_int_equal(count(reader), 7);
    evtwin_store_free(reader);
    assert_sound(path, 7);
    assert_sound(old, 50);
}

static uint64_t identity_of(evtwin_store *store) {
    uint64_t identity = 0;
    int64_t end = 0;
    assert_ok(evtwin__store_identity(store, &identity, &end));
    return identity;
}

/* A database and its backup part: revisions that both give out later are of different rows. */
static void test_a_backup_has_an_identity_of_its_own(void **state) {
    (void)state;
    char path[3][300], made_at[64];
    snprintf(path[0], sizeof path[0], "%s", temp_path("original.db"));
    snprintf(path[1], sizeof path[1], "%s", temp_path("backup.db"));
    snprintf(path[2], sizeof path[2], "%s", temp_path("backup-of-backup.db"));
    evtwin_store *store[3] = {open_store(uri_of(path[0]))};
    insert_new(store[0], some_rows("A", 0, 3));
    const uint64_t before = identity_of(store[0]);
    assert_ok(evtwin_store_backup(store[0], path[1]));
    store[1] = open_reader(path[1]); /* as it is, before somebody writes to it */
    const uint64_t of_copy = identity_of(store[1]);
    assert_ok(evtwin_store_backup(store[1], path[2]));
    evtwin_store_free(store[1]);
    store[1] = open_store(uri_of(path[1]));
    store[2] = open_store(uri_of(path[2]));
    insert_new(store[1], some_rows("A", 3, 3));
    assert_true(identity_of(store[0]) == before);
    assert_true(identity_of(store[1]) == of_copy && of_copy != before);
    assert_true(identity_of(store[2]) != of_copy && identity_of(store[2]) != before);
    for (size_t i = 0; i < 3; i++) {
        evtwin_store_free(store[i]);
    }

    /* positions in a database that never was a backup stay what they were */
    evtwin__db *db = NULL;
    evtwin__stmt *stmt = NULL;
    assert_ok(evtwin__db_open(path[0], EVTWIN__DB_READ, 1000, &db));
    assert_ok(evtwin__stmt_prepare(db, "SELECT min(applied_at) FROM ev_migration", &stmt));
    assert_int_equal(evtwin__stmt_step(stmt), EVTWIN_OK);
    snprintf(made_at, sizeof made_at, "%s", evtwin__stmt_text(stmt, 0));
    evtwin__stmt_free(stmt);
    evtwin__db_close(db);
    assert_true(evtwin__hash(EVTWIN__HASH_BEGIN, made_at, strlen(made_at)) == before);
}

/* The log of what was there must not be played into what takes its place. */
static void test_a_backup_put_in_place_is_what_is_read(void **state) {
    (void)state;
    for (int has_writer = 0; has_writer < 2; has_writer++) {
        const char *path = temp_path(has_writer ? "restored-w.db" : "restored-r.db");
        const char *copy = temp_path(has_writer ? "copy-w.db" : "copy-r.db");
        evtwin_store *writer = open_store(uri_of(path));
        insert_new(writer, some_rows("A", 0, 10));
        evtwin_store *first = open_reader(path), *second = open_reader(path);
        assert_int_equal(count(first) + count(second), 20);
        assert_ok(evtwin_store_backup(writer, copy));
        insert_new(writer, some_rows("A", 10, 500));
        insert_new(writer, some_rows("B", 0, 500));
        assert_int_equal(count(first), 1010);
        if (!has_writer) {
            evtwin_store_free(writer);
        }
        assert_int_equal(rename(copy, path), 0);
        assert_int_equal(count(first), 10);
        assert_int_equal(count(second), 10);
        if (!has_writer) {
            writer = open_store(uri_of(path));
        }
        insert_new(writer, some_rows("A", 10, 5));
        assert_int_equal(count(first), 15);
        assert_int_equal(count(second), 15);
        evtwin_store_free(first);
        evtwin_store_free(second);
        evtwin_store_free(writer);
        assert_sound(path, 15);
    }
}

/* Somebody tidies up: rows that are in the log only must not go with it. */
static void test_a_log_that_is_removed_loses_no_rows(void **state) {
    (void)state;
    for (int with_index = 0; with_index < 2; with_index++) {
        char path[300], name[320];
        snprintf(path, sizeof path, "%s%d", temp_path("tidied.db"), with_index);
        evtwin_store *writer = open_store(uri_of(path)), *other = open_store(uri_of(path));
        evtwin_store *reader = open_reader(path);
        insert_new(writer, some_rows("A", 0, 50));
        insert_new(other, some_rows("B", 0, 50));
        assert_int_equal(count(reader), 100);
        snprintf(name, sizeof name, "%s-wal", path);
        assert_int_equal(unlink(name), 0);
        snprintf(name, sizeof name, "%s-shm", path);
        assert_true(!with_index || unlink(name) == 0);
        insert_new(writer, some_rows("A", 50, 4));
        insert_new(other, some_rows("B", 50, 3));
        assert_int_equal(count(writer), 107);
        assert_int_equal(count(reader), 107);
        evtwin_store_free(writer);
        evtwin_store_free(other);
        evtwin_store_free(reader); /* the last, which cannot save anything */
        assert_sound(path, 107);
    }
}

/* Programs that come later make a log of their own, which who reads on finds. */
static void test_a_log_that_is_made_anew_is_read(void **state) {
    (void)state;
    const char *path = temp_path("anew.db");
    char log[320];
    evtwin_store *writer = open_store(uri_of(path)), *reader = open_reader(path);
    insert_new(writer, some_rows("A", 0, 50));
    assert_int_equal(count(reader), 50);
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(unlink(log), 0);
    insert_new(writer, some_rows("A", 50, 4));
    assert_int_equal(count(reader), 54);
    evtwin_store_free(writer);
    const int64_t generation = evtwin_store_generation(reader);
    for (int i = 0; i < 3; i++) {
        writer = open_store(uri_of(path));
        insert_new(writer, some_rows("B", 10 * i, 10));
        evtwin_store_free(writer);
        assert_int_equal(count(reader), 64 + 10 * i);
    }
    assert_true(evtwin_store_generation(reader) > generation);
    evtwin_store_free(reader);
    assert_sound(path, 84);
}

static void test_an_emptied_database_is_an_error(void **state) {
    (void)state;
    const char *path = temp_path("emptied.db"), *old = temp_path("emptied-old.db");
    evtwin_store *writer = open_store(uri_of(path)), *reader = open_reader(path);
    insert_new(writer, some_rows("A", 0, 50));
    assert_int_equal(count(reader), 50);
    assert_int_equal(truncate(path, 0), 0);
    int64_t n = -1;
    evtwin_table *rows = some_rows("A", 50, 4);
    assert_fails(evtwin_store_count(reader, &n), EVTWIN_E_AGAIN, "emptied.db");
    assert_fails(evtwin_store_insert(writer, rows, NULL, 0), EVTWIN_E_AGAIN, "emptied.db");

    assert_int_equal(rename(path, old), 0); /* as the text says */
    char log[320];
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(unlink(log), 0);
    snprintf(log, sizeof log, "%s-shm", path);
    assert_int_equal(unlink(log), 0);
    assert_ok(evtwin_store_insert(writer, rows, NULL, 0));
    assert_int_equal(count(reader), 4);
    evtwin_table_free(rows);
    evtwin_store_free(reader);
    evtwin_store_free(writer);
    assert_sound(path, 4);
}

/* Also where all that is asked for is in memory; and one that SQLite itself has made shorter is
 * fine. */
static void test_a_database_that_was_cut_is_an_error(void **state) {
    (void)state;
    const char *path = temp_path("cut.db");
    evtwin_store *store = open_store(uri_of(path));
    insert_new(store, some_rows("A", 0, 500));
    evtwin_store_free(store);
    store = open_store(uri_of(path));
    evtwin_store *reader = open_reader(path);
    assert_int_equal(count(reader), 500);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "DELETE FROM ev_telemetry WHERE seq >= 50; VACUUM;"
                                  " PRAGMA wal_checkpoint(TRUNCATE)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(count(reader), 50);
    assert_int_equal(count(store), 50);

    assert_int_equal(truncate(path, 20000), 0);
    int64_t n = -1;
    assert_fails(evtwin_store_count(reader, &n), EVTWIN_E_AGAIN, "cut.db|cut short");
    assert_fails(evtwin_store_count(store, &n), EVTWIN_E_AGAIN, "cut.db|backup");
    evtwin_store_free(reader);
    evtwin_store_free(store);
}

static void test_a_link_that_leads_elsewhere_is_followed(void **state) {
    (void)state;
    const char *path = temp_path("current.db");
    const char *one = temp_path("one.db"), *two = temp_path("two.db");
    evtwin_store *store = open_store(uri_of(one));
    insert_new(store, some_rows("A", 0, 1));
    evtwin_store_free(store);
    store = open_store(uri_of(two));
    insert_new(store, some_rows("A", 0, 2));
    evtwin_store_free(store);
    assert_int_equal(symlink(one, path), 0);
    store = open_store(uri_of(path));
    evtwin_store *reader = open_reader(path);
    assert_int_equal(count(reader), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(two, path), 0);
    assert_int_equal(count(reader), 2);
    insert_new(store, some_rows("B", 0, 5));
    evtwin_store_free(reader);
    evtwin_store_free(store);
    assert_sound(one, 1);
    assert_sound(two, 7);
}

static void test_hard_links_are_refused(void **state) {
    (void)state;
    const char *path = temp_path("names.db"), *second = temp_path("second-name.db");
    evtwin_store *store = open_store(uri_of(path));
    evtwin_store_free(store);
    assert_int_equal(link(path, second), 0);
    assert_fails(evtwin_store_open(uri_of(second), NULL, &store), EVTWIN_E_IO,
                 "second-name.db|hard links");
    assert_int_equal(unlink(second), 0);
    store = open_store(uri_of(path));
    evtwin_store_free(store);
}

static void test_an_interrupt_outlives_the_file(void **state) {
    (void)state;
    const char *path = temp_path("interrupted.db");
    evtwin_store *store = open_store(uri_of(path));
    insert_new(store, some_rows("A", 0, 1));
    evtwin_store_interrupt(store);
    evtwin_store_interrupt(NULL);
    remove_database(path);
    evtwin_table *rows = some_rows("A", 0, 2000);
    assert_int_equal(evtwin_store_insert(store, rows, NULL, 0), EVTWIN_E_CANCELLED);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_removed_database_is_made_anew_by_inserts),
        cmocka_unit_test(test_a_rotated_database_keeps_all_of_its_rows),
        cmocka_unit_test(test_a_backup_has_an_identity_of_its_own),
        cmocka_unit_test(test_a_backup_put_in_place_is_what_is_read),
        cmocka_unit_test(test_a_log_that_is_removed_loses_no_rows),
        cmocka_unit_test(test_a_log_that_is_made_anew_is_read),
        cmocka_unit_test(test_an_emptied_database_is_an_error),
        cmocka_unit_test(test_a_database_that_was_cut_is_an_error),
        cmocka_unit_test(test_a_link_that_leads_elsewhere_is_followed),
        cmocka_unit_test(test_hard_links_are_refused),
        cmocka_unit_test(test_an_interrupt_outlives_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
