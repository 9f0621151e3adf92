/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_group.c: which rows belong to one battery, and their order in time. */

#include "test.h"

#include "learn/group.h"

#include "fail_nth.h"

static evtwin_table *table_of(const char *csv) {
    evtwin_table *table;
    assert_ok(evtwin_table_read_csv(temp_file("g.csv", csv), NULL, &table));
    return table;
}

static void assert_groups(const evtwin__groups *g, const int32_t *of_row, const char *const *name,
                          size_t n_names, size_t rows) {
    assert_int_equal(g->names.n, n_names);
    for (size_t i = 0; i < n_names; i++) {
        assert_string_equal(g->names.text[i], name[i]);
    }
    for (size_t r = 0; r < rows; r++) {
        assert_int_equal(g->of_row[r], of_row[r]);
    }
}

static void test_battery_id_by_default(void **state) {
    (void)state;
    /* rows of two batteries mixed, out of time order; one row names no battery, one has no time */
    evtwin_table *t = table_of("battery_id,timestamp,soc\n"
                               "B,2024-01-02T00:00:00Z,1\n"
                               "A,2024-01-03T00:00:00Z,2\n"
                               "B,2024-01-01T00:00:00Z,3\n"
                               ",2024-01-01T00:00:00Z,4\n"
                               "A,2024-01-01T00:00:00Z,5\n"
                               "A,,6\n");
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, NULL, NULL, &g));
    const int32_t of_row[] = {0, 1, 0, -1, 1, 1};
    const char *const name[] = {"B", "A"};
    assert_groups(&g, of_row, name, 2, 6);
    assert_int_equal(g.kind, EVTWIN__GROUP_BATTERY);
    assert_int_equal(g.time_col, 1);
    const size_t order[] = {2, 0, 4, 5, 1};
    assert_int_equal(g.n_ordered, 5);
    assert_memory_equal(g.order, order, sizeof order);
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

/* One without a time stays where it is in its own battery's rows, whatever another's clock says. */
static void test_rows_without_a_time(void **state) {
    (void)state;
    evtwin_table *t = table_of("battery_id,timestamp,soc\n"
                               "A,2024-01-01T00:00:00Z,1\n"
                               "A,2024-01-09T00:00:00Z,2\n"
                               "B,,3\n"
                               "B,2024-01-02T00:00:00Z,4\n"
                               "A,2024-01-05T00:00:00Z,5\n"
                               "B,,6\n"
                               "B,2024-01-03T00:00:00Z,7\n");
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, NULL, NULL, &g));
    const size_t order[] = {0, 4, 1, 2, 3, 5, 6};
    assert_int_equal(g.n_ordered, 7);
    assert_memory_equal(g.order, order, sizeof order);
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

static void test_column_of_any_type(void **state) {
    (void)state;
    evtwin_table *t = table_of("cell,number,soc\nx y,10,1\nz,9,2\nx y,10,3\nz,-0,4\nz,0,5\n");
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, "cell", NULL, &g));
    const int32_t by_text[] = {0, 1, 0, 1, 1};
    const char *const text[] = {"x y", "z"};
    assert_groups(&g, by_text, text, 2, 5);
    assert_int_equal(g.kind, EVTWIN__GROUP_COLUMN);
    assert_int_equal(g.time_col, EVTWIN_NO_COLUMN);
    const size_t order[] = {0, 2, 1, 3, 4}; /* no time: as in the table */
    assert_memory_equal(g.order, order, sizeof order);
    evtwin__groups_clear(&g);

    assert_ok(evtwin__groups_find(t, "number", NULL, &g));
    const int32_t by_number[] = {0, 1, 0, 2, 2}; /* -0 and 0 are one group */
    assert_int_equal(g.names.n, 3);
    assert_memory_equal(g.of_row, by_number, sizeof by_number);
    assert_string_equal(g.names.text[0], "10");
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

static void test_integers_keep_all_their_bits(void **state) {
    (void)state;
    evtwin_table *t;
    size_t col;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 3));
    assert_ok(evtwin_table_add_column(t, "vehicle", EVTWIN_I64, NULL, &col));
    int64_t *v = evtwin_table_i64_edit(t, col);
    v[0] = INT64_C(9007199254740993);
    v[1] = INT64_C(9007199254740992);
    v[2] = v[0];
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, "vehicle", NULL, &g));
    const int32_t of_row[] = {0, 1, 0};
    const char *const name[] = {"9007199254740993", "9007199254740992"};
    assert_groups(&g, of_row, name, 2, 3);
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

static void test_restarting_counter(void **state) {
    (void)state;
    evtwin_table *t = table_of("n,battery_id\n3,q\n4,q\n4,q\n,q\n9,q\n1,q\n2,q\n2,q\n0,q\n");
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, NULL, "n", &g));
    const int32_t of_row[] = {0, 0, 0, 0, 0, 1, 1, 1, 2};
    const char *const name[] = {"000001", "000002", "000003"};
    assert_groups(&g, of_row, name, 3, 9);
    assert_int_equal(g.kind, EVTWIN__GROUP_BATTERY);
    assert_int_equal(g.counter_col, 0);
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

static void test_one_series(void **state) {
    (void)state;
    evtwin_table *t = table_of("soc\n1\n2\n");
    evtwin__groups g;
    assert_ok(evtwin__groups_find(t, NULL, NULL, &g));
    assert_int_equal(g.kind, EVTWIN__GROUP_NONE);
    assert_int_equal(g.names.n, 1);
    assert_int_equal(g.n_ordered, 2);
    evtwin__groups_clear(&g);
    evtwin_table_free(t);
}

static void test_refuses(void **state) {
    (void)state;
    evtwin_table *t = table_of("cell,soc\na,1\n");
    evtwin__groups g = {0};
    assert_fails(evtwin__groups_find(t, "nowhere", NULL, &g), EVTWIN_E_SCHEMA,
                 "'nowhere'|cell, soc");
    assert_fails(evtwin__groups_find(t, NULL, "nowhere", &g), EVTWIN_E_SCHEMA, "'nowhere'");
    assert_fails(evtwin__groups_find(t, NULL, "cell", &g), EVTWIN_E_SCHEMA, "'cell'");
    assert_fails(evtwin__groups_find(t, "cell", "soc", &g), EVTWIN_E_ARG, "'cell'|'soc'");
    assert_null(g.of_row);
    evtwin_table_free(t);
}

static evtwin_status find_and_clear(void *ctx) {
    const char *const column[] = {"cell", "number"};
    for (size_t i = 0; i < 2; i++) {
        evtwin__groups g;
        const evtwin_status st = evtwin__groups_find(ctx, column[i], NULL, &g);
        if (st < 0) {
            return st;
        }
        evtwin__groups_clear(&g);
    }
    return EVTWIN_OK;
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_table *t = table_of("cell,number,timestamp\na,1,2024-01-01\nb,2,2024-01-01\n");
    assert_in_range(fail_every_allocation(find_and_clear, t), 15, 40);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_battery_id_by_default),
        cmocka_unit_test(test_rows_without_a_time),
        cmocka_unit_test(test_column_of_any_type),
        cmocka_unit_test(test_integers_keep_all_their_bits),
        cmocka_unit_test(test_restarting_counter),
        cmocka_unit_test(test_one_series),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
