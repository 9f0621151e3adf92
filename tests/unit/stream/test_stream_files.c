/* SPDX-License-Identifier: MIT */
/* test_stream_files.c: CSV and JSON lines as sinks and sources: whole, torn, locked, full, foreign.
 */

#include "test.h"

#include "fail_nth.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static evtwin_table *batch(size_t n, double soc) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, n));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_i64(t, 0, i, (int64_t)i * 2000000));
        assert_ok(evtwin_table_set_text(t, 1, i, i % 2 == 0 ? "B1" : "B2"));
        assert_ok(evtwin_table_set_f64(t, 2, i, soc));
        assert_ok(evtwin_table_set_bool(t, 9, i, i % 2 == 1));
    }
    return t;
}

static evtwin_table *with_predictions(evtwin_table *t) {
    size_t rul = 0, failure = 0, version = 0, note = 0;
    assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_F64, "cycles", &rul));
    assert_ok(evtwin_table_add_column(t, "failure_probability", EVTWIN_F64, NULL, &failure));
    assert_ok(evtwin_table_add_column(t, "model_version", EVTWIN_TEXT, NULL, &version));
    assert_ok(evtwin_table_add_column(t, "prediction_note", EVTWIN_TEXT, NULL, &note));
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        assert_ok(evtwin_table_set_text(t, version, i, "abc"));
    }
    assert_ok(evtwin_table_set_f64(t, rul, 0, 812.5));
    assert_ok(evtwin_table_set_f64(t, failure, 0, 0.0625));
    if (evtwin_table_rows(t) > 1) {
        assert_ok(evtwin_table_set_text(t, note, 1, "unknown, because \"soh\" is\tmissing"));
    }
    return t;
}

static const char *uri(const char *scheme, const char *path, const char *params) {
    static char text[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], "%s:%s%s", scheme, path, params);
    return text[turn];
}

static const char *content(const char *path) {
    static char text[200000];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

static void write_once(const char *sink_uri, evtwin_table *t) {
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(sink_uri, &sink));
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_flush(sink));
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

#define HEADER                                                                                     \
    "time,battery_id,soc,soh,voltage,current,temperature,charge_cycles,power_consumption,"         \
    "is_charging,seq,sim_time_s,resistance_mohm,mean_temperature,throughput_ah_per_day,"           \
    "quality"
#define PREDICTION_HEADER HEADER ",rul_prediction,failure_probability,prediction_note,model_version"
#define OLD_PREDICTION_HEADER                                                                      \
    HEADER ",rul_prediction,failure_probability,model_version,prediction_note"
#define ROW_1 "1970-01-01T00:00:00.000000Z,B1,85.5,,,,,,,false,,,,,,"
#define ROW_2 "1970-01-01T00:00:02.000000Z,B2,85.5,,,,,,,true,,,,,,"
#define JSON_1                                                                                     \
    "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"battery_id\":\"B1\",\"soc\":85.5,"           \
    "\"is_charging\":false}\n"
#define JSON_2                                                                                     \
    "{\"timestamp\":\"1970-01-01T00:00:02.000000Z\",\"battery_id\":\"B2\",\"soc\":85.5,"           \
    "\"is_charging\":true}\n"

static void csv_appends_and_replaces(void **state) {
    (void)state;
    const char *path = temp_path("append.csv");
    write_once(uri("csv", path, ""), batch(2, 85.5));
    assert_string_equal(content(path), HEADER "\n" ROW_1 "\n" ROW_2 "\n");
    write_once(uri("csv", path, ""), batch(1, 85.5));
    assert_string_equal(content(path), HEADER "\n" ROW_1 "\n" ROW_2 "\n" ROW_1 "\n");
    write_once(uri("csv", path, "?replace=1"), batch(1, 85.5));
    assert_string_equal(content(path), HEADER "\n" ROW_1 "\n");

    /* an open sink without a row leaves no header, an empty batch neither */
    path = temp_path("none.csv");
    write_once(uri("csv", path, ""), batch(0, 85.5));
    assert_string_equal(content(path), "");
}

static void csv_has_prediction_columns_if_its_first_batch_has(void **state) {
    (void)state;
    const char *path = temp_path("predictions.csv");
    write_once(uri("csv", path, ""), with_predictions(batch(2, 85.5)));
    assert_string_equal(content(path), PREDICTION_HEADER "\n" ROW_1 ",812.5,0.0625,,abc\n" ROW_2
                                                         ",,,\"unknown, because \"\"soh\"\" "
                                                         "is\tmissing\",abc\n");
    write_once(uri("csv", path, ""), batch(1, 85.5)); /* fewer are fine */
    assert_non_null(strstr(content(path), "missing\",abc\n" ROW_1 ",,,,\n"));

    /* a file of an earlier version goes on with its columns */
    path = temp_file("old.csv", OLD_PREDICTION_HEADER "\n");
    write_once(uri("csv", path, ""), with_predictions(batch(1, 85.5)));
    assert_string_equal(content(path), OLD_PREDICTION_HEADER "\n" ROW_1 ",812.5,0.0625,abc,\n");

    /* more are not: they would be lost */
    path = temp_path("plain.csv");
    write_once(uri("csv", path, ""), batch(1, 85.5));
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri("csv", path, ""), &sink));
    evtwin_table *t = with_predictions(batch(1, 85.5));
    assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_SCHEMA, "plain.csv|predictions");
    evtwin_sink_free(sink);
    evtwin_table_free(t);
    assert_string_equal(content(path), HEADER "\n" ROW_1 "\n");
}

