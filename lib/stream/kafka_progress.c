/* SPDX-License-Identifier: MIT */
/* stream/kafka_progress.c: positions of sources by name, and their records. */

#include "stream/kafka_progress.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <string.h>

typedef struct entry {
    char *source, *position;
} entry;

struct evtwin__kafka_progress {
    char *id;
    entry *entry;
    size_t n;
};

evtwin_status evtwin__kafka_progress_create(const char *transactional_id,
                                            evtwin__kafka_progress **out) {
    evtwin__kafka_progress *p = evtwin__calloc(1, sizeof *p);
    char *id = evtwin__strdup(transactional_id);
    if (p == NULL || id == NULL) {
        evtwin__free(p);
        evtwin__free(id);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the progress of a producer");
    }
    p->id = id;
    *out = p;
    return EVTWIN_OK;
}

void evtwin__kafka_progress_free(evtwin__kafka_progress *progress) {
    if (progress == NULL) {
        return;
    }
    for (size_t i = 0; i < progress->n; i++) {
        evtwin__free(progress->entry[i].source);
        evtwin__free(progress->entry[i].position);
    }
    evtwin__free(progress->entry);
    evtwin__free(progress->id);
    evtwin__free(progress);
}

const char *evtwin__kafka_progress_find(const evtwin__kafka_progress *progress,
                                        const char *source) {
    for (size_t i = 0; i < progress->n; i++) {
        if (strcmp(progress->entry[i].source, source) == 0) {
            return progress->entry[i].position;
        }
    }
    return NULL;
}

/* The number at the front, and what is behind it. */
static int split_number(const char *text, int64_t *number, const char **rest) {
    const size_t n = strspn(text, "0123456789");
    *rest = text + n;
    return n > 0 && evtwin__parse_i64(text, n, number);
}

/* Positions are the same, or numbers in order: of rows, bytes, entries. */
static int is_reached(const char *kept, const char *position) {
    int64_t a = 0, b = 0;
    const char *rest_a = NULL, *rest_b = NULL;
    return strcmp(kept, position) == 0 ||
           (split_number(kept, &a, &rest_a) && split_number(position, &b, &rest_b) &&
            strcmp(rest_a, rest_b) == 0 && b <= a);
}

int evtwin__kafka_progress_covers(const evtwin__kafka_progress *progress, const char *source,
                                  const char *position) {
    const char *kept = evtwin__kafka_progress_find(progress, source);
    return kept != NULL && is_reached(kept, position);
}

evtwin_status evtwin__kafka_progress_set(evtwin__kafka_progress *progress, const char *source,
                                         const char *position) {
    size_t i = 0;
    while (i < progress->n && strcmp(progress->entry[i].source, source) != 0) {
        i++;
    }
    char *copy = evtwin__strdup(position);
    char *name = i == progress->n ? evtwin__strdup(source) : NULL;
    entry *grown = i == progress->n
                       ? evtwin__realloc(progress->entry, progress->n + 1, sizeof *grown)
                       : progress->entry;
    progress->entry = grown != NULL ? grown : progress->entry;
    if (copy == NULL || grown == NULL || (i == progress->n && name == NULL)) {
        evtwin__free(copy);
        evtwin__free(name);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the progress of a producer");
    }
    if (i == progress->n) {
        progress->entry[progress->n++] = (entry){.source = name};
    }
    evtwin__free(progress->entry[i].position);
    progress->entry[i].position = copy;
    return EVTWIN_OK;
}

/* ---- records: the key is "ID SOURCE", the value says the same and the position ---- */

evtwin_status evtwin__kafka_progress_take(void *ctx, const char *key, size_t key_size,
                                          const char *data, size_t size) {
    evtwin__kafka_progress *p = ctx;
    const size_t n = strlen(p->id);
    if (key_size <= n + 1 || memcmp(key, p->id, n) != 0 || key[n] != ' ' || size == 0) {
        return EVTWIN_OK;
    }
    json_t *object = NULL;
    const char *id = NULL, *source = NULL, *position = NULL;
    evtwin_status st = evtwin__json_parse("progress", data, size, &object);
    if (st < 0) {
        return st == EVTWIN_E_NOMEM ? st : EVTWIN_OK;
    }
    if (evtwin__json_get_text("progress", object, "transactional_id", &id) >= 0 &&
        evtwin__json_get_text("progress", object, "source", &source) >= 0 &&
        evtwin__json_get_text("progress", object, "position", &position) >= 0 &&
        strcmp(id, p->id) == 0) {
        st = evtwin__kafka_progress_set(p, source, position);
    }
    json_decref(object);
    return st;
}

evtwin_status evtwin__kafka_progress_put(const evtwin__kafka_progress *progress, const char *source,
                                         const char *position, evtwin__text *text,
                                         size_t *key_size) {
    text->size = 0;
    text->is_failed = 0;
    evtwin__text_put(text, progress->id);
    evtwin__text_put(text, " ");
    evtwin__text_put(text, source);
    *key_size = text->size;
    evtwin__text_put(text, "{");
    evtwin__text_string(text, "transactional_id", progress->id);
    evtwin__text_string(text, "source", source);
    evtwin__text_string(text, "position", position);
    evtwin__text_put(text, "}");
    EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for the progress of a producer");
    return EVTWIN_OK;
}
