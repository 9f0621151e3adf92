/* SPDX-License-Identifier: MIT */
/* tools/cli_message.c: one-line messages on standard error, and the exit code a failure gets. */

#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *program;
    int quiet, verbose, no_color;
} how = {.program = "evtwin"};

static void on_library_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    switch (level) {
    case EVTWIN_LOG_ERROR:
        cli_error("%s", text);
        break;
    case EVTWIN_LOG_WARNING:
        cli_warning("%s", text);
        break;
    case EVTWIN_LOG_INFO:
        cli_note("%s", text);
        break;
    default:
        if (how.verbose > 1) {
            cli_detail("%s", text);
        }
    }
}

void cli_messages_init(const char *program, int quiet, int verbose, int no_color) {
    how.program = program;
    how.quiet = quiet;
    how.verbose = verbose;
    how.no_color = no_color;
    evtwin_set_log(on_library_log, NULL);
}

const char *cli_s(uint64_t n) {
    return n == 1 ? "" : "s";
}

void cli_print_value(FILE *f, const char *label, double value, int digits, const char *unit) {
    if (isnan(value)) {
        fprintf(f, "%s: unknown", label);
    } else {
        fprintf(f, "%s: %.*f%s", label, digits, value, unit);
    }
}

int cli_quiet(void) {
    return how.quiet;
}

int cli_verbose(void) {
    return how.verbose;
}

int cli_terminal(FILE *stream) {
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && term != NULL && strcmp(term, "dumb") != 0;
}

int cli_color(FILE *stream) {
    const char *no_color = getenv("NO_COLOR");
    return !how.no_color && (no_color == NULL || *no_color == '\0') && cli_terminal(stream);
}

/* "program: label: text", the label in colour where that is welcome; one write, so that lines of
 * several threads do not mix. */
CLI_PRINTF(3, 0)
static void say(const char *label, const char *color, const char *format, va_list args) {
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    const int is_colored = *color != '\0' && cli_color(stderr);

    flockfile(stderr);
    cli_progress_clear();
    fprintf(stderr, "%s: %s%s%s%s\n", how.program, is_colored ? color : "", label,
            is_colored ? "\033[0m" : "", text);
    funlockfile(stderr);
}

void cli_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("", "", format, args);
    va_end(args);
}

void cli_warning(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("warning: ", "\033[33m", format, args);
    va_end(args);
}

void cli_note(const char *format, ...) {
    if (how.quiet) {
        return;
    }
    va_list args;
    va_start(args, format);
    say("", "", format, args);
    va_end(args);
}

void cli_detail(const char *format, ...) {
    if (!how.verbose) {
        return;
    }
    va_list args;
    va_start(args, format);
    say("", "", format, args);
    va_end(args);
}

static int exit_code(cli_role role, evtwin_status status) {
    switch (status) {
    case EVTWIN_E_ARG:
        return CLI_USAGE;
    case EVTWIN_E_UNSUPPORTED: /* a kind of URI, or of model file */
        return role == CLI_AN_INPUT ? CLI_DATA : CLI_USAGE;
    case EVTWIN_E_PARSE: /* a URI, or what a file says */
        return role == CLI_AN_INPUT ? CLI_DATA : CLI_USAGE;
    case EVTWIN_E_RANGE:
    case EVTWIN_E_SCHEMA:
    case EVTWIN_E_DATA:
        return role == CLI_AN_OPTION ? CLI_USAGE : CLI_DATA;
    case EVTWIN_E_CORRUPT:
        return CLI_DATA;
    case EVTWIN_E_NOT_FOUND:
        return role == CLI_AN_OUTPUT ? CLI_CANT_CREATE : CLI_NO_INPUT;
    case EVTWIN_E_IO:
        return role == CLI_AN_OUTPUT   ? CLI_CANT_CREATE
               : role == CLI_A_SERVICE ? CLI_UNAVAILABLE
                                       : CLI_NO_INPUT;
    case EVTWIN_E_BUSY:
    case EVTWIN_E_AGAIN:
    case EVTWIN_E_EXTERNAL:
        return CLI_UNAVAILABLE;
    default:
        return CLI_FAILURE;
    }
}

int cli_is_hopeless(evtwin_status status) {
    switch (status) {
    case EVTWIN_E_ARG:
    case EVTWIN_E_RANGE:
    case EVTWIN_E_SCHEMA:
    case EVTWIN_E_CORRUPT:
    case EVTWIN_E_UNSUPPORTED:
        return 1;
    default:
        return 0;
    }
}

