/* SPDX-License-Identifier: MIT */
/* stream/letter_list.c: dead letters that go on together, as bytes of spool_codec.h. */

#include "stream/letter_list.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/spool_codec.h"

#include <string.h>

void evtwin__letter_list_free(evtwin__letter_list *list) {
    evtwin__text_free(&list->bytes);
    evtwin__free(list->size);
    evtwin__free(list->letter);
    *list = (evtwin__letter_list){.n = 0};
}

static evtwin_status make_room(evtwin__letter_list *list) {
    size_t *sizes = evtwin__realloc(list->size, list->n + 1, sizeof *sizes);
    list->size = sizes != NULL ? sizes : list->size;
    evtwin_letter *letters = evtwin__realloc(list->letter, list->n + 1, sizeof *letters);
    list->letter = letters != NULL ? letters : list->letter;
    EVTWIN_FAIL_IF(sizes == NULL || letters == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a dead letter");
    return EVTWIN_OK;
}

/* What was added behind `before` is one more letter. */
static evtwin_status end_letter(evtwin__letter_list *list, size_t before) {
    if (list->bytes.is_failed) {
        list->bytes.is_failed = 0;
        list->bytes.size = before;
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a dead letter");
    }
    list->size[list->n++] = list->bytes.size - before;
    return EVTWIN_OK;
}

evtwin_status evtwin__letter_list_add(evtwin__letter_list *list, const evtwin_letter *letter) {
    const size_t before = list->bytes.size;
    EVTWIN_TRY(make_room(list));
    evtwin__spool_put_letter(letter, &list->bytes);
    return end_letter(list, before);
}

evtwin_status evtwin__letter_list_add_bytes(evtwin__letter_list *list, const void *data,
                                            size_t size) {
    const size_t before = list->bytes.size;
    evtwin_letter letter;
    EVTWIN_TRY(evtwin__spool_get_letter(data, size, &letter));
    EVTWIN_TRY(make_room(list));
    evtwin__text_add(&list->bytes, data, size);
    return end_letter(list, before);
}

void evtwin__letter_list_drop(evtwin__letter_list *list, size_t n) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        size += list->size[i];
    }
    list->n -= n;
    list->bytes.size -= size;
    if (list->n > 0) {
        memmove(list->bytes.data, list->bytes.data + size, list->bytes.size);
        memmove(list->size, list->size + n, list->n * sizeof *list->size);
    }
}

const evtwin_letter *evtwin__letter_list_all(evtwin__letter_list *list) {
    const char *at = list->bytes.data;
    for (size_t i = 0; i < list->n; i++) {
        (void)evtwin__spool_get_letter(at, list->size[i], &list->letter[i]); /* it was one */
        at += list->size[i];
    }
    return list->letter;
}
