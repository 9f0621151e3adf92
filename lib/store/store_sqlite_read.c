/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_read.c: queries, answered with tables. */

#include "core/status.h"
#include "core/utf8.h"
#include "store/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* ---- rows into tables ---- */

enum { MAX_COLUMNS = EVTWIN__Q_COUNT + EVTWIN__KEPT_MAX_COLUMNS };

/* A table that grows with the rows of a query. */
typedef struct answer {
    evtwin_table *table;
    size_t n_columns, rows, capacity;
    struct {
        evtwin_type type;
        int from; /* which column of the query */
    } column[MAX_COLUMNS];
} answer;

static evtwin_status add_column(answer *a, const char *name, evtwin_type type, const char *unit) {
    a->column[a->n_columns].type = type;
    a->column[a->n_columns].from = (int)a->n_columns;
    a->n_columns++;
    return evtwin_table_add_column(a->table, name, type, unit, NULL);
}

/* The columns of a query of the quantities of these kinds. */
static evtwin_status start(answer *a, unsigned kinds) {
    *a = (answer){.n_columns = 0};
    evtwin_status st = evtwin_table_create(&a->table);
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st == EVTWIN_OK; q++) {
        if (evtwin__is_of(q, kinds)) {
            const evtwin__quantity *of = &evtwin__schema[q];
            st = add_column(a, of->name, of->type, of->unit);
        }
    }
    return st;
}

/* A cell that the database does not have, or has in a form that is not ours, stays missing. */
static evtwin_status set_cell(const answer *a, size_t c, evtwin__stmt *stmt) {
    const int from = a->column[c].from;
    int64_t value = 0;
    const char *text;
    switch (a->column[c].type) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(a->table, c, a->rows, evtwin__stmt_f64(stmt, from));
    case EVTWIN_I64:
        return evtwin__stmt_i64(stmt, from, &value)
                   ? evtwin_table_set_i64(a->table, c, a->rows, value)
                   : EVTWIN_OK;
    case EVTWIN_BOOL:
        return evtwin__stmt_i64(stmt, from, &value)
                   ? evtwin_table_set_bool(a->table, c, a->rows, value != 0)
                   : EVTWIN_OK;
    case EVTWIN_TEXT:
        text = evtwin__stmt_text(stmt, from);
        return text != NULL && evtwin__utf8_is_valid(text, strlen(text))
                   ? evtwin_table_set_text(a->table, c, a->rows, text)
                   : EVTWIN_OK;
    case EVTWIN_TIME:
    default:
        text = evtwin__stmt_text(stmt, from);
        return text != NULL && evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &value) == EVTWIN_OK
                   ? evtwin_table_set_i64(a->table, c, a->rows, value)
                   : EVTWIN_OK;
    }
}

static evtwin_status add_row(answer *a, evtwin__stmt *stmt) {
    if (a->rows == a->capacity) {
        a->capacity = a->capacity > 0 ? a->capacity * 2 : 16;
        EVTWIN_TRY(evtwin_table_resize(a->table, a->capacity));
    }
    for (size_t c = 0; c < a->n_columns; c++) {
        EVTWIN_TRY(set_cell(a, c, stmt));
    }
    a->rows++;
    return EVTWIN_OK;
}

/* Add the rows of a statement whose parameters are bound to an answer, and to another if there is
 * one, unless st says that this is in vain; reset it. */
