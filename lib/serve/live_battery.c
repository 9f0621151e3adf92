/* SPDX-License-Identifier: MIT */
/* serve/live_battery.c: what stands for one battery, as text with places for its ages. */

#include "serve/live_battery.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void evtwin__live_maker_free(evtwin__live_maker *maker) {
    evtwin__text_free(&maker->response.body);
}

evtwin__live_battery *evtwin__live_battery_keep(evtwin__live_battery *battery) {
    atomic_fetch_add_explicit(&battery->n_refs, 1, memory_order_relaxed);
    return battery;
}

void evtwin__live_battery_release(evtwin__live_battery *battery) {
    if (battery != NULL &&
        atomic_fetch_sub_explicit(&battery->n_refs, 1, memory_order_acq_rel) == 1) {
        evtwin__free(battery);
    }
}

/* ---- its text ---- */

static void add_time(evtwin__text *body, const char *key, const evtwin_table *table,
                     const char *column, size_t row) {
    const size_t col = evtwin_table_find(table, column);
    if (evtwin_table_is_valid(table, col, row)) {
        evtwin__text_time(body, key, evtwin_table_i64(table, col)[row]);
    } else {
        evtwin__text_word(body, key, "null");
    }
}

static const char *text_of(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_text(table, evtwin_table_find(table, column), row);
}

static void add_flag(evtwin__text *body, const char *key, int is_set) {
    evtwin__text_word(body, key, is_set ? "true" : "false");
}

/* "prediction":{… up to its age. Telemetry comes more often than predictions are made, so the
 * newest row mostly waits for its own; without this, RUL, risk and status would come and go every
 * few seconds. */
static void add_prediction(evtwin__call *call, size_t row, evtwin__live_battery *b) {
    evtwin__text *body = &call->response->body;
    const evtwin_table *current = call->current;
    const size_t time = evtwin_table_find(current, "predicted_time");
    if (!evtwin_table_is_valid(current, time, row)) {
        evtwin__text_word(body, "prediction", "null");
        b->age_at = 0;
        return;
    }
    evtwin__text_open(body, "prediction", '{');
    evtwin__text_time(body, "time", evtwin_table_i64(current, time)[row]);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const char *name = evtwin__schema[evtwin__target_prediction(t)].name;
        evtwin__text_number(body, name,
                            evtwin_table_number(current, evtwin_table_find(current, name), row));
        if (t == EVTWIN__T_RUL) {
            evtwin__text_number(body, "rul_error", evtwin__answer_rul_error(call, current, row));
        }
    }
    evtwin__text_string(body, "prediction_note", text_of(current, "prediction_note", row));
    evtwin__text_string(body, "model_version", text_of(current, "model_version", row));
    add_time(body, "predicted_at", current, "predicted_at", row);
    b->age_at = (uint32_t)body->size;
    evtwin__text_put(body, "}");
}

/* "health":{… up to what silence is about. */
static void add_health(evtwin__call *call, size_t row, evtwin__live_battery *b) {
    evtwin__text *body = &call->response->body;
    const char *kept = text_of(call->current, "health", row);
    const char *status = evtwin_health_name(b->standing.health);
    evtwin__text_open(body, "health", '{');
    evtwin__text_string(body, "status", status);
    evtwin__answer_reason(call, "reason", EVTWIN_THRESHOLD_ALERT, call->current, row);
    const size_t key_from = body->size + sizeof ",\"reasons\":" - 1;
    evtwin__answer_reasons(call, "reasons", row);
    b->reasons_from = (uint32_t)key_from;
    b->reasons_to = (uint32_t)body->size;
    if (kept != NULL && strcmp(kept, status) == 0) {
        add_time(body, "since", call->current, "health_since", row);
    } else {
        evtwin__text_word(body, "since", "null"); /* by limits or rows that came from others */
    }
    add_flag(body, "needs_charging", (b->standing.needs & EVTWIN_NEEDS_CHARGING) != 0);
    add_flag(body, "needs_service", (b->standing.needs & EVTWIN_NEEDS_SERVICE) != 0);
    b->silent_at = (uint32_t)body->size;
    evtwin__text_number(body, "time_factor", b->time_factor);
    evtwin__text_put(body, "}");
}

