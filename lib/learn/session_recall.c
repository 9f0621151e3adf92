/* SPDX-License-Identifier: MIT */
/* learn/session_recall.c: which batteries of a batch a session does not know, or not for sure, so
 * that what is kept of them elsewhere can be asked for: of those alone, however many there are. */

#include "learn/session_batteries.h"

#include "core/status.h"
#include "core/table.h"

void evtwin_session_doubt(evtwin_session *session) {
    if (session != NULL) {
        session->round++;
    }
}

static evtwin_status add_id(evtwin_table **ids, const char *id) {
    if (*ids == NULL) {
        EVTWIN_TRY(evtwin_table_create(ids));
        EVTWIN_TRY(evtwin_table_add_column(*ids, "battery_id", EVTWIN_TEXT, NULL, NULL));
    }
    const size_t row = evtwin_table_rows(*ids);
    EVTWIN_TRY(evtwin_table_resize(*ids, row + 1));
    return evtwin_table_set_text(*ids, 0, row, id);
}

/* Nothing is allocated where all are known. Those with a state count as seen now: what is recalled
 * takes the place of others. */
static evtwin_status list_unknown(evtwin_session *s, const evtwin_table *rows, size_t col,
                                  evtwin_table **ids) {
    const int32_t *codes = evtwin_table_codes(rows, col);
    const size_t n = codes != NULL ? evtwin_table_rows(rows) : 0;
    s->listing++;
    for (size_t r = 0; r < n; r++) {
        if (codes[r] < 0 || (r > 0 && codes[r] == codes[r - 1])) {
            continue;
        }
        const char *id = evtwin_table_dict_text(rows, col, codes[r]);
        size_t number;
        EVTWIN_TRY(evtwin__session_find(s, id, &number));
        evtwin__session_battery *b = &s->battery[number];
        if (b->known_in != s->round && b->listed_in != s->listing) {
            EVTWIN_TRY(add_id(ids, id));
            b->listed_in = s->listing;
        }
        if (b->is_known) {
            evtwin__session_mark_seen(s, number);
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_session_unknown(evtwin_session *session, const evtwin_table *rows,
                                     evtwin_table **out) {
    EVTWIN_FAIL_IF(session == NULL || rows == NULL || out == NULL, EVTWIN_E_ARG,
                   "session, rows or out is NULL");
    evtwin_table *ids = NULL;
    EVTWIN_TRY(evtwin__session_tidy(session));
    const size_t col = evtwin_telemetry_find(rows, evtwin__schema[EVTWIN__Q_BATTERY_ID].name);
    const evtwin_status st = list_unknown(session, rows, col, &ids);
    if (st < 0) {
        evtwin_table_free(ids);
        return st;
    }
    *out = ids;
    return ids != NULL ? EVTWIN_OK : EVTWIN_DONE;
}

/* Where nothing was kept of them, what is known here is all that is known. */
static evtwin_status mark_known(evtwin_session *s, const evtwin_table *batteries, size_t col) {
    for (size_t r = 0; r < evtwin_table_rows(batteries); r++) {
        const char *id = evtwin_table_text(batteries, col, r);
        size_t number;
        if (id != NULL) {
            EVTWIN_TRY(evtwin__session_find(s, id, &number));
            s->battery[number].known_in = s->round;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_session_recall(evtwin_session *session, const evtwin_table *batteries,
                                    const evtwin_table *states) {
    EVTWIN_FAIL_IF(session == NULL || batteries == NULL, EVTWIN_E_ARG,
                   "session or batteries is NULL");
    size_t col;
    EVTWIN_TRY(evtwin__table_batteries(batteries, &col));
    size_t n_ignored = 0;
    if (states != NULL) {
        EVTWIN_TRY(evtwin__session_take_states(session, states, &n_ignored));
    }
    if (n_ignored > 0 && !session->has_logged_recall) {
        session->has_logged_recall = 1;
        evtwin__session_log_ignored(session, n_ignored, evtwin_table_rows(states));
    }
    return mark_known(session, batteries, col);
}
