/* SPDX-License-Identifier: MIT */
/* stream/source_csv.c: "csv:FILE" as a source. */

#include "core/binding.h"
#include "core/csv.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/bdf_name.h"
#include "stream/scheme.h"
#include "stream/telemetry_json.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_BYTES = 65536 };

typedef struct csv_source {
    evtwin__csv_reader *reader;
    const char *path;
    evtwin_csv_options options;      /* of the reader */
    const char *delimiter, *decimal; /* one character each, or NULL */
    const char *battery_id;          /* for a file without one, else NULL */
    int64_t start_us;                /* when the test time of a file without times was 0 */
    int counts_from_start;
    evtwin__bdf_name named;

    evtwin_table *read; /* what the reader gave last; rows from next on are still to be passed on */
    size_t next;
    uint64_t n_before;       /* data rows of the file before them */
    char mark[24];           /* of the file, "" = not known yet */
    evtwin__binding binding; /* of read */
} csv_source;

static const evtwin__param params[] = {
    EVTWIN__PARAM("naive_time", WORD, offsetof(csv_source, options.naive_time),
                  .words = EVTWIN__NAIVE_WORDS),
    EVTWIN__PARAM("time_format", TEXT, offsetof(csv_source, options.time_format)),
    EVTWIN__PARAM("delimiter", TEXT, offsetof(csv_source, delimiter)),
    EVTWIN__PARAM("decimal", TEXT, offsetof(csv_source, decimal)),
    EVTWIN__PARAM("skip_lines", SIZE, offsetof(csv_source, options.skip_lines)),
    EVTWIN__PARAM("battery_id", TEXT, offsetof(csv_source, battery_id)),
    EVTWIN__PARAM("unit", TEXT, offsetof(csv_source, options.units)),
    EVTWIN__PARAM("start", TIME, offsetof(csv_source, start_us)),
    {.key = NULL}};

static void close_source(void *ctx) {
    csv_source *s = ctx;
    evtwin_csv_free(s->reader);
    evtwin_table_free(s->read);
}

/* A file of the Battery Data Format tells its battery by its name only, if at all. */
static evtwin_status find_battery(csv_source *s, int has_id) {
    EVTWIN_FAIL_IF(has_id && s->battery_id != NULL, EVTWIN_E_ARG,
                   "%s: has a column battery_id, so ?battery_id= does not apply", s->path);
    if (!has_id && s->battery_id == NULL && s->named.cell[0] != '\0') {
        s->battery_id = s->named.cell;
        evtwin__log(EVTWIN_LOG_INFO, "%s: its name says battery %s (?battery_id= says otherwise)",
                    s->path, s->battery_id);
    }
    EVTWIN_FAIL_IF(!has_id && s->battery_id == NULL, EVTWIN_E_SCHEMA,
                   "%s: no column holds battery_id; name the battery with ?battery_id=NAME",
                   s->path);
    return EVTWIN_OK;
}

/* … and its times are seconds of the test. */
static evtwin_status find_start(csv_source *s, int is_given, int has_time, int has_clock) {
    EVTWIN_FAIL_IF(is_given && has_time, EVTWIN_E_ARG,
                   "%s: has a column of times, so ?start= does not apply", s->path);
    EVTWIN_FAIL_IF(!has_time && !has_clock, EVTWIN_E_SCHEMA, "%s: no column holds time", s->path);
    s->counts_from_start = !has_time;
    if (has_time || is_given) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(s->named.cell[0] == '\0', EVTWIN_E_SCHEMA,
                   "%s: no column holds time, only that of the test: say when it began with "
                   "?start=2024-01-31T08:00:00Z",
                   s->path);
    char start[EVTWIN_TIME_TEXT_SIZE];
    s->start_us = s->named.start_us;
    EVTWIN_TRY(evtwin_time_format(s->start_us, start, sizeof start));
    evtwin__log(EVTWIN_LOG_INFO,
                "%s: no column holds time; the test is taken to begin at %s, the date in the "
                "file's name (?start= says otherwise)",
                s->path, start);
    return EVTWIN_OK;
}

