/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_health.c: where the SQLite store keeps the health of batteries. */

#include "core/status.h"
#include "store/store_sqlite.h"

#include <string.h>

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

static evtwin__health read_health(evtwin__stmt *stmt) {
    return (evtwin__health){
        .status = evtwin__health_of(evtwin__stmt_text(stmt, STATUS)),
        .since_us = read_time(stmt, SINCE),
        .broken = evtwin__stmt_text(stmt, BROKEN),
        .time_us = read_time(stmt, TIME),
        .predicted_us = read_time(stmt, PREDICTED_TIME),
        .arrivals = {read_time(stmt, ARRIVED_AT), evtwin__stmt_f64(stmt, INTERVAL_S)},
        .predictions = {read_time(stmt, PREDICTED_AT),
                        evtwin__stmt_f64(stmt, PREDICTION_INTERVAL_S)}};
}

/* A battery without a health, as in a database of an older version: it begins with what is known
 * of it, its latest prediction above all. */
static evtwin_status begin_old(sqlite_store *s, evtwin__judge *judge, size_t i, const char *id) {
    evtwin_table *rows = NULL, *current = NULL;
    evtwin_status st = evtwin__sqlite_latest(&s->base, id, &rows, &current);
    if (st >= 0) {
        st = evtwin__judge_begin(judge, i, &evtwin__health_unknown,
                                 st == EVTWIN_OK ? current : NULL);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    return st;
}

static evtwin_status begin(sqlite_store *s, evtwin__judge *judge, size_t i, const char *id) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_HEALTH, &stmt, "s", id));
    evtwin_status st = evtwin__stmt_step(stmt);
    const int is_old = st == EVTWIN_OK && evtwin__stmt_text(stmt, STATUS) == NULL &&
                       evtwin__stmt_text(stmt, STANDING_TIME) != NULL;
    if (st >= 0 && !is_old) {
        const evtwin__health kept = st == EVTWIN_OK ? read_health(stmt) : evtwin__health_unknown;
        st = evtwin__judge_begin(judge, i, &kept, NULL);
    }
    evtwin__stmt_reset(stmt);
    return st >= 0 && is_old ? begin_old(s, judge, i, id) : st;
}

evtwin_status evtwin__sqlite_judge_row(sqlite_store *s, evtwin__judge *judge, size_t i,
                                       const evtwin__value *value, evtwin__row_event event) {
    if (!evtwin__judge_knows(judge, i)) {
        EVTWIN_TRY(begin(s, judge, i, value[EVTWIN__Q_BATTERY_ID].text));
    }
    evtwin__judge_row(judge, i, value, event);
    return EVTWIN_OK;
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

static evtwin_status save(sqlite_store *s, const evtwin__health *health) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_PUT_HEALTH, &stmt, "ss", health->battery_id,
                                  evtwin_health_name(health->status)));
    bind_time(stmt, 3, health->since_us);
    evtwin__stmt_bind_text(stmt, 4, health->broken);
    bind_time(stmt, 5, health->time_us);
    bind_time(stmt, 6, health->predicted_us);
    bind_time(stmt, 7, health->arrivals.at_us);
    evtwin__stmt_bind_f64(stmt, 8, health->arrivals.interval_s);
    bind_time(stmt, 9, health->predictions.at_us);
    evtwin__stmt_bind_f64(stmt, 10, health->predictions.interval_s);
    return evtwin__stmt_run(stmt);
}

evtwin_status evtwin__sqlite_judge_end(sqlite_store *s, evtwin__judge *judge, int64_t now_us) {
    evtwin__health health;
    evtwin_status st;
    size_t at = 0;
    while ((st = evtwin__judge_next(judge, now_us, &at, &health)) == EVTWIN_OK) {
        EVTWIN_TRY(save(s, &health));
    }
    return st < 0 ? st : EVTWIN_OK;
}
