/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_spool.c: rows a second that a pump takes through a spool into a store for good,
 * beside a loop that inserts the same rows with the same commit size by hand: SQLite always,
 * PostgreSQL where EVTWIN_TEST_POSTGRES names a database. The source gives COMMIT rows at a time,
 * each of which is a commit of the spool; a sink that is behind gets up to 4096 at once, the pump's
 * default. bench_spool [ROWS [COMMIT [RUNS]]] */

#include "bench.h"

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_POSTGRESQL
#include <libpq-fe.h>
#endif

enum { N_BATTERIES = 100 };

static const int64_t start_us = INT64_C(1704067200000000);
static char folder[] = "/var/tmp/evtwin-bench-XXXXXX";

/* ---- the rows ---- */

static double value_of(int64_t row, int col) {
    return 84.3 + 0.37 * (double)(row % 101) + col;
}

static void fill_rows(evtwin_table *table, int64_t first, size_t n) {
    static const char *const numbers[] = {"soc", "soh", "voltage", "current", "temperature"};
    const size_t at = evtwin_table_rows(table);
    check(evtwin_table_resize(table, at + n) == 0, "rows");
    const size_t time = evtwin_table_find(table, "time"), seq = evtwin_table_find(table, "seq");
    const size_t id = evtwin_table_find(table, "battery_id");
    int32_t code[N_BATTERIES];
    for (int i = 0; i < N_BATTERIES; i++) {
        char text[32];
        snprintf(text, sizeof text, "BATTERY_%03d", i + 1);
        check(evtwin_table_intern(table, id, text, &code[i]) == 0, "battery_id");
    }
    for (size_t k = 0; k < n; k++) {
        const int64_t i = first + (int64_t)k;
        check(evtwin_table_set_code(table, id, at + k, code[i % N_BATTERIES]) == 0 &&
                  evtwin_table_set_i64(table, time, at + k, start_us + i / N_BATTERIES * 2000000) ==
                      0 &&
                  evtwin_table_set_i64(table, seq, at + k, i / N_BATTERIES) == 0,
              "row");
    }
    for (int c = 0; c < 5; c++) {
        double *x = evtwin_table_f64_edit(table, evtwin_table_find(table, numbers[c]));
        for (size_t k = 0; k < n; k++) {
            x[at + k] = c < 2 ? (double)((first + (int64_t)k) % 100) + 0.5
                              : value_of(first + (int64_t)k, c);
        }
    }
}

/* ---- through a pump and a spool ---- */

typedef struct generator {
    int64_t next, n;
    size_t at_a_time;
} generator;

static evtwin_status read_generator(void *ctx, evtwin_source *source, size_t max_rows,
                                    int timeout_ms, evtwin_table *table) {
    generator *g = ctx;
    char position[32];
    (void)timeout_ms;
    if (g->next == g->n) {
        return EVTWIN_DONE;
    }
    const int64_t left = g->n - g->next;
    const size_t most = max_rows < g->at_a_time ? max_rows : g->at_a_time;
    const size_t n = left < (int64_t)most ? (size_t)left : most;
    fill_rows(table, g->next, n);
    g->next += (int64_t)n;
    snprintf(position, sizeof position, "%lld", (long long)g->next);
    return evtwin_source_set_position(source, position);
}

