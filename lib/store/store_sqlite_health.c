/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_health.c: the health of batteries, kept row by row: which limits are broken
 * until a value is back by the margin, since when, and how often rows and predictions come. */

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Arrivals within this time are one: a batch that comes in several transactions. */
static const double one_arrival_s = 0.5;

/* When something came, and how long between two of it; INT64_MIN and NaN = not known. */
typedef struct rhythm {
    int64_t at_us;
    double interval_s;
} rhythm;

/* What is known of a battery, and what a transaction changes of it. */
typedef struct battery {
    const char *id; /* borrowed from the rows */
    evtwin_health status;
    int64_t since_us, time_us, predicted_us; /* INT64_MIN = not known */
    rhythm arrivals, predictions;
    int has_rows, has_predictions; /* new ones */
    int is_changed;
    struct {
        int is_broken;
        double value; /* that broke it last */
    } limit[];        /* (n_limits) */
} battery;

struct sqlite_judge {
    char (*key)[EVTWIN__LIMIT_KEY_SIZE]; /* (n_limits) of the texts of broken limits */
    size_t n;
    battery *battery[]; /* (n) by the code of its id in the rows; NULL = not in them yet */
};

/* ---- how often it comes ---- */

/* Grows at most twofold from one arrival to the next, so that a battery that comes back after an
 * hour is not waited for by the hour; shrinks by half the way. */
static void note_arrival(rhythm *r, int64_t now_us) {
    const double gap_s = r->at_us == INT64_MIN ? NAN : (double)(now_us - r->at_us) * 1e-6;
    if (gap_s >= 0.0 && gap_s < one_arrival_s) {
        return;
    }
    if (gap_s > 0.0) {
        r->interval_s = isnan(r->interval_s)    ? gap_s
                        : gap_s > r->interval_s ? fmin(gap_s, 2.0 * r->interval_s)
                                                : 0.5 * (r->interval_s + gap_s);
    }
    r->at_us = now_us;
}

/* ---- what is kept of a battery ---- */

/* Columns of SQL_HEALTH. */
enum {
    STATUS,
    SINCE,
    BROKEN,
    TIME,
    PREDICTED_TIME,
    ARRIVED_AT,
    INTERVAL_S,
    PREDICTED_AT,
    PREDICTION_INTERVAL_S,
    STANDING_TIME
};

static int64_t read_time(evtwin__stmt *stmt, int column) {
    int64_t time_us;
    const char *text = evtwin__stmt_text(stmt, column);
    return text != NULL && evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &time_us) == EVTWIN_OK
               ? time_us
               : INT64_MIN;
}

static void read_health(const sqlite_store *s, const sqlite_judge *judge, evtwin__stmt *stmt,
                        battery *b) {
    const char *status = evtwin__stmt_text(stmt, STATUS), *broken = evtwin__stmt_text(stmt, BROKEN);
    for (int level = EVTWIN_HEALTH_NORMAL; level <= EVTWIN_HEALTH_CRITICAL; level++) {
        if (status != NULL && strcmp(status, evtwin_health_name((evtwin_health)level)) == 0) {
            b->status = (evtwin_health)level;
        }
    }
    b->since_us = read_time(stmt, SINCE);
    b->time_us = read_time(stmt, TIME);
    b->predicted_us = read_time(stmt, PREDICTED_TIME);
    b->arrivals = (rhythm){read_time(stmt, ARRIVED_AT), evtwin__stmt_f64(stmt, INTERVAL_S)};
    b->predictions =
        (rhythm){read_time(stmt, PREDICTED_AT), evtwin__stmt_f64(stmt, PREDICTION_INTERVAL_S)};
    for (size_t i = 0; i < s->n_limits && broken != NULL && broken[0] != '\0'; i++) {
        b->limit[i].is_broken = evtwin__limit_find(broken, judge->key[i], &b->limit[i].value);
    }
}

static void judge_limit(const sqlite_store *s, battery *b, size_t i, double value) {
    const sqlite_limit *l = &s->limit[i];
    const int was_broken = b->limit[i].is_broken;
    const int is_broken = evtwin__limit_is_broken(
        l->is_below, l->limit, evtwin__limit_margin((size_t)l->q, l->limit), was_broken, value);
    if (is_broken != was_broken) {
        b->limit[i].is_broken = is_broken;
        b->is_changed = 1;
    }
    if (is_broken && !isnan(value)) {
        b->limit[i].value = value; /* written with the next change or arrival */
    }
}

