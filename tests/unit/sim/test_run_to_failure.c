/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_run_to_failure.c: run-to-failure data sets: labels follow from the outcome,
 * the fleet is plausible, bytes repeat. */

#include "counting_realloc.h"
#include "test.h"

static evtwin_sim_options fleet(size_t n) {
    evtwin_sim_options o;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    o.n_packs = n;
    return o;
}

static evtwin_run_to_failure_options run_options(void) {
    evtwin_run_to_failure_options l;
    assert_ok(evtwin_run_to_failure_options_init(&l, sizeof l));
    return l;
}

static size_t column(const evtwin_table *t, const char *name) {
    const size_t col = evtwin_table_find(t, name);
    assert_true(col != EVTWIN_NO_COLUMN);
    return col;
}

/* The columns that labels are checked by. */
typedef struct view {
    const evtwin_table *t;
    const double *rul, *failure, *soh, *ratio, *efc, *eol, *defect, *censored, *sim_time;
    const int64_t *time, *cycles;
    size_t rows, id;
} view;

static view view_of(const evtwin_table *t) {
    return (view){
        .t = t,
        .rul = evtwin_table_f64(t, column(t, "rul")),
        .failure = evtwin_table_f64(t, column(t, "failure")),
        .soh = evtwin_table_f64(t, column(t, "truth_soh")),
        .ratio = evtwin_table_f64(t, column(t, "truth_resistance_ratio")),
        .efc = evtwin_table_f64(t, column(t, "truth_efc")),
        .eol = evtwin_table_f64(t, column(t, "truth_eol_efc")),
        .defect = evtwin_table_f64(t, column(t, "truth_has_defect")),
        .censored = evtwin_table_f64(t, column(t, "truth_censored")),
        .sim_time = evtwin_table_f64(t, column(t, "sim_time_s")),
        .time = evtwin_table_i64(t, column(t, "time")),
        .cycles = evtwin_table_i64(t, column(t, "charge_cycles")),
        .rows = evtwin_table_rows(t),
        .id = column(t, "battery_id"),
    };
}

static int same_pack(const view *v, size_t a, size_t b) {
    return strcmp(evtwin_table_text(v->t, v->id, a), evtwin_table_text(v->t, v->id, b)) == 0;
}

/* Telemetry, then truth: names, types, units and order are the schema's. */
static void columns_are_those_of_the_schema(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(1);
    evtwin_run_to_failure_options l = run_options();
    evtwin_table *t = NULL;
    l.record_every_days = 365.0;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0));
    size_t col = 0;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        evtwin_quantity q;
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        if (q.kind == EVTWIN_KIND_TELEMETRY || q.kind == EVTWIN_KIND_TRUTH) {
            assert_string_equal(evtwin_table_name(t, col), q.name);
            assert_string_equal(evtwin_table_unit(t, col), q.unit);
            assert_int_equal(evtwin_table_type(t, col), q.type);
            col++;
        }
    }
    assert_int_equal(evtwin_table_cols(t), col);
    evtwin_table_free(t);
}

static void labels_follow_from_the_outcome(evtwin_moments moments) {
    const evtwin_sim_options o = fleet(40);
    evtwin_run_to_failure_options l = run_options();
    evtwin_table *t = NULL;
    evtwin_run_to_failure_report r;
    l.moments = moments;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &r, sizeof r));
    const view v = view_of(t);
    assert_int_equal(v.rows, r.n_rows);
    assert_int_equal(r.n_packs, 40);
    assert_int_equal(r.n_censored, 0);
    size_t n_packs = 0, n_failing = 0;
    for (size_t i = 0; i < v.rows; i++) {
        assert_near(v.rul[i], v.eol[i] - v.efc[i], 1e-9);
        assert_true(v.rul[i] > 0.0);
        assert_true(v.failure[i] == (v.rul[i] <= 100.0));
        n_failing += v.failure[i] == 1.0;
        assert_true(v.soh[i] >= 80.0 - 1e-9 && v.soh[i] <= 100.0);
        assert_true(v.ratio[i] >= 1.0 && v.ratio[i] <= 2.0 + 1e-9);
        assert_true((double)v.cycles[i] == floor(v.efc[i]));
        assert_near((double)(v.time[i] - o.start_time_us), 1e6 * v.sim_time[i], 1.0);
        assert_true(v.censored[i] == 0.0);

        /* rows in the order of pack, then time; wear only grows */
        if (i > 0 && same_pack(&v, i - 1, i)) {
            assert_true(v.time[i] > v.time[i - 1] && v.efc[i] >= v.efc[i - 1]);
            assert_true(v.soh[i] <= v.soh[i - 1] && v.ratio[i] >= v.ratio[i - 1]);
            assert_true(v.defect[i] >= v.defect[i - 1] && v.eol[i] == v.eol[i - 1]);
        } else {
            char id[16];
            snprintf(id, sizeof id, "BATTERY_%03zu", ++n_packs);
            assert_string_equal(evtwin_table_text(t, v.id, i), id);
            assert_true(v.soh[i] > 98.0);

            /* the pack before was recorded until shortly before its end */
            assert_true(i == 0 || v.rul[i - 1] < 8.0);
        }
    }
    assert_int_equal(n_packs, 40);
    assert_true(n_failing > v.rows / 20 && n_failing < v.rows / 3);
    evtwin_table_free(t);
}

