/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_kept.c: what a store keeps beside rows: standing predictions, states
 * of sessions, positions of sources, limits. */

#include "store_kinds.h"
#include "store_rows.h"

#include "store/backend.h"

static int open_fresh(void **state) {
    *state = open_store(scratch_uri());
    return 0;
}

static int close_store(void **state) {
    evtwin_store_free(*state);
    return 0;
}

/* ---- dead letters ---- */

static evtwin_letter letter(const char *raw, size_t raw_size) {
    return (evtwin_letter){.size = sizeof(evtwin_letter),
                           .received_us = t0,
                           .source = "jsonl:in",
                           .place = "in:7",
                           .status = EVTWIN_E_RANGE,
                           .reason = "seq is negative",
                           .raw = raw,
                           .raw_size = raw_size};
}

static void letters_are_kept_as_they_came(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", fresh_uri("letters.db"));
    evtwin_store *store = open_store(uri);
    const evtwin_letter three[] = {letter("a\0b", 3), letter("\xff", 1), letter(NULL, 0)};
    assert_ok(evtwin_store_put_letters(store, three, 3));
    assert_int_equal(
        ask_sql(uri, "SELECT count(*) FROM ev_dead_letter WHERE source = 'jsonl:in' AND place ="
                     " 'in:7' AND status = 'EVTWIN_E_RANGE' AND reason = 'seq is negative' AND"
                     " received_at = (SELECT min(received_at) FROM ev_dead_letter)"),
        3);
    assert_int_equal(ask_sql(uri, on_postgres()
                                      ? "SELECT count(*) FROM ev_dead_letter WHERE"
                                        " encode(raw, 'hex') IN ('610062', 'ff', '')"
                                      : "SELECT count(*) FROM ev_dead_letter WHERE typeof(raw) ="
                                        " 'blob' AND hex(raw) IN ('610062', 'FF', '')"),
                     3);
    evtwin_letter bad[] = {letter("x", 1), letter("y", 1)};
    bad[1].reason = NULL;
    assert_fails(evtwin_store_put_letters(store, bad, 2), EVTWIN_E_ARG, "2");
    assert_int_equal(ask_sql(uri, "SELECT count(*) FROM ev_dead_letter"), 3);
    evtwin_store_free(store);
}

static void the_newest_letters_stay(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", fresh_uri("many.db"));
    evtwin_store *store = open_store(uri);
    enum { N = EVTWIN__MAX_LETTERS + 5 };
    evtwin_letter *letters = calloc(N, sizeof *letters);
    assert_non_null(letters);
    for (size_t i = 0; i < N; i++) {
        letters[i] = letter(i < 5 ? "old" : "new", 3);
    }
    assert_ok(evtwin_store_put_letters(store, letters, N));
    free(letters);
    assert_int_equal(ask_sql(uri, "SELECT count(*) FROM ev_dead_letter"), EVTWIN__MAX_LETTERS);
    assert_int_equal(
        ask_sql(uri, on_postgres() ? "SELECT count(*) FROM ev_dead_letter WHERE raw = 'old'"
                                   : "SELECT count(*) FROM ev_dead_letter WHERE raw = x'6f6c64'"),
        0);
    evtwin_store_free(store);
}

/* ---- standing predictions ---- */

/* Predict rows first to first + n - 1 of a battery; rul tells the row. */
static evtwin_table *predicted(const char *id, int64_t first, size_t n) {
    evtwin_table *rows = some_rows(id, first, n);
    add_prediction_columns(rows);
    for (size_t i = 0; i < n; i++) {
        set_prediction(rows, i, 100.0 + (double)first + (double)i, 0.25);
    }
    return rows;
}

static void put_predicted(evtwin_store *store, const char *id, int64_t first, size_t n) {
    evtwin_table *rows = predicted(id, first, n);
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);
}

