/* SPDX-License-Identifier: MIT */
/* learn/bundle_memory.c: a bundle in memory: its strings, its end, the places of its inputs. */

#include "learn/bundle.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

evtwin_status evtwin__bundle_keep(evtwin__bundle *bundle, const char *text, const char **out) {
    int32_t code;
    EVTWIN_TRY(evtwin__dict_intern(&bundle->strings, text, strlen(text), &code));
    *out = evtwin__dict_text(&bundle->strings, (size_t)code);
    return EVTWIN_OK;
}

evtwin_status evtwin__bundle_keep_name(evtwin__bundle *bundle, const char *name, const char **out) {
    EVTWIN_FAIL_IF(strlen(name) > EVTWIN__BUNDLE_MAX_TEXT, EVTWIN_E_SCHEMA,
                   "'%.40s…' has %zu bytes, a bundle's names have at most %d: rename the column",
                   name, strlen(name), EVTWIN__BUNDLE_MAX_TEXT);
    return evtwin__bundle_keep(bundle, name, out);
}

void evtwin__bundle_clear(evtwin__bundle *b) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__free(b->model[t].json);
        evtwin_model_free(b->model[t].forest);
        for (size_t k = 0; k < b->model[t].n_further; k++) {
            evtwin__free(b->model[t].further[k].json);
            evtwin_model_free(b->model[t].further[k].forest);
        }
    }
    evtwin__dict_free(&b->strings);
    evtwin__free(b->feature);
    evtwin__free(b->input);
    evtwin__free(b->battery);
    evtwin_features_free(b->features);
    evtwin_features_free(b->inputs);
    evtwin__scaler_clear(&b->scaler);
    *b = (evtwin__bundle){0};
}

evtwin__places evtwin__bundle_places(const evtwin__bundle *b) {
    evtwin__places at = {EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN};
    const evtwin__inputs in = evtwin__bundle_inputs(b);
    for (size_t i = 0; i < in.n; i++) {
        const size_t q = evtwin__quantity_by_name(in.feature[i].name);
        at.soc = q == EVTWIN__Q_SOC ? i : at.soc;
        at.voltage = q == EVTWIN__Q_VOLTAGE ? i : at.voltage;
        at.current = q == EVTWIN__Q_CURRENT ? i : at.current;
        at.power = q == EVTWIN__Q_POWER_CONSUMPTION ? i : at.power;
    }
    return at;
}
