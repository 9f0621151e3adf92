/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_recall.c: what a predictor of a group reads of a store's states when the group
 * changes: those of the batteries of a batch, beside all that there are.
 *
 *     bench_recall MODELS [N [URI]]   models of recipe history; N states (200,000); a store that is
 *                                     not there yet (sqlite: in a temporary folder)
 */

#include "bench.h"

#include <sys/resource.h>
#include <unistd.h>

enum { N_STATES = 200000, BATCH = 4096, PART = 20000 };

static const char *id_of(int i) {
    static char id[32];
    snprintf(id, sizeof id, "BATTERY_%07d", i);
    return id;
}

static double peak_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static evtwin_session *session_of(const evtwin_predictor *predictor, size_t n) {
    evtwin_session_options options;
    evtwin_session *session = NULL;
    evtwin_session_options_init(&options, sizeof options);
    options.max_batteries = n > options.max_batteries ? n : options.max_batteries;
    check(evtwin_session_create(predictor, &options, &session) == 0, "session");
    return session;
}

/* A state as a battery has it after 50 rows. */
static evtwin_table *real_state(const evtwin_predictor *predictor) {
    evtwin_session *session = session_of(predictor, 1);
    evtwin_table *rows = bench_rows(BENCH_BATTERIES * 50), *states = NULL, *one = NULL;
    const size_t first = 0;
    check(evtwin_session_apply(session, rows) == 0, "apply");
    check(evtwin_session_pending(session, &states) == 0, "pending");
    check(evtwin_table_select(states, &first, 1, &one) == 0, "select");
    evtwin_session_free(session);
    evtwin_table_free(rows);
    evtwin_table_free(states);
    return one;
}

/* Of batteries from first on, each in that state. */
static evtwin_table *states_of(const evtwin_table *one, int first, int n) {
    evtwin_table *states = NULL;
    size_t *rows = calloc((size_t)n, sizeof *rows);
    check(rows != NULL && evtwin_table_select(one, rows, (size_t)n, &states) == 0, "states");
    for (int i = 0; i < n; i++) {
        check(evtwin_table_set_text(states, evtwin_table_find(states, "battery_id"), (size_t)i,
                                    id_of(first + i)) == 0,
              "id");
    }
    free(rows);
    return states;
}

static void fill(evtwin_store *store, const evtwin_table *one, int n) {
    const size_t none = 0;
    for (int first = 0; first < n; first += PART) {
        evtwin_table *no_rows = NULL;
        evtwin_table *states = states_of(one, first, first + PART < n ? PART : n - first);
        check(evtwin_table_select(states, &none, 0, &no_rows) == 0, "no rows");
        check(evtwin_store_put_predictions(store, no_rows, states, NULL) == 0, "put");
        evtwin_table_free(no_rows);
        evtwin_table_free(states);
    }
}

/* Read and restore; wanted NULL: all. */
static double read_once(evtwin_store *store, const evtwin_predictor *predictor,
                        const evtwin_table *wanted, int n) {
    const double begin_s = now_s();
    evtwin_session *session = session_of(predictor, (size_t)n);
    evtwin_table *states = NULL;
    check((wanted != NULL ? evtwin_store_states_of(store, wanted, &states)
                          : evtwin_store_states(store, &states)) == 0,
          "states");
    check(evtwin_session_restore(session, states) == 0, "restore");
    const double took_s = now_s() - begin_s;
    printf("%s %7zu states: %6.3f s, at most %4.0f MB of memory so far\n",
           wanted != NULL ? "a batch," : "all,    ", evtwin_session_batteries(session), took_s,
           peak_mb());
    evtwin_table_free(states);
    evtwin_session_free(session);
    return took_s;
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/evtwin-bench-XXXXXX", uri[512] = "";
    const int n = argc > 2 ? atoi(argv[2]) : N_STATES;
    evtwin_predictor *predictor = NULL;
    evtwin_store *store = NULL;
    if (argc < 2) {
        printf("bench_recall MODELS [N [URI]]: models of recipe history are needed\n");
        return 0;
    }
    if (argc <= 3) {
        check(mkdtemp(folder) != NULL, folder);
        snprintf(uri, sizeof uri, "sqlite:%s/bench.db", folder);
    }
    check(evtwin_predictor_load(argv[1], &predictor) == 0, argv[1]);
    check(evtwin_store_open(argc > 3 ? argv[3] : uri, NULL, &store) == 0, "store");
    evtwin_table *one = real_state(predictor);
    fill(store, one, n);
    evtwin_table *batch = states_of(one, n / 2, n / 2 < BATCH ? n / 2 : BATCH);
    const double batch_s = read_once(store, predictor, batch, n);
    const double all_s = read_once(store, predictor, NULL, n);
    printf("all take %.0f times as long\n", all_s / batch_s);
    evtwin_table_free(batch);
    evtwin_table_free(one);
    evtwin_store_free(store);
    evtwin_predictor_free(predictor);
    if (argc <= 3) {
        char command[600];
        snprintf(command, sizeof command, "rm -r %s", folder);
        return system(command) != 0;
    }
    return 0;
}
