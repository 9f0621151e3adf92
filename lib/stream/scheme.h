/* SPDX-License-Identifier: MIT */
/* stream/scheme.h: what a URI scheme of a source or sink is made of. A new one is one file and one
 * line in schemes.c. */
#ifndef EVTWIN_STREAM_SCHEME_H
#define EVTWIN_STREAM_SCHEME_H

#include "evtwin/stream.h"

#include "core/uri.h"

typedef struct evtwin__scheme {
    const char *name;
    int takes_host;            /* "scheme://host/…"; else only "scheme:…" is accepted */
    const char *const *params; /* known ones, NULL-terminated; others are refused before open */
    /* Make the ctx of the callbacks. */
    evtwin_status (*open)(const evtwin__uri *uri, void **ctx_out);
    /* The one that it is; its name is set from the URI. */
    evtwin_source_callbacks source;
    evtwin_sink_callbacks sink;
} evtwin__scheme;

/* ---- values of parameters: the default where the URI has none, EVTWIN_E_ARG "scheme: key=value is
 *      not …" ---- */

evtwin_status evtwin__param_flag(const evtwin__uri *uri, const char *key, int *value);
evtwin_status evtwin__param_number(const evtwin__uri *uri, const char *key, double min, double max,
                                   double *value);
evtwin_status evtwin__param_size(const evtwin__uri *uri, const char *key, size_t min,
                                 size_t *value);
evtwin_status evtwin__param_seed(const evtwin__uri *uri, const char *key, uint64_t *value);
evtwin_status evtwin__param_naive_time(const evtwin__uri *uri, evtwin_naive_time *value);

/* One of n words; *value is its number. */
evtwin_status evtwin__param_word(const evtwin__uri *uri, const char *key, const char *const *words,
                                 size_t n, size_t *value);

/* EVTWIN_E_ARG if the URI names no file. */
evtwin_status evtwin__uri_need_path(const evtwin__uri *uri);

#endif
