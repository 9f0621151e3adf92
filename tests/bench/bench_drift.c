/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_drift.c [SEEDS [FIRST [LAST]]]: what the watch notices, after how many rows,
 * and how often it is wrong: models of both recipes and of seeds FIRST to LAST (1 to 3), trained on
 * 100 generated packs; live fleets in rounds of one row of each battery. The figures of
 * docs/learning.md. */

#include "evtwin/evtwin.h"

#include <stdio.h>

#ifdef HAVE_XGBOOST
#include "learn/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN_PACKS = 100, LIVE_PACKS = 30, NEVER = 0 };

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        exit(1);
    }
}

/* ---- fleets ---- */

static evtwin_table *simulate(size_t packs, uint64_t seed, const char *cell) {
    evtwin_sim_options o;
    evtwin_run_to_failure_options run;
    evtwin_cell *parameters = NULL;
    evtwin_table *t = NULL;
    check(evtwin_sim_options_init(&o, sizeof o));
    check(evtwin_run_to_failure_options_init(&run, sizeof run));
    check(cell != NULL ? evtwin_cell_load(cell, &parameters) : EVTWIN_OK);
    o.cell = parameters;
    o.n_packs = packs;
    o.seed = seed;
    o.n_threads = 0;
    run.record_every_days = 15.0;
    check(evtwin_sim_run_to_failure(&o, &run, &t, NULL, 0));
    evtwin_cell_free(parameters);
    return t;
}

/* Packs that are driven for some days, a record every so many seconds, from SoH first to last. */
static evtwin_table *drive(size_t packs, uint64_t seed, evtwin_sim_use use, double soh_first,
                           double soh_last, double days, double every_s, int month) {
    evtwin_sim_options o;
    evtwin_sim *sim = NULL;
    evtwin_table *t = NULL;
    check(evtwin_sim_options_init(&o, sizeof o));
    o.use = use;
    o.n_packs = packs;
    o.seed = seed;
    o.initial_soh_percent = soh_first;
    o.final_soh_percent = soh_last;
    o.step_s = 5.0;
    o.start_time_us += (int64_t)(month * 30.44 * 86400e6);
    check(evtwin_sim_create(&o, &sim));
    check(evtwin_telemetry_table_create(&t));
    check(evtwin_sim_advance(sim, 86400.0));
    for (double s = 0.0; s < days * 86400.0; s += every_s) {
        check(evtwin_sim_advance(sim, every_s));
        check(evtwin_sim_read(sim, o.start_time_us + (int64_t)(evtwin_sim_time_s(sim) * 1e6), t));
    }
    evtwin_sim_free(sim);
    return t;
}

static void copy_row(const evtwin_table *from, size_t row, evtwin_table *to, size_t at) {
    for (size_t c = 0; c < evtwin_table_cols(from); c++) {
        const size_t col = evtwin_table_find(to, evtwin_table_name(from, c));
        if (col == EVTWIN_NO_COLUMN || !evtwin_table_is_valid(from, c, row)) {
            continue;
        }
        switch (evtwin_table_type(to, col)) {
        case EVTWIN_F64:
            check(evtwin_table_set_f64(to, col, at, evtwin_table_number(from, c, row)));
            break;
        case EVTWIN_TEXT:
            check(evtwin_table_set_text(to, col, at, evtwin_table_text(from, c, row)));
            break;
        case EVTWIN_I64:
        case EVTWIN_TIME:
            check(evtwin_table_set_i64(to, col, at, evtwin_table_i64(from, c)[row]));
            break;
        default:
            break;
        }
    }
}

static void append(const evtwin_table *from, evtwin_table *to) {
    const size_t n = evtwin_table_rows(to);
    check(evtwin_table_resize(to, n + evtwin_table_rows(from)));
    for (size_t r = 0; r < evtwin_table_rows(from); r++) {
        copy_row(from, r, to, n + r);
    }
}

/* What remains: at each battery's own pace to 80 %, of the SoH that it was given for the month,
 * less the cycles since the month began. */
