/* SPDX-License-Identifier: MIT */
/* sim/bpx_cell.c: capacity, voltage limits, open-circuit voltage, its entropic coefficient and heat
 * of a BPX file, in the form of our own cell parameter files. The equations of BPX 1.0: */

#include "sim/bpx.h"

#include "core/num.h"
#include "core/status.h"
#include "sim/bpx_function.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FARADAY_C_mol 96485.33212

/* Four points in each interval of the kernel's open-circuit voltage; the grid of parameters. */
enum { OCV_POINTS = 1025, PARAM_POINTS = 101, WHAT_SIZE = 128, MAX_DESCRIPTION = 255 };

/* Two ways to the capacity of a cell differ by rounding, or they mean different things. */
static const double MAX_DISAGREEMENT = 0.02;

typedef struct reading {
    const json_t *bpx, *cell, *negative, *positive;
    const char *source;
    json_t *part;
    evtwin__text *taken, *unused;
    int is_failed;            /* memory ran out */
    double empty[2], full[2]; /* stoichiometries of the electrodes, once read_windows was called */
} reading;

static const char *const electrode_names[2] = {"negative", "positive"};

static const json_t *electrode_of(const reading *r, int i) {
    return i == 0 ? r->negative : r->positive;
}

/* ---- find ---- */

static const json_t *section(const json_t *bpx, const char *name) {
    return json_object_get(json_object_get(bpx, "Parameterisation"), name);
}

/* A number of a section; NAN if it has none. */
static evtwin_status number_of(const json_t *of, const char *key, double *out) {
    const json_t *v = json_object_get(of, key);
    EVTWIN_FAIL_IF(v != NULL && !json_is_number(v), EVTWIN_E_PARSE, "'%s' is not a number", key);
    *out = v != NULL ? json_number_value(v) : (double)NAN;
    return EVTWIN_OK;
}

/* The product of numbers of a section, keys being ended by NULL; NAN if one is missing. */
static evtwin_status product_of(const json_t *of, const char *const *keys, double *out) {
    double product = 1.0;
    for (; *keys != NULL; keys++) {
        double v = NAN;
        EVTWIN_TRY(number_of(of, *keys, &v));
        product *= v;
    }
    *out = product;
    return EVTWIN_OK;
}

/* ---- put ---- */

static json_t *sourced(const reading *r) {
    json_t *object = json_object();
    json_object_set_new(object, "source", json_string(r->source));
    return object;
}

static void set(reading *r, json_t *to, const char *key, json_t *value) {
    r->is_failed |= value == NULL || json_object_set_new(to, key, value) != 0;
}

__attribute__((format(printf, 2, 3))) static void say(evtwin__text *list, const char *format, ...) {
    char words[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    evtwin__text_put(list, list->size > 0 ? ", " : "");
    evtwin__text_put(list, words);
}

/* {"value": v, "source": …}, if there is one. */
static evtwin_status put_value(reading *r, json_t *to, const char *key, const char *name,
                               double v) {
    if (isnan(v)) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(isinf(v), EVTWIN_E_RANGE, "%s is too large a number", name);
    json_t *value = sourced(r);
    set(r, value, "value", json_real(v));
    set(r, to, key, value);
    say(r->taken, "%s %.5g", name, v);
    return EVTWIN_OK;
}

/* {"soc": […], key_of_values: […], "source": …} over n points from 0 to 1. */
static void put_points(reading *r, json_t *to, const char *key, const char *key_of_values,
                       const double *values, size_t n) {
    json_t *points = sourced(r), *soc = json_array(), *v = json_array();
    for (size_t i = 0; i < n; i++) {
        r->is_failed |= json_array_append_new(soc, json_real((double)i / (double)(n - 1))) != 0 ||
                        json_array_append_new(v, json_real(values[i])) != 0;
    }
    set(r, points, "soc", soc);
    set(r, points, key_of_values, v);
    set(r, to, key, points);
}

/* What the file says of itself, as much as a cell's description holds. */
static void put_description(reading *r) {
    const json_t *header = json_object_get(r->bpx, "Header");
    const char *text = json_string_value(json_object_get(header, "Description"));
    text = text != NULL ? text : json_string_value(json_object_get(header, "Title"));
    size_t n = text != NULL ? strlen(text) : 0;
    n = n < MAX_DESCRIPTION ? n : MAX_DESCRIPTION;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
        n--; /* not in the middle of a character */
    }
    if (n > 0) {
        set(r, r->part, "description", json_stringn(text, n));
    }
}

/* ---- capacity and voltage limits ---- */

/* What an electrode takes up between its limits, F A n L eps c (max - min), where the share of
 * active material is eps = a R / 3 for spheres; NAN if a number is missing. */
