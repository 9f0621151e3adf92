/* SPDX-License-Identifier: MIT */
/* errors.c: a status as an exception of evtwin.errors; what callbacks raise on the way. */

#include "support.h"

#include <string.h>

/* Raised by a callback of the call that runs on this thread; NULL = nothing. */
static _Thread_local PyObject *kept;

/* The exception that is set, as one normalised object; the indicator is cleared. */
static PyObject *take_exception(void) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value != NULL && trace != NULL) {
        PyException_SetTraceback(value, trace);
    }
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return value;
}

static void raise_object(PyObject *exception) {
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}

/* KeyboardInterrupt, SystemExit: no failure, but a wish to stop. */
static int is_stop(PyObject *exception) {
    return exception != NULL && !PyObject_IsInstance(exception, PyExc_Exception);
}

void evtwin_py_keep_exception(void) {
    PyObject *exception = take_exception();
    if (kept == NULL || (is_stop(exception) && !is_stop(kept))) {
        PyObject *earlier = kept;
        kept = exception;
        exception = earlier;
    } /* else the first one is the reason of the others */
    Py_XDECREF(exception);
}

int evtwin_py_forget_exception(void) {
    PyObject *exception = kept;
    kept = NULL;
    if (is_stop(exception)) {
        raise_object(exception);
        return -1;
    }
    Py_XDECREF(exception);
    return 0;
}

/* evtwin.errors.error(status, text): a new exception; NULL with another error set. */
static PyObject *make_error(evtwin_status status, const char *text) {
    PyObject *module = PyImport_ImportModule("evtwin.errors");
    if (module == NULL) {
        return NULL;
    }
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *error = NULL;
    if (line != NULL) {
        error = PyObject_CallMethod(module, "error", "iO", (int)status, line);
    }
    Py_XDECREF(line);
    Py_DECREF(module);
    return error;
}

void evtwin_py_raise(evtwin_status status) {
    PyObject *cause = kept;
    kept = NULL;
    const int stops = cause != NULL && (status == EVTWIN_E_CANCELLED || is_stop(cause));
    if (stops) {
        raise_object(cause);
        return;
    }

    /* making the exception may call the library again: the text is read first */
    PyObject *error = make_error(status, evtwin_last_error());
    if (error == NULL) {
        Py_XDECREF(cause);
        return;
    }
    if (cause != NULL) {
        PyException_SetCause(error, cause); /* stolen */
    }
    raise_object(error);
}

PyObject *evtwin_py_append(PyObject *result, PyObject *item) {
    if (item == NULL) {
        Py_XDECREF(result);
        return NULL;
    }
    if (result == Py_Ellipsis) {
        Py_DECREF(result);
        return item;
    }
    if (!PyTuple_CheckExact(result)) {
        PyObject *pair = PyTuple_Pack(2, result, item);
        Py_DECREF(result);
        Py_DECREF(item);
        return pair;
    }
    PyObject *last = PyTuple_Pack(1, item);
    PyObject *all = last != NULL ? PySequence_Concat(result, last) : NULL;
    Py_XDECREF(last);
    Py_DECREF(item);
    Py_DECREF(result);
    return all;
}
