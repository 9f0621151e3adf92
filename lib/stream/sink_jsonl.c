/* SPDX-License-Identifier: MIT */
/* stream/sink_jsonl.c: "jsonl:FILE" as a sink, one record a line, predictions with it. */

#include "core/status.h"
#include "stream/append_file.h"
#include "stream/cloudevent.h"
#include "stream/letter_json.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <string.h>

typedef struct jsonl_sink {
    evtwin__append_file file; /* first: the callbacks of append_file.h take it as their ctx */
    int names;                /* whose */
    int cloudevents;          /* an evtwin__cloudevents */
} jsonl_sink;

static const evtwin__param params[] = {
    EVTWIN__APPEND_PARAMS(jsonl_sink, file),
    EVTWIN__PARAM("names", WORD, offsetof(jsonl_sink, names), .words = EVTWIN__NAMES_WORDS),
    EVTWIN__PARAM("cloudevents", WORD, offsetof(jsonl_sink, cloudevents),
                  .words = EVTWIN__CLOUDEVENTS_WORDS),
    {.key = NULL}};

/* Does the line begin with the key of the time in that naming, as our records do? */
static int begins_with_time(const char *line, size_t length, evtwin_naming naming) {
    char begin[64];
    const int n =
        snprintf(begin, sizeof begin, "{\"%s\":", evtwin__telemetry_key(EVTWIN__Q_TIME, naming));
    return length >= (size_t)n && memcmp(line, begin, (size_t)n) == 0;
}

static int begins_with_event(const char *line, size_t length) {
    static const char begin[] = "{\"specversion\":";
    return length >= sizeof begin - 1 && memcmp(line, begin, sizeof begin - 1) == 0;
}

/* The record in a line: behind the attributes, if those of an event are before it. */
static const char *find_record(const char *line, size_t length) {
    static const char key[] = "\"data\":";
    const char *at =
        begins_with_event(line, length) ? memmem(line, length, key, sizeof key - 1) : NULL;
    return at != NULL ? at + sizeof key - 1 : line;
}

/* Is the first line a record as this sink writes them, as far as that can be told? */
static evtwin_status check_kind(const jsonl_sink *s, const char *path, const char *line,
                                size_t length) {
    static const char *const words[] = EVTWIN__NAMES_WORDS;
    const int is_event = begins_with_event(line, length);
    const char *record = find_record(line, length);
    for (int i = 0; i < (int)(sizeof words / sizeof words[0]); i++) {
        if (!begins_with_time(record, length - (size_t)(record - line), evtwin__names_naming(i))) {
            continue;
        }
        EVTWIN_FAIL_IF(is_event != (s->cloudevents != EVTWIN__CLOUDEVENTS_NONE), EVTWIN_E_SCHEMA,
                       "%s: its records are %s; name another file or start it anew with "
                       "?replace=1",
                       path,
                       is_event ? "CloudEvents, as cloudevents=structured writes them"
                                : "not CloudEvents");
        EVTWIN_FAIL_IF(i != s->names, EVTWIN_E_SCHEMA,
                       "%s: its records are written with names=%s, not names=%s; name another file "
                       "or start it anew with ?replace=1",
                       path, words[i], words[s->names]);
    }
    return EVTWIN_OK;
}

/* Nothing of a file that is not a list of JSON objects may be cut off. Records of two kinds in one
 * file would hide from append_file.h what is there already. */
static evtwin_status check_first_line(void *ctx, const char *path, const char *line, size_t length,
                                      int is_whole) {
    (void)is_whole;
    EVTWIN_FAIL_IF(line != NULL && (length == 0 || line[0] != '{'), EVTWIN_E_SCHEMA,
                   "%s: does not hold JSON lines; name another file or start it anew with "
                   "?replace=1",
                   path);
    return line != NULL ? check_kind(ctx, path, line, length) : EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    jsonl_sink *s = ctx;
    s->file.fd = -1;
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_FAIL_IF(s->cloudevents == EVTWIN__CLOUDEVENTS_BINARY, EVTWIN_E_ARG,
                   "jsonl: a line has no place for attributes beside it: cloudevents=structured");
    return evtwin__append_open(uri, check_first_line, s, &s->file);
}

/* Columns of reasons that a pump was asked for, by target; EVTWIN_NO_COLUMN where there is none. */
typedef struct reasons {
    char name[EVTWIN__T_COUNT][80];
    size_t col[EVTWIN__T_COUNT];
} reasons;

