/* SPDX-License-Identifier: MIT */
/* tests/unit/follow/test_follower.c: a follower beside a server that takes connections and says
 * nothing, which is the slowest there is: models of the cache begin, and nothing waits. The rest
 * needs an MLflow: integration.mlflow_predict. */

#include "test.h"

#include "core/clock.h"
#include "core/file.h"
#include "follow/cache.h"
#include "learn/bundles.h"
#include "track/fake_mlflow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char models[] = "models:/evtwin-rul@champion";

/* A port with a backlog that nobody accepts from. */
static int silent_server(char uri[64]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(uri, 64, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

/* Where version 3 is; short, as write_bundle wants it. */
static void path_of(const evtwin__cache *cache, const evtwin__cached *v, char path[480]) {
    char full[EVTWIN__CACHE_PATH_SIZE];
    evtwin__cache_path(cache, v, full);
    assert_true(strlen(full) < 480);
    snprintf(path, 480, "%.479s", full);
}

/* A cache whose last good version by that name is 3. */
static void fill_cache(const char *dir, const char *uri) {
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    evtwin__cached v = {.version = "3", .run_id = "0123456789abcdef0123456789abcdef"};
    char path[480];
    evtwin__cache cache;
    evtwin_predictor *p = NULL;
    evtwin_predictor_info info;
    assert_ok(evtwin__cache_open(dir, uri, "evtwin-rul", &cache));
    path_of(&cache, &v, path);
    assert_ok(evtwin__mkdirs(path));
    write_bundle(path, &both);
    assert_ok(evtwin_predictor_load(path, &p));
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    snprintf(v.bundle, sizeof v.bundle, "%s", info.bundle);
    evtwin_predictor_free(p);
    assert_ok(evtwin__cache_keep(&cache, models, &v, 1));
}

static evtwin_follower *follow(const char *dir, const char *uri, evtwin_follower_check_fn check) {
    evtwin_follower_options o;
    evtwin_follower *f = NULL;
    assert_ok(evtwin_follower_options_init(&o, sizeof o));
    o.cache_dir = dir;
    o.poll_s = 0.1;
    o.patience_s = 0.2;
    o.check = check;
    assert_ok(evtwin_follower_open(uri, NULL, models, &o, &f));
    return f;
}

static void test_silent(void **state) {
    (void)state;
    char uri[64], dir[300], under_way[EVTWIN__CACHE_PATH_SIZE + 64];
    const int fd = silent_server(uri);
    evtwin__cache cache;
    snprintf(dir, sizeof dir, "%s", temp_path("silent"));
    fill_cache(dir, uri);
    assert_ok(evtwin__cache_open(dir, uri, "evtwin-rul", &cache));
    snprintf(under_way, sizeof under_way, "%s/v4-0123456789abcdef.part-Abc123", cache.folder);
    assert_ok(evtwin__mkdirs(under_way)); /* by another process, which has the folder's lock */
    evtwin_follower *f = follow(dir, uri, NULL);
    evtwin_predictor *p = NULL, *none = NULL;
    evtwin_predictor_info info;
    evtwin_follower_info said;
    assert_fails(evtwin_follower_start(f), EVTWIN_E_STATE, "first");
    const double begin_s = evtwin__monotonic_s();
    assert_ok(evtwin_follower_load(f, &p));
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_string_equal(info.version, "evtwin-rul/3");
    assert_int_equal(access(under_way, F_OK), 0);
    assert_fails(evtwin_follower_load(f, &none), EVTWIN_E_STATE, "started");
    assert_ok(evtwin_follower_start(f));
    assert_fails(evtwin_follower_start(f), EVTWIN_E_STATE, "already");
    for (int i = 0; i < 20; i++) { /* a look is under way, and nothing waits for it */
        assert_int_equal(evtwin_follower_next(f, &none), EVTWIN_DONE);
        assert_null(none);
        usleep(20000);
    }
    assert_ok(evtwin_follower_info_get(f, &said, sizeof said));
    assert_string_equal(said.name, "evtwin-rul");
    assert_string_equal(said.version, "3");
    assert_string_equal(said.run_id, "0123456789abcdef0123456789abcdef");
    assert_true(said.is_from_cache && !said.is_reachable);
    assert_int_equal(said.n_looks, 1);
    assert_int_equal(said.n_failures, 1);
    assert_int_equal(said.n_refused, 0);
    assert_true(isnan(said.age_s));
    evtwin_follower_free(f);
    assert_true(evtwin__monotonic_s() - begin_s <
                60.0); /* a request may take 120 s, and three more */
    evtwin_predictor_free(p);
    close(fd);
}

static evtwin_status refuse(void *ctx, const evtwin_predictor *predictor) {
    (void)ctx;
    (void)predictor;
    evtwin_features *f = NULL;
    return evtwin_features_create("truth_soh", &f); /* says what it does not like */
}

static void test_cache_is_no_help(void **state) {
    (void)state;
    char uri[64], dir[300];
    const int fd = silent_server(uri);
    evtwin_predictor *p = NULL;

    /* models that the program cannot predict with */
    snprintf(dir, sizeof dir, "%s", temp_path("refused"));
    fill_cache(dir, uri);
    evtwin_follower *f = follow(dir, uri, refuse);
    assert_fails(evtwin_follower_load(f, &p), EVTWIN_E_CANCELLED, "no answer|0.2|cache|truth_soh");
    assert_null(p);
    evtwin_follower_free(f);

    /* a bundle that is whole, but not the one that was fetched */
    const bundle_spec one = {"xgboost-3.2-regression", NULL};
    evtwin__cached v = {.version = "3", .run_id = "0123456789abcdef0123456789abcdef"};
    char path[480];
    evtwin__cache cache;
    assert_ok(evtwin__cache_open(dir, uri, "evtwin-rul", &cache));
    path_of(&cache, &v, path);
    write_bundle(path, &one);
    f = follow(dir, uri, NULL);
    assert_fails(evtwin_follower_load(f, &p), EVTWIN_E_CANCELLED, "cache|fetched");
    evtwin_follower_free(f);

    /* one that is damaged */
    char file[512];
    snprintf(file, sizeof file, "%s/rul_model.json", path);
    assert_ok(evtwin__file_write(file, "{}", 2));
    f = follow(dir, uri, NULL);
    assert_fails(evtwin_follower_load(f, &p), EVTWIN_E_CANCELLED, "cache|rul_model");
    evtwin_follower_free(f);
    close(fd);
}

/* ---- beside a server of the test's own ---- */

/* Artifacts of a run: a bundle. */
static void fill_server(fake_mlflow *m, char folder[300], const char *name) {
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    char path[480];
    snprintf(folder, 300, "%s", temp_path(name));
    snprintf(path, sizeof path, "%s/1/" EVTWIN_FOLLOWER_BUNDLE, folder);
    assert_ok(evtwin__mkdirs(path));
    write_bundle(path, &both);
    *m = (fake_mlflow){.folder = folder, .name = "evtwin-rul", .version = "3"};
}

/* The first who asks for the manifest waits until it is released. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n_came, is_open;
} gate;

static void hold_first(void *ctx, const char *method, const char *path) {
    gate *g = ctx;
    (void)method;
    if (strstr(path, "/manifest.json") == NULL) {
        return;
    }
    pthread_mutex_lock(&g->lock);
    const int is_first = g->n_came++ == 0;
    pthread_cond_broadcast(&g->changed);
    while (is_first && !g->is_open) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

typedef struct loading {
    evtwin_follower *f;
    evtwin_predictor *p;
    evtwin_status st;
} loading;

static void *load(void *ctx) {
    loading *l = ctx;
    l->st = evtwin_follower_load(l->f, &l->p);
    return NULL;
}

/* Two that share a cache: while one still downloads, the other has its models. */
static void test_slow_download_of_another(void **state) {
    (void)state;
    fake_mlflow m;
    gate g = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    char folder[300], dir[300];
    fill_server(&m, folder, "shared-server");
    snprintf(dir, sizeof dir, "%s", temp_path("shared-cache"));
    m.before = hold_first;
    m.ctx = &g;
    fake_start(&m);
    loading slow = {follow(dir, m.uri, NULL), NULL, EVTWIN_E_STATE};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, load, &slow), 0);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 120;
    pthread_mutex_lock(&g.lock);
    while (g.n_came == 0) {
        assert_int_equal(pthread_cond_timedwait(&g.changed, &g.lock, &end), 0);
    }
    pthread_mutex_unlock(&g.lock);

    evtwin_follower *quick = follow(dir, m.uri, NULL);
    evtwin_predictor *p = NULL;
    const evtwin_status st = evtwin_follower_load(quick, &p);
    char said[512];
    snprintf(said, sizeof said, "%s", evtwin_last_error());
    pthread_mutex_lock(&g.lock);
    g.is_open = 1;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    pthread_join(thread, NULL);
    if (st < 0) {
        fail_msg("%s: %s", evtwin_status_name(st), said);
    }
    assert_ok(slow.st); /* the other's sweep has left its download alone */
    evtwin_predictor_info a, b;
    assert_ok(evtwin_predictor_info_get(p, &a, sizeof a));
    assert_ok(evtwin_predictor_info_get(slow.p, &b, sizeof b));
    assert_string_equal(a.bundle, b.bundle);
    evtwin__cache cache;
    const evtwin__cached v = {.version = "3", .run_id = FAKE_RUN};
    assert_ok(evtwin__cache_open(dir, m.uri, "evtwin-rul", &cache));
    assert_true(evtwin__cache_has(&cache, &v));
    size_t n = 0;
    DIR *all = opendir(cache.folder);
    for (const struct dirent *d; (d = readdir(all)) != NULL;) {
        n += d->d_name[0] != '.';
    }
    closedir(all);
    assert_int_equal(n, 2); /* the version and the pointer: nothing else is left */
    evtwin_predictor_free(p);
    evtwin_predictor_free(slow.p);
    evtwin_follower_free(quick);
    evtwin_follower_free(slow.f);
    fake_stop(&m);
}