/* Seconds from the first row read until the last is in the store for good. */
static double bench_pump(const char *sink_uri, size_t n_rows, size_t per_commit, int run) {
    char path[256];
    generator g = {.n = (int64_t)n_rows, .at_a_time = per_commit};
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "generator:", .read = read_generator};
    evtwin_pump_options options;
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_spool *spool = NULL;
    evtwin_pump_options_init(&options, sizeof options);
    options.drain_s = 3600.0;
    snprintf(path, sizeof path, "%s/spool%d", folder, run);
    check(evtwin_pump_create(&options, &pump) == 0 &&
              evtwin_source_create(&callbacks, &g, &source) == 0 &&
              evtwin_pump_take_source(pump, source) == 0 &&
              evtwin_sink_open(sink_uri, &sink) == 0 && evtwin_pump_take_sink(pump, sink) == 0 &&
              evtwin_spool_open(path, NULL, &spool) == 0 &&
              evtwin_pump_take_spool(pump, spool) == 0,
          "pump");
    const double start_s = now_s();
    evtwin_status st;
    while ((st = evtwin_pump_run_once(pump, 1000, NULL)) == EVTWIN_OK || st == EVTWIN_E_AGAIN) {
    }
    check(st == EVTWIN_DONE, "run");
    const double accepted_s = now_s() - start_s;
    check(evtwin_pump_finish(pump) == 0, "finish");
    const double spent_s = now_s() - start_s;
    evtwin_pump_sink_stats stats;
    check(evtwin_pump_sink_stats_get(pump, 0, &stats, sizeof stats) == 0 &&
              stats.n_delivered == n_rows,
          "every row is delivered");
    evtwin_pump_free(pump);
    printf("  through a spool: %.0f rows/s accepted, %.0f rows/s delivered\n",
           (double)n_rows / accepted_s, (double)n_rows / spent_s);
    return spent_s;
}

/* ---- SQLite by hand ---- */

static void run_sql(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
}

static const char table_sql[] =
    "CREATE TABLE t (time TEXT, battery_id TEXT, soc REAL, soh REAL, voltage REAL, current REAL,"
    " temperature REAL, seq INTEGER, created_at TEXT, PRIMARY KEY (battery_id, time, seq))"
    " WITHOUT ROWID";

static void insert_by_hand(sqlite3 *db, sqlite3_stmt *insert, int64_t first, size_t n) {
    run_sql(db, "BEGIN IMMEDIATE");
    for (size_t k = 0; k < n; k++) {
        const int64_t row = first + (int64_t)k;
        char time[32], id[32];
        evtwin_time_format(start_us + row / N_BATTERIES * 2000000, time, sizeof time);
        snprintf(id, sizeof id, "BATTERY_%03d", (int)(row % N_BATTERIES) + 1);
        sqlite3_bind_text(insert, 1, time, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 2, id, -1, SQLITE_STATIC);
        for (int c = 0; c < 5; c++) {
            sqlite3_bind_double(insert, 3 + c, value_of(row, c));
        }
        sqlite3_bind_int64(insert, 8, row / N_BATTERIES);
        sqlite3_bind_text(insert, 9, time, -1, SQLITE_STATIC);
        check(sqlite3_step(insert) == SQLITE_DONE, "insert by hand");
        sqlite3_reset(insert);
    }
    run_sql(db, "COMMIT");
}

static double bench_sqlite_by_hand(size_t n_rows, size_t per_commit, int run) {
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    snprintf(path, sizeof path, "%s/plain%d.db", folder, run);
    check(sqlite3_open(path, &db) == SQLITE_OK, "plain");
    run_sql(db, "PRAGMA journal_mode = WAL");
    run_sql(db, "PRAGMA synchronous = FULL");
    run_sql(db, table_sql);
    check(sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &insert,
                             NULL) == SQLITE_OK,
          "plain");
    const double start_s = now_s();
    for (size_t i = 0; i < n_rows; i += per_commit) {
        insert_by_hand(db, insert, (int64_t)i, n_rows - i < per_commit ? n_rows - i : per_commit);
    }
    const double spent_s = now_s() - start_s;
    sqlite3_finalize(insert);
    sqlite3_close(db);
    printf("  by hand: %.0f rows/s\n", (double)n_rows / spent_s);
    return spent_s;
}

/* ---- PostgreSQL by hand: prepared INSERTs, which is what a loop is ---- */

