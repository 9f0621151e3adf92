/* SPDX-License-Identifier: MIT */
/* stream/source_sim.c: a simulator as a source on the wall clock, and "sim:?fleet=N…" made of it.
 */

#include "core/binding.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/pacing.h"
#include "stream/scheme.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* As fast as it can, a batch may stay small so that whoever asks can do something else in between.
 */
static const double longest_work_s = 0.1;

typedef struct sim_source {
    evtwin_sim *sim;
    evtwin_sim_source_options options;
    size_t n_ticks;          /* a tick is one record of every pack */
    double next_s;           /* when the next tick is due on the monotonic clock */
    int has_warned;          /* of records left out */
    evtwin_table *tick;      /* the tick that is being given out */
    size_t n_given;          /* of its rows */
    evtwin__binding binding; /* of tick */
} sim_source;

static void close_source(void *ctx) {
    sim_source *s = ctx;
    evtwin_sim_free(s->sim);
    evtwin_table_free(s->tick);
}

/* Physics seconds between two ticks. */
static double step_s(const sim_source *s) {
    return s->options.interval_s * (isfinite(s->options.speed) ? s->options.speed : 1.0);
}

/* ---- positions: "SEQ@TIME", the first number behind a tick and its physics clock in us ---- */

/* A tick that was accepted in part is not made again: what is missing shows as a gap in seq. */
static evtwin_status set_position(const sim_source *s, evtwin_source *source) {
    const evtwin_table *t = s->tick;
    char position[64];
    if (!s->options.has_positions) {
        return EVTWIN_OK;
    }
    const int64_t last = evtwin_table_i64(t, evtwin_table_find(t, "seq"))[evtwin_table_rows(t) - 1];
    snprintf(position, sizeof position, "%" PRId64 "@%lld", last + 1,
             llround(evtwin_sim_time_s(s->sim) * 1e6));
    return evtwin_source_set_position(source, position);
}

/* The next tick is the one behind the position. */
static evtwin_status seek_source(void *ctx, const char *position) {
    sim_source *s = ctx;
    EVTWIN_FAIL_IF(!s->options.has_positions, EVTWIN_E_UNSUPPORTED,
                   "sim: has no positions; set has_positions");
    const size_t n = strcspn(position, "@");
    const char *clock = position[n] == '@' ? position + n + 1 : "";
    int64_t seq = -1, time_us = -1;
    EVTWIN_FAIL_IF(!evtwin__parse_i64(position, n, &seq) || seq < 0 ||
                       !evtwin__parse_i64(clock, strlen(clock), &time_us) || time_us < 0,
                   EVTWIN_E_PARSE, "sim: '%.64s' is not SEQ@TIME", position);
    if (s->options.starts_anew) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin_sim_go_on(s->sim, 1e-6 * (double)time_us + step_s(s), seq);
    s->next_s = evtwin__monotonic_s();               /* what that took makes no record late */
    return st == EVTWIN_E_ARG ? EVTWIN_E_PARSE : st; /* beyond what can be */
}

/* ---- ticks ---- */

/* How long until the next tick; at most 0 if it is due. */
static double due_in_s(const sim_source *s) {
    return isfinite(s->options.speed) ? s->next_s - evtwin__monotonic_s() : 0.0;
}

/* Drop all overdue records if there are more than max_late: a laptop slept, a sink hung, or a step
 * takes longer than it may. */
static void leave_out(sim_source *s) {
    const double late_s = -due_in_s(s), n_late = floor(late_s / s->options.interval_s);
    if (n_late < 1.0 || n_late <= (double)s->options.max_late) {
        return;
    }
    evtwin__log(s->has_warned ? EVTWIN_LOG_DEBUG : EVTWIN_LOG_WARNING,
                "sim: %.1f s late: %.0f record%s of each pack left out", late_s, n_late,
                n_late > 1.0 ? "s" : "");
    s->has_warned = 1;
    s->next_s += n_late * s->options.interval_s;
}

