/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_save.c: a bundle appears whole or not at all, and an older one
 * stays loadable. */

#include "test.h"

#include "core/file.h"
#include "core/mem.h"
#include "learn/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fail_nth.h"
#include "one_fleet.h"

static evtwin_trainer *train(const char *rul, const char *failure, int trees) {
    const evtwin_train_options o = fleet_options();
    fleet_targets targets = targets_of(rul, failure);
    targets.rul.trees = targets.failure.trees = trees;
    evtwin_trainer *trainer = NULL;
    assert_ok(try_train(table, &targets, &o, &trainer));
    return trainer;
}

/* Number of entries of a folder, "." and ".." aside. */
static int count_entries(const char *dir) {
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = -2;
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

static int exists(const char *dir, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* The bundle loads, and predicts what its version says it is. */
static void load(const char *dir, char version[16]) {
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_predictor_load(dir, &p));
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    snprintf(version, 16, "%s", info.version);
    evtwin_predictor_free(p);
}

static void test_saves_a_bundle_that_predicts(void **state) {
    (void)state;
    const char *dir = temp_path("a/new/folder");
    evtwin_trainer *trainer = train(NULL, NULL, 20);
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_int_equal(count_entries(dir), 4);

    evtwin_predictor *p;
    assert_ok(evtwin_predictor_load(dir, &p));
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    const evtwin_score score = model_score(trainer, "rul");
    evtwin_score saved;
    assert_ok(evtwin_predictor_score(p, "rul", EVTWIN_SCORED_MODEL, &saved, sizeof saved));
    assert_int_equal(info.n_targets, 2);
    assert_near(saved.rmse, score.rmse, 0.0);

    /* the loaded bundle is the model that was scored: over all rows it is at least as near */
    evtwin_table *copy;
    assert_ok(evtwin_table_copy(table, &copy));
    assert_ok(evtwin_predictor_apply(p, copy));
    const double *predicted = evtwin_table_f64(copy, evtwin_table_find(copy, "rul_prediction"));
    const double *truth = evtwin_table_f64(copy, FLEET_RUL);
    double square = 0.0;
    const size_t rows = evtwin_table_rows(copy);
    for (size_t r = 0; r < rows; r++) {
        square += (predicted[r] - truth[r]) * (predicted[r] - truth[r]);
    }
    assert_true(sqrt(square / (double)rows) < score.rmse * 1.2);
    evtwin_table_free(copy);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
}

/* The predictor that a training hands out is the one that its saved bundle loads as, and lives on
 * without it. */
static void test_predictor_without_the_disk(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    o.label_rule = "soh below 80 %";
    o.source_name = "/data/\xff.csv"; /* without folders, as UTF-8, and no more is changed */
    evtwin_trainer *trainer = train_targets(table, NULL, NULL, &o);
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"source\": \"?.csv\""));
    evtwin_predictor *made = NULL, *loaded = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &made));
    const char *dir = temp_path("made");
    assert_ok(evtwin_trainer_save(trainer, dir));
    evtwin_trainer_free(trainer);
    assert_ok(evtwin_predictor_load(dir, &loaded));
    evtwin_predictor_info a, b;
    assert_ok(evtwin_predictor_info_get(made, &a, sizeof a));
    assert_ok(evtwin_predictor_info_get(loaded, &b, sizeof b));
    assert_string_equal(a.version, b.version);
    assert_string_equal(a.trained_at, b.trained_at);
    assert_string_equal(a.label_rule, "soh below 80 %");
    evtwin_table *x, *y;
    assert_ok(evtwin_table_copy(table, &x));
    assert_ok(evtwin_table_copy(table, &y));
    assert_ok(evtwin_predictor_apply(made, x));
    assert_ok(evtwin_predictor_apply(loaded, y));
    const size_t rul = evtwin_table_find(x, "rul_prediction");
    assert_memory_equal(evtwin_table_f64(x, rul), evtwin_table_f64(y, rul),
                        evtwin_table_rows(x) * sizeof(double));
    evtwin_table_free(x);
    evtwin_table_free(y);
    evtwin_predictor_free(made);
    evtwin_predictor_free(loaded);
    assert_fails(evtwin_trainer_predictor(NULL, &made), EVTWIN_E_ARG, "NULL");
}

