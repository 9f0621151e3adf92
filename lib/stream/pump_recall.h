/* SPDX-License-Identifier: MIT */
/* stream/pump_recall.h: the pasts of batteries, from the sink that keeps them. */
#ifndef EVTWIN_STREAM_PUMP_RECALL_H
#define EVTWIN_STREAM_PUMP_RECALL_H

#include "stream/pump_inside.h"

/* Before the batch that was read is predicted, if the options ask for it: the states of those of
 * its batteries that the session does not know, or not since the source's share changed last. */
evtwin_status evtwin__pump_recall(evtwin_pump *pump, int is_last);

#endif
