/* SPDX-License-Identifier: MIT */
/* evtwin.i: the SWIG interface of evtwin.core: the public headers as they are, under the names of C without the
 * prefix. Run swig with -threads: calls that wait, compute or call back release the GIL (threads.i). */
%module(package="evtwin") core
%{
#include "support.h"
#include <stdlib.h>
#include <string.h>
%}
%rename("%(regex:/^(?:evtwin_|EVTWIN_)(.*)$/\\1/)s") "";
%nodefaultctor;
%nodefaultdtor;
%nothread;
#pragma SWIG nowarn=451 /* text members: _set_option keeps what they borrow */

/* Callbacks enter the interpreter that was first (PyGILState_Ensure), and types are made once for all. */
%pythoncode %{
if not _core._is_main_interpreter():
    raise ImportError("evtwin works in the main interpreter only, not in a subinterpreter: use threads or processes")
%}
%{
static int evtwin_is_main_interpreter(void) {
    return PyInterpreterState_GetID(PyInterpreterState_Get()) == 0;
}
%}
%rename("_is_main_interpreter") evtwin_is_main_interpreter;
int evtwin_is_main_interpreter(void);

%include <stdint.i>
%include "handles.i"
%include "spans.i"
%include "outputs.i"
%include "options.i"
%include "arrow.i"
%include "threads.i"
%include "left_out.i"
%ignore evtwin_pump_event::size;
%ignore evtwin_source_callbacks;
%ignore evtwin_sink_callbacks;

/* macros that SWIG does not take for constants */
%constant size_t NO_COLUMN = EVTWIN_NO_COLUMN;
%constant size_t ALL_FOLDS = EVTWIN_ALL_FOLDS;

%include "evtwin/base.h"
%include "evtwin/table.h"
%include "evtwin/arrow.h"
%include "evtwin/telemetry.h"
%include "evtwin/thresholds.h"
%include "evtwin/target.h"
%include "evtwin/cell.h"
%include "evtwin/sim.h"
%include "evtwin/features.h"
%include "evtwin/peers.h"
%include "evtwin/train.h"
%include "evtwin/audit.h"
%include "evtwin/model.h"
%include "evtwin/fit.h"
%include "evtwin/predictor.h"
%include "evtwin/explain.h"
%include "evtwin/session.h"
%include "evtwin/store.h"
%include "evtwin/stream.h"
%include "evtwin/spool.h"
%include "evtwin/screen.h"
%include "evtwin/alert.h"
%include "evtwin/track.h"
%include "evtwin/follower.h"
%include "evtwin/serve.h"

%nothread;
%inline %{
/** Overwrite a float64 column with x (rows), one copy. */
static evtwin_status evtwin_fill_f64(evtwin_table *table, size_t col, PyObject *values) {
    Py_buffer view;
    if (evtwin_py_buffer(values, "d", sizeof(double), 1, 0, "values", &view) != 0) {
        evtwin_py_keep_exception();
        return EVTWIN_E_CANCELLED;
    }
    double *out = evtwin_table_f64_edit(table, col);
    evtwin_status status = out != NULL ? EVTWIN_OK : EVTWIN_E_STATE;
    if (evtwin_py_has_room(&view, evtwin_table_rows(table), 1, "values") != 0) {
        evtwin_py_keep_exception();
        status = EVTWIN_E_CANCELLED;
    } else if (out == NULL) {
        status = evtwin_set_last_error(status, "the column is not float64, or the table is shared");
    } else if (view.len > 0) {
        memcpy(out, view.buf, (size_t)view.len);
    }
    PyBuffer_Release(&view);
    return status;
}

/** Overwrite an int64 or time column with x (rows), one copy. */
static evtwin_status evtwin_fill_i64(evtwin_table *table, size_t col, PyObject *values) {
    Py_buffer view;
    if (evtwin_py_buffer(values, "lq", sizeof(int64_t), 1, 0, "values", &view) != 0) {
        evtwin_py_keep_exception();
        return EVTWIN_E_CANCELLED;
    }
    int64_t *out = evtwin_table_i64_edit(table, col);
    evtwin_status status = out != NULL ? EVTWIN_OK : EVTWIN_E_STATE;
    if (evtwin_py_has_room(&view, evtwin_table_rows(table), 1, "values") != 0) {
        evtwin_py_keep_exception();
        status = EVTWIN_E_CANCELLED;
    } else if (out == NULL) {
        status = evtwin_set_last_error(status, "the column is not int64, or the table is shared");
    } else if (view.len > 0) {
        memcpy(out, view.buf, (size_t)view.len);
    }
    PyBuffer_Release(&view);
    return status;
}

/** No callback enters Python from now on: at exit. */
static void evtwin_close(void) {
    evtwin_py_close();
}
%}

%{
static PyObject *wrap_table(evtwin_table *table) {
    return SWIG_NewPointerObj(table, SWIGTYPE_p_evtwin_table, SWIG_POINTER_OWN);
}
static PyObject *wrap_predictor(const evtwin_predictor *predictor) {
    return SWIG_NewPointerObj((void *)(uintptr_t)predictor, SWIGTYPE_p_evtwin_predictor, 0);
}
static PyObject *wrap_event(const evtwin_pump_event *event) {
    PyObject *copy = evtwin_py_copy(SWIG_NewPointerObj((void *)(uintptr_t)event, SWIGTYPE_p_evtwin_pump_event, 0));
    return copy;
}
static evtwin_table *table_of(PyObject *object) {
    void *table = NULL;
    if (evtwin_py_handle(object, &table, SWIGTYPE_p_evtwin_table, "table") != 0) {
        return NULL;
    }
    if (table == NULL) {
        PyErr_SetString(PyExc_TypeError, "expected a table, not None");
    }
    return table;
}
%}
%init %{
    evtwin_py_wrap = (evtwin_py_wrapper){wrap_table, wrap_predictor, wrap_event, table_of};
%}
%pythoncode %{
import atexit as _atexit
_atexit.register(close)
del close
%}
