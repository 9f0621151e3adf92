/* SPDX-License-Identifier: MIT */
/* stream/sink_csv.c: "csv:FILE" as a sink. */

#include "core/bdf_test.h"
#include "core/binding.h"
#include "core/csv.h"
#include "core/naming.h"
#include "core/status.h"
#include "stream/append_file.h"

#include <string.h>

typedef struct csv_sink {
    evtwin__append_file file;
    int has_header;     /* the file has one, so the columns are fixed */
    evtwin_table *rows; /* of the batch, in the columns of the file */
    int has_predictions, has_warned;
    int names; /* 1: those of the Battery Data Format, and its rules */
    evtwin__bdf_test test;
    int is_test_known; /* test has what the file holds */
} csv_sink;

static const evtwin__param params[] = {
    EVTWIN__APPEND_PARAMS(csv_sink, file),
    EVTWIN__PARAM("names", WORD, offsetof(csv_sink, names), .words = {"evtwin", "bdf"}),
    {.key = NULL}};

static void close_sink(void *ctx) {
    csv_sink *s = ctx;
    evtwin__append_close(&s->file);
    evtwin_table_free(s->rows);
}

/* Append the rows, in the names of the file, with a header or without. */
static evtwin_status put_table(const csv_sink *s, int with_header, evtwin__text *text) {
    evtwin_table *named = NULL;
    EVTWIN_TRY(s->names ? evtwin_telemetry_convert(s->rows, EVTWIN_NAMING_BDF, &named) : EVTWIN_OK);
    const evtwin_table *table = s->names ? named : s->rows;
    evtwin_status st = with_header ? evtwin__csv_write_header(table, text) : EVTWIN_OK;
    st = st < 0 ? st : evtwin__csv_write_rows(table, 0, evtwin_table_rows(table), text);
    evtwin_table_free(named);
    return st;
}

/* The telemetry columns alone. */
static evtwin_status reset_columns(csv_sink *s) {
    evtwin_table *rows = NULL;
    EVTWIN_TRY(evtwin_telemetry_table_create(&rows));
    evtwin_table_free(s->rows);
    s->rows = rows;
    s->has_predictions = 0;
    return EVTWIN_OK;
}

static evtwin_status add_prediction(csv_sink *s, size_t q) {
    const evtwin__quantity *of = &evtwin__schema[q];
    s->has_predictions = 1;
    return evtwin_table_add_column(s->rows, of->name, of->type, of->unit, NULL);
}

/* Take over the prediction columns of a header, which may end within the last one. A file of
 * an earlier version has them in another order. */
static evtwin_status adopt_predictions(csv_sink *s, const char *names, size_t length, int is_whole,
                                       int *is_ours) {
    size_t at = 0;
    for (*is_ours = 1; at < length && *is_ours;) {
        *is_ours = names[at++] == ',';
        const char *comma = memchr(names + at, ',', length - at);
        const size_t n = comma != NULL ? (size_t)(comma - names) - at : length - at;
        const int is_torn = !is_whole && comma == NULL;
        size_t q = 0;
        while (q < EVTWIN__Q_COUNT && (!evtwin__is_of(q, EVTWIN__PREDICTIONS) ||
                                       strncmp(evtwin__schema[q].name, names + at, n) != 0 ||
                                       (strlen(evtwin__schema[q].name) != n && !is_torn))) {
            q++;
        }
        *is_ours &=
            q < EVTWIN__Q_COUNT &&
            (is_torn || evtwin_table_find(s->rows, evtwin__schema[q].name) == EVTWIN_NO_COLUMN);
        EVTWIN_TRY(*is_ours && !is_torn ? add_prediction(s, q) : EVTWIN_OK);
        at += n;
    }
    return EVTWIN_OK;
}

/* Is line a header that we write? An incomplete one is to be cut off: it counts as ours if it
 * begins like ours. An empty file (NULL) gets its header with its first row. */
static evtwin_status check_header(void *ctx, const char *path, const char *line, size_t length,
                                  int is_whole) {
    csv_sink *s = ctx;
    evtwin__text *header = &s->file.text;
    EVTWIN_TRY(reset_columns(s));
    s->has_header = 0;
    s->is_test_known = 0;
    s->test = (evtwin__bdf_test){0};
    if (line == NULL) {
        return EVTWIN_OK;
    }
    header->size = 0;
    EVTWIN_TRY(put_table(s, 1, header));
    const size_t n = header->size - 1; /* without its line break */
    int is_ours = memcmp(line, header->data, length < n ? length : n) == 0;
    if (is_ours && length > n) {
        EVTWIN_TRY(adopt_predictions(s, line + n, length - n, is_whole, &is_ours));
    } else {
        is_ours &= length == n || !is_whole;
    }
    EVTWIN_FAIL_IF(!is_ours, EVTWIN_E_SCHEMA,
                   "%s: has another header; name another file or start it anew with ?replace=1",
                   path);
    s->has_header = is_whole;
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    csv_sink *s = ctx;
    s->file.fd = -1;
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_TRY(reset_columns(s)); /* a pipe or device shows nothing to check */
    return evtwin__append_open(uri, check_header, s, &s->file);
}

