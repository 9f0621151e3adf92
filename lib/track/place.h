/* SPDX-License-Identifier: MIT */
/* track/place.h: a place for artifacts: behind the tracking server, in S3, or in a folder. */
#ifndef EVTWIN_TRACK_PLACE_H
#define EVTWIN_TRACK_PLACE_H

#include "track/tracker.h"

typedef struct evtwin__place evtwin__place;

/* A file, or a folder of which more is asked. */
typedef struct evtwin__entry {
    const char *path; /* below what was listed; it came from outside */
    int is_folder;
    int64_t size; /* bytes; -1 = not said */
} evtwin__entry;

typedef evtwin_status (*evtwin__entry_fn)(void *ctx, const evtwin__entry *entry);

/* Paths are relative to the place, "" being itself. */
typedef struct evtwin__place_kind {
    evtwin_status (*put)(const evtwin__place *place, const char *path, int fd, size_t size);
    /* One level, or all that is below. Nothing there: no entries. */
    evtwin_status (*list)(const evtwin__place *place, const char *path, evtwin__entry_fn fn,
                          void *ctx);
    /* Into a new file: EVTWIN_E_RANGE if it has more than max bytes. */
    evtwin_status (*get)(const evtwin__place *place, const char *path, const char *file, size_t max,
                         size_t *size_out);
} evtwin__place_kind;

struct evtwin__place {
    evtwin_tracker *tracker;
    const evtwin__place_kind *kind;
    const char *given; /* its URI, while it is opened */
    char *uri;         /* the same for messages, secrets starred out */
    char *url;         /* s3: "https://host/bucket" */
    char *path;        /* what is below it, not encoded; of a folder: its path */
};

/* One for each kind, of a URI of it; *place has its tracker and uri. */
evtwin_status evtwin__place_proxy(evtwin__place *place);
evtwin_status evtwin__place_s3(evtwin__place *place);
evtwin_status evtwin__place_folder(evtwin__place *place);

/* The place of a URI (that of evtwin__track_place_of). */
evtwin_status evtwin__place_open(evtwin_tracker *tracker, const char *uri, evtwin__place *out);
void evtwin__place_free(evtwin__place *place);

/* Send a GET, its answer to a new file, again where that helps. *code_out is not 2xx: refused, and
 * the reply has the words, to be freed. */
evtwin_status evtwin__place_fetch(evtwin_tracker *tracker, evtwin__request *request,
                                  const char *file, size_t max, evtwin__reply *reply);

#endif
