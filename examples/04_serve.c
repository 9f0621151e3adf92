/* SPDX-License-Identifier: MIT */
/* Serve REST and the fleet page of a database for a second. */
#define _POSIX_C_SOURCE 200809L
#include <evtwin/evtwin.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    evtwin_store *store = NULL;
    evtwin_server *server = NULL;
    evtwin_server_options options;
    evtwin_server_options_init(&options, sizeof options);
    options.listen = "127.0.0.1:0"; /* a free port */
    options.store = "sqlite:served.db";

    /* opening for writing makes the database */
    if (evtwin_store_open(options.store, NULL, &store) < 0 ||
        evtwin_server_start(&options, &server) < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        return 1;
    }
    printf("open http://127.0.0.1:%d/\n", evtwin_server_port(server));
    sleep(1);
    evtwin_server_free(server);
    evtwin_store_free(store);
    return 0;
}
