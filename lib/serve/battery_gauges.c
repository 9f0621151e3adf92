/* SPDX-License-Identifier: MIT */
/* serve/battery_gauges.c: the values of batteries as gauges, under both names of the schema. */

#include "serve/battery_gauges.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t evtwin__next_gauge(size_t q) {
    do {
        q++;
    } while (q < EVTWIN__Q_COUNT && evtwin__schema[q].metric[0] == '\0' &&
             evtwin__schema[q].base_metric[0] == '\0');
    return q;
}

/* Our units that are not base units. */
static const struct {
    const char *unit;
    double to_base;
} scaled[] = {{"percent", 0.01}, {"mOhm", 0.001}};

static double to_base(const char *unit) {
    for (size_t i = 0; i < sizeof scaled / sizeof scaled[0]; i++) {
        if (strcmp(scaled[i].unit, unit) == 0) {
            return scaled[i].to_base;
        }
    }
    return 1.0;
}

/* The unit that ends a gauge's name, "celsius" or "litres_per_minute"; NULL if it has none. */
static const char *unit_of(const char *name, const evtwin__quantity *quantity) {
    const char *per = strstr(name, "_per_");
    const char *at = per != NULL ? per : name + strlen(name);
    while (at > name && at[-1] != '_') {
        at--;
    }
    const int has_unit = quantity->unit[0] != '\0' || strcmp(at, "ratio") == 0;
    return has_unit && at > name ? at : NULL;
}

/* One gauge of quantity q under one of its names. */
static void write_gauge(const evtwin__gauged *b, const char *name, size_t g, size_t q,
                        double factor, evtwin__exposition *out) {
    const evtwin__quantity *quantity = &evtwin__schema[q];
    const char first = quantity->description[0];
    char help[256];
    snprintf(help, sizeof help, "%c%s; %s.",
             first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first, quantity->description + 1,
             quantity->kind == EVTWIN_KIND_PREDICTION ? b->predicted : b->measured);
    evtwin__expose_family(out, name, EVTWIN__GAUGE, unit_of(name, quantity), help);
    for (size_t i = 0; i < b->n; i++) {
        const double value = b->value(b->batteries, i, g, q);
        if (!isnan(value)) {
            const evtwin__label label = {"battery_id", b->id(b->batteries, i)};
            evtwin__expose(out, name, "", &label, 1, evtwin__scale(value, factor));
        }
    }
}

void evtwin__battery_gauges_write(const evtwin__gauged *b, evtwin__exposition *out) {
    for (size_t g = 0, q = evtwin__next_gauge(SIZE_MAX); q < EVTWIN__Q_COUNT;
         g++, q = evtwin__next_gauge(q)) {
        const evtwin__quantity *quantity = &evtwin__schema[q];
        if (quantity->metric[0] != '\0') {
            write_gauge(b, quantity->metric, g, q, 1.0, out);
        }
        if (quantity->base_metric[0] != '\0') {
            write_gauge(b, quantity->base_metric, g, q, to_base(quantity->unit), out);
        }
    }
}