static reasons find_reasons(const evtwin_table *rows) {
    reasons found;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin_target target;
        evtwin_target_get(t, &target, sizeof target);
        snprintf(found.name[t], sizeof found.name[t], "%.64s_reasons", target.name);
        const size_t col = evtwin_table_find(rows, found.name[t]);
        const int is_text = col != EVTWIN_NO_COLUMN && evtwin_table_type(rows, col) == EVTWIN_TEXT;
        found.col[t] = is_text ? col : EVTWIN_NO_COLUMN;
    }
    return found;
}

/* They are JSON already, and go behind the quantities of a row, over its brace. */
static void put_reasons(const evtwin_table *rows, size_t row, const reasons *r,
                        evtwin__text *text) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const char *array =
            r->col[t] != EVTWIN_NO_COLUMN ? evtwin_table_text(rows, r->col[t], row) : NULL;
        if (array != NULL) {
            text->size--;
            evtwin__text_put(text, ",\"");
            evtwin__text_put(text, r->name[t]);
            evtwin__text_put(text, "\":");
            evtwin__text_put(text, array);
            evtwin__text_put(text, "}");
        }
    }
}

static evtwin_status put_line(const jsonl_sink *s, const evtwin__binding *b, size_t row,
                              const reasons *reasons_of, evtwin__text *text) {
    const int is_event = s->cloudevents != EVTWIN__CLOUDEVENTS_NONE;
    evtwin__cloudevent event;
    if (is_event) {
        EVTWIN_TRY(evtwin__cloudevent_of_row(b, row, &event));
        evtwin__cloudevent_open(&event, text);
    }
    EVTWIN_TRY(evtwin__telemetry_put_named(b, row, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS,
                                           evtwin__names_naming(s->names), text));
    put_reasons(b->table, row, reasons_of, text);
    if (is_event) {
        evtwin__cloudevent_close(text);
    }
    evtwin__text_put(text, "\n");
    EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for JSON lines");
    return EVTWIN_OK;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    jsonl_sink *s = ctx;
    evtwin__append_file *file = &s->file;
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(batch->rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
    EVTWIN_TRY(evtwin__binding_check_keys(&b));
    EVTWIN_TRY(evtwin__append_begin(file));
    const reasons reasons_of = find_reasons(batch->rows);
    file->text.size = 0;
    file->text.is_failed = 0;
    for (size_t row = 0; row < b.rows; row++) {
        EVTWIN_TRY(put_line(s, &b, row, &reasons_of, &file->text));
    }
    EVTWIN_TRY(evtwin__append_skip_known(file, batch->source));
    return evtwin__append_write(file);
}

static evtwin_status put_letter(const jsonl_sink *s, const evtwin_letter *letter,
                                evtwin__text *text) {
    if (s->cloudevents == EVTWIN__CLOUDEVENTS_NONE) {
        return evtwin__letter_put_json(letter, text);
    }
    evtwin__cloudevent event;
    evtwin__cloudevent_of_letter(letter, &event);
    evtwin__cloudevent_open(&event, text);
    EVTWIN_TRY(evtwin__letter_put_json(letter, text));
    evtwin__cloudevent_close(text);
    return EVTWIN_OK;
}

/* What a pipe has not taken yet goes with its next letters. */
static evtwin_status write_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    jsonl_sink *s = ctx;
    evtwin__append_file *file = &s->file;
    EVTWIN_TRY(evtwin__append_begin(file));
    file->text.size = 0;
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(put_letter(s, &letters[i], &file->text));
        evtwin__text_put(&file->text, "\n");
        EVTWIN_FAIL_IF(file->text.is_failed, EVTWIN_E_NOMEM, "out of memory for dead letters");
    }
    EVTWIN_TRY(evtwin__append_skip_known(file, "spool:")); /* their time of receipt tells them */
    EVTWIN_TRY(evtwin__append_write(file));
    return file->is_pipe ? EVTWIN_OK : evtwin__append_flush(file);
}

const evtwin__scheme evtwin__sink_jsonl = {
    .name = "jsonl",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(jsonl_sink),
    .open = open_sink,
    .sink = {.write = write_sink,
             .flush = evtwin__append_flush,
             .close = evtwin__append_close,
             .write_letters = write_letters},
};
