/* SPDX-License-Identifier: MIT */
/* train_pieces.c CSV DIR TREES pieces|whole: train with so many trees, save the bundle in DIR,
 * print the report as JSON and, on standard error, by how many bytes the memory of the process grew
 * at most since the file was opened. */

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { N_TARGETS = 2 };

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

static evtwin_trainer *train(evtwin_csv *csv, const evtwin_target *target,
                             const evtwin_train_options *options, int in_pieces) {
    evtwin_trainer *trainer = NULL;
    if (in_pieces) {
        require(evtwin_train_csv(csv, target, N_TARGETS, options, &trainer), "train");
        return trainer;
    }
    evtwin_table *table = NULL;
    require(evtwin_csv_read(csv, &table), "read");
    require(evtwin_train(table, target, N_TARGETS, options, &trainer), "train");
    evtwin_table_free(table);
    return trainer;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s CSV DIR TREES pieces|whole\n", argv[0]);
        return 2;
    }
    evtwin_csv *csv = NULL;
    evtwin_target target[N_TARGETS];
    evtwin_train_options options;
    require(evtwin_train_options_init(&options, sizeof options), "options");
    options.source_name = argv[1];
    for (size_t t = 0; t < N_TARGETS; t++) {
        require(evtwin_target_get(t, &target[t], sizeof target[t]), "target");
        target[t].trees = atoi(argv[3]);
    }
    require(evtwin_csv_open(argv[1], NULL, &csv), "open");
    const long before = peak_bytes();
    evtwin_trainer *trainer = train(csv, target, &options, strcmp(argv[4], "pieces") == 0);
    evtwin_csv_free(csv);
    require(evtwin_trainer_save(trainer, argv[2]), "save");
    puts(evtwin_trainer_json(trainer, argv[2]));
    fprintf(stderr, "%ld\n", peak_bytes() - before);
    evtwin_trainer_free(trainer);
    return 0;
}
