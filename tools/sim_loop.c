/* SPDX-License-Identifier: MIT */
/* tools/sim_loop.c: live telemetry: the simulator as a source, delivered and shown. */

#include "service.h"
#include "sim_tool.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sinks of the command line ---- */

int sim_sinks_list(const cli *c, sim_sinks *out) {
    const char *csv = cli_text(c, SIM_CSV);
    const int has_default = csv == NULL && !cli_is_on(c, SIM_UNTIL_EOL);
    const int counts = cli_is_set(c, SIM_SINK) || has_default;
    *out = (sim_sinks){.n_uris = counts ? cli_count(c, SIM_SINK) : 0};
    out->uris = calloc(out->n_uris + 1, sizeof *out->uris);
    if (out->uris == NULL || (csv != NULL && asprintf(&out->csv, "csv:%s", csv) < 0)) {
        return cli_out_of_memory();
    }
    while (out->n < out->n_uris) {
        out->uris[out->n] = cli_item(c, SIM_SINK, out->n);
        out->n++;
    }
    if (csv != NULL) {
        out->uris[out->n++] = out->csv;
    }
    for (size_t i = 0; i < out->n; i++) {
        out->uses_stdout |= cli_sink_is_stdout(out->uris[i]);
    }
    return cli_check_sinks(out->uris, out->n);
}

void sim_sinks_free(sim_sinks *sinks) {
    free(sinks->csv);
    free(sinks->uris);
}

int sim_sinks_open(const cli *c, const sim_sinks *sinks, size_t n, size_t max_batch, delivery *d) {
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    options.max_batch_rows = max_batch;
    options.max_held_rows = (size_t)cli_integer(c, SIM_HOLD);
    int code = delivery_open(d, &options);
    for (size_t i = 0; i < n && code == 0; i++) {
        code = delivery_open_sink(d, sinks->uris[i], 1);
    }
    return code == 0 ? delivery_open_spool(d, c, SIM_SPOOL) : code;
}

/* ---- console ---- */

static double value_of(const evtwin_table *t, const char *quantity, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, quantity), row);
}

static const char *activity(const evtwin_table *t, size_t row) {
    return value_of(t, "is_charging", row) > 0 ? "Charging"
           : value_of(t, "current", row) > 0   ? "Discharging"
                                               : "Parked";
}

/* The contract's line; with several batteries each is named first. */
static void print_battery(FILE *f, const evtwin_table *t, size_t row, int is_named) {
    if (is_named) {
        fprintf(f, "[%s] ", evtwin_table_text(t, evtwin_table_find(t, "battery_id"), row));
    }
    cli_print_value(f, "SoC", value_of(t, "soc", row), 1, "%");
    cli_print_value(f, " | SoH", value_of(t, "soh", row), 1, "%");
    cli_print_value(f, " | Temp", value_of(t, "temperature", row), 1, "°C");
    cli_print_value(f, " | Current", value_of(t, "current", row), 1, "A");
    cli_print_value(f, " | Cycles", value_of(t, "charge_cycles", row), 0, "");
    fprintf(f, " | %s\n", activity(t, row));
}

static void print_range(FILE *f, const char *label, const evtwin_table *t, const char *quantity,
                        const char *unit) {
    if (!cli_print_range(f, label, t, evtwin_table_find(t, quantity), 1, 1, unit)) {
        fprintf(f, " | %s: unknown", label);
    }
}

static void print_fleet(FILE *f, const evtwin_table *t) {
    size_t n_charging = 0, n_driving = 0;
    const size_t n = evtwin_table_rows(t);
    for (size_t r = 0; r < n; r++) {
        const char *what = activity(t, r);
        n_charging += *what == 'C';
        n_driving += *what == 'D';
    }
    fprintf(f, "%zu batteries", n);
    print_range(f, "SoC", t, "soc", "%");
    print_range(f, "SoH", t, "soh", "%");
    print_range(f, "Temp", t, "temperature", "°C");
    fprintf(f, " | %zu discharging, %zu charging, %zu parked | %.1f h\n", n_driving, n_charging,
            n - n_driving - n_charging, value_of(t, "sim_time_s", 0) / 3600);
}

static void show(FILE *f, const evtwin_table *t) {
    const size_t n = evtwin_table_rows(t);
    if (n > 1 && !cli_verbose()) {
        print_fleet(f, t);
        return;
    }
    for (size_t r = 0; r < n; r++) {
        print_battery(f, t, r, n > 1);
    }
}

/* ---- going on from a store ---- */

static const double server_patience_s = 5;

static evtwin_status read_latest(const char *uri, evtwin_table **out) {
    evtwin_store *store = NULL;
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = !cli_is_server(uri); /* a server's tables are made, or adopted, first */
    options.shares_batteries = 1;
    evtwin_status st = evtwin_store_open(uri, &options, &store);
    if (st >= 0) {
        st = evtwin_store_latest(store, NULL, out, NULL);
        evtwin_store_free(store);
    }
    return st;
}

