/* SPDX-License-Identifier: MIT */
/* sim/cell_parse.c: read and validate a cell parameter file. The format is documented in
 * docs/cells.md. */

#include "sim/cell.h"

#include "core/json.h"
#include "core/status.h"
#include "sim/bpx.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { FORMAT = 1, MAX_POINTS = 1025, PATH_SIZE = 128 };

/* Where we are: the object whose members are read, and its name in errors ("" or "circuit."). */
typedef struct place {
    const json_t *object;
    char prefix[PATH_SIZE];
} place;

/* A member of an object: its key, what reads it into *to, and what that needs to know. */
typedef struct field {
    const char *key;
    evtwin_status (*read)(const place *p, const struct field *f, void *to); /* NULL: not here */
    double min, max; /* of a number; of a string, its size with the NUL */
    size_t at;       /* offset in *to; of a circuit parameter, its column */
    int is_optional;
} field;

/* Members that any object may have: where its numbers come from, and what another reader reads. */
#define SOURCE                                                                                     \
    { "source", check_source, 0, 0, 0, 0 }
#define ELSEWHERE(key)                                                                             \
    { key, NULL, 0, 0, 0, 0 }

/* Read the members of an object in the order of the list. A key that is not in it is an error, so
 * that a typo is not silently a default. */
static evtwin_status read_fields(const place *p, const field *fields, size_t n, void *to) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)p->object, key, value) {
        size_t i = 0;
        while (i < n && strcmp(fields[i].key, key) != 0) {
            i++;
        }
        EVTWIN_FAIL_IF(i == n, EVTWIN_E_PARSE, "key '%s%.64s' is not part of the format", p->prefix,
                       key);
    }
    for (size_t i = 0; i < n; i++) {
        const field *f = &fields[i];
        if (f->read != NULL && !(f->is_optional && json_object_get(p->object, f->key) == NULL)) {
            EVTWIN_TRY(f->read(p, f, to));
        }
    }
    return EVTWIN_OK;
}

/* The member `key` as an object; its own members are named "<prefix>key.". */
static evtwin_status enter(const place *p, const char *key, place *out) {
    const json_t *object = json_object_get(p->object, key);
    EVTWIN_FAIL_IF(!json_is_object(object), EVTWIN_E_PARSE, "key '%s%s' is %s", p->prefix, key,
                   object == NULL ? "missing" : "not an object");
    out->object = object;
    snprintf(out->prefix, sizeof out->prefix, "%.60s%.60s.", p->prefix, key);
    return EVTWIN_OK;
}

static evtwin_status read_string(const place *p, const field *f, void *to) {
    const char *text = json_string_value(json_object_get(p->object, f->key));
    EVTWIN_FAIL_IF(text == NULL || text[0] == '\0', EVTWIN_E_PARSE,
                   "key '%s%s' is missing or not a string", p->prefix, f->key);
    const size_t size = (size_t)f->max;
    EVTWIN_FAIL_IF(strlen(text) >= size, EVTWIN_E_RANGE, "key '%s%s' is longer than %zu bytes",
                   p->prefix, f->key, size - 1);
    memcpy((char *)to + f->at, text, strlen(text) + 1);
    return EVTWIN_OK;
}

/* Numbers do not come without their origin. */
static evtwin_status check_source(const place *p, const field *f, void *to) {
    (void)to;
    const char *source = json_string_value(json_object_get(p->object, f->key));
    EVTWIN_FAIL_IF(source == NULL || source[0] == '\0', EVTWIN_E_PARSE,
                   "key '%ssource' is missing: state where the number comes from", p->prefix);
    return EVTWIN_OK;
}

static evtwin_status check_number(const place *p, const char *what, const json_t *value, double min,
                                  double max, double *out) {
    EVTWIN_FAIL_IF(!json_is_number(value), EVTWIN_E_PARSE, "'%s%s' is %s", p->prefix, what,
                   value == NULL ? "missing" : "not a number");
    const double v = json_number_value(value);
    EVTWIN_FAIL_IF(!(v >= min && v <= max), EVTWIN_E_RANGE, "'%s%s' is %g, outside [%g, %g]",
                   p->prefix, what, v, min, max);
    *out = v;
    return EVTWIN_OK;
}

