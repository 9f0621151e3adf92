/* SPDX-License-Identifier: MIT */
/* learn/findings.h: the list of what a reader of the scores should know. */
#ifndef EVTWIN_LEARN_FINDINGS_H
#define EVTWIN_LEARN_FINDINGS_H

#include "evtwin/base.h"

typedef struct evtwin__finding {
    const char *cause;    /* static */
    const char *severity; /* static: "info", "warning", "error" */
    char *text;           /* owned, one sentence */
} evtwin__finding;

typedef struct evtwin__findings {
    evtwin__finding *list; /* (n) */
    size_t n, capacity;
} evtwin__findings;

__attribute__((format(printf, 4, 5))) evtwin_status evtwin__findings_add(evtwin__findings *findings,
                                                                         const char *cause,
                                                                         const char *severity,
                                                                         const char *format, ...);

void evtwin__findings_clear(evtwin__findings *findings);

/* Make text fit for JSON: drop a character that was cut at the end, put '?' for bytes that are not
 * UTF-8. */
void evtwin__repair_utf8(char *text);

enum { EVTWIN__ROUNDED_SIZE = 32 };

/* v with at most decimals digits after the point, whatever the locale; "unknown" for NaN. Gives
 * back text. */
const char *evtwin__rounded(double v, int decimals, char text[EVTWIN__ROUNDED_SIZE]);

#endif
