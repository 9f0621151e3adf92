/* SPDX-License-Identifier: MIT */
/* io/kafka_member.h: who in a group a consumer is, as text, so that a producer elsewhere can commit
 * its offsets. Only lib/io/kafka*.c include it. */
#ifndef EVTWIN_IO_KAFKA_MEMBER_H
#define EVTWIN_IO_KAFKA_MEMBER_H

#include "evtwin/base.h"

/* Hex of a rd_kafka_consumer_group_metadata_t; freed by evtwin__free. */
evtwin_status evtwin__kafka_member_format(const void *member, char **out);

/* The way back: *member_out is destroyed by librdkafka's function. EVTWIN_E_PARSE. */
evtwin_status evtwin__kafka_member_parse(const char *text, void **member_out);

#endif
