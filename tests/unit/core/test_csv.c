/* SPDX-License-Identifier: MIT */
/* test_csv.c: CSV in and out: types, quotes, missing values, and errors that name their place. */

#include "test.h"

#include "fail_nth.h"

#include "core/csv.h"
#include "core/rng.h"

#include <fcntl.h>
#include <pthread.h>

static evtwin_csv_options defaults(void) {
    evtwin_csv_options options;
    assert_ok(evtwin_csv_options_init(&options, sizeof options));
    return options;
}

/* Table of a text of CSV. */
static evtwin_table *read_text(const char *text) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(temp_file("in.csv", text), NULL, &t));
    return t;
}

/* The text is refused with that code, and "in.csv" and the names are in what is said. */
static void check_refused(const char *text, evtwin_status code, const char *names) {
    evtwin_table *t = NULL;
    assert_fails(evtwin_table_read_csv(temp_file("in.csv", text), NULL, &t), code, names);
    assert_non_null(strstr(evtwin_last_error(), "in.csv"));
    assert_null(t);
}

static void check_f64(const evtwin_table *t, size_t col, const double *expected, size_t n) {
    assert_int_equal(evtwin_table_rows(t), n);
    const double *v = evtwin_table_f64(t, col);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++) {
        if (!(v[i] == expected[i] || (isnan(v[i]) && isnan(expected[i])))) {
            fail_msg("row %zu is %.17g, expected %.17g", i, v[i], expected[i]);
        }
    }
}

/* ---- what is read ---- */

static void numbers_and_missing_values(void **state) {
    (void)state;
    evtwin_table *t = read_text("a,b,c\n1,2.5,\n-3,,1e3\n,0,12345678.9\n");
    assert_int_equal(evtwin_table_cols(t), 3);
    assert_string_equal(evtwin_table_name(t, 1), "b");
    assert_string_equal(evtwin_table_unit(t, 1), "");
    check_f64(t, 0, (const double[]){1, -3, NAN}, 3);
    check_f64(t, 1, (const double[]){2.5, NAN, 0}, 3);
    check_f64(t, 2, (const double[]){NAN, 1000, 12345678.9}, 3);
    evtwin_table_free(t);
}

static void forms_of_lines(void **state) {
    (void)state;
    static const char *const texts[] = {
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r\n1,2\n3,4\r\n",
        "a,b\n1,2\n3,4\n\n\n",
        "a,b\n1,2\n3,4\n\r\n\n",
        "\xEF\xBB\xBF\x61,b\n1,2\n3,4\n", /* \x61 is a: in C a hex escape takes all it can */
        "\"a\",\"b\"\n\"1\",\"2\"\n\"3\",\"4\"\n",
        "a,\"b\"\r\n1,\"2\"\r\n\"3\",4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        evtwin_table *t = read_text(texts[i]);
        assert_int_equal(evtwin_table_cols(t), 2);
        assert_string_equal(evtwin_table_name(t, 0), "a");
        check_f64(t, 0, (const double[]){1, 3}, 2);
        check_f64(t, 1, (const double[]){2, 4}, 2);
        evtwin_table_free(t);
    }
}

static void quotes(void **state) {
    (void)state;
    evtwin_table *t = read_text("id,\"the \"\"name\"\"\",v\n"
                                "x,\"a,b\",1\n"
                                "y,\"line\nbreak \"\"q\"\"\",\"2\"\n"
                                "z,\"\",\"\"\n"
                                "w,,4\n");
    assert_string_equal(evtwin_table_name(t, 1), "the \"name\"");
    assert_string_equal(evtwin_table_text(t, 1, 0), "a,b");
    assert_string_equal(evtwin_table_text(t, 1, 1), "line\nbreak \"q\"");
    assert_string_equal(evtwin_table_text(t, 1, 2), ""); /* quoted: an empty text */
    assert_null(evtwin_table_text(t, 1, 3));             /* unquoted: missing */
    check_f64(t, 2, (const double[]){1, 2, NAN, 4}, 4);
    evtwin_table_free(t);
}

static void one_column_has_empty_lines_as_missing_values(void **state) {
    (void)state;
    evtwin_table *t = read_text("v\n1\n\n3\n\"\"\n");
    check_f64(t, 0, (const double[]){1, NAN, 3, NAN}, 4);
    evtwin_table_free(t);
}

static void telemetry_headers_give_types_and_units(void **state) {
    (void)state;
    evtwin_table *t = read_text("time,battery_id,soc,voltage,charge_cycles,is_charging,other\n"
                                "2024-01-01T00:00:00Z,B1,85.5,350,12,True,7\n"
                                "2024-01-01 01:00:00+01:00,B2,,351,13,0,8\n"
                                ",,1,2,,,\n");
    const evtwin_type types[] = {EVTWIN_TIME, EVTWIN_TEXT, EVTWIN_F64, EVTWIN_F64,
                                 EVTWIN_I64,  EVTWIN_BOOL, EVTWIN_F64};
    const char *const units[] = {"", "", "percent", "V", "cycles", "", ""};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(evtwin_table_type(t, i), types[i]);
        if (i != 0) {
            assert_string_equal(evtwin_table_unit(t, i), units[i]);
        }
        assert_int_equal(evtwin_table_is_valid(t, i, 2), i == 2 || i == 3);
    }
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1704067200000000);
    assert_int_equal(evtwin_table_i64(t, 0)[1], 1704067200000000);
    assert_string_equal(evtwin_table_text(t, 1, 1), "B2");
    assert_int_equal(evtwin_table_i64(t, 4)[1], 13);
    assert_true(evtwin_table_number(t, 5, 0) == 1.0 && evtwin_table_number(t, 5, 1) == 0.0);
    evtwin_table_free(t);
}