/* The manifest names the batteries that the models have seen, by hash, and no other. */
static void test_batteries_are_recorded(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    for (int folds = 0; folds <= 4; folds += 4) {
        o.cv_folds = folds;
        evtwin_trainer *trainer = train_targets(table, NULL, NULL, &o);
        const char *dir = temp_path("batteries");
        assert_ok(evtwin_trainer_save(trainer, dir));
        evtwin_table *held_out;
        assert_ok(evtwin_trainer_predictions(trainer, "rul", &held_out));
        evtwin__bundle b;
        assert_ok(evtwin__bundle_load(dir, &b));
        const size_t n_held = evtwin_table_dict_size(held_out, 1);
        assert_int_equal(b.n_batteries, folds > 0 ? FLEET_BATTERIES : FLEET_BATTERIES - n_held);
        for (size_t i = 0; i < n_held; i++) {
            char hash[EVTWIN__BATTERY_HASH_SIZE];
            evtwin__battery_hash(evtwin_table_dict_text(held_out, 1, (int32_t)i), hash);
            int is_there = 0;
            for (size_t k = 0; k < b.n_batteries; k++) {
                is_there |= strcmp(b.battery[k], hash) == 0;
                assert_true(k == 0 || strcmp(b.battery[k - 1], b.battery[k]) < 0);
            }
            assert_int_equal(is_there, folds > 0);
        }
        evtwin__bundle_clear(&b);
        evtwin_table_free(held_out);
        evtwin_trainer_free(trainer);
    }
}

