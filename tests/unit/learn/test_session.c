/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_session.c: the state of a battery moves with its rows in time, is pending
 * until commit, and survives as a table. */

#include "bundles.h"

static const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};

static evtwin_predictor *sample_predictor(const char *name, const bundle_spec *spec) {
    evtwin_predictor *p = NULL;
    const char *dir = temp_path(name);
    write_bundle(dir, spec);
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

static evtwin_session *new_session(const evtwin_predictor *p, size_t max_batteries) {
    evtwin_session *s = NULL;
    evtwin_session_options o;
    assert_ok(evtwin_session_options_init(&o, sizeof o));
    o.max_batteries = max_batteries;
    assert_ok(evtwin_session_create(p, &o, &s));
    return s;
}

/* Telemetry rows: battery, second, seq (negative: missing), soc (NaN: missing). */
typedef struct sample {
    const char *id;
    int64_t time_s, seq;
    double soc;
} sample;

static evtwin_table *rows_of(const sample *rows, size_t n) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, n));
    for (size_t r = 0; r < n; r++) {
        const double value[] = {rows[r].soc, 90.0, 370.0, 12.0};
        static const char *const name[] = {"soc", "soh", "voltage", "current"};
        for (size_t i = 0; i < 4; i++) {
            assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, name[i]), r, value[i]));
        }
        if (rows[r].id != NULL) {
            assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), r, rows[r].id));
        }
        assert_ok(
            evtwin_table_set_i64(t, evtwin_table_find(t, "time"), r, rows[r].time_s * 1000000));
        if (rows[r].seq >= 0) {
            assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), r, rows[r].seq));
        }
    }
    return t;
}

static void apply(evtwin_session *s, const sample *rows, size_t n) {
    evtwin_table *t = rows_of(rows, n);
    assert_ok(evtwin_session_apply(s, t));
    evtwin_table_free(t);
}

static evtwin_table *pending(const evtwin_session *s, size_t rows) {
    evtwin_table *t = NULL;
    const evtwin_status st = evtwin_session_pending(s, &t);
    assert_ok(st);
    assert_int_equal(st, rows > 0 ? EVTWIN_OK : EVTWIN_DONE);
    assert_int_equal(t != NULL, rows > 0);
    assert_true(t == NULL || evtwin_table_rows(t) == rows);
    return t;
}

/* Row r of pending states is this battery at this time and seq after so many rows. */
static void check_state(const evtwin_table *t, size_t r, const char *id, int64_t time_s,
                        int64_t seq, int n_rows) {
    assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "battery_id"), r), id);
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "time"))[r], time_s * 1000000);
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "seq"))[r], seq);
    char rows[32];
    snprintf(rows, sizeof rows, "\"rows\":%d,", n_rows);
    assert_non_null(strstr(evtwin_table_text(t, evtwin_table_find(t, "state"), r), rows));
}

static void test_order(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("order", &both);
    evtwin_session *s = new_session(p, 100);
    evtwin_table_free(pending(s, 0));

    /* two batteries in any order; the same row twice counts once; a missing seq is 0 */
    const sample rows[] = {{"b", 30, 2, 50.0},  {"a", 20, 0, 60.0}, {"b", 30, 1, 40.0},
                           {"a", 10, -1, 30.0}, {"b", 30, 2, 70.0}, {NULL, 40, 0, 50.0}};
    evtwin_table *by_session = rows_of(rows, 6), *by_predictor = rows_of(rows, 6);
    assert_ok(evtwin_session_apply(s, by_session));
    assert_ok(evtwin_predictor_apply(p, by_predictor));
    static const char *const column[] = {"rul_prediction", "failure_probability"};
    for (size_t c = 0; c < 2; c++) {
        const double *x = evtwin_table_f64(by_session, evtwin_table_find(by_session, column[c]));
        assert_memory_equal(
            x, evtwin_table_f64(by_predictor, evtwin_table_find(by_predictor, column[c])),
            6 * sizeof *x);
        assert_false(isnan(x[5])); /* predicted, though there is no battery to remember */
    }
    evtwin_table *t = pending(s, 2);
    for (size_t r = 0; r < 2; r++) {
        const char *id = evtwin_table_text(t, 0, r);
        check_state(t, r, id, id[0] == 'a' ? 20 : 30, id[0] == 'a' ? 0 : 2, 2);
    }
    evtwin_table_free(t);
    evtwin_table_free(by_session);
    evtwin_table_free(by_predictor);
    assert_int_equal(evtwin_session_batteries(s), 0);
    evtwin_session_commit(s);
    assert_int_equal(evtwin_session_batteries(s), 2);
    evtwin_table_free(pending(s, 0));

    /* late rows are predicted and move nothing */
    const sample late[] = {{"a", 19, 9, 60.0}, {"a", 20, 0, 60.0}, {"b", 30, 1, 60.0}};
    evtwin_table *lates = rows_of(late, 3);
    assert_ok(evtwin_session_apply(s, lates));
    assert_true(evtwin_table_is_valid(lates, evtwin_table_find(lates, "rul_prediction"), 0));
    evtwin_table_free(lates);
    evtwin_table_free(pending(s, 0));

    evtwin_session_free(s);
    evtwin_session_free(NULL);
    evtwin_predictor_free(p);
}

