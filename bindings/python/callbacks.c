/* SPDX-License-Identifier: MIT */
/* callbacks.c: C callbacks that call Python objects: log, progress, events, checks, own sources and
 * sinks. Each takes the GIL, as it may run on a thread of the library's. */

#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

evtwin_py_wrapper evtwin_py_wrap;

static atomic_int is_closed, n_inside;

/* A thread that asks for the GIL once the interpreter ends is unwound by CPython before 3.14, and
 * C++ frames of others below it (DuckDB's, pyarrow's) call std::terminate then. So those that came
 * before the door was shut finish first; but 10 s at most, as in the child of a fork they never do.
 */
void evtwin_py_close(void) {
    atomic_store(&is_closed, 1);
    PyThreadState *saved = PyEval_SaveThread();
    for (int ms = 0; atomic_load(&n_inside) > 0 && ms < 10000; ms++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    PyEval_RestoreThread(saved);
}

int evtwin_py_enter(PyGILState_STATE *state) {
    atomic_fetch_add(&n_inside, 1); /* before the look: close sees it, or it sees close */
    if (atomic_load(&is_closed)) {
        atomic_fetch_sub(&n_inside, 1);
        return 0;
    }
    *state = PyGILState_Ensure();
    return 1;
}

void evtwin_py_leave(PyGILState_STATE state) {
    PyGILState_Release(state);
    atomic_fetch_sub(&n_inside, 1);
}

/* 1 on a thread of the library's: no call of Python's waits for what is raised there. */
static _Thread_local int is_foreign;

/* Enter Python; 0 if there is none (any more). */
static int enter(PyGILState_STATE *state) {
    if (atomic_load(&is_closed)) {
        return 0;
    }
    is_foreign = PyGILState_GetThisThreadState() == NULL;
    *state = PyGILState_Ensure();
    return 1;
}

/* An exception where no status answers reaches sys.unraisablehook, but Ctrl-C in the meantime the
 * call that the callback was made from. */
static void report(PyObject *object) {
    if (!is_foreign && !PyErr_ExceptionMatches(PyExc_Exception)) {
        evtwin_py_keep_exception();
    } else {
        PyErr_WriteUnraisable(object);
    }
}

static PyObject *text_object(const char *text) {
    if (text == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* ---- log, progress ---- */

void evtwin_py_on_log(void *ctx, evtwin_log_level level, const char *text) {
    PyGILState_STATE state;
    if (ctx == NULL || !enter(&state)) {
        return;
    }
    /* a message on the way to an exception must not disturb it */
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *line = text_object(text);
    PyObject *answer = line ? PyObject_CallFunction(ctx, "iO", (int)level, line) : NULL;
    if (answer == NULL) {
        report(ctx);
    }
    Py_XDECREF(answer);
    Py_XDECREF(line);
    PyErr_Restore(type, value, trace);
    PyGILState_Release(state);
}

int evtwin_py_on_progress(void *ctx, const char *what, double done) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return 1;
    }
    int stops = 1;
    if (PyErr_CheckSignals() == 0) { /* Ctrl-C ends long work */
        PyObject *answer = PyObject_CallFunction(ctx, "sd", what, done);
        stops = answer != NULL ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
    } else {
        stops = -1;
    }
    if (stops < 0) {
        evtwin_py_keep_exception();
    }
    PyGILState_Release(state);
    return stops != 0;
}

void evtwin_py_on_event(void *ctx, const evtwin_pump_event *event) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return;
    }
    PyObject *object = evtwin_py_wrap.event(event);
    PyObject *answer = object ? PyObject_CallFunctionObjArgs(ctx, object, NULL) : NULL;
    if (answer == NULL) {
        report(ctx); /* an event has no answer that could stop a pump */
    }
    Py_XDECREF(answer);
    Py_XDECREF(object);
    PyGILState_Release(state);
}

/* ---- statuses from exceptions ---- */

/* The status of a kind of evtwin.errors.Error, else 0; other exceptions have a status too, such as
 * HTTP's. No error is set before or after. */
