/* SPDX-License-Identifier: MIT */
/* stream/scheme.h: what a URI scheme of a source or sink is made of. A new one is one file and one
 * line in schemes.c. */
#ifndef EVTWIN_STREAM_SCHEME_H
#define EVTWIN_STREAM_SCHEME_H

#include "evtwin/store.h"
#include "evtwin/stream.h"

#include "core/uri.h"

#include <stddef.h>

typedef enum evtwin__param_kind {
    EVTWIN__PARAM_TEXT,   /* const char *, which lives as long as the URI */
    EVTWIN__PARAM_WORD,   /* int or an enum: the index in words */
    EVTWIN__PARAM_NUMBER, /* double from min to max; or words[0], which is INFINITY */
    EVTWIN__PARAM_SIZE,   /* size_t from min on */
    EVTWIN__PARAM_SEED,   /* uint64_t, all 64 bits */
    EVTWIN__PARAM_TIME    /* int64_t, in us */
} evtwin__param_kind;

/* A parameter is a row. A list of them ends with one without a key. */
typedef struct evtwin__param {
    const char *key;
    evtwin__param_kind kind;
    size_t offset; /* of the value in what evtwin__params_read fills */
    double min, max;
    const char *words[4];
} evtwin__param;

/* The offset follows, then .min, .max or .words where the kind has them. */
#define EVTWIN__PARAM(key_, kind_, ...)                                                            \
    { .key = key_, .kind = EVTWIN__PARAM_##kind_, .offset = __VA_ARGS__ }
#define EVTWIN__FLAG_WORDS                                                                         \
    { "0", "1" }
#define EVTWIN__NAIVE_WORDS                                                                        \
    { [EVTWIN_NAIVE_UTC] = "utc", [EVTWIN_NAIVE_LOCAL] = "local", [EVTWIN_NAIVE_REJECT] = "reject" }

typedef struct evtwin__scheme {
    const char *name;
    int takes_host;              /* "scheme://host/…"; else only "scheme:…" is accepted */
    int names_file;              /* the path must not be empty */
    const evtwin__param *params; /* others are refused before open; NULL = it has none */
    int passes_params;           /* … or left to open */
    size_t ctx_size;             /* of the ctx of the callbacks; 0: it is NULL */
    /* Fill in ctx, which is all zero. After a failure it is closed like any other. The strings of
     * the URI live as long as ctx, but not its text. */
    evtwin_status (*open)(const evtwin__uri *uri, void *ctx);
    int (*repeats)(const void *ctx); /* evtwin__source_repeats; NULL = 0 */
    /* The one that it is; its name is set from the URI. close leaves ctx itself alone. */
    evtwin_source_callbacks source;
    evtwin_sink_callbacks sink;
} evtwin__scheme;

/* Set the values that the URI has; the others keep their defaults. EVTWIN_E_ARG "scheme: key=value
 * is not …". */
evtwin_status evtwin__params_read(const evtwin__uri *uri, const evtwin__param *params, void *to);

/* Open the store that a URI names, with the parameters that are not in the list: those are the
 * stream's. A server is not connected to yet: the store's first call does it. */
evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin__param *params,
                                     const evtwin_store_options *options, evtwin_store **out);

/* What a source or sink frees when it is closed: a ctx that is its own, NULL = none, and the URI
 * that ctx may borrow from. */
typedef struct evtwin__owned {
    void *ctx;
    evtwin__uri uri;
} evtwin__owned;

/* A number of the share that a source has of what several read: it has another one now. */
void evtwin__source_share_changed(evtwin_source *source);
unsigned evtwin__source_share(const evtwin_source *source); /* 0 until then */

/* Does it give a row again until its store has a prediction of it? */
void evtwin__source_set_repeats(evtwin_source *source, int repeats);
int evtwin__source_repeats(const evtwin_source *source);

/* As evtwin_source_create and evtwin_sink_create, for callbacks whose ctx may be owned. */
evtwin_status evtwin__source_create(const evtwin_source_callbacks *callbacks, void *ctx,
                                    const evtwin__owned *owned, evtwin_source **out);
evtwin_status evtwin__sink_create(const evtwin_sink_callbacks *callbacks, void *ctx,
                                  const evtwin__owned *owned, evtwin_sink **out);

/* From any thread: the call that runs, and every later one, fails soon, where the sink can do that.
 */
void evtwin__sink_interrupt(evtwin_sink *sink);

/* Does it keep states of batteries, and give them back? */
int evtwin__sink_keeps_states(const evtwin_sink *sink);

/* Does evtwin_sink_check ask anything of it? */
int evtwin__sink_has_check(const evtwin_sink *sink);

#endif
