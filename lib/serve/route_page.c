/* SPDX-License-Identifier: MIT */
/* serve/route_page.c: the pages and their files, which are part of the library: no path of a
 * client's reaches the file system. */

#include "serve/server.h"

#include "core/embed.h"

#include <string.h>

/* The folder web, and what its pages use from npm. */
extern const evtwin__embedded evtwin__web[], evtwin__vendor[];

static const char *type_of(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},     {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},       {".svg", "image/svg+xml; charset=utf-8"},
        {"/LICENSE", "text/plain; charset=utf-8"},
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

/* What follows the prefix in a path, NULL if it does not start with it. */
static const char *after(const char *path, const char *prefix) {
    const size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

/* The page at an address, NULL if there is none: "/", "/battery/ID", "/battery/ID/3d". Whether
 * there is such a battery is the page's to tell. */
static const char *page_at(const char *path) {
    if (strcmp(path, "/") == 0) {
        return "fleet/index.html";
    }
    const char *id = after(path, "/battery/");
    if (id == NULL) {
        return NULL;
    }
    const size_t n = strcspn(id, "/");
    if (n == 0) {
        return NULL;
    }
    return id[n] == '\0'                ? "battery/index.html"
           : strcmp(id + n, "/3d") == 0 ? "pack/index.html"
                                        : NULL;
}

/* A page, a file of the folder web at /web/…, one that is right in it at /…, or one from npm. */
static const evtwin__embedded *find(const char *path) {
    const evtwin__embedded *file = evtwin__web;
    const char *name = page_at(path);
    if (name == NULL) {
        name = after(path, "/web/");
    }
    if (name == NULL && strchr(path + 1, '/') == NULL) {
        name = path + 1;
    }
    if (name == NULL) {
        file = evtwin__vendor;
        name = after(path, "/vendor/");
    }
    while (name != NULL && file->name != NULL && strcmp(file->name, name) != 0) {
        file++;
    }
    return name != NULL && file->name != NULL ? file : NULL;
}

int evtwin__page_has(const char *path) {
    return find(path) != NULL;
}

int evtwin__page_is(const char *path) {
    return page_at(path) != NULL;
}

void evtwin__route_page(evtwin__call *call) {
    const evtwin__embedded *file = find(call->query.path);

    /* kept by the browser, but checked again each time: an upgrade shows at once */
    evtwin__http_header(call->response, "ETag", file->etag);
    evtwin__http_header(call->response, "Cache-Control", "no-cache");
    call->is_cacheable = 1;
    call->content_type = type_of(file->name);
    const char *known = call->request->if_none_match;
    if (known != NULL && (strstr(known, file->etag) != NULL || strcmp(known, "*") == 0)) {
        call->response->code = 304;
        return;
    }
    call->response->code = 200;
    call->response->asset = file->data;
    call->response->asset_size = file->size;
}
