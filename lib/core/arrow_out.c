/* SPDX-License-Identifier: MIT */
/* core/arrow_out.c: a table as an Arrow stream of one batch that borrows its columns. */

#include "evtwin/arrow.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"

#include <errno.h>
#include <string.h>

/* ---- schema: it lives by itself ---- */

enum { MAX_BUFFERS = 3 };

/* A field, or the struct of all of them, and what it owns. */
typedef struct schema_parts {
    char *name, *metadata;
    struct ArrowSchema *child, **children;
    struct ArrowSchema dictionary;
} schema_parts;

static void release_schema(struct ArrowSchema *schema) {
    schema_parts *parts = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL) { /* the consumer may have moved it away */
            schema->children[i]->release(schema->children[i]);
        }
    }
    evtwin__free(parts->name);
    evtwin__free(parts->metadata);
    evtwin__free(parts->child);
    evtwin__free(parts->children);
    evtwin__free(parts);
    schema->release = NULL;
}

/* Static text only. */
static void release_nothing(struct ArrowSchema *schema) {
    schema->release = NULL;
}

/* Arrow's form of {"unit": unit}: the count, then length and bytes of key and value. */
static char *unit_metadata(const char *unit) {
    static const char key[] = "unit";
    const int32_t n = 1, key_size = sizeof key - 1, size = (int32_t)strlen(unit);
    char *metadata = evtwin__calloc(1, 3 * sizeof n + (size_t)key_size + (size_t)size);
    if (metadata != NULL) {
        char *at = metadata;
        memcpy(at, &n, sizeof n);
        memcpy(at += sizeof n, &key_size, sizeof n);
        memcpy(at += sizeof n, key, (size_t)key_size);
        memcpy(at += key_size, &size, sizeof n);
        memcpy(at + sizeof n, unit, (size_t)size);
    }
    return metadata;
}

static evtwin_status make_field(const evtwin_table *table, size_t col, struct ArrowSchema *out) {
    static const char *const formats[] = {[EVTWIN_F64] = "g",
                                          [EVTWIN_I64] = "l",
                                          [EVTWIN_TIME] = "tsu:UTC",
                                          [EVTWIN_BOOL] = "b",
                                          [EVTWIN_TEXT] = "i"};
    const evtwin_type type = evtwin_table_type(table, col);
    const char *unit = evtwin_table_unit(table, col);
    schema_parts *parts = evtwin__calloc(1, sizeof *parts);
    EVTWIN_FAIL_IF(parts == NULL, EVTWIN_E_NOMEM, "no memory for the schema of a column");
    parts->name = evtwin__strdup(evtwin_table_name(table, col));
    parts->metadata = unit[0] != '\0' ? unit_metadata(unit) : NULL;
    parts->dictionary = (struct ArrowSchema){
        .format = "u", .flags = ARROW_FLAG_NULLABLE, .release = release_nothing};
    *out = (struct ArrowSchema){.format = formats[type],
                                .name = parts->name,
                                .metadata = parts->metadata,
                                .flags = ARROW_FLAG_NULLABLE,
                                .dictionary = type == EVTWIN_TEXT ? &parts->dictionary : NULL,
                                .release = release_schema,
                                .private_data = parts};
    EVTWIN_FAIL_IF(parts->name == NULL || (unit[0] != '\0' && parts->metadata == NULL),
                   EVTWIN_E_NOMEM, "no memory for the schema of a column");
    return EVTWIN_OK;
}

/* The struct of all columns; on failure it has been released. */
static evtwin_status make_schema(const evtwin_table *table, struct ArrowSchema *out) {
    const size_t cols = evtwin_table_cols(table);
    schema_parts *parts = evtwin__calloc(1, sizeof *parts);
    EVTWIN_FAIL_IF(parts == NULL, EVTWIN_E_NOMEM, "no memory for a schema");
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .release = release_schema, .private_data = parts};
    parts->child = evtwin__calloc(cols, sizeof *parts->child);
    parts->children = evtwin__calloc(cols, sizeof *parts->children);
    out->children = parts->children;
    evtwin_status st = parts->child != NULL && parts->children != NULL
                           ? EVTWIN_OK
                           : evtwin__fail(EVTWIN_E_NOMEM, "no memory for %zu columns", cols);
    for (size_t i = 0; st >= 0 && i < cols; i++) {
        parts->children[i] = &parts->child[i];
        out->n_children = (int64_t)i + 1; /* one that was not made has no release */
        st = make_field(table, i, &parts->child[i]);
    }
    if (st < 0) {
        release_schema(out);
    }
    return st;
}

evtwin_status evtwin_table_arrow_schema(const evtwin_table *table, struct ArrowSchema *out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    struct ArrowSchema made;
    EVTWIN_TRY(make_schema(table, &made));
    *out = made;
    return EVTWIN_OK;
}

/* ---- arrays: each has a reference of the table, since a consumer may move it away ---- */

typedef struct array_parts {
    evtwin_table *table; /* a reference */
    const void *buffers[MAX_BUFFERS];
    struct ArrowArray *child, **children;
    struct ArrowArray dictionary;
} array_parts;

