/* SPDX-License-Identifier: MIT */
/* stream/kafka_uri.c: "kafka://host:port,host:port/topic?…". */

#include "stream/kafka_uri.h"

#include "core/status.h"

#include <stdio.h>
#include <string.h>

static const char default_topic[] = "ev_battery_telemetry";

static int is_own(const evtwin__param *own, const char *key) {
    while (own->key != NULL && strcmp(own->key, key) != 0) {
        own++;
    }
    return own->key != NULL || strcmp(key, "properties") == 0;
}

static evtwin_status set_properties(const evtwin__uri *uri, const evtwin__param *own,
                                    evtwin__kafka_config *config) {
    const char *file = evtwin__uri_param(uri, "properties");
    EVTWIN_TRY(file != NULL ? evtwin__kafka_config_read(config, file) : EVTWIN_OK);
    for (size_t i = 0; i < uri->n_params; i++) {
        if (!is_own(own, uri->key[i])) {
            EVTWIN_TRY(evtwin__kafka_config_set(config, uri->key[i], uri->value[i]));
        }
    }
    return EVTWIN_OK;
}

/* "host:port", an IPv6 address in brackets; or the list as it is. */
static void put_servers(const evtwin__uri *uri, char *text, size_t size) {
    const int is_list = strchr(uri->host, ',') != NULL;
    const int is_v6 = !is_list && strchr(uri->host, ':') != NULL;
    const int n = snprintf(text, size, is_v6 ? "[%s]" : "%s", uri->host);
    if (uri->port >= 0 && n > 0 && (size_t)n < size) {
        snprintf(text + n, size - (size_t)n, ":%d", uri->port);
    }
}

evtwin_status evtwin__kafka_uri_read(const evtwin__uri *uri, const evtwin__param *own, void *to,
                                     evtwin__kafka_config **config_out, const char **topic_out) {
    EVTWIN_FAIL_IF(uri->host[0] == '\0', EVTWIN_E_ARG,
                   "kafka: names no broker; expected kafka://host:port/topic");
    EVTWIN_FAIL_IF(uri->user[0] != '\0', EVTWIN_E_ARG,
                   "kafka: takes no user before the host; use ?sasl.username=, and "
                   "?properties=FILE with sasl.password in that file");
    EVTWIN_FAIL_IF(strlen(uri->path) > 249 || strchr(uri->path, '/') != NULL, EVTWIN_E_ARG,
                   "kafka: '%.60s' is not a valid topic", uri->path);
    EVTWIN_TRY(evtwin__params_read(uri, own, to));
    char servers[2048];
    put_servers(uri, servers, sizeof servers);
    EVTWIN_FAIL_IF(strlen(servers) + 1 >= sizeof servers, EVTWIN_E_ARG, "kafka: too many brokers");
    EVTWIN_TRY(evtwin__kafka_config_create(servers, config_out));
    EVTWIN_TRY(set_properties(uri, own, *config_out)); /* the caller frees it */
    if (evtwin__kafka_config_is_plain(*config_out) && !evtwin__hosts_are_local(servers)) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "kafka: the connection to %.200s is not encrypted; set security.protocol=SSL or "
            "SASL_SSL",
            servers);
    }
    *topic_out = uri->path[0] != '\0' ? uri->path : default_topic;
    return EVTWIN_OK;
}
