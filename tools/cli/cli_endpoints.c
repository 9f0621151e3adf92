/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_endpoints.c: the default store and sinks, which the environment names, and what a
 * URI on the command line is. */

#include "cli/cli_parts.h"

#include <stdlib.h>
#include <string.h>

enum { URI_SIZE = 8192 };

/* An environment variable, NULL if it is not set or empty. */
static const char *variable(const char *name) {
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void append(char *uri, const char *text) {
    const size_t used = strlen(uri);
    snprintf(uri + used, URI_SIZE - used, "%s", text);
}

/* The host and port of a server, as two variables name them; 0 after one that is not valid was
 * reported. option: where its URI may stand instead. */
static int are_server(const char *host_name, const char *port_name, const char *option) {
    const char *host = variable(host_name), *port = variable(port_name);
    double number = 0.0;
    if (strstr(host, "://") != NULL || strchr(host, '@') != NULL) {
        cli_error("%s: '%s' is not a host; set its name alone, or give the whole URI by %s",
                  host_name, cli_shown(host), option);
        return 0;
    }
    if (port != NULL && (strspn(port, "0123456789") != strlen(port) ||
                         !cli_parse_number(port, &number) || number < 1.0 || number > 65535.0)) {
        cli_error("%s: '%s' is not a whole number from 1 to 65535", port_name, port);
        return 0;
    }
    return 1;
}

/* Percent-encoded but for letters, digits and the signs of keep. */
static void append_encoded(char *uri, const char *text, const char *keep) {
    for (; *text != '\0'; text++) {
        const char c = *text;
        char part[4] = {c, '\0'};
        const int is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || strchr(keep, c) != NULL;
        if (!is_plain) {
            snprintf(part, sizeof part, "%%%02X", (unsigned)(unsigned char)c);
        }
        append(uri, part);
    }
}

/* "user@host:port/database", or "/database?host=FOLDER&port=PORT" where the host is the folder of a
 * socket. */
static void append_server(char *uri, const char *user, const char *host, const char *port,
                          const char *database) {
    const int is_folder = host[0] == '/', is_ipv6 = strchr(host, ':') != NULL;
    if (user != NULL) {
        append_encoded(uri, user, "-._~");
        append(uri, "@");
    }
    if (!is_folder) {
        append(uri, is_ipv6 ? "[" : "");
        append_encoded(uri, host, "-.:");
        append(uri, is_ipv6 ? "]" : "");
        append(uri, port != NULL ? ":" : "");
        append(uri, port != NULL ? port : "");
    }
    append(uri, "/");
    append_encoded(uri, database != NULL ? database : "", "-._~");
    if (is_folder) {
        append(uri, "?host=");
        append_encoded(uri, host, "-._~/");
        append(uri, port != NULL ? "&port=" : "");
        append(uri, port != NULL ? port : "");
    }
}

static void append_password_file(char *uri, const char *path) {
    if (path != NULL) {
        append(uri, strchr(uri, '?') != NULL ? "&password_file=" : "?password_file=");
        append_encoded(uri, path, "-._~/");
    }
}

/* The names and defaults of the contract, else libpq's, whose own defaults libpq knows best. The
 * password goes to libpq by its own variable: it is never a part of a URI here. */
int cli_default_store(size_t i, const char **text_out, const char **from_out) {
    static char uri[URI_SIZE];
    const char *host = variable("DB_HOST");
    const char *const is_contract = host;
    host = is_contract != NULL ? host : variable("PGHOST");
    if (i > 0) {
        return 0;
    }
    *text_out = "sqlite:evtwin.db";
    *from_out = NULL;
    if (host == NULL) {
        return 1;
    }
    snprintf(uri, sizeof uri, "postgresql://");
    if (is_contract != NULL) {
        if (!are_server("DB_HOST", "DB_PORT", "--store or --sink")) {
            return -1;
        }
        const char *user = variable("DB_USER"), *database = variable("DB_NAME");
        append_server(uri, user != NULL ? user : "twin", host, variable("DB_PORT"),
                      database != NULL ? database : "twin_data");
        append_password_file(uri, variable("DB_PASSWORD_FILE"));
        if (variable("DB_PASSWORD") != NULL) {
            setenv("PGPASSWORD", variable("DB_PASSWORD"), 1);
        }
    } else {
        append_server(uri, variable("PGUSER"), host, variable("PGPORT"), variable("PGDATABASE"));
    }
    *text_out = uri;
    *from_out = is_contract != NULL ? "DB_HOST" : "PGHOST";
    return 1;
}

static const char *kafka_sink(void) {
    static char uri[URI_SIZE];
    const char *servers = variable("KAFKA_BOOTSTRAP_SERVERS"), *topic = variable("KAFKA_TOPIC");
    if (servers == NULL) {
        return NULL;
    }
    snprintf(uri, sizeof uri, "kafka://");
    append_encoded(uri, servers, "-._~:,[]");
    append(uri, "/");
    append_encoded(uri, topic != NULL ? topic : "ev_battery_telemetry", "-._~");
    return uri;
}

static const char *mqtt_sink(void) {
    static char uri[URI_SIZE];
    const char *host = variable("MQTT_HOST"), *port = variable("MQTT_PORT");
    const char *topic = variable("MQTT_TOPIC");
    if (host == NULL) {
        return NULL;
    }
    const int is_ipv6 = strchr(host, ':') != NULL;
    snprintf(uri, sizeof uri, "mqtt://%s", is_ipv6 ? "[" : "");
    append_encoded(uri, host, "-._~:");
    append(uri, is_ipv6 ? "]" : "");
    append(uri, port != NULL ? ":" : "");
    append_encoded(uri, port != NULL ? port : "", "");
    append(uri, "/");
    append_encoded(uri, topic != NULL ? topic : "ev/battery/telemetry", "-._~/");
    return uri;
}

int cli_default_sinks(size_t i, const char **text_out, const char **from_out) {
    if (i == 0) {
        return cli_default_store(i, text_out, from_out);
    }
    if (variable("MQTT_HOST") != NULL && !are_server("MQTT_HOST", "MQTT_PORT", "--sink")) {
        return -1;
    }
    const char *kafka = kafka_sink(), *mqtt = mqtt_sink();
    const int is_kafka = kafka != NULL && i == 1;
    *text_out = is_kafka ? kafka : i == 1 + (size_t)(kafka != NULL) ? mqtt : NULL;
    *from_out = is_kafka ? "KAFKA_BOOTSTRAP_SERVERS" : "MQTT_HOST";
    return *text_out != NULL;
}

/* ---- what a URI is ---- */

static int begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

int cli_is_store(const char *uri) {
    return begins_with(uri, "sqlite:") || begins_with(uri, "postgresql:") ||
           begins_with(uri, "postgres:");
}

int cli_is_server(const char *uri) {
    static const char *const schemes[] = {"postgresql:", "postgres:", "kafka:", "mqtt:", "mqtts:"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (begins_with(uri, schemes[i])) {
            return 1;
        }
    }
    return 0;
}

int cli_is_broker(const char *uri) {
    return begins_with(uri, "kafka:") || begins_with(uri, "mqtt:") || begins_with(uri, "mqtts:");
}

/* Does one of the '&'-separated parameters have that name? */
static int has_param(const char *params, const char *name) {
    const size_t n = strlen(name);
    for (const char *p = params; p != NULL; p = strchr(p, '&')) {
        p += *p == '&' || *p == '?';
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            return 1;
        }
    }
    return 0;
}

char *cli_with_param(const char *uri, const char *name, const char *value) {
    const char *params = strchr(uri, '?');
    char *with = NULL;
    if (params != NULL && has_param(params, name)) {
        return strdup(uri);
    }
    return asprintf(&with, "%s%c%s=%s", uri, params != NULL ? '&' : '?', name, value) < 0 ? NULL
                                                                                          : with;
}

char *cli_store_of(const char *uri) {
    static const char *const of_streams[] = {"write=", "rows=", "shared="};
    char *store = strdup(uri);
    if (store == NULL || strchr(store, '?') == NULL) {
        return store;
    }
    char *to = strchr(store, '?'), sign = '?';
    for (const char *from = strchr(uri, '?') + 1; *from != '\0'; from += *from == '&') {
        const size_t n = strcspn(from, "&");
        int is_of_stream = 0;
        for (size_t i = 0; i < sizeof of_streams / sizeof of_streams[0]; i++) {
            is_of_stream |= begins_with(from, of_streams[i]);
        }
        if (!is_of_stream) {
            *to++ = sign;
            memcpy(to, from, n); /* never beyond where it was */
            to += n;
            sign = '&';
        }
        from += n;
    }
    *to = '\0';
    return store;
}