static void labels_are_right_at_any_moment(void **state) {
    (void)state;
    labels_follow_from_the_outcome(EVTWIN_MOMENTS_ACTIVE);
    labels_follow_from_the_outcome(EVTWIN_MOMENTS_DAILY);
    labels_follow_from_the_outcome(EVTWIN_MOMENTS_CYCLE);
}

/* Nothing is tuned but the median: the other figures must only be plausible. */
static void the_fleet_is_plausible(void **state) {
    (void)state;
    evtwin_sim_options o = fleet(200);
    o.n_threads = 2;
    evtwin_table *t = NULL;
    evtwin_run_to_failure_report r;
    assert_ok(evtwin_sim_run_to_failure(&o, NULL, &t, &r, sizeof r));
    print_message("200 packs: life %.0f (p10 %.0f, p90 %.0f) EFC, %zu by capacity, %zu by "
                  "resistance, %zu defective, %zu censored, %zu rows\n",
                  r.life_median_cycles, r.life_p10_cycles, r.life_p90_cycles, r.n_eol_by_capacity,
                  r.n_eol_by_resistance, r.n_defective, r.n_censored, r.n_rows);
    assert_true(r.life_median_cycles >= 700.0 && r.life_median_cycles <= 800.0);
    assert_true(r.life_p10_cycles > 300.0 && r.life_p90_cycles < 1500.0);
    assert_int_equal(r.n_eol_by_capacity + r.n_eol_by_resistance + r.n_censored, 200);
    assert_true(r.n_defective >= 8 && r.n_defective <= 34);
    assert_true(r.n_eol_by_resistance > 0 && r.n_eol_by_resistance <= r.n_defective);

    /* telemetry in its ranges, covering what live packs show */
    assert_ok(evtwin_telemetry_check(t));
    const double *soc = evtwin_table_f64(t, column(t, "soc"));
    const double *current = evtwin_table_f64(t, column(t, "current"));
    const double *voltage = evtwin_table_f64(t, column(t, "voltage"));
    const double *temperature = evtwin_table_f64(t, column(t, "temperature"));
    size_t driving = 0, charging = 0, parked = 0;
    double soc_min = 100.0, soc_max = 0.0;
    for (size_t i = 0; i < r.n_rows; i++) {
        driving += current[i] > 40.0;
        charging += current[i] < 0.0;
        parked += current[i] == 0.0;
        assert_true(current[i] < 123.0 && current[i] > -153.0);
        assert_true(voltage[i] > 280.0 && voltage[i] < 403.4);
        assert_true(temperature[i] > -15.0 && temperature[i] < 60.0);
        soc_min = soc[i] < soc_min ? soc[i] : soc_min;
        soc_max = soc[i] > soc_max ? soc[i] : soc_max;
    }
    assert_int_equal(driving + charging + parked, r.n_rows);
    assert_true(driving > r.n_rows * 2 / 5 && charging > r.n_rows / 5 && parked > r.n_rows / 8);
    assert_true(soc_min < 20.0 && soc_max > 99.0);

    /* years of use, a third to two thirds of a cycle a day */
    const view v = view_of(t);
    size_t n_plausible = 0;
    for (size_t i = 0; i < v.rows; i++) {
        if (i + 1 == v.rows || !same_pack(&v, i, i + 1)) {
            const double days = v.sim_time[i] / 86400.0, per_day = v.efc[i] / days;
            n_plausible +=
                days > 2.0 * 365.0 && days < 12.0 * 365.0 && per_day > 0.18 && per_day < 0.85;
        }
    }
    assert_true(n_plausible >= 195);
    evtwin_table_free(t);
}

