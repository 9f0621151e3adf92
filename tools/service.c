/* SPDX-License-Identifier: MIT */
/* tools/service.c: how a service is, for who probes it over HTTP and for the manager that started
 * it. */

#include "service.h"

static void answer(service_state *s, const char *reason) {
    if (s->server != NULL) {
        evtwin_server_set_ready(s->server, reason);
    }
}

void service_ready(service_state *s, const char *status) {
    if (!s->is_ready) {
        s->is_ready = 1;
        answer(s, NULL);
    }
    if (!s->has_been_ready) {
        s->has_been_ready = 1;
        cli_notify_ready(status);
    } else {
        cli_notify_status(status);
    }
}

void service_not_ready(service_state *s, const char *reason, const char *status) {
    s->is_ready = 0;
    answer(s, reason);
    cli_notify_status(status);
}

void service_stopping(service_state *s) {
    s->is_ready = 0;
    answer(s, "stopping");
    cli_notify_stopping();
}
