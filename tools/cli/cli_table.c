/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_table.c: the options of a tool: its own, then those that every tool has. */

#include "cli/cli_parts.h"

static const cli_option common_options[CLI_N_COMMON] = {
    [CLI_OPT_CONFIG] =
        CLI_STRING("config", "FILE", NULL, .group = "General",
                   .help = "read `name = value` lines, names as the long options; # begins a "
                           "comment"),
    [CLI_OPT_PRINT_CONFIG] =
        CLI_FLAG("print-config", .help = "print every value and where it comes from, then exit"),
    [CLI_OPT_QUIET] =
        CLI_FLAG("quiet", .letter = 'q', .help = "print nothing but errors and results"),
    [CLI_OPT_VERBOSE] = CLI_FLAG("verbose", .letter = 'v', .help = "print more"),
    [CLI_OPT_NO_COLOR] =
        CLI_FLAG("no-color",
                 .help = "no colours (also off with NO_COLOR, TERM=dumb, or without a terminal)"),
    [CLI_OPT_LOG_FORMAT] = CLI_STRING(
        "log-format", "FORMAT", "text", .choices = "text|time|json",
        .environment = CLI_LOG_FORMAT_VARIABLE,
        .help = "messages as text, as text after the time, or as JSON objects, one per line"),
    [CLI_OPT_HELP] = CLI_FLAG("help", .letter = 'h', .help = "print this and exit"),
    [CLI_OPT_VERSION] = CLI_FLAG("version", .letter = 'V', .help = "print versions and exit"),
    [CLI_OPT_COMPLETION] = CLI_STRING(
        "completion", "SHELL", NULL, .choices = "bash|zsh|fish",
        .help =
            "print the script that completes this tool's options in bash, zsh or fish, then exit"),
};

const cli_option *cli_option_at(const cli_tool *tool, size_t i) {
    return i < tool->n_options ? &tool->options[i] : &common_options[i - tool->n_options];
}

size_t cli_option_count(const cli_tool *tool) {
    return tool->n_options + CLI_N_COMMON;
}

int cli_option_is_setting(const cli_tool *tool, size_t i) {
    return i < tool->n_options + CLI_OPT_HELP && i != tool->n_options + CLI_OPT_CONFIG &&
           i != tool->n_options + CLI_OPT_PRINT_CONFIG;
}

const char *cli_nearest_option(const cli_tool *tool, const char *name) {
    cli_nearest nearest = {.name = name};
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        cli_nearest_offer(&nearest, cli_option_at(tool, i)->name);
    }
    return nearest.best;
}
