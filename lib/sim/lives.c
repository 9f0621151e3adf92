/* SPDX-License-Identifier: MIT */
/* sim/lives.c: labelled lives: packs run to their end of life day by day, records labelled from the
 * outcome. */

#include "sim/fleet.h"

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"
#include "sim/lives.h"

#include <math.h>
#include <stdlib.h>

#define DAYS_PER_YEAR 365.2425
#define US_PER_DAY 86400e6
#define SECONDS_PER_DAY 86400.0

/* Packs between two reports of progress. */
enum { CHUNK_PACKS = 32 };

/* Everything of a call that workers read, and the chunk they write. */
typedef struct lives {
    const evtwin_sim_options *options;
    const evtwin_life_options *life;
    evtwin_cell cell;
    double start_days;
    size_t max_records; /* of one pack */

    size_t first_pack, n_chunk;
    evtwin__record *records;  /* (CHUNK_PACKS, max_records) */
    evtwin__outcome *outcome; /* (CHUNK_PACKS) */
} lives;

/* Label columns, in their order after the telemetry. */
enum {
    RUL,
    FAILURE,
    TRUTH_SOH,
    TRUTH_RESISTANCE,
    TRUTH_EFC,
    TRUTH_EOL_EFC,
    TRUTH_DEFECT,
    TRUTH_CENSORED,
    N_LABELS
};

static const struct {
    const char *name, *unit;
} label[N_LABELS] = {
    [RUL] = {"rul", "cycles"},
    [FAILURE] = {"failure", ""},
    [TRUTH_SOH] = {"truth_soh", "percent"},
    [TRUTH_RESISTANCE] = {"truth_resistance_ratio", ""},
    [TRUTH_EFC] = {"truth_efc", "cycles"},
    [TRUTH_EOL_EFC] = {"truth_eol_efc", "cycles"},
    [TRUTH_DEFECT] = {"truth_has_defect", ""},
    [TRUTH_CENSORED] = {"truth_censored", ""},
};

evtwin_status evtwin_life_options_init(evtwin_life_options *options, size_t size) {
    if (options == NULL || size < sizeof(size_t)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size is %zu", size);
    }
    const evtwin_life_options defaults = {
        .size = sizeof defaults,
        .record_every_days = 3.0,
        .max_years = 15.0,
        .failure_horizon_cycles = 100.0,
        .eol_soh_percent = 80.0,
        .eol_resistance_ratio = 2.0,
    };
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

static evtwin_status check_life_options(const evtwin_life_options *given,
                                        evtwin_life_options *out) {
    evtwin_life_options o;
    evtwin_life_options_init(&o, sizeof o);
    if (given != NULL && given->size < sizeof(size_t)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "life.size is %zu: call evtwin_life_options_init", given->size);
    }
    if (given != NULL) {
        evtwin__options_copy(&o, sizeof o, given, given->size);
    }
    const struct {
        const char *name;
        double value, min, max;
    } range[] = {
        {"record_every_days", o.record_every_days, 1.0, 365.0},
        {"max_years", o.max_years, 0.01, 50.0},
        {"failure_horizon_cycles", o.failure_horizon_cycles, 0.0, 10000.0},
        {"eol_soh_percent", o.eol_soh_percent, 30.0, 99.9},
        {"eol_resistance_ratio", o.eol_resistance_ratio, 1.01, 100.0},
    };
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        if (!(range[i].value >= range[i].min && range[i].value <= range[i].max)) {
            EVTWIN_FAIL(EVTWIN_E_ARG, "%s is %g, outside [%g, %g]", range[i].name, range[i].value,
                        range[i].min, range[i].max);
        }
    }
    *out = o;
    return EVTWIN_OK;
}

static evtwin_status live_item(void *ctx, size_t item) {
    const lives *l = ctx;
    const evtwin__dice dice = {l->options->seed, (uint32_t)(l->first_pack + item)};
    const evtwin__life_task task = {
        .cell = &l->cell,
        .life = l->life,
        .n_series = l->options->n_series,
        .n_parallel = l->options->n_parallel,
        .start_days = l->start_days,
        .max_records = l->max_records,
    };
    evtwin__live(&task, dice, &l->records[item * l->max_records], &l->outcome[item]);
    return EVTWIN_OK;
}

