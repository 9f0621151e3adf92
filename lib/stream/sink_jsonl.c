/* SPDX-License-Identifier: MIT */
/* stream/sink_jsonl.c: "jsonl:FILE" as a sink, one record a line, predictions with it. */

#include "core/mem.h"
#include "core/status.h"
#include "stream/append_file.h"
#include "stream/scheme.h"
#include "stream/telemetry_json.h"

typedef struct jsonl_sink {
    evtwin__append_file *file;
    evtwin__text text; /* of the batch */
} jsonl_sink;

static void close_sink(void *ctx) {
    jsonl_sink *s = ctx;
    if (s != NULL) {
        evtwin__append_close(s->file);
        evtwin__text_free(&s->text);
        evtwin__free(s);
    }
}

/* Nothing of a file that is not a list of JSON objects may be cut off. */
static evtwin_status check_first_byte(void *ctx, const char *path, const char *line, size_t length,
                                      int is_whole) {
    (void)ctx;
    (void)is_whole;
    if (length == 0 || line[0] != '{') {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: does not hold JSON lines; name another file or start it anew with "
                    "?replace=1",
                    path);
    }
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void **ctx_out) {
    jsonl_sink *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    const evtwin_status st = evtwin__append_open(uri, check_first_byte, NULL, &s->file);
    if (st < 0) {
        close_sink(s);
        return st;
    }
    *ctx_out = s;
    return EVTWIN_OK;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    jsonl_sink *s = ctx;
    static const unsigned kinds = EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS;
    evtwin__binding b;
    evtwin_status st = evtwin__bind(batch->rows, kinds, &b);
    if (st < 0 || (st = evtwin__binding_check_keys(&b)) < 0) {
        return st;
    }
    s->text.size = 0;
    for (size_t row = 0; row < b.rows; row++) {
        EVTWIN_TRY(evtwin__telemetry_put_json(&b, row, kinds, &s->text));
        s->text.data[s->text.size++] = '\n'; /* over the NUL */
    }
    return evtwin__append_write(s->file, s->text.data, s->text.size);
}

static evtwin_status flush_sink(void *ctx) {
    jsonl_sink *s = ctx;
    return evtwin__append_flush(s->file);
}

const evtwin__scheme evtwin__sink_jsonl = {
    .name = "jsonl",
    .params = evtwin__append_params,
    .open = open_sink,
    .sink = {.write = write_sink, .flush = flush_sink, .close = close_sink},
};
