/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_program.c: how every tool starts and ends; --help, --version and --print-config,
 * all from the option table. */

#include "cli/cli_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP_COLUMN = 27, HELP_WIDTH = 98, GLUE = 1 };

/* ---- help ---- */

void cli_print_wrapped(const char *text, int indent) {
    int column = indent;
    while (*text != '\0') {
        const int length = (int)strcspn(text, " "); /* a GLUE is no place to break */
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        for (int i = 0; i < length; i++) {
            putchar(text[i] == GLUE ? ' ' : text[i]);
        }
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const cli_option *o) {
    char left[128];
    snprintf(left, sizeof left, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
             o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
    char right[1024], extra[256] = "";
    if (o->initial != NULL || o->environment != NULL) {
        snprintf(extra, sizeof extra, "[%s%s%s%s%s]", o->initial != NULL ? "default " : "",
                 o->initial != NULL ? o->initial : "",
                 o->initial != NULL && o->environment != NULL ? ", " : "",
                 o->environment != NULL ? "environment " : "",
                 o->environment != NULL ? o->environment : "");
    }
    for (char *s = extra; *s != '\0'; s++) {
        *s = *s == ' ' ? GLUE : *s;
    }
    snprintf(right, sizeof right, "%s %s", o->help, extra);

    if (strlen(left) + 2 > HELP_COLUMN) {
        printf("%s\n%*s", left, HELP_COLUMN, "");
    } else {
        printf("%-*s", HELP_COLUMN, left);
    }
    cli_print_wrapped(right, HELP_COLUMN);
}

/* Lines of `text`, each after `prefix`. */
static void print_lines(const char *text, const char *prefix) {
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        printf("%s%.*s\n", prefix, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_help(const cli_tool *tool) {
    char prefix[64];
    const size_t first = strcspn(tool->usage, "\n");
    printf("Usage: %s %.*s\n", tool->name, (int)first, tool->usage);
    snprintf(prefix, sizeof prefix, "   or: %s ", tool->name);
    print_lines(tool->usage + first + (tool->usage[first] == '\n'), prefix);
    print_lines(tool->purpose, "");

    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const cli_option *o = cli_option_at(tool, i);
        if (o->group != NULL) {
            printf("\n%s:\n", o->group);
        }
        print_option(o);
    }
    printf("\nA flag beats the environment, which beats the --config file, which beats the "
           "default.\n");

    printf("\nExamples:\n");
    print_lines(tool->examples, "  ");
    printf("\nExit codes:\n");
#define EXIT_ROW(name, value, text) printf("  %3d  %s\n", value, text);
    CLI_EXIT_LIST(EXIT_ROW)
#undef EXIT_ROW
}

static void print_version(const cli_tool *tool) {
    printf("%s %s\nlibevtwin %s (%s)\n", tool->name, EVTWIN_VERSION, evtwin_version(),
           evtwin_build_info());
}

/* k: which of a list's. */
static void print_setting(const cli *c, const cli_tool *tool, size_t i, size_t k,
                          const char *text) {
    static const char *const origins[] = {
        [CLI_FROM_DEFAULT] = "default",
        [CLI_FROM_FILE] = "file",
        [CLI_FROM_ENVIRONMENT] = "environment",
        [CLI_FROM_FLAG] = "flag",
    };
    const cli_option *o = cli_option_at(tool, i);
    char setting[1200];
    snprintf(setting, sizeof setting, "%s = %s", o->name, cli_shown(text));

    const cli_origin origin = cli_from(c, i);
    const char *derived, *from = NULL;
    printf("%-40s # %s", setting, origins[origin]);
    if (origin == CLI_FROM_DEFAULT && o->derived != NULL && o->derived(k, &derived, &from) > 0 &&
        from != NULL) {
        printf(", by %s", from);
    }
    if (origin == CLI_FROM_ENVIRONMENT) {
        printf(" %s", o->environment);
    } else if (origin == CLI_FROM_FILE) {
        printf(" %s", cli_text(c, tool->n_options + CLI_OPT_CONFIG));
    }
    putchar('\n');
}

static void print_config(const cli *c, const cli_tool *tool) {
    printf("# %s: every value and where it comes from\n", tool->name);
    for (size_t i = 0; i < cli_option_count(tool); i++) {
        const cli_option *o = cli_option_at(tool, i);
        if (!cli_option_is_setting(tool, i)) {
            continue;
        }
        if (o->kind == CLI_SWITCH) {
            print_setting(c, tool, i, 0, cli_is_on(c, i) ? "true" : "false");
        } else if (o->kind == CLI_LIST && cli_count(c, i) > 0) {
            for (size_t k = 0; k < cli_count(c, i); k++) {
                print_setting(c, tool, i, k, cli_item(c, i, k));
            }
        } else if (cli_text(c, i) != NULL) {
            print_setting(c, tool, i, 0, cli_text(c, i));
        } else {
            char unset[64];
            snprintf(unset, sizeof unset, "# %s =", o->name);
            printf("%-40s # not set\n", unset);
        }
    }
}

/* ---- start and end ---- */

/* The form of messages about options that are not valid, before the options are read. */
static const char *early_log_format(int argc, char **argv) {
    const char *format = getenv(CLI_LOG_FORMAT_VARIABLE);
    static const char name[] = "--log-format";
    const size_t n = sizeof name - 1;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
            format = argv[i] + n + 1;
        } else if (strcmp(argv[i], name) == 0 && i + 1 < argc) {
            format = argv[i + 1];
        }
    }
    return format != NULL ? format : "text";
}

/* CLI_CONTINUE, or the exit code to leave with; *out is freed by finish. */
static int start(const cli_tool *tool, int argc, char **argv, cli **out) {
    const size_t common = tool->n_options;
    cli_messages_init(0, 0, 0);
    cli_log_init(tool->name, early_log_format(argc, argv));
    const char *notify_problem = cli_notify_init();
    int code = cli_options_read_flags(tool, argc, argv, out);
    if (code != 0) {
        return code;
    }
    cli *c = *out;

    /* a faulty environment or file does not keep help back */
    if (cli_is_on(c, common + CLI_OPT_HELP)) {
        print_help(tool);
        return CLI_OK;
    }
    if (cli_is_on(c, common + CLI_OPT_VERSION)) {
        print_version(tool);
        return CLI_OK;
    }
    if (cli_text(c, common + CLI_OPT_COMPLETION) != NULL) {
        cli_print_completion(tool, cli_text(c, common + CLI_OPT_COMPLETION));
        return CLI_OK;
    }
    if ((code = cli_options_read_environment_and_file(c)) != 0) {
        return code;
    }

    const size_t verbose = common + CLI_OPT_VERBOSE;
    cli_log_init(tool->name, cli_text(c, common + CLI_OPT_LOG_FORMAT));
    cli_messages_init(cli_is_on(c, common + CLI_OPT_QUIET),
                      cli_is_on(c, verbose) ? (int)cli_count(c, verbose) : 0,
                      cli_is_on(c, common + CLI_OPT_NO_COLOR));
    if (cli_is_on(c, common + CLI_OPT_PRINT_CONFIG)) {
        print_config(c, tool);
        return CLI_OK;
    }
    cli_signals_init(cli_terminal(stderr) && cli_log_is_plain() ? "\r\033[K" : "");
    if (notify_problem != NULL) {
        cli_warning("%s", notify_problem);
    }
    cli_on_stop(CLI_STOP_LEAVES, "nothing was done"); /* what is opened may be a silent pipe */
    return CLI_CONTINUE;
}

/* Flush standard output, free, and give the exit code: `code`, or another if the flush failed. */
static int finish(cli *c, int code) {
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

/* A standard descriptor that is closed would be given to the next file that is opened, and what is
 * printed would go there: it becomes one that fails when it is used. */
static void fill_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            _exit(CLI_FAILURE);
        }
    }
}

int cli_main(const cli_tool *tool, int argc, char **argv, int (*run)(const cli *c)) {
    fill_descriptors();
    cli *c;
    const int code = start(tool, argc, argv, &c);
    return finish(c, code == CLI_CONTINUE ? run(c) : code);
}