static void test_commit_and_rollback(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("commit", &both);
    evtwin_session *s = new_session(p, 100);
    const sample first[] = {{"a", 10, 0, 60.0}}, second[] = {{"a", 20, 0, NAN}, {"b", 20, 0, 50.0}};
    apply(s, first, 1);
    evtwin_session_rollback(s);
    evtwin_table_free(pending(s, 0));
    assert_int_equal(evtwin_session_batteries(s), 0);

    /* several tables are pending on top of each other; a row without a feature has no prediction,
     * and the last one stays */
    apply(s, first, 1);
    evtwin_table *before = pending(s, 1);
    apply(s, second, 2);
    evtwin_table *t = pending(s, 2);
    check_state(t, 0, "a", 20, 0, 2);
    check_state(t, 1, "b", 20, 0, 1);
    assert_string_equal(strstr(evtwin_table_text(before, 3, 0), "\"last\""),
                        strstr(evtwin_table_text(t, 3, 0), "\"last\""));
    evtwin_table_free(before);
    evtwin_table_free(t);
    evtwin_session_commit(s);

    /* a rollback goes back to the commit, for old batteries and new */
    const sample third[] = {{"a", 30, 0, 60.0}, {"c", 30, 0, 50.0}};
    apply(s, third, 2);
    evtwin_session_rollback(s);
    assert_int_equal(evtwin_session_batteries(s), 2);
    apply(s, third, 1);
    t = pending(s, 1);
    check_state(t, 0, "a", 30, 0, 3);
    evtwin_table_free(t);

    /* a table that is refused moves nothing */
    evtwin_table *bad = rows_of(third, 2);
    assert_ok(evtwin_table_rename(bad, evtwin_table_find(bad, "voltage"), "volts"));
    assert_int_equal(evtwin_session_apply(s, bad), EVTWIN_E_SCHEMA);
    evtwin_table_free(bad);
    evtwin_table_free(pending(s, 1));
    evtwin_session_free(s);
    evtwin_predictor_free(p);
}

/* A value that cannot be is a note on its row; the rows beside it are predicted as ever. */
static void test_impossible(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("impossible", &both);
    evtwin_session *s = new_session(p, 100);
    const sample samples[] = {{"a", 1, 0, 80.0},
                              {"b", 1, 0, 150.0},
                              {"c", 1, 0, 60.0},
                              {"d", 1, 0, 70.0},
                              {"e", 1, 0, NAN}};
    evtwin_table *t = rows_of(samples, 5), *good = rows_of(samples, 1);
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "voltage"), 3, INFINITY));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "voltage"), 4, -5.0));
    assert_ok(evtwin_session_apply(s, t));
    assert_ok(evtwin_predictor_apply(p, good));
    const size_t rul = evtwin_table_find(t, "rul_prediction");
    const size_t note = evtwin_table_find(t, "prediction_note");
    const double expected = evtwin_table_number(good, evtwin_table_find(good, "rul_prediction"), 0);
    assert_true(evtwin_table_number(t, rul, 0) == expected);
    assert_false(isnan(evtwin_table_number(t, rul, 2)));
    assert_null(evtwin_table_text(t, note, 2));
    for (size_t r = 1; r < 5; r += r == 1 ? 2 : 1) {
        assert_true(isnan(evtwin_table_number(t, rul, r)));
    }
    assert_string_equal(evtwin_table_text(t, note, 1),
                        "unknown, because soc: 150 percent is outside 0 to 100 percent");
    assert_non_null(strstr(evtwin_table_text(t, note, 3), "voltage"));
    assert_string_equal(evtwin_table_text(t, note, 4),
                        "unknown, because voltage: -5 V is outside 0 to 2000 V; soc is missing");
    assert_true(evtwin_table_number(t, evtwin_table_find(t, "soc"), 1) == 150.0); /* as it came */
    size_t first = 99;
    assert_int_equal(evtwin_session_out_of_range(s, &first), 3);
    assert_int_equal(first, 1);
    assert_int_equal(evtwin_session_out_of_range(NULL, NULL), 0);
    evtwin_table_free(t);
    evtwin_table_free(good);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
}

