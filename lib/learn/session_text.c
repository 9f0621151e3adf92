/* SPDX-License-Identifier: MIT */
/* learn/session_text.c: the states of a session's batteries as text: written and restored. */

#include "learn/session_batteries.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* FORMAT rises when a state means something else than before; states of another one are ignored. */
enum { FORMAT = 1 };

/* More is no count of rows, and would overflow. */
#define MOST_ROWS (INT64_C(1) << 60)

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

/* {"format":1,"model":"evtwin-rul/3","bundle":"0123456789ab","rows":3,"last":{"rul":80.5,"failure":null}},
 * "reasons":{…} (session_reasons.c), "past_of":"0123456789ab" (evtwin__past_kind) and "past":[…]
 * where there are some. */
static void write_state(const evtwin_session *s, const evtwin__session_battery *b,
                        evtwin__text *text) {
    const size_t n = s->past != NULL ? evtwin__past_size(s->past) : 0;
    text->size = 0;
    evtwin__text_open(text, NULL, '{');
    evtwin__text_integer(text, "format", FORMAT);
    evtwin__text_string(text, "model", s->version);
    evtwin__text_string(text, "bundle", s->bundle);
    evtwin__text_integer(text, "rows", b->next.n_rows);
    evtwin__text_open(text, "last", '{');
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__text_number(text, target_name(t), b->next.last[t]);
    }
    evtwin__text_put(text, "}");
    if (b->next_reasons != NULL) {
        evtwin__text_word(text, "reasons", b->next_reasons);
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            evtwin__text_string(text, "past_of", evtwin__past_kind(s->past));
            evtwin__text_open(text, "past", '[');
        }
        evtwin__text_number(text, NULL, b->next_past[i]);
    }
    evtwin__text_put(text, n > 0 ? "]}" : "}");
    evtwin__text_add(text, "", 1);
}

/* Is the past of that state of the kind that this session keeps? A version before past_of left it
 * out: such a past is known to be only where the model is. */
static int is_kind(const evtwin_session *s, const json_t *state, int is_same) {
    const char *kind = json_string_value(json_object_get(state, "past_of"));
    return kind != NULL ? strcmp(kind, evtwin__past_kind(s->past)) == 0
                        : is_same || (s->past == NULL && json_object_get(state, "past") == NULL);
}

/* A version of a registry may be another bundle after that was set up anew. A state of before 0.2
 * does not name its bundle: its version, which was the bundle's own, tells. */
static int is_same_model(const evtwin_session *s, const json_t *state, const char *model) {
    const char *bundle = json_string_value(json_object_get(state, "bundle"));
    return strcmp(model, s->version) == 0 && (bundle == NULL || strcmp(bundle, s->bundle) == 0);
}

/* 0 if these are not as many numbers as the past has, or are of another kind. What another model
 * has said of the battery's end of life is none of this one's business. */
static int read_past(const evtwin_session *s, const json_t *state, int is_same, double *past) {
    const json_t *array = json_object_get(state, "past");
    const size_t n = s->past != NULL ? evtwin__past_size(s->past) : 0;
    if (!is_kind(s, state, is_same) || json_array_size(array) != n) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        past[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    if (n > 0 && !is_same) {
        evtwin__past_forget_said(s->past, past);
    }
    return 1;
}

/* EVTWIN_DONE if the text is not a state of this format and kind of past. That there was no memory
 * to read it says nothing of it. */
static evtwin_status read_state(const evtwin_session *s, const char *text,
                                evtwin__battery_state *out, double *past) {
    json_t *json;
    const evtwin_status st = evtwin__json_parse("state", text, strlen(text), &json);
    if (st < 0) {
        return st == EVTWIN_E_NOMEM ? st : EVTWIN_DONE;
    }
    const char *model = json_string_value(json_object_get(json, "model"));
    const json_t *rows = json_object_get(json, "rows");
    const json_t *last = json_object_get(json, "last");
    const int is_ours = json_integer_value(json_object_get(json, "format")) == FORMAT &&
                        model != NULL && json_is_integer(rows) &&
                        json_integer_value(rows) < MOST_ROWS && json_is_object(last) &&
                        read_past(s, json, is_same_model(s, json, model), past);
    if (is_ours) {
        out->n_rows = json_integer_value(rows);
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            const json_t *value = json_object_get(last, target_name(t));
            out->last[t] = json_is_number(value) ? json_number_value(value) : (double)NAN;
        }
    }
    json_decref(json);
    return is_ours ? EVTWIN_OK : EVTWIN_DONE;
}

