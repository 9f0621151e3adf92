/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_program.c: how every tool starts and ends. */

#include "cli/cli.h"

#include <errno.h>
#include <string.h>

int cli_start(const cli_tool *tool, int argc, char **argv, cli **out) {
    const size_t common = tool->n_options;
    cli_messages_init(tool->name, 0, 0, 0);
    int code = cli_options_read_flags(tool, argc, argv, out);
    if (code != 0) {
        return code;
    }
    cli *c = *out;

    /* a faulty environment or file does not keep help back */
    if (cli_is_on(c, common + CLI_OPT_HELP)) {
        cli_print_help(tool);
        return CLI_OK;
    }
    if (cli_is_on(c, common + CLI_OPT_VERSION)) {
        cli_print_version(tool);
        return CLI_OK;
    }
    if ((code = cli_options_read_environment_and_file(c)) != 0) {
        return code;
    }

    const size_t verbose = common + CLI_OPT_VERBOSE;
    cli_messages_init(tool->name, cli_is_on(c, common + CLI_OPT_QUIET),
                      cli_is_on(c, verbose) ? (int)cli_count(c, verbose) : 0,
                      cli_is_on(c, common + CLI_OPT_NO_COLOR));
    if (cli_is_on(c, common + CLI_OPT_PRINT_CONFIG)) {
        cli_print_config(c, tool);
        return CLI_OK;
    }
    cli_signals_init();
    return CLI_CONTINUE;
}

int cli_finish(cli *c, int code) {
    cli_progress_clear();
    cli_options_free(c);
    /* no message for a reader that went away (… | head); one for a full disk */
    const int had_error = ferror(stdout);
    if ((fflush(stdout) != 0 || had_error) && code == CLI_OK) {
        if (errno != EPIPE) {
            cli_error("standard output: %s", strerror(errno));
        }
        return errno == EPIPE ? CLI_FAILURE : CLI_CANT_CREATE;
    }
    return code;
}
