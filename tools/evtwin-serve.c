/* SPDX-License-Identifier: MIT */
/* tools/evtwin-serve.c: REST, the fleet page and /metrics of a store. */

#include "check.h"
#include "listen.h"
#include "service.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <string.h>

enum {
    STORE,
    THRESHOLDS,
    SILENT_AFTER,
    PREDICTIONS_STOPPED_AFTER,
    LISTEN,
    PORT,
    TOKEN_FILE,
    OPEN_READS,
    TLS_CERT,
    TLS_KEY,
    ALLOW_HOST,
    INSECURE_LISTEN,
    THREADS,
    DRAIN,
    ALERTS,
    ALERT_WEBHOOK_FILE,
    ALERT_SMTP,
    ALERT_TO,
    ALERT_CA_FILE,
    ALERT_GROUP,
    ALERT_CLEAR_AFTER,
    CHECK,
    BACKUP,
    N_OPTIONS
};

static const cli_option options[N_OPTIONS] = {
    [STORE] = CLI_STRING("store", "URI", "sqlite:evtwin.db", .derived = cli_default_store,
                         .group = "Serve",
                         .help = "store to serve; need not exist yet (503 until it does); the "
                                 "default is the PostgreSQL of DB_HOST or PGHOST if one is set"),
    [THRESHOLDS] = CLI_STRING(
        "thresholds", "FILE", NULL,
        .help = "replace the store's limits by the contract's with the changes in this JSON "
                "file: an array as /api/thresholds shows it; the store is created if absent"),
    [SILENT_AFTER] =
        CLI_RANGE(CLI_NUMBER, "silent-after", "S", "0", 0, 31622400,
                  .help = "seconds without a record until a battery counts as silent; 0: 15 s or "
                          "three times the interval of its records, whichever is longer"),
    [PREDICTIONS_STOPPED_AFTER] =
        CLI_RANGE(CLI_NUMBER, "predictions-stopped-after", "S", "0", 0, 31622400,
                  .help = "the same for records that wait for a prediction"),
    [LISTEN] = CLI_STRING("listen", "ADDRESS:PORT", "127.0.0.1:5001",
                          .help = "address to listen on; [::1]:0 picks a free port"),
    [PORT] = CLI_RANGE(CLI_INTEGER, "port", "PORT", NULL, 0, 65535, .environment = "API_PORT",
                       .help = "the port alone, at the address of --listen"),
    [OPEN_READS] =
        CLI_FLAG("open-reads", .help = "with --token-file, on the loopback only: reading needs no "
                                       "token, writing does"),
    [TOKEN_FILE] = CLI_STRING(
        "token-file", "FILE", NULL,
        .help =
            "require the token in the first line of this file; without a token nothing can be "
            "changed over HTTP. An address that other machines can reach needs it and --tls-cert"),
    [TLS_CERT] =
        CLI_STRING("tls-cert", "FILE", NULL,
                   .help = "use HTTPS with this certificate, in PEM form, followed by its chain"),
    [TLS_KEY] = CLI_STRING("tls-key", "FILE", NULL,
                           .help = "its key, in PEM form, which must not be readable by everyone"),
    [ALLOW_HOST] = CLI_STRINGS(
        "allow-host", "NAME", NULL,
        .help = "also answer to this host name, which a proxy passes on; may be repeated"),
    [INSECURE_LISTEN] =
        CLI_FLAG("insecure-listen",
                 .help = "permit an address that other machines can reach without --token-file or "
                         "--tls-cert, and any host name if --allow-host names none"),
    [THREADS] = CLI_RANGE(CLI_INTEGER, "threads", "N", "2", 1, 256,
                          .help = "number of threads that answer requests"),
    [DRAIN] =
        CLI_RANGE(CLI_NUMBER, "drain", "S", "0", 0, 3600,
                  .help = "seconds to continue answering after the signal to stop, while /readyz "
                          "answers 503, so that a load balancer can use another server"),
    [ALERTS] =
        CLI_FLAG("alerts", .group = "Alerts",
                 .help = "raise and clear alerts, and keep them in the store. If several programs "
                         "do so on one store, one is active, the others wait until it ends"),
    [ALERT_WEBHOOK_FILE] =
        CLI_STRING("alert-webhook-file", "FILE", NULL,
                   .help = "post alerts, as JSON for Slack, to the URL in the first line of this "
                           "file, which only its owner may read; implies --alerts"),
    [ALERT_SMTP] = CLI_STRING("alert-smtp", "URI", NULL,
                              .help = "mail alerts by smtp://USER@HOST:PORT/?password_file=FILE or "
                                      "smtps:; implies --alerts"),
    [ALERT_TO] = CLI_STRING("alert-to", "ADDRESSES", NULL,
                            .help = "receivers of the mail, separated by commas"),
    [ALERT_CA_FILE] = CLI_STRING("alert-ca-file", "FILE", NULL,
                                 .help = "authorities that certify those servers, as PEM; default: "
                                         "those of the system"),
    [ALERT_GROUP] =
        CLI_RANGE(CLI_NUMBER, "alert-group-s", "S", "30", 1, 86400,
                  .help = "seconds between two messages: alerts in between go into one message"),
    [ALERT_CLEAR_AFTER] = CLI_RANGE(CLI_NUMBER, "alert-clear-after", "S", "60", 0, 86400,
                                    .help = "seconds without the cause until an alert is cleared"),
    [CHECK] = CHECK_OPTION,
    [BACKUP] =
        CLI_STRING("backup", "FILE", NULL, .group = "Backup",
                   .help = "copy the whole store, while it is in use, to a new file, then exit"),
};

