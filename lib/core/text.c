/* SPDX-License-Identifier: MIT */
/* core/text.c: text that grows as it is written. */

#include "core/text.h"

#include "core/mem.h"

#include <stdint.h>

char *evtwin__text_room(evtwin__text *text, size_t n) {
    if (n > text->capacity - text->size) {
        if (n > SIZE_MAX / 4 || text->size > SIZE_MAX / 4) {
            return NULL;
        }
        const size_t capacity = 2 * (text->size + n) + 256;
        char *grown = evtwin__realloc(text->data, capacity, 1);
        if (grown == NULL) {
            return NULL;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    return text->data + text->size;
}

void evtwin__text_free(evtwin__text *text) {
    evtwin__free(text->data);
    *text = (evtwin__text){0};
}
