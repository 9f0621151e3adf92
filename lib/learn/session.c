/* SPDX-License-Identifier: MIT */
/* learn/session.c: the state of each battery beside a predictor: moved by rows, pending, committed
 * or rolled back. */

#include "learn/session_batteries.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATTERIES = 100000 };

/* ---- life ---- */

static const evtwin_session_options default_options = {.size = sizeof default_options,
                                                       .max_batteries = DEFAULT_BATTERIES};

evtwin_status evtwin_session_options_init(evtwin_session_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

evtwin_status evtwin_session_create(const evtwin_predictor *predictor,
                                    const evtwin_session_options *options, evtwin_session **out) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL, EVTWIN_E_ARG, "predictor or out is NULL");
    evtwin_session_options o = default_options;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_session_options_init"));
    EVTWIN_FAIL_IF(o.max_batteries < 1, EVTWIN_E_ARG, "max_batteries is 0, it must be at least 1");
    EVTWIN_TRY(o.n_reasons > 0 ? evtwin__explain_check(predictor) : EVTWIN_OK);
    evtwin_predictor_info info;
    EVTWIN_TRY(evtwin_predictor_info_get(predictor, &info, sizeof info));
    evtwin_session *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory for a session");
    *s = (evtwin_session){.predictor = predictor,
                          .past = evtwin__predictor_past(predictor),
                          .bundle = info.bundle,
                          .max_batteries = o.max_batteries,
                          .n_reasons = o.n_reasons,
                          .explains_each = o.explains_each,
                          .round = 1};
    snprintf(s->version, sizeof s->version, "%s", info.version);
    evtwin_status st = evtwin__session_reserve(s, 0);
    if (st < 0 || (st = evtwin__watch_create(evtwin__predictor_bundle(predictor), o.max_batteries,
                                             &s->watch)) < 0) {
        evtwin_session_free(s);
        return st;
    }
    *out = s;
    return EVTWIN_OK;
}

void evtwin_session_free(evtwin_session *session) {
    if (session != NULL) {
        evtwin__session_clear(session);
        evtwin__watch_free(session->watch);
        evtwin__free(session);
    }
}

size_t evtwin_session_batteries(const evtwin_session *session) {
    return session != NULL ? session->n_known : 0;
}

/* ---- apply ---- */

/* The value of a count; 0 where there is none. */
static int64_t count_at(const evtwin_table *table, size_t col, size_t row) {
    const int64_t *v = evtwin_table_i64(table, col);
    if (v != NULL) {
        return evtwin_table_is_valid(table, col, row) ? v[row] : 0;
    }
    const double number = evtwin_table_number(table, col, row);
    return fabs(number) < 0x1p63 ? (int64_t)number : 0;
}

/* The rows that have a battery and a time, by battery, then (time, seq). */
static size_t list_steps(const evtwin_table *table, evtwin__step *steps) {
    const size_t id = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_BATTERY_ID].name);
    const size_t time = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_TIME].name);
    const size_t seq = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_SEQ].name);
    const int32_t *code = evtwin_table_codes(table, id);
    const int64_t *time_us = evtwin_table_i64(table, time);
    if (code == NULL || time_us == NULL || evtwin_table_type(table, time) != EVTWIN_TIME) {
        return 0;
    }
    size_t n = 0;
    int is_sorted = 1;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        if (evtwin_table_is_valid(table, id, r) && evtwin_table_is_valid(table, time, r)) {
            steps[n] = (evtwin__step){time_us[r], count_at(table, seq, r), r, 0, code[r]};
            is_sorted =
                is_sorted && (n == 0 || evtwin__compare_steps(&steps[n - 1], &steps[n]) < 0);
            n++;
        }
    }
    if (!is_sorted) {
        qsort(steps, n, sizeof *steps, evtwin__compare_steps);
    }
    return n;
}