/* Whatever of the predictions a batch has, an interval too, is in the file. */
static void file_sinks_keep_intervals(void **state) {
    (void)state;
    const char *path = temp_path("interval.csv");
    for (int turn = 0; turn < 2; turn++) {
        evtwin_table *t = batch(1, 85.5);
        size_t low = 0, high = 0, made = 0;
        assert_ok(evtwin_table_add_column(t, "rul_high", EVTWIN_F64, "cycles", &high));
        assert_ok(evtwin_table_add_column(t, "prediction_timestamp", EVTWIN_TIME, NULL, &made));
        assert_ok(evtwin_table_add_column(t, "rul_low", EVTWIN_F64, "cycles", &low));
        assert_ok(evtwin_table_set_f64(t, low, 0, 700));
        assert_ok(evtwin_table_set_f64(t, high, 0, 900));
        assert_ok(evtwin_table_set_i64(t, made, 0, 1000000));
        if (turn == 0) {
            write_once(uri("csv", path, ""), t);
            assert_string_equal(content(path),
                                HEADER ",rul_low,rul_high,prediction_timestamp\n" ROW_1
                                       ",700,900,1970-01-01T00:00:01.000000Z\n");
        } else {
            write_once(uri("jsonl", temp_path("interval.jsonl"), ""), t);
            assert_non_null(strstr(content(temp_path("interval.jsonl")),
                                   "\"is_charging\":false,\"rul_low\":700,\"rul_high\":900,"
                                   "\"prediction_timestamp\":\"1970-01-01T00:00:01.000000Z\"}\n"));
        }
    }
}

static char last_log[300];

static void keep_last(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx, (void)level;
    snprintf(last_log, sizeof last_log, "%s", text);
}

/* The rules for times are those of CSV, and so is what is told of them. */
static void jsonl_counts_local_times_and_reads_formats(void **state) {
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    const char *path =
        temp_file("twice.jsonl", "{\"timestamp\":\"27/10/2024 02:30\",\"battery_id\":\"A\"}\n"
                                 "{\"timestamp\":\"27/10/2024 12:00\",\"battery_id\":\"A\"}\n");
    evtwin_source *source = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_source_open(
        uri("jsonl", path, "?naive_time=local&time_format=%25d/%25m/%25Y%20%25H:%25M"), &source));
    assert_ok(evtwin_source_read(source, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    char text[EVTWIN_TIME_TEXT_SIZE];
    evtwin_time_format(evtwin_table_i64(t, evtwin_table_find(t, "time"))[0], text, sizeof text);
    assert_string_equal(text, "2024-10-27T00:30:00.000000Z");
    last_log[0] = '\0';
    evtwin_set_log(keep_last, NULL);
    evtwin_source_free(source);
    evtwin_set_log(NULL, NULL);
    assert_non_null(strstr(last_log, "1 local time"));
    evtwin_table_free(t);
    assert_fails(evtwin_source_open(uri("jsonl", path, "?time_format=%25Q"), &source), EVTWIN_E_ARG,
                 "Q");
    unsetenv("TZ");
    tzset();
}

static void jsonl_appends_and_replaces(void **state) {
    (void)state;
    const char *path = temp_path("append.jsonl");
    write_once(uri("jsonl", path, ""), batch(2, 85.5));
    write_once(uri("jsonl", path, ""), batch(1, 85.5));
    assert_string_equal(content(path), JSON_1 JSON_2 JSON_1);
    write_once(uri("jsonl", path, "?replace=1"), batch(1, 85.5));
    assert_string_equal(content(path), JSON_1);
    write_once(uri("jsonl", path, "?replace=1"), with_predictions(batch(2, 85.5)));
    assert_non_null(strstr(content(path), "\"is_charging\":false,\"rul_prediction\":812.5,"
                                          "\"failure_probability\":0.0625,\"model_version\":"
                                          "\"abc\"}\n{"));
    assert_non_null(strstr(content(path), "\"is_charging\":true,\"prediction_note\":"
                                          "\"unknown, because \\\"soh\\\" is\\tmissing\","
                                          "\"model_version\":\"abc\"}\n"));
}

static void foreign_files_are_left_alone(void **state) {
    (void)state;
    static const struct {
        const char *scheme, *text;
    } cases[] = {
        {"csv", "a,b,c\n1,2,3"},
        {"csv", "time,battery_id"},
        {"csv", "time,battery_id\n"},
        {"csv", HEADER ",x\n"},
        {"csv", "\n"},
        {"csv", HEADER ",rul_predict\n"},
        {"csv", HEADER ",rul_prediction,\n"},
        {"csv", HEADER ",rul_low,rul_low\n"},
        {"csv", HEADER ",status\n"},
        {"csv", HEADER ",rul_low,stat"},
        {"jsonl", "time,battery\n1"},
        {"jsonl", "\n"},
        {"jsonl", "[1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = temp_file("foreign", cases[i].text);
        evtwin_sink *sink = NULL;
        const evtwin_status st = evtwin_sink_open(uri(cases[i].scheme, path, ""), &sink);
        const int is_start = i == 1; /* a torn header of ours: cut off, not foreign */
        assert_int_equal(st, is_start ? EVTWIN_OK : EVTWIN_E_SCHEMA);
        assert_string_equal(content(path), is_start ? "" : cases[i].text);
        evtwin_sink_free(sink);
    }
    evtwin_sink *sink = NULL;
    assert_fails(evtwin_sink_open(uri("csv", temp_file("f", "x\n"), ""), &sink), EVTWIN_E_SCHEMA,
                 "?replace=1");
    assert_fails(evtwin_sink_open("csv:/tmp", &sink), EVTWIN_E_IO, "/tmp");
    assert_fails(evtwin_sink_open("jsonl:/nowhere/x", &sink), EVTWIN_E_NOT_FOUND, "/nowhere/x");
    assert_null(sink);
}

static char warning[300];

static void hear(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    assert_int_equal(level, EVTWIN_LOG_WARNING);
    snprintf(warning, sizeof warning, "%s", text);
}

/* Whatever byte a killed writer stopped at, what comes after is whole lines. */
static void a_torn_last_line_is_cut_off(void **state) {
    (void)state;
    const char whole[] = HEADER "\n" ROW_1 "\n" ROW_2 "\n";
    evtwin_set_log(hear, NULL);
    for (size_t n = 0; n <= strlen(whole); n++) {
        char text[sizeof whole];
        memcpy(text, whole, n);
        text[n] = '\0';
        const char *path = temp_file("torn.csv", text);
        warning[0] = '\0';
        write_once(uri("csv", path, ""), batch(1, 85.5));
        const int is_torn = n > 0 && text[n - 1] != '\n';
        assert_int_equal(strstr(warning, "torn.csv") != NULL, is_torn);
        const char *want = n < strlen(HEADER) + 1                   ? HEADER "\n" ROW_1 "\n"
                           : n < strlen(HEADER) + strlen(ROW_1) + 2 ? HEADER "\n" ROW_1 "\n"
                           : n < strlen(whole) ? HEADER "\n" ROW_1 "\n" ROW_1 "\n"
                                               : HEADER "\n" ROW_1 "\n" ROW_2 "\n" ROW_1 "\n";
        assert_string_equal(content(path), want);
    }
    const char json[] = JSON_1 JSON_2;
    for (size_t n = 0; n <= strlen(json); n++) {
        char text[sizeof json];
        memcpy(text, json, n);
        text[n] = '\0';
        const char *path = temp_file("torn.jsonl", text);
        write_once(uri("jsonl", path, ""), batch(1, 85.5));
        const char *want = n < strlen(JSON_1) ? JSON_1
                           : n < strlen(json) ? JSON_1 JSON_1
                                              : JSON_1 JSON_2 JSON_1;
        assert_string_equal(content(path), want);
    }
    evtwin_set_log(NULL, NULL);

    /* the line break before the torn line may be far away */
    static char far[180000];
    snprintf(far, sizeof far, "%s{", JSON_1);
    memset(far + strlen(far), 'x', 150000);
    const char *path = temp_file("far.jsonl", far);
    write_once(uri("jsonl", path, ""), batch(1, 85.5));
    assert_string_equal(content(path), JSON_1 JSON_1);
}

static void two_sinks_do_not_share_a_file(void **state) {
    (void)state;
    const char *path = temp_path("shared.jsonl");
    evtwin_sink *first = NULL, *second = NULL;
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &first));
    assert_fails(evtwin_sink_open(uri("jsonl", path, ""), &second), EVTWIN_E_BUSY, "shared.jsonl");
    assert_fails(evtwin_sink_open(uri("jsonl", path, "?replace=1"), &second), EVTWIN_E_BUSY, "");
    evtwin_sink_free(first);
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &second));
    evtwin_sink_free(second);
}

