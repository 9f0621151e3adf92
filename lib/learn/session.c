/* SPDX-License-Identifier: MIT */
/* learn/session.c: the state of each battery beside a predictor: moved by rows, pending, committed
 * or rolled back, written and restored. */

#include "learn/session.h"

#include "core/dict.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/text.h"
#include "learn/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FORMAT rises when a state means something else than before; states of another one are ignored. */
enum { FORMAT = 1, DEFAULT_BATTERIES = 100000 };

/* What is known of a battery, beside its past in the place for it. Smoothing and hysteresis add
 * their members here, in move_state, write_state and read_state. */
typedef struct state {
    int64_t time_us, seq;         /* of the newest row */
    int64_t n_rows;               /* rows that moved the state */
    double last[EVTWIN__T_COUNT]; /* last prediction of a target; NaN if there was none */
} state;

/* A battery by its number, which is the code of its id + 1; number 0 joins the two ends of the list
 * of those that are known. */
typedef struct battery {
    size_t older, newer;      /* by when they were committed last */
    int is_known, is_moved;   /* which of the two states there are */
    state now, next;          /* committed, pending */
    double *past, *next_past; /* the same of its past, owned; NULL = none */
} battery;

/* Ids without a state stay in the dictionary until there are as many of them as of the others. */
enum { MIN_UNUSED = 64 };

struct evtwin_session {
    const evtwin_predictor *predictor;
    const evtwin__past *past; /* NULL = the models see none */
    const char *version;
    size_t max_batteries, n_known;
    evtwin__dict ids;
    battery *battery; /* (capacity) */
    size_t *moved;    /* (n_moved of capacity) numbers in the order of their first move */
    size_t capacity, n_moved;
    evtwin__watch *watch; /* of the features */
    int has_logged;
    evtwin__impossible impossible; /* of the last table */
};

/* ---- batteries ---- */

static const char *id_of(const evtwin_session *s, size_t number) {
    return evtwin__dict_text(&s->ids, number - 1);
}

/* Room for the batteries up to that number. */
static evtwin_status reserve(evtwin_session *s, size_t number) {
    if (number < s->capacity) {
        return EVTWIN_OK;
    }
    const size_t wanted = 2 * number + MIN_UNUSED;
    battery *batteries = evtwin__realloc(s->battery, wanted, sizeof *batteries);
    s->battery = batteries != NULL ? batteries : s->battery;
    size_t *moved = evtwin__realloc(s->moved, wanted, sizeof *moved);
    s->moved = moved != NULL ? moved : s->moved;
    EVTWIN_FAIL_IF(batteries == NULL || moved == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the states of %zu batteries", wanted);
    memset(batteries + s->capacity, 0, (wanted - s->capacity) * sizeof *batteries);
    s->capacity = wanted;
    return EVTWIN_OK;
}

/* The number of the battery of that id, which has no state if it is new. */
static evtwin_status find_or_add(evtwin_session *s, const char *id, size_t *number_out) {
    int32_t code;
    EVTWIN_TRY(evtwin__dict_intern(&s->ids, id, strlen(id), &code));
    *number_out = (size_t)code + 1;
    return reserve(s, *number_out);
}

static void unlink_known(battery *list, size_t number) {
    list[list[number].older].newer = list[number].newer;
    list[list[number].newer].older = list[number].older;
}

/* It is the one seen last from here on. */
static void mark_seen(evtwin_session *s, size_t number) {
    battery *list = s->battery;
    if (list[number].is_known) {
        unlink_known(list, number);
    } else {
        list[number].is_known = 1;
        s->n_known++;
    }
    list[number].older = list[0].older;
    list[number].newer = 0;
    list[list[0].older].newer = number;
    list[0].older = number;
}

static void clear_battery(battery *b) {
    evtwin__free(b->past);
    evtwin__free(b->next_past);
    *b = (battery){0};
}

static void forget_oldest(evtwin_session *s) {
    for (; s->n_known > s->max_batteries; s->n_known--) {
        const size_t oldest = s->battery[0].newer;
        if (!s->has_logged) {
            s->has_logged = 1;
            evtwin__log(
                EVTWIN_LOG_WARNING,
                "more than %zu batteries are predicted: the state of the least recently seen "
                "batteries is dropped, %s first",
                s->max_batteries, id_of(s, oldest));
        }
        unlink_known(s->battery, oldest);
        clear_battery(&s->battery[oldest]);
    }
}

static void clear(evtwin_session *s) {
    for (size_t i = 0; i < s->capacity; i++) {
        clear_battery(&s->battery[i]);
    }
    evtwin__dict_free(&s->ids);
    evtwin__free(s->battery);
    evtwin__free(s->moved);
}

/* The pasts follow their batteries, which are in the same order in both lists. */
static void move_pasts(evtwin_session *from, evtwin_session *to) {
    size_t i = from->battery[0].newer;
    for (size_t k = to->battery[0].newer; k != 0; k = to->battery[k].newer) {
        to->battery[k].past = from->battery[i].past;
        from->battery[i].past = NULL;
        i = from->battery[i].newer;
    }
}

/* Leave out the ids that have no state any more. Nothing is pending. */
static evtwin_status tidy(evtwin_session *s) {
    evtwin_session kept = {.predictor = s->predictor,
                           .past = s->past,
                           .version = s->version,
                           .max_batteries = s->max_batteries,
                           .watch = s->watch,
                           .has_logged = s->has_logged};
    evtwin_status st = reserve(&kept, s->n_known);
    for (size_t i = s->battery[0].newer, n; st >= 0 && i != 0; i = s->battery[i].newer) {
        if ((st = find_or_add(&kept, id_of(s, i), &n)) >= 0) {
            kept.battery[n].now = s->battery[i].now;
            mark_seen(&kept, n);
        }
    }
    if (st >= 0) {
        move_pasts(s, &kept);
    }
    clear(st >= 0 ? s : &kept);
    *s = st >= 0 ? kept : *s;
    return st;
}

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
    evtwin_predictor_info info;
    EVTWIN_TRY(evtwin_predictor_info_get(predictor, &info, sizeof info));
    evtwin_session *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory for a session");
    *s = (evtwin_session){.predictor = predictor,
                          .past = evtwin__predictor_past(predictor),
                          .version = info.version,
                          .max_batteries = o.max_batteries};
    evtwin_status st = reserve(s, 0);
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
        clear(session);
        evtwin__watch_free(session->watch);
        evtwin__free(session);
    }
}

