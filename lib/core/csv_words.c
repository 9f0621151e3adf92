/* SPDX-License-Identifier: MIT */
/* core/csv_words.c: words that stand for a missing value, or for true and false, in CSV. */

#include "core/csv_words.h"

#include "core/text.h"

/* R, pandas, SQL dumps (\N is PostgreSQL's and MySQL's), Excel in English and German, printf. */
static const char *const missing[] = {"na",   "n/a", "#n/a", "#na", "#nv",  "<na>", "null",
                                      "none", "nil", "\\n",  "nan", "-nan", "nat",  "-"};

static const struct {
    const char *word;
    int value;
} bools[] = {{"true", 1}, {"false", 0}, {"t", 1}, {"f", 0}, {"yes", 1}, {"no", 0},
             {"y", 1},    {"n", 0},     {"1", 1}, {"0", 0}, {"1.0", 1}, {"0.0", 0}};

const char *evtwin__missing_word(size_t i) {
    return i < sizeof missing / sizeof *missing ? missing[i] : NULL;
}

const char *evtwin__bool_word(size_t i, int *value_out) {
    if (i >= sizeof bools / sizeof *bools) {
        return NULL;
    }
    *value_out = bools[i].value;
    return bools[i].word;
}

int evtwin__is_missing_word(const char *text, size_t length) {
    /* nearly no value begins or ends up like one of them: look at its size and first byte */
    if (length == 0) {
        return 1;
    }
    const char first = text[0];
    if (length > 4 || (first != 'n' && first != 'N' && first != '-' && first != '#' &&
                       first != '<' && first != '\\')) {
        return 0;
    }
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (evtwin__text_is_word(text, length, missing[i])) {
            return 1;
        }
    }
    return 0;
}

int evtwin__parse_bool(const char *text, size_t length) {
    for (size_t i = 0; length <= 5 && i < sizeof bools / sizeof *bools; i++) {
        if (evtwin__text_is_word(text, length, bools[i].word)) {
            return bools[i].value;
        }
    }
    return -1;
}
