/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/test_moments.c: records of a run to failure at fair moments are like those of live
 * packs: over a year, in what the cars do, and in state and temperature while they do it. */

#include "sim_fleet.h"

#include "sim/pack.h"

#define DAY_S 86400.0

typedef struct kind {
    const char *name;
    size_t n;
    double soc, soc2, temperature, current;
} kind;

/* What a fleet does, and how its packs are meanwhile. */
typedef struct picture {
    kind kind[3]; /* driving, charging, parked */
    size_t n;
} picture;

static picture picture_of(const evtwin_table *t) {
    picture p = {.kind = {{.name = "driving"}, {.name = "charging"}, {.name = "parked"}},
                 .n = evtwin_table_rows(t)};
    const double *soc = evtwin_table_f64(t, evtwin_table_find(t, "soc"));
    const double *current = evtwin_table_f64(t, evtwin_table_find(t, "current"));
    const double *temperature = evtwin_table_f64(t, evtwin_table_find(t, "temperature"));
    for (size_t i = 0; i < p.n; i++) {
        kind *k = &p.kind[current[i] > 0.0 ? 0 : current[i] < 0.0 ? 1 : 2];
        k->n++;
        k->soc += soc[i];
        k->soc2 += soc[i] * soc[i];
        k->temperature += temperature[i];
        k->current += current[i];
    }
    for (int i = 0; i < 3; i++) {
        kind *k = &p.kind[i];
        const double n = k->n > 0 ? (double)k->n : 1.0;
        k->soc /= n;
        k->soc2 = sqrt(k->soc2 / n - k->soc * k->soc);
        k->temperature /= n;
        k->current /= n;
        print_message("%-8s %.4f of %zu: soc %.1f +- %.1f %%, %.1f A, %.2f degC\n", k->name,
                      (double)k->n / (double)p.n, p.n, k->soc, k->soc2, k->current, k->temperature);
    }
    return p;
}

/* New packs, as the run to failure's, read at intervals that no day is a multiple of. */
static picture live(evtwin_sim_options o, evtwin_sim_use use, double days, double every_s) {
    evtwin_table *t = NULL;
    o.use = use;
    o.initial_soh_percent = 100.0;
    o.step_s = 60.0;
    evtwin_sim *sim = create(&o);
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_sim_advance(sim, DAY_S)); /* past the start */
    for (int64_t i = 0; (double)i * every_s < days * DAY_S; i++) {
        assert_ok(evtwin_sim_advance(sim, every_s));
        assert_ok(evtwin_sim_read(sim, i, t));
    }
    const picture p = picture_of(t);
    evtwin_table_free(t);
    evtwin_sim_free(sim);
    return p;
}

/* Of the first year. */
static picture recorded(evtwin_sim_options o, evtwin_moments moments) {
    evtwin_run_to_failure_options run;
    evtwin_table *t = NULL;
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    assert_int_equal(run.moments, EVTWIN_MOMENTS_ACTIVE);
    run.record_every_days = 1.0;
    run.max_years = 1.0;
    run.moments = moments;
    assert_ok(evtwin_sim_run_to_failure(&o, &run, &t, NULL, 0));
    assert_ok(evtwin_telemetry_check(t));
    const picture p = picture_of(t);
    evtwin_table_free(t);
    return p;
}

static void assert_alike(const picture *a, const picture *b, double share) {
    for (int i = 0; i < 3; i++) {
        const kind *x = &a->kind[i], *y = &b->kind[i];
        assert_near((double)x->n / (double)a->n, (double)y->n / (double)b->n, share);
        assert_near(x->soc, y->soc, 3.0);
        assert_near(x->soc2, y->soc2, 2.0);
        assert_near(x->temperature, y->temperature, 1.5);
        assert_near(x->current, y->current, 5.0);
    }
}

static evtwin_sim_options fleet(void) {
    evtwin_sim_options o = defaults();
    o.n_packs = 48;
    o.seed = 21;
    o.n_threads = 2;
    return o;
}

static void daily_records_are_like_a_live_year(void **state) {
    (void)state;
    const picture records = recorded(fleet(), EVTWIN_MOMENTS_DAILY);
    const picture cars = live(fleet(), EVTWIN_USE_DAILY, 365.0, 5.0 * 3600.0 + 420.0);
    assert_alike(&records, &cars, 0.007);
    assert_true(records.kind[0].n > 0 && records.kind[1].n > 0);

    /* while cars do something is another matter */
    const picture active = recorded(fleet(), EVTWIN_MOMENTS_ACTIVE);
    assert_true(active.kind[2].n < active.n / 4);
}

