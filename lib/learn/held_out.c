/* SPDX-License-Identifier: MIT */
/* learn/held_out.c: the table of held-out predictions. */

#include "learn/trainer.h"

#include "core/status.h"

static evtwin_status add_held_columns(evtwin_table *table, const char *unit) {
    static const char *const name[EVTWIN__N_HELD] = {"row",        "group", "fold",      "truth",
                                                     "prediction", "mean",  "mean_life", "single"};
    for (int c = 0; c < EVTWIN__N_HELD; c++) {
        const evtwin_type type = c == EVTWIN__HELD_GROUP   ? EVTWIN_TEXT
                                 : c >= EVTWIN__HELD_TRUTH ? EVTWIN_F64
                                                           : EVTWIN_I64;
        EVTWIN_TRY(
            evtwin_table_add_column(table, name[c], type, type == EVTWIN_F64 ? unit : "", NULL));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__make_held_table(const char *unit, size_t n, evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st;
    EVTWIN_TRY(evtwin_table_create(&table));
    if ((st = add_held_columns(table, unit)) < 0 || (st = evtwin_table_resize(table, n)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}
