/* SPDX-License-Identifier: MIT */
/* tools/sim_tool.h: the options of evtwin-sim and its ways to run. */
#ifndef EVTWIN_TOOLS_SIM_TOOL_H
#define EVTWIN_TOOLS_SIM_TOOL_H

#include "cli/cli.h"

#include "evtwin/sim.h"

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
    SIM_START,
    SIM_SEED,
    SIM_THREADS,
    SIM_INTERVAL,
    SIM_SPEED,
    SIM_DURATION,
    SIM_SINK,
    SIM_CSV,
    SIM_HOLD,
    SIM_DRY_RUN,
    SIM_RECORDS,
    SIM_UNTIL_EOL,
    SIM_RECORD_DAYS,
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

/* Each returns an exit code. The first two take the simulator. */
int sim_run_live(const cli *c, evtwin_sim *sim, const sim_pace *pace);
int sim_run_dry(const cli *c, evtwin_sim *sim, const sim_pace *pace);
int sim_run_lives(const cli *c, const evtwin_sim_options *options);

/* The URIs of --sink and --csv; freed by the caller with sim_sinks_free. */
int sim_sinks(const cli *c, char ***uris_out, size_t *n_out);
void sim_sinks_free(char **uris, size_t n);

/* 1 if one of them writes to standard output. */
int sim_sinks_use_stdout(char *const *uris, size_t n);

#endif
