/* SPDX-License-Identifier: MIT */
/* tools/ingest_loop.c: records from a source through a screen into the sinks, until the source ends
 * or a signal comes. */

#include "ingest_tool.h"

#include "scrape.h"
#include "service.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPORTED = 10, PATIENCE_MS = 100, MAX_KINDS = 16, HEALTHY_S = 60 };

/* How long to wait for a source that fails, and with --once for a record. */
static const double source_pause_s = 0.5, once_patience_s = 10;

typedef struct ingest {
    const cli *c;
    const char *source;
    delivery delivery;
    evtwin_screen *screen;
    evtwin_metrics *metrics;
    service_state service;                    /* its server is NULL without --metrics-port */
    int is_failing;                           /* source or sinks, in the last look */
    double observed_s;                        /* when the pump's counts went to the metrics */
    uint64_t n_refused, n_by_kind[MAX_KINDS]; /* by -status */
} ingest;

static void on_refusal(void *ctx, const evtwin_refusal *refusal) {
    ingest *in = ctx;
    const int kind = -(int)refusal->status;
    in->n_refused++;
    in->n_by_kind[kind > 0 && kind < MAX_KINDS ? kind : 0]++;
    if (in->n_refused <= MAX_REPORTED) {
        cli_error("refused: %s%s", refusal->reason,
                  strstr(refusal->reason, "has no offset") != NULL
                      ? "; or --naive-time says what such times mean"
                      : "");
    } else if (in->n_refused == MAX_REPORTED + 1) {
        cli_error("more records are refused; they are counted");
    }
}

static void on_batch(void *ctx, const evtwin_pump_event *event) {
    ingest *in = ctx;
    if (in->service.server != NULL && evtwin_metrics_observe(in->metrics, event->batch) < 0) {
        cli_warning("metrics: %s", evtwin_last_error());
    }
}

/* ---- open ---- */

static int is_file(const char *source) {
    return strncmp(source, "csv:", 4) == 0 || strncmp(source, "jsonl:", 6) == 0;
}

/* A file that ends: what is in it is of the past. */
static int is_past(const char *source) {
    return is_file(source) && !cli_sink_is_stdout(source) && strstr(source, "follow=1") == NULL;
}

/* What a file holds is data, also if it is of another kind; a URI of an unknown kind is a mistake.
 */
static cli_role role_of(const ingest *in, evtwin_status st) {
    return st == EVTWIN_E_UNSUPPORTED && is_file(in->source) ? CLI_AN_INPUT : CLI_A_STORE;
}

static int open_screen(ingest *in) {
    evtwin_screen_options options;
    evtwin_screen_options_init(&options, sizeof options);
    options.future_after_s = cli_number(in->c, INGEST_FUTURE_AFTER);
    if (cli_is_set(in->c, INGEST_LATE_AFTER)) {
        options.late_after_s = cli_number(in->c, INGEST_LATE_AFTER);
    } else if (is_past(in->source)) {
        options.late_after_s = INFINITY;
    }
    const evtwin_status st = evtwin_screen_create(&options, &in->screen);
    return st < 0 ? cli_fail(CLI_AN_OPTION, st, NULL) : 0;
}

static int open_source(ingest *in) {
    evtwin_source *from = NULL, *screened = NULL;
    cli_on_stop(CLI_STOP_QUITS, "nothing was read"); /* it may wait for a header */
    evtwin_status st = evtwin_source_open(in->source, &from);
    cli_on_stop(CLI_STOP_ASKS, NULL);
    if (st < 0 || (st = evtwin_source_screened(from, in->screen, &screened)) < 0) {
        const int code = cli_fail(role_of(in, st), st, NULL);
        evtwin_source_free(from);
        return code;
    }
    return delivery_take_source(&in->delivery, screened);
}

/* Others may write the same batteries: a device that moved, a second ingester. */
static int open_sink(ingest *in, const char *uri) {
    char *shared = cli_is_store(uri) ? cli_with_param(uri, "shared", "1") : strdup(uri);
    const int code =
        shared != NULL ? delivery_open_sink(&in->delivery, shared, 1) : cli_out_of_memory();
    free(shared);
    return code;
}

