/* SPDX-License-Identifier: MIT */
#include <evtwin/evtwin.h>
#include <stdio.h>

int main(void) {
    evtwin_sim_options options;
    evtwin_sim_options_init(&options, sizeof options);
    options.n_packs = 3;

    evtwin_sim *sim = NULL;
    evtwin_table *rows = NULL;
    if (evtwin_sim_create(&options, &sim) < 0 || evtwin_telemetry_table_create(&rows) < 0 ||
        evtwin_sim_advance(sim, 600.0) < 0 || evtwin_sim_read(sim, 0, rows) < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        return 1;
    }
    const size_t soc = evtwin_table_find(rows, "soc");
    for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
        printf("%s: %.1f %%\n", evtwin_sim_battery_id(sim, i), evtwin_table_number(rows, soc, i));
    }
    evtwin_table_free(rows);
    evtwin_sim_free(sim);
    return 0;
}
