/* SPDX-License-Identifier: MIT */
/* stream/spool_sinks.c: the sinks of a spool by their names: found, renamed, forgotten, begun, and
 * matched with those of a pump. */

#include "stream/spool_inside.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"
#include "core/uri.h"

#include <string.h>

/* ---- find ---- */

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

int evtwin__spool_has_cursor(const evtwin_spool *spool, evtwin__spool_kind kind) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        if (spool->cursors[i]->kind == kind) {
            return 1;
        }
    }
    return 0;
}

/* ---- rename and forget ---- */

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

static evtwin_status write_forget(evtwin_spool *spool, evtwin__spool_cursor *c) {
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    const int64_t last = spool->last[c->kind];
    evtwin_status st = c->n_waiting > 0 ? evtwin__spool_lose(c, c->number + 1, last, c->n_waiting,
                                                             "sink forgotten")
                                        : EVTWIN_OK;
    st = st >= 0 ? clear_entries(spool, c->kind, c) : st;
    st = st >= 0 ? run_named(spool, EVTWIN__SQL_DELETE_CURSOR, c, NULL) : st;
    return evtwin__spool_end(spool, st);
}

static evtwin_status forget(evtwin_spool *spool, evtwin__spool_cursor *c) {
    EVTWIN_TRY(spool->options.read_only ? EVTWIN_OK : write_forget(spool, c));
    drop_cursor(spool, c);
    return EVTWIN_OK;
}

static evtwin_status write_name(evtwin_spool *spool, evtwin__spool_cursor *c, const char *to) {
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    evtwin_status st = run_named(spool, EVTWIN__SQL_RENAME_CURSOR, c, to);
    st = st >= 0 ? run_named(spool, EVTWIN__SQL_RENAME_LOSSES, c, to) : st;
    return evtwin__spool_end(spool, st);
}

static evtwin_status rename_cursor(evtwin_spool *spool, evtwin__spool_cursor *c, const char *to) {
    char *name = evtwin__strdup(to);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "%s: out of memory for a name",
                   spool->file.folder);
    const evtwin_status st = spool->options.read_only ? EVTWIN_OK : write_name(spool, c, to);
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

/* ---- begin ---- */

/* Where a new sink begins: a spool that had none keeps what it accepted for the first ones; later
 * ones get what is accepted from then on. */
static evtwin_status find_start(evtwin_spool *spool, evtwin__spool_kind kind, int64_t *number_out) {
    *number_out = spool->last[kind];
    if (evtwin__spool_has_cursor(spool, kind)) {
        return EVTWIN_OK;
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

/* Does something wait for a sink that is not among these? */
static evtwin_status check_others(const evtwin_spool *spool, const char *const *names, size_t n,
                                  const char *letters) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        const evtwin__spool_cursor *c = spool->cursors[i];
        EVTWIN_FAIL_IF(c->n_waiting > 0 && !is_among(c, names, n, letters), EVTWIN_E_STATE,
                       "%s: %llu %s for %s, which is not among the sinks: add it, or rename it to "
                       "the one that gets them, or forget it",
                       spool->file.folder, (unsigned long long)c->n_waiting,
                       c->n_waiting == 1 ? "record waits" : "records wait", c->name);
    }
    return EVTWIN_OK;
}

