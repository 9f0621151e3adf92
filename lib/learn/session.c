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
#include "learn/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FORMAT rises when a state means something else than before; states of another one are ignored. */
enum { FORMAT = 1, DEFAULT_BATTERIES = 100000, STATE_SIZE = 1024 };
_Static_assert(128 + EVTWIN__T_COUNT * 96 < STATE_SIZE, "a state fits its text");

/* What is known of a battery. Rolling features, smoothing and hysteresis add their members here, in
 * move_state, write_state and read_state. */
typedef struct state {
    int64_t time_us, seq;         /* of the newest row */
    int64_t n_rows;               /* rows that moved the state */
    double last[EVTWIN__T_COUNT]; /* last prediction of a target; NaN if there was none */
} state;

/* A battery by its number, which is the code of its id + 1; number 0 joins the two ends of the list
 * of those that are known. */
typedef struct battery {
    size_t older, newer;    /* by when they were committed last */
    int is_known, is_moved; /* which of the two states there are */
    state now, next;        /* committed, pending */
} battery;

/* Ids without a state stay in the dictionary until there are as many of them as of the others. */
enum { MIN_UNUSED = 64 };

struct evtwin_session {
    const evtwin_predictor *predictor;
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
        s->battery[oldest] = (battery){0};
    }
}

static void clear(evtwin_session *s) {
    evtwin__dict_free(&s->ids);
    evtwin__free(s->battery);
    evtwin__free(s->moved);
}

/* Leave out the ids that have no state any more. Nothing is pending. */
static evtwin_status tidy(evtwin_session *s) {
    evtwin_session kept = {.predictor = s->predictor,
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
    *s = (evtwin_session){
        .predictor = predictor, .version = info.version, .max_batteries = o.max_batteries};
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

static void move_all(evtwin_session *s, const evtwin_table *table, const step *steps, size_t n) {
    const double *prediction[EVTWIN__T_COUNT];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const char *name = evtwin__schema[evtwin__target_prediction(t)].name;
        prediction[t] = evtwin_table_f64(table, evtwin_table_find(table, name));
    }
    for (size_t k = 0; k < n; k++) {
        battery *b = &s->battery[steps[k].battery];
        const state *at = b->is_moved ? &b->next : b->is_known ? &b->now : NULL;
        if (at != NULL && (steps[k].time_us < at->time_us ||
                           (steps[k].time_us == at->time_us && steps[k].seq <= at->seq))) {
            continue; /* late, or there before */
        }
        if (!b->is_moved) {
            b->next = b->now;
            for (size_t t = 0; !b->is_known && t < EVTWIN__T_COUNT; t++) {
                b->next.last[t] = NAN;
            }
            b->is_moved = 1;
            s->moved[s->n_moved++] = steps[k].battery;
        }
        move_state(&b->next, &steps[k], prediction);
    }
}

evtwin_status evtwin_session_apply(evtwin_session *session, evtwin_table *table) {
    EVTWIN_FAIL_IF(session == NULL || table == NULL, EVTWIN_E_ARG, "session or table is NULL");
    step *steps = evtwin__calloc(evtwin_table_rows(table), sizeof *steps);
    EVTWIN_FAIL_IF(steps == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows",
                   evtwin_table_rows(table));
    const size_t n = list_steps(table, steps);
    evtwin_status st;
    if ((st = number_batteries(session, table, steps, n)) >= 0 &&
        (st = evtwin__watch_reserve(session->watch, table)) >= 0 &&
        (st = evtwin__predictor_apply_each(session->predictor, table, &session->impossible)) >= 0) {
        move_all(session, table, steps, n);
        evtwin__watch_observe(session->watch, table);
    }
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
    const size_t n = evtwin__predictor_bundle(session->predictor)->n_features;
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

/* {"format":1,"model":"0123456789ab","rows":3,"last":{"rul":80.5,"failure":null}} */
static void write_state(const evtwin_session *s, const state *from, char text[STATE_SIZE]) {
    size_t at = (size_t)snprintf(text, STATE_SIZE,
                                 "{\"format\":%d,\"model\":\"%.12s\",\"rows\":%lld,\"last\":{",
                                 FORMAT, s->version, (long long)from->n_rows);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        char number[EVTWIN__NUM_SIZE] = "null";
        if (isfinite(from->last[t])) {
            evtwin__format_f64(from->last[t], number);
        }
        at += (size_t)snprintf(text + at, STATE_SIZE - at, "%s\"%.40s\":%s", t > 0 ? "," : "",
                               target_name(t), number);
    }
    snprintf(text + at, STATE_SIZE - at, "}}");
}

/* 0 if the text is not a state of this format and model. */
static int read_state(const evtwin_session *s, const char *text, state *out) {
    json_t *json;
    if (evtwin__json_parse("state", text, strlen(text), &json) < 0) {
        return 0;
    }
    const char *model = json_string_value(json_object_get(json, "model"));
    const json_t *rows = json_object_get(json, "rows");
    const json_t *last = json_object_get(json, "last");
    const int is_ours = json_integer_value(json_object_get(json, "format")) == FORMAT &&
                        model != NULL && strcmp(model, s->version) == 0 && json_is_integer(rows) &&
                        json_is_object(last);
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

static evtwin_status fill_pending(const evtwin_session *s, evtwin_table *table) {
    for (size_t c = 0; c < N_COLS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(table, columns[c].name, columns[c].type, NULL, NULL));
    }
    EVTWIN_TRY(evtwin_table_resize(table, s->n_moved));
    for (size_t r = 0; r < s->n_moved; r++) {
        const battery *b = &s->battery[s->moved[r]];
        char text[STATE_SIZE];
        write_state(s, &b->next, text);
        EVTWIN_TRY(evtwin_table_set_text(table, COL_ID, r, id_of(s, s->moved[r])));
        EVTWIN_TRY(evtwin_table_set_i64(table, COL_TIME, r, b->next.time_us));
        EVTWIN_TRY(evtwin_table_set_i64(table, COL_SEQ, r, b->next.seq));
        EVTWIN_TRY(evtwin_table_set_text(table, COL_STATE, r, text));
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
    if ((st = fill_pending(session, table)) < 0) {
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
        state read = {.time_us = steps[k].time_us, .seq = steps[k].seq};
        if (!read_state(session, evtwin_table_text(states, col[COL_STATE], steps[k].row), &read)) {
            continue;
        }
        size_t number;
        st = find_or_add(session, evtwin_table_text(states, col[COL_ID], steps[k].row), &number);
        if (st < 0) {
            break;
        }
        session->battery[number].now = read;
        mark_seen(session, number);
        n_taken++;
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
