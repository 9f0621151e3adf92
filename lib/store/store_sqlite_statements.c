/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_statements.c: the SQL of the store, written from the schema. */

#include "core/num.h"
#include "core/status.h"
#include "core/text.h"
#include "core/time.h"
#include "store/sql_text.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* The sums of an hour, and how they are made of rows. */
#define SUM_COLUMNS                                                                                \
    "records, predicted, n_soc, sum_soc, min_soc, max_soc, n_soh, sum_soh, n_temperature,"         \
    " sum_temperature, max_temperature, n_voltage, sum_voltage, n_current, sum_current,"           \
    " max_cycles, n_rul, sum_rul, n_failure, sum_failure"
#define SUMS                                                                                       \
    "count(*), sum(@is_predicted), count(soc), sum(soc), min(soc), max(soc), count(soh),"          \
    " sum(soh), count(temperature), sum(temperature), max(temperature), count(voltage),"           \
    " sum(voltage), count(current), sum(current), max(charge_cycles), count(rul_prediction),"      \
    " sum(rul_prediction), count(failure_probability), sum(failure_probability)"

/* Marks, replaced when a statement is prepared: those of sql_text.h and the lists below; @revision
 * (its parameter), @status (of a row that is predicted, by the limits), @key (of a row), @place (of
 * a row: the revision that it was read with), @when and @model (of its prediction), @differences
 * (of its prediction to the one that is there). */
