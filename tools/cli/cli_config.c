/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_config.c: the file that --config names, `name = value` lines. */

#include "cli/cli_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
        const char *near = cli_nearest_option(c->tool, name);
        cli_error("%s: unknown name '%s'%s%s%s", where, name,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "");
        return CLI_CONFIG;
    }
    return c->values[option].origin > CLI_FROM_FILE
               ? 0
               : cli_set_value(c, option, text, CLI_FROM_FILE, where);
}

/* What root hands to a service is read by the service's group, as in evtwin__file_check_private. */
static mode_t permitted_of(const struct stat *info) {
    return info->st_uid == 0 && geteuid() != 0 ? S_IRGRP : 0;
}

int cli_config_read(cli *c) {
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
