/* SPDX-License-Identifier: MIT */
/* io/mqtt_properties.c: response topic, correlation data, receipts, content type and other
 * properties, to and from libmosquitto. */

#include "io/mqtt_properties.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

static void free_theirs(void *memory) {
    free(memory); /* layer-check: allowed: libmosquitto has allocated it */
}

void evtwin__mqtt_properties_read(const void *list, evtwin__mqtt_message *message,
                                  evtwin__mqtt_properties *p) {
    uint16_t size = 0;
    memset(p, 0, sizeof *p);
    if (mosquitto_property_read_string(list, MQTT_PROP_RESPONSE_TOPIC, &p->response_topic, false)) {
        message->response_topic = p->response_topic;
    }
    if (mosquitto_property_read_binary(list, MQTT_PROP_CORRELATION_DATA, &p->correlation, &size,
                                       false)) {
        message->correlation = p->correlation;
        message->correlation_size = size;
    }
    char *name = NULL, *value = NULL;
    const mosquitto_property *at =
        mosquitto_property_read_string_pair(list, MQTT_PROP_USER_PROPERTY, &name, &value, false);
    while (at != NULL) {
        if (message->n_receipts < EVTWIN__MQTT_MAX_RECEIPTS &&
            strcmp(name, EVTWIN__MQTT_RECEIPT) == 0) {
            p->receipts[message->n_receipts++] = value;
        } else {
            free_theirs(value);
        }
        free_theirs(name);
        at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value, true);
    }
    message->receipts = (const char *const *)p->receipts;
}

void evtwin__mqtt_properties_free(evtwin__mqtt_properties *p) {
    for (size_t i = 0; i < EVTWIN__MQTT_MAX_RECEIPTS; i++) {
        free_theirs(p->receipts[i]);
    }
    free_theirs(p->correlation);
    free_theirs(p->response_topic);
}

int evtwin__mqtt_properties_make(const evtwin__mqtt_publication *p, void **list_out) {
    mosquitto_property *list = NULL;
    int rc = 0;
    if (p->response_topic != NULL) {
        rc = mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, p->response_topic);
    }
    if (rc == 0 && p->correlation != NULL) {
        rc = mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, p->correlation,
                                           (uint16_t)strlen(p->correlation));
    }
    for (size_t i = 0; i < p->n_receipts && rc == 0; i++) {
        rc = mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY,
                                                EVTWIN__MQTT_RECEIPT, p->receipts[i]);
    }
    if (rc == 0 && p->content_type != NULL) {
        rc = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, p->content_type);
    }
    const char *name = p->properties;
    for (size_t i = 0; i < p->n_properties && rc == 0; i++) {
        const char *value = name + strlen(name) + 1;
        rc = mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, name, value);
        name = value + strlen(value) + 1;
    }
    *list_out = list;
    return rc;
}