static void a_number_where_an_integer_was_due(void **state) {
    (void)state;
    evtwin_table *t = read_text("charge_cycles,a\n1,1\n2.0,1\n1e3,1\n");
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_I64);
    assert_int_equal(evtwin_table_i64(t, 0)[1], 2);
    assert_int_equal(evtwin_table_i64(t, 0)[2], 1000);
    evtwin_table_free(t);

    t = read_text("charge_cycles,a\n9007199254740993,1\n,1\n149.19,1\n3,1\n");
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_F64);
    assert_string_equal(evtwin_table_unit(t, 0), "cycles");
    check_f64(t, 0, (const double[]){9007199254740992.0, NAN, 149.19, 3}, 4);
    evtwin_table_free(t);
}

static void spellings_of_bool(void **state) {
    (void)state;
    evtwin_table *t = read_text("is_charging,x\ntrue,1\nTrue,1\nTRUE,1\n1,1\n1.0,1\n"
                                "false,1\nFalse,1\nFALSE,1\n0,1\n\"0.0\",1\n");
    for (size_t i = 0; i < 10; i++) {
        assert_true(evtwin_table_number(t, 0, i) == (i < 5));
    }
    evtwin_table_free(t);
    check_refused("is_charging\nmaybe\n", EVTWIN_E_PARSE, "in.csv:2:1: 'maybe'");
}

static void a_column_with_a_text_is_text(void **state) {
    (void)state;
    /* at once, after missing values, and after numbers: then as they were written */
    evtwin_table *t = read_text("a,b,c,n\nx,,1.50,1\ny,,\"2\",2\n,z,,3\nx,,\xc3\xa9,4\n5,6,7,5\n");
    assert_string_equal(evtwin_table_text(t, 0, 0), "x");
    assert_null(evtwin_table_text(t, 0, 2));
    assert_string_equal(evtwin_table_text(t, 0, 4), "5");
    assert_null(evtwin_table_text(t, 1, 0));
    assert_string_equal(evtwin_table_text(t, 1, 2), "z");
    assert_string_equal(evtwin_table_text(t, 2, 0), "1.50");
    assert_string_equal(evtwin_table_text(t, 2, 1), "2");
    assert_null(evtwin_table_text(t, 2, 2));
    assert_string_equal(evtwin_table_text(t, 2, 3), "\xc3\xa9");
    check_f64(t, 3, (const double[]){1, 2, 3, 4, 5}, 5);
    evtwin_table_free(t);
}

static void columns_can_be_forced(void **state) {
    (void)state;
    const char *path = temp_file("in.csv", "id,time,n,charge_cycles\n001,0,1,5\n002,60,2,6\n");
    evtwin_csv_options options = defaults();
    options.text_columns = "id,n";
    options.number_columns = "time,charge_cycles";
    evtwin_table *t;
    assert_ok(evtwin_table_read_csv(path, &options, &t));
    assert_string_equal(evtwin_table_text(t, 0, 0), "001");
    check_f64(t, 1, (const double[]){0, 60}, 2);
    assert_string_equal(evtwin_table_text(t, 2, 1), "2");
    assert_int_equal(evtwin_table_type(t, 3), EVTWIN_I64);
    evtwin_table_free(t);

    options.number_columns = "nn";
    assert_fails(evtwin_table_read_csv(path, &options, &t), EVTWIN_E_NOT_FOUND, "'nn'");
    options.number_columns = "n";
    assert_fails(evtwin_table_read_csv(path, &options, &t), EVTWIN_E_ARG, "'n'");
    options.text_columns = "x,id";
    options.number_columns = "nn,time,";
    options.allow_absent = 1; /* and the names that are there count as before */
    assert_ok(evtwin_table_read_csv(path, &options, &t));
    assert_string_equal(evtwin_table_text(t, 0, 0), "001");
    check_f64(t, 1, (const double[]){0, 60}, 2);
    assert_int_equal(evtwin_table_cols(t), 4);
    evtwin_table_free(t);

    options.text_columns = NULL;
    options.number_columns = "x,id";
    path = temp_file("in.csv", "id,n\n1,1\nB2,2\n");
    assert_fails(evtwin_table_read_csv(path, &options, &t), EVTWIN_E_PARSE,
                 "in.csv:3:1:|'B2'|'id'");
}

static void naive_times_follow_the_option(void **state) {
    (void)state;
    const char *path = temp_file("in.csv", "time,v\n2024-01-01 00:00:00,1\n");
    evtwin_csv_options options = defaults();
    evtwin_table *t;
    assert_ok(evtwin_table_read_csv(path, &options, &t));
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1704067200000000);
    evtwin_table_free(t);
    options.naive_time = EVTWIN_NAIVE_REJECT;
    assert_fails(evtwin_table_read_csv(path, &options, &t), EVTWIN_E_PARSE, "in.csv:2:1: ");
    check_refused("time,v\n0,1\n", EVTWIN_E_PARSE, "in.csv:2:1: ");
}

/* ---- what is refused ---- */