static const cli_tool tool = {
    .name = "evtwin-serve",
    .purpose =
        "Serve a store of telemetry and predictions over HTTP: a page that shows the live fleet, "
        "the REST\nAPI under /api, /health and /metrics for Prometheus. Only --thresholds, alerts "
        "and their\nacknowledgements write; any number of servers may share a store.",
    .usage = "[OPTION]...\n[--store URI] --backup FILE",
    .examples = "evtwin-serve --store sqlite:evtwin.db          then open http://localhost:5001\n"
                "API_PORT=8080 evtwin-serve\n"
                "curl 'http://localhost:5001/api/battery/latest?battery_id=BATTERY_001'\n"
                "evtwin-serve --thresholds limits.json\n"
                "evtwin-serve --backup evtwin-$(date +%F).db",
    .options = options,
    .n_options = N_OPTIONS,
};

static int back_up(const cli *c) {
    const char *path = cli_text(c, BACKUP);
    evtwin_store_options store_options;
    evtwin_store_options_init(&store_options, sizeof store_options);
    store_options.read_only = 1;
    evtwin_store *store;
    const evtwin_status st = evtwin_store_open(cli_text(c, STORE), &store_options, &store);
    if (st < 0) {
        return cli_fail(CLI_A_STORE, st, "name it with --store");
    }
    cli_begin_write(path);
    const int code = cli_end_write(path, evtwin_store_backup(store, path), NULL);
    evtwin_store_free(store);
    if (code == CLI_OK) {
        cli_note("%s: backup of %s", path, cli_shown(cli_text(c, STORE)));
    }
    return code;
}

/* --port (API_PORT) replaces the port of --listen, unless --listen was given by a stronger origin.
 */
static int port_counts(const cli *c) {
    return cli_text(c, PORT) != NULL && cli_from(c, PORT) >= cli_from(c, LISTEN);
}

static int make_listen(const cli *c, char *text, size_t size) {
    const char *listen = cli_text(c, LISTEN);
    if (!port_counts(c)) {
        snprintf(text, size, "%s", listen);
        return 0;
    }
    const char *colon = strrchr(listen, ':');
    if (colon == NULL) {
        cli_error("--listen: '%s' is not ADDRESS:PORT", listen);
        return CLI_USAGE;
    }
    snprintf(text, size, "%.*s:%d", (int)(colon - listen), listen, (int)cli_integer(c, PORT));
    return 0;
}

/* A store that cannot be read is reported as one, before the server starts: what fails then is the
 * address. One that is not there may come later, one that is in use or in the making is waited for.
 */
static int probe_store(const cli *c, int *is_absent_out) {
    evtwin_store_options store_options;
    evtwin_store_options_init(&store_options, sizeof store_options);
    store_options.read_only = 1;
    evtwin_store *store = NULL;
    const evtwin_status st = evtwin_store_open(cli_text(c, STORE), &store_options, &store);
    int code = 0;
    if (st < 0 && st != EVTWIN_E_NOT_FOUND && st != EVTWIN_E_AGAIN && st != EVTWIN_E_SCHEMA) {
        code = cli_fail(st == EVTWIN_E_ARG || st == EVTWIN_E_PARSE || st == EVTWIN_E_UNSUPPORTED
                            ? CLI_AN_OPTION
                            : CLI_A_STORE,
                        st, "--store names it");
    }
    evtwin_store_free(store);
    *is_absent_out = st == EVTWIN_E_NOT_FOUND;
    return code;
}

