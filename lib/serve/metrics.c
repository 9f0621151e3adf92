/* SPDX-License-Identifier: MIT */
/* serve/metrics.c: what the predictor tells Prometheus: gauges of each battery, counters of its
 * work. */

#include "serve/battery_gauges.h"
#include "serve/exposition.h"
#include "serve/metrics_drift.h"
#include "serve/metrics_duration.h"
#include "serve/metrics_models.h"
#include "serve/metrics_pump.h"

#include "core/clock.h"
#include "core/dict.h"
#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ID_SIZE = 51 };

typedef struct battery {
    char id[ID_SIZE];
    int64_t time_us, seq; /* of the newest record */
    int64_t seen_s;       /* when it came, on the monotonic clock */
    uint64_t n_predictions;
    double value[EVTWIN__GAUGE_COUNT]; /* NaN = no series */
} battery;

typedef struct totals {
    uint64_t n_known, n_unknown, n_errors, n_without_series;
    double last_prediction_s; /* since 1970; 0 = none yet */
} totals;

struct evtwin_metrics {
    pthread_mutex_t lock;
    totals totals;
    evtwin__durations durations;
    double good_s, limit_s;   /* when a cycle last went well, how long that is enough; 0 = never */
    evtwin__drift_copy drift; /* of the session observed last */
    evtwin__pump_copy delivered; /* of the pump observed last */
    evtwin__models_copy models;  /* observed last */
    evtwin__dict ids;            /* in order of first sight, as the batteries */
    battery batteries[EVTWIN__METRICS_MAX_BATTERIES];
};

evtwin_status evtwin_metrics_create(evtwin_metrics **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "evtwin_metrics_create: out is NULL");
    evtwin_metrics *metrics = evtwin__calloc(1, sizeof *metrics);
    EVTWIN_FAIL_IF(metrics == NULL, EVTWIN_E_NOMEM, "out of memory for metrics");
    pthread_mutex_init(&metrics->lock, NULL);
    *out = metrics;
    return EVTWIN_OK;
}

void evtwin_metrics_free(evtwin_metrics *metrics) {
    if (metrics == NULL) {
        return;
    }
    pthread_mutex_destroy(&metrics->lock);
    evtwin__dict_free(&metrics->ids);
    evtwin__drift_copy_free(&metrics->drift);
    evtwin__pump_copy_free(&metrics->delivered);
    evtwin__free(metrics);
}

/* The battery of that id, made if it is new and there is room under the cap; NULL if not. A new one
 * has no gauges until its first row sets all of them. */
static battery *find_battery(evtwin_metrics *metrics, const char *id) {
    const size_t length = strlen(id);
    int32_t code = evtwin__dict_find(&metrics->ids, id, length);
    if (code < 0) {
        if (metrics->ids.n == EVTWIN__METRICS_MAX_BATTERIES ||
            evtwin__dict_intern(&metrics->ids, id, length, &code) < 0) {
            return NULL;
        }
        battery *b = &metrics->batteries[code];
        *b = (battery){.time_us = INT64_MIN, .seq = INT64_MIN};
        memcpy(b->id, id, length + 1);
    }
    return &metrics->batteries[code];
}

/* The columns that a batch is read by. */
typedef struct batch {
    const evtwin_table *table;
    size_t rows, battery_id, time, seq, note, gauge[EVTWIN__GAUGE_COUNT],
        prediction[EVTWIN__T_COUNT];
} batch;

