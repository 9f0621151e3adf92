/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_words.c: the library's texts call an option by its member, as "option cv_folds" or
 * "option group=cell"; who runs a tool knows it as --cv or --group cell. What the URI of a source
 * takes too is named in both forms: a text does not know which of them was used. */

#include "cli/cli_parts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A word that begins with another stands before it. */
static const struct {
    const char *member, *option, *uri_key;
} known[] = {{"alerts", "--alerts", NULL},
             {"allow_single_rows", "--allow-single-rows", NULL},
             {"cv_folds", "--cv", NULL},
             {"decimal", "--decimal", "decimal"},
             {"delimiter", "--delimiter", "delimiter"},
             {"features", "--features", NULL},
             {"group_by_reset", "--group-by-reset", NULL},
             {"group", "--group", NULL},
             {"n_repeats", "--repeat", NULL},
             {"n_tune", "--tune", NULL},
             {"peers", "--together", NULL},
             {"scratch_dir", "--scratch", NULL},
             {"skip_lines", "--skip-lines", "skip_lines"},
             {"targets without failure", "--failure-target none", NULL},
             {"targets without rul", "--target none", NULL},
             {"time_format", "--time-format", "time_format"},
             {"units", "--unit", "unit"}};

/* The option that a text calls by its member here, and how many bytes of the text "option MEMBER"
 * takes; 0 = none. */
static size_t option_at(const char *text, size_t *option) {
    static const char word[] = "option ";
    const size_t n_word = sizeof word - 1;
    if (strncmp(text, word, n_word) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t n = strlen(known[i].member);
        const unsigned char next = strncmp(text + n_word, known[i].member, n) == 0
                                       ? (unsigned char)text[n_word + n]
                                       : (unsigned char)'_';
        if (!isalnum(next) && next != '_') {
            *option = i;
            return n_word + n;
        }
    }
    return 0;
}

/* A value ends at a space, and before the sign that ends a clause unless it is nothing else. */
static size_t value_length(const char *text) {
    const size_t n = strcspn(text, " ");
    return n > 1 && strchr(",.;:)", text[n - 1]) != NULL ? n - 1 : n;
}

/* Print behind the *n bytes that out holds, cut to size. */
__attribute__((format(printf, 4, 5))) static void put(char *out, size_t size, size_t *n,
                                                      const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int wrote = vsnprintf(out + *n, size - *n, format, args);
    va_end(args);
    *n = wrote >= 0 && (size_t)wrote < size - *n ? *n + (size_t)wrote : size - 1;
}

void cli_words(const char *text, char *out, size_t size) {
    size_t n = 0;
    for (const char *at = text; *at != '\0' && n + 1 < size;) {
        size_t option;
        const int is_word = at == text || !isalnum((unsigned char)at[-1]);
        const size_t n_member = is_word ? option_at(at, &option) : 0;
        if (n_member == 0) {
            out[n++] = *at++;
            continue;
        }
        at += n_member;
        const int has_value = *at == '=';
        at += has_value;
        const int n_value = has_value ? (int)value_length(at) : 0;
        put(out, size, &n, "%s%s%.*s", known[option].option, has_value ? " " : "", n_value, at);
        if (known[option].uri_key != NULL) {
            put(out, size, &n, " (%s= in a URI)", known[option].uri_key);
        }
        at += n_value;
    }
    if (size > 0) {
        out[n] = '\0';
    }
}
