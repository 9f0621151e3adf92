/* SPDX-License-Identifier: MIT */
/* core/telemetry.c: the one table of telemetry quantities: names in each naming, units, signs,
 * ranges. */

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- units ---- */

/* value in ours = factor * value in name; ours is the unit of the quantity's entry below. */
typedef struct unit {
    const char *name, *ours;
    double factor;
} unit;

static const unit units[] = {
    {"percent", "percent", 1.0},
    {"fraction", "percent", 100.0},
    {"V", "V", 1.0},
    {"mV", "V", 1e-3},
    {"A", "A", 1.0},
    {"mA", "A", 1e-3},
    {"W", "W", 1.0},
    {"kW", "W", 1e3},
    {"mOhm", "mOhm", 1.0},
    {"Ohm", "mOhm", 1e3},
    {"s", "s", 1.0},
    {"h", "s", 3600.0},
    {"degC", "degC", 1.0},
    {"cycles", "cycles", 1.0},
    {"Ah/day", "Ah/day", 1.0},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* The unit's entry, if it measures the same as ours; else NULL. */
static const unit *find_unit(const char *name, const char *ours) {
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(units[i].name, name) == 0 && strcmp(units[i].ours, ours) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

/* ---- quantities ---- */

/* A quantity in one naming; name NULL = that naming has none. */
typedef struct alias {
    const char *name;
    const char *unit; /* NULL = ours */
    int is_flipped;   /* its sign is the opposite of ours */
} alias;

/* clang-format off */
#define NONE {NULL, NULL, 0}
#define SAME(name) {name, NULL, 0}
#define IN(unit, name) {name, unit, 0}
#define FLIPPED(name) {name, NULL, 1}
#define VSS(path) "Vehicle.Powertrain.TractionBattery." path
/* clang-format on */

typedef struct entry {
    alias in[EVTWIN_NAMING_COUNT]; /* ours, 30 columns, BDF label, BDF machine name, VSS */
    const char *json_key;
    evtwin_type type;
    int is_core;
    const char *unit;
    double min, max;
    const char *description;
} entry;

/* In the order of the record. Sources: the contract; the 30-column data set's header (SoC and SoH
 * are fractions, its power presumably kW, its always negative current is taken as it is); Battery
 * Data Format 1.3.0; COVESA VSS 6.0. In the last two a current or power > 0 charges. Ours is an
 * absolute power: one that is flipped keeps its direction, and its range reaches as far below zero
 * as above. */
/* clang-format off */
static const entry entries[] = {
    {{SAME("time"), SAME("Timestamp"), NONE, NONE, NONE},
     "timestamp", EVTWIN_TIME, 1, "", NAN, NAN,
     "when it was measured, UTC"},
    {{SAME("battery_id"), NONE, NONE, NONE, SAME(VSS("Id"))},
     "battery_id", EVTWIN_TEXT, 1, "", NAN, NAN,
     "which battery: 1 to 50 of A-Z a-z 0-9 . _ : -"},
    {{SAME("soc"), IN("fraction", "SoC"), NONE, NONE, SAME(VSS("StateOfCharge.Current"))},
     "soc", EVTWIN_F64, 1, "percent", 0.0, 100.0,
     "state of charge"},
    {{SAME("soh"), IN("fraction", "SoH"), NONE, NONE, SAME(VSS("StateOfHealth"))},
     "soh", EVTWIN_F64, 1, "percent", 0.0, 100.0,
     "state of health: capacity now over capacity when new"},
    {{SAME("voltage"), SAME("Battery_Voltage"), SAME("Voltage / V"), SAME("voltage_volt"),
      SAME(VSS("CurrentVoltage"))},
     "voltage", EVTWIN_F64, 1, "V", 0.0, 2000.0,
     "pack voltage"},
    {{SAME("current"), SAME("Battery_Current"), FLIPPED("Current / A"), FLIPPED("current_ampere"),
      FLIPPED(VSS("CurrentCurrent"))},
     "current", EVTWIN_F64, 1, "A", -5000.0, 5000.0,
     "pack current, > 0 discharges, < 0 charges"},
    {{SAME("temperature"), SAME("Battery_Temperature"), SAME("Surface Temperature / degC"),
      SAME("surface_temperature_celsius"), SAME(VSS("Temperature.Average"))},
     "temperature", EVTWIN_F64, 1, "degC", -60.0, 200.0,
     "battery temperature"},
    {{SAME("charge_cycles"), SAME("Charge_Cycles"), SAME("Cycle Count / 1"), SAME("cycle_count"),
      NONE},
     "charge_cycles", EVTWIN_I64, 1, "cycles", 0.0, 1e6,
     "cycles so far: charges counted, or whole equivalent full cycles"},
    {{SAME("power_consumption"), IN("kW", "Power_Consumption"), FLIPPED("Power / W"),
      FLIPPED("power_watt"), FLIPPED(VSS("CurrentPower"))},
     "power_consumption", EVTWIN_F64, 1, "W", 0.0, 5e6,
     "absolute value of voltage times current"},
    {{SAME("is_charging"), NONE, NONE, NONE, SAME(VSS("Charging.IsCharging"))},
     "is_charging", EVTWIN_BOOL, 1, "", NAN, NAN,
     "true while it charges"},
    {{SAME("seq"), NONE, NONE, NONE, NONE},
     "seq", EVTWIN_I64, 0, "", 0.0, NAN,
     "number of the record; tells records of one battery and time apart"},
    {{SAME("sim_time_s"), NONE, SAME("Test Time / s"), SAME("test_time_second"), NONE},
     "sim_time_s", EVTWIN_F64, 0, "s", 0.0, NAN,
     "physics clock: seconds since the start of the simulation or test"},
    {{SAME("resistance_mohm"), NONE, NONE, NONE, NONE},
     "resistance_mohm", EVTWIN_F64, 0, "mOhm", 0.0, 1e5,
     "pack resistance over 10 s, as the battery management system estimates it"},
    {{SAME("mean_temperature"), NONE, NONE, NONE, NONE},
     "mean_temperature", EVTWIN_F64, 0, "degC", -60.0, 200.0,
     "mean cell temperature over the life so far"},
    {{SAME("throughput_ah_per_day"), NONE, NONE, NONE, NONE},
     "throughput_ah_per_day", EVTWIN_F64, 0, "Ah/day", 0.0, 1e6,
     "mean discharge throughput per day over the life so far"},
};
/* clang-format on */

enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };

static const char *name_of(const entry *e) {
    return e->in[EVTWIN_NAMING_EVTWIN].name;
}

size_t evtwin_quantity_count(void) {
    return ENTRY_COUNT;
}

evtwin_status evtwin_quantity_get(size_t index, evtwin_quantity *out, size_t size) {
    if (index >= ENTRY_COUNT || out == NULL || size < sizeof out->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "quantity %zu of %d, or out is NULL or too small", index,
                    ENTRY_COUNT);
    }
    const entry *e = &entries[index];
    const evtwin_quantity full = {.size = sizeof full,
                                  .name = name_of(e),
                                  .json_key = e->json_key,
                                  .type = e->type,
                                  .unit = e->unit,
                                  .min = e->min,
                                  .max = e->max,
                                  .description = e->description,
                                  .is_core = e->is_core};
    evtwin__report_copy(out, size, &full, sizeof full);
    return EVTWIN_OK;
}

