/* SPDX-License-Identifier: MIT */
/* test_bdf_stream.c: files of the Battery Data Format as sources (whose battery, which time, a test
 * time that goes back) and as sinks (one cell, one test, once). */

#include "test.h"

#include "fail_nth.h"

#include "core/text.h"
#include "stream/bdf_name.h"

static const char *uri(const char *path, const char *params) {
    static char text[3][500];
    static int turn;
    turn = (turn + 1) % 3;
    snprintf(text[turn], sizeof text[0], "csv:%s%s", path, params);
    return text[turn];
}

static evtwin_table *telemetry(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

static char log_text[4000];

static void keep_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    const size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", text);
}

/* ---- names of files ---- */

static void names_of_files(void **state) {
    (void)state;
    static const struct {
        const char *path, *cell, *start;
    } tries[] = {
        {"/a__b/UCam__A0001__20241031_001.csv", "A0001", "2024-10-31T00:00:00.000000Z"},
        {"SINTEF__SLPBA842124HV__2024-10-23__Rate_25degC__Neware.bdf.csv", "SLPBA842124HV",
         "2024-10-23T00:00:00.000000Z"},
        {"I__C__20240131.bdf", "C", "2024-01-31T00:00:00.000000Z"},
        {"I__C__20240230_1.bdf.csv", NULL, NULL}, /* no such day */
        {"I__C__202401311_1.bdf.csv", NULL, NULL},
        {"I__C__2024-01_1.bdf.csv", NULL, NULL},
        {"I__C__later.bdf.csv", NULL, NULL},
        {"I__C.bdf.csv", NULL, NULL},
        {"I____20240131.bdf.csv", NULL, NULL},
        {"I__two cells__20240131.bdf.csv", NULL, NULL},
        {"I__2345678901234567890123456789012345678901234567890__20240131.csv",
         "2345678901234567890123456789012345678901234567890", "2024-01-31T00:00:00.000000Z"},
        {"I__234567890123456789012345678901234567890123456789012__20240131.csv", NULL, NULL},
        {"sample.bdf.csv", NULL, NULL},
        {"/I__C__20240131/", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        evtwin__bdf_name name = {.cell = "before"};
        char start[EVTWIN_TIME_TEXT_SIZE];
        assert_int_equal(evtwin__bdf_name_read(tries[i].path, &name), tries[i].cell != NULL);
        assert_string_equal(name.cell, tries[i].cell != NULL ? tries[i].cell : "before");
        if (tries[i].cell != NULL) {
            assert_ok(evtwin_time_format(name.start_us, start, sizeof start));
            assert_string_equal(start, tries[i].start);
        }
    }
}

/* ---- as a source ---- */

static const char cell[] = "Test Time / s,Voltage / V,Current / A,Ambient Temperature / degC\n"
                           "0.5,3.9,1.5,20\n10,3.8,-2,20\n,3.7,0,20\n1e300,3.7,0,20\n";

static char refusals[2000]; /* of read_all: why */

/* The rows of a source; how many were refused. */
static size_t read_all(const char *text, evtwin_table *t) {
    evtwin_source *s = NULL;
    evtwin_status st;
    size_t n_refused = 0;
    refusals[0] = '\0';
    assert_ok(evtwin_source_open(text, &s));
    while ((st = evtwin_source_read(s, 2, 0, t)) != EVTWIN_DONE) {
        assert_true(st == EVTWIN_OK || st == EVTWIN_REFUSED);
        evtwin_refusal refusal;
        if (st == EVTWIN_REFUSED) {
            assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
            evtwin__text_append(refusals, sizeof refusals, "%s\n", refusal.reason);
            n_refused++;
        }
    }
    evtwin_source_free(s);
    return n_refused;
}

static void check_times(const evtwin_table *t, const char *battery, const char *first) {
    char time[EVTWIN_TIME_TEXT_SIZE];
    assert_ok(evtwin_time_format(evtwin_table_i64(t, 0)[0], time, sizeof time));
    assert_string_equal(time, first);
    assert_int_equal(evtwin_table_i64(t, 0)[1] - evtwin_table_i64(t, 0)[0], 9500000);
    assert_string_equal(evtwin_table_text(t, 1, 1), battery);
    assert_true(number(t, "current", 0) == -1.5);
    assert_true(number(t, "current", 1) == 2.0);
    assert_true(isnan(number(t, "temperature", 0)));
}

static void the_name_says_battery_and_date(void **state) {
    (void)state;
    const char *path = temp_file("SINTEF__CELL7__2024-04-30__25degC.bdf.csv", cell);
    evtwin_table *t = telemetry();
    log_text[0] = '\0';
    evtwin_set_log(keep_log, NULL);
    assert_int_equal(read_all(uri(path, ""), t), 2); /* without a test time, and one of no year */
    evtwin_set_log(NULL, NULL);
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_true(text_names(refusals, "data row 3: it has no test time|data row 4: its test time, "
                                     "1e300 s after 2024-04-30T00:00:00.000000Z, is not in the "
                                     "years 0 to 9999"));
    check_times(t, "CELL7", "2024-04-30T00:00:00.500000Z");
    assert_true(text_names(log_text, "CELL7|?battery_id=|2024-04-30T00:00:00.000000Z|?start="));

    assert_ok(evtwin_table_resize(t, 0));
    read_all(uri(path, "?battery_id=X&start=2024-05-01T12:00:00%2B02:00"), t);
    check_times(t, "X", "2024-05-01T10:00:00.500000Z");
    evtwin_table_free(t);
}

static void without_them_it_asks(void **state) {
    (void)state;
    evtwin_source *s = NULL;
    const char *path = temp_file("cell.bdf.csv", cell);
    assert_fails(evtwin_source_open(uri(path, "?battery_id=X"), &s), EVTWIN_E_SCHEMA,
                 "cell.bdf.csv|no column holds time|?start=");
    assert_fails(evtwin_source_open(uri(path, "?start=2024-05-01T12:00:00Z"), &s), EVTWIN_E_SCHEMA,
                 "cell.bdf.csv|?battery_id=");
    assert_fails(evtwin_source_open(uri(path, "?battery_id=X&start=noon"), &s), EVTWIN_E_PARSE,
                 "start|noon");
    path = temp_file("I__C__20240131.bdf.csv", "Unix Time / s,Voltage / V\n1704096000,3\n");
    assert_fails(evtwin_source_open(uri(path, "?start=2024-05-01T12:00:00Z"), &s), EVTWIN_E_ARG,
                 "?start=");
    evtwin_table *t = telemetry();
    assert_int_equal(read_all(uri(path, ""), t), 0);
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1704096000000000); /* not the date of the name */
    assert_string_equal(evtwin_table_text(t, 1, 0), "C");
    evtwin_table_free(t);
    assert_null(s);
}

