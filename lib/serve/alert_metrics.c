/* SPDX-License-Identifier: MIT */
/* serve/alert_metrics.c: alerts and their delivery as metrics. */

#include "serve/alert_metrics.h"

#include "core/status.h"
#include "serve/alerts_inside.h"
#include "store/alerts.h"

#include <string.h>

static const struct {
    const char *level, *kind, *label; /* as the store has them; of the metric */
} kinds[EVTWIN__ALERT_KINDS] = {{"CRITICAL", "limit", "critical"},
                                {"WARNING", "limit", "warning"},
                                {"WARNING", "silent", "warning"},
                                {"WARNING", "no_predictions", "warning"}};

static const char *const channels[EVTWIN__N_WAYS] = {"webhook", "mail"};

evtwin_status evtwin__alert_counts_read(evtwin_store *store, evtwin__alert_counts *out) {
    evtwin_table *groups = NULL;
    evtwin__alert_counts counts = {.n_raised = 0};
    EVTWIN_TRY(evtwin__store_alert_groups(store, &groups, &counts.n_raised));
    for (size_t row = 0; row < evtwin_table_rows(groups); row++) {
        const char *level = evtwin_table_text(groups, EVTWIN__G_LEVEL, row);
        const char *kind = evtwin_table_text(groups, EVTWIN__G_KIND, row);
        size_t k = 0; /* what is not known counts as the last kind that is a warning */
        while (k + 1 < EVTWIN__ALERT_KINDS && level != NULL && kind != NULL &&
               (strcmp(level, kinds[k].level) != 0 || strcmp(kind, kinds[k].kind) != 0)) {
            k++;
        }
        counts.n_open[k] += evtwin_table_i64(groups, EVTWIN__G_OPEN)[row];
        counts.n_waiting[EVTWIN__WEBHOOK] += evtwin_table_i64(groups, EVTWIN__G_WEBHOOK)[row];
        counts.n_waiting[EVTWIN__MAIL] += evtwin_table_i64(groups, EVTWIN__G_MAIL)[row];
    }
    evtwin_table_free(groups);
    *out = counts;
    return EVTWIN_OK;
}

void evtwin__alert_counts_write(const evtwin__alert_counts *c, evtwin__exposition *out) {
    static const char open[] = "evtwin_alerts_open", waiting[] = "evtwin_alerts_waiting";
    evtwin__expose_family(out, open, EVTWIN__GAUGE, NULL, "Alerts that are not cleared.");
    for (size_t k = 0; k < EVTWIN__ALERT_KINDS; k++) {
        const evtwin__label labels[] = {{"level", kinds[k].label}, {"kind", kinds[k].kind}};
        evtwin__expose(out, open, "", labels, 2, (double)c->n_open[k]);
    }
    evtwin__expose_one(out, "evtwin_alerts_raised", EVTWIN__COUNTER, NULL,
                       "All alerts raised in this store.", (double)c->n_raised);
    evtwin__expose_family(out, waiting, EVTWIN__GAUGE, NULL,
                          "Alerts that are still to be delivered.");
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        const evtwin__label label = {"channel", channels[w]};
        evtwin__expose(out, waiting, "", &label, 1, (double)c->n_waiting[w]);
    }
}

void evtwin__alert_deliveries_write(evtwin_alerts *a, evtwin__exposition *out) {
    static const char deliveries[] = "evtwin_alert_deliveries";
    static const char *const outcomes[] = {"delivered", "failed"};
    if (a == NULL) {
        return;
    }
    evtwin__expose_one(out, "evtwin_alerts_watching", EVTWIN__GAUGE, NULL,
                       "1 if this program raises the alerts of the store, 0 if another one does.",
                       atomic_load(&a->is_watching));
    evtwin__expose_family(
        out, deliveries, EVTWIN__COUNTER, NULL,
        "Alert messages by channel and outcome; a failed message is tried again.");
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        for (int k = 0; k < 2 && a->lane[w] != NULL; k++) {
            const evtwin__label labels[] = {{"channel", channels[w]}, {"outcome", outcomes[k]}};
            evtwin__expose(out, deliveries, "_total", labels, 2,
                           (double)atomic_load(&a->n_messages[w][k]));
        }
    }
    if (a->lane[EVTWIN__MAIL] != NULL) {
        evtwin__expose_one(out, "evtwin_alert_refused_addresses", EVTWIN__COUNTER, NULL,
                           "Addresses that a mail server refused while it accepted others.",
                           (double)atomic_load(&a->n_refused));
    }
}
