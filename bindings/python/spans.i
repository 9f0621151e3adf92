/* spans.i: what goes in: text, arrays by the buffer protocol (no copy), sequences, callbacks. */

/* Numbers: whatever is an integer to Python (__index__) or a float (__float__), as NumPy's scalars are. SWIG's own look
 * for int and float alone; here they look at what the object says that it is. */
%{
static PyObject *evtwin_py_index(PyObject *object) { /* stolen or new: what SWIG's conversion is given */
    PyObject *index = PyLong_Check(object) ? NULL : PyNumber_Index(object);
    if (index == NULL) {
        PyErr_Clear();
        Py_INCREF(object);
        return object;
    }
    return index;
}
static int evtwin_py_count(PyObject *object, size_t *out) { /* -1 with an exception */
    PyObject *index = PyNumber_Index(object);
    *out = index != NULL ? PyLong_AsSize_t(index) : (size_t)-1;
    Py_XDECREF(index);
    return *out == (size_t)-1 && PyErr_Occurred() != NULL ? -1 : 0;
}
static PyObject *evtwin_py_real(PyObject *object) {
    PyObject *real = PyFloat_Check(object) || PyLong_Check(object) || !PyObject_HasAttrString(object, "__float__")
                         ? NULL
                         : PyNumber_Float(object);
    if (real == NULL) {
        PyErr_Clear();
        Py_INCREF(object);
        return object;
    }
    return real;
}
%}
%define %evtwin_scalar(TYPE, AS, CONVERT)
%typemap(in, fragment=SWIG_AsVal_frag(AS)) TYPE (AS value, int code = 0, PyObject *number = NULL) {
    number = CONVERT($input);
    code = SWIG_AsVal(AS)(number, &value);
    Py_DECREF(number);
    if (!SWIG_IsOK(code)) {
        %argument_fail(code, "$type", $symname, $argnum);
    }
    $1 = ($1_ltype)value;
}
%enddef
%evtwin_scalar(int, int, evtwin_py_index)
%evtwin_scalar(unsigned int, unsigned int, evtwin_py_index)
%evtwin_scalar(long, long, evtwin_py_index)
%evtwin_scalar(unsigned long, unsigned long, evtwin_py_index)
%evtwin_scalar(long long, long long, evtwin_py_index)
%evtwin_scalar(unsigned long long, unsigned long long, evtwin_py_index)
%evtwin_scalar(size_t, size_t, evtwin_py_index)
%evtwin_scalar(enum SWIGTYPE, int, evtwin_py_index)
%evtwin_scalar(double, double, evtwin_py_real)

/* text: borrowed from the str for the call */
%typemap(in) const char * { if (evtwin_py_text($input, &$1) != 0) SWIG_fail; }
%typemap(freearg) const char * "";
%typemap(memberin) const char * { $1 = $input; }
%typemap(in) (const char *data, size_t size) (Py_buffer view, int has_view = 0), (const char *text, size_t length) (Py_buffer view, int has_view = 0) {
    if (PyUnicode_Check($input)) {
        Py_ssize_t length;
        $1 = (char *)PyUnicode_AsUTF8AndSize($input, &length);
        if ($1 == NULL) SWIG_fail;
        $2 = (size_t)length;
    } else {
        if (PyObject_GetBuffer($input, &view, PyBUF_SIMPLE) != 0) SWIG_fail;
        has_view = 1;
        $1 = view.buf;
        $2 = (size_t)view.len;
    }
}
%typemap(freearg) (const char *data, size_t size), (const char *text, size_t length) {
    if (has_view$argnum) PyBuffer_Release(&view$argnum);
}

/* matrices (rows, cols) */
%define %evtwin_matrix(TYPE, FORMAT)
%typemap(in) (const TYPE *x, size_t rows, size_t cols) (Py_buffer view, int has_view = 0) {
    if (evtwin_py_buffer($input, FORMAT, sizeof(TYPE), 2, 0, "x", &view) != 0) SWIG_fail;
    has_view = 1;
    $1 = view.buf;
    $2 = (size_t)view.shape[0];
    $3 = (size_t)view.shape[1];
}
%typemap(freearg) (const TYPE *x, size_t rows, size_t cols) { if (has_view$argnum) PyBuffer_Release(&view$argnum); }
%enddef
%evtwin_matrix(float, "f")
%evtwin_matrix(double, "d")

