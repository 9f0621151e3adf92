/* SPDX-License-Identifier: MIT */
/* stream/end_csv.c: "csv:FILE" in and out. */

#include "stream/ends.h"

#include "core/csv.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/append_file.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>

/* ---- source ---- */

typedef struct csv_source {
    evtwin__csv_reader *reader;
    char *path;
    char *battery_id;    /* for a file without one, else NULL */
    int is_power_signed; /* its power has a direction, ours has none */

    evtwin_table *read; /* what the reader gave last; rows from next on are still to be passed on */
    size_t next;
    uint64_t n_before; /* data rows of the file before them */
} csv_source;

static void close_source(void *state) {
    csv_source *s = state;
    if (s != NULL) {
        evtwin__csv_reader_free(s->reader);
        evtwin_table_free(s->read);
        evtwin__free(s->path);
        evtwin__free(s->battery_id);
        evtwin__free(s);
    }
}

/* Which of the quantities that matter here the header has. */
static evtwin_status look_at_header(csv_source *s) {
    int has_time = 0, has_id = 0;
    const char *name;
    for (size_t i = 0; (name = evtwin__csv_reader_name(s->reader, i)) != NULL; i++) {
        size_t index;
        double factor = 1.0;
        if (evtwin_quantity_find(name, &index, NULL, &factor) < 0) {
            continue;
        }
        const char *quantity = evtwin_quantity_name(index, EVTWIN_NAMING_EVTWIN);
        has_time |= strcmp(quantity, "time") == 0;
        has_id |= strcmp(quantity, "battery_id") == 0;
        s->is_power_signed |= strcmp(quantity, "power_consumption") == 0 && factor < 0.0;
    }
    if (!has_time) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: no column holds time", s->path);
    }
    if (!has_id && s->battery_id == NULL) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: no column holds battery_id; name the battery with ?battery_id=NAME",
                    s->path);
    }
    if (has_id && s->battery_id != NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s: has a column battery_id, so ?battery_id= has no place",
                    s->path);
    }
    return EVTWIN_OK;
}

static evtwin_status open_parts(const evtwin__uri *uri, csv_source *s) {
    const char *id = evtwin__uri_param(uri, "battery_id");
    if (id != NULL && !evtwin_battery_id_is_valid(id)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "csv: battery_id=%.60s is no battery id", id);
    }
    evtwin_csv_options options;
    evtwin_status st = evtwin_csv_options_init(&options, sizeof options);
    if (st == EVTWIN_OK) {
        st = evtwin__param_naive_time(uri, &options.naive_time);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__csv_reader_open(uri->path, &options, &s->reader);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__csv_reader_set_units(s->reader, evtwin__uri_param(uri, "unit"));
    }
    if (st < 0) {
        return st;
    }
    s->path = evtwin__strdup(uri->path);
    s->battery_id = evtwin__strdup(id);
    if (s->path == NULL || (id != NULL && s->battery_id == NULL)) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = evtwin_telemetry_table_create(&s->read);
    return st == EVTWIN_OK ? look_at_header(s) : st;
}

static evtwin_status open_source(const evtwin__uri *uri, void **state_out) {
    evtwin_status st = evtwin__uri_need_path(uri);
    if (st < 0) {
        return st;
    }
    csv_source *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = open_parts(uri, s);
    if (st < 0) {
        close_source(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

/* What the reader leaves to us: the battery's name and the sign of power. */
static evtwin_status complete(const csv_source *s) {
    evtwin_table *table = s->read;
    const size_t id = evtwin_table_find(table, "battery_id");
    const size_t power = evtwin_table_find(table, "power_consumption");
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < evtwin_table_rows(table) && st == EVTWIN_OK; i++) {
        if (s->battery_id != NULL) {
            st = evtwin_table_set_text(table, id, i, s->battery_id);
        }
        const double v = evtwin_table_number(table, power, i);
        if (st == EVTWIN_OK && s->is_power_signed && v < 0.0) {
            st = evtwin_table_set_f64(table, power, i, fabs(v));
        }
    }
    return st;
}

/* Let the reader go on behind what has been passed on. */
static evtwin_status read_more(csv_source *s, size_t max_rows) {
    s->n_before += evtwin_table_rows(s->read);
    s->next = 0;
    evtwin_status st = evtwin_table_resize(s->read, 0);
    if (st == EVTWIN_OK) {
        st = evtwin__csv_reader_next(s->reader, max_rows, s->read);
    }
    if (st < 0) {
        s->n_before++; /* the record that the reader passed over */
    }
    return st == EVTWIN_OK ? complete(s) : st;
}

/* A row that names its battery and time and lies within the ranges. */
static evtwin_status check_row(const csv_source *s, const evtwin__record *record, size_t row) {
    const unsigned long long number = (unsigned long long)(s->n_before + row + 1);
    const evtwin_status st = evtwin__record_check_row(record, row);
    if (st < 0) {
        return evtwin__fail_in(st, "%s: data row %llu", s->path, number);
    }
    for (size_t i = 0; i < record->n_quantities; i++) {
        const evtwin__field *f = &record->field[i];
        evtwin__value value;
        if ((f->type != EVTWIN_F64 && f->type != EVTWIN_I64) ||
            !evtwin__record_get(record, f, row, &value)) {
            continue;
        }
        const double v = f->type == EVTWIN_F64 ? value.f64 : (double)value.i64;
        if (v < f->min || v > f->max) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: data row %llu: %s %g%s%s is outside %g to %g", s->path,
                        number, f->name, v, *f->unit != '\0' ? " " : "", f->unit, f->min, f->max);
        }
    }
    return EVTWIN_OK;
}

