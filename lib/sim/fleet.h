/* SPDX-License-Identifier: MIT */
/* sim/fleet.h: what a simulator holds, what a cell model does for it, and one pack of the ecm. */
#ifndef EVTWIN_SIM_FLEET_H
#define EVTWIN_SIM_FLEET_H

#include "evtwin/sim.h"

#include "sim/ecm.h"
#include "sim/pack.h"

#define EVTWIN__US_PER_DAY 86400e6

/* ---- drive_cycle.c: a speed trace turned into battery power by a vehicle model ---- */

/* Repeats for ever. */
typedef struct evtwin__drive_cycle {
    size_t n_seconds;
    double *energy_J; /* (n_seconds + 1): taken from the reference pack since the trace's start */
} evtwin__drive_cycle;

/* Read a CSV with the columns cycSecs (0, 1, 2, …) and cycMps. */
evtwin_status evtwin__drive_cycle_load(const char *path, evtwin__drive_cycle *out);
void evtwin__drive_cycle_free(evtwin__drive_cycle *cycle);

/* Mean power of the reference pack from start_s on for duration_s; negative where braking charges
 * it. */
double evtwin__drive_cycle_power_W(const evtwin__drive_cycle *cycle, double start_s,
                                   double duration_s);

/* ---- the fleet ---- */

/*
 * A cell model: makes, advances and reads the packs of a fleet, and lists the true quantities that
 * it has. A new one needs a file with such a table, a value of evtwin_sim_model, a line in the list
 * of fleet.c, a declaration and a member of struct evtwin_sim below, and its word in
 * stream/source_sim.c and tools/evtwin-sim.c.
 */
typedef struct evtwin__fleet_model {
    const char *name;
    double fixed_step_s; /* 0 = the options' */
    /* fill the packs of a simulator whose options, cell and ids are there */
    evtwin_status (*create)(evtwin_sim *sim);
    /* put a pack where this reading of it was taken, at the fleet's step; a number that is NaN and
     * a count below 0 are not known */
    void (*resume)(evtwin_sim *sim, size_t pack, const evtwin__reading *reading);
    evtwin_status (*advance)(evtwin_sim *sim, int64_t until_step);
    evtwin__reading (*read)(const evtwin_sim *sim, size_t pack);
    /* pack currents, or NULL for the profile's; the member is NULL if the model cannot */
    void (*set_current)(evtwin_sim *sim, const double *current_A);
    const char *const *truth_names; /* (n_truth) */
    size_t n_truth;
    double (*truth)(const evtwin_sim *sim, size_t pack, size_t quantity);
} evtwin__fleet_model;

extern const evtwin__fleet_model evtwin__fleet_ecm, evtwin__fleet_classic;

/* A model's truth is one list of rows X(name with its unit, value); these make of it an enum, the
 * names, and the cases that return the values. */
#define EVTWIN__TRUTH_INDEX(name, value) TRUTH_##name,
#define EVTWIN__TRUTH_NAME(name, value) #name,
#define EVTWIN__TRUTH_CASE(name, value)                                                            \
    case TRUTH_##name:                                                                             \
        return value;

enum { EVTWIN__ID_SIZE = 51 };

struct evtwin_sim {
    const evtwin__fleet_model *model;
    evtwin_sim_options options; /* its strings and cell are not ours: not used after creation */
    evtwin_cell cell;
    evtwin__drive_cycle drive_cycle; /* n_seconds 0: constant currents */
    double dt_s;
    double start_days; /* date of step 0, days since 1970 */

    size_t n_packs;
    char (*ids)[EVTWIN__ID_SIZE];    /* (n_packs) */
    struct evtwin__pack *packs;      /* (n_packs), ecm */
    struct evtwin__classic *classic; /* (n_packs), classic */
    evtwin__ecm_block *blocks;       /* (n_blocks), ecm */
    size_t n_blocks;
    evtwin__ecm_model ecm;
    double current_scale; /* contract currents are those of the reference pack */
    double power_scale;   /* from the reference pack's power to one cell's */

    int64_t step;        /* whole steps made */
    double pending_s;    /* requested beyond them, less than a step */
    uint64_t n_readings; /* of each pack so far: the sample number of sensor noise */
    int by_hand;
};