/* Health may have got better or worse with the row of that time. */
static void judge_status(const sqlite_store *s, battery *b, int64_t time_us) {
    evtwin_health status = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < s->n_limits; i++) {
        if (b->limit[i].is_broken && s->limit[i].kind == EVTWIN_THRESHOLD_STATUS &&
            s->limit[i].level > (int)status) {
            status = (evtwin_health)s->limit[i].level;
        }
    }
    if (status != b->status || b->since_us == INT64_MIN) {
        b->status = status;
        b->since_us = time_us;
        b->is_changed = 1;
    }
}

/* A battery without a health, as in a database of an older version: it begins with what is known
 * of it, its latest prediction above all. */
static evtwin_status begin_health(sqlite_store *s, battery *b) {
    evtwin_table *rows = NULL, *current = NULL;
    const evtwin_status st = evtwin__sqlite_latest(&s->base, b->id, &rows, &current);
    if (st == EVTWIN_OK) {
        for (size_t i = 0; i < s->n_limits; i++) {
            const char *name = evtwin__schema[s->limit[i].q].name;
            judge_limit(s, b, i, evtwin_table_number(current, evtwin_table_find(current, name), 0));
        }
        judge_status(s, b, evtwin_table_i64(current, evtwin_table_find(current, "time"))[0]);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status load(sqlite_store *s, const sqlite_judge *judge, battery *b) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_HEALTH, &stmt, "s", b->id));
    const evtwin_status st = evtwin__stmt_step(stmt);
    int is_old = 0;
    if (st == EVTWIN_OK) {
        read_health(s, judge, stmt, b);
        is_old = evtwin__stmt_text(stmt, STATUS) == NULL &&
                 evtwin__stmt_text(stmt, STANDING_TIME) != NULL;
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : is_old ? begin_health(s, b) : EVTWIN_OK;
}

static void bind_time(evtwin__stmt *stmt, int param, int64_t time_us) {
    char text[EVTWIN_TIME_TEXT_SIZE];
    if (time_us == INT64_MIN) {
        evtwin__stmt_bind_null(stmt, param);
        return;
    }
    evtwin__sqlite_time(time_us, text);
    evtwin__stmt_bind_copy(stmt, param, text);
}

static void write_broken(const sqlite_store *s, const sqlite_judge *judge, const battery *b,
                         evtwin__text *text) {
    for (size_t i = 0; i < s->n_limits; i++) {
        char number[EVTWIN__NUM_SIZE];
        if (b->limit[i].is_broken) {
            evtwin__text_put(text, judge->key[i]);
            evtwin__text_put(text, evtwin__number_text(b->limit[i].value, number));
            evtwin__text_put(text, ";");
        }
    }
    evtwin__text_add(text, "", 1);
}

static evtwin_status save(sqlite_store *s, const sqlite_judge *judge, const battery *b) {
    evtwin__stmt *stmt = NULL;
    evtwin__text broken = {.size = 0};
    write_broken(s, judge, b, &broken);
    evtwin_status st =
        broken.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the health of %s", b->id)
                         : evtwin__sqlite_ask(s, SQL_PUT_HEALTH, &stmt, "ss", b->id,
                                              evtwin_health_name(b->status));
    if (st >= 0) {
        bind_time(stmt, 3, b->since_us);
        evtwin__stmt_bind_text(stmt, 4, broken.data);
        bind_time(stmt, 5, b->time_us);
        bind_time(stmt, 6, b->predicted_us);
        bind_time(stmt, 7, b->arrivals.at_us);
        evtwin__stmt_bind_f64(stmt, 8, b->arrivals.interval_s);
        bind_time(stmt, 9, b->predictions.at_us);
        evtwin__stmt_bind_f64(stmt, 10, b->predictions.interval_s);
        st = evtwin__stmt_run(stmt);
    }
    evtwin__text_free(&broken);
    return st;
}

/* ---- row by row ---- */

