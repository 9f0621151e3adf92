/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_completion.c: what lets bash, zsh and fish complete a tool's command line, from its
 * option table. */

#include "cli/cli_parts.h"

#include <string.h>

/* What a shell may offer as the value of an option. */
typedef enum value_kind {
    VALUE_NONE,
    VALUE_ANY,
    VALUE_CHOICE,
    VALUE_FILE,
    VALUE_FOLDER
} value_kind;

static value_kind kind_of(const cli_option *o) {
    if (o->kind == CLI_SWITCH) {
        return VALUE_NONE;
    }
    if (o->choices != NULL) {
        return VALUE_CHOICE;
    }
    static const char *const files[] = {"FILE", "IN", "OUT"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(o->argument, files[i]) == 0) {
            return VALUE_FILE;
        }
    }
    return strcmp(o->argument, "DIR") == 0 ? VALUE_FOLDER : VALUE_ANY;
}

/* Print n characters of text, each of `special` after a backslash; as part of '…' in a shell. */
static void print_quoted(const char *text, size_t n, const char *special) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\'') {
            printf("'\\''");
        } else {
            printf("%s%c", strchr(special, text[i]) != NULL ? "\\" : "", text[i]);
        }
    }
}

/* "ecm classic" of "ecm|classic" */
static void print_choices(const cli_option *o) {
    for (const char *s = o->choices; *s != '\0'; s++) {
        putchar(*s == '|' ? ' ' : *s);
    }
}

/* A shell shows it on one line: the help's first part is enough. */
static size_t short_help(const cli_option *o) {
    const char *rest = strstr(o->help, "; ");
    return rest != NULL ? (size_t)(rest - o->help) : strlen(o->help);
}

/* A name of a function: the tool's, with _ for -. */
static void print_function_name(const cli_tool *tool) {
    putchar('_');
    for (const char *s = tool->name; *s != '\0'; s++) {
        putchar(*s == '-' ? '_' : *s);
    }
}

/* ---- bash ---- */

/* "    --out|-o) …;;": what follows an option. */
static void print_bash_case(const cli_option *o) {
    printf("    --%s", o->name);
    if (o->letter != '\0') {
        printf("|-%c", o->letter);
    }
    printf(") ");
    switch (kind_of(o)) {
    case VALUE_CHOICE:
        printf("mapfile -t COMPREPLY < <(compgen -W '");
        print_choices(o);
        printf("' -- \"$word\")");
        break;
    case VALUE_FILE:
        printf("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")");
        break;
    case VALUE_FOLDER:
        printf("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\")");
        break;
    default:
        printf("COMPREPLY=()");
    }
    printf("; return ;;\n");
}

static void print_bash(const cli_tool *tool) {
    print_function_name(tool);
    printf("() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
           "  if [[ $word == = ]]; then word=\n" /* --name=value comes as three words */
           "  elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}\n"
           "  fi\n"
           "  case $before in\n");
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const cli_option *o = cli_option_at(tool, i);
        if (kind_of(o) != VALUE_NONE && o->implied == NULL) {
            print_bash_case(o);
        }
    }
    printf("  esac\n"
           "  if [[ $word == -* ]]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const cli_option *o = cli_option_at(tool, i);
        printf("--%s ", o->name);
        if (o->letter != '\0') {
            printf("-%c ", o->letter);
        }
    }
    printf("' -- \"$word\")\n"
           "    return\n"
           "  fi\n");
    printf(tool->positional != NULL
               ? "  compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
               : "  COMPREPLY=()\n");
    printf("}\ncomplete -F ");
    print_function_name(tool);
    printf(" %s\n", tool->name);
}

/* ---- zsh ---- */

static void print_zsh_option(const cli_option *o) {
    const value_kind kind = kind_of(o);
    /* one that may come again is not left out once it was given */
    const char *again = o->kind == CLI_LIST ? "*" : "";
    printf(" \\\n    ");
    if (o->letter != '\0' && *again == '\0') {
        printf("'(-%c --%s)'{-%c%s,--%s%s}'", o->letter, o->name, o->letter,
               kind == VALUE_NONE ? "" : "+", o->name, kind == VALUE_NONE ? "" : "=");
    } else {
        printf("'%s--%s%s", again, o->name,
               kind == VALUE_NONE   ? ""
               : o->implied != NULL ? "=-"
                                    : "=");
    }
    putchar('[');
    print_quoted(o->help, short_help(o), "[]\\");
    putchar(']');
    if (kind != VALUE_NONE) {
        printf(o->implied != NULL ? "::" : ":");
        print_quoted(o->argument, strlen(o->argument), ":\\");
        putchar(':');
    }
    if (kind == VALUE_CHOICE) {
        putchar('(');
        print_choices(o);
        putchar(')');
    } else if (kind == VALUE_FILE || kind == VALUE_FOLDER) {
        printf(kind == VALUE_FILE ? "_files" : "_files -/");
    } else if (kind == VALUE_ANY) {
        putchar(' ');
    }
    putchar('\'');
}

static void print_zsh(const cli_tool *tool) {
    printf("_arguments -s -S");
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        print_zsh_option(cli_option_at(tool, i));
    }
    if (tool->positional != NULL) {
        printf(" \\\n    ':%s:_files'", tool->positional);
    }
    putchar('\n');
}

/* ---- fish ---- */

static void print_fish(const cli_tool *tool) {
    if (tool->positional == NULL) {
        printf("complete -c %s -f\n", tool->name);
    }
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const cli_option *o = cli_option_at(tool, i);
        printf("complete -c %s -l %s", tool->name, o->name);
        if (o->letter != '\0') {
            printf(" -s %c", o->letter);
        }
        switch (kind_of(o)) {
        case VALUE_NONE:
            break;
        case VALUE_CHOICE:
            printf(" -x -a '");
            print_choices(o);
            putchar('\'');
            break;
        case VALUE_FILE:
            printf(" -r -F");
            break;
        case VALUE_FOLDER:
            printf(" -x -a '(__fish_complete_directories)'");
            break;
        case VALUE_ANY:
            printf(o->implied != NULL ? "" : " -x");
        }
        printf(" -d '");
        const char *help = o->help;
        for (size_t k = 0, n = short_help(o); k < n; k++) { /* fish knows \' within '…' */
            printf("%s%c", help[k] == '\'' || help[k] == '\\' ? "\\" : "", help[k]);
        }
        printf("'\n");
    }
}

void cli_print_completion(const cli_tool *tool, const char *shell) {
    const int is_zsh = strcmp(shell, "zsh") == 0;
    if (is_zsh) {
        printf("#compdef %s\n", tool->name); /* zsh wants it on the first line */
    }
    printf("# Completion of %s for %s, made by: %s --completion %s\n", tool->name, shell,
           tool->name, shell);
    if (is_zsh) {
        print_zsh(tool);
    } else if (strcmp(shell, "fish") == 0) {
        print_fish(tool);
    } else {
        print_bash(tool);
    }
}
