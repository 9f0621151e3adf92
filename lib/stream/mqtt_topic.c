/* SPDX-License-Identifier: MIT */
/* stream/mqtt_topic.c: the battery of "ev/battery/ID/telemetry" for the filter
 * "ev/battery/+/telemetry". */

#include "stream/mqtt_topic.h"

#include "evtwin/telemetry.h"

#include <string.h>

/* Behind n levels; NULL if there are fewer. */
static const char *skip_levels(const char *topic, size_t n) {
    for (; n > 0 && topic != NULL; n--) {
        topic = strchr(topic, '/');
        topic = topic != NULL ? topic + 1 : NULL;
    }
    return topic;
}

int evtwin__mqtt_topic_battery(const char *filter, const char *topic, char *id, size_t id_size) {
    if (strncmp(filter, "$share/", 7) == 0) {
        filter = skip_levels(filter, 2);
    }
    size_t level = 0;
    while (filter != NULL && filter[0] != '+') {
        filter = skip_levels(filter, 1);
        level++;
    }
    const char *from = filter != NULL ? skip_levels(topic, level) : NULL;
    const size_t length = from != NULL ? strcspn(from, "/") : 0;
    if (length == 0 || length >= id_size) {
        return 0;
    }
    memcpy(id, from, length);
    id[length] = '\0';
    return evtwin_battery_id_is_valid(id);
}

int evtwin__mqtt_name_battery(const char *record, size_t length, const char *id, evtwin__text *to) {
    static const char key[] = "\"battery_id\"";
    const char *end = record + length, *from = record;
    while (from < end && strchr(" \t\r\n", *from) != NULL) {
        from++;
    }
    if (from == end || *from != '{' || memmem(record, length, key, strlen(key)) != NULL) {
        return 0;
    }
    from++;
    while (from < end && strchr(" \t\r\n", *from) != NULL) {
        from++;
    }
    to->size = 0;
    evtwin__text_put(to, "{\"battery_id\":\"");
    evtwin__text_put(to, id);
    evtwin__text_put(to, from < end && *from == '}' ? "\"" : "\",");
    evtwin__text_add(to, from, (size_t)(end - from));
    return !to->is_failed;
}