static int n_warnings;

static void count_warning(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)text;
    n_warnings += level == EVTWIN_LOG_WARNING;
}

static void test_bound(void **state) {
    (void)state;
    enum { MAX = 150, N = 1000 };
    evtwin_predictor *p = sample_predictor("bound", &both);
    evtwin_session *s = new_session(p, MAX);
    n_warnings = 0;
    evtwin_set_log(count_warning, NULL);
    for (int i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof id, "c-%d", i);
        apply(s, &(sample){id, i, 0, 50.0}, 1);
        evtwin_session_rollback(s); /* leaves nothing */
        snprintf(id, sizeof id, "b-%d", i);
        /* battery "first" is seen again and again, so it stays */
        const sample rows[] = {{id, i, 0, 50.0}, {"first", i, 0, 50.0}};
        apply(s, rows, 2);
        evtwin_session_commit(s);
    }
    evtwin_set_log(NULL, NULL);
    assert_int_equal(evtwin_session_batteries(s), MAX);
    assert_int_equal(n_warnings, 1);
    const sample again[] = {{"first", N, 0, 50.0}, {"b-999", N, 0, 50.0}, {"b-0", N, 0, 50.0}};
    apply(s, again, 3);
    evtwin_table *t = pending(s, 3);
    check_state(t, 0, "first", N, 0, N + 1);
    check_state(t, 1, "b-999", N, 0, 2);
    check_state(t, 2, "b-0", N, 0, 1); /* forgotten, so it begins anew */
    evtwin_table_free(t);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
}

