/* SPDX-License-Identifier: MIT */
/* tools/scrape.c: the port of a tool that delivers, with its metrics and its probes. */

#include "scrape.h"

#include "check.h"
#include "listen.h"
#include "service.h"

#include <string.h>

int scrape_is_on(const cli *c, size_t first) {
    return cli_integer(c, first + SCRAPE_PORT) != 0;
}

int scrape_check_options(const cli *c, size_t first, const char *alone) {
    char called[256], port[256];
    if (scrape_is_on(c, first) && alone == NULL) {
        return 0;
    }
    for (size_t i = scrape_is_on(c, first) ? SCRAPE_PORT : SCRAPE_PORT + 1; i < SCRAPE_N_OPTIONS;
         i++) {
        const cli_origin from = cli_from(c, first + i);
        cli_called(c, first + i, called, sizeof called);
        CLI_FAIL_IF(from == CLI_FROM_FLAG && alone != NULL, CLI_USAGE,
                    "%s belongs to a live run; %s serves no metrics", called, alone);
        if (alone != NULL || !cli_is_set(c, first + i)) {
            continue;
        }
        cli_called(c, first + SCRAPE_PORT, port, sizeof port);
        CLI_FAIL_IF(from == CLI_FROM_FLAG, CLI_USAGE,
                    "%s needs a port of metrics: %s is 0; set --metrics-port PORT, or leave it out",
                    called, port);
        cli_warning("%s changes nothing: %s is 0, so there are no metrics", called, port);
    }
    return 0;
}

/* listen: room for "ADDRESS:PORT". An IPv6 address may stand without its brackets. */
static void set_server(const cli *c, size_t first, char *listen, size_t size,
                       evtwin_server_options *o) {
    const char *address = cli_text(c, first + SCRAPE_LISTEN);
    const int is_bare_ipv6 = address[0] != '[' && strchr(address, ':') != NULL;
    snprintf(listen, size, "%s%s%s:%d", is_bare_ipv6 ? "[" : "", address, is_bare_ipv6 ? "]" : "",
             (int)cli_integer(c, first + SCRAPE_PORT));
    evtwin_server_options_init(o, sizeof *o);
    o->listen = listen;
    o->token_file = cli_text(c, first + SCRAPE_TOKEN_FILE);
    o->tls_cert_file = cli_text(c, first + SCRAPE_TLS_CERT);
    o->tls_key_file = cli_text(c, first + SCRAPE_TLS_KEY);
    o->insecure_listen = cli_is_on(c, first + SCRAPE_INSECURE);
}

/* What to do about the port, or about the address where that is not the default. */
static const char *setter(const cli *c, size_t first, evtwin_status st, char *text, size_t size) {
    char called[256];
    const int is_port = st == EVTWIN_E_BUSY || !cli_is_set(c, first + SCRAPE_LISTEN);
    cli_called(c, first + (is_port ? SCRAPE_PORT : SCRAPE_LISTEN), called, sizeof called);
    snprintf(text, size, "%s sets it%s", called, is_port ? " (0 = none)" : "");
    return text;
}

int metrics_serve(const cli *c, size_t first, const char *service, evtwin_metrics *metrics,
                  evtwin_server **out) {
    if (!scrape_is_on(c, first)) {
        return 0;
    }
    char listen[320], text[300];
    evtwin_server_options options;
    set_server(c, first, listen, sizeof listen, &options);
    options.metrics = metrics;
    options.service = service;
    options.unready = SERVICE_STARTS;
    const evtwin_status st = evtwin_server_start(&options, out);
    if (st < 0) {
        return listen_fail(&options, "metrics-", setter(c, first, st, text, sizeof text), st);
    }
    listen_warn(&options);
    cli_note("metrics at %s://localhost:%d/metrics",
             options.tls_cert_file != NULL ? "https" : "http", evtwin_server_port(*out));
    return 0;
}

void scrape_check(int *code, const cli *c, size_t first) {
    char listen[320];
    evtwin_server_options options;
    if (!scrape_is_on(c, first)) {
        return;
    }
    set_server(c, first, listen, sizeof listen, &options);
    check_report(code, "metrics at", listen, CLI_AN_OPTION, evtwin_server_check(&options, NULL));
}