size_t evtwin_session_batteries(const evtwin_session *session) {
    return session != NULL ? session->n_known : 0;
}

/* ---- apply ---- */

/* A row that may move a state. */
typedef struct step {
    int64_t time_us, seq;
    size_t row;
    size_t battery; /* its number */
    int32_t code;   /* of its id in the table */
} step;

static int compare_steps(const void *a, const void *b) {
    const step *x = a, *y = b;
    int order = (x->code > y->code) - (x->code < y->code);
    order = order != 0 ? order : (x->time_us > y->time_us) - (x->time_us < y->time_us);
    order = order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

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
static size_t list_steps(const evtwin_table *table, step *steps) {
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
            steps[n] = (step){time_us[r], count_at(table, seq, r), r, 0, code[r]};
            is_sorted = is_sorted && (n == 0 || compare_steps(&steps[n - 1], &steps[n]) < 0);
            n++;
        }
    }
    if (!is_sorted) {
        qsort(steps, n, sizeof *steps, compare_steps);
    }
    return n;
}

/* Room for what a battery's past will be. */
static evtwin_status reserve_past(const evtwin_session *s, battery *b) {
    if (s->past == NULL || b->next_past != NULL) {
        return EVTWIN_OK;
    }
    b->next_past = evtwin__calloc(evtwin__past_size(s->past), sizeof *b->next_past);
    EVTWIN_FAIL_IF(b->next_past == NULL, EVTWIN_E_NOMEM, "out of memory for a battery's past");
    return EVTWIN_OK;
}

/* The batteries of the steps, and all memory that moving needs, before anything moves. */
static evtwin_status number_batteries(evtwin_session *s, const evtwin_table *table, step *steps,
                                      size_t n) {
    const size_t id = evtwin_telemetry_find(table, evtwin__schema[EVTWIN__Q_BATTERY_ID].name);
    if (s->n_moved == 0 && s->ids.n >= 2 * s->n_known + MIN_UNUSED) {
        EVTWIN_TRY(tidy(s));
    }
    for (size_t k = 0; k < n; k++) {
        if (k > 0 && steps[k].code == steps[k - 1].code) {
            steps[k].battery = steps[k - 1].battery;
        } else {
            const char *text = evtwin_table_dict_text(table, id, steps[k].code);
            EVTWIN_TRY(find_or_add(s, text, &steps[k].battery));
            EVTWIN_TRY(reserve_past(s, &s->battery[steps[k].battery]));
        }
    }
    return EVTWIN_OK;
}

