/* SPDX-License-Identifier: MIT */
/* core/utf8.c: is a text valid UTF-8, and where does it begin? */

#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

/* Source: The Unicode Standard 15.0, table 3-7 */
size_t evtwin__utf8_length(const char *text, size_t available) {
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] != 0 && c[0] < 0x80) {
        return 1;
    }
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
    for (size_t i = 0, n; i < length; i += n) {
        n = evtwin__utf8_length(text + i, length - i);
        if (n == 0) {
            return 0;
        }
    }
    return 1;
}

size_t evtwin__utf8_mark(const char *text, size_t length) {
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}
