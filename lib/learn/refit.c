/* SPDX-License-Identifier: MIT */
/* learn/refit.c: train once more on other parts of the same data, of which nothing is saved; with
 * that, score other assignments of batteries to folds. */

#include "learn/refit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/split.h"

#include <string.h>

void evtwin__refit_clear(evtwin__refit *r) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__result_clear(&r->trainer.result[t]);
        evtwin__free(r->data.label[t].part);
    }
}

evtwin_status evtwin__refit_begin(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                  evtwin__refit *r) {
    *r = (evtwin__refit){.trainer = *trainer, .data = *data};
    memset(r->trainer.result, 0, sizeof r->trainer.result);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        r->data.label[t].part = NULL;
        r->data.label[t].n_parts = 0;
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->part = evtwin__calloc(label->n, sizeof *label->part);
            EVTWIN_FAIL_IF(label->part == NULL, EVTWIN_E_NOMEM, "out of memory for %zu parts",
                           label->n);
        }
    }
    return EVTWIN_OK;
}

/* ---- other assignments to folds ---- */

static evtwin_status repeat_once(evtwin_trainer *trainer, const evtwin__dataset *data, size_t i,
                                 evtwin__refit *r) {
    const uint64_t seed = trainer->options.seed + i;
    EVTWIN_TRY(evtwin__refit_begin(trainer, data, r));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->n_parts = (size_t)trainer->options.cv_folds;
            EVTWIN_TRY(evtwin__split_folds(&data->groups, label->row, label->n, label->n_parts,
                                           &seed, label->part));
        }
    }
    EVTWIN_TRY(evtwin__fit(&r->trainer, &r->data, "repeating", 0));
    EVTWIN_TRY(evtwin__calibrate(&r->trainer, &r->data));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (r->data.label[t].is_present) {
            EVTWIN_TRY(evtwin__evaluate(&r->trainer, &r->data, t));
            trainer->result[t].repeat[i] = r->trainer.bundle.model[t].score[EVTWIN_SCORED_MODEL];
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__repeat(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const size_t n = (size_t)trainer->options.n_repeats;
    for (size_t t = 0; t < EVTWIN__T_COUNT && n > 1; t++) {
        evtwin__result *result = &trainer->result[t];
        if (data->label[t].is_present) {
            result->repeat = evtwin__calloc(n, sizeof *result->repeat);
            EVTWIN_FAIL_IF(result->repeat == NULL, EVTWIN_E_NOMEM, "out of memory for repeats");
            result->repeat[0] = trainer->bundle.model[t].score[EVTWIN_SCORED_MODEL];
        }
    }
    for (size_t i = 1; i < n; i++) {
        evtwin__refit r;
        const evtwin_status st = repeat_once(trainer, data, i, &r);
        evtwin__refit_clear(&r);
        EVTWIN_TRY(st);
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        trainer->result[t].n_repeats = trainer->result[t].repeat != NULL ? n : 0;
    }
    return EVTWIN_OK;
}
