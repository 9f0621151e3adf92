/* outputs.i: what comes out: statuses as exceptions, outputs as results, reports as named tuples. */

/* A failure is an exception. Success is None, or the outputs; EVTWIN_DONE makes an output None. */
%typemap(out) evtwin_status {
    if ($1 < 0) {
        evtwin_py_raise($1);
        SWIG_fail;
    }
    if (evtwin_py_forget_exception() != 0) SWIG_fail;
    Py_INCREF(Py_Ellipsis);
    $result = Py_Ellipsis; /* the marker of evtwin_py_append */
}
%typemap(ret) evtwin_status {
    if (resultobj == Py_Ellipsis) {
        Py_DECREF(resultobj);
        Py_INCREF(Py_None);
        resultobj = Py_None;
    }
}
/* a member or a parameter is a number */
%typemap(out) evtwin_status status { $result = PyLong_FromLong((long)$1); }
%typemap(ret) evtwin_status status "";
/* Where an outcome > 0 matters beside the outputs it is the first result. */
%define %evtwin_outcome(DECLARATION)
%typemap(out) evtwin_status DECLARATION {
    if ($1 < 0) {
        evtwin_py_raise($1);
        SWIG_fail;
    }
    if (evtwin_py_forget_exception() != 0) SWIG_fail;
    $result = PyLong_FromLong((long)$1);
}
%enddef
%evtwin_outcome(evtwin_source_read)
%evtwin_outcome(evtwin_pump_run_once)
%evtwin_outcome(evtwin_sink_write_batch)

/* single numbers */
%define %evtwin_number(TYPE, NAME, MAKE, CAST)
%typemap(in, numinputs=0) TYPE *NAME (TYPE number = 0) { $1 = &number; }
%typemap(argout) TYPE *NAME { $result = evtwin_py_append($result, MAKE((CAST)number$argnum)); }
%enddef
%define %evtwin_size(NAME)
%evtwin_number(size_t, NAME, PyLong_FromUnsignedLongLong, unsigned long long)
%enddef
%define %evtwin_int64(NAME)
%evtwin_number(int64_t, NAME, PyLong_FromLongLong, long long)
%enddef
%evtwin_size(col_out)
%evtwin_size(index_out)
%evtwin_size(n_packs_out)
%evtwin_size(n_updated_out)
%evtwin_size(n_deleted_out)
%evtwin_size(n_rows_out)
%evtwin_size(n_anew_out)
%evtwin_size(n_processes)
%evtwin_size(first_row_out)
%evtwin_int64(time_us_out)
%evtwin_int64(rows_out)
%evtwin_int64(revision_out)
%evtwin_int64(width_us_out)
%evtwin_number(int32_t, code_out, PyLong_FromLongLong, long long)
%evtwin_number(double, factor_out, PyFloat_FromDouble, double)

