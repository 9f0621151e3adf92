/* SPDX-License-Identifier: MIT */
/* evtwin/telemetry.h: the schema: every quantity with its names, unit, sign and range, and tables
 * of telemetry checked against it. */
#ifndef EVTWIN_TELEMETRY_H
#define EVTWIN_TELEMETRY_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A set of names for quantities. Names are matched exactly, case included. */
typedef enum evtwin_naming {
    EVTWIN_NAMING_EVTWIN = 0, /**< ours: SQL columns; in JSON time is "timestamp" */
    EVTWIN_NAMING_EV30 = 1, /**< the 30-column training CSV: SoC and SoH are fractions, power kW */
    EVTWIN_NAMING_BDF = 2,  /**< Battery Data Format 1.3 preferred labels: current > 0 charges */
    EVTWIN_NAMING_BDF_MACHINE = 3, /**< Battery Data Format machine names */
    EVTWIN_NAMING_VSS = 4          /**< COVESA VSS 6 paths: current > 0 charges */
} evtwin_naming;

/** Number of namings; they are numbered from 0. Since 0.2. */
EVTWIN_API size_t evtwin_naming_count(void);

/** Where the value of a quantity comes from. */
typedef enum evtwin_quantity_kind {
    EVTWIN_KIND_TELEMETRY = 0,  /**< measured by the battery: the telemetry record */
    EVTWIN_KIND_PREDICTION = 1, /**< predicted by a model */
    EVTWIN_KIND_RECORD = 2,     /**< set by the store: status, arrival, revision */
    EVTWIN_KIND_TRUTH = 3       /**< an outcome: a label of training data, never telemetry */
} evtwin_quantity_kind;

/** One quantity of the schema. All strings are static. */
typedef struct evtwin_quantity {
    size_t size;
    const char *name;     /**< our name: table and SQL column, REST key */
    const char *json_key; /**< key in telemetry JSON */
    evtwin_type type;
    const char *unit;        /**< our unit: "percent", "V", "A", "degC", "cycles", "W", … or "" */
    double min, max;         /**< the physically possible range in our unit; NaN = no limit */
    const char *description; /**< one line, with the sign where there is one */
    evtwin_quantity_kind kind;
    int is_feature;     /**< 1 = a model may learn from it */
    const char *metric; /**< Prometheus gauge of a battery's newest value; "" = none */
    /** The same gauge by Prometheus' conventions, evtwin_battery_…, in the base unit that ends the
     * name (a ratio for percent); "" = none. Since 0.2. */
    const char *base_metric;
} evtwin_quantity;

/**
 * Number of quantities of all kinds; they are numbered from 0, within a kind in the order of the
 * record.
 */
EVTWIN_API size_t evtwin_quantity_count(void);

/** @return EVTWIN_E_ARG if index is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_quantity_get(size_t index, evtwin_quantity *out, size_t size);

/** The name of a quantity in a naming, NULL if that naming has none. */
EVTWIN_API const char *evtwin_quantity_name(size_t index, evtwin_naming naming);

/**
 * Which quantity a column header means, in any naming, and in which unit its values are:
 * ours = factor * theirs (the sign flip of BDF and VSS is in the factor).
 * @param unit_out  static string; may be NULL, as may factor_out.
 * @return EVTWIN_E_NOT_FOUND if the name is in no naming.
 */
EVTWIN_API evtwin_status evtwin_quantity_find(const char *header, size_t *index_out,
                                              const char **unit_out, double *factor_out);

/**
 * Column of a table that holds a quantity (given by our name), under any naming; EVTWIN_NO_COLUMN
 * if none. If there are two, the first in the order of namings: evtwin_telemetry_check refuses such
 * a table.
 */
EVTWIN_API size_t evtwin_telemetry_find(const evtwin_table *table, const char *quantity);

/**
 * The factor that brings a column's values to our unit, from the column's name (sign) and unit tag.
 * 1 for a column that is not a quantity of the schema.
 * @return EVTWIN_E_SCHEMA if the unit tag is not one the quantity can be in ("fraction" or
 * "percent", "W" or "kW", …).
 */
EVTWIN_API evtwin_status evtwin_telemetry_factor(const evtwin_table *table, size_t col,
                                                 double *factor_out);

/**
 * Apply "soc=percent,power_consumption=kW": sets the unit tag of the columns that hold these
 * quantities (our names or the header's). A temperature in "degF" or "K" is converted instead: the
 * column then holds numbers (f64) in degC. NULL or "" does nothing.
 * @return EVTWIN_E_NOT_FOUND for a quantity that the table does not have, EVTWIN_E_SCHEMA for a
 * unit it cannot be in, EVTWIN_E_STATE on a shared table.
 */
EVTWIN_API evtwin_status evtwin_telemetry_override_units(evtwin_table *table,
                                                         const char *overrides);

/**
 * Check that no two columns hold the same telemetry quantity, and every telemetry column against
 * the range of its unit. A "data row" in a message is counted from 1 below the header; it is not
 * the line of a file, where quoted line breaks and empty lines count as well.
 * @return EVTWIN_E_SCHEMA naming both columns; EVTWIN_E_RANGE naming column, row, value, unit and,
 * where another unit would fit, the override that evtwin_telemetry_override_units takes.
 */
EVTWIN_API evtwin_status evtwin_telemetry_check(const evtwin_table *table);

/**
 * A new table with the telemetry of this one in the names, units and signs of a naming; columns
 * that are not telemetry are not changed. A quantity for which the naming has no name keeps our
 * name and unit, and so does a power that needs a sign if neither current nor is_charging gives
 * one.
 *
 * EVTWIN_NAMING_BDF and _BDF_MACHINE make the columns of a Battery Data Format file, which is one
 * test of one cell: first the test time (sim_time_s or, in a row without it, the time since the
 * first row), voltage and current, then the rest. evtwin_table_write_csv writes such a file
 * ("….bdf.csv").
 * @return EVTWIN_E_SCHEMA as evtwin_telemetry_check for columns; EVTWIN_E_RANGE for an infinite
 * value; for a Battery Data Format EVTWIN_E_DATA for rows of two batteries, a test time that goes
 * back, a row without voltage or current, or with neither sim_time_s nor time. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_telemetry_convert(const evtwin_table *table, evtwin_naming naming,
                                                  evtwin_table **out);

/** A table with all telemetry columns in our names and order, without rows: sources fill it and
 * sinks take it. */
EVTWIN_API evtwin_status evtwin_telemetry_table_create(evtwin_table **out);

/** 1 if id is a valid battery id: 1 to 50 of [A-Za-z0-9._:-]; 0 otherwise and for NULL. */
EVTWIN_API int evtwin_battery_id_is_valid(const char *id);

#ifdef __cplusplus
}
#endif
#endif
