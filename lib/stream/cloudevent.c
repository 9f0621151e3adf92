/* SPDX-License-Identifier: MIT */
/* stream/cloudevent.c: the attributes of an event, and the envelope of JSON around its data.
 * Source: CloudEvents 1.0.2, https://github.com/cloudevents/spec/tree/v1.0.2 */

#include "stream/cloudevent.h"

#include "core/hash.h"
#include "core/record_seq.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

evtwin__cloudevent_attribute evtwin__cloudevent_get(const evtwin__cloudevent *event, size_t i) {
    const evtwin__cloudevent_attribute attributes[EVTWIN__CLOUDEVENT_ATTRIBUTES] = {
        {"specversion", "1.0"},
        {"id", event->id},
        {"source", event->source},
        {"type", event->type},
        {"time", event->time}};
    return attributes[i];
}

/* ---- of a row ---- */

static evtwin_status has_prediction(const evtwin__binding *b, size_t row, int *out) {
    *out = 0;
    for (size_t q = 0; q < EVTWIN__Q_COUNT && !*out; q++) {
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
            evtwin__value v;
            EVTWIN_TRY(evtwin__binding_get(b, q, row, &v));
            *out = v.is_present;
        }
    }
    return EVTWIN_OK;
}

/* Which model it was, in few characters whatever its version's name is. */
static evtwin_status put_model(const evtwin__binding *b, size_t row, char *id, size_t size) {
    evtwin__value version;
    EVTWIN_TRY(evtwin__binding_get(b, EVTWIN__Q_MODEL_VERSION, row, &version));
    const char *text = version.is_present ? version.text : "";
    evtwin__text_append(id, size, "/%016llx",
                        (unsigned long long)evtwin__hash(EVTWIN__HASH_BEGIN, text, strlen(text)));
    return EVTWIN_OK;
}

/* The number that tells the record apart from others of its battery and time: its own, or else the
 * one that a store gives it. */
static evtwin_status get_seq(const evtwin__binding *b, size_t row, int64_t *out) {
    evtwin__value value[EVTWIN__Q_COUNT];
    memset(value, 0, sizeof value);
    EVTWIN_TRY(evtwin__binding_get(b, EVTWIN__Q_SEQ, row, &value[EVTWIN__Q_SEQ]));
    if (value[EVTWIN__Q_SEQ].is_present) {
        *out = value[EVTWIN__Q_SEQ].i64;
        return EVTWIN_OK;
    }
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        EVTWIN_TRY(evtwin__is_payload(q) ? evtwin__binding_get(b, q, row, &value[q]) : EVTWIN_OK);
    }
    *out = evtwin__row_seq(value);
    return EVTWIN_OK;
}

/* A battery's id has characters that the path of a URI may have as they are, and no '/'. */
evtwin_status evtwin__cloudevent_of_row(const evtwin__binding *binding, size_t row,
                                        evtwin__cloudevent *out) {
    evtwin__value battery, time;
    int64_t seq = 0;
    int is_predicted = 0;
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_BATTERY_ID, row, &battery));
    EVTWIN_TRY(evtwin__binding_get(binding, EVTWIN__Q_TIME, row, &time));
    EVTWIN_TRY(get_seq(binding, row, &seq));
    EVTWIN_TRY(has_prediction(binding, row, &is_predicted));
    EVTWIN_TRY(evtwin_time_format(time.i64, out->time, sizeof out->time));
    snprintf(out->source, sizeof out->source, "/evtwin/%.60s", battery.text);
    snprintf(out->id, sizeof out->id, "%.60s/%s/%lld", battery.text, out->time, (long long)seq);
    out->type = is_predicted ? "io.evtwin.prediction.v1" : "io.evtwin.telemetry.v1";
    return is_predicted ? put_model(binding, row, out->id, sizeof out->id) : EVTWIN_OK;
}

/* ---- of a dead letter ---- */

static uint64_t hash_text(uint64_t hash, const char *text) {
    return text != NULL ? evtwin__hash(hash, text, strlen(text) + 1) : hash;
}

void evtwin__cloudevent_of_letter(const evtwin_letter *letter, evtwin__cloudevent *out) {
    uint64_t hash = hash_text(EVTWIN__HASH_BEGIN, letter->source);
    hash = hash_text(hash, letter->place);
    hash = hash_text(hash, letter->reason);
    hash = letter->raw != NULL ? evtwin__hash(hash, letter->raw, letter->raw_size) : hash;
    if (evtwin_time_format(letter->received_us, out->time, sizeof out->time) < 0) {
        evtwin_time_format(0, out->time, sizeof out->time); /* a clock that is far off */
    }
    snprintf(out->id, sizeof out->id, "%s/%016llx", out->time, (unsigned long long)hash);
    snprintf(out->source, sizeof out->source, "/evtwin/dead-letters");
    out->type = "io.evtwin.dead_letter.v1";
}

/* ---- envelope ---- */

void evtwin__cloudevent_open(const evtwin__cloudevent *event, evtwin__text *text) {
    evtwin__text_put(text, "{"); /* not the next value of what is before it */
    for (size_t i = 0; i < EVTWIN__CLOUDEVENT_ATTRIBUTES; i++) {
        const evtwin__cloudevent_attribute at = evtwin__cloudevent_get(event, i);
        evtwin__text_string(text, at.name, at.value);
    }
    evtwin__text_string(text, "datacontenttype", EVTWIN__CLOUDEVENTS_DATA_TYPE);
    evtwin__text_put(text, ",\"data\":");
}

void evtwin__cloudevent_close(evtwin__text *text) {
    evtwin__text_put(text, "}");
}
