/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_pieces.c: a training in pieces gives what one of the whole table gives,
 * says where a file does not suit it, and survives a full disk, a wish to stop and no memory. */

#include "test.h"

#include "learn/pieces.h"
#include "small_fleet.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fail_nth.h"

#ifdef HAVE_XGBOOST

/* ---- files ---- */

static char path[] = "pieces-XXXXXX";

static int make_path(void **state) {
    (void)state;
    const int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static void write_table(evtwin_table *t) {
    assert_ok(evtwin_table_write_csv(t, path));
    evtwin_table_free(t);
}

static void append_text(const char *text) {
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* ---- trainings ---- */

static const evtwin__pieces_limits small = {
    .piece_rows = 100, .battery_rows = 1000, .audit_rows = 100000, .sample_rows = 100000};

static evtwin_status try_pieces(const evtwin_train_options *o, const evtwin__pieces_limits *limits,
                                evtwin_trainer **out) {
    const fleet_targets targets = targets_of(NULL, NULL);
    evtwin_csv *csv = NULL;
    evtwin_status st = evtwin_csv_open(path, NULL, &csv);
    st = st < 0 ? st : evtwin__train_pieces(csv, &targets.rul, 2, o, limits, out);
    evtwin_csv_free(csv);
    return st;
}

static evtwin_trainer *train_pieces(const evtwin_train_options *o,
                                    const evtwin__pieces_limits *limits) {
    evtwin_trainer *trainer = NULL;
    assert_ok(try_pieces(o, limits, &trainer));
    return trainer;
}

static evtwin_trainer *train_whole(const evtwin_train_options *o) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(path, NULL, &t));
    evtwin_trainer *trainer = train_fleet(t, o);
    evtwin_table_free(t);
    return trainer;
}

static void assert_refused(const evtwin_train_options *o, const evtwin__pieces_limits *limits,
                           evtwin_status st, const char *words) {
    evtwin_trainer *trainer = NULL;
    assert_int_equal(try_pieces(o, limits, &trainer), st);
    assert_null(trainer);
    if (strstr(evtwin_last_error(), words) == NULL) {
        fail_msg("'%s' lacks '%s'", evtwin_last_error(), words);
    }
}

/* ---- the same ---- */

static void assert_same_bundles(const evtwin_trainer *a, const evtwin_trainer *b) {
    evtwin_predictor *p[2];
    assert_ok(evtwin_trainer_predictor(a, &p[0]));
    assert_ok(evtwin_trainer_predictor(b, &p[1]));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__bundle_model *m[2] = {&a->bundle.model[t], &b->bundle.model[t]};
        assert_int_equal(m[0]->json_size, m[1]->json_size);
        assert_memory_equal(m[0]->json, m[1]->json, m[0]->json_size);
        assert_memory_equal(&m[0]->interval, &m[1]->interval, sizeof m[0]->interval);
    }
    assert_int_equal(a->bundle.n_batteries, b->bundle.n_batteries);
    assert_memory_equal(a->bundle.battery, b->bundle.battery,
                        a->bundle.n_batteries * sizeof *a->bundle.battery);
    assert_memory_equal(&a->bundle.curve, &b->bundle.curve, sizeof a->bundle.curve);
    assert_string_equal(a->bundle.label_rule, b->bundle.label_rule);
    assert_true(a->bundle.eol_soh_percent == b->bundle.eol_soh_percent);
    for (size_t i = 0; i < a->bundle.n_features; i++) {
        assert_memory_equal(&a->bundle.feature[i].histogram, &b->bundle.feature[i].histogram,
                            sizeof(evtwin__histogram));
    }
    evtwin_predictor_free(p[0]);
    evtwin_predictor_free(p[1]);
}

/* Where it fits in memory: models, intervals, references and the whole report are the same bytes,
 * whatever the pieces; with gaps in features and labels, rows out of order and rows of no battery.
 */
