/* SPDX-License-Identifier: MIT */
/* fuzz_arrow.c: streams of Arrow's C interface that a producer of the same process gets wrong:
 * lengths, offsets, counts of nulls, buffers, formats, names, units, codes, offsets of strings, and
 * failures on the way. How long a buffer is the interface does not say: each here is as long as
 * what the rows of its batch need, and the offsets of strings, if they are in order, end in it. A
 * stream becomes a table, which is read whole, given out and taken in again, or is refused; and
 * what the producer gave is released once. */

#include "evtwin/arrow.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COLUMNS = 4,
    MAX_BATCHES = 3,
    MAX_ROWS = 24, /* of a batch, of its offset, of a column's own offset, of a dictionary */
    ROOM = 16 * (3 * MAX_ROWS + 2),
    TEXT_ROOM = 64,
    MAX_BUFFERS = 5
};

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- the input: bytes in order, 0 behind the last ---- */

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint8_t take(input *in) {
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

/* A number up to most, or one that cannot be. */
static int64_t take_number(input *in, int most) {
    static const int64_t wrong[] = {-1, -2, INT64_MIN, INT64_MAX, INT64_MAX / 32 + 1};
    const uint8_t byte = take(in);
    return byte < 250 ? byte % (most + 1) : wrong[byte % (sizeof wrong / sizeof *wrong)];
}

/* A count of nulls: -1 says that nobody has counted. */
static int64_t take_nulls(input *in) {
    const int64_t n = take_number(in, 3);
    return n > INT64_MIN ? n - 1 : n;
}

static void take_text(input *in, char *text, size_t room) {
    const size_t n = take(in) % room;
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)take(in);
    }
    text[n] = '\0';
}

/* ---- what a producer gives; each part knows whether it was released ---- */

typedef struct column {
    struct ArrowSchema schema, value_schema, *schema_part;
    char name[24], format[8], value_format[8], metadata[64];
    int is_null_part, is_strings;
} column;

typedef struct array {
    struct ArrowArray array, values, *part;
    const void *buffers[MAX_BUFFERS], *value_buffers[MAX_BUFFERS];
    uint8_t *owned[2 * MAX_BUFFERS]; /* on the heap, so that ASan sees their ends */
} array;

typedef struct batch {
    array columns[MAX_COLUMNS];
    struct ArrowArray *children[MAX_COLUMNS];
    const void *no_validity[1];
    int is_given, n_released;
} batch;

typedef struct producer {
    input *in;
    column columns[MAX_COLUMNS];
    struct ArrowSchema *children[MAX_COLUMNS];
    batch batches[MAX_BATCHES];
    size_t n_columns, n_batches, n_given;
    int n_schemas, n_schemas_released, n_streams_released;
    int says;
} producer;

static void part_released(struct ArrowSchema *schema) {
    schema->release = NULL;
}

static void array_part_released(struct ArrowArray *part) {
    part->release = NULL;
}

static void schema_released(struct ArrowSchema *schema) {
    ((producer *)schema->private_data)->n_schemas_released++;
    schema->release = NULL;
}

static void batch_released(struct ArrowArray *given) {
    ((batch *)given->private_data)->n_released++;
    given->release = NULL;
}

/* ---- the schema ---- */

static void take_format(input *in, char *format, size_t room) {
    static const char *const known[] = {"g",   "f",   "e",     "l",     "L",    "i",    "I",
                                        "s",   "S",   "c",     "C",     "b",    "n",    "u",
                                        "U",   "vu",  "tss:",  "tsm:",  "tsu:", "tsn:", "tsu:UTC",
                                        "tdD", "tdm", "d:5,2", "d:38,3"};
    const uint8_t byte = take(in);
    if (byte < 240) {
        strcpy(format, known[byte % (sizeof known / sizeof *known)]);
    } else {
        take_text(in, format, room);
    }
}

/* {"unit": text}, with lengths that cannot be for some inputs. */
static void take_metadata(input *in, char *to) {
    const uint8_t byte = take(in);
    char text[16];
    take_text(in, text, sizeof text);
    const int32_t head[2] = {byte % 16 == 15 ? -1 : 1, byte % 16 == 14 ? -1 : 4};
    const int32_t length = byte % 16 == 13 ? -1 : (int32_t)strlen(text);
    memcpy(to, head, sizeof head);
    memcpy(to + 8, "unit", 4);
    memcpy(to + 12, &length, sizeof length);
    memcpy(to + 16, text, strlen(text));
}

