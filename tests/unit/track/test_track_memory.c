/* SPDX-License-Identifier: MIT */
/* tests/unit/track/test_track_memory.c: memory that is out at any moment of what a training and a
 * follower do with a tracking server: EVTWIN_E_NOMEM, nothing is left behind, and the next try
 * works. */

#include "test.h"

#include "core/file.h"
#include "core/mem.h"
#include "fail_nth.h"
#include "fake_mlflow.h"
#include "io/file_tree.h"
#include "learn/bundles.h"

typedef struct work {
    fake_mlflow server;
    char folder[300]; /* artifacts of the server */
    char file[300], target[300];
} work;

static void begin(work *w, const char *name) {
    char path[480];
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    *w = (work){.server = {.name = "evtwin-rul", .version = "3"}};
    snprintf(w->folder, sizeof w->folder, "%s", temp_path(name));
    snprintf(path, sizeof path, "%s/1/bundle", w->folder);
    assert_ok(evtwin__mkdirs(path));
    write_bundle(path, &both);
    snprintf(w->file, sizeof w->file, "%s", temp_file("source", "text"));
    snprintf(w->target, sizeof w->target, "%s", temp_path("target"));
    w->server.folder = w->folder;
    fake_start(&w->server);
}

static evtwin_status open_tracker(const work *w, evtwin_tracker **out) {
    evtwin_tracker_options o;
    evtwin_tracker_options_init(&o, sizeof o);
    o.user = "me";
    o.password = "secret of the test";
    o.n_retries = 0;
    return evtwin_tracker_open(w->server.uri, &o, out);
}

/* ---- a training ---- */

static evtwin_status log_into(evtwin_run *run, const work *w) {
    static const char *const keys[] = {"a", "b"}, *const values[] = {"1", "2"};
    static const double numbers[] = {1.0, (double)NAN};
    evtwin_run_dataset d;
    evtwin_run_dataset_init(&d, sizeof d);
    d.name = d.digest = d.source = d.context = "x";
    evtwin_status st = evtwin_run_log_params(run, keys, values, 2);
    st = st < 0 ? st : evtwin_run_log_metrics(run, keys, numbers, NULL, NULL, 2, "m-1");
    st = st < 0 ? st : evtwin_run_set_tags(run, keys, values, 2);
    st = st < 0 ? st : evtwin_run_log_dataset(run, &d);
    st = st < 0 ? st : evtwin_run_log_artifacts(run, w->folder, "all");
    return st < 0 ? st : evtwin_run_end(run, EVTWIN_RUN_FINISHED);
}

static evtwin_status log_model(evtwin_tracker *t, evtwin_run *run, const work *w) {
    evtwin_logged_model model = {.size = sizeof model};
    evtwin_tracker_version v = {.size = sizeof v};
    evtwin_status st = evtwin_run_begin_model(run, "evtwin-rul", "x", &model, sizeof model);
    st = st < 0 ? st : evtwin_tracker_upload(t, model.artifact_uri, w->file, NULL);
    st = st < 0 ? st : evtwin_tracker_register(t, "evtwin-rul", "x");
    st = st < 0 ? st
                : evtwin_tracker_create_version(t, "evtwin-rul", "models:/m-1", NULL, &v, sizeof v);
    return st < 0 ? st : evtwin_tracker_set_alias(t, "evtwin-rul", "staging", v.version);
}

static evtwin_status train(void *ctx) {
    const work *w = ctx;
    evtwin_tracker *t = NULL;
    evtwin_run *run = NULL;
    char experiment[EVTWIN_TRACK_ID_SIZE];
    evtwin_status st = open_tracker(w, &t);
    st = st < 0 ? st : evtwin_tracker_experiment(t, "x", experiment);
    st = st < 0 ? st : evtwin_run_start(t, experiment, NULL, &run);
    st = st < 0 ? st : log_into(run, w);
    st = st < 0 ? st : log_model(t, run, w);
    evtwin_run_free(run);
    evtwin_tracker_free(t);
    return st;
}

static void test_training(void **state) {
    (void)state;
    work w;
    begin(&w, "training");
    assert_ok(train(&w));
    assert_true(fail_every_allocation(train, &w) > 50);
    fake_stop(&w.server);
}

/* ---- fetching ---- */

static evtwin_status fetch(void *ctx) {
    const work *w = ctx;
    evtwin_tracker *t = NULL;
    evtwin_status st = open_tracker(w, &t);
    st = st < 0 ? st : evtwin_tracker_download(t, "models:/evtwin-rul@champion", w->target);
    evtwin_tracker_free(t);
    const int is_there = access(w->target, F_OK) == 0;
    if (is_there == (st < 0)) { /* whole, or not there at all */
        return EVTWIN_E_STATE;
    }
    evtwin__remove_tree(w->target);
    return st;
}

static void test_download(void **state) {
    (void)state;
    work w;
    begin(&w, "download");
    assert_true(fail_every_allocation(fetch, &w) > 30);
    fake_stop(&w.server);
}

/* ---- a follower ---- */

static evtwin_status load(void *ctx) {
    const work *w = ctx;
    evtwin_follower_options o;
    evtwin_follower *f = NULL;
    evtwin_predictor *p = NULL;
    evtwin_follower_options_init(&o, sizeof o);
    o.cache_dir = w->target;
    evtwin_status st =
        evtwin_follower_open(w->server.uri, NULL, "models:/evtwin-rul@champion", &o, &f);
    st = st < 0 ? st : evtwin_follower_load(f, &p);
    evtwin_predictor_free(p);
    evtwin_follower_free(f);
    evtwin__remove_tree(w->target);
    return st;
}

static void test_follower(void **state) {
    (void)state;
    work w;
    begin(&w, "follower");
    /* most are of the forests, which learn.forest_memory fails one by one */
    assert_true(fail_allocations(load, &w, 120, 61) > 50);
    fake_stop(&w.server);
}

int main(void) {
    evtwin_tracker *t = NULL;
    if (evtwin_tracker_open("http://127.0.0.1:1", NULL, &t) == EVTWIN_E_UNSUPPORTED) {
        return 77; /* a build without libcurl */
    }
    evtwin_tracker_free(t);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_download),
                                       cmocka_unit_test(test_follower)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