static evtwin_status read_number(const place *p, const field *f, void *to) {
    return check_number(p, f->key, json_object_get(p->object, f->key), f->min, f->max,
                        (double *)(void *)((char *)to + f->at));
}

static evtwin_status check_format(const place *p, const field *f, void *to) {
    (void)to;
    double format;
    return check_number(p, f->key, json_object_get(p->object, f->key), f->min, f->max, &format);
}

/* The member `key` as an object of these fields. */
static evtwin_status read_object(const place *p, const char *key, const field *fields, size_t n,
                                 void *to) {
    place at;
    EVTWIN_TRY(enter(p, key, &at));
    return read_fields(&at, fields, n, to);
}

/* {"value": number, "source": text} */
static evtwin_status read_value(const place *p, const field *f, void *to) {
    const field parts[] = {SOURCE, {"value", read_number, f->min, f->max, f->at, 0}};
    return read_object(p, f->key, parts, COUNT(parts), to);
}

/* ---- values over the state of charge ---- */

typedef struct numbers {
    size_t n;
    double v[MAX_POINTS];
} numbers;

typedef struct points {
    numbers soc, value;
} points;

static evtwin_status read_numbers(const place *p, const field *f, void *to) {
    numbers *out = (numbers *)(void *)((char *)to + f->at);
    const json_t *array = json_object_get(p->object, f->key);
    out->n = json_array_size(array);
    EVTWIN_FAIL_IF(!json_is_array(array) || out->n < 2 || out->n > MAX_POINTS, EVTWIN_E_PARSE,
                   "key '%s%s' is not an array of 2 to %d numbers", p->prefix, f->key, MAX_POINTS);
    for (size_t i = 0; i < out->n; i++) {
        char what[64];
        snprintf(what, sizeof what, "%.40s[%zu]", f->key, i);
        EVTWIN_TRY(check_number(p, what, json_array_get(array, i), f->min, f->max, &out->v[i]));
    }
    return EVTWIN_OK;
}

/* "source", "soc" (rising, within [0, 1]) and `values_key`, the last two of equal length. */
static evtwin_status read_points(const place *p, const char *values_key, double min, double max,
                                 points *out) {
    const field parts[] = {SOURCE,
                           {"soc", read_numbers, 0.0, 1.0, offsetof(points, soc), 0},
                           {values_key, read_numbers, min, max, offsetof(points, value), 0}};
    EVTWIN_TRY(read_fields(p, parts, COUNT(parts), out));
    EVTWIN_FAIL_IF(out->value.n != out->soc.n, EVTWIN_E_PARSE,
                   "'%ssoc' has %zu numbers, '%s%s' has %zu", p->prefix, out->soc.n, p->prefix,
                   values_key, out->value.n);
    for (size_t i = 1; i < out->soc.n; i++) {
        EVTWIN_FAIL_IF(!(out->soc.v[i] > out->soc.v[i - 1]), EVTWIN_E_RANGE,
                       "'%ssoc' does not rise at element %zu", p->prefix, i);
    }
    return EVTWIN_OK;
}

/* Points on the parameter grid: linear between, constant outside. */
static void fill_column(evtwin_cell *cell, size_t column, const points *at) {
    const double *soc = at->soc.v, *value = at->value.v;
    size_t i = 0;
    for (int k = 0; k <= EVTWIN__PARAM_INTERVALS; k++) {
        const double z = (double)k / (double)EVTWIN__PARAM_INTERVALS;
        while (i + 2 < at->soc.n && z > soc[i + 1]) {
            i++;
        }
        const double f = evtwin__clamp((z - soc[i]) / (soc[i + 1] - soc[i]), 0.0, 1.0);
        cell->param[k][column] = value[i] + f * (value[i + 1] - value[i]);
    }
}

