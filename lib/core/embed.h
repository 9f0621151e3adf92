/* SPDX-License-Identifier: MIT */
/* core/embed.h: files compiled into the library by cmake/EvtwinEmbed.cmake. */
#ifndef EVTWIN_CORE_EMBED_H
#define EVTWIN_CORE_EMBED_H

#include <stddef.h>

/* One file: its base name and its bytes, followed by a NUL that size does not count. */
typedef struct evtwin__embedded {
    const char *name;
    const char *data;
    size_t size;
} evtwin__embedded;

#endif
