/* SPDX-License-Identifier: MIT */
/* tools/predict_live.c: every few seconds, predict all rows that wait for it. */

#include "delivery.h"
#include "predict_tool.h"
#include "service.h"

#include "evtwin/evtwin.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REPORTED = 10, PATIENCE_MS = 100 };

static const double once_patience_s = 10; /* of a broker */

typedef struct live {
    const cli *c;
    const char *uri;    /* of the store or the source, as the user named it */
    const char *source; /* the same for messages */
    delivery delivery;
    evtwin_metrics *metrics;
    service_state service;     /* its server is NULL where there are no metrics */
    evtwin_follower *follower; /* who gives newer models, NULL = nobody */
    evtwin_predictor *waiting; /* newer ones that cannot be taken yet, NULL = none */
    double progress_s;         /* when it was last noted */
    newest newest;
    other other;
    uint64_t n_refused, n_impossible; /* records; batches with rows out of range */
    int is_failing, has_reported_idle, has_predicted;
} live;

static void on_refusal(void *ctx, const evtwin_refusal *refusal) {
    live *l = ctx;
    l->n_refused++;
    if (l->n_refused <= MAX_REPORTED) {
        cli_error("refused: %s", refusal->reason);
    } else if (l->n_refused == MAX_REPORTED + 1) {
        cli_error("more records are refused; they are counted");
    }
    evtwin_metrics_count_error(l->metrics);
}

static void on_out_of_range(void *ctx, const evtwin_pump_event *event) {
    live *l = ctx;
    if (l->n_impossible < MAX_REPORTED) {
        cli_warning("%s: %zu row%s with an impossible value%s not predicted; %s", l->source,
                    event->n_rows, event->n_rows == 1 ? "" : "s",
                    event->n_rows == 1 ? " is" : "s are", event->text);
    }
    l->n_impossible++;
}

static void on_batch(void *ctx, const evtwin_pump_event *event) {
    live *l = ctx;
    const evtwin_table *batch = event->batch;
    evtwin_metrics_observe_duration(l->metrics, event->predict_s);
    if (evtwin_metrics_observe(l->metrics, batch) < 0) {
        cli_warning("metrics: %s", evtwin_last_error());
    }
    if (evtwin_metrics_observe_session(l->metrics, evtwin_pump_session(l->delivery.pump)) < 0) {
        cli_warning("metrics: %s", evtwin_last_error());
    }
    newest_observe(&l->newest, batch);
    other_observe(&l->other, batch);
}

/* The first sink that keeps what is known of each battery; NULL if none does. */
static const char *find_keeper(const live *l) {
    for (size_t i = 0; i < cli_count(l->c, PREDICT_SINK); i++) {
        if (cli_is_store(cli_item(l->c, PREDICT_SINK, i))) {
            return cli_item(l->c, PREDICT_SINK, i);
        }
    }
    return NULL;
}

/* Others may have gone on with the batteries that come now, and left their states in the store with
 * the predictions: the pump asks for them. A spool is ahead of its store, so that nothing is taken
 * from there. */
static void on_share(void *ctx) {
    const live *l = ctx;
    const char *keeper = find_keeper(l);
    if (keeper != NULL && l->delivery.spool == NULL) {
        cli_detail("partitions came or went; the batteries' pasts are those of %s",
                   cli_shown(keeper));
    }
}

/* Of the sinks and the models, once a cycle. */
static void observe_pump(live *l) {
    if (evtwin_metrics_observe_pump(l->metrics, l->delivery.pump, NULL) < 0 ||
        evtwin_metrics_observe_models(l->metrics, evtwin_pump_predictor(l->delivery.pump),
                                      l->follower) < 0) {
        cli_warning("metrics: %s", evtwin_last_error());
    }
}

/* The next one is due within three intervals; /health says so when it is not there. */
static void note_good_cycle(live *l) {
    const double patience_s = 3 * cli_number(l->c, PREDICT_INTERVAL);
    evtwin_metrics_good_cycle(l->metrics, patience_s > 15 ? patience_s : 15);
}

/* ---- start ---- */

