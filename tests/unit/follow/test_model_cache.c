/* SPDX-License-Identifier: MIT */
/* tests/unit/follow/test_model_cache.c: folders of fetched bundles: found again, bounded in number,
 * nobody else's, and never outside their place whatever a file of them says. */

#include "test.h"

#include "core/file.h"
#include "fail_nth.h"
#include "follow/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>

static const char models[] = "models:/evtwin-rul@champion", server[] = "http://localhost:5000";

static evtwin__cached version(int number) {
    evtwin__cached v;
    snprintf(v.version, sizeof v.version, "%d", number);
    snprintf(v.run_id, sizeof v.run_id, "%032d", 1000 + number);
    snprintf(v.bundle, sizeof v.bundle, "%012d", number);
    return v;
}

static evtwin__cache open_cache(const char *dir) {
    evtwin__cache cache;
    assert_ok(evtwin__cache_open(dir, server, "evtwin-rul", &cache));
    return cache;
}

/* A folder as a download leaves it, used so many seconds ago. */
static void put(const evtwin__cache *cache, const evtwin__cached *v, int age_s) {
    char path[EVTWIN__CACHE_PATH_SIZE], file[EVTWIN__CACHE_PATH_SIZE + 16];
    evtwin__cache_path(cache, v, path);
    assert_ok(evtwin__mkdirs(path));
    snprintf(file, sizeof file, "%s/manifest.json", path);
    assert_ok(evtwin__file_write(file, "{}", 2));
    const struct timeval at[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    assert_int_equal(utimes(path, at), 0);
}

static size_t n_entries(const char *path) {
    DIR *dir = opendir(path);
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static void test_last_good(void **state) {
    (void)state;
    char dir[300];
    snprintf(dir, sizeof dir, "%s/deep/er", temp_path("cache"));
    const evtwin__cache cache = open_cache(dir);
    struct stat info;
    assert_int_equal(stat(cache.folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    evtwin__cached v = version(3), read = version(9);
    assert_int_equal(evtwin__cache_read(&cache, models, &read), EVTWIN_E_NOT_FOUND);
    assert_string_equal(read.version, "9");
    assert_false(evtwin__cache_has(&cache, &v));
    put(&cache, &v, 0);
    assert_true(evtwin__cache_has(&cache, &v));
    assert_ok(evtwin__cache_keep(&cache, models, &v, 1));
    assert_ok(evtwin__cache_read(&cache, models, &read));
    assert_memory_equal(&read, &v, sizeof v.version);
    assert_string_equal(read.run_id, v.run_id);
    assert_string_equal(read.bundle, v.bundle);

    /* another run under that number, another model and another server are others */
    evtwin__cached again = v;
    again.run_id[0] = 'f';
    assert_false(evtwin__cache_has(&cache, &again));
    evtwin__cache other;
    assert_ok(evtwin__cache_open(dir, server, "evtwin-failure", &other));
    assert_false(evtwin__cache_has(&other, &v));
    assert_ok(evtwin__cache_open(dir, "http://elsewhere:5000", "evtwin-rul", &other));
    assert_false(evtwin__cache_has(&other, &v));
    assert_int_equal(evtwin__cache_read(&other, models, &read), EVTWIN_E_NOT_FOUND);
}

/* What a killed download left goes, as do old versions; what a name stands for stays. */
static void test_bounded(void **state) {
    (void)state;
    const evtwin__cache cache = open_cache(temp_path("bounded"));
    char left[EVTWIN__CACHE_PATH_SIZE + 64], target[300], link[EVTWIN__CACHE_PATH_SIZE + 64];
    const evtwin__cached staged = version(1);
    put(&cache, &staged, 100);
    assert_ok(evtwin__cache_keep(&cache, "models:/evtwin-rul@staging", &staged, 2));
    for (int i = 2; i <= 9; i++) {
        const evtwin__cached v = version(i);
        put(&cache, &v, 90 - i);
        snprintf(left, sizeof left, "%s/v%d-0123456789abcdef.part-Xy%04d/a/b", cache.folder, i, i);
        assert_ok(evtwin__mkdirs(left));
        snprintf(target, sizeof target, "%s", temp_path("elsewhere"));
        assert_ok(evtwin__mkdirs(target));
        snprintf(link, sizeof link, "%s/v%d-0123456789abcdef.part-Xy%04d/a/link", cache.folder, i,
                 i);
        assert_int_equal(symlink(target, link), 0);
        assert_ok(evtwin__cache_keep(&cache, models, &v, 2));
        assert_true(evtwin__cache_has(&cache, &v));
        assert_true(evtwin__cache_has(&cache, &staged));
        assert_true(n_entries(cache.folder) <= 2 + 3); /* two pointers, two versions, the staged */
        assert_int_equal(access(target, F_OK), 0);     /* a link is not followed */
    }
    const evtwin__cached last = version(9), before = version(8), old = version(7);
    assert_true(evtwin__cache_has(&cache, &last) && evtwin__cache_has(&cache, &before));
    assert_false(evtwin__cache_has(&cache, &old));
    evtwin__cache_drop(&cache, &before);
    assert_false(evtwin__cache_has(&cache, &before));
    evtwin__cache_drop(&cache, &before); /* once more is fine */
}

static void test_hostile_pointer(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":3}",
        "{\"version\":\"3\",\"run_id\":\"a\"}",
        "{\"version\":\"3\"",
        "{\"models\":\"\",\"version\":\"../../etc\",\"run_id\":\"a\",\"bundle\":\"b\"}",
        "{\"models\":\"\",\"version\":\"\",\"run_id\":\"a\",\"bundle\":\"b\"}",
        "{\"models\":\"\",\"version\":\"3\",\"run_id\":\"a\",\"bundle\":\"0123456789abcdef0123\"}",
        "{\"version\":\"123456789012345678901234567890123456\",\"run_id\":\"a\",\"bundle\":\"b\"}"};
    const evtwin__cache cache = open_cache(temp_path("hostile"));
    const evtwin__cached v = version(3);
    put(&cache, &v, 0);
    assert_ok(evtwin__cache_keep(&cache, models, &v, 1));
    char path[EVTWIN__CACHE_PATH_SIZE + 300] = "";
    DIR *dir = opendir(cache.folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strstr(e->d_name, ".json") != NULL) {
            snprintf(path, sizeof path, "%s/%s", cache.folder, e->d_name);
        }
    }
    closedir(dir);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin__cached read = version(9);
        assert_ok(evtwin__file_write(path, bad[i], strlen(bad[i])));
        assert_true(evtwin__cache_read(&cache, models, &read) < 0);
        assert_string_equal(read.version, "9");
    }
    char *large = calloc(1, 1 << 20);
    assert_non_null(large);
    memset(large, ' ', (1 << 20) - 1);
    evtwin__cached read;
    assert_ok(evtwin__file_write(path, large, 1 << 20));
    assert_true(evtwin__cache_read(&cache, models, &read) < 0);
    free(large);
    assert_ok(evtwin__cache_keep(&cache, models, &v, 1)); /* written anew */
    assert_ok(evtwin__cache_read(&cache, models, &read));
}

static void test_of_others(void **state) {
    (void)state;
    evtwin__cache cache;
    const char *dir = temp_path("others");
    open_cache(dir);
    for (mode_t mode = 0720; mode <= 0722; mode += 2) {
        assert_int_equal(chmod(dir, mode), 0);
        assert_fails(evtwin__cache_open(dir, server, "evtwin-rul", &cache), EVTWIN_E_ARG,
                     "others|chmod");
    }
    assert_int_equal(chmod(dir, 0755), 0); /* that others read is up to its owner */
    assert_ok(evtwin__cache_open(dir, server, "evtwin-rul", &cache));
    assert_int_equal(chmod(cache.folder, 0777), 0);
    assert_fails(evtwin__cache_open(dir, server, "evtwin-rul", &cache), EVTWIN_E_ARG, "others");
    if (geteuid() == 0) {
        assert_int_equal(chmod(cache.folder, 0700), 0);
        assert_int_equal(chown(dir, 4711, 0), 0);
        assert_fails(evtwin__cache_open(dir, server, "evtwin-rul", &cache), EVTWIN_E_ARG, "others");
    }
    const char *file = temp_file("not-a-folder", "x");
    assert_true(evtwin__cache_open(file, server, "evtwin-rul", &cache) < 0);
    char long_name[5000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_fails(evtwin__cache_open(long_name, server, "a", &cache), EVTWIN_E_ARG, "longer");
    assert_fails(evtwin__cache_open("a", server, long_name, &cache), EVTWIN_E_ARG, "longer");
}

typedef struct memory {
    const evtwin__cache *cache;
    int number;
} memory;

static evtwin_status keep_and_read(void *ctx) {
    memory *m = ctx;
    evtwin__cached v = version(m->number), read;
    const evtwin_status st = evtwin__cache_keep(m->cache, models, &v, 1);
    return st >= 0 ? evtwin__cache_read(m->cache, models, &read) : st;
}

/* Whichever allocation fails, the version that is to be kept is there, and what was read before. */
static void test_out_of_memory(void **state) {
    (void)state;
    const evtwin__cache cache = open_cache(temp_path("memory"));
    const evtwin__cached old = version(1), new = version(2);
    put(&cache, &old, 10);
    assert_ok(evtwin__cache_keep(&cache, models, &old, 1));
    put(&cache, &new, 0);
    memory m = {&cache, 2};
    assert_true(fail_every_allocation(keep_and_read, &m) > 3);
    evtwin__cached read;
    assert_ok(evtwin__cache_read(&cache, models, &read));
    assert_string_equal(read.version, "2");
    assert_true(evtwin__cache_has(&cache, &new));
    assert_false(evtwin__cache_has(&cache, &old));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_good), cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_hostile_pointer), cmocka_unit_test(test_of_others),
        cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
