/* SPDX-License-Identifier: MIT */
/* store/sql_text.c: SQL written from the schema. */

#include "store/sql_text.h"

#include "core/schema.h"
#include "store/store_row.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void evtwin__sql_say(evtwin__text *sql, const char *format, ...) {
    char part[200];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(part, sizeof part, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof part);
    evtwin__text_add(sql, part, (size_t)n);
}

static const struct {
    const char *mark, *prefix;
    unsigned kinds;
} lists[] = {
    {"telemetry", "", EVTWIN__TELEMETRY},
    {"predictions", "", EVTWIN__PREDICTIONS},
    {"row", "", EVTWIN__STORED},
    {"t.row", "t.", EVTWIN__STORED},
    {"p.predictions", "p.", EVTWIN__PREDICTIONS},
};
enum { N_LISTS = sizeof lists / sizeof lists[0] };

int evtwin__sql_is_mark(const char *mark, size_t length, const char *name) {
    return strlen(name) == length && memcmp(mark, name, length) == 0;
}

static void say_list(evtwin__text *sql, size_t list) {
    const char *separator = "";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, lists[list].kinds)) {
            evtwin__sql_say(sql, "%s%s%s", separator, lists[list].prefix, evtwin__schema[q].name);
            separator = ", ";
        }
    }
}

static void say_is_predicted(evtwin__text *sql) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__sql_say(sql, "%s%s IS NOT NULL", t == 0 ? "(" : " OR ",
                        evtwin__schema[evtwin__target_prediction(t)].name);
    }
    evtwin__text_put(sql, ")");
}

static void say_mark(evtwin__text *sql, const char *mark, size_t length, evtwin__sql_mark *other,
                     const void *ctx) {
    for (size_t i = 0; i < N_LISTS; i++) {
        if (evtwin__sql_is_mark(mark, length, lists[i].mark)) {
            say_list(sql, i);
            return;
        }
    }
    if (evtwin__sql_is_mark(mark, length, "is_predicted")) {
        say_is_predicted(sql);
        return;
    }
    assert(other != NULL);
    other(sql, ctx, mark, length);
}

void evtwin__sql_write(evtwin__text *sql, const char *text, evtwin__sql_mark *other,
                       const void *ctx) {
    while (*text != '\0') {
        const size_t plain = strcspn(text, "@");
        evtwin__text_add(sql, text, plain);
        text += plain;
        if (*text == '@') {
            const size_t length = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_.");
            say_mark(sql, text + 1, length, other, ctx);
            text += 1 + length;
        }
    }
}
