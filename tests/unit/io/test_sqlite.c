/* SPDX-License-Identifier: MIT */
/* tests/unit/io/test_sqlite.c: connections, settings, transactions, statements, errors, backups. */

#include "test.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "io/sqlite.h"

#include <pthread.h>
#include <sys/wait.h>

static evtwin__db *open_db(const char *path, evtwin__db_mode mode) {
    evtwin__db *db = NULL;
    assert_ok(evtwin__db_open(path, mode, 200, &db));
    return db;
}

static int64_t query(evtwin__db *db, const char *sql) {
    int64_t value = -1;
    assert_ok(evtwin__db_query_i64(db, sql, -2, &value));
    return value;
}

/* ---- open ---- */

static void test_new_files_are_their_owners(void **state) {
    (void)state;
    const mode_t before = umask(0);
    const char *path = temp_path("mode.db");
    evtwin__db *db = open_db(path, EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(db));
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x)"));
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char name[300];
        struct stat info;
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        assert_int_equal(stat(name, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    evtwin__db_close(db);
    umask(before);
}

static void test_settings_are_safe(void **state) {
    (void)state;
    evtwin__db *db = open_db(temp_path("settings.db"), EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(db));
    assert_int_equal(query(db, "PRAGMA synchronous"), 2);
    assert_int_equal(query(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(query(db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(query(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(query(db, "PRAGMA journal_size_limit"), 67108864);
    assert_int_equal(query(db, "PRAGMA busy_timeout"), 200);
    assert_int_equal(
        query(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    /* defensive: the schema table cannot be written */
    assert_ok(evtwin__db_exec(db, "PRAGMA writable_schema = ON; CREATE TABLE t (x)"));
    assert_int_equal(evtwin__db_exec(db, "UPDATE sqlite_master SET sql = ''"), EVTWIN_E_EXTERNAL);
    assert_int_equal(evtwin__db_exec(db, "ATTACH '/tmp/other.db' AS other"), EVTWIN_E_EXTERNAL);
    evtwin__db_close(db);
}

static void test_open_errors_name_file_and_cause(void **state) {
    (void)state;
    evtwin__db *db = NULL;
    assert_fails(evtwin__db_open("", EVTWIN__DB_CREATE, 0, &db), EVTWIN_E_ARG, "empty");
    assert_fails(evtwin__db_open("/nowhere/x.db", EVTWIN__DB_CREATE, 0, &db), EVTWIN_E_NOT_FOUND,
                 "/nowhere/x.db|folder");
    assert_fails(evtwin__db_open(temp_path("absent.db"), EVTWIN__DB_READ, 0, &db),
                 EVTWIN_E_NOT_FOUND, "absent.db");
    assert_fails(evtwin__db_open(temp_path("absent.db"), EVTWIN__DB_WRITE, 0, &db),
                 EVTWIN_E_NOT_FOUND, "absent.db");
    assert_fails(evtwin__db_open("/tmp", EVTWIN__DB_CREATE, 0, &db), EVTWIN_E_IO, "/tmp");
    assert_fails(evtwin__db_open("/dev/null", EVTWIN__DB_WRITE, 0, &db), EVTWIN_E_IO, "/dev/null");
    const char *text = temp_file("text.db", "This is a shopping list, and a long one at that: "
                                            "eggs, milk, bread, cells, terminals, bus bars.");
    assert_fails(evtwin__db_open(text, EVTWIN__DB_CREATE, 0, &db), EVTWIN_E_CORRUPT, "text.db");
    const char *empty = temp_file("empty.db", "");
    assert_ok(evtwin__db_open(empty, EVTWIN__DB_WRITE, 0, &db)); /* SQLite's own notion of new */
    evtwin__db_close(db);
}

/* Root may do everything, so the tries are made by somebody else, in a process of its own. */
static int try_without_rights(char *path) {
    evtwin__db *db = NULL;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 1;
    }
    if (evtwin__db_open(path, EVTWIN__DB_WRITE, 0, &db) != EVTWIN_E_IO ||
        !text_names(evtwin_last_error(), path)) {
        return 2;
    }
    if (evtwin__db_open(path, EVTWIN__DB_READ, 0, &db) != EVTWIN_E_IO ||
        !text_names(evtwin_last_error(), path)) {
        return 4;
    }
    path[strlen(path) - 1] = 's'; /* "x.ds", which nobody may read */
    if (evtwin__db_open(path, EVTWIN__DB_READ, 0, &db) != EVTWIN_E_IO ||
        !text_names(evtwin_last_error(), path)) {
        return 5;
    }
    path[strlen(path) - 1] = '2'; /* another file in a folder that may not be written */
    if (evtwin__db_open(path, EVTWIN__DB_CREATE, 0, &db) != EVTWIN_E_IO ||
        !text_names(evtwin_last_error(), path)) {
        return 3;
    }
    return 0;
}

static void test_no_rights(void **state) {
    (void)state;
    char folder[256], path[300], above[256];
    snprintf(folder, sizeof folder, "%s", temp_path("rights"));
    snprintf(path, sizeof path, "%s/x.db", folder);
    snprintf(above, sizeof above, "%s", folder);
    *strrchr(above, '/') = '\0';
    assert_int_equal(mkdir(folder, 0755), 0);
    evtwin__db *db = open_db(path, EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(db));
    evtwin__db_close(db);
    assert_int_equal(chmod(path, 0444), 0);
    char secret[300];
    snprintf(secret, sizeof secret, "%s/x.ds", folder);
    assert_int_equal(rename(temp_file("x.ds", ""), secret), 0);
    assert_int_equal(chmod(secret, 0), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(chmod(above, 0755), 0);
    const pid_t child = fork();
    if (child == 0) {
        _exit(try_without_rights(path));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* ---- statements and transactions ---- */

static void test_values_go_in_and_come_out(void **state) {
    (void)state;
    evtwin__db *db = open_db(":memory:", EVTWIN__DB_CREATE);
    assert_string_equal(evtwin__db_path(db), "");
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (a, b, c, d, e)"));
    evtwin__stmt *stmt = NULL;
    assert_ok(evtwin__stmt_prepare(db, "INSERT INTO t VALUES (?, ?, ?, ?, ?)", &stmt));
    evtwin__stmt_bind_f64(stmt, 1, 0.1);
    evtwin__stmt_bind_i64(stmt, 2, INT64_MIN);
    evtwin__stmt_bind_text(stmt, 3, "pack");
    evtwin__stmt_bind_null(stmt, 4);
    evtwin__stmt_bind_f64(stmt, 5, NAN);
    assert_ok(evtwin__stmt_run(stmt));
    assert_int_equal(evtwin__db_changes(db), 1);
    evtwin__stmt_free(stmt);

    assert_ok(evtwin__stmt_prepare(db, "SELECT * FROM t", &stmt));
    assert_int_equal(evtwin__stmt_step(stmt), EVTWIN_OK);
    int64_t value = 0;
    assert_near(evtwin__stmt_f64(stmt, 0), 0.1, 0);
    assert_true(evtwin__stmt_i64(stmt, 1, &value));
    assert_true(value == INT64_MIN);
    assert_string_equal(evtwin__stmt_text(stmt, 2), "pack");
    assert_null(evtwin__stmt_text(stmt, 3));
    assert_true(isnan(evtwin__stmt_f64(stmt, 4)));

    /* another type than asked for is missing */
    value = 7;
    assert_true(isnan(evtwin__stmt_f64(stmt, 2)));
    assert_false(evtwin__stmt_i64(stmt, 2, &value));
    assert_false(evtwin__stmt_i64(stmt, 0, &value));
    assert_int_equal(value, 7);
    assert_null(evtwin__stmt_text(stmt, 1));
    assert_int_equal(evtwin__stmt_step(stmt), EVTWIN_DONE);
    evtwin__stmt_free(stmt);
    evtwin__stmt_free(NULL);
    evtwin__db_close(db);
    evtwin__db_close(NULL);
}

static void test_bind_failure_comes_with_the_step(void **state) {
    (void)state;
    evtwin__db *db = open_db(":memory:", EVTWIN__DB_CREATE);
    evtwin__stmt *stmt = NULL;
    assert_ok(evtwin__stmt_prepare(db, "SELECT ?", &stmt));
    evtwin__stmt_bind_i64(stmt, 2, 1); /* there is one parameter */
    evtwin__stmt_bind_i64(stmt, 1, 1);
    assert_int_equal(evtwin__stmt_step(stmt), EVTWIN_E_DATA);
    evtwin__stmt_reset(stmt);
    evtwin__stmt_bind_i64(stmt, 1, 1);
    assert_int_equal(evtwin__stmt_step(stmt), EVTWIN_OK);
    evtwin__stmt_free(stmt);
    stmt = NULL;
    assert_fails(evtwin__stmt_prepare(db, "SELEKT 1", &stmt), EVTWIN_E_EXTERNAL, "SELEKT");
    assert_null(stmt);
    assert_int_equal(query(db, "SELECT 1 WHERE 0"), -2);
    evtwin__db_close(db);
}

static void test_rollback_keeps_the_error_text(void **state) {
    (void)state;
    evtwin__db *db = open_db(":memory:", EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x CHECK (x < 3))"));
    assert_ok(evtwin__db_begin_write(db));
    assert_ok(evtwin__db_exec(db, "INSERT INTO t VALUES (1)"));
    assert_fails(evtwin__db_exec(db, "INSERT INTO t VALUES (5)"), EVTWIN_E_DATA, "CHECK");
    assert_int_equal(evtwin__db_end(db, EVTWIN_E_DATA), EVTWIN_E_DATA);
    assert_non_null(strstr(evtwin_last_error(), "CHECK"));
    assert_int_equal(query(db, "SELECT count(*) FROM t"), 0);
    assert_int_equal(evtwin__db_end(db, EVTWIN_E_DATA),
                     EVTWIN_E_DATA); /* none open: nothing to do */
    evtwin__db_close(db);
}

static void test_second_writer_waits_and_gives_up(void **state) {
    (void)state;
    const char *path = temp_path("busy.db");
    evtwin__db *first = open_db(path, EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(first));
    assert_ok(evtwin__db_exec(first, "CREATE TABLE t (x)"));
    evtwin__db *second = open_db(path, EVTWIN__DB_WRITE);
    assert_ok(evtwin__db_begin_write(first));
    assert_ok(evtwin__db_exec(first, "INSERT INTO t VALUES (1)"));
    assert_fails(evtwin__db_begin_write(second), EVTWIN_E_AGAIN, "busy.db|200 ms");
    assert_int_equal(query(second, "SELECT count(*) FROM t"), 0); /* readers do not wait */
    assert_ok(evtwin__db_end(first, EVTWIN_OK));
    assert_ok(evtwin__db_begin_write(second));
    assert_ok(evtwin__db_end(second, EVTWIN_OK));
    assert_int_equal(query(second, "SELECT count(*) FROM t"), 1);
    evtwin__db_close(second);
    evtwin__db_close(first);
}

/* SQLite's own busy handler does not wait there: of 480 processes that did this to 60 new files, 8
 * were refused. */
static void test_many_switch_a_new_file_at_once(void **state) {
    (void)state;
    enum { N = 8, ROUNDS = 40 };
    for (int round = 0; round < ROUNDS; round++) {
        char name[32], path[300];
        int start[2];
        pid_t child[N];
        snprintf(name, sizeof name, "switch-%d.db", round);
        snprintf(path, sizeof path, "%s", temp_path(name));
        assert_int_equal(pipe(start), 0);
        for (int i = 0; i < N; i++) {
            child[i] = fork();
            if (child[i] == 0) {
                evtwin__db *db = NULL;
                char end;
                close(start[1]);
                if (read(start[0], &end, 1) != 0 || /* all start when the parent closes the pipe */
                    evtwin__db_open(path, EVTWIN__DB_CREATE, 30000, &db) < 0 ||
                    evtwin__db_use_wal(db) < 0) {
                    fprintf(stderr, "child: %s\n", evtwin_last_error());
                    _exit(1);
                }
                evtwin__db_close(db);
                _exit(0);
            }
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < N; i++) {
            int status = -1;
            assert_int_equal(waitpid(child[i], &status, 0), child[i]);
            assert_int_equal(status, 0);
        }
    }
}

static void test_full_database_is_an_error_and_nothing_more(void **state) {
    (void)state;
    evtwin__db *db = open_db(temp_path("full.db"), EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x); PRAGMA max_page_count = 4"));
    assert_ok(evtwin__db_begin_write(db));
    assert_fails(evtwin__db_exec(db, "INSERT INTO t VALUES (zeroblob(100000))"), EVTWIN_E_IO,
                 "full.db");
    assert_int_equal(evtwin__db_end(db, EVTWIN_E_DATA), EVTWIN_E_DATA);
    assert_ok(evtwin__db_exec(db, "PRAGMA max_page_count = 1000"));
    assert_ok(evtwin__db_exec(db, "INSERT INTO t VALUES (zeroblob(100000))"));
    evtwin__db_close(db);
}

/* ---- deadlines ---- */

#define ENDLESS "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "

static void test_a_deadline_ends_what_would_not_end(void **state) {
    (void)state;
    evtwin__db *db = open_db(temp_path("deadline.db"), EVTWIN__DB_CREATE);
    int64_t value = 0;
    evtwin__db_deadline(db, 0.02);
    assert_fails(evtwin__db_query_i64(db, ENDLESS "SELECT count(*) FROM c", 0, &value),
                 EVTWIN_E_CANCELLED, "deadline.db");
    evtwin__db_deadline(db, 0);
    assert_int_equal(query(db, "SELECT 7"), 7); /* usable as before */

    /* a transaction that is cut off leaves nothing */
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x)"));
    assert_ok(evtwin__db_begin_write(db));
    evtwin__db_deadline(db, 0.02);
    const evtwin_status st = evtwin__db_exec(db, "INSERT INTO t " ENDLESS "SELECT x FROM c");
    assert_int_equal(evtwin__db_end(db, st), EVTWIN_E_CANCELLED);
    evtwin__db_deadline(db, 0);
    assert_int_equal(query(db, "SELECT count(*) FROM t"), 0);
    evtwin__db_close(db);
}

static void *interrupt_soon(void *db) {
    usleep(20000);
    evtwin__db_interrupt(db);
    return NULL;
}

static void test_another_thread_interrupts_for_good(void **state) {
    (void)state;
    evtwin__db *db = open_db(":memory:", EVTWIN__DB_CREATE);
    pthread_t thread;
    int64_t value = 0;
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, db), 0);
    assert_fails(evtwin__db_query_i64(db, ENDLESS "SELECT count(*) FROM c", 0, &value),
                 EVTWIN_E_CANCELLED, "interrupted");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(evtwin__db_query_i64(db, ENDLESS "SELECT count(*) FROM c", 0, &value),
                     EVTWIN_E_CANCELLED);
    evtwin__db_close(db);
}

/* ---- the log ---- */

static int n_large;

static void count_large(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    n_large += level == EVTWIN_LOG_WARNING && strstr(text, "large.db-wal") != NULL;
}

static void test_a_log_that_outgrows_its_database_is_said_once(void **state) {
    (void)state;
    evtwin__db *db = open_db(temp_path("large.db"), EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(db));
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(300000))"));
    n_large = 0;
    evtwin_set_log(count_large, NULL);
    evtwin__db_check_log(db, 1000000);
    assert_int_equal(n_large, 0); /* small */
    evtwin__db_close(db);
    db = open_db(temp_path("large.db"), EVTWIN__DB_WRITE);
    for (int i = 0; i < 4; i++) {
        assert_ok(evtwin__db_exec(db, "UPDATE t SET x = randomblob(300000)"));
    }
    evtwin__db_check_log(db, 100000);
    evtwin__db_check_log(db, 100000);
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_large, 1);
    evtwin__db_close(db);
}

/* ---- backup ---- */

static void test_backup_is_whole_and_private(void **state) {
    (void)state;
    evtwin__db *db = open_db(temp_path("original.db"), EVTWIN__DB_CREATE);
    assert_ok(evtwin__db_use_wal(db));
    assert_ok(evtwin__db_exec(db, "CREATE TABLE t (x);"
                                  "INSERT INTO t SELECT 7 FROM pragma_function_list LIMIT 50"));
    const char *path = temp_path("copy.db");
    assert_ok(evtwin__db_backup(db, path, -7));
    evtwin__db *copy = open_db(path, EVTWIN__DB_READ);
    assert_int_equal(query(copy, "SELECT count(*) FROM t WHERE x = 7"), 50);
    assert_int_equal(query(copy, "PRAGMA user_version"), -7);
    assert_int_equal(query(db, "PRAGMA user_version"), 0);
    assert_int_equal(
        query(copy, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    evtwin__db_close(copy);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    char log[300];
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(access(log, F_OK), -1); /* one file, complete in itself */

    assert_fails(evtwin__db_backup(db, path, 0), EVTWIN_E_IO, "copy.db");
    assert_fails(evtwin__db_backup(db, "/nowhere/copy.db", 0), EVTWIN_E_NOT_FOUND,
                 "/nowhere/copy.db|folder");
    /* the source is as it was, and in no transaction */
    assert_ok(evtwin__db_exec(db, "BEGIN; INSERT INTO t VALUES (8); COMMIT"));
    evtwin__db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_files_are_their_owners),
        cmocka_unit_test(test_settings_are_safe),
        cmocka_unit_test(test_open_errors_name_file_and_cause),
        cmocka_unit_test(test_no_rights),
        cmocka_unit_test(test_values_go_in_and_come_out),
        cmocka_unit_test(test_bind_failure_comes_with_the_step),
        cmocka_unit_test(test_rollback_keeps_the_error_text),
        cmocka_unit_test(test_second_writer_waits_and_gives_up),
        cmocka_unit_test(test_many_switch_a_new_file_at_once),
        cmocka_unit_test(test_full_database_is_an_error_and_nothing_more),
        cmocka_unit_test(test_a_deadline_ends_what_would_not_end),
        cmocka_unit_test(test_another_thread_interrupts_for_good),
        cmocka_unit_test(test_a_log_that_outgrows_its_database_is_said_once),
        cmocka_unit_test(test_backup_is_whole_and_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
