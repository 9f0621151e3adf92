/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_writer_lock.c: one writer for each battery. */

#include "store_rows.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "store/writer_lock.h"

#include <signal.h>
#include <sys/wait.h>

static void test_second_handle_is_told_which_battery(void **state) {
    (void)state;
    const char *uri = uri_of(temp_path("locks.db"));
    evtwin_store *first = open_store(uri), *second = open_store(uri);
    insert_new(first, some_rows("PACK_7", 0, 1));

    /* a table with one battery of another writer: none of its rows goes in */
    evtwin_table *rows = some_rows("PACK_8", 0, 3);
    add_row(rows, "PACK_7", t0 + 9 * SECOND, 9);
    assert_fails(evtwin_store_insert(second, rows, NULL, 0), EVTWIN_E_BUSY, "battery PACK_7");
    assert_non_null(strstr(evtwin_last_error(), "locks.db"));
    assert_int_equal(count(second), 1);
    evtwin_table_free(rows);

    /* others are free, and predictions need no lock */
    insert_new(second, some_rows("PACK_9", 0, 1));
    rows = some_rows("PACK_7", 0, 1);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 10.0, 0.5);
    size_t n_updated = 0;
    assert_ok(evtwin_store_put_predictions(second, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    evtwin_table_free(rows);

    /* a lock ends with its handle; closing one handle does not end another's */
    evtwin_store_free(first);
    insert_new(second, some_rows("PACK_7", 1, 1));
    first = open_store(uri);
    rows = some_rows("PACK_9", 1, 1);
    assert_fails(evtwin_store_insert(first, rows, NULL, 0), EVTWIN_E_BUSY, "PACK_9");
    evtwin_table_free(rows);
    evtwin_store_free(first);
    evtwin_store_free(second);
}

static void test_another_process_and_its_death(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", uri_of(temp_path("processes.db")));
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60); /* should the parent be gone */
        evtwin_store *store = NULL;
        evtwin_table *rows = some_rows("A", 0, 1);
        const char ok = evtwin_store_open(uri, NULL, &store) == EVTWIN_OK &&
                        evtwin_store_insert(store, rows, NULL, 0) == EVTWIN_OK;
        if (write(ready[1], &ok, 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(0);
    }
    char ok = 0;
    assert_int_equal(read(ready[0], &ok, 1), 1);
    assert_int_equal(ok, 1);
    evtwin_store *store = open_store(uri);
    evtwin_table *rows = some_rows("A", 1, 1);
    assert_fails(evtwin_store_insert(store, rows, NULL, 0), EVTWIN_E_BUSY, "battery A");

    /* killed: nothing is left to clean up */
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(insert(store, rows).n_inserted, 1);
    assert_int_equal(count(store), 2);
    evtwin_table_free(rows);
    evtwin_store_free(store);
    close(ready[0]);
    close(ready[1]);
}

static void test_link_to_the_database_is_the_same_database(void **state) {
    (void)state;
    const char *path = temp_path("real.db"), *link = temp_path("link.db");
    evtwin_store *first = open_store(uri_of(path));
    assert_int_equal(symlink(path, link), 0);
    evtwin_store *second = open_store(uri_of(link));
    insert_new(first, some_rows("A", 0, 1));
    evtwin_table *rows = some_rows("A", 1, 1);
    assert_fails(evtwin_store_insert(second, rows, NULL, 0), EVTWIN_E_BUSY, "battery A");
    evtwin_table_free(rows);
    evtwin_store_free(first);
    evtwin_store_free(second);
}

static void test_in_memory_needs_none(void **state) {
    (void)state;
    evtwin_store *first = open_store("sqlite::memory:"), *second = open_store("sqlite::memory:");
    insert_new(first, some_rows("A", 0, 1));
    insert_new(second, some_rows("A", 0, 1));
    assert_int_equal(count(first), 1);
    evtwin_store_free(first);
    evtwin_store_free(second);
}

static void test_many(void **state) {
    (void)state;
    enum { N = 10000 };
    const char *path = temp_path("many.db");
    evtwin__writer_locks *locks = NULL, *others = NULL;
    assert_ok(evtwin__writer_locks_open(path, &locks));
    assert_ok(evtwin__writer_locks_open(path, &others));
    char id[32];
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof id, "BATTERY_%05d", i);
        assert_ok(evtwin__writer_locks_take(locks, id));
    }
    for (int i = 0; i < N; i += 7) {
        snprintf(id, sizeof id, "BATTERY_%05d", i);
        assert_ok(evtwin__writer_locks_take(locks, id)); /* again: held already */
        assert_fails(evtwin__writer_locks_take(others, id), EVTWIN_E_BUSY, id);
    }
    struct stat info;
    char name[300];
    snprintf(name, sizeof name, "%s-writers", path);
    assert_int_equal(stat(name, &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    evtwin__writer_locks_free(locks);
    assert_ok(evtwin__writer_locks_take(others, "BATTERY_00007"));
    evtwin__writer_locks_free(others);
    evtwin__writer_locks_free(NULL);
}

static void test_no_place_for_the_locks(void **state) {
    (void)state;
    evtwin__writer_locks *locks = NULL;
    assert_fails(evtwin__writer_locks_open("/nowhere/x.db", &locks), EVTWIN_E_IO,
                 "/nowhere/x.db-writers");
    /* a link in the place of the file could point anywhere */
    char link[300];
    const char *path = temp_path("trap.db");
    snprintf(link, sizeof link, "%s-writers", path);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_fails(evtwin__writer_locks_open(path, &locks), EVTWIN_E_IO, "trap.db-writers");
    assert_null(locks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_handle_is_told_which_battery),
        cmocka_unit_test(test_another_process_and_its_death),
        cmocka_unit_test(test_link_to_the_database_is_the_same_database),
        cmocka_unit_test(test_in_memory_needs_none),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_place_for_the_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
