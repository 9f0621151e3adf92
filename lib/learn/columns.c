/* SPDX-License-Identifier: MIT */
/* learn/columns.c: find a feature's or target's column in a table, and say well what is not there.
 */

#include "learn/columns.h"

#include "evtwin/telemetry.h"

#include <stdio.h>
#include <string.h>

size_t evtwin__column_find(const evtwin_table *table, const char *name) {
    const size_t col = evtwin_table_find(table, name);
    size_t quantity;
    if (col != EVTWIN_NO_COLUMN || evtwin_quantity_find(name, &quantity, NULL, NULL) != EVTWIN_OK) {
        return col;
    }
    return evtwin_telemetry_find(table, evtwin_quantity_name(quantity, EVTWIN_NAMING_EVTWIN));
}

int evtwin__column_is_number(const evtwin_table *table, size_t col) {
    const evtwin_type type = evtwin_table_type(table, col);
    return type == EVTWIN_F64 || type == EVTWIN_I64 || type == EVTWIN_BOOL;
}

int evtwin__name_is_truth(const char *name) {
    return strncmp(name, "truth_", 6) == 0;
}

const char *evtwin__column_list(const evtwin_table *table, char *text, size_t text_size) {
    static const char more[] = ", …";
    size_t used = 0;
    text[0] = '\0';
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *name = evtwin_table_name(table, col);
        const char *comma = col > 0 ? ", " : "";
        if (used + strlen(comma) + strlen(name) + sizeof more > text_size) {
            snprintf(text + used, text_size - used, "%s", col > 0 ? more : "…");
            break;
        }
        used += (size_t)snprintf(text + used, text_size - used, "%s%s", comma, name);
    }
    return text;
}