const char *evtwin_quantity_name(size_t index, evtwin_naming naming) {
    const int is_known = index < ENTRY_COUNT && (unsigned)naming < EVTWIN_NAMING_COUNT;
    return is_known ? entries[index].in[naming].name : NULL;
}

/* What a header means: the entry and how its values relate to ours. */
typedef struct meaning {
    const entry *entry;
    const char *unit;
    int is_flipped;
} meaning;

static int find_meaning(const char *header, meaning *out) {
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const entry *e = &entries[i];
        if (strcmp(e->json_key, header) == 0) {
            *out = (meaning){e, e->unit, 0};
            return 1;
        }
        for (int n = 0; n < EVTWIN_NAMING_COUNT; n++) {
            const alias *a = &e->in[n];
            if (a->name != NULL && strcmp(a->name, header) == 0) {
                *out = (meaning){e, a->unit != NULL ? a->unit : e->unit, a->is_flipped};
                return 1;
            }
        }
    }
    return 0;
}

/* ours = factor * theirs; a quantity without a unit has factor 1. */
static double factor_of(const meaning *m, const unit *u) {
    return (m->is_flipped ? -1.0 : 1.0) * (u != NULL ? u->factor : 1.0);
}

evtwin_status evtwin_quantity_find(const char *header, size_t *index_out, const char **unit_out,
                                   double *factor_out) {
    if (header == NULL || index_out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "header or index_out is NULL");
    }
    meaning m;
    if (!find_meaning(header, &m)) {
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "'%.100s' is no telemetry quantity in any naming", header);
    }
    *index_out = (size_t)(m.entry - entries);
    if (unit_out != NULL) {
        *unit_out = m.unit;
    }
    if (factor_out != NULL) {
        *factor_out = factor_of(&m, find_unit(m.unit, m.entry->unit));
    }
    return EVTWIN_OK;
}

