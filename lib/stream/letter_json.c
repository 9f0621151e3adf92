/* SPDX-License-Identifier: MIT */
/* stream/letter_json.c: a refused record as the JSON that sinks of text keep of it. */

#include "stream/letter_json.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/utf8.h"

/* RFC 4648, section 4. */
static void add_base64(evtwin__text *text, const char *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? (unsigned char)data[i + k] : 0u);
        }
        const char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                               n > 1 ? digits[bits >> 6 & 63] : '=',
                               n > 2 ? digits[bits & 63] : '='};
        evtwin__text_add(text, group, sizeof group);
    }
}

static void add_raw(evtwin__text *text, const char *raw, size_t size) {
    if (!evtwin__utf8_is_valid(raw, size)) {
        evtwin__text_string(text, "raw_base64", "");
        text->size -= !text->is_failed; /* the closing quote */
        add_base64(text, raw, size);
        evtwin__text_put(text, "\"");
        return;
    }
    char *copy = evtwin__strndup(raw, size); /* a NUL behind it */
    text->is_failed |= copy == NULL;
    evtwin__text_string(text, "raw", copy);
    evtwin__free(copy);
}

evtwin_status evtwin__letter_put_json(const evtwin_letter *letter, evtwin__text *text) {
    const size_t before = text->size;
    evtwin__text_put(text, "{"); /* not the next value of what is before it */
    evtwin__text_time(text, "received_at", letter->received_us);
    evtwin__text_string(text, "source", letter->source);
    evtwin__text_string(text, "place", letter->place);
    evtwin__text_string(text, "status", evtwin_status_name(letter->status));
    evtwin__text_string(text, "reason", letter->reason);
    add_raw(text, letter->raw != NULL ? letter->raw : "", letter->raw_size);
    evtwin__text_put(text, "}");
    if (text->is_failed) {
        text->size = before;
        text->is_failed = 0;
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a dead letter");
    }
    return EVTWIN_OK;
}