static void move_state(state *to, const step *by, const double *const *prediction) {
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
static int is_late(const step *row, const state *at) {
    return at != NULL &&
           (row->time_us < at->time_us || (row->time_us == at->time_us && row->seq <= at->seq));
}

static const state *state_of(const battery *b) {
    return b->is_moved ? &b->next : b->is_known ? &b->now : NULL;
}

/* What a table's rows are predicted from, battery by battery. */
typedef struct walk {
    const evtwin_session *session;
    const evtwin_table *table;
    const step *steps; /* (n) */
    size_t n;
    double *value;    /* (rows, width of the past) each row's own values */
    double *past;     /* of the battery that is walked over */
    double *said;     /* (rows) what the model says of the rows, in cycles to go */
    uint8_t *is_step; /* (rows) */
} walk;

/* The past of a battery before the table's rows. */
static void load_past(const evtwin_session *s, const battery *b, double *past) {
    const double *from = b->is_moved ? b->next_past : b->is_known ? b->past : NULL;
    if (from != NULL) {
        memcpy(past, from, evtwin__past_size(s->past) * sizeof *past);
    } else {
        evtwin__past_clear(s->past, past);
    }
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
    state at;
    const state *newest = NULL;
    for (size_t k = 0; k < w->n; k++) {
        const step *row = &w->steps[k];
        if (k == 0 || row->battery != w->steps[k - 1].battery) {
            load_past(s, &s->battery[row->battery], w->past);
            newest = state_of(&s->battery[row->battery]);
        }
        if (!is_late(row, newest)) {
            evtwin__past_push(s->past, w->past, w->value + row->row * width);
            at = (state){.time_us = row->time_us, .seq = row->seq};
            newest = &at;
        }
        evtwin__past_fill(s->past, w->past, x + row->row * cols);
    }
    fill_others(w, x);
}

/* The same walk once more, now that the model has spoken. A late row keeps what was said of it. */
static void settle_rows(void *ctx, double *y, size_t stride) {
    walk *w = ctx;
    const evtwin_session *s = w->session;
    const size_t width = evtwin__past_width(s->past);
    state at;
    const state *newest = NULL;
    for (size_t k = 0; k < w->n; k++) {
        const step *row = &w->steps[k];
        double *of_row = &y[row->row * stride];
        w->said[row->row] = *of_row;
        if (k == 0 || row->battery != w->steps[k - 1].battery) {
            load_past(s, &s->battery[row->battery], w->past);
            newest = state_of(&s->battery[row->battery]);
        }
        if (!is_late(row, newest)) {
            evtwin__past_push(s->past, w->past, w->value + row->row * width);
            *of_row = evtwin__past_settle(s->past, w->past, *of_row);
            at = (state){.time_us = row->time_us, .seq = row->seq};
            newest = &at;
        }
    }
}

/* A state that is committed begins to move. */
static void begin_move(evtwin_session *s, size_t number) {
    battery *b = &s->battery[number];
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
        battery *b = &s->battery[w->steps[k].battery];
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
static evtwin_status begin_walk(evtwin_session *s, const evtwin_table *table, step *steps,
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
    step *steps = evtwin__calloc(evtwin_table_rows(table), sizeof *steps);
    EVTWIN_FAIL_IF(steps == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows",
                   evtwin_table_rows(table));
    walk w;
    const evtwin__past_source source = {fill_pasts, settle_rows, &w};
    evtwin_status st;
    if ((st = begin_walk(session, table, steps, &w)) >= 0 &&
        (st = evtwin__watch_reserve(session->watch, table)) >= 0 &&
        (st = evtwin__predictor_apply_each(session->predictor, table, &source,
                                           &session->impossible)) >= 0) {
        move_all(session, &w);
        evtwin__watch_observe(session->watch, table);
    }
    evtwin__free(w.value);
    evtwin__free(w.past);
    evtwin__free(w.is_step);
    evtwin__free(w.said);
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
        battery *b = &session->battery[session->moved[i]];
        b->now = b->next;
        b->is_moved = 0;
        evtwin__free(b->past);
        b->past = b->next_past;
        b->next_past = NULL;
        mark_seen(session, session->moved[i]);
    }
    if (session != NULL) {
        session->n_moved = 0;
        forget_oldest(session);
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

evtwin_status evtwin_session_drift(const evtwin_session *session, evtwin_table **out) {
    EVTWIN_FAIL_IF(session == NULL || out == NULL, EVTWIN_E_ARG, "session or out is NULL");
    return evtwin__watch_drift(session->watch, out);
}

/* ---- as text ---- */

/* The columns of a table of states, in order. */
enum { COL_ID, COL_TIME, COL_SEQ, COL_STATE, N_COLS };
static const struct {
    const char *name;
    evtwin_type type;
} columns[N_COLS] = {{"battery_id", EVTWIN_TEXT},
                     {"time", EVTWIN_TIME},
                     {"seq", EVTWIN_I64},
                     {"state", EVTWIN_TEXT}};

static const char *target_name(size_t t) {
    evtwin_target target;
    evtwin_target_get(t, &target, sizeof target);
    return target.name;
}

/* {"format":1,"model":"0123456789ab","rows":3,"last":{"rul":80.5,"failure":null}}, and "past":[…]
 * where there is one. */
static void write_state(const evtwin_session *s, const battery *b, evtwin__text *text) {
    const size_t n = s->past != NULL ? evtwin__past_size(s->past) : 0;
    text->size = 0;
    evtwin__text_open(text, NULL, '{');
    evtwin__text_integer(text, "format", FORMAT);
    evtwin__text_string(text, "model", s->version);
    evtwin__text_integer(text, "rows", b->next.n_rows);
    evtwin__text_open(text, "last", '{');
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__text_number(text, target_name(t), b->next.last[t]);
    }
    evtwin__text_put(text, "}");
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            evtwin__text_open(text, "past", '[');
        }
        evtwin__text_number(text, NULL, b->next_past[i]);
    }
    evtwin__text_put(text, n > 0 ? "]}" : "}");
    evtwin__text_add(text, "", 1);
}