static evtwin_status open_batch(const evtwin_table *table, batch *b) {
    b->table = table;
    b->rows = evtwin_table_rows(table);
    b->battery_id = evtwin_table_find(table, "battery_id");
    b->time = evtwin_table_find(table, "time");
    b->seq = evtwin_table_find(table, "seq");
    if (evtwin_table_i64(table, b->seq) == NULL) {
        b->seq = EVTWIN_NO_COLUMN; /* absent, or of a type that cannot number records */
    }
    b->note = evtwin_table_find(table, "prediction_note");
    for (size_t g = 0, q = evtwin__next_gauge(SIZE_MAX); q < EVTWIN__Q_COUNT;
         g++, q = evtwin__next_gauge(q)) {
        b->gauge[g] = evtwin_table_find(table, evtwin__schema[q].name);
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        b->prediction[t] =
            evtwin_table_find(table, evtwin__schema[evtwin__target_prediction(t)].name);
    }
    EVTWIN_FAIL_IF(b->battery_id == EVTWIN_NO_COLUMN || b->time == EVTWIN_NO_COLUMN ||
                       evtwin_table_type(table, b->time) != EVTWIN_TIME,
                   EVTWIN_E_SCHEMA, "metrics: the batch lacks battery_id or time");
    for (size_t row = 0; row < b->rows; row++) {
        EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(evtwin_table_text(table, b->battery_id, row)) ||
                           !evtwin_table_is_valid(table, b->time, row),
                       EVTWIN_E_SCHEMA, "metrics: row %zu has no valid battery_id or no time", row);
    }
    return EVTWIN_OK;
}

static void observe_row(evtwin_metrics *metrics, const batch *b, size_t row, int64_t now_s) {
    double value[EVTWIN__GAUGE_COUNT];
    for (size_t g = 0; g < EVTWIN__GAUGE_COUNT; g++) {
        const double v = evtwin_table_number(b->table, b->gauge[g], row);
        value[g] = isfinite(v) ? v : NAN;
    }
    int is_known = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        is_known |= isfinite(evtwin_table_number(b->table, b->prediction[t], row)) != 0;
    }
    const int is_unknown =
        !is_known && b->note != EVTWIN_NO_COLUMN && evtwin_table_is_valid(b->table, b->note, row);
    metrics->totals.n_known += is_known;
    metrics->totals.n_unknown += is_unknown;
    if (is_known) {
        metrics->totals.last_prediction_s = (double)evtwin_time_now() * 1e-6;
    }

    battery *at = find_battery(metrics, evtwin_table_text(b->table, b->battery_id, row));
    if (at == NULL) {
        metrics->totals.n_without_series++;
        return;
    }
    at->n_predictions += is_known;
    const int64_t time_us = evtwin_table_i64(b->table, b->time)[row];
    const int has_seq = b->seq != EVTWIN_NO_COLUMN && evtwin_table_is_valid(b->table, b->seq, row);
    const int64_t seq = has_seq ? evtwin_table_i64(b->table, b->seq)[row] : INT64_MIN;
    if (time_us < at->time_us || (time_us == at->time_us && seq < at->seq)) {
        return; /* a late record: the gauges show the newest */
    }
    at->time_us = time_us;
    at->seq = seq;
    at->seen_s = now_s;
    memcpy(at->value, value, sizeof value);
}

evtwin_status evtwin_metrics_observe(evtwin_metrics *metrics, const evtwin_table *table) {
    EVTWIN_FAIL_IF(metrics == NULL || table == NULL, EVTWIN_E_ARG,
                   "evtwin_metrics_observe: metrics or table is NULL");
    batch b;
    EVTWIN_TRY(open_batch(table, &b));
    const int64_t now_s = (int64_t)evtwin__monotonic_s();
    pthread_mutex_lock(&metrics->lock);
    for (size_t row = 0; row < b.rows; row++) {
        observe_row(metrics, &b, row, now_s);
    }
    pthread_mutex_unlock(&metrics->lock);
    return EVTWIN_OK;
}

evtwin_status evtwin_metrics_observe_session(evtwin_metrics *metrics,
                                             const evtwin_session *session) {
    EVTWIN_FAIL_IF(metrics == NULL || session == NULL, EVTWIN_E_ARG,
                   "evtwin_metrics_observe_session: metrics or session is NULL");
    evtwin__drift_copy now, before;
    EVTWIN_TRY(evtwin__drift_copy_take(session, &now));
    pthread_mutex_lock(&metrics->lock);
    before = metrics->drift;
    metrics->drift = now;
    pthread_mutex_unlock(&metrics->lock);
    evtwin__drift_copy_free(&before);
    return EVTWIN_OK;
}