static void errors_name_their_place(void **state) {
    (void)state;
    check_refused("soc,v\n1,2\n3,4\nx,5\n", EVTWIN_E_PARSE, "in.csv:4:1:|'x'|'soc'");
    check_refused("v,soc\n1,1e999\n", EVTWIN_E_PARSE, "in.csv:2:2:|'1e999'|'soc'");
    check_refused("v,w\n1,2\n1,-inf\n", EVTWIN_E_PARSE, "in.csv:3:2: '-inf'");
    check_refused("v,w\n1,2\n1,\"Infinity\"\n", EVTWIN_E_PARSE, "in.csv:3:2: 'Infinity'");
    check_refused("charge_cycles\nmany\n", EVTWIN_E_PARSE, "in.csv:2:1: 'many'");
    check_refused("a,b,c\n1,2,3\n1,2\n", EVTWIN_E_PARSE, "in.csv:3:2:|2 fields|header 3");
    check_refused("a,b\n1,2,3,4\n", EVTWIN_E_PARSE, "in.csv:2:4:|4 fields|header 2");
    check_refused("a,b\n1,2\n\n3,4\n", EVTWIN_E_PARSE, "in.csv:3:1:|empty");
    check_refused("a,b\n1,2\n3", EVTWIN_E_PARSE, "in.csv:3:1:|1 fields|header 2");
    check_refused("a,b\n1,\"2\n3,4\n", EVTWIN_E_PARSE, "in.csv:2:2:|quote");
    check_refused("a,b\n1,\"2\"3\n", EVTWIN_E_PARSE, "in.csv:2:2:|quote");
    check_refused("a,b\n1,x\"2\"\n", EVTWIN_E_PARSE, "in.csv:2:2:|quote");
    check_refused("a,b\n1,2\r3,4\n", EVTWIN_E_PARSE, "in.csv:2:2:|carriage return");
    check_refused("a,b\n1,2\r", EVTWIN_E_PARSE, "in.csv:2:2:|carriage return");
    check_refused("a,b\n1,\xff\n", EVTWIN_E_PARSE, "in.csv:2:2:|UTF-8|'b'");
    check_refused("a,b\n\"x\ny\",2\n1,soc,3\n", EVTWIN_E_PARSE, "in.csv:4:3:|3 fields|header 2");
    check_refused("a,b,a\n1,2,3\n", EVTWIN_E_PARSE, "in.csv:1:3:|'a'|column 1");
    check_refused("a,soc, a \n1,2,3\n", EVTWIN_E_PARSE, "in.csv:1:3:|'a'|column 1");
    check_refused(",\" \"\n1,2\n", EVTWIN_E_PARSE, "in.csv:1:1:|name");
    check_refused("a,\xff\n1,2\n", EVTWIN_E_PARSE, "in.csv:1:2:|UTF-8");
    check_refused("a,\"b\n", EVTWIN_E_PARSE, "in.csv:1:2:|quote");
    check_refused("\xff\xfe\x61", EVTWIN_E_UNSUPPORTED, "UTF-16");
    check_refused("", EVTWIN_E_DATA, "empty");
    check_refused("\xEF\xBB\xBF", EVTWIN_E_DATA, "empty");
    check_refused("a,b\n", EVTWIN_E_DATA, "rows");
    check_refused("a,b", EVTWIN_E_DATA, "rows");
    check_refused("a,b\n\n\n", EVTWIN_E_DATA, "rows");
}

static void nul_bytes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *place;
    } cases[] = {{"a,b\n1,\0\n", 8, ":2:2: a NUL byte"},
                 {"a,b\n1,2\0\n", 9, ":2:2: a NUL byte"},
                 {"a,b\n\0", 5, ":2:1: a NUL byte"},
                 {"a,b\n1,\"x\0\"\n", 11, ":2:2: a NUL byte"},
                 {"a\0,b\n1,2\n", 9, ":1:1: a NUL byte"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temp_path("nul.csv");
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(cases[i].text, 1, cases[i].size, f), cases[i].size);
        assert_int_equal(fclose(f), 0);
        evtwin_table *t;
        assert_fails(evtwin_table_read_csv(path, NULL, &t), EVTWIN_E_PARSE, cases[i].place);
    }
}

static void files_that_cannot_be_read(void **state) {
    (void)state;
    evtwin_table *t = NULL;
    assert_fails(evtwin_table_read_csv(temp_path("none.csv"), NULL, &t), EVTWIN_E_NOT_FOUND,
                 "none.csv");
    assert_fails(evtwin_table_read_csv("/tmp", NULL, &t), EVTWIN_E_IO, "/tmp");
    assert_fails(evtwin_table_read_csv(NULL, NULL, &t), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_table_read_csv("x", NULL, NULL), EVTWIN_E_ARG, "NULL");
    const char *path = temp_file("secret.csv", "a\n1\n");
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() != 0) {
        assert_fails(evtwin_table_read_csv(path, NULL, &t), EVTWIN_E_IO, "Permission");
    }
    assert_null(t);
}

static void caps_hold(void **state) {
    (void)state;
    const size_t size = 10 << 20;
    char *text = malloc(size + 1);
    assert_non_null(text);
    const char *const starts[] = {"", "a,b\n1,", "a,b\n1,\"", "a,b\n1,\"\"\""};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        memset(text, i % 2 != 0 ? '7' : 'x', size);
        text[size] = '\0';
        memcpy(text, starts[i], strlen(starts[i]));
        check_refused(text, EVTWIN_E_PARSE, "262144 bytes");
    }
    memset(text, ',', size);
    check_refused(text, EVTWIN_E_PARSE, "in.csv:1:1: ");
    free(text);

    evtwin_csv_options options = defaults();
    options.max_line_bytes = 7;
    options.max_columns = 2;
    evtwin_table *t;
    assert_ok(evtwin_table_read_csv(temp_file("cap.csv", "a,b\n123,45\n"), &options, &t));
    evtwin_table_free(t);
    assert_fails(evtwin_table_read_csv(temp_file("cap.csv", "a,b\n123,456\n"), &options, &t),
                 EVTWIN_E_PARSE, "cap.csv:2:1:|7 bytes");
    assert_fails(evtwin_table_read_csv(temp_file("cap.csv", "a,b,c\n1,2,3\n"), &options, &t),
                 EVTWIN_E_PARSE, "cap.csv:1:3:|2 columns");
    options.max_line_bytes = 0;
    assert_fails(evtwin_table_read_csv("x", &options, &t), EVTWIN_E_ARG, "max_line_bytes 0");
    options = defaults();
    options.max_columns = SIZE_MAX;
    assert_fails(evtwin_table_read_csv("x", &options, &t), EVTWIN_E_ARG, "max_columns");
    options = defaults();
    options.naive_time = (evtwin_naive_time)9;
    assert_fails(evtwin_table_read_csv("x", &options, &t), EVTWIN_E_ARG, "naive_time");
    assert_fails(evtwin_csv_options_init(&options, 2), EVTWIN_E_ARG, "size");
    assert_fails(evtwin_csv_options_init(NULL, sizeof options), EVTWIN_E_ARG, "NULL");
}

/* ---- larger than the window ---- */

