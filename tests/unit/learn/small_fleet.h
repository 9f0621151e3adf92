/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/small_fleet.h: a little labelled fleet that trains in a blink, for tests of the
 * trainer. */
#ifndef EVTWIN_TEST_SMALL_FLEET_H
#define EVTWIN_TEST_SMALL_FLEET_H

#include "evtwin/evtwin.h"

#include <stdio.h>

enum { FLEET_BATTERIES = 20, FLEET_ROWS = 40 };

/* Columns of the fleet, in order. */
enum {
    FLEET_ID,
    FLEET_TIME,
    FLEET_SOC,
    FLEET_SOH,
    FLEET_VOLTAGE,
    FLEET_CURRENT,
    FLEET_TEMPERATURE,
    FLEET_CYCLES,
    FLEET_POWER,
    FLEET_RUL,
    FLEET_FAILURE,
    FLEET_TRUTH
};

static inline double fleet_noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

static inline evtwin_table *fleet_columns(size_t rows) {
    static const struct {
        const char *name, *unit;
        evtwin_type type;
    } column[] = {{"battery_id", "", EVTWIN_TEXT},
                  {"time", "", EVTWIN_TIME},
                  {"soc", "percent", EVTWIN_F64},
                  {"soh", "percent", EVTWIN_F64},
                  {"voltage", "V", EVTWIN_F64},
                  {"current", "A", EVTWIN_F64},
                  {"temperature", "degC", EVTWIN_F64},
                  {"charge_cycles", "cycles", EVTWIN_I64},
                  {"power_consumption", "W", EVTWIN_F64},
                  {"rul", "", EVTWIN_F64},
                  {"failure", "", EVTWIN_F64},
                  {"truth_soh", "percent", EVTWIN_F64}};
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, rows));
    for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
        size_t col;
        assert_ok(evtwin_table_add_column(t, column[i].name, column[i].type, column[i].unit, &col));
        assert_int_equal(col, i);
    }
    return t;
}

/* Each battery loses health at its own pace; rul follows from health, failure is rul < 100. */
static inline evtwin_table *make_fleet(size_t batteries, size_t rows_each) {
    evtwin_table *t = fleet_columns(batteries * rows_each);
    uint32_t seed = 99;
    for (size_t r = 0; r < batteries * rows_each; r++) {
        const size_t b = r / rows_each, k = r % rows_each;
        const double life = 600.0 + 20.0 * (double)(b % 11);
        const double cycles = life * (double)k / (double)rows_each;
        const double soh = 100.0 - 20.0 * cycles / life;
        const double current = 100.0 * fleet_noise(&seed) - 20.0;
        const double voltage = 350.0 + 40.0 * fleet_noise(&seed);
        char id[32];
        snprintf(id, sizeof id, "B%03zu", b);
        assert_ok(evtwin_table_set_text(t, FLEET_ID, r, id));
        assert_ok(evtwin_table_set_i64(t, FLEET_TIME, r, (int64_t)k * 86400000000));
        assert_ok(evtwin_table_set_f64(t, FLEET_SOC, r, 100.0 * fleet_noise(&seed)));
        assert_ok(evtwin_table_set_f64(t, FLEET_SOH, r, soh - 0.5 * fleet_noise(&seed)));
        assert_ok(evtwin_table_set_f64(t, FLEET_VOLTAGE, r, voltage));
        assert_ok(evtwin_table_set_f64(t, FLEET_CURRENT, r, current));
        assert_ok(evtwin_table_set_f64(t, FLEET_TEMPERATURE, r, 20.0 + 10.0 * fleet_noise(&seed)));
        assert_ok(evtwin_table_set_i64(t, FLEET_CYCLES, r, (int64_t)cycles));
        assert_ok(evtwin_table_set_f64(t, FLEET_POWER, r, fabs(voltage * current)));
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, life - cycles));
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, life - cycles < 100.0));
        assert_ok(evtwin_table_set_f64(t, FLEET_TRUTH, r, soh));
    }
    return t;
}

/* Options that train fast. */
static inline evtwin_train_options fleet_options(void) {
    evtwin_train_options o;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    o.learning_rate = 0.3;
    o.allow = "label-rule"; /* its failure follows from soh but for noise, as the audit says */
    return o;
}

/* What is trained: RUL and failure with few shallow trees, from these columns (as in
 * evtwin_target). */
typedef struct fleet_targets {
    evtwin_target rul, failure;
} fleet_targets;

static inline fleet_targets targets_of(const char *rul, const char *failure) {
    fleet_targets t;
    evtwin_target *const each[] = {&t.rul, &t.failure};
    static const char *const name[] = {"rul", "failure"};
    for (int i = 0; i < 2; i++) {
        size_t index;
        assert_ok(evtwin_target_find(name[i], &index));
        assert_ok(evtwin_target_get(index, each[i], sizeof *each[i]));
        each[i]->trees = 20;
        each[i]->depth = 3;
    }
    t.rul.column = rul;
    t.failure.column = failure;
    return t;
}

static inline evtwin_status try_train(const evtwin_table *t, const fleet_targets *targets,
                                      const evtwin_train_options *o, evtwin_trainer **out) {
    return evtwin_train(t, &targets->rul, 2, o, out);
}

static inline evtwin_trainer *train_targets(const evtwin_table *t, const char *rul,
                                            const char *failure, const evtwin_train_options *o) {
    const fleet_targets targets = targets_of(rul, failure);
    evtwin_trainer *trainer = NULL;
    assert_ok(try_train(t, &targets, o, &trainer));
    return trainer;
}

static inline evtwin_trainer *train_fleet(const evtwin_table *t, const evtwin_train_options *o) {
    return train_targets(t, NULL, NULL, o);
}

/* The score of a target that was trained. */
static inline evtwin_score score_of(const evtwin_trainer *trainer, const char *target,
                                    evtwin_scored scored) {
    evtwin_score s;
    assert_ok(evtwin_trainer_score(trainer, target, scored, EVTWIN_ALL_FOLDS, &s, sizeof s));
    return s;
}

static inline evtwin_score model_score(const evtwin_trainer *trainer, const char *target) {
    return score_of(trainer, target, EVTWIN_SCORED_MODEL);
}

static inline evtwin_score fold_score(const evtwin_trainer *trainer, const char *target,
                                      size_t fold) {
    evtwin_score s;
    assert_ok(evtwin_trainer_score(trainer, target, EVTWIN_SCORED_MODEL, fold, &s, sizeof s));
    return s;
}

/* Text of the first finding of that cause, NULL if there is none. */
static inline const char *finding_text(const evtwin_trainer *trainer, const char *cause) {
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding f;
        assert_ok(evtwin_trainer_finding(trainer, i, &f, sizeof f));
        if (strcmp(f.cause, cause) == 0) {
            return f.text;
        }
    }
    return NULL;
}

#endif