/* The scaler has seen the training battery only: its mean is that of one battery, not of both. */
static void test_scaler_has_not_seen_what_is_held_out(void **state) {
    (void)state;
    evtwin_table *two = make_fleet(2, 30);
    for (size_t r = 0; r < 60; r++) {
        assert_ok(evtwin_table_set_f64(two, FLEET_SOC, r, r < 30 ? 10.0 : 90.0));
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(two, &o);
    const char *dir = temp_path("two");
    assert_ok(evtwin_trainer_save(trainer, dir));
    char path[512], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/scaler.json", dir);
    assert_ok(evtwin__file_read(path, 1 << 20, &text, &size));
    evtwin__scaler s;
    assert_ok(evtwin__scaler_read(path, text, size, &s));
    assert_true(s.mean[0] == 10.0 || s.mean[0] == 90.0);
    assert_near(s.scale[0], 1.0, 0.0);
    evtwin__scaler_clear(&s);
    evtwin__free(text);
    evtwin_trainer_free(trainer);
    evtwin_table_free(two);
}

static void test_same_training_same_models(void **state) {
    (void)state;
    const char *dir[] = {temp_path("twice-1"), temp_path("twice-2")};
    for (int i = 0; i < 2; i++) {
        evtwin_trainer *trainer = train(NULL, NULL, 10);
        assert_ok(evtwin_trainer_save(trainer, dir[i]));
        evtwin_trainer_free(trainer);
    }
    static const char *const name[] = {"rul_model.json", "failure_model.json", "scaler.json"};
    for (int i = 0; i < 3; i++) {
        char path[512], *data[2];
        size_t size[2];
        for (int d = 0; d < 2; d++) {
            snprintf(path, sizeof path, "%s/%s", dir[d], name[i]);
            assert_ok(evtwin__file_read(path, 1 << 26, &data[d], &size[d]));
        }
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(data[0], data[1], size[0]);
        evtwin__free(data[0]);
        evtwin__free(data[1]);
    }
}

static void test_a_stale_model_is_removed(void **state) {
    (void)state;
    const char *dir = temp_path("stale");
    evtwin_trainer *trainer = train(NULL, NULL, 5);
    assert_ok(evtwin_trainer_save(trainer, dir));
    evtwin_trainer_free(trainer);
    assert_true(exists(dir, "failure_model.json"));

    trainer = train(NULL, "none", 5);
    assert_ok(evtwin_trainer_save(trainer, dir));
    evtwin_trainer_free(trainer);
    assert_false(exists(dir, "failure_model.json"));
    assert_int_equal(count_entries(dir), 3);
    evtwin_predictor *p;
    assert_ok(evtwin_predictor_load(dir, &p));
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_int_equal(info.n_targets, 1);
    assert_string_equal(evtwin_predictor_target(p, 0), "rul");
    evtwin_predictor_free(p);
}

/* A disk that takes only so many bytes: every limit leaves the old bundle as it was. */
static void test_full_disk(void **state) {
    (void)state;
    const char *dir = temp_path("full");
    evtwin_trainer *old = train(NULL, NULL, 5);
    assert_ok(evtwin_trainer_save(old, dir));
    evtwin_trainer_free(old);
    char before[16], after[16];
    load(dir, before);

    evtwin_trainer *trainer = train(NULL, NULL, 40);
    struct rlimit unlimited;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limit[] = {0, 100, 1000, 10000, 30000};
    for (size_t i = 0; i < sizeof limit / sizeof limit[0]; i++) {
        const struct rlimit tight = {limit[i], unlimited.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        const evtwin_status st = evtwin_trainer_save(trainer, dir);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        assert_int_equal(st, EVTWIN_E_IO);
        assert_non_null(strstr(evtwin_last_error(), "File too large"));
        assert_int_equal(count_entries(dir), 4);
        load(dir, after);
        assert_string_equal(before, after);
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_ok(evtwin_trainer_save(trainer, dir));
    load(dir, after);
    assert_string_not_equal(before, after);
    evtwin_trainer_free(trainer);
}

/* A save that fails leaves no folder that it made, and names the file that is missed. */
static void test_a_failed_save_leaves_nothing(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, NULL, 5);
    const char *parent = temp_path("parent");
    assert_int_equal(mkdir(parent, 0777), 0);
    char dir[512], expected[600];
    struct rlimit unlimited;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_IGN);
    static const char *const below[] = {"new", "a/b//c/", "./d"};
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        snprintf(dir, sizeof dir, "%s/%s", parent, below[i]);
        snprintf(expected, sizeof expected, "%s/rul_model.json: ", dir);
        const struct rlimit tight = {1000, unlimited.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        const evtwin_status st = evtwin_trainer_save(trainer, dir);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        assert_int_equal(st, EVTWIN_E_IO);
        if (strncmp(evtwin_last_error(), expected, strlen(expected)) != 0) {
            fail_msg("'%s' does not begin with '%s'", evtwin_last_error(), expected);
        }
        assert_int_equal(count_entries(parent), 0);
    }

    /* a folder that was there stays, even an empty one */
    snprintf(dir, sizeof dir, "%s/here", parent);
    assert_int_equal(mkdir(dir, 0777), 0);
    const struct rlimit tight = {1000, unlimited.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(evtwin_trainer_save(trainer, dir), EVTWIN_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(count_entries(dir), 0);
    assert_int_equal(count_entries(parent), 1);
    evtwin_trainer_free(trainer);
}

static void test_places_that_cannot_be_written(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, NULL, 2);
    assert_fails(evtwin_trainer_save(trainer, temp_file("a-file", "x")), EVTWIN_E_IO, "a-file");
    assert_true(evtwin_trainer_save(trainer, "/proc/evtwin") < 0);
    assert_fails(evtwin_trainer_save(trainer, ""), EVTWIN_E_ARG, "empty");
    assert_fails(evtwin_trainer_save(trainer, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_trainer_save(NULL, "x"), EVTWIN_E_ARG, "NULL");

    /* a folder stands where a file is to go: nothing is touched */
    const char *dir = temp_path("blocked");
    assert_ok(evtwin_trainer_save(trainer, dir));
    char path[512], before[16], after[16];
    load(dir, before);
    evtwin_trainer *other = train("none", NULL, 3);
    snprintf(path, sizeof path, "%s/rul_model.json", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_fails(evtwin_trainer_save(other, dir), EVTWIN_E_IO, "rul_model.json");
    assert_int_equal(rmdir(path), 0);
    evtwin_trainer_free(other);
    assert_ok(evtwin_trainer_save(trainer, dir));
    load(dir, after);
    evtwin_trainer_free(trainer);

    if (geteuid() != 0) {
        assert_int_equal(chmod(dir, 0555), 0);
        trainer = train(NULL, NULL, 3);
        assert_fails(evtwin_trainer_save(trainer, dir), EVTWIN_E_IO, "blocked");
        evtwin_trainer_free(trainer);
        load(dir, before);
        assert_string_equal(before, after);
        assert_int_equal(chmod(dir, 0755), 0);
    }
}

/* Save and load, again and again; the exit code says whether all that was loaded was whole. */
static int save_and_load(const evtwin_trainer *trainer, const char *dir, const char *const known[2],
                         int n) {
    for (int i = 0; i < n; i++) {
        evtwin_predictor *p = NULL;
        evtwin_predictor_info info;
        if (evtwin_trainer_save(trainer, dir) < 0 || evtwin_predictor_load(dir, &p) < 0 ||
            evtwin_predictor_info_get(p, &info, sizeof info) < 0 ||
            (strcmp(info.version, known[0]) != 0 && strcmp(info.version, known[1]) != 0)) {
            fprintf(stderr, "%s\n", evtwin_last_error());
            return 1;
        }
        evtwin_predictor_free(p);
    }
    return 0;
}

/* Two processes save into one folder and read it: each sees one bundle or the other, whole. */
static void test_two_savings_at_once(void **state) {
    (void)state;
    const char *dir = temp_path("at-once");
    evtwin_trainer *trainer[] = {train(NULL, NULL, 2), train(NULL, "none", 3)};
    char version[2][16];
    for (int i = 0; i < 2; i++) {
        assert_ok(evtwin_trainer_save(trainer[i], dir));
        load(dir, version[i]);
    }
    const char *const known[] = {version[0], version[1]};
    pid_t child[2];
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) {
            _exit(save_and_load(trainer[i], dir, known, 40));
        }
    }
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
        evtwin_trainer_free(trainer[i]);
    }
    char last[16];
    load(dir, last);
    assert_true(strcmp(last, version[0]) == 0 || strcmp(last, version[1]) == 0);
    assert_true(count_entries(dir) == 4 || count_entries(dir) == 3);
}

typedef struct saving {
    evtwin_trainer *trainer;
    const char *dir;
} saving;

static evtwin_status save(void *ctx) {
    const saving *s = ctx;
    return evtwin_trainer_save(s->trainer, s->dir);
}

static evtwin_status make_predictor(void *ctx) {
    const saving *s = ctx;
    evtwin_predictor *p = NULL;
    const evtwin_status st = evtwin_trainer_predictor(s->trainer, &p);
    evtwin_predictor_free(p);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    saving s = {train(NULL, NULL, 2), temp_path("memory")};
    assert_ok(save(&s));
    assert_true(fail_every_allocation(save, &s) > 10);
    assert_true(fail_every_allocation(make_predictor, &s) > 10);
    char version[16];
    load(s.dir, version);
    assert_int_equal(count_entries(s.dir), 4);
    evtwin_trainer_free(s.trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saves_a_bundle_that_predicts),
        cmocka_unit_test(test_predictor_without_the_disk),
        cmocka_unit_test(test_batteries_are_recorded),
        cmocka_unit_test(test_scaler_has_not_seen_what_is_held_out),
        cmocka_unit_test(test_same_training_same_models),
        cmocka_unit_test(test_a_stale_model_is_removed),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_a_failed_save_leaves_nothing),
        cmocka_unit_test(test_places_that_cannot_be_written),
        cmocka_unit_test(test_two_savings_at_once),
        cmocka_unit_test(test_out_of_memory),
    };
    return RUN_ON_ONE_FLEET(tests);
}
