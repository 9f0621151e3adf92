/* SPDX-License-Identifier: MIT */
/* stream/source_store.c: "sqlite:FILE" and "postgresql://HOST/DATABASE" as sources: a store's
 * change feed, or what waits for a prediction. */

#include "core/binding.h"
#include "core/num.h"
#include "core/status.h"
#include "store/lazy.h"
#include "stream/scheme.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_ALL = 0, ROWS_UNPREDICTED = 1 };

typedef struct store_source {
    evtwin_store *store;
    int rows;           /* ROWS_… */
    int64_t revision;   /* of the last row given */
    int64_t generation; /* of the database that this is of, */
    char identity[20];  /* and which one it is: 16 digits, or "" if the position does not say */
    int is_known;       /* both were read from the database */
    evtwin_table *last; /* the waiting rows given last, NULL = none */
} store_source;

/* The others are the store's. */
static const evtwin__param params[] = {
    EVTWIN__PARAM("rows", WORD, offsetof(store_source, rows),
                  .words = {[ROWS_ALL] = "all", [ROWS_UNPREDICTED] = "unpredicted"}),
    {.key = NULL}};

static void close_source(void *ctx) {
    store_source *s = ctx;
    evtwin_table_free(s->last);
    evtwin_store_free(s->store);
}

/* The database has to exist: a mistyped name must not become a source of nothing. Whoever takes
 * what waits may write, as far as it can, so that rows which can never be predicted stop waiting.
 */
static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    store_source *s = ctx;
    evtwin_store_options options;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    options.read_only = 1;
    EVTWIN_TRY(evtwin__store_open_uri(uri, params, &options, &s->store));
    evtwin_store *writer = NULL;
    options.read_only = 0;
    if (s->rows == ROWS_UNPREDICTED &&
        evtwin__store_open_uri(uri, params, &options, &writer) >= 0) {
        evtwin_store_free(s->store);
        s->store = writer;
    }
    return EVTWIN_OK;
}

static evtwin_status check_source(void *ctx, int timeout_ms) {
    return evtwin__store_check(((store_source *)ctx)->store, timeout_ms);
}

static int repeats(const void *ctx) {
    return ((const store_source *)ctx)->rows == ROWS_UNPREDICTED;
}

/* What waits is told by the rows themselves. */
static evtwin_status seek_source(void *ctx, const char *position) {
    store_source *s = ctx;
    int64_t revision;
    EVTWIN_FAIL_IF(s->rows == ROWS_UNPREDICTED, EVTWIN_E_UNSUPPORTED,
                   "rows that wait for a prediction have no position");
    const size_t n = strcspn(position, "@");
    const char *identity = position[n] == '@' ? position + n + 1 : NULL;
    EVTWIN_FAIL_IF(!evtwin__parse_i64(position, n, &revision) || revision < 0 ||
                       (identity != NULL && strlen(identity) != 16),
                   EVTWIN_E_PARSE, "'%.40s' is not a position of a store", position);
    s->revision = revision; /* earlier versions gave it alone */
    snprintf(s->identity, sizeof s->identity, "%s", identity != NULL ? identity : "");
    return EVTWIN_OK;
}

/* Rows of another program whose key cannot be read, or could not be written anywhere. */
static int has_key(const evtwin__binding *binding, size_t row) {
    evtwin__value seq;
    return evtwin__binding_check_key(binding, row) >= 0 &&
           evtwin__binding_get(binding, EVTWIN__Q_SEQ, row, &seq) >= 0 &&
           (!seq.is_present || seq.i64 >= 0);
}

/* Append the telemetry of rows of the store, and revision where it says to which row a prediction
 * goes. Rows whose key cannot be read are left out. */
static evtwin_status append(store_source *s, evtwin_table *found, evtwin_table *table) {
    const size_t at = evtwin_table_rows(table);
    evtwin__binding binding;
    EVTWIN_TRY(evtwin__bind(found, EVTWIN__TELEMETRY, &binding));
    size_t n_passed = 0;
    for (size_t first = 0, end; first < binding.rows; first = end) {
        const int is_good = has_key(&binding, first);
        for (end = first + 1; is_good && end < binding.rows && has_key(&binding, end); end++) {
        }
        n_passed += !is_good;
        EVTWIN_TRY(
            is_good ? evtwin__binding_append(&binding, first, end - first, EVTWIN__TELEMETRY, table)
                    : EVTWIN_OK);
    }
    if (n_passed > 0) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%zu row%s of a store passed over: their time, battery id or seq cannot be read",
            n_passed, n_passed == 1 ? " is" : "s are");
    }
    if (s->rows == ROWS_ALL) {
        return EVTWIN_OK;
    }

    /* none of these is passed over: the store has done it */
    size_t col = evtwin_table_find(table, "revision");
    if (col == EVTWIN_NO_COLUMN) {
        EVTWIN_TRY(evtwin_table_add_column(table, "revision", EVTWIN_I64, "", &col));
    }
    const int64_t *revision = evtwin_table_i64(found, evtwin_table_find(found, "revision"));
    for (size_t row = at; row < evtwin_table_rows(table); row++) {
        EVTWIN_TRY(evtwin_table_set_i64(table, col, row, revision[row - at]));
    }
    return EVTWIN_OK;
}

/* 1 once for each time that the database was replaced: what is remembered is of another. */
static int is_replaced(store_source *s) {
    const int64_t generation = evtwin_store_generation(s->store);
    const int is_other = generation != s->generation;
    s->generation = generation;
    return is_other;
}

