/* SPDX-License-Identifier: MIT */
/* arrow.i: Arrow's structs as PyCapsules: a stream or schema that nobody took is released with its capsule. */

%ignore ArrowSchema;
%ignore ArrowArray;
%ignore ArrowArrayStream;

%define %evtwin_capsule(STRUCT, NAME)
%{
static void evtwin_py_free_##STRUCT(PyObject *capsule) {
    struct STRUCT *given = PyCapsule_GetPointer(capsule, NAME);
    if (given != NULL && given->release != NULL) { /* a consumer that took it left NULL */
        given->release(given);
    }
    free(given);
}
%}
%typemap(in, numinputs=0) struct STRUCT *out (struct STRUCT *made = NULL) {
    made = calloc(1, sizeof *made);
    if (made == NULL) { PyErr_NoMemory(); SWIG_fail; }
    $1 = made;
}
%typemap(argout) struct STRUCT *out {
    PyObject *capsule = PyCapsule_New(made$argnum, NAME, evtwin_py_free_##STRUCT);
    if (capsule == NULL) made$argnum->release(made$argnum); else made$argnum = NULL;
    $result = evtwin_py_append($result, capsule);
}
%typemap(freearg) struct STRUCT *out { free(made$argnum); }
%enddef
%evtwin_capsule(ArrowArrayStream, "arrow_array_stream")
%evtwin_capsule(ArrowSchema, "arrow_schema")

/* the call uses the stream up, and leaves the capsule without one */
%typemap(in) struct ArrowArrayStream *stream {
    $1 = PyCapsule_GetPointer($input, "arrow_array_stream");
    if ($1 == NULL) SWIG_fail;
}

%{
#include "arrow.h"
%}
PyObject *evtwin_py_stream(PyObject *columns, size_t rows);
