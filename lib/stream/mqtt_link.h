/* SPDX-License-Identifier: MIT */
/* stream/mqtt_link.h: what the source and the sink of MQTT share: the connection that a URI asks
 * for. */
#ifndef EVTWIN_STREAM_MQTT_LINK_H
#define EVTWIN_STREAM_MQTT_LINK_H

#include "io/mqtt.h"
#include "stream/scheme.h"

/* Values of the parameters, and what is made of them. */
typedef struct evtwin__mqtt_link {
    const char *client_id, *password_file, *cafile, *certfile, *keyfile, *status_topic;
    size_t keepalive_s;
    int version; /* 0 = 5, 1 = 3.1.1 */

    evtwin__mqtt *mqtt;
    evtwin__mqtt_options options; /* of it */
    char name[280];               /* HOST:PORT */
    char made_id[24];             /* the client id, if the URI has none */
    char *made_topic;             /* of the status, if the URI has none */
    char *password;
} evtwin__mqtt_link;

/* Rows of evtwin__param for the link in that member of the type. */
#define EVTWIN__MQTT_LINK_PARAMS(type, link)                                                       \
    EVTWIN__PARAM("client_id", TEXT, offsetof(type, link.client_id)),                              \
        EVTWIN__PARAM("password_file", TEXT, offsetof(type, link.password_file)),                  \
        EVTWIN__PARAM("cafile", TEXT, offsetof(type, link.cafile)),                                \
        EVTWIN__PARAM("certfile", TEXT, offsetof(type, link.certfile)),                            \
        EVTWIN__PARAM("keyfile", TEXT, offsetof(type, link.keyfile)),                              \
        EVTWIN__PARAM("status_topic", TEXT, offsetof(type, link.status_topic)),                    \
        EVTWIN__PARAM("keepalive_s", SIZE, offsetof(type, link.keepalive_s), .min = 5),            \
        EVTWIN__PARAM("version", WORD, offsetof(type, link.version), .words = {"5", "3.1.1"})

/* Before the parameters are read. */
void evtwin__mqtt_link_defaults(evtwin__mqtt_link *link);

/* The client id: that of the URI, or one made of what tells this one from others: equal ones of
 * equal seeds. */
const char *evtwin__mqtt_link_id(evtwin__mqtt_link *link, uint64_t seed);

/* Make the connection, which is not opened yet: of the options only what the URI does not say is
 * given. EVTWIN_E_ARG, or what a file of a password or certificate failed with. */
evtwin_status evtwin__mqtt_link_open(evtwin__mqtt_link *link, const evtwin__uri *uri,
                                     evtwin__mqtt_options *options);

/* Take a new connection, with nothing on its way, in place of the one there is. */
evtwin_status evtwin__mqtt_link_renew(evtwin__mqtt_link *link);

void evtwin__mqtt_link_close(evtwin__mqtt_link *link);

#endif
