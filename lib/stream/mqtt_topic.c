/* SPDX-License-Identifier: MIT */
/* stream/mqtt_topic.c: the battery of "ev/battery/ID/telemetry" for the filter
 * "ev/battery/+/telemetry". */

#include "stream/mqtt_topic.h"

#include "evtwin/telemetry.h"

#include "stream/telemetry_json.h"

#include <stdio.h>
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

/* Does the record name its battery, under the key of some naming? */
static int has_battery(const char *record, size_t length) {
    for (size_t naming = 0; naming < evtwin_naming_count(); naming++) {
        char key[80];
        const int n = snprintf(key, sizeof key, "\"%s\"",
                               evtwin__telemetry_key(EVTWIN__Q_BATTERY_ID, (evtwin_naming)naming));
        if (memmem(record, length, key, (size_t)n) != NULL) {
            return 1;
        }
    }
    return 0;
}

int evtwin__mqtt_name_battery(const char *record, size_t length, const char *id, evtwin__text *to) {
    const char *end = record + length, *from = record;
    while (from < end && strchr(" \t\r\n", *from) != NULL) {
        from++;
    }
    if (from == end || *from != '{' || has_battery(record, length)) {
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
