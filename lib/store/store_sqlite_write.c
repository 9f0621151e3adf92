/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_write.c: insert telemetry, write predictions, keep small tables. */

#include "core/status.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* In use it is cut back at 16 MB. */
enum { MAX_LOG_BYTES = 64 << 20 };

/* ---- rows ---- */

/* Texts of the times of one row; they live until the statement is reset. */
typedef struct row_times {
    char time[64];   /* of another program's row, as that program wrote it */
    const char *now; /* of the transaction */
} row_times;

static void bind_value(evtwin__stmt *stmt, size_t q, const evtwin__value *value) {
    const int param = (int)q + 1;
    if (!value->is_present) {
        evtwin__stmt_bind_null(stmt, param);
        return;
    }
    switch (evtwin__schema[q].type) {
    case EVTWIN_F64:
        evtwin__stmt_bind_f64(stmt, param, value->f64);
        break;
    case EVTWIN_TEXT:
        evtwin__stmt_bind_text(stmt, param, value->text);
        break;
    default:
        evtwin__stmt_bind_i64(stmt, param, value->i64);
        break;
    }
}

static void bind_key(evtwin__stmt *stmt, const evtwin__value *value, const row_times *times) {
    evtwin__stmt_bind_text(stmt, EVTWIN__Q_TIME + 1, times->time);
    bind_value(stmt, EVTWIN__Q_BATTERY_ID, &value[EVTWIN__Q_BATTERY_ID]);
    bind_value(stmt, EVTWIN__Q_SEQ, &value[EVTWIN__Q_SEQ]);
}

/* Bind the values of these kinds, but for the times, which are texts in the database. */
static void bind_values(evtwin__stmt *stmt, unsigned kinds, const evtwin__value *value) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, kinds) && evtwin__schema[q].type != EVTWIN_TIME) {
            bind_value(stmt, q, &value[q]);
        }
    }
}

/* When a row that comes with its prediction was predicted: as it says, else now; NULL without one.
 */
static void bind_predicted_at(evtwin__stmt *stmt, const evtwin__value *value, const char *now) {
    const evtwin__value *at = &value[EVTWIN__Q_PREDICTION_TIMESTAMP];
    char text[EVTWIN_TIME_TEXT_SIZE];
    if (evtwin__row_is_predicted(value) && at->is_present) {
        evtwin__sqlite_time(at->i64, text);
        evtwin__stmt_bind_copy(stmt, EVTWIN__Q_PREDICTION_TIMESTAMP + 1, text);
    } else {
        evtwin__stmt_bind_text(stmt, EVTWIN__Q_PREDICTION_TIMESTAMP + 1,
                               evtwin__row_is_predicted(value) ? now : NULL);
    }
}

static evtwin_status insert_row(evtwin__stmt *stmt, const evtwin__value *value,
                                const row_times *times, int64_t revision) {
    bind_values(stmt, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, value);
    evtwin__stmt_bind_text(stmt, EVTWIN__Q_TIME + 1, times->time);
    bind_predicted_at(stmt, value, times->now);
    evtwin__stmt_bind_text(stmt, EVTWIN__Q_CREATED_AT + 1, times->now);
    evtwin__stmt_bind_i64(stmt, EVTWIN__Q_REVISION + 1, revision);
    return evtwin__stmt_run(stmt);
}

/* Bind what a row is predicted as, but for its key. */
static void bind_prediction(evtwin__stmt *stmt, const evtwin__value *value, const row_times *times,
                            int64_t revision) {
    bind_values(stmt, EVTWIN__PREDICTIONS, value);
    evtwin__stmt_bind_text(stmt, EVTWIN__Q_PREDICTION_TIMESTAMP + 1, times->now);
    evtwin__stmt_bind_i64(stmt, EVTWIN__Q_REVISION + 1, revision);
}

/* The row of that key; else, if it is known where the row was read, the one that stands there:
 * another program may have written its time in a form of its own, which *times gets then. */
