/* SPDX-License-Identifier: MIT */
/* tools/sim_loop.c: live telemetry: step, read, publish, show, wait. */

#include "sim_tool.h"
#include "sim_publish.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows gathered before they are offered where nobody waits for them. */
enum { MAX_BATCH = 8192 };

/* ---- sinks of the command line ---- */

void sim_sinks_free(char **uris, size_t n) {
    for (size_t i = 0; uris != NULL && i < n; i++) {
        free(uris[i]);
    }
    free(uris);
}

int sim_sinks(const cli *c, char ***uris_out, size_t *n_out) {
    const char *csv = cli_text(c, SIM_CSV);
    const size_t n_sinks = cli_count(c, SIM_SINK), n = n_sinks + (csv != NULL);
    char **uris = calloc(n + 1, sizeof *uris);
    int is_out = uris == NULL;
    for (size_t i = 0; !is_out && i < n; i++) {
        const char *text = i < n_sinks ? cli_item(c, SIM_SINK, i) : csv;
        const size_t size = strlen(text) + sizeof "csv:";
        uris[i] = malloc(size);
        if (uris[i] == NULL) {
            is_out = 1;
        } else {
            snprintf(uris[i], size, "%s%s", i < n_sinks ? "" : "csv:", text);
        }
    }
    if (is_out) {
        sim_sinks_free(uris, n);
        return cli_out_of_memory();
    }
    const int code = cli_check_sinks((const char *const *)uris, n);
    if (code != 0) {
        sim_sinks_free(uris, n);
        return code;
    }
    *uris_out = uris;
    *n_out = n;
    return 0;
}

int sim_sinks_use_stdout(char *const *uris, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (cli_sink_is_stdout(uris[i])) {
            return 1;
        }
    }
    return 0;
}

/* ---- console ---- */

/* Columns of a telemetry table that are shown. */
typedef struct shown {
    size_t id, soc, soh, temperature, current, cycles, charging, sim_time;
} shown;

static shown find_shown(const evtwin_table *t) {
    return (shown){
        .id = evtwin_table_find(t, "battery_id"),
        .soc = evtwin_table_find(t, "soc"),
        .soh = evtwin_table_find(t, "soh"),
        .temperature = evtwin_table_find(t, "temperature"),
        .current = evtwin_table_find(t, "current"),
        .cycles = evtwin_table_find(t, "charge_cycles"),
        .charging = evtwin_table_find(t, "is_charging"),
        .sim_time = evtwin_table_find(t, "sim_time_s"),
    };
}

static const char *activity(const evtwin_table *t, const shown *s, size_t row) {
    if (evtwin_table_number(t, s->charging, row) > 0) {
        return "Charging";
    }
    return evtwin_table_number(t, s->current, row) > 0 ? "Discharging" : "Parked";
}

/* The contract's line; with several batteries each is named first. */
static void print_battery(FILE *f, const evtwin_table *t, const shown *s, size_t row,
                          int is_named) {
    if (is_named) {
        fprintf(f, "[%s] ", evtwin_table_text(t, s->id, row));
    }
    cli_print_value(f, "SoC", evtwin_table_number(t, s->soc, row), 1, "%");
    cli_print_value(f, " | SoH", evtwin_table_number(t, s->soh, row), 1, "%");
    cli_print_value(f, " | Temp", evtwin_table_number(t, s->temperature, row), 1, "°C");
    cli_print_value(f, " | Current", evtwin_table_number(t, s->current, row), 1, "A");
    cli_print_value(f, " | Cycles", evtwin_table_number(t, s->cycles, row), 0, "");
    fprintf(f, " | %s\n", activity(t, s, row));
}

static void print_range(FILE *f, const char *label, const evtwin_table *t, size_t col,
                        const char *unit) {
    double low = INFINITY, high = -INFINITY;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double v = evtwin_table_number(t, col, r);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    if (low <= high) {
        fprintf(f, " | %s: %.1f to %.1f%s", label, low, high, unit);
    } else {
        fprintf(f, " | %s: unknown", label);
    }
}

static void print_fleet(FILE *f, const evtwin_table *t, const shown *s) {
    size_t n_charging = 0, n_driving = 0;
    const size_t n = evtwin_table_rows(t);
    for (size_t r = 0; r < n; r++) {
        const char *what = activity(t, s, r);
        n_charging += *what == 'C';
        n_driving += *what == 'D';
    }
    const double hours = evtwin_table_number(t, s->sim_time, 0) / 3600;
    fprintf(f, "%zu batteries", n);
    print_range(f, "SoC", t, s->soc, "%");
    print_range(f, "SoH", t, s->soh, "%");
    print_range(f, "Temp", t, s->temperature, "°C");
    fprintf(f, " | %zu discharging, %zu charging, %zu parked | %.1f h\n", n_driving, n_charging,
            n - n_driving - n_charging, hours);
}

static void show(FILE *f, const evtwin_table *t) {
    const shown s = find_shown(t);
    const size_t n = evtwin_table_rows(t);
    if (n > 1 && !cli_verbose()) {
        print_fleet(f, t, &s);
    } else {
        for (size_t r = 0; r < n; r++) {
            print_battery(f, t, &s, r, n > 1);
        }
    }
}

/* ---- the loop ---- */

