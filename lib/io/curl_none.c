/* SPDX-License-Identifier: MIT */
/* io/curl_none.c: a build without libcurl delivers and asks nothing. */

#include "io/curl.h"

#include "core/status.h"
#include "io/request.h"

evtwin_status evtwin__curl_check(void) {
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build delivers no alerts; build it with -DEVTWIN_CURL=ON");
}

evtwin_status evtwin__curl_post(const evtwin__curl_where *where, const char *json, size_t size,
                                evtwin__curl_outcome *outcome) {
    (void)where, (void)json, (void)size, (void)outcome;
    return evtwin__curl_check();
}

evtwin_status evtwin__curl_mail(const evtwin__curl_where *where, const char *from,
                                const char *const *to, size_t n_to, const char *message,
                                size_t size, evtwin__curl_outcome *outcome) {
    (void)where, (void)from, (void)to, (void)n_to, (void)message, (void)size, (void)outcome;
    return evtwin__curl_check();
}

evtwin_status evtwin__requester_create(const char *who, evtwin__requester **out) {
    (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build has no libcurl, which %s needs; build it with -DEVTWIN_CURL=ON", who);
}

void evtwin__requester_free(evtwin__requester *requester) {
    (void)requester;
}

evtwin_status evtwin__request_run(evtwin__requester *requester, const evtwin__request *request,
                                  evtwin__reply *reply) {
    (void)requester, (void)reply;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: this build has no libcurl", request->name);
}