static void release_array(struct ArrowArray *array) {
    array_parts *parts = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
    }
    if (array->dictionary != NULL && array->dictionary->release != NULL) {
        array->dictionary->release(array->dictionary);
    }
    evtwin_table_free(parts->table);
    evtwin__free(parts->child);
    evtwin__free(parts->children);
    evtwin__free(parts);
    array->release = NULL;
}

/* An array with a reference of the table. */
static evtwin_status begin_array(evtwin_table *table, size_t length, int64_t n_buffers,
                                 array_parts **parts_out, struct ArrowArray *out) {
    array_parts *parts = evtwin__calloc(1, sizeof *parts);
    EVTWIN_FAIL_IF(parts == NULL, EVTWIN_E_NOMEM, "no memory for an array");
    parts->table = evtwin_table_share(table);
    *out = (struct ArrowArray){.length = (int64_t)length,
                               .n_buffers = n_buffers,
                               .buffers = parts->buffers,
                               .release = release_array,
                               .private_data = parts};
    *parts_out = parts;
    return EVTWIN_OK;
}

static const void *data_of(const evtwin_table *table, size_t col) {
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        return evtwin_table_f64(table, col);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        return evtwin_table_i64(table, col);
    case EVTWIN_BOOL:
        return evtwin_table_bits(table, col);
    case EVTWIN_TEXT:
        break;
    }
    return evtwin_table_codes(table, col);
}

static evtwin_status make_column(evtwin_table *table, size_t col, struct ArrowArray *out) {
    array_parts *parts = NULL, *of_dictionary = NULL;
    EVTWIN_TRY(begin_array(table, evtwin_table_rows(table), 2, &parts, out));
    parts->buffers[0] = evtwin_table_validity(table, col);
    parts->buffers[1] = data_of(table, col);
    /* never -1, "not counted", which DuckDB 1.4 takes for none */
    out->null_count = parts->buffers[0] != NULL ? (int64_t)table->column[col].n_missing : 0;
    if (evtwin_table_type(table, col) == EVTWIN_TEXT) {
        EVTWIN_TRY(begin_array(table, evtwin_table_dict_size(table, col), 3, &of_dictionary,
                               &parts->dictionary));
        out->dictionary = &parts->dictionary;
        const int32_t *offsets;
        const char *bytes;
        evtwin_table_dict_utf8(table, col, &offsets, &bytes);
        of_dictionary->buffers[1] = offsets;
        of_dictionary->buffers[2] = bytes;
    }
    return EVTWIN_OK;
}

/* The batch; on failure it has been released. */
static evtwin_status make_batch(evtwin_table *table, struct ArrowArray *out) {
    const size_t cols = evtwin_table_cols(table);
    array_parts *parts = NULL;
    EVTWIN_TRY(begin_array(table, evtwin_table_rows(table), 1, &parts, out));
    parts->child = evtwin__calloc(cols, sizeof *parts->child);
    parts->children = evtwin__calloc(cols, sizeof *parts->children);
    out->children = parts->children;
    evtwin_status st = parts->child != NULL && parts->children != NULL
                           ? EVTWIN_OK
                           : evtwin__fail(EVTWIN_E_NOMEM, "no memory for %zu columns", cols);
    for (size_t i = 0; st >= 0 && i < cols; i++) {
        parts->children[i] = &parts->child[i];
        out->n_children = (int64_t)i + 1;
        st = make_column(table, i, &parts->child[i]);
    }
    if (st < 0) {
        release_array(out);
    }
    return st;
}

/* ---- stream ---- */

typedef struct stream_parts {
    evtwin_table *table; /* a reference */
    int is_done;
    char error[256];
} stream_parts;

static int answer(stream_parts *parts, evtwin_status st) {
    if (st < 0) {
        strncpy(parts->error, evtwin_last_error(), sizeof parts->error - 1);
        return ENOMEM;
    }
    return 0;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    stream_parts *parts = stream->private_data;
    return answer(parts, evtwin_table_arrow_schema(parts->table, out));
}

/* The one batch, then the end, which is an array that has been released. */
static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    stream_parts *parts = stream->private_data;
    struct ArrowArray batch = {.release = NULL};
    const evtwin_status st = parts->is_done ? EVTWIN_OK : make_batch(parts->table, &batch);
    if (st >= 0) {
        parts->is_done = 1;
        *out = batch;
    }
    return answer(parts, st);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    const stream_parts *parts = stream->private_data;
    return parts->error[0] != '\0' ? parts->error : NULL;
}

static void release_stream(struct ArrowArrayStream *stream) {
    stream_parts *parts = stream->private_data;
    evtwin_table_free(parts->table);
    evtwin__free(parts);
    stream->release = NULL;
}

evtwin_status evtwin_table_to_arrow(evtwin_table *table, struct ArrowArrayStream *out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    stream_parts *parts = evtwin__calloc(1, sizeof *parts);
    EVTWIN_FAIL_IF(parts == NULL, EVTWIN_E_NOMEM, "no memory for a stream");
    parts->table = evtwin_table_share(table);
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release_stream,
                                     .private_data = parts};
    return EVTWIN_OK;
}
