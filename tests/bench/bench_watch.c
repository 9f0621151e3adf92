/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_watch.c: what the watch for drift costs a row, beside the prediction of the
 * same row (200 trees of depth 8, 7 features): batches of 1 row, of 12 rows of 12 batteries, and of
 * 10,000 rows of 100, a million rows in all; and the memory of a battery. */

#include "evtwin/evtwin.h"

#include <stdio.h>

#ifdef HAVE_XGBOOST
#include "learn/watch.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        exit(1);
    }
}

static evtwin_table *simulate(size_t packs, uint64_t seed, size_t rows) {
    evtwin_sim_options o;
    evtwin_run_to_failure_options run;
    evtwin_table *t = NULL;
    check(evtwin_sim_options_init(&o, sizeof o));
    check(evtwin_run_to_failure_options_init(&run, sizeof run));
    o.n_packs = packs;
    o.seed = seed;
    run.record_every_days = 15;
    check(evtwin_sim_run_to_failure(&o, &run, &t, NULL, 0));
    check(rows > 0 && rows < evtwin_table_rows(t) ? evtwin_table_resize(t, rows) : EVTWIN_OK);
    return t;
}

static evtwin_predictor *train(void) {
    evtwin_table *t = simulate(60, 1, 0);
    evtwin_target rul;
    size_t i;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    check(evtwin_target_find("rul", &i));
    check(evtwin_target_get(i, &rul, sizeof rul));
    check(evtwin_train(t, &rul, 1, NULL, &trainer));
    check(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
    return p;
}

/* One row of each battery, as they come live. */
static void spread(evtwin_table *t) {
    const size_t id = evtwin_table_find(t, "battery_id");
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        char name[32];
        snprintf(name, sizeof name, "B%zu", r);
        check(evtwin_table_set_text(t, id, r, name));
    }
}

/* In kW, with a flipped sign and a state of health of 45 %. */
static void flip(evtwin_table *t) {
    static const struct {
        const char *name;
        double times, plus;
    } wrong[] = {{"power_consumption", 1e-3, 0}, {"current", -1, 0}, {"soh", 0, 45}};
    for (size_t i = 0; i < 3; i++) {
        const size_t col = evtwin_table_find(t, wrong[i].name);
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            const double v = evtwin_table_number(t, col, r) * wrong[i].times + wrong[i].plus;
            check(evtwin_table_set_f64(t, col, r, v));
        }
    }
}

static long resident_kB(void) {
    long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &total, &resident) != 2) {
        resident = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 100,000 batteries of one row each, the most that a session tells apart by default. */
static void measure_memory(const evtwin_predictor *p) {
    enum { BATTERIES = 100000, ROWS = 1000 };
    evtwin__watch *w = NULL;
    evtwin_table *t = simulate(10, 4, ROWS);
    check(evtwin__watch_create(evtwin__predictor_bundle(p), BATTERIES, &w));
    const size_t id = evtwin_table_find(t, "battery_id");
    const long before_kB = resident_kB();
    for (size_t k = 0; k < BATTERIES + 5 * ROWS; k += ROWS) {
        for (size_t r = 0; r < ROWS; r++) {
            char name[32];
            snprintf(name, sizeof name, "BATTERY_%06zu", k + r);
            check(evtwin_table_set_text(t, id, r, name));
        }
        check(evtwin__watch_reserve(w, t));
        evtwin__watch_observe(w, t);
        evtwin__watch_commit(w);
    }
    printf("memory of 105,000 batteries, 100,000 of which are told apart: %.0f bytes each\n",
           1024.0 * (double)(resident_kB() - before_kB) / BATTERIES);
    evtwin__watch_free(w);
    evtwin_table_free(t);
}

static void measure(const evtwin_predictor *p, evtwin_table *t, size_t repeats) {
    const size_t rows = evtwin_table_rows(t);
    double watch_s = 1e30, predict_s = 1e30;
    evtwin__watch *w = NULL;
    check(evtwin__watch_create(evtwin__predictor_bundle(p), 100000, &w));
    for (int k = 0; k < 5; k++) {
        double start = cpu_s();
        for (size_t i = 0; i < repeats; i++) {
            check(evtwin__watch_reserve(w, t));
            evtwin__watch_observe(w, t);
            evtwin__watch_commit(w);
        }
        watch_s = fmin(watch_s, cpu_s() - start);
        start = cpu_s();
        for (size_t i = 0; i < repeats; i++) {
            check(evtwin_predictor_apply(p, t));
        }
        predict_s = fmin(predict_s, cpu_s() - start);
    }
    const double each = 1e9 / (double)(rows * repeats);
    printf("%zu rows at once: watch %.0f ns a row, prediction %.0f ns a row, ratio %.2f\n", rows,
           watch_s * each, predict_s * each, watch_s / predict_s);
    evtwin__watch_free(w);
}

int main(void) {
    evtwin_set_log(NULL, NULL);
    evtwin_predictor *p = train();
    evtwin_table *one = simulate(1, 2, 1), *few = simulate(1, 2, 12),
                 *many = simulate(100, 3, 10000);
    spread(few);
    measure(p, one, 20000);
    measure(p, few, 2000);
    measure(p, many, 5);
    flip(few);
    puts("the same 12 rows, all of them unlike the training data:");
    measure(p, few, 2000);
    measure_memory(p);
    evtwin_table_free(one);
    evtwin_table_free(few);
    evtwin_table_free(many);
    evtwin_predictor_free(p);
    return 0;
}
#else
int main(void) {
    puts("not measured: built without XGBoost");
    return 0;
}
#endif