/* ---- tables ---- */

size_t evtwin_telemetry_find(const evtwin_table *table, const char *quantity) {
    if (table == NULL || quantity == NULL) {
        return EVTWIN_NO_COLUMN;
    }
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const entry *e = &entries[i];
        if (strcmp(name_of(e), quantity) != 0) {
            continue;
        }
        size_t col = EVTWIN_NO_COLUMN;
        for (int n = 0; n < EVTWIN_NAMING_COUNT && col == EVTWIN_NO_COLUMN; n++) {
            const char *name = e->in[n].name;
            col = name != NULL ? evtwin_table_find(table, name) : EVTWIN_NO_COLUMN;
        }
        return col != EVTWIN_NO_COLUMN ? col : evtwin_table_find(table, e->json_key);
    }
    return EVTWIN_NO_COLUMN;
}

/* "percent or fraction", into text. */
static const char *list_units(const char *ours, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(units[i].ours, ours) == 0) {
            if (text[0] != '\0') {
                strncat(text, " or ", size - strlen(text) - 1);
            }
            strncat(text, units[i].name, size - strlen(text) - 1);
        }
    }
    return text;
}

static evtwin_status fail_unit(const char *column, const entry *e, const char *tag) {
    if (e->unit[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%.100s' has no unit, so it cannot be in '%.40s'",
                    column, tag);
    }
    char list[64];
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%.100s' cannot be in '%.40s'; %s can be in %s", column,
                tag, name_of(e), list_units(e->unit, list, sizeof list));
}

/* The unit a column is in: its tag or, without one, what its header says. *out is NULL for a
 * quantity without a unit. */
static evtwin_status column_unit(const evtwin_table *table, size_t col, const meaning *m,
                                 const unit **out) {
    const char *tag = evtwin_table_unit(table, col);
    const char *name = tag[0] != '\0' ? tag : m->unit;
    const unit *u = find_unit(name, m->entry->unit);
    if (u == NULL && name[0] != '\0') {
        return fail_unit(evtwin_table_name(table, col), m->entry, name);
    }
    *out = u;
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_factor(const evtwin_table *table, size_t col, double *factor_out) {
    if (table == NULL || factor_out == NULL || col >= evtwin_table_cols(table)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table or factor_out is NULL, or the table has no column %zu",
                    col);
    }
    meaning m;
    const unit *u = NULL;
    if (!find_meaning(evtwin_table_name(table, col), &m)) {
        *factor_out = 1.0;
        return EVTWIN_OK;
    }
    const evtwin_status st = column_unit(table, col, &m, &u);
    if (st == EVTWIN_OK) {
        *factor_out = factor_of(&m, u);
    }
    return st;
}