static void test_same_as_whole(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(30, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r += 17) {
        assert_ok(evtwin_table_set_missing(t, FLEET_SOH, r));
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r / 2));
        assert_ok(evtwin_table_set_missing(t, FLEET_FAILURE, r / 3));
    }
    for (size_t r = 5; r < evtwin_table_rows(t); r += FLEET_ROWS) { /* an earlier time, later */
        assert_ok(evtwin_table_set_i64(t, FLEET_TIME, r, 0));
        assert_ok(evtwin_table_set_missing(t, FLEET_ID, r + 3));
    }
    write_table(t);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *whole = train_whole(&o);
    const char *expected = evtwin_trainer_json(whole, "m");
    static const size_t piece_rows[] = {1, 100, 601, 100000};
    for (size_t i = 0; i < sizeof piece_rows / sizeof piece_rows[0]; i++) {
        evtwin__pieces_limits limits = small;
        limits.piece_rows = piece_rows[i];
        evtwin_trainer *pieces = train_pieces(&o, &limits);
        assert_same_bundles(whole, pieces);
        assert_string_equal(evtwin_trainer_json(pieces, "m"), expected);
        evtwin_trainer_free(pieces);
    }
    evtwin_trainer_free(whole);
}

/* Where one battery alone is held out, its days stand for themselves in both: two rows a day are
 * fewer days than runs of rows. */
static void test_one_battery_held_out(void **state) {
    (void)state;
    enum { ROWS = 60, DAYS = ROWS / 2 };
    evtwin_table *t = make_fleet(6, ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_i64(t, FLEET_TIME, r, (int64_t)(r % ROWS / 2) * 86400000000));
    }
    write_table(t);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *whole = train_whole(&o), *pieces = train_pieces(&o, &small);
    assert_string_equal(pieces->result[EVTWIN__T_RUL].block_name, "days");
    assert_int_equal(pieces->result[EVTWIN__T_RUL].n_blocks, DAYS);
    assert_string_equal(evtwin_trainer_json(pieces, "m"), evtwin_trainer_json(whole, "m"));
    evtwin_trainer_free(whole);
    evtwin_trainer_free(pieces);
}

/* Held-out rows have the numbers of the file's rows. */
static void test_same_predictions(void **state) {
    (void)state;
    write_table(make_fleet(20, FLEET_ROWS));
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer[] = {train_whole(&o), train_pieces(&o, &small)};
    evtwin_table *held[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(evtwin_trainer_predictions(trainer[i], "rul", &held[i]));
    }
    const size_t rows = evtwin_table_rows(held[0]);
    assert_int_equal(rows, 4 * FLEET_ROWS);
    assert_int_equal(evtwin_table_rows(held[1]), rows);
    for (size_t col = 0; col < evtwin_table_cols(held[0]); col++) {
        for (size_t r = 0; r < rows && evtwin_table_type(held[0], col) != EVTWIN_TEXT; r++) {
            assert_true(evtwin_table_number(held[0], col, r) ==
                        evtwin_table_number(held[1], col, r));
        }
    }
    for (int i = 0; i < 2; i++) {
        evtwin_table_free(held[i]);
        evtwin_trainer_free(trainer[i]);
    }
}

/* ---- samples ---- */

/* The forests are the same, since they see all rows; the audit says what it saw; intervals made
 * from every second row of each battery cover the held-out ones about as well. */
static void test_samples(void **state) {
    (void)state;
    enum { ROWS = 120 };
    write_table(make_fleet(60, ROWS));
    const evtwin_train_options o = fleet_options();
    evtwin__pieces_limits limits = small;
    limits.audit_rows = 500;
    limits.sample_rows = 3000;
    evtwin_trainer *whole = train_whole(&o), *pieces = train_pieces(&o, &limits);
    const evtwin_score a = model_score(whole, "rul"), b = model_score(pieces, "rul");
    assert_true(a.rmse == b.rmse && a.n_test == b.n_test && a.battery_mae == b.battery_mae);
    assert_true(fabs(a.coverage - b.coverage) < 0.06);
    assert_true(pieces->bundle.model[0].interval.n_batteries == 48);
    assert_true(pieces->bundle.model[0].interval.n_rows == 48 * ROWS / 2);
    assert_near(model_score(pieces, "failure").brier, model_score(whole, "failure").brier, 0.01);
    assert_null(finding_text(whole, "audit-sampled"));
    assert_non_null(
        strstr(finding_text(pieces, "audit-sampled"), "4 of 60 batteries, 480 of 7200 rows"));

    /* the ends of what is left of a voltage are those of all rows */
    assert_true(whole->bundle.curve.is_known && pieces->bundle.curve.is_known);
    const double width = whole->bundle.curve.max_V - whole->bundle.curve.min_V;
    assert_near(pieces->bundle.curve.max_V - pieces->bundle.curve.min_V, width, 0.2 * width);
    evtwin_trainer_free(whole);
    evtwin_trainer_free(pieces);
}