/* text */
%{
static PyObject *evtwin_py_string(const char *text) {
    if (text == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}
%}
%typemap(out) const char * { $result = evtwin_py_string($1); }
%typemap(out) const char *evtwin_thresholds_reason { /* it is the output */
    Py_INCREF(Py_Ellipsis);
    $result = Py_Ellipsis;
}
%typemap(in, numinputs=0) const char **unit_out (const char *text = NULL), const char **option_out (const char *text = NULL) { $1 = (char **)&text; }
%typemap(argout) const char **unit_out, const char **option_out { $result = evtwin_py_append($result, evtwin_py_string(text$argnum)); }

/* a caller's text: enough for any that the library writes; untouched (EVTWIN_DONE) is None */
%{
enum { EVTWIN_PY_TEXT_SIZE = 66000 };
%}
%typemap(in, numinputs=0) (char *text, size_t text_size) (char *room = NULL), (char *text, size_t size) (char *room = NULL), (char *hex, size_t hex_size) (char *room = NULL) {
    room = malloc(EVTWIN_PY_TEXT_SIZE);
    if (room == NULL) { PyErr_NoMemory(); SWIG_fail; }
    room[0] = '\xff'; /* no UTF-8 begins so */
    $1 = room;
    $2 = EVTWIN_PY_TEXT_SIZE;
}
%typemap(argout) (char *text, size_t text_size), (char *text, size_t size), (char *hex, size_t hex_size) {
    $result = evtwin_py_append($result, evtwin_py_string(room$argnum[0] != '\xff' ? room$argnum : NULL));
}
%typemap(freearg) (char *text, size_t text_size), (char *text, size_t size), (char *hex, size_t hex_size) { free(room$argnum); }
%typemap(in, numinputs=0) (char *text, size_t text_size, size_t *length_out) (char *room = NULL) {
    room = malloc(EVTWIN_PY_TEXT_SIZE);
    if (room == NULL) { PyErr_NoMemory(); SWIG_fail; }
    $1 = room;
    $2 = EVTWIN_PY_TEXT_SIZE;
    $3 = NULL;
}
%typemap(argout) (char *text, size_t text_size, size_t *length_out) { $result = evtwin_py_append($result, evtwin_py_string(room$argnum)); }
%typemap(freearg) (char *text, size_t text_size, size_t *length_out) { free(room$argnum); }
%typemap(in, numinputs=0) char *id (char room[EVTWIN_TRACK_ID_SIZE] = "") { $1 = room; }
%typemap(argout) char *id { $result = evtwin_py_append($result, evtwin_py_string(room$argnum)); }
%typemap(in) const char *id = const char *; /* unlike it, an input */
%typemap(argout) const char *id "";
%newobject evtwin_metrics_text;
%typemap(in, numinputs=0) char **text_out (char *made = NULL) { $1 = &made; }
%typemap(argout) char **text_out { $result = evtwin_py_append($result, evtwin_py_string(made$argnum)); }
%typemap(freearg) char **text_out { evtwin_metrics_text_free(made$argnum); }

/* the length of a text that Python measures itself */
%typemap(in, numinputs=0) size_t *size_out (size_t size = 0) { $1 = &size; }

/* columns: views that keep the table, see evtwin_py_view; None where there is nothing to see */
%define %evtwin_column(RESULT, FUNCTION, IS_THERE, FORMAT, COUNT)
%typemap(out) RESULT FUNCTION {
    const size_t rows = evtwin_table_rows(arg1);
    (void)rows;
    if (arg2 < evtwin_table_cols(arg1) && (IS_THERE)) {
        $result = evtwin_py_view(arg1, $1, COUNT, FORMAT, sizeof *$1);
    } else {
        Py_INCREF(Py_None);
        $result = Py_None;
    }
}
%enddef
%evtwin_column(const double *, evtwin_table_f64, evtwin_table_type(arg1, arg2) == EVTWIN_F64, "d", rows)
%evtwin_column(const int64_t *, evtwin_table_i64, $1 != NULL || evtwin_table_type(arg1, arg2) == EVTWIN_I64 || evtwin_table_type(arg1, arg2) == EVTWIN_TIME, "q", rows)
%evtwin_column(const uint8_t *, evtwin_table_bits, evtwin_table_type(arg1, arg2) == EVTWIN_BOOL, "B", (rows + 7) / 8)
%evtwin_column(const int32_t *, evtwin_table_codes, evtwin_table_type(arg1, arg2) == EVTWIN_TEXT, "i", rows)
%evtwin_column(const uint8_t *, evtwin_table_validity, $1 != NULL, "B", (rows + 7) / 8)
%typemap(in, numinputs=0) (const int32_t **offsets_out, const char **bytes_out) (const int32_t *offsets = NULL, const char *bytes = NULL) {
    $1 = (int32_t **)(void *)&offsets;
    $2 = (char **)(void *)&bytes;
}
%typemap(argout) (const int32_t **offsets_out, const char **bytes_out) {
    $result = evtwin_py_append($result, evtwin_py_view(arg1, offsets$argnum, offsets$argnum ? (size_t)result + 1 : 0, "i", 4));
    $result = evtwin_py_append($result, evtwin_py_view(arg1, bytes$argnum, offsets$argnum ? (size_t)offsets$argnum[result] : 0, "B", 1));
}

/* reports: a copy as a named tuple, so that nothing is borrowed (reports.py) */
%{
static PyObject *evtwin_py_copy(PyObject *proxy) { /* stolen */
    static PyObject *copy;
    if (copy == NULL) {
        PyObject *module = PyImport_ImportModule("evtwin.reports");
        copy = module ? PyObject_GetAttrString(module, "copy") : NULL;
        Py_XDECREF(module);
    }
    PyObject *result = copy && proxy ? PyObject_CallFunctionObjArgs(copy, proxy, NULL) : NULL;
    Py_XDECREF(proxy);
    return result;
}
%}
%define %evtwin_report(NAME, SIZE)
%ignore evtwin_##NAME::size;
%typemap(in, numinputs=0) (evtwin_##NAME *out, size_t SIZE) (evtwin_##NAME report) {
    memset(&report, 0, sizeof report);
    $1 = &report;
    $2 = sizeof report;
}
%typemap(argout) (evtwin_##NAME *out, size_t SIZE) {
    $result = evtwin_py_append($result, evtwin_py_copy(SWIG_NewPointerObj(&report$argnum, $descriptor(evtwin_##NAME *), 0)));
}
%enddef
%evtwin_report(score, size)
%evtwin_report(finding, size)
%evtwin_report(predictor_info, size)
%evtwin_report(interval, size)
%evtwin_report(calibration, size)
%evtwin_report(feature_range, size)
%evtwin_report(quantity, size)
%evtwin_report(clean_report, out_size)
%evtwin_report(store_stats, out_size)
%evtwin_report(pump_stats, size)
%evtwin_report(pump_sink_stats, size)
%evtwin_report(refusal, size)
%evtwin_report(screen_stats, size)
%evtwin_report(spool_stats, size)
%evtwin_report(spool_loss, size)
%evtwin_report(tracker_server, out_size)
%evtwin_report(logged_model, out_size)
%evtwin_report(tracker_version, out_size)
%evtwin_report(tracker_version, size)
%evtwin_report(follower_info, size)
%evtwin_report(insert_report, report_size)
%evtwin_report(run_to_failure_report, report_size)
%apply (evtwin_insert_report *out, size_t report_size) { (evtwin_insert_report *report, size_t report_size) }
%apply (evtwin_run_to_failure_report *out, size_t report_size) { (evtwin_run_to_failure_report *report, size_t report_size) }
/* beyond the last there is none */
%define %evtwin_optional_report(NAME)
%typemap(argout) (evtwin_##NAME *out, size_t size) {
    $result = evtwin_py_append($result, result == EVTWIN_DONE ? (Py_IncRef(Py_None), Py_None)
        : evtwin_py_copy(SWIG_NewPointerObj(&report$argnum, $descriptor(evtwin_##NAME *), 0)));
}
%enddef
%evtwin_optional_report(refusal)
%evtwin_optional_report(pump_sink_stats)
%evtwin_optional_report(spool_loss)

/* the k largest reasons: a list */
%ignore evtwin_reason::size;
%typemap(in) (evtwin_reason *out, size_t size, size_t k, size_t *n_out) (evtwin_reason *reasons = NULL, size_t n = 0) {
    if (evtwin_py_count($input, &$3) != 0) SWIG_fail;
    if ($3 > 100000) { PyErr_SetString(PyExc_ValueError, "k is at most 100000"); SWIG_fail; }
    reasons = calloc($3 + 1, sizeof *reasons);
    if (reasons == NULL) { PyErr_NoMemory(); SWIG_fail; }
    $1 = reasons;
    $2 = sizeof *reasons;
    $4 = &n;
}
%typemap(argout) (evtwin_reason *out, size_t size, size_t k, size_t *n_out) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n$argnum; i++) {
        PyObject *reason = evtwin_py_copy(SWIG_NewPointerObj(&reasons$argnum[i], $descriptor(evtwin_reason *), 0));
        if (reason == NULL || PyList_Append(list, reason) != 0) Py_CLEAR(list);
        Py_XDECREF(reason);
    }
    $result = evtwin_py_append($result, list);
}
%typemap(freearg) (evtwin_reason *out, size_t size, size_t k, size_t *n_out) { free(reasons$argnum); }

/* numbers of broken rules: a list of at most max */
%typemap(in) (size_t *broken, size_t max) (size_t numbers[256]) {
    $1 = numbers;
    if (evtwin_py_count($input, &$2) != 0) SWIG_fail;
    if ($2 > 256) $2 = 256;
}
%typemap(argout) (size_t *broken, size_t max) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < result && i < arg6; i++) {
        PyObject *number = PyLong_FromSize_t(numbers$argnum[i]);
        if (number == NULL || PyList_Append(list, number) != 0) Py_CLEAR(list);
        Py_XDECREF(number);
    }
    $result = evtwin_py_append($result, list);
}
