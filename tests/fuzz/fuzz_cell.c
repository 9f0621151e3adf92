/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_cell.c: any bytes as a cell parameter file; a set that is accepted must also be
 * able to run. */

#include "evtwin/sim.h"

#include "core/mem.h"
#include "sim/cell.h"

#include <stdlib.h>

/* Two packs for two minutes: whatever the set says, the charge stays within the cell. */
static void run(const evtwin_cell *cell) {
    evtwin_sim_options o;
    evtwin_sim_options_init(&o, sizeof o);
    o.cell = cell;
    o.n_packs = 2;
    o.initial_soh_percent = 100.0;
    evtwin_sim *sim = NULL;
    if (evtwin_sim_create(&o, &sim) < 0) {
        return;
    }
    evtwin_sim_advance(sim, 120.0);
    double soc[2];
    if (evtwin_sim_truth(sim, "soc_frac", soc, 2) < 0) {
        abort();
    }
    for (size_t i = 0; i < 2; i++) {
        if (!(soc[i] >= 0.0 && soc[i] <= 1.0)) {
            abort();
        }
    }
    evtwin_sim_free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    evtwin_cell *cell = evtwin__calloc_aligned(1, sizeof *cell);
    if (cell == NULL) {
        return 0;
    }
    if (evtwin__cell_parse("fuzz.json", (const char *)data, size, cell) >= 0) {
        run(cell);
    }
    evtwin__free_aligned(cell);
    return 0;
}
