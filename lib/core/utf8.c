/* SPDX-License-Identifier: MIT */
/* core/utf8.c: is a text valid UTF-8? */

#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the well-formed sequence of two or more bytes at c, 0 if there is none.
 * Source: The Unicode Standard 15.0, table 3-7 */
static size_t sequence_length(const unsigned char *c, size_t available) {
    size_t n;
    unsigned low = 0x80, high = 0xBF; /* range of the second byte */
    if (c[0] >= 0xC2 && c[0] <= 0xDF) {
        n = 2;
    } else if (c[0] >= 0xE0 && c[0] <= 0xEF) {
        n = 3;
        low = c[0] == 0xE0 ? 0xA0 : low;
        high = c[0] == 0xED ? 0x9F : high;
    } else if (c[0] >= 0xF0 && c[0] <= 0xF4) {
        n = 4;
        low = c[0] == 0xF0 ? 0x90 : low;
        high = c[0] == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (available < n || c[1] < low || c[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((c[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return n;
}

int evtwin__utf8_is_valid(const char *text, size_t length) {
    const unsigned char *c = (const unsigned char *)text;
    size_t i = 0;
    while (i < length) {
        if (c[i] != 0 && c[i] < 0x80) {
            i++;
            continue;
        }
        const size_t n = sequence_length(c + i, length - i);
        if (n == 0) {
            return 0;
        }
        i += n;
    }
    return 1;
}