/* A run that ends by itself has no metrics to scrape, unless a port is set. */
const char *predict_without_metrics(const cli *c) {
    return cli_text(c, PREDICT_CSV) != NULL ? "--csv"
           : cli_is_on(c, PREDICT_ONCE) && !cli_is_set(c, PREDICT_METRICS + SCRAPE_PORT)
               ? "--once without --metrics-port"
               : NULL;
}

static int start_metrics(live *l) {
    const evtwin_status st = evtwin_metrics_create(&l->metrics);
    if (st < 0) {
        return cli_fail(CLI_A_SERVICE, st, NULL);
    }
    if (!scrape_is_on(l->c, PREDICT_METRICS) || predict_without_metrics(l->c) != NULL) {
        return 0;
    }
    note_good_cycle(l); /* waiting for a first one is no better than waiting for another */
    return metrics_serve(l->c, PREDICT_METRICS, "evtwin-predict", l->metrics, &l->service.server);
}

/* Leave the models' held-out scores in the store for its readers. A store that is not there is not
 * made. */
static evtwin_status try_store(live *l, const evtwin_predictor *predictor, evtwin_store **out) {
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    evtwin_status st = evtwin_store_open(l->uri, &options, out);
    if (st < 0 && st != EVTWIN_E_SCHEMA) {
        return st;
    } /* else just being made, or of another version: opening it for writing will show */
    evtwin_store_free(*out);
    *out = NULL;
    evtwin_table *scores = NULL;
    if ((st = evtwin_store_open(l->uri, NULL, out)) >= 0 &&
        (st = evtwin_predictor_scores(predictor, &scores)) >= 0) {
        st = evtwin_store_put_model(*out, scores);
    }
    evtwin_table_free(scores);
    return st;
}

/* Wait until the store is there and can be written, reporting so once. 0, or an exit code; a signal
 * gives CLI_OK too. */
static int wait_for_store(live *l, const evtwin_predictor *predictor) {
    for (int has_reported = 0; cli_stopping() == 0; has_reported = 1) {
        evtwin_store *store = NULL;
        int code = CLI_CONTINUE;
        const evtwin_status st = try_store(l, predictor, &store);
        if (st >= 0) {
            code = 0;
        } else if ((st != EVTWIN_E_NOT_FOUND && st != EVTWIN_E_AGAIN) ||
                   cli_is_on(l->c, PREDICT_ONCE)) {
            code = cli_fail(CLI_A_STORE, st,
                            st != EVTWIN_E_NOT_FOUND ? NULL
                            : cli_is_server(l->uri)  ? "createdb makes one"
                                                     : "evtwin-sim --sink makes one");
        } else if (!has_reported) {
            cli_note("waiting for the store: %s", evtwin_last_error());
            service_not_ready(&l->service, "waiting for the store", "waiting for the store");
        }
        evtwin_store_free(store); /* after the message: freeing may end the error's text */
        if (code != CLI_CONTINUE) {
            return code;
        }
        cli_sleep_until_s(cli_now_s() + cli_number(l->c, PREDICT_INTERVAL));
    }
    return 0;
}

static int connect_store(live *l, const evtwin_predictor *predictor) {
    CLI_TRY(wait_for_store(l, predictor));
    if (cli_stopping() != 0) {
        return 0;
    }
    char *from = cli_with_param(l->uri, "rows", "unpredicted");
    char *to = cli_with_param(l->uri, "write", "predictions");
    int code = from != NULL && to != NULL ? 0 : cli_out_of_memory();
    code = code == 0 ? delivery_open_source(&l->delivery, from) : code;
    code = code == 0 ? delivery_open_sink(&l->delivery, to, 0) : code;
    if (code == 0) {
        cli_note("predicting the rows of %s", l->source);
        other_watch(&l->other, l->uri, predictor);
    }
    free(from);
    free(to);
    return code;
}

/* Beside a simulator or an ingester on the same batteries. */
static int open_sink(live *l, const char *uri) {
    char *shared = cli_is_store(uri) ? cli_with_param(uri, "shared", "1") : strdup(uri);
    const int code =
        shared != NULL ? delivery_open_sink(&l->delivery, shared, 0) : cli_out_of_memory();
    free(shared);
    return code;
}

static int connect_uris(live *l) {
    CLI_TRY(delivery_open_source(&l->delivery, l->uri));
    for (size_t i = 0; i < cli_count(l->c, PREDICT_SINK); i++) {
        CLI_TRY(open_sink(l, cli_item(l->c, PREDICT_SINK, i)));
    }
    return delivery_open_spool(&l->delivery, l->c, PREDICT_SPOOL);
}

