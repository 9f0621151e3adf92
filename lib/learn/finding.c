/* SPDX-License-Identifier: MIT */
/* learn/finding.c: findings: their words filled in, what they are about, whether they refuse. */

#include "learn/finding.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

#define FINDING(id, cause, about, severity, words, advice) {cause, about, severity, words, advice},
static const struct {
    const char *cause, *about, *severity, *words, *advice;
} table[] = {
#include "learn/findings.def"
};
#undef FINDING

/* ---- words ---- */

/* v with at most decimals digits after the point, whatever the locale. */
static const char *argument_text(const evtwin__argument *a, char text[EVTWIN__NUM_SIZE]) {
    if (a->text != NULL) {
        return a->text;
    }
    if (!isfinite(a->number)) {
        return isnan(a->number) ? "unknown" : "infinite";
    }
    if (a->decimals < 0) { /* significant digits, of a number of unknown size */
        evtwin__format_f64(evtwin__round_digits(a->number, -a->decimals), text);
        return text;
    }
    const double unit = pow(10.0, a->decimals);
    const double scaled = round(a->number * unit);
    evtwin__format_f64(isfinite(scaled) ? scaled / unit + 0.0 : a->number, text);
    return text;
}

/* Of "{0:one|several}" the text for argument 0, and its length; how long all of it is, 0 = it is no
 * choice. */
static size_t choose(const char *wording, const evtwin__argument *first, const char **text_out,
                     size_t *length_out) {
    if (wording[0] != '{' || wording[1] < '0' || wording[1] > '9' || wording[2] != ':') {
        return 0;
    }
    const char *one = wording + 3, *bar = strchr(one, '|');
    const char *end = strchr(bar, '}');
    const int is_one = first[wording[1] - '0'].number == 1.0;
    *text_out = is_one ? one : bar + 1;
    *length_out = (size_t)(is_one ? bar - one : end - bar - 1);
    return (size_t)(end + 1 - wording);
}

static void fill_in(const char *wording, const evtwin__argument *a, char text[TEXT_SIZE]) {
    const evtwin__argument *const first = a;
    size_t at = 0;
    while (*wording != '\0' && at + 1 < TEXT_SIZE) {
        char number[EVTWIN__NUM_SIZE];
        const char *part = wording;
        size_t length = 1, skipped = choose(wording, first, &part, &length);
        if (skipped == 0 && wording[0] == '{' && wording[1] == '}') {
            part = argument_text(a++, number);
            length = strlen(part);
            skipped = 2;
        }
        const size_t room = TEXT_SIZE - 1 - at;
        length = length < room ? length : room;
        memcpy(text + at, part, length);
        at += length;
        wording += skipped > 0 ? skipped : 1;
    }
    text[at] = '\0';
}

void evtwin__repair_utf8(char *text) {
    size_t length = strlen(text);
    for (int i = 0; i < 3 && length > 0 && (unsigned char)text[length - 1] >= 0x80 &&
                    !evtwin__utf8_is_valid(text, length);
         i++) {
        text[--length] = '\0';
    }
    for (size_t i = 0; i < length && !evtwin__utf8_is_valid(text, length); i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    }
}

/* ---- causes that are allowed ---- */

/* Next name of a list, without blanks around it; its length, 0 at the end. */
static size_t next_name(const char **at, const char **name_out) {
    *at += strspn(*at, ", ");
    size_t n = strcspn(*at, ",");
    *name_out = *at;
    *at += n;
    while (n > 0 && (*name_out)[n - 1] == ' ') {
        n--;
    }
    return n;
}

static int is_called(const char *cause, const char *name, size_t n) {
    return strlen(cause) == n && strncmp(cause, name, n) == 0;
}

static int is_allowed(const char *causes, const char *cause) {
    const char *at = causes != NULL ? causes : "", *name;
    for (size_t n; (n = next_name(&at, &name)) > 0;) {
        if (is_called(cause, name, n)) {
            return 1;
        }
    }
    return 0;
}

/* Is the finding the first that refuses by its cause? */
static int names_a_refusal(size_t i) {
    int is_first = strcmp(table[i].severity, "error") == 0;
    for (size_t k = 0; k < i; k++) {
        is_first &=
            strcmp(table[k].cause, table[i].cause) != 0 || strcmp(table[k].severity, "error") != 0;
    }
    return is_first;
}

