/* SPDX-License-Identifier: MIT */
/* store/store_sqlite.c: the embedded store: open and close, its place in the list. */

#include "store/store_sqlite.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/uri.h"

#include <string.h>

/* ---- open ---- */

/* "sqlite:FILE" or "sqlite:///FILE", then perhaps "?retention_days=…&busy_timeout_ms=…", which go
 * before the caller's options: they are what the user typed. */
static evtwin_status read_uri(const evtwin__uri *uri, evtwin_store_options *options) {
    static const char *const known[] = {"retention_days", "busy_timeout_ms", NULL};
    double timeout_ms = options->busy_timeout_ms;
    EVTWIN_TRY(evtwin__uri_check_params(uri, known));
    EVTWIN_TRY(evtwin__uri_number(uri, "retention_days", 1e6, &options->retention_days));
    EVTWIN_TRY(evtwin__uri_number(uri, "busy_timeout_ms", 1e6, &timeout_ms));
    options->busy_timeout_ms = (int)timeout_ms;
    EVTWIN_FAIL_IF(uri->host[0] != '\0' || uri->user[0] != '\0' || uri->port >= 0, EVTWIN_E_ARG,
                   "'sqlite://%s' names a host; a SQLite store is a file: sqlite:FILE", uri->host);
    EVTWIN_FAIL_IF(uri->path[0] == '\0' || strcmp(uri->path, "/") == 0, EVTWIN_E_ARG,
                   "the store URI names no file: sqlite:FILE");
    return EVTWIN_OK;
}

static void close_file(sqlite_store *s) {
    for (size_t i = 0; i < SQL_N; i++) {
        evtwin__stmt_free(s->stmt[i]);
        s->stmt[i] = NULL;
    }
    pthread_mutex_lock(&s->lock);
    evtwin__db *db = s->db;
    s->db = NULL;
    pthread_mutex_unlock(&s->lock);
    evtwin__db_close(db);
    evtwin__writer_locks_free(s->locks);
    s->locks = NULL;
    s->limits.n = 0;
    s->sweep = (evtwin__sweep){.is_active = 0};
}

static void sqlite_free(evtwin_store *store) {
    sqlite_store *s = (sqlite_store *)store;
    close_file(s);
    pthread_mutex_destroy(&s->lock);
    evtwin__free(s->file);
    evtwin__free(s);
}

static evtwin_status open_file(sqlite_store *s, int may_create) {
    const int read_only = s->base.options.read_only;
    evtwin__db *db = NULL;
    evtwin_status st = evtwin__db_open(s->file,
                                       read_only    ? EVTWIN__DB_READ
                                       : may_create ? EVTWIN__DB_CREATE
                                                    : EVTWIN__DB_WRITE,
                                       s->base.options.busy_timeout_ms, &db);
    if (st < 0 || (st = evtwin__sqlite_migrate(db, read_only)) < 0) {
        evtwin__db_close(db);
        return st;
    }
    pthread_mutex_lock(&s->lock);
    s->db = db;
    if (s->is_interrupted) {
        evtwin__db_interrupt(db);
    }
    pthread_mutex_unlock(&s->lock);
    return EVTWIN_OK;
}

static evtwin_status create(const char *file, const evtwin_store_options *options,
                            evtwin_store **out) {
    sqlite_store *s = evtwin__calloc(1, sizeof *s);
    char *copy = evtwin__strdup(file);
    if (s == NULL || copy == NULL) {
        evtwin__free(s);
        evtwin__free(copy);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the store %s", file);
    }
    s->base = (evtwin_store){.backend = &evtwin__store_sqlite,
                             .options = *options,
                             .now = evtwin_time_now,
                             .uptime = evtwin__uptime_us};
    s->file = copy;
    pthread_mutex_init(&s->lock, NULL);
    const evtwin_status st = open_file(s, 1);
    if (st < 0) {
        sqlite_free(&s->base);
        return st;
    }
    *out = &s->base;
    return EVTWIN_OK;
}

/* A name that was a store before may be one again soon: somebody is just moving files. */
static evtwin_status sqlite_refresh(evtwin_store *store, int may_create) {
    sqlite_store *s = (sqlite_store *)store;
    const int has_moved = s->db != NULL && evtwin__db_has_moved(s->db);
    EVTWIN_FAIL_IF(
        s->db != NULL && !has_moved && evtwin__db_is_cut(s->db), EVTWIN_E_AGAIN,
        "%s: was cut short while it was open: move it and its -wal and -shm away, or put "
        "a backup in its place",
        s->file);
    /* somebody removed the log, and programs that came later write to one that a reader lacks */
    const int is_blind =
        s->db != NULL && !has_moved && s->base.options.read_only && evtwin__db_has_other_log(s->db);
    if (s->db != NULL && !has_moved && !is_blind) {
        return EVTWIN_OK;
    }
    if (s->db != NULL) {
        close_file(s);
        s->base.generation++;
        evtwin__log(EVTWIN_LOG_WARNING,
                    is_blind ? "%s: its log was removed; that which has its name is used now"
                             : "%s: was removed or replaced; what has its name is used now",
                    s->file);
    }
    const evtwin_status st = open_file(s, may_create);
    EVTWIN_FAIL_IF(st < 0, evtwin_status_is_temporary(st) ? st : EVTWIN_E_AGAIN, "%s",
                   evtwin_last_error());
    return EVTWIN_OK;
}

static void sqlite_deadline(evtwin_store *store, double seconds) {
    evtwin__db *db = ((sqlite_store *)store)->db;
    if (db != NULL) {
        evtwin__db_deadline(db, seconds);
    }
}

static void sqlite_interrupt(evtwin_store *store) {
    sqlite_store *s = (sqlite_store *)store;
    pthread_mutex_lock(&s->lock);
    s->is_interrupted = 1;
    if (s->db != NULL) {
        evtwin__db_interrupt(s->db);
    }
    pthread_mutex_unlock(&s->lock);
}

static evtwin_status sqlite_open(const char *text, const evtwin_store_options *options,
                                 evtwin_store **out) {
    evtwin__uri uri;
    EVTWIN_TRY(evtwin__uri_parse(text, &uri));
    evtwin_store_options complete = *options;
    evtwin_status st = read_uri(&uri, &complete);
    if (st >= 0) {
        st = create(uri.path, &complete, out);
    }
    evtwin__uri_free(&uri);
    return st;
}

const evtwin__store_backend evtwin__store_sqlite = {.open = sqlite_open,
                                                    .free = sqlite_free,
                                                    .refresh = sqlite_refresh,
                                                    .deadline = sqlite_deadline,
                                                    .interrupt = sqlite_interrupt,
#define OPERATION(name, ...) .name = evtwin__sqlite_##name,
                                                    EVTWIN__STORE_OPERATIONS(OPERATION)
#undef OPERATION
};
