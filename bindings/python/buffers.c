/* SPDX-License-Identifier: MIT */
/* buffers.c: text and arrays between Python and C without a copy. */

#include "support.h"

#include <string.h>

int evtwin_py_text(PyObject *object, const char **out) {
    if (object == Py_None) {
        *out = NULL;
        return 0;
    }
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "expected str or None, not %R", (PyObject *)Py_TYPE(object));
        return -1;
    }
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(object, &length);
    if (text == NULL) {
        return -1;
    }
    if (strlen(text) != (size_t)length) {
        PyErr_SetString(PyExc_ValueError, "the text has a NUL character");
        return -1;
    }
    *out = text;
    return 0;
}

PyObject *evtwin_py_strings(PyObject *list) {
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "expected a list of str");
        return NULL;
    }
    const Py_ssize_t n = PyList_Size(list);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(char *));
    if (bytes == NULL) {
        return NULL;
    }
    const char **addresses = (const char **)(void *)PyBytes_AsString(bytes);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (evtwin_py_text(PyList_GetItem(list, i), &addresses[i]) != 0) {
            Py_DECREF(bytes);
            return NULL;
        }
    }
    return bytes;
}

/* Native numbers only: "<f" of another byte order has a prefix that this does not take. */
static int has_format(const Py_buffer *view, const char *formats, size_t item_size) {
    const char *format = view->format != NULL ? view->format : "B";
    if (*format == '@' || *format == '=') {
        format++;
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (*format == '<') {
        format++;
    }
#endif
    return (size_t)view->itemsize == item_size && format[0] != '\0' && format[1] == '\0' &&
           strchr(formats, format[0]) != NULL;
}

int evtwin_py_buffer(PyObject *object, const char *formats, size_t item_size, int n_dims,
                     int writable, const char *what, Py_buffer *view) {
    if (!PyObject_CheckBuffer(object)) {
        PyErr_Format(PyExc_TypeError, "%s: expected an array (buffer protocol), not %R", what,
                     (PyObject *)Py_TYPE(object));
        return -1;
    }
    const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) != 0) {
        return -1;
    }
    if (!has_format(view, formats, item_size)) {
        PyErr_Format(PyExc_TypeError, "%s: items of %zu bytes, format '%c' are needed, not '%s'",
                     what, item_size, formats[0], view->format != NULL ? view->format : "B");
    } else if (n_dims != 0 && view->ndim != n_dims) {
        PyErr_Format(PyExc_ValueError, "%s: an array of %d dimensions is needed, not of %d", what,
                     n_dims, view->ndim);
    } else if (!PyBuffer_IsContiguous(view, 'C')) {
        PyErr_Format(PyExc_ValueError, "%s: the array is not C-contiguous", what);
    } else {
        return 0;
    }
    PyBuffer_Release(view);
    return -1;
}

int evtwin_py_has_room(const Py_buffer *view, size_t rows, size_t cols, const char *what) {
    size_t wanted;
    const size_t has = view->itemsize > 0 ? (size_t)(view->len / view->itemsize) : 0;
    if (__builtin_mul_overflow(rows, cols, &wanted) || has != wanted) {
        PyErr_Format(PyExc_ValueError, "%s: has %zu items, not %zu x %zu", what, has, rows, cols);
        return -1;
    }
    return 0;
}

/* ---- a view of a column ---- */

typedef struct column_view {
    PyObject_HEAD evtwin_table *table;
    const void *data;
    char format[2];
    Py_ssize_t n, item_size;
} column_view;

static int view_get(PyObject *self, Py_buffer *buffer, int flags) {
    column_view *v = (column_view *)(void *)self;
    if (PyBuffer_FillInfo(buffer, self, (void *)(uintptr_t)v->data, v->n * v->item_size, 1,
                          flags)) {
        return -1;
    }
    buffer->itemsize = v->item_size;
    if (buffer->format != NULL) {
        buffer->format = v->format;
    }
    if (buffer->shape != NULL) {
        buffer->shape = &v->n;
    }
    if (buffer->strides != NULL) {
        buffer->strides = &v->item_size;
    }
    return 0;
}

static void view_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    evtwin_table_free(((column_view *)(void *)self)->table);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *view_type(void) {
    static PyObject *type; /* made once, with the GIL held */
    if (type == NULL) {
        static char doc[] = "Read-only view of a table's column (buffer protocol).";
        static PyType_Slot slots[] = {
            {Py_tp_doc, doc},
            {Py_tp_dealloc, (void *)view_free},
            {Py_bf_getbuffer, (void *)view_get},
            {0, NULL},
        };
        static PyType_Spec spec = {.name = "evtwin.core.View",
                                   .basicsize = sizeof(column_view),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   .slots = slots};
        type = PyType_FromSpec(&spec);
    }
    return type;
}

PyObject *evtwin_py_view(const evtwin_table *table, const void *data, size_t n, const char *format,
                         Py_ssize_t item_size) {
    static const uint64_t nothing; /* where an empty column points to */
    if (data == NULL && n > 0) {
        Py_RETURN_NONE;
    }
    PyObject *type = view_type();
    if (type == NULL) {
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)type, Py_tp_alloc);
    column_view *v = (column_view *)(void *)allocate((PyTypeObject *)type, 0);
    if (v == NULL) {
        return NULL;
    }
    /* sharing does not change what the table is to its readers */
    v->table = evtwin_table_share((evtwin_table *)(uintptr_t)table);
    v->data = data != NULL ? data : &nothing;
    v->format[0] = format[0];
    v->n = (Py_ssize_t)n;
    v->item_size = item_size;
    return (PyObject *)v;
}
