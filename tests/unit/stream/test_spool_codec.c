/* SPDX-License-Identifier: MIT */
/* test_spool_codec.c: rows and letters as bytes and back; damaged bytes never crash and never pass
 * for others. */

#include "spool_rows.h"

#include "fail_nth.h"
#include "stream/spool_codec.h"

static evtwin_table *odd_table(void) {
    evtwin_table *t = NULL;
    size_t col;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 11));
    assert_ok(evtwin_table_add_column(t, "f", EVTWIN_F64, "V", &col));
    const double f[] = {0.0, -0.0, 1.5, INFINITY, -1e308, 5e-324};
    for (size_t i = 0; i < 6; i++) {
        assert_ok(evtwin_table_set_f64(t, col, i, f[i]));
    }
    assert_ok(evtwin_table_add_column(t, "i", EVTWIN_I64, "", &col));
    const int64_t n[] = {0, -1, INT64_MAX, INT64_MIN, 77};
    for (size_t i = 0; i < 5; i++) {
        assert_ok(evtwin_table_set_i64(t, col, 2 * i, n[i]));
    }
    assert_ok(evtwin_table_add_column(t, "t", EVTWIN_TIME, "", &col));
    for (size_t i = 0; i < 11; i++) {
        assert_ok(evtwin_table_set_i64(t, col, i, 1704067200000000 + (int64_t)i));
    }
    assert_ok(evtwin_table_add_column(t, "b", EVTWIN_BOOL, "", &col));
    for (size_t i = 1; i < 11; i++) {
        assert_ok(evtwin_table_set_bool(t, col, i, i % 3 == 0));
    }
    assert_ok(evtwin_table_add_column(t, "s", EVTWIN_TEXT, "", &col));
    const char *s[] = {"", "one", "zwölf", "one"};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(evtwin_table_set_text(t, col, 2 * i, s[i]));
    }
    assert_ok(evtwin_table_add_column(t, "none", EVTWIN_F64, "", &col));
    return t;
}

/* Rows first … of a are all of b. */
static void assert_same_rows(const evtwin_table *a, size_t first, const evtwin_table *b) {
    assert_int_equal(evtwin_table_cols(a), evtwin_table_cols(b));
    for (size_t col = 0; col < evtwin_table_cols(a); col++) {
        assert_string_equal(evtwin_table_name(a, col), evtwin_table_name(b, col));
        assert_string_equal(evtwin_table_unit(a, col), evtwin_table_unit(b, col));
        assert_int_equal(evtwin_table_type(a, col), evtwin_table_type(b, col));
        for (size_t i = 0; i < evtwin_table_rows(b); i++) {
            const int is_valid = evtwin_table_is_valid(b, col, i);
            assert_int_equal(evtwin_table_is_valid(a, col, first + i), is_valid);
            if (!is_valid) {
                continue;
            }
            switch (evtwin_table_type(a, col)) {
            case EVTWIN_F64:
                assert_memory_equal(evtwin_table_f64(a, col) + first + i,
                                    evtwin_table_f64(b, col) + i, sizeof(double));
                break;
            case EVTWIN_TEXT:
                assert_string_equal(evtwin_table_text(a, col, first + i),
                                    evtwin_table_text(b, col, i));
                break;
            case EVTWIN_BOOL:
                assert_true(evtwin_table_number(a, col, first + i) ==
                            evtwin_table_number(b, col, i));
                break;
            default:
                assert_true(evtwin_table_i64(a, col)[first + i] == evtwin_table_i64(b, col)[i]);
            }
        }
    }
}

static void rows_come_back_as_they_were(void **state) {
    (void)state;
    evtwin_table *t = odd_table(), *rows = NULL, *states = NULL;
    for (size_t first = 0; first < 11; first++) {
        evtwin__text out = {.data = NULL};
        evtwin__spool_put_rows(t, first, 11 - first, t, 0, first, &out);
        assert_ok(evtwin__spool_get_rows(out.data, out.size, &rows, &states));
        assert_int_equal(evtwin_table_rows(rows), 11 - first);
        assert_same_rows(t, first, rows);
        assert_int_equal(states != NULL, first > 0);
        if (states != NULL) {
            assert_int_equal(evtwin_table_rows(states), first);
            assert_same_rows(t, 0, states);
        }
        evtwin_table_free(rows);
        evtwin_table_free(states);
        states = NULL;
        evtwin__text_free(&out);
    }
    evtwin_table_free(t);
}

