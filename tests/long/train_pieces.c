/* SPDX-License-Identifier: MIT */
/* train_pieces.c CSV DIR TREES: train in pieces with so many trees, save the bundle in DIR and
 * print as JSON what the tool prints, then on standard error the growth of memory: peak less what
 * was there before the file was read, in bytes. */

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void require(evtwin_status st, const char *what) {
    if (st < 0) {
        fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
        exit(1);
    }
}

static long peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024L;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s CSV DIR TREES\n", argv[0]);
        return 2;
    }
    evtwin_csv *csv = NULL;
    evtwin_trainer *trainer = NULL;
    evtwin_target target[2];
    evtwin_train_options options;
    evtwin_train_options_init(&options, sizeof options);
    options.source_name = argv[1];
    for (size_t t = 0; t < 2; t++) {
        require(evtwin_target_get(t, &target[t], sizeof target[t]), "target");
        target[t].trees = atoi(argv[3]);
    }
    const long before = peak_bytes();
    require(evtwin_csv_open(argv[1], NULL, &csv), "open");
    require(evtwin_train_csv(csv, target, 2, &options, &trainer), "train");
    evtwin_csv_free(csv);
    require(evtwin_trainer_save(trainer, argv[2]), "save");
    puts(evtwin_trainer_json(trainer, argv[2]));
    fprintf(stderr, "%ld\n", peak_bytes() - before);
    evtwin_trainer_free(trainer);
    return 0;
}