/* A file is locked for a moment: our own sink could open it. A server that is away does not keep
 * the simulator from starting. */
static evtwin_status wait_for_latest(const char *uri, evtwin_table **out) {
    const double end_s = cli_is_server(uri) ? cli_now_s() + server_patience_s : INFINITY;
    evtwin_status st;
    do {
        st = read_latest(uri, out);
    } while (st == EVTWIN_E_AGAIN && cli_now_s() < end_s && !cli_sleep_until_s(cli_now_s() + 0.5));
    if (cli_is_server(uri) && (st == EVTWIN_E_AGAIN || st == EVTWIN_E_NOT_FOUND)) {
        cli_warning("%s; so batteries that it knows start anew", evtwin_last_error());
        st = EVTWIN_DONE;
    }
    return st;
}

/* A battery that a store knows does not begin its life again. */
static int resume(const cli *c, evtwin_sim *sim, const sim_sinks *sinks) {
    size_t i = 0, n = 0;
    while (i < sinks->n && !cli_is_store(sinks->uris[i])) {
        i++;
    }
    if (i == sinks->n || cli_is_on(c, SIM_FRESH)) {
        return 0;
    }
    evtwin_table *latest = NULL;
    char *uri = cli_store_of(sinks->uris[i]);
    if (uri == NULL) {
        return cli_out_of_memory();
    }
    evtwin_status st = wait_for_latest(uri, &latest);
    if (st == EVTWIN_OK) {
        st = evtwin_sim_resume(sim, latest, &n);
    }
    const int code = st < 0 ? cli_fail(CLI_A_STORE, st, "--fresh does not look at it") : 0;
    if (n > 0) {
        cli_note("%zu batter%s from the last record in %s; --fresh starts anew", n,
                 n == 1 ? "y goes on" : "ies go on", cli_shown(uri));
    }
    evtwin_table_free(latest);
    free(uri);
    return code;
}

/* ---- the loop ---- */

/* How often a signal is looked for. */
enum { PATIENCE_MS = 100 };

/* How often the metrics follow the pump. */
static const double observe_every_s = 0.25;

typedef struct run {
    FILE *console;
    double n_expected; /* records of the whole run; 0 = it is live and shown on the console */
    double n_records;
    int is_over; /* stopped by a signal, or the console is gone */
    int code;
    evtwin_metrics *metrics; /* NULL without --metrics-port, as is the service's server */
    service_state service;
    double observed_s;
} run;

static void on_batch(void *ctx, const evtwin_pump_event *event) {
    run *r = ctx;
    const evtwin_table *batch = event->batch;
    r->n_records += (double)evtwin_table_rows(batch);
    if (r->metrics != NULL && evtwin_metrics_observe(r->metrics, batch) < 0) {
        cli_warning("metrics: %s", evtwin_last_error());
    }
    if (r->n_expected > 0) {
        r->is_over |= cli_progress(NULL, "simulating", r->n_records / r->n_expected);
    } else if (!cli_quiet()) {
        FILE *console = cli_console_open(r->console);
        show(console, batch);
        if (!cli_console_close(console)) {
            r->is_over = 1;
            r->code = CLI_FAILURE; /* cli_main says why, if there is something to say */
        }
    }
}

