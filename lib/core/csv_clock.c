/* SPDX-License-Identifier: MIT */
/* core/csv_clock.c: the test time of the Battery Data Format, which never goes back in a file. */

#include "core/csv_clock.h"

#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

/* Our own sim_time_s is of each battery, and files of ours have many. */
static int is_test_time(const char *name) {
    static const evtwin_naming namings[] = {EVTWIN_NAMING_BDF, EVTWIN_NAMING_BDF_MACHINE};
    int is_one = 0;
    for (size_t i = 0; i < sizeof namings / sizeof namings[0]; i++) {
        const evtwin__alias *alias = evtwin__alias_of(EVTWIN__Q_SIM_TIME_S, namings[i]);
        is_one |= alias != NULL && strcmp(alias->name, name) == 0;
    }
    return is_one;
}

void evtwin__csv_clock_find(evtwin__csv_reader *r) {
    r->clock = SIZE_MAX;
    int has_several = r->options.has_several_tests;
    for (size_t i = 0; i < r->n_targets; i++) {
        const evtwin__csv_target *target = &r->target[i];
        const int is_battery =
            target->quantity != NULL &&
            strcmp(target->quantity, evtwin__schema[EVTWIN__Q_BATTERY_ID].name) == 0;
        has_several |= is_battery || (target->is_listed >> EVTWIN_TEXT & 1); /* a group */
        r->clock = is_test_time(target->name) ? i : r->clock;
    }
    r->clock = has_several ? SIZE_MAX : r->clock;
    evtwin__csv_clock_begin(r);
}

void evtwin__csv_clock_begin(evtwin__csv_reader *r) {
    r->clock_last = -INFINITY;
    r->clock_here = NAN;
    r->clock_line = 0;
}

evtwin_status evtwin__csv_clock_check(evtwin__csv_reader *r) {
    if (r->clock == SIZE_MAX) {
        return EVTWIN_OK;
    }
    const evtwin__csv_target *target = &r->target[r->clock];
    const double now = target->kind == EVTWIN_F64 ? target->f64[r->row] : r->clock_here;
    char last_text[EVTWIN__NUM_SIZE], now_text[EVTWIN__NUM_SIZE];
    r->clock_here = NAN;
    EVTWIN_FAIL_IF(
        now < r->clock_last, EVTWIN_E_PARSE,
        "%s:%zu:%zu: '%.100s' goes back from %s (line %zu) to %s: a file holds one test "
        "of one cell; take the row out (`bdf clean --time-fix drop` of batterydf does) or "
        "export the test anew; rows of several tests need a column battery_id",
        r->scan.name, r->scan.line, r->clock + 1, target->name,
        evtwin__number_text(r->clock_last, last_text), r->clock_line,
        evtwin__number_text(now, now_text));
    if (!isnan(now)) {
        r->clock_last = now;
        r->clock_line = r->scan.line;
    }
    return EVTWIN_OK;
}
