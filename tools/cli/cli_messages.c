/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_messages.c: one-line messages and progress on standard error, and the exit
 * code that a failure gets. */

#include "cli/cli_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    int quiet, verbose, no_color;
    int has_bar; /* on the screen */
} how;

static char last_error[2048]; /* written under the lock of stderr */

/* Details of the library are for who asks twice. */
static void on_library_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    if (level != EVTWIN_LOG_DEBUG || how.verbose > 1) {
        cli_say(level, "%s", text);
    }
}

void cli_messages_init(int quiet, int verbose, int no_color) {
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

int cli_print_range(FILE *f, const char *label, const evtwin_table *table, size_t col, double scale,
                    int digits, const char *unit) {
    double low = INFINITY, high = -INFINITY;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const double v = scale * evtwin_table_number(table, col, r);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    if (low <= high) {
        fprintf(f, " | %s: %.*f to %.*f%s", label, digits, low, digits, high, unit);
    }
    return low <= high;
}

const char *cli_shown(const char *uri) {
    static char text[4][1024];
    static unsigned turn;
    turn = (turn + 1) % 4;
    evtwin_uri_redact(uri, text[turn], sizeof text[turn]);
    return text[turn];
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
    return !how.no_color && (stream != stderr || cli_log_is_plain()) &&
           (no_color == NULL || *no_color == '\0') && cli_terminal(stream);
}

void cli_progress_clear(void) {
    if (how.has_bar) {
        fputs("\r\033[K", stderr);
        how.has_bar = 0;
    }
}

/* One write, so that lines of several threads do not mix. */
void cli_say(evtwin_log_level level, const char *format, ...) {
    if ((level == EVTWIN_LOG_INFO && how.quiet) || (level == EVTWIN_LOG_DEBUG && !how.verbose)) {
        return;
    }
    char said[2048], text[sizeof said];
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    cli_words(said, text, sizeof text);
    char line[3 * sizeof text], *stamp;
    const size_t size = cli_log_line(line, sizeof line, level, cli_color(stderr), text, &stamp);
    flockfile(stderr);
    if (level == EVTWIN_LOG_ERROR) {
        snprintf(last_error, sizeof last_error, "%s", text);
    }
    cli_progress_clear();
    fwrite(line, 1, size, stderr);
    funlockfile(stderr);
}

const char *cli_last_error(void) {
    return last_error;
}

/* ---- failures ---- */

int cli_exit_code(cli_role role, evtwin_status status) {
    switch (status) {
    case EVTWIN_E_ARG:
        return CLI_USAGE;
    case EVTWIN_E_UNSUPPORTED: /* a kind of URI, or of model file */
    case EVTWIN_E_PARSE:       /* a URI, or what a file says */
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
    case EVTWIN_E_DENIED:
        return CLI_DENIED;
    case EVTWIN_E_BUSY:
    case EVTWIN_E_AGAIN:
    case EVTWIN_E_EXTERNAL:
        return CLI_UNAVAILABLE;
    default:
        return CLI_FAILURE;
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

    const int is_stdout = path != NULL && role == CLI_AN_OUTPUT && strcmp(path, "-") == 0;
    const char *rest = text, *between = "";
    if (path == NULL || (!is_stdout && begins_with_name(text, path))) {
        path = "";
    } else {
        const char *slash = strrchr(path, '/');
        const char *name = slash != NULL ? slash + 1 : path;
        const int is_bare = begins_with_name(text, name);
        rest = is_bare ? text + strlen(name) : text;
        between = is_bare ? "" : ": ";
    }
    cli_error("%s%s%s%s%s", is_stdout ? "standard output" : path, between, rest,
              next_step != NULL ? "; " : "", next_step != NULL ? next_step : "");
    return cli_exit_code(role, status);
}

int cli_fail(cli_role role, evtwin_status status, const char *next_step) {
    return cli_fail_about(NULL, role, status, next_step);
}

int cli_out_of_memory(void) {
    cli_error("out of memory");
    return CLI_FAILURE;
}

/* ---- progress ---- */

enum { BAR_WIDTH = 24 };

static const double redraw_every_s = 0.1, line_every_s = 5;

/* One piece of work at a time: the current one, when it began, when it was last shown. */
static struct {
    char what[64];
    double began_s, shown_s;
} work;

static void draw_bar(double done, double now_s) {
    static const char full[] = "########################", empty[] = "------------------------";
    const double spent_s = now_s - work.began_s;
    if (done < 0) {
        fprintf(stderr, "\r\033[K%s … %.0f s", work.what, spent_s);
    } else {
        const int filled = (int)(done * BAR_WIDTH);
        fprintf(stderr, "\r\033[K[%.*s%.*s] %3.0f %%  %s", filled, full, BAR_WIDTH - filled, empty,
                100 * done, work.what);
        if (done > 0.02 && spent_s > 2) {
            fprintf(stderr, ", %.0f s left", spent_s * (1 - done) / done);
        }
    }
    fflush(stderr);
    how.has_bar = 1;
}

int cli_progress(void *ctx, const char *what, double done) {
    (void)ctx;
    if (how.quiet) {
        return cli_stopping();
    }
    const double now_s = cli_now_s();
    const int is_new = strncmp(work.what, what, sizeof work.what - 1) != 0;
    if (is_new) {
        snprintf(work.what, sizeof work.what, "%s", what);
        work.began_s = work.shown_s = now_s;
        cli_detail("%s …", what);
    }
    done = done > 1 ? 1 : done;

    if (cli_terminal(stderr) && cli_log_is_plain()) {
        if (is_new || now_s - work.shown_s >= redraw_every_s) {
            draw_bar(done, now_s);
            work.shown_s = now_s;
        }
    } else if (now_s - work.shown_s >= line_every_s) {
        if (done < 0) {
            cli_note("%s, %.0f s so far", work.what, now_s - work.began_s);
        } else {
            cli_note("%s, %.0f %%", work.what, 100 * done);
        }
        work.shown_s = now_s;
    }
    return cli_stopping();
}
