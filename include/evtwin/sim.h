/* SPDX-License-Identifier: MIT */
/* evtwin/sim.h: simulate one or many battery packs: live telemetry, and run-to-failure data sets.
 */
#ifndef EVTWIN_SIM_H
#define EVTWIN_SIM_H

#include "evtwin/cell.h"
#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * N packs that are stepped together (one battery is N = 1). Current > 0 discharges. The same
 * options and seed give the same bytes on every machine, for any number of threads.
 */
typedef struct evtwin_sim evtwin_sim;

typedef enum evtwin_sim_model {
    EVTWIN_SIM_ECM = 0, /**< two-RC equivalent circuit, lumped thermal, calendar and cycle ageing */
    EVTWIN_SIM_CLASSIC = 1 /**< the original demo's formulas, for comparison only */
} evtwin_sim_model;

/** What the packs do (ecm). Packs are not in phase; the first one starts discharging. */
typedef enum evtwin_sim_use {
    /** that of the contract: discharge 50-120 A from full to 20 %, charge 100-150 A to 99 %, repeat
     */
    EVTWIN_USE_CYCLE = 0,
    /** drive, park, charge: each pack has its own daily distance, charging habit and climate */
    EVTWIN_USE_DAILY = 1
} evtwin_sim_use;

typedef struct evtwin_sim_options {
    size_t size;
    evtwin_sim_model model;
    evtwin_sim_use use;      /**< default EVTWIN_USE_CYCLE */
    const evtwin_cell *cell; /**< NULL = the default set */
    size_t n_packs;          /**< default 1 */
    /** of the first pack; default "BATTERY_001". The numbers of the other packs follow its last
     * digits */
    const char *battery_id;
    uint64_t seed;
    int n_series;               /**< default 96 */
    int n_parallel;             /**< default 46 */
    double initial_soc_percent; /**< default 85; of the first pack, the others within 30 of it */
    /** default 95: packs start aged to this true SoH (ecm), each with its own history */
    double initial_soh_percent;
    /** default NaN = initial: pack i of N starts between initial and this, evenly spread */
    double final_soh_percent;
    double initial_temperature_degC; /**< default 32 */
    double initial_cycles; /**< classic only; default 150. ecm: follows from the history */
    /** CSV of speed per second (cycSecs, cycMps) that driving follows; NULL = constant currents */
    const char *drive_cycle;
    int n_threads; /**< default 1; 0 = one per core */
    /** integration step, 0.001 to 60, default 1 (classic: its formulas step by 2 s) */
    double step_s;
    /** start of the simulated time (UTC), default 2024-01-01T00:00:00Z; sets time of day and season
     * in EVTWIN_USE_DAILY, and when a day of wear ends */
    int64_t start_time_us;
    /** default 0; 1: no pack develops a defect, and everything else is the same: a comparison shows
     * the effect of the defects. Since 0.2 */
    int without_defects;
} evtwin_sim_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_sim_options_init(evtwin_sim_options *options, size_t size);

/**
 * @return EVTWIN_E_ARG for an option out of its domain (the text names it), EVTWIN_E_NOT_FOUND /
 * EVTWIN_E_PARSE for the drive cycle.
 */
EVTWIN_API evtwin_status evtwin_sim_create(const evtwin_sim_options *options, evtwin_sim **out);
/** NULL is fine. */
EVTWIN_API void evtwin_sim_free(evtwin_sim *sim);

/** Number of packs; 0 for NULL. */
EVTWIN_API size_t evtwin_sim_packs(const evtwin_sim *sim);

/** Borrowed until the simulator is freed; NULL if out of range or of NULL. */
EVTWIN_API const char *evtwin_sim_battery_id(const evtwin_sim *sim, size_t pack);

/**
 * Continue from recorded telemetry: each pack gets the state in the newest row of its battery_id
 * (state of charge and health, cycles, temperature, current, resistance; missing values, and packs
 * without a row, stay as created). The sensors' errors are removed first, so that the next readings
 * are the same except for noise. sim_time_s and seq continue after the greatest ones. The time
 * since the record is not simulated.
 * @param rows  telemetry under any naming, as evtwin_store_latest gives it, in any order.
 * @param n_packs_out  may be NULL; the number of packs that had a row.
 * @return EVTWIN_E_STATE if the simulator was advanced or read before, EVTWIN_E_SCHEMA without
 * battery_id. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sim_resume(evtwin_sim *sim, const evtwin_table *rows,
                                           size_t *n_packs_out);

/**
 * Continue after an earlier run: the simulated time moves up to time_s, and the next reading has no
 * seq below first_seq; neither moves back. The time in between is simulated, so packs that began
 * alike continue with the same bits; if that would take longer than seconds (more than 5e7 steps of
 * 8 packs) the packs continue in their present state, which is logged.
 * @return EVTWIN_E_ARG if time_s is outside [0, 1e12] or first_seq outside [0, 2^62]. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sim_go_on(evtwin_sim *sim, double time_s, int64_t first_seq);

/** The simulated time: seconds since the simulator was created (or its resumed
 * records began): a whole number of steps; NaN for NULL. */
EVTWIN_API double evtwin_sim_time_s(const evtwin_sim *sim);

/**
 * Advance every pack by duration_s. Steps are whole multiples of step_s: a remainder of duration_s
 * below a step is kept for the next call, so one call of 600 s and 600 calls of 1 s give the same
 * bits. Wear (capacity, resistance) is updated once per simulated day. Does not allocate.
 * @return EVTWIN_E_ARG if duration_s is negative, NaN or above 1e10.
 */
EVTWIN_API evtwin_status evtwin_sim_advance(evtwin_sim *sim, double duration_s);