static const char *const sql_texts[SQL_N] = {
    [SQL_REVISION_GET] = "SELECT revision, clock_us, uptime_us, boot, (SELECT max(revision) FROM"
                         " ev_telemetry), (SELECT max(clock_us) FROM ev_mark) FROM ev_revision",
    [SQL_IDENTITY] = "SELECT (SELECT min(applied_at) FROM ev_migration)"
                     " || (SELECT coalesce(nullif(user_version, 0), '') FROM pragma_user_version),"
                     " max(revision, (SELECT coalesce(max(revision), 0) FROM ev_telemetry)) + 1"
                     " FROM ev_revision",
    [SQL_REVISION_SET] =
        "UPDATE ev_revision SET revision = ?, clock_us = ?, uptime_us = ?, boot = ?",
    [SQL_MARK] = "INSERT OR REPLACE INTO ev_mark (clock_us, revision) VALUES (?, ?)",
    [SQL_OLD_REVISION] = "SELECT revision, clock_us FROM (SELECT revision, clock_us FROM ev_mark"
                         " UNION ALL SELECT revision, clock_us FROM ev_revision)"
                         " WHERE clock_us <= ? ORDER BY clock_us DESC, revision DESC LIMIT 1",
    [SQL_FORGET_MARKS] = "DELETE FROM ev_mark WHERE clock_us < ?",
    [SQL_NEXT_TOO_HIGH] = "SELECT min(revision), (SELECT max(revision) FROM ev_telemetry WHERE"
                          " revision <= ?1) FROM ev_telemetry WHERE revision > ?1",
    [SQL_RENUMBER] = "UPDATE ev_telemetry SET revision = ? WHERE revision = ?",
    [SQL_INSERT] = "INSERT INTO ev_telemetry (@row) VALUES (@params)"
                   " ON CONFLICT (battery_id, time, seq) DO NOTHING",
    [SQL_ROW] = "SELECT @telemetry FROM ev_telemetry WHERE @key",
    [SQL_PUT_PREDICTION] = "UPDATE ev_telemetry SET @assignments, revision = @revision,"
                           " status = @status WHERE @key",
    /* of an insert, on a row that is there: an older prediction gives way to that of another model.
     * The same model would say the same, but for what it knew of the battery's past: that was whole
     * the first time, and not when records are read again after a crash. */
    [SQL_MERGE_PREDICTION] = "UPDATE ev_telemetry SET @assignments, revision = @revision,"
                             " status = @status WHERE @key AND (prediction_timestamp IS NULL OR"
                             " (prediction_timestamp < @when AND (@differences) AND"
                             " (model_version IS NULL OR model_version IS NOT @model)))",
    /* a key of another program in a form of its own is found by the place it was read from */
    [SQL_STORED_TIME] = "SELECT time FROM ev_telemetry WHERE revision = ?",
    [SQL_PUT_BY_REVISION] = "UPDATE ev_telemetry SET @assignments, revision = @revision,"
                            " status = @status WHERE @place",
    [SQL_PUT_UNREADABLE] = "UPDATE ev_telemetry SET prediction_timestamp = ?1,"
                           " prediction_note = ?2, revision = ?3 WHERE revision = ?4"
                           " AND prediction_timestamp IS NULL",
    [SQL_PUT_STANDING] = "INSERT INTO ev_battery (battery_id, predicted_time, predicted_seq)"
                         " VALUES (?1, ?2, ?3) ON CONFLICT (battery_id) DO UPDATE"
                         " SET predicted_time = ?2, predicted_seq = ?3 WHERE predicted_time IS NULL"
                         " OR (predicted_time, predicted_seq) < (?2, ?3)",
    [SQL_HEALTH] = "SELECT h.status, h.since, h.broken, h.time, h.predicted_time, h.arrived_at,"
                   " h.interval_s, h.predicted_at, h.prediction_interval_s, b.predicted_time"
                   " FROM (SELECT ?1 AS id) LEFT JOIN ev_health AS h ON h.battery_id = id"
                   " LEFT JOIN ev_battery AS b ON b.battery_id = id",
    [SQL_PUT_HEALTH] = "INSERT OR REPLACE INTO ev_health (battery_id, status, since, broken, time,"
                       " predicted_time, arrived_at, interval_s, predicted_at,"
                       " prediction_interval_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_PUT_POSITION] = "INSERT OR REPLACE INTO ev_position (source, position) VALUES (?, ?)",
    [SQL_POSITION] = "SELECT position FROM ev_position WHERE source = ?",
    [SQL_PUT_LETTER] =
        "INSERT INTO ev_dead_letter (received_at, source, place, status, reason, raw)"
        " VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_FORGET_LETTERS] = "DELETE FROM ev_dead_letter"
                           " WHERE id <= (SELECT max(id) FROM ev_dead_letter) - ?",
    [SQL_LIMITS] = "SELECT quantity, level, operator, \"limit\", kind = 'alert' FROM ev_threshold"
                   " WHERE kind <> 'display' ORDER BY rowid",
    [SQL_NEXT_ID] = "SELECT min(battery_id) FROM ev_telemetry WHERE battery_id > ?"
                    " AND instr(battery_id, char(0)) = 0",
    [SQL_CHUNK_END] = "SELECT time FROM ev_telemetry WHERE battery_id = ? AND time > ? AND time < ?"
                      " ORDER BY time LIMIT 1 OFFSET ?",
    [SQL_DELETE] = "DELETE FROM ev_telemetry WHERE battery_id = ?1 AND time > ?2 AND time <= ?3"
                   " AND time < ?4 AND created_at < ?4 AND revision <= ?5",
    /* the batteries that have waiting rows, found by jumping from each to the next in the index */
    [SQL_WAITING] =
        "WITH RECURSIVE battery (id) AS (SELECT min(battery_id) FROM ev_telemetry"
        " INDEXED BY ev_telemetry_unpredicted WHERE prediction_timestamp IS NULL UNION ALL"
        " SELECT (SELECT min(t.battery_id) FROM ev_telemetry AS t INDEXED BY"
        " ev_telemetry_unpredicted WHERE t.prediction_timestamp IS NULL AND t.battery_id > "
        "battery.id)"
        " FROM battery WHERE battery.id IS NOT NULL)"
        " SELECT id, (SELECT max(n.time) FROM ev_telemetry AS n INDEXED BY"
        " ev_telemetry_unpredicted WHERE n.battery_id = id AND n.prediction_timestamp IS NULL) AS "
        "newest"
        " FROM battery WHERE id IS NOT NULL ORDER BY newest DESC, id",
    [SQL_UNPREDICTED] = "SELECT @telemetry, revision FROM ev_telemetry INDEXED BY"
                        " ev_telemetry_unpredicted WHERE battery_id = ?"
                        " AND prediction_timestamp IS NULL ORDER BY time, seq",
#define WITH_STANDING                                                                              \
    " AS t LEFT JOIN ev_battery AS b ON b.battery_id = t.battery_id"                               \
    " LEFT JOIN ev_telemetry AS p ON p.battery_id = b.battery_id AND p.time = b.predicted_time"    \
    " AND p.seq = b.predicted_seq LEFT JOIN ev_health AS h ON h.battery_id = t.battery_id"
/* what stands for a battery beside its newest row; since when its oldest waiting row waits is asked
 * where the newest one waits */
#define STANDING                                                                                   \
    "@p.predictions, p.time, h.status, h.since, h.broken,"                                         \
    " max(t.created_at, coalesce(h.arrived_at, t.created_at)), h.interval_s,"                      \
    " max(coalesce(p.prediction_timestamp, h.predicted_at),"                                       \
    " coalesce(h.predicted_at, p.prediction_timestamp)), h.prediction_interval_s,"                 \
    " CASE WHEN t.prediction_timestamp IS NULL THEN (SELECT w.created_at FROM ev_telemetry AS w"   \
    " INDEXED BY ev_telemetry_unpredicted WHERE w.battery_id = t.battery_id"                       \
    " AND w.prediction_timestamp IS NULL ORDER BY w.time, w.seq LIMIT 1) END"
    [SQL_LATEST] = "SELECT @t.row, " STANDING " FROM (SELECT * FROM ev_telemetry"
                   " WHERE battery_id = ? ORDER BY time DESC, seq DESC LIMIT 1)" WITH_STANDING,
    [SQL_LATEST_ALL] = "SELECT @t.row, " STANDING " FROM latest_battery_status" WITH_STANDING
                       " ORDER BY t.battery_id",
    [SQL_OLDEST_ALL] =
        "WITH RECURSIVE battery (id) AS (SELECT min(battery_id) FROM ev_telemetry UNION ALL"
        " SELECT (SELECT min(n.battery_id) FROM ev_telemetry AS n WHERE n.battery_id > battery.id)"
        " FROM battery WHERE battery.id IS NOT NULL)"
        " SELECT @t.row FROM battery CROSS JOIN ev_telemetry AS t ON t.battery_id = battery.id"
        " AND (t.time, t.seq) = (SELECT n.time, n.seq FROM ev_telemetry AS n"
        " WHERE n.battery_id = battery.id AND n.time >= ?1 ORDER BY n.time, n.seq LIMIT 1)"
        " ORDER BY t.battery_id",
    [SQL_HISTORY] = "SELECT @row FROM ev_telemetry WHERE battery_id = ?1"
                    " AND time >= ?2 AND time <= ?3 AND (time, seq) < (?4, ?5)"
                    " AND (?6 = 0 OR @is_predicted) ORDER BY time DESC, seq DESC LIMIT ?7",
    [SQL_HISTORY_UP] = "SELECT @row FROM ev_telemetry WHERE battery_id = ?1"
                       " AND time >= ?2 AND time <= ?3 AND (time, seq) > (?4, ?5)"
                       " AND (?6 = 0 OR @is_predicted) ORDER BY time, seq LIMIT ?7",
    /* the first hour is not before ?2; times compare with hours as texts */
    [SQL_STATS] =
        "WITH part (" SUM_COLUMNS ") AS ("
        "SELECT " SUM_COLUMNS " FROM ev_hour WHERE battery_id = ?1 AND hour >= ?4 AND hour < ?5"
        " AND records IS NOT NULL"
        " UNION ALL SELECT " SUMS " FROM ev_telemetry WHERE battery_id = ?1 AND time >= ?2"
        " AND time <= min(?3, ?4)"
        " UNION ALL SELECT " SUMS " FROM ev_telemetry WHERE battery_id = ?1 AND time >= ?5"
        " AND time <= ?3"
        " UNION ALL SELECT " SUMS " FROM ev_hour AS h CROSS JOIN ev_telemetry AS t"
        " ON t.battery_id = h.battery_id AND t.time >= h.hour AND t.time < h.hour || '~'"
        " WHERE h.battery_id = ?1 AND h.hour >= ?4 AND h.hour < ?5 AND h.records IS NULL)"
        " SELECT sum(records), sum(sum_soc) / sum(n_soc), min(min_soc), max(max_soc),"
        " sum(sum_soh) / sum(n_soh), sum(sum_temperature) / sum(n_temperature),"
        " max(max_temperature), sum(sum_voltage) / sum(n_voltage),"
        " sum(sum_current) / sum(n_current), max(max_cycles), sum(sum_rul) / sum(n_rul),"
        " sum(sum_failure) / sum(n_failure) FROM part",
    [SQL_PREDICTED_HOURS] = "SELECT hour FROM ev_hour WHERE battery_id = ?1"
                            " AND hour >= substr(?2, 1, 13) AND hour <= substr(?3, 1, 13)"
                            " AND (records IS NULL OR predicted > 0) ORDER BY hour DESC",
    [SQL_HOUR_TOUCH] = "INSERT INTO ev_hour (battery_id, hour) VALUES (?1, ?2)"
                       " ON CONFLICT (battery_id, hour) DO UPDATE SET records = NULL"
                       " WHERE records IS NOT NULL",
    [SQL_HOUR_NEXT] = "SELECT battery_id, hour FROM ev_hour INDEXED BY ev_hour_unsummed"
                      " WHERE records IS NULL AND hour < ? ORDER BY hour LIMIT 1",
    [SQL_HOUR_SUM] = "INSERT OR REPLACE INTO ev_hour (battery_id, hour, " SUM_COLUMNS ") SELECT"
                     " ?1, ?2, " SUMS " FROM ev_telemetry WHERE battery_id = ?1 AND time >= ?2"
                     " AND time < ?2 || '~' RETURNING records",
    [SQL_HOUR_FORGET] = "DELETE FROM ev_hour WHERE battery_id = ? AND hour = ?",
#define THESE_HOURS                                                                                \
    " WHERE battery_id = ?1 AND hour >= substr(?2, 1, 13) AND hour <= substr(?3, 1, 13)"
    [SQL_HOURS_FORGET] =
        "DELETE FROM ev_hour" THESE_HOURS " AND NOT EXISTS (SELECT 1 FROM ev_telemetry AS t WHERE"
        " t.battery_id = ?1 AND t.time >= hour AND t.time < hour || '~')",
    [SQL_HOURS_TOUCH] = "UPDATE ev_hour SET records = NULL" THESE_HOURS " AND records IS NOT NULL",
    [SQL_CHANGES] =
        "SELECT @row FROM ev_telemetry WHERE revision > ? AND revision <= " SQLITE_MAX_REVISION_TEXT
        " ORDER BY revision LIMIT ?",
};

