/* SPDX-License-Identifier: MIT */
/* learn/findings.c: the list of what a reader of the scores should know. */

#include "learn/findings.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

void evtwin__repair_utf8(char *text) {
    size_t length = strlen(text);
    for (int i = 0; i < 3 && length > 0 && !evtwin__utf8_is_valid(text, length); i++) {
        text[--length] = '\0';
    }
    for (size_t i = 0; i < length && !evtwin__utf8_is_valid(text, length); i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    }
}

evtwin_status evtwin__findings_add(evtwin__findings *findings, const char *cause,
                                   const char *severity, const char *format, ...) {
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    evtwin__repair_utf8(text);

    if (findings->n == findings->capacity) {
        const size_t wanted = findings->capacity > 0 ? 2 * findings->capacity : 8;
        evtwin__finding *grown = evtwin__realloc(findings->list, wanted, sizeof *grown);
        if (grown == NULL) {
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a finding");
        }
        findings->list = grown;
        findings->capacity = wanted;
    }
    evtwin__finding *f = &findings->list[findings->n];
    *f = (evtwin__finding){cause, severity, evtwin__strdup(text)};
    if (f->text == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a finding");
    }
    findings->n++;
    return EVTWIN_OK;
}

void evtwin__findings_clear(evtwin__findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        evtwin__free(findings->list[i].text);
    }
    evtwin__free(findings->list);
    *findings = (evtwin__findings){0};
}

const char *evtwin__rounded(double v, int decimals, char text[EVTWIN__ROUNDED_SIZE]) {
    if (!isfinite(v)) {
        snprintf(text, EVTWIN__ROUNDED_SIZE, "%s", isnan(v) ? "unknown" : "infinite");
        return text;
    }
    const double unit = pow(10.0, decimals);
    const double scaled = round(v * unit);
    evtwin__format_f64(isfinite(scaled) ? scaled / unit + 0.0 : v, text);
    return text;
}