/* Room for what a battery's past will be. */
static evtwin_status reserve_past(const evtwin_session *s, evtwin__session_battery *b) {
    if (s->past == NULL || b->next_past != NULL) {
        return EVTWIN_OK;
    }
    b->next_past = evtwin__calloc(evtwin__past_size(s->past), sizeof *b->next_past);
    EVTWIN_FAIL_IF(b->next_past == NULL, EVTWIN_E_NOMEM, "out of memory for a battery's past");
    return EVTWIN_OK;
}

/* The batteries of the steps, and all memory that moving needs, before anything moves. */
static evtwin_status number_batteries(evtwin_session *s, const evtwin_table *table,
                                      evtwin__step *steps, size_t n) {
    const size_t id = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_BATTERY_ID].name);
    EVTWIN_TRY(evtwin__session_tidy(s));
    for (size_t k = 0; k < n; k++) {
        if (k > 0 && steps[k].code == steps[k - 1].code) {
            steps[k].battery = steps[k - 1].battery;
        } else {
            const char *text = evtwin_table_dict_text(table, id, steps[k].code);
            EVTWIN_TRY(evtwin__session_find(s, text, &steps[k].battery));
            EVTWIN_TRY(reserve_past(s, &s->battery[steps[k].battery]));
        }
    }
    return EVTWIN_OK;
}

static void move_state(evtwin__battery_state *to, const evtwin__step *by,
                       const double *const *prediction) {
    to->time_us = by->time_us;
    to->seq = by->seq;
    to->n_rows++;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (prediction[t] != NULL && !isnan(prediction[t][by->row])) {
            to->last[t] = prediction[t][by->row];
        }
    }
}

/* 1 if the row is not newer than that state. */
static int is_late(const evtwin__step *row, const evtwin__battery_state *at) {
    return at != NULL &&
           (row->time_us < at->time_us || (row->time_us == at->time_us && row->seq <= at->seq));
}

static const evtwin__battery_state *state_of(const evtwin__session_battery *b) {
    return b->is_moved ? &b->next : b->is_known ? &b->now : NULL;
}

/* What a table's rows are predicted from, battery by battery. */
typedef struct walk {
    const evtwin_session *session;
    const evtwin_table *table;
    const evtwin__step *steps; /* (n) */
    size_t n;
    double *value;            /* (rows, width of the past) each row's own values */
    double *past;             /* of the battery that is walked over */
    double *said;             /* (rows) what the model says of the rows, in cycles to go */
    uint8_t *is_step;         /* (rows) */
    evtwin__battery_state at; /* of the step before */
    const evtwin__battery_state *newest; /* of the battery: before the table, or at; NULL = none */
} walk;

/* The past of a battery before the table's rows. */
static void load_past(const evtwin_session *s, const evtwin__session_battery *b, double *past) {
    const double *from = b->is_moved ? b->next_past : b->is_known ? b->past : NULL;
    if (from != NULL) {
        memcpy(past, from, evtwin__past_size(s->past) * sizeof *past);
    } else {
        evtwin__past_clear(s->past, past);
    }
}

/* Step k goes into the past, which begins with that before the table; 0 if it is late. */
static int take_step(walk *w, size_t k) {
    const evtwin_session *s = w->session;
    const evtwin__step *row = &w->steps[k];
    if (k == 0 || row->battery != w->steps[k - 1].battery) {
        load_past(s, &s->battery[row->battery], w->past);
        w->newest = state_of(&s->battery[row->battery]);
    }
    if (is_late(row, w->newest)) {
        return 0;
    }
    evtwin__past_push(s->past, w->past, w->value + row->row * evtwin__past_width(s->past));
    w->at = (evtwin__battery_state){.time_us = row->time_us, .seq = row->seq};
    w->newest = &w->at;
    return 1;
}

/* Rows of no battery or time stand alone. */
static void fill_others(const walk *w, double *x) {
    const evtwin__past *past = w->session->past;
    const size_t cols = evtwin__predictor_bundle(w->session->predictor)->n_features;
    for (size_t k = 0; k < w->n; k++) {
        w->is_step[w->steps[k].row] = 1;
    }
    for (size_t r = 0; r < evtwin_table_rows(w->table); r++) {
        if (!w->is_step[r]) {
            evtwin__past_clear(past, w->past);
            evtwin__past_push(past, w->past, w->value + r * evtwin__past_width(past));
            evtwin__past_fill(past, w->past, x + r * cols);
        }
    }
}