/* An error that the audit finds in its sample refuses the file, and what is allowed is recorded. */
static void test_audit_refuses(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(40, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) { /* the label in another unit */
        const double rul = evtwin_table_number(t, FLEET_RUL, r);
        assert_ok(evtwin_table_set_f64(t, FLEET_TEMPERATURE, r, rul / 20.0));
    }
    write_table(t);
    const evtwin_train_options o = fleet_options();
    evtwin__pieces_limits limits = small;
    limits.audit_rows = 800;
    assert_refused(&o, &limits, EVTWIN_E_DATA, "the audit refuses it: ");
}

/* ---- files that do not suit ---- */

static void test_torn_battery(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    write_table(make_fleet(20, FLEET_ROWS));
    append_text("B003,2024-01-01T00:00:00Z,50,90,360,10,20,5,3600,100,0,90\n");
    assert_refused(&o, &small, EVTWIN_E_DATA, "line 802: rows of battery 'B003' come again");
    evtwin__pieces_limits one = small; /* in the same piece */
    one.piece_rows = 100000;
    assert_refused(&o, &one, EVTWIN_E_DATA, "line 802: rows of battery 'B003' come again");
}

static void test_files(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    evtwin__pieces_limits limits = small;
    limits.battery_rows = 30;
    limits.piece_rows = 20;
    write_table(make_fleet(20, FLEET_ROWS));
    assert_refused(&o, &limits, EVTWIN_E_UNSUPPORTED, "battery 'B000' has more than 30 rows");

    /* cut in the middle of a line, and a number that is none, far behind */
    append_text("B020,2024-01-01T00:00:00Z,50");
    assert_refused(&o, &small, EVTWIN_E_PARSE, ":802:");
    write_table(make_fleet(20, FLEET_ROWS));
    append_text("B020,2024-01-01T00:00:00Z,fifty,90,360,10,20,5,3600,100,0,90\n");
    assert_refused(&o, &small, EVTWIN_E_PARSE, ":802:3: 'fifty' is not a number");

    /* a value that cannot be: the piece, and the row in it */
    write_table(make_fleet(20, FLEET_ROWS));
    append_text("B020,2024-01-01T00:00:00Z,50,90,360,10,20,5,3600,-1,0,90\n");
    assert_refused(&o, &small, EVTWIN_E_RANGE, "rows counted from data row ");

    /* one series, or none */
    write_table(make_fleet(1, 200));
    assert_refused(&o, &small, EVTWIN_E_DATA, "fewer than two batteries");
    evtwin_table *t = make_fleet(20, 10);
    assert_ok(evtwin_table_rename(t, FLEET_ID, "pack"));
    write_table(t);
    assert_refused(&o, &small, EVTWIN_E_SCHEMA, "no column names the battery");
    write_table(make_fleet(20, 0));
    assert_refused(&o, &small, EVTWIN_E_DATA, "a header and no rows");
}

/* Labels are judged as a whole: no battery of a fleet has both classes, and one class is too few.
 */