static long status_of_ours(PyObject *type) {
    PyObject *module = PyImport_ImportModule("evtwin.errors");
    PyObject *base = module != NULL ? PyObject_GetAttrString(module, "Error") : NULL;
    PyObject *status = base != NULL && PyErr_GivenExceptionMatches(type, base)
                           ? PyObject_GetAttrString(type, "status")
                           : NULL;
    const long number = status != NULL ? PyLong_AsLong(status) : 0;
    const int failed = PyErr_Occurred() != NULL;
    PyErr_Clear();
    Py_XDECREF(status);
    Py_XDECREF(base);
    Py_XDECREF(module);
    return failed ? 0 : number;
}

/* The status that says what the exception which is set says. */
static evtwin_status status_of_exception(void) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    evtwin_status status = EVTWIN_E_EXTERNAL;
    const long number = status_of_ours(type);
    if (number < 0 && number >= EVTWIN_E_DENIED) {
        status = (evtwin_status)number;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_MemoryError)) {
        status = EVTWIN_E_NOMEM;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_PermissionError)) {
        status = EVTWIN_E_DENIED;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_ConnectionError) ||
               PyErr_GivenExceptionMatches(type, PyExc_TimeoutError) ||
               PyErr_GivenExceptionMatches(type, PyExc_BlockingIOError)) {
        status = EVTWIN_E_AGAIN;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_OSError)) {
        status = EVTWIN_E_IO;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_NotImplementedError)) {
        status = EVTWIN_E_UNSUPPORTED;
    } else if (PyErr_GivenExceptionMatches(type, PyExc_ValueError)) {
        status = EVTWIN_E_DATA;
    }
    PyErr_Restore(type, value, trace);
    return status;
}

/* "ValueError: text" of the exception that is set; it stays set. */
static void describe_exception(char *text, size_t size) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *name = type ? PyObject_GetAttrString(type, "__name__") : NULL;
    PyObject *words = value ? PyObject_Str(value) : NULL;
    const char *n = name ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    const char *w = words ? PyUnicode_AsUTF8AndSize(words, NULL) : NULL;
    snprintf(text, size, "%s: %s", n ? n : "exception", w ? w : "");
    Py_XDECREF(name);
    Py_XDECREF(words);
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

/* The status of a callback that raised; the exception goes to the call that it was made from, if
 * there is one: else the text says it all. */
static evtwin_status fail(void) {
    char text[1024];
    const evtwin_status status = status_of_exception();
    describe_exception(text, sizeof text);
    if (is_foreign) {
        PyErr_Clear();
    } else {
        evtwin_py_keep_exception();
    }
    return evtwin_set_last_error(status, text);
}

/* The status of an answer (stolen), which may be NULL. */
static evtwin_status finish(PyObject *answer) {
    if (answer == NULL) {
        return fail();
    }
    Py_DECREF(answer);
    return EVTWIN_OK;
}

static evtwin_status call_with_timeout(PyObject *object, const char *method, int timeout_ms) {
    return finish(PyObject_CallMethod(object, method, "d", timeout_ms / 1e3));
}

evtwin_status evtwin_py_on_check(void *ctx, const evtwin_predictor *predictor) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *object = evtwin_py_wrap.predictor(predictor);
    evtwin_status status = finish(object ? PyObject_CallFunctionObjArgs(ctx, object, NULL) : NULL);
    Py_XDECREF(object);
    PyGILState_Release(state);
    return status;
}

/* ---- what sources and sinks have in common ---- */

static void on_close(void *ctx) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return;
    }
    PyObject *object = ctx;
    if (PyObject_HasAttrString(object, "close")) {
        PyObject *answer = PyObject_CallMethod(object, "close", NULL);
        if (answer == NULL) {
            report(object);
        }
        Py_XDECREF(answer);
    }
    Py_DECREF(object);
    PyGILState_Release(state);
}

static evtwin_status on_check(void *ctx, int timeout_ms) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    const evtwin_status status = call_with_timeout(ctx, "check", timeout_ms);
    PyGILState_Release(state);
    return status;
}

/* A new reference: the name may be made anew each time. */
static int name_of(PyObject *object, const char **out, PyObject **name) {
    *out = NULL;
    *name = PyObject_GetAttrString(object, "name");
    if (*name == NULL) {
        return -1;
    }
    const int failed = evtwin_py_text(*name, out);
    if (!failed && *out == NULL) {
        PyErr_SetString(PyExc_TypeError, "name is None");
    }
    if (*out == NULL) {
        Py_CLEAR(*name);
    }
    return *out == NULL ? -1 : 0;
}