/* Which of the quantities that matter here the header has. */
static evtwin_status look_at_header(csv_source *s, int has_start) {
    int has_time = 0, has_id = 0, has_clock = 0;
    const char *name;
    for (size_t i = 0; (name = evtwin_csv_name(s->reader, i)) != NULL; i++) {
        evtwin__meaning meaning;
        if (!evtwin__meaning_find(name, EVTWIN__TELEMETRY, &meaning)) {
            continue;
        }
        has_time |= meaning.q == EVTWIN__Q_TIME;
        has_id |= meaning.q == EVTWIN__Q_BATTERY_ID;
        has_clock |= meaning.q == EVTWIN__Q_SIM_TIME_S;
    }
    (void)evtwin__bdf_name_read(s->path, &s->named);
    EVTWIN_TRY(find_start(s, has_start, has_time, has_clock));
    return find_battery(s, has_id);
}

/* The one character that a parameter gives; "tab" is a word for one. */
static evtwin_status byte_of(const char *key, const char *text, char *out) {
    if (text == NULL) {
        return EVTWIN_OK;
    }
    const int is_tab = strcmp(text, "tab") == 0;
    EVTWIN_FAIL_IF(!is_tab && strlen(text) != 1, EVTWIN_E_ARG,
                   "csv: %s=%.60s is not one character, or tab", key, text);
    *out = is_tab ? '\t' : text[0];
    return EVTWIN_OK;
}

static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    csv_source *s = ctx;
    EVTWIN_TRY(evtwin_csv_options_init(&s->options, sizeof s->options));
    s->path = uri->path;
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_FAIL_IF(s->battery_id != NULL && !evtwin_battery_id_is_valid(s->battery_id),
                   EVTWIN_E_ARG, "csv: battery_id=%.60s is not a valid battery id", s->battery_id);
    EVTWIN_TRY(byte_of("delimiter", s->delimiter, &s->options.delimiter));
    EVTWIN_TRY(byte_of("decimal", s->decimal, &s->options.decimal));
    EVTWIN_TRY(evtwin__csv_reader_open(s->path, &s->options, &s->reader));
    EVTWIN_TRY(evtwin_telemetry_table_create(&s->read));
    return look_at_header(s, evtwin__uri_param(uri, "start") != NULL);
}

/* What the reader cannot know: the battery's name. */
static evtwin_status name_battery(const csv_source *s) {
    const size_t id = evtwin_table_find(s->read, "battery_id");
    for (size_t i = 0; s->battery_id != NULL && i < evtwin_table_rows(s->read); i++) {
        EVTWIN_TRY(evtwin_table_set_text(s->read, id, i, s->battery_id));
    }
    return EVTWIN_OK;
}

/* … and when it was: a row without a test time has no time either. */
static evtwin_status set_times(const csv_source *s) {
    const size_t time = evtwin_table_find(s->read, "time");
    const double *test_s = evtwin_table_f64(s->read, evtwin_table_find(s->read, "sim_time_s"));
    for (size_t i = 0; s->counts_from_start && i < evtwin_table_rows(s->read); i++) {
        const double at_us = (double)s->start_us + rint(test_s[i] * 1e6);
        if (at_us >= (double)EVTWIN__TIME_FIRST_US && at_us <= (double)EVTWIN__TIME_LAST_US) {
            EVTWIN_TRY(evtwin_table_set_i64(s->read, time, i,
                                            s->start_us + (int64_t)rint(test_s[i] * 1e6)));
        }
    }
    return EVTWIN_OK;
}

/* Where times are computed from test times: why a row got none. */
static evtwin_status check_test_time(const csv_source *s, size_t row) {
    const evtwin_table *t = s->read;
    if (!s->counts_from_start || evtwin_table_is_valid(t, evtwin_table_find(t, "time"), row)) {
        return EVTWIN_OK;
    }
    const double test_s = evtwin_table_f64(t, evtwin_table_find(t, "sim_time_s"))[row];
    char number[EVTWIN__NUM_SIZE], start[EVTWIN_TIME_TEXT_SIZE];
    EVTWIN_FAIL_IF(isnan(test_s), EVTWIN_E_SCHEMA,
                   "it has no test time, from which its time is computed");
    EVTWIN_TRY(evtwin_time_format(s->start_us, start, sizeof start));
    EVTWIN_FAIL(EVTWIN_E_RANGE, "its test time, %s s after %s, is not in the years 0 to 9999",
                evtwin__number_text(test_s, number), start);
}