/* ---- run ---- */

/* What the error is about may be secret from who probes. */
static void report_state(live *l, evtwin_status st) {
    evtwin_pump_stats stats;
    char status[1200];
    if (st < 0) {
        snprintf(status, sizeof status, "trying again: %s", evtwin_last_error());
        service_not_ready(&l->service, "the last cycle failed; the log of the tool says why",
                          status);
    } else if (evtwin_pump_stats_get(l->delivery.pump, &stats, sizeof stats) == EVTWIN_OK) {
        snprintf(status, sizeof status, "predicting the rows of %s: %llu predicted, %llu unknown",
                 l->source, (unsigned long long)stats.n_predicted,
                 (unsigned long long)stats.n_unknown);
        service_ready(&l->service, status);
    }
}

/* A cycle over all that waits may be long: now and then a batch counts as one. */
static void note_progress(live *l) {
    const double now_s = cli_now_s();
    if (now_s - l->progress_s > 0.25) {
        l->progress_s = now_s;
        note_good_cycle(l);
        report_state(l, EVTWIN_OK);
    }
}

/* Rows of a store that were read, and whose predictions it does not have yet. */
static uint64_t count_due(const live *l) {
    evtwin_pump_stats stats;
    return evtwin_pump_stats_get(l->delivery.pump, &stats, sizeof stats) < 0 ? 0 : stats.n_due;
}

/* All rows that wait; of a broker, all that come within an interval (with --once until none has
 * come for a while), since it wants to be served. EVTWIN_DONE once no more will come. */
static evtwin_status run_cycle(live *l) {
    const int is_broker = cli_text(l->c, PREDICT_SOURCE) != NULL && cli_is_server(l->uri);
    const int is_once = cli_is_on(l->c, PREDICT_ONCE);
    const double wait_s = is_once ? once_patience_s : cli_number(l->c, PREDICT_INTERVAL);
    double end_s = cli_now_s() + (is_broker ? wait_s : 0);
    uint64_t n_due = count_due(l);
    size_t n;
    evtwin_status st;
    newest_clear(&l->newest);
    do {
        n = 0;
        st = evtwin_pump_run_once(l->delivery.pump, is_broker || n_due > 0 ? PATIENCE_MS : 0, &n);
        n_due = count_due(l);
        cli_notify_alive();
        if (st == EVTWIN_OK && n + n_due > 0) {
            note_progress(l);
        }
        end_s = is_broker && is_once && n + n_due > 0 ? cli_now_s() + wait_s : end_s;
    } while ((st == EVTWIN_REFUSED ||
              (st == EVTWIN_OK && ((!is_broker && n > 0) || n_due > 0 || cli_now_s() < end_s))) &&
             cli_stopping() == 0);
    return st;
}

/* An error is an error: counted, reported once, tried again; never a prediction. */
static void note_outcome(live *l, evtwin_status st) {
    if (st < 0 && !l->is_failing) {
        cli_error("%s; trying again every %s s", evtwin_last_error(),
                  cli_text(l->c, PREDICT_INTERVAL));
    } else if (st < 0) {
        cli_detail("%s", evtwin_last_error());
    } else if (l->is_failing) {
        cli_note("%s: works again", l->source);
    }
    l->is_failing = st < 0;
    if (st < 0) {
        evtwin_metrics_count_error(l->metrics);
    } else {
        note_good_cycle(l);
    }
    report_state(l, st);
}

/* Show the cycle; 0 if standard output is gone. */
static int show(live *l) {
    if (cli_quiet()) {
        return 1;
    }
    if (l->newest.n_rows == 0 && !l->has_predicted && !l->has_reported_idle) {
        cli_note("no row of %s waits for a prediction yet", l->source);
        l->has_reported_idle = 1;
    }
    FILE *console = l->delivery.uses_stdout ? stderr : stdout;
    const int has_store = cli_text(l->c, PREDICT_SOURCE) == NULL;
    console = cli_console_open(console);
    newest_print(&l->newest, has_store ? l->uri : NULL, console, cli_verbose());
    return cli_console_close(console);
}

