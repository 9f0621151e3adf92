/* SPDX-License-Identifier: MIT */
/* sim/cell_parse.c: read and validate a cell parameter file. The format is documented in
 * docs/cells.md. */

#include "sim/cell.h"

#include "core/json.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GAS_CONSTANT_J_mol_K 8.314462618

enum { FORMAT = 1, MAX_POINTS = 512, PATH_SIZE = 128 };

/* Where we are: the file, and the object whose members are read ("" or "circuit."). */
typedef struct place {
    const char *file;
    const char *prefix;
    const json_t *object;
} place;

/* Every member must be in the NULL-terminated list, so that a typo is not silently a default. */
static evtwin_status check_keys(const place *p, const char *const *known) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)p->object, key, value) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key '%s%.64s' is not part of the format", p->file,
                        p->prefix, key);
        }
    }
    return EVTWIN_OK;
}

/* The member `key` as an object; its own members are named "<prefix>key.". prefix_out is
 * PATH_SIZE large. */
static evtwin_status enter(const place *p, const char *key, char *prefix_out, place *out) {
    const json_t *object = json_object_get(p->object, key);
    if (!json_is_object(object)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key '%s%s' is %s", p->file, p->prefix, key,
                    object == NULL ? "missing" : "not an object");
    }
    snprintf(prefix_out, PATH_SIZE, "%s%s.", p->prefix, key);
    *out = (place){p->file, prefix_out, object};
    return EVTWIN_OK;
}

/* Copy the text of a member into a field of `size` bytes. */
static evtwin_status get_text(const place *p, const char *key, char *out, size_t size) {
    const char *text = json_string_value(json_object_get(p->object, key));
    if (text == NULL || text[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key '%s%s' is missing or not a text", p->file, p->prefix,
                    key);
    }
    if (strlen(text) >= size) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: key '%s%s' is longer than %zu bytes", p->file, p->prefix,
                    key, size - 1);
    }
    memcpy(out, text, strlen(text) + 1);
    return EVTWIN_OK;
}

/* Numbers do not come without their origin. */
static evtwin_status check_source(const place *p) {
    const char *source = json_string_value(json_object_get(p->object, "source"));
    if (source == NULL || source[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_PARSE,
                    "%s: key '%ssource' is missing: say where the number comes from", p->file,
                    p->prefix);
    }
    return EVTWIN_OK;
}

static evtwin_status check_number(const place *p, const char *what, const json_t *value, double min,
                                  double max, double *out) {
    if (!json_is_number(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: '%s%s' is %s", p->file, p->prefix, what,
                    value == NULL ? "missing" : "not a number");
    }
    const double v = json_number_value(value);
    if (!(v >= min && v <= max)) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: '%s%s' is %g, outside [%g, %g]", p->file, p->prefix, what,
                    v, min, max);
    }
    *out = v;
    return EVTWIN_OK;
}

/* {"value": number, "source": text} */
static evtwin_status get_value(const place *p, const char *key, double min, double max,
                               double *out) {
    static const char *const known[] = {"value", "source", NULL};
    char prefix[PATH_SIZE];
    place at;
    evtwin_status st = enter(p, key, prefix, &at);
    if (st < 0 || (st = check_keys(&at, known)) < 0 || (st = check_source(&at)) < 0) {
        return st;
    }
    return check_number(&at, "value", json_object_get(at.object, "value"), min, max, out);
}

/* The same, or fallback where the key is absent. */
static evtwin_status get_value_or(const place *p, const char *key, double min, double max,
                                  double fallback, double *out) {
    if (json_object_get(p->object, key) == NULL) {
        *out = fallback;
        return EVTWIN_OK;
    }
    return get_value(p, key, min, max, out);
}

/* An array of numbers in range: at least min_n and at most max_n. */
static evtwin_status get_numbers(const place *p, const char *key, size_t min_n, size_t max_n,
                                 double min, double max, double *out, size_t *n_out) {
    const json_t *array = json_object_get(p->object, key);
    const size_t n = json_array_size(array);
    if (!json_is_array(array) || n < min_n || n > max_n) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key '%s%s' is not an array of %zu to %zu numbers", p->file,
                    p->prefix, key, min_n, max_n);
    }
    for (size_t i = 0; i < n; i++) {
        char what[64];
        snprintf(what, sizeof what, "%.40s[%zu]", key, i);
        const evtwin_status st = check_number(p, what, json_array_get(array, i), min, max, &out[i]);
        if (st < 0) {
            return st;
        }
    }
    *n_out = n;
    return EVTWIN_OK;
}