static evtwin_status electrode_charge(const reading *r, const json_t *electrode, double *out_Ah) {
    static const char *const of_cell[] = {
        "Electrode area [m2]", "Number of electrode pairs connected in parallel to make a cell",
        NULL};
    static const char *const of_electrode[] = {
        "Thickness [m]", "Surface area per unit volume [m-1]", "Particle radius [m]",
        "Maximum concentration [mol.m-3]", NULL};
    double area_m2 = NAN, amount_mol_m2 = NAN, least = NAN, most = NAN;
    EVTWIN_TRY(product_of(r->cell, of_cell, &area_m2));
    EVTWIN_TRY(product_of(electrode, of_electrode, &amount_mol_m2));
    EVTWIN_TRY(number_of(electrode, "Minimum stoichiometry", &least));
    EVTWIN_TRY(number_of(electrode, "Maximum stoichiometry", &most));
    *out_Ah = FARADAY_C_mol * area_m2 * amount_mol_m2 / 3.0 * (most - least) / 3600.0;
    return EVTWIN_OK;
}

/* Between the voltage limits, which is what ours means. The nominal one of BPX is for C-rates, so
 * it counts only where the electrodes do not say, or do not agree. */
static evtwin_status read_capacity(reading *r) {
    double nominal_Ah = NAN, negative_Ah = NAN, positive_Ah = NAN;
    EVTWIN_TRY(number_of(r->cell, "Nominal cell capacity [A.h]", &nominal_Ah));
    EVTWIN_TRY(electrode_charge(r, r->negative, &negative_Ah));
    EVTWIN_TRY(electrode_charge(r, r->positive, &positive_Ah));
    const double mean_Ah = 0.5 * (negative_Ah + positive_Ah);
    const int do_agree = fabs(negative_Ah - positive_Ah) <= MAX_DISAGREEMENT * mean_Ah;
    return put_value(r, r->part, "capacity_Ah",
                     do_agree ? "capacity_Ah of the electrodes" : "capacity_Ah (nominal)",
                     do_agree ? mean_Ah : nominal_Ah);
}

static evtwin_status read_limits(reading *r) {
    double v_min = NAN, v_max = NAN;
    EVTWIN_TRY(number_of(r->cell, "Lower voltage cut-off [V]", &v_min));
    EVTWIN_TRY(number_of(r->cell, "Upper voltage cut-off [V]", &v_max));
    EVTWIN_TRY(put_value(r, r->part, "v_min_V", "v_min_V", v_min));
    return put_value(r, r->part, "v_max_V", "v_max_V", v_max);
}

/* ---- over the state of charge ---- */

/* The stoichiometries of both electrodes: empty is the negative's minimum and the positive's
 * maximum. */
static evtwin_status read_windows(reading *r) {
    for (int i = 0; i < 2; i++) {
        const char *name = electrode_names[i];
        double least = NAN, most = NAN;
        EVTWIN_TRY(number_of(electrode_of(r, i), "Minimum stoichiometry", &least));
        EVTWIN_TRY(number_of(electrode_of(r, i), "Maximum stoichiometry", &most));
        EVTWIN_FAIL_IF(isnan(least) || isnan(most), EVTWIN_E_RANGE,
                       "a stoichiometry of the %s electrode is missing", name);
        EVTWIN_FAIL_IF(!(least >= 0.0 && least <= 1.0 && most >= 0.0 && most <= 1.0),
                       EVTWIN_E_RANGE, "a stoichiometry of the %s electrode is outside [0, 1]",
                       name);
        EVTWIN_FAIL_IF(!(least < most), EVTWIN_E_RANGE,
                       "the minimum stoichiometry of the %s electrode, %g, is not below the "
                       "maximum, %g",
                       name, least, most);
        r->empty[i] = i == 0 ? least : most;
        r->full[i] = i == 0 ? most : least;
    }
    return EVTWIN_OK;
}

/* "OCP [V] of the negative electrode" */
static const char *name_of(const char *key, int i, char text[WHAT_SIZE]) {
    snprintf(text, WHAT_SIZE, "%s of the %s electrode", key, electrode_names[i]);
    return text;
}

/* Before the first value of a function of both electrodes. */
static evtwin_status begin_difference(reading *r, const char *key) {
    char what[WHAT_SIZE];
    EVTWIN_TRY(read_windows(r));
    for (int i = 0; i < 2; i++) {
        EVTWIN_TRY(
            evtwin__bpx_check(name_of(key, i, what), json_object_get(electrode_of(r, i), key)));
    }
    return EVTWIN_OK;
}

/* A function of both electrodes at a state of charge: that of the positive one less that of the
 * negative one. Full is exactly where a table may end, which a sum could miss by a rounding. */
static evtwin_status difference_at(const reading *r, const char *key, double soc, double *out) {
    char what[WHAT_SIZE];
    double value[2] = {NAN, NAN};
    for (int i = 0; i < 2; i++) {
        const double x = soc < 1.0 ? r->empty[i] + soc * (r->full[i] - r->empty[i]) : r->full[i];
        EVTWIN_TRY(evtwin__bpx_value(name_of(key, i, what),
                                     json_object_get(electrode_of(r, i), key), x, &value[i]));
    }
    *out = value[1] - value[0];
    EVTWIN_FAIL_IF(isinf(*out), EVTWIN_E_RANGE, "'%s' of the electrodes is too large a number",
                   key);
    return EVTWIN_OK;
}

static int have_both(const reading *r, const char *key) {
    return json_object_get(r->negative, key) != NULL && json_object_get(r->positive, key) != NULL;
}