/**
 * Append one telemetry row per pack to a table made by evtwin_telemetry_table_create, stamped with
 * time_us; seq counts the rows of this simulator from 0 (after a restart time_us differs, so
 * battery_id, time and seq together stay unique). Values are what a BMS would report: SoH, SoC and
 * resistance are estimates, sensors have noise and resolution (docs/physics.md). The classic model
 * reports no resistance_mohm, mean_temperature and throughput_ah_per_day.
 * @return EVTWIN_E_SCHEMA if a telemetry column is absent.
 */
EVTWIN_API evtwin_status evtwin_sim_read(evtwin_sim *sim, int64_t time_us, evtwin_table *table);

/* ---- truth, for tests and labels; never part of telemetry ---- */

/**
 * Number of quantities whose true value the model has; they depend on the model. The ecm has
 * soc_frac, soh_frac (capacity now / as built), resistance_ratio (10 s resistance now / as built),
 * equivalent_full_cycles (discharge throughput / as-built capacity), voltage_V and current_A of the
 * pack (current > 0 discharges), temperature_degC of the cells, v1_V and v2_V (overpotentials of
 * the two RC pairs of one cell), charge_balance_Ah (integral of the pack's current since creation),
 * has_defect (1 once its onset has passed), boundary_temperature_degC (of the cells' surroundings;
 * the air's where the cell set has no thermal boundary) and capacity_Ah (of the pack, now). The
 * classic model has soc_frac, soh_frac, equivalent_full_cycles, voltage_V, current_A and
 * temperature_degC. Since 0.2.
 */
EVTWIN_API size_t evtwin_sim_truth_count(const evtwin_sim *sim);

/** Name of quantity i, with its unit; static string, NULL if out of range. Since 0.2. */
EVTWIN_API const char *evtwin_sim_truth_name(const evtwin_sim *sim, size_t i);

/**
 * True value of the named quantity of every pack, at the present simulated time.
 * @param out  (n_packs); untouched on failure.
 * @return EVTWIN_E_NOT_FOUND if the model does not have it (the text lists what it has),
 * EVTWIN_E_ARG if n_packs is not the simulator's.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sim_truth(const evtwin_sim *sim, const char *name, double *out,
                                          size_t n_packs);

/* ---- driving by hand ---- */

/**
 * Set the current (A, pack) of every pack from now on, (n_packs); NULL returns control to the
 * profile. The array is copied. As in a car the BMS limits the current within a step so that the
 * cells stay inside their voltage limits and the charge inside [0, 1].
 * @return EVTWIN_E_ARG for another count or a current beyond 5000 A, EVTWIN_E_UNSUPPORTED for
 * classic.
 */
EVTWIN_API evtwin_status evtwin_sim_set_current(evtwin_sim *sim, const double *current_A,
                                                size_t n_packs);

/* ---- run-to-failure data set ---- */

/** When the records of a run to failure are taken. Since 0.2. */
typedef enum evtwin_moments {
    /** while the car is active: about half of the records are taken while driving, a quarter while
     * charging, a fifth while parked */
    EVTWIN_MOMENTS_ACTIVE = 0,
    /** at any time of day, as a live pack of EVTWIN_USE_DAILY reports: mostly parked */
    EVTWIN_MOMENTS_DAILY = 1,
    /** at any time of a charge cycle, as a live pack of EVTWIN_USE_CYCLE reports; the wear still
     * comes from days of driving */
    EVTWIN_MOMENTS_CYCLE = 2
} evtwin_moments;

typedef struct evtwin_run_to_failure_options {
    size_t size;
    double record_every_days; /**< default 3; 1 to 365 */
    /** default 15: a pack still alive then is censored; 0.01 to 50 */
    double max_years;
    double failure_horizon_cycles; /**< default 100; 0 to 10000 */
    double eol_soh_percent;        /**< default 80; 30 to 99.9 */
    double eol_resistance_ratio;   /**< default 2; 1.01 to 100 */
    evtwin_progress_fn progress;
    void *progress_ctx;
    evtwin_moments moments; /**< default EVTWIN_MOMENTS_ACTIVE. Since 0.2 */
} evtwin_run_to_failure_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_run_to_failure_options_init(evtwin_run_to_failure_options *options,
                                                            size_t size);

/** How the packs ended. Quantiles are over those that reached end of life, NaN if none did. */
typedef struct evtwin_run_to_failure_report {
    size_t size;
    size_t n_packs, n_censored, n_defective, n_eol_by_capacity, n_eol_by_resistance, n_rows;
    double life_p10_cycles, life_median_cycles, life_p90_cycles;
} evtwin_run_to_failure_report;

/**
 * Run every pack from new to its end of life by day-sized macro-steps and label the records from
 * the outcome: the telemetry columns, then rul (equivalent full cycles to end of life; missing for
 * a censored pack), failure (1 if end of life comes within the horizon; missing where the horizon
 * was not observed), and columns named truth_* that no trainer accepts as features (soh,
 * resistance_ratio, efc, eol_efc, has_defect, censored). Rows are ordered by pack, then time =
 * start_time_us + sim_time_s. Packs always wear by EVTWIN_USE_DAILY from new: initial states and
 * the drive cycle are not used. The last record of a pack lies before its end of life. run_options
 * may be NULL for the defaults, report may be NULL; report_size is sizeof *report. The caller frees
 * *out.
 * @return EVTWIN_E_ARG for an option out of its domain (the text names it), EVTWIN_E_CANCELLED if
 * progress asked to stop, EVTWIN_E_UNSUPPORTED for the classic model.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sim_run_to_failure(const evtwin_sim_options *options,
                                                   const evtwin_run_to_failure_options *run_options,
                                                   evtwin_table **out,
                                                   evtwin_run_to_failure_report *report,
                                                   size_t report_size);

#ifdef __cplusplus
}
#endif
#endif
