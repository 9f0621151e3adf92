/* SPDX-License-Identifier: MIT */
/* sim/run_to_failure.c: the run-to-failure data set: packs run to their end of life day by day,
 * records of what their BMS reports at moments of the days, labelled from the outcome. */

#include "sim/fleet.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"

#include <stdlib.h>

#define DAYS_PER_YEAR 365.2425

/* EVTWIN_MOMENTS_ACTIVE, while cars do something: of the records 45 % are taken while driving, 35 %
 * while charging (driving, on days without a night's charge), 20 % while parked. */
#define DRIVE_SHARE 0.45
#define CHARGE_SHARE 0.35

/* Hours of a day in which the trips lie after their start, and in which a night's charge lies. */
#define TRIP_HOURS 10.0
#define CHARGE_HOURS 2.5

/* Packs between two reports of progress. */
enum { CHUNK_PACKS = 32 };

/* A moment on the way to the end: what the BMS reported, and the truth. */
typedef struct record {
    evtwin__reading reading;
    double age_days, cycles, soh_frac, resistance_ratio;
    int has_defect;
} record;

/* How a pack ended. */
typedef struct outcome {
    size_t n_records;
    double eol_cycles;  /* NaN: still alive when observation ended */
    double last_cycles; /* at which it ended */
    int by_capacity, has_defect;
} outcome;

/* Everything of a call that workers read, and the chunk they write. */
typedef struct run {
    evtwin_sim *fleet; /* without its packs */
    evtwin_run_to_failure_options limits;
    size_t max_records; /* of one pack */

    size_t first_pack;
    record *records;  /* (CHUNK_PACKS, max_records) */
    outcome *outcome; /* (CHUNK_PACKS) */

    /* what comes of it */
    double *ends;            /* (n_packs): life of those that reached their end, so far */
    evtwin_table *table;     /* telemetry and truth */
    evtwin__columns columns; /* of it */
    evtwin_run_to_failure_report report;
} run;

/* ---- one pack ---- */

/* A pack at an instant. */
typedef struct state {
    evtwin__wear wear;
    double soh_frac, resistance_ratio;
} state;

/* A pack on one of its days: how it is in the morning and in the next. */
typedef struct pack {
    const evtwin_sim *fleet;
    evtwin__variation variation;
    evtwin__sensors sensors;
    uint64_t day;
    state before, after;
    evtwin__wear_day use;
} pack;

static double between(double a, double b, double f) {
    return a + f * (b - a);
}

static void measure(state *s) {
    s->soh_frac = evtwin__wear_soh(&s->wear);
    s->resistance_ratio = evtwin__wear_r10_ratio(&s->wear);
}

static double air_at(const pack *p, double hour) {
    return evtwin__air_degC(&p->variation, p->fleet->start_days + (double)p->day + hour / 24.0);
}

/* While the car does something. */
static evtwin__car_moment sample_active(const pack *p) {
    const evtwin__pack_rng rng = p->variation.rng;
    const double kind = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT, p->day, 0);
    const double where = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT, p->day, 1);
    const double level = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT_STATE, p->day, 0);
    const evtwin__wear_day *use = &p->use;

    if (kind >= DRIVE_SHARE + CHARGE_SHARE) {
        return (evtwin__car_moment){.hour = where * use->plan.start_hour,
                                    .soc_frac = use->start_frac};
    }
    if (kind >= DRIVE_SHARE && use->night_frac > use->end_frac) {
        return (evtwin__car_moment){
            .hour = EVTWIN__PLUG_IN_HOUR + where * CHARGE_HOURS,
            .progress = 1.0,
            .soc_frac = between(use->end_frac, use->night_frac, where),
            .current_A = -between(EVTWIN__CHARGE_MIN_A, EVTWIN__CHARGE_MAX_A, level),
        };
    }
    return (evtwin__car_moment){
        .hour = use->plan.start_hour + where * TRIP_HOURS,
        .progress = where,
        .soc_frac = evtwin__soc_on_the_way(
            &p->variation, use->start_frac - where * use->plan.cycles / p->before.soh_frac),
        .current_A = between(EVTWIN__DRIVE_MIN_A, EVTWIN__DRIVE_MAX_A, level),
    };
}

