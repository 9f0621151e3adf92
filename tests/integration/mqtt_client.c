/* SPDX-License-Identifier: MIT */
/* mqtt_client.c: the library's MQTT source and sink for tests that kill them and their broker.
 *   check URI                         what evtwin_sink_check says
 *   send URI LEDGER FIRST N BATCH     records FIRST to FIRST + N - 1, each batch until it is
 * accepted receive URI LEDGER [stop]         until SIGTERM; stop: say "read" before anything is
 * accepted A ledger has a line for each record that was accepted, in the order in which it was. */

#include "evtwin/evtwin.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;

static void stop(int number) {
    (void)number;
    is_over = 1;
}

static void say(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
}

static int give_up(const char *what, evtwin_status st) {
    printf("%s: %s: %s\n", what, evtwin_status_name(st), evtwin_last_error());
    return 3;
}

/* The rows of a table are accepted. */
static void note_rows(FILE *ledger, const evtwin_table *table) {
    const size_t col = evtwin_table_find(table, "seq");
    for (size_t row = 0; row < evtwin_table_rows(table); row++) {
        fprintf(ledger, "%.0f\n", evtwin_table_number(table, col, row));
    }
    fflush(ledger);
    fdatasync(fileno(ledger));
}

static evtwin_status fill(evtwin_table *table, long first, long n) {
    evtwin_status st = evtwin_table_resize(table, 0);
    for (long i = first; i < first + n && st >= 0; i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B%ld\",\"soc\":50,"
                 "\"seq\":%ld}",
                 i % 10, i);
        st = evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table);
    }
    return st;
}

static int send_all(const char *uri, FILE *ledger, long first, long n, long batch) {
    evtwin_sink *sink = NULL;
    evtwin_table *table = NULL;
    evtwin_status st = evtwin_sink_open(uri, &sink);
    st = st >= 0 ? evtwin_telemetry_table_create(&table) : st;
    for (long at = first; at < first + n && st >= 0; at += batch) {
        const long left = first + n - at;
        st = fill(table, at, left < batch ? left : batch);
        while (st >= 0 && (st = evtwin_sink_write(sink, table)) == EVTWIN_E_AGAIN) {
            const struct timespec pause = {0, 50000000};
            give_up("again", st);
            fflush(stdout);
            nanosleep(&pause, NULL);
            st = EVTWIN_OK;
        }
        if (st >= 0) {
            note_rows(ledger, table);
        }
    }
    const int code = st < 0 ? give_up("send", st) : 0;
    evtwin_table_free(table);
    evtwin_sink_free(sink);
    return code;
}

static int receive_all(const char *uri, FILE *ledger, int stops) {
    evtwin_source *source = NULL;
    evtwin_table *table = NULL;
    evtwin_status st = evtwin_source_open(uri, &source);
    st = st >= 0 ? evtwin_telemetry_table_create(&table) : st;
    int is_up = 0;
    while (!is_over && st >= 0) {
        evtwin_table_resize(table, 0);
        const evtwin_status read = evtwin_source_read(source, 100, 200, table);
        if (read >= 0 && !is_up) {
            is_up = 1;
            say("up");
        }
        if (read < 0 && !evtwin_status_is_temporary(read)) {
            st = read;
        }
        if (evtwin_table_rows(table) > 0 && stops) {
            say("read");
            pause();
        }
        if (read >= 0) {
            note_rows(ledger, table);
            st = evtwin_source_commit(source, evtwin_source_position(source));
        }
    }
    const int code = st < 0 ? give_up("receive", st) : 0;
    evtwin_table_free(table);
    evtwin_source_free(source);
    return code;
}

static int check(const char *uri) {
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_sink_open(uri, &sink);
    st = st >= 0 ? evtwin_sink_check(sink, 5000) : st;
    printf("%s %s\n", evtwin_status_name(st), st < 0 ? evtwin_last_error() : "");
    evtwin_sink_free(sink);
    return 0;
}

int main(int argc, char **argv) {
    signal(SIGTERM, stop);
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2]);
    }
    FILE *ledger = argc > 3 ? fopen(argv[3], "a") : NULL;
    if (ledger == NULL) {
        fprintf(stderr, "usage: see the head of the file\n");
        return 2;
    }
    const int code = strcmp(argv[1], "send") == 0 && argc == 7
                         ? send_all(argv[2], ledger, strtol(argv[4], NULL, 10),
                                    strtol(argv[5], NULL, 10), strtol(argv[6], NULL, 10))
                         : receive_all(argv[2], ledger, argc > 4);
    fclose(ledger);
    return code;
}