/* A limit on the file size stands in for a full disk; in a child, because it lasts. */
static void a_full_disk_keeps_whole_batches(void **state) {
    (void)state;
    static const char *const schemes[] = {"csv", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = temp_path(schemes[i]);
        const pid_t pid = fork();
        if (pid == 0) {
            signal(SIGXFSZ, SIG_IGN);
            const struct rlimit limit = {20000, 20000};
            evtwin_sink *sink = NULL;
            evtwin_table *small = batch(50, 1), *large = batch(500, 1);
            const int ok = setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                           evtwin_sink_open(uri(schemes[i], path, ""), &sink) == EVTWIN_OK &&
                           evtwin_sink_write(sink, small) == EVTWIN_OK &&
                           evtwin_sink_write(sink, large) == EVTWIN_E_IO &&
                           strstr(evtwin_last_error(), path) != NULL &&
                           evtwin_sink_write(sink, small) == EVTWIN_OK;
            evtwin_sink_free(sink);
            evtwin_table_free(small);
            evtwin_table_free(large);
            _exit(ok ? 0 : 1);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
        size_t n_lines = 0;
        const char *text = content(path);
        for (const char *c = text; *c != '\0'; c++) {
            n_lines += *c == '\n';
        }
        assert_int_equal(n_lines, 100 + (i == 0));
        assert_int_equal(text[strlen(text) - 1], '\n');
    }

    evtwin_sink *sink = NULL;
    evtwin_table *t = batch(1, 1);
    assert_ok(evtwin_sink_open("jsonl:/dev/full", &sink));
    assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_IO, "/dev/full");
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

/* ---- a disk that fails ---- */

static int n_syncs_failing;
static off_t lost_from; /* what such a sync drops: the pages from there on */

/* In place of the C library's: fails as Linux does, once, and what was to be written is gone. */
int fdatasync(int fd) {
    if (n_syncs_failing > 0) {
        struct stat info;
        const int flags = fcntl(fd, F_GETFL);
        assert_int_equal(fstat(fd, &info), 0);
        assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_APPEND), 0);
        for (off_t at = lost_from; at < info.st_size; at++) {
            assert_int_equal(pwrite(fd, "#", 1, at), 1);
        }
        assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
        n_syncs_failing--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void what_a_failed_sync_lost_is_written_again(void **state) {
    (void)state;
    const char *path = temp_path("sync.jsonl");
    evtwin_table *t = batch(2, 85.5);
    evtwin_sink *sink = NULL;
    lost_from = 0;
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &sink));
    assert_ok(evtwin_sink_write(sink, t));
    n_syncs_failing = 2;
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_IO, "sync.jsonl");
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_IO, "sync.jsonl");
    assert_ok(evtwin_sink_flush(sink));
    assert_string_equal(content(path), JSON_1 JSON_2);

    /* only what is behind the last good one, all of it, and what follows is appended */
    lost_from = (off_t)strlen(JSON_1 JSON_2);
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_write(sink, t));
    n_syncs_failing = 1;
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_IO, "sync.jsonl");
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_flush(sink));
    assert_string_equal(content(path), JSON_1 JSON_2 JSON_1 JSON_2 JSON_1 JSON_2 JSON_1 JSON_2);
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