/* vectors; FORMAT lists the formats of one size, e.g. those of an int64 */
%define %evtwin_vector(TYPE, NAME, COUNT, FORMAT)
%typemap(in) (TYPE *NAME, size_t COUNT) (Py_buffer view, int has_view = 0) {
    if (evtwin_py_buffer($input, FORMAT, sizeof *$1, 1, 0, #NAME, &view) != 0) SWIG_fail;
    has_view = 1;
    $1 = view.buf;
    $2 = (size_t)view.shape[0];
}
%typemap(freearg) (TYPE *NAME, size_t COUNT) { if (has_view$argnum) PyBuffer_Release(&view$argnum); }
%enddef
%evtwin_vector(const double, x, cols, "d")
%evtwin_vector(const size_t, row_index, n, "LlQqNn")
%evtwin_vector(const int32_t, group_of_row, rows, "il")
%typemap(in) (const double *current_A, size_t n_packs) (Py_buffer view, int has_view = 0) {
    if ($input == Py_None) { /* the profile has control again */
        $1 = NULL;
        $2 = 0;
    } else {
        if (evtwin_py_buffer($input, "d", sizeof(double), 1, 0, "current_A", &view) != 0) SWIG_fail;
        has_view = 1;
        $1 = view.buf;
        $2 = (size_t)view.shape[0];
    }
}
%typemap(freearg) (const double *current_A, size_t n_packs) { if (has_view$argnum) PyBuffer_Release(&view$argnum); }
%typemap(in) (double *out, size_t n_packs) (Py_buffer view, int has_view = 0) {
    if (evtwin_py_buffer($input, "d", sizeof(double), 1, 1, "out", &view) != 0) SWIG_fail;
    has_view = 1;
    $1 = view.buf;
    $2 = (size_t)view.shape[0];
}
%typemap(freearg) (double *out, size_t n_packs) { if (has_view$argnum) PyBuffer_Release(&view$argnum); }

/* labels of the rows of x */
%typemap(in) const float *y (Py_buffer view, int has_view = 0) {
    if (evtwin_py_buffer($input, "f", sizeof(float), 1, 0, "y", &view) != 0) SWIG_fail;
    has_view = 1;
    $1 = view.buf;
}
%typemap(freearg) const float *y { if (has_view$argnum) PyBuffer_Release(&view$argnum); }

/* results into a caller's array, whose room %evtwin_room checks */
%define %evtwin_result(TYPE, NAME, FORMAT)
%typemap(in) TYPE *NAME (Py_buffer view, int has_view = 0) {
    if (evtwin_py_buffer($input, FORMAT, sizeof(TYPE), 0, 1, #NAME, &view) != 0) SWIG_fail;
    has_view = 1;
    $1 = view.buf;
}
%typemap(freearg) TYPE *NAME { if (has_view$argnum) PyBuffer_Release(&view$argnum); }
%enddef
%evtwin_result(float, y, "f")
%evtwin_result(double, y, "d")
%evtwin_result(double, phi, "d")
%evtwin_result(double, x, "d")
%define %evtwin_room(FUNCTION, VIEW, ROWS, COLS)
%exception FUNCTION {
    if (evtwin_py_has_room(&VIEW, ROWS, COLS, "result") != 0) SWIG_fail;
    $action
}
%enddef
%evtwin_room(evtwin_model_fit, view4, arg2, 1)
%evtwin_room(evtwin_model_margin, view5, arg3, 1)
%evtwin_room(evtwin_model_predict, view5, arg3, 1)
%evtwin_room(evtwin_model_contributions, view5, arg3, arg4 + 1)
%evtwin_room(evtwin_predictor_contributions, view6, arg4, arg5 + 1)
%evtwin_room(evtwin_predictor_predict, view5, arg3, arg6)
%evtwin_room(evtwin_features_compute, view5, arg4, evtwin_features_count(arg1))

/* strings */
%typemap(in) (const char *const *sinks, size_t n) (PyObject *bytes = NULL) {
    bytes = evtwin_py_strings($input);
    if (bytes == NULL) SWIG_fail;
    $1 = (char **)(void *)PyBytes_AsString(bytes);
    $2 = (size_t)PyList_Size($input);
}
%typemap(freearg) (const char *const *sinks, size_t n) { Py_XDECREF(bytes$argnum); }

%typemap(in) (const char *const *keys, const char *const *values, size_t n)
    (PyObject *lists[2] = {NULL, NULL}, PyObject *bytes[2] = {NULL, NULL}) {
    if (!PyDict_Check($input)) {
        PyErr_SetString(PyExc_TypeError, "expected a dict of str to str");
        SWIG_fail;
    }
    lists[0] = PyDict_Keys($input);
    lists[1] = PyDict_Values($input);
    for (int i = 0; i < 2; i++) {
        bytes[i] = lists[i] != NULL ? evtwin_py_strings(lists[i]) : NULL;
        if (bytes[i] == NULL) SWIG_fail;
    }
    $1 = (char **)(void *)PyBytes_AsString(bytes[0]);
    $2 = (char **)(void *)PyBytes_AsString(bytes[1]);
    $3 = (size_t)PyList_Size(lists[0]);
}
%typemap(freearg) (const char *const *keys, const char *const *values, size_t n) {
    for (int i = 0; i < 2; i++) {
        Py_XDECREF(bytes$argnum[i]);
        Py_XDECREF(lists$argnum[i]);
    }
}

/* metrics: keys (list of str), values (float64), steps and times_us (int64, None = NULL) */
%typemap(in) (const char *const *keys, const double *values, const int64_t *steps, const int64_t *times_us, size_t n)
    (PyObject *items = NULL, PyObject *bytes = NULL, Py_buffer views[3], int n_views = 0) {
    static const char *const formats[3] = {"d", "lqn", "lqn"};
    const void *data[3] = {NULL, NULL, NULL};
    items = PySequence_Tuple($input);
    if (items == NULL) SWIG_fail;
    if (PyTuple_Size(items) != 4) {
        PyErr_SetString(PyExc_TypeError, "expected (keys, values, steps, times_us)");
        SWIG_fail;
    }
    bytes = evtwin_py_strings(PyTuple_GetItem(items, 0));
    if (bytes == NULL) SWIG_fail;
    $5 = (size_t)PyList_Size(PyTuple_GetItem(items, 0));
    for (Py_ssize_t i = 0; i < 3; i++) {
        PyObject *array = PyTuple_GetItem(items, i + 1);
        if (array == Py_None && i > 0) continue;
        if (evtwin_py_buffer(array, formats[i], 8, 1, 0, "metrics", &views[n_views]) != 0) SWIG_fail;
        n_views++;
        if (evtwin_py_has_room(&views[n_views - 1], $5, 1, "metrics") != 0) SWIG_fail;
        data[i] = views[n_views - 1].buf;
    }
    $1 = (char **)(void *)PyBytes_AsString(bytes);
    $2 = (double *)data[0];
    $3 = (int64_t *)data[1];
    $4 = (int64_t *)data[2];
}
%typemap(freearg) (const char *const *keys, const double *values, const int64_t *steps, const int64_t *times_us, size_t n) {
    for (int i = 0; i < n_views$argnum; i++) PyBuffer_Release(&views$argnum[i]);
    Py_XDECREF(bytes$argnum);
    Py_XDECREF(items$argnum);
}

/* a list of structs as an array; None = NULL */
%define %evtwin_structs(TYPE, NAME, COUNT)
%typemap(in) (const TYPE *NAME, size_t COUNT) (TYPE *array = NULL) {
    $1 = NULL;
    $2 = 0;
    if ($input != Py_None) {
        if (!PyList_Check($input)) {
            PyErr_SetString(PyExc_TypeError, "expected a list or None");
            SWIG_fail;
        }
        $2 = (size_t)PyList_Size($input);
        array = calloc($2 + 1, sizeof *array);
        if (array == NULL) { PyErr_NoMemory(); SWIG_fail; }
        for (size_t i = 0; i < $2; i++) {
            void *item;
            if (!SWIG_IsOK(SWIG_ConvertPtr(PyList_GetItem($input, (Py_ssize_t)i), &item, $descriptor(TYPE *), 0)) || item == NULL) {
                PyErr_SetString(PyExc_TypeError, "expected a list of " #TYPE);
                SWIG_fail;
            }
            array[i] = *(TYPE *)item;
        }
        $1 = array;
    }
}
%typemap(freearg) (const TYPE *NAME, size_t COUNT) { free(array$argnum); }
%enddef
%evtwin_structs(evtwin_target, targets, n_targets)
%evtwin_structs(evtwin_letter, letters, n)

/* callbacks: a callable or None */
%define %evtwin_callback(FUNCTION_TYPE, TRAMPOLINE)
%typemap(in) (FUNCTION_TYPE fn, void *ctx) {
    if ($input != Py_None && !PyCallable_Check($input)) {
        PyErr_SetString(PyExc_TypeError, "expected a callable or None");
        SWIG_fail;
    }
    $1 = $input != Py_None ? TRAMPOLINE : NULL;
    $2 = $input != Py_None ? (void *)$input : NULL;
}
%enddef
%evtwin_callback(evtwin_log_fn, evtwin_py_on_log)
%evtwin_callback(evtwin_pump_event_fn, evtwin_py_on_event)
/* all that were ever set are kept: a thread of the library may be on its way to an earlier one */
%pythoncode %{
_logs = []
%}
%pythonprepend evtwin_set_log %{
    _logs.append(fn)
%}
%pythonprepend evtwin_pump_on_event %{
    pump.__dict__.setdefault("_on_event", []).append(fn)
%}

%define %evtwin_callbacks(TYPE, FILL)
%typemap(in) (const TYPE *callbacks, void *ctx) (TYPE filled, PyObject *name = NULL) {
    if (FILL($input, &filled, &name) != 0) SWIG_fail;
    Py_INCREF($input); /* until close */
    $1 = &filled;
    $2 = (void *)$input;
}
%typemap(argout) (const TYPE *callbacks, void *ctx) ""
%typemap(freearg) (const TYPE *callbacks, void *ctx) { Py_XDECREF(name$argnum); }
%enddef
%evtwin_callbacks(evtwin_source_callbacks, evtwin_py_source)
%evtwin_callbacks(evtwin_sink_callbacks, evtwin_py_sink)
%exception evtwin_source_create { $action if (result < 0) Py_DECREF((PyObject *)arg2); }
%exception evtwin_sink_create { $action if (result < 0) Py_DECREF((PyObject *)arg2); }