static void threads_do_not_change_a_byte_of(evtwin_moments moments) {
    const int threads[] = {1, 2, 5};
    char *text[3] = {NULL};
    size_t size[3] = {0};
    for (int i = 0; i < 3; i++) {
        evtwin_sim_options o = fleet(70);
        evtwin_run_to_failure_options l = run_options();
        l.record_every_days = 20.0;
        l.moments = moments;
        o.n_threads = threads[i];
        o.seed = 11;
        evtwin_table *t = NULL;
        assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0));
        const char *path = temp_path("run_to_failure.csv");
        assert_ok(evtwin_table_write_csv(t, path));
        evtwin_table_free(t);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        fseek(f, 0, SEEK_END);
        size[i] = (size_t)ftell(f);
        rewind(f);
        text[i] = malloc(size[i]);
        assert_int_equal(fread(text[i], 1, size[i], f), size[i]);
        fclose(f);
    }
    assert_true(size[0] > 100000);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(size[i], size[0]);
        assert_memory_equal(text[i], text[0], size[0]);
    }
    for (int i = 0; i < 3; i++) {
        free(text[i]);
    }
}

static void threads_do_not_change_a_byte(void **state) {
    (void)state;
    threads_do_not_change_a_byte_of(EVTWIN_MOMENTS_ACTIVE);
    threads_do_not_change_a_byte_of(EVTWIN_MOMENTS_DAILY);
    threads_do_not_change_a_byte_of(EVTWIN_MOMENTS_CYCLE);
}

/* Watched for two years only: no end, so no rul, and failure only where the horizon was seen. */
static void censored_packs_get_no_invented_label(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(30);
    evtwin_run_to_failure_options l = run_options();
    l.max_years = 2.0;
    evtwin_table *t = NULL;
    evtwin_run_to_failure_report r;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &r, sizeof r));
    assert_true(r.n_censored > 20);
    const view v = view_of(t);
    size_t known = 0, unknown = 0;
    double last = 0.0;
    for (size_t i = v.rows; i-- > 0;) {
        if (i + 1 == v.rows || !same_pack(&v, i, i + 1)) {
            last = v.efc[i];
        }
        if (v.censored[i] == 0.0) {
            continue;
        }
        assert_true(isnan(v.rul[i]) && isnan(v.eol[i]));
        assert_false(evtwin_table_is_valid(t, column(t, "rul"), i));
        if (isnan(v.failure[i])) {
            unknown++;
            assert_true(last - v.efc[i] < 101.0);
        } else {
            known++;
            assert_true(v.failure[i] == 0.0 && last - v.efc[i] > 98.0);
        }
    }
    assert_true(known > 1000 && unknown > 1000);
    evtwin_table_free(t);

    /* nobody ends: no quantiles */
    l.max_years = 0.1;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &r, sizeof r));
    assert_int_equal(r.n_censored, 30);
    assert_true(isnan(r.life_median_cycles) && isnan(r.life_p10_cycles));
    evtwin_table_free(t);
}

static void criteria_can_be_moved(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(20);
    evtwin_run_to_failure_options l = run_options();
    evtwin_run_to_failure_report normal, early, weak;
    evtwin_table *t = NULL;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &normal, sizeof normal));
    evtwin_table_free(t);
    l.eol_soh_percent = 90.0;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &early, sizeof early));
    evtwin_table_free(t);
    assert_true(early.life_median_cycles < 0.6 * normal.life_median_cycles);
    l.eol_soh_percent = 80.0;
    l.eol_resistance_ratio = 1.1;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &weak, sizeof weak));
    evtwin_table_free(t);
    assert_int_equal(weak.n_eol_by_resistance, 20);
}

static void one_pack_is_enough(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(1);
    evtwin_run_to_failure_options l = run_options();
    l.record_every_days = 365.0;
    evtwin_table *t = NULL;
    evtwin_run_to_failure_report r;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, &r, sizeof r));
    assert_true(r.n_rows >= 2 && r.n_rows <= 12);
    assert_near(r.life_p10_cycles, r.life_p90_cycles, 0.0);
    evtwin_table_free(t);
}

/* Stops at the n-th call. */
static int stop_at(void *ctx, const char *what, double done) {
    int *left = ctx;
    assert_non_null(what);
    assert_true(done >= 0.0 && done <= 1.0);
    return --*left <= 0;
}

static void progress_can_stop_it(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(100);
    evtwin_run_to_failure_options l = run_options();
    int left = 2;
    l.progress = stop_at;
    l.progress_ctx = &left;
    evtwin_table *t = NULL;
    assert_fails(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0), EVTWIN_E_CANCELLED,
                 "of 100 packs");
    assert_null(t);
    left = 1000;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0));
    assert_true(left < 997);
    evtwin_table_free(t);
}