/* Where the first two members end, time and battery_id: a list gives them in the other order. The
 * id may be of another program and have any characters. */
static void find_key(const evtwin__text *body, evtwin__live_battery *b) {
    static const char key[] = ",\"battery_id\":\"";
    const char *time_end = memmem(body->data, body->size, key, sizeof key - 1);
    assert(time_end != NULL);
    const char *id_end = time_end + sizeof key - 1;
    while (*id_end != '"') {
        id_end += *id_end == '\\' ? 2 : 1;
    }
    b->time_end = (uint32_t)(time_end - body->data);
    b->id_end = (uint32_t)(id_end + 1 - body->data);
}

static evtwin_status make_text(evtwin__call *call, size_t row, evtwin__live_battery *b) {
    evtwin__text *body = &call->response->body;
    body->size = 0;
    body->is_failed = 0;
    evtwin__answer_row(call, row, NULL);
    add_prediction(call, row, b);
    add_health(call, row, b);
    EVTWIN_FAIL_IF(body->is_failed || body->size > UINT32_MAX, EVTWIN_E_NOMEM,
                   "out of memory for the answer of a battery");
    b->size = (uint32_t)body->size;
    find_key(body, b);
    return EVTWIN_OK;
}

/* ---- its numbers ---- */

static void read_values(const evtwin_table *current, size_t row, evtwin__live_battery *b) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const int is_wanted = evtwin__quantity_is_number(q) || evtwin__schema[q].base_metric[0];
        const size_t col =
            is_wanted ? evtwin_table_find(current, evtwin__schema[q].name) : EVTWIN_NO_COLUMN;
        b->value[q] = col != EVTWIN_NO_COLUMN ? evtwin_table_number(current, col, row) : NAN;
    }
}

static uint64_t broken_of(const evtwin_thresholds *limits, const evtwin_table *current,
                          size_t row) {
    _Static_assert(EVTWIN__Q_COUNT <= 64, "a bit for each quantity");
    size_t broken[EVTWIN__MAX_REASONS];
    const size_t n = evtwin_thresholds_broken(limits, EVTWIN_THRESHOLD_ALERT, current, row, broken,
                                              EVTWIN__MAX_REASONS);
    uint64_t bits = 0;
    for (size_t i = 0; i < n && i < EVTWIN__MAX_REASONS; i++) {
        evtwin_threshold limit;
        if (evtwin_thresholds_get(limits, broken[i], &limit, sizeof limit) >= 0) {
            bits |= UINT64_C(1) << evtwin__quantity_by_name(limit.quantity);
        }
    }
    return bits;
}

static double factor_between(evtwin__live_moment a, evtwin__live_moment b) {
    const double passed_s = 1e-6 * (double)(b.time_us - a.time_us);
    const double factor = (b.sim_s - a.sim_s) / passed_s;
    return passed_s > 0.0 && factor >= 0.0 ? factor : (double)NAN;
}

/* Are they equal but for that part of the greater one? */
static int is_near(double a, double b, double part) {
    return fabs(a - b) <= part * fmax(a, b);
}

/* How much faster the physics runs than the clock. A pause between two runs of a simulator counts
 * for the clock alone, so a step is believed only once another, or what is known, agrees with it.
 * The times of records tremble, so the earlier row is kept for a minute while what it gives stays
 * the same. */
static void find_time_factor(const evtwin__live_battery *old, evtwin__live_battery *b) {
    static const int64_t base_us = 60 * INT64_C(1000000);
    static const double tremble = 0.05, alike = 0.3;
    b->before = b->newest;
    b->step_factor = b->time_factor = NAN;
    if (old == NULL) {
        return;
    }
    if (old->newest.time_us == b->newest.time_us) {
        b->before = old->before;
        b->step_factor = old->step_factor;
        b->time_factor = old->time_factor;
        return;
    }
    const double step = factor_between(old->newest, b->newest);
    b->step_factor = step;
    if (!is_near(step, old->step_factor, alike) && !is_near(step, old->time_factor, alike)) {
        b->time_factor = isnan(step) ? step : old->time_factor;
        return;
    }
    const double over_all = factor_between(old->before, b->newest);
    const int is_kept = is_near(over_all, old->time_factor, tremble) &&
                        b->newest.time_us - old->before.time_us <= base_us;
    const double factor = is_kept ? over_all : step;
    const double unit = pow(10.0, floor(log10(fmax(factor, 1e-3))) - 2.0);
    b->before = is_kept ? old->before : old->newest;
    b->time_factor = evtwin__round_to(factor, 1.0 / unit); /* three digits */
}