evtwin_status evtwin_telemetry_table_create(evtwin_table **out) {
    if (out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "out is NULL");
    }
    evtwin_table *t;
    evtwin_status st = evtwin_table_create(&t);
    if (st < 0) {
        return st;
    }
    for (size_t i = 0; i < ENTRY_COUNT && st == EVTWIN_OK; i++) {
        st = evtwin_table_add_column(t, name_of(&entries[i]), entries[i].type, entries[i].unit,
                                     NULL);
    }
    if (st < 0) {
        evtwin_table_free(t);
        return st;
    }
    *out = t;
    return EVTWIN_OK;
}

/* ---- unit overrides ---- */

static int is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Cut blanks off both ends, in place. */
static char *trim(char *text) {
    while (is_blank(*text)) {
        text++;
    }
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) {
        n--;
    }
    text[n] = '\0';
    return text;
}

/* "soc=percent": cut into its two names. */
static evtwin_status split_override(char *item, const char **name, const char **unit_name) {
    char *equals = strrchr(item, '=');
    if (equals == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "'%.100s': expected a unit like soc=percent", trim(item));
    }
    *equals = '\0';
    *name = trim(item);
    *unit_name = trim(equals + 1);
    return EVTWIN_OK;
}

/* Check one override and, if apply, tag every column that it means. */
static evtwin_status override_one(evtwin_table *table, const char *name, const char *unit_name,
                                  int apply) {
    int any = 0;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *header = evtwin_table_name(table, col);
        meaning m;
        if (!find_meaning(header, &m) ||
            (strcmp(header, name) != 0 && strcmp(name_of(m.entry), name) != 0)) {
            continue;
        }
        any = 1;
        if (find_unit(unit_name, m.entry->unit) == NULL) {
            return fail_unit(header, m.entry, unit_name);
        }
        const evtwin_status st = apply ? evtwin_table_set_unit(table, col, unit_name) : EVTWIN_OK;
        if (st < 0) {
            return st;
        }
    }
    if (!any) {
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "no column holds the telemetry quantity '%.100s'", name);
    }
    return EVTWIN_OK;
}

static evtwin_status override_all(evtwin_table *table, const char *overrides, int apply) {
    char *copy = evtwin__strdup(overrides);
    if (copy == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory");
    }
    evtwin_status st = EVTWIN_OK;
    for (char *item = copy; item != NULL && st == EVTWIN_OK;) {
        char *next = strchr(item, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        const char *name = NULL, *unit_name = NULL;
        st = split_override(item, &name, &unit_name);
        if (st == EVTWIN_OK) {
            st = override_one(table, name, unit_name, apply);
        }
        item = next;
    }
    evtwin__free(copy);
    return st;
}

evtwin_status evtwin_telemetry_override_units(evtwin_table *table, const char *overrides) {
    if (table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table is NULL");
    }
    if (overrides == NULL || overrides[0] == '\0') {
        return EVTWIN_OK;
    }

    /* look at all of them before the first is applied */
    const evtwin_status st = override_all(table, overrides, 0);
    return st < 0 ? st : override_all(table, overrides, 1);
}

/* ---- ranges ---- */

typedef struct range {
    double min, max;
} range;

/* The range in the unit of the column itself, so that the limit of a fraction is exactly 1. An
 * absent limit still keeps infinity out. */
static range range_in(const meaning *m, const unit *u) {
    const double scale = u != NULL ? u->factor : 1.0;
    const entry *e = m->entry;
    const double min = isnan(e->min) ? -DBL_MAX : e->min / scale;
    const double max = isnan(e->max) ? DBL_MAX : e->max / scale;
    if (m->is_flipped) {
        return (range){-max, min < 0.0 ? -min : max};
    }
    return (range){min, max};
}

/* NaN is missing, not out of range. */
static int is_outside(double v, range r) {
    return v < r.min || v > r.max;
}

static void format(double v, char text[EVTWIN__NUM_SIZE]) {
    if (isinf(v)) {
        memcpy(text, v > 0.0 ? "infinity" : "-infinity", v > 0.0 ? 9 : 10);
    } else {
        evtwin__format_f64(v, text);
    }
}

/* The unit in which value would be possible, NULL if there is none. */
static const unit *unit_that_fits(const meaning *m, const unit *stated, double value) {
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        const unit *u = &units[i];
        if (u != stated && strcmp(u->ours, m->entry->unit) == 0 &&
            !is_outside(value, range_in(m, u))) {
            return u;
        }
    }
    return NULL;
}

