/* SPDX-License-Identifier: MIT */
/* test_source_csv.c: a CSV source that is a pipe waits no longer than its reader says. */

#include "test.h"

static void give(FILE *f, const char *text) {
    fputs(text, f);
    assert_int_equal(fflush(f), 0);
}

static void a_pipe_that_pauses_has_no_rows_yet(void **state) {
    (void)state;
    const char *path = temp_path("pipe.csv");
    assert_int_equal(mkfifo(path, 0600), 0);
    FILE *f = fopen(path, "r+b"); /* its own reader, so that opening does not wait */
    assert_non_null(f);
    give(f, "time,battery_id,soc\n2024-01-01T00:00:00Z,A,50\n");
    char uri[300];
    snprintf(uri, sizeof uri, "csv:%s", path);
    evtwin_source *source = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_source_open(uri, &source));
    assert_ok(evtwin_telemetry_table_create(&t));
    static const struct {
        const char *given;
        evtwin_status status;
        size_t rows;
    } steps[] = {
        {"", EVTWIN_OK, 1},
        {"", EVTWIN_OK, 1},
        {"2024-01-01T00:00:01Z,\"A", EVTWIN_OK, 1},      /* half a record */
        {"\",51\n2024-01-01T00:00:02Z,A", EVTWIN_OK, 2}, /* its rest, and half of the next */
        {",x\n", EVTWIN_REFUSED, 2},
        {"", EVTWIN_OK, 2},
        {"2024-01-01T00:00:03Z,A,52\n", EVTWIN_OK, 3},
        {"\n", EVTWIN_OK, 3}, /* empty: nothing if nothing follows */
        {"", EVTWIN_OK, 3},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        give(f, steps[i].given);
        assert_int_equal(evtwin_source_read(source, 9, 10, t), steps[i].status);
        assert_int_equal(evtwin_table_rows(t), steps[i].rows);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(evtwin_source_read(source, 9, 10, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_pauses_has_no_rows_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
