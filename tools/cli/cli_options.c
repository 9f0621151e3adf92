/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_options.c: values of the options: flag over environment over file over default. */

#include "cli/cli_parts.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct setting {
    cli_origin origin;
    const char *text; /* the last one given; NULL = not set */
    double number;
    int64_t integer;
    int is_on;
    size_t n_given;     /* how often, at this origin */
    const char **items; /* of a CLI_LIST: all that were given */
} setting;

struct cli {
    const cli_tool *tool;
    const char *argument;
    char *file;              /* the configuration file, cut into lines; values point into it */
    const char *shared_file; /* --config, if others can read it */
    setting values[];
};

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

/* The known long name closest to a mistyped one, NULL if none is near. */
static const char *nearest_option(const cli_tool *tool, const char *name) {
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

/* ---- one value, read strictly ---- */

/* Nothing but these characters: no blanks, no hexadecimal, no "inf". */
static int consists_of(const char *text, const char *characters) {
    return *text != '\0' && text[strspn(text, characters)] == '\0';
}

static int parse_integer(const char *text, int64_t *out) {
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

/* "--fleet" as the user wrote it: a flag, a variable, or a line of a file. */
static const char *spell(const cli_option *o, cli_origin origin, const char *where, char *text,
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

const char *cli_called(const cli *c, size_t option, char *text, size_t size) {
    const cli_origin origin = cli_from(c, option);
    return spell(cli_option_at(c->tool, option),
                 origin == CLI_FROM_DEFAULT ? CLI_FROM_FLAG : origin,
                 cli_text(c, c->tool->n_options + CLI_OPT_CONFIG), text, size);
}

static int parse_ranged(const cli_option *o, const char *text, const char *name, setting *v) {
    int is_number;
    if (o->kind == CLI_INTEGER) {
        is_number = parse_integer(text, &v->integer);
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

/* Take a value; `text` is NULL for a switch given as a flag. 0, or the exit code after the reason.
 */
static int set_value(cli *c, size_t option, const char *text, cli_origin origin,
                     const char *where) {
    const cli_option *o = cli_option_at(c->tool, option);
    setting *v = &c->values[option];
    char name[512];
    spell(o, origin, where, name, sizeof name);
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

/* ---- origins ---- */

static int read_defaults(cli *c) {
    for (size_t i = 0; i < cli_option_count(c->tool); i++) {
        const char *initial = cli_option_at(c->tool, i)->initial;
        if (initial != NULL && set_value(c, i, initial, CLI_FROM_DEFAULT, "default") != 0) {
            assert(0 && "the default of an option is not valid");
            return CLI_FAILURE;
        }
    }
    return 0;
}

/* Cut a comment (# at the start or after a blank) and blanks around; returns the first character.
 */
static char *trim(char *line) {
    for (char *s = line; *s != '\0'; s++) {
        if (*s == '#' && (s == line || s[-1] == ' ' || s[-1] == '\t')) {
            *s = '\0';
            break;
        }
    }
    line += strspn(line, " \t\r\n");
    size_t n = strlen(line);
    while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL) {
        line[--n] = '\0';
    }
    return line;
}

static int read_config_line(cli *c, char *line, const char *where) {
    char *name = trim(line);
    if (*name == '\0') {
        return 0;
    }
    char *equals = strchr(name, '=');
    CLI_FAIL_IF(equals == NULL, CLI_CONFIG, "%s: '%s' is not a `name = value` line", where,
                cli_shown(name));
    *equals = '\0';
    char *text = trim(equals + 1);
    name = trim(name);

    size_t option = 0;
    while (option < cli_option_count(c->tool) &&
           strcmp(cli_option_at(c->tool, option)->name, name) != 0) {
        option++;
    }
    if (!cli_option_is_setting(c->tool, option)) {
        const char *near = nearest_option(c->tool, name);
        cli_error("%s: unknown name '%s'%s%s%s", where, name,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "");
        return CLI_CONFIG;
    }
    return c->values[option].origin > CLI_FROM_FILE
               ? 0
               : set_value(c, option, text, CLI_FROM_FILE, where);
}

/* What root hands to a service is read by the service's group, as in evtwin__file_check_private. */
static mode_t permitted_of(const struct stat *info) {
    return info->st_uid == 0 && geteuid() != 0 ? S_IRGRP : 0;
}

static int read_config(cli *c) {
    const char *path = cli_text(c, c->tool->n_options + CLI_OPT_CONFIG);
    if (path == NULL) {
        return 0;
    }
    FILE *f = fopen(path, "r");
    struct stat info;
    const int is_private = f != NULL && fstat(fileno(f), &info) == 0 &&
                           (info.st_mode & (S_IRWXG | S_IRWXO) & ~permitted_of(&info)) == 0;
    c->shared_file = is_private ? NULL : path;
    size_t capacity = 0;
    const ssize_t size = f != NULL ? getdelim(&c->file, &capacity, '\0', f) : -1;
    int code = 0;
    if (f == NULL || ferror(f) || (size < 0 && !feof(f))) {
        cli_error("--config: %s: %s", path, strerror(errno));
        code = CLI_CONFIG;
    } else if (size > 0 && c->file[size - 1] == '\0') {
        cli_error("--config: %s: has a zero byte, so it is not a text file", path);
        code = CLI_CONFIG;
    }
    if (f != NULL) {
        fclose(f);
    }

    char *line, *rest = size > 0 ? c->file : NULL;
    for (size_t number = 1; code == 0 && (line = strsep(&rest, "\n")) != NULL; number++) {
        char where[512];
        snprintf(where, sizeof where, "%s:%zu", path, number);
        code = read_config_line(c, line, where);
    }
    return code;
}

/* ---- flags ---- */

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
        const char *near = nearest_option(tool, name + 2);
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
    return optind < argc && parse_integer(argv[optind], &unused) ? argv[optind++] : o->implied;
}

static int read_flags(cli *c, int argc, char **argv) {
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
        CLI_TRY(set_value(c, option, text, CLI_FROM_FLAG, NULL));
    }
    const int n_arguments = argc - optind;
    CLI_FAIL_IF(n_arguments > (c->tool->positional != NULL), CLI_USAGE,
                "unexpected argument '%s'; see %s --help",
                cli_shown(argv[optind + (c->tool->positional != NULL)]), c->tool->name);
    c->argument = n_arguments > 0 ? argv[optind] : NULL;
    return 0;
}

/* ---- all together ---- */

int cli_options_read_flags(const cli_tool *tool, int argc, char **argv, cli **out) {
    cli *c = calloc(1, sizeof *c + cli_option_count(tool) * sizeof *c->values);
    *out = c;
    if (c == NULL) {
        return cli_out_of_memory();
    }
    c->tool = tool;
    CLI_TRY(read_defaults(c));
    return read_flags(c, argc, argv);
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
        CLI_TRY(set_value(c, option, text, CLI_FROM_DEFAULT, "default"));
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
        CLI_TRY(set_value(c, i, text, CLI_FROM_ENVIRONMENT, NULL));
    }
    CLI_TRY(read_config(c));
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