static evtwin_status add_rows(answer *a, answer *other, evtwin__stmt *stmt, evtwin_status st) {
    while (st >= 0 && (st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        st = add_row(a, stmt);
        if (st >= 0 && other != NULL) {
            st = add_row(other, stmt);
        }
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

/* Give out what was read: EVTWIN_DONE if there is no row, or the failure st. */
static evtwin_status finish(answer *a, evtwin_status st, evtwin_table **out) {
    if (st >= 0 && (st = evtwin_table_resize(a->table, a->rows)) >= 0 && a->rows == 0) {
        st = EVTWIN_DONE;
    }
    if (st == EVTWIN_OK) {
        *out = a->table;
    } else {
        evtwin_table_free(a->table);
    }
    return st;
}

/* The rows of a query of all columns, whose statement was asked for with st. */
static evtwin_status answer_rows(evtwin_status st, evtwin__stmt *stmt, evtwin_table **out) {
    answer a;
    return st < 0 ? st : finish(&a, add_rows(&a, NULL, stmt, start(&a, EVTWIN__STORED)), out);
}

static int64_t limit_of(size_t n) {
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* ---- rows that wait ---- */

/* Revisions of rows of another program that can never be predicted, by what is wrong with them. */
enum { MAX_UNREADABLE = 1024 };
typedef struct unreadable {
    size_t n;
    int64_t revision[MAX_UNREADABLE];
} unreadable;

/* The last row of an answer that has the columns of telemetry (they are the first quantities) and
 * its revision: if its key cannot be read, it is taken out again and put down; beyond the room for
 * that it waits. */
static evtwin_status sift(answer *a, unreadable bad[EVTWIN__N_BAD]) {
    const size_t row = a->rows - 1;
    const evtwin__bad_key what = evtwin__bad_key_find(a->table, row);
    if (what == EVTWIN__N_BAD) {
        return EVTWIN_OK;
    }
    if (bad[what].n < MAX_UNREADABLE) {
        bad[what].revision[bad[what].n++] = evtwin_table_i64(a->table, a->n_columns - 1)[row];
    }
    evtwin_status st = EVTWIN_OK;
    for (size_t c = 0; c < a->n_columns && st == EVTWIN_OK; c++) {
        st = evtwin_table_set_missing(a->table, c, row);
    }
    a->rows--;
    return st;
}

/* Those of one battery, whose id stands in the first column. */
static evtwin_status read_battery(sqlite_store *s, evtwin__stmt *battery, size_t max_rows,
                                  answer *a, unreadable bad[EVTWIN__N_BAD]) {
    evtwin__stmt *rows = NULL;
    evtwin_status st = evtwin__sqlite_ask(s, SQL_UNPREDICTED, &rows, "");
    if (st >= 0) {
        evtwin__stmt_bind_column(rows, 1, battery, 0);
        while (a->rows < max_rows && (st = evtwin__stmt_step(rows)) == EVTWIN_OK &&
               (st = add_row(a, rows)) >= 0 && (st = sift(a, bad)) >= 0) {
        }
        evtwin__stmt_reset(rows);
    }
    return st;
}

static evtwin_status read_waiting(sqlite_store *s, size_t max_rows, answer *a,
                                  unreadable bad[EVTWIN__N_BAD]) {
    evtwin__stmt *batteries = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_WAITING, &batteries, ""));
    evtwin_status st = EVTWIN_OK;
    while (st >= 0 && a->rows < max_rows && (st = evtwin__stmt_step(batteries)) == EVTWIN_OK) {
        st = read_battery(s, batteries, max_rows, a, bad);
    }
    evtwin__stmt_reset(batteries);
    return st < 0 ? st : EVTWIN_OK;
}

/* They are unknown from now on, with this reason. */
static evtwin_status mark_unreadable(sqlite_store *s, const unreadable *bad, const char *note,
                                     size_t *n_marked) {
    char now[EVTWIN_TIME_TEXT_SIZE];
    sqlite_counter c;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    evtwin__sqlite_time(s->base.now(), now);
    evtwin_status st = evtwin__sqlite_counter_get(s, &c);
    for (size_t i = 0; i < bad->n && st >= 0; i++) {
        st = evtwin__sqlite_run(s, SQL_PUT_UNREADABLE, "ssii", now, note, c.revision + 1,
                                bad->revision[i]);
        const int is_marked = st >= 0 && evtwin__db_changes(s->db) > 0;
        c.revision += is_marked;
        *n_marked += is_marked != 0;
    }
    st = st < 0 ? st : evtwin__sqlite_counter_set(s, &c);
    return evtwin__db_end(s->db, st);
}

/* What cannot be read must not be offered for ever, nor keep what can be read from being predicted;
 * a reader just passes it over. 1 if there was room for no more, so that others may be left. */
static int put_unreadable(sqlite_store *s, const unreadable *bad, const char *note) {
    size_t n_marked = 0;
    if (bad->n == 0 || s->base.options.read_only) {
        return 0;
    }
    if (mark_unreadable(s, bad, note, &n_marked) < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s", evtwin_last_error());
        return 0;
    }
    evtwin__log(EVTWIN_LOG_WARNING, "%s: %zu row%s of another program: %s", evtwin__db_name(s->db),
                bad->n, bad->n == 1 ? "" : "s", note);
    return n_marked == MAX_UNREADABLE;
}

/* Those that can be predicted; *is_full_out if of those that cannot some may not be marked yet. */
static evtwin_status look_for_waiting(sqlite_store *s, size_t max_rows, int *is_full_out,
                                      evtwin_table **out) {
    unreadable bad[EVTWIN__N_BAD];
    for (size_t i = 0; i < EVTWIN__N_BAD; i++) {
        bad[i].n = 0;
    }
    answer a;
    evtwin_status st = start(&a, EVTWIN__TELEMETRY);
    st = st < 0 ? st : add_column(&a, "revision", EVTWIN_I64, "");
    st = st < 0 ? st : read_waiting(s, max_rows, &a, bad);
    *is_full_out = 0;
    for (size_t i = 0; i < EVTWIN__N_BAD && st >= 0; i++) {
        *is_full_out |= put_unreadable(s, &bad[i], evtwin__bad_key_notes[i]);
    }
    return finish(&a, st, out);
}

/* "None" means that none is left: not that there was no room for those that cannot be read. */
evtwin_status evtwin__sqlite_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out) {
    int is_full = 0;
    evtwin_status st;
    do {
        st = look_for_waiting((sqlite_store *)store, max_rows, &is_full, out);
    } while (st == EVTWIN_DONE && is_full);
    return st;
}

/* ---- the other queries ---- */

evtwin_status evtwin__sqlite_position(evtwin_store *store, const char *source, char *text,
                                      size_t text_size) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask((sqlite_store *)store, SQL_POSITION, &stmt, "s", source));
    evtwin_status st = evtwin__stmt_step(stmt);
    const char *position = st == EVTWIN_OK ? evtwin__stmt_text(stmt, 0) : NULL;
    if (position != NULL) {
        const size_t size = strlen(position) + 1;
        if (size <= text_size) {
            memcpy(text, position, size);
        } else {
            st = evtwin__fail(EVTWIN_E_RANGE,
                              "the position of %s has %zu bytes, there is room for %zu", source,
                              size, text_size);
        }
    }
    evtwin__stmt_reset(stmt);
    return st;
}

