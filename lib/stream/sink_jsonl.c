/* SPDX-License-Identifier: MIT */
/* stream/sink_jsonl.c: "jsonl:FILE" as a sink, one record a line, predictions with it. */

#include "core/status.h"
#include "stream/append_file.h"
#include "stream/letter_json.h"
#include "stream/telemetry_json.h"

/* Nothing of a file that is not a list of JSON objects may be cut off. */
static evtwin_status check_first_byte(void *ctx, const char *path, const char *line, size_t length,
                                      int is_whole) {
    (void)ctx;
    (void)is_whole;
    EVTWIN_FAIL_IF(line != NULL && (length == 0 || line[0] != '{'), EVTWIN_E_SCHEMA,
                   "%s: does not hold JSON lines; name another file or start it anew with "
                   "?replace=1",
                   path);
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    return evtwin__append_open(uri, check_first_byte, NULL, ctx);
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    evtwin__append_file *file = ctx;
    static const unsigned kinds = EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS;
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(batch->rows, kinds, &b));
    EVTWIN_TRY(evtwin__binding_check_keys(&b));
    EVTWIN_TRY(evtwin__append_begin(file));
    file->text.size = 0;
    for (size_t row = 0; row < b.rows; row++) {
        EVTWIN_TRY(evtwin__telemetry_put_json(&b, row, kinds, &file->text));
        file->text.data[file->text.size++] = '\n'; /* over the NUL */
    }
    EVTWIN_TRY(evtwin__append_skip_known(file, batch->source));
    return evtwin__append_write(file);
}

/* What a pipe has not taken yet goes with its next letters. */
static evtwin_status write_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    evtwin__append_file *file = ctx;
    EVTWIN_TRY(evtwin__append_begin(file));
    file->text.size = 0;
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(evtwin__letter_put_json(&letters[i], &file->text));
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
    .params = evtwin__append_params,
    .ctx_size = sizeof(evtwin__append_file),
    .open = open_sink,
    .sink = {.write = write_sink,
             .flush = evtwin__append_flush,
             .close = evtwin__append_close,
             .write_letters = write_letters},
};
