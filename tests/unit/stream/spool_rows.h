/* SPDX-License-Identifier: MIT */
/* spool_rows.h: rows that say which they are, for tests of the spool. */
#ifndef EVTWIN_TEST_SPOOL_ROWS_H
#define EVTWIN_TEST_SPOOL_ROWS_H

#include "test.h"

/* A folder in memory, where there is one: hundreds of commits that wait for a disk take long. Goes
 * when the process ends. */
static char memory_folder[64];

static inline void remove_memory_folder(void) {
    if (getpid() == temp_owner) {
        nftw(memory_folder, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static inline const char *memory_path(const char *name) {
    static char path[8][256];
    static int turn;
    if (memory_folder[0] == '\0') {
        (void)temp_path(name); /* sets the owner */
        snprintf(memory_folder, sizeof memory_folder, "/dev/shm/evtwin-test-XXXXXX");
        if (mkdtemp(memory_folder) == NULL) {
            snprintf(memory_folder, sizeof memory_folder, "%s", temp_folder);
        } else {
            atexit(remove_memory_folder);
        }
    }
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", memory_folder, name);
    return path[turn];
}

/* n telemetry rows whose seq is first, first + 1, …, one second apart, of three batteries. */
static inline evtwin_table *numbered_rows(int64_t first, size_t n) {
    evtwin_table *rows = NULL;
    assert_ok(evtwin_telemetry_table_create(&rows));
    assert_ok(evtwin_table_resize(rows, n));
    const size_t time = evtwin_table_find(rows, "time"), id = evtwin_table_find(rows, "battery_id");
    const size_t seq = evtwin_table_find(rows, "seq"), soc = evtwin_table_find(rows, "soc");
    for (size_t i = 0; i < n; i++) {
        char name[16];
        const int64_t k = first + (int64_t)i;
        snprintf(name, sizeof name, "B%d", (int)(k % 3));
        assert_ok(evtwin_table_set_i64(rows, time, i, INT64_C(1704067200000000) + k * 1000000));
        assert_ok(evtwin_table_set_text(rows, id, i, name));
        assert_ok(evtwin_table_set_i64(rows, seq, i, k));
        assert_ok(evtwin_table_set_f64(rows, soc, i, (double)(k % 100)));
    }
    return rows;
}

static inline int64_t seq_of(const evtwin_table *rows, size_t row) {
    return evtwin_table_i64(rows, evtwin_table_find(rows, "seq"))[row];
}

/* Accept rows first to first + n - 1 from a source whose position is the last of them. */
static inline evtwin_status append_rows(evtwin_spool *spool, int64_t first, size_t n) {
    char position[32];
    evtwin_table *rows = numbered_rows(first, n);
    snprintf(position, sizeof position, "%lld", (long long)(first + (int64_t)n - 1));
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = "test:", .position = position};
    const evtwin_status st = evtwin_spool_append(spool, &batch);
    evtwin_table_free(rows);
    return st;
}

static inline evtwin_spool *open_spool(const char *folder, uint64_t max_bytes,
                                       evtwin_spool_full when_full) {
    evtwin_spool_options options;
    evtwin_spool *spool = NULL;
    assert_ok(evtwin_spool_options_init(&options, sizeof options));
    options.max_bytes = max_bytes;
    options.when_full = when_full;
    assert_ok(evtwin_spool_open(folder, &options, &spool));
    return spool;
}

#endif
