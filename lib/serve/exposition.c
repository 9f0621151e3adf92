/* SPDX-License-Identifier: MIT */
/* serve/exposition.c: metrics as text, in Prometheus 0.0.4 or OpenMetrics 1.0.0. */

#include "serve/exposition.h"

#include "core/num.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* What samples of a type carry after the family's name; Prometheus' own text has it in HELP and
 * TYPE too. */
static const char *type_suffix(evtwin__metric_type type) {
    return type == EVTWIN__COUNTER ? "_total" : type == EVTWIN__INFO ? "_info" : "";
}

static const char *type_name(const evtwin__exposition *e, evtwin__metric_type type) {
    return type == EVTWIN__COUNTER                     ? "counter"
           : type == EVTWIN__HISTOGRAM                 ? "histogram"
           : type == EVTWIN__INFO && e->is_openmetrics ? "info"
                                                       : "gauge";
}

/* "# KEY name text\n" */
static void add_meta(evtwin__exposition *e, const char *key, const char *name, const char *suffix,
                     const char *text) {
    const char *const parts[] = {"# ", key, " ", name, suffix, " ", text, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        evtwin__text_put(&e->text, parts[i]);
    }
}

void evtwin__expose_family(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                           const char *unit, const char *help) {
    const char *suffix = e->is_openmetrics ? "" : type_suffix(type);
    add_meta(e, "HELP", name, suffix, help);
    add_meta(e, "TYPE", name, suffix, type_name(e, type));
    if (e->is_openmetrics && unit != NULL) {
        add_meta(e, "UNIT", name, "", unit);
    }
}

/* A label's value with backslash, quote and line feed escaped. */
static void add_label_value(evtwin__text *t, const char *value) {
    evtwin__text_put(t, "\"");
    while (*value != '\0') {
        const size_t plain = strcspn(value, "\\\"\n");
        evtwin__text_add(t, value, plain);
        value += plain;
        if (*value != '\0') {
            evtwin__text_put(t, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
            value++;
        }
    }
    evtwin__text_put(t, "\"");
}

void evtwin__expose(evtwin__exposition *e, const char *name, const char *suffix,
                    const evtwin__label *labels, size_t n_labels, double value) {
    evtwin__text *t = &e->text;
    evtwin__text_put(t, name);
    evtwin__text_put(t, suffix);
    for (size_t i = 0; i < n_labels; i++) {
        evtwin__text_put(t, i == 0 ? "{" : ",");
        evtwin__text_put(t, labels[i].name);
        evtwin__text_put(t, "=");
        add_label_value(t, labels[i].value);
    }
    evtwin__text_put(t, n_labels > 0 ? "} " : " ");
    if (isnan(value)) {
        evtwin__text_put(t, "NaN");
    } else if (isinf(value)) {
        evtwin__text_put(t, value > 0.0 ? "+Inf" : "-Inf");
    } else {
        evtwin__text_f64(t, value);
    }
    evtwin__text_put(t, "\n");
}

void evtwin__expose_one(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                        const char *unit, const char *help, double value) {
    evtwin__expose_family(e, name, type, unit, help);
    evtwin__expose(e, name, type_suffix(type), NULL, 0, value);
}

void evtwin__expose_build(evtwin__exposition *e) {
    const evtwin__label labels[] = {{"version", evtwin_version()},
                                    {"libraries", evtwin_build_info()}};
    evtwin__expose_family(e, "evtwin_build", EVTWIN__INFO, NULL,
                          "Version of libevtwin and of the libraries it was built with.");
    evtwin__expose(e, "evtwin_build", "_info", labels, 2, 1.0);
}

void evtwin__expose_end(evtwin__exposition *e) {
    if (e->is_openmetrics) {
        evtwin__text_put(&e->text, "# EOF\n");
    }
}

const char *evtwin__exposition_type(int is_openmetrics) {
    return is_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                          : "text/plain; version=0.0.4; charset=utf-8";
}

/* Quality of one element of an Accept header, "type;q=0.5;…" in text[0..length); 1 if it has none.
 */
static double quality(const char *text, size_t length) {
    const char *end = text + length;
    for (const char *s = memchr(text, ';', length); s != NULL;
         s = memchr(s, ';', (size_t)(end - s))) {
        s++;
        while (s < end && *s == ' ') {
            s++;
        }
        if (end - s > 2 && (s[0] == 'q' || s[0] == 'Q') && s[1] == '=') {
            const size_t n = strcspn(s + 2, ";, ");
            double q;
            return evtwin__parse_f64(s + 2, n, &q) ? q : 0.0;
        }
    }
    return 1.0;
}

/* Is a media type, text[0..length), this one? */
static int is_type(const char *text, size_t length, const char *type) {
    return length == strlen(type) && strncasecmp(text, type, length) == 0;
}

int evtwin__accepts_openmetrics(const char *accept) {
    double openmetrics = 0.0, plain = 0.0;
    for (const char *s = accept; s != NULL && *s != '\0';) {
        s += strspn(s, " ,");
        const size_t length = strcspn(s, ",");
        const size_t n = strcspn(s, ";, ");
        const double q = quality(s, length);
        if (is_type(s, n, "application/openmetrics-text")) {
            openmetrics = fmax(openmetrics, q);
        } else if (is_type(s, n, "text/plain") || is_type(s, n, "text/*") || is_type(s, n, "*/*")) {
            plain = fmax(plain, q);
        }
        s += length;
    }
    return openmetrics > plain || (openmetrics > 0.0 && openmetrics == plain);
}