static void what_a_kill_left_unsynced_is_written_again(void **state) {
    (void)state;
    const char *path = temp_file("killed.jsonl", JSON_1 JSON_2);
    evtwin_table *t = batch(2, 85.5);
    const evtwin_batch offered_again = {
        .size = sizeof offered_again, .rows = t, .source = "spool:1", .position = "2"};
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &sink));
    assert_ok(evtwin_sink_write_batch(sink, &offered_again));
    lost_from = 0;
    n_syncs_failing = 1;
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_IO, "killed.jsonl");
    assert_ok(evtwin_sink_flush(sink));
    assert_string_equal(content(path), JSON_1 JSON_2);
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

static void a_bad_row_keeps_the_batch_out(void **state) {
    (void)state;
    static const char *const schemes[] = {"csv", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = temp_path("bad-row");
        evtwin_sink *sink = NULL;
        assert_ok(evtwin_sink_open(uri(schemes[i], path, "?replace=1"), &sink));
        evtwin_table *t = batch(3, 1);
        assert_ok(evtwin_table_set_missing(t, 1, 2));
        assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_SCHEMA, "row 3|battery_id");
        assert_ok(evtwin_table_set_text(t, 1, 2, "a b"));
        assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_ARG, "row 3|'a b'");
        assert_ok(evtwin_table_set_text(t, 1, 2, "B"));
        assert_ok(evtwin_table_set_f64(t, 2, 2, INFINITY));
        assert_true(evtwin_sink_write(sink, t) < 0);
        assert_string_equal(content(path), "");
        assert_ok(evtwin_table_set_f64(t, 2, 2, 1));
        assert_ok(evtwin_sink_write(sink, t));
        evtwin_table_free(t);
        assert_ok(evtwin_table_create(&t));
        assert_ok(evtwin_table_resize(t, 1));
        assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_SCHEMA, "battery_id");
        evtwin_table_free(t);
        evtwin_sink_free(sink);
    }
}

static void a_dash_is_standard_output(void **state) {
    (void)state;
    const char *path = temp_path("stdout");
    fflush(stdout);
    const int saved = dup(1);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    dup2(fd, 1);
    evtwin_sink *sink = NULL;
    evtwin_table *t = batch(1, 85.5);
    evtwin_status st = evtwin_sink_open("jsonl:-", &sink);
    st = st == EVTWIN_OK ? evtwin_sink_write(sink, t) : st;
    evtwin_sink_free(sink);
    st = st == EVTWIN_OK ? evtwin_sink_open("csv:-", &sink) : st;
    st = st == EVTWIN_OK ? evtwin_sink_write(sink, t) : st;
    evtwin_sink_free(sink);
    evtwin_table_free(t);
    dup2(saved, 1);
    close(saved);
    close(fd);
    assert_int_equal(st, EVTWIN_OK);
    assert_string_equal(content(path), JSON_1 HEADER "\n" ROW_1 "\n");
}

/* Nothing waits for a pipe: without a reader its sink fails for now, and loses nothing. */
static void a_pipe_waits_for_its_reader(void **state) {
    (void)state;
    const char *path = temp_path("pipe.jsonl");
    assert_int_equal(mkfifo(path, 0600), 0);
    evtwin_sink *sink = NULL;
    evtwin_table *t = batch(1, 85.5);
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &sink));
    assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_AGAIN, "pipe.jsonl|nobody");
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    char text[2 * sizeof JSON_1] = "";
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_flush(sink));
    assert_int_equal(read(reader, text, sizeof text), strlen(JSON_1));
    assert_string_equal(text, JSON_1);
    close(reader);
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

/* A reader that takes nothing does not block either; whoever comes next gets whole lines. */
static void a_pipe_keeps_what_its_reader_does_not_take(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as a program with pipes does */
    const char *path = temp_path("slow.jsonl");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
    evtwin_sink *sink = NULL;
    evtwin_table *t = batch(45, 85.5);
    assert_ok(evtwin_sink_open(uri("jsonl", path, ""), &sink));
    assert_ok(evtwin_sink_write(sink, t)); /* more than fits */
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_AGAIN, "slow.jsonl");
    close(reader); /* in the middle of a line */
    assert_fails(evtwin_sink_flush(sink), EVTWIN_E_AGAIN, "slow.jsonl");
    reader = open(path, O_RDONLY | O_NONBLOCK);
    static char text[20000];
    size_t n = 0;
    evtwin_status st = EVTWIN_E_AGAIN;
    for (int i = 0; i < 50 && st != EVTWIN_OK; i++) {
        st = evtwin_sink_flush(sink);
        for (ssize_t got; (got = read(reader, text + n, sizeof text - 1 - n)) > 0;) {
            n += (size_t)got;
        }
    }
    assert_int_equal(st, EVTWIN_OK);
    assert_memory_equal(text, "{\"timestamp\"", 12);
    assert_int_equal(text[n - 1], '\n');
    close(reader);
    evtwin_sink_free(sink);
    evtwin_table_free(t);
}