static void test_restore(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("restore", &both);
    evtwin_predictor *other = sample_predictor("other", &(bundle_spec){both.rul, NULL});
    evtwin_session *s = new_session(p, 100), *of_other = new_session(other, 100);
    const sample rows[] = {{"a", 10, 3, 60.0}, {"b", 20, 0, 50.0}, {"c", 30, 0, NAN}};
    apply(s, rows, 3);
    evtwin_table *saved = pending(s, 3);
    evtwin_session_free(s);

    s = new_session(p, 2);
    assert_ok(evtwin_session_restore(s, saved));
    assert_int_equal(evtwin_session_batteries(s), 2); /* the two seen last */
    const sample next[] = {{"b", 19, 0, 50.0}, {"c", 31, 0, NAN}};
    apply(s, next, 2);
    evtwin_table *t = pending(s, 1);
    check_state(t, 0, "c", 31, 0, 2);
    assert_non_null(strstr(evtwin_table_text(t, 3, 0), "\"rul\":null"));
    evtwin_table_free(t);
    assert_fails(evtwin_session_restore(s, saved), EVTWIN_E_STATE, "pending");
    evtwin_session_rollback(s);

    /* another model of the same kind goes on from them; what is made of other features, of another
     * format and rubbish are passed over with one line */
    n_warnings = 0;
    evtwin_set_log(count_warning, NULL);
    assert_ok(evtwin_session_restore(of_other, saved));
    assert_int_equal(evtwin_session_batteries(of_other), 3);
    assert_int_equal(n_warnings, 0);
    evtwin_table *with_past = NULL;
    assert_ok(evtwin_table_copy(saved, &with_past));
    for (size_t r = 0; r < 3; r++) {
        assert_ok(evtwin_table_set_text(with_past, 3, r,
                                        "{\"format\":1,\"model\":\"0123456789ab\",\"rows\":3,"
                                        "\"last\":{},\"past\":[1,2]}"));
    }
    evtwin_session *third = new_session(other, 100);
    assert_ok(evtwin_session_restore(third, with_past));
    assert_int_equal(evtwin_session_batteries(third), 0);
    assert_int_equal(n_warnings, 1);
    evtwin_session_free(third);
    evtwin_table_free(with_past);
    assert_ok(evtwin_table_set_text(saved, 3, 0, "{\"format\":99}"));
    assert_ok(evtwin_table_set_text(saved, 3, 1, "rubbish"));
    evtwin_session_free(s);
    s = new_session(p, 100);
    assert_ok(evtwin_session_restore(s, saved));
    assert_int_equal(evtwin_session_batteries(s), 1);
    assert_int_equal(n_warnings, 2);
    /* a count that would overflow with the next row */
    char *large = strdup(evtwin_table_text(saved, 3, 2)), *count = strstr(large, "\"rows\":1,");
    assert_non_null(count);
    char text[1024];
    snprintf(text, sizeof text, "%.*s\"rows\":9223372036854775807,%s", (int)(count - large), large,
             count + strlen("\"rows\":1,"));
    free(large);
    assert_ok(evtwin_table_set_text(saved, 3, 2, text));
    evtwin_session_free(s);
    s = new_session(p, 100);
    assert_ok(evtwin_session_restore(s, saved));
    assert_int_equal(evtwin_session_batteries(s), 0);
    evtwin_set_log(NULL, NULL);
    assert_ok(evtwin_table_rename(saved, 3, "stat"));
    assert_fails(evtwin_session_restore(s, saved), EVTWIN_E_SCHEMA, "state");
    evtwin_table_free(saved);
    evtwin_session_free(s);
    evtwin_session_free(of_other);
    evtwin_predictor_free(p);
    evtwin_predictor_free(other);
}

/* The batteries of rows that are not known, "A B" in the order of the rows. */
static void check_unknown(evtwin_session *s, const sample *rows, size_t n, const char *expected) {
    evtwin_table *t = rows_of(rows, n), *unknown = NULL;
    char found[64] = "";
    const evtwin_status st = evtwin_session_unknown(s, t, &unknown);
    assert_ok(st);
    assert_int_equal(st, expected[0] != '\0' ? EVTWIN_OK : EVTWIN_DONE);
    for (size_t r = 0; unknown != NULL && r < evtwin_table_rows(unknown); r++) {
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", r > 0 ? " " : "",
                 evtwin_table_text(unknown, evtwin_table_find(unknown, "battery_id"), r));
    }
    assert_string_equal(found, expected);
    evtwin_table_free(unknown);
    evtwin_table_free(t);
}

/* What was asked for of them, as a store gives it. */
static void recall(evtwin_session *s, const sample *rows, size_t n, const evtwin_table *states) {
    evtwin_table *t = rows_of(rows, n), *unknown = NULL;
    assert_int_equal(evtwin_session_unknown(s, t, &unknown), EVTWIN_OK);
    assert_ok(evtwin_session_recall(s, unknown, states));
    evtwin_table_free(unknown);
    evtwin_table_free(t);
}

