/* SPDX-License-Identifier: MIT */
/* evtwin/sim.h: simulate battery packs, one or a city of them: live telemetry, and labelled lives to end of life. */
#ifndef EVTWIN_SIM_H
#define EVTWIN_SIM_H

#include "evtwin/cell.h"
#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * N packs that are stepped together (one battery is N = 1). Current > 0 discharges.
 * Same options, same seed: the same bytes on every machine, for any number of threads.
 */
typedef struct evtwin_sim evtwin_sim;

typedef enum evtwin_sim_model {
    EVTWIN_SIM_ECM = 0,    /**< two-RC equivalent circuit, lumped thermal, calendar and cycle ageing */
    EVTWIN_SIM_CLASSIC = 1 /**< the original demo's formulas, for comparison only */
} evtwin_sim_model;

/** What the packs do. */
typedef enum evtwin_sim_use {
    EVTWIN_USE_CYCLE = 0, /**< discharge 50-120 A from full to 20 %, charge 100-150 A to 99 %, again (the contract's) */
    EVTWIN_USE_DAILY = 1  /**< drive, park, charge: each pack its own daily distance, charging habit and climate */
} evtwin_sim_use;

typedef struct evtwin_sim_options {
    size_t size;
    evtwin_sim_model model;
    evtwin_sim_use use;          /**< default EVTWIN_USE_CYCLE */
    const evtwin_cell *cell;     /**< NULL = the default set */
    size_t n_packs;              /**< default 1 */
    const char *battery_id;      /**< of the first pack; default "BATTERY_001". Packs 2… count on from its last digits */
    uint64_t seed;
    int n_series;                /**< default 96 */
    int n_parallel;              /**< default 46 */
    double initial_soc_percent;  /**< default 85 */
    double initial_soh_percent;  /**< default 95: packs start aged to this (ecm), each with its own history */
    double final_soh_percent;    /**< default = initial: pack i of N starts between initial and this, evenly spread */
    double initial_temperature_degC; /**< default 32 */
    double initial_cycles;       /**< classic only; default 150. ecm: what the history gives */
    const char *drive_cycle;     /**< CSV of speed per second (cycSecs, cycMps) that driving follows; NULL = constant currents */
    int n_threads;               /**< default 1; 0 = one per core */
    double step_s;               /**< largest integration step; default 1 (EVTWIN_USE_CYCLE live: up to 10) */
    int64_t start_time_us;       /**< default 2024-01-01T00:00:00Z; time of day and season of EVTWIN_USE_DAILY */
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

/** Number of packs. */
EVTWIN_API size_t evtwin_sim_packs(const evtwin_sim *sim);

/** Borrowed until the simulator is freed; NULL if out of range. */
EVTWIN_API const char *evtwin_sim_battery_id(const evtwin_sim *sim, size_t pack);

/** The physics clock, seconds since the simulator was created. */
EVTWIN_API double evtwin_sim_time_s(const evtwin_sim *sim);

/** Advance every pack by duration_s. Does not allocate. */
EVTWIN_API evtwin_status evtwin_sim_advance(evtwin_sim *sim, double duration_s);

/**
 * Append one telemetry row per pack to a table made by evtwin_telemetry_table_create, stamped with
 * time_us; seq counts the rows of this simulator. Values are what a BMS would report: SoH and
 * resistance are estimates, sensors have noise and resolution.
 * @return EVTWIN_E_SCHEMA if the table lacks a telemetry column.
 */
EVTWIN_API evtwin_status evtwin_sim_read(evtwin_sim *sim, int64_t time_us, evtwin_table *table);

/** True state of one pack, for tests and labels; never part of telemetry. Current > 0 discharges. */
typedef struct evtwin_sim_truth {
    size_t size;
    double soc_frac, soh_frac;        /**< capacity now / as built */
    double resistance_ratio;          /**< 10 s resistance now / as built */
    double equivalent_full_cycles;    /**< discharge throughput / as-built capacity */
    double voltage_V, current_A, temperature_degC; /**< pack voltage, pack current, cell temperature */
    double v1_V, v2_V;                /**< overpotentials of the two RC pairs of one cell */
    double charge_balance_Ah;         /**< integral of pack current since creation */
    int has_defect;                   /**< 1 once its onset has passed */
} evtwin_sim_truth;

/** Fill out, of which size is sizeof *out. @return EVTWIN_E_ARG if pack is out of range. */
EVTWIN_API evtwin_status evtwin_sim_truth_get(const evtwin_sim *sim, size_t pack,
                                              evtwin_sim_truth *out, size_t size);

/**
 * Drive one pack by hand: the current (A, pack) of every pack from now on; NULL gives control back
 * to the profile. currents has one value per pack and is copied.
 */
EVTWIN_API evtwin_status evtwin_sim_set_current(evtwin_sim *sim, const double *current_A, size_t n_packs);

/* ---- labelled lives ---- */

typedef struct evtwin_life_options {
    size_t size;
    double record_every_days;      /**< default 3 */
    double max_years;              /**< default 15: a pack still alive then is censored */
    double failure_horizon_cycles; /**< default 100 */
    double eol_soh_percent;        /**< default 80 */
    double eol_resistance_ratio;   /**< default 2 */
    evtwin_progress_fn progress;
    void *progress_ctx;
} evtwin_life_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_life_options_init(evtwin_life_options *options, size_t size);

/** How the lives went. Quantiles are over the packs that reached end of life, NaN if none did. */
typedef struct evtwin_life_report {
    size_t size;
    size_t n_packs, n_censored, n_defective, n_eol_by_capacity, n_eol_by_resistance, n_rows;
    double life_p10_cycles, life_median_cycles, life_p90_cycles;
} evtwin_life_report;

/**
 * Run every pack from new to its end of life by day-sized macro-steps and label the records from the
 * outcome: the telemetry columns, then rul (equivalent full cycles to end of life; missing for a
 * censored pack), failure (1 if end of life comes within the horizon; missing where the horizon was
 * not observed), and columns named truth_* that no trainer accepts as features. Rows are ordered by
 * pack, then time. Always EVTWIN_USE_DAILY. report may be NULL; report_size is sizeof *report.
 * @return EVTWIN_E_CANCELLED if progress asked to stop; EVTWIN_E_UNSUPPORTED for the classic model.
 */
EVTWIN_API evtwin_status evtwin_sim_lives(const evtwin_sim_options *options,
                                          const evtwin_life_options *life, evtwin_table **out,
                                          evtwin_life_report *report, size_t report_size);

#ifdef __cplusplus
}
#endif
#endif
