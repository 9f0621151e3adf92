/* SPDX-License-Identifier: MIT */
/* stream/source_sink.c: a source and a sink are their callbacks and their name; a source has a
 * position and the record it refused last too. */

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"
#include "stream/pacing.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RAW = 65536 };

static const double first_pause_s = 0.005, longest_pause_s = 0.1; /* of a source without rows */

struct evtwin_source {
    evtwin_source_callbacks callbacks;
    void *ctx;
    evtwin__owned owned;
    evtwin__text position; /* NUL-terminated, or empty */
    unsigned share;
    int repeats;

    /* of the last refusal; OK = none yet */
    evtwin_status refused;
    char place[512], reason[1024];
    evtwin__text raw;
};

struct evtwin_sink {
    evtwin_sink_callbacks callbacks;
    void *ctx;
    evtwin__owned owned;
};

/* ---- what both have ---- */

/* A new handle of that size, and a copy of its name in *name. */
static evtwin_status create(const char *kind, size_t size, const char **name, void *out) {
    void *handle = evtwin__calloc(1, size);
    char *copy = evtwin__strdup(*name);
    if (handle == NULL || copy == NULL) {
        evtwin__free(handle);
        evtwin__free(copy);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%.200s: out of memory for a %s", *name, kind);
    }
    *name = copy;
    memcpy(out, &handle, sizeof handle);
    return EVTWIN_OK;
}

static void close_ctx(void (*close)(void *ctx), void *ctx, evtwin__owned *owned, const char *name) {
    if (close != NULL) {
        close(ctx);
    }
    evtwin__free(owned->ctx);
    evtwin__uri_free(&owned->uri);
    evtwin__free((char *)name);
}

/* Callbacks of a caller's own cannot set the error text: what their status means stands in for it.
 */
static void forget_error(void) {
    (void)evtwin__fail(EVTWIN_E_STATE, "%s", "");
}

/* ---- sources ---- */

evtwin_status evtwin__source_create(const evtwin_source_callbacks *callbacks, void *ctx,
                                    const evtwin__owned *owned, evtwin_source **out) {
    evtwin_source_callbacks taken = {.size = 0};
    EVTWIN_FAIL_IF(callbacks == NULL || out == NULL, EVTWIN_E_ARG, "callbacks or out is NULL");
    evtwin__options_copy(&taken, sizeof taken, callbacks, callbacks->size);
    EVTWIN_FAIL_IF(taken.name == NULL || taken.read == NULL, EVTWIN_E_ARG,
                   "a source needs a name and a function to read");
    evtwin_source *s = NULL;
    EVTWIN_TRY(create("source", sizeof *s, &taken.name, &s));
    s->callbacks = taken;
    s->ctx = ctx;
    s->owned = *owned;
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin_source_create(const evtwin_source_callbacks *callbacks, void *ctx,
                                   evtwin_source **out) {
    return evtwin__source_create(callbacks, ctx, &(evtwin__owned){.ctx = NULL}, out);
}

void evtwin_source_free(evtwin_source *source) {
    if (source != NULL) {
        close_ctx(source->callbacks.close, source->ctx, &source->owned, source->callbacks.name);
        evtwin__text_free(&source->position);
        evtwin__text_free(&source->raw);
        evtwin__free(source);
    }
}

const char *evtwin_source_uri(const evtwin_source *source) {
    return source != NULL ? source->callbacks.name : "";
}

static evtwin_status explain(const evtwin_source *source, evtwin_status status) {
    EVTWIN_FAIL_IF(status < 0 && evtwin_last_error()[0] == '\0', status, "%s: %s",
                   source->callbacks.name, evtwin_status_text(status));
    return status;
}

evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    EVTWIN_FAIL_IF(source == NULL || table == NULL || max_rows == 0 || timeout_ms < 0, EVTWIN_E_ARG,
                   "source or table is NULL, max_rows is 0, or timeout_ms is negative");
    const size_t before = evtwin_table_rows(table);
    const double end_s = timeout_ms > 0 ? evtwin__monotonic_s() + 1e-3 * timeout_ms : 0.0;
    double left_s = 1e-3 * timeout_ms, pause_s = first_pause_s;
    evtwin_status st;

    forget_error();

    /* one that did not wait by itself is called again */
    for (;;) {
        const int left_ms = left_s > 0.0 ? (int)ceil(1e3 * left_s) : 0;
        st = source->callbacks.read(source->ctx, source, max_rows, left_ms, table);
        left_s = timeout_ms > 0 ? end_s - evtwin__monotonic_s() : 0.0;
        if (st != EVTWIN_OK || evtwin_table_rows(table) > before || left_s <= 0.0) {
            break;
        }
        evtwin__sleep_s(pause_s < left_s ? pause_s : left_s);
        pause_s = 2.0 * pause_s < longest_pause_s ? 2.0 * pause_s : longest_pause_s;
        left_s = end_s - evtwin__monotonic_s();
    }
    if (st != EVTWIN_OK && evtwin_table_rows(table) > before) {
        evtwin_table_resize(table, before); /* shrinking does not fail */
    }
    return explain(source, st);
}

