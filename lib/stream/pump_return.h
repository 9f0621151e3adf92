/* SPDX-License-Identifier: MIT */
/* stream/pump_return.h: rows that a store gives until it has their predictions: it is not read
 * while these are on their way. */
#ifndef EVTWIN_STREAM_PUMP_RETURN_H
#define EVTWIN_STREAM_PUMP_RETURN_H

#include "stream/pump_inside.h"

/* Rows accepted of such a source that have not returned to its store; 0 of other sources. */
uint64_t evtwin__pump_due(const evtwin_pump *pump);

/* Wait until there are none, at most *timeout_ms, of which what is left is given back. OK: the
 * source may be read; DONE: not yet; EVTWIN_E_AGAIN: not yet, since the sink fails. */
evtwin_status evtwin__pump_await_return(evtwin_pump *pump, int *timeout_ms);

#endif