static evtwin_status start_columns(answer *a, const evtwin__kept_column *column, size_t n_columns) {
    evtwin_status st = start(a, 0);
    for (size_t c = 0; c < n_columns && st >= 0; c++) {
        st = add_column(a, column[c].name, column[c].type, "");
    }
    return st;
}

/* As finish, but a table without rows is given out too. */
static evtwin_status finish_table(answer *a, evtwin_status st, evtwin_table **out) {
    if (st < 0 || (st = evtwin_table_resize(a->table, a->rows)) < 0) {
        evtwin_table_free(a->table);
        return st;
    }
    *out = a->table;
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_read_table(evtwin__stmt *stmt, const evtwin__kept_column *column,
                                        size_t n_columns, evtwin_table **out) {
    answer a;
    const evtwin_status st = start_columns(&a, column, n_columns);
    return finish_table(&a, add_rows(&a, NULL, stmt, st), out);
}

/* Key by key: each is a look-up in the primary key, however many rows there are. */
evtwin_status evtwin__sqlite_kept(evtwin_store *store, evtwin__kept_id which,
                                  const char *const *keys, size_t n_keys, evtwin_table **out) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_prepare_kept(((sqlite_store *)store)->db, which,
                                           keys != NULL ? EVTWIN__KEPT_GET_ONE : EVTWIN__KEPT_GET,
                                           &stmt));
    answer a;
    evtwin_status st = start_columns(&a, kept->column, kept->n_columns);
    for (size_t k = 0; k < n_keys && st >= 0; k++) {
        evtwin__stmt_bind_text(stmt, 1, keys[k]);
        st = add_rows(&a, NULL, stmt, st);
    }
    st = keys == NULL ? add_rows(&a, NULL, stmt, st) : st;
    evtwin__stmt_free(stmt);
    return finish_table(&a, st, out);
}

