/* SPDX-License-Identifier: MIT */
/* sim/drive_cycle.c: load a speed trace; the vehicle that follows it. */

#include "sim/fleet.h"

#include "evtwin/table.h"

#include "core/mem.h"
#include "core/status.h"

/* A mid-size electric car [typical]. */
#define MASS_kg 1850.0
#define ROLLING_RESISTANCE 0.009
#define DRAG_AREA_m2 0.55
#define AIR_DENSITY_kg_m3 1.2
#define GRAVITY_m_s2 9.81
#define DRIVE_EFFICIENCY 0.90
#define REGEN_EFFICIENCY 0.65
#define REGEN_LIMIT_W 60e3
#define AUXILIARY_W 400.0

enum { MAX_SECONDS = 1000000 };

#define MAX_SPEED_m_s 100.0

/* P = (m a + m g c + 1/2 rho cA v^2) v / eta + aux, over one second from v0 to v1. */
static double battery_power_W(double v0, double v1) {
    const double v = 0.5 * (v0 + v1);
    const double force = MASS_kg * (v1 - v0) + MASS_kg * GRAVITY_m_s2 * ROLLING_RESISTANCE +
                         0.5 * AIR_DENSITY_kg_m3 * DRAG_AREA_m2 * v * v;
    const double wheel = force * v;
    double drive = wheel > 0.0 ? wheel / DRIVE_EFFICIENCY : wheel * REGEN_EFFICIENCY;
    drive = drive < -REGEN_LIMIT_W ? -REGEN_LIMIT_W : drive;
    return drive + AUXILIARY_W;
}

/* Energy up to each second of the trace. */
static evtwin_status fill(const char *path, const evtwin_table *t, size_t second, size_t speed,
                          double *energy_J) {
    double last_m_s = 0.0;
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        const double s = evtwin_table_number(t, second, i);
        const double speed_m_s = evtwin_table_number(t, speed, i);
        EVTWIN_FAIL_IF(s != (double)i, EVTWIN_E_PARSE,
                       "%s: row %zu: cycSecs is %g, expected %zu: one row a second", path, i + 1, s,
                       i);
        EVTWIN_FAIL_IF(!(speed_m_s >= 0.0 && speed_m_s <= MAX_SPEED_m_s), EVTWIN_E_PARSE,
                       "%s: row %zu: cycMps is %g, outside [0, %g] m/s", path, i + 1, speed_m_s,
                       MAX_SPEED_m_s);
        energy_J[i] = i > 0 ? energy_J[i - 1] + battery_power_W(last_m_s, speed_m_s) : 0.0;
        last_m_s = speed_m_s;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__drive_cycle_load(const char *path, evtwin__drive_cycle *out) {
    evtwin_table *t = NULL;
    double *energy_J = NULL;
    EVTWIN_TRY(evtwin_table_read_csv(path, NULL, &t));
    evtwin_status st = EVTWIN_OK;
    const size_t second = evtwin_table_find(t, "cycSecs"), speed = evtwin_table_find(t, "cycMps");
    const size_t rows = evtwin_table_rows(t);
    if (second == EVTWIN_NO_COLUMN || speed == EVTWIN_NO_COLUMN) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%s: no column '%s'", path,
                          second == EVTWIN_NO_COLUMN ? "cycSecs" : "cycMps");
    } else if (rows < 2 || rows > MAX_SECONDS) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%s: %zu rows, a drive cycle has 2 to %d", path, rows,
                          MAX_SECONDS);
    } else if ((energy_J = evtwin__calloc(rows, sizeof *energy_J)) == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "no memory for a drive cycle of %zu seconds", rows);
    } else if ((st = fill(path, t, second, speed, energy_J)) >= 0) {
        *out = (evtwin__drive_cycle){rows - 1, energy_J};
        energy_J = NULL;
    }
    evtwin__free(energy_J);
    evtwin_table_free(t);
    return st;
}

void evtwin__drive_cycle_free(evtwin__drive_cycle *cycle) {
    evtwin__free(cycle->energy_J);
    *cycle = (evtwin__drive_cycle){0};
}

/* Energy from the start of the first round to t_s >= 0. */
static double energy_until(const evtwin__drive_cycle *c, double t_s) {
    const double round = floor(t_s / (double)c->n_seconds);
    const double in_round = t_s - round * (double)c->n_seconds;
    size_t k = (size_t)in_round;
    k = k < c->n_seconds ? k : c->n_seconds - 1;
    const double f = in_round - (double)k;
    return round * c->energy_J[c->n_seconds] + c->energy_J[k] +
           f * (c->energy_J[k + 1] - c->energy_J[k]);
}

double evtwin__drive_cycle_power_W(const evtwin__drive_cycle *c, double start_s,
                                   double duration_s) {
    return (energy_until(c, start_s + duration_s) - energy_until(c, start_s)) / duration_s;
}