/* The first batch fixes the columns of a new file; a later one must not lose its predictions. */
static evtwin_status fit_columns(csv_sink *s, const evtwin__binding *b) {
    evtwin_status st = s->has_header ? EVTWIN_OK : reset_columns(s);
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st == EVTWIN_OK; q++) {
        if (!evtwin__is_of(q, EVTWIN__PREDICTIONS) || b->bound[q].col == EVTWIN_NO_COLUMN ||
            evtwin_table_find(s->rows, evtwin__schema[q].name) != EVTWIN_NO_COLUMN) {
            continue;
        }
        if (!s->has_header) {
            st = add_prediction(s, q);
        } else if (!s->has_predictions) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "its header has no columns for predictions");
        } else if (!s->has_warned) {
            evtwin__log(EVTWIN_LOG_WARNING, "%s: its header has no column %s, which is left out",
                        s->file.path, evtwin__schema[q].name);
            s->has_warned = 1;
        }
    }
    return st;
}

/* The batch in the columns of the file. */
static evtwin_status take_rows(csv_sink *s, evtwin__binding *b) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (b->bound[q].col != EVTWIN_NO_COLUMN &&
            evtwin_table_find(s->rows, evtwin__schema[q].name) == EVTWIN_NO_COLUMN) {
            b->bound[q].col = EVTWIN_NO_COLUMN; /* reported by fit_columns */
        }
    }
    EVTWIN_TRY(evtwin_table_resize(s->rows, 0));
    return evtwin__binding_append(b, 0, b->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, s->rows);
}

/* ---- the Battery Data Format: one cell, one test ---- */

/* Rows that have been read back from the file, or are to be written. */
static evtwin_status take_test(const evtwin_table *rows, size_t first, evtwin__bdf_test *test) {
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(rows, EVTWIN__TELEMETRY, &b));
    for (size_t row = first; row < b.rows; row++) {
        EVTWIN_TRY(evtwin__bdf_test_take(test, &b, row));
    }
    return EVTWIN_OK;
}

/* What an earlier process wrote: whose it is, and how far its test time has come. */
static evtwin_status read_test(csv_sink *s) {
    evtwin__csv_reader *reader = NULL;
    evtwin_table *rows = NULL;
    evtwin__bdf_test test = {0};
    evtwin_status st = evtwin_telemetry_table_create(&rows);
    st = st < 0 ? st : evtwin__csv_reader_open(s->file.path, NULL, &reader);
    while (st == EVTWIN_OK && (st = evtwin__csv_reader_next(reader, 4096, rows)) == EVTWIN_OK) {
        st = take_test(rows, 0, &test);
        st = st < 0 ? st : evtwin_table_resize(rows, 0);
    }
    evtwin_csv_free(reader);
    evtwin_table_free(rows);
    EVTWIN_FAIL_IF(st == EVTWIN_E_DATA || st == EVTWIN_E_PARSE, EVTWIN_E_SCHEMA,
                   "what it holds is not a test to go on with; name another file (%.400s)",
                   evtwin_last_error());
    EVTWIN_TRY(st);
    s->test = test;
    s->is_test_known = 1;
    return EVTWIN_OK;
}

/* Give each row its test time; a row that counts from the first one may be that. */
static evtwin_status set_test_times(csv_sink *s) {
    const size_t col = evtwin_table_find(s->rows, "sim_time_s");
    evtwin__bdf_test test = s->test;
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(s->rows, EVTWIN__TELEMETRY, &b));
    for (size_t row = 0; row < b.rows; row++) {
        double test_s;
        EVTWIN_TRY(evtwin__bdf_test_time(&test, &b, row, &test_s));
        EVTWIN_TRY(evtwin_table_set_f64(s->rows, col, row, test_s));
        EVTWIN_TRY(evtwin__bind(s->rows, EVTWIN__TELEMETRY, &b)); /* borrowed until an edit */
        EVTWIN_TRY(test.has_rows ? EVTWIN_OK : evtwin__bdf_test_take(&test, &b, row));
    }
    return EVTWIN_OK;
}

/* Of the rows in the text, which may lack those that the file has already: do they go on with its
 * test? */
static evtwin_status check_new_rows(const csv_sink *s, int has_header, evtwin__bdf_test *out) {
    const evtwin__text *text = &s->file.text;
    size_t n_lines = 0;
    for (size_t i = 0; i < text->size; i++) {
        n_lines += text->data[i] == '\n';
    }
    const size_t n_new = n_lines - (size_t)has_header;
    *out = s->test;
    return take_test(s->rows, evtwin_table_rows(s->rows) - n_new, out);
}

/* ---- write ---- */

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    csv_sink *s = ctx;
    evtwin__text *text = &s->file.text;
    evtwin__bdf_test test = {0};
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(batch->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
    EVTWIN_TRY(evtwin__binding_check_keys(&b));
    EVTWIN_TRY(evtwin__append_begin(&s->file));
    EVTWIN_TRY(fit_columns(s, &b));
    EVTWIN_TRY(take_rows(s, &b));
    if (s->names) {
        const int has_more = s->has_header && s->file.is_regular && !s->is_test_known;
        EVTWIN_TRY(has_more ? read_test(s) : EVTWIN_OK);
        EVTWIN_TRY(set_test_times(s));
    }
    text->size = 0;
    EVTWIN_TRY(put_table(s, !s->has_header, text));
    EVTWIN_TRY(evtwin__append_skip_known(&s->file, batch->source));
    EVTWIN_TRY(s->names ? check_new_rows(s, !s->has_header, &test) : EVTWIN_OK);
    EVTWIN_TRY(evtwin__append_write(&s->file));
    s->has_header = 1;
    s->test = test;
    s->is_test_known = 1;
    return EVTWIN_OK;
}

const evtwin__scheme evtwin__sink_csv = {
    .name = "csv",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(csv_sink),
    .open = open_sink,
    .sink = {.write = write_sink, .flush = evtwin__append_flush, .close = close_sink},
};
