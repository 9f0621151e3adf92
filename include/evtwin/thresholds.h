/* SPDX-License-Identifier: MIT */
/* evtwin/thresholds.h: the limits that make a status, an alert or a colour: data, not code. */
#ifndef EVTWIN_THRESHOLDS_H
#define EVTWIN_THRESHOLDS_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Health level of a battery. */
typedef enum evtwin_health {
    EVTWIN_HEALTH_NORMAL = 0,
    EVTWIN_HEALTH_WARNING = 1,
    EVTWIN_HEALTH_CRITICAL = 2
} evtwin_health;

/** "NORMAL", "WARNING", "CRITICAL"; static string. */
EVTWIN_API const char *evtwin_health_name(evtwin_health health);

/** What a threshold is for. */
typedef enum evtwin_threshold_kind {
    EVTWIN_THRESHOLD_STATUS = 0, /**< gives a row its status (store, REST, page); raises an alert */
    EVTWIN_THRESHOLD_ALERT = 1,  /**< the alert list only: no status follows from it */
    EVTWIN_THRESHOLD_DISPLAY = 2 /**< a colour band of dashboards and pages, nothing else */
} evtwin_threshold_kind;

/** "status", "alert", "display"; static string. */
EVTWIN_API const char *evtwin_threshold_kind_name(evtwin_threshold_kind kind);

/** One rule: at this level if the quantity is below (or above) the limit. */
typedef struct evtwin_threshold {
    size_t size;
    evtwin_threshold_kind kind;
    const char *quantity; /**< our name; borrowed from the schema (static) */
    evtwin_health level;
    int is_below; /**< 1: value < limit, 0: value > limit */
    double limit; /**< in the quantity's unit */
} evtwin_threshold;

/** A set of rules, at most 256. One thread at a time while it changes. Since 0.2. */
typedef struct evtwin_thresholds evtwin_thresholds;

/** The contract's rules. Free with evtwin_thresholds_free. */
EVTWIN_API evtwin_status evtwin_thresholds_create(evtwin_thresholds **out);

/**
 * The contract's rules, changed by a JSON file: an array of objects as /api/thresholds shows them,
 * {"kind": "status", "quantity": "soc", "level": "CRITICAL", "operator": "<", "limit": 12};
 * a limit of null removes the rule.
 * @return EVTWIN_E_NOT_FOUND, EVTWIN_E_IO, EVTWIN_E_PARSE naming file and key, EVTWIN_E_RANGE or
 * EVTWIN_E_ARG as evtwin_thresholds_set.
 */
EVTWIN_API evtwin_status evtwin_thresholds_load(const char *path, evtwin_thresholds **out);

/**
 * From a table with the columns kind, quantity, level, operator (TEXT) and limit (F64), as
 * evtwin_thresholds_table makes it and a store keeps it. Rules of quantities that this version does
 * not know are left out with a warning in the log.
 * @return EVTWIN_E_SCHEMA if a column is absent, else as evtwin_thresholds_set.
 */
EVTWIN_API evtwin_status evtwin_thresholds_from_table(const evtwin_table *table,
                                                      evtwin_thresholds **out);
/** The rules as a table of the caller's. */
EVTWIN_API evtwin_status evtwin_thresholds_table(const evtwin_thresholds *thresholds,
                                                 evtwin_table **out);
/** NULL is fine. */
EVTWIN_API void evtwin_thresholds_free(evtwin_thresholds *thresholds);

/** Number of rules. */
EVTWIN_API size_t evtwin_thresholds_count(const evtwin_thresholds *thresholds);
/** @return EVTWIN_E_ARG if i is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_thresholds_get(const evtwin_thresholds *thresholds, size_t i,
                                               evtwin_threshold *out, size_t size);

/**
 * Set the limit of the rule of the same kind, quantity, level and direction, or add it. A limit of
 * NaN removes the rule.
 * @return EVTWIN_E_ARG for a quantity that is not a number of kind telemetry or prediction, an
 * unknown kind or level, a status rule of level NORMAL, or more than 256 rules; EVTWIN_E_RANGE for
 * an infinite limit.
 */
EVTWIN_API evtwin_status evtwin_thresholds_set(evtwin_thresholds *thresholds,
                                               const evtwin_threshold *rule);

/**
 * The status of one row: the highest level of the status rules that it breaks. Quantities are the
 * table's columns of our names and units; one that is absent or missing breaks no rule.
 *
 * A battery's health has hysteresis, by the column limits_broken of evtwin_store_latest's
 * current_out. If the table has this column, a limit that was broken stays broken, here and in the
 * calls below, until a value is back by a margin (soc and soh 2 and 1 percent, temperature 3 degC,
 * rul_prediction 20 cycles, failure_probability 0.05, others 2 % of the limit). A value that is
 * missing changes nothing.
 */
EVTWIN_API evtwin_health evtwin_thresholds_status(const evtwin_thresholds *thresholds,
                                                  const evtwin_table *rows, size_t row);

/** What a battery with broken limits needs. */
enum {
    EVTWIN_NEEDS_CHARGING = 1, /**< its charge is low */
    EVTWIN_NEEDS_SERVICE = 2   /**< anything else: ageing, temperature, risk, remaining life */
};

/** What follows from the status and alert rules that a row breaks: a sum of EVTWIN_NEEDS_…, 0 for
 * none. Since 0.2. */
EVTWIN_API int evtwin_thresholds_needs(const evtwin_thresholds *thresholds,
                                       const evtwin_table *rows, size_t row);

/**
 * The rules that a row breaks, the worst first. kind says which: EVTWIN_THRESHOLD_STATUS, those
 * that give it its status; EVTWIN_THRESHOLD_ALERT, the status and alert rules that put it on the
 * alert list; EVTWIN_THRESHOLD_DISPLAY, the colour bands it is in. For alerts and bands, if several
 * rules of a quantity and direction are broken, only the strictest is listed.
 * @param broken  (max) numbers for evtwin_thresholds_get
 * @return how many; at most max are written.
 */
EVTWIN_API size_t evtwin_thresholds_broken(const evtwin_thresholds *thresholds,
                                           evtwin_threshold_kind kind, const evtwin_table *rows,
                                           size_t row, size_t *broken, size_t max);

/**
 * Rule i and the row's value in words, "soh 73.9 < 75", cut to text_size; the value in the fewest
 * decimals (two at least) that show which side of the limit it is on. A limit that is broken by
 * memory says so: "soc 15.4 was < 15 (until 17)", "soh 73.9 < 75 (last known)". "" if i is out of
 * range.
 * @return text.
 */
EVTWIN_API const char *evtwin_thresholds_reason(const evtwin_thresholds *thresholds, size_t i,
                                                const evtwin_table *rows, size_t row, char *text,
                                                size_t text_size);

#ifdef __cplusplus
}
#endif
#endif
