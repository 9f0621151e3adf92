/* SPDX-License-Identifier: MIT */
/* stream/mqtt_topic.h: batteries that are named by topics. */
#ifndef EVTWIN_STREAM_MQTT_TOPIC_H
#define EVTWIN_STREAM_MQTT_TOPIC_H

#include "core/text.h"

/* Which battery the topic names: the level that the filter's first + stands for. 0 if the filter
 * has none, or that level is not a valid id. */
int evtwin__mqtt_topic_battery(const char *filter, const char *topic, char *id, size_t id_size);

/* A record without a battery_id, with this one; 0, and nothing in *to, if it has one or is not an
 * object. */
int evtwin__mqtt_name_battery(const char *record, size_t length, const char *id, evtwin__text *to);

#endif
