/* SPDX-License-Identifier: MIT */
/* sim/bpx.h: cells of the Battery Parameter eXchange format (BPX 0.1 to 1.x, bpxstandard.com): what
 * our models can use of them. */
#ifndef EVTWIN_SIM_BPX_H
#define EVTWIN_SIM_BPX_H

#include "core/json.h"
#include "core/text.h"

/**
 * Put into the JSON of a cell parameter file what the BPX file that it names ("bpx": a path, from
 * its own folder on) has of one and it has not, and log what that was. A file that names none stays
 * as it is.
 * @param name  path of the file
 * @return EVTWIN_E_SCHEMA if something is missing then, or root is a BPX file itself: with what was
 * taken, what is not used and what is missing. EVTWIN_E_PARSE or E_RANGE for a BPX file with
 * something that is invalid; EVTWIN_E_UNSUPPORTED for another version, and in the edge build.
 */
evtwin_status evtwin__bpx_complete(const char *name, json_t *root);

/* ---- bpx_cell.c ---- */

/**
 * What a BPX file has of a cell parameter file, as a part of one: each number with its source.
 * @param source  of the numbers, as text
 * @param taken, unused  get the names of what is and is not in *part_out, after commas
 */
evtwin_status evtwin__bpx_convert(const json_t *bpx, const char *source, json_t **part_out,
                                  evtwin__text *taken, evtwin__text *unused);

#endif
