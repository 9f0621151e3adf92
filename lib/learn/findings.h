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

void evtwin__findings_clear(evtwin__findings *findings);

/* Make text fit for JSON: drop a character that was cut at the end, put '?' for bytes that are not
 * UTF-8. */
void evtwin__repair_utf8(char *text);

#endif
