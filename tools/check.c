/* SPDX-License-Identifier: MIT */
/* tools/check.c: --check: connect to everything that a command line names, and say of each whether
 * it is fine. */

#include "check.h"

#include "delivery.h"

#include "evtwin/evtwin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 5000 };

/* ---- one line each ---- */

/* Is it the store that DB_HOST and its companions name? */
static int is_of_contract(const char *uri) {
    const char *text, *from;
    return cli_default_store(0, &text, &from) > 0 && from != NULL && strcmp(from, "DB_HOST") == 0 &&
           strcmp(text, uri) == 0;
}

/* Models that a registry names. */
static const char *next_step_of_models(evtwin_status st) {
    return st == EVTWIN_E_AGAIN       ? "; start MLflow, or correct --mlflow"
           : st == EVTWIN_E_DENIED    ? "; check user, password or token of MLflow"
           : st == EVTWIN_E_NOT_FOUND ? "; evtwin-train --mlflow registers some"
                                      : "";
}

static const char *next_step(const char *uri, evtwin_status st) {
    if (strncmp(uri, "models:/", 8) == 0) {
        return next_step_of_models(st);
    }
    switch (st) {
    case EVTWIN_E_AGAIN:
        return cli_is_server(uri) ? "; start it, or correct host and port" : "";
    case EVTWIN_E_DENIED:
        return strstr(evtwin_last_error(), "certificate") != NULL ? "" /* of the server */
               : is_of_contract(uri) ? "; check DB_USER, DB_PASSWORD and rights"
                                     : "; check user, password and rights";
    case EVTWIN_E_NOT_FOUND:
        return cli_is_store(uri) && cli_is_server(uri)
                   ? (strstr(evtwin_last_error(), "database") != NULL ? "; createdb makes it" : "")
               : strncmp(uri, "kafka:", 6) == 0 && strstr(evtwin_last_error(), "topic") != NULL
                   ? "; kafka-topics.sh --create makes it where they do not"
                   : "";
    case EVTWIN_E_STATE:
        return "; " DELIVERY_WAY_OUT;
    default:
        return "";
    }
}

void check_report(int *code, const char *what, const char *uri, cli_role role, evtwin_status st) {
    if (st >= 0) {
        printf("%s %s: ok\n", what, cli_shown(uri));
        return;
    }
    const char *shown = cli_shown(uri), *error = evtwin_last_error();
    const size_t n = strlen(shown);
    if (strncmp(error, shown, n) == 0 && strncmp(error + n, ": ", 2) == 0) {
        error += n + 2; /* it stands there already */
    }
    printf("%s %s: %s%s\n", what, shown, *error != '\0' ? error : evtwin_status_text(st),
           next_step(uri, st));
    *code = *code == 0 ? cli_exit_code(role, st) : *code;
}

void check_problem(int *code, const char *what, const char *name, const char *problem, int is) {
    printf("%s %s: %s\n", what, cli_shown(name), problem != NULL ? problem : "ok");
    *code = *code == 0 && problem != NULL ? is : *code;
}

/* ---- files: opening one would make it ---- */

/* The path of "scheme:FILE?…"; freed by the caller. */
static char *file_of(const char *uri) {
    const char *colon = strchr(uri, ':');
    const char *path = colon != NULL ? colon + 1 : uri;
    path += strncmp(path, "///", 3) == 0 ? 2 : 0;
    return strndup(path, strcspn(path, "?"));
}

/* Why it cannot be written, NULL if it can, or if nobody knows before. */
static const char *what_hinders(const char *path) {
    static char reason[300];
    if (strcmp(path, "-") == 0 || path[0] == ':') {
        return NULL;
    }
    const int exists = access(path, F_OK) == 0;
    const char *slash = strrchr(path, '/');
    char *folder =
        slash == NULL ? strdup(".") : strndup(path, slash > path ? (size_t)(slash - path) : 1);
    const int is_fine =
        folder != NULL && (exists ? access(path, W_OK) == 0 : access(folder, W_OK | X_OK) == 0);
    if (!is_fine) {
        snprintf(reason, sizeof reason, "%s: %s", exists ? "cannot be written" : "cannot be made",
                 strerror(errno));
    }
    free(folder);
    return is_fine ? NULL : reason;
}

/* ---- what a tool has ---- */

static void check_file(int *code, const char *what, const char *uri) {
    char *path = file_of(uri);
    check_problem(code, what, uri, path != NULL ? what_hinders(path) : "out of memory",
                  CLI_CANT_CREATE);
    free(path);
}

static evtwin_status try_store(const char *uri) {
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    evtwin_store *store = NULL;
    const evtwin_status st = evtwin_store_open(uri, &options, &store);
    evtwin_store_free(store);
    return st;
}

/* One that is not there yet, or just being made, is made by who writes. */
static void check_store_file(int *code, const char *what, const char *uri) {
    char *store = cli_store_of(uri);
    if (store == NULL) {
        *code = *code == 0 ? cli_out_of_memory() : *code;
        return;
    }
    const evtwin_status st = try_store(store);
    if (st == EVTWIN_E_NOT_FOUND || st == EVTWIN_E_AGAIN) {
        check_file(code, what, uri);
    } else {
        check_report(code, what, uri, CLI_A_STORE, st);
    }
    free(store);
}

/* A server is asked by the sink that writes to it. */
static void check_server(int *code, const char *what, const char *uri) {
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_sink_open(uri, &sink);
    st = st >= 0 ? evtwin_sink_check(sink, TIMEOUT_MS) : st;
    check_report(code, what, uri, CLI_AN_OUTPUT, st);
    evtwin_sink_free(sink);
}

void check_store(int *code, const char *uri) {
    if (cli_is_server(uri) && cli_is_store(uri)) {
        check_server(code, "store", uri);
    } else {
        check_store_file(code, "store", uri);
    }
}

void check_source(int *code, const char *uri) {
    evtwin_source *source = NULL;
    evtwin_status st = evtwin_source_open(uri, &source);
    st = st >= 0 ? evtwin_source_check(source, TIMEOUT_MS) : st;
    check_report(code, "source", uri, CLI_A_STORE, st);
    evtwin_source_free(source);
}

void check_sink(int *code, const char *what, const char *uri) {
    const char *const files[] = {"csv:", "jsonl:"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strncmp(uri, files[i], strlen(files[i])) == 0) {
            check_file(code, what, uri);
            return;
        }
    }
    if (strncmp(uri, "sqlite:", 7) == 0) {
        check_store_file(code, what, uri);
        return;
    }
    check_server(code, what, uri);
}