/* At any time of the day or, for a pack that cycles, of its cycle. */
static evtwin__car_moment sample_any(const pack *p, int is_cycle) {
    const evtwin__pack_rng rng = p->variation.rng;
    const double hour = 24.0 * evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT, p->day, 0);
    const double phase = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT, p->day, 1);
    const double level = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_MOMENT_STATE, p->day, 0);
    return is_cycle ? evtwin__cycle_at(&p->before.wear, hour, phase, level)
                    : evtwin__car_at(&p->before.wear, &p->use, hour, level, air_at(p, hour));
}

/* The quasi-steady circuit at a moment; r0_ratio: of the pack's cells to nominal ones. */
static evtwin__ecm_steady circuit_at(const evtwin_cell *cell, const evtwin__car_moment *m,
                                     double r0_ratio) {
    const double cell_A =
        m->current_A * cell->capacity_Ah / (EVTWIN__REFERENCE_PARALLEL * EVTWIN__REFERENCE_CELL_Ah);
    return evtwin__ecm_steady_at(cell, m->soc_frac, m->air_degC + m->warming_K, cell_A, r0_ratio);
}

/* What the pack is and what its BMS reports at a moment between two mornings. */
static void take_record(const pack *p, evtwin_moments moments, uint64_t sample, record *out) {
    const evtwin_cell *cell = &p->fleet->cell;
    const evtwin__wear *before = &p->before.wear, *after = &p->after.wear;
    const int is_active = moments == EVTWIN_MOMENTS_ACTIVE;
    evtwin__car_moment m =
        is_active ? sample_active(p) : sample_any(p, moments == EVTWIN_MOMENTS_CYCLE);
    const double f = m.hour / 24.0;

    out->age_days = before->age_days + f;
    out->cycles = between(before->cycles, after->cycles, m.progress);
    out->soh_frac = between(p->before.soh_frac, p->after.soh_frac, f);
    out->resistance_ratio = between(p->before.resistance_ratio, p->after.resistance_ratio, f);
    out->has_defect = before->has_defect;

    const double r0_ratio = p->variation.resistance_factor * evtwin__wear_r0_ratio(before);
    const double k = evtwin__thermal_resistance_K_W(&cell->thermal);
    if (is_active) { /* what it did before is not known: warm as if it had done this for long */
        m.air_degC = air_at(p, m.hour);
        m.warming_K = k * circuit_at(cell, &m, r0_ratio).heat_W;
    }
    const evtwin__ecm_steady s = circuit_at(cell, &m, r0_ratio);
    const double warming_K = is_active ? k * s.heat_W : m.warming_K;

    const int n_series = p->fleet->options.n_series, n_parallel = p->fleet->options.n_parallel;
    const double as_built_Ah = cell->capacity_Ah * p->variation.capacity_factor * n_parallel;
    const double as_built_ohm =
        p->variation.resistance_factor * evtwin__cell_r10_ohm(cell, 1.0) * n_series / n_parallel;
    const evtwin__sensor_input in = {
        .age_days = out->age_days,
        .soc_frac = m.soc_frac,
        .soh_frac = out->soh_frac,
        .voltage_V = n_series * s.voltage_V,
        .current_A = n_parallel * s.current_A,
        .temperature_degC = m.air_degC + warming_K,
        .resistance_ohm = as_built_ohm * out->resistance_ratio,
        .cycles = out->cycles,
        .mean_temperature_degC =
            between(before->temperature_degC_days, after->temperature_degC_days, f) / out->age_days,
        .throughput_Ah = out->cycles * as_built_Ah,
        .n_series = n_series,
    };
    out->reading = evtwin__sensors_read(&p->sensors, sample, &in);
}

/* Share of the day at which a falling value crossed a limit; beyond 1 if it did not. */
static double crossing(double before, double after, double limit) {
    if (before <= limit) {
        return 0.0;
    }
    return after < limit ? (before - limit) / (before - after) : 2.0;
}