static evtwin_status put_row(sqlite_store *s, evtwin__stmt *stmt, const evtwin__value *value,
                             row_times *times, const int64_t *was_revision, int64_t revision) {
    bind_prediction(stmt, value, times, revision);
    bind_key(stmt, value, times);
    EVTWIN_TRY(evtwin__stmt_run(stmt));
    if (evtwin__db_changes(s->db) > 0 || was_revision == NULL) {
        return EVTWIN_OK;
    }
    evtwin__stmt *stored = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_STORED_TIME, &stored, "i", *was_revision));
    evtwin_status st = evtwin__stmt_step(stored);
    const char *time = st == EVTWIN_OK ? evtwin__stmt_text(stored, 0) : NULL;
    snprintf(times->time, sizeof times->time, "%s", time != NULL ? time : "");
    evtwin__stmt_reset(stored);
    EVTWIN_TRY(st);
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_PUT_BY_REVISION, &stmt, ""));
    bind_prediction(stmt, value, times, revision);
    bind_value(stmt, EVTWIN__Q_BATTERY_ID, &value[EVTWIN__Q_BATTERY_ID]);
    bind_value(stmt, EVTWIN__Q_SEQ, &value[EVTWIN__Q_SEQ]);
    evtwin__stmt_bind_i64(stmt, EVTWIN__Q_COUNT + 1, *was_revision);
    return evtwin__stmt_run(stmt);
}

/* Is what the database has in column c the same as the value of q? */
static int is_same(evtwin__stmt *stmt, int c, size_t q, const evtwin__value *value) {
    if (evtwin__schema[q].type == EVTWIN_F64) {
        const double stored = evtwin__stmt_f64(stmt, c);
        return value->is_present ? stored == value->f64 : stored != stored;
    }
    if (evtwin__schema[q].type == EVTWIN_TEXT) {
        const char *stored = evtwin__stmt_text(stmt, c);
        return stored == NULL || !value->is_present ? (stored != NULL) == value->is_present
                                                    : strcmp(stored, value->text) == 0;
    }
    int64_t stored = 0;
    const int is_stored = evtwin__stmt_i64(stmt, c, &stored);
    return is_stored == value->is_present && (!is_stored || stored == value->i64);
}

/* A row that is there already: the same telemetry again, or other telemetry under its key? */
static evtwin_status compare_row(sqlite_store *s, const evtwin__value *value,
                                 const row_times *times, evtwin_insert_report *report) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_ROW, &stmt, ""));
    bind_key(stmt, value, times);
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        int same = 1, c = 0;
        for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
            if (evtwin__is_of(q, EVTWIN__TELEMETRY)) {
                same = same && (!evtwin__is_payload(q) || is_same(stmt, c, q, &value[q]));
                c++;
            }
        }
        report->n_repeated += same ? 1 : 0;
        report->n_conflicting += same ? 0 : 1;
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

/* The prediction that comes with a row that is there already. */
static evtwin_status merge_row(sqlite_store *s, const evtwin__value *value, const row_times *times,
                               int64_t revision) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_MERGE_PREDICTION, &stmt, ""));
    bind_values(stmt, EVTWIN__PREDICTIONS, value);
    bind_predicted_at(stmt, value, times->now);
    bind_key(stmt, value, times);
    evtwin__stmt_bind_i64(stmt, EVTWIN__Q_REVISION + 1, revision);
    return evtwin__stmt_run(stmt);
}

/* ---- standing predictions: the latest of each battery ---- */

/* The newest predicted row of a run of rows of one battery. Batches come battery by battery, so
 * that this is one statement a battery and not one a row. */
typedef struct standing {
    char battery_id[64], time[64]; /* battery_id "" = none */
    int64_t seq;
} standing;

static evtwin_status put_standing(sqlite_store *s, standing *run) {
    const evtwin_status st =
        run->battery_id[0] == '\0'
            ? EVTWIN_OK
            : evtwin__sqlite_run(s, SQL_PUT_STANDING, "ssi", run->battery_id, run->time, run->seq);
    run->battery_id[0] = '\0';
    return st;
}

static evtwin_status note_standing(sqlite_store *s, standing *run, const evtwin__value *value,
                                   const char *time) {
    const char *id = value[EVTWIN__Q_BATTERY_ID].text;
    const int64_t seq = value[EVTWIN__Q_SEQ].i64;
    if (strcmp(run->battery_id, id) == 0) {
        const int order = strcmp(time, run->time);
        if (order < 0 || (order == 0 && seq <= run->seq)) {
            return EVTWIN_OK;
        }
    } else {
        EVTWIN_TRY(put_standing(s, run));
        assert(strlen(id) < sizeof run->battery_id); /* a battery id is at most 50 characters */
        memcpy(run->battery_id, id, strlen(id) + 1);
    }
    snprintf(run->time, sizeof run->time, "%s", time);
    run->seq = seq;
    return EVTWIN_OK;
}

/* ---- inserts and predictions ---- */

static const int64_t *was(const evtwin__rows *rows, size_t i) {
    return rows->was_revision != NULL ? &rows->was_revision[i] : NULL;
}

/* A transaction that writes rows. */
typedef struct writing {
    sqlite_store *s;
    const evtwin__rows *rows;
    evtwin_insert_report *report; /* NULL: predictions */
    evtwin__stmt *stmt;
    sqlite_counter counter;
    row_times times;
    standing run;
    sqlite_hours hours;
    evtwin__judge *judge;
    size_t n_written;
} writing;

