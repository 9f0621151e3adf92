/* SPDX-License-Identifier: MIT */
/* stream/ends.c: the list of ends, and the source and the sink that stand before them. */

#include "evtwin/stream.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/ends.h"

#include <stdio.h>
#include <string.h>

/* ---- the list ---- */

/* X(name): the end is evtwin__source_name or evtwin__sink_name in end_….c. */
#define SOURCE_ENDS(X)                                                                             \
    X(csv)                                                                                         \
    X(jsonl)                                                                                       \
    X(sqlite)                                                                                      \
    X(sim)

#define SINK_ENDS(X)                                                                               \
    X(null)                                                                                        \
    X(csv)                                                                                         \
    X(jsonl)                                                                                       \
    X(sqlite)

#define DECLARE_SOURCE(name) extern const evtwin__source_end evtwin__source_##name;
#define DECLARE_SINK(name) extern const evtwin__sink_end evtwin__sink_##name;
#define SOURCE_ADDRESS(name) &evtwin__source_##name,
#define SINK_ADDRESS(name) &evtwin__sink_##name,

SOURCE_ENDS(DECLARE_SOURCE)
SINK_ENDS(DECLARE_SINK)

static const evtwin__source_end *const source_ends[] = {SOURCE_ENDS(SOURCE_ADDRESS)};
static const evtwin__sink_end *const sink_ends[] = {SINK_ENDS(SINK_ADDRESS)};

enum {
    N_SOURCES = sizeof source_ends / sizeof source_ends[0],
    N_SINKS = sizeof sink_ends / sizeof sink_ends[0]
};

/* ---- what sources and sinks share on opening ---- */

/* Both kinds as far as finding and checking goes. */
typedef struct end_head {
    const char *scheme;
    int takes_host;
    const char *const *params;
} end_head;

static evtwin_status fail_scheme(const char *kind, const char *scheme, const end_head *heads,
                                 size_t n) {
    char list[256] = "";
    for (size_t i = 0; i < n; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s:", i > 0 ? ", " : "", heads[i].scheme);
    }
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "no %s is called '%.40s:'; there are %s", kind, scheme, list);
}

/* Which end a URI means, its form and parameters checked. */
static evtwin_status choose(const char *kind, const evtwin__uri *uri, const end_head *heads,
                            size_t n, size_t *index_out) {
    size_t i = 0;
    while (i < n && strcmp(heads[i].scheme, uri->scheme) != 0) {
        i++;
    }
    if (i == n) {
        return fail_scheme(kind, uri->scheme, heads, n);
    }
    const int has_host = uri->host[0] != '\0' || uri->user[0] != '\0' || uri->port >= 0;
    if (has_host && !heads[i].takes_host) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s: is on this machine; write %s:/PATH with one slash",
                    uri->scheme, uri->scheme);
    }
    *index_out = i;
    return evtwin__uri_check_params(uri, heads[i].params);
}

/* ---- source ---- */

struct evtwin_source {
    const evtwin__source_end *end;
    void *state;
};

static evtwin_status open_source(const evtwin__uri *uri, evtwin_source *source) {
    end_head heads[N_SOURCES];
    for (size_t i = 0; i < N_SOURCES; i++) {
        const evtwin__source_end *end = source_ends[i];
        heads[i] = (end_head){end->scheme, end->takes_host, end->params};
    }
    size_t index = 0;
    const evtwin_status st = choose("source", uri, heads, N_SOURCES, &index);
    if (st < 0) {
        return st;
    }
    source->end = source_ends[index];
    return source->end->open(uri, &source->state);
}

evtwin_status evtwin_source_open(const char *uri, evtwin_source **out) {
    if (uri == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "uri or out is NULL");
    }
    evtwin__uri parts;
    evtwin_status st = evtwin__uri_parse(uri, &parts);
    if (st < 0) {
        return st;
    }
    evtwin_source *source = evtwin__calloc(1, sizeof *source);
    st = source != NULL ? open_source(&parts, source)
                        : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a source");
    evtwin__uri_free(&parts);
    if (st < 0) {
        evtwin__free(source);
        return st;
    }
    *out = source;
    return EVTWIN_OK;
}

void evtwin_source_free(evtwin_source *source) {
    if (source != NULL) {
        source->end->close(source->state);
        evtwin__free(source);
    }
}

evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows, evtwin_table *table) {
    if (source == NULL || table == NULL || max_rows == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "source or table is NULL, or max_rows is 0");
    }
    return source->end->read(source->state, max_rows, table);
}

/* ---- sink ---- */

struct evtwin_sink {
    const evtwin__sink_end *end;
    void *state;
    char *uri; /* redacted */
};

static evtwin_status open_sink(const evtwin__uri *uri, const char *text, evtwin_sink *sink) {
    end_head heads[N_SINKS];
    for (size_t i = 0; i < N_SINKS; i++) {
        const evtwin__sink_end *end = sink_ends[i];
        heads[i] = (end_head){end->scheme, end->takes_host, end->params};
    }
    size_t index = 0;
    const evtwin_status st = choose("sink", uri, heads, N_SINKS, &index);
    if (st < 0) {
        return st;
    }
    sink->uri = evtwin__uri_redact(text);
    if (sink->uri == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a sink");
    }
    sink->end = sink_ends[index];
    return sink->end->open(uri, &sink->state);
}

evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out) {
    if (uri == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "uri or out is NULL");
    }
    evtwin__uri parts;
    evtwin_status st = evtwin__uri_parse(uri, &parts);
    if (st < 0) {
        return st;
    }
    evtwin_sink *sink = evtwin__calloc(1, sizeof *sink);
    st = sink != NULL ? open_sink(&parts, uri, sink)
                      : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a sink");
    evtwin__uri_free(&parts);
    if (st < 0) {
        if (sink != NULL) {
            evtwin__free(sink->uri);
        }
        evtwin__free(sink);
        return st;
    }
    *out = sink;
    return EVTWIN_OK;
}

void evtwin_sink_free(evtwin_sink *sink) {
    if (sink != NULL) {
        sink->end->flush(sink->state);
        sink->end->close(sink->state);
        evtwin__free(sink->uri);
        evtwin__free(sink);
    }
}

evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table) {
    if (sink == NULL || table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "sink or table is NULL");
    }
    return evtwin_table_rows(table) > 0 ? sink->end->write(sink->state, table) : EVTWIN_OK;
}

evtwin_status evtwin_sink_flush(evtwin_sink *sink) {
    if (sink == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "sink is NULL");
    }
    return sink->end->flush(sink->state);
}

const char *evtwin_sink_uri(const evtwin_sink *sink) {
    return sink != NULL ? sink->uri : "";
}
