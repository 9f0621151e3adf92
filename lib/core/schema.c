/* SPDX-License-Identifier: MIT */
/* core/schema.c: the one list of quantities and targets as tables: names, units, signs, ranges. */

#include "core/schema.h"

#include "core/num.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"

#include <math.h>
#include <string.h>

/* ---- quantities ---- */

#define NO_LIMIT NAN
#define NO_METRIC ""
#define OURS_ONLY                                                                                  \
    { NULL, NULL, EVTWIN_NAMING_EVTWIN, 0, 0 }
#define NAMED(naming, name)                                                                        \
    { name, NULL, EVTWIN_NAMING_##naming, 0, 0 }
#define NAMED_IN(naming, name, unit)                                                               \
    { name, unit, EVTWIN_NAMING_##naming, 0, 0 }
#define FLIPPED(naming, name)                                                                      \
    { name, NULL, EVTWIN_NAMING_##naming, 1, 0 }
#define STAND_IN(naming, name)                                                                     \
    { name, NULL, EVTWIN_NAMING_##naming, 0, 1 }
#define STAND_IN_IN(naming, name, unit)                                                            \
    { name, unit, EVTWIN_NAMING_##naming, 0, 1 }
#define VSS_BATTERY "Vehicle.Powertrain.TractionBattery."

/* clang-format off */
const evtwin__quantity evtwin__schema[EVTWIN__Q_COUNT] = {
#define Q(ID, name_, json_key_, kind_, type_, unit_, min_, max_, role_, metric_, base_metric_,       \
          description_, ...)                                                                         \
    [EVTWIN__Q_##ID] = {.name = #name_, .json_key = #json_key_, .unit = unit_, .metric = metric_,    \
                        .base_metric = base_metric_, .description = description_,                    \
                        .kind = EVTWIN_KIND_##kind_,                                                 \
                        .type = EVTWIN_##type_, .min = min_, .max = max_,                            \
                        .role = EVTWIN__ROLE_##role_, .alias = {__VA_ARGS__}},
#include "core/schema.def"
#undef Q
};
/* clang-format on */

size_t evtwin_naming_count(void) {
    return EVTWIN__N_NAMINGS;
}

size_t evtwin_quantity_count(void) {
    return EVTWIN__Q_COUNT;
}

evtwin_status evtwin_quantity_get(size_t index, evtwin_quantity *out, size_t size) {
    EVTWIN_FAIL_IF(index >= EVTWIN__Q_COUNT || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "quantity %zu is out of range (there are %d), or out is NULL or too small",
                   index, EVTWIN__Q_COUNT);
    const evtwin__quantity *q = &evtwin__schema[index];
    const evtwin_quantity full = {.size = sizeof full,
                                  .name = q->name,
                                  .json_key = q->json_key,
                                  .type = q->type,
                                  .unit = q->unit,
                                  .min = q->min,
                                  .max = q->max,
                                  .description = q->description,
                                  .kind = q->kind,
                                  .is_feature = q->role == EVTWIN__ROLE_FEATURE,
                                  .metric = q->metric,
                                  .base_metric = q->base_metric};
    evtwin__report_copy(out, size, &full, sizeof full);
    return EVTWIN_OK;
}

const char *evtwin_quantity_name(size_t index, evtwin_naming naming) {
    if (index >= EVTWIN__Q_COUNT) {
        return NULL;
    }
    if (naming == EVTWIN_NAMING_EVTWIN) {
        return evtwin__schema[index].name;
    }
    const evtwin__alias *alias = evtwin__alias_of(index, naming);
    return alias != NULL ? alias->name : NULL;
}

const evtwin__alias *evtwin__alias_of(size_t q, evtwin_naming naming) {
    const evtwin__alias *alias = evtwin__schema[q].alias;
    for (size_t i = 0; i < EVTWIN__MAX_ALIASES && alias[i].name != NULL; i++) {
        if (alias[i].naming == naming && !alias[i].is_stand_in) {
            return &alias[i];
        }
    }
    return NULL;
}

size_t evtwin__quantity_by_name(const char *name) {
    size_t q = 0;
    while (q < EVTWIN__Q_COUNT && strcmp(evtwin__schema[q].name, name) != 0) {
        q++;
    }
    return q;
}

int evtwin__quantity_is_number(size_t q) {
    return evtwin__schema[q].type == EVTWIN_F64 || evtwin__schema[q].type == EVTWIN_I64;
}

evtwin_status evtwin__schema_table_create(unsigned kinds, evtwin_table **out) {
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_table_create(&t);
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st == EVTWIN_OK; q++) {
        if (evtwin__is_of(q, kinds)) {
            st = evtwin_table_add_column(t, evtwin__schema[q].name, evtwin__schema[q].type,
                                         evtwin__schema[q].unit, NULL);
        }
    }
    return evtwin__table_finish(st, t, out);
}

/* ---- units ---- */

static const evtwin__unit units[] = {
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

const evtwin__unit *evtwin__unit_at(const char *ours, size_t i) {
    for (size_t k = 0; k < UNIT_COUNT; k++) {
        if (strcmp(units[k].ours, ours) == 0 && i-- == 0) {
            return &units[k];
        }
    }
    return NULL;
}

const evtwin__unit *evtwin__unit_find(const char *name, const char *ours) {
    const evtwin__unit *u;
    for (size_t i = 0; (u = evtwin__unit_at(ours, i)) != NULL; i++) {
        if (strcmp(u->name, name) == 0) {
            return u;
        }
    }
    return NULL;
}

static const evtwin__shifted shifted[] = {
    {"K", "degC", 273.15, 1.0},
    {"degF", "degC", 32.0, 1.8},
};

enum { SHIFTED_COUNT = sizeof shifted / sizeof shifted[0] };

const evtwin__shifted *evtwin__shifted_at(const char *ours, size_t i) {
    for (size_t k = 0; k < SHIFTED_COUNT; k++) {
        if (strcmp(shifted[k].ours, ours) == 0 && i-- == 0) {
            return &shifted[k];
        }
    }
    return NULL;
}

const evtwin__shifted *evtwin__shifted_find(const char *name, const char *ours) {
    const evtwin__shifted *u;
    for (size_t i = 0; (u = evtwin__shifted_at(ours, i)) != NULL; i++) {
        if (strcmp(u->name, name) == 0) {
            return u;
        }
    }
    return NULL;
}

double evtwin__shifted_to_ours(const evtwin__shifted *unit, double value) {
    const double v = (value - unit->zero) / unit->per_ours;
    return fabs(v) < 1e6 ? evtwin__round_to(v, 1e9) : v;
}

evtwin_status evtwin__unit_check(const char *column, size_t q, const char *name,
                                 const evtwin__unit **out) {
    const evtwin__quantity *of = &evtwin__schema[q];
    const evtwin__unit *u = evtwin__unit_find(name, of->unit);
    if (u != NULL || strcmp(name, of->unit) == 0) {
        *out = u;
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(of->unit[0] == '\0', EVTWIN_E_SCHEMA,
                   "column '%.100s' has no unit, so it cannot be in '%.40s'", column, name);
    const evtwin__shifted *s = evtwin__shifted_find(name, of->unit);
    EVTWIN_FAIL_IF(s != NULL, EVTWIN_E_SCHEMA,
                   "column '%.100s' cannot stay in '%.40s': the unit override %s=%s converts its "
                   "values",
                   column, name, of->name, name);
    char list[64] = ""; /* "percent or fraction" */
    for (size_t i = 0; (u = evtwin__unit_at(of->unit, i)) != NULL; i++) {
        evtwin__text_append(list, sizeof list, "%s%s", i > 0 ? " or " : "", u->name);
    }
    for (size_t i = 0; (s = evtwin__shifted_at(of->unit, i)) != NULL; i++) {
        evtwin__text_append(list, sizeof list, " or %s", s->name);
    }
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%.100s' cannot be in '%.40s'; %s can be in %s", column,
                name, of->name, list);
}

/* ---- headers ---- */

int evtwin__meaning_find(const char *header, unsigned kinds, evtwin__meaning *out) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const evtwin__quantity *of = &evtwin__schema[q];
        if (!evtwin__is_of(q, kinds)) {
            continue;
        }
        if (strcmp(of->name, header) == 0 || strcmp(of->json_key, header) == 0) {
            *out = (evtwin__meaning){q, of->unit, 0, 0};
            return 1;
        }
        for (size_t i = 0; i < EVTWIN__MAX_ALIASES && of->alias[i].name != NULL; i++) {
            const evtwin__alias *a = &of->alias[i];
            if (strcmp(a->name, header) == 0) {
                *out = (evtwin__meaning){q, a->unit != NULL ? a->unit : of->unit, a->is_flipped,
                                         a->is_stand_in};
                return 1;
            }
        }
    }
    return 0;
}

const char *evtwin__header_time_format(const char *header) {
    const evtwin__quantity *time = &evtwin__schema[EVTWIN__Q_TIME];
    for (size_t i = 0; i < EVTWIN__MAX_ALIASES && time->alias[i].name != NULL; i++) {
        const evtwin__alias *a = &time->alias[i];
        if (strcmp(a->name, header) == 0) {
            const int is_bdf =
                a->naming == EVTWIN_NAMING_BDF || a->naming == EVTWIN_NAMING_BDF_MACHINE;
            return is_bdf ? "%s" : NULL;
        }
    }
    return NULL;
}

/* The other units that differ from ours are those of their naming: the data set's SoC is a
 * fraction by its values. */
int evtwin__unit_is_presumed(const char *header, const char *unit) {
    return strcmp(header, "Power_Consumption") == 0 && strcmp(unit, "kW") == 0;
}

double evtwin__meaning_factor(const evtwin__meaning *meaning, const evtwin__unit *unit) {
    return (meaning->is_flipped ? -1.0 : 1.0) * (unit != NULL ? unit->factor : 1.0);
}

int evtwin__meaning_is_absolute(const evtwin__meaning *meaning) {
    return meaning->is_flipped && evtwin__schema[meaning->q].min == 0.0;
}

evtwin_status evtwin_quantity_find(const char *header, size_t *index_out, const char **unit_out,
                                   double *factor_out) {
    EVTWIN_FAIL_IF(header == NULL || index_out == NULL, EVTWIN_E_ARG,
                   "header or index_out is NULL");
    evtwin__meaning m;
    EVTWIN_FAIL_IF(!evtwin__meaning_find(header, EVTWIN__ALL_KINDS, &m), EVTWIN_E_NOT_FOUND,
                   "'%.100s' is not a quantity of the schema in any naming", header);
    *index_out = m.q;
    if (unit_out != NULL) {
        *unit_out = m.unit;
    }
    if (factor_out != NULL) {
        *factor_out =
            evtwin__meaning_factor(&m, evtwin__unit_find(m.unit, evtwin__schema[m.q].unit));
    }
    return EVTWIN_OK;
}

/* ---- targets ---- */

typedef struct target {
    const char *name, *title;
    evtwin_target_kind kind;
    evtwin__quantity_id label, prediction;
    int trees, depth;
} target;

static const target targets[EVTWIN__T_COUNT] = {
#define T(ID, name, title, kind, LABEL, PREDICTION, trees, depth)                                  \
    [EVTWIN__T_##                                                                                  \
        ID] = {#name, title, EVTWIN_TARGET_##kind, EVTWIN__Q_##LABEL, EVTWIN__Q_##PREDICTION,      \
               trees, depth},
#include "core/targets.def"
#undef T
};

size_t evtwin_target_count(void) {
    return EVTWIN__T_COUNT;
}

evtwin_status evtwin_target_get(size_t index, evtwin_target *out, size_t size) {
    EVTWIN_FAIL_IF(index >= EVTWIN__T_COUNT || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "target %zu is out of range (there are %d), or out is NULL or too small", index,
                   EVTWIN__T_COUNT);
    const target *t = &targets[index];
    const evtwin_target full = {.size = sizeof full,
                                .name = t->name,
                                .title = t->title,
                                .kind = t->kind,
                                .label = evtwin__schema[t->label].name,
                                .prediction = evtwin__schema[t->prediction].name,
                                .unit = evtwin__schema[t->prediction].unit,
                                .trees = t->trees,
                                .depth = t->depth};
    evtwin__report_copy(out, size, &full, sizeof full);
    return EVTWIN_OK;
}

evtwin_status evtwin_target_find(const char *name, size_t *index_out) {
    EVTWIN_FAIL_IF(name == NULL || index_out == NULL, EVTWIN_E_ARG, "name or index_out is NULL");
    char list[256] = "";
    for (size_t i = 0; i < EVTWIN__T_COUNT; i++) {
        if (strcmp(targets[i].name, name) == 0) {
            *index_out = i;
            return EVTWIN_OK;
        }
        evtwin__text_append(list, sizeof list, "%s%s", i > 0 ? ", " : "", targets[i].name);
    }
    EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "'%.40s' is not a target; the targets are %s", name, list);
}

size_t evtwin__target_label(size_t t) {
    return targets[t].label;
}

size_t evtwin__target_prediction(size_t t) {
    return targets[t].prediction;
}
