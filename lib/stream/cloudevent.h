/* SPDX-License-Identifier: MIT */
/* stream/cloudevent.h: records and dead letters as CloudEvents 1.0.2, for sinks that are asked for
 * them. */
#ifndef EVTWIN_STREAM_CLOUDEVENT_H
#define EVTWIN_STREAM_CLOUDEVENT_H

#include "evtwin/stream.h"

#include "core/binding.h"
#include "core/text.h"
#include "core/time.h"

/* The parameter of sinks: the content modes of the protocol bindings. */
typedef enum evtwin__cloudevents {
    EVTWIN__CLOUDEVENTS_NONE,      /* the bare record */
    EVTWIN__CLOUDEVENTS_BINARY,    /* the bare record, attributes beside it in the message */
    EVTWIN__CLOUDEVENTS_STRUCTURED /* the record in an envelope of JSON */
} evtwin__cloudevents;

#define EVTWIN__CLOUDEVENTS_WORDS                                                                  \
    {                                                                                              \
        [EVTWIN__CLOUDEVENTS_NONE] = "none", [EVTWIN__CLOUDEVENTS_BINARY] = "binary",              \
        [EVTWIN__CLOUDEVENTS_STRUCTURED] = "structured"                                            \
    }

/* Of the data, and of a message that holds an envelope. */
#define EVTWIN__CLOUDEVENTS_DATA_TYPE "application/json"
#define EVTWIN__CLOUDEVENTS_JSON_TYPE "application/cloudevents+json; charset=utf-8"

enum { EVTWIN__CLOUDEVENT_ATTRIBUTES = 5, EVTWIN__CLOUDEVENT_TEXT = 160 };

/* The attributes but datacontenttype, each in the form that headers and JSON have it. */
typedef struct evtwin__cloudevent {
    const char *type;
    char id[EVTWIN__CLOUDEVENT_TEXT], source[EVTWIN__CLOUDEVENT_TEXT];
    char time[EVTWIN_TIME_TEXT_SIZE];
} evtwin__cloudevent;

/* Attribute i in the order of the specification. */
typedef struct evtwin__cloudevent_attribute {
    const char *name, *value;
} evtwin__cloudevent_attribute;

evtwin__cloudevent_attribute evtwin__cloudevent_get(const evtwin__cloudevent *event, size_t i);

/**
 * Of a row, of which evtwin__binding_check_keys holds: /evtwin/BATTERY is its source, and its id
 * follows from battery, time and seq alone, so that a record that is sent twice has one id. Without
 * a seq its values count, as in a store: two records of one time are two events. With a prediction
 * in it it is another event: of another type, its id with the version of the model.
 */
evtwin_status evtwin__cloudevent_of_row(const evtwin__binding *binding, size_t row,
                                        evtwin__cloudevent *out);

/* Its id follows from when, where and by whom it was refused. */
void evtwin__cloudevent_of_letter(const evtwin_letter *letter, evtwin__cloudevent *out);

/* Begin and end an envelope, the data being appended between the two. A failure shows in
 * text->is_failed. */
void evtwin__cloudevent_open(const evtwin__cloudevent *event, evtwin__text *text);
void evtwin__cloudevent_close(evtwin__text *text);

#endif
