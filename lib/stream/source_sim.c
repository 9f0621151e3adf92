/* SPDX-License-Identifier: MIT */
/* stream/source_sim.c: a simulator as a source on the wall clock, and "sim:?fleet=N…" made of it.
 */

#include "core/binding.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/scheme.h"

#include <math.h>
#include <string.h>
#include <time.h>

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

static double monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void close_source(void *ctx) {
    sim_source *s = ctx;
    if (s != NULL) {
        evtwin_sim_free(s->sim);
        evtwin_table_free(s->tick);
        evtwin__free(s);
    }
}

/* How long until the next tick; at most 0 if it is due. */
static double due_in_s(const sim_source *s) {
    return isfinite(s->options.speed) ? s->next_s - monotonic_s() : 0.0;
}

/* Leave out what is too late: a laptop slept, a sink hung, or a step takes longer than it may. */
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
static evtwin_status make_tick(sim_source *s) {
    leave_out(s);
    const double step_s =
        s->options.interval_s * (isfinite(s->options.speed) ? s->options.speed : 1.0);
    evtwin_status st = evtwin_table_resize(s->tick, 0);
    s->n_given = 0;

    /* the first record shows the fleet as it starts */
    if (st == EVTWIN_OK && s->n_ticks > 0) {
        st = evtwin_sim_advance(s->sim, step_s);
    }
    if (st < 0 || (st = evtwin_sim_read(s->sim, stamp_us(s), s->tick)) < 0) {
        return st;
    }
    s->n_ticks++;
    s->next_s += s->options.interval_s;
    return evtwin__bind(s->tick, EVTWIN__TELEMETRY, &s->binding);
}

/* Sleep until the next tick is due, at most that long; a signal cuts it short. */
static void wait_for_tick(const sim_source *s, int timeout_ms) {
    double wait_s = due_in_s(s);
    wait_s = wait_s < 1e-3 * timeout_ms ? wait_s : 1e-3 * timeout_ms;
    if (wait_s > 0.0) {
        const struct timespec wait = {.tv_sec = (time_t)wait_s,
                                      .tv_nsec = (long)(1e9 * (wait_s - floor(wait_s)))};
        nanosleep(&wait, NULL);
    }
}

static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    sim_source *s = ctx;
    (void)source;
    const double began_s = monotonic_s();
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
            wait_for_tick(s, timeout_ms);
        }
        if (due_in_s(s) > 0.0 || (n > 0 && monotonic_s() - began_s > longest_work_s)) {
            break;
        }
        st = make_tick(s);
    }
    return n > 0 ? EVTWIN_OK : st; /* what stopped us will do so again */
}

evtwin_status evtwin_sim_source_options_init(evtwin_sim_source_options *options, size_t size) {
    const evtwin_sim_source_options defaults = {.size = sizeof defaults,
                                                .interval_s = 2.0,
                                                .speed = 60.0,
                                                .start_time_us = INT64_C(1704067200000000),
                                                .max_late = 30};
    EVTWIN_FAIL_IF(options == NULL || size < sizeof options->size, EVTWIN_E_ARG,
                   "options is NULL or too small");
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

/* The callbacks' ctx; it owns the simulator from here on. */
static evtwin_status create_ctx(evtwin_sim *sim, const evtwin_sim_source_options *options,
                                sim_source **out) {
    EVTWIN_FAIL_IF(
        !(options->interval_s > 0.0 && isfinite(options->interval_s) && options->speed > 0.0),
        EVTWIN_E_ARG, "sim: an interval of %g s at speed %g; both must be above 0",
        options->interval_s, options->speed);
    sim_source *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "sim: out of memory");
    const evtwin_status st = evtwin_telemetry_table_create(&s->tick);
    if (st < 0) {
        evtwin__free(s);
        return st;
    }
    s->sim = sim;
    s->options = *options;
    s->next_s = monotonic_s();
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin_source_from_sim(evtwin_sim *sim, const evtwin_sim_source_options *options,
                                     evtwin_source **out) {
    EVTWIN_FAIL_IF(sim == NULL || out == NULL, EVTWIN_E_ARG, "sim or out is NULL");
    evtwin_sim_source_options taken;
    evtwin_status st = evtwin_sim_source_options_init(&taken, sizeof taken);
    if (options != NULL) {
        evtwin__options_copy(&taken, sizeof taken, options, options->size);
    }
    sim_source *s = NULL;
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "sim:", .read = read_source, .close = close_source};
    if ((st = create_ctx(sim, &taken, &s)) == EVTWIN_OK &&
        (st = evtwin_source_create(&callbacks, s, out)) < 0) {
        s->sim = NULL; /* still the caller's */
        close_source(s);
    }
    return st;
}

