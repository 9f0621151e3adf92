/* SPDX-License-Identifier: MIT */
/* test_url.c: percent-encoding as signatures want it; names that stay below a folder. */

#include "test.h"

#include "core/mem.h"
#include "track/url.h"

static void encoding(void **state) {
    (void)state;
    evtwin__text url = {0};
    evtwin__url_add(&url, "a/\xc3\xa9 +=&'()!*@:,$;%~-_.", 1);
    char *text = evtwin__url_end(&url);
    assert_string_equal(text, "a/%C3%A9%20%2B%3D%26%27%28%29%21%2A%40%3A%2C%24%3B%25~-_.");
    evtwin__free(text);
    evtwin__url_add(&url, "a/b", 0);
    text = evtwin__url_end(&url);
    assert_string_equal(text, "a%2Fb");
    evtwin__free(text);
}

static void joining(void **state) {
    (void)state;
    static const char *const triple[][3] = {
        {"a", "b", "a/b"}, {"", "b", "b"}, {"a", "", "a"}, {"", "", ""}};
    for (size_t i = 0; i < 4; i++) {
        char *text = evtwin__url_join(triple[i][0], triple[i][1]);
        assert_string_equal(text, triple[i][2]);
        evtwin__free(text);
    }
}

static void what_stays_below(void **state) {
    (void)state;
    static const char *const good[] = {"a", "a/b", "...", "a/.b", "..a/b..", "\xc3\xa9 x"};
    static const char *const bad[] = {"",     "/",    "/a",    "a/",   "a//b", ".",    "..",
                                      "a/..", "../a", "a/./b", "a\\b", "a\nb", "a\x7f"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(evtwin__url_stays_below(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(evtwin__url_stays_below(bad[i]));
    }
    char name[300];
    memset(name, 'a', sizeof name);
    name[255] = '\0';
    assert_true(evtwin__url_stays_below(name));
    name[255] = 'a';
    name[256] = '\0';
    assert_false(evtwin__url_stays_below(name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding),
        cmocka_unit_test(joining),
        cmocka_unit_test(what_stays_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