evtwin_status evtwin__check_allowed(const char *causes) {
    const char *at = causes != NULL ? causes : "", *name;
    for (size_t n; (n = next_name(&at, &name)) > 0;) {
        char list[512] = "";
        size_t used = 0;
        int is_known = 0;
        for (size_t i = 0; i < EVTWIN__N_FINDINGS; i++) {
            if (names_a_refusal(i) && used < sizeof list) {
                is_known |= is_called(table[i].cause, name, n);
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                         used > 0 ? ", " : "", table[i].cause);
            }
        }
        EVTWIN_FAIL_IF(!is_known, EVTWIN_E_ARG,
                       "'%.*s' is not a cause that refuses data; there are %s", (int)n, name, list);
    }
    return EVTWIN_OK;
}

/* The bundle lists the causes that would have refused its data, once each. */
static evtwin_status record_allowed(evtwin__bundle *bundle, const char *cause) {
    const char *before = bundle->allowed != NULL ? bundle->allowed : "";
    if (is_allowed(before, cause)) {
        return EVTWIN_OK;
    }
    char list[256];
    snprintf(list, sizeof list, "%s%s%s", before, before[0] != '\0' ? "," : "", cause);
    return evtwin__bundle_keep(bundle, list, &bundle->allowed);
}

/* ---- the list ---- */

static evtwin_status make_room(evtwin_trainer *trainer) {
    if (trainer->n_findings < trainer->findings_capacity) {
        return EVTWIN_OK;
    }
    const size_t wanted = 2 * trainer->n_findings + 8;
    evtwin__finding *grown = evtwin__realloc(trainer->finding, wanted, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for a finding");
    trainer->finding = grown;
    trainer->findings_capacity = wanted;
    return EVTWIN_OK;
}

/* The advice, with the column in the place of its {}. */
static evtwin_status keep_advice(evtwin_trainer *trainer, const char *words, const char *column,
                                 const char **out) {
    char text[TEXT_SIZE];
    const evtwin__argument name[] = {TEXT(column != NULL ? column : ""), TEXT("")};
    fill_in(words, name, text);
    evtwin__repair_utf8(text);
    return evtwin__bundle_keep(&trainer->bundle, text, out);
}

evtwin_status evtwin__find(evtwin_trainer *trainer, evtwin__finding_id id, const char *column,
                           const evtwin__argument *arguments) {
    char text[TEXT_SIZE];
    fill_in(table[id].words, arguments, text);
    evtwin__repair_utf8(text);
    EVTWIN_TRY(make_room(trainer));
    evtwin__finding f = {
        .cause = table[id].cause, .about = table[id].about, .severity = table[id].severity};
    if (strcmp(f.severity, "error") == 0 && is_allowed(trainer->allow, f.cause)) {
        f.severity = "warning";
        f.is_allowed = 1;
        EVTWIN_TRY(record_allowed(&trainer->bundle, f.cause));
    }
    if (column != NULL) {
        EVTWIN_TRY(evtwin__bundle_keep(&trainer->bundle, column, &f.column));
    }
    EVTWIN_TRY(keep_advice(trainer, table[id].advice, column, &f.advice));
    f.text = evtwin__strdup(text);
    EVTWIN_FAIL_IF(f.text == NULL, EVTWIN_E_NOMEM, "out of memory for a finding");
    trainer->finding[trainer->n_findings++] = f;
    return EVTWIN_OK;
}

size_t evtwin__count_refusals(const evtwin_trainer *trainer, const evtwin__finding **first_out) {
    size_t n = 0;
    *first_out = NULL;
    for (size_t i = 0; i < trainer->n_findings; i++) {
        if (strcmp(trainer->finding[i].severity, "error") == 0) {
            *first_out = n++ == 0 ? &trainer->finding[i] : *first_out;
        }
    }
    return n;
}

json_t *evtwin__findings_json(const evtwin_trainer *trainer) {
    json_t *array = json_array();
    for (size_t i = 0; i < trainer->n_findings; i++) {
        const evtwin__finding *f = &trainer->finding[i];
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "cause", f->cause, "severity",
                      f->severity, "about", f->about, "column", f->column != NULL ? f->column : "",
                      "text", f->text, "advice", f->advice, "allowed", f->is_allowed);
        if (json_array_append_new(array, one) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