/* A fleet of these options, checked, with its cell, ids and dates, but no packs yet; freed by
 * evtwin_sim_free. */
evtwin_status evtwin__fleet_create(const evtwin_sim_options *options, evtwin_sim **out);

/* A number among options and its domain. */
typedef struct evtwin__domain {
    const char *name;
    double value, min, max;
} evtwin__domain;

/* EVTWIN_E_ARG naming the first of n that is outside. */
evtwin_status evtwin__domains_check(const evtwin__domain *domain, size_t n);

static inline double evtwin__step_time_s(const evtwin_sim *sim, int64_t step) {
    return (double)step * sim->dt_s;
}

/* Days since 1970. */
static inline double evtwin__step_date(const evtwin_sim *sim, int64_t step) {
    return sim->start_days + evtwin__step_time_s(sim, step) / EVTWIN__SECONDS_PER_DAY;
}

/* State of health of a pack at the start: evenly spread from the first's to the last's. */
static inline double evtwin__start_soh_frac(const evtwin_sim *sim, size_t pack) {
    const double first = sim->options.initial_soh_percent, last = sim->options.final_soh_percent;
    const double f = sim->n_packs > 1 ? (double)pack / (double)(sim->n_packs - 1) : 0.0;
    return 0.01 * (first + f * (last - first));
}

/* State of charge at the start: other packs than the first lie within 30 % of it, and in [0.25,
 * 0.98]. */
static inline double evtwin__start_soc_frac(const evtwin_sim *sim, size_t pack, double scale) {
    const double first = sim->options.initial_soc_percent / 100.0, spread = 0.30;
    if (pack == 0) {
        return first;
    }
    const evtwin__pack_rng rng = {sim->options.seed, (uint32_t)pack};
    const double soc =
        first + scale * evtwin__sample_between(rng, EVTWIN__CHANNEL_START, 0, 0, -spread, spread);
    return evtwin__clamp(soc, 0.25, 0.98);
}

/* ---- one pack of the ecm ---- */

/* What a pack is doing. */
typedef enum evtwin__phase {
    EVTWIN__PHASE_PARK = 0,
    EVTWIN__PHASE_DRIVE = 1,
    EVTWIN__PHASE_CHARGE = 2
} evtwin__phase;

/* A pack's controller: decides at its next step, or when the kernel reports a crossing. */
typedef struct evtwin__driver {
    evtwin__phase phase;
    int64_t next_step;
    double next_air_s;  /* EVTWIN_USE_DAILY: when the air is looked up again */
    evtwin__day plan;   /* EVTWIN_USE_DAILY: today */
    int trip;           /* trips of today that are over: 0, 1 or 2 */
    double trip_end_As; /* the discharge integral at which the present trip is over */
} evtwin__driver;

typedef struct evtwin__pack {
    evtwin__variation variation;
    evtwin__sensors sensors;
    evtwin__wear wear;
    evtwin__driver driver;
    double as_built_As; /* of one cell */
    double taken_As;    /* of the discharge integral, already in wear */
    int64_t taken_step; /* at which the stress was last taken */
} evtwin__pack;

/* A pack and its lane of a block. */
typedef struct evtwin__lane {
    const evtwin_sim *sim;
    evtwin__ecm_block *block;
    int i;
    evtwin__pack *pack;
} evtwin__lane;

static inline evtwin__lane evtwin__lane_of(const evtwin_sim *sim, size_t pack) {
    return (evtwin__lane){sim, &sim->blocks[pack / EVTWIN__LANES], (int)(pack % EVTWIN__LANES),
                          &sim->packs[pack]};
}

/* ---- profile.c ---- */

/* Start (or resume) a pack's profile at a step. */
void evtwin__profile_start(const evtwin__lane *lane, int64_t step);

/* Go on at a step with what the pack was doing. */
void evtwin__profile_resume(const evtwin__lane *lane, int64_t step, evtwin__phase phase);

/* Has a lane reached its next step or a crossing? */
int evtwin__profile_is_due(const evtwin__lane *lane, int64_t step);

/* Decide what the pack does from this step on. */
void evtwin__profile_decide(const evtwin__lane *lane, int64_t step);

/* Nothing but a request: no stops. */
void evtwin__profile_hand_over(evtwin__ecm_block *block, int i, double cell_A);

#endif
