/* SPDX-License-Identifier: MIT */
/* bench_csv.c: read a file of 175,000 x 30 numbers, beside a loop over strtod on the same bytes. */

#include "evtwin/table.h"

#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 175000, COLS = 30, REPEATS = 5 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "bench_csv: %s\n", evtwin_last_error());
        exit(1);
    }
}

/* Readings of two to six digits, as sensors send them, or with all 17 digits of a simulator. */
static void write_file(const char *path, int n_digits) {
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    for (unsigned c = 0; c < COLS; c++) {
        fprintf(f, "c%u%c", c, c + 1 < COLS ? ',' : '\n');
    }
    for (unsigned r = 0; r < ROWS; r++) {
        for (unsigned c = 0; c < COLS; c++) {
            const double u = evtwin__rng_uniform(evtwin__rng_at(1, EVTWIN__RNG_SENSOR, c, 0, r), 0);
            const double v = (c % 3 == 0 ? 1.0 : c % 3 == 1 ? 60.0 : 400.0) * (u - 0.1);
            fprintf(f, n_digits == 17 ? "%.17g" : c % 3 == 0 ? "%.4f" : "%.2f", v);
            fputc(c + 1 < COLS ? ',' : '\n', f);
        }
    }
    if (fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

/* The peer: the file in memory, one strtod a field. */
static double read_with_strtod(const char *path, double *value, size_t *size_out) {
    const double begin = now_s();
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    const size_t size = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(size + 1);
    if (text == NULL || fread(text, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    text[size] = '\0';
    fclose(f);
    char *c = strchr(text, '\n') + 1;
    for (size_t i = 0; i < (size_t)ROWS * COLS; i++) {
        value[i % COLS * ROWS + i / COLS] = strtod(c, &c);
        c++;
    }
    free(text);
    *size_out = size;
    return now_s() - begin;
}

static size_t count_differences(const evtwin_table *table, const double *value) {
    size_t n = 0;
    for (size_t c = 0; c < COLS; c++) {
        const double *column = evtwin_table_f64(table, c);
        for (size_t r = 0; r < ROWS; r++) {
            n += memcmp(&column[r], &value[c * ROWS + r], sizeof(double)) != 0;
        }
    }
    return n;
}

static void run(const char *path, const char *what, int n_digits) {
    write_file(path, n_digits);
    double *value = calloc((size_t)ROWS * COLS, sizeof *value);
    if (value == NULL) {
        perror("calloc");
        exit(1);
    }
    double ours_s = INFINITY, peer_s = INFINITY, write_s = INFINITY;
    size_t size = 0, n_different = 0;
    for (int i = 0; i < REPEATS; i++) {
        peer_s = fmin(peer_s, read_with_strtod(path, value, &size));
        evtwin_table *table;
        double begin = now_s();
        check(evtwin_table_read_csv(path, NULL, &table));
        ours_s = fmin(ours_s, now_s() - begin);
        n_different = count_differences(table, value);
        if (i == 0) {
            begin = now_s();
            check(evtwin_table_write_csv(table, path));
            write_s = now_s() - begin;
        }
        evtwin_table_free(table);
    }
    const double megabytes = (double)size / 1e6, n = (double)ROWS * COLS;
    printf("%s, %d x %d, %.1f MB: read_csv %.4f s (%.0f MB/s, %.1f ns/value), strtod loop %.4f s; "
           "ratio %.2f; %zu values differ; write_csv %.3f s (%.0f ns/value)\n",
           what, ROWS, COLS, megabytes, ours_s, megabytes / ours_s, 1e9 * ours_s / n, peer_s,
           peer_s / ours_s, n_different, write_s, 1e9 * write_s / n);
    free(value);
    unlink(path);
}

int main(void) {
    char path[] = "/tmp/evtwin-bench-csv-XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    close(fd);
    run(path, "short digits", 4);
    run(path, "17 digits", 17);
    return 0;
}
