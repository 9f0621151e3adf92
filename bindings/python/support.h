/* SPDX-License-Identifier: MIT */
/* support.h: what the SWIG wrapper needs beside the public headers: errors, buffers, callbacks.
 * Everything here is called with the GIL held, but for the callbacks, which take it themselves. */
#ifndef EVTWIN_PY_SUPPORT_H
#define EVTWIN_PY_SUPPORT_H

#include <Python.h>

#include "evtwin/evtwin.h"

/* ---- errors ---- */

/** Raise the exception of evtwin.errors that belongs to a status < 0, with the thread's error text.
 * What a callback raised is its cause; it is raised itself where it asked to stop (progress,
 * Ctrl-C). */
void evtwin_py_raise(evtwin_status status);

/** A callback raised on this thread: keep it for the call that it was made from. */
void evtwin_py_keep_exception(void);

/** A call that has succeeded forgets what its callbacks raised. @return 0, or -1 with the exception
 * set where one wants to stop (KeyboardInterrupt): a pump that holds the rows has succeeded. */
int evtwin_py_forget_exception(void);

/** An output of a call: the first takes the place of the marker (stolen), more make a tuple.
 * item NULL: an error is set, so is the result. */
PyObject *evtwin_py_append(PyObject *result, PyObject *item);

/* ---- text and buffers ---- */

/** UTF-8 of a str, borrowed from it; None is NULL. @return 0, or -1 with TypeError or ValueError.
 */
int evtwin_py_text(PyObject *object, const char **out);

/** A bytes object that holds the addresses of a list of str: the list must outlive it. */
PyObject *evtwin_py_strings(PyObject *list);

/** A C-contiguous buffer of items of one format ("f", "d", "q" …) with n_dims dimensions (0: any).
 * @return 0, or -1 with TypeError (another format), ValueError (another shape, not contiguous) or
 * BufferError. view is to be released then, and only then, if 0 is returned. */
int evtwin_py_buffer(PyObject *object, const char *formats, size_t item_size, int n_dims,
                     int writable, const char *what, Py_buffer *view);

/** 0 if the buffer has rows * cols items, else -1 with ValueError. */
int evtwin_py_has_room(const Py_buffer *view, size_t rows, size_t cols, const char *what);

/** Read-only view of n items of a column, which keeps a reference to its table: permanently
 * immutable from now on, as nothing may move below the view. None where data is NULL. */
PyObject *evtwin_py_view(const evtwin_table *table, const void *data, size_t n, const char *format,
                         Py_ssize_t item_size);

/* ---- callbacks: ctx is the Python object ---- */

/** From here on no callback enters Python: the interpreter ends. Waits for those that are between
 * evtwin_py_enter and evtwin_py_leave. */
void evtwin_py_close(void);

/** Take the GIL for something short that waits for nothing, on any thread. @return 0 if the
 * interpreter ends: there is no Python any more. */
int evtwin_py_enter(PyGILState_STATE *state);
void evtwin_py_leave(PyGILState_STATE state);

void evtwin_py_on_log(void *ctx, evtwin_log_level level, const char *text);
int evtwin_py_on_progress(void *ctx, const char *what, double done);

/** Table to Python and back, which only the wrapper can do. wrap steals the table. */
typedef struct evtwin_py_wrapper {
    PyObject *(*table)(evtwin_table *table);
    PyObject *(*predictor)(const evtwin_predictor *predictor); /**< borrowed */
    PyObject *(*event)(const evtwin_pump_event *event);        /**< borrowed */
    evtwin_table *(*table_of)(PyObject *object); /**< borrowed, or NULL with TypeError */
} evtwin_py_wrapper;
extern evtwin_py_wrapper evtwin_py_wrap;

void evtwin_py_on_event(void *ctx, const evtwin_pump_event *event);
evtwin_status evtwin_py_on_check(void *ctx, const evtwin_predictor *predictor);

/** Callbacks of a Python object: those that it has methods for. out->name is borrowed from name, a
 * new reference, to be held until the call has copied it; NULL on failure.
 * @return 0, or -1 with an error. */
int evtwin_py_source(PyObject *object, evtwin_source_callbacks *out, PyObject **name);
int evtwin_py_sink(PyObject *object, evtwin_sink_callbacks *out, PyObject **name);

#endif
