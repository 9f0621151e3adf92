/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_http_query.c: request targets: what a client sends is decoded into the query's
 * own buffer, UTF-8, without NUL, and goes into JSON and into metric labels as well-formed text. */

#include "serve/exposition.h"
#include "serve/query.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_text(const evtwin__query *q, const char *text) {
    const char *end = q->buffer + sizeof q->buffer;
    if (text < q->buffer || text >= end || memchr(text, '\0', (size_t)(end - text)) == NULL) {
        abort();
    }

    /* as JSON it reads back the same */
    evtwin__text string = {0};
    evtwin__text_string(&string, NULL, text);
    json_t *value = json_loadb(string.data, string.size, JSON_DECODE_ANY, NULL);
    if (value == NULL || strcmp(json_string_value(value), text) != 0) {
        abort();
    }
    json_decref(value);
    evtwin__text_free(&string);

    /* as a label it stays on one line */
    evtwin__exposition e = {0};
    const evtwin__label label = {"l", text};
    evtwin__expose(&e, "m", "", &label, 1, 1.0);
    if (memchr(e.text.data, '\n', e.text.size) != e.text.data + e.text.size - 1) {
        abort();
    }
    evtwin__text_free(&e.text);
    (void)evtwin__accepts_openmetrics(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static evtwin__query q;
    if (evtwin__query_parse((const char *)data, size, &q) < 0) {
        return 0;
    }
    check_text(&q, q.path);
    for (size_t i = 0; i < q.n_params; i++) {
        check_text(&q, q.key[i]);
        check_text(&q, q.value[i]);
        if (evtwin__query_get(&q, q.key[i]) != q.value[i]) {
            abort();
        }
    }
    return 0;
}
