/* SPDX-License-Identifier: MIT */
/* stream/source.c: a source is its callbacks, its position and the record it refused last. */

#include "evtwin/stream.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_RAW = 65536, FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 100 };

struct evtwin_source {
    evtwin_source_callbacks callbacks;
    void *ctx;
    evtwin__text position; /* NUL-terminated, or empty */

    /* of the last refusal; OK = none yet */
    evtwin_status refused;
    char place[512], reason[1024];
    evtwin__text raw;
};

evtwin_status evtwin_source_create(const evtwin_source_callbacks *callbacks, void *ctx,
                                   evtwin_source **out) {
    evtwin_source_callbacks taken = {.size = 0};
    EVTWIN_FAIL_IF(callbacks == NULL || out == NULL, EVTWIN_E_ARG, "callbacks or out is NULL");
    evtwin__options_copy(&taken, sizeof taken, callbacks, callbacks->size);
    EVTWIN_FAIL_IF(taken.name == NULL || taken.read == NULL, EVTWIN_E_ARG,
                   "a source needs a name and a function to read");
    evtwin_source *s = evtwin__calloc(1, sizeof *s);
    char *name = evtwin__strdup(taken.name);
    if (s == NULL || name == NULL) {
        evtwin__free(s);
        evtwin__free(name);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%.200s: out of memory for a source", taken.name);
    }
    s->callbacks = taken;
    s->callbacks.name = name;
    s->ctx = ctx;
    *out = s;
    return EVTWIN_OK;
}

void evtwin_source_free(evtwin_source *source) {
    if (source == NULL) {
        return;
    }
    if (source->callbacks.close != NULL) {
        source->callbacks.close(source->ctx);
    }
    evtwin__text_free(&source->position);
    evtwin__text_free(&source->raw);
    evtwin__free((char *)source->callbacks.name);
    evtwin__free(source);
}

const char *evtwin_source_uri(const evtwin_source *source) {
    return source != NULL ? source->callbacks.name : "";
}

/* A source of a caller's own cannot set the error text: what its status means stands in for it. */
static void forget_error(void) {
    (void)evtwin__fail(EVTWIN_E_STATE, "%s", "");
}

static evtwin_status explain(const evtwin_source *source, evtwin_status status) {
    EVTWIN_FAIL_IF(status < 0 && evtwin_last_error()[0] == '\0', status, "%s: %s",
                   source->callbacks.name, evtwin_status_text(status));
    return status;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    EVTWIN_FAIL_IF(source == NULL || table == NULL || max_rows == 0 || timeout_ms < 0, EVTWIN_E_ARG,
                   "source or table is NULL, max_rows is 0, or timeout_ms is negative");
    const size_t before = evtwin_table_rows(table);
    const int64_t end_ms = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
    int64_t left_ms = timeout_ms, pause_ms = FIRST_PAUSE_MS;
    evtwin_status st;

    forget_error();

    /* one that did not wait by itself is asked again */
    for (;;) {
        st = source->callbacks.read(source->ctx, source, max_rows, (int)left_ms, table);
        left_ms = timeout_ms > 0 ? end_ms - now_ms() : 0;
        if (st != EVTWIN_OK || evtwin_table_rows(table) > before || left_ms <= 0) {
            break;
        }
        pause_ms = pause_ms < left_ms ? pause_ms : left_ms;
        const struct timespec pause = {.tv_nsec = (long)pause_ms * 1000000};
        nanosleep(&pause, NULL);
        pause_ms = 2 * pause_ms < LONGEST_PAUSE_MS ? 2 * pause_ms : LONGEST_PAUSE_MS;
        left_ms = end_ms - now_ms() > 0 ? end_ms - now_ms() : 0;
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

evtwin_status evtwin_source_set_position(evtwin_source *source, const char *position) {
    EVTWIN_FAIL_IF(source == NULL || position == NULL, EVTWIN_E_ARG, "source or position is NULL");
    const size_t size = strlen(position) + 1;
    const size_t kept = source->position.size;
    source->position.size = 0;
    char *room = evtwin__text_room(&source->position, size);
    if (room == NULL) {
        source->position.size = kept;
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for a position", source->callbacks.name);
    }
    memcpy(room, position, size);
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
