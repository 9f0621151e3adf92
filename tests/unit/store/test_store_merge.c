/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_merge.c: rows that come twice, once with a prediction: whoever comes
 * first or last, the telemetry is the first one's and the prediction that of the newest model. */

#include "store_kinds.h"
#include "store_rows.h"

#include <sys/wait.h>
#include <time.h>

static int open_fresh(void **state) {
    *state = open_store(scratch_uri());
    return 0;
}

static int close_store(void **state) {
    evtwin_store_free(*state);
    return 0;
}

/* Row `second` of battery A, with a prediction made that many seconds after t0, or (NaN rul) a
 * note.
 */
static evtwin_table *predicted_row(int64_t second, double rul, int64_t predicted_second) {
    evtwin_table *table = some_rows("A", second, 1);
    add_prediction_columns(table);
    assert_ok(evtwin_table_add_column(table, "prediction_timestamp", EVTWIN_TIME, "", NULL));
    if (isnan(rul)) {
        assert_ok(evtwin_table_set_text(table, need(table, "prediction_note"), 0, "unknown"));
    } else {
        set_prediction(table, 0, rul, 0.8);
    }
    assert_ok(evtwin_table_set_i64(table, need(table, "prediction_timestamp"), 0,
                                   t0 + predicted_second * SECOND));
    return table;
}

/* The same, by another model. */
static evtwin_table *row_predicted_by(const char *model, int64_t second, double rul,
                                      int64_t predicted_second) {
    evtwin_table *table = predicted_row(second, rul, predicted_second);
    assert_ok(evtwin_table_set_text(table, need(table, "model_version"), 0, model));
    return table;
}

static evtwin_table *newest(evtwin_store *store) {
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_latest(store, "A", &rows, NULL), EVTWIN_OK);
    return rows;
}

static void assert_rul(evtwin_store *store, double rul) {
    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "rul_prediction", 0), rul, 0);
    evtwin_table_free(rows);
}

static int64_t last_revision(evtwin_store *store) {
    evtwin_table *rows = newest(store);
    const int64_t revision = i64_at(rows, "revision", 0);
    evtwin_table_free(rows);
    return revision;
}

static void a_prediction_fills_what_is_empty(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 1, 1));
    const int64_t before = last_revision(store);
    const evtwin_insert_report report = insert_new(store, predicted_row(1, 321.0, 5));
    assert_int_equal(report.n_inserted, 0);
    assert_int_equal(report.n_repeated, 1);

    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "rul_prediction", 0), 321.0, 0);
    assert_true(i64_at(rows, "prediction_timestamp", 0) == t0 + 5 * SECOND);
    assert_string_equal(text_at(rows, "status", 0), "CRITICAL"); /* 0.8 > 0.7 */
    assert_true(i64_at(rows, "revision", 0) > before);
    evtwin_table_free(rows);
    assert_int_equal(count(store), 1);

    /* it waits no longer, is news, and is the battery's latest prediction and health */
    evtwin_table *waiting = NULL, *current = NULL, *changes = NULL;
    int64_t revision = 0;
    assert_int_equal(evtwin_store_unpredicted(store, 10, &waiting), EVTWIN_DONE);
    assert_int_equal(evtwin_store_changes(store, before, 10, &changes, &revision), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(changes), 1);
    assert_int_equal(evtwin_store_latest(store, "A", &rows, &current), EVTWIN_OK);
    assert_true(i64_at(current, "predicted_time", 0) == t0 + SECOND);
    assert_string_equal(text_at(current, "health", 0), "CRITICAL");
    evtwin_table_free(changes);
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

