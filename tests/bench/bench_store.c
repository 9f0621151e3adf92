/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_store.c: rows per second into the store, beside a plain SQLite insert loop of
 * the same columns in the same run; and the time of the queries that a server asks. */

#include "bench.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

enum { N_BATTERIES = 100 };

static char folder[] = "/var/tmp/evtwin-bench-XXXXXX";

static void file_name(char *out, size_t size, const char *prefix, const char *name) {
    snprintf(out, size, "%s%s/%s", prefix, folder, name);
}

static void remove_database(const char *name) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-writers"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[256], full[300];
        file_name(path, sizeof path, "", name);
        snprintf(full, sizeof full, "%s%s", path, suffixes[i]);
        unlink(full);
    }
}

/* ---- the rows: a fleet that reports every 2 s ---- */

/* Start of the fleet; n_batteries rows have the same time. */
static int64_t time_of(int64_t i, int n_batteries) {
    return evtwin_time_now() / 1000000 * 1000000 - INT64_C(86400000000) + i / n_batteries * 2000000;
}

static evtwin_table *make_rows(int64_t first, size_t n, int n_batteries, int64_t start_us) {
    static const struct {
        const char *name;
        double value;
    } numbers[] = {{"soc", 84.3},
                   {"soh", 94.8},
                   {"voltage", 392.1},
                   {"current", 75.3},
                   {"temperature", 34.2},
                   {"power_consumption", 29525.13},
                   {"sim_time_s", 120.0},
                   {"resistance_mohm", 81},
                   {"mean_temperature", 27.1},
                   {"throughput_ah_per_day", 40.7}};
    evtwin_table *table = NULL;
    check(evtwin_telemetry_table_create(&table) == 0 && evtwin_table_resize(table, n) == 0, "rows");
    int64_t *time_us = evtwin_table_i64_edit(table, evtwin_table_find(table, "time"));
    int64_t *seq = evtwin_table_i64_edit(table, evtwin_table_find(table, "seq"));
    int64_t *cycles = evtwin_table_i64_edit(table, evtwin_table_find(table, "charge_cycles"));
    const size_t id = evtwin_table_find(table, "battery_id");
    const size_t charging = evtwin_table_find(table, "is_charging");
    for (size_t k = 0; k < n; k++) {
        const int64_t i = first + (int64_t)k;
        char text[32];
        snprintf(text, sizeof text, "BATTERY_%03d", (int)(i % n_batteries) + 1);
        check(evtwin_table_set_text(table, id, k, text) == 0, "battery_id");
        check(evtwin_table_set_bool(table, charging, k, 0) == 0, "is_charging");
        time_us[k] = start_us + i / n_batteries * 2000000;
        seq[k] = i / n_batteries;
        cycles[k] = 152;
    }
    for (size_t c = 0; c < sizeof numbers / sizeof numbers[0]; c++) {
        double *x = evtwin_table_f64_edit(table, evtwin_table_find(table, numbers[c].name));
        for (size_t k = 0; k < n; k++) {
            x[k] = numbers[c].value + 0.37 * (double)((first + (int64_t)k) % 101);
        }
    }
    return table;
}

/* ---- ours ---- */

static double bench_ours(size_t n_rows, size_t per_transaction) {
    char uri[256];
    remove_database("ours.db");
    file_name(uri, sizeof uri, "sqlite:", "ours.db");
    evtwin_store *store = NULL;
    check(evtwin_store_open(uri, NULL, &store) == 0, "open");
    const int64_t start_us = time_of(0, N_BATTERIES);
    double spent_s = 0.0;
    for (size_t i = 0; i < n_rows; i += per_transaction) {
        evtwin_table *rows = make_rows((int64_t)i, per_transaction, N_BATTERIES, start_us);
        const double start_s = now_s();
        check(evtwin_store_insert(store, rows, NULL, 0) == 0, "insert");
        spent_s += now_s() - start_s;
        evtwin_table_free(rows);
    }
    evtwin_store_free(store);
    return (double)n_rows / spent_s;
}

/* ---- the peer: one table, one prepared statement, bound values that are ready ---- */

