/* SPDX-License-Identifier: MIT */
/* track/key_characters.c: which characters MLflow takes in keys. */

#include "track/key_characters.h"

#include "core/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const struct {
    uint32_t first, last;
} refused[] = {
#define R(first, last) {first, last},
#include "track/key_characters.def"
#undef R
};

static int is_refused(uint32_t c) {
    size_t low = 0, high = sizeof refused / sizeof refused[0];
    while (low < high) { /* below low all end before c, from high on all begin behind it */
        const size_t middle = low + (high - low) / 2;
        if (refused[middle].last < c) {
            low = middle + 1;
        } else if (refused[middle].first > c) {
            high = middle;
        } else {
            return 1;
        }
    }
    return 0;
}

/* The character of a valid sequence of n > 1 bytes. */
static uint32_t decode(const char *bytes, size_t n) {
    uint32_t c = (unsigned char)bytes[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    return c;
}

int evtwin__key_has_good_characters(const char *key) {
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. :/";
    size_t left = strlen(key);
    while (left > 0) {
        const size_t n = evtwin__utf8_length(key, left);
        if (n == 0 || (n == 1 && strchr(good, *key) == NULL) ||
            (n > 1 && is_refused(decode(key, n)))) {
            return 0;
        }
        key += n;
        left -= n;
    }
    return 1;
}