static void the_newer_prediction_stays(void **state) {
    evtwin_store *store = *state;
    insert_new(store, predicted_row(1, 300.0, 5));
    insert_new(store, row_predicted_by("b", 1, 299.0, 4));
    assert_rul(store, 300.0);
    insert_new(store, row_predicted_by("b", 1, 298.0, 5));
    assert_rul(store, 300.0);
    insert_new(store, row_predicted_by("b", 1, 301.0, 6));
    assert_rul(store, 301.0);

    /* an unknown replaces it whole, and does not improve health */
    insert_new(store, predicted_row(1, NAN, 7));
    evtwin_table *rows = NULL, *current = NULL;
    assert_int_equal(evtwin_store_latest(store, "A", &rows, &current), EVTWIN_OK);
    assert_false(has(rows, "rul_prediction", 0));
    assert_false(has(rows, "model_version", 0));
    assert_string_equal(text_at(rows, "prediction_note", 0), "unknown");
    assert_string_equal(text_at(rows, "status", 0), "NORMAL");
    assert_string_equal(text_at(current, "health", 0), "CRITICAL");
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

/* Records that are read again after a crash are predicted without what came before them. */
static void of_one_model_the_first_prediction_stays(void **state) {
    evtwin_store *store = *state;
    insert_new(store, row_predicted_by("a", 1, 300.0, 5));
    const int64_t revision = last_revision(store);
    insert_new(store, row_predicted_by("a", 1, 310.0, 6));
    assert_rul(store, 300.0);
    assert_true(last_revision(store) == revision);

    evtwin_table *both = row_predicted_by("a", 2, 290.0, 7);
    evtwin_table *again = row_predicted_by("a", 1, 320.0, 7); /* with a new row in its batch */
    assert_ok(evtwin_table_append(both, again));
    evtwin_table_free(again);
    assert_int_equal(insert_new(store, both).n_inserted, 1);
    assert_rul(store, 290.0);
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_history(store, "A", NULL, &rows), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(rows), 2);
    assert_near(number_at(rows, "rul_prediction", 1), 300.0, 0);
    evtwin_table_free(rows);
}

static void a_retry_changes_nothing(void **state) {
    evtwin_store *store = *state;
    evtwin_table *table = predicted_row(1, 300.0, 5);
    insert(store, table);
    const int64_t revision = last_revision(store);
    assert_int_equal(insert(store, table).n_repeated, 1);
    assert_true(last_revision(store) == revision);

    /* nor does the same prediction made later */
    assert_ok(evtwin_table_set_missing(table, need(table, "prediction_timestamp"), 0));
    insert_new(store, table);
    evtwin_table *rows = newest(store);
    assert_true(i64_at(rows, "revision", 0) == revision);
    assert_true(i64_at(rows, "prediction_timestamp", 0) == t0 + 5 * SECOND);
    evtwin_table_free(rows);
}

static void a_row_without_a_prediction_takes_none_away(void **state) {
    evtwin_store *store = *state;
    insert_new(store, predicted_row(1, 300.0, 5));
    insert_new(store, some_rows("A", 1, 1));
    assert_rul(store, 300.0);
}

static void the_first_telemetry_stays(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 1, 1));
    evtwin_table *table = predicted_row(1, 300.0, 5);
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 0, 3.0));
    const evtwin_insert_report report = insert_new(store, table);
    assert_int_equal(report.n_conflicting, 1);
    assert_int_equal(report.n_repeated, 0);
    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "soc", 0), 84.999, 0);
    assert_near(number_at(rows, "rul_prediction", 0), 300.0, 0);
    evtwin_table_free(rows);
}

/* The same key twice in one table, and a mixture of new and old rows. */
static void a_batch_may_repeat_itself(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 2, 3));
    evtwin_table *table = some_rows("A", 0, 6); /* 0 1 new, 2 3 4 repeated, 5 new */
    add_row(table, "A", t0 + 5 * SECOND, 5);
    add_row(table, "A", t0 + 1 * SECOND, 1);
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 7, 50.0));
    add_prediction_columns(table);
    set_prediction(table, 2, 222.0, 0.1);
    set_prediction(table, 5, 555.0, 0.1);
    const evtwin_insert_report report = insert_new(store, table);
    assert_int_equal(report.n_inserted, 3);
    assert_int_equal(report.n_repeated, 4);
    assert_int_equal(report.n_conflicting, 1);
    assert_int_equal(count(store), 6);
    assert_rul(store, 555.0);
}

/* ---- writer locks ---- */

static void those_who_share_take_no_writer_lock(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", fresh_uri("shared.db"));
    evtwin_store *first = open_store(uri), *second = open_store(uri), *shared = NULL;
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.shares_batteries = 1;
    assert_ok(evtwin_store_open(uri, &options, &shared));
    evtwin_table *table = some_rows("A", 0, 2);
    insert_new(shared, some_rows("A", 0, 1));
    assert_int_equal(insert(first, table).n_inserted, 1);
    assert_fails(evtwin_store_insert(second, table, NULL, 0), EVTWIN_E_BUSY, "battery A");
    assert_int_equal(insert(shared, table).n_repeated, 2);
    evtwin_store_free(first);
    assert_int_equal(insert(second, table).n_repeated, 2);
    evtwin_table_free(table);
    evtwin_store_free(second);
    evtwin_store_free(shared);
}

/* ---- two writers of the same rows ---- */

enum { N_BATCHES = 30, BATCH_ROWS = 60, N_ROWS = N_BATCHES * BATCH_ROWS };

