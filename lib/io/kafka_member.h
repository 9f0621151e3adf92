/* SPDX-License-Identifier: MIT */
/* io/kafka_member.h: who in a group a consumer is, as text, so that a producer elsewhere can commit
 * its offsets. Only lib/io/kafka*.c include it. */
#ifndef EVTWIN_IO_KAFKA_MEMBER_H
#define EVTWIN_IO_KAFKA_MEMBER_H

#include "evtwin/base.h"

enum { EVTWIN__KAFKA_MEMBER = 4096 }; /* bytes of such a text */

/* Hex of a rd_kafka_consumer_group_metadata_t; "" on failure. */
evtwin_status evtwin__kafka_member_format(const void *member, char text[EVTWIN__KAFKA_MEMBER]);

/* The way back: *member_out is destroyed by librdkafka's function. EVTWIN_E_PARSE. */
evtwin_status evtwin__kafka_member_parse(const char *text, void **member_out);

#endif