/* The contract's limits, changed by the file, become the store's. */
static int put_thresholds(const cli *c) {
    const char *path = cli_text(c, THRESHOLDS);
    evtwin_thresholds *thresholds = NULL;
    evtwin_store *store = NULL;
    int code = CLI_OK;
    evtwin_status st = evtwin_thresholds_load(path, &thresholds);
    if (st < 0) {
        code = cli_fail(CLI_AN_INPUT, st == EVTWIN_E_ARG ? EVTWIN_E_SCHEMA : st, NULL);
    } else if ((st = evtwin_store_open(cli_text(c, STORE), NULL, &store)) < 0 ||
               (st = evtwin_store_put_thresholds(store, thresholds)) < 0) {
        code = cli_fail(CLI_A_STORE, st, "--store names it");
    } else {
        cli_note("%s: its limits are those of %s now", cli_shown(cli_text(c, STORE)), path);
    }
    evtwin_store_free(store);
    evtwin_thresholds_free(thresholds);
    return code;
}

static int wants_alerts(const cli *c) {
    return cli_is_on(c, ALERTS) || cli_text(c, ALERT_WEBHOOK_FILE) != NULL ||
           cli_text(c, ALERT_SMTP) != NULL;
}

static void set_alerts(const cli *c, evtwin_alerts_options *o) {
    evtwin_alerts_options_init(o, sizeof *o);
    o->store = cli_text(c, STORE);
    o->webhook_file = cli_text(c, ALERT_WEBHOOK_FILE);
    o->smtp = cli_text(c, ALERT_SMTP);
    o->mail_to = cli_text(c, ALERT_TO);
    o->ca_file = cli_text(c, ALERT_CA_FILE);
    o->group_s = cli_number(c, ALERT_GROUP);
    o->clear_after_s = cli_number(c, ALERT_CLEAR_AFTER);
    o->silent_after_s = cli_number(c, SILENT_AFTER);
    o->predictions_stopped_after_s = cli_number(c, PREDICTIONS_STOPPED_AFTER);
}

static int start_alerts(const cli *c, evtwin_alerts **out) {
    evtwin_alerts_options alert_options;
    set_alerts(c, &alert_options);
    const evtwin_status st = evtwin_alerts_start(&alert_options, out);
    return st < 0 ? cli_fail(CLI_AN_OPTION, st, "see the options --alert-…") : CLI_OK;
}

static void set_server(const cli *c, const char *listen, evtwin_server_options *o) {
    evtwin_server_options_init(o, sizeof *o);
    o->listen = listen;
    o->store = cli_text(c, STORE);
    o->n_threads = (int)cli_integer(c, THREADS);
    o->token_file = cli_text(c, TOKEN_FILE);
    o->tls_cert_file = cli_text(c, TLS_CERT);
    o->tls_key_file = cli_text(c, TLS_KEY);
    o->open_reads = cli_is_on(c, OPEN_READS);
    o->allow_hosts = cli_items(c, ALLOW_HOST);
    o->n_allow_hosts = cli_count(c, ALLOW_HOST);
    o->insecure_listen = cli_is_on(c, INSECURE_LISTEN);
    o->silent_after_s = cli_number(c, SILENT_AFTER);
    o->predictions_stopped_after_s = cli_number(c, PREDICTIONS_STOPPED_AFTER);
    o->service = "evtwin-serve";
}

/* Report why the server does not start, with the option to change. */
static int fail_to_start(const cli *c, const evtwin_server_options *o, evtwin_status st) {
    char called[256], setter[300];
    snprintf(setter, sizeof setter, "%s sets it",
             cli_called(c, port_counts(c) ? PORT : LISTEN, called, sizeof called));
    return listen_fail(o, "", setter, st);
}

/* Answer until a signal comes, and for a while then. */
static void wait_for_end(const cli *c, evtwin_server *server) {
    service_state its = {.server = server};
    char status[1200];
    snprintf(status, sizeof status, "serving %s on port %d", cli_shown(cli_text(c, STORE)),
             evtwin_server_port(server));
    service_ready(&its, status);
    cli_sleep_until_s(INFINITY);
    cli_note("stopping");
    service_stopping(&its);
    cli_linger_s(cli_number(c, DRAIN));
}