/* New ones may look at the batteries' pasts where the old ones did not. */
static void take_new_models(live *l) {
    const char *store = cli_text(l->c, PREDICT_SOURCE) == NULL ? l->uri : NULL;
    if (models_take_new(l->c, l->follower, store, l->delivery.pump, &l->waiting) && store != NULL) {
        other_watch(&l->other, store, evtwin_pump_predictor(l->delivery.pump));
    }
}

/* One cycle and what follows from it: CLI_CONTINUE, or the exit code. */
static int do_cycle(live *l) {
    const int is_once = cli_is_on(l->c, PREDICT_ONCE);
    if (other_is_new(&l->other)) {
        cli_warning(
            "another program predicts the rows of %s too: each knows of a battery's past only "
            "the rows that it predicted itself; stop one of them",
            l->source);
    }
    take_new_models(l);
    const evtwin_status st = run_cycle(l);
    other_remember(&l->other);
    if (st < 0 && l->delivery.uses_stdout && cli_stdout_has_no_reader()) {
        return CLI_FAILURE; /* … | head: nothing to say */
    }
    if (st < 0 && l->delivery.is_stdout_broken) {
        return cli_fail(CLI_AN_OUTPUT, st, NULL); /* closed or full: it does not come back */
    }
    if (st < 0 && (is_once || !evtwin_status_is_temporary(st))) {
        const int is_store = cli_text(l->c, PREDICT_SOURCE) == NULL;
        return delivery_fail(&l->delivery, is_store ? CLI_A_STORE : CLI_AN_INPUT, st);
    }
    note_outcome(l, st);
    observe_pump(l);
    if (!show(l)) {
        return CLI_FAILURE;
    }
    l->has_predicted |= l->newest.n_rows > 0;
    if (is_once && cli_stopping() != 0) {
        return 128 + cli_stopping(); /* rows may be left */
    }
    const int is_over = st == EVTWIN_DONE || is_once;
    return !is_over ? CLI_CONTINUE : l->n_refused > 0 ? CLI_DATA : CLI_OK;
}

static int run_loop(live *l) {
    const double interval_s = cli_number(l->c, PREDICT_INTERVAL);
    for (double next_s = cli_now_s(); !cli_sleep_until_s(next_s);) {
        const int code = do_cycle(l);
        if (code != CLI_CONTINUE) {
            return code;
        }
        next_s += interval_s;
        next_s = next_s < cli_now_s() ? cli_now_s() : next_s;
    }
    cli_note("stopping");
    service_stopping(&l->service);
    return cli_is_on(l->c, PREDICT_ONCE) ? 128 + cli_stopping() : CLI_OK;
}

static void report_totals(const live *l) {
    evtwin_pump_stats stats;
    if (evtwin_pump_stats_get(l->delivery.pump, &stats, sizeof stats) < 0) {
        return;
    }
    char refused[64] = "";
    if (l->n_refused > 0) {
        snprintf(refused, sizeof refused, "%llu record%s refused, ",
                 (unsigned long long)l->n_refused, cli_s(l->n_refused));
    }
    cli_note("%llu row%s predicted, %llu unknown, %s%llu error%s; closed",
             (unsigned long long)stats.n_predicted, cli_s(stats.n_predicted),
             (unsigned long long)stats.n_unknown, refused, (unsigned long long)stats.n_errors,
             cli_s(stats.n_errors));
}

/* What is unlike the training data at the end; the library's log said so when it began. */
static void report_drift(const live *l) {
    evtwin_table *found = NULL;
    if (evtwin_session_drift(evtwin_pump_session(l->delivery.pump), &found) != EVTWIN_OK) {
        return;
    }
    const size_t battery = evtwin_table_find(found, "battery_id");
    const size_t text = evtwin_table_find(found, "text");
    const int32_t *codes = evtwin_table_codes(found, battery);
    size_t n_of_batteries = 0;
    for (size_t r = 0; r < evtwin_table_rows(found); r++) {
        const int is_fleet = !evtwin_table_is_valid(found, battery, r);
        n_of_batteries += !is_fleet && (r == 0 || !evtwin_table_is_valid(found, battery, r - 1) ||
                                        codes[r] != codes[r - 1]);
        if (is_fleet) {
            cli_note("unlike the training data: %s", evtwin_table_text(found, text, r));
        }
    }
    if (n_of_batteries > 0) {
        cli_note("unlike the training data by itself: %zu batter%s", n_of_batteries,
                 n_of_batteries == 1 ? "y" : "ies");
    }
    evtwin_table_free(found);
}

