/* SPDX-License-Identifier: MIT */
/* arrow.h: arrays of Python, by the buffer protocol, as an Arrow stream that the library reads. */
#ifndef EVTWIN_PY_ARROW_H
#define EVTWIN_PY_ARROW_H

#include <Python.h>

/** A capsule "arrow_array_stream" of one batch of rows. It is for evtwin_table_from_arrow, which
 * leaves a batch's columns together: they are released with it.
 * @param columns  a list of tuples (name, format, null_count, buffers): str, str as Arrow's, int,
 * and a list of objects with contiguous buffers, or None. The caller makes them as long as rows
 * and format need; they are kept, not copied.
 * @return a new reference; NULL with TypeError, ValueError, BufferError or MemoryError. */
PyObject *evtwin_py_stream(PyObject *columns, size_t rows);

#endif
