/* SPDX-License-Identifier: MIT */
/* serve/condition.c: how a battery is now, and whether what is known of it is still of now. */

#include "serve/condition.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

static const double shortest_patience_s = 15.0, intervals_of_patience = 3.0;

/* ---- one battery ---- */

static double patience_s(double set_s, double interval_s) {
    return set_s > 0.0 ? set_s : fmax(shortest_patience_s, intervals_of_patience * interval_s);
}

static const int64_t never_us = INT64_MIN;

static int64_t time_of(const evtwin_table *current, const char *column, size_t row) {
    const size_t col = evtwin_table_find(current, column);
    return evtwin_table_is_valid(current, col, row) ? evtwin_table_i64(current, col)[row]
                                                    : never_us;
}

static double number_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_number(table, evtwin_table_find(table, column), row);
}

void evtwin__standing_of(const evtwin_thresholds *thresholds, const evtwin__patience *patience,
                         const evtwin_table *current, size_t row, evtwin__standing *out) {
    out->health = evtwin_thresholds_status(thresholds, current, row);
    out->needs = evtwin_thresholds_needs(thresholds, current, row);
    out->arrived_us = time_of(current, "arrived_at", row);
    out->predicted_us = time_of(current, "predicted_at", row);
    out->waiting_us = time_of(current, "waiting_since", row);
    out->silent_after_s =
        patience_s(patience->silent_after_s, number_of(current, "arrival_interval_s", row));
    out->stopped_after_s = patience_s(patience->predictions_stopped_after_s,
                                      number_of(current, "prediction_interval_s", row));
}

static double age_s(int64_t time_us, int64_t now_us) {
    return time_us == never_us ? NAN : (double)(now_us - time_us) * 1e-6;
}

void evtwin__condition_of(const evtwin__standing *s, int64_t now_us, evtwin__condition *out) {
    out->health = s->health;
    out->needs = s->needs;
    out->record_age_s = age_s(s->arrived_us, now_us);
    out->prediction_age_s = age_s(s->predicted_us, now_us);
    out->is_silent =
        !(fabs(out->record_age_s) <= s->silent_after_s); /* not known when: silent too */

    /* due since the row waits, or since the last prediction while older rows were predicted */
    const double waiting_s = age_s(s->waiting_us, now_us);
    const double due_s =
        isnan(waiting_s) ? NAN : fmin(fabs(waiting_s), fabs(out->prediction_age_s));
    out->no_predictions_for_s = due_s > s->stopped_after_s ? due_s : NAN;
}

int evtwin__condition_severity(const evtwin__condition *c) {
    return 4 * (int)c->health + 2 * (c->needs != 0) + c->is_silent;
}

/* ---- in words ---- */

const char *evtwin__duration_text(double s, char text[32]) {
    static const struct {
        double below_s, unit_s;
        const char *name;
    } units[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INFINITY, 86400, "days"}};
    int i = 0;
    while (!(fabs(s) < units[i].below_s) && i < 3) {
        i++;
    }
    (void)snprintf(text, 32, "%.0f %s", fabs(s) / units[i].unit_s, units[i].name);
    return text;
}

void evtwin__condition_notice(const evtwin__condition *c, char text[EVTWIN__NOTICE_SIZE]) {
    char data[32], predictions[32];
    const int is_unpredicted = !isnan(c->no_predictions_for_s);
    (void)snprintf(
        text, EVTWIN__NOTICE_SIZE, "%s%s%s%s%s", c->is_silent ? "no data for " : "",
        c->is_silent ? evtwin__duration_text(c->record_age_s, data) : "",
        c->is_silent && is_unpredicted ? ", " : "", is_unpredicted ? "no predictions for " : "",
        is_unpredicted ? evtwin__duration_text(c->no_predictions_for_s, predictions) : "");
}

void evtwin__fleet_notice(const evtwin__fleet *f, char text[EVTWIN__NOTICE_SIZE]) {
    char part[2][128] = {"", ""}, of[64] = "", time[32];
    if (f->n_without_predictions > 0) {
        if (f->n_without_predictions < f->n) {
            (void)snprintf(of, sizeof of, " of %zu of %zu batteries", f->n_without_predictions,
                           f->n);
        }
        (void)snprintf(part[0], sizeof part[0], "no predictions%s for %s", of,
                       evtwin__duration_text(f->no_predictions_for_s, time));
    }
    if (f->n_silent > 0) {
        (void)snprintf(part[1], sizeof part[1], "no data from %zu of %zu batteries", f->n_silent,
                       f->n);
    }
    (void)snprintf(text, EVTWIN__NOTICE_SIZE, "%s%s%s", part[0],
                   part[0][0] != '\0' && part[1][0] != '\0' ? "; " : "", part[1]);
}

