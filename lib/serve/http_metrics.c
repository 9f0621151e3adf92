/* SPDX-License-Identifier: MIT */
/* serve/http_metrics.c: how many requests of each route ended how, and how long they took. */

#include "serve/http_metrics.h"

#include "core/mem.h"
#include "core/num.h"

#include <stdatomic.h>
#include <stdint.h>

enum { N_ROUTES = EVTWIN__ROUTE_OTHER + 1 };

/* Every code that the server sends. */
static const int codes[] = {200, 304, 400, 404, 405, 413, 414, 421, 503};
enum { N_CODES = sizeof codes / sizeof codes[0] };

static const double bounds_s[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                  0.05,   0.1,   0.25,   0.5,   1.0,  2.5};
enum { N_BOUNDS = sizeof bounds_s / sizeof bounds_s[0] };

struct evtwin__http_metrics {
    struct {
        _Atomic uint64_t by_code[N_CODES];
        _Atomic uint64_t by_bound[N_BOUNDS + 1]; /* each its own, not those below; last = slower */
        _Atomic uint64_t sum_ns;
    } route[N_ROUTES];
};

evtwin__http_metrics *evtwin__http_metrics_create(void) {
    return evtwin__calloc(1, sizeof(evtwin__http_metrics));
}

void evtwin__http_metrics_free(evtwin__http_metrics *metrics) {
    evtwin__free(metrics);
}

void evtwin__http_metrics_count(evtwin__http_metrics *metrics, size_t route, int code, double s) {
    size_t c = 0;
    while (c < N_CODES - 1 && codes[c] != code) {
        c++;
    }
    size_t b = 0;
    while (b < N_BOUNDS && s > bounds_s[b]) {
        b++;
    }
    atomic_fetch_add(&metrics->route[route].by_code[c], 1);
    atomic_fetch_add(&metrics->route[route].by_bound[b], 1);
    atomic_fetch_add(&metrics->route[route].sum_ns, (uint64_t)(s * 1e9));
}

static void write_counts(const evtwin__http_metrics *metrics, evtwin__exposition *out) {
    evtwin__expose_family(out, "evtwin_http_requests", EVTWIN__COUNTER, NULL,
                          "HTTP requests answered.");
    for (size_t r = 0; r < N_ROUTES; r++) {
        for (size_t c = 0; c < N_CODES; c++) {
            const uint64_t n = atomic_load(&metrics->route[r].by_code[c]);
            if (n > 0) {
                char code[EVTWIN__NUM_SIZE];
                evtwin__format_i64(codes[c], code);
                const evtwin__label labels[] = {{"route", evtwin__route_label(r)}, {"code", code}};
                evtwin__expose(out, "evtwin_http_requests", "_total", labels, 2, (double)n);
            }
        }
    }
}

/* The histogram of one route; its count is the last bucket's, so that the two cannot disagree. */
static void write_duration(const evtwin__http_metrics *metrics, size_t r, evtwin__exposition *out) {
    static const char name[] = "evtwin_http_request_duration_seconds";
    evtwin__label labels[] = {{"route", evtwin__route_label(r)}, {"le", "+Inf"}};
    uint64_t below[N_BOUNDS + 1];
    uint64_t total = 0;
    for (size_t b = 0; b <= N_BOUNDS; b++) {
        total += atomic_load(&metrics->route[r].by_bound[b]);
        below[b] = total;
    }
    if (total == 0) {
        return;
    }
    for (size_t b = 0; b <= N_BOUNDS; b++) {
        char bound[EVTWIN__NUM_SIZE] = "+Inf";
        if (b < N_BOUNDS) {
            evtwin__format_f64(bounds_s[b], bound);
        }
        labels[1].value = bound;
        evtwin__expose(out, name, "_bucket", labels, 2, (double)below[b]);
    }
    evtwin__expose(out, name, "_sum", labels, 1,
                   (double)atomic_load(&metrics->route[r].sum_ns) * 1e-9);
    evtwin__expose(out, name, "_count", labels, 1, (double)total);
}

void evtwin__http_metrics_write(const evtwin__http_metrics *metrics, evtwin__exposition *out) {
    write_counts(metrics, out);
    evtwin__expose_family(out, "evtwin_http_request_duration_seconds", EVTWIN__HISTOGRAM, "seconds",
                          "Time from a request's arrival to its answer, sending not counted.");
    for (size_t r = 0; r < N_ROUTES; r++) {
        write_duration(metrics, r, out);
    }
}
