/* SPDX-License-Identifier: MIT */
/* learn/manifest_write.c: a bundle to the JSON of its manifest. */

#include "learn/manifest_fields.h"

#include "core/json.h"
#include "core/status.h"
#include "core/utf8.h"
#include "learn/calibration_json.h"
#include "learn/interval_json.h"
#include "learn/reference_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static evtwin_status set(const evtwin__place *p, const char *key, json_t *value) {
    EVTWIN_FAIL_IF(json_object_set_new(p->object, key, value) != 0, EVTWIN_E_NOMEM,
                   "%s: out of memory", p->where);
    return EVTWIN_OK;
}

/* What is not known is null, or left out where a reader takes no null. */
static evtwin_status write_field(const evtwin__place *p, const evtwin__field *f, void *from) {
    const void *at = (const char *)from + f->at;
    evtwin__place in;
    EVTWIN_TRY(evtwin__place_step(p, f->in, 1, &in));
    switch (f->kind) {
    case EVTWIN__F_SEED:
        return set(&in, f->key, json_sprintf("%" PRIu64, *(const uint64_t *)at));
    case EVTWIN__F_COUNT: {
        const size_t n = *(const size_t *)at;
        return n == 0 && f->min > 0.0 ? EVTWIN_OK : set(&in, f->key, json_integer((json_int_t)n));
    }
    case EVTWIN__F_NUMBER: {
        const double v = *(const double *)at;
        return isnan(v) && (f->flags & EVTWIN__MAY_BE_UNKNOWN) == 0
                   ? EVTWIN_OK
                   : set(&in, f->key, evtwin__json_number(v));
    }
    default: {
        const char *text = *(const char *const *)at != NULL ? *(const char *const *)at : "";
        EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(text, strlen(text)), EVTWIN_E_SCHEMA,
                       "%s: %s is not UTF-8", in.where, f->key);
        return set(&in, f->key, json_string(text));
    }
    }
}

static evtwin_status write_further(const evtwin__place *model, evtwin__bundle_model *m) {
    EVTWIN_TRY(m->n_further > 0 ? set(model, "further", json_array()) : EVTWIN_OK);
    for (size_t k = 0; k < m->n_further; k++) {
        evtwin__place p = *model;
        p.object = json_object();
        EVTWIN_FAIL_IF(json_array_append_new(json_object_get(model->object, "further"), p.object) !=
                           0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the forests", model->where);
        EVTWIN_TRY(evtwin__each_field(write_field, &p, &evtwin__forest_fields, &m->further[k]));
    }
    return EVTWIN_OK;
}

static evtwin_status write_model(const evtwin__place *root, size_t t, evtwin__bundle_model *m) {
    evtwin_target target;
    evtwin_target_get(t, &target, sizeof target);
    evtwin__place models, p;
    EVTWIN_TRY(evtwin__place_step(root, "models", 1, &models));
    EVTWIN_TRY(evtwin__place_step(&models, target.name, 1, &p));
    EVTWIN_TRY(set(&p, "objective", json_string(evtwin__objective_name(target.kind))));
    EVTWIN_TRY(evtwin__each_field(write_field, &p, &evtwin__model_fields, m));
    EVTWIN_TRY(write_further(&p, m));
    if (m->interval.n_bands > 0) {
        EVTWIN_TRY(set(&p, "interval", evtwin__interval_json(&m->interval)));
    }
    if (evtwin__calibration_is_known(&m->calibration)) {
        EVTWIN_TRY(set(&p, "calibration", evtwin__calibration_json(&m->calibration)));
    }
    return evtwin__each_figure(write_field, &p, target.kind, m);
}

static evtwin_status write_features(const evtwin__place *root, const char *key,
                                    evtwin__bundle_feature *list, size_t n) {
    EVTWIN_TRY(set(root, key, json_array()));
    for (size_t i = 0; i < n; i++) {
        evtwin__place p = *root;
        p.object = json_object();
        EVTWIN_FAIL_IF(json_array_append_new(json_object_get(root->object, key), p.object) != 0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the %s", root->where, key);
        EVTWIN_TRY(evtwin__each_field(write_field, &p, &evtwin__feature_fields, &list[i]));
        if (list[i].histogram.n_bins > 0) {
            EVTWIN_TRY(set(&p, "histogram", evtwin__histogram_json(&list[i].histogram)));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status write_arrays(const evtwin__place *root, evtwin__bundle *b) {
    EVTWIN_TRY(set(root, "batteries", json_array()));
    json_t *batteries = json_object_get(root->object, "batteries");
    for (size_t i = 0; i < b->n_batteries; i++) {
        EVTWIN_FAIL_IF(json_array_append_new(batteries, json_string(b->battery[i])) != 0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the batteries", root->where);
    }
    EVTWIN_TRY(b->n_inputs > 0 ? write_features(root, "inputs", b->input, b->n_inputs) : EVTWIN_OK);
    return write_features(root, "features", b->feature, b->n_features);
}

/* Format 1 has no calibration, no past, no forests beside the first and no end of life: its readers
 * would ignore them and predict something else. What only adds to a prediction, such as an
 * interval, needs no new number. */
static int format_of(const evtwin__bundle *b) {
    int is_new = b->n_inputs > 0 || b->eol_soh_percent > 0.0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__bundle_model *m = &b->model[t];
        is_new |=
            m->is_present && (m->n_further > 0 || evtwin__calibration_is_known(&m->calibration));
    }
    return is_new ? EVTWIN__BUNDLE_FORMAT : 1;
}

static evtwin_status write_root(const evtwin__place *root, evtwin__bundle *b) {
    evtwin__place library;
    EVTWIN_TRY(evtwin__check_feature_count(root->where, b->n_features));
    EVTWIN_TRY(set(root, "format", json_integer(format_of(b))));
    EVTWIN_TRY(evtwin__place_step(root, "library", 1, &library));
    EVTWIN_TRY(set(&library, "name", json_string("libevtwin")));
    EVTWIN_TRY(evtwin__each_field(write_field, root, &evtwin__root_fields, b));
    EVTWIN_TRY(b->counter != NULL ? evtwin__each_field(write_field, root, &evtwin__past_fields, b)
                                  : EVTWIN_OK);
    EVTWIN_TRY(write_arrays(root, b));
    if (b->curve.is_known || b->curve.power_factor > 0.0) {
        EVTWIN_TRY(set(root, "curve", evtwin__curve_json(&b->curve)));
    }
    EVTWIN_TRY(set(root, "models", json_object()));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(b->model[t].is_present ? write_model(root, t, &b->model[t]) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__manifest_write(const char *name, const evtwin__bundle *bundle,
                                     char **text_out, size_t *size_out) {
    evtwin__place root = {.object = json_object()};
    snprintf(root.where, sizeof root.where, "%s", name);
    evtwin__bundle from = *bundle;  /* fields have one type for both ways */
    evtwin__bundle read_back = {0}; /* a writer is held to what a reader takes */
    evtwin_status st;
    if ((st = write_root(&root, &from)) >= 0 &&
        (st = evtwin__manifest_read_document(name, root.object, &read_back)) >= 0) {
        st = evtwin__json_text(root.object, text_out, size_out);
        evtwin__bundle_clear(&read_back);
    }
    json_decref(root.object);
    return st;
}
