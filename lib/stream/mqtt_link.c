/* SPDX-License-Identifier: MIT */
/* stream/mqtt_link.c: from a URI to the options of an MQTT connection. */

#include "stream/mqtt_link.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

enum { PORT = 1883, TLS_PORT = 8883, MAX_PASSWORD = 65535, MAX_KEEPALIVE_S = 65535 };

void evtwin__mqtt_link_defaults(evtwin__mqtt_link *link) {
    link->keepalive_s = 60;
}

const char *evtwin__mqtt_link_id(evtwin__mqtt_link *link, uint64_t seed) {
    if (link->client_id != NULL) {
        return link->client_id;
    }
    /* 23 characters, which every broker has to accept */
    snprintf(link->made_id, sizeof link->made_id, "evtwin-%016llx", (unsigned long long)seed);
    return link->made_id;
}

/* The first line of the file. */
static evtwin_status read_password(evtwin__mqtt_link *link) {
    size_t size = 0;
    EVTWIN_TRY(evtwin__file_check_private(link->password_file));
    EVTWIN_TRY(evtwin__file_read(link->password_file, MAX_PASSWORD, &link->password, &size));
    const size_t length = strcspn(link->password, "\r\n");
    EVTWIN_FAIL_IF(length == 0, EVTWIN_E_ARG,
                   "%s: its first line is empty; write the password there", link->password_file);
    memset(link->password + length, 0, size - length);
    return EVTWIN_OK;
}

static evtwin_status choose_password(evtwin__mqtt_link *link, const evtwin__uri *uri) {
    const int has_password = uri->password[0] != '\0' || link->password_file != NULL;
    EVTWIN_FAIL_IF(has_password && uri->user[0] == '\0', EVTWIN_E_ARG,
                   "%s: a password without a user; write %s://USER@HOST/…", uri->scheme,
                   uri->scheme);
    EVTWIN_FAIL_IF(uri->password[0] != '\0' && link->password_file != NULL, EVTWIN_E_ARG,
                   "%s: a password in the URI and password_file= are mutually exclusive",
                   uri->scheme);
    if (link->password_file != NULL) {
        return read_password(link);
    }
    link->password = uri->password[0] != '\0' ? evtwin__strdup(uri->password) : NULL;
    EVTWIN_FAIL_IF(uri->password[0] != '\0' && link->password == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a password");
    return EVTWIN_OK;
}

/* "evtwin/CLIENT_ID/status", or that of the URI; none if that is empty. It is retained for a client
 * that will come again, else the broker would keep one for each run. */
static evtwin_status choose_status_topic(evtwin__mqtt_link *link, const char *client_id,
                                         evtwin__mqtt_options *options) {
    options->status_topic = link->status_topic;
    if (link->status_topic == NULL) {
        const size_t size = strlen(client_id) + 32;
        link->made_topic = evtwin__calloc(size, 1);
        EVTWIN_FAIL_IF(link->made_topic == NULL, EVTWIN_E_NOMEM, "out of memory for a topic");
        snprintf(link->made_topic, size, "evtwin/%s/status", client_id);
        options->status_topic = link->made_topic;
    }
    if (options->status_topic[0] == '\0') {
        options->status_topic = NULL;
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!evtwin__mqtt_is_topic(options->status_topic), EVTWIN_E_ARG,
                   "mqtt: '%.100s' is not a valid topic of a status; set client_id= or "
                   "status_topic=",
                   options->status_topic);
    options->retains_status |= link->client_id != NULL;
    return EVTWIN_OK;
}

static evtwin_status check_tls(const evtwin__mqtt_link *link, const evtwin__uri *uri,
                               int uses_tls) {
    const int names_files = link->cafile != NULL || link->certfile != NULL || link->keyfile != NULL;
    EVTWIN_FAIL_IF(names_files && !uses_tls, EVTWIN_E_ARG,
                   "mqtt: cafile, certfile and keyfile are for mqtts://");
    EVTWIN_FAIL_IF((link->certfile == NULL) != (link->keyfile == NULL), EVTWIN_E_ARG,
                   "mqtts: certfile= and keyfile= go together");
    EVTWIN_FAIL_IF(link->certfile != NULL && link->cafile == NULL, EVTWIN_E_ARG,
                   "mqtts: certfile= needs cafile= too");
    if (!uses_tls && !evtwin__hosts_are_local(uri->host)) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: mqtt:// is not encrypted: others on the way can read telemetry%s; "
                    "use mqtts://",
                    link->name, uri->user[0] != '\0' ? " and password" : "");
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__mqtt_link_open(evtwin__mqtt_link *link, const evtwin__uri *uri,
                                     evtwin__mqtt_options *options) {
    const int uses_tls = strcmp(uri->scheme, "mqtts") == 0;
    const int port = uri->port > 0 ? uri->port : uses_tls ? TLS_PORT : PORT;
    EVTWIN_FAIL_IF(uri->host[0] == '\0', EVTWIN_E_ARG,
                   "%s: names no host; expected %s://HOST/TOPIC", uri->scheme, uri->scheme);
    EVTWIN_FAIL_IF(strchr(uri->host, ',') != NULL, EVTWIN_E_ARG, "%s: one host, not a list",
                   uri->scheme);
    EVTWIN_FAIL_IF(link->keepalive_s > MAX_KEEPALIVE_S, EVTWIN_E_ARG,
                   "%s: keepalive_s is at most %d", uri->scheme, MAX_KEEPALIVE_S);
    EVTWIN_FAIL_IF(options->client_id[0] == '\0', EVTWIN_E_ARG, "%s: client_id is empty",
                   uri->scheme);
    snprintf(link->name, sizeof link->name, "%.255s:%d", uri->host, port);
    EVTWIN_TRY(check_tls(link, uri, uses_tls));
    EVTWIN_TRY(choose_password(link, uri));
    EVTWIN_TRY(choose_status_topic(link, options->client_id, options));
    options->name = link->name;
    options->host = uri->host;
    options->port = port;
    options->user = uri->user;
    options->password = link->password;
    options->uses_tls = uses_tls;
    options->cafile = link->cafile;
    options->certfile = link->certfile;
    options->keyfile = link->keyfile;
    options->is_v311 = link->version == 1;
    options->keepalive_s = (int)link->keepalive_s;
    link->options = *options;
    return evtwin__mqtt_create(options, &link->mqtt);
}

evtwin_status evtwin__mqtt_link_renew(evtwin__mqtt_link *link) {
    evtwin__mqtt *made = NULL;
    EVTWIN_TRY(evtwin__mqtt_create(&link->options, &made));
    evtwin__mqtt_free(link->mqtt);
    link->mqtt = made;
    return EVTWIN_OK;
}

void evtwin__mqtt_link_close(evtwin__mqtt_link *link) {
    evtwin__mqtt_free(link->mqtt);
    if (link->password != NULL) {
        explicit_bzero(link->password, strlen(link->password));
    }
    evtwin__free(link->password);
    evtwin__free(link->made_topic);
}
