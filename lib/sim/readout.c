/* SPDX-License-Identifier: MIT */
/* sim/readout.c: write readings into a telemetry table. */

#include "sim/readout.h"

#include "core/status.h"

/* The record, in its order. */
enum {
    TIME,
    BATTERY_ID,
    SOC,
    SOH,
    VOLTAGE,
    CURRENT,
    TEMPERATURE,
    CHARGE_CYCLES,
    POWER,
    IS_CHARGING,
    SEQ,
    SIM_TIME,
    RESISTANCE,
    MEAN_TEMPERATURE,
    THROUGHPUT
};

static const struct {
    const char *name;
    evtwin_type type;
} record[EVTWIN__N_TELEMETRY] = {
    [TIME] = {"time", EVTWIN_TIME},
    [BATTERY_ID] = {"battery_id", EVTWIN_TEXT},
    [SOC] = {"soc", EVTWIN_F64},
    [SOH] = {"soh", EVTWIN_F64},
    [VOLTAGE] = {"voltage", EVTWIN_F64},
    [CURRENT] = {"current", EVTWIN_F64},
    [TEMPERATURE] = {"temperature", EVTWIN_F64},
    [CHARGE_CYCLES] = {"charge_cycles", EVTWIN_I64},
    [POWER] = {"power_consumption", EVTWIN_F64},
    [IS_CHARGING] = {"is_charging", EVTWIN_BOOL},
    [SEQ] = {"seq", EVTWIN_I64},
    [SIM_TIME] = {"sim_time_s", EVTWIN_F64},
    [RESISTANCE] = {"resistance_mohm", EVTWIN_F64},
    [MEAN_TEMPERATURE] = {"mean_temperature", EVTWIN_F64},
    [THROUGHPUT] = {"throughput_ah_per_day", EVTWIN_F64},
};

evtwin_status evtwin__columns_find(const evtwin_table *table, evtwin__columns *out) {
    evtwin__columns c;
    for (size_t i = 0; i < EVTWIN__N_TELEMETRY; i++) {
        c.at[i] = evtwin_table_find(table, record[i].name);
        if (c.at[i] == EVTWIN_NO_COLUMN) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "the table has no column '%s'", record[i].name);
        }
        if (evtwin_table_type(table, c.at[i]) != record[i].type) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%s' of the table has another type than telemetry",
                        record[i].name);
        }
    }
    *out = c;
    return EVTWIN_OK;
}

evtwin_status evtwin__row_code(evtwin_table *table, const evtwin__columns *columns,
                               const char *battery_id, int32_t *code_out) {
    return evtwin_table_intern(table, columns->at[BATTERY_ID], battery_id, code_out);
}

evtwin_status evtwin__row_write(evtwin_table *table, const evtwin__columns *columns, size_t row,
                                const evtwin__stamp *stamp, const evtwin__reading *r) {
    const struct {
        int column;
        double value;
    } number[] = {
        {SOC, r->soc_percent},
        {SOH, r->soh_percent},
        {VOLTAGE, r->voltage_V},
        {CURRENT, r->current_A},
        {TEMPERATURE, r->temperature_degC},
        {POWER, r->power_W},
        {SIM_TIME, stamp->sim_time_s},
        {RESISTANCE, r->resistance_mohm},
        {MEAN_TEMPERATURE, r->mean_temperature_degC},
        {THROUGHPUT, r->throughput_Ah_per_day},
    };
    const size_t *at = columns->at;
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < sizeof number / sizeof number[0] && st >= 0; i++) {
        st = evtwin_table_set_f64(table, at[number[i].column], row, number[i].value);
    }
    if (st < 0 || (st = evtwin_table_set_i64(table, at[TIME], row, stamp->time_us)) < 0 ||
        (st = evtwin_table_set_code(table, at[BATTERY_ID], row, stamp->code)) < 0 ||
        (st = evtwin_table_set_i64(table, at[CHARGE_CYCLES], row, r->charge_cycles)) < 0 ||
        (st = evtwin_table_set_bool(table, at[IS_CHARGING], row, r->is_charging)) < 0) {
        return st;
    }
    return evtwin_table_set_i64(table, at[SEQ], row, stamp->seq);
}
