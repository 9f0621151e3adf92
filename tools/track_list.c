/* SPDX-License-Identifier: MIT */
/* tools/track_list.c: parameters, tags or metrics on their way to a run. */

#include "track_list.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int grow(void *column, size_t n, size_t size) {
    void **at = column;
    void *grown = realloc(*at, n * size);
    *at = grown != NULL ? grown : *at;
    return grown != NULL;
}

static int has_room(track_list *l) {
    if (l->n == l->capacity) {
        const size_t n = l->capacity > 0 ? 2 * l->capacity : 64;
        const int is_grown =
            grow(&l->key, n, sizeof *l->key) && grow(&l->text, n, sizeof *l->text) &&
            grow(&l->value, n, sizeof *l->value) && grow(&l->step, n, sizeof *l->step);
        l->capacity = is_grown ? n : l->capacity;
        l->is_failed |= !is_grown;
    }
    return !l->is_failed;
}

static void add(track_list *l, const char *key, const char *text, double value, int64_t step) {
    if (!has_room(l)) {
        return;
    }
    char *k = strdup(key), *t = strdup(text);
    if (k == NULL || t == NULL) {
        free(k);
        free(t);
        l->is_failed = 1;
        return;
    }
    for (char *c = k; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) || strchr("_-./ ", *c) != NULL ? *c : '_';
    }
    l->key[l->n] = k;
    l->text[l->n] = t;
    l->value[l->n] = value;
    l->step[l->n++] = step;
}

void track_text(track_list *list, const char *key, const char *text) {
    add(list, key, text != NULL ? text : "", 0.0, 0);
}

void track_number(track_list *list, const char *key, double value, int64_t step) {
    if (isfinite(value)) {
        add(list, key, "", value, step);
    }
}

void track_clear(track_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->key[i]);
        free(l->text[i]);
    }
    free(l->key);
    free(l->text);
    free(l->value);
    free(l->step);
    *l = (track_list){0};
}

static evtwin_status finish(track_list *l, evtwin_status st) {
    const evtwin_status all = l->is_failed ? EVTWIN_E_NOMEM : st;
    track_clear(l);
    return all;
}

evtwin_status track_log_params(track_list *l, evtwin_run *run) {
    return finish(l, evtwin_run_log_params(run, (const char *const *)l->key,
                                           (const char *const *)l->text, l->n));
}

evtwin_status track_log_tags(track_list *l, evtwin_run *run) {
    return finish(l, evtwin_run_set_tags(run, (const char *const *)l->key,
                                         (const char *const *)l->text, l->n));
}

evtwin_status track_log_metrics(track_list *l, evtwin_run *run, const char *model_id) {
    return finish(l, evtwin_run_log_metrics(run, (const char *const *)l->key, l->value, l->step,
                                            NULL, l->n, model_id));
}
