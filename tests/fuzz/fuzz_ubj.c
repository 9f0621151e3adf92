/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_ubj.c: any bytes as UBJSON: read value by value and skipped, it is the same file
 * that ends at the same byte; then as a model. */

#include "model_answers.h"

#include "learn/ubj_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static int walk(evtwin__ubj_scan *s);

static int walk_container(evtwin__ubj_scan *s, char open) {
    int more = 1;
    must(evtwin__ubj_scan_enter(s, open) >= 0);
    for (;;) {
        evtwin__slice key = {s->at, 0};
        const evtwin_status st =
            open == '{' ? evtwin__ubj_scan_member(s, &key, &more) : evtwin__ubj_scan_item(s, &more);
        if (st < 0 || !more) {
            return st >= 0;
        }
        must(key.at >= s->begin && key.size <= (size_t)(s->end - key.at));
        if (!walk(s)) {
            return 0;
        }
    }
}

/* The next value by each call that fits it; 0 if there is none. As deep as the scanner allows. */
static int walk(evtwin__ubj_scan *s) {
    const evtwin__ubj_scan before = *s;
    evtwin__slice text;
    int32_t integer;
    float number;
    for (int i = 0; i < 2; i++) {
        const char open = "{["[i];
        if (evtwin__ubj_scan_enter(s, open) >= 0) {
            *s = before;
            return walk_container(s, open);
        }
        *s = before;
    }
    if (evtwin__ubj_scan_string(s, &text) >= 0) {
        must(text.at >= s->begin && text.size <= (size_t)(s->end - text.at));
        return 1;
    }
    *s = before;
    if (evtwin__ubj_scan_int(s, INT32_MIN, INT32_MAX, &integer) >= 0) {
        return 1;
    }
    *s = before;
    if (evtwin__ubj_scan_f32(s, &number) >= 0) {
        must(isfinite(number));
        return 1;
    }
    *s = before;
    return evtwin__ubj_scan_skip(s) >= 0; /* null, a character, a number that neither holds */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    evtwin__ubj_scan walked, skipped;
    evtwin__ubj_scan_begin(&walked, (const char *)data, size);
    evtwin__ubj_scan_begin(&skipped, (const char *)data, size);
    const int is_value = walk(&walked);
    must(is_value == (evtwin__ubj_scan_skip(&skipped) >= 0));
    must(!is_value || (walked.at == skipped.at && walked.depth == 0 && skipped.depth == 0));
    must(walked.at <= walked.end && skipped.at <= skipped.end);
    load_and_answer(data, size);
    return 0;
}
