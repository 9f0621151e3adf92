/* SPDX-License-Identifier: MIT */
/* stream/schemes.c: the lists of sources and sinks, and opening one by its URI. */

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

/* What a build adds (EVTWIN_EXTENSION): X(name) X(name)… */
#ifndef EVTWIN_EXTRA_SOURCES
#define EVTWIN_EXTRA_SOURCES
#endif
#ifndef EVTWIN_EXTRA_SINKS
#define EVTWIN_EXTRA_SINKS
#endif

/* X(name): the scheme is evtwin__source_name in source_….c, evtwin__sink_name in sink_….c. */
#define SOURCES X(csv) X(jsonl) X(sqlite) X(sim) EVTWIN_EXTRA_SOURCES
#define SINKS X(null) X(csv) X(jsonl) X(sqlite) EVTWIN_EXTRA_SINKS

/* clang-format off */
#define X(name) extern const evtwin__scheme evtwin__source_##name;
SOURCES
#undef X
#define X(name) extern const evtwin__scheme evtwin__sink_##name;
SINKS
#undef X
#define X(name) &evtwin__source_##name,
static const evtwin__scheme *const sources[] = {SOURCES NULL};
#undef X
#define X(name) &evtwin__sink_##name,
static const evtwin__scheme *const sinks[] = {SINKS NULL};
#undef X
/* clang-format on */

/* The URI's scheme, its form and parameters checked. */
static evtwin_status choose(const char *kind, const evtwin__scheme *const *list,
                            const evtwin__uri *uri, const evtwin__scheme **out) {
    char known[256] = "";
    for (; *list != NULL && strcmp((*list)->name, uri->scheme) != 0; list++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s:", used > 0 ? ", " : "", (*list)->name);
    }
    EVTWIN_FAIL_IF(*list == NULL, EVTWIN_E_UNSUPPORTED, "no %s is called '%.40s:'; there are %s",
                   kind, uri->scheme, known);
    const int has_host = uri->host[0] != '\0' || uri->user[0] != '\0' || uri->port >= 0;
    EVTWIN_FAIL_IF(has_host && !(*list)->takes_host, EVTWIN_E_ARG,
                   "%s: is on this machine; write %s:/PATH with one slash", uri->scheme,
                   uri->scheme);
    *out = *list;
    return evtwin__uri_check_params(uri, (*list)->params);
}

/* Open what a URI names, and show it to make, which builds the handle; it has a redacted name. */
static evtwin_status open_uri(const char *kind, const evtwin__scheme *const *list, const char *text,
                              evtwin_status (*make)(const evtwin__scheme *scheme, const char *name,
                                                    void *ctx, void *out),
                              void *out) {
    EVTWIN_FAIL_IF(text == NULL || out == NULL, EVTWIN_E_ARG, "uri or out is NULL");
    evtwin__uri uri;
    evtwin_status st = EVTWIN_OK;
    EVTWIN_TRY(evtwin__uri_parse(text, &uri));
    const evtwin__scheme *scheme = NULL;
    void *ctx = NULL;
    char *name = NULL;
    if ((st = choose(kind, list, &uri, &scheme)) < 0) {
        goto done;
    }
    name = evtwin__uri_redact(text);
    if (name == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a %s", kind);
        goto done;
    }
    if ((st = scheme->open(&uri, &ctx)) < 0 || (st = make(scheme, name, ctx, out)) >= 0) {
        goto done;
    }
    if (ctx != NULL) {
        (scheme->source.close != NULL ? scheme->source.close : scheme->sink.close)(ctx);
    }

done:
    evtwin__free(name);
    evtwin__uri_free(&uri);
    return st;
}

static evtwin_status make_source(const evtwin__scheme *scheme, const char *name, void *ctx,
                                 void *out) {
    evtwin_source_callbacks callbacks = scheme->source;
    callbacks.size = sizeof callbacks;
    callbacks.name = name;
    return evtwin_source_create(&callbacks, ctx, out);
}

static evtwin_status make_sink(const evtwin__scheme *scheme, const char *name, void *ctx,
                               void *out) {
    evtwin_sink_callbacks callbacks = scheme->sink;
    callbacks.size = sizeof callbacks;
    callbacks.name = name;
    return evtwin_sink_create(&callbacks, ctx, out);
}

evtwin_status evtwin_source_open(const char *uri, evtwin_source **out) {
    return open_uri("source", sources, uri, make_source, out);
}

evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out) {
    return open_uri("sink", sinks, uri, make_sink, out);
}
