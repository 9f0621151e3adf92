/* SPDX-License-Identifier: MIT */
/* store/store_postgres_known.c: the health of batteries as this handle has seen it last: a fleet
 * that writes every second need not read it every second. */

#include "core/mem.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <stdio.h>
#include <string.h>

void evtwin__postgres_forget_known(postgres_store *s) {
    for (size_t i = 0; i < s->known.id.n; i++) {
        evtwin__free(s->known.row[i].broken);
    }
    evtwin__free(s->known.row);
    evtwin__dict_free(&s->known.id);
    s->known = (postgres_known){.capacity = 0};
}

static void begin_session(postgres_store *s) {
    if (s->known.session != evtwin__pg_session(s->pg)) {
        evtwin__postgres_forget_known(s);
        s->known.session = evtwin__pg_session(s->pg);
    }
}

const postgres_known_row *evtwin__postgres_known(postgres_store *s, const char *id) {
    begin_session(s);
    const int32_t code = evtwin__dict_find(&s->known.id, id, strlen(id));
    return code >= 0 && s->known.row[code].xmin[0] != '\0' ? &s->known.row[code] : NULL;
}

static evtwin_status make_room(postgres_known *known) {
    if (known->id.n < known->capacity) {
        return EVTWIN_OK;
    }
    const size_t capacity = known->capacity > 0 ? 2 * known->capacity : 64;
    postgres_known_row *row = evtwin__realloc(known->row, capacity, sizeof *row);
    EVTWIN_FAIL_IF(row == NULL, EVTWIN_E_NOMEM, "out of memory for the health of %zu batteries",
                   capacity);
    memset(row + known->capacity, 0, (capacity - known->capacity) * sizeof *row);
    known->row = row;
    known->capacity = capacity;
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_know(postgres_store *s, const evtwin__health *health,
                                    const char *xmin) {
    begin_session(s);
    int32_t code;
    EVTWIN_TRY(make_room(&s->known));
    EVTWIN_TRY(
        evtwin__dict_intern(&s->known.id, health->battery_id, strlen(health->battery_id), &code));
    postgres_known_row *row = &s->known.row[code];
    char *broken = evtwin__strdup(health->broken);
    EVTWIN_FAIL_IF(health->broken != NULL && broken == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the health of %s", health->battery_id);
    evtwin__free(row->broken);
    row->broken = broken;
    row->health = *health;
    row->health.battery_id = evtwin__dict_text(&s->known.id, (size_t)code);
    row->health.broken = broken;
    snprintf(row->xmin, sizeof row->xmin, "%s", xmin);
    return EVTWIN_OK;
}