static void set_rul(evtwin_table *t, size_t rul, uint64_t seed) {
    const size_t cycles = evtwin_table_find(t, "charge_cycles");
    const size_t n = evtwin_table_rows(t), per_month = n / 12;
    double end[TRAIN_PACKS] = {0}, pace[TRAIN_PACKS] = {0};
    for (size_t r = 0; r < n; r++) {
        const size_t pack = r % TRAIN_PACKS;
        const double done = evtwin_table_number(t, cycles, r);
        if (r < TRAIN_PACKS) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            pace[pack] = 30.0 + 40.0 * (double)(seed >> 11) * 0x1p-53;
        }
        if (r % per_month < TRAIN_PACKS) {
            const double months = (double)(r / per_month) + (double)pack / (TRAIN_PACKS - 1);
            end[pack] = done + fmax(20.0 - 22.0 * months / 12.0, 0.0) * pace[pack];
        }
        check(evtwin_table_set_f64(t, rul, r, fmax(end[pack] - done, 0.0)));
    }
}

/* Training records like live ones: 100 packs from new to their end in twelve months, hourly for two
 * days of each. The label only stands for one: each pack has a pace of its own. */
static evtwin_table *record(uint64_t seed, evtwin_sim_use use) {
    evtwin_table *all = NULL;
    check(evtwin_telemetry_table_create(&all));
    for (int month = 0; month < 12; month++) {
        const double from = 100.0 - 22.0 * month / 12, to = 100.0 - 22.0 * (month + 1) / 12;
        evtwin_table *t =
            drive(TRAIN_PACKS, seed + 100 * (uint64_t)month, use, from, to, 2, 3600, month);
        append(t, all);
        evtwin_table_free(t);
    }
    size_t rul;
    check(evtwin_table_add_column(all, "rul", EVTWIN_F64, "cycles", &rul));
    set_rul(all, rul, seed);
    return all;
}

/* ---- models ---- */