/* "soc" (rising, within [0, 1]) and `values_key`, of equal length. */
static evtwin_status get_points(const place *p, const char *values_key, double min, double max,
                                double *soc, double *value, size_t *n_out) {
    size_t n_soc = 0, n = 0;
    evtwin_status st = get_numbers(p, "soc", 2, MAX_POINTS, 0.0, 1.0, soc, &n_soc);
    if (st < 0 || (st = get_numbers(p, values_key, 2, MAX_POINTS, min, max, value, &n)) < 0) {
        return st;
    }
    if (n != n_soc) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: '%ssoc' has %zu numbers, '%s%s' has %zu", p->file,
                    p->prefix, n_soc, p->prefix, values_key, n);
    }
    for (size_t i = 1; i < n; i++) {
        if (!(soc[i] > soc[i - 1])) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: '%ssoc' does not rise at element %zu", p->file,
                        p->prefix, i);
        }
    }
    *n_out = n;
    return EVTWIN_OK;
}

/* Points on the parameter grid: linear between, constant outside. */
static void fill_column(evtwin_cell *cell, int column, const double *soc, const double *value,
                        size_t n) {
    size_t i = 0;
    for (int k = 0; k <= EVTWIN__PARAM_INTERVALS; k++) {
        const double z = (double)k / (double)EVTWIN__PARAM_INTERVALS;
        while (i + 2 < n && z > soc[i + 1]) {
            i++;
        }
        double f = (z - soc[i]) / (soc[i + 1] - soc[i]);
        f = f > 0.0 ? f : 0.0;
        f = f < 1.0 ? f : 1.0;
        cell->param[k][column] = value[i] + f * (value[i + 1] - value[i]);
    }
}

/* {"value": …} or {"soc": […], "values": […]} over the state of charge. */
static evtwin_status get_param(const place *p, const char *key, double min, double max, int column,
                               evtwin_cell *cell) {
    static const char *const known[] = {"soc", "values", "source", NULL};
    const double ends[2] = {0.0, 1.0};
    double soc[MAX_POINTS], value[MAX_POINTS];
    size_t n = 2;
    evtwin_status st;

    if (json_object_get(json_object_get(p->object, key), "value") != NULL) {
        if ((st = get_value(p, key, min, max, &value[0])) < 0) {
            return st;
        }
        value[1] = value[0];
        fill_column(cell, column, ends, value, n);
        return EVTWIN_OK;
    }

    char prefix[PATH_SIZE];
    place at;
    if ((st = enter(p, key, prefix, &at)) < 0 || (st = check_keys(&at, known)) < 0 ||
        (st = check_source(&at)) < 0 ||
        (st = get_points(&at, "values", min, max, soc, value, &n)) < 0) {
        return st;
    }

    /* the grid reproduces the points only if they lie on it */
    for (size_t i = 0; i < n; i++) {
        const double x = soc[i] * (double)EVTWIN__PARAM_INTERVALS;
        if (fabs(x - nearbyint(x)) > 1e-9) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: '%ssoc[%zu]' is %g, not a multiple of 0.01", p->file,
                        at.prefix, i, soc[i]);
        }
    }
    fill_column(cell, column, soc, value, n);
    return EVTWIN_OK;
}

