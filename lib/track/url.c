/* SPDX-License-Identifier: MIT */
/* track/url.c: percent-encoding; names that stay below a folder. */

#include "track/url.h"

#include "core/mem.h"

#include <string.h>

enum { MAX_NAME = 255, MAX_PATH = 2048 };

static int is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void evtwin__url_add(evtwin__text *url, const char *text, int keeps_slash) {
    static const char digit[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        if (is_unreserved(*text) || (keeps_slash && *text == '/')) {
            evtwin__text_add(url, text, 1);
        } else {
            const unsigned char c = (unsigned char)*text;
            const char code[3] = {'%', digit[c >> 4], digit[c & 15]};
            evtwin__text_add(url, code, sizeof code);
        }
    }
}

char *evtwin__url_end(evtwin__text *url) {
    evtwin__text_add(url, "", 1);
    if (url->is_failed) {
        evtwin__text_free(url);
        return NULL;
    }
    char *text = url->data;
    *url = (evtwin__text){0};
    return text;
}

char *evtwin__url_join(const char *a, const char *b) {
    evtwin__text text = {0};
    evtwin__text_put(&text, a);
    if (a[0] != '\0' && b[0] != '\0') {
        evtwin__text_put(&text, "/");
    }
    evtwin__text_put(&text, b);
    return evtwin__url_end(&text);
}

static int is_name(const char *name, size_t n) {
    if (n == 0 || n > MAX_NAME || (n <= 2 && strspn(name, ".") >= n)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '\\') {
            return 0;
        }
    }
    return 1;
}

int evtwin__url_stays_below(const char *path) {
    if (strlen(path) > MAX_PATH) {
        return 0;
    }
    size_t n = strcspn(path, "/");
    while (is_name(path, n) && path[n] == '/') {
        path += n + 1;
        n = strcspn(path, "/");
    }
    return is_name(path, n) && path[n] == '\0';
}
