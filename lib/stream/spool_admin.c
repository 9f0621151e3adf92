/* SPDX-License-Identifier: MIT */
/* stream/spool_admin.c: what a spool knows: positions of sources, states of batteries, its size and
 * its losses. */

#include "stream/spool_inside.h"

#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* ---- positions and states ---- */

static evtwin_status get_position(evtwin_spool *spool, const char *source, char *text,
                                  size_t text_size) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_GET_SOURCE];
    evtwin__stmt_bind_text(stmt, 1, source);
    evtwin_status st = evtwin__stmt_step(stmt);
    const char *found = st == EVTWIN_OK ? evtwin__stmt_text(stmt, 0) : NULL;
    if (found != NULL && strlen(found) < text_size) {
        memcpy(text, found, strlen(found) + 1);
    } else if (found != NULL) {
        st = evtwin__fail(EVTWIN_E_RANGE, "%s: a position of %zu bytes does not fit in %zu",
                          spool->file.folder, strlen(found), text_size);
    }
    evtwin__stmt_reset(stmt);
    return st;
}

evtwin_status evtwin_spool_position(evtwin_spool *spool, const char *source, char *text,
                                    size_t text_size) {
    EVTWIN_FAIL_IF(spool == NULL || source == NULL || text == NULL, EVTWIN_E_ARG,
                   "spool, source or text is NULL");
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = get_position(spool, source, text, text_size);
    pthread_mutex_unlock(&spool->lock);
    return st;
}

static evtwin_status add_state(evtwin__stmt *stmt, evtwin_table *to, const size_t col[4]) {
    const size_t row = evtwin_table_rows(to);
    int64_t value;
    EVTWIN_TRY(evtwin_table_resize(to, row + 1));
    const char *id = evtwin__stmt_text(stmt, 0), *state = evtwin__stmt_text(stmt, 3);
    EVTWIN_TRY(id != NULL ? evtwin_table_set_text(to, col[0], row, id) : EVTWIN_OK);
    EVTWIN_TRY(evtwin__stmt_i64(stmt, 1, &value) ? evtwin_table_set_i64(to, col[1], row, value)
                                                 : EVTWIN_OK);
    EVTWIN_TRY(evtwin__stmt_i64(stmt, 2, &value) ? evtwin_table_set_i64(to, col[2], row, value)
                                                 : EVTWIN_OK);
    return state != NULL ? evtwin_table_set_text(to, col[3], row, state) : EVTWIN_OK;
}

static evtwin_status get_states(evtwin_spool *spool, evtwin_table *to) {
    size_t col[4];
    EVTWIN_TRY(evtwin_table_add_column(to, "battery_id", EVTWIN_TEXT, NULL, &col[0]));
    EVTWIN_TRY(evtwin_table_add_column(to, "time", EVTWIN_TIME, NULL, &col[1]));
    EVTWIN_TRY(evtwin_table_add_column(to, "seq", EVTWIN_I64, NULL, &col[2]));
    EVTWIN_TRY(evtwin_table_add_column(to, "state", EVTWIN_TEXT, NULL, &col[3]));
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_GET_STATES];
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK && (st = add_state(stmt, to, col)) >= 0) {
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__spool_states(evtwin_spool *spool, evtwin_table **out) {
    evtwin_table *states = NULL;
    EVTWIN_TRY(evtwin_table_create(&states));
    pthread_mutex_lock(&spool->lock);
    evtwin_status st = get_states(spool, states);
    pthread_mutex_unlock(&spool->lock);
    if (st < 0 || evtwin_table_rows(states) == 0) {
        evtwin_table_free(states);
        return st < 0 ? st : EVTWIN_DONE;
    }
    *out = states;
    return EVTWIN_OK;
}

/* ---- counts ---- */

evtwin_status evtwin_spool_stats_get(evtwin_spool *spool, evtwin_spool_stats *out, size_t size) {
    EVTWIN_FAIL_IF(spool == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "spool or out is NULL, or out is too small");
    pthread_mutex_lock(&spool->lock);
    evtwin_spool_stats stats = {.size = sizeof stats,
                                .n_accepted = (uint64_t)(spool->last[EVTWIN__SPOOL_ROWS] +
                                                         spool->last[EVTWIN__SPOOL_LETTERS]),
                                .n_refused_full = spool->n_refused_full,
                                .max_bytes = spool->options.max_bytes,
                                .n_damaged = spool->n_damaged};
    evtwin__spool_bytes bytes = {.used = 0};
    const evtwin_status st = evtwin__spool_file_bytes(&spool->file, &bytes);
    stats.bytes = bytes.used + bytes.log;
    pthread_mutex_unlock(&spool->lock);
    EVTWIN_TRY(st);
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}

static evtwin_status get_loss(evtwin_spool *spool, size_t i, evtwin_spool_loss *out) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_GET_LOSS];
    evtwin__stmt_bind_i64(stmt, 1, (int64_t)i);
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        int64_t n = 0;
        const char *sink = evtwin__stmt_text(stmt, 0), *reason = evtwin__stmt_text(stmt, 1);
        snprintf(out->sink, sizeof out->sink, "%s", sink != NULL ? sink : "?");
        snprintf(out->reason, sizeof out->reason, "%s", reason != NULL ? reason : "?");
        evtwin__stmt_i64(stmt, 2, &out->first);
        evtwin__stmt_i64(stmt, 3, &out->last);
        evtwin__stmt_i64(stmt, 4, &n);
        out->n_records = (uint64_t)n;
    }
    evtwin__stmt_reset(stmt);
    return st;
}

evtwin_status evtwin_spool_loss_get(evtwin_spool *spool, size_t i, evtwin_spool_loss *out,
                                    size_t size) {
    EVTWIN_FAIL_IF(spool == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "spool or out is NULL, or out is too small");
    evtwin_spool_loss loss = {.size = sizeof loss};
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = get_loss(spool, i, &loss);
    pthread_mutex_unlock(&spool->lock);
    if (st == EVTWIN_OK) {
        evtwin__report_copy(out, size, &loss, sizeof loss);
    }
    return st;
}