static evtwin_status match_sinks(evtwin_spool *spool, const char *const *names, size_t n,
                                 const char *letters) {
    /* delivered without that a cursor can move, all would go to the sinks again and again */
    EVTWIN_FAIL_IF(spool->options.read_only, EVTWIN_E_STATE,
                   "%s: the spool is open for reading only, a pump cannot deliver from it",
                   spool->file.folder);
    EVTWIN_TRY(check_others(spool, names, n, letters));
    for (size_t i = spool->n_cursors; i-- > 0;) {
        evtwin__spool_cursor *c = spool->cursors[i];
        EVTWIN_TRY(is_among(c, names, n, letters) ? EVTWIN_OK : forget(spool, c));
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

/* ---- names ---- */

/* Length of what of a URI names its place: parameters come and go. */
static size_t place_length(const char *uri) {
    return strcspn(uri, "?");
}

static int has_sink(evtwin_spool *spool, evtwin__spool_kind kind, const char *name) {
    pthread_mutex_lock(&spool->lock);
    const int has_one = evtwin__spool_find_cursor(spool, kind, name) != NULL;
    pthread_mutex_unlock(&spool->lock);
    return has_one;
}

/* Is it known by its whole URI? One that was stays so, else only what has the place of one before
 * it: a sink that is added behind another does not change the name of that. */
static int has_long_name(evtwin_spool *spool, evtwin__spool_kind kind, const char *uri,
                         const char *const *before, size_t n_before) {
    const size_t n = place_length(uri);
    int is_long = uri[n] == '?' && has_sink(spool, kind, uri);
    for (size_t i = 0; i < n_before; i++) {
        is_long |= strncmp(before[i], uri, n) == 0 && before[i][n] == '\0';
    }
    return is_long;
}

evtwin_status evtwin__spool_name_sink(evtwin_spool *spool, evtwin__spool_kind kind, const char *uri,
                                      const char *const *before, size_t n_before,
                                      char name[EVTWIN__SPOOL_NAME_SIZE], int *is_long_out) {
    *is_long_out = has_long_name(spool, kind, uri, before, n_before);
    const size_t length = *is_long_out ? strlen(uri) : place_length(uri);
    EVTWIN_FAIL_IF(length >= EVTWIN__SPOOL_NAME_SIZE, EVTWIN_E_ARG,
                   "%.80s…: the name of the sink is longer than %d bytes", uri,
                   EVTWIN__SPOOL_NAME_SIZE - 1);
    memcpy(name, uri, length);
    name[length] = '\0';
    for (size_t i = 0; i < n_before; i++) {
        EVTWIN_FAIL_IF(strcmp(before[i], name) == 0, EVTWIN_E_ARG, "two sinks are %s", name);
    }
    return EVTWIN_OK;
}

/* ---- would they do? ---- */

/* As the pump will name it, whose sinks hide their passwords. */
static evtwin_status name_uri(evtwin_spool *spool, evtwin__spool_kind kind, const char *uri,
                              const char *const *before, size_t n_before, char *name) {
    int is_long;
    char *shown = evtwin__uri_redact(uri);
    EVTWIN_FAIL_IF(shown == NULL, EVTWIN_E_NOMEM, "%s: out of memory", spool->file.folder);
    const evtwin_status st =
        evtwin__spool_name_sink(spool, kind, shown, before, n_before, name, &is_long);
    evtwin__free(shown);
    return st;
}

static evtwin_status check_uris(evtwin_spool *spool, const char *const *uris, size_t n,
                                const char *letters, char (*names)[EVTWIN__SPOOL_NAME_SIZE],
                                const char **borrowed) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(name_uri(spool, EVTWIN__SPOOL_ROWS, uris[i], borrowed, i, names[i]));
        borrowed[i] = names[i];
    }
    EVTWIN_TRY(letters != NULL ? name_uri(spool, EVTWIN__SPOOL_LETTERS, letters, NULL, 0, names[n])
                               : EVTWIN_OK);
    return check_others(spool, borrowed, n, letters != NULL ? names[n] : NULL);
}

evtwin_status evtwin_spool_check_sinks(evtwin_spool *spool, const char *const *sinks, size_t n,
                                       const char *letters) {
    EVTWIN_FAIL_IF(spool == NULL || (sinks == NULL && n > 0), EVTWIN_E_ARG,
                   "spool or sinks is NULL");
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(sinks[i] == NULL, EVTWIN_E_ARG, "sink %zu is NULL", i);
    }
    char(*names)[EVTWIN__SPOOL_NAME_SIZE] = evtwin__calloc(n + 1, sizeof *names);
    const char **borrowed = evtwin__calloc(n + 1, sizeof *borrowed);
    evtwin_status st = EVTWIN_OK;
    if (names == NULL || borrowed == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory for %zu sinks", spool->file.folder, n);
    } else {
        pthread_mutex_lock(&spool->lock);
        st = check_uris(spool, sinks, n, letters, names, borrowed);
        pthread_mutex_unlock(&spool->lock);
    }
    evtwin__free(names);
    evtwin__free((void *)borrowed);
    return st;
}
