/* SPDX-License-Identifier: MIT */
/* stream/kafka_uri.h: what a kafka: URI says, for the source and the sink. */
#ifndef EVTWIN_STREAM_KAFKA_URI_H
#define EVTWIN_STREAM_KAFKA_URI_H

#include "io/kafka.h"
#include "stream/scheme.h"

/* Read own parameters into `to` and give all others to librdkafka, over those of the file that
 * properties= names. *topic_out is borrowed from the URI; *config_out is freed by the caller. */
evtwin_status evtwin__kafka_uri_read(const evtwin__uri *uri, const evtwin__param *own, void *to,
                                     evtwin__kafka_config **config_out, const char **topic_out);

#endif
