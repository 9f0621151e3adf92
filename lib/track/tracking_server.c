/* SPDX-License-Identifier: MIT */
/* track/tracking_server.c: which MLflow answers. */

#include "track/tracker.h"

#include "core/num.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* "3.17.2", "2.9.3.dev0" */
static evtwin_status read_version(evtwin_tracker *t, const char *text, size_t size) {
    evtwin_tracker_server s = {.size = sizeof s};
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    const char *dot = size < sizeof s.version ? memchr(text, '.', size) : NULL;
    int64_t major, minor;
    size_t n_minor = 0;
    while (dot != NULL && dot + 1 + n_minor < text + size && dot[1 + n_minor] >= '0' &&
           dot[1 + n_minor] <= '9') {
        n_minor++;
    }
    EVTWIN_FAIL_IF(dot == NULL || !evtwin__parse_i64(text, (size_t)(dot - text), &major) ||
                       !evtwin__parse_i64(dot + 1, n_minor, &minor) || major < 0 || major > 999 ||
                       minor < 0 || minor > 9999,
                   EVTWIN_E_PARSE, "%s/version: the answer is not a version of MLflow", t->base);
    EVTWIN_FAIL_IF(major < 2, EVTWIN_E_UNSUPPORTED,
                   "%s: MLflow %d.%d is too old; it has to be 2.0 or newer", t->base, (int)major,
                   (int)minor);
    memcpy(s.version, text, size);
    evtwin__track_hide(t, s.version);
    s.major = (int)major;
    s.minor = (int)minor;
    s.has_logged_models = major >= 3;
    t->server = s;
    return EVTWIN_OK;
}

static evtwin_status ask_version(evtwin_tracker *t) {
    char url[EVTWIN_TRACK_URI_SIZE];
    const int n = snprintf(url, sizeof url, "%s/version", t->base);
    EVTWIN_FAIL_IF(n >= (int)sizeof url, EVTWIN_E_ARG,
                   "the URI of the tracking server is too long");
    const evtwin__request request = evtwin__track_request(t, "GET", url, url);
    evtwin__reply reply;
    evtwin_status st = evtwin__track_send(t, &request, 1, &reply);
    if (st == EVTWIN_OK) {
        st = reply.code == 200
                 ? read_version(t, reply.body.data != NULL ? reply.body.data : "", reply.body.size)
                 : evtwin__track_refused(t, url, &reply);
    }
    evtwin__text_free(&reply.body);
    return st;
}

evtwin_status evtwin_tracker_server_get(evtwin_tracker *tracker, evtwin_tracker_server *out,
                                        size_t out_size) {
    EVTWIN_FAIL_IF(tracker == NULL || out == NULL, EVTWIN_E_ARG, "tracker or out is NULL");
    if (tracker->server.version[0] == '\0') {
        EVTWIN_TRY(ask_version(tracker));
    }
    evtwin__report_copy(out, out_size, &tracker->server, sizeof tracker->server);
    return EVTWIN_OK;
}
