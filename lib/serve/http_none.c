/* SPDX-License-Identifier: MIT */
/* serve/http_none.c: the HTTP server of a build without libmicrohttpd. */

#include "serve/http.h"

#include "core/status.h"

#include <unistd.h>

evtwin_status evtwin__http_start(const evtwin__http_options *options, evtwin__http **out) {
    (void)out;
    close(options->fd);
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build serves no HTTP: it was made with EVTWIN_HTTP=OFF");
}

void evtwin__http_stop(evtwin__http *http) {
    (void)http;
}

void evtwin__http_wake(evtwin__http_waker *waker) {
    (void)waker;
}
