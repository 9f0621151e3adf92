/* SPDX-License-Identifier: MIT */
/* core/arrow_in.c: a table of all batches of an Arrow stream. The first batch waits until it is
 * known whether another follows: if none does, its columns can stay where they are. */

#include "evtwin/arrow.h"
#include "evtwin/telemetry.h"

#include "core/arrow_type.h"
#include "core/bits.h"
#include "core/mem.h"
#include "core/percent.h"
#include "core/status.h"
#include "core/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

static const evtwin_arrow_options default_options = {.size = sizeof default_options};

evtwin_status evtwin_arrow_options_init(evtwin_arrow_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

/* ---- reading ---- */

typedef struct reader {
    struct ArrowArrayStream *stream;
    evtwin_arrow_options options;
    evtwin_table *table;         /* that is filled; at first the columns without rows */
    evtwin__arrow_field *fields; /* (n_fields) */
    size_t n_fields;
} reader;

/* What the producer says of its failure. */
static evtwin_status producer_failed(const reader *r, const char *what, int code) {
    const char *said =
        r->stream->get_last_error != NULL ? r->stream->get_last_error(r->stream) : NULL;
    said = said != NULL ? said : "";
    char text[400];
    snprintf(text, sizeof text, "%s", said);
    for (char *c = text; *c != '\0'; c++) { /* error texts are one line */
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    }
    EVTWIN_FAIL(code == ENOMEM ? EVTWIN_E_NOMEM : EVTWIN_E_EXTERNAL,
                "the producer of the stream reported error %d for its %s%s%s", code, what,
                text[0] != '\0' ? ": " : "", text);
}

static evtwin_status take_fields(reader *r, const struct ArrowSchema *schema) {
    enum { MAX_COLUMNS = 1 << 20 };
    EVTWIN_FAIL_IF(schema->format == NULL || strcmp(schema->format, "+s") != 0, EVTWIN_E_SCHEMA,
                   "the stream is of Arrow's type '%.20s', not of record batches",
                   schema->format != NULL ? schema->format : "");
    EVTWIN_FAIL_IF(schema->n_children < 0 || schema->n_children > MAX_COLUMNS ||
                       (schema->n_children > 0 && schema->children == NULL),
                   EVTWIN_E_PARSE, "a schema of %lld columns, at most %d are supported",
                   (long long)schema->n_children, MAX_COLUMNS);
    const size_t n = (size_t)schema->n_children;
    r->fields = evtwin__calloc(n, sizeof *r->fields);
    EVTWIN_FAIL_IF(r->fields == NULL, EVTWIN_E_NOMEM, "no memory for %zu columns", n);
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(schema->children[i] == NULL || schema->children[i]->release == NULL,
                       EVTWIN_E_PARSE, "column number %zu of the schema is released", i);
        EVTWIN_TRY(evtwin__arrow_field_add(schema->children[i], r->options.naive_time, r->table,
                                           &r->fields[i]));
        r->n_fields = i + 1;
    }
    return EVTWIN_OK;
}

static evtwin_status read_schema(reader *r) {
    struct ArrowSchema schema = {.release = NULL};
    const int code = r->stream->get_schema(r->stream, &schema);
    if (code != 0) {
        return producer_failed(r, "schema", code);
    }
    EVTWIN_FAIL_IF(schema.release == NULL, EVTWIN_E_PARSE, "the schema of the stream is released");
    const evtwin_status st = take_fields(r, &schema);
    schema.release(&schema);
    return st;
}

/* Rows of a batch that are null as a whole: by its count, or by its bitmap where that is -1. */
static int64_t count_null_rows(const struct ArrowArray *batch) {
    const uint8_t *validity =
        batch->n_buffers > 0 && batch->buffers != NULL ? batch->buffers[0] : NULL;
    if (batch->null_count >= 0 || validity == NULL) {
        return batch->null_count > 0 ? batch->null_count : 0;
    }
    const size_t first = (size_t)batch->offset, n = (size_t)batch->length;
    return (int64_t)(n - evtwin__bits_count(validity, first, first + n));
}