/* Records of many lengths over several windows, with quotes and line breaks at every position. */
static void windows_do_not_show(void **state) {
    (void)state;
    const size_t rows = 60000;
    const char *path = temp_path("long.csv");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("i,text,half,late\r\n", f);
    for (size_t i = 0; i < rows; i++) {
        fprintf(f, "%zu,\"%.*s\"\"%zu\n\",%.1f,%s\r\n", i, (int)(i * 7 % 61),
                "0123456789012345678901234567890123456789012345678901234567890", i % 10,
                (double)i / 2, i == rows - 2 ? "text" : "12.50");
    }
    assert_true(ftell(f) > 3 << 20);
    assert_int_equal(fclose(f), 0);

    evtwin_table *t;
    assert_ok(evtwin_table_read_csv(path, NULL, &t));
    assert_int_equal(evtwin_table_rows(t), rows);
    for (size_t i = 0; i < rows; i++) {
        char text[80];
        snprintf(text, sizeof text, "%.*s\"%zu\n", (int)(i * 7 % 61),
                 "0123456789012345678901234567890123456789012345678901234567890", i % 10);
        assert_true(evtwin_table_f64(t, 0)[i] == (double)i);
        assert_string_equal(evtwin_table_text(t, 1, i), text);
        assert_true(evtwin_table_f64(t, 2)[i] == (double)i / 2);
        assert_string_equal(evtwin_table_text(t, 3, i), i == rows - 2 ? "text" : "12.50");
    }
    evtwin_table_free(t);
}

static void lines_are_counted_through_quotes(void **state) {
    (void)state;
    const char *path = temp_path("count.csv");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("soc,text\n", f);
    for (int i = 0; i < 100000; i++) {
        fprintf(f, "%d,\"a\nb\"\n", i);
    }
    fputs("bad,x\n", f);
    assert_int_equal(fclose(f), 0);
    evtwin_table *t;
    assert_fails(evtwin_table_read_csv(path, NULL, &t), EVTWIN_E_PARSE,
                 "count.csv:200002:1: 'bad'");
}

/* A writer that sends a file through a pipe, some bytes at a time. */
typedef struct feeder {
    const char *path;
    const char *text;
} feeder;

static void *feed(void *arg) {
    const feeder *f = arg;
    const int fd = open(f->path, O_WRONLY);
    for (const char *c = f->text; fd >= 0 && *c != '\0';) {
        const ssize_t n = write(fd, c, strlen(c) < 3 ? strlen(c) : 3);
        if (n <= 0) {
            break;
        }
        c += n;
    }
    close(fd);
    return NULL;
}

static void a_pipe_is_read_twice_where_needed(void **state) {
    (void)state;
    feeder f = {.path = temp_path("fifo"), .text = "a,b\r\n1,2\r\n3,\"4\"\r\nx,5\r\n"};
    assert_int_equal(mkfifo(f.path, 0600), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
    evtwin_table *t;
    assert_ok(evtwin_table_read_csv(f.path, NULL, &t));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(evtwin_table_text(t, 0, 0), "1");
    assert_string_equal(evtwin_table_text(t, 0, 2), "x");
    check_f64(t, 1, (const double[]){2, 4, 5}, 3);
    evtwin_table_free(t);
    unlink(f.path);
}

static void lines_are_counted_through_a_header_in_pieces(void **state) {
    (void)state;
    feeder f = {.path = temp_path("fifo"), .text = "\"a\n\n\"\"1\",soc\n1,2\n1,x\n"};
    assert_int_equal(mkfifo(f.path, 0600), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
    evtwin_table *t;
    assert_fails(evtwin_table_read_csv(f.path, NULL, &t), EVTWIN_E_PARSE, "fifo:5:2: 'x'");
    assert_int_equal(pthread_join(thread, NULL), 0);
    unlink(f.path);
}

/* ---- the stream ---- */

static void a_stream_fills_the_columns_there_are(void **state) {
    (void)state;
    const char *path =
        temp_file("stream.csv", "Timestamp,SoC,Charge_Cycles,Power_Consumption,note,Motor_RPM\n"
                                "2024-01-01T00:00:00Z,0.8993,149.9,2,\"a,b\",1\n"
                                "2024-01-01T00:00:01Z,,150.1,3,,2\n"
                                "2024-01-01T00:00:02Z,0.25,,4,c,3\n");
    evtwin__csv_reader *r;
    assert_ok(evtwin__csv_reader_open(path, NULL, &r));
    assert_string_equal(evtwin_csv_name(r, 1), "SoC");
    assert_null(evtwin_csv_name(r, 6));
    evtwin_table *t;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "note", EVTWIN_TEXT, NULL, NULL));
    const size_t cols = evtwin_table_cols(t);
    const evtwin_status first = evtwin__csv_reader_next(r, 2, t);
    assert_int_equal(first, EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_int_equal(evtwin__csv_reader_next(r, 2, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 3);
    assert_int_equal(evtwin__csv_reader_next(r, 2, t), EVTWIN_DONE);
    assert_int_equal(evtwin__csv_reader_next(r, 2, t), EVTWIN_DONE);
    assert_int_equal(evtwin_table_rows(t), 3);
    assert_int_equal(evtwin_table_cols(t), cols);
    evtwin_csv_free(r);

    const size_t soc = evtwin_table_find(t, "soc");
    assert_true(evtwin_table_number(t, soc, 0) == 89.93);
    assert_true(isnan(evtwin_table_number(t, soc, 1)));
    assert_true(evtwin_table_number(t, soc, 2) == 25.0);
    const size_t cycles = evtwin_table_find(t, "charge_cycles");
    assert_int_equal(evtwin_table_i64(t, cycles)[0], 149);
    assert_int_equal(evtwin_table_is_valid(t, cycles, 2), 0);
    assert_true(evtwin_table_number(t, evtwin_table_find(t, "power_consumption"), 1) == 3000.0);
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "time"))[2], 1704067202000000);
    assert_string_equal(evtwin_table_text(t, cols - 1, 0), "a,b");
    assert_null(evtwin_table_text(t, cols - 1, 1));
    assert_int_equal(evtwin_table_is_valid(t, evtwin_table_find(t, "voltage"), 0), 0);
    evtwin_table_free(t);
    evtwin_csv_free(NULL);
}

