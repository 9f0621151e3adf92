/* SPDX-License-Identifier: MIT */
/* tests/unit/serve/serve_one.h: one server for all tests of a program, which read one store. */
#ifndef EVTWIN_TEST_SERVE_ONE_H
#define EVTWIN_TEST_SERVE_ONE_H

#include "serve_client.h"

static evtwin_server *server;
static int port;

/* For the set-up, when the store has its rows. */
static inline void serve(const char *uri) {
    server = start_server(uri, NULL);
    port = evtwin_server_port(server);
}

static inline int teardown(void **state) {
    (void)state;
    evtwin_server_free(server);
    server = NULL;
    return 0;
}

/* A number of an answer, along a path of json_at. */
static inline double number(const json_t *value, const char *path) {
    return json_number_value(json_at(value, path));
}

#endif