static void run(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3 *open_plain(sqlite3_stmt **insert) {
    char path[256];
    sqlite3 *db = NULL;
    remove_database("plain.db");
    file_name(path, sizeof path, "", "plain.db");
    check(sqlite3_open(path, &db) == SQLITE_OK, "plain");
    run(db, "PRAGMA journal_mode = WAL");
    run(db, "PRAGMA synchronous = FULL");
    run(db, "CREATE TABLE t (time TEXT, battery_id TEXT, soc REAL, soh REAL, voltage REAL,"
            " current REAL, temperature REAL, charge_cycles INTEGER, power_consumption REAL,"
            " is_charging INTEGER, seq INTEGER, sim_time_s REAL, resistance_mohm REAL,"
            " mean_temperature REAL, throughput_ah_per_day REAL, rul_prediction REAL, rul_low REAL,"
            " rul_high REAL, failure_probability REAL, prediction_timestamp TEXT,"
            " prediction_note TEXT, model_version TEXT, created_at TEXT, revision INTEGER,"
            " PRIMARY KEY (battery_id, time, seq)) WITHOUT ROWID");
    check(sqlite3_prepare_v2(db,
                             "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                             " NULL, NULL, NULL, NULL, NULL, NULL, NULL, ?, ?)",
                             -1, insert, NULL) == SQLITE_OK,
          "plain");
    return db;
}

static double bench_plain(size_t n_rows, size_t per_transaction) {
    sqlite3_stmt *insert = NULL;
    sqlite3 *db = open_plain(&insert);
    const int64_t start_us = time_of(0, N_BATTERIES);
    double spent_s = 0.0;
    for (size_t i = 0; i < n_rows; i += per_transaction) {
        char time[32], created[32];
        check(evtwin_time_format(start_us, created, sizeof created) == 0, "time");
        const double start_s = now_s();
        run(db, "BEGIN IMMEDIATE");
        for (size_t k = 0; k < per_transaction; k++) {
            const int64_t row = (int64_t)(i + k);
            char id[32];
            if (row % N_BATTERIES == 0 || k == 0) {
                check(evtwin_time_format(start_us + row / N_BATTERIES * 2000000, time,
                                         sizeof time) == 0,
                      "time");
            }
            snprintf(id, sizeof id, "BATTERY_%03d", (int)(row % N_BATTERIES) + 1);
            sqlite3_bind_text(insert, 1, time, -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 2, id, -1, SQLITE_STATIC);
            for (int c = 3; c <= 15; c++) {
                sqlite3_bind_double(insert, c, 84.3 + 0.37 * (double)(row % 101) + c);
            }
            sqlite3_bind_int64(insert, 8, 152);
            sqlite3_bind_int64(insert, 10, 0);
            sqlite3_bind_int64(insert, 11, row / N_BATTERIES);
            sqlite3_bind_text(insert, 16, created, -1, SQLITE_STATIC);
            sqlite3_bind_int64(insert, 17, row + 1);
            check(sqlite3_step(insert) == SQLITE_DONE, "plain insert");
            sqlite3_reset(insert);
        }
        run(db, "COMMIT");
        spent_s += now_s() - start_s;
    }
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return (double)n_rows / spent_s;
}

/* ---- queries ---- */

