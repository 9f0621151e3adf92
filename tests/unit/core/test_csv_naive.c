/* SPDX-License-Identifier: MIT */
/* tests/unit/core/test_csv_naive.c: times without an offset are counted, and the log says what they
 * were taken as. */

#include "test.h"

#include "core/csv.h"

/* 3 of 9 times lack an offset, which the minus of a date is not; a number of milliseconds needs
 * none.
 */
static const char nine_times[] = "time,note\n"
                                 "2024-01-01,a\n"
                                 "2024-01-01T12:00:00Z,b\n"
                                 "2024-01-01 12:00,c\n"
                                 ",d\n"
                                 "2024-01-01T12:00:00+01:00,e\n"
                                 "2024-01-01t12:00:00.25-05:30,f\n"
                                 "2024-01-01T12:00:00.5,7\n"
                                 "1704067200123,h\n"
                                 "2024-01-01 12:00:00+01,i\n"
                                 "2024-01-01 12:00:00 UTC,j\n";

typedef struct heard {
    int n;
    evtwin_log_level level;
    char text[256];
} heard;

static void hear(void *ctx, evtwin_log_level level, const char *text) {
    heard *h = ctx;
    h->n++;
    h->level = level;
    snprintf(h->text, sizeof h->text, "%s", text);
}

static void assert_heard(const heard *h, const char *end) {
    const size_t length = strlen(h->text), wanted = strlen(end);
    if (h->n != 1 || h->level != EVTWIN_LOG_INFO || length < wanted ||
        strcmp(h->text + length - wanted, end) != 0) {
        fail_msg("%d lines, the last is '%s', expected '%s'", h->n, h->text, end);
    }
}

static heard read_file(const char *text, evtwin_naive_time naive, evtwin_status expected) {
    heard h = {.n = 0};
    evtwin_csv_options o;
    assert_ok(evtwin_csv_options_init(&o, sizeof o));
    o.naive_time = naive;
    evtwin_table *t = NULL;
    evtwin_set_log(hear, &h);
    assert_int_equal(evtwin_table_read_csv(temp_file("naive.csv", text), &o, &t), expected);
    evtwin_set_log(NULL, NULL);
    evtwin_table_free(t);
    return h;
}

static void a_file_tells_once_how_many(void **state) {
    (void)state;
    heard h = read_file(nine_times, EVTWIN_NAIVE_UTC, EVTWIN_OK);
    assert_heard(&h, "/naive.csv: 3 times without an offset were taken as UTC");
    h = read_file(nine_times, EVTWIN_NAIVE_LOCAL, EVTWIN_OK);
    assert_heard(&h, "/naive.csv: 3 times without an offset were taken as local time");
    h = read_file("time\n2024-01-01T00:00\n", EVTWIN_NAIVE_UTC, EVTWIN_OK);
    assert_heard(&h, "/naive.csv: 1 time without an offset was taken as UTC");
    h = read_file("time\n2024-01-01T00:00Z\n", EVTWIN_NAIVE_UTC, EVTWIN_OK);
    assert_int_equal(h.n, 0);
    h = read_file(nine_times, EVTWIN_NAIVE_REJECT, EVTWIN_E_PARSE);
    assert_int_equal(h.n, 0);
}

/* A file that is read twice, because a number column turned out to be text, and records that end
 * beyond the window, are counted once. */
static void no_time_is_counted_twice(void **state) {
    (void)state;
    enum { N = 40000 };
    static char text[64 * N];
    size_t at = (size_t)snprintf(text, sizeof text, "time,note\n");
    for (int i = 0; i < N; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "2024-01-01 00:00:00,%d\n", i);
    }
    snprintf(text + at, sizeof text - at, "2024-01-01 00:00:00,at last a text\n");
    const heard h = read_file(text, EVTWIN_NAIVE_UTC, EVTWIN_OK);
    assert_heard(&h, ": 40001 times without an offset were taken as UTC");
}

static void a_stream_tells_at_its_end(void **state) {
    (void)state;
    heard h = {.n = 0};
    evtwin__csv_reader *reader;
    evtwin_table *t;
    assert_ok(evtwin__csv_reader_open(temp_file("stream.csv", nine_times), NULL, &reader));
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, NULL, NULL));
    evtwin_set_log(hear, &h);
    while (evtwin__csv_reader_next(reader, 2, t) == EVTWIN_OK) {
    }
    assert_int_equal(evtwin_table_rows(t), 10);
    assert_int_equal(h.n, 0);
    evtwin_csv_free(reader);
    evtwin_set_log(NULL, NULL);
    assert_heard(&h, "/stream.csv: 3 times without an offset were taken as UTC");
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_tells_once_how_many),
        cmocka_unit_test(no_time_is_counted_twice),
        cmocka_unit_test(a_stream_tells_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
