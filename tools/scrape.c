/* SPDX-License-Identifier: MIT */
/* tools/scrape.c: the /metrics of a tool that delivers. */

#include "scrape.h"

int metrics_serve(const cli *c, size_t port_option, const char *service, evtwin_metrics *metrics,
                  evtwin_server **out) {
    const int port = (int)cli_integer(c, port_option);
    if (port == 0) {
        return 0;
    }
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
    evtwin_server_options options;
    evtwin_server_options_init(&options, sizeof options);
    options.listen = listen;
    options.metrics = metrics;
    options.service = service;
    const evtwin_status st = evtwin_server_start(&options, out);
    if (st < 0) {
        char called[256], next_step[300];
        snprintf(next_step, sizeof next_step, "%s sets it (0 = none)",
                 cli_called(c, port_option, called, sizeof called));
        return cli_fail(CLI_A_SERVICE, st, next_step);
    }
    cli_note("metrics at http://localhost:%d/metrics", evtwin_server_port(*out));
    return 0;
}
