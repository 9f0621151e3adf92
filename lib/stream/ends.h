/* SPDX-License-Identifier: MIT */
/* stream/ends.h: what an end of a stream is made of. A new one is one file and one line in ends.c.
 */
#ifndef EVTWIN_STREAM_ENDS_H
#define EVTWIN_STREAM_ENDS_H

#include "evtwin/table.h"

#include "core/uri.h"

/* Somewhere telemetry comes from. */
typedef struct evtwin__source_end {
    const char *scheme;
    int takes_host;            /* "scheme://host/…"; else only "scheme:…" is accepted */
    const char *const *params; /* known ones, NULL-terminated; others are refused before open */
    evtwin_status (*open)(const evtwin__uri *uri, void **state_out);
    /* As evtwin_source_read; on failure the table is as before. */
    evtwin_status (*read)(void *state, size_t max_rows, evtwin_table *table);
    void (*close)(void *state);
} evtwin__source_end;

/* Somewhere telemetry goes. */
typedef struct evtwin__sink_end {
    const char *scheme;
    int takes_host;
    const char *const *params;
    evtwin_status (*open)(const evtwin__uri *uri, void **state_out);
    /* As evtwin_sink_write; the table has at least one row. */
    evtwin_status (*write)(void *state, const evtwin_table *table);
    evtwin_status (*flush)(void *state);
    void (*close)(void *state); /* after a flush */
} evtwin__sink_end;

/* Values of parameters: the default where the URI has none, EVTWIN_E_ARG "scheme: key=value is not
 * …". */
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