/* Write row i; *event_out says what has happened to it, if it was changed. Returns EVTWIN_DONE if
 * it was not. */
static evtwin_status write_row(writing *w, size_t i, const evtwin__value *value,
                               evtwin__row_event *event_out) {
    const int64_t revision = w->counter.revision + 1;
    if (w->report == NULL) {
        *event_out = EVTWIN__ROW_PREDICTED;
        EVTWIN_TRY(put_row(w->s, w->stmt, value, &w->times, was(w->rows, i), revision));
        return evtwin__db_changes(w->s->db) > 0 ? EVTWIN_OK : EVTWIN_DONE;
    }
    *event_out = EVTWIN__ROW_INSERTED;
    EVTWIN_TRY(insert_row(w->stmt, value, &w->times, revision));
    if (evtwin__db_changes(w->s->db) > 0) {
        w->report->n_inserted++;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(compare_row(w->s, value, &w->times, w->report));
    if (!evtwin__row_is_predicted(value)) {
        return EVTWIN_DONE;
    }
    *event_out = EVTWIN__ROW_MERGED;
    EVTWIN_TRY(merge_row(w->s, value, &w->times, revision));
    return evtwin__db_changes(w->s->db) > 0 ? EVTWIN_OK : EVTWIN_DONE;
}

/* What follows from a row that was written. */
static evtwin_status note_row(writing *w, size_t i, const evtwin__value *value,
                              evtwin__row_event event) {
    w->counter.revision++;
    w->n_written++;
    EVTWIN_TRY(evtwin__sqlite_touch_hour(w->s, &w->hours, value[EVTWIN__Q_BATTERY_ID].text,
                                         w->times.time));
    EVTWIN_TRY(evtwin__sqlite_judge_row(w->s, w->judge, i, value, event));
    return evtwin__row_is_predicted(value) ? note_standing(w->s, &w->run, value, w->times.time)
                                           : EVTWIN_OK;
}

static evtwin_status write_each(writing *w) {
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < w->rows->binding.rows; i++) {
        evtwin__row_event event;
        EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
        evtwin__sqlite_time(value[EVTWIN__Q_TIME].i64, w->times.time);
        const evtwin_status st = write_row(w, i, value, &event);
        EVTWIN_TRY(st == EVTWIN_OK ? note_row(w, i, value, event) : st);
    }
    EVTWIN_TRY(put_standing(w->s, &w->run));
    return evtwin__sqlite_sum_hours(w->s, &w->hours, w->n_written);
}

/* Insert rows (report is not NULL), or write the predictions of rows, within the caller's
 * transaction, and the health of their batteries. *n_out: rows that have changed. */
static evtwin_status write_rows(sqlite_store *s, const evtwin__rows *rows,
                                evtwin_insert_report *report, size_t *n_out) {
    const int64_t now_us = s->base.now();
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(now_us, now);
    writing w = {.s = s, .rows = rows, .report = report, .times = {.now = now}};
    EVTWIN_TRY(evtwin__sqlite_use_limits(s));
    EVTWIN_TRY(
        evtwin__sqlite_ask(s, report != NULL ? SQL_INSERT : SQL_PUT_PREDICTION, &w.stmt, ""));
    EVTWIN_TRY(evtwin__sqlite_counter_get(s, &w.counter));
    EVTWIN_TRY(evtwin__judge_create(&s->limits, rows, &w.judge));
    evtwin_status st = write_each(&w);
    if (st >= 0 && w.n_written > 0) {
        st = evtwin__sqlite_counter_set(s, &w.counter);
    }
    if (st >= 0) {
        st = evtwin__sqlite_judge_end(s, w.judge, now_us);
    }
    evtwin__judge_free(w.judge);
    *n_out = w.n_written;
    return st;
}

