/* SPDX-License-Identifier: MIT */
/* core/csv_plan.c: which column each field of a CSV goes to. */

#include "core/csv_plan.h"

#include "core/status.h"
#include "core/table.h"

#include <string.h>

/* ---- the plan of a whole file: a column for each field, of its name, in its unit ---- */

/* A name that comes twice. */
static evtwin_status check_duplicate(const evtwin__csv_reader *r, size_t i) {
    size_t k = 0;
    while (strcmp(r->target[k].name, r->target[i].name) != 0) {
        k++;
    }
    EVTWIN_FAIL_IF(r->options.used_columns == NULL || r->target[i].is_used, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: duplicate column '%.100s': it is also column %zu", r->scan.name,
                   r->n_above + 1, i + 1, r->target[i].name, k + 1);
    return EVTWIN_OK;
}

/* What a column is: by the options, else by its telemetry quantity, else f64 until a text turns up.
 */
static evtwin_status plan_new_column(evtwin__csv_reader *r, evtwin__csv_target *target) {
    const int is_number = target->is_listed >> EVTWIN_F64 & 1;
    const int is_text = target->is_listed >> EVTWIN_TEXT & 1;
    EVTWIN_FAIL_IF(is_number && is_text, EVTWIN_E_ARG,
                   "column '%.100s' is in number_columns and in text_columns", target->name);
    target->factor = 1.0;
    target->shift = target->stated;
    target->kind = EVTWIN_F64;
    target->is_lenient = r->options.used_columns != NULL && !target->is_used;
    target->takes_words |= is_number && target->quantity == NULL;
    if (is_text) {
        target->kind = EVTWIN_TEXT;
    } else if (target->quantity != NULL && (!is_number || target->type == EVTWIN_I64)) {
        target->kind = (int)target->type;
        target->may_be_real = 1;
    } else {
        target->is_inferred = !is_number;
    }
    return evtwin_table_add_column(r->table, target->name, (evtwin_type)target->kind,
                                   is_text ? "" : target->unit, &target->col);
}

evtwin_status evtwin__csv_plan_table(evtwin__csv_reader *r) {
    size_t n_nameless = 0, first_nameless = 0;
    EVTWIN_TRY(evtwin_table_create(&r->table));
    for (size_t i = r->n_targets; i-- > 0;) {
        first_nameless = r->target[i].name[0] == '\0' ? i : first_nameless;
        n_nameless += r->target[i].name[0] == '\0';
    }
    for (size_t i = 0; i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        if (target->name[0] == '\0' ||
            (r->options.other_columns != NULL && !target->is_used && !target->is_other)) {
            continue;
        }
        if (evtwin_table_find(r->table, target->name) != EVTWIN_NO_COLUMN) {
            EVTWIN_TRY(check_duplicate(r, i));
            continue;
        }
        EVTWIN_TRY(plan_new_column(r, target));
    }
    if (n_nameless > 0 && r->options.other_columns == NULL) {
        evtwin__log(EVTWIN_LOG_INFO, "%s: column %zu has no name and is left out%s", r->scan.name,
                    first_nameless + 1, n_nameless > 1 ? ", as are others" : "");
    }
    return EVTWIN_OK;
}

/* ---- the plan of batches: the columns that a table has, by our names, in our units ---- */

evtwin_status evtwin__csv_plan_known(evtwin__csv_reader *r, size_t i, const evtwin_table *table) {
    evtwin__csv_target *target = &r->target[i];
    const char *quantity = target->quantity;
    target->kind = EVTWIN__CSV_SKIP;
    target->col = evtwin_table_find(table, target->name);
    int is_ours = quantity != NULL && strcmp(quantity, target->name) == 0;
    if (target->col == EVTWIN_NO_COLUMN && quantity != NULL) {
        target->col = evtwin_table_find(table, quantity);
        is_ours = 1;
    }
    if (target->col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    target->kind = (int)evtwin_table_type(table, target->col);
    target->factor = is_ours ? target->to_ours : 1.0;
    target->shift = is_ours ? target->stated : NULL;
    target->is_absolute = is_ours && target->has_direction;
    EVTWIN_FAIL_IF(target->kind != EVTWIN_F64 && target->factor != 1.0, EVTWIN_E_SCHEMA,
                   "%s: column '%.100s' must be numeric (f64) to convert it to '%s' (factor %g)",
                   r->scan.name, target->name, quantity, target->factor);
    for (size_t k = 0; k < i; k++) {
        const evtwin__csv_target *other = &r->target[k];
        EVTWIN_FAIL_IF(other->kind != EVTWIN__CSV_SKIP && other->col == target->col,
                       EVTWIN_E_SCHEMA, "%s: columns '%.100s' and '%.100s' are both '%s'",
                       r->scan.name, other->name, target->name,
                       evtwin_table_name(table, target->col));
    }
    return EVTWIN_OK;
}