/* seq of the standing prediction of a battery, -1 if it has none. */
static int64_t standing(evtwin_store *store, const char *id) {
    evtwin_table *rows = NULL, *current = NULL;
    assert_ok(evtwin_store_latest(store, id, &rows, &current));
    assert_int_equal(evtwin_table_rows(current), evtwin_table_rows(rows));
    int64_t seq = -1;
    if (has(current, "predicted_time", 0)) {
        seq = (i64_at(current, "predicted_time", 0) - t0) / SECOND;
        if (has(current, "rul_prediction", 0)) {
            assert_near(number_at(current, "rul_prediction", 0), 100.0 + (double)seq, 0);
        }
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    return seq;
}

static void test_a_prediction_stands_until_a_newer_one(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 10));
    assert_int_equal(standing(store, "A"), -1);
    put_predicted(store, "A", 3, 2);
    assert_int_equal(standing(store, "A"), 4);
    put_predicted(store, "A", 0, 3); /* late: changes nothing */
    assert_int_equal(standing(store, "A"), 4);
    insert_new(store, some_rows("A", 10, 50)); /* it goes on standing, however many rows wait */
    assert_int_equal(standing(store, "A"), 4);

    /* a row that comes with its prediction, and one with a reason for having none */
    insert_new(store, predicted("A", 60, 1));
    assert_int_equal(standing(store, "A"), 60);
    evtwin_table *rows = some_rows("A", 59, 1);
    add_prediction_columns(rows);
    assert_ok(evtwin_table_set_text(rows, need(rows, "prediction_note"), 0, "unknown, because"));
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    assert_int_equal(standing(store, "A"), 60);
    evtwin_table_free(rows);

    /* rows of several batteries in any order */
    insert_new(store, some_rows("B", 0, 4));
    rows = empty_rows();
    add_prediction_columns(rows);
    static const struct {
        const char *id;
        int64_t seq;
    } mixed[] = {{"B", 2}, {"A", 20}, {"B", 1}, {"A", 8}, {"B", 0}};
    for (size_t i = 0; i < 5; i++) {
        add_row(rows, mixed[i].id, t0 + mixed[i].seq * SECOND, mixed[i].seq);
        set_prediction(rows, i, 100.0 + (double)mixed[i].seq, 0.25);
    }
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);
    assert_int_equal(standing(store, "B"), 2);
    assert_int_equal(standing(store, "A"), 60);
}

static void test_current_has_the_rows_of_latest(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = NULL, *current = NULL;
    assert_int_equal(evtwin_store_latest(store, NULL, &rows, &current), EVTWIN_DONE);
    assert_null(rows);
    assert_null(current);
    insert_new(store, some_rows("A", 0, 5));
    insert_new(store, some_rows("B", 0, 5));
    insert_new(store, some_rows("C", 0, 5));
    put_predicted(store, "A", 1, 1);
    put_predicted(store, "C", 4, 1);
    assert_ok(evtwin_store_latest(store, NULL, &rows, &current));
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_int_equal(evtwin_table_rows(current), 3);
    assert_int_equal(evtwin_table_cols(current), evtwin_table_cols(rows) + 9);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(text_at(current, "battery_id", i), text_at(rows, "battery_id", i));
        assert_int_equal(i64_at(current, "seq", i), 4);
        assert_int_equal(i64_at(current, "revision", i), i64_at(rows, "revision", i));
        assert_string_equal(text_at(current, "status", i), text_at(rows, "status", i));
    }
    assert_false(has(rows, "rul_prediction", 0));
    assert_near(number_at(current, "rul_prediction", 0), 101.0, 0);
    assert_string_equal(text_at(current, "model_version", 0), "0123456789ab");
    assert_true(has(current, "prediction_timestamp", 0));
    assert_true(i64_at(current, "predicted_time", 0) == t0 + SECOND);
    assert_false(has(current, "predicted_time", 1));
    assert_false(has(current, "rul_prediction", 1));
    assert_near(number_at(rows, "rul_prediction", 2), 104.0, 0);
    assert_near(number_at(current, "rul_prediction", 2), 104.0, 0);
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

/* ---- states of sessions ---- */

static evtwin_table *some_state(const char *id, int64_t seq, const char *text) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_add_column(table, "battery_id", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "time", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "seq", EVTWIN_I64, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "state", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_resize(table, 1));
    assert_ok(evtwin_table_set_text(table, 0, 0, id));
    assert_ok(evtwin_table_set_i64(table, 1, 0, t0 + seq * SECOND));
    assert_ok(evtwin_table_set_i64(table, 2, 0, seq));
    assert_ok(evtwin_table_set_text(table, 3, 0, text));
    return table;
}

static void put_state(evtwin_store *store, const char *id, int64_t seq, const char *text) {
    evtwin_table *rows = predicted(id, seq, 1), *states = some_state(id, seq, text);
    assert_ok(evtwin_store_put_predictions(store, rows, states, NULL));
    evtwin_table_free(rows);
    evtwin_table_free(states);
}

