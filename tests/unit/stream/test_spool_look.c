/* SPDX-License-Identifier: MIT */
/* test_spool_look.c: who only looks at a spool is told what a start would be told, and changes
 * nothing. */

#ifdef HAVE_SQLITE
#include "spool_cursors.h"

#include <sys/wait.h>

static evtwin_status look(const char *dir, evtwin_spool **out) {
    evtwin_spool_options options;
    assert_ok(evtwin_spool_options_init(&options, sizeof options));
    options.read_only = 1;
    return evtwin_spool_open(dir, &options, out);
}

/* Sum over names and bytes of all files of the folder. */
static uint64_t sum_of(const char *dir) {
    static const char *const names[] = {"lock", "spool.db", "spool.db-wal", "spool.db-journal"};
    uint64_t sum = 0;
    for (size_t i = 0; i < 4; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        FILE *f = fopen(path, "rb");
        sum = sum * 31 + (f != NULL);
        for (int c; f != NULL && (c = fgetc(f)) != EOF;) {
            sum = sum * 31 + (uint64_t)c;
        }
        if (f != NULL) {
            fclose(f);
        }
    }
    return sum;
}

/* A folder where ten records wait for b:, and one letter for x:. */
static void make_waiting(const char *dir) {
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    const char *sinks[] = {"a:", "b:"};
    assert_ok(evtwin__spool_match_sinks(s, sinks, 2, "x:"));
    assert_ok(append_rows(s, 1, 10));
    const evtwin_letter letter = {
        .size = sizeof letter, .source = "test:", .place = "1", .reason = "bad", .raw = "?"};
    evtwin__letter_list letters = {.n = 0};
    assert_ok(evtwin__letter_list_add(&letters, &letter));
    assert_ok(evtwin__spool_append_letters(s, &letters, NULL, NULL));
    evtwin__letter_list_free(&letters);
    evtwin__spool_cursor *a = NULL;
    evtwin__spool_chunk chunk = {.n = 0};
    assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_ROWS, "a:", &a));
    assert_ok(evtwin__spool_cursor_read(a, 100, &chunk));
    assert_ok(evtwin__spool_cursor_advance(a, chunk.last, NULL));
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
}

static void what_waits_for_a_sink_that_is_missing_is_named(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("waits"));
    make_waiting(dir);
    const uint64_t before = sum_of(dir);
    const char *both[] = {"b:?batch=2", "c:"}, *only_c[] = {"c:"};
    evtwin_spool *s = NULL;
    assert_ok(look(dir, &s));
    assert_ok(evtwin_spool_check_sinks(s, both, 2, "x:"));
    assert_fails(evtwin_spool_check_sinks(s, only_c, 1, "x:"), EVTWIN_E_STATE, "10|b:");
    assert_fails(evtwin_spool_check_sinks(s, both, 2, NULL), EVTWIN_E_STATE, "1 record|x:");
    assert_fails(evtwin_spool_check_sinks(s, both, 2, "y:"), EVTWIN_E_STATE, "x:");

    /* as if it were renamed and forgotten, in this object */
    assert_fails(evtwin_spool_rename_sink(s, "n:", "c:"), EVTWIN_E_NOT_FOUND, "n:|b:");
    assert_ok(evtwin_spool_rename_sink(s, "b:", "c:"));
    assert_ok(evtwin_spool_check_sinks(s, only_c, 1, "x:"));
    assert_ok(evtwin_spool_forget_sink(s, "x:"));
    assert_ok(evtwin_spool_check_sinks(s, only_c, 1, NULL));
    evtwin_spool_free(s);
    assert_ok(look(dir, &s));
    assert_fails(evtwin_spool_check_sinks(s, only_c, 1, "x:"), EVTWIN_E_STATE, "10|b:");
    assert_fails(append_rows(s, 11, 1), EVTWIN_E_STATE, "waits");
    evtwin_spool_free(s);
    assert_true(sum_of(dir) == before);
}