static void cycle_records_are_like_live_cycles(void **state) {
    (void)state;
    const picture records = recorded(fleet(), EVTWIN_MOMENTS_CYCLE);
    const picture packs = live(fleet(), EVTWIN_USE_CYCLE, 6.0, 1020.0);
    assert_alike(&records, &packs, 0.03);
    assert_int_equal(records.kind[2].n, 0);
}

/* A day of a car fits the macro-step it belongs to, whose wear the labels are made of. */
static void days_begin_and_end_as_the_wear_says(void **state) {
    (void)state;
    evtwin_cell *cell = NULL;
    assert_ok(evtwin_cell_load(NULL, &cell));
    double worst = 0.0;
    size_t n_over = 0, n_days = 0;
    for (uint32_t pack = 0; pack < 60; pack++) {
        const evtwin__variation v = evtwin__variation_sample((evtwin__pack_rng){8, pack}, 1.0);
        evtwin__wear wear = evtwin__wear_new(cell, &v);
        for (uint64_t day = 0; day < 60; day++) {
            const evtwin__wear morning = wear;
            const evtwin__wear_day use = evtwin__wear_step(&wear, day, 19000.0 + (double)day, 1.0);
            double progress = 0.0;
            for (double hour = 0.0; hour <= 24.0; hour += 0.5) {
                const evtwin__car_moment m = evtwin__car_at(&morning, &use, hour, 0.5, 15.0);
                assert_true(m.progress >= progress - 1e-12 && m.progress <= 1.0);
                assert_true(m.soc_frac > 0.0 && m.soc_frac <= 1.0);
                assert_true(hour > use.plan.start_hour || m.current_A == 0.0);
                assert_true(m.hour == hour);
                progress = m.progress;
            }
            const evtwin__car_moment night = evtwin__car_at(&morning, &use, 24.0, 0.5, 15.0);
            const double off = fabs(night.soc_frac - use.night_frac);
            worst = off > worst ? off : worst;
            n_over += off > 0.01 || night.progress < 0.999;
            n_days++;
        }
    }
    evtwin_cell_free(cell);
    print_message("%zu of %zu days end otherwise, by %.3f of the charge at most\n", n_over, n_days,
                  worst);
    assert_int_equal(n_over, 0);
}

/* However worn a pack is, whatever its cells: a car that cannot move stands, a charge ends. */
static void worn_packs_have_days_too(void **state) {
    (void)state;
    for (size_t c = 0; c < evtwin_cell_builtin_count(); c++) {
        for (int moments = EVTWIN_MOMENTS_DAILY; moments <= EVTWIN_MOMENTS_CYCLE; moments++) {
            evtwin_run_to_failure_options run;
            evtwin_sim_options o = fleet();
            evtwin_cell *cell = NULL;
            evtwin_table *t = NULL;
            assert_ok(evtwin_cell_load(evtwin_cell_builtin_name(c), &cell));
            assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
            o.cell = cell;
            o.n_packs = 12;
            run.moments = (evtwin_moments)moments;
            run.record_every_days = 60.0;
            run.max_years = 50.0;
            run.eol_soh_percent = 30.0;
            run.eol_resistance_ratio = 100.0;
            assert_ok(evtwin_sim_run_to_failure(&o, &run, &t, NULL, 0));
            const double *soc = evtwin_table_f64(t, evtwin_table_find(t, "soc"));
            const double *degC = evtwin_table_f64(t, evtwin_table_find(t, "temperature"));
            double least = 100.0;
            for (size_t i = 0; i < evtwin_table_rows(t); i++) {
                const double soh = number(t, "truth_soh", i);
                assert_true(soc[i] >= 0.0 && soc[i] <= 100.0);
                assert_true(degC[i] > -40.0 && degC[i] < 120.0);
                least = soh < least ? soh : least;
            }
            print_message("%s: %zu records, down to a health of %.1f %%\n",
                          evtwin_cell_builtin_name(c), evtwin_table_rows(t), least);
            assert_true(least < 60.0);
            evtwin_table_free(t);
            evtwin_cell_free(cell);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daily_records_are_like_a_live_year),
        cmocka_unit_test(cycle_records_are_like_live_cycles),
        cmocka_unit_test(worn_packs_have_days_too),
        cmocka_unit_test(days_begin_and_end_as_the_wear_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
