/* SPDX-License-Identifier: MIT */
/* serve/exposition.c: metrics as text, in Prometheus 0.0.4 or OpenMetrics 1.0.0; the families of
 * the server itself: how its requests ended and how long they took, and what Prometheus expects of
 * every program: its start, its time, its memory. */

#include "serve/exposition.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"

#include <dirent.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What samples of a type carry after the family's name; Prometheus' own text has it in HELP and
 * TYPE too. */
static const char *type_suffix(evtwin__metric_type type) {
    return type == EVTWIN__COUNTER ? "_total" : type == EVTWIN__INFO ? "_info" : "";
}

static const char *type_name(const evtwin__exposition *e, evtwin__metric_type type) {
    return type == EVTWIN__COUNTER                     ? "counter"
           : type == EVTWIN__HISTOGRAM                 ? "histogram"
           : type == EVTWIN__INFO && e->is_openmetrics ? "info"
                                                       : "gauge";
}

/* "# KEY name text\n" */
static void add_meta(evtwin__exposition *e, const char *key, const char *name, const char *suffix,
                     const char *text) {
    const char *const parts[] = {"# ", key, " ", name, suffix, " ", text, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        evtwin__text_put(&e->text, parts[i]);
    }
}

void evtwin__expose_family(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                           const char *unit, const char *help) {
    const char *suffix = e->is_openmetrics ? "" : type_suffix(type);
    add_meta(e, "HELP", name, suffix, help);
    add_meta(e, "TYPE", name, suffix, type_name(e, type));
    if (e->is_openmetrics && unit != NULL) {
        add_meta(e, "UNIT", name, "", unit);
    }
}