/* ---- own sources ---- */

/* Answer of read: None = it has ended; else a table, or (table, position). */
static evtwin_status take_rows(PyObject *answer, evtwin_source *source, evtwin_table *table) {
    PyObject *rows = answer, *position = NULL;
    if (PyTuple_CheckExact(answer)) {
        if (PyTuple_Size(answer) != 2) {
            PyErr_SetString(PyExc_TypeError, "read gives rows, (rows, position) or None");
            return fail();
        }
        rows = PyTuple_GetItem(answer, 0);
        position = PyTuple_GetItem(answer, 1);
    }
    if (rows == Py_None) {
        return EVTWIN_DONE;
    }
    evtwin_table *read = evtwin_py_wrap.table_of(rows);
    const char *text = NULL;
    if (read == NULL || (position != NULL && evtwin_py_text(position, &text) != 0)) {
        return fail();
    }
    evtwin_status status = evtwin_table_append(table, read);
    if (status >= 0 && text != NULL) {
        status = evtwin_source_set_position(source, text);
    }
    return status;
}

static evtwin_status on_read(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                             evtwin_table *table) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    evtwin_status status;
    PyObject *answer =
        PyObject_CallMethod(ctx, "_read", "nd", (Py_ssize_t)max_rows, timeout_ms / 1e3);
    if (answer != NULL) {
        status = take_rows(answer, source, table);
        Py_DECREF(answer);
    } else {
        status = fail();
    }
    PyGILState_Release(state);
    return status;
}

static evtwin_status call_with_text(PyObject *object, const char *method, const char *text) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *argument = text_object(text);
    const evtwin_status status =
        finish(argument ? PyObject_CallMethod(object, method, "O", argument) : NULL);
    Py_XDECREF(argument);
    PyGILState_Release(state);
    return status;
}

static evtwin_status on_commit(void *ctx, const char *position) {
    return call_with_text(ctx, "commit", position);
}

static evtwin_status on_seek(void *ctx, const char *position) {
    return call_with_text(ctx, "seek", position);
}

int evtwin_py_source(PyObject *object, evtwin_source_callbacks *out, PyObject **name) {
    *out = (evtwin_source_callbacks){.size = sizeof *out, .read = on_read, .close = on_close};
    out->commit = PyObject_HasAttrString(object, "commit") ? on_commit : NULL;
    out->seek = PyObject_HasAttrString(object, "seek") ? on_seek : NULL;
    out->check = PyObject_HasAttrString(object, "check") ? on_check : NULL;
    return name_of(object, &out->name, name);
}

/* ---- own sinks ---- */

/* A copy: what Python keeps of it must not change when the pump goes on. */
static PyObject *copy_of(const evtwin_table *table) {
    if (table == NULL) {
        Py_RETURN_NONE;
    }
    evtwin_table *copy;
    const evtwin_status status = evtwin_table_copy(table, &copy);
    if (status < 0) {
        evtwin_py_raise(status);
        return NULL;
    }
    return evtwin_py_wrap.table(copy);
}

static evtwin_status on_write(void *ctx, const evtwin_batch *batch) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *rows = copy_of(batch->rows);
    PyObject *states = rows ? copy_of(batch->states) : NULL;
    PyObject *source = states ? text_object(batch->source) : NULL;
    PyObject *position = source ? text_object(batch->position) : NULL;
    const evtwin_status status =
        finish(position ? PyObject_CallMethod(ctx, "_write", "OOOO", rows, source, position, states)
                        : NULL);
    Py_XDECREF(position);
    Py_XDECREF(source);
    Py_XDECREF(states);
    Py_XDECREF(rows);
    PyGILState_Release(state);
    return status;
}

static evtwin_status on_flush(void *ctx) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    const evtwin_status status = finish(PyObject_CallMethod(ctx, "flush", NULL));
    PyGILState_Release(state);
    return status;
}

