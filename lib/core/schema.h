/* SPDX-License-Identifier: MIT */
/* core/schema.h: the rows of schema.def and targets.def as tables, and the units of quantities. */
#ifndef EVTWIN_CORE_SCHEMA_H
#define EVTWIN_CORE_SCHEMA_H

#include "evtwin/target.h"
#include "evtwin/telemetry.h"

/* ---- quantities ---- */

/* EVTWIN__Q_SOC, …: the number of a quantity (evtwin_quantity_get). */
typedef enum evtwin__quantity_id {
#define Q(ID, ...) EVTWIN__Q_##ID,
#include "core/schema.def"
#undef Q
    EVTWIN__Q_COUNT
} evtwin__quantity_id;

typedef enum evtwin__role {
    EVTWIN__ROLE_KEY,
    EVTWIN__ROLE_FEATURE,
    EVTWIN__ROLE_BOOKKEEPING,
    EVTWIN__ROLE_OUTCOME
} evtwin__role;

/* The name of a quantity in another naming. */
typedef struct evtwin__alias {
    const char *name;     /* NULL = end of the list */
    const char *unit;     /* NULL = ours */
    unsigned char naming; /* an evtwin_naming; there are many of these structs: they are small */
    unsigned char is_flipped;  /* its sign is the opposite of ours */
    unsigned char is_stand_in; /* counts only where no other column has the quantity; is never
                                  written */
} evtwin__alias;

enum { EVTWIN__N_NAMINGS = 5, EVTWIN__MAX_ALIASES = 8 };

typedef struct evtwin__quantity {
    const char *name, *json_key, *unit, *metric, *base_metric, *description;
    evtwin_quantity_kind kind;
    evtwin_type type;
    double min, max; /* NaN = no limit */
    evtwin__role role;
    evtwin__alias alias[EVTWIN__MAX_ALIASES];
} evtwin__quantity;

extern const evtwin__quantity evtwin__schema[EVTWIN__Q_COUNT];

/* How a naming writes quantity q; NULL where that is our name: it is ours, or has none of its own.
 */
const evtwin__alias *evtwin__alias_of(size_t q, evtwin_naming naming);

/* Number of the quantity of this name (ours), EVTWIN__Q_COUNT if there is none. */
size_t evtwin__quantity_by_name(const char *name);

/* 1 if the quantity holds numbers that have an order: F64, I64. */
int evtwin__quantity_is_number(size_t q);

/* Sets of kinds, to select quantities. */
enum {
    EVTWIN__TELEMETRY = 1 << EVTWIN_KIND_TELEMETRY,
    EVTWIN__PREDICTIONS = 1 << EVTWIN_KIND_PREDICTION,
    EVTWIN__RECORD = 1 << EVTWIN_KIND_RECORD,
    EVTWIN__TRUTH = 1 << EVTWIN_KIND_TRUTH,
    EVTWIN__ALL_KINDS = EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS | EVTWIN__RECORD | EVTWIN__TRUTH
};

static inline int evtwin__is_of(size_t q, unsigned kinds) {
    return (int)(kinds >> evtwin__schema[q].kind & 1U);
}

/* A table with the columns of these kinds in our names, no rows. */
evtwin_status evtwin__schema_table_create(unsigned kinds, evtwin_table **out);

/* ---- units ---- */

/* value in ours = factor * value in name. */
typedef struct evtwin__unit {
    const char *name, *ours;
    double factor;
} evtwin__unit;

/* The unit's entry, if it measures the same as ours; else NULL. */
const evtwin__unit *evtwin__unit_find(const char *name, const char *ours);

/* Can a column of quantity q be in the unit of that name? EVTWIN_E_SCHEMA naming those it can be
 * in. *out is NULL for a quantity without a unit, or with one that has no other form. */
evtwin_status evtwin__unit_check(const char *column, size_t q, const char *name,
                                 const evtwin__unit **out);

/* A unit with a zero of its own: ours = (value - zero) / per_ours. Where a unit is stated its
 * values are converted, because the unit of a column is a factor everywhere else. */
typedef struct evtwin__shifted {
    const char *name, *ours;
    double zero, per_ours;
} evtwin__shifted;

/* Shifted unit number i that measures the same as ours; NULL beyond the last. */
const evtwin__shifted *evtwin__shifted_at(const char *ours, size_t i);

/* The one of that name; else NULL. */
const evtwin__shifted *evtwin__shifted_find(const char *name, const char *ours);

/* The value in our unit, without what rounding adds to a decimal: 66.2 degF are 19 degC. */
double evtwin__shifted_to_ours(const evtwin__shifted *unit, double value);

/* As evtwin_telemetry_override_units, but no value is converted: a shifted unit becomes the tag of
 * its column. For tables that only stand for the fields of a header. */
evtwin_status evtwin__telemetry_tag_units(evtwin_table *table, const char *overrides);

/* So many values in percent that never exceed the maximum are no accident: perhaps fractions. New
 * packs and estimators that overshoot reach a little beyond 1. */
enum { EVTWIN__FRACTION_VALUES = 20 };
#define EVTWIN__FRACTION_MAX 1.1

/* Unit number i that measures the same as ours; NULL beyond the last. */
const evtwin__unit *evtwin__unit_at(const char *ours, size_t i);

/* ---- headers ---- */

/* What a header means: the quantity and how its values relate to ours. */
typedef struct evtwin__meaning {
    size_t q;
    const char *unit; /* of the values, "" if the quantity has none */
    int is_flipped;
    int is_stand_in; /* only where no other column has the quantity */
} evtwin__meaning;

/* 0 if no quantity of these kinds has that name in any naming. */
int evtwin__meaning_find(const char *header, unsigned kinds, evtwin__meaning *out);

/* How times under this header are written, as a format of core/time.h: "%s" under those of the
 * Battery Data Format (seconds since 1970); NULL for the forms of evtwin_time_parse. */
const char *evtwin__header_time_format(const char *header);

/* 1 if this header states no unit and one is presumed (the 30-column header's power in kW). */
int evtwin__unit_is_presumed(const char *header, const char *unit);

/* ours = factor * theirs for values in that unit (NULL: the quantity has none). */
double evtwin__meaning_factor(const evtwin__meaning *meaning, const evtwin__unit *unit);

/* 1 if values of this meaning have a direction that ours (an absolute value) has not. */
int evtwin__meaning_is_absolute(const evtwin__meaning *meaning);

/* ---- targets ---- */

/* EVTWIN__T_RUL, …: the number of a target (evtwin_target_get). */
typedef enum evtwin__target_id {
#define T(ID, ...) EVTWIN__T_##ID,
#include "core/targets.def"
#undef T
    EVTWIN__T_COUNT
} evtwin__target_id;

/* Label and prediction of target t as numbers of quantities. */
size_t evtwin__target_label(size_t t);
size_t evtwin__target_prediction(size_t t);

#endif
