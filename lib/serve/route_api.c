/* SPDX-License-Identifier: MIT */
/* serve/route_api.c: the description of the API, docs/openapi.yaml as it is and as JSON. */

#include "serve/routes.h"

#include "core/embed.h"
#include "core/status.h"
#include "serve/yaml.h"

#include <string.h>

extern const evtwin__embedded evtwin__openapi[]; /* the one file */

evtwin_status evtwin__openapi_load(evtwin_server *server) {
    const evtwin__embedded *file = &evtwin__openapi[0];
    const evtwin_status st = evtwin__yaml_to_json(file->data, file->size, &server->openapi);
    if (st != EVTWIN_E_PARSE) {
        return st;
    }
    evtwin__log(EVTWIN_LOG_WARNING, "HTTP: there is no /openapi.json: %s: %s", file->name,
                evtwin_last_error());
    evtwin__text_free(&server->openapi);
    return EVTWIN_OK;
}

/* Kept by the client, but checked again each time. The two have one tag: they say the same. */
static void answer(evtwin__call *call, const char *type, const char *data, size_t size) {
    evtwin__http_response *r = call->response;
    const char *tag = evtwin__openapi[0].etag, *known = call->request->if_none_match;
    evtwin__http_header(r, "ETag", tag);
    evtwin__http_header(r, "Cache-Control", "no-cache");
    call->is_cacheable = 1;
    call->content_type = type;
    r->code = known != NULL && (strstr(known, tag) != NULL || strcmp(known, "*") == 0) ? 304 : 200;
    if (r->code == 200) {
        r->asset = data;
        r->asset_size = size;
    }
}

void evtwin__route_openapi_yaml(evtwin__call *call) {
    const evtwin__embedded *file = &evtwin__openapi[0];
    answer(call, "application/yaml; charset=utf-8", file->data, file->size);
}

void evtwin__route_openapi_json(evtwin__call *call) {
    const evtwin__text *json = &call->server->openapi;
    if (json->size == 0) {
        evtwin__answer_error(call, 404, "the description is at /openapi.yaml");
        return;
    }
    answer(call, "application/json; charset=utf-8", json->data, json->size);
}