static void test_recall(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("recall", &both);
    evtwin_session *s = new_session(p, 2), *other = new_session(p, 10);
    static const sample rows[] = {
        {"A", 10, 0, 50}, {"B", 10, 0, 50}, {"A", 11, 0, 50}, {NULL, 11, 0, 50}, {"A", 12, 0, 50}};
    check_unknown(s, rows, 5, "A B");
    check_unknown(s, rows, 5, "A B"); /* until they are recalled, or committed */
    recall(s, rows, 1, NULL);
    check_unknown(s, rows, 5, "B");
    apply(s, rows, 5);
    check_unknown(s, rows, 5, "B");
    evtwin_session_commit(s);
    check_unknown(s, rows, 5, "");

    /* another one goes on with A */
    apply(other, rows, 5);
    evtwin_session_commit(other);
    static const sample later[] = {{"A", 13, 0, 50}};
    apply(other, later, 1);
    evtwin_table *states = pending(other, 1);
    evtwin_session_commit(other);
    evtwin_session_doubt(s);
    check_unknown(s, rows, 5, "A B");
    recall(s, rows, 2, states);
    check_unknown(s, rows, 5, "");
    apply(s, later, 1); /* it is there already */
    evtwin_table *none = pending(s, 0);
    assert_null(none);
    static const sample last[] = {{"A", 14, 0, 50}, {"B", 14, 0, 50}};
    apply(s, last, 2);
    evtwin_table *t = pending(s, 2);
    check_state(t, 0, "A", 14, 0, 5);
    check_state(t, 1, "B", 14, 0, 2); /* nothing was kept of it: what is known here goes on */

    /* not while something is pending; then the batteries stay unknown */
    evtwin_session_doubt(s);
    evtwin_table *unknown = NULL, *batch = rows_of(last, 2);
    assert_int_equal(evtwin_session_unknown(s, batch, &unknown), EVTWIN_OK);
    assert_fails(evtwin_session_recall(s, unknown, states), EVTWIN_E_STATE, "2");
    check_unknown(s, last, 2, "A B");
    evtwin_session_commit(s);
    check_unknown(s, last, 2, "");
    evtwin_table_free(t);

    /* whose state was dropped is unknown again */
    static const sample third[] = {{"C", 15, 0, 50}};
    apply(s, third, 1);
    evtwin_session_commit(s);
    check_unknown(s, last, 2, "A");
    assert_ok(evtwin_session_restore(s, states));
    check_unknown(s, last, 1, "");

    /* of a store full of states that are no use the log says so once */
    assert_ok(evtwin_table_set_text(states, evtwin_table_find(states, "state"), 0, "{}"));
    n_warnings = 0;
    evtwin_set_log(count_warning, NULL);
    for (int i = 0; i < 3; i++) {
        evtwin_session_doubt(s);
        recall(s, last, 1, states);
    }
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_warnings, 1);

    assert_fails(evtwin_session_unknown(NULL, batch, &unknown), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_unknown(s, NULL, &unknown), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_unknown(s, batch, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_recall(NULL, unknown, states), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_recall(s, NULL, states), EVTWIN_E_ARG, "NULL");
    evtwin_session_doubt(NULL);
    evtwin_table *empty = NULL;
    assert_ok(evtwin_table_create(&empty));
    assert_fails(evtwin_session_recall(s, empty, states), EVTWIN_E_SCHEMA, "battery_id");
    assert_fails(evtwin_session_recall(s, unknown, empty), EVTWIN_E_SCHEMA, "battery_id");
    evtwin_table *of_none = batch;
    assert_int_equal(evtwin_session_unknown(s, empty, &of_none), EVTWIN_DONE);
    assert_null(of_none);
    evtwin_table_free(empty);
    evtwin_table_free(batch);
    evtwin_table_free(unknown);
    evtwin_table_free(states);
    evtwin_session_free(s);
    evtwin_session_free(other);
    evtwin_predictor_free(p);
}