static evtwin_predictor *train(const evtwin_table *t, const char *recipe) {
    evtwin_train_options o;
    evtwin_target rul;
    size_t i;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    check(evtwin_train_options_init(&o, sizeof o));
    check(evtwin_target_find("rul", &i));
    check(evtwin_target_get(i, &rul, sizeof rul));
    rul.trees = 5; /* what is measured is what the bundle knows of its training data */
    rul.depth = 3;
    o.recipe = recipe;
    check(evtwin_train(t, &rul, 1, &o, &trainer));
    check(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    return p;
}

/* ---- the walk ---- */

typedef struct change {
    const char *what, *column;
    double times, plus;
    unsigned expected; /* causes, any of them: bits */
} change;

#define BIT(cause) (1u << EVTWIN__DRIFT_##cause)

static const change changes[] = {
    {"SoC as a fraction", "soc", 0.01, 0, BIT(FRACTION) | BIT(RANGE)},
    {"SoH as a fraction", "soh", 0.01, 0, BIT(FRACTION) | BIT(RANGE)},
    {"cell voltage", "voltage", 1.0 / 96, 0, BIT(RANGE) | BIT(POWER) | BIT(CURVE)},
    {"48 cells in series", "voltage", 0.5, 0, BIT(RANGE) | BIT(POWER) | BIT(CURVE)},
    {"kW", "power_consumption", 1e-3, 0, BIT(POWER)},
    {"Fahrenheit", "temperature", 1.8, 32, BIT(RANGE)},
    {"Kelvin", "temperature", 1, 273.15, BIT(RANGE)},
    {"20 K too warm", "temperature", 1, 20, BIT(RANGE) | BIT(DISTRIBUTION)},
    {"a flipped sign", "current", -1, 0, BIT(SIGN)},
    {"mA", "current", 1e3, 0, BIT(RANGE) | BIT(POWER)},
    {"SoH 45 %", "soh", 0, 45, BIT(RANGE)},
    {"5,000 cycles", "charge_cycles", 0, 5000, BIT(RANGE)}};
enum { N_CHANGES = sizeof changes / sizeof changes[0] };

/* The rows of one round, the r-th of each battery. */
typedef struct rounds {
    const evtwin_table *from;
    size_t *row;   /* by round */
    size_t *first; /* (n + 1) */
    size_t n;
} rounds;

static void make_rounds(const evtwin_table *t, rounds *out) {
    const size_t rows = evtwin_table_rows(t);
    const size_t id = evtwin_table_find(t, "battery_id");
    const int32_t *code = evtwin_table_codes(t, id);
    size_t *nth = calloc(rows, sizeof *nth), seen[4096] = {0};
    *out = (rounds){.from = t, .row = calloc(rows, sizeof(size_t))};
    for (size_t r = 0; r < rows; r++) {
        nth[r] = seen[code[r]]++;
        out->n = nth[r] + 1 > out->n ? nth[r] + 1 : out->n;
    }
    out->first = calloc(out->n + 1, sizeof(size_t));
    for (size_t r = 0; r < rows; r++) {
        out->first[nth[r] + 1]++;
    }
    for (size_t k = 0; k < out->n; k++) {
        out->first[k + 1] += out->first[k];
    }
    size_t *at = calloc(out->n, sizeof *at);
    for (size_t r = 0; r < rows; r++) {
        out->row[out->first[nth[r]] + at[nth[r]]++] = r;
    }
    free(at);
    free(nth);
}

static void free_rounds(rounds *r) {
    free(r->row);
    free(r->first);
}

/* of: NULL = every battery has the fault. */
static void apply_change(const change *c, const char *of, evtwin_table *t) {
    const size_t id = evtwin_table_find(t, "battery_id");
    const size_t col = c != NULL ? evtwin_table_find(t, c->column) : 0;
    for (size_t r = 0; c != NULL && r < evtwin_table_rows(t); r++) {
        if (of == NULL || strcmp(evtwin_table_text(t, id, r), of) == 0) {
            const double v = evtwin_table_number(t, col, r) * c->times + c->plus;
            check(evtwin_table_type(t, col) == EVTWIN_I64
                      ? evtwin_table_set_i64(t, col, r, (int64_t)v)
                      : evtwin_table_set_f64(t, col, r, v));
        }
    }
}

typedef struct outcome {
    size_t rows, of_battery; /* of the fleet until the first finding, of its battery; 0 = never */
    size_t impossible;       /* rows that got a note instead of a prediction */
    unsigned fleet, battery; /* causes found at the end or before: bits */
} outcome;

static unsigned bit_of(const char *cause) {
    int c = 1;
    while (c < EVTWIN__N_DRIFT_CAUSES &&
           strcmp(evtwin__drift_cause_name((evtwin__drift_cause)c), cause) != 0) {
        c++;
    }
    return 1u << c;
}

/* is_shown: what is found first, in words. */
static void note_findings(const evtwin_session *session, int is_shown, outcome *o) {
    const int is_first = is_shown && (o->fleet | o->battery) == 0;
    evtwin_table *found;
    check(evtwin_session_drift(session, &found));
    for (size_t r = 0; found != NULL && r < evtwin_table_rows(found); r++) {
        unsigned *of = evtwin_table_is_valid(found, 0, r) ? &o->battery : &o->fleet;
        *of |= bit_of(evtwin_table_text(found, 1, r));
        if (is_first) {
            printf("    %s\n", evtwin_table_text(found, 5, r));
        }
    }
    evtwin_table_free(found);
}

static outcome walk(const evtwin_predictor *p, const rounds *live, const change *c, const char *of,
                    int is_shown) {
    outcome o = {0};
    evtwin_session *session = NULL;
    evtwin_table *t = NULL;
    check(evtwin_session_create(p, NULL, &session));
    for (size_t k = 0; k < live->n; k++) {
        check(evtwin_telemetry_table_create(&t));
        check(evtwin_table_resize(t, live->first[k + 1] - live->first[k]));
        for (size_t r = live->first[k]; r < live->first[k + 1]; r++) {
            copy_row(live->from, live->row[r], t, r - live->first[k]);
        }
        apply_change(c, of, t);
        check(evtwin_session_apply(session, t));
        evtwin_session_commit(session);
        o.impossible += evtwin_session_out_of_range(session, NULL);
        note_findings(session, is_shown, &o);
        o.rows = o.rows == NEVER && o.fleet != 0 ? live->first[k + 1] : o.rows;
        o.of_battery = o.of_battery == NEVER && o.battery != 0 ? k + 1 : o.of_battery;
        evtwin_table_free(t);
    }
    evtwin_session_free(session);
    return o;
}

static void print_causes(unsigned bits) {
    for (int c = 1; c < EVTWIN__N_DRIFT_CAUSES; c++) {
        if ((bits >> c & 1u) != 0) {
            printf(" %s", evtwin__drift_cause_name((evtwin__drift_cause)c));
        }
    }
}

static int show_noticed(const char *what, const outcome *o, unsigned expected) {
    const int is_missed = ((o->fleet | o->battery) & expected) == 0 && o->impossible == 0;
    printf("  %-20s fleet after %5zu rows, battery after %4zu:", what, o->rows, o->of_battery);
    print_causes(o->fleet);
    printf(" |");
    print_causes(o->battery);
    printf(o->impossible > 0 ? " (%zu rows impossible)%s\n" : "%.0zu%s\n", o->impossible,
           is_missed ? " MISSED" : "");
    return is_missed;
}

static int notice_all(const evtwin_predictor *p, uint64_t seed) {
    evtwin_table *t = simulate(LIVE_PACKS, seed, NULL),
                 *lfp = simulate(LIVE_PACKS, seed, "lfp26650");
    rounds live, other;
    int n_missed = 0;
    make_rounds(t, &live);
    make_rounds(lfp, &other);
    const char *first = evtwin_table_text(t, evtwin_table_find(t, "battery_id"), 0);
    for (size_t i = 0; i < N_CHANGES; i++) {
        const outcome all = walk(p, &live, &changes[i], NULL, 0);
        n_missed += show_noticed(changes[i].what, &all, changes[i].expected);
    }
    const outcome lfp_all = walk(p, &other, NULL, NULL, 0);
    n_missed += show_noticed("LFP", &lfp_all, BIT(CURVE) | BIT(RANGE));
    for (size_t i = 0; i < N_CHANGES; i++) {
        outcome one = walk(p, &live, &changes[i], first, 0);
        char what[64];
        snprintf(what, sizeof what, "1 of 30: %s", changes[i].what);
        n_missed += show_noticed(what, &one, changes[i].expected);
    }
    free_rounds(&live);
    free_rounds(&other);
    evtwin_table_free(t);
    evtwin_table_free(lfp);
    return n_missed;
}

/* ---- what must be silent ---- */

static int is_alarm(const evtwin_predictor *p, const char *what, uint64_t seed, evtwin_table *t) {
    rounds live;
    make_rounds(t, &live);
    const outcome o = walk(p, &live, NULL, NULL, what != NULL);
    if (what != NULL && (o.fleet | o.battery) != 0) {
        printf("  %s, seed %llu: after %zu rows (battery: %zu)", what, (unsigned long long)seed,
               o.rows, o.of_battery);
        print_causes(o.fleet);
        printf(" |");
        print_causes(o.battery);
        printf("\n");
    }
    free_rounds(&live);
    evtwin_table_free(t);
    return (o.fleet | o.battery) != 0;
}

/* Whole lives, by a model of whole lives. */
static void be_silent(const evtwin_predictor *p, uint64_t first, uint64_t n) {
    static const size_t lives[] = {1, 3, 12, 20, 200};
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        int n_alarms = 0;
        for (uint64_t s = first; s < first + n; s++) {
            n_alarms += is_alarm(p, "lives", s, simulate(lives[i], s, NULL));
        }
        printf("  %zu packs from new to the end: %d of %d fleets\n", lives[i], n_alarms, (int)n);
    }
}