/* {"value": …} or {"soc": […], "values": […]} over the state of charge. */
static evtwin_status read_param(const place *p, const field *f, void *to) {
    points curve = {.soc = {2, {0.0, 1.0}}};
    if (json_object_get(json_object_get(p->object, f->key), "value") != NULL) {
        const field constant = {f->key, read_value, f->min, f->max, 0, 0};
        EVTWIN_TRY(read_value(p, &constant, curve.value.v));
        curve.value.v[1] = curve.value.v[0];
    } else {
        place at;
        EVTWIN_TRY(enter(p, f->key, &at));
        EVTWIN_TRY(read_points(&at, "values", f->min, f->max, &curve));

        /* the grid reproduces the points only if they lie on it */
        for (size_t i = 0; i < curve.soc.n; i++) {
            const double x = curve.soc.v[i] * (double)EVTWIN__PARAM_INTERVALS;
            EVTWIN_FAIL_IF(fabs(x - nearbyint(x)) > 1e-9, EVTWIN_E_RANGE,
                           "'%ssoc[%zu]' is %g, not a multiple of 0.01", at.prefix, i,
                           curve.soc.v[i]);
        }
    }
    fill_column(to, f->at, &curve);
    return EVTWIN_OK;
}

/* ---- open-circuit voltage ---- */

/* [[a, b, c], …]: at most EVTWIN__OCV_TERMS terms. */
static evtwin_status read_terms(const place *p, const field *f, void *to) {
    evtwin__ocv_terms *terms = (evtwin__ocv_terms *)(void *)((char *)to + f->at);
    const json_t *array = json_object_get(p->object, f->key);
    const size_t n = json_array_size(array);
    EVTWIN_FAIL_IF(!json_is_array(array) || n > EVTWIN__OCV_TERMS, EVTWIN_E_PARSE,
                   "key '%s%s' is not an array of at most %d terms", p->prefix, f->key,
                   EVTWIN__OCV_TERMS);
    for (size_t i = 0; i < n; i++) {
        const json_t *term = json_array_get(array, i);
        EVTWIN_FAIL_IF(json_array_size(term) != 3, EVTWIN_E_PARSE,
                       "'%s%s[%zu]' is not three numbers [a, b, c]", p->prefix, f->key, i);
        for (size_t j = 0; j < 3; j++) {
            char what[96];
            snprintf(what, sizeof what, "%.40s[%zu][%zu]", f->key, i, j);
            EVTWIN_TRY(
                check_number(p, what, json_array_get(term, j), -1000.0, 1000.0, &terms->abc[i][j]));
        }
    }
    terms->n = n;
    return EVTWIN_OK;
}

static evtwin_status read_half_cell(const place *p, const field *f, void *to) {
#define AT(member) offsetof(evtwin__half_cell, member)
    static const field parts[] = {
        SOURCE,
        {"constant_V", read_number, -10.0, 10.0, AT(constant_V), 0},
        {"slope_V", read_number, -10.0, 10.0, AT(slope_V), 0},
        {"exp", read_terms, 0, 0, AT(exp), 1},
        {"tanh", read_terms, 0, 0, AT(tanh), 1},
    };
#undef AT
    return read_object(p, f->key, parts, COUNT(parts), (char *)to + f->at);
}

static evtwin_status get_half_cells(const place *p, evtwin_cell *cell) {
#define AT(member) offsetof(evtwin__half_cells, member)
    static const field parts[] = {
        {"negative", read_half_cell, 0, 0, AT(negative), 0},
        {"positive", read_half_cell, 0, 0, AT(positive), 0},
        {"negative_empty", read_value, 0.0, 1.0, AT(negative_empty), 0},
        {"negative_full", read_value, 0.0, 1.0, AT(negative_full), 0},
        {"positive_empty", read_value, 0.0, 1.0, AT(positive_empty), 0},
        {"positive_full", read_value, 0.0, 1.0, AT(positive_full), 0},
    };
#undef AT
    evtwin__half_cells h = {0};
    EVTWIN_TRY(read_fields(p, parts, COUNT(parts), &h));
    evtwin__ocv_from_half_cells(&h, &cell->ocv);
    return EVTWIN_OK;
}

