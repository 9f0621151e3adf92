/* SPDX-License-Identifier: MIT */
/* serve/alert_json.c: alerts as JSON. */

#include "serve/alert_json.h"

#include "store/alerts.h"

static void put_text(evtwin__text *text, const char *key, const evtwin_table *t,
                     evtwin__alert_column col, size_t row) {
    evtwin__text_string(text, key, evtwin_table_text(t, col, row));
}

static void put_time(evtwin__text *text, const char *key, const evtwin_table *t,
                     evtwin__alert_column col, size_t row) {
    if (evtwin_table_is_valid(t, col, row)) {
        evtwin__text_time(text, key, evtwin_table_i64(t, col)[row]);
    } else {
        evtwin__text_word(text, key, "null");
    }
}

static void put_delivery(evtwin__text *text, const char *key, const evtwin_table *t,
                         evtwin__alert_column col, size_t row) {
    if (!evtwin_table_is_valid(t, col, row)) {
        evtwin__text_word(text, key, "null");
        return;
    }
    const int64_t sent = evtwin_table_i64(t, col)[row];
    const int is_cleared = evtwin_table_is_valid(t, EVTWIN__A_CLEARED_AT, row);
    evtwin__text_string(text, key, sent >= (is_cleared ? 2 : 1) ? "delivered" : "pending");
}

void evtwin__alert_json(evtwin__text *text, const evtwin_table *t, size_t row) {
    const int is_limit = evtwin_table_is_valid(t, EVTWIN__A_QUANTITY, row);
    const int is_cleared = evtwin_table_is_valid(t, EVTWIN__A_CLEARED_AT, row);
    const int is_acknowledged = evtwin_table_is_valid(t, EVTWIN__A_ACKNOWLEDGED_AT, row);
    evtwin__text_integer(text, "id", evtwin_table_i64(t, EVTWIN__A_ID)[row]);
    put_text(text, "battery_id", t, EVTWIN__A_BATTERY_ID, row);
    evtwin__text_string(text, "kind",
                        is_limit ? "limit" : evtwin_table_text(t, EVTWIN__A_RULE, row));
    put_text(text, "quantity", t, EVTWIN__A_QUANTITY, row);
    put_text(text, "operator", t, EVTWIN__A_OPERATOR, row);
    evtwin__text_number(text, "limit", evtwin_table_number(t, EVTWIN__A_LIMIT, row));
    put_text(text, "level", t, EVTWIN__A_LEVEL, row);
    evtwin__text_string(text, "state",
                        is_cleared        ? "cleared"
                        : is_acknowledged ? "acknowledged"
                                          : "raised");
    put_text(text, "text", t, EVTWIN__A_TEXT, row);
    evtwin__text_number(text, "value", evtwin_table_number(t, EVTWIN__A_VALUE, row));
    evtwin__text_number(text, "worst", evtwin_table_number(t, EVTWIN__A_WORST, row));
    put_time(text, "raised_at", t, EVTWIN__A_RAISED_AT, row);
    put_time(text, "acknowledged_at", t, EVTWIN__A_ACKNOWLEDGED_AT, row);
    put_text(text, "acknowledged_by", t, EVTWIN__A_ACKNOWLEDGED_BY, row);
    put_time(text, "cleared_at", t, EVTWIN__A_CLEARED_AT, row);
    evtwin__text_open(text, "delivery", '{');
    put_delivery(text, "webhook", t, EVTWIN__A_WEBHOOK, row);
    put_delivery(text, "mail", t, EVTWIN__A_MAIL, row);
    evtwin__text_put(text, "}");
}