/* [[a, b, c], …]: at most EVTWIN__OCV_TERMS terms. */
static evtwin_status get_terms(const place *p, const char *key, double terms[EVTWIN__OCV_TERMS][3],
                               size_t *n_out) {
    const json_t *array = json_object_get(p->object, key);
    const size_t n = json_array_size(array);
    if ((array != NULL && !json_is_array(array)) || n > EVTWIN__OCV_TERMS) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key '%s%s' is not an array of at most %d terms", p->file,
                    p->prefix, key, EVTWIN__OCV_TERMS);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *term = json_array_get(array, i);
        if (json_array_size(term) != 3) {
            EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: '%s%s[%zu]' is not three numbers [a, b, c]", p->file,
                        p->prefix, key, i);
        }
        for (size_t j = 0; j < 3; j++) {
            char what[64];
            snprintf(what, sizeof what, "%s[%zu][%zu]", key, i, j);
            const evtwin_status st =
                check_number(p, what, json_array_get(term, j), -1000.0, 1000.0, &terms[i][j]);
            if (st < 0) {
                return st;
            }
        }
    }
    *n_out = n;
    return EVTWIN_OK;
}

static evtwin_status get_half_cell(const place *p, const char *key, evtwin__half_cell *out) {
    static const char *const known[] = {"constant_V", "slope_V", "exp", "tanh", "source", NULL};
    char prefix[PATH_SIZE];
    place at;
    evtwin_status st = enter(p, key, prefix, &at);
    if (st < 0 || (st = check_keys(&at, known)) < 0 || (st = check_source(&at)) < 0) {
        return st;
    }
    if ((st = check_number(&at, "constant_V", json_object_get(at.object, "constant_V"), -10.0, 10.0,
                           &out->constant_V)) < 0 ||
        (st = check_number(&at, "slope_V", json_object_get(at.object, "slope_V"), -10.0, 10.0,
                           &out->slope_V)) < 0 ||
        (st = get_terms(&at, "exp", out->exp_abc, &out->n_exp)) < 0) {
        return st;
    }
    return get_terms(&at, "tanh", out->tanh_abc, &out->n_tanh);
}

static evtwin_status get_half_cells(const place *p, evtwin_cell *cell) {
    static const char *const known[] = {
        "negative",      "positive", "negative_empty", "negative_full", "positive_empty",
        "positive_full", NULL};
    evtwin__half_cells h = {0};
    evtwin_status st = check_keys(p, known);
    if (st < 0 || (st = get_half_cell(p, "negative", &h.negative)) < 0 ||
        (st = get_half_cell(p, "positive", &h.positive)) < 0 ||
        (st = get_value(p, "negative_empty", 0.0, 1.0, &h.negative_empty)) < 0 ||
        (st = get_value(p, "negative_full", 0.0, 1.0, &h.negative_full)) < 0 ||
        (st = get_value(p, "positive_empty", 0.0, 1.0, &h.positive_empty)) < 0 ||
        (st = get_value(p, "positive_full", 0.0, 1.0, &h.positive_full)) < 0) {
        return st;
    }
    evtwin__ocv_from_half_cells(&h, &cell->ocv);
    return EVTWIN_OK;
}

static evtwin_status get_ocv_points(const place *p, evtwin_cell *cell) {
    static const char *const known[] = {"soc", "ocv_V", "source", NULL};
    double soc[MAX_POINTS], ocv[MAX_POINTS];
    size_t n = 0;
    evtwin_status st = check_keys(p, known);
    if (st < 0 || (st = check_source(p)) < 0 ||
        (st = get_points(p, "ocv_V", 0.0, 10.0, soc, ocv, &n)) < 0) {
        return st;
    }
    if (soc[0] != 0.0 || soc[n - 1] != 1.0) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: '%ssoc' does not reach from 0 to 1", p->file, p->prefix);
    }
    evtwin__ocv_from_points(soc, ocv, n, &cell->ocv);
    return EVTWIN_OK;
}

