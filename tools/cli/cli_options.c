/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_options.c: all values of a tool: flag over environment over file over default. */

#include "cli/cli_settings.h"

#include <assert.h>
#include <stdlib.h>

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