static int open_all(ingest *in) {
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    in->delivery.way = DELIVERY_WAITS; /* unless there is a spool */
    CLI_TRY(delivery_open(&in->delivery, &options));
    CLI_TRY(open_screen(in));
    CLI_TRY(open_source(in));
    for (size_t i = 0; i < cli_count(in->c, INGEST_SINK); i++) {
        CLI_TRY(open_sink(in, cli_item(in->c, INGEST_SINK, i)));
    }
    if (cli_text(in->c, INGEST_DEAD_LETTER) != NULL) {
        CLI_TRY(delivery_open_dead_letters(&in->delivery, cli_text(in->c, INGEST_DEAD_LETTER)));
    }
    return delivery_open_spool(&in->delivery, in->c, INGEST_SPOOL);
}

/* ---- run ---- */

static void report_begin(const ingest *in) {
    char sinks[2048] = "";
    for (size_t i = 0; i < cli_count(in->c, INGEST_SINK); i++) {
        const size_t used = strlen(sinks);
        snprintf(sinks + used, sizeof sinks - used, "%s%s", i > 0 ? ", " : "",
                 cli_shown(cli_item(in->c, INGEST_SINK, i)));
    }
    cli_note("reading %s into %s", cli_shown(in->source), sinks);
}

/* A source that fails for a while is not asked all the time. */
static void wait_for_source(void) {
    cli_sleep_until_s(cli_now_s() + source_pause_s);
}

/* One look: CLI_CONTINUE, or the exit code. *n_out is the number of records. */
static int look(ingest *in, size_t *n_out) {
    *n_out = 0;
    const evtwin_status st = evtwin_pump_run_once(in->delivery.pump, PATIENCE_MS, n_out);
    if (st == EVTWIN_DONE) {
        return in->n_refused > 0 ? CLI_DATA : CLI_OK;
    }
    *n_out += st == EVTWIN_REFUSED;
    in->is_failing = st < 0;
    if (st >= 0) {
        return CLI_CONTINUE;
    }
    if (in->delivery.is_stdout_broken || !evtwin_status_is_temporary(st)) {
        return in->delivery.is_stdout_broken && cli_stdout_has_no_reader()
                   ? CLI_FAILURE /* … | head: nothing to say */
                   : delivery_fail(&in->delivery, role_of(in, st), st);
    }
    wait_for_source();
    return CLI_CONTINUE;
}

static int is_every_sink_up(const evtwin_pump *pump) {
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(pump, i, &sink, sizeof sink) == EVTWIN_OK; i++) {
        if (!sink.is_up) {
            return 0;
        }
    }
    return 1;
}

/* With a spool it works while a sink is away. */
static void report_state(ingest *in) {
    evtwin_screen_stats s;
    char status[1200];
    cli_notify_alive();
    if (in->is_failing) {
        snprintf(status, sizeof status, "waiting: %s", evtwin_last_error());
        service_not_ready(&in->service, "the source or a sink fails; the log says why", status);
    } else if (evtwin_screen_stats_get(in->screen, &s, sizeof s) == EVTWIN_OK) {
        snprintf(status, sizeof status, "reading %s: %llu records accepted, %llu refused",
                 cli_shown(in->source), (unsigned long long)s.n_rows,
                 (unsigned long long)in->n_refused);
        service_ready(&in->service, status);
    }
}

/* Every now and then: the counts are copied. */
static void observe_pump(ingest *in) {
    const double now_s = cli_now_s();
    if (now_s - in->observed_s > 0.25) {
        in->observed_s = now_s;
        report_state(in);
        evtwin_metrics_observe_pump(in->metrics, in->delivery.pump, in->screen);
        if (!in->is_failing && is_every_sink_up(in->delivery.pump)) {
            evtwin_metrics_good_cycle(in->metrics, HEALTHY_S);
        }
    }
}

