/* SPDX-License-Identifier: MIT */
/* learn/search_table.c: the sets that a search tried, as a table. */

#include "learn/trainer.h"

#include "core/status.h"

enum { SET, TREES, DEPTH, RATE, SUBSAMPLE, COLUMN_SAMPLE, CHILD_WEIGHT, ERROR, IS_BEST, N_COLUMNS };

static evtwin_status add_columns(evtwin_table *table, const char *unit) {
    static const struct {
        const char *name;
        evtwin_type type;
    } column[N_COLUMNS] = {{"set", EVTWIN_I64},
                           {"trees", EVTWIN_I64},
                           {"depth", EVTWIN_I64},
                           {"learning_rate", EVTWIN_F64},
                           {"subsample", EVTWIN_F64},
                           {"column_sample", EVTWIN_F64},
                           {"min_child_weight", EVTWIN_F64},
                           {"error", EVTWIN_F64},
                           {"is_best", EVTWIN_BOOL}};
    for (int c = 0; c < N_COLUMNS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(table, column[c].name, column[c].type,
                                           c == ERROR ? unit : "", NULL));
    }
    return EVTWIN_OK;
}

static evtwin_status set_row(evtwin_table *table, size_t row, const evtwin__tried *set,
                             int is_best) {
    const evtwin__growth *g = &set->growth;
    EVTWIN_TRY(evtwin_table_set_i64(table, SET, row, (int64_t)row));
    EVTWIN_TRY(evtwin_table_set_i64(table, TREES, row, g->trees));
    EVTWIN_TRY(evtwin_table_set_i64(table, DEPTH, row, g->depth));
    EVTWIN_TRY(evtwin_table_set_f64(table, RATE, row, g->learning_rate));
    EVTWIN_TRY(evtwin_table_set_f64(table, SUBSAMPLE, row, evtwin__or_by_default(g->subsample)));
    EVTWIN_TRY(
        evtwin_table_set_f64(table, COLUMN_SAMPLE, row, evtwin__or_by_default(g->column_sample)));
    EVTWIN_TRY(
        evtwin_table_set_f64(table, CHILD_WEIGHT, row, evtwin__or_by_default(g->min_child_weight)));
    EVTWIN_TRY(evtwin_table_set_f64(table, ERROR, row, set->error));
    return evtwin_table_set_bool(table, IS_BEST, row, is_best);
}

evtwin_status evtwin_trainer_search(const evtwin_trainer *trainer, const char *target,
                                    evtwin_table **out) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL, EVTWIN_E_ARG, "trainer or out is NULL");
    size_t t;
    EVTWIN_TRY(evtwin__trained_target(trainer, target, &t));
    const evtwin__searched *s = &trainer->result[t].search;
    EVTWIN_FAIL_IF(s->n == 0, EVTWIN_E_NOT_FOUND, "%s was trained without a search (n_tune)",
                   target);
    evtwin_table *table = NULL;
    evtwin_status st = evtwin_table_create(&table);
    st = st < 0 ? st : add_columns(table, trainer->bundle.model[t].unit);
    st = st < 0 ? st : evtwin_table_resize(table, s->n);
    for (size_t i = 0; i < s->n && st >= 0; i++) {
        st = set_row(table, i, &s->set[i], i == s->best);
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}
