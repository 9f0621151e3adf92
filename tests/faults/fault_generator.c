/* SPDX-License-Identifier: MIT */
/* fault_generator LEDGER SPOOL RATE SINK...: make records, have them accepted, and keep a ledger of
 * what was: one JSON line a record, on disk before the next record is offered.
 *
 * The records follow from their number, with values that use all digits of a double, so a run that
 * was killed goes on where it stopped. SPOOL "-" delivers without one: accepted is then what every
 * sink has taken. It ends when LEDGER.stop exists or at SIGTERM:
 *   0  every sink has everything
 *   3  something waits for a sink: call again
 *   4  the spool has forgotten records that it had accepted
 *   1  anything else */

#include <evtwin/evtwin.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_SIZE = 1024, N_BATTERIES = 7, FORGOTTEN = 4, WAITING = 3 };

typedef struct generator {
    FILE *ledger;
    const char *stop_file;
    int64_t n_in_ledger; /* accepted, as far as we were told before a kill */
    int64_t n_given;     /* by this process or, accepted, by those before it */
    int has_spool, was_sought;
    double rate, began_s;
    int64_t n_at_start;
} generator;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(double s) {
    const struct timespec t = {.tv_nsec = (long)(s * 1e9)};
    nanosleep(&t, NULL);
}

static void give_up(const char *what) {
    fprintf(stderr, "fault_generator: %s: %s\n", what, evtwin_last_error());
    exit(1);
}

/* SplitMix64: well mixed bits of a number. */
static uint64_t mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double between(int64_t number, uint64_t field, double low, double high) {
    const uint64_t bits = mixed((uint64_t)number * 16 + field);
    return low + (high - low) * (double)(bits >> 11) * 0x1p-53;
}

/* Record `number` as JSON; returns its length. */
static size_t write_record(int64_t number, char text[RECORD_SIZE]) {
    char time[40];
    if (evtwin_time_format(INT64_C(1767225600000000) + number * 1000, time, sizeof time) < 0) {
        give_up("time");
    }
    const int length = snprintf(
        text, RECORD_SIZE,
        "{\"timestamp\":\"%s\",\"battery_id\":\"KILL_%03d\",\"soc\":%.17g,\"soh\":%.17g,"
        "\"voltage\":%.17g,\"current\":%.17g,\"temperature\":%.17g,\"charge_cycles\":%d,"
        "\"power_consumption\":%.17g,\"is_charging\":%s,\"seq\":%lld,\"sim_time_s\":%.17g}",
        time, (int)(number % N_BATTERIES), between(number, 0, 0, 100), between(number, 1, 70, 100),
        between(number, 2, 300, 420), between(number, 3, -150, 120), between(number, 4, -20, 60),
        (int)between(number, 5, 0, 2000), between(number, 6, 0, 60000),
        mixed((uint64_t)number) & 1 ? "true" : "false", (long long)number, 0.001 * (double)number);
    if (length <= 0 || length >= RECORD_SIZE) {
        give_up("record");
    }
    return (size_t)length;
}

/* ---- the ledger ---- */

/* Lines that are whole; a torn last one was never fsynced, so it is cut off. */
static void open_ledger(generator *g, const char *path) {
    g->ledger = fopen(path, "a+");
    if (g->ledger == NULL) {
        give_up("ledger");
    }
    rewind(g->ledger);
    long at = 0, end_of_last = 0;
    for (int c; (c = getc(g->ledger)) != EOF;) {
        at++;
        if (c == '\n') {
            g->n_in_ledger++;
            end_of_last = at;
        }
    }
    if (ftruncate(fileno(g->ledger), end_of_last) != 0) {
        give_up("ledger");
    }
}

static void note_accepted(generator *g, int64_t n) {
    if (n <= g->n_in_ledger) {
        return;
    }
    for (; g->n_in_ledger < n; g->n_in_ledger++) {
        char text[RECORD_SIZE];
        write_record(g->n_in_ledger, text);
        fprintf(g->ledger, "%s\n", text);
    }
    if (fflush(g->ledger) != 0 || fdatasync(fileno(g->ledger)) != 0) {
        give_up("ledger");
    }
}

/* ---- the source ---- */

/* The spool says how much it has accepted: not less than we know of. */
static evtwin_status seek_generator(void *ctx, const char *position) {
    generator *g = ctx;
    const int64_t n = strtoll(position, NULL, 10);
    if (n < g->n_in_ledger) {
        fprintf(stderr, "FORGOTTEN: %lld records were accepted, the spool knows of %lld\n",
                (long long)g->n_in_ledger, (long long)n);
        exit(FORGOTTEN);
    }
    note_accepted(g, n);
    g->n_given = n;
    g->was_sought = 1;
    return EVTWIN_OK;
}

static volatile sig_atomic_t was_terminated;

static void on_sigterm(int number) {
    (void)number;
    was_terminated = 1;
}

static int is_stopped(const generator *g) {
    return was_terminated || access(g->stop_file, F_OK) == 0;
}

