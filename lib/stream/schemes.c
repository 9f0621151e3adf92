/* SPDX-License-Identifier: MIT */
/* stream/schemes.c: the lists of sources and sinks, and opening one by its URI. */

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PARAMS = 15 };

/* What a build adds (EVTWIN_EXTENSION): X(name) X(name)… */
#ifndef EVTWIN_EXTRA_SOURCES
#define EVTWIN_EXTRA_SOURCES
#endif
#ifndef EVTWIN_EXTRA_SINKS
#define EVTWIN_EXTRA_SINKS
#endif

#ifdef EVTWIN_HAVE_KAFKA
#define KAFKA X(kafka)
#else
#define KAFKA
#endif

#ifdef EVTWIN_HAVE_MQTT
#define MQTT X(mqtt) X(mqtts)
#else
#define MQTT
#endif

/* X(name): the scheme is evtwin__source_name in source_….c, evtwin__sink_name in sink_….c. */
#define SOURCES                                                                                    \
    X(csv) X(jsonl) X(sqlite) X(postgresql) X(postgres) X(sim) KAFKA MQTT EVTWIN_EXTRA_SOURCES
#define SINKS                                                                                      \
    X(null) X(csv) X(jsonl) X(sqlite) X(postgresql) X(postgres) KAFKA MQTT EVTWIN_EXTRA_SINKS

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

/* Schemes that this build may lack, and the option that puts them in. */
static const struct {
    const char *scheme, *option;
} optional[] = {
    {"kafka", "EVTWIN_KAFKA"},
    {"mqtt", "EVTWIN_MQTT"},
    {"mqtts", "EVTWIN_MQTT"},
    {"postgres", "EVTWIN_POSTGRESQL"},
    {"postgresql", "EVTWIN_POSTGRESQL"},
};

/* EVTWIN_E_UNSUPPORTED for a scheme that is not in the list, which may be for the want of an
 * option of the build. */
static evtwin_status fail_unknown(const char *kind, const char *scheme, const char *known) {
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        EVTWIN_FAIL_IF(strcmp(scheme, optional[i].scheme) == 0, EVTWIN_E_UNSUPPORTED,
                       "%s: is not in this build as a %s; configure it with -D%s=ON", scheme, kind,
                       optional[i].option);
    }
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "no %s is called '%.40s:'; there are %s", kind, scheme,
                known);
}

/* The URI's scheme, its form and parameters checked. */
static evtwin_status choose(const char *kind, const evtwin__scheme *const *list,
                            const evtwin__uri *uri, const evtwin__scheme **out) {
    char known[256] = "";
    for (; *list != NULL && strcmp((*list)->name, uri->scheme) != 0; list++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s:", used > 0 ? ", " : "", (*list)->name);
    }
    EVTWIN_TRY(*list == NULL ? fail_unknown(kind, uri->scheme, known) : EVTWIN_OK);
    const evtwin__scheme *scheme = *list;
    const int has_host = uri->host[0] != '\0' || uri->user[0] != '\0' || uri->port >= 0;
    EVTWIN_FAIL_IF(has_host && !scheme->takes_host, EVTWIN_E_ARG,
                   "%s: takes no host; write %s:/PATH with one slash", uri->scheme, uri->scheme);
    const char *keys[MAX_PARAMS + 1] = {NULL};
    for (size_t i = 0; scheme->params != NULL && scheme->params[i].key != NULL; i++) {
        assert(i < MAX_PARAMS);
        keys[i] = scheme->params[i].key;
    }
    EVTWIN_TRY(scheme->passes_params ? EVTWIN_OK : evtwin__uri_check_params(uri, keys));
    EVTWIN_FAIL_IF(scheme->names_file && uri->path[0] == '\0', EVTWIN_E_ARG,
                   "%s: names no file; expected %s:FILE", uri->scheme, uri->scheme);
    *out = scheme;
    return EVTWIN_OK;
}

/* What a URI opened: the parts of a handle. */
typedef struct opened {
    const evtwin__scheme *scheme;
    char *name; /* the URI without its passwords */
    evtwin__owned owned;
} opened;

/* Free the name, and after a failure everything. */
static evtwin_status end_open(opened *o, evtwin_status st) {
    if (st < 0) {
        void (*close)(void *) = o->scheme == NULL                 ? NULL
                                : o->scheme->source.close != NULL ? o->scheme->source.close
                                                                  : o->scheme->sink.close;
        if (close != NULL && o->owned.ctx != NULL) {
            close(o->owned.ctx);
        }
        evtwin__free(o->owned.ctx);
        evtwin__uri_free(&o->owned.uri);
    }
    evtwin__free(o->name);
    return st;
}

/* Open what a URI names; end_open follows in any case. */
static evtwin_status open_uri(const char *kind, const evtwin__scheme *const *list, const char *text,
                              const void *out, opened *o) {
    EVTWIN_FAIL_IF(text == NULL || out == NULL, EVTWIN_E_ARG, "uri or out is NULL");
    EVTWIN_TRY(evtwin__uri_parse(text, &o->owned.uri));
    const evtwin__scheme *scheme = NULL;
    EVTWIN_TRY(choose(kind, list, &o->owned.uri, &scheme));
    o->name = evtwin__uri_redact(text);
    o->owned.ctx = scheme->ctx_size > 0 ? evtwin__calloc(1, scheme->ctx_size) : NULL;
    EVTWIN_FAIL_IF(o->name == NULL || (scheme->ctx_size > 0 && o->owned.ctx == NULL),
                   EVTWIN_E_NOMEM, "out of memory for a %s", kind);
    o->scheme = scheme;
    return scheme->open(&o->owned.uri, o->owned.ctx);
}

evtwin_status evtwin_source_open(const char *uri, evtwin_source **out) {
    opened o = {.scheme = NULL};
    evtwin_status st = open_uri("source", sources, uri, out, &o);
    if (st >= 0) {
        evtwin_source_callbacks callbacks = o.scheme->source;
        callbacks.size = sizeof callbacks;
        callbacks.name = o.name;
        st = evtwin__source_create(&callbacks, o.owned.ctx, &o.owned, out);
    }
    if (st >= 0 && o.scheme->repeats != NULL) {
        evtwin__source_set_repeats(*out, o.scheme->repeats(o.owned.ctx));
    }
    return end_open(&o, st);
}

evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out) {
    opened o = {.scheme = NULL};
    evtwin_status st = open_uri("sink", sinks, uri, out, &o);
    if (st >= 0) {
        evtwin_sink_callbacks callbacks = o.scheme->sink;
        callbacks.size = sizeof callbacks;
        callbacks.name = o.name;
        st = evtwin__sink_create(&callbacks, o.owned.ctx, &o.owned, out);
    }
    return end_open(&o, st);
}
