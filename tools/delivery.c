/* SPDX-License-Identifier: MIT */
/* tools/delivery.c: a pump whose source, sinks and spool are those of a command line, and what is
 * reported of them. */

#include "delivery.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two tries to open a sink; the pump's own between two to write are the same. */
static const double first_pause_s = 0.5, longest_pause_s = 30;

/* How long the last records are offered to a sink that is locked: at the end of the work, and after
 * a signal. */
static const double patience_s = 10.0, stop_patience_s = 1.5;

/* What the start and --check say alike. */
static const char no_stdout[] = "standard output cannot tell what it has; write to a file";

/* Losses that are reported one by one; a full spool drops something with each batch. */
enum { MAX_REPORTED = 10 };

/* ---- what the pump does by itself is reported once ---- */

static const char *const what_becomes_of_them[] = {
    [DELIVERY_ASKS] = "",
    [DELIVERY_HOLDS] = "its records are held in memory and offered again",
    [DELIVERY_SPOOLS] = "its records wait in the spool and are offered again",
    [DELIVERY_WAITS] = "nothing more is read until it takes records again",
};

static void report_loss(delivery *d, const evtwin_pump_event *event) {
    d->n_losses++;
    if (d->n_losses <= MAX_REPORTED) {
        cli_error("lost: %s", event->text);
    } else if (d->n_losses == MAX_REPORTED + 1) {
        cli_error("more records are lost; they are counted");
    }
}

static void report_sink(delivery *d, const evtwin_pump_event *event) {
    const size_t n = event->n_rows;
    switch (event->kind) {
    case EVTWIN_PUMP_SINK_FAILED: /* without a spool, what waiting cannot cure ends the run */
        if (d->way == DELIVERY_SPOOLS ||
            (evtwin_status_is_temporary(event->status) && !d->is_stdout_broken)) {
            cli_error("%s; %s", event->text, what_becomes_of_them[d->way]);
        }
        break;
    case EVTWIN_PUMP_SINK_STILL_FAILING:
        cli_detail("%s", event->text);
        break;
    case EVTWIN_PUMP_SINK_RECOVERED:
        if (d->way == DELIVERY_HOLDS) {
            cli_note("%s: takes records again; %zu held one%s delivered", event->uri, n, cli_s(n));
        } else {
            cli_note("%s: takes records again", event->uri);
        }
        break;
    case EVTWIN_PUMP_HOLD_FULL:
        cli_error("%s: %zu record%s held and no more fit (--hold); new ones are being lost",
                  event->uri, n, n == 1 ? " is" : "s are");
        break;
    case EVTWIN_PUMP_SINK_REFUSED:
        cli_error("%s: %zu record%s refused permanently: %s", event->uri, n,
                  n == 1 ? " was" : "s were", event->text);
        break;
    case EVTWIN_PUMP_SINK_LOST:
        report_loss(d, event);
        break;
    default:
        break;
    }
}

static void report_source(delivery *d, const evtwin_pump_event *event) {
    switch (event->kind) {
    case EVTWIN_PUMP_SOURCE_FAILED:
        if (evtwin_status_is_temporary(event->status)) {
            cli_error("%s; trying again", event->text);
        }
        break;
    case EVTWIN_PUMP_SOURCE_RECOVERED:
        cli_note("%s: works again", event->uri);
        break;
    case EVTWIN_PUMP_SPOOL_FULL:
        d->is_spool_full = 1;
        if (evtwin_status_is_temporary(event->status)) {
            cli_warning("%s; nothing more is read until the spool takes records again",
                        event->text);
        }
        break;
    case EVTWIN_PUMP_SPOOL_ROOM:
        d->is_spool_full = 0;
        cli_note("the spool takes records again");
        break;
    default:
        break;
    }
}

static void on_event(void *ctx, const evtwin_pump_event *event) {
    delivery *d = ctx;
    if (event->kind == EVTWIN_PUMP_BATCH && d->on_batch != NULL) {
        d->on_batch(d->ctx, event);
    } else if (event->kind == EVTWIN_PUMP_REFUSED && d->on_refusal != NULL) {
        d->on_refusal(d->ctx, event->refusal);
    } else if (event->kind == EVTWIN_PUMP_OUT_OF_RANGE && d->on_out_of_range != NULL) {
        d->on_out_of_range(d->ctx, event);
    } else if (event->kind == EVTWIN_PUMP_SHARE_CHANGED && d->on_share != NULL) {
        d->on_share(d->ctx);
    } else if (event->kind == EVTWIN_PUMP_SINK_FAILED) {
        d->is_stdout_broken |= cli_sink_is_stdout(event->uri);
    }
    if (d->way != DELIVERY_ASKS) {
        report_sink(d, event);
    }
    if (d->way == DELIVERY_SPOOLS || d->way == DELIVERY_WAITS) {
        report_source(d, event);
    }
}

/* ---- open ---- */