static void damaged_bytes_are_refused_or_other_rows(void **state) {
    (void)state;
    evtwin_table *t = odd_table(), *rows = NULL, *states = NULL;
    evtwin__text out = {.data = NULL};
    evtwin__spool_put_rows(t, 0, 11, t, 3, 4, &out);
    for (size_t n = 0; n < out.size; n++) { /* a copy of that size: ASan sees what is behind */
        char *cut = malloc(n + 1);
        memcpy(cut, out.data, n);
        assert_fails(evtwin__spool_get_rows(cut, n, &rows, &states), EVTWIN_E_CORRUPT, "damaged");
        free(cut);
    }
    for (size_t i = 0; i < out.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            out.data[i] = (char)(out.data[i] ^ 1 << bit);
            states = NULL;
            const evtwin_status st = evtwin__spool_get_rows(out.data, out.size, &rows, &states);
            assert_true(st == EVTWIN_OK || st == EVTWIN_E_CORRUPT || st == EVTWIN_E_SCHEMA);
            if (st == EVTWIN_OK) {
                evtwin_table_free(rows);
                evtwin_table_free(states);
            }
            out.data[i] = (char)(out.data[i] ^ 1 << bit);
        }
    }
    evtwin__text_free(&out);
    evtwin_table_free(t);
}

static void a_newer_version_is_told_from_damage(void **state) {
    (void)state;
    evtwin_table *rows = NULL, *states = NULL;
    assert_fails(evtwin__spool_get_rows("\x02\0\0", 3, &rows, &states), EVTWIN_E_SCHEMA,
                 "version|2|1");
    assert_fails(evtwin__spool_get_rows("", 0, &rows, &states), EVTWIN_E_CORRUPT, "damaged");
}

static void letters_come_back_as_they_were(void **state) {
    (void)state;
    const evtwin_letter in = {.size = sizeof in,
                              .received_us = -5,
                              .source = "mqtt://h/t",
                              .place = "t [3]",
                              .status = EVTWIN_E_PARSE,
                              .reason = "no",
                              .raw = "a\0b\xff",
                              .raw_size = 4};
    evtwin_letter got;
    evtwin__text out = {.data = NULL};
    evtwin__spool_put_letter(&in, &out);
    assert_ok(evtwin__spool_get_letter(out.data, out.size, &got));
    assert_true(got.received_us == -5 && got.status == EVTWIN_E_PARSE && got.raw_size == 4);
    assert_string_equal(got.source, in.source);
    assert_string_equal(got.place, in.place);
    assert_string_equal(got.reason, in.reason);
    assert_memory_equal(got.raw, in.raw, 4);
    for (size_t n = 0; n < out.size; n++) {
        char *cut = malloc(n + 1);
        memcpy(cut, out.data, n);
        assert_fails(evtwin__spool_get_letter(cut, n, &got), EVTWIN_E_CORRUPT, "damaged");
        free(cut);
    }
    evtwin__text_free(&out);
}

static evtwin_status there_and_back(void *ctx) {
    evtwin_table *rows = NULL, *states = NULL;
    evtwin__text out = {.data = NULL};
    evtwin__spool_put_rows(ctx, 0, 11, ctx, 0, 11, &out);
    evtwin_status st = EVTWIN_E_NOMEM;
    if (!out.is_failed) {
        st = evtwin__spool_get_rows(out.data, out.size, &rows, &states);
    }
    evtwin_table_free(rows);
    evtwin_table_free(states);
    evtwin__text_free(&out);
    return st;
}

static void memory_that_is_out_is_reported(void **state) {
    (void)state;
    evtwin_table *t = odd_table();
    assert_true(fail_every_allocation(there_and_back, t) > 10);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_as_they_were),
        cmocka_unit_test(damaged_bytes_are_refused_or_other_rows),
        cmocka_unit_test(a_newer_version_is_told_from_damage),
        cmocka_unit_test(letters_come_back_as_they_were),
        cmocka_unit_test(memory_that_is_out_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
