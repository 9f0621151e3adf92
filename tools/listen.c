/* SPDX-License-Identifier: MIT */
/* tools/listen.c: why a server does not start, in the words of a command line. */

#include "listen.h"

#include <string.h>

/* Of the options of the server: the way out, with %s for the prefix of the options' names, and
 * whether what it names is a file. */
typedef struct way_out {
    const char *member, *text; /* text NULL: the option sets it */
    cli_role role;
} way_out;

static const way_out *way_out_of(const char *member) {
    static const way_out ways[] = {
        {"token_file", "--%stoken-file names it", CLI_AN_INPUT},
        {"tls_cert_file", "--%stls-cert names it", CLI_AN_INPUT},
        {"tls_key_file", "--%stls-key names it", CLI_AN_INPUT},
        {"allow_hosts", "--allow-host names it", CLI_AN_OPTION},
        {"open_reads", "leave out --open-reads, or listen there", CLI_AN_OPTION},
        {"insecure_listen",
         "--%stoken-file, --%stls-cert and --%stls-key name them, --insecure-listen permits it",
         CLI_AN_OPTION},
        {"listen", NULL, CLI_AN_OPTION},
    };
    for (size_t i = 0; member != NULL && i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(ways[i].member, member) == 0) {
            return &ways[i];
        }
    }
    return NULL;
}

/* Put the prefix in the place of each %s. */
static void fill_in(const char *text, const char *prefix, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (const char *at; used < size && *text != '\0'; text = *at != '\0' ? at + 2 : at) {
        at = strstr(text, "%s");
        at = at != NULL ? at : text + strlen(text);
        used += (size_t)snprintf(out + used, size - used, "%.*s%s", (int)(at - text), text,
                                 *at != '\0' ? prefix : "");
    }
}

int listen_fail(const evtwin_server_options *options, const char *prefix, const char *setter,
                evtwin_status st) {
    if (st == EVTWIN_E_BUSY) {
        return cli_fail(CLI_A_SERVICE, st, setter);
    }
    const char *member = NULL;
    const way_out *way = evtwin_server_check(options, &member) == st ? way_out_of(member) : NULL;
    if (way == NULL) {
        return cli_fail(CLI_A_SERVICE, st, NULL);
    }
    char text[256];
    fill_in(way->text != NULL ? way->text : "", prefix, text, sizeof text);
    return cli_fail(st == EVTWIN_E_UNSUPPORTED ? CLI_AN_OPTION : way->role, st,
                    way->text != NULL ? text : setter);
}

int listen_is_loopback(const char *listen) {
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "localhost:", 10) == 0 ||
           strncmp(listen, "[::1]", 5) == 0;
}

void listen_warn(const evtwin_server_options *options) {
    const int has_token = options->token_file != NULL, has_tls = options->tls_cert_file != NULL;
    if (listen_is_loopback(options->listen) || (has_token && has_tls)) {
        return;
    }
    cli_warning("%s can be reached from other machines, without %s%s%s", options->listen,
                has_token ? "" : "token", has_token || has_tls ? "" : " and ",
                has_tls ? "" : "encryption");
}
