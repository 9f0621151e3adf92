/* SPDX-License-Identifier: MIT */
/* io/mqtt_client.h: a client of libmosquitto as options ask for. Only lib/io/mqtt*.c include it;
 * the library's objects are void * here. */
#ifndef EVTWIN_IO_MQTT_CLIENT_H
#define EVTWIN_IO_MQTT_CLIENT_H

#include "io/mqtt.h"

/* A new struct mosquitto, for mosquitto_destroy; ctx is what its callbacks get. */
evtwin_status evtwin__mqtt_client_make(const evtwin__mqtt_options *options, void *ctx,
                                       void **client_out);

#endif