evtwin_status evtwin_metrics_observe_pump(evtwin_metrics *metrics, const evtwin_pump *pump,
                                          const evtwin_screen *screen) {
    EVTWIN_FAIL_IF(metrics == NULL || pump == NULL, EVTWIN_E_ARG,
                   "evtwin_metrics_observe_pump: metrics or pump is NULL");
    evtwin__pump_copy now, before;
    EVTWIN_TRY(evtwin__pump_copy_take(pump, screen, &now));
    pthread_mutex_lock(&metrics->lock);
    before = metrics->delivered;
    metrics->delivered = now;
    pthread_mutex_unlock(&metrics->lock);
    evtwin__pump_copy_free(&before);
    return EVTWIN_OK;
}

evtwin_status evtwin_metrics_observe_models(evtwin_metrics *metrics,
                                            const evtwin_predictor *predictor,
                                            const evtwin_follower *follower) {
    EVTWIN_FAIL_IF(metrics == NULL || predictor == NULL, EVTWIN_E_ARG,
                   "evtwin_metrics_observe_models: metrics or predictor is NULL");
    evtwin__models_copy now;
    EVTWIN_TRY(evtwin__models_copy_take(predictor, follower, &now));
    pthread_mutex_lock(&metrics->lock);
    metrics->models = now;
    pthread_mutex_unlock(&metrics->lock);
    return EVTWIN_OK;
}

void evtwin_metrics_observe_duration(evtwin_metrics *metrics, double predict_s) {
    if (metrics != NULL && predict_s >= 0.0 && isfinite(predict_s)) {
        pthread_mutex_lock(&metrics->lock);
        evtwin__durations_add(&metrics->durations, predict_s);
        pthread_mutex_unlock(&metrics->lock);
    }
}

void evtwin_metrics_count_error(evtwin_metrics *metrics) {
    if (metrics == NULL) {
        return;
    }
    pthread_mutex_lock(&metrics->lock);
    metrics->totals.n_errors++;
    pthread_mutex_unlock(&metrics->lock);
}

void evtwin_metrics_good_cycle(evtwin_metrics *metrics, double limit_s) {
    if (metrics == NULL) {
        return;
    }
    pthread_mutex_lock(&metrics->lock);
    metrics->good_s = evtwin__monotonic_s();
    metrics->limit_s = limit_s;
    pthread_mutex_unlock(&metrics->lock);
}

double evtwin__metrics_cycle_age_s(const evtwin_metrics *metrics, double *limit_s_out) {
    evtwin_metrics *m = (evtwin_metrics *)metrics;
    pthread_mutex_lock(&m->lock);
    const double good_s = m->good_s;
    *limit_s_out = m->limit_s;
    pthread_mutex_unlock(&m->lock);
    return good_s > 0.0 ? evtwin__monotonic_s() - good_s : -1.0;
}

/* ---- the text ---- */

/* A copy of the batteries, and since when those that are gone have not been seen. */
typedef struct batteries {
    const battery *list;
    int64_t oldest_s;
} batteries;

static const char *id_of(const void *ctx, size_t i) {
    return ((const batteries *)ctx)->list[i].id;
}

static double value_of(const void *ctx, size_t i, size_t g, size_t q) {
    (void)q;
    const batteries *b = ctx;
    return b->list[i].seen_s >= b->oldest_s ? b->list[i].value[g] : (double)NAN;
}

static void write_batteries(const battery *list, size_t n, evtwin__exposition *out) {
    static const char of_newest[] = "of the newest record, absent where it is unknown";
    const batteries seen = {list, (int64_t)evtwin__monotonic_s() - EVTWIN__METRICS_STALE_S};
    const evtwin__gauged gauged = {.n = n,
                                   .batteries = &seen,
                                   .id = id_of,
                                   .value = value_of,
                                   .measured = of_newest,
                                   .predicted = of_newest};
    evtwin__battery_gauges_write(&gauged, out);
    evtwin__expose_family(out, "battery_predictions", EVTWIN__COUNTER, NULL,
                          "Predictions made for the battery.");
    for (size_t i = 0; i < n; i++) {
        const evtwin__label label = {"battery_id", list[i].id};
        evtwin__expose(out, "battery_predictions", "_total", &label, 1,
                       (double)list[i].n_predictions);
    }
}