evtwin_status evtwin_source_refuse(evtwin_source *source, evtwin_status status, const char *place,
                                   const char *reason, const char *raw, size_t raw_size) {
    EVTWIN_FAIL_IF(source == NULL || status >= 0 || place == NULL, EVTWIN_E_ARG,
                   "source or place is NULL, or status is not a failure");
    source->refused = status;
    snprintf(source->place, sizeof source->place, "%s", place);
    evtwin__fail(status, "%s", reason != NULL ? reason : evtwin_last_error());
    snprintf(source->reason, sizeof source->reason, "%s", evtwin_last_error());

    /* the record itself is best effort: why it was refused matters more */
    const size_t n = raw == NULL ? 0 : raw_size < MAX_RAW ? raw_size : MAX_RAW;
    source->raw.size = 0;
    char *room = evtwin__text_room(&source->raw, n + 1);
    if (room != NULL) {
        if (n > 0) {
            memcpy(room, raw, n);
        }
        room[n] = '\0';
        source->raw.size = n;
    }
    return EVTWIN_REFUSED;
}

evtwin_status evtwin_source_refusal(const evtwin_source *source, evtwin_refusal *out, size_t size) {
    EVTWIN_FAIL_IF(source == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "source or out is NULL, or out is too small");
    if (source->refused == EVTWIN_OK) {
        return EVTWIN_DONE;
    }
    const evtwin_refusal full = {.size = sizeof full,
                                 .status = source->refused,
                                 .place = source->place,
                                 .reason = source->reason,
                                 .raw = source->raw.data != NULL ? source->raw.data : "",
                                 .raw_size = source->raw.size};
    evtwin__report_copy(out, size, &full, sizeof full);
    return EVTWIN_OK;
}

const char *evtwin_source_position(const evtwin_source *source) {
    return source != NULL && source->position.size > 0 ? source->position.data : "";
}

void evtwin__source_share_changed(evtwin_source *source) {
    source->share++;
}

unsigned evtwin__source_share(const evtwin_source *source) {
    return source->share;
}

void evtwin__source_set_repeats(evtwin_source *source, int repeats) {
    source->repeats = repeats;
}

int evtwin__source_repeats(const evtwin_source *source) {
    return source->repeats;
}

evtwin_status evtwin_source_set_position(evtwin_source *source, const char *position) {
    EVTWIN_FAIL_IF(source == NULL || position == NULL, EVTWIN_E_ARG, "source or position is NULL");
    const size_t size = strlen(position) + 1;
    EVTWIN_FAIL_IF(evtwin__text_room(&source->position, size) == NULL, EVTWIN_E_NOMEM,
                   "%s: out of memory for a position", source->callbacks.name);
    memcpy(source->position.data, position, size);
    source->position.size = size;
    return EVTWIN_OK;
}

evtwin_status evtwin_source_commit(evtwin_source *source, const char *position) {
    EVTWIN_FAIL_IF(source == NULL || position == NULL, EVTWIN_E_ARG, "source or position is NULL");
    if (source->callbacks.commit == NULL) {
        return EVTWIN_OK;
    }
    forget_error();
    return explain(source, source->callbacks.commit(source->ctx, position));
}

evtwin_status evtwin_source_seek(evtwin_source *source, const char *position) {
    EVTWIN_FAIL_IF(source == NULL || position == NULL, EVTWIN_E_ARG, "source or position is NULL");
    EVTWIN_FAIL_IF(source->callbacks.seek == NULL, EVTWIN_E_UNSUPPORTED,
                   "%s: cannot continue behind a position", source->callbacks.name);
    forget_error();
    return explain(source, source->callbacks.seek(source->ctx, position));
}

evtwin_status evtwin_source_check(evtwin_source *source, int timeout_ms) {
    EVTWIN_FAIL_IF(source == NULL || timeout_ms < 0, EVTWIN_E_ARG,
                   "source is NULL or timeout_ms is negative");
    forget_error();
    return source->callbacks.check == NULL
               ? EVTWIN_OK
               : explain(source, source->callbacks.check(source->ctx, timeout_ms));
}

/* ---- sinks ---- */