/* A file that is removed, renamed or emptied behind the sink's back. */
static void a_sink_notices_that_its_file_is_another(void **state) {
    (void)state;
    static const char *const scheme[] = {"csv", "jsonl"};
    static const char *const one[] = {HEADER "\n" ROW_1 "\n", JSON_1};
    for (int i = 0; i < 2; i++) {
        char old[300];
        const char *path = temp_path(i == 0 ? "rotated.csv" : "rotated.jsonl");
        snprintf(old, sizeof old, "%s.1", path);
        evtwin_sink *sink = NULL;
        evtwin_table *t = batch(1, 85.5);
        assert_ok(evtwin_sink_open(uri(scheme[i], path, ""), &sink));
        assert_ok(evtwin_sink_write(sink, t));
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600); /* telemetry says where a car is driven */

        /* removed: made anew, with its header */
        assert_int_equal(unlink(path), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_string_equal(content(path), one[i]);

        /* renamed: the old one keeps what it has */
        assert_int_equal(rename(path, old), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_string_equal(content(old), one[i]);
        assert_string_equal(content(path), one[i]);

        /* emptied: the next record is the first again */
        assert_int_equal(truncate(path, 0), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_string_equal(content(path), one[i]);
        assert_int_equal(truncate(path, (off_t)strlen(one[i]) - 5), 0); /* within a line */
        assert_ok(evtwin_sink_write(sink, t));
        assert_string_equal(content(path), one[i]);

        /* another's file in its place: not ours to write to, until it goes */
        assert_int_equal(unlink(path), 0);
        FILE *f = fopen(path, "wb");
        fputs("foreign\n", f);
        fclose(f);
        assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_AGAIN, "rotated");
        assert_string_equal(content(path), "foreign\n");
        assert_int_equal(unlink(path), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_ok(evtwin_sink_flush(sink));
        assert_string_equal(content(path), one[i]);

        /* or another's text over ours, in the same file */
        f = fopen(path, "wb");
        fputs("foreign\n", f);
        fclose(f);
        for (int again = 0; again < 2; again++) {
            assert_fails(evtwin_sink_write(sink, t), EVTWIN_E_AGAIN, "rotated");
            assert_string_equal(content(path), "foreign\n");
        }

        /* a device in its place takes records as long as it is there */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_int_equal(unlink(path), 0);
        assert_ok(evtwin_sink_write(sink, t));
        assert_string_equal(content(path), one[i]);
        evtwin_sink_free(sink);
        evtwin_table_free(t);
    }
}

/* ---- sources ---- */

static evtwin_source *source(const char *text) {
    evtwin_source *s = NULL;
    assert_ok(evtwin_source_open(text, &s));
    return s;
}

/* One record was passed over, and the source says which and why. */
static void assert_refused(evtwin_source *s, evtwin_table *t, evtwin_status status,
                           const char *place, const char *reason) {
    const size_t before = evtwin_table_rows(t);
    evtwin_refusal refusal;
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_REFUSED);
    assert_int_equal(evtwin_table_rows(t), before);
    assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
    assert_int_equal(refusal.status, status);
    if (!text_names(refusal.place, place) || !text_names(refusal.reason, reason)) {
        fail_msg("'%s' at '%s' instead of '%s' at '%s'", refusal.reason, refusal.place, reason,
                 place);
    }
    assert_int_equal(refusal.raw[refusal.raw_size], '\0');
}

static const char *raw_of(const evtwin_source *s) {
    evtwin_refusal refusal;
    assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
    return refusal.raw;
}

static void both_read_what_they_wrote(void **state) {
    (void)state;
    static const char *const schemes[] = {"csv", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = temp_path("both");
        write_once(uri(schemes[i], path, "?replace=1"), with_predictions(batch(1000, 1.0 / 3.0)));
        evtwin_source *s = source(uri(schemes[i], path, ""));
        evtwin_table *t = NULL;
        assert_ok(evtwin_telemetry_table_create(&t));
        size_t n_calls = 0;
        evtwin_status st;
        while ((st = evtwin_source_read(s, 300, 0, t)) == EVTWIN_OK && n_calls < 5000) {
            n_calls++;
        }
        assert_int_equal(st, EVTWIN_DONE);
        assert_int_equal(evtwin_source_read(s, 300, 0, t), EVTWIN_DONE);
        assert_true(n_calls >= 4);
        assert_int_equal(evtwin_table_rows(t), 1000);
        assert_int_equal(evtwin_table_cols(t), n_telemetry());
        for (size_t row = 0; row < 1000; row++) {
            assert_int_equal(evtwin_table_i64(t, 0)[row], (int64_t)row * 2000000);
            assert_string_equal(evtwin_table_text(t, 1, row), row % 2 == 0 ? "B1" : "B2");
            assert_true(evtwin_table_f64(t, 2)[row] == 1.0 / 3.0);
            assert_true(evtwin_table_number(t, 9, row) == (double)(row % 2));
            assert_false(evtwin_table_is_valid(t, 3, row));
        }
        assert_fails(evtwin_source_read(s, 0, 0, t), EVTWIN_E_ARG, "max_rows");
        assert_fails(evtwin_source_read(NULL, 1, 0, t), EVTWIN_E_ARG, "NULL");
        assert_fails(evtwin_source_read(s, 1, 0, NULL), EVTWIN_E_ARG, "NULL");
        evtwin_table_free(t);
        evtwin_source_free(s);
    }
}

static void csv_reads_other_namings(void **state) {
    (void)state;
    const char *path = temp_file(
        "vss.csv", "Timestamp,SoC,Vehicle.Powertrain.TractionBattery.CurrentCurrent,"
                   "Vehicle.Powertrain.TractionBattery.CurrentPower,Charge_Cycles,Driving_Speed\r\n"
                   "2020-01-01 00:00:00,0.5,-20,-8000,149.19,103\r\n"
                   "2020-01-01 00:15:00,1,30,12000,150.9,0\r\n");
    evtwin_source *s = NULL;
    assert_fails(evtwin_source_open(uri("csv", path, ""), &s), EVTWIN_E_SCHEMA, "?battery_id=NAME");
    s = source(uri("csv", path, "?battery_id=CAR_7"));
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1577836800000000);
    assert_string_equal(evtwin_table_text(t, 1, 1), "CAR_7");
    assert_true(evtwin_table_f64(t, 2)[0] == 50.0);
    assert_true(evtwin_table_f64(t, 2)[1] == 100.0);
    assert_true(evtwin_table_f64(t, 5)[0] == 20.0);
    assert_true(evtwin_table_f64(t, 5)[1] == -30.0);
    assert_int_equal(evtwin_table_i64(t, 7)[0], 149);
    assert_true(evtwin_table_f64(t, 8)[0] == 8000.0);
    assert_true(evtwin_table_f64(t, 8)[1] == 12000.0);
    evtwin_source_free(s);
    evtwin_table_free(t);

    s = NULL;
    assert_fails(evtwin_source_open(uri("csv", temp_file("no-time.csv", "soc\n1\n"), ""), &s),
                 EVTWIN_E_SCHEMA, "no-time.csv|time");
    path = temp_file("id.csv", "time,battery_id\n2020-01-01,B\n");
    assert_fails(evtwin_source_open(uri("csv", path, "?battery_id=X"), &s), EVTWIN_E_ARG,
                 "id.csv|?battery_id=");
    assert_fails(evtwin_source_open("csv:/nowhere.csv", &s), EVTWIN_E_NOT_FOUND, "/nowhere.csv");
    assert_null(s);
}

