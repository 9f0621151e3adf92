/* SPDX-License-Identifier: MIT */
/* tools/scrape.h: the /metrics of a tool that delivers. */
#ifndef EVTWIN_TOOLS_SCRAPE_H
#define EVTWIN_TOOLS_SCRAPE_H

#include "cli/cli.h"

#include "evtwin/serve.h"

/* Serve the metrics at the port of an option, unless that is 0. 0, or an exit code. */
int metrics_serve(const cli *c, size_t port_option, const char *service, evtwin_metrics *metrics,
                  evtwin_server **out);

#endif
