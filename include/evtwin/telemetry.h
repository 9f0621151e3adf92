/* SPDX-License-Identifier: MIT */
/* evtwin/telemetry.h: the telemetry record: its quantities, units, ranges, names in each naming,
 * and thresholds. */
#ifndef EVTWIN_TELEMETRY_H
#define EVTWIN_TELEMETRY_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whose name for a quantity. Names are matched exactly, case included. */
typedef enum evtwin_naming {
    EVTWIN_NAMING_EVTWIN = 0, /**< ours: SQL columns; in JSON time is "timestamp" */
    EVTWIN_NAMING_EV30 = 1, /**< the 30-column training CSV: SoC and SoH are fractions, power kW */
    EVTWIN_NAMING_BDF = 2,  /**< Battery Data Format 1.3 preferred labels: current > 0 charges */
    EVTWIN_NAMING_BDF_MACHINE = 3, /**< Battery Data Format machine names */
    EVTWIN_NAMING_VSS = 4          /**< COVESA VSS 6 paths: current > 0 charges */
} evtwin_naming;

#define EVTWIN_NAMING_COUNT 5

/** What is known of one quantity. All texts are static. */
typedef struct evtwin_quantity {
    size_t size;
    const char *name;     /**< our name and SQL column */
    const char *json_key; /**< key in telemetry JSON */
    evtwin_type type;
    const char *unit;        /**< our unit: "percent", "V", "A", "degC", "cycles", "W", … or "" */
    double min, max;         /**< the physically possible range in our unit; NaN = no limit */
    const char *description; /**< one line, with the sign where there is one */
    int is_core;             /**< 1 = part of the contract's record, 0 = additive */
} evtwin_quantity;

/** Number of quantities; they are numbered from 0 in the order of the record. */
EVTWIN_API size_t evtwin_quantity_count(void);

/** @return EVTWIN_E_ARG if index is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_quantity_get(size_t index, evtwin_quantity *out, size_t size);

/** The name of a quantity in a naming, NULL if that naming has none. */
EVTWIN_API const char *evtwin_quantity_name(size_t index, evtwin_naming naming);

/**
 * Which quantity a column header means, in any naming, and in which unit its values are:
 * ours = factor * theirs (the sign flip of BDF and VSS is in the factor).
 * @param unit_out  static text; may be NULL, as may factor_out.
 * @return EVTWIN_E_NOT_FOUND if the name is in no naming.
 */
EVTWIN_API evtwin_status evtwin_quantity_find(const char *header, size_t *index_out,
                                              const char **unit_out, double *factor_out);

/**
 * Column of a table that holds a quantity (given by our name), under any naming; EVTWIN_NO_COLUMN
 * if none. Of two the first by naming: evtwin_telemetry_check refuses such a table.
 */
EVTWIN_API size_t evtwin_telemetry_find(const evtwin_table *table, const char *quantity);

/**
 * The factor that brings a column's values to our unit, from the column's name (sign) and unit tag.
 * 1 for a column that is no telemetry quantity.
 * @return EVTWIN_E_SCHEMA if the unit tag is not one the quantity can be in ("fraction" or
 * "percent", "W" or "kW", …).
 */
EVTWIN_API evtwin_status evtwin_telemetry_factor(const evtwin_table *table, size_t col,
                                                 double *factor_out);

/**
 * Apply "soc=percent,power_consumption=kW": sets the unit tag of the columns that hold these
 * quantities (our names or the header's). NULL or "" does nothing.
 * @return EVTWIN_E_NOT_FOUND for a quantity the table lacks, EVTWIN_E_SCHEMA for a unit it cannot
 * be in.
 */
EVTWIN_API evtwin_status evtwin_telemetry_override_units(evtwin_table *table,
                                                         const char *overrides);

/**
 * Check that no two columns hold the same quantity, and every recognised column against the range
 * of its unit. A "data row" in a text is counted from 1 below the header; it is not the line of a
 * file, where quoted line breaks and empty lines count as well.
 * @return EVTWIN_E_SCHEMA naming both columns; EVTWIN_E_RANGE naming column, row, value, unit and
 * the override that would help.
 */
EVTWIN_API evtwin_status evtwin_telemetry_check(const evtwin_table *table);

/** A table with all telemetry columns in our names and order, no rows: what sources fill and sinks
 * take. */
EVTWIN_API evtwin_status evtwin_telemetry_table_create(evtwin_table **out);

/** 1 if text is a battery id: 1 to 50 of [A-Za-z0-9._:-]. NULL is not. */
EVTWIN_API int evtwin_battery_id_is_valid(const char *text);

/* ---- status of a battery (contract: NORMAL, WARNING, CRITICAL) ---- */

typedef enum evtwin_health {
    EVTWIN_HEALTH_NORMAL = 0,
    EVTWIN_HEALTH_WARNING = 1,
    EVTWIN_HEALTH_CRITICAL = 2
} evtwin_health;

/**
 * One rule: at this level if the quantity is below (or above) the limit. The one place where the
 * limits live. A rule of level NORMAL does not touch the status: it only puts the battery on the
 * alert list.
 */
typedef struct evtwin_threshold {
    size_t size;
    const char *quantity; /**< our name */
    evtwin_health level;
    int is_below; /**< 1: value < limit, 0: value > limit */
    double limit; /**< in our unit */
} evtwin_threshold;

/** Number of rules. */
EVTWIN_API size_t evtwin_threshold_count(void);
/** @return EVTWIN_E_ARG if index is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_threshold_get(size_t index, evtwin_threshold *out, size_t size);

/** "NORMAL", "WARNING", "CRITICAL"; static text. */
EVTWIN_API const char *evtwin_health_name(evtwin_health health);

/**
 * Status from the values (NaN = unknown, breaks no rule) and, in reason (may be NULL), the rules
 * that gave it, e.g. "soh 73.9 < 75, temperature 61.2 > 60"; "" for NORMAL. Truncated to
 * reason_size.
 */
EVTWIN_API evtwin_health evtwin_health_of(double soc_percent, double soh_percent,
                                          double temperature_degC, double failure_probability,
                                          char *reason, size_t reason_size);

/**
 * 1 if the battery belongs on the alert list: its status is WARNING or CRITICAL, or a rule of level
 * NORMAL is broken (soc < 20, rul_prediction < 100). reason as in evtwin_health_of, with all broken
 * rules.
 */
EVTWIN_API int evtwin_alert_of(double soc_percent, double soh_percent, double temperature_degC,
                               double rul_cycles, double failure_probability, char *reason,
                               size_t reason_size);

#ifdef __cplusplus
}
#endif
#endif
