/* SPDX-License-Identifier: MIT */
/* serve/route_export.c: /api/battery/export: the rows of a battery as a file, from the oldest on,
 * read from the store page by page while the client takes them. */

#include "serve/routes.h"

#include "core/binding.h"
#include "core/csv.h"
#include "core/mem.h"
#include "core/status.h"
#include "store/lazy.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_ROWS = 500, COLUMNS = EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS };

/* Which database is read. A copy of a file has the identity of that one, but not its inode. */
typedef struct database {
    uint64_t identity;
    dev_t device;
    ino_t inode;
} database;

/* Under way: a page of text, and where the next one begins. */
typedef struct export {
    evtwin_server *server;
    char battery_id[64];
    int is_jsonl, is_over, is_begun;
    evtwin_history_options page;
    database of;        /* it began with */
    evtwin_table *file; /* rows in the columns of a CSV file */
    evtwin__text text;
    size_t n_sent; /* of text */
}
export;

static void close_export(void *ctx) {
    export *e = ctx;
    evtwin_table_free(e->file);
    evtwin__text_free(&e->text);
    evtwin__free(e);
}

static void open_export(void *ctx, evtwin__http_waker *waker) {
    (void)ctx, (void)waker; /* never sleeps: the store has the rows, or has no more */
}

/* ---- a page ---- */

static evtwin_status write_csv(export *e, const evtwin_table *rows) {
    evtwin__binding b;
    if (!e->is_begun) {
        EVTWIN_TRY(evtwin__csv_write_header(e->file, &e->text));
    }
    if (rows == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__bind(rows, COLUMNS, &b));
    EVTWIN_TRY(evtwin_table_resize(e->file, 0));
    EVTWIN_TRY(evtwin__binding_append(&b, 0, b.rows, COLUMNS, e->file));
    return evtwin__csv_write_rows(e->file, 0, b.rows, &e->text);
}

/* Rows as the history has them, one on each line. */
static evtwin_status write_jsonl(export *e, evtwin__call *call) {
    evtwin__text *body = &call->response->body;
    for (size_t row = 0; row < evtwin_table_rows(call->rows); row++) {
        evtwin__text_put(body, "{");
        evtwin__answer_row(call, row, NULL);
        evtwin__text_put(body, "}\n");
    }
    EVTWIN_FAIL_IF(body->is_failed, EVTWIN_E_NOMEM, "out of memory for a page of an export");
    e->text = *body;
    *body = (evtwin__text){0};
    return EVTWIN_OK;
}

static evtwin_status read_page(export *e, evtwin__call *call) {
    evtwin_status st =
        evtwin_store_history(call->handle->store, e->battery_id, &e->page, &call->rows);
    EVTWIN_TRY(st);
    if (e->is_jsonl) {
        EVTWIN_FAIL_IF(!evtwin__call_read_context(call), call->store_status,
                       "the models and limits of an export could not be read");
        call->response->body = e->text; /* uses its memory again */
        call->response->body.size = 0;
        e->text = (evtwin__text){0};
        st = write_jsonl(e, call);
    } else {
        e->text.size = 0;
        st = write_csv(e, call->rows);
    }
    EVTWIN_TRY(st);
    const size_t n = evtwin_table_rows(call->rows);
    e->is_over = n < e->page.limit;
    if (n > 0) {
        const evtwin_table *rows = call->rows;
        e->page.after_time_us = evtwin_table_i64(rows, evtwin_table_find(rows, "time"))[n - 1];
        e->page.after_seq = evtwin_table_i64(rows, evtwin_table_find(rows, "seq"))[n - 1];
    }
    return EVTWIN_OK;
}

static evtwin_status read_database(const evtwin__store_handle *h, database *out) {
    int64_t end;
    out->device = h->device;
    out->inode = h->inode;
    return evtwin__store_identity(h->store, &out->identity, &end);
}

/* A page, of the database that the first one came from: which one it is was read before the first
 * and is read after each, since another may take its place at any moment. */
static evtwin_status read_same(export *e, evtwin__call *call) {
    database now;
    if (!e->is_begun) {
        EVTWIN_TRY(read_database(call->handle, &e->of));
    }
    EVTWIN_TRY(read_page(e, call));
    EVTWIN_TRY(read_database(call->handle, &now));
    EVTWIN_FAIL_IF(now.identity != e->of.identity || now.device != e->of.device ||
                       now.inode != e->of.inode,
                   EVTWIN_E_AGAIN, "the database was replaced during an export");
    e->is_begun = 1;
    e->n_sent = 0;
    return EVTWIN_OK;
}

/* The next page into e->text. The call is one of its own: it borrows a store handle for as long. */
static evtwin_status next_page(export *e) {
    evtwin__http_response response = {0};
    evtwin__call call = {.server = e->server, .response = &response};
    EVTWIN_TRY(evtwin__store_pool_take(e->server->stores, &call.handle));
    const evtwin_status st = read_same(e, &call);
    evtwin__call_free(&call);
    evtwin__text_free(&response.body);
    evtwin__store_pool_give(e->server->stores, call.handle, st);
    return st;
}

static ptrdiff_t read_export(void *ctx, char *to, size_t room) {
    export *e = ctx;
    while (e->n_sent == e->text.size) {
        if (e->is_over) {
            return -1;
        }
        const evtwin_status st = next_page(e);
        if (st < 0) {
            evtwin__store_problem(e->server, st); /* logs it */
            return EVTWIN__HTTP_BROKEN;
        }
    }
    const size_t left = e->text.size - e->n_sent, n = left < room ? left : room;
    memcpy(to, e->text.data + e->n_sent, n);
    e->n_sent += n;
    return (ptrdiff_t)n;
}

/* ---- the request ---- */

static evtwin_status begin(evtwin__call *call, export **out) {
    const evtwin__params *p = &call->params;
    export *e = evtwin__calloc(1, sizeof *e);
    EVTWIN_FAIL_IF(e == NULL, EVTWIN_E_NOMEM, "out of memory for an export");
    e->server = call->server;
    e->is_jsonl = p->is_jsonl;
    snprintf(e->battery_id, sizeof e->battery_id, "%s", p->battery_id);
    evtwin_history_options_init(&e->page, sizeof e->page);
    e->page.oldest_first = 1;
    e->page.from_us = p->from_us;
    e->page.to_us = p->to_us;
    e->page.limit = PAGE_ROWS;
    const evtwin_status st = evtwin__schema_table_create(COLUMNS, &e->file);
    if (st < 0) {
        close_export(e);
        return st;
    }
    *out = e;
    return EVTWIN_OK;
}

void evtwin__route_export(evtwin__call *call) {
    export *e = NULL;
    if (!evtwin__call_read_latest(call, call->params.battery_id)) {
        return;
    }
    if (call->rows == NULL) {
        evtwin__answer_error(call, 404, "there is no battery %s", call->params.battery_id);
        return;
    }
    if (!evtwin__store_answered(call, begin(call, &e))) {
        return;
    }
    evtwin__http_response *r = call->response;
    r->code = 200;
    r->stream = (evtwin__http_stream){open_export, read_export, close_export, e, 1};
    call->content_type =
        e->is_jsonl ? "application/x-ndjson; charset=utf-8" : "text/csv; charset=utf-8";
    snprintf(r->made, sizeof r->made, "attachment; filename=\"%s.%s\"", e->battery_id,
             e->is_jsonl ? "jsonl" : "csv");
    evtwin__http_header(r, "Content-Disposition", r->made);
}