#define BAD(member, value, text)                                                                   \
    do {                                                                                           \
        evtwin_run_to_failure_options bad = run_options();                                         \
        bad.member = (value);                                                                      \
        assert_fails(evtwin_sim_run_to_failure(&o, &bad, &t, NULL, 0), EVTWIN_E_ARG, text);        \
        assert_null(t);                                                                            \
    } while (0)

static void options_are_checked(void **state) {
    (void)state;
    evtwin_sim_options o = fleet(2);
    evtwin_table *t = NULL;
    BAD(record_every_days, 0.0, "record_every_days|0");
    BAD(record_every_days, NAN, "record_every_days");
    BAD(max_years, 1000.0, "max_years|1000");
    BAD(failure_horizon_cycles, -1.0, "failure_horizon_cycles");
    BAD(eol_soh_percent, 100.0, "eol_soh_percent");
    BAD(eol_resistance_ratio, 1.0, "eol_resistance_ratio");
    BAD(moments, (evtwin_moments)3, "moments|3");
    BAD(size, 0, "evtwin_run_to_failure_options_init");
    assert_fails(evtwin_sim_run_to_failure(&o, NULL, NULL, NULL, 0), EVTWIN_E_ARG, "out|NULL");
    o.n_packs = 0;
    assert_fails(evtwin_sim_run_to_failure(&o, NULL, &t, NULL, 0), EVTWIN_E_ARG, "n_packs");
    o = fleet(2);
    o.model = EVTWIN_SIM_CLASSIC;
    assert_fails(evtwin_sim_run_to_failure(&o, NULL, &t, NULL, 0), EVTWIN_E_UNSUPPORTED, "classic");
    assert_null(t);
}

static void running_out_of_memory_is_an_error(void **state) {
    (void)state;
    const evtwin_sim_options o = fleet(3);
    evtwin_run_to_failure_options l = run_options();
    l.max_years = 1.0;
    counter c = {0};
    evtwin_table *t = NULL;
    evtwin_set_allocator(counting_realloc, &c);
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0));
    evtwin_table_free(t);
    assert_int_equal(c.live, 0);
    const long n = c.calls;
    assert_true(n > 10);
    for (long k = 1; k <= n; k++) {
        c = (counter){.fail_at = k};
        t = NULL;
        assert_fails(evtwin_sim_run_to_failure(&o, &l, &t, NULL, 0), EVTWIN_E_NOMEM, "");
        assert_null(t);
        assert_int_equal(c.live, 0);
    }
    evtwin_set_allocator(NULL, NULL);
}

/* A fleet without defects is the same one but for them: each pack has the same records up to its
 * defect, and ends no sooner. */
static void twins_differ_by_the_defect(void **state) {
    (void)state;
    evtwin_sim_options o = fleet(40);
    const evtwin_run_to_failure_options l = run_options();
    evtwin_table *with = NULL, *without = NULL;
    evtwin_run_to_failure_report report = {0};
    o.seed = 3;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &with, &report, sizeof report));
    assert_true(report.n_defective > 0);
    o.without_defects = 1;
    assert_ok(evtwin_sim_run_to_failure(&o, &l, &without, &report, sizeof report));
    assert_int_equal(report.n_defective, 0);
    const view a = view_of(with), b = view_of(without);
    size_t n_sooner = 0;
    for (size_t i = 0, k = 0; i < a.rows && k < b.rows;) {
        const size_t first = i, twin = k;
        assert_string_equal(evtwin_table_text(with, a.id, i), evtwin_table_text(without, b.id, k));
        assert_true(a.eol[i] <= b.eol[k]);
        n_sooner += a.eol[i] < b.eol[k];
        for (; i < a.rows && same_pack(&a, first, i) && a.defect[i] == 0.0; i++, k++) {
            assert_true(a.time[i] == b.time[k] && a.efc[i] == b.efc[k] && a.ratio[i] == b.ratio[k]);
            assert_true(b.defect[k] == 0.0);
        }
        for (; i < a.rows && same_pack(&a, first, i); i++) {
        }
        for (; k < b.rows && same_pack(&b, twin, k); k++) {
        }
    }
    assert_true(n_sooner > 0);
    evtwin_table_free(with);
    evtwin_table_free(without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twins_differ_by_the_defect),
        cmocka_unit_test(columns_are_those_of_the_schema),
        cmocka_unit_test(labels_are_right_at_any_moment),
        cmocka_unit_test(the_fleet_is_plausible),
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(censored_packs_get_no_invented_label),
        cmocka_unit_test(criteria_can_be_moved),
        cmocka_unit_test(one_pack_is_enough),
        cmocka_unit_test(progress_can_stop_it),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
