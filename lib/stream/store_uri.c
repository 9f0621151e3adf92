/* SPDX-License-Identifier: MIT */
/* stream/store_uri.c: the store behind a source or sink of the stream. */

#include "stream/store_uri.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

/* The store's own URI: ours without the parameters. An absolute name may hold any character, a
 * relative one has none that would have to be escaped. The caller frees it; NULL when memory is
 * out.
 */
static char *uri_without_params(const evtwin__uri *uri) {
    const size_t size = strlen(uri->scheme) + 3 * strlen(uri->path) + 4;
    char *text = evtwin__calloc(size, 1);
    if (text == NULL || uri->path[0] != '/') {
        if (text != NULL) {
            (void)snprintf(text, size, "%s:%s", uri->scheme, uri->path);
        }
        return text;
    }
    size_t n = (size_t)snprintf(text, size, "%s://", uri->scheme);
    for (const char *c = uri->path; *c != '\0'; c++) {
        n += (size_t)snprintf(text + n, size - n, *c == '%' || *c == '?' ? "%%%02X" : "%c", *c);
    }
    return text;
}

evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin_store_options *options,
                                     evtwin_store **out) {
    evtwin_status st = evtwin__uri_need_path(uri);
    if (st < 0) {
        return st;
    }
    char *text = uri_without_params(uri);
    if (text == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    st = evtwin_store_open(text, options, out);
    evtwin__free(text);
    return st;
}
