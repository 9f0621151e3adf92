/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_http.c: answers of evtwin-serve beside Flask and a bare libmicrohttpd. It runs
 * tests/bench/http/bench.py, and is what that needs beside the tools: a store of many batteries,
 * each with a few predicted rows, and a libmicrohttpd that answers every request with the bytes of
 * a file, and with the headers of another one, a line each.
 *
 *     bench_http fill STORE BATTERIES
 *     bench_http bare FILE [HEADERS] */

#include <stdio.h>

#if !defined(HAVE_HTTP) || !defined(HAVE_SQLITE)
int main(void) {
    puts("skipped: this build has no HTTP server or no SQLite store");
    return 0;
}
#else

#include "evtwin/evtwin.h"

#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_OF_EACH = 3, THREADS = 2 };

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        exit(1);
    }
}

/* ---- a store ---- */

static void fill(const char *uri, size_t n) {
    static const char *const numbers[] = {"soc", "soh", "voltage", "current", "temperature"};
    evtwin_table *table;
    size_t rul, risk, version;
    check(evtwin_telemetry_table_create(&table));
    check(evtwin_table_add_column(table, "rul_prediction", EVTWIN_F64, NULL, &rul));
    check(evtwin_table_add_column(table, "failure_probability", EVTWIN_F64, NULL, &risk));
    check(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, NULL, &version));
    check(evtwin_table_resize(table, n));
    evtwin_store *store;
    evtwin_store_options options;
    check(evtwin_store_options_init(&options, sizeof options));
    options.shares_batteries = 1; /* the kernel is slow with so many locks of one file */
    check(evtwin_store_open(uri, &options, &store));
    for (int k = 0; k < ROWS_OF_EACH; k++) {
        const int64_t time_us = evtwin_time_now() - (ROWS_OF_EACH - k) * INT64_C(2000000);
        for (size_t i = 0; i < n; i++) {
            char id[32];
            snprintf(id, sizeof id, "BATTERY_%06zu", i + 1);
            check(evtwin_table_set_text(table, evtwin_table_find(table, "battery_id"), i, id));
            check(evtwin_table_set_i64(table, evtwin_table_find(table, "time"), i, time_us));
            check(evtwin_table_set_i64(table, evtwin_table_find(table, "seq"), i, k));
            for (size_t c = 0; c < sizeof numbers / sizeof numbers[0]; c++) {
                const double value = 60.0 + 35.0 * sin((double)i * 0.37 + (double)c);
                check(evtwin_table_set_f64(table, evtwin_table_find(table, numbers[c]), i,
                                           round(value * 100.0) / 100.0));
            }
            check(evtwin_table_set_f64(table, rul, i, 800.0 + (double)(i % 977)));
            check(evtwin_table_set_f64(table, risk, i, 1e-4 * (double)(i % 9973)));
            check(evtwin_table_set_text(table, version, i, "0123456789ab"));
        }
        evtwin_insert_report report;
        check(evtwin_store_insert(store, table, &report, sizeof report));
    }
    evtwin_store_free(store);
    evtwin_table_free(table);
}

/* ---- a bare server ---- */

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request) {
    (void)url, (void)method, (void)version, (void)data, (void)size;
    static int seen;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(c, 200, ctx);
}

static void add_headers(struct MHD_Response *response, const char *path) {
    char line[1024];
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *value = strstr(line, ": ");
        if (value != NULL) {
            *value = '\0';
            value += 2;
            value[strcspn(value, "\r\n")] = '\0';
            MHD_add_response_header(response, line, value);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

static int serve(const char *path, const char *headers) {
    static char bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_PERSISTENT);
    if (headers != NULL) {
        add_headers(response, headers);
    }
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response,
                         MHD_OPTION_THREAD_POOL_SIZE, THREADS, MHD_OPTION_END);
    if (daemon == NULL) {
        return 1;
    }
    printf("%d\n", (int)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF) { /* until the caller closes our input */
    }
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "fill") == 0) {
        fill(argv[2], strtoul(argv[3], NULL, 10));
        return 0;
    }
    if (argc >= 3 && argc <= 4 && strcmp(argv[1], "bare") == 0) {
        return serve(argv[2], argc == 4 ? argv[3] : NULL);
    }
    execlp("python3", "python3", "-B", SOURCE_DIR "/tests/bench/http/bench.py", argv[0], NULL);
    perror("python3");
    return 1;
}
#endif