/* The share of the day at which the pack reached its end of life, which fills the outcome; beyond 1
 * if it did not. */
static double end_of_life(const run *r, const pack *p, outcome *out) {
    const state *before = &p->before, *after = &p->after;
    const double by_capacity =
        crossing(before->soh_frac, after->soh_frac, 0.01 * r->limits.eol_soh_percent);
    const double by_resistance = crossing(-before->resistance_ratio, -after->resistance_ratio,
                                          -r->limits.eol_resistance_ratio);
    const double f = by_capacity <= by_resistance ? by_capacity : by_resistance;
    if (f <= 1.0) {
        out->eol_cycles = between(before->wear.cycles, after->wear.cycles, f);
        out->by_capacity = by_capacity <= by_resistance;
    }
    return f;
}

/* One pack of the chunk from new to its end. */
static evtwin_status run_pack(void *ctx, size_t item) {
    const run *r = ctx;
    const evtwin_sim *fleet = r->fleet;
    const evtwin__pack_rng rng = {fleet->options.seed, (uint32_t)(r->first_pack + item)};
    pack p = {.fleet = fleet,
              .variation = evtwin__variation_sample(rng, fleet->cell.spread_scale),
              .sensors = evtwin__sensors_sample(rng)};
    record *records = &r->records[item * r->max_records];
    outcome *out = &r->outcome[item];
    p.variation.is_defective &= !fleet->options.without_defects;
    *out = (outcome){.eol_cycles = NAN};

    const double max_days = r->limits.max_years * DAYS_PER_YEAR;
    double next_record_day = r->limits.record_every_days;
    p.after.wear = evtwin__wear_new(&fleet->cell, &p.variation);
    measure(&p.after);
    int ended = 0;
    for (; (double)p.day < max_days && !ended; p.day++) {
        p.before = p.after;
        p.use = evtwin__wear_step(&p.after.wear, p.day, fleet->start_days + (double)p.day, 1.0);
        measure(&p.after);
        const double end = end_of_life(r, &p, out);
        ended = end <= 1.0;
        if ((double)(p.day + 1) <= next_record_day || out->n_records == r->max_records) {
            continue;
        }
        next_record_day += r->limits.record_every_days;
        record *now = &records[out->n_records];
        take_record(&p, r->limits.moments, out->n_records, now);

        /* a record after the end does not count */
        if (!ended ||
            (now->cycles < out->eol_cycles && now->age_days <= p.before.wear.age_days + end)) {
            out->n_records++;
        }
    }
    out->last_cycles = ended ? out->eol_cycles : p.after.wear.cycles;
    out->has_defect = p.after.wear.has_defect;
    return EVTWIN_OK;
}

/* ---- labels and rows ---- */

/* 1 or 0 where the outcome decides, NaN where the horizon was not observed. */
static double failure_label(const run *r, const record *at, const outcome *o) {
    const double horizon = r->limits.failure_horizon_cycles;
    if (!isnan(o->eol_cycles)) {
        return o->eol_cycles - at->cycles <= horizon ? 1.0 : 0.0;
    }
    return o->last_cycles - at->cycles >= horizon ? 0.0 : NAN;
}

static evtwin_status write_labels(const run *r, size_t row, const record *at, const outcome *o) {
    const struct {
        evtwin__quantity_id quantity;
        double value;
    } label[] = {
        {EVTWIN__Q_RUL, o->eol_cycles - at->cycles},
        {EVTWIN__Q_FAILURE, failure_label(r, at, o)},
        {EVTWIN__Q_TRUTH_SOH, 100.0 * at->soh_frac},
        {EVTWIN__Q_TRUTH_RESISTANCE_RATIO, at->resistance_ratio},
        {EVTWIN__Q_TRUTH_EFC, at->cycles},
        {EVTWIN__Q_TRUTH_EOL_EFC, o->eol_cycles},
        {EVTWIN__Q_TRUTH_HAS_DEFECT, at->has_defect},
        {EVTWIN__Q_TRUTH_CENSORED, isnan(o->eol_cycles) ? 1.0 : 0.0},
    };
    for (size_t i = 0; i < sizeof label / sizeof label[0]; i++) {
        EVTWIN_TRY(
            evtwin_table_set_f64(r->table, r->columns.at[label[i].quantity], row, label[i].value));
    }
    return EVTWIN_OK;
}