/* A label's value with backslash, quote and line feed escaped. */
static void add_label_value(evtwin__text *t, const char *value) {
    evtwin__text_put(t, "\"");
    while (*value != '\0') {
        const size_t plain = strcspn(value, "\\\"\n");
        evtwin__text_add(t, value, plain);
        value += plain;
        if (*value != '\0') {
            evtwin__text_put(t, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
            value++;
        }
    }
    evtwin__text_put(t, "\"");
}

void evtwin__expose(evtwin__exposition *e, const char *name, const char *suffix,
                    const evtwin__label *labels, size_t n_labels, double value) {
    evtwin__text *t = &e->text;
    evtwin__text_put(t, name);
    evtwin__text_put(t, suffix);
    for (size_t i = 0; i < n_labels; i++) {
        evtwin__text_put(t, i == 0 ? "{" : ",");
        evtwin__text_put(t, labels[i].name);
        evtwin__text_put(t, "=");
        add_label_value(t, labels[i].value);
    }
    evtwin__text_put(t, n_labels > 0 ? "} " : " ");
    if (isnan(value)) {
        evtwin__text_put(t, "NaN");
    } else if (isinf(value)) {
        evtwin__text_put(t, value > 0.0 ? "+Inf" : "-Inf");
    } else {
        evtwin__text_f64(t, value);
    }
    evtwin__text_put(t, "\n");
}

void evtwin__expose_one(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                        const char *unit, const char *help, double value) {
    evtwin__expose_family(e, name, type, unit, help);
    evtwin__expose(e, name, type_suffix(type), NULL, 0, value);
}

/* The count is the last bucket's, so that the two cannot disagree. */
void evtwin__expose_histogram(evtwin__exposition *e, const char *name, const evtwin__label *label,
                              const double *bounds, const uint64_t *n, size_t n_bounds,
                              double sum) {
    evtwin__label labels[2];
    const size_t n_own = label != NULL;
    uint64_t below = 0;
    if (label != NULL) {
        labels[0] = *label;
    }
    for (size_t b = 0; b <= n_bounds; b++) {
        char bound[EVTWIN__NUM_SIZE] = "+Inf";
        if (b < n_bounds) {
            evtwin__format_f64(bounds[b], bound);
        }
        below += n[b];
        labels[n_own] = (evtwin__label){"le", bound};
        evtwin__expose(e, name, "_bucket", labels, n_own + 1, (double)below);
    }
    evtwin__expose(e, name, "_sum", labels, n_own, sum);
    evtwin__expose(e, name, "_count", labels, n_own, (double)below);
}

void evtwin__expose_build(evtwin__exposition *e) {
    const evtwin__label labels[] = {{"version", evtwin_version()},
                                    {"libraries", evtwin_build_info()}};
    evtwin__expose_family(e, "evtwin_build", EVTWIN__INFO, NULL,
                          "Version of libevtwin and of the libraries it was built with.");
    evtwin__expose(e, "evtwin_build", "_info", labels, 2, 1.0);
}

void evtwin__expose_end(evtwin__exposition *e) {
    if (e->is_openmetrics) {
        evtwin__text_put(&e->text, "# EOF\n");
    }
}

const char *evtwin__exposition_type(int is_openmetrics) {
    return is_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                          : "text/plain; version=0.0.4; charset=utf-8";
}

/* Quality of one element of an Accept header, "type;q=0.5;…" in text[0..length); 1 if it has none.
 */
static double quality(const char *text, size_t length) {
    const char *end = text + length;
    for (const char *s = memchr(text, ';', length); s != NULL;
         s = memchr(s, ';', (size_t)(end - s))) {
        s++;
        while (s < end && *s == ' ') {
            s++;
        }
        if (end - s > 2 && (s[0] == 'q' || s[0] == 'Q') && s[1] == '=') {
            const size_t n = strcspn(s + 2, ";, ");
            double q;
            return evtwin__parse_f64(s + 2, n, &q) ? q : 0.0;
        }
    }
    return 1.0;
}

/* What an Accept header says of a media type: the quality of the range that names it best. */
typedef struct wish {
    int match; /* 0 = it is not named, 1 by a wildcard in both parts, 2 in the second, 3 by itself
                */
    double quality;
} wish;

/* Is a media range, text[0..length), this one? */
static int is_range(const char *text, size_t length, const char *range) {
    return length == strlen(range) && strncasecmp(text, range, length) == 0;
}

static void take_range(wish *w, const char *text, size_t length, double q, const char *type,
                       const char *kin) {
    const int match = is_range(text, length, type)    ? 3
                      : is_range(text, length, kin)   ? 2
                      : is_range(text, length, "*/*") ? 1
                                                      : 0;
    if (match > w->match || (match > 0 && match == w->match && q > w->quality)) {
        *w = (wish){match, q};
    }
}

/* Of equals OpenMetrics is taken if it is named: a browser, which takes anything, gets text. */
int evtwin__accepts_openmetrics(const char *accept) {
    wish openmetrics = {0}, plain = {0};
    for (const char *s = accept; s != NULL && *s != '\0';) {
        s += strspn(s, " ,\t");
        const size_t length = strcspn(s, ",");
        const size_t n = strcspn(s, ";, \t");
        const double q = quality(s, length);
        take_range(&openmetrics, s, n, q, "application/openmetrics-text", "application/*");
        take_range(&plain, s, n, q, "text/plain", "text/*");
        s += length;
    }
    return openmetrics.quality > plain.quality ||
           (openmetrics.quality > 0.0 && openmetrics.quality == plain.quality &&
            openmetrics.match == 3);
}

/* ---- the server itself ---- */

/* Every code that the server sends; another one counts as the last. */
static const int codes[] = {200, 304, 400, 401, 403, 404, 405, 409, 411, 413, 414, 415, 421, 503};
enum { N_CODES = sizeof codes / sizeof codes[0] };

static const double bounds_s[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                  0.05,   0.1,   0.25,   0.5,   1.0,  2.5};
enum { N_BOUNDS = sizeof bounds_s / sizeof bounds_s[0] };

typedef struct counts {
    _Atomic uint64_t by_code[N_CODES];
    _Atomic uint64_t by_bound[N_BOUNDS + 1]; /* each its own, not those below; last = slower */
    _Atomic uint64_t sum_ns;
} counts;

struct evtwin__server_metrics {
    const char *(*label)(size_t route);
    size_t n_routes;
    counts route[];
};

evtwin__server_metrics *evtwin__server_metrics_create(size_t n_routes,
                                                      const char *(*label)(size_t route)) {
    evtwin__server_metrics *metrics =
        evtwin__calloc(1, sizeof *metrics + n_routes * sizeof metrics->route[0]);
    if (metrics != NULL) {
        metrics->label = label;
        metrics->n_routes = n_routes;
    }
    return metrics;
}

void evtwin__server_metrics_free(evtwin__server_metrics *metrics) {
    evtwin__free(metrics);
}

void evtwin__server_metrics_count(evtwin__server_metrics *metrics, size_t route, int code,
                                  double s) {
    counts *at = &metrics->route[route];
    size_t c = 0;
    while (c < N_CODES - 1 && codes[c] != code) {
        c++;
    }
    size_t b = 0;
    while (b < N_BOUNDS && s > bounds_s[b]) {
        b++;
    }
    atomic_fetch_add(&at->by_code[c], 1);
    atomic_fetch_add(&at->by_bound[b], 1);
    atomic_fetch_add(&at->sum_ns, (uint64_t)(s * 1e9));
}

/* ---- requests ---- */

static void write_counts(const evtwin__server_metrics *metrics, evtwin__exposition *out) {
    evtwin__expose_family(out, "evtwin_http_requests", EVTWIN__COUNTER, NULL,
                          "HTTP requests answered.");
    for (size_t r = 0; r < metrics->n_routes; r++) {
        for (size_t c = 0; c < N_CODES; c++) {
            const uint64_t n = atomic_load(&metrics->route[r].by_code[c]);
            if (n > 0) {
                char code[EVTWIN__NUM_SIZE];
                evtwin__format_i64(codes[c], code);
                const evtwin__label labels[] = {{"route", metrics->label(r)}, {"code", code}};
                evtwin__expose(out, "evtwin_http_requests", "_total", labels, 2, (double)n);
            }
        }
    }
}

/* The histogram of one route. */
static void write_duration(const evtwin__server_metrics *metrics, size_t r,
                           evtwin__exposition *out) {
    const evtwin__label label = {"route", metrics->label(r)};
    uint64_t n[N_BOUNDS + 1], total = 0;
    for (size_t b = 0; b <= N_BOUNDS; b++) {
        n[b] = atomic_load(&metrics->route[r].by_bound[b]);
        total += n[b];
    }
    if (total > 0) {
        evtwin__expose_histogram(out, "evtwin_http_request_duration_seconds", &label, bounds_s, n,
                                 N_BOUNDS, (double)atomic_load(&metrics->route[r].sum_ns) * 1e-9);
    }
}

/* ---- the process ---- */

/* Fields of /proc/self/stat after the command's ")", from the third of proc(5) on. */
enum { UTIME = 11, STIME = 12, STARTTIME = 19, VSIZE = 20, RSS = 21, N_FIELDS = 22 };

/* Read the numbers of /proc/self/stat; 0 if there is no such file, or it looks otherwise. */
static int read_stat(double field[N_FIELDS]) {
    char *text = NULL;
    size_t size = 0;
    if (evtwin__file_read("/proc/self/stat", 4096, &text, &size) < 0) {
        return 0;
    }
    const char *s = strrchr(text, ')'); /* the command may hold any character */
    int is_good = s != NULL;
    for (int i = 0; i < N_FIELDS && is_good; i++) {
        s += i == 0;
        s += strspn(s, " ");
        const size_t length = strcspn(s, " \n");
        is_good = i == 0 || evtwin__parse_f64(s, length, &field[i]); /* field 0 is a letter */
        s += length;
    }
    evtwin__free(text);
    return is_good;
}

/* Open descriptors, this look not counted; -1 if unknown. */
static int count_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return -1;
    }
    int n = -3; /* ".", ".." and the folder itself */
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void write_process(evtwin__exposition *e) {
    double field[N_FIELDS];
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    struct timespec real, boot;
    if (read_stat(field) && ticks > 0.0 && clock_gettime(CLOCK_REALTIME, &real) == 0 &&
        clock_gettime(CLOCK_BOOTTIME, &boot) == 0) {
        /* both clocks in whole milliseconds, so that the start does not tremble between scrapes */
        const double boot_s = (double)(real.tv_sec - boot.tv_sec) +
                              (double)((real.tv_nsec - boot.tv_nsec) / 1000000) * 1e-3;
        evtwin__expose_one(e, "process_cpu_seconds", EVTWIN__COUNTER, "seconds",
                           "User and system time used.", (field[UTIME] + field[STIME]) / ticks);
        evtwin__expose_one(e, "process_start_time_seconds", EVTWIN__GAUGE, "seconds",
                           "Unix time at which the process started.",
                           boot_s + field[STARTTIME] / ticks);
        evtwin__expose_one(e, "process_virtual_memory_bytes", EVTWIN__GAUGE, "bytes",
                           "Virtual memory.", field[VSIZE]);
        evtwin__expose_one(e, "process_resident_memory_bytes", EVTWIN__GAUGE, "bytes",
                           "Resident memory.", field[RSS] * (double)sysconf(_SC_PAGESIZE));
    }
    const int n_open = count_descriptors();
    struct rlimit limit;
    if (n_open >= 0) {
        evtwin__expose_one(e, "process_open_fds", EVTWIN__GAUGE, NULL, "Open file descriptors.",
                           n_open);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        evtwin__expose_one(e, "process_max_fds", EVTWIN__GAUGE, NULL,
                           "Limit of open file descriptors.", (double)limit.rlim_cur);
    }
}

void evtwin__server_metrics_write(const evtwin__server_metrics *metrics, evtwin__exposition *out) {
    write_counts(metrics, out);
    evtwin__expose_family(out, "evtwin_http_request_duration_seconds", EVTWIN__HISTOGRAM, "seconds",
                          "Time from the arrival of a request to its answer, without sending it.");
    for (size_t r = 0; r < metrics->n_routes; r++) {
        write_duration(metrics, r, out);
    }
    write_process(out);
}
