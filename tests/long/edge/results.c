/* SPDX-License-Identifier: MIT */
/* edge/results.c MODEL.json: one line for each thing the edge build does, with a hash of its
 * result; the lines must be the same on every machine. */

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_PACKS = 8, N_READINGS = 50, N_ROWS = N_PACKS * N_READINGS, MAX_WIDTH = 64 };

static const char *doing = "";

static void must(evtwin_status st) {
    if (st < 0) {
        printf("%s: %s: %s\n", doing, evtwin_status_name(st), evtwin_last_error());
        exit(1);
    }
}

/* FNV-1a, from the last hash on. */
static uint64_t hash(uint64_t h, const void *data, size_t size) {
    const unsigned char *c = data;
    for (size_t i = 0; i < size; i++) {
        h = (h ^ c[i]) * UINT64_C(1099511628211);
    }
    return h;
}
static const uint64_t hash_start = UINT64_C(14695981039346656037);

/* Every bit of every value; NaN is one value. */
static uint64_t hash_table(const evtwin_table *t) {
    uint64_t h = hash_start;
    for (size_t c = 0; c < evtwin_table_cols(t); c++) {
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            const char *text = evtwin_table_text(t, c, r);
            const double v = evtwin_table_number(t, c, r);
            h = text != NULL ? hash(h, text, strlen(text))
                : v == v     ? hash(h, &v, sizeof v)
                             : hash(h, "-", 1);
        }
    }
    return h;
}

static void show(const char *what, uint64_t h) {
    printf("%-16s %08lx%08lx\n", what, (unsigned long)(h >> 32), (unsigned long)(uint32_t)h);
}

static evtwin_sim_options options(evtwin_sim_model model, evtwin_sim_use use) {
    evtwin_sim_options o;
    must(evtwin_sim_options_init(&o, sizeof o));
    o.model = model;
    o.use = use;
    o.n_packs = N_PACKS;
    o.seed = 7;
    return o;
}

static evtwin_table *simulate(const char *what, evtwin_sim_model model, evtwin_sim_use use) {
    doing = what;
    const evtwin_sim_options o = options(model, use);
    evtwin_sim *sim;
    evtwin_table *t;
    must(evtwin_sim_create(&o, &sim));
    must(evtwin_telemetry_table_create(&t));
    for (int i = 0; i < N_READINGS; i++) {
        must(evtwin_sim_advance(sim, 120.0));
        must(evtwin_sim_read(sim, o.start_time_us + i * INT64_C(120000000), t));
    }
    evtwin_sim_free(sim);
    show(what, hash_table(t));
    return t;
}

/* Numbers and times as JSON, and back. */
static void write_and_read(const evtwin_table *t) {
    doing = "json";
    uint64_t h = hash_start;
    evtwin_table *back;
    must(evtwin_telemetry_table_create(&back));
    for (size_t row = 0; row < evtwin_table_rows(t); row++) {
        char text[4096];
        size_t length;
        must(evtwin_telemetry_encode(t, row, text, sizeof text, &length));
        must(evtwin_telemetry_decode(text, length, EVTWIN_NAIVE_REJECT, back));
        h = hash(h, text, length);
    }
    show(doing, h);
    show("json again", hash_table(back));
    evtwin_table_free(back);
}

/* From memory: a device has its model in flash. */
static evtwin_model *load(const char *path) {
    static char data[1 << 20];
    FILE *f = fopen(path, "rb");
    const size_t size = f != NULL ? fread(data, 1, sizeof data, f) : 0;
    evtwin_model *model = NULL;
    if (f != NULL) {
        fclose(f);
    }
    must(evtwin_model_load_buffer(path, data, size, &model));
    return model;
}

static void predict(const evtwin_table *t, const char *path) {
    static double x[N_ROWS * MAX_WIDTH];
    static float input[N_ROWS * MAX_WIDTH], y[N_ROWS];
    doing = "features";
    evtwin_features *features;
    must(evtwin_features_create(NULL, &features));
    must(evtwin_features_compute(features, t, 0, N_ROWS, x));
    const size_t n = evtwin_features_count(features);
    show(doing, hash(hash_start, x, N_ROWS * n * sizeof *x));

    doing = "forest";
    evtwin_model *model = load(path);
    const size_t width = evtwin_model_width(model);
    for (size_t row = 0; row < N_ROWS; row++) {
        for (size_t i = 0; i < width && width <= MAX_WIDTH; i++) {
            input[row * width + i] =
                (float)(x[row * n + i % n] / 100.0); /* no model's own inputs */
        }
    }
    must(evtwin_model_margin(model, input, N_ROWS, width, y));
    show(doing, hash(hash_start, y, sizeof y));
    must(evtwin_model_predict(model, input, N_ROWS, width, y));
    show("probability", hash(hash_start, y, sizeof y));
    evtwin_model_free(model);
    evtwin_features_free(features);
}

int main(int argc, char **argv) {
    evtwin_table_free(simulate("classic", EVTWIN_SIM_CLASSIC, EVTWIN_USE_CYCLE));
    evtwin_table_free(simulate("ecm daily", EVTWIN_SIM_ECM, EVTWIN_USE_DAILY));
    evtwin_table *t = simulate("ecm cycle", EVTWIN_SIM_ECM, EVTWIN_USE_CYCLE);
    write_and_read(t);
    predict(t, argc > 1 ? argv[1] : "model.json");
    evtwin_table_free(t);
    return 0;
}
