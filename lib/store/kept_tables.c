/* SPDX-License-Identifier: MIT */
/* store/kept_tables.c: small tables that a store keeps as they come: states, scores, limits. */

#include "core/status.h"
#include "store/backend.h"

const evtwin__kept evtwin__kept_tables[EVTWIN__N_KEPT] = {
    [EVTWIN__KEPT_STATES] = {.sql_table = "ev_state",
                             .sql_order = "battery_id",
                             .n_columns = 4,
                             .n_required = 1,
                             .column = {{"battery_id", EVTWIN_TEXT},
                                        {"time", EVTWIN_TIME},
                                        {"seq", EVTWIN_I64},
                                        {"state", EVTWIN_TEXT}}},
    [EVTWIN__KEPT_SCORES] = {.sql_table = "ev_model",
                             .sql_order = "rowid DESC",
                             .n_columns = 10,
                             .n_required = 2,
                             .column = {{"model_version", EVTWIN_TEXT},
                                        {"target", EVTWIN_TEXT},
                                        {"trained_at", EVTWIN_TIME},
                                        {"r2", EVTWIN_F64},
                                        {"rmse", EVTWIN_F64},
                                        {"mae", EVTWIN_F64},
                                        {"auc", EVTWIN_F64},
                                        {"average_precision", EVTWIN_F64},
                                        {"accuracy", EVTWIN_F64},
                                        {"brier", EVTWIN_F64}}},
    [EVTWIN__KEPT_LIMITS] = {.sql_table = "ev_threshold",
                             .sql_order = "rowid",
                             .is_replaced = 1,
                             .n_columns = 5,
                             .n_required = 4,
                             .column = {{"kind", EVTWIN_TEXT},
                                        {"quantity", EVTWIN_TEXT},
                                        {"level", EVTWIN_TEXT},
                                        {"operator", EVTWIN_TEXT},
                                        {"limit", EVTWIN_F64}}}};

evtwin_status evtwin__kept_check(evtwin__kept_id which, const evtwin_table *table) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    for (size_t c = 0; c < kept->n_columns; c++) {
        const char *name = kept->column[c].name;
        const size_t col = evtwin_table_find(table, name);
        EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN ||
                           evtwin_table_type(table, col) != kept->column[c].type,
                       EVTWIN_E_SCHEMA, "the table has no column %s, or it has another type", name);
        for (size_t row = 0; c < kept->n_required && row < evtwin_table_rows(table); row++) {
            const char *text = evtwin_table_text(table, col, row);
            EVTWIN_FAIL_IF(text == NULL || text[0] == '\0', EVTWIN_E_ARG, "row %zu has no %s",
                           row + 1, name);
        }
    }
    return EVTWIN_OK;
}
