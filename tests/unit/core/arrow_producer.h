/* SPDX-License-Identifier: MIT */
/* tests/unit/core/arrow_producer.h: a producer of Arrow streams whose every part a test writes down
 * itself, right or wrong, and that counts what was released, and how often. */
#ifndef EVTWIN_TEST_ARROW_PRODUCER_H
#define EVTWIN_TEST_ARROW_PRODUCER_H

#include "evtwin/arrow.h"

#include <errno.h>
#include <string.h>

enum { MAX_COLS = 4, MAX_BATCHES = 4, MAX_BUFFERS = 5 };

/* A column of a batch: its array as it is handed out. */
typedef struct column {
    const char *format, *name, *metadata;
    const char *dictionary; /* format, NULL = none */
    int64_t length, null_count, offset, n_buffers;
    const void *buffer[MAX_BUFFERS];
    struct column *values; /* of the dictionary */
} column;

typedef struct batch {
    int64_t length, offset, null_count;
    int has_other_width;   /* one column fewer than the schema */
    const void *buffer[1]; /* which rows are there as a whole; NULL = all */
    column col[MAX_COLS];
} batch;

typedef struct producer {
    int64_t n_cols;
    size_t n_batches;
    batch batch[MAX_BATCHES];
    const char *schema_format; /* NULL = "+s" */
    const char *error;         /* of get_next at batch error_at; NULL = none */
    size_t error_at;
    int schema_error;

    size_t next;
    int n_streams_released, n_schemas_released, n_made, n_released;
    struct ArrowSchema schema, field[MAX_COLS], *fields[MAX_COLS], dictionary[MAX_COLS];
    struct ArrowArray array[MAX_BATCHES][MAX_COLS], *arrays[MAX_BATCHES][MAX_COLS];
    struct ArrowArray values[MAX_BATCHES][MAX_COLS];
} producer;

static void child_schema_released(struct ArrowSchema *schema) {
    schema->release = NULL;
}

static void schema_released(struct ArrowSchema *schema) {
    producer *p = schema->private_data;
    p->n_schemas_released++;
    schema->release = NULL;
}

static void child_array_released(struct ArrowArray *array) {
    array->release = NULL;
}

/* Children belong to the batch: whoever reads it releases the batch alone. */
static void batch_released(struct ArrowArray *array) {
    producer *p = array->private_data;
    p->n_released++;
    array->release = NULL;
}

static int give_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    producer *p = stream->private_data;
    if (p->schema_error != 0) {
        return p->schema_error;
    }
    for (int64_t i = 0; i < p->n_cols; i++) {
        const column *c = &p->batch[0].col[i];
        p->dictionary[i] =
            (struct ArrowSchema){.format = c->dictionary, .release = child_schema_released};
        p->field[i] =
            (struct ArrowSchema){.format = c->format,
                                 .name = c->name,
                                 .metadata = c->metadata,
                                 .flags = ARROW_FLAG_NULLABLE,
                                 .dictionary = c->dictionary != NULL ? &p->dictionary[i] : NULL,
                                 .release = child_schema_released};
        p->fields[i] = &p->field[i];
    }
    *out = (struct ArrowSchema){.format = p->schema_format != NULL ? p->schema_format : "+s",
                                .n_children = p->n_cols,
                                .children = p->fields,
                                .release = schema_released,
                                .private_data = p};
    return 0;
}

static struct ArrowArray array_of(column *c, struct ArrowArray *dictionary) {
    return (struct ArrowArray){.length = c->length,
                               .null_count = c->null_count,
                               .offset = c->offset,
                               .n_buffers = c->n_buffers,
                               .buffers = c->buffer,
                               .dictionary = dictionary,
                               .release = child_array_released};
}

static int give_batch(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    producer *p = stream->private_data;
    if (p->error != NULL && p->next == p->error_at) {
        return EIO;
    }
    *out = (struct ArrowArray){.release = NULL};
    if (p->next == p->n_batches) {
        return 0;
    }
    const size_t b = p->next++;
    batch *from = &p->batch[b];
    for (int64_t i = 0; i < p->n_cols; i++) {
        column *c = &from->col[i];
        if (c->values != NULL) {
            p->values[b][i] = array_of(c->values, NULL);
        }
        p->array[b][i] = array_of(c, c->values != NULL ? &p->values[b][i] : NULL);
        p->arrays[b][i] = &p->array[b][i];
    }
    p->n_made++;
    *out = (struct ArrowArray){.length = from->length,
                               .offset = from->offset,
                               .null_count = from->null_count,
                               .n_buffers = 1,
                               .buffers = from->buffer,
                               .n_children = p->n_cols - (from->has_other_width ? 1 : 0),
                               .children = p->arrays[b],
                               .release = batch_released,
                               .private_data = p};
    return 0;
}

static const char *give_error(struct ArrowArrayStream *stream) {
    return ((producer *)stream->private_data)->error;
}

static void stream_released(struct ArrowArrayStream *stream) {
    ((producer *)stream->private_data)->n_streams_released++;
    stream->release = NULL;
}

static inline struct ArrowArrayStream stream_of(producer *p) {
    return (struct ArrowArrayStream){.get_schema = give_schema,
                                     .get_next = give_batch,
                                     .get_last_error = give_error,
                                     .release = stream_released,
                                     .private_data = p};
}

#endif