static void make_column(producer *p, size_t i) {
    static const char *const names[] = {"soc", "SoC",         "battery_id",  "timestamp",
                                        "x",   "is_charging", "Current / A", "seq"};
    column *c = &p->columns[i];
    const uint8_t flags = take(p->in), name = take(p->in);
    take_format(p->in, c->format, sizeof c->format);
    if (name < 200) {
        strcpy(c->name, names[name % (sizeof names / sizeof *names)]);
    } else {
        take_text(p->in, c->name, sizeof c->name);
    }
    c->schema = (struct ArrowSchema){.format = (flags & 63) == 63 ? NULL : c->format,
                                     .name = (flags & 63) == 62 ? NULL : c->name,
                                     .release = (flags & 63) == 61 ? NULL : part_released};
    if (flags & 64) {
        take_metadata(p->in, c->metadata);
        c->schema.metadata = c->metadata;
    }
    if (flags & 128) {
        take_format(p->in, c->value_format, sizeof c->value_format);
        c->value_schema =
            (struct ArrowSchema){.format = c->value_format, .name = "", .release = part_released};
        c->schema.dictionary = &c->value_schema;
    }
    p->children[i] = (flags & 63) == 60 ? NULL : &c->schema;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    producer *p = stream->private_data;
    const uint8_t how = take(p->in);
    if (how >= 250) {
        return how == 255 ? ENOMEM : EINVAL;
    }
    *out = (struct ArrowSchema){.format = how == 249   ? "g"
                                          : how == 248 ? NULL
                                                       : "+s",
                                .name = "",
                                .n_children = how == 247   ? -1
                                              : how == 246 ? INT64_MAX
                                                           : (int64_t)p->n_columns,
                                .children = how == 245 ? NULL : p->children,
                                .release = how == 244 ? NULL : schema_released,
                                .private_data = p};
    p->n_schemas += out->release != NULL;
    return 0;
}

/* ---- batches ---- */

/* A buffer that holds what its rows need, of bytes that the input chooses. */
static uint8_t *fill(input *in, uint8_t **owned) {
    uint8_t *bytes = malloc(ROOM);
    require(bytes != NULL);
    const uint8_t step = take(in);
    for (size_t i = 0; i < ROOM; i++) {
        bytes[i] = i < 16 ? take(in) : (uint8_t)(bytes[i - 16] + step);
    }
    *owned = bytes;
    return bytes;
}

/* Offsets: of 32 and of 64 bits, negative or before the end of the text. */
static void limit_offsets(uint8_t *bytes, int width) {
    for (size_t at = 0; at + 8 <= ROOM; at += (size_t)width) {
        int64_t value = 0;
        int32_t narrow = 0;
        if (width == 8) {
            memcpy(&value, bytes + at, 8);
            value = value < 0 ? value : value % TEXT_ROOM;
            memcpy(bytes + at, &value, 8);
        } else {
            memcpy(&narrow, bytes + at, 4);
            narrow = narrow < 0 ? narrow : narrow % TEXT_ROOM;
            memcpy(bytes + at, &narrow, 4);
        }
    }
}

static const int64_t view_sizes[2] = {TEXT_ROOM, TEXT_ROOM};

/* The buffers of one array, some missing, some too few. */
static int64_t make_buffers(input *in, const char *format, const void **buffers, uint8_t **owned) {
    const uint8_t flags = take(in);
    const int is_text = strcmp(format, "u") == 0 || strcmp(format, "U") == 0;
    const int is_view = strcmp(format, "vu") == 0;
    int64_t n = is_text ? 3 : is_view ? 4 : 2;
    buffers[0] = flags & 1 ? fill(in, &owned[0]) : NULL;
    buffers[1] = fill(in, &owned[1]);
    buffers[2] = fill(in, &owned[2]);
    if (is_text) {
        limit_offsets(owned[1], format[0] == 'u' ? 4 : 8);
    } else if (is_view) { /* text, twice, and how long each is */
        const int is_twice = flags & 8;
        buffers[3] = is_twice ? buffers[2] : view_sizes;
        buffers[4] = view_sizes;
        n = is_twice ? 5 : 4;
    }
    buffers[1] = (flags & 240) == 240 ? NULL : buffers[1];
    buffers[2] = (flags & 240) == 224 ? NULL : buffers[2];
    return (flags & 240) == 208 ? n - 1 : (flags & 240) == 192 ? -1 : n;
}

