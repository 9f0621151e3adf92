/* SPDX-License-Identifier: MIT */
/* stream/pump_predict.c: what a pump counts and reports of the predictions of a batch. */

#include "stream/pump_predict.h"

#include "core/schema.h"

#include <math.h>
#include <stdio.h>

/* A row without the figure of any target is unknown. */
static void count_predictions(const evtwin_table *batch, evtwin_pump_stats *stats) {
    size_t col[EVTWIN__T_COUNT];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        col[t] = evtwin_table_find(batch, evtwin__schema[evtwin__target_prediction(t)].name);
    }
    const size_t n = evtwin_table_rows(batch);
    for (size_t i = 0; i < n; i++) {
        int is_known = 0;
        for (size_t t = 0; t < EVTWIN__T_COUNT && !is_known; t++) {
            is_known = !isnan(evtwin_table_number(batch, col[t], i));
        }
        stats->n_predicted += is_known;
        stats->n_unknown += !is_known;
    }
}

/* Rows that could not be predicted from what they say. */
static void note_impossible(const evtwin__pump_setup *setup, const evtwin_session *session,
                            const evtwin_table *batch, const char *uri, evtwin_pump_stats *stats) {
    size_t first = 0;
    const size_t n = evtwin_session_out_of_range(session, &first);
    if (n == 0) {
        return;
    }
    const char *id = evtwin_table_text(batch, evtwin_table_find(batch, "battery_id"), first);
    const char *note = evtwin_table_text(batch, evtwin_table_find(batch, "prediction_note"), first);
    char text[640];
    snprintf(text, sizeof text, "battery %s: %s", id != NULL ? id : "?", note != NULL ? note : "");
    stats->n_out_of_range += n;
    evtwin__pump_report(setup, &(evtwin_pump_event){.kind = EVTWIN_PUMP_OUT_OF_RANGE,
                                                    .uri = uri,
                                                    .status = EVTWIN_E_RANGE,
                                                    .text = text,
                                                    .n_rows = n});
}

void evtwin__pump_note_predictions(const evtwin__pump_setup *setup, const evtwin_session *session,
                                   const evtwin_table *batch, const char *uri,
                                   evtwin_pump_stats *stats) {
    count_predictions(batch, stats);
    note_impossible(setup, session, batch, uri, stats);
}
