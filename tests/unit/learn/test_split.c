/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_split.c: folds of whole groups, and the groups that are held out. */

#include "test.h"

#include "learn/split.h"

#include "fail_nth.h"

/* Groups of these names; rows are dealt by hand in each test. */
static evtwin__groups groups_of(const char **name, size_t n, int32_t *of_row) {
    return (evtwin__groups){.names = {.n = n, .text = name}, .of_row = of_row};
}

static void test_folds_by_hand(void **state) {
    (void)state;
    /* sizes: c 4, a 3, b 3, A 2, d 1; ties by byte order, so A would come before a */
    const char *name[] = {"b", "d", "c", "A", "a"};
    int32_t of_row[13] = {0, 0, 0, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4};
    const evtwin__groups g = groups_of(name, 5, of_row);
    size_t row[13];
    int32_t fold[13];
    for (size_t i = 0; i < 13; i++) {
        row[i] = i;
    }
    assert_ok(evtwin__split_folds(&g, row, 13, 3, NULL, fold));
    /* c -> 0 (4), a -> 1 (3), b -> 2 (3), A -> 1 (5, lowest of equals), d -> 2 (4) */
    const int32_t of_group[] = {2, 2, 0, 1, 1};
    for (size_t i = 0; i < 13; i++) {
        assert_int_equal(fold[i], of_group[of_row[i]]);
    }

    /* only the rows given count: without those of c, a and b lead */
    size_t n = 0;
    for (size_t i = 0; i < 13; i++) {
        if (of_row[i] != 2) {
            row[n++] = i;
        }
    }
    assert_ok(evtwin__split_folds(&g, row, n, 2, NULL, fold));
    const int32_t of_rest[] = {1, 1, -1, 0, 0};
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fold[i], of_rest[of_row[row[i]]]);
    }
    assert_fails(evtwin__split_folds(&g, row, n, 5, NULL, fold), EVTWIN_E_DATA, "5 folds|4");
}

/* With a seed: whole groups, balanced folds, another assignment for another seed. */
static void test_folds_drawn(void **state) {
    (void)state;
    enum { GROUPS = 40, ROWS = 400 };
    static char names[GROUPS][8];
    const char *name[GROUPS];
    int32_t of_row[ROWS], fold[3][ROWS];
    size_t row[ROWS], n_differ[2] = {0};
    for (size_t g = 0; g < GROUPS; g++) {
        snprintf(names[g], sizeof names[g], "B%zu", g);
        name[g] = names[g];
    }
    for (size_t r = 0; r < ROWS; r++) {
        row[r] = r;
        of_row[r] = (int32_t)(r / 10);
    }
    const evtwin__groups g = groups_of(name, GROUPS, of_row);
    for (uint64_t k = 0; k < 3; k++) {
        const uint64_t seed = k == 2 ? 0 : k;
        size_t n[5] = {0};
        assert_ok(evtwin__split_folds(&g, row, ROWS, 5, &seed, fold[k]));
        for (size_t r = 0; r < ROWS; r++) {
            assert_int_equal(fold[k][r], fold[k][r / 10 * 10]);
            n[fold[k][r]]++;
        }
        for (size_t f = 0; f < 5; f++) {
            assert_int_equal(n[f], ROWS / 5);
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        n_differ[0] += fold[0][r] != fold[1][r];
        n_differ[1] += fold[0][r] != fold[2][r];
    }
    assert_true(n_differ[0] > ROWS / 2 && n_differ[1] == 0);
}

enum { N_MANY = 50 };

static void use_of(evtwin__group_use *use, size_t n) {
    for (size_t g = 0; g < n; g++) {
        use[g] = (evtwin__group_use){
            {[EVTWIN__T_RUL] = {10, 0}, [EVTWIN__T_FAILURE] = {8, g == 7 || g == 31 ? 2 : 0}}};
    }
}

static void test_holds_out_a_fifth(void **state) {
    (void)state;
    const size_t n_groups[] = {2, 3, 7, 8, 50};
    const size_t n_expected[] = {1, 1, 1, 2, 10};
    for (size_t i = 0; i < 5; i++) {
        evtwin__group_use use[N_MANY];
        uint8_t is_test[N_MANY];
        use_of(use, N_MANY);
        assert_ok(evtwin__split_groups(use, n_groups[i], 1, is_test));
        size_t n = 0;
        for (size_t g = 0; g < n_groups[i]; g++) {
            n += is_test[g];
        }
        assert_int_equal(n, n_expected[i]);
    }
}

static void test_both_classes_in_both_parts(void **state) {
    (void)state;
    evtwin__group_use use[N_MANY];
    use_of(use, N_MANY);
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint8_t is_test[N_MANY];
        assert_ok(evtwin__split_groups(use, N_MANY, seed, is_test));
        /* only groups 7 and 31 have failures: one on each side */
        assert_int_equal(is_test[7] + is_test[31], 1);
    }
}

static void test_same_seed_same_groups(void **state) {
    (void)state;
    evtwin__group_use use[N_MANY];
    uint8_t a[N_MANY], b[N_MANY], c[N_MANY];
    use_of(use, N_MANY);
    assert_ok(evtwin__split_groups(use, N_MANY, 42, a));
    assert_ok(evtwin__split_groups(use, N_MANY, 42, b));
    assert_ok(evtwin__split_groups(use, N_MANY, 43, c));
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void test_groups_without_rows_take_no_part(void **state) {
    (void)state;
    evtwin__group_use use[N_MANY] = {0};
    use[3].n[EVTWIN__T_RUL][0] = 5;
    use[9].n[EVTWIN__T_RUL][0] = 5;
    uint8_t is_test[N_MANY];
    assert_ok(evtwin__split_groups(use, N_MANY, 0, is_test));
    size_t n = 0;
    for (size_t g = 0; g < N_MANY; g++) {
        n += is_test[g];
    }
    assert_int_equal(n, 1);
    assert_int_equal(is_test[3] + is_test[9], 1);
}

static evtwin_status split_both(void *ctx) {
    (void)ctx;
    const char *name[] = {"a", "b"};
    int32_t of_row[2] = {0, 1};
    const evtwin__groups g = groups_of(name, 2, of_row);
    const size_t row[] = {0, 1};
    int32_t fold[2];
    uint8_t is_test[2];
    const evtwin__group_use use[] = {{{{1, 0}}}, {{{1, 0}}}};
    const evtwin_status st = evtwin__split_folds(&g, row, 2, 2, NULL, fold);
    return st < 0 ? st : evtwin__split_groups(use, 2, 0, is_test);
}

static void test_out_of_memory(void **state) {
    (void)state;
    assert_int_equal(fail_every_allocation(split_both, NULL), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds_by_hand),
        cmocka_unit_test(test_folds_drawn),
        cmocka_unit_test(test_holds_out_a_fifth),
        cmocka_unit_test(test_both_classes_in_both_parts),
        cmocka_unit_test(test_same_seed_same_groups),
        cmocka_unit_test(test_groups_without_rows_take_no_part),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
