/* SPDX-License-Identifier: MIT */
/* learn/model_scan.c: JSON or UBJSON. */

#include "learn/model_scan.h"

#include "core/file_kind.h"
#include "core/mem.h"
#include "core/status.h"

void evtwin__scan_begin(evtwin__scan *s, const char *data, size_t size) {
    s->data = data;
    s->size = size;
    s->is_ubj = evtwin__file_is_ubjson(data, size);
    if (s->is_ubj) {
        evtwin__ubj_scan_begin(&s->ubj, data, size);
        return;
    }
    const size_t mark = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    s->json = evtwin__json_scan_begin(data + mark, size - mark);
}

void evtwin__scan_again(evtwin__scan *s) {
    evtwin__scan_begin(s, s->data, s->size);
    if (!s->is_ubj) { /* UBJSON holds any float */
        s->json.passes_nan = 1;
    }
}

evtwin_status evtwin__scan_decode(const evtwin__scan *s, evtwin__slice string, char **out) {
    if (!s->is_ubj) {
        return evtwin__json_scan_decode(string, out);
    }
    char *copy = evtwin__strndup(string.at, string.size);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory for a string");
    *out = copy;
    return EVTWIN_OK;
}