/* ---- the whole ---- */

static int is_same(const evtwin__live_battery *a, const evtwin__live_battery *b, const char *text) {
    return a->size == b->size && memcmp(a->text, text, b->size) == 0 &&
           memcmp(&a->standing, &b->standing, sizeof a->standing) == 0;
}

evtwin_status evtwin__live_battery_make(evtwin__live_maker *maker, evtwin__store_handle *handle,
                                        evtwin_table *rows, evtwin_table *current, size_t row,
                                        evtwin__live_battery *old, evtwin__live_battery **out) {
    evtwin__call *call = &maker->call;
    call->response = &maker->response;
    call->handle = handle;
    call->rows = rows;
    call->current = current;
    evtwin__live_battery b;
    memset(&b, 0, sizeof b); /* padding is compared too */
    evtwin__standing_of(handle->thresholds, &maker->patience, current, row, &b.standing);
    read_values(current, row, &b);
    b.broken = broken_of(handle->thresholds, current, row);
    const size_t time = evtwin_table_find(rows, "time");
    b.newest.time_us =
        evtwin_table_is_valid(rows, time, row) ? evtwin_table_i64(rows, time)[row] : 0;
    b.newest.sim_s = b.value[EVTWIN__Q_SIM_TIME_S];
    find_time_factor(old, &b);
    EVTWIN_TRY(make_text(call, row, &b));
    const evtwin__text *body = &maker->response.body;
    if (old != NULL && is_same(old, &b, body->data)) {
        *out = evtwin__live_battery_keep(old);
        return EVTWIN_OK;
    }
    const char *id = text_of(rows, "battery_id", row);
    const size_t id_size = strlen(id) + 1;
    evtwin__live_battery *made = evtwin__calloc(1, sizeof *made + id_size + b.size);
    EVTWIN_FAIL_IF(made == NULL, EVTWIN_E_NOMEM, "out of memory for a battery");
    memcpy(made, &b, sizeof b);
    memcpy(made->id, id, id_size);
    memcpy(made->id + id_size, body->data, b.size);
    made->text = made->id + id_size;
    atomic_init(&made->n_refs, 1);
    *out = made;
    return EVTWIN_OK;
}

/* ---- the answer ---- */

void evtwin__age_write(evtwin__text *text, const char *key, double age_s) {
    evtwin__text_number(text, key, round(age_s * 10.0) / 10.0);
}

static void add_piece(evtwin__text *to, const evtwin__live_battery *b, size_t from, size_t end) {
    evtwin__text_add(to, b->text + from, end - from);
}

void evtwin__live_battery_write(const evtwin__live_battery *b, const evtwin__condition *c,
                                int is_in_list, evtwin__text *text) {
    char notice[EVTWIN__NOTICE_SIZE];
    if (is_in_list) {
        add_piece(text, b, b->time_end + 1, b->id_end);
        evtwin__text_put(text, ",");
        add_piece(text, b, 0, b->time_end);
    } else {
        add_piece(text, b, 0, b->id_end);
    }
    size_t from = b->id_end;
    if (b->age_at != 0) {
        add_piece(text, b, from, b->age_at);
        evtwin__age_write(text, "age_s", c->prediction_age_s);
        from = b->age_at;
    }
    add_piece(text, b, from, b->silent_at);
    add_flag(text, "silent", c->is_silent);
    evtwin__age_write(text, "record_age_s", c->record_age_s);
    evtwin__age_write(text, "no_predictions_for_s", c->no_predictions_for_s);
    evtwin__condition_notice(c, notice);
    evtwin__text_string(text, "notice", notice);
    add_piece(text, b, b->silent_at, b->size);
}

void evtwin__live_battery_write_reasons(const evtwin__live_battery *b, evtwin__text *text) {
    evtwin__text_put(text, ",\"reasons\":");
    add_piece(text, b, b->reasons_from, b->reasons_to);
}