static void test_states_are_kept_with_their_predictions(void **state) {
    evtwin_store *store = *state;
    evtwin_table *states = NULL;
    assert_int_equal(evtwin_store_states(store, &states), EVTWIN_DONE);
    assert_null(states);
    insert_new(store, some_rows("B", 0, 3));
    insert_new(store, some_rows("A", 0, 3));
    put_state(store, "B", 0, "{\"format\":1}");
    put_state(store, "A", 0, "{}");
    put_state(store, "B", 2, "{\"format\":1,\"n\":2}");
    assert_ok(evtwin_store_states(store, &states));
    assert_int_equal(evtwin_table_rows(states), 2);
    assert_int_equal(evtwin_table_cols(states), 4);
    assert_string_equal(text_at(states, "battery_id", 0), "A");
    assert_string_equal(text_at(states, "state", 1), "{\"format\":1,\"n\":2}");
    assert_int_equal(i64_at(states, "seq", 1), 2);
    assert_true(i64_at(states, "time", 1) == t0 + 2 * SECOND);
    evtwin_table_free(states);

    /* that of one */
    assert_ok(evtwin_store_state(store, "B", &states));
    assert_int_equal(evtwin_table_rows(states), 1);
    assert_string_equal(text_at(states, "state", 0), "{\"format\":1,\"n\":2}");
    evtwin_table_free(states);
    assert_int_equal(evtwin_store_state(store, "b' OR 1=1", &states), EVTWIN_DONE);
    assert_null(states);
    assert_int_equal(evtwin_store_state(store, NULL, &states), EVTWIN_E_ARG);

    /* all of it or nothing */
    evtwin_table *rows = predicted("A", 1, 2);
    assert_ok(evtwin_table_set_f64(rows, need(rows, "failure_probability"), 1, 1.5));
    states = some_state("A", 1, "{\"later\":1}");
    assert_int_equal(evtwin_store_put_predictions(store, rows, states, NULL), EVTWIN_E_RANGE);
    assert_int_equal(standing(store, "A"), 0);
    assert_ok(evtwin_table_set_f64(rows, need(rows, "failure_probability"), 1, 0.5));
    assert_ok(evtwin_table_set_missing(states, 0, 0));
    assert_int_equal(evtwin_store_put_predictions(store, rows, states, NULL), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_put_predictions(store, rows, rows, NULL), EVTWIN_E_SCHEMA);
    assert_int_equal(standing(store, "A"), 0);
    evtwin_table_free(rows);
    evtwin_table_free(states);
    assert_ok(evtwin_store_states(store, &states));
    assert_string_equal(text_at(states, "state", 0), "{}");
    evtwin_table_free(states);
}

static void test_the_states_of_some_batteries(void **state) {
    evtwin_store *store = *state;
    evtwin_table *some = empty_rows(), *states = NULL;
    assert_int_equal(evtwin_store_states_of(store, some, &states), EVTWIN_DONE); /* of none */
    const char *const ids[] = {"C", "A", "C", "nobody's", "A", "b' OR 1=1", "E"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        add_row(some, ids[i], t0, (int64_t)i);
    }
    states = some;
    assert_int_equal(evtwin_store_states_of(store, some, &states), EVTWIN_DONE); /* none is kept */
    assert_null(states);
    insert_new(store, some_rows("A", 0, 1));
    put_state(store, "A", 1, "of A");
    put_state(store, "B", 2, "of B");
    put_state(store, "C", 3, "of C");
    assert_ok(evtwin_store_states_of(store, some, &states));
    assert_int_equal(evtwin_table_rows(states), 2);
    assert_int_equal(evtwin_table_cols(states), 4);
    const size_t a = strcmp(text_at(states, "battery_id", 0), "A") != 0;
    assert_string_equal(text_at(states, "battery_id", a), "A");
    assert_string_equal(text_at(states, "state", a), "of A");
    assert_string_equal(text_at(states, "battery_id", 1 - a), "C");
    assert_string_equal(text_at(states, "state", 1 - a), "of C");
    assert_int_equal(i64_at(states, "seq", 1 - a), 3);
    assert_true(i64_at(states, "time", 1 - a) == t0 + 3 * SECOND);
    evtwin_table_free(states);
    assert_int_equal(evtwin_store_states_of(NULL, some, &states), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_states_of(store, NULL, &states), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_states_of(store, some, NULL), EVTWIN_E_ARG);
    evtwin_table_free(some);
    assert_ok(evtwin_table_create(&some));
    assert_int_equal(evtwin_store_states_of(store, some, &states), EVTWIN_E_SCHEMA);
    evtwin_table_free(some);
}