/* Half cells or points; rising, and no more than 50 mV beyond the voltage limits at the ends. */
static evtwin_status get_ocv(const place *p, evtwin_cell *cell) {
    char prefix[PATH_SIZE];
    place at;
    evtwin_status st = enter(p, "ocv", prefix, &at);
    if (st < 0) {
        return st;
    }
    const int has_half_cells = json_object_get(at.object, "negative") != NULL;
    st = has_half_cells ? get_half_cells(&at, cell) : get_ocv_points(&at, cell);
    if (st < 0) {
        return st;
    }

    const size_t fall = evtwin__ocv_first_fall(&cell->ocv);
    if (fall < EVTWIN__OCV_INTERVALS) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: 'ocv' does not rise with soc near %.3f", p->file,
                    (double)fall / (double)EVTWIN__OCV_INTERVALS);
    }
    const double low = evtwin__ocv_at(&cell->ocv, 0.0), high = evtwin__ocv_at(&cell->ocv, 1.0);
    if (!(low >= cell->v_min_V - 0.05) || !(high <= cell->v_max_V + 0.05)) {
        EVTWIN_FAIL(EVTWIN_E_RANGE,
                    "%s: 'ocv' spans %.4f to %.4f V, beyond 'v_min_V' and 'v_max_V', %g to %g V",
                    p->file, low, high, cell->v_min_V, cell->v_max_V);
    }
    return EVTWIN_OK;
}

static evtwin_status get_circuit(const place *p, evtwin_cell *cell) {
    static const char *const known[] = {"r0_ohm",
                                        "r1_ohm",
                                        "r2_ohm",
                                        "tau1_s",
                                        "tau2_s",
                                        "entropic_V_K",
                                        "r0_activation_J_mol",
                                        "rc_activation_J_mol",
                                        "reference_degC",
                                        NULL};
    char prefix[PATH_SIZE];
    place at;
    double r0_J_mol = 0.0, rc_J_mol = 0.0, reference_degC = 0.0;
    evtwin_status st = enter(p, "circuit", prefix, &at);
    if (st < 0 || (st = check_keys(&at, known)) < 0 ||
        (st = get_param(&at, "r0_ohm", 1e-6, 10.0, EVTWIN__PARAM_R0, cell)) < 0 ||
        (st = get_param(&at, "r1_ohm", 0.0, 10.0, EVTWIN__PARAM_R1, cell)) < 0 ||
        (st = get_param(&at, "r2_ohm", 0.0, 10.0, EVTWIN__PARAM_R2, cell)) < 0 ||
        (st = get_param(&at, "tau1_s", 0.01, 1e5, EVTWIN__PARAM_TAU1, cell)) < 0 ||
        (st = get_param(&at, "tau2_s", 0.01, 1e5, EVTWIN__PARAM_TAU2, cell)) < 0 ||
        (st = get_value(&at, "r0_activation_J_mol", 0.0, 1e5, &r0_J_mol)) < 0 ||
        (st = get_value(&at, "rc_activation_J_mol", 0.0, 1e5, &rc_J_mol)) < 0 ||
        (st = get_value(&at, "reference_degC", -40.0, 80.0, &reference_degC)) < 0) {
        return st;
    }
    cell->r0_activation_K = r0_J_mol / GAS_CONSTANT_J_mol_K;
    cell->rc_activation_K = rc_J_mol / GAS_CONSTANT_J_mol_K;
    cell->reference_K = reference_degC + 273.15;

    /* reversible heat is optional: zero where the set says nothing */
    if (json_object_get(at.object, "entropic_V_K") != NULL) {
        return get_param(&at, "entropic_V_K", -0.01, 0.01, EVTWIN__PARAM_ENTROPIC, cell);
    }
    return EVTWIN_OK;
}

static evtwin_status get_thermal(const place *p, evtwin_cell *cell) {
    static const char *const alone[] = {"capacity_J_K", "to_air_W_K", NULL};
    static const char *const on_jig[] = {"capacity_J_K", "to_jig_W_K", "jig_capacity_J_K",
                                         "jig_to_air_W_K", NULL};
    char prefix[PATH_SIZE];
    place at;
    evtwin__thermal *t = &cell->thermal;
    evtwin_status st = enter(p, "thermal", prefix, &at);
    if (st < 0 || (st = get_value(&at, "capacity_J_K", 1e-3, 1e7, &t->capacity_J_K)) < 0) {
        return st;
    }
    if (json_object_get(at.object, "to_air_W_K") != NULL) {
        if ((st = check_keys(&at, alone)) < 0) {
            return st;
        }
        return get_value(&at, "to_air_W_K", 1e-6, 1e4, &t->to_jig_W_K);
    }
    if ((st = check_keys(&at, on_jig)) < 0 ||
        (st = get_value(&at, "to_jig_W_K", 1e-6, 1e4, &t->to_jig_W_K)) < 0 ||
        (st = get_value(&at, "jig_capacity_J_K", 1e-3, 1e7, &t->jig_capacity_J_K)) < 0) {
        return st;
    }
    return get_value(&at, "jig_to_air_W_K", 1e-6, 1e4, &t->jig_to_air_W_K);
}

