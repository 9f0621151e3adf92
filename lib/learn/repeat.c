/* SPDX-License-Identifier: MIT */
/* learn/repeat.c: score other assignments of batteries to folds. */

#include "learn/refit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/split.h"

/* One of the further assignments, as a share of all of them. */
typedef struct share {
    evtwin_progress_fn progress;
    void *ctx;
    double n_before, n;
} share;

static int report_share(void *ctx, const char *what, double done) {
    const share *s = ctx;
    return s->progress(s->ctx, what, (s->n_before + done) / s->n);
}

static evtwin_status repeat_once(evtwin_trainer *trainer, const evtwin__dataset *data, size_t i,
                                 evtwin__refit *r) {
    const evtwin_train_options *o = &trainer->options;
    const uint64_t seed = o->seed + i;
    share of_all = {o->progress, o->progress_ctx, (double)(i - 1), (double)(o->n_repeats - 1)};
    EVTWIN_TRY(evtwin__refit_begin(trainer, data, r));
    r->trainer.options.progress = o->progress != NULL ? report_share : NULL;
    r->trainer.options.progress_ctx = &of_all;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->n_parts = (size_t)o->cv_folds;
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
