/* SPDX-License-Identifier: MIT */
/* stream/sink_csv.c: "csv:FILE" as a sink. */

#include "core/binding.h"
#include "core/csv.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/append_file.h"
#include "stream/scheme.h"

#include <string.h>

typedef struct csv_sink {
    evtwin__append_file *file;
    int has_header;     /* the file has one, so the columns are fixed */
    evtwin_table *rows; /* of the batch, in the columns of the file */
    int has_predictions, has_warned;
    evtwin__text text;
} csv_sink;

static void close_sink(void *ctx) {
    csv_sink *s = ctx;
    if (s != NULL) {
        evtwin__append_close(s->file);
        evtwin_table_free(s->rows);
        evtwin__text_free(&s->text);
        evtwin__free(s);
    }
}

/* The telemetry columns alone. */
static evtwin_status reset_columns(csv_sink *s) {
    evtwin_table *rows = NULL;
    const evtwin_status st = evtwin_telemetry_table_create(&rows);
    if (st == EVTWIN_OK) {
        evtwin_table_free(s->rows);
        s->rows = rows;
        s->has_predictions = 0;
    }
    return st;
}

static evtwin_status add_prediction(csv_sink *s, size_t q) {
    const evtwin__quantity *of = &evtwin__schema[q];
    s->has_predictions = 1;
    return evtwin_table_add_column(s->rows, of->name, of->type, of->unit, NULL);
}

/* Take over the prediction columns of a header, which may have been torn within the last. A file of
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
        const evtwin_status st = *is_ours && !is_torn ? add_prediction(s, q) : EVTWIN_OK;
        if (st < 0) {
            return st;
        }
        at += n;
    }
    return EVTWIN_OK;
}

/* Is line a header that we write? One that was torn is to be cut off: it is one if it begins like
 * ours. */
static evtwin_status check_header(void *ctx, const char *path, const char *line, size_t length,
                                  int is_whole) {
    csv_sink *s = ctx;
    s->text.size = 0;
    evtwin_status st = EVTWIN_OK;
    EVTWIN_TRY(evtwin__csv_write_header(s->rows, &s->text));
    const size_t n = s->text.size - 1; /* without its line break */
    int is_ours = memcmp(line, s->text.data, length < n ? length : n) == 0;
    if (is_ours && length > n) {
        st = adopt_predictions(s, line + n, length - n, is_whole, &is_ours);
    } else {
        is_ours &= length == n || !is_whole;
    }
    EVTWIN_FAIL_IF(st == EVTWIN_OK && !is_ours, EVTWIN_E_SCHEMA,
                   "%s: has another header; name another file or start it anew with ?replace=1",
                   path);
    s->has_header = is_whole;
    return st;
}

static evtwin_status open_sink(const evtwin__uri *uri, void **ctx_out) {
    csv_sink *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    evtwin_status st = reset_columns(s);
    if (st == EVTWIN_OK) {
        st = evtwin__append_open(uri, check_header, s, &s->file);
    }
    if (st < 0) {
        close_sink(s);
        return st;
    }
    *ctx_out = s;
    return EVTWIN_OK;
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
                        evtwin__append_path(s->file), evtwin__schema[q].name);
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
    const evtwin_status st = evtwin_table_resize(s->rows, 0);
    return st == EVTWIN_OK ? evtwin__binding_append(
                                 b, 0, b->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, s->rows)
                           : st;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    csv_sink *s = ctx;
    evtwin__binding b;
    evtwin_status st = evtwin__bind(batch->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b);
    if (st < 0 || (st = evtwin__binding_check_keys(&b)) < 0 || (st = fit_columns(s, &b)) < 0 ||
        (st = take_rows(s, &b)) < 0) {
        return st;
    }
    s->text.size = 0;
    if ((!s->has_header && (st = evtwin__csv_write_header(s->rows, &s->text)) < 0) ||
        (st = evtwin__csv_write_rows(s->rows, 0, b.rows, &s->text)) < 0 ||
        (st = evtwin__append_write(s->file, s->text.data, s->text.size)) < 0) {
        return st;
    }
    s->has_header = 1;
    return EVTWIN_OK;
}

static evtwin_status flush_sink(void *ctx) {
    csv_sink *s = ctx;
    return evtwin__append_flush(s->file);
}

const evtwin__scheme evtwin__sink_csv = {
    .name = "csv",
    .params = evtwin__append_params,
    .open = open_sink,
    .sink = {.write = write_sink, .flush = flush_sink, .close = close_sink},
};