static void test_arguments(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("arguments", &both);
    evtwin_session *s = new_session(p, 1);
    evtwin_session_options o;
    evtwin_table *t = NULL;
    assert_fails(evtwin_session_options_init(NULL, sizeof o), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_session_options_init(&o, sizeof o));
    assert_int_equal(o.max_batteries, 100000);
    o.max_batteries = 0;
    assert_fails(evtwin_session_create(p, &o, &s), EVTWIN_E_ARG, "max_batteries");
    assert_fails(evtwin_session_create(NULL, NULL, &s), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_apply(s, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_pending(NULL, &t), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_restore(s, NULL), EVTWIN_E_ARG, "NULL");
    assert_int_equal(evtwin_session_batteries(NULL), 0);
    evtwin_session_commit(NULL);
    evtwin_session_rollback(NULL);

    /* a table without batteries is predicted as it is */
    const sample rows[] = {{NULL, 1, 0, 50.0}};
    apply(s, rows, 1);
    evtwin_table_free(pending(s, 0));
    evtwin_session_free(s);
    evtwin_predictor_free(p);
}

/* Whichever allocation fails: the session is as it was, and nothing is lost. */
static void test_out_of_memory(void **state) {
    (void)state;
    const sample rows[] = {{"b", 20, 0, 50.0}, {"a", 20, 0, 60.0}};
    for (size_t fail_at = 0, is_done = 0; !is_done; fail_at++) {
        evtwin_predictor *p = sample_predictor("memory", &both);
        evtwin_session *s = new_session(p, 100);
        evtwin_table *t = rows_of(rows, 2), *states = NULL;
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        const evtwin_status st = evtwin_session_apply(s, t);
        const evtwin_status pending_st = st >= 0 ? evtwin_session_pending(s, &states) : st;
        evtwin_set_allocator(NULL, NULL);
        is_done = pending_st == EVTWIN_OK;
        assert_true(is_done || pending_st == EVTWIN_E_NOMEM);
        evtwin_table_free(states);
        if (st < 0) {
            evtwin_table_free(pending(s, 0));
            assert_ok(evtwin_session_apply(s, t));
            evtwin_table_free(pending(s, 2));
        }
        evtwin_table_free(t);
        evtwin_session_free(s);
        evtwin_predictor_free(p);
    }
}

/* Without memory the batteries stay unknown, and can be asked for again. */
/* What is recalled takes the place of others than those of the same batch, which are not asked for,
 * since they are known: a fleet that is a little larger than the session comes round in order. */
static void test_recall_of_a_large_fleet(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor("large", &both);
    evtwin_session *s = new_session(p, 3), *other = new_session(p, 10);
    static const sample first[] = {{"A", 10, 0, 50}, {"B", 10, 0, 50}, {"C", 10, 0, 50}};
    static const sample fourth[] = {{"D", 10, 0, 50}},
                        next[] = {{"D", 11, 0, 50}, {"A", 11, 0, 50}};
    for (size_t i = 0; i < 3; i++) {
        apply(s, &first[i], 1);
        evtwin_session_commit(s);
    }
    apply(other, fourth, 1);
    evtwin_table *states = pending(other, 1);
    check_unknown(s, next, 2, "D");
    recall(s, next, 2, states);
    check_unknown(s, next, 2, "");
    apply(s, next, 2);
    evtwin_table *t = pending(s, 2);
    for (size_t r = 0; r < 2; r++) {
        check_state(t, r, evtwin_table_text(t, 0, r), 11, 0, 2);
    }
    evtwin_session_commit(s);
    check_unknown(s, first, 3, "B");
    evtwin_table_free(t);
    evtwin_table_free(states);
    evtwin_session_free(s);
    evtwin_session_free(other);
    evtwin_predictor_free(p);
}

static void test_recall_out_of_memory(void **state) {
    (void)state;
    const sample rows[] = {{"b", 20, 0, 50.0}, {"a", 20, 0, 60.0}};
    evtwin_predictor *p = sample_predictor("recall-memory", &both);
    evtwin_session *other = new_session(p, 100);
    apply(other, rows, 2);
    evtwin_table *states = pending(other, 2);
    for (size_t fail_at = 0, is_done = 0; !is_done; fail_at++) {
        evtwin_session *s = new_session(p, 100);
        evtwin_table *t = rows_of(rows, 2), *unknown = NULL;
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_status st = evtwin_session_unknown(s, t, &unknown);
        st = st >= 0 ? evtwin_session_recall(s, unknown, states) : st;
        evtwin_set_allocator(NULL, NULL);
        is_done = st == EVTWIN_OK;
        assert_true(is_done || st == EVTWIN_E_NOMEM);
        evtwin_table_free(unknown);
        for (int again = 0; again < 2 && evtwin_session_unknown(s, t, &unknown) == EVTWIN_OK;
             again++) {
            assert_int_equal(again, 0);
            assert_ok(evtwin_session_recall(s, unknown, states));
            evtwin_table_free(unknown);
        }
        assert_int_equal(evtwin_session_batteries(s), 2);
        evtwin_table_free(t);
        evtwin_session_free(s);
        assert_true(fail_at > 0 || !is_done); /* it needs some */
    }
    evtwin_table_free(states);
    evtwin_session_free(other);
    evtwin_predictor_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_commit_and_rollback),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_recall_of_a_large_fleet),
        cmocka_unit_test(test_recall_out_of_memory),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