static void write_totals(const totals *t, size_t n_batteries, evtwin__exposition *out) {
    const struct {
        const char *outcome;
        uint64_t n;
    } by_outcome[] = {{"known", t->n_known}, {"unknown", t->n_unknown}, {"error", t->n_errors}};
    evtwin__expose_family(out, "evtwin_predictions", EVTWIN__COUNTER, NULL,
                          "Predictions by outcome; error counts failed cycles.");
    for (size_t i = 0; i < 3; i++) {
        const evtwin__label label = {"outcome", by_outcome[i].outcome};
        evtwin__expose(out, "evtwin_predictions", "_total", &label, 1, (double)by_outcome[i].n);
    }
    if (t->last_prediction_s > 0.0) {
        evtwin__expose_one(out, "evtwin_last_prediction_timestamp_seconds", EVTWIN__GAUGE,
                           "seconds", "Unix time of the last known prediction.",
                           t->last_prediction_s);
    }
    evtwin__expose_one(out, "evtwin_batteries", EVTWIN__GAUGE, NULL,
                       "Batteries with series, of those seen since the start.",
                       (double)n_batteries);
    evtwin__expose_one(out, "evtwin_rows_without_series", EVTWIN__COUNTER, NULL,
                       "Records of batteries beyond the cap on series.",
                       (double)t->n_without_series);
}

evtwin_status evtwin__metrics_write(const evtwin_metrics *metrics, evtwin__exposition *out) {
    /* copy under the lock, format outside it: a scrape must not hold up the predictor. Locking does
     * not change what callers see, so the cast is fine. */
    evtwin_metrics *m = (evtwin_metrics *)metrics;
    pthread_mutex_lock(&m->lock);
    const size_t n = m->ids.n;
    const totals t = m->totals;
    const evtwin__durations durations = m->durations;
    const evtwin__models_copy models = m->models;
    battery *copy = evtwin__calloc(n, sizeof *copy);
    if (copy != NULL && n > 0) {
        memcpy(copy, m->batteries, n * sizeof *copy);
    }
    evtwin__drift_copy drift = {.features = NULL};
    evtwin__pump_copy delivered = {.sinks = NULL};
    const int is_copied = copy != NULL && evtwin__drift_copy_dup(&m->drift, &drift) >= 0 &&
                          evtwin__pump_copy_dup(&m->delivered, &delivered) >= 0;
    pthread_mutex_unlock(&m->lock);
    if (is_copied) {
        write_batteries(copy, n, out);
        write_totals(&t, n, out);
        evtwin__durations_write(&durations, out);
        evtwin__models_copy_write(&models, out);
        evtwin__drift_copy_write(&drift, out);
        evtwin__pump_copy_write(&delivered, out);
    }
    evtwin__pump_copy_free(&delivered);
    evtwin__drift_copy_free(&drift);
    evtwin__free(copy);
    EVTWIN_FAIL_IF(!is_copied, EVTWIN_E_NOMEM, "out of memory for the metrics of %zu batteries", n);
    double limit_s;
    const double age_s = evtwin__metrics_cycle_age_s(metrics, &limit_s);
    if (age_s >= 0.0) {
        evtwin__expose_one(out, "evtwin_cycle_age_seconds", EVTWIN__GAUGE, "seconds",
                           "Time since the last successful prediction cycle.", age_s);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_metrics_text(const evtwin_metrics *metrics, int openmetrics, char **text_out) {
    EVTWIN_FAIL_IF(metrics == NULL || text_out == NULL, EVTWIN_E_ARG,
                   "evtwin_metrics_text: metrics or text_out is NULL");
    evtwin__exposition out = {.is_openmetrics = openmetrics != 0};
    evtwin__expose_build(&out);
    const evtwin_status st = evtwin__metrics_write(metrics, &out);
    evtwin__expose_end(&out);
    evtwin__text_add(&out.text, "", 1);
    if (st < 0 || out.text.is_failed) {
        evtwin__text_free(&out.text);
        if (st < 0) {
            return st;
        }
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the text of the metrics");
    }
    *text_out = out.text.data;
    return EVTWIN_OK;
}

void evtwin_metrics_text_free(char *text) {
    evtwin__free(text);
}
