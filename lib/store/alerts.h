/* SPDX-License-Identifier: MIT */
/* store/alerts.h: what the writer of alerts asks of a store, of which there is one at a time. */
#ifndef EVTWIN_STORE_ALERTS_H
#define EVTWIN_STORE_ALERTS_H

#include "evtwin/store.h"

/* The columns of ev_alert, and of the tables of alerts that the calls take and give. */
typedef enum evtwin__alert_column {
    EVTWIN__A_ID,
    EVTWIN__A_CHANGE, /* given by the store */
    EVTWIN__A_BATTERY_ID,
    EVTWIN__A_RULE,
    EVTWIN__A_QUANTITY,
    EVTWIN__A_OPERATOR,
    EVTWIN__A_LIMIT,
    EVTWIN__A_LEVEL,
    EVTWIN__A_RAISED_AT,
    EVTWIN__A_ACKNOWLEDGED_AT,
    EVTWIN__A_ACKNOWLEDGED_BY,
    EVTWIN__A_CLEARED_AT,
    EVTWIN__A_VALUE,
    EVTWIN__A_WORST,
    EVTWIN__A_TEXT,
    EVTWIN__A_WEBHOOK,
    EVTWIN__A_MAIL,
    EVTWIN__A_COUNT
} evtwin__alert_column;

/* An empty table with these columns. */
evtwin_status evtwin__alert_table_create(evtwin_table **out);

/* Become the one writer of alerts, or stay it, for so many seconds by the store's clock; 0 gives it
 * back. EVTWIN_E_BUSY if another holder has it and was heard of since. */
evtwin_status evtwin__store_alert_lease(evtwin_store *store, const char *holder, double seconds);

/* Write alerts by their id, all or none: new ones, or of those that are there cleared_at, worst and
 * what was delivered; and forget some that are past the retention. No rows: that alone.
 * EVTWIN_E_BUSY if the holder is not the writer any more. */
evtwin_status evtwin__store_put_alerts(evtwin_store *store, const char *holder,
                                       const evtwin_table *alerts);

/* The columns of a table of counts. */
typedef enum evtwin__alert_group {
    EVTWIN__G_LEVEL,
    EVTWIN__G_KIND,    /* limit, silent, no_predictions */
    EVTWIN__G_OPEN,    /* not cleared */
    EVTWIN__G_WEBHOOK, /* to be delivered */
    EVTWIN__G_MAIL,
    EVTWIN__G_COUNT
} evtwin__alert_group;

/* How many are open or to be delivered, by level and kind, perhaps without rows; and how many were
 * ever raised. */
evtwin_status evtwin__store_alert_groups(evtwin_store *store, evtwin_table **out,
                                         int64_t *n_raised_out);

/* The last change of any alert. */
evtwin_status evtwin__store_alert_change(evtwin_store *store, int64_t *out);

/* Those that are not cleared, or whose delivery is not complete; EVTWIN_DONE, *out NULL: none. */
evtwin_status evtwin__store_due_alerts(evtwin_store *store, evtwin_table **out);

#endif
