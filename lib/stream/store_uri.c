/* SPDX-License-Identifier: MIT */
/* stream/store_uri.c: the store behind a source or sink of the stream. */

#include "stream/store_uri.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <string.h>

evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin_store_options *options,
                                     evtwin_store **out) {
    evtwin_status st = evtwin__uri_need_path(uri);
    if (st < 0) {
        return st;
    }
    char *text = evtwin__strdup(uri->text);
    if (text == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    text[strcspn(text, "?")] = '\0'; /* the parameters are ours */
    st = evtwin_store_open(text, options, out);
    evtwin__free(text);
    return st;
}