/* The stamp of the tick that is due. */
static int64_t stamp_us(const sim_source *s) {
    return isfinite(s->options.speed)
               ? evtwin_time_now() + (int64_t)llround(due_in_s(s) * 1e6)
               : s->options.start_time_us + (int64_t)llround(evtwin_sim_time_s(s->sim) * 1e6);
}

/* Make the tick that is due. */
static evtwin_status make_tick(sim_source *s, evtwin_source *source) {
    leave_out(s);
    EVTWIN_TRY(evtwin_table_resize(s->tick, 0));
    s->n_given = 0;

    /* the first record shows the fleet as it starts */
    EVTWIN_TRY(s->n_ticks > 0 ? evtwin_sim_advance(s->sim, step_s(s)) : EVTWIN_OK);
    EVTWIN_TRY(evtwin_sim_read(s->sim, stamp_us(s), s->tick));
    s->n_ticks++;
    s->next_s += s->options.interval_s;
    EVTWIN_TRY(evtwin__bind(s->tick, EVTWIN__TELEMETRY, &s->binding));
    return set_position(s, source); /* read_source gives rows of it next */
}

static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    sim_source *s = ctx;
    const double began_s = evtwin__monotonic_s();
    size_t n = 0;
    evtwin_status st = EVTWIN_OK;
    while (n < max_rows && st == EVTWIN_OK) {
        const size_t left = evtwin_table_rows(s->tick) - s->n_given;
        const size_t n_now = left < max_rows - n ? left : max_rows - n;
        if (n_now > 0) {
            st = evtwin__binding_append(&s->binding, s->n_given, n_now, EVTWIN__TELEMETRY, table);
            s->n_given += st == EVTWIN_OK ? n_now : 0;
            n += st == EVTWIN_OK ? n_now : 0;
            continue;
        }
        if (s->options.max_records > 0 && s->n_ticks == s->options.max_records) {
            st = EVTWIN_DONE;
            break;
        }
        if (n == 0) {
            const double due_s = due_in_s(s), longest_s = 1e-3 * timeout_ms;
            evtwin__sleep_s(due_s < longest_s ? due_s : longest_s);
        }
        if (due_in_s(s) > 0.0 || (n > 0 && evtwin__monotonic_s() - began_s > longest_work_s)) {
            break;
        }
        st = make_tick(s, source);
    }
    return n > 0 ? EVTWIN_OK : st; /* what stopped us will do so again */
}

evtwin_status evtwin_sim_source_options_init(evtwin_sim_source_options *options, size_t size) {
    const evtwin_sim_source_options defaults = {.size = sizeof defaults,
                                                .interval_s = 2.0,
                                                .speed = 60.0,
                                                .start_time_us = INT64_C(1704067200000000),
                                                .max_late = 30};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

/* Make the ctx of the callbacks, all zero before; the simulator is its own from here on. */
static evtwin_status start(sim_source *s, evtwin_sim *sim,
                           const evtwin_sim_source_options *options) {
    EVTWIN_FAIL_IF(
        !(options->interval_s > 0.0 && isfinite(options->interval_s) && options->speed > 0.0),
        EVTWIN_E_ARG, "sim: an interval of %g s at speed %g; both must be above 0",
        options->interval_s, options->speed);
    EVTWIN_TRY(evtwin_telemetry_table_create(&s->tick));
    s->sim = sim;
    s->options = *options;
    s->next_s = evtwin__monotonic_s();
    return EVTWIN_OK;
}

evtwin_status evtwin_source_from_sim(evtwin_sim *sim, const evtwin_sim_source_options *options,
                                     evtwin_source **out) {
    EVTWIN_FAIL_IF(sim == NULL || out == NULL, EVTWIN_E_ARG, "sim or out is NULL");
    evtwin_sim_source_options taken;
    evtwin_sim_source_options_init(&taken, sizeof taken);
    EVTWIN_TRY(
        evtwin__options_merge(&taken, sizeof taken, options, "evtwin_sim_source_options_init"));
    sim_source *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "sim: out of memory");
    const evtwin_source_callbacks callbacks = {.size = sizeof callbacks,
                                               .name = "sim:",
                                               .read = read_source,
                                               .close = close_source,
                                               .seek = seek_source};
    evtwin_status st = start(s, sim, &taken);
    if (st == EVTWIN_OK) {
        st = evtwin__source_create(&callbacks, s, &(evtwin__owned){.ctx = s}, out);
    }
    if (st < 0) {
        evtwin_table_free(s->tick); /* the simulator is still the caller's */
        evtwin__free(s);
    }
    return st;
}

