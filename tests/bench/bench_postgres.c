/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_postgres.c: rows per second into a PostgreSQL store, beside a COPY written by
 * hand of the same rows into the same table, in turn; and predictions. EVTWIN_TEST_POSTGRES names
 * an empty database of a superuser:
 *   tests/integration/servers.py run postgres -- build/release/tests/bench/bench_postgres [ROWS] */

#include "bench.h"

#include <string.h>

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("this build has no PostgreSQL");
    return 0;
}
#else

#include <libpq-fe.h>

enum { N_BATTERIES = 100 };

/* ---- the rows: a fleet that reports every 2 s ---- */

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
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

static int64_t start_us;

static evtwin_table *make_rows(const char *prefix, int64_t first, size_t n) {
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
        snprintf(text, sizeof text, "%s_%03d", prefix, (int)(i % N_BATTERIES) + 1);
        check(evtwin_table_set_text(table, id, k, text) == 0, "battery_id");
        check(evtwin_table_set_bool(table, charging, k, 0) == 0, "is_charging");
        time_us[k] = start_us + i / N_BATTERIES * 2000000;
        seq[k] = i / N_BATTERIES;
        cycles[k] = 152;
    }
    for (size_t c = 0; c < N_NUMBERS; c++) {
        double *x = evtwin_table_f64_edit(table, evtwin_table_find(table, numbers[c].name));
        for (size_t k = 0; k < n; k++) {
            x[k] = numbers[c].value + 0.037 * (double)((first + (int64_t)k) % 101);
        }
    }
    return table;
}

/* ---- the peer: one COPY a commit, every column of a row that has a value, and nothing else ----
 */

static const char peer_sql[] =
    "COPY ev_telemetry (time, battery_id, charge_cycles, is_charging, seq, soc, soh, voltage,"
    " current, temperature, power_consumption, sim_time_s, resistance_mohm, mean_temperature,"
    " throughput_ah_per_day, status, created_at, revision) FROM STDIN (FORMAT binary)";
enum { PEER_COLUMNS = 18, PEER_CHUNK = 65536, PEER_ROW = 400 };

static char peer_buffer[PEER_CHUNK + PEER_ROW];
static size_t peer_used;

static void put16(int v) {
    peer_buffer[peer_used++] = (char)(v >> 8);
    peer_buffer[peer_used++] = (char)v;
}

static void put32(uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(peer_buffer + peer_used, &v, 4);
    peer_used += 4;
}

static void put64(uint64_t v) {
    put32(8);
    v = __builtin_bswap64(v);
    memcpy(peer_buffer + peer_used, &v, 8);
    peer_used += 8;
}

static void put_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    put64(bits);
}

static void put_text(const char *text) {
    const size_t n = strlen(text);
    put32((uint32_t)n);
    memcpy(peer_buffer + peer_used, text, n);
    peer_used += n;
}

static void put_time(int64_t us) {
    put64((uint64_t)(us - INT64_C(946684800000000))); /* from 2000 on */
}

