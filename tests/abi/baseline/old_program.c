/* SPDX-License-Identifier: MIT */
/* baseline/old_program.c CSV MODEL.json: what a program of 0.1.0 does with calls that have not
 * changed since, compiled with the headers of that release. Its option structs are shorter than
 * today's. */
#include <evtwin/evtwin.h>

#include <math.h>
#include <stdio.h>

static evtwin_status show(const char *what, evtwin_status st) {
    if (st < 0) {
        printf("%s: %s\n", what, evtwin_last_error());
    }
    return st;
}

/* A CSV by the options as they were: the newer ones have their defaults. */
static int read_csv(const char *path) {
    evtwin_csv_options options;
    evtwin_table *table = NULL;
    if (show("options", evtwin_csv_options_init(&options, sizeof options)) < 0 ||
        options.size != sizeof options ||
        show("csv", evtwin_table_read_csv(path, &options, &table)) < 0) {
        return 1;
    }
    const size_t soc = evtwin_table_find(table, "soc");
    printf("%zu rows, soc %.1f\n", evtwin_table_rows(table), evtwin_table_number(table, soc, 1));
    evtwin_table_free(table);
    return 0;
}

static int simulate(void) {
    struct {
        evtwin_sim_options options;
        unsigned char beyond[256]; /* what the library must not touch */
    } o;
    for (size_t i = 0; i < sizeof o.beyond; i++) {
        o.beyond[i] = 0xA5;
    }
    evtwin_sim *sim = NULL;
    evtwin_table *rows = NULL;
    if (show("options", evtwin_sim_options_init(&o.options, sizeof o.options)) < 0) {
        return 1;
    }
    o.options.n_packs = 2;
    if (show("sim", evtwin_sim_create(&o.options, &sim)) < 0 ||
        show("table", evtwin_telemetry_table_create(&rows)) < 0 ||
        show("advance", evtwin_sim_advance(sim, 60.0)) < 0 ||
        show("read", evtwin_sim_read(sim, 0, rows)) < 0) {
        return 1;
    }
    printf("%zu packs\n", evtwin_table_rows(rows));
    evtwin_table_free(rows);
    evtwin_sim_free(sim);
    for (size_t i = 0; i < sizeof o.beyond; i++) {
        if (o.beyond[i] != 0xA5) {
            printf("the library wrote beyond the options\n");
            return 1;
        }
    }
    return 0;
}

static int predict(const char *path) {
    enum { MAX_WIDTH = 64 };
    evtwin_model *model = NULL;
    float x[MAX_WIDTH] = {0};
    float y = NAN;
    if (show("model", evtwin_model_load(path, &model)) < 0 ||
        evtwin_model_width(model) > MAX_WIDTH ||
        show("predict", evtwin_model_predict(model, x, 1, evtwin_model_width(model), &y)) < 0) {
        return 1;
    }
    printf("%s\n", y >= 0.0F && y <= 1.0F ? "a probability" : "no probability");
    evtwin_model_free(model);
    return 0;
}

int main(int argc, char **argv) {
    return argc != 3 || read_csv(argv[1]) || simulate() || predict(argv[2]);
}
