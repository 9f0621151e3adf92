/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_numbers.c: numbers of the command line, read strictly. */

#include "cli/cli_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nothing but these characters: no blanks, no hexadecimal, no "inf". */
static int consists_of(const char *text, const char *characters) {
    return *text != '\0' && text[strspn(text, characters)] == '\0';
}

int cli_parse_integer(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (!consists_of(text, "+-0123456789") || *end != '\0' || end == text || errno != 0) {
        return 0;
    }
    *out = value;
    return 1;
}

/* The locale of a tool is always "C": the layer check refuses setlocale. */
int cli_parse_number(const char *text, double *out) {
    char *end;
    const double value = strtod(text, &end); /* layer-check: allowed */
    if (!consists_of(text, "+-0123456789.eE") || *end != '\0' || end == text || !isfinite(value)) {
        return 0;
    }
    *out = value;
    return 1;
}