static void send_buffer(PGconn *pg, size_t from) {
    if (peer_used > from && PQputCopyData(pg, peer_buffer, (int)peer_used) != 1) {
        fprintf(stderr, "copy: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    peer_used = 0;
}

static void peer_check(PGconn *pg, PGresult *result, ExecStatusType expected) {
    if (PQresultStatus(result) != expected) {
        fprintf(stderr, "peer: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    PQclear(result);
}

/* What the store would begin with now. It is not counted as the peer's work; but rows with other
 * revisions would go into another part of the index, which takes longer. Asked on a connection of
 * its own, so that neither session is warmer than the other. */
static int64_t next_revision(PGconn *pg) {
    PGresult *result = PQexec(
        pg, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + transaction_offset"
            " FROM ev_revision");
    if (PQntuples(result) != 1) {
        fprintf(stderr, "peer: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    const int64_t revision = (int64_t)strtoll(PQgetvalue(result, 0, 0), NULL, 10) << 20;
    PQclear(result);
    return revision;
}

static void peer_insert(PGconn *pg, const evtwin_table *table, int64_t revision, int64_t now_us) {
    const size_t n = evtwin_table_rows(table), id = evtwin_table_find(table, "battery_id");
    const int64_t *time_us = evtwin_table_i64(table, evtwin_table_find(table, "time"));
    const int64_t *seq = evtwin_table_i64(table, evtwin_table_find(table, "seq"));
    const int64_t *cycles = evtwin_table_i64(table, evtwin_table_find(table, "charge_cycles"));
    const double *x[N_NUMBERS];
    for (size_t c = 0; c < N_NUMBERS; c++) {
        x[c] = evtwin_table_f64(table, evtwin_table_find(table, numbers[c].name));
    }
    peer_check(pg, PQexec(pg, peer_sql), PGRES_COPY_IN);
    memcpy(peer_buffer, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    peer_used = 19;
    for (size_t i = 0; i < n; i++) {
        put16(PEER_COLUMNS);
        put_time(time_us[i]);
        put_text(evtwin_table_text(table, id, i));
        put64((uint64_t)cycles[i]);
        put32(1);
        peer_buffer[peer_used++] = 0;
        put64((uint64_t)seq[i]);
        for (size_t c = 0; c < N_NUMBERS; c++) {
            put_f64(x[c][i]);
        }
        put_text("NORMAL");
        put_time(now_us);
        put64((uint64_t)(revision + (int64_t)i));
        if (peer_used >= PEER_CHUNK) {
            send_buffer(pg, 0);
        }
    }
    put16(-1);
    send_buffer(pg, 0);
    if (PQputCopyEnd(pg, NULL) != 1) {
        fprintf(stderr, "peer: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    peer_check(pg, PQgetResult(pg), PGRES_COMMAND_OK);
    PQclear(PQgetResult(pg));
}

/* ---- insert: commits in turn ---- */

enum { MAX_PAIRS = 4000 };

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, by_value);
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

static double insert_one(evtwin_store *store, PGconn *const pg[2], int is_ours, int64_t first,
                         size_t per_commit) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s%zu", is_ours ? "OURS" : "PEER", per_commit);
    evtwin_table *rows = make_rows(prefix, first, per_commit);
    const int64_t revision = next_revision(pg[1]);
    const double start_s = now_s();
    if (is_ours) {
        check(evtwin_store_insert(store, rows, NULL, 0) == 0, "insert");
    } else {
        peer_insert(pg[0], rows, revision, start_us);
    }
    const double s = now_s() - start_s;
    evtwin_table_free(rows);
    return s;
}

/* A commit of ours, one of the peer, then the other way round: what else runs on the machine and in
 * the server hits both. */
static void bench_insert(evtwin_store *store, PGconn *const pg[2], size_t n_rows,
                         size_t per_commit) {
    static double s[2][MAX_PAIRS], ratio[MAX_PAIRS];
    double sum[2] = {0.0, 0.0};
    const size_t n_pairs = n_rows / per_commit < MAX_PAIRS ? n_rows / per_commit : MAX_PAIRS;
    for (size_t i = 0; i < n_pairs; i++) {
        for (size_t turn = 0; turn < 2; turn++) {
            const size_t who = (turn + i) % 2;
            s[who][i] = insert_one(store, pg, who == 0, (int64_t)(i * per_commit), per_commit);
            sum[who] += s[who][i];
        }
        ratio[i] = s[1][i] / s[0][i];
    }
    const double n = (double)(n_pairs * per_commit), middle = median(ratio, n_pairs);
    printf("insert, %5zu rows a commit: %7.0f rows/s; COPY by hand %7.0f; ratio %.3f"
           " (median %.3f; of medians %.3f)\n",
           per_commit, n / sum[0], n / sum[1], sum[1] / sum[0], middle,
           median(s[1], n_pairs) / median(s[0], n_pairs));
}

/* ---- repeated rows, predictions ---- */

static void bench_repeated(evtwin_store *store, size_t n) {
    evtwin_table *rows = make_rows("OURS10000", 0, n);
    evtwin_insert_report report;
    const double start_s = now_s();
    check(evtwin_store_insert(store, rows, &report, sizeof report) == 0, "insert");
    printf("the same %zu rows again:    %8.0f rows/s (%zu repeated)\n", n,
           (double)n / (now_s() - start_s), report.n_repeated);
    evtwin_table_free(rows);
}

static void bench_predict(evtwin_store *store, size_t n_rows) {
    size_t n = 0, n_updated = 0;
    double s = 0.0;
    while (n < n_rows) {
        evtwin_table *rows = make_rows("OURS1000", (int64_t)n, 4096);
        size_t rul, note;
        check(evtwin_table_add_column(rows, "rul_prediction", EVTWIN_F64, "cycles", &rul) == 0 &&
                  evtwin_table_add_column(rows, "failure_probability", EVTWIN_F64, "", &note) == 0,
              "columns");
        for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
            check(evtwin_table_set_f64(rows, rul, i, 500.0 + (double)(i % 300)) == 0 &&
                      evtwin_table_set_f64(rows, note, i, 0.1) == 0,
                  "prediction");
        }
        const double start_s = now_s();
        check(evtwin_store_put_predictions(store, rows, NULL, &n_updated) == 0, "predictions");
        s += now_s() - start_s;
        check(n_updated == evtwin_table_rows(rows), "all rows are there");
        n += evtwin_table_rows(rows);
        evtwin_table_free(rows);
    }
    printf("predictions, 4096 a commit: %8.0f rows/s\n", (double)n / s);
}

int main(int argc, char **argv) {
    const char *uri = getenv("EVTWIN_TEST_POSTGRES");
    const size_t n_rows = argc > 1 ? (size_t)atol(argv[1]) : 200000;
    if (uri == NULL) {
        puts("EVTWIN_TEST_POSTGRES is not set");
        return 0;
    }
    evtwin_store *store = NULL;
    check(evtwin_store_open(uri, NULL, &store) == 0, "open");
    PGconn *pg[2]; /* the peer's, and one to look with */
    for (size_t i = 0; i < 2; i++) {
        pg[i] = PQconnectdb(uri);
        if (PQstatus(pg[i]) != CONNECTION_OK) {
            fprintf(stderr, "%s\n", PQerrorMessage(pg[i]));
            return 1;
        }
    }
    PQclear(PQexec(pg[0], "SET evtwin.writer = 'on'")); /* no triggers, as ours */
    start_us = evtwin_time_now() / 1000000 * 1000000 - INT64_C(86400000000);
    bench_insert(store, pg, n_rows / 4, 100);
    bench_insert(store, pg, n_rows, 1000);
    bench_insert(store, pg, n_rows, 10000);
    bench_repeated(store, 10000);
    bench_predict(store, n_rows / 2);
    PQfinish(pg[0]);
    PQfinish(pg[1]);
    evtwin_store_free(store);
    return 0;
}
#endif
