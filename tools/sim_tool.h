/* SPDX-License-Identifier: MIT */
/* tools/sim_tool.h: the options of evtwin-sim and its ways to run. */
#ifndef EVTWIN_TOOLS_SIM_TOOL_H
#define EVTWIN_TOOLS_SIM_TOOL_H

#include "cli/cli.h"
#include "delivery.h"
#include "scrape.h"

#include "evtwin/sim.h"

enum { SIM_MAX_BATCH = 8192 };

/* Index of each option in the table of evtwin-sim.c. */
enum {
    SIM_FLEET,
    SIM_BATTERY_ID,
    SIM_MODEL,
    SIM_CELL,
    SIM_LIST_CELLS,
    SIM_USE,
    SIM_DRIVE_CYCLE,
    SIM_SOC,
    SIM_SOH,
    SIM_TEMPERATURE,
    SIM_FRESH,
    SIM_START,
    SIM_SEED,
    SIM_THREADS,
    SIM_INTERVAL,
    SIM_SPEED,
    SIM_DURATION,
    SIM_SINK,
    SIM_CSV,
    SIM_SPOOL, /* the first of them */
    SIM_HOLD = SIM_SPOOL + DELIVERY_N_OPTIONS,
    SIM_CHECK,
    SIM_DRY_RUN,
    SIM_RECORDS,
    SIM_METRICS, /* the first of them */
    SIM_UNTIL_EOL = SIM_METRICS + SCRAPE_N_OPTIONS,
    SIM_RECORD_DAYS,
    SIM_MOMENTS,
    SIM_MAX_YEARS,
    SIM_JSON,
    SIM_N_OPTIONS
};

/* How fast physics runs: K seconds per wall second, or as fast as it can. */
typedef struct sim_pace {
    double interval_s; /* wall seconds between records (physics seconds if is_max) */
    double step_s;     /* physics seconds between records */
    int is_max;
    int64_t start_us; /* of the clock that stamps records where there is no wall clock */
} sim_pace;

/* The sinks of --sink and --csv; without either, live, those that the environment names. */
typedef struct sim_sinks {
    const char **uris; /* (n), of which the first n_uris are from --sink */
    size_t n, n_uris;
    char *csv;       /* the URI of --csv, the last one; NULL = none */
    int uses_stdout; /* one of them writes to standard output */
} sim_sinks;

/* Each returns an exit code. A simulator that becomes a source is *sim = NULL. */
int sim_run_live(const cli *c, evtwin_sim **sim, const sim_pace *pace);
int sim_run_dry(const cli *c, evtwin_sim **sim, const sim_pace *pace);
int sim_run_to_failure(const cli *c, const evtwin_sim_options *options);

/* 0, or an exit code; freed by the caller in any case. */
int sim_sinks_list(const cli *c, sim_sinks *out);
void sim_sinks_free(sim_sinks *sinks);

/* Open the first n of them behind a pump that holds records (--hold) in d, which the caller frees
 * the pump of. 0, or as delivery_open_sink. */
int sim_sinks_open(const cli *c, const sim_sinks *sinks, size_t n, size_t max_batch, delivery *d);

#endif