/* The good rows up to a bad one; the bad one by itself. */
static evtwin_status read_source(void *state, size_t max_rows, evtwin_table *table) {
    csv_source *s = state;
    evtwin_status st = EVTWIN_OK;
    if (s->next == evtwin_table_rows(s->read) && (st = read_more(s, max_rows)) != EVTWIN_OK) {
        return st;
    }
    evtwin__record record;
    if ((st = evtwin__record_bind(s->read, &record)) < 0) {
        return st;
    }
    const size_t rows = evtwin_table_rows(s->read);
    size_t n = 0;
    while (s->next + n < rows && n < max_rows &&
           (st = check_row(s, &record, s->next + n)) == EVTWIN_OK) {
        n++;
    }
    if (n == 0) {
        s->next += st < 0; /* passed over */
        return st;
    }
    st = evtwin__record_append(&record, s->next, n, 0, table);
    s->next += st == EVTWIN_OK ? n : 0;
    return st;
}

static const char *const source_params[] = {"naive_time", "battery_id", "unit", NULL};

const evtwin__source_end evtwin__source_csv = {
    .scheme = "csv",
    .params = source_params,
    .open = open_source,
    .read = read_source,
    .close = close_source,
};

/* ---- sink ---- */

typedef struct csv_sink {
    evtwin__append_file *file;
    int has_header; /* the file has one, so the columns are fixed */
    int with_predictions;
    evtwin_table *rows; /* of the batch, in the columns of the file; NULL until they are fixed */
    evtwin__text text;
} csv_sink;

static void close_sink(void *state) {
    csv_sink *s = state;
    if (s != NULL) {
        evtwin__append_close(s->file);
        evtwin_table_free(s->rows);
        evtwin__text_free(&s->text);
        evtwin__free(s);
    }
}

/* Is line the header that we would write, with or without predictions? A header that was torn is to
 * be cut off: it is one if it begins like ours. */
static evtwin_status match_header(csv_sink *s, const char *line, size_t length, int is_whole,
                                  int with_predictions, int *matches) {
    evtwin_table *table = NULL;
    evtwin__text header = {.data = NULL};
    evtwin_status st = evtwin__record_table_create(with_predictions, &table);
    if (st == EVTWIN_OK) {
        st = evtwin__csv_write_header(table, &header);
    }
    if (st == EVTWIN_OK) {
        const size_t n = header.size - 1; /* without its line break */
        const int is_equal = is_whole ? length == n : length <= n;
        if (is_equal && memcmp(line, header.data, length) == 0) {
            s->has_header = is_whole;
            s->with_predictions = with_predictions;
            *matches = 1;
        }
    }
    evtwin__text_free(&header);
    evtwin_table_free(table);
    return st;
}

static evtwin_status check_header(void *ctx, const char *path, const char *line, size_t length,
                                  int is_whole) {
    int matches = 0;
    for (int with_predictions = 0; with_predictions < 2 && !matches; with_predictions++) {
        const evtwin_status st =
            match_header(ctx, line, length, is_whole, with_predictions, &matches);
        if (st < 0) {
            return st;
        }
    }
    if (!matches) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: has another header; name another file or start it anew with ?replace=1",
                    path);
    }
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void **state_out) {
    csv_sink *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    const evtwin_status st = evtwin__append_open(uri, check_header, s, &s->file);
    if (st < 0) {
        close_sink(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

/* The batch as text, after a header if the file has none yet. */
static evtwin_status format_batch(csv_sink *s, const evtwin__record *record, size_t n) {
    s->text.size = 0;
    evtwin_status st = EVTWIN_OK;
    if (s->rows == NULL) {
        st = evtwin__record_table_create(s->with_predictions, &s->rows);
    }
    if (st == EVTWIN_OK) {
        st = evtwin_table_resize(s->rows, 0);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__record_append(record, 0, n, s->with_predictions, s->rows);
    }
    if (st == EVTWIN_OK && !s->has_header) {
        st = evtwin__csv_write_header(s->rows, &s->text);
    }
    return st == EVTWIN_OK ? evtwin__csv_write_rows(s->rows, 0, n, &s->text) : st;
}

static evtwin_status write_sink(void *state, const evtwin_table *table) {
    csv_sink *s = state;
    const size_t n = evtwin_table_rows(table);
    evtwin__record record;
    evtwin_status st = evtwin__record_bind(table, &record);
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        st = evtwin__record_check_row(&record, i);
    }
    if (st < 0) {
        return st;
    }

    /* the first batch fixes the columns of a new file */
    const int has_predictions = evtwin__record_has_predictions(&record);
    if (!s->has_header && has_predictions != s->with_predictions) {
        evtwin_table_free(s->rows);
        s->rows = NULL;
        s->with_predictions = has_predictions;
    }
    if (has_predictions && !s->with_predictions) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: its header has no columns for predictions",
                    evtwin__append_path(s->file));
    }
    st = format_batch(s, &record, n);
    if (st == EVTWIN_OK) {
        st = evtwin__append_write(s->file, s->text.data, s->text.size);
    }
    s->has_header |= st == EVTWIN_OK;
    return st;
}

static evtwin_status flush_sink(void *state) {
    csv_sink *s = state;
    return evtwin__append_flush(s->file);
}

const evtwin__sink_end evtwin__sink_csv = {
    .scheme = "csv",
    .params = evtwin__append_params,
    .open = open_sink,
    .write = write_sink,
    .flush = flush_sink,
    .close = close_sink,
};