/* The state that is kept of a battery: its seq, and its text in *text (may be NULL). */
static int64_t kept_state(evtwin_store *store, const char *id, char text[32]) {
    evtwin_table *state = NULL;
    assert_ok(evtwin_store_state(store, id, &state));
    assert_int_equal(evtwin_table_rows(state), 1);
    const int64_t seq = i64_at(state, "seq", 0);
    if (text != NULL) {
        snprintf(text, 32, "%s", text_at(state, "state", 0));
    }
    evtwin_table_free(state);
    return seq;
}

static evtwin_status put_only(evtwin_store *store, const evtwin_table *states) {
    evtwin_table *rows = empty_rows();
    add_prediction_columns(rows);
    const evtwin_status st = evtwin_store_put_predictions(store, rows, states, NULL);
    evtwin_table_free(rows);
    return st;
}

/* One who was stalled while another one went on with its batteries, and now writes what it has. */
static void test_an_older_state_does_not_take_the_place_of_a_newer_one(void **state) {
    (void)state;
    char text[32];
    const char *uri = fresh_uri("stalled.db");
    evtwin_store *one = open_store(uri), *stalled = open_store(uri);
    insert_new(one, some_rows("A", 0, 10));
    insert_new(one, some_rows("B", 0, 10));
    put_state(stalled, "A", 1, "stalled 1");
    put_state(one, "A", 5, "one 5");
    put_state(stalled, "A", 3, "stalled 3");
    assert_int_equal(kept_state(one, "A", text), 5);
    assert_string_equal(text, "one 5");
    assert_int_equal(kept_state(stalled, "A", NULL), 5);

    /* its prediction is that of its row all the same */
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_history(one, "A", NULL, &rows));
    assert_int_equal(evtwin_table_rows(rows), 10);
    assert_true(has(rows, "rul_prediction", 9 - 3));
    assert_false(has(rows, "rul_prediction", 9 - 4));
    evtwin_table_free(rows);

    /* the same record again: what was said of it last */
    put_state(one, "A", 5, "one 5");
    put_state(stalled, "A", 5, "stalled 5");
    assert_int_equal(kept_state(one, "A", text), 5);
    assert_string_equal(text, "stalled 5");

    /* of one time the seq decides */
    evtwin_table *states = some_state("A", 5, "seq 4");
    assert_ok(evtwin_table_set_i64(states, need(states, "seq"), 0, 4));
    assert_ok(put_only(stalled, states));
    assert_int_equal(kept_state(one, "A", NULL), 5);
    assert_ok(evtwin_table_set_i64(states, need(states, "seq"), 0, 6));
    assert_ok(put_only(stalled, states));
    assert_int_equal(kept_state(one, "A", NULL), 6);
    evtwin_table_free(states);

    /* of several batteries in one table, one goes on and one does not; of two of one battery the
     * newer one is kept, wherever it is */
    put_state(one, "B", 7, "one 7");
    states = some_state("A", 8, "newest");
    evtwin_table *more = some_state("B", 6, "older");
    assert_ok(evtwin_table_append(states, more));
    evtwin_table_free(more);
    more = some_state("A", 7, "before it");
    assert_ok(evtwin_table_append(states, more));
    evtwin_table_free(more);
    assert_ok(put_only(stalled, states));
    assert_int_equal(kept_state(one, "A", text), 8);
    assert_string_equal(text, "newest");
    assert_int_equal(kept_state(one, "B", text), 7);
    assert_string_equal(text, "one 7");
    evtwin_table_free(states);

    /* one without a time is not known to be newer than any */
    states = some_state("C", 3, "no time");
    assert_ok(evtwin_table_set_missing(states, need(states, "time"), 0));
    assert_ok(put_only(one, states));
    evtwin_table_free(states);
    put_state(one, "C", 1, "one 1");
    assert_int_equal(kept_state(stalled, "C", NULL), 1);
    evtwin_store_free(one);
    evtwin_store_free(stalled);
}

static int64_t clock_us;

static int64_t clock_now(void) {
    return clock_us;
}