static void make_array(producer *p, array *a, const column *c) {
    a->array.n_buffers = make_buffers(p->in, c->format, a->buffers, a->owned);
    a->array.buffers = (take(p->in) & 63) == 63 ? NULL : a->buffers;
    a->array.length = take_number(p->in, 4 * MAX_ROWS);
    a->array.offset = take_number(p->in, MAX_ROWS);
    a->array.null_count = take_nulls(p->in);
    a->array.release = array_part_released;
    const uint8_t flags = take(p->in);
    if ((c->schema.dictionary != NULL) != (flags == 255)) {
        a->values.n_buffers =
            make_buffers(p->in, c->value_format, a->value_buffers, a->owned + MAX_BUFFERS);
        a->values.buffers = a->value_buffers;
        a->values.length = take_number(p->in, MAX_ROWS);
        a->values.offset = take_number(p->in, MAX_ROWS);
        a->values.null_count = take_nulls(p->in);
        a->values.release = array_part_released;
        a->array.dictionary = &a->values;
    }
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    producer *p = stream->private_data;
    const uint8_t how = take(p->in);
    *out = (struct ArrowArray){.release = NULL};
    if (how >= 252) {
        return how == 255 ? ENOMEM : EIO;
    }
    if (p->n_given == p->n_batches) {
        return 0;
    }
    batch *b = &p->batches[p->n_given++];
    for (size_t i = 0; i < p->n_columns; i++) {
        make_array(p, &b->columns[i], &p->columns[i]);
        b->children[i] = how == 251 && i == 0 ? NULL : &b->columns[i].array;
    }
    const int64_t length = take_number(p->in, MAX_ROWS), offset = take_number(p->in, MAX_ROWS);
    *out = (struct ArrowArray){.length = length,
                               .offset = offset,
                               .null_count = take_number(p->in, 1),
                               .n_buffers = 1,
                               .n_children = how == 250 ? -1 : (int64_t)p->n_columns,
                               .buffers = how == 249 ? NULL : b->no_validity,
                               .children = how == 248 ? NULL : b->children,
                               .release = batch_released,
                               .private_data = b};
    b->is_given = 1;
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    static const char *const says[] = {NULL, "", "two\nlines", "%s%n"};
    return says[((producer *)stream->private_data)->says];
}

static void stream_released(struct ArrowArrayStream *stream) {
    ((producer *)stream->private_data)->n_streams_released++;
    stream->release = NULL;
}

/* ---- the table that came of it ---- */

/* Every value, so that ASan sees what is no memory of the table. */
static void read_table(const evtwin_table *table) {
    double sum = 0;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        require(evtwin_table_name(table, col) != NULL && evtwin_table_unit(table, col) != NULL);
        for (size_t row = 0; row < evtwin_table_rows(table); row++) {
            const char *text = evtwin_table_text(table, col, row);
            sum += evtwin_table_number(table, col, row) + (text != NULL ? (double)strlen(text) : 0);
        }
    }
    static volatile double seen; /* a compiler must not leave the reading out */
    seen = sum;
    (void)seen;
}

/* Given out and taken in it has the same rows and columns. */
static void again(evtwin_table *table) {
    struct ArrowArrayStream stream = {.release = NULL};
    evtwin_table *same = NULL;
    require(evtwin_table_to_arrow(table, &stream) == EVTWIN_OK);
    const evtwin_status st = evtwin_table_from_arrow(&stream, NULL, &same);
    if (st == EVTWIN_OK) {
        require(evtwin_table_rows(same) == evtwin_table_rows(table) &&
                evtwin_table_cols(same) == evtwin_table_cols(table));
        read_table(same);
        evtwin_table_free(same);
    } else { /* what is neither percent nor fraction says so */
        require(st == EVTWIN_E_RANGE && evtwin_last_error()[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    producer *p = calloc(1, sizeof *p);
    require(p != NULL);
    p->in = &in;
    const uint8_t head = take(&in);
    p->n_columns = head % 8 % (MAX_COLUMNS + 1);
    p->n_batches = head / 8 % (MAX_BATCHES + 1);
    p->says = head / 64;
    for (size_t i = 0; i < p->n_columns; i++) {
        make_column(p, i);
    }
    struct ArrowArrayStream stream = {.get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = head == 7 ? NULL : get_last_error,
                                      .release = stream_released,
                                      .private_data = p};
    evtwin_arrow_options options;
    require(evtwin_arrow_options_init(&options, sizeof options) == EVTWIN_OK);
    options.naive_time = (evtwin_naive_time)(take(&in) % 3);
    evtwin_table *table = NULL;
    if (evtwin_table_from_arrow(&stream, &options, &table) == EVTWIN_OK) {
        require(table != NULL);
        read_table(table);
        again(table);
        evtwin_table_free(table);
    } else {
        require(table == NULL && evtwin_last_error()[0] != '\0');
    }

    require(p->n_streams_released == 1 && p->n_schemas_released == p->n_schemas);
    for (size_t b = 0; b < MAX_BATCHES; b++) {
        require(p->batches[b].n_released == p->batches[b].is_given);
        for (size_t i = 0; i < MAX_COLUMNS; i++) {
            for (size_t k = 0; k < 2 * MAX_BUFFERS; k++) {
                free(p->batches[b].columns[i].owned[k]);
            }
        }
    }
    free(p);
    return 0;
}