int delivery_open(delivery *d, const evtwin_pump_options *options) {
    if (options->max_held_rows > 0) {
        d->way = DELIVERY_HOLDS;
    }
    if (evtwin_pump_create(options, &d->pump) < 0) {
        return cli_out_of_memory();
    }
    evtwin_pump_on_event(d->pump, on_event, d);
    return 0;
}

/* OLD=NEW; both are URIs, whose parameters have signs of equality too. */
static const char *find_new_name(const char *text) {
    const char *sign = strchr(text, '=');
    while (sign != NULL) {
        const size_t n = strspn(sign + 1, "abcdefghijklmnopqrstuvwxyz");
        if (n > 0 && sign[1 + n] == ':') {
            return sign + 1;
        }
        sign = strchr(sign + 1, '=');
    }
    return NULL;
}

int delivery_check_options(const cli *c, size_t first) {
    static const char *const names[] = {[DELIVERY_SPOOL_SIZE] = "size",
                                        [DELIVERY_SPOOL_FULL] = "full",
                                        [DELIVERY_SPOOL_RENAME] = "rename",
                                        [DELIVERY_SPOOL_FORGET] = "forget"};
    const int has_spool = cli_text(c, first + DELIVERY_SPOOL) != NULL;
    for (size_t i = DELIVERY_SPOOL_SIZE; i < DELIVERY_N_OPTIONS; i++) {
        CLI_FAIL_IF(!has_spool && cli_is_set(c, first + i), CLI_USAGE,
                    "--spool-%s needs --spool: in which folder?", names[i]);
    }
    for (size_t i = 0; i < cli_count(c, first + DELIVERY_SPOOL_RENAME); i++) {
        const char *text = cli_item(c, first + DELIVERY_SPOOL_RENAME, i);
        CLI_FAIL_IF(find_new_name(text) == NULL, CLI_USAGE,
                    "--spool-rename: %s is not OLD=NEW with two URIs", cli_shown(text));
    }
    return 0;
}

static evtwin_status rename_sink(evtwin_spool *spool, const char *text) {
    char from[1024]; /* a longer one is the name of no sink */
    const char *to = find_new_name(text);
    snprintf(from, sizeof from, "%.*s", (int)(to - 1 - text), text);
    return evtwin_spool_rename_sink(spool, from, to);
}

static evtwin_status change_sinks(const cli *c, size_t first, evtwin_spool *spool) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < cli_count(c, first + DELIVERY_SPOOL_RENAME) && st >= 0; i++) {
        st = rename_sink(spool, cli_item(c, first + DELIVERY_SPOOL_RENAME, i));
    }
    for (size_t i = 0; i < cli_count(c, first + DELIVERY_SPOOL_FORGET) && st >= 0; i++) {
        st = evtwin_spool_forget_sink(spool, cli_item(c, first + DELIVERY_SPOOL_FORGET, i));
    }
    return st;
}

int delivery_open_spool(delivery *d, const cli *c, size_t first) {
    static const struct {
        const char *word;
        evtwin_spool_full full;
    } ways[] = {{"block", EVTWIN_SPOOL_BLOCK},
                {"drop-oldest", EVTWIN_SPOOL_DROP_OLDEST},
                {"drop-newest", EVTWIN_SPOOL_DROP_NEWEST}};
    d->spool = cli_text(c, first + DELIVERY_SPOOL);
    if (d->spool == NULL) {
        return 0;
    }
    CLI_FAIL_IF(d->uses_stdout, CLI_USAGE, "--spool: %s", no_stdout);
    evtwin_spool_options options;
    evtwin_spool_options_init(&options, sizeof options);
    options.max_bytes = (uint64_t)cli_integer(c, first + DELIVERY_SPOOL_SIZE) << 20;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(cli_text(c, first + DELIVERY_SPOOL_FULL), ways[i].word) == 0) {
            options.when_full = ways[i].full;
        }
    }
    evtwin_spool *spool = NULL;
    evtwin_status st = evtwin_spool_open(d->spool, &options, &spool);
    st = st >= 0 ? change_sinks(c, first, spool) : st;
    if (st < 0 || (st = evtwin_pump_take_spool(d->pump, spool)) < 0) {
        const int failed = cli_fail(CLI_AN_OUTPUT, st, NULL);
        evtwin_spool_free(spool);
        return failed;
    }
    d->way = DELIVERY_SPOOLS;
    return 0;
}

/* ---- check ---- */

/* As a start would, on what it finds. */
static evtwin_status try_spool(const cli *c, size_t first, const char *const *sinks, size_t n,
                               const char *letters) {
    evtwin_spool_options options;
    evtwin_spool_options_init(&options, sizeof options);
    options.read_only = 1;
    evtwin_spool *spool = NULL;
    evtwin_status st = evtwin_spool_open(cli_text(c, first + DELIVERY_SPOOL), &options, &spool);
    st = st >= 0 ? change_sinks(c, first, spool) : st;
    st = st >= 0 ? evtwin_spool_check_sinks(spool, sinks, n, letters) : st;
    evtwin_spool_free(spool);
    return st;
}