/* Two records of one time differ by seq, so a fraction of it must not go. */
static void a_stream_refuses_a_fraction_of_seq(void **state) {
    (void)state;
    evtwin__csv_reader *r;
    evtwin_table *t;
    assert_ok(
        evtwin__csv_reader_open(temp_file("stream.csv", "seq,soc\n1.0,1\n1.5,2\n3,3\n"), NULL, &r));
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin__csv_reader_next(r, 10, t));
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_fails(evtwin__csv_reader_next(r, 10, t), EVTWIN_E_PARSE, "3:1|'1.5'|whole|seq");
    assert_ok(evtwin__csv_reader_next(r, 10, t));
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "seq"))[1], 3);
    evtwin_table_free(t);
    evtwin_csv_free(r);
}

/* A whole file, and a stream of records: degrees Fahrenheit that are stated come as degC. */
static void temperatures_are_converted(void **state) {
    (void)state;
    const char *path = temp_file("hot.csv", "Battery_Temperature,soc\n66.2,1\n,2\n-40,3\n");
    const double degC[] = {19.0, NAN, -40.0};
    evtwin_csv_options options;
    evtwin__csv_reader *r;
    evtwin_table *t;
    assert_ok(evtwin_csv_options_init(&options, sizeof options));
    options.units = "temperature=degF";
    for (int is_stream = 0; is_stream < 2; is_stream++) {
        size_t col = 0;
        if (is_stream) {
            assert_ok(evtwin_telemetry_table_create(&t));
            assert_ok(evtwin__csv_reader_open(path, &options, &r));
            assert_ok(evtwin__csv_reader_next(r, 2, t));
            assert_ok(evtwin__csv_reader_next(r, 2, t));
            evtwin_csv_free(r);
            col = evtwin_table_find(t, "temperature");
        } else {
            assert_ok(evtwin_table_read_csv(path, &options, &t));
        }
        assert_string_equal(evtwin_table_unit(t, col), "degC");
        for (size_t i = 0; i < 3; i++) {
            const double v = evtwin_table_number(t, col, i);
            assert_true(v == degC[i] || (isnan(v) && isnan(degC[i])));
        }
        evtwin_table_free(t);
    }
}

/* Power that has a direction in the file's naming has none in ours; the current keeps its sign. */
static void a_stream_drops_the_sign_of_power_only(void **state) {
    (void)state;
    const char *path = temp_file("stream.csv", "Power / W,Current / A,soc\n-5,-2,1\n7,3,2\n,,3\n");
    static const double power[] = {5.0, 7.0, NAN}, current[] = {2.0, -3.0, NAN};
    for (int is_kW = 0; is_kW < 2; is_kW++) {
        evtwin__csv_reader *r;
        evtwin_table *t;
        assert_ok(evtwin__csv_reader_open(path, NULL, &r));
        assert_ok(evtwin_csv_set_units(r, is_kW ? "power_consumption=kW" : NULL));
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(evtwin_table_add_column(t, "Power / W", EVTWIN_F64, NULL, NULL));
        assert_ok(evtwin_table_resize(t, 1)); /* a row of somebody else's stays as it is */
        const size_t theirs = evtwin_table_find(t, "Power / W");
        const size_t ours = evtwin_table_find(t, "power_consumption");
        assert_ok(evtwin_table_set_f64(t, ours, 0, -1.0));
        assert_ok(
            evtwin__csv_reader_next(r, 10, t)); /* into the column of that very name, as read */
        assert_true(evtwin_table_f64(t, theirs)[1] == -5.0 &&
                    evtwin_table_f64(t, theirs)[2] == 7.0);
        evtwin_csv_free(r);

        assert_ok(evtwin_table_rename(t, theirs, "other"));
        assert_ok(evtwin_table_resize(t, 1));
        assert_ok(evtwin__csv_reader_open(path, NULL, &r));
        assert_ok(evtwin_csv_set_units(r, is_kW ? "power_consumption=kW" : NULL));
        assert_ok(evtwin__csv_reader_next(r, 2, t));
        assert_ok(evtwin__csv_reader_next(r, 2, t));
        assert_true(evtwin_table_number(t, ours, 0) == -1.0);
        for (size_t i = 0; i < 3; i++) {
            const double p = evtwin_table_number(t, ours, i + 1);
            const double c = evtwin_table_number(t, evtwin_table_find(t, "current"), i + 1);
            assert_true(p == power[i] * (is_kW ? 1000.0 : 1.0) || (isnan(p) && isnan(power[i])));
            assert_true(c == current[i] || (isnan(c) && isnan(current[i])));
        }
        evtwin_csv_free(r);
        evtwin_table_free(t);
    }
}

static void a_stream_that_fails_leaves_the_table(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_telemetry_table_create(&t));
    evtwin__csv_reader *r;
    const char *path = temp_file("stream.csv", "soc,voltage\n1,2\n3,4\n5,x\n7,8\n");
    assert_ok(evtwin__csv_reader_open(path, NULL, &r));
    assert_ok(evtwin__csv_reader_next(r, 1, t));
    assert_ok(evtwin__csv_reader_next(r, 10, t)); /* what comes before the failure */
    assert_fails(evtwin__csv_reader_next(r, 10, t), EVTWIN_E_PARSE, "stream.csv:4:2: 'x'");
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_fails(evtwin__csv_reader_next(r, 0, t), EVTWIN_E_ARG, "max_rows");
    evtwin_csv_free(r);

    path = temp_file("stream.csv", "soc,SoC\n1,2\n");
    assert_ok(evtwin__csv_reader_open(path, NULL, &r));
    assert_fails(evtwin__csv_reader_next(r, 10, t), EVTWIN_E_SCHEMA, "'soc' and 'SoC'");
    evtwin_csv_free(r);

    evtwin_table *shared = evtwin_table_share(t);
    path = temp_file("stream.csv", "soc\n1\n");
    assert_ok(evtwin__csv_reader_open(path, NULL, &r));
    assert_fails(evtwin__csv_reader_next(r, 10, t), EVTWIN_E_STATE, "shared");
    evtwin_csv_free(r);
    evtwin_table_free(shared);
    evtwin_table_free(t);
    assert_fails(evtwin__csv_reader_open(temp_path("none"), NULL, &r), EVTWIN_E_NOT_FOUND, "none");
}

