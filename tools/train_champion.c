/* SPDX-License-Identifier: MIT */
/* tools/train_champion.c: compare two bundles by their errors (RMSE, of an event the Brier score)
 * on the held-out rows of batteries that neither was trained on. */

#include "train_champion.h"

#include "cli/cli_try.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two bundles and what they say of the table. */
typedef struct duel {
    const evtwin_trainer *trainer;
    const evtwin_table *table;
    evtwin_predictor *ours, *theirs;
    evtwin_table *our_rows, *their_rows; /* the table with their predictions */
} duel;

static void duel_clear(duel *d) {
    evtwin_predictor_free(d->ours);
    evtwin_predictor_free(d->theirs);
    evtwin_table_free(d->our_rows);
    evtwin_table_free(d->their_rows);
}

/* Errors on the same rows. */
typedef struct errors {
    double ours, theirs; /* roots of means for a number, means for an event */
    size_t n_rows, n_batteries;
} errors;

__attribute__((format(printf, 2, 3))) static void say(champion_verdict *v, const char *format,
                                                      ...) {
    const size_t at = strlen(v->text);
    va_list args;
    va_start(args, format);
    vsnprintf(v->text + at, sizeof v->text - at, format, args);
    va_end(args);
}

static evtwin_status apply(const evtwin_predictor *predictor, const evtwin_table *table,
                           evtwin_table **out) {
    evtwin_table *copy;
    TRY(evtwin_table_copy(table, &copy));
    const evtwin_status st = evtwin_predictor_apply(predictor, copy);
    if (st < 0) {
        evtwin_table_free(copy);
        return st;
    }
    *out = copy;
    return EVTWIN_OK;
}

/* Sum up the errors of a target over held, the held-out rows, which come by battery. */
static void sum_errors(const duel *d, const evtwin_target *target, const evtwin_table *held,
                       errors *out) {
    const size_t ours = evtwin_table_find(d->our_rows, target->prediction);
    const size_t theirs = evtwin_table_find(d->their_rows, target->prediction);
    const size_t row = evtwin_table_find(held, "row"), group = evtwin_table_find(held, "group");
    const size_t truth = evtwin_table_find(held, "truth");
    const char *battery = NULL;
    int is_new = 0, is_counted = 0;
    *out = (errors){0};
    for (size_t i = 0; i < evtwin_table_rows(held); i++) {
        const char *id = evtwin_table_text(held, group, i);
        if (battery == NULL || strcmp(id, battery) != 0) {
            battery = id;
            is_counted = 0;
            is_new = evtwin_predictor_has_seen(d->ours, id) == 0 &&
                     evtwin_predictor_has_seen(d->theirs, id) == 0;
        }
        const size_t r = (size_t)evtwin_table_i64(held, row)[i];
        const double y = evtwin_table_number(held, truth, i);
        const double a = evtwin_table_number(d->our_rows, ours, r) - y;
        const double b = evtwin_table_number(d->their_rows, theirs, r) - y;
        if (is_new && isfinite(a) && isfinite(b)) {
            out->ours += a * a;
            out->theirs += b * b;
            out->n_rows++;
            out->n_batteries += !is_counted;
            is_counted = 1;
        }
    }
    if (out->n_rows > 0) {
        out->ours /= (double)out->n_rows;
        out->theirs /= (double)out->n_rows;
    }
    if (target->kind == EVTWIN_TARGET_NUMBER) {
        out->ours = sqrt(out->ours);
        out->theirs = sqrt(out->theirs);
    }
}

static int has_model(const evtwin_predictor *p, const char *target) {
    evtwin_score score;
    return evtwin_predictor_score(p, target, EVTWIN_SCORED_MODEL, &score, sizeof score) ==
           EVTWIN_OK;
}

/* One target more: 1 better, -1 worse, 0 neither, -2 it cannot be compared, which is in out. */
static evtwin_status compare_target(const duel *d, const evtwin_target *target, int *found,
                                    champion_verdict *out) {
    evtwin_table *held = NULL;
    errors e;
    const int is_ours = has_model(d->ours, target->name);
    const int is_theirs = has_model(d->theirs, target->name);
    *found = 0;
    if (!is_ours || !is_theirs) {
        *found = is_theirs ? -2 : 0;
        if (is_theirs) {
            say(out, "it has a %s model, which was not trained now", target->title);
        }
        return EVTWIN_OK;
    }
    TRY(evtwin_trainer_predictions(d->trainer, target->name, &held));
    sum_errors(d, target, held, &e);
    evtwin_table_free(held);
    if (e.n_rows == 0) {
        *found = -2;
        say(out, "there is no battery that neither bundle has seen");
        return EVTWIN_OK;
    }
    *found = e.ours < e.theirs ? 1 : e.ours > e.theirs ? -1 : 0;
    say(out, "%s%s %s %.6g against %.6g on %zu unseen batteries", out->text[0] != '\0' ? ", " : "",
        target->title, target->kind == EVTWIN_TARGET_NUMBER ? "RMSE" : "Brier", e.ours, e.theirs,
        e.n_batteries);
    return EVTWIN_OK;
}

static evtwin_status compare(const duel *d, champion_verdict *out) {
    int n_better = 0, n_worse = 0;
    for (size_t i = 0; i < evtwin_target_count(); i++) {
        evtwin_target target;
        int found;
        evtwin_target_get(i, &target, sizeof target);
        TRY(compare_target(d, &target, &found, out));
        if (found == -2) {
            return EVTWIN_OK;
        }
        n_better += found > 0;
        n_worse += found < 0;
    }
    out->is_better = n_better > 0 && n_worse == 0;
    return EVTWIN_OK;
}

/* What does not let the two be compared is a finding, not a failure. */
static int is_incomparable(evtwin_status st, const char *what, champion_verdict *out) {
    if (st < 0 && st != EVTWIN_E_NOMEM) {
        say(out, "%s: %.300s", what, evtwin_last_error());
        return 1;
    }
    return 0;
}

static evtwin_status fight(duel *d, const char *folder, champion_verdict *out) {
    evtwin_status st = evtwin_predictor_load(folder, &d->theirs);
    if (is_incomparable(st, "its bundle cannot be loaded", out)) {
        return EVTWIN_OK;
    }
    TRY(st);
    TRY(evtwin_trainer_predictor(d->trainer, &d->ours));
    TRY(apply(d->ours, d->table, &d->our_rows));
    st = apply(d->theirs, d->table, &d->their_rows);
    if (is_incomparable(st, "it cannot predict these data", out)) {
        return EVTWIN_OK;
    }
    TRY(st);
    return compare(d, out);
}

evtwin_status champion_compare(const evtwin_trainer *trainer, const evtwin_table *table,
                               int has_ids, const char *folder, champion_verdict *out) {
    *out = (champion_verdict){0};
    if (!has_ids) {
        say(out, "batteries that are identified by a counter have no ids to compare");
        return EVTWIN_OK;
    }
    if (table == NULL) {
        say(out, "a training in pieces has no rows in memory to compare on");
        return EVTWIN_OK;
    }
    size_t n_processes;
    evtwin_trainer_process(trainer, &n_processes);
    if (n_processes > 1) { /* what they held out is numbered by the rows of each */
        say(out, "none of the processes that train together has all rows to compare on");
        return EVTWIN_OK;
    }
    duel d = {.trainer = trainer, .table = table};
    const evtwin_status st = fight(&d, folder, out);
    duel_clear(&d);
    return st;
}
