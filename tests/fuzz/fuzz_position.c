/* SPDX-License-Identifier: MIT */
/* fuzz_position.c: positions come back from outside: from a spool, a topic of a broker, a user. Any
 * text is refused or a place of the source, which then still reads. The first byte chooses: K a
 * position of a kafka: source, P a record of a producer's progress, C, J and S a csv:, jsonl: and
 * sqlite: source. */

#include "evtwin/store.h"
#include "evtwin/stream.h"
#include "evtwin/telemetry.h"
#include "stream/kafka_position.h"
#include "stream/kafka_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "{\"timestamp\":1700000000,\"battery_id\":\"A\",\"seq\":1}\n"
#define CSV_ROW "2024-01-01T00:00:00Z,A,1\n"

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- kafka ---- */

/* What is read is written as text that reads back the same. */
static void read_kafka(const char *position) {
    evtwin__kafka_position p, again;
    evtwin__text first = {.data = NULL}, second = {.data = NULL};
    if (evtwin__kafka_position_parse(position, &p) < 0) {
        require(evtwin_last_error()[0] != '\0');
        return;
    }
    require(evtwin__kafka_position_format(p.cluster, &p.offsets, &first) == EVTWIN_OK);
    require(evtwin__kafka_position_parse(first.data, &again) == EVTWIN_OK);
    require(again.offsets.n == p.offsets.n);
    require(evtwin__kafka_position_format(again.cluster, &again.offsets, &second) == EVTWIN_OK);
    require(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    evtwin__kafka_position_free(&p);
    evtwin__kafka_position_free(&again);
    evtwin__text_free(&first);
    evtwin__text_free(&second);
}

/* "KEY\nVALUE": what is known covers itself, and its record says the same again. */
static void read_progress(const char *key, size_t size) {
    evtwin__kafka_progress *progress = NULL, *again = NULL;
    evtwin__text text = {.data = NULL};
    size_t key_size = strcspn(key, "\n");
    const char *value = key_size < size ? key + key_size + 1 : key + size;
    require(evtwin__kafka_progress_create("id", &progress) == EVTWIN_OK);
    require(evtwin__kafka_progress_create("id", &again) == EVTWIN_OK);
    require(evtwin__kafka_progress_take(progress, key, key_size, value,
                                        (size_t)(key + size - value)) == EVTWIN_OK);
    const char *position = evtwin__kafka_progress_find(progress, "s");
    if (position != NULL) {
        require(evtwin__kafka_progress_covers(progress, "s", position));
        require(evtwin__kafka_progress_put(progress, "s", position, &text, &key_size) == EVTWIN_OK);
        require(evtwin__kafka_progress_take(again, text.data, key_size, text.data + key_size,
                                            text.size - key_size) == EVTWIN_OK);
        require(strcmp(evtwin__kafka_progress_find(again, "s"), position) == 0);
    }
    evtwin__text_free(&text);
    evtwin__kafka_progress_free(progress);
    evtwin__kafka_progress_free(again);
}

/* ---- files and stores ---- */

static char folder[] = "/tmp/evtwin_fuzz_position_XXXXXX", csv[64], jsonl[64], sqlite[64];

static void remove_files(void) {
    static const char *const names[] = {"x.csv",    "x.jsonl",  "x.db",
                                        "x.db-wal", "x.db-shm", "x.db-writers"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    require(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_files(void) {
    evtwin_sink *sink = NULL;
    evtwin_table *table = NULL;
    require(mkdtemp(folder) != NULL && atexit(remove_files) == 0);
    snprintf(csv, sizeof csv, "csv:%s/x.csv", folder);
    snprintf(jsonl, sizeof jsonl, "jsonl:%s/x.jsonl", folder);
    snprintf(sqlite, sizeof sqlite, "sqlite:%s/x.db", folder);
    write_file(csv + strlen("csv:"), "timestamp,battery_id,seq\n" CSV_ROW CSV_ROW);
    write_file(jsonl + strlen("jsonl:"), RECORD RECORD);
    require(evtwin_telemetry_table_create(&table) == EVTWIN_OK);
    require(evtwin_telemetry_decode(RECORD, strlen(RECORD), EVTWIN_NAIVE_REJECT, table) ==
            EVTWIN_OK);
    if (evtwin_sink_open(sqlite, &sink) == EVTWIN_OK) { /* a build may be without it */
        require(evtwin_sink_write(sink, table) == EVTWIN_OK &&
                evtwin_sink_flush(sink) == EVTWIN_OK);
        evtwin_sink_free(sink);
    }
    evtwin_table_free(table);
}

static void seek(const char *uri, const char *position) {
    evtwin_source *source = NULL;
    evtwin_table *table = NULL;
    if (evtwin_source_open(uri, &source) == EVTWIN_E_UNSUPPORTED) {
        return;
    }
    require(source != NULL && evtwin_telemetry_table_create(&table) == EVTWIN_OK);
    if (evtwin_source_seek(source, position) < 0) {
        require(evtwin_last_error()[0] != '\0');
    }
    const evtwin_status st = evtwin_source_read(source, 10, 0, table);
    require(st == EVTWIN_OK || st == EVTWIN_DONE || st == EVTWIN_REFUSED);
    evtwin_table_free(table);
    evtwin_source_free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (csv[0] == '\0') {
        make_files();
    }
    if (size == 0) {
        return 0;
    }
    char *text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case 'K':
        read_kafka(text);
        break;
    case 'P':
        read_progress(text, size - 1);
        break;
    case 'C':
        seek(csv, text);
        break;
    case 'J':
        seek(jsonl, text);
        break;
    case 'S':
        seek(sqlite, text);
        break;
    default:
        break;
    }
    free(text);
    return 0;
}