static evtwin_status read_generator(void *ctx, evtwin_source *source, size_t max_rows,
                                    int timeout_ms, evtwin_table *table) {
    (void)timeout_ms;
    generator *g = ctx;
    if (g->began_s == 0) {
        g->began_s = now_s();
        g->n_at_start = g->n_given;
        if (g->has_spool && !g->was_sought && g->n_in_ledger > 0) {
            fprintf(stderr, "FORGOTTEN: %lld records were accepted, the spool knows of none\n",
                    (long long)g->n_in_ledger);
            exit(FORGOTTEN);
        }
    }
    /* without a spool nobody knows what became of the batch that a kill met: it is offered again */
    if (is_stopped(g) && (g->has_spool || g->n_given > g->n_at_start)) {
        return EVTWIN_DONE;
    }
    /* batches of all sizes, on average at the rate */
    const double due = g->rate * (now_s() - g->began_s) - (double)(g->n_given - g->n_at_start);
    size_t n = (size_t)(mixed((uint64_t)g->n_given) % 40) + 1;
    n = n < max_rows ? n : max_rows;
    if (due < (double)n) {
        return EVTWIN_OK;
    }
    for (size_t i = 0; i < n; i++, g->n_given++) {
        char text[RECORD_SIZE];
        const size_t length = write_record(g->n_given, text);
        if (evtwin_telemetry_decode(text, length, EVTWIN_NAIVE_REJECT, table) < 0) {
            give_up("decode");
        }
    }
    char position[32];
    snprintf(position, sizeof position, "%lld", (long long)g->n_given);
    return evtwin_source_set_position(source, position);
}

static evtwin_status commit_generator(void *ctx, const char *position) {
    note_accepted(ctx, strtoll(position, NULL, 10));
    return EVTWIN_OK;
}

/* ---- the pump ---- */

static void on_event(void *ctx, const evtwin_pump_event *event) {
    (void)ctx;
    if (event->kind != EVTWIN_PUMP_BATCH) {
        fprintf(stderr, "%.3f event %d of %s: %s\n", now_s(), (int)event->kind, event->uri,
                event->text);
    }
}

static evtwin_pump *open_pump(generator *g, const char *spool_folder, char **sinks, int n_sinks) {
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    options.first_pause_s = 0.02;
    options.longest_pause_s = 0.2;
    options.drain_s = 2;
    evtwin_pump *pump = NULL;
    if (evtwin_pump_create(&options, &pump) < 0) {
        give_up("pump");
    }
    const evtwin_source_callbacks callbacks = {.size = sizeof callbacks,
                                               .name = "generator",
                                               .read = read_generator,
                                               .commit = commit_generator,
                                               .seek = seek_generator};
    evtwin_source *source = NULL;
    if (evtwin_source_create(&callbacks, g, &source) < 0 ||
        evtwin_pump_take_source(pump, source) < 0) {
        give_up("source");
    }
    for (int i = 0; i < n_sinks; i++) {
        evtwin_sink *sink = NULL;
        if (evtwin_sink_open(sinks[i], &sink) < 0 || evtwin_pump_take_sink(pump, sink) < 0) {
            give_up(sinks[i]);
        }
    }
    if (g->has_spool) {
        evtwin_spool *spool = NULL;
        if (evtwin_spool_open(spool_folder, NULL, &spool) < 0 ||
            evtwin_pump_take_spool(pump, spool) < 0) {
            give_up(spool_folder);
        }
    }
    evtwin_pump_on_event(pump, on_event, NULL);
    return pump;
}

static int anything_waits(const evtwin_pump *pump) {
    evtwin_pump_sink_stats stats;
    for (size_t i = 0; evtwin_pump_sink_stats_get(pump, i, &stats, sizeof stats) == EVTWIN_OK;
         i++) {
        if (stats.n_held > 0) {
            fprintf(stderr, "%llu records wait for %s\n", (unsigned long long)stats.n_held,
                    stats.uri);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: fault_generator LEDGER SPOOL RATE SINK...\n");
        return 2;
    }
    char stop_file[4096];
    snprintf(stop_file, sizeof stop_file, "%s.stop", argv[1]);
    generator g = {.stop_file = stop_file,
                   .has_spool = strcmp(argv[2], "-") != 0,
                   .rate = strtod(argv[3], NULL)};
    signal(SIGTERM, on_sigterm);
    open_ledger(&g, argv[1]);
    g.n_given = g.n_in_ledger;
    evtwin_pump *pump = open_pump(&g, argv[2], argv + 4, argc - 4);

    evtwin_status st = EVTWIN_OK;
    while (st != EVTWIN_DONE) {
        size_t n = 0;
        st = evtwin_pump_run_once(pump, 5, &n);
        if (st < 0 && !evtwin_status_is_temporary(st)) {
            give_up("pump");
        }
        if (st < 0 || n == 0) {
            nap(0.001);
        }
        if (st < 0 && is_stopped(&g)) {
            break;
        }
    }
    evtwin_pump_finish(pump);
    const int code = st != EVTWIN_DONE || anything_waits(pump) ? WAITING : 0;
    evtwin_pump_free(pump);
    fclose(g.ledger);
    return code;
}