/* The records of one pack as rows at the end of the table. */
static evtwin_status write_pack(run *r, size_t item) {
    const outcome *o = &r->outcome[item];
    const size_t row = evtwin_table_rows(r->table);
    int32_t code = 0;
    EVTWIN_TRY(evtwin_table_resize(r->table, row + o->n_records));
    EVTWIN_TRY(evtwin_table_intern(r->table, r->columns.at[EVTWIN__Q_BATTERY_ID],
                                   r->fleet->ids[r->first_pack + item], &code));
    for (size_t i = 0; i < o->n_records; i++) {
        record *at = &r->records[item * r->max_records + i];
        at->reading.time_us =
            r->fleet->options.start_time_us + (int64_t)(at->age_days * EVTWIN__US_PER_DAY);
        at->reading.seq = (int64_t)i;
        at->reading.sim_time_s = at->age_days * EVTWIN__SECONDS_PER_DAY;
        at->reading.battery_code = code;
        EVTWIN_TRY(evtwin__row_write(r->table, &r->columns, row + i, &at->reading));
        EVTWIN_TRY(write_labels(r, row + i, at, o));
    }
    return EVTWIN_OK;
}

/* Take a pack into the report. */
static void count_pack(run *r, const outcome *o) {
    evtwin_run_to_failure_report *report = &r->report;
    report->n_packs++;
    report->n_rows += o->n_records;
    report->n_defective += o->has_defect ? 1 : 0;
    if (isnan(o->eol_cycles)) {
        report->n_censored++;
        return;
    }
    r->ends[report->n_eol_by_capacity + report->n_eol_by_resistance] = o->eol_cycles;
    report->n_eol_by_capacity += o->by_capacity ? 1 : 0;
    report->n_eol_by_resistance += o->by_capacity ? 0 : 1;
}

/* ---- the run ---- */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile of sorted values, linear between them; NaN of none. */
static double quantile(const double *sorted, size_t n, double p) {
    if (n == 0) {
        return NAN;
    }
    const double x = p * (double)(n - 1);
    const size_t k = (size_t)x;
    return k + 1 < n ? sorted[k] + (x - (double)k) * (sorted[k + 1] - sorted[k]) : sorted[n - 1];
}

/* Run the packs a chunk at a time, and take each chunk into the table and the report. */
static evtwin_status run_chunks(run *r) {
    const evtwin_run_to_failure_options *limits = &r->limits;
    const size_t n = r->fleet->n_packs;
    const char *what = "simulating to end of life";
    for (r->first_pack = 0; r->first_pack < n; r->first_pack += CHUNK_PACKS) {
        const double done = (double)r->first_pack / (double)n;
        EVTWIN_FAIL_IF(limits->progress != NULL &&
                           limits->progress(limits->progress_ctx, what, done) != 0,
                       EVTWIN_E_CANCELLED, "stopped after %zu of %zu packs", r->first_pack, n);
        const size_t n_chunk = n - r->first_pack < CHUNK_PACKS ? n - r->first_pack : CHUNK_PACKS;
        EVTWIN_TRY(evtwin__parallel_for(r->fleet->options.n_threads, n_chunk, run_pack, r));
        for (size_t i = 0; i < n_chunk; i++) {
            EVTWIN_TRY(write_pack(r, i));
            count_pack(r, &r->outcome[i]);
        }
    }
    if (limits->progress != NULL) {
        limits->progress(limits->progress_ctx, what, 1.0);
    }
    return EVTWIN_OK;
}

