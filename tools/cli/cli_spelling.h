/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_spelling.h: the name that a mistyped one meant. */
#ifndef EVTWIN_TOOLS_CLI_SPELLING_H
#define EVTWIN_TOOLS_CLI_SPELLING_H

#include <stddef.h>

/* Start with {.name = …}, then offer candidates; best stays NULL if none is near. */
typedef struct cli_nearest {
    const char *name, *best;
    size_t distance;
} cli_nearest;

void cli_nearest_offer(cli_nearest *nearest, const char *candidate);

/* The same name but for blanks and case? */
int cli_is_respelled(const char *a, const char *b);

#endif