/* The first insert of a battery takes its writer lock, before anything is written. */
static evtwin_status lock_batteries(sqlite_store *s, const evtwin__binding *binding) {
    const char *path = evtwin__db_path(s->db);
    if (path[0] == '\0') {
        return EVTWIN_OK; /* in memory: nobody else can see it */
    }
    EVTWIN_TRY(s->locks == NULL ? evtwin__writer_locks_open(path, &s->locks) : EVTWIN_OK);
    const size_t id_col = binding->bound[EVTWIN__Q_BATTERY_ID].col;
    const char *locked = NULL;
    for (size_t i = 0; i < binding->rows; i++) {
        const char *id = evtwin_table_text(binding->table, id_col, i);
        EVTWIN_TRY(id != locked ? evtwin__writer_locks_take(s->locks, id) : EVTWIN_OK);
        locked = id;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_insert(evtwin_store *store, const evtwin__rows *rows,
                                    const char *source, const char *position,
                                    evtwin_insert_report *report) {
    sqlite_store *s = (sqlite_store *)store;
    size_t n_written = 0;
    EVTWIN_TRY(store->options.shares_batteries ? EVTWIN_OK : lock_batteries(s, &rows->binding));
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    evtwin_status st = write_rows(s, rows, report, &n_written);
    if (st >= 0 && source != NULL) {
        st = evtwin__sqlite_run(s, SQL_PUT_POSITION, "ss", source, position);
    }
    if ((st = evtwin__db_end(s->db, st)) >= 0) {
        evtwin__db_check_log(s->db, MAX_LOG_BYTES);
        evtwin__sqlite_expire_some(s, rows->binding.rows);
    }
    return st;
}

evtwin_status evtwin__sqlite_put_predictions(evtwin_store *store, const evtwin__rows *rows,
                                             const evtwin_table *states, size_t *n_updated_out) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    evtwin_status st = write_rows(s, rows, NULL, n_updated_out);
    if (st >= 0 && states != NULL) {
        st = evtwin__sqlite_keep_rows(s->db, EVTWIN__KEPT_STATES, states);
    }
    return evtwin__db_end(s->db, st);
}

/* ---- small tables ---- */

void evtwin__sqlite_bind_cell(evtwin__stmt *stmt, int param, const evtwin_table *table, size_t col,
                              size_t row) {
    char time[EVTWIN_TIME_TEXT_SIZE];
    if (!evtwin_table_is_valid(table, col, row)) {
        evtwin__stmt_bind_null(stmt, param);
        return;
    }
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_TEXT:
        evtwin__stmt_bind_text(stmt, param, evtwin_table_text(table, col, row));
        break;
    case EVTWIN_TIME:
        evtwin__sqlite_time(evtwin_table_i64(table, col)[row], time);
        evtwin__stmt_bind_copy(stmt, param, time);
        break;
    case EVTWIN_I64:
        evtwin__stmt_bind_i64(stmt, param, evtwin_table_i64(table, col)[row]);
        break;
    default:
        evtwin__stmt_bind_f64(stmt, param, evtwin_table_number(table, col, row));
        break;
    }
}

evtwin_status evtwin__sqlite_keep_rows(evtwin__db *db, evtwin__kept_id which,
                                       const evtwin_table *table) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    size_t col[EVTWIN__KEPT_MAX_COLUMNS];
    for (size_t c = 0; c < kept->n_columns; c++) {
        col[c] = evtwin_table_find(table, kept->column[c].name);
    }
    if (kept->is_replaced) {
        char sql[80];
        snprintf(sql, sizeof sql, "DELETE FROM %s", kept->sql_table);
        EVTWIN_TRY(evtwin__db_exec(db, sql));
    }
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_prepare_kept(db, which, EVTWIN__KEPT_PUT, &stmt));
    evtwin_status st = EVTWIN_OK;
    for (size_t row = 0; row < evtwin_table_rows(table) && st == EVTWIN_OK; row++) {
        for (size_t c = 0; c < kept->n_columns; c++) {
            evtwin__sqlite_bind_cell(stmt, (int)c + 1, table, col[c], row);
        }
        st = evtwin__stmt_run(stmt);
    }
    evtwin__stmt_free(stmt);
    return st;
}

evtwin_status evtwin__sqlite_keep(evtwin_store *store, evtwin__kept_id which,
                                  const evtwin_table *table) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    return evtwin__db_end(s->db, evtwin__sqlite_keep_rows(s->db, which, table));
}

/* ---- dead letters ---- */

static evtwin_status put_letter(sqlite_store *s, const evtwin_letter *letter) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_PUT_LETTER, &stmt, "tssss", letter->received_us,
                                  letter->source, letter->place, evtwin_status_name(letter->status),
                                  letter->reason));
    evtwin__stmt_bind_blob(stmt, 6, letter->raw, letter->raw_size);
    return evtwin__stmt_run(stmt);
}

evtwin_status evtwin__sqlite_put_letters(evtwin_store *store, const evtwin_letter *letters,
                                         size_t n) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin_status st = EVTWIN_OK;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = put_letter(s, &letters[i]);
    }
    if (st >= 0) {
        st = evtwin__sqlite_run(s, SQL_FORGET_LETTERS, "i", (int64_t)EVTWIN__MAX_LETTERS);
    }
    return evtwin__db_end(s->db, st);
}
