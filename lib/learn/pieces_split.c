/* SPDX-License-Identifier: MIT */
/* learn/pieces_split.c: which batteries are held out, and in which fold a battery of the training
 * part errs for the calibration: by the rules of a training in memory. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"

/* ---- the hold-out ---- */

static evtwin_status hold_out(evtwin__pieces *p) {
    const size_t n = p->names.n;
    evtwin__group_use *use = evtwin__calloc(n, sizeof *use);
    uint8_t *is_test = evtwin__calloc(n, sizeof *is_test);
    evtwin_status st = EVTWIN_OK;
    if (use == NULL || is_test == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to split %zu batteries", n);
    }
    for (size_t b = 0; b < n && st >= 0; b++) {
        use[b] = p->battery[b].use;
    }
    if (st >= 0 && evtwin__count_users(use, n) < EVTWIN__MIN_GROUPS) {
        st =
            evtwin__fail(EVTWIN_E_DATA,
                         "%s: fewer than two batteries have rows with a target: a single series is "
                         "not trained in pieces",
                         p->trainer->bundle.source_name);
    }
    if (st >= 0 && (st = evtwin__split_groups(use, n, p->trainer->options.seed, is_test)) >= 0) {
        for (size_t b = 0; b < n; b++) {
            p->battery[b].is_test = is_test[b];
        }
    }
    evtwin__free(use);
    evtwin__free(is_test);
    return st;
}

static evtwin_status check_parts(const evtwin__pieces *p, size_t t) {
    size_t n[2] = {0}, n_positive = 0;
    for (size_t b = 0; b < p->names.n; b++) {
        const evtwin__pieces_battery *battery = &p->battery[b];
        n[battery->is_test] += battery->use.n[t][0] + battery->use.n[t][1];
        n_positive += battery->is_test ? 0 : battery->use.n[t][1];
    }
    return evtwin__check_parts(&p->trainer->target[t], p->whole.label[t].column,
                               p->trainer->split_by, n[0], n[1], n_positive);
}

/* ---- folds of the training part ---- */

/* What there is to calibrate on, and in how many folds: 0 = too little. */
static size_t look_at_training_part(const evtwin__pieces *p, size_t t, size_t *size,
                                    evtwin__calibration *found) {
    *found = (evtwin__calibration){0};
    for (size_t b = 0; b < p->names.n; b++) {
        const size_t *n = p->battery[b].use.n[t];
        size[b] = p->battery[b].is_test ? 0 : n[0] + n[1];
        if (size[b] > 0) {
            found->n_batteries++;
            found->n_rows += size[b];
            found->n_with += n[1] > 0;
            found->n_without += n[0] > 0;
        }
    }
    return evtwin__calibration_folds(p->trainer->target[t].kind, found->n_batteries, found->n_with,
                                     found->n_without);
}

static evtwin_status fold(evtwin__pieces *p, size_t t) {
    const size_t n = p->names.n;
    size_t *size = evtwin__calloc(n, sizeof *size);
    int32_t *fold_of = evtwin__calloc(n, sizeof *fold_of);
    evtwin_status st = EVTWIN_OK;
    if (size == NULL || fold_of == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu batteries", n);
    } else {
        evtwin__calibration *found = &p->trainer->bundle.model[t].calibration;
        const size_t n_folds = look_at_training_part(p, t, size, found);
        p->n_folds[t] = n_folds;
        st = n_folds > 0 ? evtwin__deal_folds(p->names.text, size, n, n_folds, NULL, fold_of)
                         : EVTWIN_OK;
        for (size_t b = 0; b < n; b++) {
            p->battery[b].fold[t] =
                (int8_t)(n_folds > 0 && size[b] > 0 ? fold_of[b] : EVTWIN__ANY_FOLD);
        }
    }
    evtwin__free(size);
    evtwin__free(fold_of);
    return st;
}

/* ---- both ---- */

evtwin_status evtwin__pieces_split(evtwin__pieces *p) {
    p->trainer->split_by = p->whole.groups.kind == EVTWIN__GROUP_BATTERY ? "battery" : "group";
    EVTWIN_TRY(hold_out(p));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (p->whole.label[t].is_present) {
            p->whole.label[t].n_parts = 1;
            EVTWIN_TRY(check_parts(p, t));
            EVTWIN_TRY(fold(p, t));
        }
    }
    return EVTWIN_OK;
}
