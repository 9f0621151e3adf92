/* SPDX-License-Identifier: MIT */
/* stream/source_screened.c: a source whose rows are those of another, screened. */

#include "evtwin/screen.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

typedef struct screened {
    evtwin_source *from;
    evtwin_screen *screen; /* borrowed */
} screened;

/* What the other source has given must not be lost for want of memory: then the position stays
 * before it, and it has no flags. */
static evtwin_status note_shortage(const evtwin_source *source, evtwin_status st) {
    if (st == EVTWIN_E_NOMEM) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: %s", evtwin_source_uri(source), evtwin_last_error());
        return EVTWIN_OK;
    }
    return st;
}

/* The position is that of the other source, whether rows came or one was refused. */
static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    screened *s = ctx;
    const size_t first = evtwin_table_rows(table);
    const evtwin_status st = evtwin_source_read(s->from, max_rows, timeout_ms, table);
    EVTWIN_TRY(st);
    EVTWIN_TRY(
        note_shortage(source, evtwin_source_set_position(source, evtwin_source_position(s->from))));
    if (st == EVTWIN_REFUSED) {
        evtwin_refusal r;
        EVTWIN_TRY(evtwin_source_refusal(s->from, &r, sizeof r));
        return evtwin_source_refuse(source, r.status, r.place, r.reason, r.raw, r.raw_size);
    }
    EVTWIN_TRY(note_shortage(source, evtwin_screen_apply(s->screen, table, first)));
    return st;
}

static evtwin_status commit(void *ctx, const char *position) {
    return evtwin_source_commit(((screened *)ctx)->from, position);
}

static evtwin_status seek(void *ctx, const char *position) {
    return evtwin_source_seek(((screened *)ctx)->from, position);
}

static evtwin_status check(void *ctx, int timeout_ms) {
    return evtwin_source_check(((screened *)ctx)->from, timeout_ms);
}

static void close_source(void *ctx) {
    evtwin_source_free(((screened *)ctx)->from);
}

evtwin_status evtwin_source_screened(evtwin_source *source, evtwin_screen *screen,
                                     evtwin_source **out) {
    EVTWIN_FAIL_IF(source == NULL || screen == NULL || out == NULL, EVTWIN_E_ARG,
                   "source, screen or out is NULL");
    screened *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory for a source");
    *s = (screened){source, screen};
    const evtwin__owned owned = {.ctx = s};
    const evtwin_source_callbacks callbacks = {.size = sizeof callbacks,
                                               .name = evtwin_source_uri(source),
                                               .read = read_source,
                                               .commit = commit,
                                               .close = close_source,
                                               .seek = seek,
                                               .check = check};
    const evtwin_status st = evtwin__source_create(&callbacks, s, &owned, out);
    if (st < 0) {
        evtwin__free(s);
        return st;
    }
    evtwin__source_set_repeats(*out, evtwin__source_repeats(source));
    return EVTWIN_OK;
}