/* A version by its number, and a name of the longest length. */
static void test_fixed_version(void **state) {
    (void)state;
    fake_mlflow m;
    char folder[300], name[256], fixed[300];
    evtwin_follower_options o;
    evtwin_follower *f = NULL;
    evtwin_predictor *p = NULL;
    evtwin_predictor_info info;
    fill_server(&m, folder, "fixed-server");
    memset(name, 'n', 255);
    name[255] = '\0';
    m.name = name;
    fake_start(&m);
    snprintf(fixed, sizeof fixed, "models:/%s/3", name);
    assert_ok(evtwin_follower_options_init(&o, sizeof o));
    o.cache_dir = temp_path("fixed-cache");
    assert_ok(evtwin_follower_open(m.uri, NULL, fixed, &o, &f));
    assert_ok(evtwin_follower_load(f, &p));
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_string_equal(info.version, fixed + strlen("models:/"));
    assert_ok(evtwin_follower_start(f));
    assert_fails(evtwin_follower_start(f), EVTWIN_E_STATE, "already");
    evtwin_predictor_free(p);
    evtwin_follower_free(f);
    fake_stop(&m);
}

static void test_arguments(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           "models",     "models:/",   "models:/a",     "models:/a@",
        "models:/@a", "models:/a/", "models://3", "models:/a/3/4", "runs:/a/b"};
    static const char uri[] = "http://127.0.0.1:1";
    evtwin_follower_options o;
    evtwin_follower *f = NULL;
    evtwin_follower_info info = {.size = sizeof info};
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_follower_options_init(&o, sizeof o));
    assert_fails(evtwin_follower_options_init(NULL, sizeof o), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_follower_open(uri, NULL, models, &o, &f), EVTWIN_E_ARG, "cache_dir");
    o.cache_dir = temp_path("arguments");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(evtwin_follower_open(uri, NULL, bad[i], &o, &f), EVTWIN_E_PARSE, "ALIAS");
    }
    assert_fails(evtwin_follower_open(uri, NULL, NULL, &o, &f), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_follower_open(NULL, NULL, models, &o, &f), EVTWIN_E_ARG, "NULL");
    assert_true(evtwin_follower_open("nonsense", NULL, models, &o, &f) < 0);
    const evtwin_follower_options good = o;
    o.poll_s = 0.0;
    assert_fails(evtwin_follower_open(uri, NULL, models, &o, &f), EVTWIN_E_ARG, "poll_s");
    o = good;
    o.patience_s = NAN;
    assert_fails(evtwin_follower_open(uri, NULL, models, &o, &f), EVTWIN_E_ARG, "patience_s");
    o = good;
    o.n_kept = 0;
    assert_fails(evtwin_follower_open(uri, NULL, models, &o, &f), EVTWIN_E_ARG, "n_kept");
    assert_null(f);
    assert_fails(evtwin_follower_load(NULL, &p), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_follower_start(NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_follower_next(NULL, &p), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_follower_info_get(NULL, &info, sizeof info), EVTWIN_E_ARG, "NULL");
    evtwin_follower_free(NULL);
}

int main(void) {
    evtwin_follower_options o;
    evtwin_follower *f = NULL;
    assert_ok(evtwin_follower_options_init(&o, sizeof o));
    o.cache_dir = temp_path("build");
    if (evtwin_follower_open("http://127.0.0.1:1", NULL, models, &o, &f) == EVTWIN_E_UNSUPPORTED) {
        return 77; /* a build without libcurl */
    }
    evtwin_follower_free(f);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent), cmocka_unit_test(test_cache_is_no_help),
        cmocka_unit_test(test_slow_download_of_another), cmocka_unit_test(test_fixed_version),
        cmocka_unit_test(test_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
