/* SPDX-License-Identifier: MIT */
/* fuzz_uri.c: any text is split into parts or refused, and a password of it is never shown. */

#include "core/mem.h"
#include "core/uri.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* Every part lies in the buffer of the URI, so all of them are texts that end. */
static void check_parts(const evtwin__uri *uri) {
    require(strlen(uri->scheme) > 0);
    require(strlen(uri->user) + strlen(uri->password) + strlen(uri->host) + strlen(uri->path) <
            SIZE_MAX);
    require(strchr(uri->host, ',') == NULL || uri->port == -1);
    require(uri->port == -1 || (uri->port >= 1 && uri->port <= 65535));
    for (size_t i = 0; i < uri->n_params; i++) {
        require(evtwin__uri_param(uri, uri->key[i]) == uri->value[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';

    char *redacted = evtwin__uri_redact(text);
    require(redacted != NULL);
    evtwin__uri uri;
    if (evtwin__uri_parse(text, &uri) == EVTWIN_OK) {
        check_parts(&uri);

        /* a password that is written as it is, and nowhere else in the text, is gone */
        const char *at = strstr(text, uri.password);
        const int is_plain = strlen(uri.password) > 3 && strchr(text, '%') == NULL && at != NULL &&
                             strstr(at + 1, uri.password) == NULL;
        require(!is_plain || strstr(redacted, uri.password) == NULL);
        evtwin__uri_free(&uri);
    } else {
        require(evtwin_last_error()[0] != '\0');
    }
    evtwin__free(redacted);
    free(text);
    return 0;
}
