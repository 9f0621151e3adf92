/* SPDX-License-Identifier: MIT */
/* What a device does with each record of its battery: JSON in, a prediction out. It needs no
 * server, no database and no XGBoost, so the edge build can do it. The bundle of models is that of
 * 02_train_and_predict. */
#include <evtwin/evtwin.h>
#include <stdio.h>
#include <string.h>

/* as a battery management system sends them over a serial line */
static const char *const records[] = {
    "{\"battery_id\": \"PACK-7\", \"timestamp\": \"2026-03-01T08:00:00Z\", \"soc\": 81.5,"
    " \"soh\": 93.0, \"voltage\": 380.2, \"current\": 42.0, \"temperature\": 27.5,"
    " \"charge_cycles\": 410, \"power_consumption\": 15.9}",
    "{\"battery_id\": \"PACK-7\", \"timestamp\": \"2026-03-01T08:00:10Z\", \"soc\": 181.5,"
    " \"soh\": 93.0, \"voltage\": 379.8, \"current\": 44.0, \"temperature\": 27.6,"
    " \"charge_cycles\": 410, \"power_consumption\": 16.7}",
};

static int give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
    return 1;
}

int main(void) {
    evtwin_predictor *predictor = NULL;
    evtwin_session *session = NULL;
    evtwin_table *rows = NULL;
    if (evtwin_predictor_load("bundle", &predictor) < 0 ||
        evtwin_session_create(predictor, NULL, &session) < 0 ||
        evtwin_telemetry_table_create(&rows) < 0) {
        return give_up("02_train_and_predict builds the bundle");
    }

    /* one record at a time, in the same table; the session keeps what it knows of the battery */
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (evtwin_table_resize(rows, 0) < 0 ||
            evtwin_telemetry_decode(records[i], strlen(records[i]), EVTWIN_NAIVE_REJECT, rows) <
                0 ||
            evtwin_session_apply(session, rows) < 0) {
            return give_up("predict");
        }
        evtwin_session_commit(session);

        /* where there is no prediction, its note says why */
        const size_t rul = evtwin_table_find(rows, "rul_prediction");
        const char *note = evtwin_table_text(rows, evtwin_table_find(rows, "prediction_note"), 0);
        if (note != NULL) {
            printf("%s\n", note);
        } else {
            printf("%.0f cycles left\n", evtwin_table_number(rows, rul, 0));
        }
    }

    evtwin_table_free(rows);
    evtwin_session_free(session);
    evtwin_predictor_free(predictor);
    return 0;
}