static evtwin_status read_ocv(reading *r) {
    static const char key[] = "OCP [V]";
    double ocv[OCV_POINTS];
    if (!have_both(r, key)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(begin_difference(r, key));
    for (size_t i = 0; i < OCV_POINTS; i++) {
        EVTWIN_TRY(difference_at(r, key, (double)i / (double)(OCV_POINTS - 1), &ocv[i]));
    }
    put_points(r, r->part, "ocv", "ocv_V", ocv, OCV_POINTS);
    say(r->taken, "ocv %.5g to %.5g V", ocv[0], ocv[OCV_POINTS - 1]);
    return EVTWIN_OK;
}

static evtwin_status read_entropic(reading *r, json_t *circuit) {
    static const char key[] = "Entropic change coefficient [V.K-1]";
    double v[PARAM_POINTS];
    if (!have_both(r, key)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(begin_difference(r, key));
    for (size_t i = 0; i < PARAM_POINTS; i++) {
        EVTWIN_TRY(difference_at(r, key, (double)i / (double)(PARAM_POINTS - 1), &v[i]));
    }
    put_points(r, circuit, "entropic_V_K", "values", v, PARAM_POINTS);
    say(r->taken, "circuit.entropic_V_K");
    return EVTWIN_OK;
}

/* ---- heat: one lump in air ---- */

static evtwin_status read_thermal(reading *r, json_t *thermal) {
    static const char *const heat[] = {"Specific heat capacity [J.K-1.kg-1]", "Density [kg.m-3]",
                                       "Volume [m3]", NULL};
    double capacity_J_K = NAN, area_m2 = NAN, transfer_W_m2K = NAN;
    const json_t *state = json_object_get(r->bpx, "State");
    const json_t *around = json_object_get(state, "Thermal environment");
    around = around != NULL ? around : json_object_get(state, "Thermal state");
    EVTWIN_TRY(product_of(r->cell, heat, &capacity_J_K));
    EVTWIN_TRY(number_of(r->cell, "External surface area [m2]", &area_m2));
    EVTWIN_TRY(number_of(around, "Heat transfer coefficient [W.m-2.K-1]", &transfer_W_m2K));
    EVTWIN_TRY(put_value(r, thermal, "capacity_J_K", "thermal.capacity_J_K", capacity_J_K));
    return put_value(r, thermal, "to_air_W_K", "thermal.to_air_W_K", area_m2 * transfer_W_m2K);
}

/* ---- all of it ---- */

static void list_unused(const reading *r) {
    static const char *const sections[] = {"Electrolyte", "Separator", "User-defined"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (section(r->bpx, sections[i]) != NULL) {
            say(r->unused, "%s", sections[i]);
        }
    }
    if (json_object_get(r->bpx, "Validation") != NULL) {
        say(r->unused, "Validation");
    }
    if (json_object_get(r->negative, "Particle") != NULL ||
        json_object_get(r->positive, "Particle") != NULL) {
        say(r->unused, "an electrode of several materials");
    }
    if (json_object_get(r->negative, "OCP (lithiation) [V]") != NULL ||
        json_object_get(r->positive, "OCP (lithiation) [V]") != NULL) {
        say(r->unused, "hysteresis");
    }
    say(r->unused, "diffusion, conductivity and reaction rates of the electrodes");
}

static evtwin_status read_all(reading *r) {
    json_t *circuit = json_object(), *thermal = json_object();
    set(r, r->part, "circuit", circuit);
    set(r, r->part, "thermal", thermal);
    EVTWIN_FAIL_IF(r->is_failed, EVTWIN_E_NOMEM, "out of memory for a cell");
    put_description(r);
    EVTWIN_TRY(read_capacity(r));
    EVTWIN_TRY(read_limits(r));
    EVTWIN_TRY(read_ocv(r));
    EVTWIN_TRY(read_entropic(r, circuit));
    EVTWIN_TRY(read_thermal(r, thermal));
    list_unused(r);
    EVTWIN_FAIL_IF(r->is_failed, EVTWIN_E_NOMEM, "out of memory for a cell");
    return EVTWIN_OK;
}

evtwin_status evtwin__bpx_convert(const json_t *bpx, const char *source, json_t **part_out,
                                  evtwin__text *taken, evtwin__text *unused) {
    EVTWIN_FAIL_IF(!json_is_object(json_object_get(bpx, "Parameterisation")), EVTWIN_E_PARSE,
                   "'Parameterisation' is not an object");
    reading r = {.bpx = bpx,
                 .cell = section(bpx, "Cell"),
                 .negative = section(bpx, "Negative electrode"),
                 .positive = section(bpx, "Positive electrode"),
                 .source = source,
                 .part = json_object(),
                 .taken = taken,
                 .unused = unused};
    EVTWIN_FAIL_IF(r.part == NULL, EVTWIN_E_NOMEM, "out of memory for a cell");
    const evtwin_status st = read_all(&r);
    if (st < 0) {
        json_decref(r.part);
        return st;
    }
    *part_out = r.part;
    return EVTWIN_OK;
}