/* ---- marks ---- */

/* A missing value breaks no rule, in SQL as in C. The quantities of these kinds are parameters, the
 * others columns. One WHEN a rule: SQLite bounds the depth of OR. */
static void say_status(evtwin__text *sql, const sqlite_store *s, unsigned parameters) {
    evtwin__text_put(sql, "CASE ");
    for (int level = EVTWIN_HEALTH_CRITICAL; level > EVTWIN_HEALTH_NORMAL; level--) {
        for (size_t i = 0; i < s->limits.n; i++) {
            const evtwin__limit *limit = &s->limits.limit[i];
            const size_t q = (size_t)limit->q;
            char value[80], number[EVTWIN__NUM_SIZE];
            if (limit->level == level && limit->kind == EVTWIN_THRESHOLD_STATUS) {
                snprintf(value, sizeof value, "?%zu", q + 1);
                evtwin__format_f64(limit->limit, number);
                evtwin__sql_say(sql, "WHEN %s %c %s THEN '%s' ",
                                evtwin__is_of(q, parameters) ? value : evtwin__schema[q].name,
                                limit->is_below ? '<' : '>', number,
                                evtwin_health_name((evtwin_health)level));
            }
        }
    }
    /* an empty CASE is not SQL */
    evtwin__sql_say(sql, "WHEN 1 THEN '%s' END", evtwin_health_name(EVTWIN_HEALTH_NORMAL));
}

