/* SPDX-License-Identifier: MIT */
/* stream/sink_csv.c: "csv:FILE" as a sink. */

#include "core/binding.h"
#include "core/csv.h"
#include "core/status.h"
#include "stream/append_file.h"

#include <string.h>

typedef struct csv_sink {
    evtwin__append_file file;
    int has_header;     /* the file has one, so the columns are fixed */
    evtwin_table *rows; /* of the batch, in the columns of the file */
    int has_predictions, has_warned;
} csv_sink;

static void close_sink(void *ctx) {
    csv_sink *s = ctx;
    evtwin__append_close(&s->file);
    evtwin_table_free(s->rows);
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
    if (line == NULL) {
        return EVTWIN_OK;
    }
    header->size = 0;
    EVTWIN_TRY(evtwin__csv_write_header(s->rows, header));
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

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    csv_sink *s = ctx;
    evtwin__text *text = &s->file.text;
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(batch->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
    EVTWIN_TRY(evtwin__binding_check_keys(&b));
    EVTWIN_TRY(evtwin__append_begin(&s->file));
    EVTWIN_TRY(fit_columns(s, &b));
    EVTWIN_TRY(take_rows(s, &b));
    text->size = 0;
    EVTWIN_TRY(s->has_header ? EVTWIN_OK : evtwin__csv_write_header(s->rows, text));
    EVTWIN_TRY(evtwin__csv_write_rows(s->rows, 0, b.rows, text));
    EVTWIN_TRY(evtwin__append_skip_known(&s->file, batch->source));
    EVTWIN_TRY(evtwin__append_write(&s->file));
    s->has_header = 1;
    return EVTWIN_OK;
}

const evtwin__scheme evtwin__sink_csv = {
    .name = "csv",
    .names_file = 1,
    .params = evtwin__append_params,
    .ctx_size = sizeof(csv_sink),
    .open = open_sink,
    .sink = {.write = write_sink, .flush = evtwin__append_flush, .close = close_sink},
};
