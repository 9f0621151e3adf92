/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_progress.c: how far long work is: a bar on a terminal, a line now and then
 * elsewhere. */

#include "cli/cli_messages.h"
#include "cli/cli_signals.h"

#include <string.h>

enum { BAR_WIDTH = 24 };

static const double redraw_every_s = 0.1, line_every_s = 5;

/* One piece of work at a time: the current one, when it began, when it was last shown. */
static struct {
    char what[64];
    double began_s, shown_s;
} work;

static void draw_bar(double done, double now_s) {
    char bar[BAR_WIDTH + 1];
    const int filled = done < 0 ? 0 : (int)(done * BAR_WIDTH);
    memset(bar, '-', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';

    const double spent_s = now_s - work.began_s;
    char line[256];
    if (done < 0) {
        snprintf(line, sizeof line, "%s … %.0f s", work.what, spent_s);
    } else if (done > 0.02 && spent_s > 2) {
        snprintf(line, sizeof line, "[%s] %3.0f %%  %s, %.0f s left", bar, 100 * done, work.what,
                 spent_s * (1 - done) / done);
    } else {
        snprintf(line, sizeof line, "[%s] %3.0f %%  %s", bar, 100 * done, work.what);
    }
    cli_show_bar(line);
}

int cli_progress(void *ctx, const char *what, double done) {
    (void)ctx;
    if (cli_quiet()) {
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

    if (cli_terminal(stderr)) {
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