/* Each record whose test time goes back is refused by itself, and reading goes on in a later run as
 * if there had been no end between. */
static void a_test_time_that_goes_back_is_refused(void **state) {
    (void)state;
    const char *path =
        temp_file("I__C__20240131_1.bdf.csv", "test_time_second,voltage_volt,current_ampere\n"
                                              "0,3,1\n10,3,1\n0,3,1\n20,3,1\n5,3,1\n30,3,1\n");
    evtwin_source *s = NULL;
    evtwin_table *t = telemetry();
    evtwin_refusal refusal;
    assert_ok(evtwin_source_open(uri(path, ""), &s));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
    assert_true(text_names(refusal.reason, ":4:1|test_time_second|10|line 3|0|bdf clean"));
    assert_string_equal(refusal.raw, "0,3,1");
    char position[100];
    snprintf(position, sizeof position, "%s", evtwin_source_position(s));
    evtwin_source_free(s);

    assert_ok(evtwin_source_open(uri(path, ""), &s));
    assert_ok(evtwin_source_seek(s, position));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
    assert_true(text_names(refusal.reason, ":6:1|20|line 5|5"));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 4);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
    evtwin_source_free(s);
    evtwin_table_free(t);
}

/* ---- as a sink ---- */

/* n rows of a battery from number first on, one a second, with a test time or without. */
static evtwin_table *rows_of(const char *battery, size_t first, size_t n, int with_test_time) {
    evtwin_table *t = telemetry();
    assert_ok(evtwin_table_resize(t, n));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_i64(t, 0, i, (int64_t)(1706688000 + first + i) * 1000000));
        assert_ok(evtwin_table_set_text(t, 1, i, battery));
        assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "voltage"), i, 390.5));
        assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "current"), i, 10.25));
        assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "power_consumption"), i, 4000.0));
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), i, (int64_t)(first + i)));
        if (with_test_time) {
            assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "sim_time_s"), i,
                                           (double)(first + i) / 4.0));
        }
    }
    return t;
}

