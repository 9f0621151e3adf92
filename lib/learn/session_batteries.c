/* SPDX-License-Identifier: MIT */
/* learn/session_batteries.c: the list of a session's batteries: by id and by when seen. */

#include "learn/session_batteries.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

/* Ids without a state stay in the dictionary until there are as many of them as of the others. */
enum { MIN_UNUSED = 64 };

const char *evtwin__session_id(const evtwin_session *s, size_t number) {
    return evtwin__dict_text(&s->ids, number - 1);
}

evtwin_status evtwin__session_reserve(evtwin_session *s, size_t number) {
    if (number < s->capacity) {
        return EVTWIN_OK;
    }
    const size_t wanted = 2 * number + MIN_UNUSED;
    evtwin__session_battery *batteries = evtwin__realloc(s->battery, wanted, sizeof *batteries);
    s->battery = batteries != NULL ? batteries : s->battery;
    size_t *moved = evtwin__realloc(s->moved, wanted, sizeof *moved);
    s->moved = moved != NULL ? moved : s->moved;
    EVTWIN_FAIL_IF(batteries == NULL || moved == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the states of %zu batteries", wanted);
    memset(batteries + s->capacity, 0, (wanted - s->capacity) * sizeof *batteries);
    s->capacity = wanted;
    return EVTWIN_OK;
}

evtwin_status evtwin__session_find(evtwin_session *s, const char *id, size_t *number_out) {
    int32_t code;
    EVTWIN_TRY(evtwin__dict_intern(&s->ids, id, strlen(id), &code));
    *number_out = (size_t)code + 1;
    return evtwin__session_reserve(s, *number_out);
}

static void unlink_known(evtwin__session_battery *list, size_t number) {
    list[list[number].older].newer = list[number].newer;
    list[list[number].newer].older = list[number].older;
}

void evtwin__session_mark_seen(evtwin_session *s, size_t number) {
    evtwin__session_battery *list = s->battery;
    if (list[number].is_known) {
        unlink_known(list, number);
    } else {
        list[number].is_known = 1;
        s->n_known++;
    }
    list[number].older = list[0].older;
    list[number].newer = 0;
    list[list[0].older].newer = number;
    list[0].older = number;
}

static void clear_battery(evtwin__session_battery *b) {
    evtwin__free(b->past);
    evtwin__free(b->next_past);
    evtwin__free(b->next_reasons);
    *b = (evtwin__session_battery){0};
}

void evtwin__session_forget_oldest(evtwin_session *s) {
    for (; s->n_known > s->max_batteries; s->n_known--) {
        const size_t oldest = s->battery[0].newer;
        if (!s->has_logged) {
            s->has_logged = 1;
            evtwin__log(
                EVTWIN_LOG_WARNING,
                "more than %zu batteries are predicted: the state of the least recently seen "
                "batteries is dropped, %s first",
                s->max_batteries, evtwin__session_id(s, oldest));
        }
        unlink_known(s->battery, oldest);
        clear_battery(&s->battery[oldest]);
    }
}

void evtwin__session_clear(evtwin_session *s) {
    for (size_t i = 0; i < s->capacity; i++) {
        clear_battery(&s->battery[i]);
    }
    evtwin__dict_free(&s->ids);
    evtwin__free(s->battery);
    evtwin__free(s->moved);
}

/* The pasts follow their batteries, which are in the same order in both lists. */
static void move_pasts(evtwin_session *from, evtwin_session *to) {
    size_t i = from->battery[0].newer;
    for (size_t k = to->battery[0].newer; k != 0; k = to->battery[k].newer) {
        to->battery[k].past = from->battery[i].past;
        from->battery[i].past = NULL;
        i = from->battery[i].newer;
    }
}

evtwin_status evtwin__session_tidy(evtwin_session *s) {
    if (s->n_moved > 0 || s->ids.n < 2 * s->n_known + MIN_UNUSED) {
        return EVTWIN_OK;
    }
    evtwin_session kept = {.predictor = s->predictor,
                           .past = s->past,
                           .bundle = s->bundle,
                           .max_batteries = s->max_batteries,
                           .n_reasons = s->n_reasons,
                           .explains_each = s->explains_each,
                           .watch = s->watch,
                           .has_logged = s->has_logged,
                           .has_logged_recall = s->has_logged_recall,
                           .round = s->round,
                           .listing = s->listing,
                           .impossible = s->impossible};
    memcpy(kept.version, s->version, sizeof kept.version);
    evtwin_status st = evtwin__session_reserve(&kept, s->n_known);
    for (size_t i = s->battery[0].newer, n; st >= 0 && i != 0; i = s->battery[i].newer) {
        if ((st = evtwin__session_find(&kept, evtwin__session_id(s, i), &n)) >= 0) {
            kept.battery[n].now = s->battery[i].now;
            kept.battery[n].known_in = s->battery[i].known_in;
            evtwin__session_mark_seen(&kept, n);
        }
    }
    if (st >= 0) {
        move_pasts(s, &kept);
    }
    evtwin__session_clear(st >= 0 ? s : &kept);
    *s = st >= 0 ? kept : *s;
    return st;
}

/* ---- a row that may move a state ---- */

int evtwin__compare_steps(const void *a, const void *b) {
    const evtwin__step *x = a, *y = b;
    int order = (x->code > y->code) - (x->code < y->code);
    order = order != 0 ? order : (x->time_us > y->time_us) - (x->time_us < y->time_us);
    order = order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}
