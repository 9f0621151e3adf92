/* SPDX-License-Identifier: MIT */
/* tools/sim_publish.c: the sinks of the command line behind a pump, and what is reported of them.
 */

#include "sim_publish.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* Between two tries to open a sink; the pump's own between two to write are the same. */
static const double first_pause_s = 0.5, longest_pause_s = 30;

struct publisher {
    evtwin_pump *pump;
    evtwin_source *source;       /* the pump's */
    publisher_batch_fn on_batch; /* may be NULL */
    void *ctx;
    const evtwin_table *offered; /* what publisher_offer gives the pump, else NULL */
    int is_stdout_broken;
};

/* What the pump does by itself is reported once; what it cannot cure ends the run and is reported
 * there. */
static void on_event(void *ctx, const evtwin_pump_event *event) {
    publisher *p = ctx;
    const size_t n = event->n_rows;
    switch (event->kind) {
    case EVTWIN_PUMP_BATCH:
        if (p->on_batch != NULL) {
            p->on_batch(p->ctx, event->batch);
        }
        break;
    case EVTWIN_PUMP_SINK_FAILED:
        p->is_stdout_broken |= cli_sink_is_stdout(event->uri);
        if (evtwin_status_is_temporary(event->status) && !p->is_stdout_broken) {
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

/* CLI_CONTINUE, or the exit code: CLI_OK if a signal ended the wait for a locked database. */
static int take_sink(evtwin_pump *pump, const char *uri) {
    int has_said = 0;
    evtwin_sink *sink;
    for (double pause_s = first_pause_s;;) {
        evtwin_status st = evtwin_sink_open(uri, &sink);
        if (st >= 0 && (st = evtwin_pump_take_sink(pump, sink)) < 0) {
            evtwin_sink_free(sink);
        }
        if (st >= 0) {
            return CLI_CONTINUE;
        }
        if (st != EVTWIN_E_AGAIN) {
            return cli_fail(CLI_AN_OUTPUT, st, NULL);
        }
        if (!has_said) {
            cli_note("waiting for the store: %s", evtwin_last_error());
            has_said = 1;
        }
        if (cli_sleep_until_s(cli_now_s() + pause_s)) {
            cli_note("stopping");
            return CLI_OK;
        }
        pause_s = 2 * pause_s < longest_pause_s ? 2 * pause_s : longest_pause_s;
    }
}

static void destroy(publisher *p) {
    if (p != NULL) {
        evtwin_pump_free(p->pump);
        free(p);
    }
}

int publisher_open_for(size_t max_batch, char *const *uris, size_t n, size_t max_held,
                       publisher **out) {
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    options.max_batch_rows = max_batch;
    options.max_held_rows = max_held;
    publisher *p = calloc(1, sizeof *p);
    int code = CLI_CONTINUE;
    if (p == NULL || evtwin_pump_create(&options, &p->pump) < 0) {
        code = cli_out_of_memory();
    }
    for (size_t i = 0; i < n && code == CLI_CONTINUE; i++) {
        code = take_sink(p->pump, uris[i]);
    }
    if (code != CLI_CONTINUE) {
        destroy(p);
        return code;
    }
    evtwin_pump_on_event(p->pump, on_event, p);
    *out = p;
    return CLI_CONTINUE;
}

int publisher_open(char *const *uris, size_t n, size_t max_held, publisher **out) {
    return publisher_open_for(PUBLISHER_MAX_BATCH, uris, n, max_held, out);
}

int publisher_take_source(publisher *p, evtwin_source *source, publisher_batch_fn fn, void *ctx) {
    const evtwin_status st = evtwin_pump_take_source(p->pump, source);
    if (st < 0) {
        evtwin_source_free(source);
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    p->source = source;
    p->on_batch = fn;
    p->ctx = ctx;
    return 0;
}

static int give_up(const publisher *p, evtwin_status st) {
    if (p->is_stdout_broken && cli_stdout_has_no_reader()) {
        return CLI_FAILURE; /* … | head: nothing to say */
    }
    return cli_fail(CLI_AN_OUTPUT, st, NULL);
}

int publisher_run(publisher *p, int timeout_ms) {
    evtwin_status st = evtwin_pump_run_once(p->pump, timeout_ms, NULL);
    if (st >= 0 && p->is_stdout_broken) {
        /* a reader does not come back: what is held would be offered for ever */
        const evtwin_status last = evtwin_pump_finish(p->pump);
        p->is_stdout_broken = last < 0;
        st = last < 0 ? last : st;
    }
    return st < 0 ? give_up(p, st) : st == EVTWIN_DONE ? CLI_OK : CLI_CONTINUE;
}

/* ---- records that are there already ---- */

static evtwin_status read_offered(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
    publisher *p = ctx;
    (void)source;
    (void)max_rows;
    (void)timeout_ms;
    const evtwin_table *offered = p->offered;
    p->offered = NULL;
    return offered != NULL ? evtwin_table_append(table, offered) : EVTWIN_OK;
}

int publisher_offer(publisher *p, const evtwin_table *batch) {
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "data set", .read = read_offered};
    evtwin_source *source;
    int code = 0;
    if (p->source == NULL) {
        const evtwin_status st = evtwin_source_create(&callbacks, p, &source);
        code = st < 0 ? cli_fail(CLI_AN_OUTPUT, st, NULL)
                      : publisher_take_source(p, source, NULL, NULL);
    }
    p->offered = batch;
    code = code == 0 ? publisher_run(p, 0) : code;
    return code == CLI_CONTINUE ? 0 : code;
}

/* ---- the end ---- */

int publisher_close(publisher *p, int code) {
    if (code == CLI_OK && evtwin_pump_finish(p->pump) < 0) {
        cli_error("%s", evtwin_last_error());
    }
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(p->pump, i, &sink, sizeof sink) == EVTWIN_OK;
         i++) {
        const unsigned long long n_missing = sink.n_lost + sink.n_held;
        if (n_missing > 0 && !(cli_sink_is_stdout(sink.uri) && p->is_stdout_broken)) {
            cli_error("%s: %llu record%s not delivered", sink.uri, n_missing,
                      n_missing == 1 ? " was" : "s were");
            code = code == CLI_OK ? CLI_FAILURE : code;
        }
        if (sink.n_delivered > 0) {
            cli_note("%llu record%s delivered to %s; closed", (unsigned long long)sink.n_delivered,
                     cli_s(sink.n_delivered), sink.uri);
        }
    }
    destroy(p);
    return code;
}
