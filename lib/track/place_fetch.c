/* SPDX-License-Identifier: MIT */
/* track/place_fetch.c: a file from a server, whole or not at all. */

#include "track/place.h"

#include "core/status.h"

/* One try: the file is there only if all of it came. */
static evtwin_status fetch_once(evtwin_tracker *t, evtwin__request *request, const char *file,
                                evtwin__reply *reply) {
    *reply = (evtwin__reply){.code = 0};
    EVTWIN_TRY(evtwin__writer_open(file, &request->to));
    const evtwin_status st = evtwin__request_run(t->requester, request, reply);
    if (st < 0 || reply->code < 200 || reply->code > 299) {
        evtwin__writer_abandon(request->to);
        return st;
    }
    return evtwin__writer_commit(request->to);
}

evtwin_status evtwin__place_fetch(evtwin_tracker *tracker, evtwin__request *request,
                                  const char *file, size_t max, evtwin__reply *reply) {
    int n_tries = 0;
    request->max_answer = max;
    evtwin_status st = fetch_once(tracker, request, file, reply);
    while (evtwin__track_again(tracker, &n_tries, 1, reply, &st)) {
        evtwin__text_free(&reply->body);
        st = fetch_once(tracker, request, file, reply);
    }
    return evtwin__track_clean(tracker, st);
}
