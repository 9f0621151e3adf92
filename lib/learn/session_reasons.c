/* SPDX-License-Identifier: MIT */
/* learn/session_reasons.c: why a battery's newest row is predicted as it is, for its pending state
 * and whoever reads that from the store. */

#include "learn/session_batteries.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/bundle.h"
#include "learn/explain.h"

/* {"rul":{"prediction":80.5,"mean":…,"answer":…,"reasons":[…]},"failure":…} of a row. */
static evtwin_status write_row(const evtwin_session *s, const evtwin_table *table, size_t row,
                               const double *x, evtwin__text *text) {
    const char *target;
    text->size = 0;
    evtwin__text_open(text, NULL, '{');
    for (size_t i = 0; (target = evtwin_predictor_target(s->predictor, i)) != NULL; i++) {
        size_t t;
        EVTWIN_TRY(evtwin_target_find(target, &t));
        const char *name = evtwin__schema[evtwin__target_prediction(t)].name;
        const double *prediction = evtwin_table_f64(table, evtwin_table_find(table, name));
        evtwin__text_open(text, target, '{');
        evtwin__text_number(text, "prediction", prediction[row]);
        EVTWIN_TRY(
            evtwin__explain_row(s->predictor, target, x, s->n_reasons, EVTWIN_REASONS_JSON, text));
        evtwin__text_put(text, "}");
    }
    evtwin__text_put(text, "}");
    evtwin__text_add(text, "", 1);
    EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for reasons");
    return EVTWIN_OK;
}

/* Those of a row become its battery's, or none where it has no prediction. */
static evtwin_status explain_step(evtwin_session *s, const evtwin_table *table,
                                  const evtwin__step *step, const double *rows_x,
                                  evtwin__text *text) {
    double x[EVTWIN__BUNDLE_MAX_FEATURES];
    int is_known = 0;
    char *reasons = NULL;
    EVTWIN_TRY(evtwin__explained_features(s->predictor, table, step->row, rows_x, x, &is_known));
    if (is_known) {
        EVTWIN_TRY(write_row(s, table, step->row, x, text));
        reasons = evtwin__strdup(text->data);
        EVTWIN_FAIL_IF(reasons == NULL, EVTWIN_E_NOMEM, "out of memory for reasons");
    }
    evtwin__session_battery *b = &s->battery[step->battery];
    evtwin__free(b->next_reasons);
    b->next_reasons = reasons;
    return EVTWIN_OK;
}

/* 1 if the row will be its battery's newest: the last of its steps (of equals, the first of them),
 * and later than what is known. */
static int is_newest(const evtwin_session *s, const evtwin__step *steps, size_t n, size_t k) {
    const evtwin__step *step = &steps[k];
    const evtwin__session_battery *b = &s->battery[step->battery];
    const evtwin__battery_state *at = b->is_moved ? &b->next : b->is_known ? &b->now : NULL;
    size_t last = k;
    while (last + 1 < n && steps[last + 1].battery == step->battery) {
        if (steps[last + 1].time_us != step->time_us || steps[last + 1].seq != step->seq) {
            return 0;
        }
        last++;
    }
    const int is_first = k == 0 || steps[k - 1].battery != step->battery ||
                         steps[k - 1].time_us != step->time_us || steps[k - 1].seq != step->seq;
    return is_first && (at == NULL || step->time_us > at->time_us ||
                        (step->time_us == at->time_us && step->seq > at->seq));
}

evtwin_status evtwin__session_reasons(evtwin_session *s, evtwin_table *table,
                                      const evtwin__step *steps, size_t n, const double *x) {
    if (s->n_reasons == 0) {
        return EVTWIN_OK;
    }
    evtwin__text text = {0};
    evtwin_status st = EVTWIN_OK;
    for (size_t k = 0; k < n && st >= 0; k++) {
        st = is_newest(s, steps, n, k) ? explain_step(s, table, &steps[k], x, &text) : EVTWIN_OK;
    }
    evtwin__text_free(&text);
    if (st >= 0 && s->explains_each) {
        st = evtwin__explain_table(s->predictor, table, s->n_reasons, EVTWIN_REASONS_JSON, x);
    }
    return st;
}