static int64_t physics_time_us(const evtwin_sim *sim, const sim_pace *pace) {
    return pace->start_us + llround(evtwin_sim_time_s(sim) * 1e6);
}

/* As fast as it can, stamped by the physics clock, in large batches. */
static int run_max(const cli *c, evtwin_sim *sim, const sim_pace *pace, publisher *p,
                   evtwin_table *batch) {
    const double duration_s = cli_number(c, SIM_DURATION);
    const uint64_t n_steps = (uint64_t)floor(duration_s / pace->step_s + 1e-9);
    evtwin_status st = EVTWIN_OK;
    int code = 0;
    for (uint64_t k = 1; k <= n_steps && code == 0; k++) {
        if ((st = evtwin_sim_advance(sim, pace->step_s)) < 0 ||
            (st = evtwin_sim_read(sim, physics_time_us(sim, pace), batch)) < 0) {
            return cli_fail(CLI_AN_INPUT, st, NULL);
        }
        const int is_stopped = cli_progress(NULL, "simulating", (double)k / (double)n_steps);
        if (evtwin_table_rows(batch) >= MAX_BATCH || k == n_steps || is_stopped) {
            code = publisher_offer(p, batch);
            evtwin_table_resize(batch, 0);
        }
        if (is_stopped) {
            break;
        }
    }
    cli_progress_clear();
    return code;
}

/* When the next record is due: on the grid of intervals, past ticks are skipped, not caught up. */
static double next_tick_s(double began_s, double interval_s, double now_s, uint64_t *tick) {
    const uint64_t passed = (uint64_t)((now_s - began_s) / interval_s);
    if (passed > *tick + 1) {
        static int has_said;
        if (!has_said) {
            cli_warning("one step takes longer than --interval; records come more rarely");
            has_said = 1;
        }
    }
    *tick = passed > *tick ? passed + 1 : *tick + 1;
    return began_s + (double)*tick * interval_s;
}

static int run_live(const cli *c, evtwin_sim *sim, const sim_pace *pace, publisher *p,
                    evtwin_table *batch, FILE *console) {
    const double began_s = cli_now_s();
    const double end_s =
        cli_is_set(c, SIM_DURATION) ? began_s + cli_number(c, SIM_DURATION) : INFINITY;
    uint64_t tick = 0;
    for (;;) {
        evtwin_table_resize(batch, 0);
        evtwin_status st = evtwin_sim_advance(sim, pace->step_s);
        if (st < 0 || (st = evtwin_sim_read(sim, evtwin_time_now(), batch)) < 0) {
            return cli_fail(CLI_AN_INPUT, st, NULL);
        }
        const int code = publisher_offer(p, batch);
        if (code != 0) {
            return code;
        }
        if (!cli_quiet()) {
            show(console, batch);
            if (fflush(console) != 0) {
                return CLI_FAILURE; /* cli_main says why, if there is something to say */
            }
        }
        const double due_s = next_tick_s(began_s, pace->interval_s, cli_now_s(), &tick);
        if (due_s > end_s) {
            return CLI_OK;
        }
        if (cli_sleep_until_s(due_s)) {
            cli_note("stopping");
            return CLI_OK;
        }
    }
}

int sim_run_live(const cli *c, evtwin_sim *sim, const sim_pace *pace) {
    char **uris = NULL;
    size_t n_uris = 0;
    publisher *p = NULL;
    evtwin_table *batch = NULL;
    int code = sim_sinks(c, &uris, &n_uris);
    if (code == 0) {
        code = publisher_open(uris, n_uris, (size_t)cli_integer(c, SIM_HOLD), &p);
    }
    if (code == CLI_CONTINUE) {
        const evtwin_status st = evtwin_telemetry_table_create(&batch);
        if (st < 0) {
            code = cli_fail(CLI_AN_INPUT, st, NULL);
        } else if (pace->is_max) {
            code = run_max(c, sim, pace, p, batch);
        } else {
            FILE *console = sim_sinks_use_stdout(uris, n_uris) ? stderr : stdout;
            code = run_live(c, sim, pace, p, batch, console);
        }
        code = publisher_close(p, code);
    }
    evtwin_table_free(batch);
    sim_sinks_free(uris, n_uris);
    return code;
}

int sim_run_dry(const cli *c, evtwin_sim *sim, const sim_pace *pace) {
    evtwin_table *batch = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&batch);
    int64_t left = cli_integer(c, SIM_RECORDS);
    int is_broken = 0;
    while (st >= 0 && left > 0 && !is_broken && cli_stopping() == 0) {
        evtwin_table_resize(batch, 0);
        if ((st = evtwin_sim_advance(sim, pace->step_s)) < 0 ||
            (st = evtwin_sim_read(sim, physics_time_us(sim, pace), batch)) < 0) {
            break;
        }
        for (size_t r = 0; r < evtwin_table_rows(batch) && left > 0; r++, left--) {
            char json[EVTWIN_TELEMETRY_JSON_SIZE];
            size_t length;
            if ((st = evtwin_telemetry_encode(batch, r, json, sizeof json, &length)) < 0) {
                break;
            }
            is_broken = puts(json) == EOF;
        }
    }
    evtwin_table_free(batch);
    return st < 0 ? cli_fail(CLI_AN_INPUT, st, NULL) : CLI_OK;
}