/* One write to the file, as a run of its own. */
static evtwin_status write_rows(const char *path, const char *source, evtwin_table *rows) {
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_sink_open(uri(path, "?names=bdf"), &sink);
    const evtwin_batch batch = {.size = sizeof batch, .rows = rows, .source = source};
    st = st < 0 ? st : evtwin_sink_write_batch(sink, &batch);
    evtwin_sink_free(sink);
    evtwin_table_free(rows);
    return st;
}

static const char *contents(const char *path) {
    static char text[8000];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

#define HEADER                                                                                     \
    "Test Time / s,Voltage / V,Current / A,Unix Time / s,battery_id,soc,soh,"                      \
    "Surface Temperature / degC,Cycle Count / 1,Power / W,is_charging,seq,"                        \
    "Internal Resistance / ohm,mean_temperature,throughput_ah_per_day,quality\n"

static void a_file_goes_on(void **state) {
    (void)state;
    const char *path = temp_file("on.bdf.csv", "");
    assert_ok(write_rows(path, NULL, rows_of("A", 0, 2, 1)));
    assert_string_equal(contents(path), HEADER "0,390.5,-10.25,1706688000,A,,,,,-4000,,0,,,,\n"
                                               "0.25,390.5,-10.25,1706688001,A,,,,,-4000,,1,,,,\n");
    assert_ok(write_rows(path, NULL, rows_of("A", 2, 1, 1)));
    assert_true(text_names(contents(path), "0.5,390.5,-10.25,1706688002,A"));
    assert_fails(write_rows(path, NULL, rows_of("B", 3, 1, 1)), EVTWIN_E_DATA,
                 "on.bdf.csv|row 1|'B'|'A'");
    assert_fails(write_rows(path, NULL, rows_of("A", 1, 1, 1)), EVTWIN_E_DATA,
                 "on.bdf.csv|row 1|0.5 s|0.25 s");
    evtwin_table *t = rows_of("A", 9, 2, 1);
    assert_ok(evtwin_table_set_missing(t, evtwin_table_find(t, "current"), 1));
    assert_fails(write_rows(path, NULL, t), EVTWIN_E_DATA, "row 2|current");
    evtwin_table *back = telemetry();
    assert_int_equal(read_all(uri(path, ""), back), 0);
    assert_int_equal(evtwin_table_rows(back), 3); /* nothing of what was refused */
    assert_true(number(back, "power_consumption", 2) == 4000.0);
    assert_true(number(back, "current", 2) == 10.25);
    evtwin_table_free(back);
}

/* The first row of the file is where the test time counts from, whoever wrote it. */
static void a_test_time_is_counted_over_runs(void **state) {
    (void)state;
    const char *path = temp_file("times.bdf.csv", "");
    assert_ok(write_rows(path, NULL, rows_of("A", 100, 2, 0)));
    assert_ok(write_rows(path, NULL, rows_of("A", 160, 1, 0)));
    evtwin_table *t = telemetry();
    assert_int_equal(read_all(uri(path, ""), t), 0);
    assert_true(number(t, "sim_time_s", 0) == 0.0);
    assert_true(number(t, "sim_time_s", 1) == 1.0);
    assert_true(number(t, "sim_time_s", 2) == 60.0);
    assert_fails(write_rows(path, NULL, rows_of("A", 90, 1, 0)), EVTWIN_E_DATA, "60 s|-10 s");
    evtwin_table_free(t);
}

/* A spool offers again what a killed process had written before it could note that. */
static void what_is_there_is_not_written_twice(void **state) {
    (void)state;
    for (int with_test_time = 0; with_test_time < 2; with_test_time++) {
        const char *path = temp_file("again.bdf.csv", "");
        assert_ok(write_rows(path, "spool:x", rows_of("A", 0, 3, with_test_time)));
        assert_ok(write_rows(path, "spool:x", rows_of("A", 1, 4, with_test_time)));
        assert_ok(write_rows(path, "spool:x", rows_of("A", 4, 1, with_test_time)));
        evtwin_table *t = telemetry();
        assert_int_equal(read_all(uri(path, ""), t), 0);
        assert_int_equal(evtwin_table_rows(t), 5);
        for (size_t i = 0; i < 5; i++) {
            assert_true(number(t, "seq", i) == (double)i);
        }
        evtwin_table_free(t);
    }
}

/* In one run: a bad batch leaves no trace, a file that was taken away begins anew. */
static void one_run(void **state) {
    (void)state;
    const char *path = temp_file("run.bdf.csv", "");
    evtwin_sink *sink = NULL;
    evtwin_table *good = rows_of("A", 0, 2, 1), *next = rows_of("A", 2, 2, 1),
                 *other = rows_of("B", 0, 1, 1);
    assert_ok(evtwin_sink_open(uri(path, "?names=bdf&replace=1"), &sink));
    assert_fails(evtwin_sink_write(sink, NULL), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_sink_write(sink, good));
    assert_fails(evtwin_sink_write(sink, other), EVTWIN_E_DATA, "run.bdf.csv|'B'");
    assert_fails(evtwin_sink_write(sink, good), EVTWIN_E_DATA, "run.bdf.csv|0.25 s|0 s");
    assert_ok(evtwin_sink_write(sink, next));
    assert_int_equal(unlink(path), 0);
    assert_ok(evtwin_sink_write(sink, other));
    evtwin_sink_free(sink);
    assert_string_equal(contents(path), HEADER "0,390.5,-10.25,1706688000,B,,,,,-4000,,0,,,,\n");
    evtwin_table_free(good);
    evtwin_table_free(next);
    evtwin_table_free(other);
}

static void foreign_files_are_refused(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    const char *path = temp_file("other.csv", "Test Time / s,Voltage / V,Current / A\n0,3,1\n");
    assert_fails(evtwin_sink_open(uri(path, "?names=bdf"), &sink), EVTWIN_E_SCHEMA,
                 "other.csv|?replace=1");
    assert_fails(evtwin_sink_open(uri(path, "?names=vss"), &sink), EVTWIN_E_ARG,
                 "names=vss|evtwin, bdf");
    path = temp_file("ours.bdf.csv", "");
    assert_ok(write_rows(path, NULL, rows_of("A", 0, 1, 1)));
    assert_fails(evtwin_sink_open(uri(path, ""), &sink), EVTWIN_E_SCHEMA, "ours.bdf.csv");
    assert_null(sink);
    path = temp_file("broken.bdf.csv", HEADER "5,3,1,1706688000,A,,,,,,,,,,,\n"
                                              "4,3,1,1706688001,A,,,,,,,,,,,\n");
    assert_fails(write_rows(path, NULL, rows_of("A", 100, 1, 1)), EVTWIN_E_SCHEMA,
                 "broken.bdf.csv|another file|5 s|4 s");
}

/* Predictions come behind, by our names. */
static void predictions_go_with_it(void **state) {
    (void)state;
    const char *path = temp_file("predicted.bdf.csv", "");
    for (int i = 0; i < 2; i++) {
        evtwin_table *t = rows_of("A", (size_t)i, 1, 1);
        size_t col;
        assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_F64, NULL, &col));
        assert_ok(evtwin_table_set_f64(t, col, 0, 250.5));
        assert_ok(write_rows(path, NULL, t));
    }
    assert_true(text_names(contents(path), "quality,rul_prediction\n"));
    assert_true(text_names(contents(path), ",1,,,,,250.5\n"));
}

