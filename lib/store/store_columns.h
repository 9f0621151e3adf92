/* SPDX-License-Identifier: MIT */
/* store/store_columns.h: the columns of ev_telemetry, the one list that SQL and tables follow. */
#ifndef EVTWIN_STORE_STORE_COLUMNS_H
#define EVTWIN_STORE_STORE_COLUMNS_H

#include "evtwin/table.h"

/* X(NAME, name, type, unit), in the order of the tables that readers get: the telemetry record (the
 * order of evtwin_quantity_get) … */
#define EVTWIN__STORE_TELEMETRY_AFTER_TIME(X)                                                      \
    X(BATTERY_ID, battery_id, EVTWIN_TEXT, "")                                                     \
    X(SOC, soc, EVTWIN_F64, "percent")                                                             \
    X(SOH, soh, EVTWIN_F64, "percent")                                                             \
    X(VOLTAGE, voltage, EVTWIN_F64, "V")                                                           \
    X(CURRENT, current, EVTWIN_F64, "A")                                                           \
    X(TEMPERATURE, temperature, EVTWIN_F64, "degC")                                                \
    X(CHARGE_CYCLES, charge_cycles, EVTWIN_I64, "cycles")                                          \
    X(POWER_CONSUMPTION, power_consumption, EVTWIN_F64, "W")                                       \
    X(IS_CHARGING, is_charging, EVTWIN_BOOL, "")                                                   \
    X(SEQ, seq, EVTWIN_I64, "")                                                                    \
    X(SIM_TIME_S, sim_time_s, EVTWIN_F64, "s")                                                     \
    X(RESISTANCE_MOHM, resistance_mohm, EVTWIN_F64, "mOhm")                                        \
    X(MEAN_TEMPERATURE, mean_temperature, EVTWIN_F64, "degC")                                      \
    X(THROUGHPUT_AH_PER_DAY, throughput_ah_per_day, EVTWIN_F64, "Ah/day")

/* … then, after the status that the database computes, what the predictor and the store add. */
#define EVTWIN__STORE_ADDED(X)                                                                     \
    X(RUL_PREDICTION, rul_prediction, EVTWIN_F64, "cycles")                                        \
    X(RUL_LOW, rul_low, EVTWIN_F64, "cycles")                                                      \
    X(RUL_HIGH, rul_high, EVTWIN_F64, "cycles")                                                    \
    X(FAILURE_PROBABILITY, failure_probability, EVTWIN_F64, "")                                    \
    X(PREDICTION_TIMESTAMP, prediction_timestamp, EVTWIN_TIME, "")                                 \
    X(PREDICTION_NOTE, prediction_note, EVTWIN_TEXT, "")                                           \
    X(MODEL_VERSION, model_version, EVTWIN_TEXT, "")                                               \
    X(CREATED_AT, created_at, EVTWIN_TIME, "")                                                     \
    X(REVISION, revision, EVTWIN_I64, "")

#define EVTWIN__STORE_COLUMNS(X)                                                                   \
    X(TIME, time, EVTWIN_TIME, "")                                                                 \
    EVTWIN__STORE_TELEMETRY_AFTER_TIME(X)                                                          \
    X(STATUS, status, EVTWIN_TEXT, "")                                                             \
    EVTWIN__STORE_ADDED(X)

typedef enum evtwin__store_column {
#define EVTWIN__STORE_COLUMN_ENUM(NAME, name, type, unit) EVTWIN__COL_##NAME,
    EVTWIN__STORE_COLUMNS(EVTWIN__STORE_COLUMN_ENUM)
#undef EVTWIN__STORE_COLUMN_ENUM
        EVTWIN__COL_COUNT,
    EVTWIN__COL_TELEMETRY_COUNT = EVTWIN__COL_STATUS /* the columns before this one are telemetry */
} evtwin__store_column;

typedef struct evtwin__store_column_info {
    const char *name;
    evtwin_type type;
    const char *unit;
} evtwin__store_column_info;

extern const evtwin__store_column_info evtwin__store_columns[EVTWIN__COL_COUNT];

/* SQL text of names and parameters, all columns and those that are written (all but status). */
#define EVTWIN__SQL_NAME(NAME, name, type, unit) ", " #name
#define EVTWIN__SQL_PARAM(NAME, name, type, unit) ", ?"
#define EVTWIN__SQL_TELEMETRY "time" EVTWIN__STORE_TELEMETRY_AFTER_TIME(EVTWIN__SQL_NAME)
#define EVTWIN__SQL_ALL EVTWIN__SQL_TELEMETRY ", status" EVTWIN__STORE_ADDED(EVTWIN__SQL_NAME)
#define EVTWIN__SQL_WRITTEN EVTWIN__SQL_TELEMETRY EVTWIN__STORE_ADDED(EVTWIN__SQL_NAME)
#define EVTWIN__SQL_WRITTEN_PARAMS                                                                 \
    "?" EVTWIN__STORE_TELEMETRY_AFTER_TIME(EVTWIN__SQL_PARAM) EVTWIN__STORE_ADDED(EVTWIN__SQL_PARAM)

#endif
