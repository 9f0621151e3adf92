/* SPDX-License-Identifier: MIT */
/* tools/scrape.h: the port of a tool that delivers, with its metrics and its probes. */
#ifndef EVTWIN_TOOLS_SCRAPE_H
#define EVTWIN_TOOLS_SCRAPE_H

#include "cli/cli.h"

#include "evtwin/serve.h"

/* The options of such a tool, in a row of its table from `first` on. */
enum {
    SCRAPE_PORT,
    SCRAPE_LISTEN,
    SCRAPE_TOKEN_FILE,
    SCRAPE_TLS_CERT,
    SCRAPE_TLS_KEY,
    SCRAPE_INSECURE,
    SCRAPE_N_OPTIONS
};

/* port: the default; what follows it is .environment, where the port has one. */
#define SCRAPE_OPTIONS(first, port, ...)                                                           \
    [(first) + SCRAPE_PORT] = CLI_RANGE(                                                           \
        CLI_INTEGER, "metrics-port", "PORT", port, 0, 65535, .group = "Metrics",                   \
        .help = "Prometheus metrics at http://localhost:PORT/metrics, with /health, /livez and "   \
                "/readyz; 0 = off; the other options of this section need a port",                 \
        __VA_ARGS__),                                                                              \
               [(first) + SCRAPE_LISTEN] = CLI_STRING(                                             \
                   "metrics-listen", "ADDRESS", "127.0.0.1",                                       \
                   .help = "address of that port; an address that other machines can reach, such " \
                           "as 0.0.0.0 or ::, needs a token and TLS, or --insecure-listen"),       \
               [(first) + SCRAPE_TOKEN_FILE] =                                                     \
                   CLI_STRING("metrics-token-file", "FILE", NULL,                                  \
                              .help = "require the token in the first line of this file for the "  \
                                      "metrics; the probes need no token"),                        \
               [(first) + SCRAPE_TLS_CERT] =                                                       \
                   CLI_STRING("metrics-tls-cert", "FILE", NULL,                                    \
                              .help = "use HTTPS there, with this certificate"),                   \
               [(first) + SCRAPE_TLS_KEY] =                                                        \
                   CLI_STRING("metrics-tls-key", "FILE", NULL,                                     \
                              .help = "its key, which must not be readable by everyone"),          \
               [(first) + SCRAPE_INSECURE] =                                                       \
                   CLI_FLAG("insecure-listen", .help = "permit that address without token or TLS")

/**
 * Refuse options that nothing would come of: others than the port without one, all where the run
 * has no port. alone: the option that makes it such a run, "--csv"; NULL = it is none. What a
 * configuration file says for other runs is a warning without a port, and nothing where the run has
 * none. 0, or CLI_USAGE.
 */
int scrape_check_options(const cli *c, size_t first, const char *alone);

/* Is there to be such a port? */
int scrape_is_on(const cli *c, size_t first);

/* Serve the metrics as the options from `first` on say, unless the port is 0; not ready until
 * somebody says so (service.h). 0, or an exit code. */
int metrics_serve(const cli *c, size_t first, const char *service, evtwin_metrics *metrics,
                  evtwin_server **out);

/* One line of --check for the address, where there is one to look at. */
void scrape_check(int *code, const cli *c, size_t first);

#endif
