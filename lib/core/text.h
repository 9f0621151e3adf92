/* SPDX-License-Identifier: MIT */
/* core/text.h: text that grows as it is written. */
#ifndef EVTWIN_CORE_TEXT_H
#define EVTWIN_CORE_TEXT_H

#include <stddef.h>

/* All zero is an empty one; data is not NUL-terminated. Set size to 0 to use the memory again. */
typedef struct evtwin__text {
    char *data;
    size_t size, capacity;
} evtwin__text;

/* At least n free bytes at data + size, for the caller to write and add to size; NULL when memory
 * is out. */
char *evtwin__text_room(evtwin__text *text, size_t n);

void evtwin__text_free(evtwin__text *text);

#endif
