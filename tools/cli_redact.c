/* SPDX-License-Identifier: MIT */
/* tools/cli_redact.c: hide passwords in what is printed. */

#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* Replace text[from, to) by ***; the result is never longer than size allows: see cli_redact. */
static size_t put_mask(char *out, size_t at) {
    memcpy(out + at, "***", 3);
    return at + 3;
}

/* Length of the password at `s` if one begins there, given what stands before it; 0 if none. */
static size_t password_length(const char *start, const char *s) {
    static const char key[] = "password=";
    const size_t key_length = sizeof key - 1;
    if ((size_t)(s - start) >= key_length && strncmp(s - key_length, key, key_length) == 0) {
        return strcspn(s, "&# ");
    }
    /* scheme://user:password@host */
    if (s > start && s[-1] == ':') {
        const char *slashes = strstr(start, "://");
        const size_t n = strcspn(s, "/@");
        if (slashes != NULL && s > slashes + 3 && s[n] == '@' &&
            memchr(slashes + 3, '/', (size_t)(s - slashes - 3)) == NULL) {
            return n;
        }
    }
    return 0;
}

char *cli_redact(const char *text) {
    /* a mask of three may stand for a password of one, at most for every second character */
    char *out = malloc(2 * strlen(text) + 4);
    if (out == NULL) {
        return NULL;
    }
    size_t n = 0;
    for (const char *s = text; *s != '\0';) {
        const size_t hidden = password_length(text, s);
        if (hidden > 0) {
            n = put_mask(out, n);
            s += hidden;
        } else {
            out[n++] = *s++;
        }
    }
    out[n] = '\0';
    return out;
}
