/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_flags.c: the command line, by getopt_long. */

#include "cli/cli_settings.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

/* getopt_long's own tables, made from ours: option i has value FIRST + i. */
enum { FIRST = 256, MAX_OPTIONS = 64 };

static void make_getopt_tables(const cli_tool *tool, struct option *longs, char *shorts) {
    const size_t n = cli_option_count(tool);
    assert(n < MAX_OPTIONS);
    *shorts++ = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = cli_option_at(tool, i);
        const int has_argument = o->kind == CLI_SWITCH ? no_argument
                                 : o->implied != NULL  ? optional_argument
                                                       : required_argument;
        assert(o->implied == NULL || o->letter == '\0'); /* "-k 3" would be another rule */
        longs[i] = (struct option){o->name, has_argument, NULL, FIRST + (int)i};
        if (o->letter != '\0') {
            *shorts++ = o->letter;
            if (has_argument) {
                *shorts++ = ':';
            }
        }
    }
    longs[n] = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static size_t option_of(const cli_tool *tool, int code) {
    if (code >= FIRST) {
        return (size_t)(code - FIRST);
    }
    size_t i = 0;
    while (i < cli_option_count(tool) && cli_option_at(tool, i)->letter != code) {
        i++;
    }
    return i;
}

static int bad_flag(const cli_tool *tool, int is_missing, int code, const char *word) {
    const size_t option = code != 0 ? option_of(tool, code) : cli_option_count(tool);
    if (is_missing) {
        const cli_option *o = cli_option_at(tool, option);
        cli_error("--%s needs %s; see %s --help", o->name, o->argument, tool->name);
    } else if (option < cli_option_count(tool)) {
        cli_error("--%s takes no argument", cli_option_at(tool, option)->name);
    } else if (code != 0) {
        cli_error("unknown option -%c; see %s --help", code, tool->name);
    } else {
        const size_t length = strcspn(word, "=");
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), word);
        const char *near = cli_nearest_option(tool, name + 2);
        cli_error("unknown option %s; %s%s%s", name, near != NULL ? "did you mean --" : "see ",
                  near != NULL ? near : tool->name, near != NULL ? "?" : " --help");
    }
    return CLI_USAGE;
}

/* The value of an option: what getopt_long found. Where it may be left out that is only
 * "--name=3"; the next word is taken too if it is a number. */
static const char *value_of_flag(const cli_option *o, int argc, char **argv) {
    int64_t unused;
    if (o->implied == NULL || optarg != NULL) {
        return optarg;
    }
    return optind < argc && cli_parse_integer(argv[optind], &unused) ? argv[optind++] : o->implied;
}

int cli_flags_read(cli *c, int argc, char **argv) {
    struct option longs[MAX_OPTIONS];
    char shorts[2 * MAX_OPTIONS + 2];
    make_getopt_tables(c->tool, longs, shorts);

    opterr = 0;
    for (;;) {
        const int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1) {
            break;
        }
        if (code == '?' || code == ':') {
            return bad_flag(c->tool, code == ':', optopt, argv[optind - 1]);
        }
        const size_t option = option_of(c->tool, code);
        const char *text = value_of_flag(cli_option_at(c->tool, option), argc, argv);
        CLI_TRY(cli_set_value(c, option, text, CLI_FROM_FLAG, NULL));
    }
    const int n_arguments = argc - optind;
    CLI_FAIL_IF(n_arguments > (c->tool->positional != NULL), CLI_USAGE,
                "unexpected argument '%s'; see %s --help",
                cli_shown(argv[optind + (c->tool->positional != NULL)]), c->tool->name);
    c->argument = n_arguments > 0 ? argv[optind] : NULL;
    return 0;
}
