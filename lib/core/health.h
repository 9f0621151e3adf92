/* SPDX-License-Identifier: MIT */
/* core/health.h: status and alerts by values; replaced by evtwin/thresholds.h. */
#ifndef EVTWIN_CORE_HEALTH_H
#define EVTWIN_CORE_HEALTH_H

#include "evtwin/thresholds.h"

evtwin_health evtwin_health_of(double soc_percent, double soh_percent, double temperature_degC,
                               double failure_probability, char *reason, size_t reason_size);
int evtwin_alert_of(double soc_percent, double soh_percent, double temperature_degC,
                    double rul_cycles, double failure_probability, char *reason,
                    size_t reason_size);

#endif