static void csv_takes_units_that_differ_from_the_names(void **state) {
    (void)state;
    const char *path =
        temp_file("units.csv", "Timestamp,SoC,voltage,Battery_Current,Charge_Cycles\n"
                               "2020-01-01,85,370500,2,7\n");
    evtwin_table *t = batch(0, 0);
    evtwin_source *s =
        source(uri("csv", path, "?battery_id=B&unit=soc=percent,voltage=mV,Battery_Current=mA"));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_near(evtwin_table_number(t, 2, 0), 85.0, 0.0);
    assert_near(evtwin_table_number(t, 4, 0), 370.5, 1e-12);
    assert_near(evtwin_table_number(t, 5, 0), 0.002, 1e-15);
    assert_near(evtwin_table_number(t, 7, 0), 7.0, 0.0);
    evtwin_source_free(s);
    evtwin_table_free(t);

    s = NULL;
    assert_fails(evtwin_source_open(uri("csv", path, "?battery_id=B&unit=soc"), &s), EVTWIN_E_ARG,
                 "soc=percent");
    assert_fails(evtwin_source_open(uri("csv", path, "?battery_id=B&unit=soc=V"), &s),
                 EVTWIN_E_SCHEMA, "units.csv|'SoC'|'V'|percent|fraction");
    assert_fails(evtwin_source_open(uri("csv", path, "?battery_id=B&unit=soh=percent"), &s),
                 EVTWIN_E_NOT_FOUND, "units.csv");
    assert_null(s);
}

static void csv_checks_what_it_reads(void **state) {
    (void)state;
    static const struct {
        const char *row;
        evtwin_status status;
        const char *says, *raw;
    } cases[] = {
        {"2020-01-01,B,x", EVTWIN_E_PARSE, "x", "2020-01-01,B,x"},
        {"2020-01-01,a b,1", EVTWIN_E_ARG, "row 2|'a b'",
         "{\"timestamp\":\"2020-01-01T00:00:00.000000Z\",\"battery_id\":\"a b\",\"soc\":1}"},
        {",B,1", EVTWIN_E_SCHEMA, "row 2|battery B|time", "{\"battery_id\":\"B\",\"soc\":1}"},
        {"2020-01-01,,1", EVTWIN_E_SCHEMA, "row 2|battery_id",
         "{\"timestamp\":\"2020-01-01T00:00:00.000000Z\",\"soc\":1}"},
        {"yesterday,B,1", EVTWIN_E_PARSE, "yesterday", "yesterday,B,1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "time,battery_id,soc\n2020-01-01,B,1\n%s\n2020-01-02,B,7\n",
                 cases[i].row);
        evtwin_source *s = source(uri("csv", temp_file("check.csv", text), ""));
        evtwin_table *t = batch(3, 50);
        assert_ok(evtwin_source_read(s, 10, 0, t)); /* the row before it comes first */
        assert_int_equal(evtwin_table_rows(t), 4);
        assert_memory_equal(evtwin_source_position(s), "1@", 2);
        assert_refused(s, t, cases[i].status, "check.csv: data row 2", cases[i].says);
        assert_string_equal(raw_of(s), cases[i].raw);
        assert_non_null(strstr(evtwin_last_error(), "check.csv"));
        assert_int_equal(evtwin_table_rows(t), 4);
        assert_ok(
            evtwin_source_read(s, 10, 0, t)); /* it was passed over, the one behind it comes */
        assert_int_equal(evtwin_table_rows(t), 5);
        assert_near(evtwin_table_number(t, evtwin_table_find(t, "soc"), 4), 7.0, 0.0);
        assert_memory_equal(evtwin_source_position(s), "3@", 2);
        assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
        evtwin_table_free(t);
        evtwin_source_free(s);
    }
    const char *path = temp_file("naive.csv", "time,battery_id\n2020-01-01,B\n");
    evtwin_source *s = source(uri("csv", path, "?naive_time=reject"));
    evtwin_table *t = batch(0, 0);
    assert_refused(s, t, EVTWIN_E_PARSE, "naive.csv: data row 1",
                   "naive.csv:2:1:|'time'|'2020-01-01'|offset");
    evtwin_table_free(t);
    evtwin_source_free(s);
}