/* A row that names its battery and time and holds nothing infinite. */
static evtwin_status check_row(const csv_source *s, size_t row) {
    EVTWIN_TRY(check_test_time(s, row));
    EVTWIN_TRY(evtwin__binding_check_key(&s->binding, row));
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        evtwin__value value;
        EVTWIN_TRY(evtwin__binding_get(&s->binding, q, row, &value));
        EVTWIN_TRY(evtwin__telemetry_check_number(q, &value));
    }
    return EVTWIN_OK;
}

/* "pack.csv: data row 17", the row behind those given so far. */
static const char *place_of(const csv_source *s, char *text, size_t size) {
    snprintf(text, size, "%.300s: data row %llu", s->path,
             (unsigned long long)(s->n_before + s->next + 1));
    return text;
}

/* Know a file again by its beginning, up to the end of its first data row: "@HASH", or "" if it is
 * not a file. */
static const char *mark_of(csv_source *s) {
    struct stat info;
    if (s->mark[0] != '\0' || stat(s->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return s->mark;
    }
    const int fd = evtwin__fd_open(s->path, O_RDONLY | O_NONBLOCK, 0);
    uint64_t hash = EVTWIN__HASH_BEGIN;
    size_t lines_left = s->options.skip_lines + 2;
    char part[4096];
    ssize_t n = 0;
    for (size_t size = 0;
         fd >= 0 && lines_left > 0 && size < MARK_BYTES && (n = read(fd, part, sizeof part)) > 0;
         size += (size_t)n) {
        size_t end = 0;
        while (end < (size_t)n && lines_left > 0) {
            lines_left -= part[end++] == '\n';
        }
        hash = evtwin__hash(hash, part, end);
    }
    if (fd >= 0) {
        close(fd);
        snprintf(s->mark, sizeof s->mark, "@%016llx", (unsigned long long)hash);
    }
    return s->mark;
}

/* Behind what was passed on. */
static evtwin_status set_position(csv_source *s, evtwin_source *source) {
    char position[64];
    snprintf(position, sizeof position, "%llu%s", (unsigned long long)(s->n_before + s->next),
             mark_of(s));
    return evtwin_source_set_position(source, position);
}

/* Pass over a record that the reader refused; it has named it. */
static evtwin_status refuse_record(csv_source *s, evtwin_source *source, evtwin_status status) {
    char place[400];
    size_t size;
    const char *raw = evtwin__csv_reader_refused(s->reader, &size);
    evtwin_source_refuse(source, status, place_of(s, place, sizeof place), NULL, raw, size);
    s->n_before++;
    (void)set_position(s, source); /* without memory it stays before the record */
    return EVTWIN_REFUSED;
}

/* Pass over a row that was read; how it was written is gone. */
static evtwin_status refuse_row(csv_source *s, evtwin_source *source, evtwin_status status) {
    char place[400], reason[1024];
    evtwin__text raw = {.data = NULL};
    place_of(s, place, sizeof place);
    snprintf(reason, sizeof reason, "%s: %.600s", place, evtwin_last_error());
    (void)evtwin__telemetry_put_json(&s->binding, s->next, EVTWIN__TELEMETRY, &raw);
    evtwin_source_refuse(source, status, place, reason, raw.data, raw.size);
    evtwin__text_free(&raw);
    s->next++;
    (void)set_position(s, source);
    return EVTWIN_REFUSED;
}

/* Let the reader go on behind what has been passed on. */
static evtwin_status read_more(csv_source *s, evtwin_source *source, size_t max_rows,
                               int timeout_ms) {
    s->n_before += s->next;
    s->next = 0;
    EVTWIN_TRY(evtwin_table_resize(s->read, 0));
    int is_there;
    EVTWIN_TRY(evtwin__csv_reader_await(s->reader, timeout_ms, &is_there));
    if (!is_there) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin__csv_reader_next(s->reader, max_rows, s->read);
    if (st != EVTWIN_OK) {
        return st == EVTWIN_E_PARSE ? refuse_record(s, source, st) : st;
    }
    EVTWIN_TRY(name_battery(s));
    EVTWIN_TRY(set_times(s));
    return evtwin__bind(s->read, EVTWIN__TELEMETRY, &s->binding);
}

/* The good rows up to a bad one; the bad one by itself. */
static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    csv_source *s = ctx;
    evtwin_status st = EVTWIN_OK;
    if (s->next == evtwin_table_rows(s->read) &&
        (st = read_more(s, source, max_rows, timeout_ms)) != EVTWIN_OK) {
        return st;
    }
    const size_t rows = evtwin_table_rows(s->read);
    if (rows == 0) {
        return EVTWIN_OK; /* a pipe that has nothing yet */
    }
    size_t n = 0;
    while (s->next + n < rows && n < max_rows && (st = check_row(s, s->next + n)) == EVTWIN_OK) {
        n++;
    }
    if (n == 0) {
        return refuse_row(s, source, st);
    }
    EVTWIN_TRY(set_position(s, source)); /* so that there is room for it */
    EVTWIN_TRY(evtwin__binding_append(&s->binding, s->next, n, EVTWIN__TELEMETRY, table));
    s->next += n;
    return set_position(s, source);
}

