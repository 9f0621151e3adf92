/* SPDX-License-Identifier: MIT */
/* tools/cli_nearest.c: the name that a mistyped one meant. */

#include "cli.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NAME = 48 };

/* Levenshtein distance; names longer than MAX_NAME are far from everything. */
size_t cli_distance(const char *a, const char *b) {
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

size_t cli_far(const char *name) {
    return 1 + (strlen(name) > 6 ? 3 : strlen(name) / 2);
}

const char *cli_nearest_option(const cli_tool *tool, const char *name) {
    const char *best = NULL;
    size_t best_distance = cli_far(name);
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const size_t d = cli_distance(name, cli_option_at(tool, i)->name);
        if (d < best_distance) {
            best_distance = d;
            best = cli_option_at(tool, i)->name;
        }
    }
    return best;
}
