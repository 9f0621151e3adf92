/* SPDX-License-Identifier: MIT */
/* stream/end_sim.c: "sim:?fleet=N…": a simulated fleet that sends on the wall clock. */

#include "stream/ends.h"

#include "evtwin/sim.h"
#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/record.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* So many intervals late (a laptop slept, a sink hung) are not caught up with but left out. */
static const double max_late_ticks = 30.0;

typedef struct sim_source {
    evtwin_sim *sim;
    double interval_s;         /* of the wall clock between two records of a pack */
    double speed;              /* physics seconds per wall second; infinity = do not wait */
    int64_t start_us;          /* of the physics clock, for speed=max */
    size_t max_ticks, n_ticks; /* a tick is one record of every pack */
    double next_s;             /* when the next tick is due on the monotonic clock */
    evtwin_table *tick;        /* the tick that is being given out */
    size_t n_given;            /* of its rows */
} sim_source;

static double monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void close_source(void *state) {
    sim_source *s = state;
    if (s != NULL) {
        evtwin_sim_free(s->sim);
        evtwin_table_free(s->tick);
        evtwin__free(s);
    }
}

/* "speed=60" or "speed=max" */
static evtwin_status read_speed(const evtwin__uri *uri, double *speed) {
    const char *text = evtwin__uri_param(uri, "speed");
    if (text != NULL && strcmp(text, "max") == 0) {
        *speed = INFINITY;
        return EVTWIN_OK;
    }
    return evtwin__param_number(uri, "speed", 1e-3, 1e6, speed);
}

static evtwin_status read_pace(const evtwin__uri *uri, sim_source *s) {
    s->interval_s = 2.0;
    s->speed = 60.0;
    s->max_ticks = SIZE_MAX;
    evtwin_status st = evtwin__param_number(uri, "interval", 1e-3, 1e6, &s->interval_s);
    if (st == EVTWIN_OK) {
        st = evtwin__param_size(uri, "rows", 1, &s->max_ticks);
    }
    return st == EVTWIN_OK ? read_speed(uri, &s->speed) : st;
}

static evtwin_status read_start(const evtwin__uri *uri, int64_t *start_us) {
    const char *text = evtwin__uri_param(uri, "start");
    if (text == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin_time_parse(text, EVTWIN_NAIVE_UTC, start_us);
    return st < 0 ? evtwin__fail_in(st, "sim: start") : st;
}

static evtwin_status read_fleet(const evtwin__uri *uri, evtwin_sim_options *o) {
    static const char *const models[] = {
        [EVTWIN_SIM_ECM] = "ecm", [EVTWIN_SIM_CLASSIC] = "classic"};
    static const char *const uses[] = {[EVTWIN_USE_CYCLE] = "cycle", [EVTWIN_USE_DAILY] = "daily"};
    size_t model = o->model, use = o->use;
    const char *id = evtwin__uri_param(uri, "battery_id");
    o->battery_id = id != NULL ? id : o->battery_id;

    evtwin_status st = evtwin__param_word(uri, "model", models, 2, &model);
    if (st == EVTWIN_OK) {
        st = evtwin__param_word(uri, "use", uses, 2, &use);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__param_size(uri, "fleet", 1, &o->n_packs);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__param_seed(uri, "seed", &o->seed);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__param_number(uri, "soh", 0.0, 100.0, &o->initial_soh_percent);
    }
    o->model = (evtwin_sim_model)model;
    o->use = (evtwin_sim_use)use;

    /* unless it says otherwise, the whole fleet starts alike */
    o->final_soh_percent = o->initial_soh_percent;
    return st == EVTWIN_OK
               ? evtwin__param_number(uri, "final_soh", 0.0, 100.0, &o->final_soh_percent)
               : st;
}

/* The simulator copies what it needs of the cell. */
static evtwin_status create_sim(const evtwin__uri *uri, sim_source *s) {
    evtwin_sim_options options;
    evtwin_status st = evtwin_sim_options_init(&options, sizeof options);
    if (st == EVTWIN_OK) {
        st = read_fleet(uri, &options);
    }
    if (st == EVTWIN_OK) {
        st = read_start(uri, &options.start_time_us);
    }
    if (st < 0) {
        return st;
    }
    s->start_us = options.start_time_us;

    evtwin_cell *cell = NULL;
    const char *cell_name = evtwin__uri_param(uri, "cell");
    if (cell_name != NULL) {
        st = evtwin_cell_load(cell_name, &cell);
        options.cell = cell;
    }
    if (st == EVTWIN_OK) {
        st = evtwin_sim_create(&options, &s->sim);
    }
    evtwin_cell_free(cell);
    return st;
}

static evtwin_status open_source(const evtwin__uri *uri, void **state_out) {
    if (uri->path[0] != '\0') {
        EVTWIN_FAIL(EVTWIN_E_ARG, "sim: takes parameters only, as in sim:?fleet=20&speed=60");
    }
    sim_source *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "sim: out of memory");
    }
    evtwin_status st = read_pace(uri, s);
    if (st == EVTWIN_OK) {
        st = create_sim(uri, s);
    }
    if (st == EVTWIN_OK) {
        st = evtwin_telemetry_table_create(&s->tick);
    }
    if (st < 0) {
        close_source(s);
        return st;
    }
    s->next_s = monotonic_s();
    *state_out = s;
    return EVTWIN_OK;
}