/* A store behind a spool may lack rows that this process or the one before it has accepted, and
 * keeps no word on which: its states may be older than where the partition is read on. */
static void note_spool(const live *l, const evtwin_predictor *predictor) {
    evtwin_predictor_info info;
    const char *source = cli_text(l->c, PREDICT_SOURCE);
    if (l->delivery.spool != NULL && source != NULL && strncmp(source, "kafka:", 6) == 0 &&
        evtwin_predictor_info_get(predictor, &info, sizeof info) == EVTWIN_OK &&
        strcmp(info.recipe, "history") == 0) {
        cli_note("with --spool the past of a battery that comes with a partition of another "
                 "process begins anew; without --spool it is read from a store among the sinks");
    }
}

/* The predictor is the pump's by now. */
static int prepare(live *l, const evtwin_predictor *predictor) {
    CLI_TRY(models_check_features(predictor));
    CLI_TRY(start_metrics(l));
    CLI_TRY(cli_text(l->c, PREDICT_SOURCE) == NULL ? connect_store(l, predictor) : connect_uris(l));
    predict_note_guesses(predictor);
    note_spool(l, predictor);
    return models_follow(l->c, l->follower);
}

/* What was read from a source of records does not come again: offer it once more, and report what
 * did not arrive. Rows of a store wait there. */
static int finish(live *l, int code) {
    if (cli_text(l->c, PREDICT_SOURCE) == NULL ||
        (l->delivery.uses_stdout && cli_stdout_has_no_reader())) {
        return code;
    }
    if (delivery_flush(&l->delivery) < 0) {
        cli_detail("%s", evtwin_last_error());
    }
    return delivery_report_missing(&l->delivery, code);
}

/* The batteries' pasts are read from the store where its rows come to be predicted once: the rows
 * that wait in it, and what a broker has. A file is read from its start at each run. */
static int recalls_states(const cli *c, const char *source) {
    return source == NULL || (cli_text(c, PREDICT_SPOOL) == NULL && cli_is_broker(source));
}

int predict_live(const cli *c, evtwin_predictor *predictor, evtwin_follower *follower) {
    const char *source = cli_text(c, PREDICT_SOURCE);
    cli_on_stop(CLI_STOP_ASKS, NULL);
    evtwin_pump_options options;
    evtwin_pump_options_init(&options, sizeof options);
    options.first_pause_s = options.longest_pause_s = 0; /* each cycle tries again */
    options.n_reasons = (size_t)cli_integer(c, PREDICT_EXPLAIN);
    options.reasons_of_newest = source == NULL; /* of each battery, in the store */
    options.recalls_states = recalls_states(c, source);
    const char *uri = source != NULL ? source : cli_text(c, PREDICT_STORE);
    char shown[1024]; /* longer than what the library says of it, it is cut */
    evtwin_uri_redact(uri, shown, sizeof shown);
    live l = {.c = c,
              .uri = uri,
              .source = shown,
              .follower = follower,
              .delivery = {.on_batch = on_batch,
                           .on_refusal = on_refusal,
                           .on_out_of_range = on_out_of_range,
                           .on_share = on_share,
                           .ctx = &l}};
    int code = delivery_open(&l.delivery, &options);
    const evtwin_status st =
        code == 0 ? evtwin_pump_take_predictor(l.delivery.pump, predictor) : EVTWIN_OK;
    if (code != 0 || st < 0) {
        code = code == 0 ? cli_fail(CLI_AN_INPUT, st, NULL) : code;
        evtwin_predictor_free(predictor);
    } else if ((code = prepare(&l, predictor)) == 0) {
        code = cli_stopping() != 0 ? CLI_OK : run_loop(&l);
        code = finish(&l, code);
        report_drift(&l);
        report_totals(&l);
    }
    evtwin_server_free(l.service.server);
    evtwin_metrics_free(l.metrics);
    evtwin_pump_free(l.delivery.pump);
    evtwin_predictor_free(l.waiting);
    newest_clear(&l.newest);
    other_clear(&l.other);
    return code;
}
