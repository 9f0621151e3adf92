/* SPDX-License-Identifier: MIT */
/* stream/spool_admin.c: what a spool knows: positions of sources, states of batteries, its sinks by
 * name, its size and its losses. */

#include "stream/spool_inside.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"

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

/* ---- sinks by name ---- */

evtwin__spool_cursor *evtwin__spool_find_cursor(const evtwin_spool *spool, evtwin__spool_kind kind,
                                                const char *name) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_cursor *c = spool->cursors[i];
        if (c->kind == kind && strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

int evtwin__spool_has_sink(evtwin_spool *spool, evtwin__spool_kind kind, const char *name) {
    pthread_mutex_lock(&spool->lock);
    const int has_one = evtwin__spool_find_cursor(spool, kind, name) != NULL;
    pthread_mutex_unlock(&spool->lock);
    return has_one;
}

static evtwin_status run_named(evtwin_spool *spool, evtwin__spool_sql id,
                               const evtwin__spool_cursor *c, const char *to) {
    evtwin__stmt *stmt = spool->file.stmt[id];
    evtwin__stmt_bind_i64(stmt, 1, c->kind);
    evtwin__stmt_bind_text(stmt, 2, c->name);
    if (to != NULL) {
        evtwin__stmt_bind_text(stmt, 3, to);
    }
    return evtwin__stmt_run(stmt);
}

static void drop_cursor(evtwin_spool *spool, evtwin__spool_cursor *c) {
    size_t i = 0;
    while (spool->cursors[i] != c) {
        i++;
    }
    spool->cursors[i] = spool->cursors[--spool->n_cursors];
    evtwin__spool_free_cursor(c);
}

/* Entries that only the forgotten sink had not taken. */
static evtwin_status clear_entries(evtwin_spool *spool, evtwin__spool_kind kind,
                                   const evtwin__spool_cursor *except) {
    int64_t number = spool->last[kind];
    for (size_t i = 0; i < spool->n_cursors; i++) {
        const evtwin__spool_cursor *c = spool->cursors[i];
        number = c != except && c->kind == kind && c->number < number ? c->number : number;
    }
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_CLEAR + kind];
    do {
        evtwin__stmt_bind_i64(stmt, 1, number);
        EVTWIN_TRY(evtwin__stmt_run(stmt));
    } while (evtwin__db_changes(spool->file.db) > 0);
    return EVTWIN_OK;
}

static evtwin_status forget(evtwin_spool *spool, evtwin__spool_cursor *c) {
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    const int64_t last = spool->last[c->kind];
    evtwin_status st = c->n_waiting > 0 ? evtwin__spool_lose(c, c->number + 1, last, c->n_waiting,
                                                             "sink forgotten")
                                        : EVTWIN_OK;
    st = st >= 0 ? clear_entries(spool, c->kind, c) : st;
    st = st >= 0 ? run_named(spool, EVTWIN__SQL_DELETE_CURSOR, c, NULL) : st;
    st = evtwin__spool_end(spool, st);
    if (st >= 0) {
        drop_cursor(spool, c);
    }
    return st;
}

static evtwin_status rename_cursor(evtwin_spool *spool, evtwin__spool_cursor *c, const char *to) {
    char *name = evtwin__strdup(to);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "%s: out of memory for a name",
                   spool->file.folder);
    evtwin_status st = evtwin__spool_begin(spool, 1);
    if (st >= 0) {
        st = run_named(spool, EVTWIN__SQL_RENAME_CURSOR, c, to);
        st = st >= 0 ? run_named(spool, EVTWIN__SQL_RENAME_LOSSES, c, to) : st;
        st = evtwin__spool_end(spool, st);
    }
    if (st < 0) {
        evtwin__free(name);
        return st;
    }
    evtwin__free(c->name);
    c->name = name;
    return EVTWIN_OK;
}

/* Each cursor of that name: of rows, and of letters. to NULL = forget it. */
static evtwin_status change_sink(evtwin_spool *spool, const char *name, const char *to) {
    size_t n = 0;
    for (int kind = 0; kind < EVTWIN__SPOOL_KINDS; kind++) {
        evtwin__spool_cursor *c = evtwin__spool_find_cursor(spool, (evtwin__spool_kind)kind, name);
        EVTWIN_FAIL_IF(c != NULL && c->is_open, EVTWIN_E_STATE,
                       "%s: a pump delivers to %s at the moment", spool->file.folder, name);
        EVTWIN_FAIL_IF(c != NULL && to != NULL &&
                           evtwin__spool_find_cursor(spool, (evtwin__spool_kind)kind, to) != NULL,
                       EVTWIN_E_STATE, "%s: the spool knows a sink %s already", spool->file.folder,
                       to);
        EVTWIN_TRY(c == NULL    ? EVTWIN_OK
                   : to == NULL ? forget(spool, c)
                                : rename_cursor(spool, c, to));
        n += c != NULL;
    }
    if (n > 0) {
        return EVTWIN_OK;
    }
    char known[512] = "";
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__text_append(known, sizeof known, "%s %s", i > 0 ? "," : ":",
                            spool->cursors[i]->name);
    }
    EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "%s: the spool knows no sink %s%s%s", spool->file.folder, name,
                known[0] != '\0' ? "; it knows" : "", known);
}

