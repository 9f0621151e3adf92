/* SPDX-License-Identifier: MIT */
/* store/uptime.h: how long the machine has been running: a clock that nobody sets. */
#ifndef EVTWIN_STORE_UPTIME_H
#define EVTWIN_STORE_UPTIME_H

#include <stdint.h>

enum { EVTWIN__BOOT_SIZE = 48 };

/* Microseconds since the start of the machine, time asleep included; *boot names this start, so
 * that two readings under one name may be compared. */
int64_t evtwin__uptime_us(char boot[EVTWIN__BOOT_SIZE]);

#endif