evtwin_status evtwin__sink_create(const evtwin_sink_callbacks *callbacks, void *ctx,
                                  const evtwin__owned *owned, evtwin_sink **out) {
    evtwin_sink_callbacks taken = {.size = 0};
    EVTWIN_FAIL_IF(callbacks == NULL || out == NULL, EVTWIN_E_ARG, "callbacks or out is NULL");
    evtwin__options_copy(&taken, sizeof taken, callbacks, callbacks->size);
    EVTWIN_FAIL_IF(taken.name == NULL || taken.write == NULL, EVTWIN_E_ARG,
                   "a sink needs a name and a function to write");
    evtwin_sink *s = NULL;
    EVTWIN_TRY(create("sink", sizeof *s, &taken.name, &s));
    *s = (evtwin_sink){.callbacks = taken, .ctx = ctx, .owned = *owned};
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin_sink_create(const evtwin_sink_callbacks *callbacks, void *ctx,
                                 evtwin_sink **out) {
    return evtwin__sink_create(callbacks, ctx, &(evtwin__owned){.ctx = NULL}, out);
}

void evtwin_sink_free(evtwin_sink *sink) {
    if (sink != NULL) {
        if (sink->callbacks.flush != NULL) {
            sink->callbacks.flush(sink->ctx);
        }
        close_ctx(sink->callbacks.close, sink->ctx, &sink->owned, sink->callbacks.name);
        evtwin__free(sink);
    }
}

const char *evtwin_sink_uri(const evtwin_sink *sink) {
    return sink != NULL ? sink->callbacks.name : "";
}

static evtwin_status name_failure(const evtwin_sink *sink, evtwin_status status) {
    if (status >= 0) {
        return EVTWIN_OK;
    }
    const char *text = evtwin_last_error();
    EVTWIN_FAIL(status, "%s: %s", sink->callbacks.name,
                *text != '\0' ? text : evtwin_status_text(status));
}

evtwin_status evtwin_sink_write_batch(evtwin_sink *sink, const evtwin_batch *batch) {
    EVTWIN_FAIL_IF(sink == NULL || batch == NULL || batch->rows == NULL, EVTWIN_E_ARG,
                   "sink, batch or its rows are NULL");
    evtwin_batch taken = {.size = 0};
    evtwin__options_copy(&taken, sizeof taken, batch, batch->size);
    taken.size = sizeof taken;
    if (evtwin_table_rows(taken.rows) == 0) {
        return EVTWIN_OK;
    }
    forget_error();
    const evtwin_status st = sink->callbacks.write(sink->ctx, &taken);
    return st == EVTWIN_DONE && taken.completes ? st : name_failure(sink, st);
}

evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table) {
    const evtwin_batch batch = {.size = sizeof batch, .rows = table};
    return evtwin_sink_write_batch(sink, &batch);
}

evtwin_status evtwin_sink_flush(evtwin_sink *sink) {
    EVTWIN_FAIL_IF(sink == NULL, EVTWIN_E_ARG, "sink is NULL");
    if (sink->callbacks.flush == NULL) {
        return EVTWIN_OK;
    }
    forget_error();
    return name_failure(sink, sink->callbacks.flush(sink->ctx));
}

evtwin_status evtwin_sink_position(evtwin_sink *sink, const char *source, char *text,
                                   size_t text_size) {
    EVTWIN_FAIL_IF(sink == NULL || source == NULL || text == NULL, EVTWIN_E_ARG,
                   "sink, source or text is NULL");
    if (sink->callbacks.position == NULL) {
        return EVTWIN_DONE;
    }
    forget_error();
    const evtwin_status st = sink->callbacks.position(sink->ctx, source, text, text_size);
    return st < 0 ? name_failure(sink, st) : st;
}

int evtwin__sink_keeps_states(const evtwin_sink *sink) {
    return sink->callbacks.states != NULL;
}

evtwin_status evtwin_sink_states(evtwin_sink *sink, const evtwin_table *batteries,
                                 evtwin_table **out) {
    EVTWIN_FAIL_IF(sink == NULL || batteries == NULL || out == NULL, EVTWIN_E_ARG,
                   "sink, batteries or out is NULL");
    size_t col; /* where it is, the callback sees by itself */
    EVTWIN_TRY(evtwin__table_batteries(batteries, &col));
    evtwin_table *states = NULL;
    evtwin_status st = EVTWIN_DONE;
    if (evtwin__sink_keeps_states(sink)) {
        forget_error();
        st = sink->callbacks.states(sink->ctx, batteries, &states);
        EVTWIN_TRY(st < 0 ? name_failure(sink, st) : EVTWIN_OK);
    }
    *out = states;
    return states != NULL ? EVTWIN_OK : EVTWIN_DONE;
}

int evtwin__sink_has_check(const evtwin_sink *sink) {
    return sink->callbacks.check != NULL;
}

evtwin_status evtwin_sink_check(evtwin_sink *sink, int timeout_ms) {
    EVTWIN_FAIL_IF(sink == NULL || timeout_ms < 0, EVTWIN_E_ARG,
                   "sink is NULL or timeout_ms is negative");
    forget_error();
    return sink->callbacks.check == NULL
               ? EVTWIN_OK
               : name_failure(sink, sink->callbacks.check(sink->ctx, timeout_ms));
}

void evtwin__sink_interrupt(evtwin_sink *sink) {
    if (sink->callbacks.interrupt != NULL) {
        sink->callbacks.interrupt(sink->ctx);
    }
}

evtwin_status evtwin_sink_write_letters(evtwin_sink *sink, const evtwin_letter *letters, size_t n) {
    EVTWIN_FAIL_IF(sink == NULL || letters == NULL || letters[0].size != sizeof *letters,
                   EVTWIN_E_ARG, "sink or letters is NULL, or their size is not set");
    EVTWIN_FAIL_IF(sink->callbacks.write_letters == NULL, EVTWIN_E_UNSUPPORTED,
                   "%s: takes no dead letters", sink->callbacks.name);
    forget_error();
    return n == 0 ? EVTWIN_OK
                  : name_failure(sink, sink->callbacks.write_letters(sink->ctx, letters, n));
}