/* Marks that list quantities beside those of sql_text.h: what stands between two of them, and what
 * each gives: $ is its name, # its parameter, which for the status of a new row is what the limits
 * say. */
static const struct {
    const char *mark;
    unsigned kinds;
    int only_numbers;
    const char *separator, *form;
} lists[] = {
    {"params", EVTWIN__STORED, 0, ", ", "#"},
    {"assignments", EVTWIN__PREDICTIONS, 0, ", ", "$ = #"},
    {"new_values", EVTWIN__STORED, 1, "", " WHEN '$' THEN NEW.$"},
};
enum { N_LISTS = sizeof lists / sizeof lists[0] };

static void say_list(evtwin__text *sql, const sqlite_store *s, size_t list) {
    const char *separator = "";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, lists[list].kinds) ||
            (lists[list].only_numbers && !evtwin__quantity_is_number(q))) {
            continue;
        }
        evtwin__text_put(sql, separator);
        separator = lists[list].separator;
        for (const char *c = lists[list].form; *c != '\0'; c++) {
            if (*c == '$') {
                evtwin__text_put(sql, evtwin__schema[q].name);
            } else if (*c != '#') {
                evtwin__text_add(sql, c, 1);
            } else if (q == EVTWIN__Q_STATUS) {
                say_status(sql, s, EVTWIN__STORED);
            } else {
                evtwin__sql_say(sql, "?%zu", q + 1);
            }
        }
    }
}

