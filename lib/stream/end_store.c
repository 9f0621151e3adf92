/* SPDX-License-Identifier: MIT */
/* stream/end_store.c: "sqlite:FILE" in and out: a store's change feed, its inserts, its
 * predictions. */

#include "stream/ends.h"

#include "evtwin/store.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/record.h"

#include <stdio.h>
#include <string.h>

/* The store's own URI: ours without the parameters. An absolute name may hold any character, a
 * relative one has none that would have to be escaped. The caller frees it; NULL when memory is
 * out.
 */
static char *uri_without_params(const evtwin__uri *uri) {
    const size_t size = strlen(uri->scheme) + 3 * strlen(uri->path) + 4;
    char *text = evtwin__calloc(size, 1);
    if (text == NULL || uri->path[0] != '/') {
        if (text != NULL) {
            (void)snprintf(text, size, "%s:%s", uri->scheme, uri->path);
        }
        return text;
    }
    size_t n = (size_t)snprintf(text, size, "%s://", uri->scheme);
    for (const char *c = uri->path; *c != '\0'; c++) {
        n += (size_t)snprintf(text + n, size - n, *c == '%' || *c == '?' ? "%%%02X" : "%c", *c);
    }
    return text;
}

static evtwin_status open_store(const evtwin__uri *uri, const evtwin_store_options *options,
                                evtwin_store **out) {
    evtwin_status st = evtwin__uri_need_path(uri);
    if (st < 0) {
        return st;
    }
    char *text = uri_without_params(uri);
    if (text == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = evtwin_store_open(text, options, out);
    evtwin__free(text);
    return st;
}

/* ---- source ---- */

enum { ROWS_ALL = 0, ROWS_UNPREDICTED = 1 };

static const char *const rows_words[] = {[ROWS_ALL] = "all", [ROWS_UNPREDICTED] = "unpredicted"};

typedef struct store_source {
    evtwin_store *store;
    size_t rows;      /* ROWS_… */
    int64_t revision; /* of the last row given */
} store_source;

static void close_source(void *state) {
    store_source *s = state;
    if (s != NULL) {
        evtwin_store_free(s->store);
        evtwin__free(s);
    }
}

/* The database has to exist: a mistyped name must not become a source of nothing. */
static evtwin_status open_source(const evtwin__uri *uri, void **state_out) {
    evtwin_store_options options;
    evtwin_status st = evtwin_store_options_init(&options, sizeof options);
    if (st < 0) {
        return st;
    }
    options.read_only = 1;
    store_source *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = evtwin__param_word(uri, "rows", rows_words, 2, &s->rows);
    if (st == EVTWIN_OK) {
        st = open_store(uri, &options, &s->store);
    }
    if (st < 0) {
        close_source(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

/* A store may always get more rows: its "nothing" is never our end. */
static evtwin_status read_source(void *state, size_t max_rows, evtwin_table *table) {
    store_source *s = state;
    evtwin_table *found = NULL;
    int64_t revision = s->revision;
    evtwin_status st =
        s->rows == ROWS_UNPREDICTED
            ? evtwin_store_unpredicted(s->store, max_rows, &found)
            : evtwin_store_changes(s->store, s->revision, max_rows, &found, &revision);
    if (st != EVTWIN_OK) {
        return st == EVTWIN_DONE ? EVTWIN_OK : st;
    }
    evtwin__record record;
    st = evtwin__record_bind(found, &record);
    if (st == EVTWIN_OK) {
        st = evtwin__record_append(&record, 0, evtwin_table_rows(found), 0, table);
    }
    evtwin_table_free(found);
    if (st == EVTWIN_OK) {
        s->revision = revision;
    }
    return st;
}

static const char *const source_params[] = {"rows", NULL};

const evtwin__source_end evtwin__source_sqlite = {
    .scheme = "sqlite",
    .params = source_params,
    .open = open_source,
    .read = read_source,
    .close = close_source,
};

/* ---- sink ---- */

enum { WRITE_ROWS = 0, WRITE_PREDICTIONS = 1 };

static const char *const write_words[] = {
    [WRITE_ROWS] = "rows", [WRITE_PREDICTIONS] = "predictions"};

typedef struct store_sink {
    evtwin_store *store;
    size_t write; /* WRITE_… */
} store_sink;

static void close_sink(void *state) {
    store_sink *s = state;
    if (s != NULL) {
        evtwin_store_free(s->store);
        evtwin__free(s);
    }
}

static evtwin_status open_sink(const evtwin__uri *uri, void **state_out) {
    evtwin_store_options options;
    evtwin_status st = evtwin_store_options_init(&options, sizeof options);
    if (st < 0) {
        return st;
    }
    store_sink *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = evtwin__param_word(uri, "write", write_words, 2, &s->write);
    if (st == EVTWIN_OK) {
        st = evtwin__param_number(uri, "retention_days", 0.0, 1e6, &options.retention_days);
    }
    if (st == EVTWIN_OK) {
        st = open_store(uri, &options, &s->store);
    }
    if (st < 0) {
        close_sink(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

static evtwin_status write_sink(void *state, const evtwin_table *table) {
    store_sink *s = state;
    return s->write == WRITE_PREDICTIONS ? evtwin_store_put_predictions(s->store, table, NULL, NULL)
                                         : evtwin_store_insert(s->store, table, NULL, 0);
}

/* Each write is a transaction that was committed. */
static evtwin_status flush_sink(void *state) {
    (void)state;
    return EVTWIN_OK;
}

static const char *const sink_params[] = {"write", "retention_days", NULL};

const evtwin__sink_end evtwin__sink_sqlite = {
    .scheme = "sqlite",
    .params = sink_params,
    .open = open_sink,
    .write = write_sink,
    .flush = flush_sink,
    .close = close_sink,
};