static void test_labels(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    evtwin_table *t = make_fleet(20, FLEET_ROWS), *same = NULL;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, (double)(r / FLEET_ROWS % 2)));
    }
    assert_ok(evtwin_table_copy(t, &same));
    write_table(t);
    evtwin_trainer *whole = train_whole(&o), *pieces = train_pieces(&o, &small);
    assert_string_equal(evtwin_trainer_json(whole, ""), evtwin_trainer_json(pieces, ""));
    evtwin_trainer_free(whole);
    evtwin_trainer_free(pieces);
    for (size_t r = 0; r < evtwin_table_rows(same); r++) {
        assert_ok(evtwin_table_set_f64(same, FLEET_FAILURE, r, 0.0));
    }
    write_table(same);
    assert_refused(&o, &small, EVTWIN_E_DATA, "has one class only");
}

/* Columns whose type only the whole file tells. */
static void test_types(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("battery_id,soc,soh,voltage,current,temperature,charge_cycles,power_consumption,rul,"
          "failure,note\n",
          f);
    for (int r = 0; r < 800; r++) { /* cycles become fractions, notes become words */
        fprintf(f, "B%03d,%d,%d,%d,%d,%d,%g,%d,%d,%d,%s\n", r / 40, 1 + r % 97, 100 - r % 40,
                350 + r % 13, r % 31, 20 + r % 7, r < 500 ? r % 40 : r % 40 + 0.5, 3000 + r % 11,
                40 - r % 40, r % 40 > 35, r < 600 ? "1" : "word");
    }
    assert_int_equal(fclose(f), 0);
    assert_refused(&o, &small, EVTWIN_E_PARSE, "column 'note' begins with numbers");

    evtwin_csv_options options;
    evtwin_csv *csv = NULL;
    evtwin_trainer *trainer = NULL;
    const fleet_targets targets = targets_of(NULL, NULL);
    assert_ok(evtwin_csv_options_init(&options, sizeof options));
    options.used_columns = EVTWIN_DEFAULT_FEATURES ",rul,failure,battery_id"; /* not the note */
    assert_ok(evtwin_csv_open(path, &options, &csv));
    /* all of it is read; that its label is a formula of the features is what refuses it */
    assert_int_equal(evtwin__train_pieces(csv, &targets.rul, 2, &o, &small, &trainer),
                     EVTWIN_E_DATA);
    assert_non_null(strstr(evtwin_last_error(), "the audit refuses it"));
    assert_int_equal(evtwin_train_csv(csv, &targets.rul, 2, &o, &trainer), EVTWIN_E_STATE);
    evtwin_csv_free(csv);
}

/* ---- options ---- */

static int count_calls(void *ctx, const char *what, double done) {
    (void)what;
    (void)done;
    ++*(int *)ctx;
    return 0;
}

static void test_options(void **state) {
    (void)state;
    write_table(make_fleet(20, FLEET_ROWS));
    int n_calls = 0;
    evtwin_train_options o = fleet_options();
    o.progress = count_calls;
    o.progress_ctx = &n_calls;
    o.cv_folds = 3;
    assert_refused(&o, &small, EVTWIN_E_UNSUPPORTED, "option cv_folds");
    o.cv_folds = 0;
    o.n_repeats = 2;
    assert_refused(&o, &small, EVTWIN_E_UNSUPPORTED, "option n_repeats");
    o.n_repeats = 0;
    o.n_tune = 3;
    assert_refused(&o, &small, EVTWIN_E_UNSUPPORTED, "option n_tune");
    o.n_tune = 0;
    o.group_by_reset = "charge_cycles";
    assert_refused(&o, &small, EVTWIN_E_UNSUPPORTED, "option group_by_reset");
    o.group_by_reset = NULL;
    o.recipe = "history";
    assert_refused(&o, &small, EVTWIN_E_UNSUPPORTED, "'history'");
    assert_int_equal(n_calls, 0); /* nothing was read */
    o.recipe = NULL;
    o.scratch_dir = "there/is/none";
    assert_refused(&o, &small, EVTWIN_E_IO, "there/is/none: no temporary file can be made there");
    evtwin_trainer *trainer = NULL;
    assert_int_equal(evtwin_train_csv(NULL, NULL, 0, NULL, &trainer), EVTWIN_E_ARG);
    o.scratch_dir = ".";
    o.keep_rounds = 1;
    n_calls = 0;
    evtwin_table *rounds = NULL;
    trainer = train_pieces(&o, &small);
    assert_ok(evtwin_trainer_rounds(trainer, "failure", &rounds));
    assert_int_equal(evtwin_table_rows(rounds), 2 * 20); /* logloss and auc */
    const size_t train = evtwin_table_find(rounds, "train");
    assert_true(evtwin_table_number(rounds, train, 38) < evtwin_table_number(rounds, train, 0));
    assert_true(isnan(evtwin_table_number(rounds, train + 1, 38)));
    evtwin_table_free(rounds);
    evtwin_trainer_free(trainer);
    assert_true(n_calls > 100);
}