static evtwin_status make_judge(const sqlite_store *s, size_t n, sqlite_judge **out) {
    sqlite_judge *judge = evtwin__calloc(1, sizeof *judge + n * sizeof judge->battery[0]);
    EVTWIN_FAIL_IF(judge == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n);
    *out = judge; /* freed by its end, whatever comes */
    judge->n = n;
    judge->key = evtwin__calloc(s->n_limits + 1, sizeof *judge->key);
    EVTWIN_FAIL_IF(judge->key == NULL, EVTWIN_E_NOMEM, "out of memory for limits");
    for (size_t i = 0; i < s->n_limits; i++) {
        const sqlite_limit *l = &s->limit[i];
        evtwin__limit_key((evtwin_threshold_kind)l->kind, (size_t)l->q, l->is_below, l->limit,
                          (evtwin_health)l->level, judge->key[i]);
    }
    return EVTWIN_OK;
}

static evtwin_status find_battery(sqlite_store *s, sqlite_judge **judge, const evtwin__rows *rows,
                                  size_t row, battery **out) {
    const evtwin_table *table = rows->binding.table;
    const size_t id = rows->binding.bound[EVTWIN__Q_BATTERY_ID].col;
    if (*judge == NULL) {
        EVTWIN_TRY(make_judge(s, evtwin_table_dict_size(table, id), judge));
    }
    battery **slot = &(*judge)->battery[evtwin_table_codes(table, id)[row]];
    if (*slot == NULL) {
        battery *b = evtwin__calloc(1, sizeof *b + s->n_limits * sizeof b->limit[0]);
        EVTWIN_FAIL_IF(b == NULL, EVTWIN_E_NOMEM, "out of memory for the health of a battery");
        *slot = b;
        b->id = evtwin_table_text(table, id, row);
        EVTWIN_TRY(load(s, *judge, b));
    }
    *out = *slot;
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_judge_row(sqlite_store *s, sqlite_judge **judge,
                                       const evtwin__rows *rows, size_t i,
                                       const evtwin__value *value, int is_insert) {
    battery *b = NULL;
    EVTWIN_TRY(find_battery(s, judge, rows, i, &b));
    const int64_t time_us = value[EVTWIN__Q_TIME].i64;
    const int is_newest = time_us >= b->time_us;
    const int is_newest_prediction = evtwin__row_is_predicted(value) && time_us >= b->predicted_us;
    for (size_t k = 0; k < s->n_limits; k++) {
        const size_t q = (size_t)s->limit[k].q;
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS) ? !is_newest_prediction : !is_newest) {
            continue;
        }
        /* a table of predictions mostly has the telemetry beside them, as the predictor made it:
         * this is how rows of other programs are judged */
        evtwin__value beside = {0};
        if (!is_insert && evtwin__is_of(q, EVTWIN__TELEMETRY) &&
            rows->binding.bound[q].col != EVTWIN_NO_COLUMN &&
            evtwin__binding_get(&rows->binding, q, i, &beside) < 0) {
            beside.is_present = 0;
        }
        const int is_beside = !is_insert && evtwin__is_of(q, EVTWIN__TELEMETRY);
        judge_limit(s, b, k, evtwin__value_number(q, is_beside ? &beside : &value[q]));
    }
    b->has_rows |= is_insert;
    b->has_predictions |= evtwin__row_is_predicted(value);
    b->time_us = is_newest ? time_us : b->time_us;
    b->predicted_us = is_newest_prediction ? time_us : b->predicted_us;
    judge_status(s, b, time_us);
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_judge_end(sqlite_store *s, sqlite_judge *judge, int64_t now_us,
                                       evtwin_status st) {
    for (size_t i = 0; judge != NULL && i < judge->n; i++) {
        battery *b = judge->battery[i];
        if (b != NULL && st >= 0) {
            const int64_t arrived_us = b->arrivals.at_us, predicted_us = b->predictions.at_us;
            if (b->has_rows) {
                note_arrival(&b->arrivals, now_us);
            }
            if (b->has_predictions) {
                note_arrival(&b->predictions, now_us);
            }
            const int has_come =
                b->arrivals.at_us != arrived_us || b->predictions.at_us != predicted_us;
            st = b->is_changed || has_come ? save(s, judge, b) : st;
        }
        evtwin__free(b);
    }
    if (judge != NULL) {
        evtwin__free(judge->key);
    }
    evtwin__free(judge);
    return st;
}