evtwin_status evtwin_spool_rename_sink(evtwin_spool *spool, const char *from, const char *to) {
    EVTWIN_FAIL_IF(spool == NULL || from == NULL || to == NULL || to[0] == '\0', EVTWIN_E_ARG,
                   "spool or a name is NULL");
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = change_sink(spool, from, to);
    pthread_mutex_unlock(&spool->lock);
    return st;
}

evtwin_status evtwin_spool_forget_sink(evtwin_spool *spool, const char *name) {
    EVTWIN_FAIL_IF(spool == NULL || name == NULL, EVTWIN_E_ARG, "spool or name is NULL");
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = change_sink(spool, name, NULL);
    pthread_mutex_unlock(&spool->lock);
    return st;
}

/* Where a new sink begins: a spool that had none keeps what it accepted for the first ones; later
 * ones get what is accepted from then on. */
static evtwin_status find_start(evtwin_spool *spool, evtwin__spool_kind kind, int64_t *number_out) {
    *number_out = spool->last[kind];
    for (size_t i = 0; i < spool->n_cursors; i++) {
        if (spool->cursors[i]->kind == kind) {
            return EVTWIN_OK;
        }
    }
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_OLDEST + kind];
    evtwin__stmt_bind_i64(stmt, 1, 0);
    const evtwin_status st = evtwin__stmt_step(stmt);
    int64_t number = 0, n_records = 0;
    if (st == EVTWIN_OK && evtwin__stmt_i64(stmt, 0, &number) &&
        evtwin__stmt_i64(stmt, 1, &n_records)) {
        *number_out = number - n_records;
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__spool_set_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                       const char *name, int64_t number) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_SET_CURSOR];
    evtwin__stmt_bind_i64(stmt, 1, kind);
    evtwin__stmt_bind_text(stmt, 2, name);
    evtwin__stmt_bind_i64(stmt, 3, number);
    return evtwin__stmt_run(stmt);
}

static evtwin_status add_cursor_at(evtwin_spool *spool, evtwin__spool_kind kind, const char *name,
                                   int64_t start, evtwin__spool_cursor **out) {
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    EVTWIN_TRY(evtwin__spool_end(spool, evtwin__spool_set_cursor(spool, kind, name, start)));
    return evtwin__spool_know_cursor(spool, kind, name, start, out);
}

evtwin_status evtwin__spool_add_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                       const char *name, evtwin__spool_cursor **out) {
    int64_t start;
    EVTWIN_TRY(find_start(spool, kind, &start));
    return add_cursor_at(spool, kind, name, start, out);
}

/* Sinks that begin together begin at the same place. */
static evtwin_status add_missing(evtwin_spool *spool, evtwin__spool_kind kind,
                                 const char *const *names, size_t n) {
    int64_t start;
    evtwin__spool_cursor *added;
    EVTWIN_TRY(find_start(spool, kind, &start));
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(evtwin__spool_find_cursor(spool, kind, names[i]) == NULL
                       ? add_cursor_at(spool, kind, names[i], start, &added)
                       : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

static int is_among(const evtwin__spool_cursor *c, const char *const *names, size_t n,
                    const char *letters) {
    if (c->kind == EVTWIN__SPOOL_LETTERS) {
        return letters != NULL && strcmp(c->name, letters) == 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(c->name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static evtwin_status match_sinks(evtwin_spool *spool, const char *const *names, size_t n,
                                 const char *letters) {
    for (size_t i = spool->n_cursors; i-- > 0;) {
        evtwin__spool_cursor *c = spool->cursors[i];
        if (is_among(c, names, n, letters)) {
            continue;
        }
        EVTWIN_FAIL_IF(c->n_waiting > 0, EVTWIN_E_STATE,
                       "%s: %llu %s for %s, which is not among the sinks: add it, or give its "
                       "records to another by renaming it (evtwin_spool_rename_sink), or give them "
                       "up (evtwin_spool_forget_sink)",
                       spool->file.folder, (unsigned long long)c->n_waiting,
                       c->n_waiting == 1 ? "record waits" : "records wait", c->name);
        EVTWIN_TRY(forget(spool, c));
    }
    EVTWIN_TRY(add_missing(spool, EVTWIN__SPOOL_ROWS, names, n));
    return add_missing(spool, EVTWIN__SPOOL_LETTERS, &letters, letters != NULL);
}

evtwin_status evtwin__spool_match_sinks(evtwin_spool *spool, const char *const *names, size_t n,
                                        const char *letters) {
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = match_sinks(spool, names, n, letters);
    pthread_mutex_unlock(&spool->lock);
    return st;
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
    const evtwin_status st = evtwin__spool_file_bytes(&spool->file, &stats.bytes);
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
