/* SPDX-License-Identifier: MIT */
/* spool_memory.c: ten million records through a small spool to a fast sink and one that fails each
 * fifth time: all arrive once, within the bound on disk, and memory does not grow with their
 * number. */

#define _GNU_SOURCE
#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 10000000, AT_A_TIME = 500, MAX_BYTES = 8 << 20 };

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
        exit(1);
    }
}

typedef struct numbers {
    int64_t next;
} numbers;

static evtwin_status read_numbers(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
    numbers *s = ctx;
    char position[32];
    (void)max_rows;
    (void)timeout_ms;
    if (s->next == N) {
        return EVTWIN_DONE;
    }
    require(evtwin_table_resize(table, AT_A_TIME) == 0, "rows");
    const size_t time = evtwin_table_find(table, "time"), seq = evtwin_table_find(table, "seq");
    const size_t id = evtwin_table_find(table, "battery_id"), soc = evtwin_table_find(table, "soc");
    for (size_t i = 0; i < AT_A_TIME; i++, s->next++) {
        require(evtwin_table_set_i64(table, time, i, INT64_C(1704067200000000) + s->next) == 0 &&
                    evtwin_table_set_text(table, id, i, "B") == 0 &&
                    evtwin_table_set_i64(table, seq, i, s->next) == 0 &&
                    evtwin_table_set_f64(table, soc, i, (double)(s->next * 7919 % 99991) / 1e3) ==
                        0,
                "row");
    }
    snprintf(position, sizeof position, "%lld", (long long)s->next);
    return evtwin_source_set_position(source, position);
}

/* Takes rows in order, each once. */
typedef struct counter {
    int64_t next;
    int is_flaky;
    long n_writes;
} counter;

static evtwin_status count_rows(void *ctx, const evtwin_batch *batch) {
    counter *c = ctx;
    if (c->is_flaky && c->n_writes++ % 5 == 0) {
        return EVTWIN_E_AGAIN;
    }
    const int64_t *seq = evtwin_table_i64(batch->rows, evtwin_table_find(batch->rows, "seq"));
    for (size_t i = 0; i < evtwin_table_rows(batch->rows); i++) {
        require(seq[i] == c->next++, "a row is lost or comes twice");
    }
    return EVTWIN_OK;
}

static long resident_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static int64_t file_bytes(const char *folder, const char *name) {
    char path[300];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int main(void) {
    char folder[] = "spool-memory-XXXXXX", path[64];
    numbers from = {0};
    counter fast = {0}, flaky = {.is_flaky = 1};
    require(mkdtemp(folder) != NULL, folder);
    snprintf(path, sizeof path, "%s/spool", folder);
    const evtwin_source_callbacks source = {
        .size = sizeof source, .name = "numbers:", .read = read_numbers};
    evtwin_sink_callbacks sink = {.size = sizeof sink, .name = "fast:", .write = count_rows};
    evtwin_pump *pump = NULL;
    evtwin_source *numbers_source = NULL;
    evtwin_sink *fast_sink = NULL, *flaky_sink = NULL;
    evtwin_spool *spool = NULL;
    evtwin_spool_options options;
    evtwin_spool_options_init(&options, sizeof options);
    options.max_bytes = MAX_BYTES;
    require(evtwin_pump_create(NULL, &pump) == 0 &&
                evtwin_source_create(&source, &from, &numbers_source) == 0 &&
                evtwin_pump_take_source(pump, numbers_source) == 0 &&
                evtwin_sink_create(&sink, &fast, &fast_sink) == 0 &&
                evtwin_pump_take_sink(pump, fast_sink) == 0,
            "pump");
    sink.name = "flaky:";
    require(evtwin_sink_create(&sink, &flaky, &flaky_sink) == 0 &&
                evtwin_pump_take_sink(pump, flaky_sink) == 0 &&
                evtwin_spool_open(path, &options, &spool) == 0 &&
                evtwin_pump_take_spool(pump, spool) == 0,
            "spool");

    long early_kib = 0, n_full = 0;
    int64_t most_bytes = 0;
    evtwin_status st;
    while ((st = evtwin_pump_run_once(pump, 1000, NULL)) != EVTWIN_DONE) {
        require(st == EVTWIN_OK || st == EVTWIN_E_AGAIN, "run");
        n_full += st == EVTWIN_E_AGAIN;
        early_kib = from.next <= N / 10 ? resident_kib() : early_kib;
        const int64_t bytes = file_bytes(path, "spool.db") + file_bytes(path, "spool.db-wal");
        most_bytes = bytes > most_bytes ? bytes : most_bytes;
    }
    while ((st = evtwin_pump_finish(pump)) == EVTWIN_E_AGAIN) {
    }
    require(st == EVTWIN_OK, "finish");
    evtwin_pump_free(pump);
    printf("%lld and %lld records, spool full %ld times, at most %lld KiB on disk of %d, %ld KiB "
           "resident after a tenth and %ld at the end\n",
           (long long)fast.next, (long long)flaky.next, n_full, (long long)most_bytes >> 10,
           MAX_BYTES >> 10, early_kib, resident_kib());
    require(fast.next == N && flaky.next == N, "not all arrived");
    require(most_bytes <= MAX_BYTES + MAX_BYTES / 4, "too much on disk");
    require(resident_kib() <= early_kib + early_kib / 2, "memory grows with the records");
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"spool/spool.db", "spool/spool.db-wal",
                                            "spool/spool.db-shm", "spool/lock"};
        char name[96];
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        unlink(name);
    }
    rmdir(path);
    rmdir(folder);
    return 0;
}
