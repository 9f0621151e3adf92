/* SPDX-License-Identifier: MIT */
/* A custom sink: it keeps the hottest reading of a simulated fleet. */
#include <evtwin/evtwin.h>
#include <math.h>
#include <stdio.h>

typedef struct hottest {
    double temperature_degC;
    char battery_id[64];
    size_t n_rows;
} hottest;

/* All rows or none: what is returned here decides whether the pump offers them again. */
static evtwin_status write_rows(void *ctx, const evtwin_batch *batch) {
    hottest *h = ctx;
    const size_t id = evtwin_table_find(batch->rows, "battery_id");
    const size_t temperature = evtwin_table_find(batch->rows, "temperature");
    for (size_t i = 0; i < evtwin_table_rows(batch->rows); i++) {
        const double v = evtwin_table_number(batch->rows, temperature, i);
        h->n_rows++;
        if (v > h->temperature_degC) { /* a missing reading is NaN, and never the hottest */
            h->temperature_degC = v;
            snprintf(h->battery_id, sizeof h->battery_id, "%s",
                     evtwin_table_text(batch->rows, id, i));
        }
    }
    return EVTWIN_OK;
}

int main(void) {
    hottest h = {.temperature_degC = -INFINITY};
    const evtwin_sink_callbacks callbacks = {
        .size = sizeof callbacks, .name = "hottest:", .write = write_rows};
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_status status;
    if ((status = evtwin_pump_create(NULL, &pump)) >= 0 &&
        (status = evtwin_source_open("sim:?fleet=20&use=daily&speed=max&interval=600&rows=144",
                                     &source)) >= 0 &&
        (status = evtwin_pump_take_source(pump, source)) >= 0 &&
        (status = evtwin_sink_create(&callbacks, &h, &sink)) >= 0) {
        status = evtwin_pump_take_sink(pump, sink);
    }
    while (status >= 0 && status != EVTWIN_DONE) {
        status = evtwin_pump_run_once(pump, 0, NULL);
    }
    if (status < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        return 1;
    }
    printf("of %zu readings the hottest was %.1f °C in %s\n", h.n_rows, h.temperature_degC,
           h.battery_id);
    evtwin_pump_free(pump);
    return 0;
}
