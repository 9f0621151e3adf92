/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_drift_live.c: live packs are no drift to a model whose training records
 * were taken at the moments at which live packs report; and faults among them still are. */

#include "test.h"

#include "audit_fleet.h"

#ifdef HAVE_XGBOOST
enum { TRAIN_PACKS = 100, LIVE_DAYS = 30 };

static void ignore(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    (void)text;
}

/* A small forest, of whole lives. */
static evtwin_predictor *trained_on(evtwin_moments moments, size_t n_packs, uint64_t seed) {
    evtwin_sim_options fleet;
    evtwin_run_to_failure_options run;
    evtwin_train_options o;
    evtwin_target rul;
    evtwin_table *records = NULL;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *predictor = NULL;
    size_t t;
    assert_ok(evtwin_sim_options_init(&fleet, sizeof fleet));
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    fleet.n_packs = n_packs;
    fleet.seed = seed;
    fleet.n_threads = 0;
    run.record_every_days = 15.0;
    run.moments = moments;
    assert_ok(evtwin_sim_run_to_failure(&fleet, &run, &records, NULL, 0));
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &rul, sizeof rul));
    rul.trees = 5;
    rul.depth = 3;
    o.cv_folds = 2;
    assert_ok(evtwin_train(records, &rul, 1, &o, &trainer));
    assert_ok(evtwin_trainer_predictor(trainer, &predictor));
    evtwin_trainer_free(trainer);
    evtwin_table_free(records);
    return predictor;
}

/* A fault in the records of a fleet: a column, times so much. */
typedef struct fault {
    const char *column;
    double times;
} fault;

static const fault none = {NULL, 1.0};

/* Without defects: a defective pack at a health of 81 % has more than twice its resistance, which
 * no training record has, and is rightly found. */
static evtwin_sim *cars(size_t n, evtwin_sim_use use, uint64_t seed) {
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.use = use;
    o.n_packs = n;
    o.seed = seed;
    o.n_threads = 0;
    o.step_s = 60.0;
    o.without_defects = 1;
    o.initial_soh_percent = 99.0;
    o.final_soh_percent = 81.0;
    assert_ok(evtwin_sim_create(&o, &sim));
    return sim;
}

/* Number of findings in days of live records, one each half hour. */
static size_t findings_of(const evtwin_predictor *predictor, evtwin_sim *sim, fault f, int64_t days,
                          int is_shown) {
    evtwin_session *session = NULL;
    evtwin_table *t = NULL, *found = NULL;
    size_t n = 0;
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    for (int64_t day = 0; day < days; day++) {
        assert_ok(evtwin_telemetry_table_create(&t));
        for (int64_t i = 0; i < 48; i++) {
            assert_ok(evtwin_sim_advance(sim, 1800.0));
            assert_ok(evtwin_sim_read(sim, (day * 48 + i) * INT64_C(1800000000), t));
        }
        const size_t col = f.column != NULL ? column_of(t, f.column) : 0;
        for (size_t r = 0; f.column != NULL && r < evtwin_table_rows(t); r++) {
            assert_ok(evtwin_table_set_f64(t, col, r, f.times * evtwin_table_number(t, col, r)));
        }
        assert_ok(evtwin_session_apply(session, t));
        evtwin_session_commit(session);
        evtwin_table_free(t);
    }
    if (evtwin_session_drift(session, &found) == EVTWIN_OK) {
        n = evtwin_table_rows(found);
        for (size_t r = 0; is_shown && r < n; r++) {
            print_message("  %s\n", evtwin_table_text(found, 5, r));
        }
    }
    evtwin_table_free(found);
    evtwin_session_free(session);
    evtwin_sim_free(sim);
    return n;
}

