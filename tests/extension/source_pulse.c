/* SPDX-License-Identifier: MIT */
/* tests/extension/source_pulse.c: "pulse:?rows=N": N records of one battery, one a second; their
 * position is their number. */

#include "stream/scheme.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct pulse {
    size_t n, max;
} pulse;

/* What was acknowledged last: the test looks here. */
extern long evtwin_pulse_committed;
long evtwin_pulse_committed;

static const evtwin__param params[] = {EVTWIN__PARAM("rows", SIZE, offsetof(pulse, max), .min = 1),
                                       {.key = NULL}};

static evtwin_status open_pulse(const evtwin__uri *uri, void *ctx) {
    return evtwin__params_read(uri, params, ctx);
}

static evtwin_status read_pulse(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                evtwin_table *table) {
    (void)timeout_ms;
    pulse *p = ctx;
    if (p->n == p->max) {
        return EVTWIN_DONE;
    }
    for (size_t i = 0; i < max_rows && p->n < p->max; i++, p->n++) {
        char text[256];
        const int length = snprintf(
            text, sizeof text,
            "{\"timestamp\":\"2024-01-01T00:00:%02zuZ\",\"battery_id\":\"PULSE\",\"soc\":80,"
            "\"soh\":90,\"voltage\":360,\"current\":50,\"temperature\":30,"
            "\"charge_cycles\":100,\"power_consumption\":18000,\"coolant_flow\":%zu.5}",
            p->n, p->n);
        const evtwin_status st =
            evtwin_telemetry_decode(text, (size_t)length, EVTWIN_NAIVE_REJECT, table);
        if (st < 0) {
            return st;
        }
    }
    char position[32];
    snprintf(position, sizeof position, "%zu", p->n);
    return evtwin_source_set_position(source, position);
}

static evtwin_status commit_pulse(void *ctx, const char *position) {
    (void)ctx;
    evtwin_pulse_committed = strtol(position, NULL, 10);
    return EVTWIN_OK;
}

const evtwin__scheme evtwin__source_pulse = {
    .name = "pulse",
    .params = params,
    .ctx_size = sizeof(pulse),
    .open = open_pulse,
    .source = {.read = read_pulse, .commit = commit_pulse},
};
