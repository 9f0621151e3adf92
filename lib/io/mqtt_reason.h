/* SPDX-License-Identifier: MIT */
/* io/mqtt_reason.h: what the reason codes of MQTT and the failures of TLS mean for a caller. */
#ifndef EVTWIN_IO_MQTT_REASON_H
#define EVTWIN_IO_MQTT_REASON_H

#include "io/mqtt.h"

/* A code with which a broker refuses or ends something (of MQTT 5, or a return code of 3.1.1, below
 * 6); *text_out is what to do, NULL if there is nothing to say but the code. */
evtwin_status evtwin__mqtt_reason(int code, const char **text_out);

/* The same for what libmosquitto or OpenSSL said of a TLS connection that failed: *text_out is
 * NULL if it is none of the known failures. */
evtwin_status evtwin__mqtt_tls_reason(const char *said, const char **text_out);

/* "; …": what may be the cause if a broker ends a connection without an answer. */
const char *evtwin__mqtt_hint(const evtwin__mqtt_options *o);

#endif