static void say_differences(evtwin__text *sql) {
    const char *separator = "";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS) && q != EVTWIN__Q_PREDICTION_TIMESTAMP) {
            evtwin__sql_say(sql, "%s%s IS NOT ?%zu", separator, evtwin__schema[q].name, q + 1);
            separator = " OR ";
        }
    }
}

static void say_mark(evtwin__text *sql, const void *ctx, const char *mark, size_t length) {
    const sqlite_store *s = ctx;
    for (size_t i = 0; i < N_LISTS; i++) {
        if (evtwin__sql_is_mark(mark, length, lists[i].mark)) {
            say_list(sql, s, i);
            return;
        }
    }
    switch (mark[0]) {
    case 's':
        say_status(sql, s, EVTWIN__PREDICTIONS);
        break;
    case 'r':
        evtwin__sql_say(sql, "?%d", EVTWIN__Q_REVISION + 1);
        break;
    case 'p':
        evtwin__sql_say(sql, "revision = ?%d AND battery_id = ?%d AND seq = ?%d",
                        EVTWIN__Q_COUNT + 1, EVTWIN__Q_BATTERY_ID + 1, EVTWIN__Q_SEQ + 1);
        break;
    case 'w':
        evtwin__sql_say(sql, "?%d", EVTWIN__Q_PREDICTION_TIMESTAMP + 1);
        break;
    case 'm':
        evtwin__sql_say(sql, "?%d", EVTWIN__Q_MODEL_VERSION + 1);
        break;
    case 'd':
        say_differences(sql);
        break;
    default:
        evtwin__sql_say(sql, "battery_id = ?%d AND time = ?%d AND seq = ?%d",
                        EVTWIN__Q_BATTERY_ID + 1, EVTWIN__Q_TIME + 1, EVTWIN__Q_SEQ + 1);
        break;
    }
}