/* ---- the fleet ---- */

void evtwin__fleet_begin(evtwin__fleet *f) {
    *f = (evtwin__fleet){.record_age_s = NAN,
                         .prediction_age_s = NAN,
                         .no_predictions_for_s = NAN,
                         .min_factor = NAN,
                         .max_factor = NAN};
}

void evtwin__fleet_add(evtwin__fleet *f, const evtwin__condition *c, double time_factor) {
    f->n++;
    f->n_by_health[c->health] += c->health != EVTWIN_HEALTH_NORMAL || !c->is_silent;
    f->n_silent += c->is_silent != 0;
    f->n_needs_charging += (c->needs & EVTWIN_NEEDS_CHARGING) != 0;
    f->n_needs_service += (c->needs & EVTWIN_NEEDS_SERVICE) != 0;
    f->n_without_predictions += !isnan(c->no_predictions_for_s);
    f->record_age_s = fmin(f->record_age_s, c->record_age_s);
    f->prediction_age_s = fmin(f->prediction_age_s, c->prediction_age_s);
    f->no_predictions_for_s = fmax(f->no_predictions_for_s, c->no_predictions_for_s);
    if (!c->is_silent) {
        f->min_factor = fmin(f->min_factor, time_factor);
        f->max_factor = fmax(f->max_factor, time_factor);
    }
}

double evtwin__fleet_time_factor(const evtwin__fleet *f) {
    return f->max_factor <= 1.1 * f->min_factor ? f->max_factor : NAN;
}

static void write_batteries(const char *const *ids, const evtwin__condition *conditions, size_t n,
                            evtwin__exposition *out) {
    static const char health[] = "evtwin_battery_health", silent[] = "evtwin_battery_silent";
    evtwin__expose_family(out, health, EVTWIN__GAUGE, NULL,
                          "Health by the newest record and prediction: 0 normal, 1 warning, 2 "
                          "critical.");
    for (size_t i = 0; i < n; i++) {
        const evtwin__label label = {"battery_id", ids[i]};
        evtwin__expose(out, health, "", &label, 1, (double)conditions[i].health);
    }
    evtwin__expose_family(out, silent, EVTWIN__GAUGE, NULL,
                          "1 if no record of the battery has come for longer than usual, else 0.");
    for (size_t i = 0; i < n; i++) {
        const evtwin__label label = {"battery_id", ids[i]};
        evtwin__expose(out, silent, "", &label, 1, conditions[i].is_silent);
    }
}

static void write_counts(const evtwin__fleet *f, evtwin__exposition *out) {
    static const char name[] = "evtwin_fleet_batteries";
    static const char *const words[] = {"normal", "warning", "critical"};
    evtwin__expose_family(out, name, EVTWIN__GAUGE, NULL,
                          "Batteries by health; silent ones are not normal.");
    for (int h = EVTWIN_HEALTH_NORMAL; h <= EVTWIN_HEALTH_CRITICAL; h++) {
        const evtwin__label label = {"health", words[h]};
        evtwin__expose(out, name, "", &label, 1, (double)f->n_by_health[h]);
    }
    const struct {
        const char *name, *help;
        size_t n;
    } counts[] = {
        {"evtwin_silent_batteries", "Batteries of which no record has come for longer than usual.",
         f->n_silent},
        {"evtwin_batteries_without_predictions",
         "Batteries whose records have waited for a prediction for longer than usual.",
         f->n_without_predictions},
        {"evtwin_batteries_needing_charging", "Batteries with a low charge.", f->n_needs_charging},
        {"evtwin_batteries_needing_service",
         "Batteries that break a limit of ageing, temperature, risk or remaining life.",
         f->n_needs_service},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        evtwin__expose_one(out, counts[i].name, EVTWIN__GAUGE, NULL, counts[i].help,
                           (double)counts[i].n);
    }
}

static void write_age(const char *name, const char *help, double age, evtwin__exposition *out) {
    if (!isnan(age)) {
        evtwin__expose_one(out, name, EVTWIN__GAUGE, "seconds", help, age);
    }
}

void evtwin__fleet_write(const evtwin__fleet *fleet, const char *const *ids,
                         const evtwin__condition *conditions, size_t n, evtwin__exposition *out) {
    write_batteries(ids, conditions, n, out);
    write_counts(fleet, out);
    write_age("evtwin_last_record_age_seconds", "Since the last record of any battery came.",
              fleet->record_age_s, out);
    write_age("evtwin_last_prediction_age_seconds", "Since any battery was predicted last.",
              fleet->prediction_age_s, out);
}
