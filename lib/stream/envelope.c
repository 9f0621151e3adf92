/* SPDX-License-Identifier: MIT */
/* stream/envelope.c: take a telemetry record out of a CloudEvent. */

#include "stream/envelope.h"

#include "core/status.h"

#include <string.h>

static evtwin_status check_version(const json_t *object) {
    const char *version = json_string_value(json_object_get(object, "specversion"));
    EVTWIN_FAIL_IF(version == NULL || strcmp(version, "1.0") != 0, EVTWIN_E_PARSE,
                   "a CloudEvent of specversion \"%.20s\"; only \"1.0\" is read",
                   version != NULL ? version : "");
    return EVTWIN_OK;
}

evtwin_status evtwin__envelope_open(json_t *object, json_t **record_out) {
    if (json_object_get(object, "specversion") == NULL ||
        json_object_get(object, "timestamp") != NULL) {
        *record_out = object;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_version(object));
    EVTWIN_FAIL_IF(json_object_get(object, "data_base64") != NULL, EVTWIN_E_PARSE,
                   "a CloudEvent with \"data_base64\"; a record is a JSON object in \"data\"");
    json_t *data = json_object_get(object, "data");
    EVTWIN_FAIL_IF(!json_is_object(data), EVTWIN_E_PARSE,
                   "a CloudEvent whose \"data\" is %s; a record is a JSON object",
                   data == NULL ? "missing" : "not an object");
    json_t *id = json_object_get(object, "battery_id");
    EVTWIN_FAIL_IF(id != NULL && json_object_get(data, "battery_id") == NULL &&
                       json_object_set(data, "battery_id", id) != 0,
                   EVTWIN_E_NOMEM, "out of memory for a record");
    *record_out = data;
    return EVTWIN_OK;
}