/* ---- what can happen ---- */

typedef struct stop {
    const char *stage;
    int was_there;
} stop;

static int stop_at(void *ctx, const char *what, double done) {
    stop *s = ctx;
    (void)done;
    s->was_there |= strcmp(what, s->stage) == 0;
    return s->was_there;
}

static void test_cancelled(void **state) {
    (void)state;
    write_table(make_fleet(30, FLEET_ROWS));
    static const char *const stage[] = {"reading",  "looking",     "auditing",
                                        "training", "calibrating", "scoring"};
    for (size_t i = 0; i < sizeof stage / sizeof stage[0]; i++) {
        stop s = {stage[i], 0};
        evtwin_train_options o = fleet_options();
        o.progress = stop_at;
        o.progress_ctx = &s;
        assert_refused(&o, &small, EVTWIN_E_CANCELLED, "stopped");
        assert_int_equal(s.was_there, 1);
    }
}

/* A file may not grow beyond so many bytes: as on a full disk, but with EFBIG. */
static void test_full_disk(void **state) {
    (void)state;
    write_table(make_fleet(30, FLEET_ROWS));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit little = {50000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    const evtwin_status st = try_pieces(&o, &small, &trainer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(st, EVTWIN_E_IO);
    assert_non_null(strstr(evtwin_last_error(), "cannot write a temporary file"));
    assert_non_null(strstr(evtwin_last_error(), "name a folder with more room"));
}

static void test_lost_rows(void **state) {
    (void)state;
    evtwin__rows_file f;
    double v[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, w[3];
    assert_ok(evtwin__rows_file_open(".", 2, &f));
    assert_ok(evtwin__rows_file_append(&f, v, 3));
    assert_ok(evtwin__rows_file_append(&f, v + 1, 2));
    assert_ok(evtwin__rows_file_read(&f, 0, 1, 1, w));
    assert_true(w[0] == 4.0 && w[2] == 6.0);
    assert_ok(evtwin__rows_file_read(&f, 1, 1, 1, w));
    assert_true(w[0] == 4.0 && w[1] == 5.0);
    assert_int_equal(ftruncate(f.fd, 70), 0);
    assert_int_equal(evtwin__rows_file_read(&f, 1, 1, 1, w), EVTWIN_E_IO);
    assert_non_null(strstr(evtwin_last_error(), "has lost what was written to it"));
    evtwin__rows_file_close(&f);
}

/* Up to the training, which is XGBoost's. */
static evtwin_status read_pieces(void *ctx) {
    const evtwin_train_options *o = ctx;
    evtwin_trainer *trainer = NULL;
    const evtwin_status st = try_pieces(o, &small, &trainer);
    evtwin_trainer_free(trainer);
    return st == EVTWIN_E_CANCELLED ? EVTWIN_OK : st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    write_table(make_fleet(6, 20));
    stop s = {"auditing", 0};
    evtwin_train_options o = fleet_options();
    o.progress = stop_at;
    o.progress_ctx = &s;
    s.was_there = 0;
    assert_true(fail_every_allocation(read_pieces, &o) > 100);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_whole),
        cmocka_unit_test(test_one_battery_held_out),
        cmocka_unit_test(test_same_predictions),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_audit_refuses),
        cmocka_unit_test(test_torn_battery),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_lost_rows),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
#else
    return 77;
#endif
}
