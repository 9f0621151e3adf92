/* SPDX-License-Identifier: MIT */
/* tools/cli_sinks.c: sinks by their URIs before they are opened, and who reads standard output. */

#include "cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_sink_is_stdout(const char *uri) {
    const size_t n = strcspn(uri, "?");
    return n > 2 && strncmp(uri + n - 2, ":-", 2) == 0;
}

int cli_stdout_has_no_reader(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
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
