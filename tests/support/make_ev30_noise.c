/* SPDX-License-Identifier: MIT */
/* tests/support/make_ev30_noise.c: write the 30-column noise data set: make_ev30_noise OUT.csv
 * [ROWS [SEED]] */

#include "ev30_noise.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: make_ev30_noise OUT.csv [ROWS [SEED]]\n");
        return 2;
    }
    const size_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : EV30_ROWS;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    evtwin_table *table = NULL;
    evtwin_status st = ev30_noise(rows, seed, &table);
    if (st == EVTWIN_OK) {
        st = evtwin_table_write_csv(table, argv[1]);
    }
    evtwin_table_free(table);
    if (st < 0) {
        fprintf(stderr, "make_ev30_noise: %s\n", evtwin_last_error());
        return 1;
    }
    return 0;
}