/* 0 if these are not as many numbers as the past has. */
static int read_past(const evtwin_session *s, const json_t *array, double *past) {
    const size_t n = s->past != NULL ? evtwin__past_size(s->past) : 0;
    if (json_array_size(array) != n) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        past[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    return 1;
}

/* 0 if the text is not a state of this format and model. */
static int read_state(const evtwin_session *s, const char *text, state *out, double *past) {
    json_t *json;
    if (evtwin__json_parse("state", text, strlen(text), &json) < 0) {
        return 0;
    }
    const char *model = json_string_value(json_object_get(json, "model"));
    const json_t *rows = json_object_get(json, "rows");
    const json_t *last = json_object_get(json, "last");
    const int is_ours = json_integer_value(json_object_get(json, "format")) == FORMAT &&
                        model != NULL && strcmp(model, s->version) == 0 && json_is_integer(rows) &&
                        json_is_object(last) && read_past(s, json_object_get(json, "past"), past);
    if (is_ours) {
        out->n_rows = json_integer_value(rows);
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            const json_t *value = json_object_get(last, target_name(t));
            out->last[t] = json_is_number(value) ? json_number_value(value) : (double)NAN;
        }
    }
    json_decref(json);
    return is_ours;
}

static evtwin_status fill_pending(const evtwin_session *s, evtwin_table *table,
                                  evtwin__text *text) {
    for (size_t c = 0; c < N_COLS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(table, columns[c].name, columns[c].type, NULL, NULL));
    }
    EVTWIN_TRY(evtwin_table_resize(table, s->n_moved));
    for (size_t r = 0; r < s->n_moved; r++) {
        const battery *b = &s->battery[s->moved[r]];
        write_state(s, b, text);
        EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for a state");
        EVTWIN_TRY(evtwin_table_set_text(table, COL_ID, r, id_of(s, s->moved[r])));
        EVTWIN_TRY(evtwin_table_set_i64(table, COL_TIME, r, b->next.time_us));
        EVTWIN_TRY(evtwin_table_set_i64(table, COL_SEQ, r, b->next.seq));
        EVTWIN_TRY(evtwin_table_set_text(table, COL_STATE, r, text->data));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_session_pending(const evtwin_session *session, evtwin_table **out) {
    EVTWIN_FAIL_IF(session == NULL || out == NULL, EVTWIN_E_ARG, "session or out is NULL");
    if (session->n_moved == 0) {
        *out = NULL;
        return EVTWIN_DONE;
    }
    evtwin_table *table;
    evtwin_status st;
    EVTWIN_TRY(evtwin_table_create(&table));
    evtwin__text text = {0};
    st = fill_pending(session, table, &text);
    evtwin__text_free(&text);
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- restore ---- */

static evtwin_status find_columns(const evtwin_table *states, size_t col[N_COLS]) {
    for (size_t c = 0; c < N_COLS; c++) {
        col[c] = evtwin_table_find(states, columns[c].name);
        EVTWIN_FAIL_IF(col[c] == EVTWIN_NO_COLUMN ||
                           evtwin_table_type(states, col[c]) != columns[c].type,
                       EVTWIN_E_SCHEMA, "the table of states has no column '%s' of the right type",
                       columns[c].name);
    }
    return EVTWIN_OK;
}

/* The rows that are there whole, by time: the order in which their batteries were seen. */
static size_t list_states(const evtwin_table *states, const size_t col[N_COLS], step *steps) {
    size_t n = 0;
    for (size_t r = 0; r < evtwin_table_rows(states); r++) {
        int is_whole = 1;
        for (size_t c = 0; c < N_COLS; c++) {
            is_whole = is_whole && evtwin_table_is_valid(states, col[c], r);
        }
        if (is_whole) {
            steps[n++] = (step){.time_us = evtwin_table_i64(states, col[COL_TIME])[r],
                                .seq = evtwin_table_i64(states, col[COL_SEQ])[r],
                                .row = r};
        }
    }
    qsort(steps, n, sizeof *steps, compare_steps);
    return n;
}

/* One battery as its text says, if it is of this model. */
static evtwin_status restore_state(evtwin_session *s, const char *id, const char *text,
                                   const step *at, int *is_taken_out) {
    state read = {.time_us = at->time_us, .seq = at->seq};
    double *past = NULL;
    if (s->past != NULL) {
        past = evtwin__calloc(evtwin__past_size(s->past), sizeof *past);
        EVTWIN_FAIL_IF(past == NULL, EVTWIN_E_NOMEM, "out of memory for a battery's past");
    }
    size_t number;
    const int is_ours = read_state(s, text, &read, past);
    const evtwin_status st = is_ours ? find_or_add(s, id, &number) : EVTWIN_OK;
    if (st < 0 || !is_ours) {
        evtwin__free(past);
        return st;
    }
    evtwin__free(s->battery[number].past);
    s->battery[number].past = past;
    s->battery[number].now = read;
    mark_seen(s, number);
    *is_taken_out = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin_session_restore(evtwin_session *session, const evtwin_table *states) {
    EVTWIN_FAIL_IF(session == NULL || states == NULL, EVTWIN_E_ARG, "session or states is NULL");
    EVTWIN_FAIL_IF(session->n_moved > 0, EVTWIN_E_STATE,
                   "%zu states are pending: commit or roll back first", session->n_moved);
    size_t col[N_COLS];
    EVTWIN_TRY(find_columns(states, col));
    const size_t rows = evtwin_table_rows(states);
    step *steps = evtwin__calloc(rows, sizeof *steps);
    EVTWIN_FAIL_IF(steps == NULL, EVTWIN_E_NOMEM, "out of memory for %zu states", rows);
    const size_t n = list_states(states, col, steps);
    size_t n_taken = 0;
    evtwin_status st = EVTWIN_OK;
    for (size_t k = 0; k < n && st >= 0; k++) {
        const char *id = evtwin_table_text(states, col[COL_ID], steps[k].row);
        const char *text = evtwin_table_text(states, col[COL_STATE], steps[k].row);
        int is_taken = 0;
        st = restore_state(session, id, text, &steps[k], &is_taken);
        n_taken += (size_t)is_taken;
    }
    evtwin__free(steps);
    forget_oldest(session);
    if (st >= 0 && n_taken < rows) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%zu of %zu saved states of batteries are ignored: they are of another model "
                    "than %s or another format",
                    rows - n_taken, rows, session->version);
    }
    return st;
}
