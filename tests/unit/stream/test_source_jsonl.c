/* SPDX-License-Identifier: MIT */
/* test_source_jsonl.c: how files of JSON lines begin, and what is given in their place. */

#include "test.h"

#define RECORD "{\"timestamp\":\"2024-01-31T12:00:00Z\",\"battery_id\":\"B\",\"soc\":50}\n"
#define MARK "\xef\xbb\xbf"

static evtwin_source *open_bytes(const char *name, const char *data, size_t size) {
    const char *path = temp_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    char uri[300];
    snprintf(uri, sizeof uri, "jsonl:%s", path);
    evtwin_source *source = NULL;
    assert_ok(evtwin_source_open(uri, &source));
    return source;
}

static evtwin_table *telemetry(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static void a_byte_order_mark_is_passed_over(void **state) {
    (void)state;
    static const char text[] = MARK RECORD RECORD MARK RECORD;
    evtwin_source *source = open_bytes("mark.jsonl", text, strlen(text));
    evtwin_table *t = telemetry();
    assert_int_equal(evtwin_source_read(source, 9, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 3); /* also where files were joined */
    assert_int_equal(evtwin_source_read(source, 9, 0, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(source);
}

static void other_kinds_of_files_are_named(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *names;
    } files[] = {
        {"\x1f\x8b\x08\0\n\n", 6, "other.jsonl|gzip"},
        {"\xff\xfe{\0\"\0\n\0", 8, "other.jsonl|UTF-16"},
        {"{\0\"\0t\0\n\0", 8, "other.jsonl|UTF-16"},
        {"PAR1\x15\4\n", 7, "other.jsonl|Parquet"},
        {"SQLite format 3\0\n", 17, "other.jsonl|SQLite"},
    };
    evtwin_table *t = telemetry();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        evtwin_source *source = open_bytes("other.jsonl", files[i].data, files[i].size);
        assert_fails(evtwin_source_read(source, 9, 0, t), EVTWIN_E_UNSUPPORTED, files[i].names);
        evtwin_source_free(source);
    }
    evtwin_table_free(t);
}

/* Neither opening nor reading waits longer than the reader says. */
static void a_pipe_without_a_writer_has_no_records_yet(void **state) {
    (void)state;
    const char *path = temp_path("pipe.jsonl");
    assert_int_equal(mkfifo(path, 0600), 0);
    char uri[300];
    snprintf(uri, sizeof uri, "jsonl:%s", path);
    evtwin_source *source = NULL;
    evtwin_table *t = telemetry();
    assert_ok(evtwin_source_open(uri, &source));
    assert_int_equal(evtwin_source_read(source, 9, 10, t), EVTWIN_OK);

    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(evtwin_source_read(source, 9, 10, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 0);
    fputs(RECORD, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(evtwin_source_read(source, 9, 10, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_int_equal(evtwin_source_read(source, 9, 10, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(source);
    assert_fails(evtwin_source_open("jsonl:/dev/zero", &source), EVTWIN_E_UNSUPPORTED, "device");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(other_kinds_of_files_are_named),
        cmocka_unit_test(a_pipe_without_a_writer_has_no_records_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