/* The batch has what the schema says, and rows. */
static evtwin_status check_batch(const reader *r, const struct ArrowArray *batch) {
    static const int64_t most = INT64_MAX / 32;
    EVTWIN_FAIL_IF(
        batch->length < 0 || batch->offset < 0 || batch->length > most || batch->offset > most ||
            batch->n_children < 0 || (uint64_t)batch->n_children != r->n_fields ||
            (r->n_fields > 0 && batch->children == NULL),
        EVTWIN_E_PARSE, "a batch of %lld rows from %lld on with %lld columns, the schema has %zu",
        (long long)batch->length, (long long)batch->offset, (long long)batch->n_children,
        r->n_fields);
    const int64_t n_null = count_null_rows(batch);
    EVTWIN_FAIL_IF(n_null > 0, EVTWIN_E_PARSE, "%lld rows of a batch are null as a whole",
                   (long long)n_null);
    for (size_t i = 0; i < r->n_fields; i++) {
        EVTWIN_TRY(evtwin__arrow_check(&r->fields[i], batch->children[i],
                                       (size_t)batch->length + (size_t)batch->offset));
    }
    return EVTWIN_OK;
}

/* The next batch that has rows; release NULL behind the last. */
static evtwin_status next_batch(const reader *r, struct ArrowArray *out) {
    for (;;) {
        struct ArrowArray batch = {.release = NULL};
        const int code = r->stream->get_next(r->stream, &batch);
        if (code != 0) {
            return producer_failed(r, "batch", code);
        }
        const evtwin_status st = batch.release != NULL ? check_batch(r, &batch) : EVTWIN_OK;
        if (st >= 0 && (batch.release == NULL || batch.length > 0)) {
            *out = batch;
            return EVTWIN_OK;
        }
        batch.release(&batch);
        EVTWIN_TRY(st);
    }
}

/* ---- several batches: rows behind rows ---- */

static evtwin_status append_batch(const reader *r, const struct ArrowArray *batch) {
    const size_t first = evtwin_table_rows(r->table), n = (size_t)batch->length;
    EVTWIN_FAIL_IF(n > SIZE_MAX - first, EVTWIN_E_NOMEM, "no memory for %zu and %zu rows", first,
                   n);
    EVTWIN_TRY(evtwin_table_resize(r->table, first + n));
    for (size_t i = 0; i < r->n_fields; i++) {
        EVTWIN_TRY(evtwin__arrow_copy(r->table, &r->fields[i], batch->children[i],
                                      (size_t)batch->offset, first, n));
    }
    return EVTWIN_OK;
}

/* ---- one batch: it stays as long as a column is its ---- */

typedef struct kept_batch {
    evtwin__lender lender; /* first */
    struct ArrowArray batch;
} kept_batch;

static void release_kept(evtwin__lender *lender) {
    kept_batch *kept = (kept_batch *)lender;
    kept->batch.release(&kept->batch);
    evtwin__free(kept);
}

/* Column i of the plan in a table of the batch's rows: lent or copied. */
static evtwin_status add_kept_column(const reader *r, size_t i, kept_batch *kept,
                                     evtwin_table *table) {
    evtwin__arrow_field *field = &r->fields[i];
    const size_t start = (size_t)kept->batch.offset, n = (size_t)kept->batch.length;
    const struct ArrowArray *array = kept->batch.children[i];
    const evtwin_type type = evtwin_table_type(r->table, i);
    const char *const unit = evtwin_table_unit(r->table, i);
    const void *data = evtwin__arrow_lendable(field, type, array, start, n);
    if (data != NULL) {
        field->times.n_naive += type == EVTWIN_TIME && field->type.is_naive ? n : 0;
        return evtwin__table_add_lent(table, field->name, type, unit, data, &kept->lender);
    }
    EVTWIN_TRY(evtwin_table_add_column(table, field->name, type, unit, NULL));
    return evtwin__arrow_copy(table, field, array, start, 0, n);
}

/* The table of one batch, which is taken. */
static evtwin_status make_of_batch(const reader *r, struct ArrowArray *batch, evtwin_table **out) {
    kept_batch *kept = evtwin__calloc(1, sizeof *kept);
    if (kept == NULL) {
        batch->release(batch);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for a batch");
    }
    kept->batch = *batch; /* as a consumer may move it */
    batch->release = NULL;
    kept->lender.release = release_kept;
    atomic_init(&kept->lender.n_columns, 1); /* this function */

    evtwin_table *table = NULL;
    evtwin_status st = evtwin_table_create(&table);
    st = st < 0 ? st : evtwin_table_resize(table, (size_t)kept->batch.length);
    for (size_t i = 0; st >= 0 && i < r->n_fields; i++) {
        st = add_kept_column(r, i, kept, table);
    }
    if (atomic_fetch_sub_explicit(&kept->lender.n_columns, 1, memory_order_acq_rel) == 1) {
        release_kept(&kept->lender);
    }
    return evtwin__table_finish(st, table, out);
}