static int serve(const cli *c, const char *listen) {
    int is_absent;
    cli_on_stop(CLI_STOP_QUITS, "nothing was served yet");
    int code = probe_store(c, &is_absent);
    if (code == CLI_OK && cli_text(c, THRESHOLDS) != NULL) {
        code = put_thresholds(c);
        is_absent = 0;
    }
    if (code != CLI_OK) {
        return code;
    }
    evtwin_server_options server_options;
    set_server(c, listen, &server_options);
    evtwin_server *server;
    evtwin_alerts *alerts = NULL;
    code = wants_alerts(c) ? start_alerts(c, &alerts) : CLI_OK;
    if (code != CLI_OK) {
        return code;
    }
    server_options.alerts = alerts;
    cli_on_stop(CLI_STOP_ASKS, NULL);
    const evtwin_status st = evtwin_server_start(&server_options, &server);
    if (st < 0) {
        const int failed = fail_to_start(c, &server_options, st);
        evtwin_alerts_free(alerts);
        return failed;
    }
    listen_warn(&server_options);
    const char *store = cli_shown(cli_text(c, STORE));
    cli_note("serving %s at %s://localhost:%d (Ctrl-C stops)", store,
             server_options.tls_cert_file != NULL ? "https" : "http", evtwin_server_port(server));
    if (is_absent && cli_is_server(store)) {
        cli_note("%s does not exist yet; createdb makes it", store);
    } else if (is_absent) {
        cli_note("%s does not exist yet; evtwin-sim --sink %s makes it", store, store);
    }
    wait_for_end(c, server);
    evtwin_server_free(server);
    evtwin_alerts_free(alerts);
    cli_note("closed");
    return CLI_OK;
}

/* ---- --check ---- */

static void check_thresholds(const cli *c, int *code) {
    const char *path = cli_text(c, THRESHOLDS);
    if (path != NULL) {
        evtwin_thresholds *thresholds = NULL;
        const evtwin_status st = evtwin_thresholds_load(path, &thresholds);
        check_report(code, "thresholds", path, CLI_AN_INPUT,
                     st == EVTWIN_E_ARG ? EVTWIN_E_SCHEMA : st);
        evtwin_thresholds_free(thresholds);
    }
}

/* One line for each way of delivery. */
static void check_alerts(const cli *c, int *code) {
    const char *hook = cli_text(c, ALERT_WEBHOOK_FILE), *mail = cli_text(c, ALERT_SMTP);
    evtwin_alerts_options o;
    if (hook != NULL) {
        set_alerts(c, &o);
        o.smtp = o.mail_to = NULL;
        check_report(code, "web hook of", hook, CLI_AN_OPTION, evtwin_alerts_check(&o));
    }
    if (mail != NULL) {
        set_alerts(c, &o);
        o.webhook_file = NULL;
        check_report(code, "mail by", mail, CLI_AN_OPTION, evtwin_alerts_check(&o));
    }
}

/* One line for each file, and one for the address and what goes with it. */
static void check_address(const cli *c, const char *listen, int *code) {
    evtwin_server_options all, o;
    set_server(c, listen, &all);
    evtwin_status st = EVTWIN_OK;
    if (all.token_file != NULL) {
        evtwin_server_options_init(&o, sizeof o);
        o.token_file = all.token_file;
        st = evtwin_server_check(&o, NULL);
        check_report(code, "token file", o.token_file, CLI_AN_INPUT, st);
    }
    if (all.tls_cert_file != NULL && all.tls_key_file != NULL) {
        evtwin_server_options_init(&o, sizeof o);
        o.tls_cert_file = all.tls_cert_file;
        o.tls_key_file = all.tls_key_file;
        const evtwin_status st_tls = evtwin_server_check(&o, NULL);
        check_report(code, "certificate", o.tls_cert_file, CLI_AN_INPUT, st_tls);
        st = st_tls < 0 ? st_tls : st;
    }
    if (st >= 0) { /* else it was reported */
        check_report(code, "address", listen, CLI_AN_OPTION, evtwin_server_check(&all, NULL));
    }
}

static int check_all(const cli *c, const char *listen) {
    int code = 0;
    check_store(&code, cli_text(c, STORE));
    check_thresholds(c, &code);
    check_address(c, listen, &code);
    check_alerts(c, &code);
    return code;
}

static int run(const cli *c) {
    if (cli_text(c, BACKUP) != NULL && !cli_is_on(c, CHECK)) {
        return back_up(c);
    }
    char listen[128];
    CLI_TRY(make_listen(c, listen, sizeof listen));
    return cli_is_on(c, CHECK) ? check_all(c, listen) : serve(c, listen);
}

int main(int argc, char **argv) {
    return cli_main(&tool, argc, argv, run);
}