static evtwin_status get_ocv_points(const place *p, evtwin_cell *cell) {
    points curve;
    EVTWIN_TRY(read_points(p, "ocv_V", 0.0, 10.0, &curve));
    const size_t n = curve.soc.n;
    EVTWIN_FAIL_IF(curve.soc.v[0] != 0.0 || curve.soc.v[n - 1] != 1.0, EVTWIN_E_RANGE,
                   "'%ssoc' does not reach from 0 to 1", p->prefix);
    evtwin__ocv_from_points(curve.soc.v, curve.value.v, n, &cell->ocv);
    return EVTWIN_OK;
}

/* Half cells or points; rising, and no more than 50 mV beyond the voltage limits at the ends. */
static evtwin_status read_ocv(const place *p, const field *f, void *to) {
    evtwin_cell *cell = to;
    place at;
    EVTWIN_TRY(enter(p, f->key, &at));
    const int has_half_cells = json_object_get(at.object, "negative") != NULL;
    EVTWIN_TRY(has_half_cells ? get_half_cells(&at, cell) : get_ocv_points(&at, cell));

    const size_t fall = evtwin__ocv_first_fall(&cell->ocv);
    EVTWIN_FAIL_IF(fall < EVTWIN__OCV_INTERVALS, EVTWIN_E_RANGE,
                   "'ocv' does not rise with soc near %.3f",
                   (double)fall / (double)EVTWIN__OCV_INTERVALS);
    const double low = evtwin__ocv_at(&cell->ocv, 0.0), high = evtwin__ocv_at(&cell->ocv, 1.0);
    EVTWIN_FAIL_IF(!(low >= cell->v_min_V - 0.05) || !(high <= cell->v_max_V + 0.05),
                   EVTWIN_E_RANGE,
                   "'ocv' spans %.4f to %.4f V, beyond 'v_min_V' and 'v_max_V', %g to %g V", low,
                   high, cell->v_min_V, cell->v_max_V);
    return EVTWIN_OK;
}

/* ---- circuit, heat, ageing ---- */

#define AT(member) offsetof(evtwin_cell, member)
#define SIZE(member) 2, sizeof(((const evtwin_cell *)NULL)->member)

static evtwin_status read_circuit(const place *p, const field *f, void *to) {
    static const field parts[] = {
        {"r0_ohm", read_param, 1e-6, 10.0, EVTWIN__PARAM_R0, 0},
        {"r1_ohm", read_param, 0.0, 10.0, EVTWIN__PARAM_R1, 0},
        {"r2_ohm", read_param, 0.0, 10.0, EVTWIN__PARAM_R2, 0},
        {"tau1_s", read_param, 0.01, 1e5, EVTWIN__PARAM_TAU1, 0},
        {"tau2_s", read_param, 0.01, 1e5, EVTWIN__PARAM_TAU2, 0},
        {"r0_activation_J_mol", read_value, 0.0, 1e5, AT(r0_activation_K), 0},
        {"rc_activation_J_mol", read_value, 0.0, 1e5, AT(rc_activation_K), 0},
        {"reference_degC", read_value, -40.0, 80.0, AT(reference_K), 0},
        /* reversible heat: zero where the set has none */
        {"entropic_V_K", read_param, -0.01, 0.01, EVTWIN__PARAM_ENTROPIC, 1},
    };
    evtwin_cell *cell = to;
    EVTWIN_TRY(read_object(p, f->key, parts, COUNT(parts), cell));
    cell->r0_activation_K /= EVTWIN__GAS_CONSTANT_J_mol_K;
    cell->rc_activation_K /= EVTWIN__GAS_CONSTANT_J_mol_K;
    cell->reference_K += EVTWIN__ZERO_CELSIUS_K;
    return EVTWIN_OK;
}

#define CAPACITY(key, member)                                                                      \
    { key, read_value, 1e-3, 1e7, AT(thermal.member), 0 }
#define CONDUCTANCE(key, member)                                                                   \
    { key, read_value, 1e-6, 1e4, AT(thermal.member), 0 }
#define AT_BOUNDARY(of)                                                                            \
    CAPACITY("capacity_J_K", capacity_J_K), CONDUCTANCE("to_" of "_W_K", to_boundary_W_K),         \
        CAPACITY(of "_capacity_J_K", boundary_capacity_J_K),                                       \
        CONDUCTANCE(of "_to_air_W_K", boundary_to_air_W_K)