static void jsonl_passes_over_a_bad_line_and_names_it(void **state) {
    (void)state;
    static char text[400000];
    snprintf(text, sizeof text, JSON_1 "\n  \r\n{\"battery_id\":\"B\"}\n" JSON_2);
    memset(text + strlen(text), 'x', 200000);
    strcat(text, "\n" JSON_1);
    const char *path = temp_file("bad.jsonl", text);
    evtwin_source *s = source(uri("jsonl", path, ""));
    evtwin_table *t = batch(0, 0);
    assert_ok(evtwin_source_read(s, 10, 0, t)); /* what comes before the bad line is given first */
    assert_int_equal(evtwin_table_rows(t), 1);
    char position[32];
    snprintf(position, sizeof position, "%zu@", strlen(JSON_1 "\n  \r\n"));
    assert_memory_equal(evtwin_source_position(s), position, strlen(position));
    assert_refused(s, t, EVTWIN_E_SCHEMA, "bad.jsonl:4", "bad.jsonl:4:|\"timestamp\"");
    assert_string_equal(raw_of(s), "{\"battery_id\":\"B\"}");
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_refused(s, t, EVTWIN_E_PARSE, "bad.jsonl:6", "bad.jsonl:6:|65536 bytes");
    assert_int_equal(strlen(raw_of(s)), 65536);
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 3);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(s);

    /* a line that is too long and the last one is one refusal */
    path = temp_path("long.jsonl");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 70000; i++) {
        fputc('x', f);
    }
    assert_int_equal(fclose(f), 0);
    s = source(uri("jsonl", path, ""));
    t = batch(0, 0);
    assert_refused(s, t, EVTWIN_E_PARSE, "long.jsonl:1", "long.jsonl:1:|65536 bytes");
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(s);

    assert_fails(evtwin_source_open("jsonl:/nowhere.jsonl", &s), EVTWIN_E_NOT_FOUND, "/nowhere");
    assert_fails(evtwin_source_open("jsonl:/tmp", &s), EVTWIN_E_IO, "/tmp");
}

static void append_text(const char *path, const char *text) {
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void jsonl_ends_or_follows(void **state) {
    (void)state;
    const char *path = temp_file("follow.jsonl", JSON_1 "{\"timestamp\":");
    evtwin_source *s = source(uri("jsonl", path, ""));
    evtwin_table *t = batch(0, 0);
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_refused(s, t, EVTWIN_E_PARSE, "follow.jsonl:2", "follow.jsonl:2:|line break");
    assert_string_equal(raw_of(s), "{\"timestamp\":");
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
    assert_int_equal(evtwin_table_rows(t), 1);
    evtwin_source_free(s);

    s = source(uri("jsonl", path, "?follow=1"));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    append_text(path, "\"2024-01-01T00:00:00Z\",\"battery_id\":\"B3\"}\n" JSON_2);
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 4);
    assert_string_equal(evtwin_table_text(t, 1, 2), "B3");
    assert_ok(evtwin_source_read(s, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 4);
    evtwin_source_free(s);
    evtwin_table_free(t);
}

/* How many rows come in all, with nothing left. */
static size_t rows_from(evtwin_source *s, evtwin_table *t) {
    for (int i = 0; i < 6; i++) {
        assert_ok(evtwin_source_read(s, 10, 0, t));
    }
    return evtwin_table_rows(t);
}

static void jsonl_follows_a_file_that_is_rotated(void **state) {
    (void)state;
    char old[300], position[100];
    const char *path = temp_path("rotated-in.jsonl");
    snprintf(old, sizeof old, "%s.1", path);
    evtwin_source *s = source(uri("jsonl", path, "?follow=1"));
    evtwin_table *t = batch(0, 0);
    assert_int_equal(rows_from(s, t), 0); /* the file does not exist yet */
    append_text(path, JSON_1 JSON_1);
    assert_int_equal(rows_from(s, t), 2);
    snprintf(position, sizeof position, "%s", evtwin_source_position(s));

    /* cut, as copytruncate does */
    assert_int_equal(truncate(path, 0), 0);
    append_text(path, JSON_2);
    assert_int_equal(rows_from(s, t), 3);
    assert_string_equal(evtwin_table_text(t, 1, 2), "B2");
    assert_string_not_equal(strchr(evtwin_source_position(s), '@'), strchr(position, '@'));

    /* renamed: who writes it may go on for a while, also with an empty new one in its place */
    assert_int_equal(rename(path, old), 0);
    append_text(old, JSON_1);
    assert_int_equal(rows_from(s, t), 4);
    append_text(path, "");
    append_text(old, JSON_1 "{\"times");
    assert_int_equal(rows_from(s, t), 5);
    append_text(path, JSON_2 JSON_2);
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; i < 5 && st == EVTWIN_OK; i++) {
        st = evtwin_source_read(s, 10, 0, t);
    }
    assert_int_equal(st, EVTWIN_REFUSED); /* the line that the old one never got the end of */
    assert_string_equal(raw_of(s), "{\"times");
    assert_int_equal(rows_from(s, t), 7);

    /* removed, and made anew */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rows_from(s, t), 7);
    append_text(path, JSON_1);
    assert_int_equal(rows_from(s, t), 8);
    evtwin_source_free(s);
    evtwin_table_free(t);
}

