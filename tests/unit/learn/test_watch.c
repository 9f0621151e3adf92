/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_watch.c: values outside the range of the training data, and percent that
 * look like fractions: counted at commit, logged when they begin. The sample bundle was trained on
 * soc 20 to 100, soh 71.25 to 100, voltage 340.5 to 402; of current it does not say. */

#include "bundles.h"

#include "evtwin/session.h"

enum { SOC, SOH, VOLTAGE, CURRENT };

typedef struct log {
    int n_warnings, n_notes;
    char last[1024];
} log_lines;

static void keep_line(void *ctx, evtwin_log_level level, const char *text) {
    log_lines *l = ctx;
    l->n_warnings += level == EVTWIN_LOG_WARNING;
    l->n_notes += level == EVTWIN_LOG_INFO;
    snprintf(l->last, sizeof l->last, "%s", text);
}

typedef struct watched {
    evtwin_predictor *predictor;
    evtwin_session *session;
    log_lines log;
} watched;

static void start(watched *w, const char *name, int has_ranges) {
    *w = (watched){.predictor = NULL};
    const char *dir = temp_path(name);
    const bundle_spec spec = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    evtwin__bundle b;
    write_bundle_parts(dir, &spec, &b);
    evtwin__bundle_feature features[FIXTURE_FEATURES];
    memcpy(features, bundle_features, sizeof features);
    for (size_t i = 0; i < FIXTURE_FEATURES && !has_ranges; i++) {
        features[i].min = features[i].max = NAN;
    }
    b.feature = features;
    write_bundle_manifest(dir, &b);
    evtwin_set_log(keep_line, &w->log);
    assert_ok(evtwin_predictor_load(dir, &w->predictor));
    assert_ok(evtwin_session_create(w->predictor, NULL, &w->session));
}

static void stop(watched *w) {
    evtwin_session_free(w->session);
    evtwin_predictor_free(w->predictor);
    evtwin_set_log(NULL, NULL);
}

/* Rows of one battery that differ by state of charge and of health. */
static void apply(watched *w, const double *soc, double soh, size_t n) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, n));
    for (size_t r = 0; r < n; r++) {
        const double value[] = {soc[r], soh, 370.0, 12.0};
        static const char *const name[] = {"soc", "soh", "voltage", "current"};
        for (size_t i = 0; i < 4; i++) {
            assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, name[i]), r, value[i]));
        }
        assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), r, "B1"));
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "time"), r, (int64_t)r));
    }
    assert_ok(evtwin_session_apply(w->session, t));
    evtwin_table_free(t);
}

static evtwin_feature_range range_of(const watched *w, size_t feature) {
    evtwin_feature_range r;
    assert_ok(evtwin_session_range(w->session, feature, &r, sizeof r));
    return r;
}

static void test_counts_what_is_outside(void **state) {
    (void)state;
    watched w;
    start(&w, "outside", 1);
    const double inside[] = {19.5, 100.0, 60.0}, outside[] = {19.1, NAN, 7.0, 5.0, 6.0};
    apply(&w, inside, 90.0, 3);
    evtwin_session_commit(w.session);
    evtwin_feature_range r = range_of(&w, SOC);
    assert_string_equal(r.feature, "soc");
    assert_string_equal(r.unit, "percent");
    assert_true(r.trained_min == 20.0 && r.trained_max == 100.0);
    assert_true(r.n_values == 3 && r.n_outside == 0 && r.min == 19.5 && r.max == 100.0);
    assert_true(isnan(range_of(&w, CURRENT).trained_min) && range_of(&w, CURRENT).n_values == 3);
    assert_int_equal(w.log.n_warnings, 0);

    /* provisional until commit, like the states of the batteries */
    apply(&w, outside, 90.0, 5);
    assert_int_equal(range_of(&w, SOC).n_outside, 0);
    evtwin_session_rollback(w.session);
    evtwin_session_commit(w.session);
    assert_int_equal(range_of(&w, SOC).n_outside, 0);
    apply(&w, outside, 90.0, 5);
    evtwin_session_commit(w.session);
    r = range_of(&w, SOC);
    assert_true(r.n_values == 7 && r.n_outside == 4 && r.min == 5.0);
    assert_int_equal(range_of(&w, SOH).n_outside, 0);
    assert_int_equal(w.log.n_warnings, 1);
    assert_non_null(strstr(w.log.last, "'soc': 4 of 7"));
    assert_non_null(strstr(w.log.last, "20 to 100 percent"));

    assert_fails(evtwin_session_range(w.session, 4, &r, sizeof r), EVTWIN_E_ARG, "4");
    assert_int_equal(evtwin_session_range(NULL, 0, &r, sizeof r), EVTWIN_E_ARG);
    stop(&w);
}