/* ---- "sim:?…" ---- */

typedef struct sim_params {
    evtwin_sim_source_options pace;
    evtwin_sim_options fleet;
    const char *cell;
} sim_params;

#define AT(member) offsetof(sim_params, member)

static const evtwin__param params[] = {
    EVTWIN__PARAM("fleet", SIZE, AT(fleet.n_packs), .min = 1),
    EVTWIN__PARAM("seed", SEED, AT(fleet.seed)),
    EVTWIN__PARAM("speed", NUMBER, AT(pace.speed), .min = 1e-3, .max = 1e6, .words = {"max"}),
    EVTWIN__PARAM("interval", NUMBER, AT(pace.interval_s), .min = 1e-3, .max = 1e6),
    EVTWIN__PARAM("model", WORD, AT(fleet.model),
                  .words = {[EVTWIN_SIM_ECM] = "ecm", [EVTWIN_SIM_CLASSIC] = "classic"}),
    EVTWIN__PARAM("cell", TEXT, AT(cell)),
    EVTWIN__PARAM("use", WORD, AT(fleet.use),
                  .words = {[EVTWIN_USE_CYCLE] = "cycle", [EVTWIN_USE_DAILY] = "daily"}),
    EVTWIN__PARAM("soh", NUMBER, AT(fleet.initial_soh_percent), .min = 0.0, .max = 100.0),
    EVTWIN__PARAM("final_soh", NUMBER, AT(fleet.final_soh_percent), .min = 0.0, .max = 100.0),
    EVTWIN__PARAM("rows", SIZE, AT(pace.max_records), .min = 1),
    EVTWIN__PARAM("battery_id", TEXT, AT(fleet.battery_id)),
    EVTWIN__PARAM("start", TIME, AT(fleet.start_time_us)),
    {.key = NULL}};

static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    EVTWIN_FAIL_IF(uri->path[0] != '\0', EVTWIN_E_ARG,
                   "sim: takes parameters only, as in sim:?fleet=20&speed=60");
    sim_params p = {.cell = NULL};
    EVTWIN_TRY(evtwin_sim_source_options_init(&p.pace, sizeof p.pace));
    EVTWIN_TRY(evtwin_sim_options_init(&p.fleet, sizeof p.fleet));
    p.fleet.final_soh_percent = NAN;
    EVTWIN_TRY(evtwin__params_read(uri, params, &p));
    if (isnan(p.fleet.final_soh_percent)) { /* the whole fleet starts alike */
        p.fleet.final_soh_percent = p.fleet.initial_soh_percent;
    }
    p.pace.start_time_us = p.fleet.start_time_us;

    /* the simulator copies what it needs of the cell */
    evtwin_cell *cell = NULL;
    evtwin_sim *sim = NULL;
    EVTWIN_TRY(p.cell != NULL ? evtwin_cell_load(p.cell, &cell) : EVTWIN_OK);
    p.fleet.cell = cell;
    evtwin_status st = evtwin_sim_create(&p.fleet, &sim);
    evtwin_cell_free(cell);
    if (st == EVTWIN_OK && (st = start(ctx, sim, &p.pace)) < 0) {
        evtwin_sim_free(sim);
    }
    return st;
}

const evtwin__scheme evtwin__source_sim = {
    .name = "sim",
    .params = params,
    .ctx_size = sizeof(sim_source),
    .open = open_source,
    .source = {.read = read_source, .close = close_source, .seek = seek_source},
};
