/* SPDX-License-Identifier: MIT */
/* tools/delivery.c: a pump whose source and sinks are those of a command line, and what is reported
 * of them. */

#include "delivery.h"

#include "cli/cli.h"

#include <time.h>

/* Between two tries to open a sink; the pump's own between two to write are the same. */
static const double first_pause_s = 0.5, longest_pause_s = 30;

/* How long the last records are offered to a sink that is locked: at the end of the work, and after
 * a signal. */
static const double patience_s = 10.0, stop_patience_s = 1.5;

/* What the pump does by itself is reported once; what it cannot cure ends the run and is reported
 * there. */
static void on_event(void *ctx, const evtwin_pump_event *event) {
    delivery *d = ctx;
    const size_t n = event->n_rows;
    if (event->kind == EVTWIN_PUMP_BATCH && d->on_batch != NULL) {
        d->on_batch(d->ctx, event->batch);
    } else if (event->kind == EVTWIN_PUMP_REFUSED && d->on_refusal != NULL) {
        d->on_refusal(d->ctx, event->refusal);
    } else if (event->kind == EVTWIN_PUMP_OUT_OF_RANGE && d->on_out_of_range != NULL) {
        d->on_out_of_range(d->ctx, event);
    } else if (event->kind == EVTWIN_PUMP_SINK_FAILED) {
        d->is_stdout_broken |= cli_sink_is_stdout(event->uri);
    }
    if (!d->holds) {
        return;
    }
    switch (event->kind) {
    case EVTWIN_PUMP_SINK_FAILED:
        if (evtwin_status_is_temporary(event->status) && !d->is_stdout_broken) {
            cli_error("%s; its records are held in memory and offered again", event->text);
        }
        break;
    case EVTWIN_PUMP_SINK_STILL_FAILING:
        cli_detail("%s", event->text);
        break;
    case EVTWIN_PUMP_SINK_RECOVERED:
        cli_note("%s: takes records again; %zu held one%s delivered", event->uri, n, cli_s(n));
        break;
    case EVTWIN_PUMP_HOLD_FULL:
        cli_error("%s: %zu record%s held and no more fit (--hold); new ones are being lost",
                  event->uri, n, n == 1 ? " is" : "s are");
        break;
    default:
        break;
    }
}

int delivery_open(delivery *d, const evtwin_pump_options *options) {
    d->holds = options->max_held_rows > 0;
    if (evtwin_pump_create(options, &d->pump) < 0) {
        return cli_out_of_memory();
    }
    evtwin_pump_on_event(d->pump, on_event, d);
    return 0;
}

int delivery_take_source(delivery *d, evtwin_source *source) {
    const evtwin_status st = evtwin_pump_take_source(d->pump, source);
    const int code = st < 0 ? cli_fail(CLI_AN_INPUT, st, NULL) : 0;
    if (st < 0) {
        evtwin_source_free(source);
    }
    return code;
}

int delivery_open_source(delivery *d, const char *uri) {
    evtwin_source *source;
    cli_on_stop(CLI_STOP_QUITS, "nothing was read"); /* it may wait for a header */
    const evtwin_status st = evtwin_source_open(uri, &source);
    cli_on_stop(CLI_STOP_ASKS, NULL);
    return st < 0 ? cli_fail(CLI_A_STORE, st, NULL) : delivery_take_source(d, source);
}

int delivery_open_sink(delivery *d, const char *uri, int waits) {
    int has_reported = 0;
    d->uses_stdout |= cli_sink_is_stdout(uri);
    for (double pause_s = first_pause_s;;) {
        evtwin_sink *sink = NULL;
        evtwin_status st = evtwin_sink_open(uri, &sink);
        if (st >= 0 && (st = evtwin_pump_take_sink(d->pump, sink)) >= 0) {
            return 0;
        }
        if (st != EVTWIN_E_AGAIN || !waits) {
            const int code = cli_fail(CLI_AN_OUTPUT, st, NULL);
            evtwin_sink_free(sink);
            return code;
        }
        if (!has_reported) {
            cli_note("waiting for the store: %s", evtwin_last_error());
            has_reported = 1;
        }
        if (cli_sleep_until_s(cli_now_s() + pause_s)) {
            cli_note("stopping");
            return CLI_CONTINUE;
        }
        pause_s = 2 * pause_s < longest_pause_s ? 2 * pause_s : longest_pause_s;
    }
}

int delivery_run(delivery *d, int timeout_ms) {
    evtwin_status st = evtwin_pump_run_once(d->pump, timeout_ms, NULL);
    if (st >= 0 && d->is_stdout_broken) {
        /* a reader does not come back: what is held would be offered for ever */
        const evtwin_status last = evtwin_pump_finish(d->pump);
        d->is_stdout_broken = last < 0;
        st = last < 0 ? last : st;
    }
    if (st >= 0) {
        return st == EVTWIN_DONE ? CLI_OK : CLI_CONTINUE;
    }
    return d->is_stdout_broken && cli_stdout_has_no_reader()
               ? CLI_FAILURE /* … | head: nothing to say */
               : cli_fail(CLI_AN_OUTPUT, st, NULL);
}

int delivery_report_missing(const delivery *d, int code) {
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(d->pump, i, &sink, sizeof sink) == EVTWIN_OK;
         i++) {
        const unsigned long long n_missing = sink.n_lost + sink.n_held;
        if (n_missing > 0 && !(cli_sink_is_stdout(sink.uri) && d->is_stdout_broken)) {
            cli_error("%s: %llu record%s not delivered", sink.uri, n_missing,
                      n_missing == 1 ? " was" : "s were");
            code = code == CLI_OK ? CLI_FAILURE : code;
        }
    }
    return code;
}

/* A lock passes in a moment; a stop must not wait for a reader that does not come. */
evtwin_status delivery_flush(delivery *d) {
    const double begin_s = cli_now_s();
    evtwin_status st = evtwin_pump_finish(d->pump);
    while (st == EVTWIN_E_AGAIN &&
           cli_now_s() - begin_s < (cli_stopping() ? stop_patience_s : patience_s)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        st = evtwin_pump_finish(d->pump);
    }
    return st;
}

int delivery_finish(delivery *d, int code) {
    if (code == CLI_OK && delivery_flush(d) < 0) {
        cli_error("%s", evtwin_last_error());
    }
    code = delivery_report_missing(d, code);
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(d->pump, i, &sink, sizeof sink) == EVTWIN_OK;
         i++) {
        if (sink.n_delivered > 0) {
            cli_note("%llu record%s delivered to %s; closed", (unsigned long long)sink.n_delivered,
                     cli_s(sink.n_delivered), sink.uri);
        }
    }
    return code;
}