/* Table and buffers, filled by the run; the caller frees them. */
static evtwin_status run_all(run *r) {
    const size_t n = r->fleet->n_packs;
    const unsigned kinds = EVTWIN__TELEMETRY | EVTWIN__TRUTH;
    EVTWIN_TRY(evtwin__schema_table_create(kinds, &r->table));
    EVTWIN_TRY(evtwin__columns_find(r->table, kinds, &r->columns));
    r->max_records =
        (size_t)(r->limits.max_years * DAYS_PER_YEAR / r->limits.record_every_days) + 2;
    r->ends = evtwin__calloc(n, sizeof *r->ends);
    r->records = evtwin__calloc(r->max_records, CHUNK_PACKS * sizeof *r->records);
    r->outcome = evtwin__calloc(CHUNK_PACKS, sizeof *r->outcome);
    EVTWIN_FAIL_IF(r->ends == NULL || r->records == NULL || r->outcome == NULL, EVTWIN_E_NOMEM,
                   "no memory for the run of %zu packs", n);
    EVTWIN_TRY(run_chunks(r));
    const size_t n_ended = r->report.n_eol_by_capacity + r->report.n_eol_by_resistance;
    qsort(r->ends, n_ended, sizeof *r->ends, by_value);
    r->report.life_p10_cycles = quantile(r->ends, n_ended, 0.1);
    r->report.life_median_cycles = quantile(r->ends, n_ended, 0.5);
    r->report.life_p90_cycles = quantile(r->ends, n_ended, 0.9);
    return EVTWIN_OK;
}

evtwin_status evtwin_run_to_failure_options_init(evtwin_run_to_failure_options *options,
                                                 size_t size) {
    const evtwin_run_to_failure_options defaults = {
        .size = sizeof defaults,
        .record_every_days = 3.0,
        .max_years = 15.0,
        .failure_horizon_cycles = 100.0,
        .eol_soh_percent = 80.0,
        .eol_resistance_ratio = 2.0,
    };
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

static evtwin_status check_limits(const evtwin_run_to_failure_options *given,
                                  evtwin_run_to_failure_options *o) {
    evtwin_run_to_failure_options_init(o, sizeof *o);
    EVTWIN_TRY(evtwin__options_merge(o, sizeof *o, given, "evtwin_run_to_failure_options_init"));
    const evtwin__domain domain[] = {
        {"record_every_days", o->record_every_days, 1.0, 365.0},
        {"max_years", o->max_years, 0.01, 50.0},
        {"failure_horizon_cycles", o->failure_horizon_cycles, 0.0, 10000.0},
        {"eol_soh_percent", o->eol_soh_percent, 30.0, 99.9},
        {"eol_resistance_ratio", o->eol_resistance_ratio, 1.01, 100.0},
        {"moments", (double)o->moments, EVTWIN_MOMENTS_ACTIVE, EVTWIN_MOMENTS_CYCLE},
    };
    return evtwin__domains_check(domain, sizeof domain / sizeof domain[0]);
}

evtwin_status evtwin_sim_run_to_failure(const evtwin_sim_options *options,
                                        const evtwin_run_to_failure_options *run_options,
                                        evtwin_table **out, evtwin_run_to_failure_report *report,
                                        size_t report_size) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    run r = {.report = {.size = sizeof r.report}};
    evtwin_status st = evtwin__fleet_create(options, &r.fleet);
    if (st < 0 || (st = check_limits(run_options, &r.limits)) < 0) {
        goto done;
    }
    if (r.fleet->options.model != EVTWIN_SIM_ECM) {
        st = evtwin__fail(EVTWIN_E_UNSUPPORTED, "packs of the classic model do not age");
        goto done;
    }
    if ((st = run_all(&r)) < 0) {
        goto done;
    }
    if (report != NULL) {
        evtwin__report_copy(report, report_size, &r.report, sizeof r.report);
    }
    *out = r.table;
    r.table = NULL;

done:
    evtwin_table_free(r.table);
    evtwin__free(r.outcome);
    evtwin__free(r.records);
    evtwin__free(r.ends);
    evtwin_sim_free(r.fleet);
    return st;
}