/* Live packs, by a model of records of the same use; each seed in a month of its own. */
static void be_silent_live(const evtwin_predictor *p, evtwin_sim_use use, uint64_t first,
                           uint64_t n) {
    static const struct {
        size_t packs;
        double soh_first, soh_last, days, every_s;
    } week[] = {{1, 95, NAN, 1, 120},  {3, 99, 80, 1, 120},   {12, 99, 80, 1, 120},
                {1, 90, NAN, 7, 600},  {3, 99, 80, 7, 600},   {12, 99, 80, 7, 600},
                {12, 95, NAN, 7, 600}, {20, 97, NAN, 7, 1800}};
    for (size_t i = 0; i < sizeof week / sizeof week[0]; i++) {
        int n_alarms = 0;
        for (uint64_t s = first; s < first + n; s++) {
            n_alarms += is_alarm(p, "live", s,
                                 drive(week[i].packs, s, use, week[i].soh_first, week[i].soh_last,
                                       week[i].days, week[i].every_s, (int)(s % 12)));
        }
        printf("  %zu packs, SoH %g to %g, live for %g days: %d of %d fleets\n", week[i].packs,
               week[i].soh_first, week[i].soh_last, week[i].days, n_alarms, (int)n);
    }
}

static evtwin_table *warmer(evtwin_table *t, double by_K) {
    const change c = {"", "temperature", 1, by_K, 0};
    apply_change(&c, NULL, t);
    return t;
}

