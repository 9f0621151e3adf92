/* SPDX-License-Identifier: MIT */
/* stream/store_uri.c: the store behind a source or sink of the stream. */

#include "stream/store_uri.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <string.h>

evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin_store_options *options,
                                     evtwin_store **out) {
    EVTWIN_TRY(evtwin__uri_need_path(uri));
    char *text = evtwin__strdup(uri->text);
    EVTWIN_FAIL_IF(text == NULL, EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    text[strcspn(text, "?")] = '\0'; /* the parameters are ours */
    const evtwin_status st = evtwin_store_open(text, options, out);
    evtwin__free(text);
    return st;
}
