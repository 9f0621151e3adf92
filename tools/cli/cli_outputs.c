/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_outputs.c: files, folders and sinks of a command line: checked before the work,
 * written whole or not at all. */

#include "cli/cli_parts.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_writable_folder(const char *path, const char *what) {
    struct stat info;
    CLI_FAIL_IF(stat(path, &info) != 0, CLI_CANT_CREATE, "%s: %s", path, strerror(errno));
    CLI_FAIL_IF(!S_ISDIR(info.st_mode), CLI_CANT_CREATE, "%s: is not a folder", path);
    CLI_FAIL_IF(access(path, W_OK | X_OK) != 0, CLI_CANT_CREATE, "%s: cannot create %s there: %s",
                path, what, strerror(errno));
    return 0;
}

int cli_check_output_file(const char *path) {
    struct stat info;
    if (strcmp(path, "-") == 0) {
        return 0;
    }
    CLI_FAIL_IF(stat(path, &info) == 0 && S_ISDIR(info.st_mode), CLI_CANT_CREATE, "%s: is a folder",
                path);
    char *copy = strdup(path);
    if (copy == NULL) {
        return cli_out_of_memory();
    }
    const int code = check_writable_folder(dirname(copy), path);
    free(copy);
    return code;
}

int cli_check_output_folder(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL) {
        return cli_out_of_memory();
    }
    /* the nearest folder that exists is where the rest will be made */
    char *folder = copy;
    struct stat info;
    while (stat(folder, &info) != 0 && errno == ENOENT && strcmp(folder, "/") != 0 &&
           strcmp(folder, ".") != 0) {
        folder = dirname(folder);
    }
    const int code = check_writable_folder(folder, path);
    free(copy);
    return code;
}

/* Once something was written there, it cannot be taken back: a pipe, a device. */
static int is_stream(const char *path) {
    struct stat info;
    return strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
}

void cli_begin_write(const char *path) {
    if (is_stream(path)) {
        cli_on_stop(CLI_STOP_LEAVES, "not all was written");
    } else {
        cli_progress(NULL, "writing", -1);
        cli_on_stop(CLI_STOP_CUTS, NULL);
    }
}

int cli_end_write(const char *path, evtwin_status status, const char *next_step) {
    cli_on_stop(CLI_STOP_ASKS, NULL);
    cli_progress_clear();
    if (status >= 0) {
        return 0;
    }
    if (cli_stopping() != 0) {
        cli_error("stopped; nothing was written");
        return 128 + cli_stopping();
    }
    if (strcmp(path, "-") != 0) {
        return cli_fail(CLI_AN_OUTPUT, status, next_step);
    }
    return cli_stdout_has_no_reader() ? CLI_FAILURE
                                      : cli_fail_about(path, CLI_AN_OUTPUT, status, NULL);
}

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
                cli_error("--sink: duplicate %s: every record would be written there twice",
                          cli_shown(uris[i]));
                return CLI_USAGE;
            }
        }
    }
    return 0;
}
