/* SPDX-License-Identifier: MIT */
/* serve/route_page.c: the files of the page, which are part of the library: no path of a client's
 * reaches the file system. */

#include "serve/server.h"

#include "core/embed.h"
#include "core/sha256.h"

#include <pthread.h>
#include <string.h>

extern const evtwin__embedded evtwin__web[];
extern const size_t evtwin__web_count;

enum { MAX_ASSETS = 8, TAG_DIGITS = 16 };

/* Quoted, from the content: an asset of another version is another asset. */
static char etag[MAX_ASSETS][TAG_DIGITS + 3];
static pthread_once_t etag_once = PTHREAD_ONCE_INIT;

static void make_etags(void) {
    for (size_t i = 0; i < evtwin__web_count && i < MAX_ASSETS; i++) {
        char hex[EVTWIN__SHA256_HEX_SIZE];
        evtwin__sha256_hex(evtwin__web[i].data, evtwin__web[i].size, hex);
        etag[i][0] = '"';
        memcpy(etag[i] + 1, hex, TAG_DIGITS);
        memcpy(etag[i] + 1 + TAG_DIGITS, "\"", 2);
    }
}

static const char *type_of(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml; charset=utf-8"},
    };
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const size_t n = strlen(types[i].ending);
        if (length > n && strcmp(name + length - n, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* The number of the file at a path, evtwin__web_count if there is none. */
static size_t find(const char *path) {
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + 1;
    size_t i = 0;
    while (i < evtwin__web_count && (i >= MAX_ASSETS || strcmp(evtwin__web[i].name, name) != 0)) {
        i++;
    }
    return i;
}

int evtwin__page_has(const char *path) {
    return find(path) < evtwin__web_count;
}

void evtwin__route_page(evtwin__call *call) {
    const size_t i = find(call->query.path);
    pthread_once(&etag_once, make_etags);

    /* kept by the browser, but checked again each time: an upgrade shows at once */
    evtwin__http_header(call->response, "ETag", etag[i]);
    evtwin__http_header(call->response, "Cache-Control", "no-cache");
    call->is_cacheable = 1;
    call->content_type = type_of(evtwin__web[i].name);
    const char *known = call->request->if_none_match;
    if (known != NULL && (strstr(known, etag[i]) != NULL || strcmp(known, "*") == 0)) {
        call->response->code = 304;
        return;
    }
    call->response->code = 200;
    call->response->asset = evtwin__web[i].data;
    call->response->asset_size = evtwin__web[i].size;
}
