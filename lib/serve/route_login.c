/* SPDX-License-Identifier: MIT */
/* serve/route_login.c: a browser shows the token once and gets a cookie, for an EventSource cannot
 * send a header. */

#include "serve/routes.h"

#include "core/embed.h"
#include "core/json.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

extern const evtwin__embedded evtwin__web[];
extern const size_t evtwin__web_count;

/* Before a wrong token is answered; a connection waits for it, so its next try does too. */
enum { WRONG_TOKEN_MS = 1000 };

/* ---- without the token ---- */

static int is_to_see(const evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    return strncmp(call->query.path, "/api/", 5) != 0 && r->accept != NULL &&
           strstr(r->accept, "text/html") != NULL;
}

static const evtwin__embedded *find_page(void) {
    for (size_t i = 0; i < evtwin__web_count; i++) {
        if (strcmp(evtwin__web[i].name, "login/index.html") == 0) {
            return &evtwin__web[i];
        }
    }
    return NULL;
}

/* In place of what was asked for: once it is logged in, the browser loads that address again. */
void evtwin__answer_login(evtwin__call *call) {
    const evtwin__embedded *page = is_to_see(call) ? find_page() : NULL;
    evtwin__http_header(call->response, "WWW-Authenticate", "Bearer realm=\"evtwin\"");
    if (call->request->authorization != NULL) {
        call->response->delay_ms = WRONG_TOKEN_MS;
    }
    if (page == NULL) {
        evtwin__answer_error(call, 401, "this server needs its token: Authorization: Bearer TOKEN");
        return;
    }
    call->content_type = "text/html; charset=utf-8";
    call->response->code = 401;
    call->response->asset = page->data;
    call->response->asset_size = page->size;
}

/* ---- with it ---- */

/* {"token":"…"}: 1 if it is right, 0 if it is wrong, < 0 if there is none. */
static int check(const evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    json_t *body = NULL;
    if (r->body == NULL || evtwin__json_parse("body", r->body, r->body_size, &body) < 0) {
        return -1;
    }
    const json_t *token = json_object_get(body, "token");
    const int is_right = json_is_string(token)
                             ? evtwin__auth_is_token(call->server->auth, json_string_value(token),
                                                     json_string_length(token))
                             : -1;
    json_decref(body);
    return is_right;
}

void evtwin__route_login(evtwin__call *call) {
    const int is_right = check(call);
    if (is_right < 0) {
        evtwin__answer_error(call, 400, "the body is {\"token\":\"…\"}");
        return;
    }
    if (!is_right) {
        call->response->delay_ms = WRONG_TOKEN_MS;
        evtwin__answer_error(call, 401, "that is not the token of this server");
        return;
    }
    const char *origin = call->request->origin;
    const int is_secure = call->server->is_tls || /* or before a proxy */
                          (origin != NULL && strncasecmp(origin, "https://", 8) == 0);
    evtwin__http_header(call->response, "Set-Cookie",
                        evtwin__auth_set_cookie(call->server->auth, is_secure));
    (void)evtwin__answer_begin(call);
    evtwin__answer_end(call);
}