/* Another climate: a whole life, or a week in each month, that much warmer. */
static void change_climate(const evtwin_predictor *p, int is_live, uint64_t first, uint64_t n) {
    static const double by_K[] = {-15, -10, -8, -5, -3, 3, 5, 8, 10, 15};
    for (size_t i = 0; i < sizeof by_K / sizeof by_K[0]; i++) {
        int n_alarms = 0;
        for (uint64_t s = first; s < first + n; s++) {
            evtwin_table *t = is_live
                                  ? drive(12, s, EVTWIN_USE_DAILY, 99, 80, 7, 3600, (int)(s % 12))
                                  : simulate(LIVE_PACKS, s, NULL);
            n_alarms += is_alarm(p, NULL, s, warmer(t, by_K[i]));
        }
        printf("  %s, %+g K: %d of %d fleets\n", is_live ? "a week of 12 packs" : "30 lives",
               by_K[i], n_alarms, (int)n);
    }
}

int main(int argc, char **argv) {
    const int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10;
    const uint64_t first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    const uint64_t last = argc > 3 ? strtoul(argv[3], NULL, 10) : first + 2;
    int n_missed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    evtwin_set_log(NULL, NULL);
    for (uint64_t seed = first; seed <= last; seed++) {
        evtwin_table *t = simulate(TRAIN_PACKS, seed, NULL);
        static const char *const recipe[] = {"contract", "history"};
        for (size_t r = 0; r < 2; r++) {
            evtwin_predictor *p = train(t, recipe[r]);
            printf("trained on seed %d, recipe %s\n", (int)seed, recipe[r]);
            n_missed += notice_all(p, 100 + seed);
            be_silent(p, 1000 * seed, (uint64_t)n);
            change_climate(p, 0, 1000 * seed, (uint64_t)n);
            evtwin_predictor_free(p);
        }
        evtwin_table_free(t);
        for (int use = EVTWIN_USE_CYCLE; use <= EVTWIN_USE_DAILY; use++) {
            t = record(seed, (evtwin_sim_use)use);
            evtwin_predictor *p = train(t, "contract");
            printf("trained on records of use %s, seed %d\n",
                   use == EVTWIN_USE_CYCLE ? "cycle" : "daily", (int)seed);
            be_silent_live(p, (evtwin_sim_use)use, 1000 * seed, (uint64_t)n);
            if (use == EVTWIN_USE_DAILY) {
                change_climate(p, 1, 1000 * seed, (uint64_t)n);
            }
            evtwin_predictor_free(p);
            evtwin_table_free(t);
        }
    }
    printf("missed: %d\n", n_missed);
    return 0;
}
#else
int main(void) {
    puts("not measured: built without XGBoost");
    return 0;
}
#endif