/* text with its marks replaced, and a NUL. */
static void write_sql(evtwin__text *sql, const sqlite_store *s, const char *text) {
    evtwin__sql_write(sql, text, say_mark, s);
    evtwin__text_add(sql, "", 1);
}

/* Prepare a text that ends with its NUL, or run it (out NULL); free it. */
static evtwin_status use_sql(evtwin__db *db, evtwin__text *sql, evtwin__stmt **out) {
    const evtwin_status st =
        sql->is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a statement on %s",
                                      evtwin__db_name(db))
        : out == NULL  ? evtwin__db_exec(db, sql->data)
                       : evtwin__stmt_prepare(db, sql->data, out);
    evtwin__text_free(sql);
    return st;
}

evtwin_status evtwin__sqlite_exec_marked(evtwin__db *db, const char *text) {
    evtwin__text sql = {.size = 0};
    write_sql(&sql, NULL, text);
    return use_sql(db, &sql, NULL);
}

/* The names of n columns from first on, each with prefix before it. */
static void name_columns(evtwin__text *sql, const evtwin__kept *kept, size_t first, size_t n,
                         const char *prefix) {
    for (size_t c = first; c < first + n; c++) {
        evtwin__sql_say(sql, "%s%s\"%s\"", c > first ? ", " : "", prefix, kept->column[c].name);
    }
}

/* A row in the place of that of its key; but not of one that is greater by the columns of its
 * order. */
static void write_put(evtwin__text *sql, const evtwin__kept *kept) {
    const size_t n_key = kept->n_required, n = kept->n_columns;
    evtwin__sql_say(sql, "INSERT %sINTO %s (", kept->n_ordered > 0 ? "" : "OR REPLACE ",
                    kept->sql_table);
    name_columns(sql, kept, 0, n, "");
    for (size_t c = 0; c < n; c++) {
        evtwin__text_put(sql, c == 0 ? ") VALUES (?" : ", ?");
    }
    evtwin__text_put(sql, ")");
    if (kept->n_ordered > 0) {
        evtwin__text_put(sql, " ON CONFLICT (");
        name_columns(sql, kept, 0, n_key, "");
        evtwin__text_put(sql, ") DO UPDATE SET (");
        name_columns(sql, kept, n_key, n - n_key, "");
        evtwin__text_put(sql, ") = (");
        name_columns(sql, kept, n_key, n - n_key, "excluded.");
        evtwin__text_put(sql, ") WHERE ((");
        name_columns(sql, kept, n_key, kept->n_ordered, "excluded.");
        evtwin__text_put(sql, ") < (");
        name_columns(sql, kept, n_key, kept->n_ordered, "");
        evtwin__text_put(sql, ")) IS NOT TRUE");
    }
}

static void write_get(evtwin__text *sql, const evtwin__kept *kept, evtwin__kept_use use) {
    evtwin__text_put(sql, "SELECT ");
    name_columns(sql, kept, 0, kept->n_columns, "");
    evtwin__sql_say(sql, " FROM %s", kept->sql_table);
    if (use == EVTWIN__KEPT_GET_ONE) {
        evtwin__sql_say(sql, " WHERE \"%s\" = ?", kept->column[0].name);
    }
    evtwin__sql_say(sql, " ORDER BY %s", kept->sql_order);
}

evtwin_status evtwin__sqlite_prepare_kept(evtwin__db *db, evtwin__kept_id which,
                                          evtwin__kept_use use, evtwin__stmt **out) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    evtwin__text sql = {.size = 0};
    if (use == EVTWIN__KEPT_PUT) {
        write_put(&sql, kept);
    } else {
        write_get(&sql, kept, use);
    }
    evtwin__text_add(&sql, "", 1);
    return use_sql(db, &sql, out);
}