/* Each record that is refused costs one failure and nothing else. */
static void a_stream_goes_on_behind_what_it_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
        size_t n_failures, n_rows;
    } cases[] = {
        {"soc,note\n1,a\nx,b\n3,c\n", ":3:1: 'x'", 1, 2},
        {"soc,note\nx,b\nx,b\n3,c\nx,b", ":2:1: 'x'", 3, 1},
        {"soc,note\nx,\"two\nlines\"\n3,c\n", ":2:1: 'x'", 1, 1},
        {"soc,note\n1,a\n2\n3,c\n", "on.csv:3:1:|1 fields|header 2", 1, 2},
        {"soc,note\n1,a\r2,b\n3,c\n", "on.csv:2:2:|carriage return", 1, 1},
        {"soc,note\n1,\"a\"b\n3,c\n", "on.csv:2:2:|quote", 1, 1},
        {"soc,note\n1,a\n\n\n3,c\n4,d\n", "on.csv:3:1:|empty", 1, 3},
        {"soc,note\n1,a\n2,\"open\n", "on.csv:3:2:|quote", 1, 1},
        {"soc,note\n1,0123456789012345678901234567890123456789\n3,c\n", "on.csv:2:1:|30 bytes", 1,
         1},
    };
    evtwin_csv_options options;
    assert_ok(evtwin_csv_options_init(&options, sizeof options));
    options.max_line_bytes = 30;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin_table *t;
        evtwin__csv_reader *r;
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(evtwin__csv_reader_open(temp_file("on.csv", cases[i].text), &options, &r));
        size_t n_failures = 0;
        evtwin_status st;
        while ((st = evtwin__csv_reader_next(r, 10, t)) != EVTWIN_DONE && n_failures < 9) {
            if (st < 0) {
                assert_int_equal(st, EVTWIN_E_PARSE);
                if (n_failures++ == 0 && !text_names(evtwin_last_error(), cases[i].says)) {
                    fail_msg("case %zu: '%s' lacks '%s'", i, evtwin_last_error(), cases[i].says);
                }
            }
        }
        if (n_failures != cases[i].n_failures || evtwin_table_rows(t) != cases[i].n_rows) {
            fail_msg("case %zu: %zu failures and %zu rows", i, n_failures, evtwin_table_rows(t));
        }
        evtwin_csv_free(r);
        evtwin_table_free(t);
    }
}

/* ---- what is written ---- */

/* The bytes of a file. */
static char *file_text(const char *path) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    return text;
}

static void a_table_is_written(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "a \"b\"", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "n", EVTWIN_I64, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "is_charging", EVTWIN_BOOL, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "id", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_resize(t, 3));
    assert_ok(evtwin_table_set_i64(t, 0, 0, 1704067200500000));
    assert_ok(evtwin_table_set_f64(t, 1, 0, 0.1));
    assert_ok(evtwin_table_set_f64(t, 1, 1, -0.0));
    assert_ok(evtwin_table_set_i64(t, 2, 0, INT64_MIN));
    assert_ok(evtwin_table_set_bool(t, 3, 0, 1));
    assert_ok(evtwin_table_set_bool(t, 3, 1, 0));
    assert_ok(evtwin_table_set_text(t, 4, 0, "x,\"y\"\nz"));
    assert_ok(evtwin_table_set_text(t, 4, 1, ""));
    const char *path = temp_path("out.csv");
    assert_ok(evtwin_table_write_csv(t, path));
    char *text = file_text(path);
    assert_string_equal(text, "time,\"a \"\"b\"\"\",n,is_charging,id\n"
                              "2024-01-01T00:00:00.500000Z,0.1,-9223372036854775808,true,"
                              "\"x,\"\"y\"\"\nz\"\n"
                              ",-0,,false,\"\"\n"
                              ",,,,\n");
    free(text);

    /* what cannot be written leaves the file as it was */
    assert_ok(evtwin_table_set_f64(t, 1, 2, -INFINITY));
    assert_fails(evtwin_table_write_csv(t, path), EVTWIN_E_DATA, "row 2|'a \"b\"'");
    assert_fails(evtwin_table_write_csv(t, temp_path("no/folder.csv")), EVTWIN_E_NOT_FOUND,
                 "folder.csv");
    text = file_text(path);
    assert_non_null(strstr(text, "0.1"));
    free(text);
    evtwin_table_free(t);

    assert_ok(evtwin_table_create(&t));
    assert_fails(evtwin_table_write_csv(t, path), EVTWIN_E_DATA, "columns");
    assert_fails(evtwin_table_write_csv(NULL, path), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_table_write_csv(t, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_table_free(t);
}

static double random_f64(uint64_t i) {
    const evtwin__rng_block b = evtwin__rng_at(3, EVTWIN__RNG_SPLIT, 0, 0, i);
    const uint64_t bits = (uint64_t)b.word[0] << 32 | b.word[1];
    double v;
    memcpy(&v, &bits, sizeof v);
    return isfinite(v) ? v : NAN;
}

/* Random values of all types, missing ones and awkward texts among them. */
static evtwin_table *create_random(size_t rows) {
    static const char *const texts[] = {
        "B1",          "a,b",  "",        "\"",       "\"\"x",
        "line\nbreak", "\r\n", " blank ", "\xc3\xa9", "\xEF\xBB\xBFmark",
        "1.50",        "NaN"};
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_ok(evtwin_table_add_column(t, "charge_cycles", EVTWIN_I64, "cycles", NULL));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_add_column(t, "is_charging", EVTWIN_BOOL, "", NULL));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(t, "v", EVTWIN_F64, "", NULL));
    assert_ok(evtwin_table_resize(t, rows));
    for (size_t i = 0; i < rows; i++) {
        const evtwin__rng_block b = evtwin__rng_at(4, EVTWIN__RNG_SPLIT, 0, 0, i);
        assert_ok(evtwin_table_set_f64(t, 0, i, random_f64(2 * i)));
        assert_ok(evtwin_table_set_f64(t, 5, i, (double)(b.word[0] % 100000) / 100));
        if (b.word[1] % 3 != 0) {
            assert_ok(evtwin_table_set_i64(t, 1, i, (int64_t)b.word[2] - 1000000));
            assert_ok(evtwin_table_set_i64(t, 2, i, (int64_t)b.word[2] * 1000));
        }
        if (b.word[1] % 5 != 0) {
            assert_ok(evtwin_table_set_bool(t, 3, i, (int)(b.word[3] & 1)));
            assert_ok(evtwin_table_set_text(t, 4, i, texts[b.word[3] % 12]));
        }
    }
    return t;
}