/* Answer of position (stolen): None = it has none. */
static evtwin_status take_position(PyObject *answer, char *text, size_t text_size) {
    const char *position = NULL;
    if (answer == NULL || evtwin_py_text(answer, &position) != 0) {
        Py_XDECREF(answer);
        return fail();
    }
    evtwin_status status = EVTWIN_DONE;
    if (position != NULL) {
        const size_t length = strlen(position);
        status = length < text_size ? EVTWIN_OK : EVTWIN_E_RANGE;
        if (status == EVTWIN_OK) {
            memcpy(text, position, length + 1);
        } else {
            status = evtwin_set_last_error(status, "the sink's position has no room");
        }
    }
    Py_DECREF(answer);
    return status;
}

static evtwin_status on_position(void *ctx, const char *source, char *text, size_t text_size) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *name = text_object(source);
    PyObject *answer = name ? PyObject_CallMethod(ctx, "position", "O", name) : NULL;
    Py_XDECREF(name);
    const evtwin_status status = take_position(answer, text, text_size);
    PyGILState_Release(state);
    return status;
}

/* A letter as a dict with the names of its members. */
static PyObject *letter_object(const evtwin_letter *letter) {
    PyObject *texts[3] = {text_object(letter->source), text_object(letter->place),
                          text_object(letter->reason)};
    PyObject *object =
        texts[0] && texts[1] && texts[2]
            ? Py_BuildValue("{sLsOsOsOsisy#}", "received_us", (long long)letter->received_us,
                            "source", texts[0], "place", texts[1], "reason", texts[2], "status",
                            (int)letter->status, "raw", letter->raw ? letter->raw : "",
                            (Py_ssize_t)(letter->raw ? letter->raw_size : 0))
            : NULL;
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(texts[i]);
    }
    return object;
}

static evtwin_status on_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *letter = letter_object(&letters[i]);
        if (letter == NULL || PyList_Append(list, letter) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(letter);
    }
    const evtwin_status status =
        finish(list ? PyObject_CallMethod(ctx, "write_letters", "O", list) : NULL);
    Py_XDECREF(list);
    PyGILState_Release(state);
    return status;
}

/* Answer of states (stolen): None = it keeps none of these. */
static evtwin_status take_states(PyObject *answer, evtwin_table **out) {
    evtwin_status status = EVTWIN_DONE;
    if (answer == NULL) {
        return fail();
    }
    if (answer != Py_None) {
        const evtwin_table *states = evtwin_py_wrap.table_of(answer);
        status =
            states != NULL ? evtwin_table_copy(states, out) : fail(); /* the answer's is Python's */
    }
    Py_DECREF(answer);
    return status;
}

static evtwin_status on_states(void *ctx, const evtwin_table *batteries, evtwin_table **out) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return EVTWIN_E_CANCELLED;
    }
    PyObject *rows = copy_of(batteries);
    const evtwin_status status =
        take_states(rows ? PyObject_CallMethod(ctx, "_states", "O", rows) : NULL, out);
    Py_XDECREF(rows);
    PyGILState_Release(state);
    return status;
}

static void on_interrupt(void *ctx) {
    PyGILState_STATE state;
    if (!enter(&state)) {
        return;
    }
    PyObject *answer = PyObject_CallMethod(ctx, "interrupt", NULL);
    if (answer == NULL) {
        report(ctx);
    }
    Py_XDECREF(answer);
    PyGILState_Release(state);
}

int evtwin_py_sink(PyObject *object, evtwin_sink_callbacks *out, PyObject **name) {
    *out = (evtwin_sink_callbacks){.size = sizeof *out, .write = on_write, .close = on_close};
    out->flush = PyObject_HasAttrString(object, "flush") ? on_flush : NULL;
    out->position = PyObject_HasAttrString(object, "position") ? on_position : NULL;
    out->check = PyObject_HasAttrString(object, "check") ? on_check : NULL;
    out->write_letters = PyObject_HasAttrString(object, "write_letters") ? on_letters : NULL;
    out->interrupt = PyObject_HasAttrString(object, "interrupt") ? on_interrupt : NULL;
    out->states = PyObject_HasAttrString(object, "_states") ? on_states : NULL;
    return name_of(object, &out->name, name);
}