static void a_live_fleet_is_no_drift(evtwin_moments moments, evtwin_sim_use use) {
    evtwin_predictor *p = trained_on(moments, TRAIN_PACKS, 1);
    for (uint64_t seed = 7; seed < 10; seed++) {
        assert_int_equal(findings_of(p, cars(12, use, seed), none, 10, 1), 0);
        assert_int_equal(findings_of(p, cars(12, use, seed), none, LIVE_DAYS, 1), 0);
        assert_int_equal(findings_of(p, cars(100, use, seed), none, 10, 1), 0);
        assert_int_equal(findings_of(p, cars(100, use, seed), none, LIVE_DAYS, 1), 0);
    }

    /* not because nothing is seen */
    const fault faults[] = {{"current", -1.0},
                            {"power_consumption", 1e-3},
                            {"voltage", 1.0 / 96},
                            {"voltage", 0.5},
                            {"soc", 0.01}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_true(findings_of(p, cars(12, use, 7), faults[i], 10, 0) > 0);
    }
    evtwin_predictor_free(p);
}

static void daily_cars(void **state) {
    (void)state;
    a_live_fleet_is_no_drift(EVTWIN_MOMENTS_DAILY, EVTWIN_USE_DAILY);
}

static void cycling_packs(void **state) {
    (void)state;
    a_live_fleet_is_no_drift(EVTWIN_MOMENTS_CYCLE, EVTWIN_USE_CYCLE);
}

/* Does the session have a finding about the sign of current? */
static int sign_is_in_doubt(const evtwin_session *session) {
    evtwin_table *found = NULL;
    int is_found = 0;
    if (evtwin_session_drift(session, &found) == EVTWIN_OK) {
        const size_t cause = column_of(found, "cause");
        for (size_t r = 0; r < evtwin_table_rows(found); r++) {
            is_found |= strcmp(evtwin_table_text(found, cause, r), "sign") == 0;
        }
    }
    evtwin_table_free(found);
    return is_found;
}

/* The first minutes that a predictor sees of one pack, which is in the midst of a discharge: its
 * voltage sinks whatever the current does. The current is times what it was. */
static void look_for_sign(const evtwin_predictor *predictor, uint64_t seed, double times) {
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.seed = seed;
    assert_ok(evtwin_sim_create(&o, &sim));
    for (int64_t i = 0; i < 300; i++) {
        evtwin_table *t = NULL;
        if (i % 60 == 0) { /* it is started again */
            assert_true(session == NULL || sign_is_in_doubt(session) == (times < 0.0));
            evtwin_session_free(session);
            assert_ok(evtwin_session_create(predictor, NULL, &session));
        }
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(evtwin_sim_advance(sim, 12.0));
        assert_ok(evtwin_sim_read(sim, i * INT64_C(200000), t));
        evtwin_table_f64_edit(t, column_of(t, "current"))[0] *= times;
        assert_ok(evtwin_session_apply(session, t));
        evtwin_session_commit(session);
        assert_false(times > 0.0 && sign_is_in_doubt(session));
        evtwin_table_free(t);
    }
    evtwin_session_free(session);
    evtwin_sim_free(sim);
}

static void a_stretch_has_its_sign(void **state) {
    (void)state;
    evtwin_predictor *p = trained_on(EVTWIN_MOMENTS_ACTIVE, 40, 3);
    for (uint64_t seed = 0; seed < 12; seed++) {
        look_for_sign(p, seed, 1.0);
        look_for_sign(p, seed, -1.0);
    }
    evtwin_predictor_free(p);
}

/* Records taken while cars do something are another matter, and said to be. */
static void active_records_are_unlike(void **state) {
    (void)state;
    evtwin_predictor *p = trained_on(EVTWIN_MOMENTS_ACTIVE, TRAIN_PACKS, 1);
    assert_true(findings_of(p, cars(100, EVTWIN_USE_DAILY, 7), none, 10, 1) > 0);
    evtwin_predictor_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daily_cars),
        cmocka_unit_test(cycling_packs),
        cmocka_unit_test(a_stretch_has_its_sign),
        cmocka_unit_test(active_records_are_unlike),
    };
    evtwin_set_log(ignore, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    return 0;
}
#endif
