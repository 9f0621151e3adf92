/* SPDX-License-Identifier: MIT */
/* fuzz_time.c: any text is a time that can be written and read again, or refused; so is any format.
 * The input is a format, a line feed and a text, or a text alone. */

#include "core/time.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* The text lies in memory of its own size, so that a sanitizer sees a byte too many. */
static void read_as(const char *format, const uint8_t *data, size_t n, evtwin_naive_time naive) {
    char *text = malloc(n > 0 ? n : 1);
    require(text != NULL);
    if (n > 0) {
        memcpy(text, data, n);
    }
    const evtwin__time_rule rule = {format, naive};
    int64_t us = 42, again;
    evtwin__time_kind kind = EVTWIN__TIME_EXACT;
    const evtwin_status st = evtwin__time_read(text, n, &rule, &us, &kind);
    free(text);
    if (st < 0) {
        require(st == EVTWIN_E_PARSE && us == 42 && evtwin_last_error()[0] != '\0');
        return;
    }
    require(kind != EVTWIN__TIME_TWICE || naive == EVTWIN_NAIVE_LOCAL);
    require(kind == EVTWIN__TIME_EXACT || naive != EVTWIN_NAIVE_REJECT);
    char written[EVTWIN_TIME_TEXT_SIZE];
    require(evtwin_time_format(us, written, sizeof written) == EVTWIN_OK);
    require(evtwin_time_parse(written, EVTWIN_NAIVE_REJECT, &again) == EVTWIN_OK && again == us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    const uint8_t *line_feed = size > 0 ? memchr(data, '\n', size) : NULL;
    char *format = NULL;
    if (line_feed != NULL) {
        const size_t n = (size_t)(line_feed - data);
        format = malloc(n + 1);
        require(format != NULL);
        memcpy(format, data, n);
        format[n] = '\0';
        data += n + 1;
        size -= n + 1;
    }
    if (format == NULL || evtwin__time_format_check(format) == EVTWIN_OK) {
        for (int naive = EVTWIN_NAIVE_UTC; naive <= EVTWIN_NAIVE_REJECT; naive++) {
            read_as(format, data, size, (evtwin_naive_time)naive);
        }
    }
    free(format);
    return 0;
}