static int64_t uptime(char boot[EVTWIN__BOOT_SIZE]) {
    memcpy(boot, "test", 5);
    return clock_us;
}

static void test_what_is_known_of_a_battery_goes_with_its_rows(void **state) {
    evtwin_store *store = *state;
    only_on_sqlite(); /* the server's clock is not ours to turn */
    store->now = clock_now;
    store->uptime = uptime;
    clock_us = t0;
    insert_new(store, some_rows("A", 0, 3));
    put_state(store, "A", 1, "{}");
    clock_us = t0 + 20 * DAY;
    evtwin_table *later = empty_rows();
    add_row(later, "A", t0 + 20 * DAY, 3);
    insert_new(store, later);
    clock_us = t0 + 40 * DAY;
    assert_ok(evtwin_store_expire(store, NULL));
    assert_int_equal(count(store), 1);
    evtwin_table *states = NULL;
    assert_ok(evtwin_store_states(store, &states)); /* the battery is there */
    evtwin_table_free(states);
    assert_int_equal(standing(store, "A"), -1); /* the row of its prediction is not */
    clock_us = t0 + 80 * DAY;
    assert_ok(evtwin_store_expire(store, NULL));
    assert_int_equal(evtwin_store_states(store, &states), EVTWIN_DONE);
}

/* ---- positions of sources ---- */

static void test_positions_are_kept_with_their_rows(void **state) {
    evtwin_store *store = *state;
    char text[16] = "as before";
    assert_int_equal(evtwin_store_position(store, "csv:a", text, sizeof text), EVTWIN_DONE);
    assert_string_equal(text, "as before");
    evtwin_table *rows = some_rows("A", 0, 3), *none = empty_rows();
    evtwin_insert_report report;
    assert_ok(evtwin_store_insert_from(store, rows, "csv:a", "1200", &report, sizeof report));
    assert_int_equal(report.n_inserted, 3);
    assert_ok(evtwin_store_insert_from(store, none, "csv:b", "", NULL, 0));
    assert_ok(evtwin_store_insert_from(store, none, "csv:a", "1300", NULL, 0));
    assert_ok(evtwin_store_position(store, "csv:a", text, sizeof text));
    assert_string_equal(text, "1300");
    assert_ok(evtwin_store_position(store, "csv:b", text, sizeof text));
    assert_string_equal(text, "");
    assert_ok(evtwin_store_position(store, "csv:a", text, 5));
    assert_int_equal(evtwin_store_position(store, "csv:a", text, 4), EVTWIN_E_RANGE);

    /* rows that are refused do not move it */
    assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), 2, (double)INFINITY));
    assert_int_equal(evtwin_store_insert_from(store, rows, "csv:a", "9", NULL, 0), EVTWIN_E_RANGE);
    assert_ok(evtwin_store_position(store, "csv:a", text, sizeof text));
    assert_string_equal(text, "1300");
    assert_int_equal(evtwin_store_insert_from(store, none, "", "9", NULL, 0), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_insert_from(store, none, "x", NULL, NULL, 0), EVTWIN_E_ARG);
    evtwin_table_free(rows);
    evtwin_table_free(none);
}

/* ---- limits ---- */

static const char *status_of(evtwin_store *store, const char *id, char text[16]) {
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_latest(store, id, &rows, NULL));
    snprintf(text, 16, "%s", text_at(rows, "status", 0));
    evtwin_table_free(rows);
    return text;
}

static void set_limit(evtwin_store *store, const char *quantity, int is_below, double limit) {
    evtwin_thresholds *limits = NULL;
    assert_ok(evtwin_store_thresholds(store, &limits));
    const evtwin_threshold rule = {.size = sizeof rule,
                                   .kind = EVTWIN_THRESHOLD_STATUS,
                                   .quantity = quantity,
                                   .level = EVTWIN_HEALTH_CRITICAL,
                                   .is_below = is_below,
                                   .limit = limit};
    assert_ok(evtwin_thresholds_set(limits, &rule));
    assert_ok(evtwin_store_put_thresholds(store, limits));
    evtwin_thresholds_free(limits);
}

