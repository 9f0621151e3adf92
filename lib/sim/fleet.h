/* SPDX-License-Identifier: MIT */
/* sim/fleet.h: what a simulator holds: blocks of packs for the kernel, and each pack's slow state.
 */
#ifndef EVTWIN_SIM_FLEET_H
#define EVTWIN_SIM_FLEET_H

#include "evtwin/sim.h"

#include "sim/bms.h"
#include "sim/classic.h"
#include "sim/drive_cycle.h"
#include "sim/ecm.h"
#include "sim/life.h"
#include "sim/readout.h"

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
    double limit_frac;  /* where the present charge ends */
} evtwin__driver;

typedef struct evtwin__pack {
    evtwin__dice dice;
    evtwin__traits traits;
    evtwin__bms bms;
    evtwin__life life;
    evtwin__driver driver;
    double as_built_As; /* of one cell */
    double taken_As;    /* of the discharge integral, already in life */
    int64_t taken_step; /* at which the stress was last taken */
} evtwin__pack;

enum { EVTWIN__ID_SIZE = 51 };

typedef struct evtwin__battery_id {
    char text[EVTWIN__ID_SIZE];
} evtwin__battery_id;

struct evtwin_sim {
    evtwin_sim_options options; /* its texts and cell are not ours: not used after creation */
    evtwin_cell cell;
    evtwin__ecm_model model;
    evtwin__drive_cycle drive_cycle; /* n_seconds 0: constant currents */
    double current_scale;            /* contract currents are those of the reference pack */
    double power_scale;              /* from the reference pack's power to one cell's */
    double start_days;               /* date of step 0, days since 1970 */

    size_t n_packs, n_blocks;
    evtwin__ecm_block *blocks; /* (n_blocks) */
    evtwin__pack *packs;       /* (n_packs) */
    evtwin__classic *classic;  /* (n_packs), classic model only */
    evtwin__battery_id *ids;   /* (n_packs) */

    int64_t step;        /* whole steps made */
    double pending_s;    /* asked for beyond them, less than a step */
    uint64_t n_read;     /* rows read so far: the next seq */
    uint64_t n_readings; /* calls of evtwin_sim_read: the sample number of sensor noise */
    int by_hand;
};

/* ---- profile.c ---- */

/* Start (or resume) a pack's profile at a step. */
void evtwin__profile_start(const evtwin_sim *sim, evtwin__ecm_block *block, int lane,
                           evtwin__pack *pack, int64_t step);

/* Has a lane reached its next step or a crossing? */
int evtwin__profile_is_due(const evtwin__ecm_block *block, int lane, const evtwin__pack *pack,
                           int64_t step);

/* Decide what the pack does from this step on. */
void evtwin__profile_decide(const evtwin_sim *sim, evtwin__ecm_block *block, int lane,
                            evtwin__pack *pack, int64_t step);

/* Nothing but a request: no stops. */
void evtwin__profile_hand_over(evtwin__ecm_block *block, int lane, double cell_A);

/* ---- fleet_step.c ---- */

/* Bring a pack's capacity and resistances from its life into its lane. */
void evtwin__fleet_apply_life(const evtwin_sim *sim, evtwin__ecm_block *block, int lane,
                              const evtwin__pack *pack);

/* ---- sim_options.c ---- */

/* Check what the caller gave; *out has every default filled in. */
evtwin_status evtwin__sim_options_check(const evtwin_sim_options *options, evtwin_sim_options *out);

/* The n ids that count on from the first. */
evtwin_status evtwin__battery_ids_make(const char *first, size_t n, evtwin__battery_id *out);

#endif