static evtwin_status read_thermal(const place *p, const field *f, void *to) {
    static const field in_air[] = {CAPACITY("capacity_J_K", capacity_J_K),
                                   CONDUCTANCE("to_air_W_K", to_boundary_W_K)};
    static const field at_boundary[] = {AT_BOUNDARY("boundary")};
    static const field on_jig[] = {AT_BOUNDARY("jig")}; /* the same in files from before 0.2 */
    place at;
    EVTWIN_TRY(enter(p, f->key, &at));
    if (json_object_get(at.object, "to_air_W_K") != NULL) {
        return read_fields(&at, in_air, COUNT(in_air), to);
    }
    const int is_old = json_object_get(at.object, "to_jig_W_K") != NULL ||
                       json_object_get(at.object, "jig_capacity_J_K") != NULL;
    return read_fields(&at, is_old ? on_jig : at_boundary, COUNT(at_boundary), to);
}

static evtwin_status read_ageing(const place *p, const field *f, void *to) {
    evtwin_cell *cell = to;
    char name[32];
    const field law = {"law", read_string, 2, sizeof name, 0, 0};
    place at;
    EVTWIN_TRY(enter(p, f->key, &at));
    EVTWIN_TRY(read_string(&at, &law, name));
    const evtwin__ageing_key *keys = evtwin__ageing_find(name, &cell->ageing.kind);
    EVTWIN_FAIL_IF(keys == NULL, EVTWIN_E_PARSE,
                   "'ageing.law' is '%s', not none, schmalstieg or naumann", name);

    /* the law's constants, and "law" itself */
    field parts[1 + EVTWIN__AGEING_CONSTANTS] = {ELSEWHERE("law")};
    size_t n = 1;
    for (; keys[n - 1].key != NULL; n++) {
        const evtwin__ageing_key *k = &keys[n - 1];
        const size_t offset = AT(ageing.constant) + (n - 1) * sizeof(double);
        parts[n] = (field){k->key, read_value, k->min, k->max, offset, 0};
    }
    return read_fields(&at, parts, n, cell);
}

static const field cell_fields[] = {
    {"format", check_format, FORMAT, FORMAT, 0, 0},
    {"name", read_string, SIZE(name), AT(name), 0},
    {"chemistry", read_string, SIZE(chemistry), AT(chemistry), 0},
    {"description", read_string, SIZE(description), AT(description), 0},
    ELSEWHERE("sources"), /* for readers, as are the limits */
    ELSEWHERE("limits"),
    {"capacity_Ah", read_value, 1e-3, 1e4, AT(capacity_Ah), 0},
    {"v_min_V", read_value, 0.1, 6.0, AT(v_min_V), 0},
    {"v_max_V", read_value, 0.1, 6.0, AT(v_max_V), 0},
    {"ocv", read_ocv, 0, 0, 0, 0},
    {"circuit", read_circuit, 0, 0, 0, 0},
    {"thermal", read_thermal, 0, 0, 0, 0},
    {"ageing", read_ageing, 0, 0, 0, 0},
    {"spread_scale", read_value, 0.0, 3.0, AT(spread_scale), 1},
};

evtwin_status evtwin__cell_parse(const char *name, const char *text, size_t size,
                                 evtwin_cell *out) {
    json_t *root = NULL;
    EVTWIN_TRY(evtwin__json_parse(name, text, size, &root));
    const place at = {.object = root};
    evtwin_cell cell = {.spread_scale = 1.0};
    evtwin_status st = json_is_object(root)
                           ? evtwin__bpx_complete(name, root)
                           : evtwin__fail(EVTWIN_E_PARSE, "the file is not a JSON object");
    st = st < 0 ? st : read_fields(&at, cell_fields, COUNT(cell_fields), &cell);
    json_decref(root);
    if (st < 0) {
        return evtwin__fail_in(st, "%s", name);
    }
    *out = cell;
    return EVTWIN_OK;
}
