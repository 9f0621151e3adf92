/* SPDX-License-Identifier: MIT */
/* evtwin/cell.h: cell parameter sets: equivalent circuit, thermal and ageing constants, each with
 * its source. */
#ifndef EVTWIN_CELL_H
#define EVTWIN_CELL_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One parameter set, immutable once loaded: any number of threads and simulators may use it. */
typedef struct evtwin_cell evtwin_cell;

/**
 * Load a set: name is one of the built-in sets (evtwin_cell_builtin_name) or the path of a JSON
 * file (it contains '/' or ends in ".json"); NULL is the default set. The format is documented in
 * docs/cells.md; such a file may take missing values from a BPX file.
 * @return EVTWIN_E_NOT_FOUND, or EVTWIN_E_PARSE / EVTWIN_E_RANGE naming the file and key;
 * EVTWIN_E_SCHEMA for a BPX file by itself, saying what it gives and what is missing;
 * EVTWIN_E_UNSUPPORTED for BPX after 1.x, or in a build for the edge.
 */
EVTWIN_API evtwin_status evtwin_cell_load(const char *name, evtwin_cell **out);

/** NULL is fine. Simulators keep their own copy, so the cell may be freed before them. */
EVTWIN_API void evtwin_cell_free(evtwin_cell *cell);

/** Number of sets compiled into the library (made from models/cells/ at build time); the first is
 * the default. */
EVTWIN_API size_t evtwin_cell_builtin_count(void);
/** NULL if out of range; static string */
EVTWIN_API const char *evtwin_cell_builtin_name(size_t index);
/** One line; NULL if out of range */
EVTWIN_API const char *evtwin_cell_builtin_description(size_t index);

/** Name of the set. Borrowed until the cell is freed; NULL for NULL, as all below give NULL or NaN.
 */
EVTWIN_API const char *evtwin_cell_name(const evtwin_cell *cell);
/** Chemistry in words, e.g. "NMC811 / graphite-SiOx". Borrowed until the cell is freed. */
EVTWIN_API const char *evtwin_cell_chemistry(const evtwin_cell *cell);
/** Capacity of a new cell between its voltage limits. */
EVTWIN_API double evtwin_cell_capacity_Ah(const evtwin_cell *cell);
/** Lowest voltage the cell may be discharged to. */
EVTWIN_API double evtwin_cell_v_min_V(const evtwin_cell *cell);
/** Highest voltage the cell may be charged to. */
EVTWIN_API double evtwin_cell_v_max_V(const evtwin_cell *cell);

/** Open-circuit voltage at a state of charge, as the simulator's kernel computes it. */
EVTWIN_API double evtwin_cell_ocv_V(const evtwin_cell *cell, double soc_frac);

/** Series resistance R0 of a new cell. */
EVTWIN_API double evtwin_cell_r0_ohm(const evtwin_cell *cell, double soc_frac,
                                     double temperature_degC);

#ifdef __cplusplus
}
#endif
#endif
