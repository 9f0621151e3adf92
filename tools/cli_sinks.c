/* SPDX-License-Identifier: MIT */
/* tools/cli_sinks.c: what can be told from the URIs of sinks before they are opened. */

#include "cli.h"

#include <stdlib.h>
#include <string.h>

int cli_sink_is_stdout(const char *uri) {
    const size_t n = strcspn(uri, "?");
    return n > 2 && strncmp(uri + n - 2, ":-", 2) == 0;
}

int cli_check_sinks(const char *const *uris, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const size_t length = strcspn(uris[i], "?");
        for (size_t k = 0; k < i; k++) {
            if (strcspn(uris[k], "?") == length && strncmp(uris[i], uris[k], length) == 0) {
                char *shown = cli_redact(uris[i]);
                cli_error("--sink: %s is named twice: every record would be written there twice",
                          shown != NULL ? shown : "?");
                free(shown);
                return CLI_USAGE;
            }
        }
    }
    return 0;
}