/* Keys of a law, and "law" itself. */
static evtwin_status check_ageing_keys(const place *p, const evtwin__ageing_key *keys) {
    const char *known[EVTWIN__AGEING_CONSTANTS + 2] = {"law"};
    size_t n = 1;
    for (size_t i = 0; keys[i].key != NULL; i++) {
        known[n++] = keys[i].key;
    }
    known[n] = NULL;
    return check_keys(p, known);
}

static evtwin_status get_ageing(const place *p, evtwin_cell *cell) {
    char prefix[PATH_SIZE], name[32];
    place at;
    evtwin_status st = enter(p, "ageing", prefix, &at);
    if (st < 0 || (st = get_text(&at, "law", name, sizeof name)) < 0) {
        return st;
    }
    int kind = 0;
    while (evtwin__ageing_name((evtwin__ageing_kind)kind) != NULL &&
           strcmp(evtwin__ageing_name((evtwin__ageing_kind)kind), name) != 0) {
        kind++;
    }
    if (evtwin__ageing_name((evtwin__ageing_kind)kind) == NULL) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: 'ageing.law' is '%s', not none, schmalstieg or naumann",
                    p->file, name);
    }
    cell->ageing.kind = (evtwin__ageing_kind)kind;

    const evtwin__ageing_key *keys = evtwin__ageing_keys(cell->ageing.kind);
    if ((st = check_ageing_keys(&at, keys)) < 0) {
        return st;
    }
    for (size_t i = 0; keys[i].key != NULL; i++) {
        st = get_value(&at, keys[i].key, keys[i].min, keys[i].max, &cell->ageing.constant[i]);
        if (st < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status get_cell(const place *root, evtwin_cell *cell) {
    static const char *const known[] = {"format",  "name",         "chemistry",   "description",
                                        "sources", "limits",       "capacity_Ah", "v_min_V",
                                        "v_max_V", "ocv",          "circuit",     "thermal",
                                        "ageing",  "spread_scale", NULL};
    double format = 0.0;
    evtwin_status st = check_keys(root, known);
    if (st < 0 ||
        (st = check_number(root, "format", json_object_get(root->object, "format"), FORMAT, FORMAT,
                           &format)) < 0 ||
        (st = get_text(root, "name", cell->name, sizeof cell->name)) < 0 ||
        (st = get_text(root, "chemistry", cell->chemistry, sizeof cell->chemistry)) < 0 ||
        (st = get_text(root, "description", cell->description, sizeof cell->description)) < 0 ||
        (st = get_value(root, "capacity_Ah", 1e-3, 1e4, &cell->capacity_Ah)) < 0 ||
        (st = get_value(root, "v_min_V", 0.1, 6.0, &cell->v_min_V)) < 0 ||
        (st = get_value(root, "v_max_V", 0.1, 6.0, &cell->v_max_V)) < 0 ||
        (st = get_ocv(root, cell)) < 0 || (st = get_circuit(root, cell)) < 0 ||
        (st = get_thermal(root, cell)) < 0 || (st = get_ageing(root, cell)) < 0) {
        return st;
    }
    return get_value_or(root, "spread_scale", 0.0, 3.0, 1.0, &cell->spread_scale);
}

evtwin_status evtwin__cell_parse(const char *name, const char *text, size_t size,
                                 evtwin_cell *out) {
    json_t *root = NULL;
    evtwin_status st = evtwin__json_parse(name, text, size, &root);
    if (st < 0) {
        return st;
    }
    evtwin_cell cell;
    memset(&cell, 0, sizeof cell);
    if (!json_is_object(root)) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%s: the file is not a JSON object", name);
    } else {
        const place at = {name, "", root};
        st = get_cell(&at, &cell);
    }
    json_decref(root);
    if (st >= 0) {
        *out = cell;
    }
    return st;
}
