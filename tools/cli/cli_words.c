/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_words.c: the library's texts call an option by its member, as "option cv_folds" or
 * "option group=cell"; who runs a tool knows it as --cv or --group cell. */

#include "cli/cli_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A word that begins with another stands before it. */
static const struct {
    const char *member, *option;
} known[] = {{"allow_single_rows", "--allow-single-rows"},
             {"cv_folds", "--cv"},
             {"features", "--features"},
             {"group_by_reset", "--group-by-reset"},
             {"group", "--group"},
             {"n_repeats", "--repeat"},
             {"n_tune", "--tune"},
             {"peers", "--together"},
             {"scratch_dir", "--scratch"},
             {"targets without failure", "--failure-target none"},
             {"targets without rul", "--target none"},
             {"units", "--unit"}};

/* The option that a text calls by its member here, and how many bytes of the text that is; 0 =
 * none. */
static size_t option_at(const char *text, const char **option) {
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
            *option = known[i].option;
            return n_word + n;
        }
    }
    return 0;
}

void cli_words(const char *text, char *out, size_t size) {
    size_t n = 0;
    for (const char *at = text; *at != '\0' && n + 1 < size;) {
        const char *option;
        const int is_word = at == text || !isalnum((unsigned char)at[-1]);
        const size_t n_member = is_word ? option_at(at, &option) : 0;
        if (n_member == 0) {
            out[n++] = *at++;
            continue;
        }
        const int has_value = at[n_member] == '=';
        const int wrote = snprintf(out + n, size - n, "%s%s", option, has_value ? " " : "");
        n += (size_t)wrote < size - n ? (size_t)wrote : size - n - 1;
        at += n_member + (size_t)has_value;
    }
    if (size > 0) {
        out[n] = '\0';
    }
}