/* Without a wall clock the interval is one of physics. */
static int make_source(const cli *c, evtwin_sim **sim, const sim_pace *pace, int is_max,
                       size_t max_records, evtwin_source **out) {
    evtwin_sim_source_options options;
    evtwin_sim_source_options_init(&options, sizeof options);
    options.interval_s = is_max ? pace->step_s : pace->interval_s;
    options.speed = is_max ? INFINITY : pace->step_s / pace->interval_s;
    options.start_time_us = pace->start_us;
    options.max_records = max_records;
    options.max_late = 0;
    options.has_positions = cli_text(c, SIM_SPOOL + DELIVERY_SPOOL) != NULL;
    options.starts_anew = cli_is_on(c, SIM_FRESH);
    evtwin_status st = evtwin_sim_advance(*sim, pace->step_s); /* the first record is of its end */
    if (st < 0 || (st = evtwin_source_from_sim(*sim, &options, out)) < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    *sim = NULL;
    return 0;
}

static int start_metrics(const cli *c, run *r) {
    if (!scrape_is_on(c, SIM_METRICS)) {
        return 0;
    }
    return evtwin_metrics_create(&r->metrics) < 0
               ? cli_out_of_memory()
               : metrics_serve(c, SIM_METRICS, "evtwin-sim", r->metrics, &r->service.server);
}

static void observe_pump(run *r, const delivery *d) {
    const double now_s = cli_now_s();
    if (now_s - r->observed_s <= observe_every_s) {
        return;
    }
    r->observed_s = now_s;
    char status[64];
    snprintf(status, sizeof status, "%.0f records so far", r->n_records);
    cli_notify_alive();
    service_ready(&r->service, status);
    if (r->metrics != NULL) {
        evtwin_metrics_observe_pump(r->metrics, d->pump, NULL);
    }
}

static int run_source(delivery *d, run *r, double end_s) {
    int code = CLI_CONTINUE;
    while (code == CLI_CONTINUE && cli_stopping() == 0 && cli_now_s() < end_s && !r->is_over) {
        code = delivery_run(d, PATIENCE_MS);
        observe_pump(r, d);
    }
    cli_progress_clear();
    if (r->n_expected == 0 && cli_stopping() != 0) {
        cli_note("stopping");
    }
    service_stopping(&r->service);
    return code == CLI_CONTINUE ? r->code : code;
}

static int publish(const cli *c, evtwin_sim **sim, const sim_pace *pace, delivery *d) {
    const int is_limited = cli_is_set(c, SIM_DURATION);
    const double duration_s = is_limited ? cli_number(c, SIM_DURATION) : INFINITY;
    const size_t n_packs = (size_t)cli_integer(c, SIM_FLEET);
    const double n_steps = floor(duration_s / pace->interval_s + 1e-9) + !pace->is_max;
    if (n_steps < 1) {
        return CLI_OK; /* shorter than one step */
    }
    run r = {.console = d->uses_stdout ? stderr : stdout,
             .n_expected = pace->is_max ? n_steps * (double)n_packs : 0};
    evtwin_source *source;
    CLI_TRY(make_source(c, sim, pace, pace->is_max, is_limited ? (size_t)n_steps : 0, &source));
    CLI_TRY(delivery_take_source(d, source));
    d->on_batch = on_batch;
    d->ctx = &r;
    int code = start_metrics(c, &r);
    code = code == 0 ? run_source(d, &r, pace->is_max ? INFINITY : cli_now_s() + duration_s) : code;
    d->on_batch = NULL; /* r ends here */
    evtwin_server_free(r.service.server);
    evtwin_metrics_free(r.metrics);
    return code;
}

/* Who named no sink is told which ones the environment has. */
static void report_defaults(const cli *c, const sim_sinks *sinks) {
    for (size_t i = 0; i < sinks->n && cli_from(c, SIM_SINK) == CLI_FROM_DEFAULT; i++) {
        cli_note("records go to %s", cli_shown(sinks->uris[i]));
    }
}

int sim_run_live(const cli *c, evtwin_sim **sim, const sim_pace *pace) {
    sim_sinks sinks;
    delivery d = {.pump = NULL};
    cli_on_stop(CLI_STOP_ASKS, NULL);
    int code = sim_sinks_list(c, &sinks);
    if (code == 0) {
        /* live, a batch is what the console shows: one record of every battery */
        const size_t max_batch = pace->is_max ? SIM_MAX_BATCH : (size_t)cli_integer(c, SIM_FLEET);
        code = sim_sinks_open(c, &sinks, sinks.n, max_batch, &d);
    }
    code = code == 0 ? resume(c, *sim, &sinks) : code;
    if (code == 0) {
        report_defaults(c, &sinks);
        code = delivery_finish(&d, publish(c, sim, pace, &d));
    }
    evtwin_pump_free(d.pump);
    sim_sinks_free(&sinks);
    return code == CLI_CONTINUE ? CLI_OK : code;
}

int sim_run_dry(const cli *c, evtwin_sim **sim, const sim_pace *pace) {
    evtwin_source *source = NULL;
    cli_on_stop(CLI_STOP_ASKS, NULL);
    CLI_TRY(make_source(c, sim, pace, 1, 0, &source));
    int code = 0;
    evtwin_table *batch = NULL;
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&batch);
    if (st < 0 || (st = evtwin_sink_open("jsonl:-", &sink)) < 0) {
        code = cli_fail(CLI_AN_OUTPUT, st, NULL);
    }
    size_t left = (size_t)cli_integer(c, SIM_RECORDS);
    while (code == 0 && left > 0 && cli_stopping() == 0) {
        evtwin_table_resize(batch, 0);
        const size_t n_max = left < SIM_MAX_BATCH ? left : SIM_MAX_BATCH;
        if ((st = evtwin_source_read(source, n_max, 0, batch)) < 0) {
            code = cli_fail(CLI_AN_INPUT, st, NULL);
        } else if ((st = evtwin_sink_write(sink, batch)) < 0) {
            code = cli_stdout_has_no_reader() ? CLI_FAILURE : cli_fail(CLI_AN_OUTPUT, st, NULL);
        }
        left -= evtwin_table_rows(batch);
    }
    evtwin_sink_free(sink);
    evtwin_source_free(source);
    evtwin_table_free(batch);
    return code;
}
