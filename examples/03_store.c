/* SPDX-License-Identifier: MIT */
/* Pump simulated telemetry into a database and ask it for the newest row of every battery. */
#include <evtwin/evtwin.h>
#include <stdio.h>

static int give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
    return 1;
}

int main(void) {
    /* sources and sinks are named by URI: another database or a file is another string */
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    if (evtwin_pump_create(NULL, &pump) < 0 ||
        evtwin_source_open("sim:?fleet=4&speed=max&rows=10", &source) < 0 ||
        evtwin_pump_take_source(pump, source) < 0 ||
        evtwin_sink_open("sqlite:example.db", &sink) < 0 || evtwin_pump_take_sink(pump, sink) < 0) {
        return give_up("open");
    }
    evtwin_status status;
    while ((status = evtwin_pump_run_once(pump, 1000, NULL)) == EVTWIN_OK) {
    }
    if (status < 0) {
        return give_up("pump");
    }
    evtwin_pump_free(pump);

    evtwin_store *store = NULL;
    evtwin_table *latest = NULL;
    if (evtwin_store_open("sqlite:example.db", NULL, &store) < 0 ||
        evtwin_store_latest(store, NULL, &latest, NULL) < 0) {
        return give_up("read");
    }
    const size_t id = evtwin_table_find(latest, "battery_id");
    const size_t voltage = evtwin_table_find(latest, "voltage");
    for (size_t i = 0; i < evtwin_table_rows(latest); i++) {
        printf("%s %.1f V\n", evtwin_table_text(latest, id, i),
               evtwin_table_number(latest, voltage, i));
    }
    evtwin_table_free(latest);
    evtwin_store_free(store);
    return 0;
}
