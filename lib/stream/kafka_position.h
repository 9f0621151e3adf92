/* SPDX-License-Identifier: MIT */
/* stream/kafka_position.h: how far a group has read a topic, as the text of a position. */
#ifndef EVTWIN_STREAM_KAFKA_POSITION_H
#define EVTWIN_STREAM_KAFKA_POSITION_H

#include "core/text.h"
#include "io/kafka.h"

/* {"cluster":…,"group":…,"topic":…,"offsets":{"PARTITION":NEXT,…},"member":…} */
typedef struct evtwin__kafka_position {
    char *cluster; /* id of the brokers; "" = not known */
    evtwin__kafka_offsets offsets;
} evtwin__kafka_position;

/* Text with its NUL, which its size counts. EVTWIN_E_NOMEM. */
evtwin_status evtwin__kafka_position_format(const char *cluster,
                                            const evtwin__kafka_offsets *offsets,
                                            evtwin__text *text);

/* EVTWIN_E_PARSE if the text is not such a position. *out is to be freed. */
evtwin_status evtwin__kafka_position_parse(const char *text, evtwin__kafka_position *out);
void evtwin__kafka_position_free(evtwin__kafka_position *position);

#endif