/* ---- "sim:?…" ---- */

/* "speed=60" or "speed=max" */
static evtwin_status read_speed(const evtwin__uri *uri, double *speed) {
    const char *text = evtwin__uri_param(uri, "speed");
    if (text != NULL && strcmp(text, "max") == 0) {
        *speed = INFINITY;
        return EVTWIN_OK;
    }
    return evtwin__param_number(uri, "speed", 1e-3, 1e6, speed);
}

static evtwin_status read_pace(const evtwin__uri *uri, evtwin_sim_source_options *pace) {
    evtwin_status st = evtwin_sim_source_options_init(pace, sizeof *pace);
    if (st < 0 || (st = evtwin__param_number(uri, "interval", 1e-3, 1e6, &pace->interval_s)) < 0 ||
        (st = evtwin__param_size(uri, "rows", 1, &pace->max_records)) < 0) {
        return st;
    }
    return read_speed(uri, &pace->speed);
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

    EVTWIN_TRY(evtwin__param_word(uri, "model", models, 2, &model));
    EVTWIN_TRY(evtwin__param_word(uri, "use", uses, 2, &use));
    EVTWIN_TRY(evtwin__param_size(uri, "fleet", 1, &o->n_packs));
    EVTWIN_TRY(evtwin__param_seed(uri, "seed", &o->seed));
    EVTWIN_TRY(evtwin__param_number(uri, "soh", 0.0, 100.0, &o->initial_soh_percent));
    o->model = (evtwin_sim_model)model;
    o->use = (evtwin_sim_use)use;

    /* unless it says otherwise, the whole fleet starts alike */
    o->final_soh_percent = o->initial_soh_percent;
    return evtwin__param_number(uri, "final_soh", 0.0, 100.0, &o->final_soh_percent);
}

/* The simulator copies what it needs of the cell. */
static evtwin_status create_sim(const evtwin__uri *uri, const evtwin_sim_options *options,
                                evtwin_sim **out) {
    evtwin_sim_options with_cell = *options;
    evtwin_cell *cell = NULL;
    const char *cell_name = evtwin__uri_param(uri, "cell");
    evtwin_status st = cell_name != NULL ? evtwin_cell_load(cell_name, &cell) : EVTWIN_OK;
    if (st == EVTWIN_OK) {
        with_cell.cell = cell;
        st = evtwin_sim_create(&with_cell, out);
    }
    evtwin_cell_free(cell);
    return st;
}

static evtwin_status open_source(const evtwin__uri *uri, void **ctx_out) {
    EVTWIN_FAIL_IF(uri->path[0] != '\0', EVTWIN_E_ARG,
                   "sim: takes parameters only, as in sim:?fleet=20&speed=60");
    evtwin_sim_source_options pace;
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    sim_source *s = NULL;
    evtwin_status st;
    if ((st = read_pace(uri, &pace)) < 0 ||
        (st = evtwin_sim_options_init(&options, sizeof options)) < 0 ||
        (st = read_fleet(uri, &options)) < 0 ||
        (st = read_start(uri, &options.start_time_us)) < 0 ||
        (st = create_sim(uri, &options, &sim)) < 0) {
        return st;
    }
    pace.start_time_us = options.start_time_us;
    if ((st = create_ctx(sim, &pace, &s)) < 0) {
        evtwin_sim_free(sim);
        return st;
    }
    *ctx_out = s;
    return EVTWIN_OK;
}

static const char *const params[] = {"fleet",      "seed",  "speed", "interval",  "model",
                                     "cell",       "use",   "soh",   "final_soh", "rows",
                                     "battery_id", "start", NULL};

const evtwin__scheme evtwin__source_sim = {
    .name = "sim",
    .params = params,
    .open = open_source,
    .source = {.read = read_source, .close = close_source},
};