static void test_a_new_store_has_the_contracts_limits(void **state) {
    evtwin_thresholds *contract = NULL, *limits = NULL;
    assert_ok(evtwin_thresholds_create(&contract));
    assert_ok(evtwin_store_thresholds(*state, &limits));
    assert_int_equal(evtwin_thresholds_count(limits), evtwin_thresholds_count(contract));
    for (size_t i = 0; i < evtwin_thresholds_count(contract); i++) {
        evtwin_threshold a, b;
        assert_ok(evtwin_thresholds_get(contract, i, &a, sizeof a));
        assert_ok(evtwin_thresholds_get(limits, i, &b, sizeof b));
        assert_string_equal(a.quantity, b.quantity);
        assert_true(a.kind == b.kind && a.level == b.level && a.is_below == b.is_below);
        assert_near(a.limit, b.limit, 0);
    }
    evtwin_thresholds_free(contract);
    evtwin_thresholds_free(limits);
}

static void test_limits_judge_rows_from_now_on(void **state) {
    (void)state;
    char text[16];
    const char *uri = fresh_uri("limits.db");
    evtwin_store *store = open_store(uri), *other = open_store(uri);
    insert_new(store, some_rows("A", 0, 2));
    assert_string_equal(status_of(store, "A", text), "NORMAL"); /* voltage 392.5 V */

    /* another handle changes them: this one follows at its next row, old rows stay */
    set_limit(other, "voltage", 0, 390.0);
    assert_string_equal(status_of(store, "A", text), "NORMAL");
    insert_new(store, some_rows("B", 0, 1));
    assert_string_equal(status_of(store, "B", text), "CRITICAL");
    put_predicted(store, "A", 1, 1); /* a prediction judges its row anew */
    assert_string_equal(status_of(store, "A", text), "CRITICAL");
    set_limit(other, "voltage", 0, (double)NAN);
    set_limit(other, "rul_prediction", 1, 101.5);
    put_predicted(store, "A", 1, 1); /* rul 101 */
    assert_string_equal(status_of(store, "A", text), "CRITICAL");
    put_predicted(store, "B", 0, 1); /* rul 100 */
    insert_new(store, predicted("C", 2, 1));
    assert_string_equal(status_of(store, "C", text), "NORMAL"); /* rul 102 */

    /* no limits at all */
    evtwin_thresholds *none = NULL;
    assert_ok(evtwin_thresholds_create(&none));
    while (evtwin_thresholds_count(none) > 0) {
        evtwin_threshold rule;
        assert_ok(evtwin_thresholds_get(none, 0, &rule, sizeof rule));
        rule.limit = (double)NAN;
        assert_ok(evtwin_thresholds_set(none, &rule));
    }
    assert_ok(evtwin_store_put_thresholds(store, none));
    evtwin_thresholds_free(none);
    assert_ok(evtwin_store_thresholds(other, &none));
    assert_int_equal(evtwin_thresholds_count(none), 0);
    evtwin_thresholds_free(none);
    put_predicted(store, "A", 1, 1);
    assert_string_equal(status_of(store, "A", text), "NORMAL");
    evtwin_store_free(other);
    evtwin_store_free(store);
}

static void test_null_arguments_are_refused(void **state) {
    evtwin_store *store = *state;
    evtwin_table *table = empty_rows();
    char text[8];
    assert_int_equal(evtwin_store_insert_from(NULL, table, "a", "b", NULL, 0), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_insert_from(store, table, NULL, "b", NULL, 0), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_position(store, NULL, text, sizeof text), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_position(store, "a", NULL, 8), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_states(store, NULL), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_thresholds(store, NULL), EVTWIN_E_ARG);
    assert_int_equal(evtwin_store_put_thresholds(store, NULL), EVTWIN_E_ARG);
    evtwin_table_free(table);
}

#define ON_FRESH(test) cmocka_unit_test_setup_teardown(test, open_fresh, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_kept_as_they_came),
        cmocka_unit_test(the_newest_letters_stay),
        ON_FRESH(test_a_prediction_stands_until_a_newer_one),
        ON_FRESH(test_current_has_the_rows_of_latest),
        ON_FRESH(test_states_are_kept_with_their_predictions),
        ON_FRESH(test_the_states_of_some_batteries),
        cmocka_unit_test(test_an_older_state_does_not_take_the_place_of_a_newer_one),
        ON_FRESH(test_what_is_known_of_a_battery_goes_with_its_rows),
        ON_FRESH(test_positions_are_kept_with_their_rows),
        ON_FRESH(test_a_new_store_has_the_contracts_limits),
        cmocka_unit_test(test_limits_judge_rows_from_now_on),
        ON_FRESH(test_null_arguments_are_refused),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