/* Neither opening nor reading waits for who is to write the pipe. */
static void a_pipe_without_a_writer_does_not_block(void **state) {
    (void)state;
    const char *path = temp_path("pipe-in.jsonl");
    assert_int_equal(mkfifo(path, 0600), 0);
    evtwin_source *s = source(uri("jsonl", path, ""));
    evtwin_table *t = batch(0, 0);
    assert_ok(evtwin_source_read(s, 10, 0, t));
    const int fd = open(path, O_WRONLY | O_NONBLOCK);
    assert_int_equal(write(fd, JSON_1, strlen(JSON_1)), strlen(JSON_1));
    close(fd);
    assert_ok(evtwin_source_read(s, 10, 1000, t));
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_int_equal(evtwin_source_read(s, 10, 1000, t), EVTWIN_DONE);
    evtwin_source_free(s);
    evtwin_table_free(t);
}

/* A pipe that has nothing yet answers "none yet", at once. */
static void standard_input_does_not_block(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int saved = dup(0);
    dup2(ends[0], 0);
    close(ends[0]);
    evtwin_source *s = source("jsonl:-");
    evtwin_table *t = batch(0, 0);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 0);
    assert_int_equal(write(ends[1], JSON_1 "{", strlen(JSON_1) + 1), strlen(JSON_1) + 1);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_int_equal(write(ends[1], &JSON_2[1], strlen(JSON_2) - 1), strlen(JSON_2) - 1);
    close(ends[1]);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_int_equal(evtwin_source_read(s, 10, 0, t), EVTWIN_DONE);
    evtwin_source_free(s);
    evtwin_table_free(t);
    dup2(saved, 0);
    close(saved);
}

static evtwin_status copy(void *ctx) {
    const char *const *uris = ctx;
    evtwin_source *in = NULL;
    evtwin_sink *out = NULL;
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&t);
    st = st == EVTWIN_OK ? evtwin_source_open(uris[0], &in) : st;
    st = st == EVTWIN_OK ? evtwin_sink_open(uris[1], &out) : st;
    while (st == EVTWIN_OK && (st = evtwin_source_read(in, 10, 0, t)) == EVTWIN_OK) {
        st = evtwin_sink_write(out, t);
        st = st == EVTWIN_OK ? evtwin_table_resize(t, 0) : st;
    }
    evtwin_source_free(in);
    evtwin_sink_free(out);
    evtwin_table_free(t);
    return st == EVTWIN_DONE ? EVTWIN_OK : st;
}

static void survive_every_failing_allocation(void **state) {
    (void)state;
    char paths[2][256];
    snprintf(paths[0], sizeof paths[0], "%s", temp_path("nomem-a"));
    snprintf(paths[1], sizeof paths[1], "%s", temp_path("nomem-b"));
    static const char *const schemes[] = {"csv", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        write_once(uri(schemes[i], paths[0], "?replace=1"), batch(25, 5));
        const char *uris[] = {uri(schemes[i], paths[0], ""),
                              uri(schemes[i], paths[1], "?replace=1")};
        assert_true(fail_every_allocation(copy, uris) > 30);
        char want[20000];
        snprintf(want, sizeof want, "%s", content(paths[0]));
        assert_string_equal(content(paths[1]), want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_appends_and_replaces),
        cmocka_unit_test(csv_has_prediction_columns_if_its_first_batch_has),
        cmocka_unit_test(file_sinks_keep_intervals),
        cmocka_unit_test(jsonl_counts_local_times_and_reads_formats),
        cmocka_unit_test(jsonl_appends_and_replaces),
        cmocka_unit_test(foreign_files_are_left_alone),
        cmocka_unit_test(a_torn_last_line_is_cut_off),
        cmocka_unit_test(two_sinks_do_not_share_a_file),
        cmocka_unit_test(a_full_disk_keeps_whole_batches),
        cmocka_unit_test(what_a_failed_sync_lost_is_written_again),
        cmocka_unit_test(what_a_kill_left_unsynced_is_written_again),
        cmocka_unit_test(a_bad_row_keeps_the_batch_out),
        cmocka_unit_test(a_dash_is_standard_output),
        cmocka_unit_test(a_pipe_waits_for_its_reader),
        cmocka_unit_test(a_pipe_keeps_what_its_reader_does_not_take),
        cmocka_unit_test(a_sink_notices_that_its_file_is_another),
        cmocka_unit_test(both_read_what_they_wrote),
        cmocka_unit_test(csv_reads_other_namings),
        cmocka_unit_test(csv_takes_units_that_differ_from_the_names),
        cmocka_unit_test(csv_checks_what_it_reads),
        cmocka_unit_test(jsonl_passes_over_a_bad_line_and_names_it),
        cmocka_unit_test(jsonl_ends_or_follows),
        cmocka_unit_test(jsonl_follows_a_file_that_is_rotated),
        cmocka_unit_test(a_pipe_without_a_writer_does_not_block),
        cmocka_unit_test(standard_input_does_not_block),
        cmocka_unit_test(survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