static evtwin_status prepare(sqlite_store *s, sqlite_sql which) {
    evtwin__text sql = {.size = 0};
    write_sql(&sql, s, sql_texts[which]);
    return use_sql(s->db, &sql, &s->stmt[which]);
}

static evtwin_status ask(sqlite_store *s, sqlite_sql which, evtwin__stmt **out, const char *types,
                         va_list values) {
    const evtwin_status st = s->stmt[which] == NULL ? prepare(s, which) : EVTWIN_OK;
    evtwin__stmt *stmt = s->stmt[which];
    for (int i = 1; st >= 0 && types[i - 1] != '\0'; i++) {
        char time[EVTWIN_TIME_TEXT_SIZE];
        switch (types[i - 1]) {
        case 's':
            evtwin__stmt_bind_text(stmt, i, va_arg(values, const char *));
            break;
        case 'c':
            evtwin__stmt_bind_copy(stmt, i, va_arg(values, const char *));
            break;
        case 't':
            evtwin__sqlite_time(va_arg(values, int64_t), time);
            evtwin__stmt_bind_copy(stmt, i, time);
            break;
        default:
            evtwin__stmt_bind_i64(stmt, i, va_arg(values, int64_t));
            break;
        }
    }
    if (st >= 0) {
        *out = stmt;
    }
    return st;
}

evtwin_status evtwin__sqlite_ask(sqlite_store *s, sqlite_sql which, evtwin__stmt **out,
                                 const char *types, ...) {
    va_list values;
    va_start(values, types);
    const evtwin_status st = ask(s, which, out, types, values);
    va_end(values);
    return st;
}

evtwin_status evtwin__sqlite_run(sqlite_store *s, sqlite_sql which, const char *types, ...) {
    evtwin__stmt *stmt = NULL;
    va_list values;
    va_start(values, types);
    const evtwin_status st = ask(s, which, &stmt, types, values);
    va_end(values);
    return st < 0 ? st : evtwin__stmt_run(stmt);
}

/* ---- limits ---- */

evtwin_status evtwin__sqlite_use_limits(sqlite_store *s) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_LIMITS, &stmt, ""));
    evtwin_status st = EVTWIN_OK;
    evtwin__limits limits = {.n = 0};
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        int64_t is_alert = 0;
        evtwin__stmt_i64(stmt, 4, &is_alert);
        evtwin__limits_add(&limits, evtwin__stmt_text(stmt, 0), evtwin__stmt_text(stmt, 1),
                           evtwin__stmt_text(stmt, 2), evtwin__stmt_f64(stmt, 3), (int)is_alert);
    }
    evtwin__stmt_reset(stmt);
    if (st >= 0 && !evtwin__limits_are_equal(&limits, &s->limits)) {
        s->limits = limits;
        static const sqlite_sql judging[] = {SQL_INSERT, SQL_PUT_PREDICTION, SQL_MERGE_PREDICTION,
                                             SQL_PUT_BY_REVISION};
        for (size_t i = 0; i < sizeof judging / sizeof judging[0]; i++) {
            evtwin__stmt_free(s->stmt[judging[i]]);
            s->stmt[judging[i]] = NULL;
        }
    }
    return st < 0 ? st : EVTWIN_OK;
}

/* Years 0 to 9999: what the 27 characters of a stored time can say. */
void evtwin__sqlite_time(int64_t time_us, char text[EVTWIN_TIME_TEXT_SIZE]) {
    const int64_t clamped = time_us < EVTWIN__TIME_FIRST_US  ? EVTWIN__TIME_FIRST_US
                            : time_us > EVTWIN__TIME_LAST_US ? EVTWIN__TIME_LAST_US
                                                             : time_us;
    const evtwin_status st = evtwin_time_format(clamped, text, EVTWIN_TIME_TEXT_SIZE);
    assert(st == EVTWIN_OK);
    (void)st;
}
