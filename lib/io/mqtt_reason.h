/* SPDX-License-Identifier: MIT */
/* io/mqtt_reason.h: what the reason codes of MQTT mean for a caller. */
#ifndef EVTWIN_IO_MQTT_REASON_H
#define EVTWIN_IO_MQTT_REASON_H

#include "evtwin/base.h"

/* A code with which a broker refuses or ends something (of MQTT 5, or a return code of 3.1.1, below
 * 6); *text_out is what to do, NULL if there is nothing to say but the code. */
evtwin_status evtwin__mqtt_reason(int code, const char **text_out);

#endif