/* When the next tick is due by the clock on the wall, if it is due now. */
static int is_due(sim_source *s, int64_t *time_us_out) {
    const double late_s = monotonic_s() - s->next_s;
    if (late_s < 0.0) {
        return 0;
    }
    if (late_s > max_late_ticks * s->interval_s) {
        const double n_left_out = floor(late_s / s->interval_s);
        evtwin__log(EVTWIN_LOG_WARNING, "sim: %.0f s late: %.0f records of each pack left out",
                    late_s, n_left_out);
        s->next_s += n_left_out * s->interval_s;
        return is_due(s, time_us_out);
    }
    *time_us_out = evtwin_time_now() - (int64_t)llround(late_s * 1e6);
    s->next_s += s->interval_s;
    return 1;
}

/* Make the next tick in s->tick, if it is due. */
static evtwin_status make_tick(sim_source *s, int *made_out) {
    *made_out = 0;
    const int waits = isfinite(s->speed);
    int64_t time_us = 0;
    if (waits && !is_due(s, &time_us)) {
        return EVTWIN_OK;
    }
    evtwin_status st = evtwin_table_resize(s->tick, 0);
    s->n_given = 0;

    /* the first record shows the fleet as it starts */
    if (st == EVTWIN_OK && s->n_ticks > 0) {
        st = evtwin_sim_advance(s->sim, waits ? s->interval_s * s->speed : s->interval_s);
    }
    if (!waits) {
        time_us = s->start_us + (int64_t)llround(evtwin_sim_time_s(s->sim) * 1e6);
    }
    if (st == EVTWIN_OK) {
        st = evtwin_sim_read(s->sim, time_us, s->tick);
    }
    if (st == EVTWIN_OK) {
        s->n_ticks++;
        *made_out = 1;
    }
    return st;
}

/* Append at most max_rows of the tick that is being given out. */
static evtwin_status give(sim_source *s, size_t max_rows, evtwin_table *table, size_t *n_out) {
    const size_t left = evtwin_table_rows(s->tick) - s->n_given;
    const size_t n = left < max_rows ? left : max_rows;
    evtwin__record record;
    evtwin_status st = evtwin__record_bind(s->tick, &record);
    if (st == EVTWIN_OK) {
        st = evtwin__record_append(&record, s->n_given, n, 0, table);
    }
    if (st == EVTWIN_OK) {
        s->n_given += n;
        *n_out += n;
    }
    return st;
}

static evtwin_status read_source(void *state, size_t max_rows, evtwin_table *table) {
    sim_source *s = state;
    evtwin_status st = EVTWIN_OK;
    size_t n = 0;
    while (n < max_rows && st == EVTWIN_OK) {
        if (s->n_given < evtwin_table_rows(s->tick)) {
            st = give(s, max_rows - n, table, &n);
            continue;
        }
        if (s->n_ticks == s->max_ticks) {
            st = EVTWIN_DONE;
            break;
        }
        int made = 0;
        st = make_tick(s, &made);
        if (!made) {
            break;
        }
    }
    return n > 0 ? EVTWIN_OK : st; /* what stopped us will do so again */
}

static const char *const params[] = {"fleet",      "seed",  "speed", "interval",  "model",
                                     "cell",       "use",   "soh",   "final_soh", "rows",
                                     "battery_id", "start", NULL};

const evtwin__source_end evtwin__source_sim = {
    .scheme = "sim",
    .params = params,
    .open = open_source,
    .read = read_source,
    .close = close_source,
};
