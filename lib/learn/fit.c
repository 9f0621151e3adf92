/* SPDX-License-Identifier: MIT */
/* learn/fit.c: train the models of all targets and folds side by side and predict what was
 * held out. */

#include "learn/fit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/fit_work.h"
#include "learn/together.h"

/* With folds the saved model is one more job, and the longest: it starts first. */
static size_t list_jobs(const evtwin__dataset *data, int has_folds, int is_saved,
                        evtwin__fit_job *list) {
    size_t n = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (data->label[t].is_present && has_folds && is_saved) {
            list[n++] = (evtwin__fit_job){t, -1, 1};
        }
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        for (size_t part = 0; part < data->label[t].n_parts; part++) {
            list[n++] = (evtwin__fit_job){t, (int32_t)part, is_saved && !has_folds};
        }
    }
    return n;
}

/* ---- what is held out ---- */

static evtwin_status fill_held_rows(const evtwin__dataset *data, const evtwin__label *label,
                                    evtwin_table *table) {
    int32_t group = -1, code = 0;
    for (size_t k = 0, r = 0; k < label->n; k++) {
        const size_t row = label->row[k];
        if (label->part[k] < 0) {
            continue;
        }
        if (data->groups.of_row[row] != group) { /* they come by group */
            group = data->groups.of_row[row];
            EVTWIN_TRY(evtwin_table_intern(table, EVTWIN__HELD_GROUP,
                                           data->groups.names.text[group], &code));
        }
        EVTWIN_TRY(evtwin_table_set_i64(table, EVTWIN__HELD_ROW, r, (int64_t)row));
        EVTWIN_TRY(evtwin_table_set_code(table, EVTWIN__HELD_GROUP, r, code));
        EVTWIN_TRY(evtwin_table_set_i64(table, EVTWIN__HELD_FOLD, r, label->part[k]));
        EVTWIN_TRY(evtwin_table_set_f64(table, EVTWIN__HELD_TRUTH, r, label->y[row]));
        r++;
    }
    return EVTWIN_OK;
}

/* The table of a target's held-out predictions, which the jobs fill. */
static evtwin_status make_held_out(evtwin__fitting *f, size_t t) {
    const evtwin__label *label = &f->data->label[t];
    evtwin__result *result = &f->trainer->result[t];
    size_t n_held = 0;
    for (size_t k = 0; k < label->n; k++) {
        n_held += label->part[k] >= 0;
    }
    EVTWIN_TRY(evtwin__make_held_table(label->unit, n_held, &result->held_out));
    EVTWIN_TRY(fill_held_rows(f->data, label, result->held_out));
    for (size_t s = 0; s < EVTWIN__N_SCORED; s++) {
        f->held[t][s] = evtwin_table_f64_edit(result->held_out, EVTWIN__HELD_SCORED + s);
    }
    result->single_feature = evtwin__calloc(label->n_parts, sizeof *result->single_feature);
    EVTWIN_FAIL_IF(result->single_feature == NULL, EVTWIN_E_NOMEM, "out of memory for %zu parts",
                   label->n_parts);
    return EVTWIN_OK;
}

void evtwin__result_clear(evtwin__result *result) {
    evtwin__free(result->importance);
    evtwin__free(result->single_feature);
    evtwin__free(result->fold);
    evtwin__free(result->repeat);
    evtwin__free(result->fold_growth);
    evtwin__free(result->search.set);
    evtwin_table_free(result->held_out);
    evtwin__free(result->low);
    evtwin__free(result->high);
    evtwin__free(result->rounds);
    *result = (evtwin__result){0};
}

/* ---- run ---- */

static size_t count_rounds(const evtwin__fitting *f) {
    size_t n = 0;
    for (size_t i = 0; i < f->n_jobs; i++) {
        const evtwin__fit_job *j = &f->list[i];
        n += evtwin__count_forests(f->trainer, j->t) *
             (size_t)evtwin__growth_of(f->trainer, j->t, j->part)->trees;
    }
    return n;
}

evtwin_status evtwin__fit(evtwin_trainer *trainer, const evtwin__dataset *data, const char *stage,
                          int is_saved) {
    evtwin__fitting f = {.trainer = trainer, .data = data};
    size_t n_parts = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        n_parts += data->label[t].n_parts;
        if (data->label[t].is_present) {
            EVTWIN_TRY(make_held_out(&f, t));
        }
    }
    f.list = evtwin__calloc(n_parts + EVTWIN__T_COUNT, sizeof *f.list);
    EVTWIN_FAIL_IF(f.list == NULL, EVTWIN_E_NOMEM, "out of memory for %zu models", n_parts);
    f.n_jobs = list_jobs(data, trainer->options.cv_folds > 0, is_saved, f.list);
    evtwin_status st = evtwin__rounds_run(&f.rounds, trainer->peers, &trainer->options, stage,
                                          count_rounds(&f), f.n_jobs, evtwin__fit_model, &f);
    evtwin__free(f.list);
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        if (data->label[t].is_present) {
            st = evtwin__together_held_out(trainer->peers, &trainer->result[t]);
        }
    }
    return st;
}