/* ---- go on behind a position ---- */

static evtwin_status reopen(csv_source *s) {
    evtwin__csv_reader *anew = NULL;
    EVTWIN_TRY(evtwin__csv_reader_open(s->path, &s->options, &anew));
    evtwin_csv_free(s->reader);
    s->reader = anew;
    s->n_before = 0;
    return EVTWIN_OK;
}

/* Records, refused ones too, until there have been n. DONE: the file has fewer. */
static evtwin_status pass_records(csv_source *s, uint64_t n) {
    evtwin_status st = EVTWIN_OK;
    while (s->n_before < n && st == EVTWIN_OK) {
        const uint64_t left = n - s->n_before;
        EVTWIN_TRY(evtwin_table_resize(s->read, 0));
        st = evtwin__csv_reader_next(s->reader, left < 4096 ? (size_t)left : 4096, s->read);
        s->n_before += st == EVTWIN_E_PARSE ? 1 : evtwin_table_rows(s->read);
        st = st == EVTWIN_E_PARSE ? EVTWIN_OK : st;
    }
    return st;
}

static evtwin_status seek_source(void *ctx, const char *position) {
    csv_source *s = ctx;
    int64_t n = 0;
    struct stat info;
    const size_t length = strcspn(position, "@");
    EVTWIN_FAIL_IF(!evtwin__parse_i64(position, length, &n) || n < 0, EVTWIN_E_PARSE,
                   "%s: \"%.60s\" is not a position of a CSV", s->path, position);
    EVTWIN_FAIL_IF(stat(s->path, &info) != 0 || !S_ISREG(info.st_mode), EVTWIN_E_UNSUPPORTED,
                   "%s: only a file can be continued behind a position", s->path);
    EVTWIN_FAIL_IF(
        n > 0 && strcmp(position + length, mark_of(s)) != 0, EVTWIN_E_PARSE,
        "%s: is not the file of which %lld records were read before: it begins otherwise", s->path,
        (long long)n);
    const evtwin_status st = pass_records(s, (uint64_t)n);
    EVTWIN_TRY(evtwin_table_resize(s->read, 0));
    if (st == EVTWIN_OK) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(reopen(s));
    EVTWIN_FAIL_IF(st == EVTWIN_DONE, EVTWIN_E_PARSE,
                   "%s: is not the file of which %lld records were read before: it has fewer",
                   s->path, (long long)n);
    return st;
}

const evtwin__scheme evtwin__source_csv = {
    .name = "csv",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(csv_source),
    .open = open_source,
    .source = {.read = read_source, .close = close_source, .seek = seek_source},
};