static int run_loop(ingest *in) {
    const int is_once = cli_is_on(in->c, INGEST_ONCE);
    int code = CLI_CONTINUE;
    double last_s = cli_now_s();
    while (code == CLI_CONTINUE && cli_stopping() == 0) {
        size_t n;
        code = look(in, &n);
        last_s = n > 0 ? cli_now_s() : last_s;
        observe_pump(in);
        if (code == CLI_CONTINUE && is_once && cli_now_s() - last_s > once_patience_s) {
            code = in->n_refused > 0 ? CLI_DATA : CLI_OK;
        }
    }
    if (cli_stopping() != 0) {
        cli_note("stopping");
    }
    service_stopping(&in->service);
    return code == CLI_CONTINUE ? CLI_OK : code;
}

/* ---- the end ---- */

static void report_refusals(const ingest *in) {
    char kinds[512] = "";
    for (int kind = 0; kind < MAX_KINDS; kind++) {
        const size_t used = strlen(kinds);
        if (in->n_by_kind[kind] > 0) {
            snprintf(kinds + used, sizeof kinds - used, "%s%llu %s", used > 0 ? ", " : "",
                     (unsigned long long)in->n_by_kind[kind],
                     evtwin_status_name((evtwin_status)-kind));
        }
    }
    if (in->n_refused > 0) {
        cli_note("%llu record%s refused: %s", (unsigned long long)in->n_refused,
                 cli_s(in->n_refused), kinds);
    }
}

static void report_screen(const ingest *in) {
    evtwin_screen_stats s;
    if (evtwin_screen_stats_get(in->screen, &s, sizeof s) < 0) {
        return;
    }
    const struct {
        uint64_t n;
        const char *what;
    } counts[] = {{s.n_late, "late"},
                  {s.n_out_of_order, "out of order"},
                  {s.n_out_of_range, "out of range"},
                  {s.n_future, "in the future"},
                  {s.n_naive_time, "with a time without an offset"},
                  {s.n_fraction, "perhaps with fractions"}};
    char flags[512] = "";
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const size_t used = strlen(flags);
        if (counts[i].n > 0) {
            snprintf(flags + used, sizeof flags - used, "%s%llu %s", used > 0 ? ", " : ": ",
                     (unsigned long long)counts[i].n, counts[i].what);
        }
    }
    cli_note("%llu record%s accepted, %llu flagged%s; %llu duplicate%s",
             (unsigned long long)s.n_rows, cli_s(s.n_rows), (unsigned long long)s.n_flagged, flags,
             (unsigned long long)s.n_duplicate, cli_s(s.n_duplicate));
}

/* What was read is offered once more; a source that acknowledges gives again what is not taken. */
static int finish(ingest *in, int code) {
    const int is_good = code == CLI_OK || code == CLI_DATA;
    const int end = delivery_finish(&in->delivery, is_good ? CLI_OK : code);
    report_refusals(in);
    report_screen(in);
    return is_good && end == CLI_OK ? code : end;
}

int ingest_run(const cli *c, const char *source) {
    cli_on_stop(CLI_STOP_ASKS, NULL);
    ingest in = {.c = c,
                 .source = source,
                 .delivery = {.on_batch = on_batch, .on_refusal = on_refusal, .ctx = &in}};
    if (evtwin_metrics_create(&in.metrics) < 0) {
        return cli_out_of_memory();
    }
    evtwin_metrics_good_cycle(in.metrics, HEALTHY_S); /* the first one is waited for so long, too */
    int code = metrics_serve(c, INGEST_METRICS, "evtwin-ingest", in.metrics, &in.service.server);
    if (code == 0 && (code = open_all(&in)) == 0) {
        report_begin(&in);
        code = finish(&in, run_loop(&in));
    }
    evtwin_server_free(in.service.server);
    evtwin_pump_free(in.delivery.pump);
    evtwin_metrics_free(in.metrics);
    evtwin_screen_free(in.screen); /* the source borrows it */
    return code == CLI_CONTINUE ? CLI_OK : code;
}