void delivery_check_spool(int *code, const cli *c, size_t first, const char *const *sinks, size_t n,
                          const char *letters) {
    const char *folder = cli_text(c, first + DELIVERY_SPOOL);
    int uses_stdout = letters != NULL && cli_sink_is_stdout(letters);
    for (size_t i = 0; i < n; i++) {
        uses_stdout |= cli_sink_is_stdout(sinks[i]);
    }
    if (folder != NULL && uses_stdout) {
        printf("spool %s: %s\n", folder, no_stdout);
        *code = *code == 0 ? CLI_USAGE : *code;
    } else if (folder != NULL) {
        check_report(code, "spool", folder, CLI_AN_OUTPUT, try_spool(c, first, sinks, n, letters));
    }
}

/* ---- open the rest ---- */

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

static int open_sink(delivery *d, const char *uri, int waits,
                     evtwin_status (*take)(evtwin_pump *pump, evtwin_sink *sink)) {
    int has_reported = 0;
    d->uses_stdout |= cli_sink_is_stdout(uri);
    for (double pause_s = first_pause_s;;) {
        evtwin_sink *sink = NULL;
        evtwin_status st = evtwin_sink_open(uri, &sink);
        if (st >= 0 && (st = take(d->pump, sink)) >= 0) {
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

int delivery_open_sink(delivery *d, const char *uri, int waits) {
    return open_sink(d, uri, waits, evtwin_pump_take_sink);
}

int delivery_open_dead_letters(delivery *d, const char *uri) {
    return open_sink(d, uri, 1, evtwin_pump_take_dead_letters);
}

/* ---- run ---- */

int delivery_fail(const delivery *d, cli_role role, evtwin_status status) {
    const int waits = d->way == DELIVERY_SPOOLS && status == EVTWIN_E_STATE;
    return cli_fail(role, status, waits ? DELIVERY_WAY_OUT : NULL);
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
    if (d->way == DELIVERY_SPOOLS && evtwin_status_is_temporary(st)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* full; it was reported */
        return CLI_CONTINUE;
    }
    return d->is_stdout_broken && cli_stdout_has_no_reader()
               ? CLI_FAILURE /* … | head: nothing to say */
               : delivery_fail(d, CLI_AN_OUTPUT, st);
}

/* ---- the end ---- */

/* What waits in a spool is not missing: the next start delivers it. */
static void report_spooled(const delivery *d, const evtwin_pump_sink_stats *sink) {
    if (sink->n_held > 0) {
        cli_note("%s: %llu record%s in the spool %s; the next start delivers them", sink->uri,
                 (unsigned long long)sink->n_held, sink->n_held == 1 ? " waits" : "s wait",
                 d->spool);
    }
}

int delivery_report_missing(const delivery *d, int code) {
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(d->pump, i, &sink, sizeof sink) == EVTWIN_OK;
         i++) {
        const int is_spooled = d->way == DELIVERY_SPOOLS;
        const unsigned long long n_missing = sink.n_lost + (is_spooled ? 0 : sink.n_held);
        if (is_spooled) {
            report_spooled(d, &sink);
        }
        if (n_missing > 0 && !(cli_sink_is_stdout(sink.uri) && d->is_stdout_broken)) {
            cli_error("%s: %llu record%s not delivered", sink.uri, n_missing,
                      n_missing == 1 ? " was" : "s were");
            code = code == CLI_OK ? CLI_FAILURE : code;
        }
    }
    return code;
}

/* A lock passes in a moment; a stop must not wait for a reader that does not come. With a spool the
 * pump itself waits, and what is left is not lost. */
evtwin_status delivery_flush(delivery *d) {
    const double begin_s = cli_now_s();
    evtwin_status st = evtwin_pump_finish(d->pump);
    while (st == EVTWIN_E_AGAIN && d->way != DELIVERY_SPOOLS &&
           cli_now_s() - begin_s < (cli_stopping() ? stop_patience_s : patience_s)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        st = evtwin_pump_finish(d->pump);
    }
    return st;
}

int delivery_finish(delivery *d, int code) {
    if (code == CLI_OK && delivery_flush(d) < 0 && d->way != DELIVERY_SPOOLS) {
        cli_error("%s", evtwin_last_error());
    }
    code = delivery_report_missing(d, code);
    if (code == CLI_OK && d->is_spool_full && cli_stopping() == 0) {
        cli_error("the spool %s took no records at the end: the last ones were not accepted",
                  d->spool);
        code = CLI_FAILURE;
    }
    evtwin_pump_sink_stats sink;
    for (size_t i = 0; evtwin_pump_sink_stats_get(d->pump, i, &sink, sizeof sink) == EVTWIN_OK;
         i++) {
        if (sink.n_delivered > 0) {
            cli_note("%llu %s%s delivered to %s; closed", (unsigned long long)sink.n_delivered,
                     sink.is_letters ? "dead letter" : "record", cli_s(sink.n_delivered), sink.uri);
        }
    }
    return code;
}