/* ---- what waits ---- */

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t *revisions(evtwin_table *rows) {
    return evtwin_table_i64_edit(rows, evtwin_table_find(rows, "revision"));
}

/* Every row was given before, and the pump reads on when its sinks have the predictions: these did
 * not reach the rows, nor will they the next time. */
static evtwin_status check_progress(const store_source *s, const evtwin_source *source,
                                    evtwin_table *found) {
    const size_t n = evtwin_table_rows(found);
    const size_t n_last = s->last != NULL ? evtwin_table_rows(s->last) : 0;
    int is_new = n_last == 0;
    for (size_t i = 0; i < n && !is_new; i++) {
        is_new = bsearch(&revisions(found)[i], revisions(s->last), n_last, sizeof(int64_t),
                         by_value) == NULL;
    }
    EVTWIN_FAIL_IF(!is_new, EVTWIN_E_EXTERNAL,
                   "%s: %zu waiting row%s given before and still wait%s: no prediction reached the "
                   "store; write predictions to the same store",
                   evtwin_source_uri(source), n, n == 1 ? " was" : "s were", n == 1 ? "s" : "");
    return EVTWIN_OK;
}

/* In which order they come does not matter from here on: only which they are. */
static void remember(store_source *s, evtwin_table *found) {
    qsort(revisions(found), evtwin_table_rows(found), sizeof(int64_t), by_value);
    evtwin_table_free(s->last);
    s->last = found;
}

static evtwin_status read_waiting(store_source *s, const evtwin_source *source, size_t max_rows,
                                  evtwin_table *table) {
    evtwin_table *found = NULL;
    evtwin_status st = evtwin_store_unpredicted(s->store, max_rows, &found);
    if (is_replaced(s)) {
        evtwin_table_free(s->last);
        s->last = NULL;
    }
    if (st == EVTWIN_OK && (st = check_progress(s, source, found)) >= 0 &&
        (st = append(s, found, table)) >= 0) {
        remember(s, found);
        found = NULL;
    }
    evtwin_table_free(found);
    return st == EVTWIN_DONE ? EVTWIN_OK : st;
}

/* ---- the change feed ---- */

/* The position may be of another database than the one that has its name now: of one that was
 * replaced, restored or set back, or whose standby took over without its last transactions. Nothing
 * tells then which rows are new: all are given again, and their keys keep out what is there. */
static evtwin_status look_at_database(store_source *s, const evtwin_source *source) {
    uint64_t identity = 0;
    int64_t end = 0;
    char text[sizeof s->identity];
    if (s->is_known && evtwin_store_generation(s->store) == s->generation) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__store_identity(s->store, &identity, &end));
    snprintf(text, sizeof text, "%016" PRIx64, identity);
    const int is_other = s->is_known || s->revision >= end ||
                         (s->identity[0] != '\0' && strcmp(s->identity, text) != 0);
    if (is_other && s->revision > 0 && !s->is_known) { /* else the store has said so */
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: its position is of another database, or of this one before it was set "
                    "back; all rows are read again from the beginning",
                    evtwin_source_uri(source));
    }
    s->revision = is_other ? 0 : s->revision;
    s->generation = evtwin_store_generation(s->store);
    memcpy(s->identity, text, sizeof text);
    s->is_known = 1;
    return EVTWIN_OK;
}

/* Rows behind the last one given. The database may be found replaced meanwhile. */
static evtwin_status read_changes(store_source *s, const evtwin_source *source, size_t max_rows,
                                  evtwin_table **found, int64_t *revision) {
    for (;;) {
        EVTWIN_TRY(look_at_database(s, source));
        const evtwin_status st =
            evtwin_store_changes(s->store, s->revision, max_rows, found, revision);
        if (evtwin_store_generation(s->store) == s->generation) {
            return st;
        }
        if (st == EVTWIN_OK) {
            evtwin_table_free(*found);
        }
    }
}

static evtwin_status read_feed(store_source *s, evtwin_source *source, size_t max_rows,
                               evtwin_table *table) {
    evtwin_table *found = NULL;
    int64_t revision = 0;
    evtwin_status st = read_changes(s, source, max_rows, &found, &revision);
    if (st != EVTWIN_OK) {
        return st == EVTWIN_DONE ? EVTWIN_OK : st;
    }
    st = append(s, found, table);
    evtwin_table_free(found);
    EVTWIN_TRY(st);
    char position[64];
    snprintf(position, sizeof position, "%" PRId64 "@%s", revision, s->identity);
    EVTWIN_TRY(evtwin_source_set_position(source, position));
    s->revision = revision;
    return EVTWIN_OK;
}

/* A store may always get more rows: its "nothing" is never our end. */
static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    store_source *s = ctx;
    (void)timeout_ms;
    return s->rows == ROWS_UNPREDICTED ? read_waiting(s, source, max_rows, table)
                                       : read_feed(s, source, max_rows, table);
}

#define STORE_SOURCE                                                                               \
    .params = params, .passes_params = 1, .ctx_size = sizeof(store_source), .open = open_source,   \
    .repeats = repeats,                                                                            \
    .source = {                                                                                    \
        .read = read_source, .close = close_source, .seek = seek_source, .check = check_source}

const evtwin__scheme evtwin__source_sqlite = {.name = "sqlite", .names_file = 1, STORE_SOURCE};
const evtwin__scheme evtwin__source_postgresql = {
    .name = "postgresql", .takes_host = 1, STORE_SOURCE};
const evtwin__scheme evtwin__source_postgres = {.name = "postgres", .takes_host = 1, STORE_SOURCE};