/* 1 or 0 where the outcome says so, NaN where the horizon was not observed. */
static double failure_label(const lives *l, const evtwin__record *r, const evtwin__outcome *o) {
    const double horizon = l->life->failure_horizon_cycles;
    if (!isnan(o->eol_cycles)) {
        return o->eol_cycles - r->cycles <= horizon ? 1.0 : 0.0;
    }
    return o->last_cycles - r->cycles >= horizon ? 0.0 : NAN;
}

static evtwin_status write_labels(evtwin_table *table, const size_t *at, size_t row, const lives *l,
                                  const evtwin__record *r, const evtwin__outcome *o) {
    const double value[N_LABELS] = {
        [RUL] = o->eol_cycles - r->cycles, [FAILURE] = failure_label(l, r, o),
        [TRUTH_SOH] = 100.0 * r->soh_frac, [TRUTH_RESISTANCE] = r->resistance_ratio,
        [TRUTH_EFC] = r->cycles,           [TRUTH_EOL_EFC] = o->eol_cycles,
        [TRUTH_DEFECT] = r->has_defect,    [TRUTH_CENSORED] = isnan(o->eol_cycles),
    };
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < N_LABELS && st >= 0; i++) {
        st = evtwin_table_set_f64(table, at[i], row, value[i]);
    }
    return st;
}

/* The records of one pack as rows from `row` on. */
static evtwin_status write_pack(evtwin_table *table, const evtwin__columns *columns,
                                const size_t *labels_at, size_t row, const lives *l, size_t item,
                                const evtwin__battery_id *id) {
    const evtwin__outcome *o = &l->outcome[item];
    evtwin__stamp stamp = {0};
    evtwin_status st = evtwin__row_code(table, columns, id->text, &stamp.code);
    for (size_t i = 0; i < o->n_records && st >= 0; i++) {
        const evtwin__record *r = &l->records[item * l->max_records + i];
        stamp.time_us = l->options->start_time_us + (int64_t)(r->age_days * US_PER_DAY);
        stamp.seq = (int64_t)i;
        stamp.sim_time_s = r->age_days * SECONDS_PER_DAY;
        if ((st = evtwin__row_write(table, columns, row + i, &stamp, &r->reading)) >= 0) {
            st = write_labels(table, labels_at, row + i, l, r, o);
        }
    }
    return st;
}

/* Append the chunk to the table, which has room for *reserved rows. */
static evtwin_status write_chunk(evtwin_table *table, const size_t *labels_at, const lives *l,
                                 const evtwin__battery_id *ids, size_t *reserved) {
    evtwin__columns columns;
    evtwin_status st = evtwin__columns_find(table, &columns);
    if (st < 0) {
        return st;
    }
    size_t row = evtwin_table_rows(table), rows = row;
    for (size_t i = 0; i < l->n_chunk; i++) {
        rows += l->outcome[i].n_records;
    }
    if (rows > *reserved) {
        *reserved = rows > 2 * *reserved ? rows : 2 * *reserved;
        if ((st = evtwin_table_reserve(table, *reserved)) < 0) {
            return st;
        }
    }
    if ((st = evtwin_table_resize(table, rows)) < 0) {
        return st;
    }
    for (size_t i = 0; i < l->n_chunk && st >= 0; i++) {
        st = write_pack(table, &columns, labels_at, row, l, i, &ids[l->first_pack + i]);
        row += l->outcome[i].n_records;
    }
    return st;
}

/* Take the chunk into the report; ends collects the lives that ended. */
static void count_chunk(const lives *l, double *ends, evtwin_life_report *report) {
    for (size_t i = 0; i < l->n_chunk; i++) {
        const evtwin__outcome *o = &l->outcome[i];
        const size_t n_ended = report->n_packs - report->n_censored;
        report->n_packs++;
        report->n_rows += o->n_records;
        report->n_defective += o->has_defect ? 1 : 0;
        if (isnan(o->eol_cycles)) {
            report->n_censored++;
            continue;
        }
        ends[n_ended] = o->eol_cycles;
        report->n_eol_by_capacity += o->by_capacity ? 1 : 0;
        report->n_eol_by_resistance += o->by_capacity ? 0 : 1;
    }
}

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

