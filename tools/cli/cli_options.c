/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_options.c: the options and their values: flag over environment over file over
 * default. */

#include "cli/cli_settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

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
    [CLI_OPT_NO_COLOR] = CLI_FLAG(
        "no-color", .help = "no colours (nor with NO_COLOR set, TERM=dumb, or no terminal)"),
    [CLI_OPT_LOG_FORMAT] =
        CLI_STRING("log-format", "FORMAT", "text", .choices = "text|time|json",
                   .environment = CLI_LOG_FORMAT_VARIABLE,
                   .help = "messages as text, as text with the time before it, or as JSON objects, "
                           "one a line"),
    [CLI_OPT_HELP] = CLI_FLAG("help", .letter = 'h', .help = "print this and exit"),
    [CLI_OPT_VERSION] = CLI_FLAG("version", .letter = 'V', .help = "print versions and exit"),
    [CLI_OPT_COMPLETION] = CLI_STRING(
        "completion", "SHELL", NULL, .choices = "bash|zsh|fish",
        .help = "print what completes this tool's options in bash, zsh or fish, then exit"),
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

/* ---- values ---- */

const char *cli_text(const cli *c, size_t option) {
    return c->values[option].text;
}

int cli_is_on(const cli *c, size_t option) {
    return c->values[option].is_on;
}

int cli_is_set(const cli *c, size_t option) {
    return c->values[option].origin != CLI_FROM_DEFAULT;
}

double cli_number(const cli *c, size_t option) {
    return c->values[option].number;
}

int64_t cli_integer(const cli *c, size_t option) {
    return c->values[option].integer;
}

cli_origin cli_from(const cli *c, size_t option) {
    return c->values[option].origin;
}

size_t cli_count(const cli *c, size_t option) {
    return c->values[option].n_given;
}

const char *cli_item(const cli *c, size_t option, size_t i) {
    return c->values[option].items[i];
}

const char *const *cli_items(const cli *c, size_t option) {
    return c->values[option].items;
}

const char *cli_argument(const cli *c) {
    return c->argument;
}

const char *cli_called(const cli *c, size_t option, char *text, size_t size) {
    const cli_origin origin = cli_from(c, option);
    return cli_spell(cli_option_at(c->tool, option),
                     origin == CLI_FROM_DEFAULT ? CLI_FROM_FLAG : origin,
                     cli_text(c, c->tool->n_options + CLI_OPT_CONFIG), text, size);
}

/* ---- all origins ---- */

static int read_defaults(cli *c) {
    for (size_t i = 0; i < cli_option_count(c->tool); i++) {
        const char *initial = cli_option_at(c->tool, i)->initial;
        if (initial != NULL && cli_set_value(c, i, initial, CLI_FROM_DEFAULT, "default") != 0) {
            assert(0 && "the default of an option is not valid");
            return CLI_FAILURE;
        }
    }
    return 0;
}

int cli_options_read_flags(const cli_tool *tool, int argc, char **argv, cli **out) {
    cli *c = calloc(1, sizeof *c + cli_option_count(tool) * sizeof *c->values);
    *out = c;
    if (c == NULL) {
        return cli_out_of_memory();
    }
    c->tool = tool;
    CLI_TRY(read_defaults(c));
    return cli_flags_read(c, argc, argv);
}

/* A default that follows from the environment. */
static int derive(cli *c, size_t option) {
    const cli_option *o = cli_option_at(c->tool, option);
    setting *v = &c->values[option];
    if (o->derived == NULL || v->origin != CLI_FROM_DEFAULT) {
        return 0;
    }
    v->n_given = 0;
    const char *text, *from;
    int is_there;
    for (size_t i = 0; (is_there = o->derived(i, &text, &from)) > 0; i++) {
        CLI_TRY(cli_set_value(c, option, text, CLI_FROM_DEFAULT, "default"));
    }
    return is_there < 0 ? CLI_CONFIG : 0;
}

int cli_options_read_environment_and_file(cli *c) {
    for (size_t i = 0; i < cli_option_count(c->tool); i++) {
        const char *variable = cli_option_at(c->tool, i)->environment;
        const char *text = variable != NULL ? getenv(variable) : NULL;
        if (text == NULL || *text == '\0' || c->values[i].origin == CLI_FROM_FLAG) {
            continue;
        }
        CLI_TRY(cli_set_value(c, i, text, CLI_FROM_ENVIRONMENT, NULL));
    }
    CLI_TRY(cli_config_read(c));
    for (size_t i = 0; i < cli_option_count(c->tool); i++) {
        CLI_TRY(derive(c, i));
    }
    return 0;
}

void cli_options_free(cli *c) {
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < cli_option_count(c->tool); i++) {
        free(c->values[i].items);
    }
    free(c->file);
    free(c);
}