static void bench_predict(size_t n_rows) {
    char uri[256];
    file_name(uri, sizeof uri, "sqlite:", "ours.db");
    evtwin_store *store = NULL;
    check(evtwin_store_open(uri, NULL, &store) == 0, "open");
    double read_s = 0.0, write_s = 0.0;
    size_t n = 0;
    while (n < n_rows) {
        evtwin_table *rows = NULL;
        size_t rul = 0;
        double start_s = now_s();
        check(evtwin_store_unpredicted(store, 10000, &rows) == EVTWIN_OK, "unpredicted");
        read_s += now_s() - start_s;
        check(evtwin_table_add_column(rows, "rul_prediction", EVTWIN_F64, "cycles", &rul) == 0 &&
                  evtwin_table_f64_edit(rows, rul) != NULL,
              "rul_prediction");
        for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
            evtwin_table_f64_edit(rows, rul)[i] = 640.0;
        }
        start_s = now_s();
        check(evtwin_store_put_predictions(store, rows, NULL, NULL) == 0, "predict");
        write_s += now_s() - start_s;
        n += evtwin_table_rows(rows);
        evtwin_table_free(rows);
    }
    printf("%-46s %10.0f rows/s\n", "unpredicted, 10,000 at a time", (double)n / read_s);
    printf("%-46s %10.0f rows/s\n", "predict, 10,000 at a time", (double)n / write_s);

    int64_t revision = 0;
    evtwin_table *changed = NULL;
    double start_s = now_s();
    check(evtwin_store_changes(store, 0, 10000, &changed, &revision) == EVTWIN_OK, "changes");
    printf("%-46s %10.0f rows/s\n", "changes, 10,000 at a time", 10000.0 / (now_s() - start_s));
    evtwin_table_free(changed);
    start_s = now_s();
    check(evtwin_store_history(store, "BATTERY_001", NULL, &changed) == EVTWIN_OK, "history");
    printf("%-46s %10.2f ms\n", "history, 1,000 rows", 1e3 * (now_s() - start_s));
    evtwin_table_free(changed);
    evtwin_store_free(store);
}

static void bench_fleet(int n_batteries, int n_each) {
    char uri[256];
    remove_database("fleet.db");
    file_name(uri, sizeof uri, "sqlite:", "fleet.db");
    evtwin_store *store = NULL;
    check(evtwin_store_open(uri, NULL, &store) == 0, "open");
    const int64_t start_us = time_of(0, n_batteries);
    double first_s = 0.0, insert_s = 0.0;
    for (int round = 0; round < n_each; round++) {
        evtwin_table *rows =
            make_rows((int64_t)round * n_batteries, (size_t)n_batteries, n_batteries, start_us);
        const double start_s = now_s();
        check(evtwin_store_insert(store, rows, NULL, 0) == 0, "insert");
        *(round == 0 ? &first_s : &insert_s) += now_s() - start_s;
        evtwin_table_free(rows);
    }
    printf("%-46s %10.1f ms, later ones %.1f ms\n", "fleet of 10,000: first round with its locks",
           1e3 * first_s, 1e3 * insert_s / (n_each - 1));
    double best_s = INFINITY, best_one_s = INFINITY;
    for (int i = 0; i < 5; i++) {
        evtwin_table *latest = NULL;
        double start_s = now_s();
        check(evtwin_store_latest(store, NULL, &latest, NULL) == EVTWIN_OK, "latest");
        best_s = fmin(best_s, now_s() - start_s);
        check(evtwin_table_rows(latest) == (size_t)n_batteries, "latest of all");
        evtwin_table_free(latest);
        start_s = now_s();
        check(evtwin_store_latest(store, "BATTERY_5000", &latest, NULL) == EVTWIN_OK,
              "latest of one");
        best_one_s = fmin(best_one_s, now_s() - start_s);
        evtwin_table_free(latest);
    }
    printf("%-46s %10.2f ms (%d rows in the table)\n", "list: latest row of 10,000 batteries",
           1e3 * best_s, n_batteries * n_each);
    printf("%-46s %10.3f ms\n", "latest row of one battery", 1e3 * best_one_s);
    evtwin_store_free(store);
}

int main(void) {
    static const struct {
        size_t n_rows, per_transaction;
    } cases[] = {{500, 1}, {100000, 1000}, {200000, 10000}};
    check(mkdtemp(folder) != NULL, "folder");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double plain = bench_plain(cases[i].n_rows, cases[i].per_transaction);
        const double ours = bench_ours(cases[i].n_rows, cases[i].per_transaction);
        printf(
            "insert, %5zu rows a transaction: store %8.0f rows/s, plain SQLite loop %8.0f rows/s,"
            " ratio %.2f\n",
            cases[i].per_transaction, ours, plain, ours / plain);
    }
    bench_predict(cases[2].n_rows);
    bench_fleet(10000, 20);
    remove_database("ours.db");
    remove_database("plain.db");
    remove_database("fleet.db");
    rmdir(folder);
    return 0;
}
