/* SPDX-License-Identifier: MIT */
/* Answers about the past and the whole fleet without memory: whole, or not given. */

#include "serve_memory.h"

#define SECOND INT64_C(1000000)
#define DAY_OF_ROWS "from=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z"

static char uri[320];

/* More rows than an export reads at once, and of more than one battery. */
static int setup(void **state) {
    (void)state;
    enum { N = 1300 };
    static record records[N];
    for (int i = 0; i < N; i++) {
        static const char *const ids[] = {"A", "B", "C"};
        records[i] = (record){ids[i < 1200 ? 0 : i % 3],
                              (INT64_C(1767225600) + 10 * i) * SECOND,
                              i,
                              80 - i % 50,
                              90,
                              30,
                              i % 5 == 0 ? 900.0 - i % 100 : (double)NAN,
                              i % 5 == 0 ? 0.25 : (double)NAN,
                              NULL};
    }
    snprintf(uri, sizeof uri, "%s", fresh_uri("memory.db"));
    fill_store(uri, records, N);
    return 0;
}

static void test_history(void **state) {
    (void)state;
    assert_survives_no_memory(uri, "/api/battery/history?battery_id=A&points=50&" DAY_OF_ROWS);
    assert_survives_no_memory(uri, "/api/battery/history?battery_id=A&limit=50&" DAY_OF_ROWS);
}

static void test_export(void **state) {
    (void)state;
    assert_survives_no_memory(uri, "/api/battery/export?battery_id=A&" DAY_OF_ROWS);
    assert_survives_no_memory(uri, "/api/battery/export?battery_id=A&format=jsonl&" DAY_OF_ROWS);
}

static void test_fleet(void **state) {
    (void)state;
    static const char *const targets[] = {"/api/fleet/trends", "/api/fleet/map",
                                          "/api/fleet/rows?ids=A,B,C",
                                          "/api/batteries/list?limit=2&sort=soc&order=desc&q=b"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_survives_no_memory(uri, targets[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_fleet),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, NULL);
}
