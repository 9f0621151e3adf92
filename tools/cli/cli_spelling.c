/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_spelling.c: the name that a mistyped one meant. */

#include "cli/cli_parts.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NAME = 48 };

/* Levenshtein distance without regard to case; names longer than MAX_NAME are far from everything.
 */
static size_t distance(const char *a, const char *b) {
    const size_t n = strlen(b);
    size_t row[MAX_NAME + 1];
    if (n > MAX_NAME || strlen(a) > MAX_NAME) {
        return MAX_NAME;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const int differ = tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]);
            const size_t replace = diagonal + (size_t)differ;
            const size_t remove = row[j + 1] + 1, insert = row[j] + 1;
            diagonal = row[j + 1];
            row[j + 1] = replace < remove ? replace : remove;
            row[j + 1] = insert < row[j + 1] ? insert : row[j + 1];
        }
    }
    return row[n];
}

void cli_nearest_offer(cli_nearest *nearest, const char *candidate) {
    const size_t length = strlen(nearest->name);
    const size_t too_far = 1 + (length > 6 ? 3 : length / 2); /* what was not meant */
    const size_t d = distance(nearest->name, candidate);
    if (d < (nearest->best != NULL ? nearest->distance : too_far)) {
        nearest->best = candidate;
        nearest->distance = d;
    }
}

int cli_is_respelled(const char *a, const char *b) {
    for (;; a++, b++) {
        while (isspace((unsigned char)*a)) {
            a++;
        }
        while (isspace((unsigned char)*b)) {
            b++;
        }
        if (*a == '\0' || tolower((unsigned char)*a) != tolower((unsigned char)*b)) {
            return *a == *b;
        }
    }
}