/* Run all chunks into the table. */
static evtwin_status run_chunks(lives *l, const evtwin__battery_id *ids, evtwin_table *table,
                                double *ends, evtwin_life_report *report) {
    size_t labels_at[N_LABELS], reserved = 0;
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < N_LABELS && st >= 0; i++) {
        st =
            evtwin_table_add_column(table, label[i].name, EVTWIN_F64, label[i].unit, &labels_at[i]);
    }
    const size_t n = l->options->n_packs;
    for (l->first_pack = 0; l->first_pack < n && st >= 0; l->first_pack += CHUNK_PACKS) {
        const double done = (double)l->first_pack / (double)n;
        if (l->life->progress != NULL &&
            l->life->progress(l->life->progress_ctx, "simulating lives", done) != 0) {
            EVTWIN_FAIL(EVTWIN_E_CANCELLED, "stopped after %zu of %zu packs", l->first_pack, n);
        }
        l->n_chunk = n - l->first_pack < CHUNK_PACKS ? n - l->first_pack : CHUNK_PACKS;
        if ((st = evtwin__parallel_for(l->options->n_threads, l->n_chunk, live_item, l)) < 0 ||
            (st = write_chunk(table, labels_at, l, ids, &reserved)) < 0) {
            return st;
        }
        count_chunk(l, ends, report);
    }
    if (st >= 0 && l->life->progress != NULL) {
        l->life->progress(l->life->progress_ctx, "simulating lives", 1.0);
    }
    return st;
}

/* Buffers for one call, and the run. */
static evtwin_status run_lives(lives *l, evtwin_table *table, evtwin_life_report *report) {
    const size_t n = l->options->n_packs;
    evtwin__battery_id *ids = evtwin__calloc(n, sizeof *ids);
    double *ends = evtwin__calloc(n, sizeof *ends);
    l->records = evtwin__calloc(l->max_records, CHUNK_PACKS * sizeof *l->records);
    l->outcome = evtwin__calloc(CHUNK_PACKS, sizeof *l->outcome);
    evtwin_status st = EVTWIN_OK;
    if (ids == NULL || ends == NULL || l->records == NULL || l->outcome == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "no memory for the lives of %zu packs", n);
        goto done;
    }
    if ((st = evtwin__battery_ids_make(l->options->battery_id, n, ids)) < 0 ||
        (st = run_chunks(l, ids, table, ends, report)) < 0) {
        goto done;
    }
    const size_t n_ended = report->n_packs - report->n_censored;
    qsort(ends, n_ended, sizeof *ends, by_value);
    report->life_p10_cycles = quantile(ends, n_ended, 0.1);
    report->life_median_cycles = quantile(ends, n_ended, 0.5);
    report->life_p90_cycles = quantile(ends, n_ended, 0.9);

done:
    evtwin__free(l->outcome);
    evtwin__free(l->records);
    evtwin__free(ends);
    evtwin__free(ids);
    return st;
}

/* The caller's cell or the default one, copied. */
static evtwin_status take_cell(const evtwin_cell *given, evtwin_cell *out) {
    if (given != NULL) {
        *out = *given;
        return EVTWIN_OK;
    }
    evtwin_cell *fresh = NULL;
    const evtwin_status st = evtwin_cell_load(NULL, &fresh);
    if (st >= 0) {
        *out = *fresh;
        evtwin_cell_free(fresh);
    }
    return st;
}

evtwin_status evtwin_sim_lives(const evtwin_sim_options *options, const evtwin_life_options *life,
                               evtwin_table **out, evtwin_life_report *report, size_t report_size) {
    if (out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "out is NULL");
    }
    evtwin_sim_options o;
    evtwin_life_options lo;
    evtwin_status st = evtwin__sim_options_check(options, &o);
    if (st < 0 || (st = check_life_options(life, &lo)) < 0) {
        return st;
    }
    if (o.model == EVTWIN_SIM_CLASSIC) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "the classic model has no lives: its packs do not age");
    }
    lives l = {
        .options = &o,
        .life = &lo,
        .start_days = (double)o.start_time_us / US_PER_DAY,
        .max_records = (size_t)(lo.max_years * DAYS_PER_YEAR / lo.record_every_days) + 2,
    };
    evtwin_table *table = NULL;
    evtwin_life_report r = {.size = sizeof r};
    if ((st = take_cell(o.cell, &l.cell)) < 0 || (st = evtwin_telemetry_table_create(&table)) < 0 ||
        (st = run_lives(&l, table, &r)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    if (report != NULL) {
        evtwin__report_copy(report, report_size, &r, sizeof r);
    }
    *out = table;
    return EVTWIN_OK;
}
