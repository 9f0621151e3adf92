/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_value.c: the value of an option: read strictly, and asked for. */

#include "cli/cli_settings.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- read ---- */

/* Nothing but these characters: no blanks, no hexadecimal, no "inf". */
static int consists_of(const char *text, const char *characters) {
    return *text != '\0' && text[strspn(text, characters)] == '\0';
}

int cli_parse_integer(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (!consists_of(text, "+-0123456789") || *end != '\0' || end == text || errno != 0) {
        return 0;
    }
    *out = number;
    return 1;
}

/* The locale of a tool is always "C": the layer check refuses setlocale. */
int cli_parse_number(const char *text, double *out) {
    char *end;
    const double number = strtod(text, &end); /* layer-check: allowed */
    if (!consists_of(text, "+-0123456789.eE") || *end != '\0' || end == text || !isfinite(number)) {
        return 0;
    }
    *out = number;
    return 1;
}

const char *cli_spell(const cli_option *o, cli_origin origin, const char *where, char *text,
                      size_t size) {
    if (origin == CLI_FROM_FLAG) {
        snprintf(text, size, "--%s", o->name);
    } else if (origin == CLI_FROM_ENVIRONMENT) {
        snprintf(text, size, "%s", o->environment);
    } else {
        snprintf(text, size, "%s: %s", where, o->name);
    }
    return text;
}

static int parse_ranged(const cli_option *o, const char *text, const char *name, setting *v) {
    int is_number;
    if (o->kind == CLI_INTEGER) {
        is_number = cli_parse_integer(text, &v->integer);
        v->number = is_number ? (double)v->integer : 0;
    } else {
        is_number = cli_parse_number(text, &v->number);
    }
    if (is_number && v->number >= o->min && v->number <= o->max) {
        return 1;
    }
    cli_error("%s: '%s' is not a %snumber from %.15g to %.15g", name, text,
              o->kind == CLI_INTEGER ? "whole " : "", o->min, o->max);
    return 0;
}

static int is_choice(const char *choices, const char *text) {
    const size_t length = strlen(text);
    for (const char *c = choices; *c != '\0'; c += *c == '|') {
        const size_t n = strcspn(c, "|");
        if (n == length && strncmp(c, text, n) == 0) {
            return 1;
        }
        c += n;
    }
    return 0;
}

/* Is the string valid for the option? If not, the reason is reported under `name`. */
static int parse_value(const cli_option *o, const char *text, const char *name, setting *v) {
    switch (o->kind) {
    case CLI_SWITCH:
        v->is_on = text == NULL || is_choice("true|1|yes", text);
        if (v->is_on || is_choice("false|0|no", text)) {
            return 1;
        }
        cli_error("%s: '%s' is neither true nor false", name, text);
        return 0;
    case CLI_INTEGER:
    case CLI_NUMBER:
        return parse_ranged(o, text, name, v);
    default:
        if (*text == '\0') {
            cli_error("%s: is empty", name);
        } else if (o->choices != NULL && !is_choice(o->choices, text)) {
            cli_error("%s: '%s' is not one of %s", name, text, o->choices);
        } else {
            return 1;
        }
        return 0;
    }
}

/* Others can read a command line, and a file with such a mode. */
static int check_secret(const cli_option *o, const char *text, const char *name, cli_origin origin,
                        const char *shared_file) {
    if (o->kind != CLI_TEXT && o->kind != CLI_LIST) {
        return 0;
    }
    static const char ways_out[] =
        "name a file that only you can read (?password_file=FILE; kafka: ?properties=FILE), or use "
        "PGPASSWORD or PGPASSFILE";
    const int has_password = evtwin_uri_redact(text, NULL, 0);
    CLI_FAIL_IF(has_password && origin == CLI_FROM_FLAG, CLI_USAGE,
                "%s: a password on the command line can be read by others; %s", name, ways_out);
    CLI_FAIL_IF(has_password && origin == CLI_FROM_FILE && shared_file != NULL, CLI_CONFIG,
                "%s: others can read the password in this file; chmod 600 %s, or %s", name,
                shared_file, ways_out);
    return 0;
}

int cli_set_value(cli *c, size_t option, const char *text, cli_origin origin, const char *where) {
    const cli_option *o = cli_option_at(c->tool, option);
    setting *v = &c->values[option];
    char name[512];
    cli_spell(o, origin, where, name, sizeof name);
    CLI_TRY(check_secret(o, text, name, origin, c->shared_file));
    if (!parse_value(o, text, name, v)) {
        return origin == CLI_FROM_FLAG ? CLI_USAGE : CLI_CONFIG;
    }
    if (v->origin != origin) { /* a stronger origin starts afresh, lists too */
        v->n_given = 0;
    }
    if (o->kind == CLI_LIST) {
        const char **items = realloc(v->items, (v->n_given + 1) * sizeof *items);
        if (items == NULL) {
            return cli_out_of_memory();
        }
        v->items = items;
        v->items[v->n_given] = text;
    }
    v->text = text;
    v->origin = origin;
    v->n_given++;
    return 0;
}

/* ---- asked for ---- */

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