/* Put the past into the rows; the states themselves move when the predictions are there. */
static void fill_pasts(void *ctx, double *x) {
    walk *w = ctx;
    const evtwin_session *s = w->session;
    const size_t cols = evtwin__predictor_bundle(s->predictor)->n_features;
    const size_t width = evtwin__past_width(s->past);
    evtwin__derive_columns columns;
    evtwin__past_columns(s->past, w->table, &columns);
    for (size_t r = 0; r < evtwin_table_rows(w->table); r++) {
        evtwin__past_take(s->past, &columns, r, x + r * cols, w->value + r * width);
    }
    for (size_t k = 0; k < w->n; k++) {
        take_step(w, k);
        evtwin__past_fill(s->past, w->past, x + w->steps[k].row * cols);
    }
    fill_others(w, x);
}

/* The same walk once more, now that the model has spoken. A late row keeps what was said of it. */
static void settle_rows(void *ctx, double *y, size_t stride) {
    walk *w = ctx;
    for (size_t k = 0; k < w->n; k++) {
        const size_t row = w->steps[k].row;
        double *of_row = &y[row * stride];
        w->said[row] = *of_row;
        if (take_step(w, k)) {
            *of_row = evtwin__past_settle(w->session->past, w->past, *of_row);
        }
    }
}

/* A state that is committed begins to move. */
static void begin_move(evtwin_session *s, size_t number) {
    evtwin__session_battery *b = &s->battery[number];
    if (s->past != NULL) {
        load_past(s, b, b->next_past);
    }
    b->next = b->now;
    for (size_t t = 0; !b->is_known && t < EVTWIN__T_COUNT; t++) {
        b->next.last[t] = NAN;
    }
    b->is_moved = 1;
    s->moved[s->n_moved++] = number;
}

static void move_all(evtwin_session *s, const walk *w) {
    const double *prediction[EVTWIN__T_COUNT];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const char *name = evtwin__schema[evtwin__target_prediction(t)].name;
        prediction[t] = evtwin_table_f64(w->table, evtwin_table_find(w->table, name));
    }
    for (size_t k = 0; k < w->n; k++) {
        evtwin__session_battery *b = &s->battery[w->steps[k].battery];
        if (is_late(&w->steps[k], state_of(b))) {
            continue; /* late, or there before */
        }
        if (!b->is_moved) {
            begin_move(s, w->steps[k].battery);
        }
        if (s->past != NULL) {
            const size_t width = evtwin__past_width(s->past);
            evtwin__past_push(s->past, b->next_past, w->value + w->steps[k].row * width);
            evtwin__past_settle(s->past, b->next_past, w->said[w->steps[k].row]);
        }
        move_state(&b->next, &w->steps[k], prediction);
    }
}

/* All memory of a walk, and what it begins with. */
static evtwin_status begin_walk(evtwin_session *s, const evtwin_table *table, evtwin__step *steps,
                                walk *w) {
    const size_t rows = evtwin_table_rows(table);
    *w = (walk){.session = s, .table = table, .steps = steps, .n = list_steps(table, steps)};
    if (s->past != NULL) {
        w->value = evtwin__calloc(rows, evtwin__past_width(s->past) * sizeof *w->value);
        w->past = evtwin__calloc(evtwin__past_size(s->past), sizeof *w->past);
        w->is_step = evtwin__calloc(rows, sizeof *w->is_step);
        w->said = evtwin__calloc(rows, sizeof *w->said);
        for (size_t r = 0; w->said != NULL && r < rows; r++) {
            w->said[r] = NAN;
        }
        EVTWIN_FAIL_IF(w->said == NULL || w->value == NULL || w->past == NULL || w->is_step == NULL,
                       EVTWIN_E_NOMEM, "out of memory for the past of %zu rows", rows);
    }
    return number_batteries(s, table, steps, w->n);
}