/* In a child: the exit code tells. Somebody else at the same rows may make a call wait or fail for
 * now, never for good. */
static void insert_until_done(evtwin_store *store, const evtwin_table *rows) {
    evtwin_status st;
    while ((st = evtwin_store_insert(store, rows, NULL, 0)) == EVTWIN_E_AGAIN) {
    }
    if (st < 0) {
        fprintf(stderr, "child: %s\n", evtwin_last_error());
        _exit(3);
    }
}

/* Three batteries, whose rows stand in another order in each child's batches. */
static evtwin_table *batch_of(int64_t batch, int is_predicted) {
    static const char *const ids[2][3] = {{"A", "B", "C"}, {"C", "A", "B"}};
    evtwin_table *table = empty_rows();
    for (int64_t i = 0; i < BATCH_ROWS / 3; i++) {
        for (int k = 0; k < 3; k++) {
            const int64_t seq = batch * BATCH_ROWS / 3 + i;
            add_row(table, ids[is_predicted][k], t0 + seq * SECOND, seq);
        }
    }
    if (is_predicted) {
        add_prediction_columns(table);
        for (size_t i = 0; i < evtwin_table_rows(table); i++) {
            set_prediction(table, i, (double)i64_at(table, "seq", i), 0.5);
        }
    }
    return table;
}

/* One gives telemetry and takes the writer locks, the other the same rows with their predictions,
 * as who predicts from a topic does. */
static pid_t start_writer(const char *uri, int is_predicted) {
    const pid_t child = fork();
    if (child != 0) {
        return child;
    }
    alarm(250);
    evtwin_store_options options;
    evtwin_store *store = NULL;
    evtwin_store_options_init(&options, sizeof options);
    options.shares_batteries = is_predicted;
    options.busy_timeout_ms = 60000;
    if (evtwin_store_open(uri, &options, &store) != EVTWIN_OK) {
        fprintf(stderr, "child: %s\n", evtwin_last_error());
        _exit(2);
    }
    for (int64_t batch = 0; batch < N_BATCHES; batch++) {
        evtwin_table *rows = batch_of(batch, is_predicted);
        insert_until_done(store, rows);
        evtwin_table_free(rows);
    }
    evtwin_store_free(store);
    _exit(0);
}

/* Reads the feed until every row was seen predicted; 0 if that takes too long. */
static int follow_until_predicted(evtwin_store *store) {
    static char predicted[3][N_ROWS];
    const time_t end = time(NULL) + 120;
    int64_t after = 0;
    size_t n = 0;
    memset(predicted, 0, sizeof predicted);
    while (n < N_ROWS && time(NULL) < end) {
        evtwin_table *rows = NULL;
        const int64_t before = after;
        if (evtwin_store_changes(store, after, 97, &rows, &after) != EVTWIN_OK) {
            continue;
        }
        for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
            char *seen =
                &predicted[text_at(rows, "battery_id", i)[0] - 'A'][i64_at(rows, "seq", i)];
            assert_true(i64_at(rows, "revision", i) > before);
            assert_false(*seen); /* nothing follows the prediction of a row */
            if (has(rows, "rul_prediction", i)) {
                assert_near(number_at(rows, "rul_prediction", i), (double)i64_at(rows, "seq", i),
                            0);
                *seen = 1;
                n++;
            }
            assert_near(number_at(rows, "soh", i), 95.25, 0);
        }
        evtwin_table_free(rows);
    }
    return n == N_ROWS;
}

static void two_writers_of_one_row_agree(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", fresh_uri("both.db"));
    evtwin_store *store = open_store(uri);
    const pid_t child[2] = {start_writer(uri, 0), start_writer(uri, 1)};
    const int is_complete = follow_until_predicted(store);
    for (int i = 0; i < 2; i++) {
        int status = -1;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_true(is_complete);
    assert_int_equal(count(store), N_ROWS);
    evtwin_table *waiting = NULL;
    assert_int_equal(evtwin_store_unpredicted(store, 10, &waiting), EVTWIN_DONE);
    evtwin_store_free(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fresh, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_prediction_fills_what_is_empty),
        TEST(the_newer_prediction_stays),
        TEST(of_one_model_the_first_prediction_stays),
        TEST(a_retry_changes_nothing),
        TEST(a_row_without_a_prediction_takes_none_away),
        TEST(the_first_telemetry_stays),
        TEST(a_batch_may_repeat_itself),
        cmocka_unit_test(those_who_share_take_no_writer_lock),
        cmocka_unit_test(two_writers_of_one_row_agree),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
