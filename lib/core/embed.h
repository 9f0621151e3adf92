/* SPDX-License-Identifier: MIT */
/* core/embed.h: files compiled into the library by cmake/EvtwinEmbed.cmake. */
#ifndef EVTWIN_CORE_EMBED_H
#define EVTWIN_CORE_EMBED_H

#include <stddef.h>

/* One file: its name, its bytes, followed by a NUL that size does not count, and an entity tag of
 * HTTP (quoted, from the content). */
typedef struct evtwin__embedded {
    const char *name;
    const char *data;
    size_t size;
    const char *etag;
} evtwin__embedded;

#endif