evtwin_status evtwin_session_apply(evtwin_session *session, evtwin_table *table) {
    EVTWIN_FAIL_IF(session == NULL || table == NULL, EVTWIN_E_ARG, "session or table is NULL");
    evtwin__step *steps = evtwin__calloc(evtwin_table_rows(table), sizeof *steps);
    EVTWIN_FAIL_IF(steps == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows",
                   evtwin_table_rows(table));
    walk w;
    double *x = NULL; /* of the rows, where reasons of their pasts are wanted */
    const evtwin__past_source source = {fill_pasts, settle_rows, &w,
                                        session->n_reasons > 0 ? &x : NULL};
    evtwin_status st;
    if ((st = begin_walk(session, table, steps, &w)) >= 0 &&
        (st = evtwin__watch_reserve(session->watch, table)) >= 0 &&
        (st = evtwin__predictor_apply_each(session->predictor, table, &source,
                                           &session->impossible)) >= 0 &&
        (st = evtwin__session_reasons(session, table, steps, w.n, x)) >= 0) {
        move_all(session, &w);
        evtwin__watch_observe(session->watch, table);
    }
    evtwin__free(w.value);
    evtwin__free(w.past);
    evtwin__free(w.is_step);
    evtwin__free(w.said);
    evtwin__free(x);
    evtwin__free(steps);
    return st;
}

size_t evtwin_session_out_of_range(const evtwin_session *session, size_t *first_row_out) {
    if (session == NULL) {
        return 0;
    }
    if (first_row_out != NULL) {
        *first_row_out = session->impossible.first_row;
    }
    return session->impossible.n_rows;
}

/* ---- commit, roll back ---- */

void evtwin_session_commit(evtwin_session *session) {
    for (size_t i = 0; session != NULL && i < session->n_moved; i++) {
        evtwin__session_battery *b = &session->battery[session->moved[i]];
        b->now = b->next;
        b->is_moved = 0;
        evtwin__free(b->past);
        b->past = b->next_past;
        b->next_past = NULL;
        evtwin__free(b->next_reasons);
        b->next_reasons = NULL;
        b->known_in = session->round;
        evtwin__session_mark_seen(session, session->moved[i]);
    }
    if (session != NULL) {
        session->n_moved = 0;
        evtwin__session_forget_oldest(session);
        evtwin__watch_commit(session->watch);
    }
}

void evtwin_session_rollback(evtwin_session *session) {
    while (session != NULL && session->n_moved > 0) {
        session->battery[session->moved[--session->n_moved]].is_moved = 0;
    }
    if (session != NULL) {
        evtwin__watch_rollback(session->watch);
    }
}

/* ---- what it saw ---- */

evtwin_status evtwin_session_range(const evtwin_session *session, size_t feature,
                                   evtwin_feature_range *out, size_t size) {
    EVTWIN_FAIL_IF(session == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "session or out is NULL, or size is too small");
    const size_t n = evtwin__bundle_inputs(evtwin__predictor_bundle(session->predictor)).n;
    EVTWIN_FAIL_IF(feature >= n, EVTWIN_E_ARG, "feature %zu is out of range (there are %zu)",
                   feature, n);
    const evtwin_feature_range range = evtwin__watch_range(session->watch, feature);
    evtwin__report_copy(out, size, &range, sizeof range);
    return EVTWIN_OK;
}

evtwin_status evtwin_session_observe(evtwin_session *session, const evtwin_table *table) {
    EVTWIN_FAIL_IF(session == NULL || table == NULL, EVTWIN_E_ARG, "session or table is NULL");
    EVTWIN_TRY(evtwin__watch_reserve(session->watch, table));
    evtwin__watch_observe(session->watch, table);
    return EVTWIN_OK;
}

evtwin_status evtwin_session_drift(const evtwin_session *session, evtwin_table **out) {
    EVTWIN_FAIL_IF(session == NULL || out == NULL, EVTWIN_E_ARG, "session or out is NULL");
    return evtwin__watch_drift(session->watch, out);
}