static void check_equal(const evtwin_table *a, const evtwin_table *b) {
    assert_int_equal(evtwin_table_rows(a), evtwin_table_rows(b));
    assert_int_equal(evtwin_table_cols(a), evtwin_table_cols(b));
    for (size_t c = 0; c < evtwin_table_cols(a); c++) {
        assert_string_equal(evtwin_table_name(a, c), evtwin_table_name(b, c));
        assert_int_equal(evtwin_table_type(a, c), evtwin_table_type(b, c));
        for (size_t r = 0; r < evtwin_table_rows(a); r++) {
            assert_int_equal(evtwin_table_is_valid(a, c, r), evtwin_table_is_valid(b, c, r));
            if (!evtwin_table_is_valid(a, c, r)) {
                continue;
            }
            const char *text = evtwin_table_text(a, c, r);
            if (text != NULL) {
                assert_string_equal(text, evtwin_table_text(b, c, r));
            } else if (evtwin_table_i64(a, c) != NULL) {
                assert_true(evtwin_table_i64(a, c)[r] == evtwin_table_i64(b, c)[r]);
            } else {
                const double va = evtwin_table_number(a, c, r), vb = evtwin_table_number(b, c, r);
                assert_memory_equal(&va, &vb, sizeof va);
            }
        }
    }
}

static void what_is_written_is_read(void **state) {
    (void)state;
    evtwin_table *t = create_random(20000);
    const char *path = temp_path("round.csv");
    assert_ok(evtwin_table_write_csv(t, path));
    evtwin_table *back;
    assert_ok(evtwin_table_read_csv(path, NULL, &back));
    check_equal(t, back);
    evtwin_table_free(back);

    /* and in batches, and written in batches */
    assert_ok(evtwin_table_select(t, NULL, 0, &back));
    evtwin__csv_reader *r;
    assert_ok(evtwin__csv_reader_open(path, NULL, &r));
    evtwin_status st;
    while ((st = evtwin__csv_reader_next(r, 777, back)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_DONE);
    evtwin_csv_free(r);
    check_equal(t, back);
    evtwin_table_free(back);
    evtwin_table_free(t);
}

/* A column alone: there a missing value is an empty line, at the end too. */
static void single_columns_are_read_as_written(void **state) {
    (void)state;
    evtwin_table *t, *back;
    const char *path = temp_path("single.csv");
    for (size_t type = 0; type < 3; type++) {
        const evtwin_type types[] = {EVTWIN_TEXT, EVTWIN_F64, EVTWIN_BOOL};
        const char *const names[] = {"battery_id", "soc", "is_charging"};
        assert_ok(evtwin_table_create(&t));
        assert_ok(evtwin_table_add_column(t, names[type], types[type], NULL, NULL));
        assert_ok(evtwin_table_resize(t, 6));
        for (size_t row = 1; row < 5; row += 2) {
            if (types[type] == EVTWIN_TEXT) {
                assert_ok(evtwin_table_set_text(t, 0, row, row == 1 ? "" : "B1"));
            } else if (types[type] == EVTWIN_F64) {
                assert_ok(evtwin_table_set_f64(t, 0, row, (double)row));
            } else {
                assert_ok(evtwin_table_set_bool(t, 0, row, row == 1));
            }
        }
        assert_ok(evtwin_table_write_csv(t, path));
        assert_ok(evtwin_table_read_csv(path, NULL, &back));
        check_equal(t, back);
        evtwin_table_free(back);
        evtwin_table_free(t);
    }
}

/* ---- no memory ---- */

static evtwin_status read_and_write(void *ctx) {
    const char *const *path = ctx;
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_table_read_csv(path[0], NULL, &t);
    if (st >= 0) {
        st = evtwin_table_write_csv(t, path[1]);
    }
    evtwin_table_free(t);
    return st;
}

static void no_memory_is_an_error_and_no_leak(void **state) {
    (void)state;
    const char *path[] = {
        temp_file("in.csv", "id,charge_cycles,a,b\nB1,1,1,x\nB2,1.5,\"2\",\"y\"\"\"\nB3,3,z,x\n"),
        temp_path("out.csv")};
    assert_true(fail_every_allocation(read_and_write, path) > 30);
}

/* ---- real files ---- */

static evtwin_table *read_shared(const char *file) {
    evtwin_table *t = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SHARED_DATA, file);
    assert_ok(evtwin_table_read_csv(path, NULL, &t));
    return t;
}

static void real_tju(void **state) {
    (void)state;
    skip_without_shared_data("tju/tju.csv");
    evtwin_table *t = read_shared("tju/tju.csv");
    assert_int_equal(evtwin_table_rows(t), 57465);
    assert_int_equal(evtwin_table_cols(t), 22);
    assert_string_equal(evtwin_table_text(t, 0, 0), "CY25-025_1-#1@1");
    assert_string_equal(evtwin_table_text(t, 1, 0), "NCA");
    assert_true(evtwin_table_f64(t, evtwin_table_find(t, "voltage_mean"))[0] == 4.113685);
    assert_true(evtwin_table_f64(t, evtwin_table_find(t, "rul"))[0] == 294.0);
    assert_int_equal(evtwin_table_is_valid(t, evtwin_table_find(t, "rul"), 57464), 0);
    evtwin_table_free(t);
}