/* A row a cycle, all outside: said at 1, 10 and 100. */
static void test_logs_each_tenfold(void **state) {
    (void)state;
    watched w;
    start(&w, "tenfold", 1);
    for (int i = 1; i <= 120; i++) {
        const double soc = 12.5;
        apply(&w, &soc, 90.0, 1);
        evtwin_session_commit(w.session);
        assert_int_equal(w.log.n_warnings, i < 10 ? 1 : i < 100 ? 2 : 3);
    }
    stop(&w);
}

static void test_fractions(void **state) {
    (void)state;
    watched w;
    double soc[19];
    for (size_t i = 0; i < 19; i++) {
        soc[i] = 0.05 * (double)(i + 1);
    }

    /* twenty values in 0 to 1 and none above: perhaps fractions, said once, until one is above */
    start(&w, "fractions", 1);
    apply(&w, soc, 0.97, 19);
    evtwin_session_commit(w.session);
    assert_false(range_of(&w, SOC).looks_like_fraction);
    const int before = w.log.n_warnings;
    apply(&w, soc, 0.97, 1);
    evtwin_session_commit(w.session);
    assert_true(range_of(&w, SOC).looks_like_fraction && range_of(&w, SOH).looks_like_fraction);
    assert_false(range_of(&w, VOLTAGE).looks_like_fraction);
    assert_int_equal(w.log.n_warnings, before + 2);
    assert_non_null(strstr(w.log.last, "soh=fraction"));
    apply(&w, soc, 0.97, 1);
    evtwin_session_commit(w.session);
    assert_int_equal(w.log.n_warnings, before + 2);
    apply(&w, soc, 97.0, 1);
    evtwin_session_commit(w.session);
    assert_false(range_of(&w, SOH).looks_like_fraction);
    stop(&w);

    /* a battery that really is empty came from above 1 */
    start(&w, "empty", 1);
    double low[30] = {1.5};
    for (size_t i = 1; i < 30; i++) {
        low[i] = 0.8;
    }
    apply(&w, low, 90.0, 30);
    evtwin_session_commit(w.session);
    assert_false(range_of(&w, SOC).looks_like_fraction);
    assert_int_equal(range_of(&w, SOC).n_outside, 30);

    /* nothing but 0 is not a fraction */
    stop(&w);
    start(&w, "zero", 1);
    const double zeros[30] = {0};
    apply(&w, zeros, 90.0, 30);
    evtwin_session_commit(w.session);
    assert_false(range_of(&w, SOC).looks_like_fraction);
    stop(&w);
}

static void test_bundle_without_ranges(void **state) {
    (void)state;
    watched w;
    start(&w, "old", 0);
    assert_int_equal(w.log.n_notes, 1);
    assert_non_null(strstr(w.log.last, "does not record the range"));
    const double soc = 1.0;
    apply(&w, &soc, 1.0, 1);
    evtwin_session_commit(w.session);
    assert_int_equal(range_of(&w, SOC).n_outside, 0);
    assert_int_equal(w.log.n_warnings, 0);
    assert_int_equal(w.log.n_notes, 1);
    stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_what_is_outside),
        cmocka_unit_test(test_logs_each_tenfold),
        cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_bundle_without_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
