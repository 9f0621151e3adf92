/* SPDX-License-Identifier: MIT */
/* stream/source_store.c: "sqlite:FILE" as a source: a store's change feed, or what waits for a
 * prediction. */

#include "core/binding.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <stdio.h>

enum { ROWS_ALL = 0, ROWS_UNPREDICTED = 1 };

typedef struct store_source {
    evtwin_store *store;
    double retention_days, busy_timeout_ms; /* the former is the sinks' */
    int rows;                               /* ROWS_… */
    int64_t revision;                       /* of the last row given */
} store_source;

static const evtwin__param params[] = {
    EVTWIN__PARAM("rows", WORD, offsetof(store_source, rows),
                  .words = {[ROWS_ALL] = "all", [ROWS_UNPREDICTED] = "unpredicted"}),
    EVTWIN__PARAM("retention_days", NUMBER, offsetof(store_source, retention_days), .max = 1e6),
    EVTWIN__PARAM("busy_timeout_ms", NUMBER, offsetof(store_source, busy_timeout_ms), .max = 1e6),
    {.key = NULL}};

static void close_source(void *ctx) {
    store_source *s = ctx;
    evtwin_store_free(s->store);
}

/* The database has to exist: a mistyped name must not become a source of nothing. */
static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    store_source *s = ctx;
    evtwin_store_options options;
    EVTWIN_TRY(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    s->busy_timeout_ms = options.busy_timeout_ms;
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    options.busy_timeout_ms = (int)s->busy_timeout_ms;
    return evtwin__store_open_uri(uri, &options, &s->store);
}

/* Append the telemetry of rows of the store. */
static evtwin_status append(const evtwin_table *found, evtwin_table *table) {
    evtwin__binding binding;
    EVTWIN_TRY(evtwin__bind(found, EVTWIN__TELEMETRY, &binding));
    return evtwin__binding_append(&binding, 0, binding.rows, EVTWIN__TELEMETRY, table);
}

/* A store may always get more rows: its "nothing" is never our end. */
static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    store_source *s = ctx;
    (void)timeout_ms;
    evtwin_table *found = NULL;
    int64_t revision = s->revision;
    evtwin_status st =
        s->rows == ROWS_UNPREDICTED
            ? evtwin_store_unpredicted(s->store, max_rows, &found)
            : evtwin_store_changes(s->store, s->revision, max_rows, &found, &revision);
    if (st != EVTWIN_OK) {
        return st == EVTWIN_DONE ? EVTWIN_OK : st;
    }
    st = append(found, table);
    evtwin_table_free(found);
    if (st == EVTWIN_OK && s->rows == ROWS_ALL) {
        char position[32];
        snprintf(position, sizeof position, "%lld", (long long)revision);
        st = evtwin_source_set_position(source, position);
    }
    s->revision = st == EVTWIN_OK ? revision : s->revision;
    return st;
}

const evtwin__scheme evtwin__source_sqlite = {
    .name = "sqlite",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(store_source),
    .open = open_source,
    .source = {.read = read_source, .close = close_source},
};
