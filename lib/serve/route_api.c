/* SPDX-License-Identifier: MIT */
/* serve/route_api.c: the descriptions of the API and of the topics, docs/openapi.yaml and
 * docs/asyncapi.yaml as they are and as JSON. */

#include "serve/routes.h"

#include "core/embed.h"
#include "core/status.h"
#include "serve/yaml.h"

#include <string.h>

extern const evtwin__embedded evtwin__descriptions[]; /* by EVTWIN__OPENAPI and _ASYNCAPI */

evtwin_status evtwin__descriptions_load(evtwin_server *server) {
    for (size_t i = 0; i < EVTWIN__DESCRIPTIONS; i++) {
        const evtwin__embedded *file = &evtwin__descriptions[i];
        const evtwin_status st =
            evtwin__yaml_to_json(file->data, file->size, &server->descriptions[i]);
        if (st < 0 && st != EVTWIN_E_PARSE) {
            return st;
        }
        if (st < 0) {
            evtwin__log(EVTWIN_LOG_WARNING, "HTTP: %s is not there as JSON: %s", file->name,
                        evtwin_last_error());
            evtwin__text_free(&server->descriptions[i]);
        }
    }
    return EVTWIN_OK;
}

/* Kept by the client, but checked again each time. The two forms have one tag: they say the same.
 */
static void answer(evtwin__call *call, const char *tag, const char *type, const char *data,
                   size_t size) {
    evtwin__http_response *r = call->response;
    const char *known = call->request->if_none_match;
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

static void answer_yaml(evtwin__call *call, int which) {
    const evtwin__embedded *file = &evtwin__descriptions[which];
    answer(call, file->etag, "application/yaml; charset=utf-8", file->data, file->size);
}

static void answer_json(evtwin__call *call, int which) {
    const evtwin__text *json = &call->server->descriptions[which];
    if (json->size == 0) {
        evtwin__answer_error(call, 404, "the description is there as YAML");
        return;
    }
    answer(call, evtwin__descriptions[which].etag, "application/json; charset=utf-8", json->data,
           json->size);
}

void evtwin__route_openapi_yaml(evtwin__call *call) {
    answer_yaml(call, EVTWIN__OPENAPI);
}

void evtwin__route_openapi_json(evtwin__call *call) {
    answer_json(call, EVTWIN__OPENAPI);
}

void evtwin__route_asyncapi_yaml(evtwin__call *call) {
    answer_yaml(call, EVTWIN__ASYNCAPI);
}

void evtwin__route_asyncapi_json(evtwin__call *call) {
    answer_json(call, EVTWIN__ASYNCAPI);
}