/* A start must not fail because somebody looks at that moment. */
static void a_look_keeps_nobody_out(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("beside"));
    make_waiting(dir);
    const char *only_a[] = {"a:"};
    evtwin_spool *s = NULL;
    assert_ok(look(dir, &s));
    evtwin_spool *writer = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(append_rows(writer, 11, 5));
    assert_fails(evtwin_spool_check_sinks(s, only_a, 1, "x:"), EVTWIN_E_STATE, "b:");
    evtwin_spool_free(s);
    assert_ok(append_rows(writer, 16, 5));
    evtwin_spool_free(writer);
}

static evtwin_status count_rows(void *ctx, const evtwin_batch *batch) {
    *(size_t *)ctx += evtwin_table_rows(batch->rows);
    return EVTWIN_OK;
}

/* It would write the same records again and again, since no cursor can move. */
static void a_pump_does_not_deliver_from_it(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("pump"));
    make_waiting(dir);
    size_t n_written = 0;
    evtwin_spool *s = NULL;
    evtwin_pump *p = NULL;
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.drain_s = 0.2;
    assert_ok(evtwin_pump_create(&options, &p));
    static const char *const names[] = {"a:", "b:"};
    for (size_t i = 0; i < 2; i++) {
        const evtwin_sink_callbacks callbacks = {
            .size = sizeof callbacks, .name = names[i], .write = count_rows};
        evtwin_sink *sink = NULL;
        assert_ok(evtwin_sink_create(&callbacks, &n_written, &sink));
        assert_ok(evtwin_pump_take_sink(p, sink));
    }
    assert_ok(look(dir, &s));
    assert_ok(evtwin_spool_forget_sink(s, "x:"));
    assert_ok(evtwin_pump_take_spool(p, s));
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_STATE, "reading");
    evtwin_pump_free(p);
    assert_int_equal(n_written, 0);
}

static void a_sink_is_named_as_a_pump_would(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("names"), MIB, EVTWIN_SPOOL_BLOCK);
    const char *names[] = {"db://me:***@h/d", "db://me:***@h/d?x=1"};
    assert_ok(evtwin__spool_match_sinks(s, names, 2, NULL));
    assert_ok(append_rows(s, 1, 1));
    const char *fine[] = {"db://me:secret@h/d?y=2", "db://me:secret@h/d?x=1"};
    assert_ok(evtwin_spool_check_sinks(s, fine, 2, NULL));
    assert_fails(evtwin_spool_check_sinks(s, fine, 1, NULL), EVTWIN_E_STATE, "db://me:***@h/d?x=1");
    const char *twice[] = {"a:", "a:"}, *absent[] = {NULL};
    assert_fails(evtwin_spool_check_sinks(s, twice, 2, NULL), EVTWIN_E_ARG, "a:");
    assert_fails(evtwin_spool_check_sinks(s, absent, 1, NULL), EVTWIN_E_ARG, "0");
    assert_fails(evtwin_spool_check_sinks(s, NULL, 1, NULL), EVTWIN_E_ARG, "sinks");
    evtwin_spool_free(s);
}

static void an_absent_folder_is_an_empty_spool(void **state) {
    (void)state;
    char dir[256], deep[300], below_file[300];
    const char *sinks[] = {"a:"};
    evtwin_spool *s = NULL;
    snprintf(dir, sizeof dir, "%s", memory_path("absent"));
    snprintf(deep, sizeof deep, "%s/b/c/", dir);
    const char *const folders[] = {dir, deep};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(look(folders[i], &s));
        assert_ok(evtwin_spool_check_sinks(s, sinks, 1, NULL));
        assert_fails(append_rows(s, 1, 1), EVTWIN_E_STATE, folders[i]);
        evtwin_spool_free(s);
        assert_int_not_equal(access(dir, F_OK), 0);
    }
    snprintf(below_file, sizeof below_file, "%s/x", temp_file("file", "x"));
    assert_fails(look(below_file, &s), EVTWIN_E_IO, "file/x|made");
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_ok(look(dir, &s));
    evtwin_spool_free(s);
    assert_int_equal(rmdir(dir), 0); /* nothing is in it */
}