static evtwin_status fail_range(const char *column, size_t row, const meaning *m, const unit *u,
                                double value) {
    const range r = range_in(m, u);
    char text[EVTWIN__NUM_SIZE], limits[2 * EVTWIN__NUM_SIZE + 16];
    char min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
    format(value, text);
    format(r.min, min);
    format(r.max, max);
    const char *unit_name = u != NULL ? u->name : "";
    const char *space = u != NULL ? " " : "";
    const int has_max = r.max < DBL_MAX;
    snprintf(limits, sizeof limits, has_max ? "%s to %s" : "%s or more", min, max);

    const unit *better = unit_that_fits(m, u, value);
    if (better == NULL) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "column '%.100s', data row %zu: %s%s%s is outside %s%s%s",
                    column, row + 1, text, space, unit_name, limits, space, unit_name);
    }
    EVTWIN_FAIL(
        EVTWIN_E_RANGE,
        "column '%.100s', data row %zu: %s%s%s is outside %s%s%s; if the column is in %s, say so "
        "with --unit %s=%s",
        column, row + 1, text, space, unit_name, limits, space, unit_name, better->name,
        name_of(m->entry), better->name);
}

static evtwin_status check_column(const evtwin_table *table, size_t col, const meaning *m) {
    const unit *u = NULL;
    const evtwin_status st = column_unit(table, col, m, &u);
    if (st < 0) {
        return st;
    }
    const range r = range_in(m, u);
    const size_t rows = evtwin_table_rows(table);
    const double *f64 = evtwin_table_f64(table, col);

    /* first only whether there is one: a loop without a branch */
    if (f64 != NULL) {
        int any = 0;
        for (size_t i = 0; i < rows; i++) {
            any |= is_outside(f64[i], r);
        }
        if (!any) {
            return EVTWIN_OK;
        }
    }
    for (size_t i = 0; i < rows; i++) {
        const double v = evtwin_table_number(table, col, i);
        if (is_outside(v, r)) {
            return fail_range(evtwin_table_name(table, col), i, m, u, v);
        }
    }
    return EVTWIN_OK;
}

/* Whoever looks for a quantity takes one column: it must not matter which. */
static evtwin_status check_doubles(const evtwin_table *table) {
    size_t col_of[ENTRY_COUNT];
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        col_of[i] = EVTWIN_NO_COLUMN;
    }
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        meaning m;
        if (!find_meaning(evtwin_table_name(table, col), &m)) {
            continue;
        }
        size_t *first = &col_of[m.entry - entries];
        if (*first != EVTWIN_NO_COLUMN) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                        "columns '%.100s' and '%.100s' are both %s: leave out or rename one",
                        evtwin_table_name(table, *first), evtwin_table_name(table, col),
                        name_of(m.entry));
        }
        *first = col;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_check(const evtwin_table *table) {
    if (table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table is NULL");
    }
    const evtwin_status doubles = check_doubles(table);
    if (doubles < 0) {
        return doubles;
    }
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const evtwin_type type = evtwin_table_type(table, col);
        meaning m;
        if ((type != EVTWIN_F64 && type != EVTWIN_I64) ||
            !find_meaning(evtwin_table_name(table, col), &m)) {
            continue;
        }
        const evtwin_status st = check_column(table, col, &m);
        if (st < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

int evtwin_battery_id_is_valid(const char *text) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    if (text == NULL) {
        return 0;
    }
    const size_t n = strspn(text, allowed);
    return text[n] == '\0' && n >= 1 && n <= 50;
}