typedef struct attempt {
    const char *path;
    evtwin_table *rows;
} attempt;

static evtwin_status write_and_go_on(void *ctx) {
    const attempt *a = ctx;
    evtwin_sink *sink = NULL;
    const char *text = uri(a->path, "?names=bdf");
    evtwin_status st = evtwin_sink_open(text, &sink);
    const evtwin_batch batch = {.size = sizeof batch, .rows = a->rows, .source = "spool:x"};
    st = st < 0 ? st : evtwin_sink_write_batch(sink, &batch);
    evtwin_sink_free(sink);
    return st;
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    attempt a = {temp_file("memory.bdf.csv", ""), NULL};
    assert_ok(write_rows(a.path, "spool:x", rows_of("A", 0, 3, 0)));
    a.rows = rows_of("A", 1, 3, 0); /* each try ends the file with the same rows */
    assert_true(fail_every_allocation(write_and_go_on, &a) > 10);
    evtwin_table *t = telemetry();
    assert_int_equal(read_all(uri(a.path, ""), t), 0);
    assert_int_equal(evtwin_table_rows(t), 4);
    evtwin_table_free(t);
    evtwin_table_free(a.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(the_name_says_battery_and_date),
        cmocka_unit_test(without_them_it_asks),
        cmocka_unit_test(a_test_time_that_goes_back_is_refused),
        cmocka_unit_test(a_file_goes_on),
        cmocka_unit_test(a_test_time_is_counted_over_runs),
        cmocka_unit_test(what_is_there_is_not_written_twice),
        cmocka_unit_test(one_run),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(predictions_go_with_it),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