static void what_a_start_refuses_is_refused(void **state) {
    (void)state;
    static const char *const damages[] = {"PRAGMA user_version = 2", "PRAGMA application_id = 7",
                                          "UPDATE cursor SET number = -5", "DROP TABLE damaged",
                                          "DELETE FROM spool"};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char dir[256], name[32];
        evtwin_spool *s = NULL;
        snprintf(name, sizeof name, "refused%zu", i);
        snprintf(dir, sizeof dir, "%s", memory_path(name));
        make_waiting(dir);
        run_spool_sql(dir, damages[i]);
        const uint64_t before = sum_of(dir);
        const evtwin_status looked = look(dir, &s);
        char said[512];
        snprintf(said, sizeof said, "%s", evtwin_last_error());
        assert_true(sum_of(dir) == before);
        assert_true(looked < 0);
        assert_int_equal(looked, evtwin_spool_open(dir, NULL, &s));
        assert_string_equal(said, evtwin_last_error());
    }
}

static void the_holder_is_named(void **state) {
    (void)state;
    char dir[256], mine[32];
    evtwin_spool *other = NULL;
    snprintf(dir, sizeof dir, "%s", memory_path("held"));
    snprintf(mine, sizeof mine, "%d", (int)getpid());
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    assert_fails(look(dir, &other), EVTWIN_E_BUSY, mine);
    evtwin_spool_free(s);
    assert_ok(look(dir, &other));
    evtwin_spool_free(other);
}

/* Its log stays, and what is in the log counts. */
static void a_killed_holder_leaves_what_can_be_seen(void **state) {
    (void)state;
    char dir[256], log[300];
    snprintf(dir, sizeof dir, "%s", memory_path("killed"));
    snprintf(log, sizeof log, "%s/spool.db-wal", dir);
    const pid_t child = fork();
    if (child == 0) {
        const char *sinks[] = {"a:"};
        evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        assert_ok(evtwin__spool_match_sinks(s, sinks, 1, NULL));
        assert_ok(append_rows(s, 1, 7));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(log, F_OK), 0);
    const uint64_t before = sum_of(dir);
    const char *sinks[] = {"b:"};
    evtwin_spool *s = NULL;
    assert_ok(look(dir, &s));
    assert_fails(evtwin_spool_check_sinks(s, sinks, 1, NULL), EVTWIN_E_STATE, "7|a:");
    evtwin_spool_free(s);
    assert_true(sum_of(dir) == before);
}

static void a_folder_that_cannot_be_written_is_refused(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("protected"));
    make_waiting(dir);
    assert_int_equal(chmod(memory_folder, 0711), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    const pid_t child = fork();
    if (child == 0) { /* the superuser may write everywhere */
        evtwin_spool *s = NULL;
        const int is_fine = geteuid() != 0 || setuid(65534) == 0;
        const evtwin_status looked = look(dir, &s);
        const int is_named = text_names(evtwin_last_error(), "protected|written");
        _exit(is_fine && looked == EVTWIN_E_IO && is_named &&
                      evtwin_spool_open(dir, NULL, &s) == looked
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(dir, 0700), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_a_sink_that_is_missing_is_named),
        cmocka_unit_test(a_look_keeps_nobody_out),
        cmocka_unit_test(a_pump_does_not_deliver_from_it),
        cmocka_unit_test(a_sink_is_named_as_a_pump_would),
        cmocka_unit_test(an_absent_folder_is_an_empty_spool),
        cmocka_unit_test(what_a_start_refuses_is_refused),
        cmocka_unit_test(the_holder_is_named),
        cmocka_unit_test(a_killed_holder_leaves_what_can_be_seen),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>

int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#endif