/* Does a text begin with this name, as a word? */
static int begins_with_name(const char *text, const char *name) {
    const size_t n = strlen(name);
    return n > 0 && strncmp(text, name, n) == 0 && strchr(": ", text[n]) != NULL;
}

int cli_fail_about(const char *path, cli_role role, evtwin_status status, const char *next_step) {
    char text[2048];
    const char *error = evtwin_last_error();
    snprintf(text, sizeof text, "%s", *error != '\0' ? error : evtwin_status_text(status));

    const char *rest = text, *between = "";
    if (path == NULL || begins_with_name(text, path)) {
        path = "";
    } else {
        const char *slash = strrchr(path, '/');
        const char *name = slash != NULL ? slash + 1 : path;
        const int is_bare = begins_with_name(text, name);
        rest = is_bare ? text + strlen(name) : text;
        between = is_bare ? "" : ": ";
    }
    cli_error("%s%s%s%s%s", path, between, rest, next_step != NULL ? "; " : "",
              next_step != NULL ? next_step : "");
    return exit_code(role, status);
}

int cli_fail(cli_role role, evtwin_status status, const char *next_step) {
    return cli_fail_about(NULL, role, status, next_step);
}

void cli_format_last_words(const char *outcome, char *text, size_t size) {
    snprintf(text, size, "%s%s: stopped; %s\n", cli_terminal(stderr) ? "\r\033[K" : "", how.program,
             outcome);
}

void cli_begin_write(const char *path) {
    if (strcmp(path, "-") == 0) {
        cli_on_stop(CLI_STOP_LEAVES, "not all was written");
    } else {
        cli_on_stop(CLI_STOP_CUTS, NULL);
    }
}

int cli_end_write(const char *path, evtwin_status status, const char *next_step) {
    cli_on_stop(CLI_STOP_ASKS, NULL);
    if (status >= 0) {
        return 0;
    }
    if (cli_stopping() != 0) {
        cli_error("stopped; nothing was written");
        return 128 + cli_stopping();
    }
    if (strcmp(path, "-") == 0) {
        const char *text = evtwin_last_error();
        if (cli_stdout_has_no_reader()) {
            return CLI_FAILURE;
        }
        cli_error("standard output: %s", strncmp(text, "-: ", 3) == 0 ? text + 3 : text);
        return exit_code(CLI_AN_OUTPUT, status);
    }
    return cli_fail(CLI_AN_OUTPUT, status, next_step);
}

int cli_out_of_memory(void) {
    cli_error("out of memory");
    return CLI_FAILURE;
}

/* The folder that a path is in, "." for a bare name; freed by the caller. */
static char *parent_of(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    return length == 0 ? strdup(".") : strndup(path, length);
}

static int check_writable_folder(const char *path, const char *what) {
    struct stat info;
    if (stat(path, &info) != 0) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_CANT_CREATE;
    }
    if (!S_ISDIR(info.st_mode)) {
        cli_error("%s: is not a folder", path);
        return CLI_CANT_CREATE;
    }
    if (access(path, W_OK | X_OK) != 0) {
        cli_error("%s: cannot create %s there: %s", path, what, strerror(errno));
        return CLI_CANT_CREATE;
    }
    return 0;
}

int cli_check_output_file(const char *path) {
    struct stat info;
    if (strcmp(path, "-") == 0) {
        return 0;
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        cli_error("%s: is a folder", path);
        return CLI_CANT_CREATE;
    }
    char *parent = parent_of(path);
    if (parent == NULL) {
        return cli_out_of_memory();
    }
    const int code = check_writable_folder(parent, path);
    free(parent);
    return code;
}

int cli_check_output_folder(const char *path) {
    /* the nearest folder that exists is where the rest will be made */
    char *folder = strdup(path);
    struct stat info;
    while (folder != NULL && stat(folder, &info) != 0 && errno == ENOENT) {
        char *parent = parent_of(folder);
        const int is_top = parent != NULL && strcmp(parent, folder) == 0;
        free(folder);
        folder = parent;
        if (is_top) {
            break;
        }
    }
    if (folder == NULL) {
        return cli_out_of_memory();
    }
    const int code = check_writable_folder(folder, path);
    free(folder);
    return code;
}
