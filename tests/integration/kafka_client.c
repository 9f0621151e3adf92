/* SPDX-License-Identifier: MIT */
/* kafka_client.c: the library's Kafka source and sink for tests that kill them and their broker.
 *   check URI                      what evtwin_sink_check says
 *   write URI SOURCE LAST BATCH    records up to LAST, from where the sink says that SOURCE is
 *   copy SOURCE SINK               from the one URI to the other, until SIGTERM */

#include "evtwin/evtwin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t is_over;

static void stop(int number) {
    (void)number;
    is_over = 1;
}

static int give_up(const char *what, evtwin_status st) {
    printf("%s: %s: %s\n", what, evtwin_status_name(st), evtwin_last_error());
    return 3;
}

static int check_sink(const char *uri) {
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_sink_open(uri, &sink);
    st = st < 0 ? st : evtwin_sink_check(sink, 10000);
    printf("%s %s\n", evtwin_status_name(st), st < 0 ? evtwin_last_error() : "");
    evtwin_sink_free(sink);
    return 0;
}

static evtwin_status fill(evtwin_table *table, long first, long last) {
    evtwin_status st = evtwin_table_resize(table, 0);
    for (long i = first; i <= last && st >= 0; i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B%ld\",\"soc\":50,"
                 "\"seq\":%ld}",
                 i % 10, i);
        st = evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table);
    }
    return st;
}

static int write_all(const char *uri, const char *source, long last, long batch) {
    evtwin_sink *sink = NULL;
    evtwin_table *table = NULL;
    char position[64] = "0";
    evtwin_status st = evtwin_sink_open(uri, &sink);
    st = st < 0 ? st : evtwin_telemetry_table_create(&table);
    if (st >= 0) {
        do {
            st = evtwin_sink_position(sink, source, position, sizeof position);
        } while (st < 0 && evtwin_status_is_temporary(st) && !is_over);
    }
    long next = strtol(position, NULL, 10) + 1;
    while (st >= 0 && next <= last && !is_over) {
        const long end = next + batch - 1 < last ? next + batch - 1 : last;
        st = fill(table, next, end);
        snprintf(position, sizeof position, "%ld", end);
        const evtwin_batch b = {
            .size = sizeof b, .rows = table, .source = source, .position = position};
        while (st >= 0 && (st = evtwin_sink_write_batch(sink, &b)) < 0 &&
               evtwin_status_is_temporary(st) && !is_over) {
            st = EVTWIN_OK; /* offered again */
        }
        next = end + 1;
    }
    const int code = st < 0 ? give_up("write", st) : 0;
    evtwin_table_free(table);
    evtwin_sink_free(sink);
    return code;
}

static int copy_all(const char *from, const char *to) {
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_pump *pump = NULL;
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    options.max_batch_rows = 500;
    options.longest_pause_s = 1.0;
    evtwin_status st = evtwin_source_open(from, &source);
    st = st < 0 ? st : evtwin_sink_open(to, &sink);
    st = st < 0 ? st : evtwin_pump_create(&options, &pump);
    if (st < 0) {
        return give_up("open", st);
    }
    evtwin_pump_take_source(pump, source);
    evtwin_pump_take_sink(pump, sink);
    printf("up\n");
    fflush(stdout);
    while (!is_over && (st >= 0 || evtwin_status_is_temporary(st))) {
        size_t n = 0;
        st = evtwin_pump_run_once(pump, 200, &n);
    }
    const int code = st < 0 && !evtwin_status_is_temporary(st) ? give_up("copy", st) : 0;
    evtwin_pump_free(pump);
    return code;
}

int main(int argc, char **argv) {
    const struct sigaction on_stop = {.sa_handler = stop};
    sigaction(SIGTERM, &on_stop, NULL);
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check_sink(argv[2]);
    }
    if (argc == 6 && strcmp(argv[1], "write") == 0) {
        return write_all(argv[2], argv[3], strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
    }
    if (argc == 4 && strcmp(argv[1], "copy") == 0) {
        return copy_all(argv[2], argv[3]);
    }
    return 2;
}
