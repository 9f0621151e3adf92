/* SPDX-License-Identifier: MIT */
/* stream/pump_predict.h: what a pump counts and reports of the predictions of a batch. */
#ifndef EVTWIN_STREAM_PUMP_PREDICT_H
#define EVTWIN_STREAM_PUMP_PREDICT_H

#include "stream/pump_outlet.h"

/* Count the rows of a batch from that source, which the session has just predicted, by what came of
 * them; report those that could not be predicted from what they say. */
void evtwin__pump_note_predictions(const evtwin__pump_setup *setup, const evtwin_session *session,
                                   const evtwin_table *batch, const char *uri,
                                   evtwin_pump_stats *stats);

#endif
