/* SPDX-License-Identifier: MIT */
/* learn/finding.h: add a finding of the list findings.def. */
#ifndef EVTWIN_LEARN_FINDING_H
#define EVTWIN_LEARN_FINDING_H

#include "core/json.h"
#include "learn/trainer.h"

#define FINDING(id, cause, about, severity, words, advice) EVTWIN__FIND_##id,
typedef enum evtwin__finding_id {
#include "learn/findings.def"
    EVTWIN__N_FINDINGS
} evtwin__finding_id;
#undef FINDING

/* What stands for a {}: a string, a count, or a figure rounded to so many digits after the point
 * (decimals < 0: to so many significant ones). */
typedef struct evtwin__argument {
    const char *text; /* NULL: it is a number */
    double number;
    int decimals;
} evtwin__argument;

#define TEXT(s) ((evtwin__argument){.text = (s)})
#define COUNT(n) ((evtwin__argument){.number = (double)(n)})
#define FIGURE(v, digits) ((evtwin__argument){.number = (v), .decimals = (digits)})
#define DIGITS(v, digits) ((evtwin__argument){.number = (v), .decimals = -(digits)})

/* column: what the finding is about, kept; NULL = none. As many arguments as the words have {}. A
 * finding that refuses is an error, unless options.allow names its cause: then a warning. */
evtwin_status evtwin__find(evtwin_trainer *trainer, evtwin__finding_id id, const char *column,
                           const evtwin__argument *arguments);
#define FIND(trainer, id, column, ...)                                                             \
    evtwin__find((trainer), EVTWIN__FIND_##id, (column), (const evtwin__argument[]){__VA_ARGS__})
#define FIND_ONE_OF(trainer, is_first, first, second, ...)                                         \
    evtwin__find((trainer), (is_first) ? EVTWIN__FIND_##first : EVTWIN__FIND_##second, NULL,       \
                 (const evtwin__argument[]){__VA_ARGS__})

/* EVTWIN_E_ARG for a list of causes (comma-separated) with one that is not known, or never
 * refuses. NULL is fine. */
evtwin_status evtwin__check_allowed(const char *causes);

/* Number of findings that refuse the data, and the first of them (NULL if there is none). */
size_t evtwin__count_refusals(const evtwin_trainer *trainer, const evtwin__finding **first_out);

/* An array of them, with their cause, severity, text and so on; NULL if out of memory. */
json_t *evtwin__findings_json(const evtwin_trainer *trainer);

/* Make text fit for JSON: drop a character that was cut at the end, put '?' for bytes that are not
 * UTF-8. */
void evtwin__repair_utf8(char *text);

#endif