#ifdef HAVE_POSTGRESQL
static void run_pg(PGconn *pg, PGresult *result) {
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK) {
        fprintf(stderr, "by hand: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    PQclear(result);
}

static double bench_postgres_by_hand(const char *uri, size_t n_rows, size_t per_commit) {
    PGconn *pg = PQconnectdb(uri);
    check(PQstatus(pg) == CONNECTION_OK, "connect by hand");
    run_pg(pg, PQexec(pg, "DROP TABLE IF EXISTS evtwin_bench_plain"));
    run_pg(pg, PQexec(pg, "CREATE TABLE evtwin_bench_plain (time timestamptz, battery_id text, soc"
                          " float8, soh float8, voltage float8, current float8, temperature float8,"
                          " seq int8, created_at timestamptz DEFAULT now(),"
                          " PRIMARY KEY (battery_id, time, seq))"));
    run_pg(pg, PQprepare(pg, "insert",
                         "INSERT INTO evtwin_bench_plain VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                         8, NULL));
    const double start_s = now_s();
    for (size_t i = 0; i < n_rows; i += per_commit) {
        run_pg(pg, PQexec(pg, "BEGIN"));
        for (size_t k = i; k < i + per_commit && k < n_rows; k++) {
            char text[8][32];
            const char *values[8];
            const int64_t row = (int64_t)k;
            evtwin_time_format(start_us + row / N_BATTERIES * 2000000, text[0], sizeof text[0]);
            snprintf(text[1], sizeof text[1], "BATTERY_%03d", (int)(row % N_BATTERIES) + 1);
            for (int c = 0; c < 5; c++) {
                snprintf(text[2 + c], sizeof text[0], "%.2f", value_of(row, c));
            }
            snprintf(text[7], sizeof text[7], "%lld", (long long)(row / N_BATTERIES));
            for (int c = 0; c < 8; c++) {
                values[c] = text[c];
            }
            run_pg(pg, PQexecPrepared(pg, "insert", 8, values, NULL, NULL, 0));
        }
        run_pg(pg, PQexec(pg, "COMMIT"));
    }
    const double spent_s = now_s() - start_s;
    run_pg(pg, PQexec(pg, "DROP TABLE evtwin_bench_plain"));
    PQfinish(pg);
    printf("  by hand: %.0f rows/s\n", (double)n_rows / spent_s);
    return spent_s;
}

static void bench_postgres(size_t n_rows, size_t per_commit, int run) {
    const char *uri = getenv("EVTWIN_TEST_POSTGRES");
    if (uri == NULL) {
        printf("PostgreSQL: skipped, EVTWIN_TEST_POSTGRES is not set\n");
        return;
    }
    printf("PostgreSQL\n");
    const double hand_s = bench_postgres_by_hand(uri, n_rows, per_commit);
    printf("  ratio %.2f\n", hand_s / bench_pump(uri, n_rows, per_commit, 1000 + run));
}
#else
static void bench_postgres(size_t n_rows, size_t per_commit, int run) {
    (void)n_rows;
    (void)per_commit;
    (void)run;
}
#endif

int main(int argc, char **argv) {
    const size_t n_rows = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 200000;
    const size_t per_commit = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1000;
    const int n_runs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 3;
    check(mkdtemp(folder) != NULL && per_commit > 0, folder);
    printf("%zu rows, %zu a commit, in %s\n", n_rows, per_commit, folder);
    for (int run = 0; run < n_runs; run++) {
        char uri[256];
        printf("SQLite\n");
        const double hand_s = bench_sqlite_by_hand(n_rows, per_commit, run);
        snprintf(uri, sizeof uri, "sqlite:%s/ours%d.db", folder, run);
        printf("  ratio %.2f\n", hand_s / bench_pump(uri, n_rows, per_commit, run));
        bench_postgres(n_rows, per_commit, run);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("largest resident set: %ld MiB\n", usage.ru_maxrss / 1024);
    printf("remove %s\n", folder);
    return 0;
}
#else
int main(void) {
    return 0;
}
#endif
