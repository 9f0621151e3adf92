/* SPDX-License-Identifier: MIT */
/* tests/long/model_answers.c: what the library answers with models that XGBoost has written. For
 * each MODEL, with rows of float32 in ROWS, a line: "MODEL TREES" when MODEL.margin and MODEL.value
 * hold its answers (with -a, by all trees: MODEL.all.margin and .all.value), "MODEL EVTWIN_E_...:
 * text" when it does not load.
 *
 *     model_answers [-a] MODEL ROWS [MODEL ROWS ...]
 */

#include <evtwin/evtwin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *path) {
    fprintf(stderr, "model_answers: %s: %s\n", path, what);
    exit(2);
}

/* All floats of a file; their number in *n_out. */
static float *read_rows(const char *path, size_t *n_out) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        die("cannot be read", path);
    }
    const size_t size = (size_t)ftell(f);
    float *x = malloc(size + 1);
    rewind(f);
    if (x == NULL || fread(x, 1, size, f) != size) {
        die("cannot be read", path);
    }
    fclose(f);
    *n_out = size / sizeof *x;
    return x;
}

static void write_rows(const char *model, const char *suffix, const float *y, size_t n) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", model, suffix);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(y, sizeof *y, n, f) != n || fclose(f) != 0) {
        die("cannot be written", path);
    }
}

static void answer(const char *path, const char *rows, int all_trees) {
    evtwin_model *model;
    const evtwin_status st =
        all_trees ? evtwin_model_load_all_trees(path, &model) : evtwin_model_load(path, &model);
    if (st < 0) {
        printf("%s %s: %s\n", path, evtwin_status_name(st), evtwin_last_error());
        return;
    }
    size_t n;
    float *x = read_rows(rows, &n);
    const size_t width = evtwin_model_width(model);
    float *y = calloc(n / width + 1, sizeof *y);
    if (y == NULL || n % width != 0) {
        die("no whole rows of this model", rows);
    }
    if (evtwin_model_margin(model, x, n / width, width, y) < 0) {
        die(evtwin_last_error(), path);
    }
    write_rows(path, all_trees ? ".all.margin" : ".margin", y, n / width);
    if (evtwin_model_predict(model, x, n / width, width, y) < 0) {
        die(evtwin_last_error(), path);
    }
    write_rows(path, all_trees ? ".all.value" : ".value", y, n / width);
    printf("%s %zu\n", path, evtwin_model_trees(model));
    evtwin_model_free(model);
    free(x);
    free(y);
}

int main(int argc, char **argv) {
    const int all_trees = argc > 1 && strcmp(argv[1], "-a") == 0;
    if ((argc - all_trees) % 2 != 1) {
        fprintf(stderr, "usage: model_answers [-a] MODEL ROWS [MODEL ROWS ...]\n");
        return 2;
    }
    for (int i = 1 + all_trees; i < argc; i += 2) {
        answer(argv[i], argv[i + 1], all_trees);
    }
    return 0;
}