static evtwin_status fill_pending(const evtwin_session *s, evtwin_table *table,
                                  evtwin__text *text) {
    for (size_t c = 0; c < N_COLS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(table, columns[c].name, columns[c].type, NULL, NULL));
    }
    EVTWIN_TRY(evtwin_table_resize(table, s->n_moved));
    for (size_t r = 0; r < s->n_moved; r++) {
        const evtwin__session_battery *b = &s->battery[s->moved[r]];
        write_state(s, b, text);
        EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for a state");
        EVTWIN_TRY(evtwin_table_set_text(table, COL_ID, r, evtwin__session_id(s, s->moved[r])));
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
static size_t list_states(const evtwin_table *states, const size_t col[N_COLS],
                          evtwin__step *steps) {
    size_t n = 0;
    for (size_t r = 0; r < evtwin_table_rows(states); r++) {
        int is_whole = 1;
        for (size_t c = 0; c < N_COLS; c++) {
            is_whole = is_whole && evtwin_table_is_valid(states, col[c], r);
        }
        if (is_whole) {
            steps[n++] = (evtwin__step){.time_us = evtwin_table_i64(states, col[COL_TIME])[r],
                                        .seq = evtwin_table_i64(states, col[COL_SEQ])[r],
                                        .row = r};
        }
    }
    qsort(steps, n, sizeof *steps, evtwin__compare_steps);
    return n;
}

/* One battery as its text says, if this model can go on from it. */
static evtwin_status restore_state(evtwin_session *s, const char *id, const char *text,
                                   const evtwin__step *at, int *is_taken_out) {
    evtwin__battery_state read = {.time_us = at->time_us, .seq = at->seq};
    double *past = NULL;
    if (s->past != NULL) {
        past = evtwin__calloc(evtwin__past_size(s->past), sizeof *past);
        EVTWIN_FAIL_IF(past == NULL, EVTWIN_E_NOMEM, "out of memory for a battery's past");
    }
    size_t number;
    evtwin_status st = read_state(s, text, &read, past);
    st = st == EVTWIN_OK ? evtwin__session_find(s, id, &number) : st;
    if (st != EVTWIN_OK) {
        evtwin__free(past);
        return st < 0 ? st : EVTWIN_OK;
    }
    evtwin__free(s->battery[number].past);
    s->battery[number].past = past;
    s->battery[number].now = read;
    s->battery[number].known_in = s->round;
    evtwin__session_mark_seen(s, number);
    *is_taken_out = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__session_take_states(evtwin_session *session, const evtwin_table *states,
                                          size_t *n_ignored_out) {
    EVTWIN_FAIL_IF(session->n_moved > 0, EVTWIN_E_STATE,
                   "%zu states are pending: commit or roll back first", session->n_moved);
    size_t col[N_COLS];
    EVTWIN_TRY(find_columns(states, col));
    const size_t rows = evtwin_table_rows(states);
    evtwin__step *steps = evtwin__calloc(rows, sizeof *steps);
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
    evtwin__session_forget_oldest(session);
    *n_ignored_out = rows - n_taken;
    return st;
}

void evtwin__session_log_ignored(const evtwin_session *session, size_t n_ignored, size_t n) {
    evtwin__log(EVTWIN_LOG_WARNING,
                "%zu of %zu saved states of batteries are ignored, which begin anew: their past "
                "is made of other features than model %s looks at, or of another format",
                n_ignored, n, session->version);
}

evtwin_status evtwin_session_restore(evtwin_session *session, const evtwin_table *states) {
    EVTWIN_FAIL_IF(session == NULL || states == NULL, EVTWIN_E_ARG, "session or states is NULL");
    size_t n_ignored = 0;
    EVTWIN_TRY(evtwin__session_take_states(session, states, &n_ignored));
    if (n_ignored > 0) {
        evtwin__session_log_ignored(session, n_ignored, evtwin_table_rows(states));
    }
    return EVTWIN_OK;
}
