/* SPDX-License-Identifier: MIT */
/* tools/service.h: how a service is, for who probes it over HTTP and for the manager that started
 * it. */
#ifndef EVTWIN_TOOLS_SERVICE_H
#define EVTWIN_TOOLS_SERVICE_H

#include "cli/cli.h"

#include "evtwin/serve.h"

/* All zero is a service that begins. */
typedef struct service_state {
    evtwin_server *server; /* answers the probes; NULL = nobody probes */
    int is_ready, has_been_ready;
} service_state;

/* What /readyz says while a service begins. */
#define SERVICE_STARTS "starting"

/* It works. status: what at, for people; without secrets. */
void service_ready(service_state *s, const char *status);

/* It does not work now. reason: for who probes, who may be anybody; status: for who runs it. */
void service_not_ready(service_state *s, const char *reason, const char *status);

/* It ends: it takes no more and finishes what it has. */
void service_stopping(service_state *s);

#endif
