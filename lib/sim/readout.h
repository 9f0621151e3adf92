/* SPDX-License-Identifier: MIT */
/* sim/readout.h: readings as rows of a telemetry table. */
#ifndef EVTWIN_SIM_READOUT_H
#define EVTWIN_SIM_READOUT_H

#include "evtwin/table.h"

#include "sim/bms.h"

enum { EVTWIN__N_TELEMETRY = 15 };

/* Where the telemetry columns are in a table, in the order of the record. */
typedef struct evtwin__columns {
    size_t at[EVTWIN__N_TELEMETRY];
} evtwin__columns;

/* EVTWIN_E_SCHEMA naming the first column that is absent or of another type. */
evtwin_status evtwin__columns_find(const evtwin_table *table, evtwin__columns *out);

/* When and who. code is the battery id's in the table's dictionary. */
typedef struct evtwin__stamp {
    int64_t time_us, seq;
    int32_t code;
    double sim_time_s;
} evtwin__stamp;

/* Fill a row that exists. */
evtwin_status evtwin__row_write(evtwin_table *table, const evtwin__columns *columns, size_t row,
                                const evtwin__stamp *stamp, const evtwin__reading *reading);

/* Code of a battery id in the table. */
evtwin_status evtwin__row_code(evtwin_table *table, const evtwin__columns *columns,
                               const char *battery_id, int32_t *code_out);

#endif
