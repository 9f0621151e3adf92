/* SPDX-License-Identifier: MIT */
/* stream/pump_probe.h: can a sink be reached? Asked on a thread, so that nothing waits for a server
 * that does not answer. */
#ifndef EVTWIN_STREAM_PUMP_PROBE_H
#define EVTWIN_STREAM_PUMP_PROBE_H

#include "evtwin/stream.h"

typedef struct evtwin__probe evtwin__probe;

/* Begin evtwin_sink_check of the sink, which nobody else may call until the probe has ended. */
evtwin_status evtwin__probe_start(evtwin_sink *sink, evtwin__probe **out);

/* Wait so long (INFINITY: as long as it takes) for its answer, with its evtwin_last_error; then
 * *probe is freed and NULL. EVTWIN_DONE: there is none yet. */
evtwin_status evtwin__probe_end(evtwin__probe **probe, double patience_s);

#endif
