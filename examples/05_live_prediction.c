/* SPDX-License-Identifier: MIT */
/* A live prediction loop: a simulated fleet is predicted and stored, batch by batch. The bundle of
 * models is that of 02_train_and_predict. */
#include <evtwin/evtwin.h>
#include <stdio.h>

static int give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
    return 1;
}

/* The pump reports what it does; what can pass by itself it tries again. */
static void on_event(void *ctx, const evtwin_pump_event *event) {
    (void)ctx;
    if (event->kind == EVTWIN_PUMP_BATCH) {
        const size_t id = evtwin_table_find(event->batch, "battery_id");
        const size_t rul = evtwin_table_find(event->batch, "rul_prediction");
        for (size_t i = 0; i < event->n_rows; i++) {
            printf("%s: %.0f cycles left\n", evtwin_table_text(event->batch, id, i),
                   evtwin_table_number(event->batch, rul, i));
        }
    } else if (event->kind == EVTWIN_PUMP_SINK_FAILED) {
        fprintf(stderr, "%s\n", event->text);
    }
}

int main(void) {
    evtwin_predictor *predictor = NULL;
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    if (evtwin_predictor_load("bundle", &predictor) < 0) {
        return give_up("02_train_and_predict builds the bundle");
    }

    /* a battery's state goes into the store with its predictions */
    if (evtwin_pump_create(NULL, &pump) < 0 || evtwin_pump_take_predictor(pump, predictor) < 0 ||
        evtwin_source_open("sim:?fleet=3&interval=0.2&rows=4", &source) < 0 ||
        evtwin_pump_take_source(pump, source) < 0 ||
        evtwin_sink_open("sqlite:live.db", &sink) < 0 || evtwin_pump_take_sink(pump, sink) < 0 ||
        evtwin_pump_on_event(pump, on_event, NULL) < 0) {
        return give_up("open");
    }

    /* wait at most a second for rows; between two calls a program can check for Ctrl-C */
    evtwin_status status;
    do {
        status = evtwin_pump_run_once(pump, 1000, NULL);
    } while (status < 0 ? evtwin_status_is_temporary(status) : status != EVTWIN_DONE);
    if (status < 0) {
        return give_up("pump");
    }
    evtwin_pump_free(pump);
    return 0;
}