/* The columns of a row, its prediction's taken from the standing prediction that follows it, and
 * what else is known. */
static evtwin_status start_current(answer *a) {
    evtwin_status st = start(a, EVTWIN__STORED);
    int from = (int)a->n_columns;
    for (size_t q = 0, c = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
            a->column[c].from = from++;
        }
        c += evtwin__is_of(q, EVTWIN__STORED) != 0;
    }
    for (size_t i = 0; i < EVTWIN__N_STANDING && st >= 0; i++) {
        st = add_column(a, evtwin__standing_columns[i].name, evtwin__standing_columns[i].type, "");
        a->column[a->n_columns - 1].from = from++;
    }
    return st;
}

evtwin_status evtwin__sqlite_latest(evtwin_store *store, const char *battery_id,
                                    evtwin_table **rows_out, evtwin_table **current_out) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin__stmt *stmt = NULL;
    evtwin_status st = battery_id != NULL
                           ? evtwin__sqlite_ask(s, SQL_LATEST, &stmt, "s", battery_id)
                           : evtwin__sqlite_ask(s, SQL_LATEST_ALL, &stmt, "");
    if (st < 0 || current_out == NULL) {
        return answer_rows(st, stmt, rows_out);
    }
    answer rows, current = {.table = NULL};
    evtwin_table *found = NULL;
    if ((st = start(&rows, EVTWIN__STORED)) >= 0) {
        st = start_current(&current);
    }
    st = finish(&rows, add_rows(&rows, &current, stmt, st), &found);
    st = finish(&current, st, current_out);
    if (st == EVTWIN_OK) {
        *rows_out = found;
    } else {
        evtwin_table_free(found);
    }
    return st;
}

evtwin_status evtwin__sqlite_oldest(evtwin_store *store, int64_t from_us, evtwin_table **out) {
    evtwin__stmt *stmt = NULL;
    const evtwin_status st =
        evtwin__sqlite_ask((sqlite_store *)store, SQL_OLDEST_ALL, &stmt, "t", from_us);
    return answer_rows(st, stmt, out);
}

/* Of the rows of one hour, those of a history: a text that times begin with bounds them, too. */
static evtwin_status ask_hour(sqlite_store *s, const char *battery_id, const char *hour,
                              const evtwin_history_options *options, size_t n_left,
                              evtwin__stmt **out) {
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE], before[EVTWIN_TIME_TEXT_SIZE];
    char end[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(options->from_us, from);
    evtwin__sqlite_time(options->to_us, to);
    evtwin__sqlite_time(options->before_time_us, before);
    snprintf(end, sizeof end, "%s~", hour);
    const int is_before = strcmp(before, end) < 0;
    return evtwin__sqlite_ask(s, SQL_HISTORY, out, "sccciii", battery_id,
                              strcmp(from, hour) > 0 ? from : hour, strcmp(to, end) < 0 ? to : end,
                              is_before ? before : end, is_before ? options->before_seq : INT64_MAX,
                              INT64_C(1), limit_of(n_left));
}

/* Predictions may be few among many rows: only hours that have some, or are not summed, are looked
 * into. */
