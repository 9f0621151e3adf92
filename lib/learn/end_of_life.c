/* SPDX-License-Identifier: MIT */
/* learn/end_of_life.c: the end of life that the labels count down to. */

#include "learn/end_of_life.h"

#include "core/schema.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double evtwin__end_of_life_lowest(const evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin_table *table = data->table;
    const size_t truth = evtwin_table_find(table, evtwin__schema[EVTWIN__Q_TRUTH_SOH].name);
    const size_t own = evtwin__end_of_life_column(&trainer->bundle);
    const double *rul = data->label[EVTWIN__T_RUL].y;
    double lowest = INFINITY;
    for (size_t r = 0; rul != NULL && r < data->rows; r++) {
        const double soh = truth != EVTWIN_NO_COLUMN          ? evtwin_table_number(table, truth, r)
                           : own < trainer->bundle.n_features ? data->x[r * data->cols + own]
                                                              : (double)NAN;
        if (rul[r] > 0.0 && soh < lowest) {
            lowest = soh;
        }
    }
    return lowest;
}

enum { RULE_SIZE = 64 };

static void name_rule(int is_given, double end, char rule[RULE_SIZE]) {
    snprintf(rule, RULE_SIZE, is_given ? "soh below %.4g %%" : "no life is left below %.4g %% soh",
             end);
}

evtwin_status evtwin__end_of_life_set(evtwin_trainer *trainer, int has_rul, double given,
                                      double lowest) {
    evtwin__bundle *b = &trainer->bundle;
    b->eol_soh_percent = given > 0.0 ? given : (double)NAN; /* which is not written */
    if (!has_rul || evtwin__end_of_life_column(b) == b->n_features) {
        return EVTWIN_OK;
    }
    if (!(given > 0.0)) {
        b->eol_soh_percent = lowest > 0.0 && lowest < 100.0 ? lowest : (double)NAN;
    }
    if (b->eol_soh_percent > 0.0 && b->label_rule[0] == '\0') {
        char rule[RULE_SIZE];
        name_rule(given > 0.0, b->eol_soh_percent, rule);
        return evtwin__bundle_keep(b, rule, &b->label_rule);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__end_of_life_lower(evtwin_trainer *trainer, int has_rul, double lowest) {
    evtwin__bundle *b = &trainer->bundle;
    const double given = trainer->options.eol_soh_percent;
    char rule[RULE_SIZE];
    name_rule(given > 0.0, b->eol_soh_percent, rule);
    if (strcmp(b->label_rule, rule) == 0) { /* ours, not the caller's */
        b->label_rule = "";
    }
    return evtwin__end_of_life_set(trainer, has_rul, given, lowest);
}

evtwin_status evtwin__end_of_life_find(evtwin_trainer *trainer, const evtwin__dataset *data,
                                       double given) {
    return evtwin__end_of_life_set(trainer, data->label[EVTWIN__T_RUL].is_present, given,
                                   evtwin__end_of_life_lowest(trainer, data));
}

size_t evtwin__end_of_life_column(const evtwin__bundle *b) {
    size_t found = b->n_features;
    for (size_t i = 0; i < b->n_features; i++) {
        const char *name = evtwin_features_name(b->features, i);
        const int is_health = strcmp(evtwin_features_column(b->features, i), "soh") == 0;
        const int is_level = strcmp(name, "soh") == 0 || strcmp(name, "soh.level") == 0;
        if (is_health && is_level && strcmp(evtwin_features_unit(b->features, i), "percent") == 0) {
            found = i;
        }
    }
    return found;
}
