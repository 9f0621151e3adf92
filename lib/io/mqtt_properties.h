/* SPDX-License-Identifier: MIT */
/* io/mqtt_properties.h: properties of messages of MQTT 5. Only lib/io/mqtt*.c include it;
 * libmosquitto's lists are void * here. */
#ifndef EVTWIN_IO_MQTT_PROPERTIES_H
#define EVTWIN_IO_MQTT_PROPERTIES_H

#include "io/mqtt.h"

/* What a message borrows from. */
typedef struct evtwin__mqtt_properties {
    char *response_topic;
    void *correlation;
    char *receipts[EVTWIN__MQTT_MAX_RECEIPTS];
} evtwin__mqtt_properties;

/* Set in the message what a mosquitto_property list says. */
void evtwin__mqtt_properties_read(const void *list, evtwin__mqtt_message *message,
                                  evtwin__mqtt_properties *p);
void evtwin__mqtt_properties_free(evtwin__mqtt_properties *p);

/* The list of a publication, for mosquitto_property_free_all in any case; an error of libmosquitto,
 * 0 if none. */
int evtwin__mqtt_properties_make(const evtwin__mqtt_publication *p, void **list_out);

#endif