static void real_hnei(void **state) {
    (void)state;
    skip_without_shared_data("hnei/Battery_RUL.csv");
    evtwin_table *t = read_shared("hnei/Battery_RUL.csv");
    assert_int_equal(evtwin_table_rows(t), 15064);
    assert_int_equal(evtwin_table_cols(t), 9);
    for (size_t c = 0; c < 9; c++) {
        assert_int_equal(evtwin_table_type(t, c), EVTWIN_F64);
    }
    assert_true(evtwin_table_f64(t, 1)[0] == 2595.3);
    evtwin_table_free(t);
}

static void real_ev15(void **state) {
    (void)state;
    skip_without_shared_data("ev15/first5rows.csv");
    evtwin_table *t = read_shared("ev15/first5rows.csv");
    assert_int_equal(evtwin_table_rows(t), 5);
    assert_int_equal(evtwin_table_cols(t), 30);
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_TIME);
    assert_int_equal(evtwin_table_i64(t, 0)[1], 1577837700000000);
    assert_string_equal(evtwin_table_unit(t, 1), "fraction");
    assert_int_equal(evtwin_table_type(t, evtwin_table_find(t, "Charge_Cycles")), EVTWIN_F64);
    assert_string_equal(evtwin_table_unit(t, evtwin_table_find(t, "Power_Consumption")), "kW");
    evtwin_table_free(t);
}

/* The Battery Data Format's time is in seconds, however a program writes such numbers. */
static void times_of_the_battery_data_format(void **state) {
    (void)state;
    static const int64_t want[] = {
        1704096000000000,   1704096010500000,  1704096020123456, 0, -500000, 1,
        253402300799999999, -62135596799999999};
    enum { N = sizeof want / sizeof want[0] };
    evtwin_table *t = NULL;
    assert_ok(
        evtwin_table_read_csv(temp_file("unix.csv", "Test Time / s,Unix Time / s,Voltage / V\n"
                                                    "0,1704096000,3.6\n"
                                                    "10,1.704096010500000000e+09,3.6\n"
                                                    "20,1704096020.1234560,3.6\n"
                                                    "30,0,3.6\n"
                                                    "40,-0.5,3.6\n"
                                                    "50,1e-6,3.6\n"
                                                    "60,253402300799.999999,3.6\n"
                                                    "70,-62135596799.999999,3.6\n"),
                              NULL, &t));
    char path[512];
    snprintf(path, sizeof path, "%s", temp_file("unix-again.csv", ""));
    assert_ok(evtwin_table_write_csv(t, path));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(evtwin_table_type(t, 0), EVTWIN_F64);
        assert_int_equal(evtwin_table_type(t, 1), EVTWIN_TIME);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(evtwin_table_i64(t, 1)[i], want[i]);
        }
        evtwin_table_free(t);
        t = NULL;
        assert_ok(evtwin_table_read_csv(path, NULL, &t));
    }
    evtwin_table_free(t);
    assert_fails(
        evtwin_table_read_csv(temp_file("bad.csv", "unix_time_second\n2024-01-01\n"), NULL, &t),
        EVTWIN_E_PARSE, "bad.csv:2:1|'2024-01-01'");
}

static void real_drive_cycles_and_bdf(void **state) {
    (void)state;
    skip_without_shared_data("drive_cycles/wltc_3b.csv");
    static const char *const files[] = {"us06", "wltc_3a", "wltc_3b", "hwfet", "udds"};
    for (size_t i = 0; i < 5; i++) {
        char file[64];
        snprintf(file, sizeof file, "drive_cycles/%s.csv", files[i]);
        evtwin_table *t = read_shared(file);
        assert_string_equal(evtwin_table_name(t, 0), "cycSecs"); /* the byte-order mark is gone */
        assert_true(evtwin_table_rows(t) > 500);
        for (size_t c = 0; c < evtwin_table_cols(t); c++) {
            assert_null(evtwin_table_validity(t, c));
        }
        evtwin_table_free(t);
    }

    skip_without_shared_data("bdf/sample.bdf.csv");
    evtwin_table *t = read_shared("bdf/sample.bdf.csv");
    assert_string_equal(evtwin_table_unit(t, 1), "V");
    check_f64(t, 1, (const double[]){3.7, 3.6, 3.5}, 3);
    evtwin_table_free(t);
    t = read_shared("bdf/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv");
    assert_true(evtwin_table_rows(t) > 1000);
    assert_string_equal(evtwin_table_unit(t, evtwin_table_find(t, "voltage_volt")), "V");
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_missing_values),
        cmocka_unit_test(forms_of_lines),
        cmocka_unit_test(quotes),
        cmocka_unit_test(one_column_has_empty_lines_as_missing_values),
        cmocka_unit_test(telemetry_headers_give_types_and_units),
        cmocka_unit_test(a_number_where_an_integer_was_due),
        cmocka_unit_test(spellings_of_bool),
        cmocka_unit_test(a_column_with_a_text_is_text),
        cmocka_unit_test(columns_can_be_forced),
        cmocka_unit_test(naive_times_follow_the_option),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(windows_do_not_show),
        cmocka_unit_test(lines_are_counted_through_quotes),
        cmocka_unit_test(a_pipe_is_read_twice_where_needed),
        cmocka_unit_test(lines_are_counted_through_a_header_in_pieces),
        cmocka_unit_test(a_stream_fills_the_columns_there_are),
        cmocka_unit_test(a_stream_drops_the_sign_of_power_only),
        cmocka_unit_test(temperatures_are_converted),
        cmocka_unit_test(a_stream_that_fails_leaves_the_table),
        cmocka_unit_test(a_stream_goes_on_behind_what_it_refused),
        cmocka_unit_test(a_table_is_written),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(single_columns_are_read_as_written),
        cmocka_unit_test(a_stream_refuses_a_fraction_of_seq),
        cmocka_unit_test(no_memory_is_an_error_and_no_leak),
        cmocka_unit_test(real_tju),
        cmocka_unit_test(real_hnei),
        cmocka_unit_test(real_ev15),
        cmocka_unit_test(times_of_the_battery_data_format),
        cmocka_unit_test(real_drive_cycles_and_bdf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
