/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_python.c: predictions from Python beside the same calls from C: one row at a
 * time, and a million rows at once, which Python must pass on without a copy. */

#include "bench.h"

#ifdef HAVE_PYTHON

#include <stdint.h>
#include <unistd.h>

enum { COLS = 7, MANY = 1000000, CALLS = 100000, ROUNDS = 3 };

typedef struct times {
    double model_us, predictor_us, many_s;
} times;

/* Time of this thread alone: what others do meanwhile does not count. */
static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void make_bundle(const char *dir) {
    evtwin_sim_options fleet;
    evtwin_run_to_failure_options run;
    evtwin_sim_options_init(&fleet, sizeof fleet);
    evtwin_run_to_failure_options_init(&run, sizeof run);
    fleet.n_packs = 10;
    run.record_every_days = 15;
    evtwin_table *records = NULL;
    evtwin_trainer *trainer = NULL;
    check(evtwin_sim_run_to_failure(&fleet, &run, &records, NULL, 0) == 0, "records");
    check(evtwin_train(records, NULL, 0, NULL, &trainer) == 0, "train");
    check(evtwin_trainer_save(trainer, dir) == 0, "save");
    evtwin_trainer_free(trainer);
    evtwin_table_free(records);
}

/* The same values as bench_python.py makes: of the same paths through the trees. */
static float value(size_t i) {
    return (float)((i * UINT64_C(2654435761)) % 1000) / 10;
}

static times measure_c(const char *dir) {
    char path[600];
    snprintf(path, sizeof path, "%s/rul_model.json", dir);
    evtwin_model *model = NULL;
    evtwin_predictor *predictor = NULL;
    check(evtwin_model_load(path, &model) == 0, path);
    check(evtwin_predictor_load(dir, &predictor) == 0, dir);
    float *x = malloc(sizeof *x * MANY * COLS), *y = malloc(sizeof *y * MANY);
    check(x != NULL && y != NULL, "memory");
    double row[COLS], out[2];
    for (size_t i = 0; i < (size_t)MANY * COLS; i++) {
        x[i] = value(i);
    }
    for (size_t i = 0; i < COLS; i++) {
        row[i] = x[i];
    }
    times best = {1e9, 1e9, 1e9};
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_s();
        for (int i = 0; i < CALLS; i++) {
            check(evtwin_model_predict(model, x, 1, COLS, y) == 0, "predict");
        }
        const double model_us = (cpu_s() - start) / CALLS * 1e6;
        start = cpu_s();
        for (int i = 0; i < CALLS; i++) {
            check(evtwin_predictor_predict(predictor, row, 1, COLS, out, 2) == 0, "predict");
        }
        const double predictor_us = (cpu_s() - start) / CALLS * 1e6;
        start = cpu_s();
        check(evtwin_model_predict(model, x, MANY, COLS, y) == 0, "predict");
        const double many_s = cpu_s() - start;
        best.model_us = model_us < best.model_us ? model_us : best.model_us;
        best.predictor_us = predictor_us < best.predictor_us ? predictor_us : best.predictor_us;
        best.many_s = many_s < best.many_s ? many_s : best.many_s;
    }
    free(x);
    free(y);
    evtwin_predictor_free(predictor);
    evtwin_model_free(model);
    return best;
}

static times measure_python(const char *dir) {
    char command[2000];
    snprintf(command, sizeof command,
             "PYTHONPATH='%s' '%s' '%s/tests/bench/bench_python.py' '%s' %d %d %d", PYTHON_PACKAGE,
             PYTHON, SOURCE_DIR, dir, MANY, CALLS, ROUNDS);
    FILE *python = popen(command, "r");
    times t = {0.0, 0.0, 0.0};
    check(python != NULL &&
              fscanf(python, "%lf %lf %lf", &t.model_us, &t.predictor_us, &t.many_s) == 3,
          "bench_python.py");
    check(pclose(python) == 0, "bench_python.py");
    return t;
}

static double least(double a, double b) {
    return a < b ? a : b;
}

int main(void) {
    char dir[] = "/tmp/bench_python_XXXXXX", command[100];
    check(mkdtemp(dir) != NULL, "a folder");
    make_bundle(dir);
    times c = {1e9, 1e9, 1e9}, python = c;
    for (int i = 0; i < 2; i++) { /* in turns: a machine is not as fast all the time */
        const times a = measure_c(dir), b = measure_python(dir);
        c = (times){least(c.model_us, a.model_us), least(c.predictor_us, a.predictor_us),
                    least(c.many_s, a.many_s)};
        python =
            (times){least(python.model_us, b.model_us), least(python.predictor_us, b.predictor_us),
                    least(python.many_s, b.many_s)};
    }
    printf("one row, Model.predict: C %.2f us, Python %.2f us: %.2f us more (limit 3)\n",
           c.model_us, python.model_us, python.model_us - c.model_us);
    printf("one row, Predictor.predict: C %.2f us, Python %.2f us: %.2f us more (limit 3)\n",
           c.predictor_us, python.predictor_us, python.predictor_us - c.predictor_us);
    printf("%d rows: C %.3f s, Python %.3f s: %.3f times (limit 1.05)\n", MANY, c.many_s,
           python.many_s, python.many_s / c.many_s);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

#else

int main(void) {
    printf("skipped: built without EVTWIN_PYTHON or XGBoost\n");
    return 0;
}

#endif