/* ---- the whole ---- */

static evtwin_status read_batches(reader *r) {
    struct ArrowArray first = {.release = NULL}, next = {.release = NULL};
    evtwin_table *table = NULL;
    EVTWIN_TRY(next_batch(r, &first));
    if (first.release == NULL) {
        return EVTWIN_OK;
    }
    evtwin_status st = next_batch(r, &next);
    if (st >= 0 && next.release == NULL) {
        EVTWIN_TRY(make_of_batch(r, &first, &table));
        for (size_t i = 0; i < r->n_fields; i++) { /* their names go with the plan */
            r->fields[i].name = evtwin_table_name(table, i);
        }
        evtwin_table_free(r->table);
        r->table = table;
        return EVTWIN_OK;
    }
    st = st < 0 ? st : append_batch(r, &first);
    first.release(&first);
    while (st >= 0 && next.release != NULL) {
        st = append_batch(r, &next);
        next.release(&next);
        next.release = NULL;
        st = st < 0 ? st : next_batch(r, &next);
    }
    if (next.release != NULL) {
        next.release(&next);
    }
    return st;
}

/* A column whose name says percent has no unit until here: one that options.units has not given it
 * is in percent, which fractions are not. */
static evtwin_status settle_percent(const reader *r) {
    for (size_t i = 0; i < r->n_fields; i++) {
        const evtwin__arrow_field *field = &r->fields[i];
        evtwin__percent seen = {0};
        if (field->percent_of == NULL || evtwin_table_unit(r->table, i)[0] != '\0') {
            continue;
        }
        evtwin__percent_add(&seen, evtwin_table_f64(r->table, i), evtwin_table_rows(r->table));
        EVTWIN_TRY(evtwin__percent_check(&seen, r->options.name, field->name, field->percent_of));
        EVTWIN_TRY(evtwin_table_set_unit(r->table, i, "percent"));
    }
    return EVTWIN_OK;
}

static evtwin_status read_all(reader *r) {
    EVTWIN_TRY(evtwin_table_create(&r->table));
    EVTWIN_TRY(read_schema(r));
    EVTWIN_TRY(read_batches(r));
    EVTWIN_TRY(evtwin_telemetry_override_units(r->table, r->options.units));
    EVTWIN_TRY(settle_percent(r));
    evtwin__time_counts times = {0, 0};
    for (size_t i = 0; i < r->n_fields; i++) {
        times.n_naive += r->fields[i].times.n_naive;
        times.n_twice += r->fields[i].times.n_twice;
    }
    evtwin__time_log(&times, r->options.name, r->options.naive_time);
    return EVTWIN_OK;
}

static evtwin_status take_options(const evtwin_arrow_options *options, evtwin_arrow_options *out) {
    EVTWIN_TRY(evtwin__options_merge(out, sizeof *out, options, "evtwin_arrow_options_init"));
    EVTWIN_FAIL_IF((int)out->naive_time < EVTWIN_NAIVE_UTC ||
                       (int)out->naive_time > EVTWIN_NAIVE_REJECT,
                   EVTWIN_E_ARG, "%d is not a valid naive_time", (int)out->naive_time);
    out->name = out->name != NULL ? out->name : "table";
    return EVTWIN_OK;
}

evtwin_status evtwin_table_from_arrow(struct ArrowArrayStream *stream,
                                      const evtwin_arrow_options *options, evtwin_table **out) {
    EVTWIN_FAIL_IF(stream == NULL || stream->release == NULL, EVTWIN_E_ARG,
                   "stream is NULL or has been released");
    reader r = {.stream = stream, .options = default_options};
    evtwin_status st =
        out == NULL ? evtwin__fail(EVTWIN_E_ARG, "out is NULL") : take_options(options, &r.options);
    st = st < 0 ? st : read_all(&r);
    evtwin__free(r.fields);
    if (st < 0) { /* the last error must outlive what the producer's release may call */
        char text[512];
        snprintf(text, sizeof text, "%s", evtwin_last_error());
        evtwin_table_free(r.table);
        stream->release(stream);
        return evtwin__fail(st, "%s", text);
    }
    stream->release(stream);
    *out = r.table;
    return EVTWIN_OK;
}
