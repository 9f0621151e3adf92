/* SPDX-License-Identifier: MIT */
/* track/place.c: which kind of place a URI of artifacts is. */

#include "track/place.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

static int begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static evtwin_status open_kind(evtwin__place *place) {
    const char *uri = place->given;
    EVTWIN_FAIL_IF(strpbrk(uri, "?#") != NULL, EVTWIN_E_UNSUPPORTED,
                   "artifacts at %.200s: a URI with ? or # is not supported", place->uri);
    if (begins(uri, "mlflow-artifacts:/")) {
        return evtwin__place_proxy(place);
    }
    if (begins(uri, "s3://")) {
        return evtwin__place_s3(place);
    }
    if (begins(uri, "file:/") || uri[0] == '/') {
        return evtwin__place_folder(place);
    }
    EVTWIN_FAIL(
        EVTWIN_E_UNSUPPORTED,
        "artifacts at %.200s: only mlflow-artifacts:, s3: and file: are supported; start the "
        "tracking server with --serve-artifacts, then it keeps them itself",
        place->uri);
}

evtwin_status evtwin__place_open(evtwin_tracker *tracker, const char *uri, evtwin__place *out) {
    evtwin__place place = {.tracker = tracker, .given = uri, .uri = evtwin__strdup(uri)};
    EVTWIN_FAIL_IF(place.uri == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    evtwin__track_hide(tracker, place.uri);
    const evtwin_status st = open_kind(&place);
    if (st < 0) {
        evtwin__place_free(&place);
        return st;
    }
    place.given = NULL;
    *out = place;
    return EVTWIN_OK;
}

void evtwin__place_free(evtwin__place *place) {
    evtwin__free(place->uri);
    evtwin__free(place->url);
    evtwin__free(place->path);
    *place = (evtwin__place){.url = NULL};
}