static evtwin_status predicted_history(sqlite_store *s, const char *battery_id,
                                       const evtwin_history_options *options, evtwin_table **out) {
    evtwin__stmt *hours = NULL, *rows = NULL;
    const int64_t to_us =
        options->to_us < options->before_time_us ? options->to_us : options->before_time_us;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_PREDICTED_HOURS, &hours, "stt", battery_id,
                                  options->from_us, to_us));
    answer a;
    evtwin_status st = start(&a, EVTWIN__STORED);
    while (st == EVTWIN_OK && a.rows < options->limit &&
           (st = evtwin__stmt_step(hours)) == EVTWIN_OK) {
        const char *hour = evtwin__stmt_text(hours, 0);
        st = ask_hour(s, battery_id, hour != NULL ? hour : "", options, options->limit - a.rows,
                      &rows);
        st = st < 0 ? st : add_rows(&a, NULL, rows, st);
    }
    evtwin__stmt_reset(hours);
    return finish(&a, st, out);
}

/* The search begins at the page: either bound is one for the key. */
static evtwin_status oldest_first(sqlite_store *s, const char *battery_id,
                                  const evtwin_history_options *options, evtwin_table **out) {
    const int64_t from_us =
        options->from_us > options->after_time_us ? options->from_us : options->after_time_us;
    evtwin__stmt *stmt = NULL;
    const evtwin_status st =
        evtwin__sqlite_ask(s, SQL_HISTORY_UP, &stmt, "stttiii", battery_id, from_us, options->to_us,
                           options->after_time_us, options->after_seq,
                           (int64_t)(options->predicted_only != 0), limit_of(options->limit));
    return answer_rows(st, stmt, out);
}

evtwin_status evtwin__sqlite_history(evtwin_store *store, const char *battery_id,
                                     const evtwin_history_options *options, evtwin_table **out) {
    if (options->oldest_first) {
        return oldest_first((sqlite_store *)store, battery_id, options, out);
    }
    if (options->predicted_only) {
        return predicted_history((sqlite_store *)store, battery_id, options, out);
    }
    evtwin__stmt *stmt = NULL;
    const evtwin_status st =
        evtwin__sqlite_ask((sqlite_store *)store, SQL_HISTORY, &stmt, "stttiii", battery_id,
                           options->from_us, options->to_us, options->before_time_us,
                           options->before_seq, INT64_C(0), limit_of(options->limit));
    return answer_rows(st, stmt, out);
}

evtwin_status evtwin__sqlite_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                     evtwin_table **out, int64_t *revision_out) {
    evtwin__stmt *stmt = NULL;
    evtwin_table *table = NULL;
    evtwin_status st = evtwin__sqlite_ask((sqlite_store *)store, SQL_CHANGES, &stmt, "ii",
                                          after_revision, limit_of(max_rows));
    if ((st = answer_rows(st, stmt, &table)) == EVTWIN_OK) {
        const int64_t *revision = evtwin_table_i64(table, evtwin_table_find(table, "revision"));
        *revision_out = revision[evtwin_table_rows(table) - 1];
        *out = table;
    } else if (st == EVTWIN_DONE) {
        *revision_out = after_revision;
    }
    return st;
}

evtwin_status evtwin__sqlite_count(evtwin_store *store, int64_t *rows_out) {
    return evtwin__db_query_i64(((sqlite_store *)store)->db, "SELECT count(*) FROM ev_telemetry", 0,
                                rows_out);
}

/* The two part here: revisions that both give out from now on are of different rows. The copy gets
 * a random mark by which its identity differs. */
evtwin_status evtwin__sqlite_backup(evtwin_store *store, const char *path) {
    int32_t mark = 0;
    EVTWIN_FAIL_IF(getrandom(&mark, sizeof mark, 0) != (ssize_t)sizeof mark, EVTWIN_E_IO,
                   "%s: no random number for a backup: %s", path, strerror(errno));
    return evtwin__db_backup(((sqlite_store *)store)->db, path, mark != 0 ? mark : 1);
}
