/* SPDX-License-Identifier: MIT */
/* arrow.c: arrays of Python as an Arrow stream of one batch, which keeps them. */

#include "arrow.h"

#include "evtwin/arrow.h"

#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BUFFERS = 3 };

typedef struct column {
    Py_buffer view[MAX_BUFFERS];
    int has_view[MAX_BUFFERS];
    const void *buffer[MAX_BUFFERS];
    struct ArrowSchema schema;
    struct ArrowArray array;
} column;

/* What stream, schema and batch have in common; the last of them frees it. */
typedef struct kept {
    atomic_int n_users;
    int is_read;       /* the one batch has been given */
    PyObject *columns; /* owner of names and formats */
    Py_ssize_t n, rows;
    column *column;               /* (n) */
    struct ArrowSchema **schemas; /* (n) */
    struct ArrowArray **arrays;   /* (n) */
    const void *no_validity[1];
} kept;

static void kept_free(kept *k) {
    for (Py_ssize_t i = 0; k->column != NULL && i < k->n; i++) {
        for (int b = 0; b < MAX_BUFFERS; b++) {
            if (k->column[i].has_view[b]) {
                PyBuffer_Release(&k->column[i].view[b]);
            }
        }
    }
    Py_XDECREF(k->columns);
    free(k->column);
    free((void *)k->schemas);
    free((void *)k->arrays);
    free(k);
}

/* A user is done, on any thread. When the interpreter ends a thread of others that asked for the
 * GIL would never come back: the memory is the system's then. */
static void let_go(kept *k) {
    PyGILState_STATE state;
    if (atomic_fetch_sub(&k->n_users, 1) == 1 && evtwin_py_enter(&state)) {
        kept_free(k);
        evtwin_py_leave(state);
    }
}

static void hold(kept *k) {
    atomic_fetch_add(&k->n_users, 1);
}

/* ---- the stream: the library calls it without the GIL ---- */

static void part_of_schema_released(struct ArrowSchema *schema) {
    schema->release = NULL;
}

static void schema_released(struct ArrowSchema *schema) {
    schema->release = NULL;
    let_go(schema->private_data);
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    kept *k = stream->private_data;
    hold(k);
    for (Py_ssize_t i = 0; i < k->n; i++) {
        k->schemas[i] = &k->column[i].schema;
    }
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = k->n,
                                .children = k->schemas,
                                .release = schema_released,
                                .private_data = k};
    return 0;
}

static void part_of_batch_released(struct ArrowArray *array) {
    array->release = NULL;
}

static void batch_released(struct ArrowArray *array) {
    array->release = NULL;
    let_go(array->private_data);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    kept *k = stream->private_data;
    *out = (struct ArrowArray){.release = NULL};
    if (k->is_read) {
        return 0;
    }
    k->is_read = 1;
    hold(k);
    for (Py_ssize_t i = 0; i < k->n; i++) {
        k->arrays[i] = &k->column[i].array;
    }
    *out = (struct ArrowArray){.length = k->rows,
                               .n_buffers = 1,
                               .n_children = k->n,
                               .buffers = k->no_validity,
                               .children = k->arrays,
                               .release = batch_released,
                               .private_data = k};
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return NULL; /* nothing fails */
}

static void stream_released(struct ArrowArrayStream *stream) {
    stream->release = NULL;
    let_go(stream->private_data);
}

/* ---- made from Python's objects ---- */

static int take_buffers(column *c, PyObject *buffers) {
    const Py_ssize_t n = PyList_Check(buffers) ? PyList_Size(buffers) : -1;
    if (n < 0 || n > MAX_BUFFERS) {
        PyErr_Format(PyExc_TypeError, "buffers: a list of at most %d is needed", MAX_BUFFERS);
        return -1;
    }
    for (Py_ssize_t b = 0; b < n; b++) {
        PyObject *object = PyList_GetItem(buffers, b);
        if (object == Py_None) {
            continue;
        }
        if (PyObject_GetBuffer(object, &c->view[b], PyBUF_SIMPLE) != 0) {
            return -1;
        }
        c->has_view[b] = 1;
        c->buffer[b] = c->view[b].buf;
    }
    c->array.n_buffers = n;
    return 0;
}

static int take_column(kept *k, Py_ssize_t i, PyObject *item) {
    column *c = &k->column[i];
    if (!PyTuple_Check(item) || PyTuple_Size(item) != 4) {
        PyErr_SetString(PyExc_TypeError, "columns: tuples (name, format, null_count, buffers)");
        return -1;
    }
    const char *name, *format;
    if (evtwin_py_text(PyTuple_GetItem(item, 0), &name) != 0 ||
        evtwin_py_text(PyTuple_GetItem(item, 1), &format) != 0) {
        return -1;
    }
    const long long nulls = PyLong_AsLongLong(PyTuple_GetItem(item, 2));
    if (nulls == -1 && PyErr_Occurred()) {
        return -1;
    }
    c->schema = (struct ArrowSchema){.format = format,
                                     .name = name,
                                     .flags = ARROW_FLAG_NULLABLE,
                                     .release = part_of_schema_released};
    c->array = (struct ArrowArray){.length = k->rows,
                                   .null_count = nulls,
                                   .buffers = c->buffer,
                                   .release = part_of_batch_released};
    return take_buffers(c, PyTuple_GetItem(item, 3));
}

static kept *kept_create(PyObject *columns, Py_ssize_t rows) {
    kept *k = calloc(1, sizeof *k);
    if (k == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    atomic_init(&k->n_users, 1);
    k->rows = rows;
    k->columns = PySequence_Tuple(columns); /* lists change, tuples do not */
    k->n = k->columns != NULL ? PyTuple_Size(k->columns) : 0;
    const size_t n = (size_t)k->n + 1;
    k->column = calloc(n, sizeof *k->column);
    k->schemas = calloc(n, sizeof *k->schemas);
    k->arrays = calloc(n, sizeof *k->arrays);
    int failed = k->columns == NULL;
    if (!failed && (k->column == NULL || k->schemas == NULL || k->arrays == NULL)) {
        PyErr_NoMemory();
        failed = 1;
    }
    for (Py_ssize_t i = 0; !failed && i < k->n; i++) {
        failed = take_column(k, i, PyTuple_GetItem(k->columns, i)) != 0;
    }
    if (failed) {
        kept_free(k);
        return NULL;
    }
    return k;
}

/* A stream that nobody read. */
static void free_capsule(PyObject *capsule) {
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream != NULL && stream->release != NULL) {
        stream->release(stream);
    }
    free(stream);
}

PyObject *evtwin_py_stream(PyObject *columns, size_t rows) {
    if (rows > PY_SSIZE_T_MAX) {
        PyErr_Format(PyExc_ValueError, "rows: %zu are too many", rows);
        return NULL;
    }
    struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
    kept *k = stream != NULL ? kept_create(columns, (Py_ssize_t)rows) : NULL;
    if (k == NULL) {
        if (stream == NULL) {
            PyErr_NoMemory();
        }
        free(stream);
        return NULL;
    }
    *stream = (struct ArrowArrayStream){.get_schema = get_schema,
                                        .get_next = get_next,
                                        .get_last_error = get_last_error,
                                        .release = stream_released,
                                        .private_data = k};
    PyObject *capsule = PyCapsule_New(stream, "arrow_array_stream", free_capsule);
    if (capsule == NULL) {
        kept_free(k);
        free(stream);
    }
    return capsule;
}
