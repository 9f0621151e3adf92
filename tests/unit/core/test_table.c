/* SPDX-License-Identifier: MIT */
/* test_table.c: columns, rows, missing values, dictionaries, sharing. */

#include "test.h"

#include "fail_nth.h"

#include "core/bits.h"
#include "core/dict.h"
#include "core/rng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* A table of each type: v f64, n i64, t time, b bool, id text. */
static evtwin_table *create_mixed(size_t rows) {
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "v", EVTWIN_F64, "V", NULL));
    assert_ok(evtwin_table_add_column(t, "n", EVTWIN_I64, "cycles", NULL));
    assert_ok(evtwin_table_add_column(t, "t", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "b", EVTWIN_BOOL, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "id", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_resize(t, rows));
    for (size_t i = 0; i < rows; i++) {
        if (i % 5 == 4) {
            continue; /* every fifth row is missing throughout */
        }
        char id[16];
        snprintf(id, sizeof id, "B%zu", i % 3);
        assert_ok(evtwin_table_set_f64(t, 0, i, (double)i / 4));
        assert_ok(evtwin_table_set_i64(t, 1, i, -(int64_t)i));
        assert_ok(evtwin_table_set_i64(t, 2, i, (int64_t)i * 1000000));
        assert_ok(evtwin_table_set_bool(t, 3, i, i % 2 != 0));
        assert_ok(evtwin_table_set_text(t, 4, i, id));
    }
    return t;
}

/* Row i of t holds what row `expected` of create_mixed holds. */
static void check_row(const evtwin_table *t, size_t i, size_t expected) {
    const int is_present = expected % 5 != 4;
    for (size_t c = 0; c < 5; c++) {
        assert_int_equal(evtwin_table_is_valid(t, c, i), is_present);
        const uint8_t *map = evtwin_table_validity(t, c);
        assert_int_equal(map == NULL || evtwin__bit(map, i), is_present);
    }
    if (!is_present) {
        assert_true(isnan(evtwin_table_number(t, 0, i)) && isnan(evtwin_table_number(t, 1, i)));
        assert_true(isnan(evtwin_table_number(t, 2, i)) && isnan(evtwin_table_number(t, 3, i)));
        assert_null(evtwin_table_text(t, 4, i));
        assert_int_equal(evtwin_table_codes(t, 4)[i], -1);
        return;
    }
    char id[16];
    snprintf(id, sizeof id, "B%zu", expected % 3);
    assert_true(evtwin_table_f64(t, 0)[i] == (double)expected / 4);
    assert_int_equal(evtwin_table_i64(t, 1)[i], -(int64_t)expected);
    assert_int_equal(evtwin_table_i64(t, 2)[i], (int64_t)expected * 1000000);
    assert_int_equal(evtwin__bit(evtwin_table_bits(t, 3), i), expected % 2);
    assert_true(evtwin_table_number(t, 1, i) == -(double)expected);
    assert_true(evtwin_table_number(t, 3, i) == (double)(expected % 2));
    assert_string_equal(evtwin_table_text(t, 4, i), id);
}

static void a_new_table_is_empty(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_int_equal(evtwin_table_rows(t), 0);
    assert_int_equal(evtwin_table_cols(t), 0);
    assert_true(evtwin_table_find(t, "v") == EVTWIN_NO_COLUMN);
    assert_ok(evtwin_table_resize(t, 3)); /* rows without columns count all the same */
    assert_int_equal(evtwin_table_rows(t), 3);
    evtwin_table_free(t);
    evtwin_table_free(NULL);
    assert_fails(evtwin_table_create(NULL), EVTWIN_E_ARG, "NULL");
}

static void values_come_back(void **state) {
    (void)state;
    for (size_t rows = 0; rows < 200; rows += rows < 20 ? 1 : 37) {
        evtwin_table *t = create_mixed(rows);
        for (size_t i = 0; i < rows; i++) {
            check_row(t, i, i);
        }
        for (size_t c = 0; c < 5; c++) {
            assert_true((evtwin_table_validity(t, c) == NULL) == (rows < 5));
        }
        evtwin_table_free(t);
    }
}

static void buffers_are_aligned(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(0);
    for (size_t rows = 0; rows < 5000; rows = 2 * rows + 1) {
        assert_ok(evtwin_table_resize(t, rows));
        assert_int_equal((uintptr_t)evtwin_table_f64(t, 0) % 64, 0);
        assert_int_equal((uintptr_t)evtwin_table_i64(t, 1) % 64, 0);
        assert_int_equal((uintptr_t)evtwin_table_bits(t, 3) % 64, 0);
        assert_int_equal((uintptr_t)evtwin_table_codes(t, 4) % 64, 0);
        assert_non_null(evtwin_table_f64(t, 0));
    }
    evtwin_table_free(t);
}

static void a_type_is_read_as_itself_only(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(2);
    assert_null(evtwin_table_f64(t, 1));
    assert_null(evtwin_table_i64(t, 0));
    assert_null(evtwin_table_bits(t, 0));
    assert_null(evtwin_table_codes(t, 0));
    assert_null(evtwin_table_f64(t, 5));
    assert_null(evtwin_table_f64_edit(t, 4));
    assert_null(evtwin_table_i64_edit(t, 3));
    assert_null(evtwin_table_text(t, 0, 0));
    assert_true(isnan(evtwin_table_number(t, 4, 0)));
    assert_true(isnan(evtwin_table_number(t, 0, 2)));
    assert_int_equal(evtwin_table_is_valid(t, 0, 2), 0);
    assert_int_equal(evtwin_table_is_valid(t, 9, 0), 0);
    assert_int_equal(evtwin_table_dict_size(t, 0), 0);
    assert_fails(evtwin_table_set_f64(t, 1, 0, 1.0), EVTWIN_E_ARG, "'n'|i64|f64");
    assert_fails(evtwin_table_set_i64(t, 0, 0, 1), EVTWIN_E_ARG, "'v'|f64|i64");
    assert_fails(evtwin_table_set_bool(t, 4, 0, 1), EVTWIN_E_ARG, "'id'|text|bool");
    assert_fails(evtwin_table_set_text(t, 3, 0, "x"), EVTWIN_E_ARG, "'b'|bool|text");
    assert_fails(evtwin_table_set_f64(t, 0, 2, 1.0), EVTWIN_E_ARG, "row 2");
    assert_fails(evtwin_table_set_missing(t, 5, 0), EVTWIN_E_ARG, "outside");
    evtwin_table_free(t);
}

static void names_are_unique(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(1);
    size_t col = 77;
    assert_fails(evtwin_table_add_column(t, "v", EVTWIN_F64, NULL, &col), EVTWIN_E_ARG, "'v'");
    assert_fails(evtwin_table_add_column(t, "", EVTWIN_F64, NULL, &col), EVTWIN_E_ARG, "name");
    assert_fails(evtwin_table_add_column(t, NULL, EVTWIN_F64, NULL, &col), EVTWIN_E_ARG, "name");
    assert_fails(evtwin_table_add_column(t, "\xff", EVTWIN_F64, NULL, &col), EVTWIN_E_ARG, "UTF-8");
    assert_fails(evtwin_table_add_column(t, "x", (evtwin_type)5, NULL, &col), EVTWIN_E_ARG, "type");
    assert_int_equal(col, 77);
    assert_int_equal(evtwin_table_cols(t), 5);

    assert_fails(evtwin_table_rename(t, 0, "n"), EVTWIN_E_ARG, "'n'");
    assert_fails(evtwin_table_rename(t, 5, "x"), EVTWIN_E_ARG, "column number 5");
    assert_ok(evtwin_table_rename(t, 0, "v"));
    assert_ok(evtwin_table_rename(t, 0, "voltage"));
    assert_true(evtwin_table_find(t, "v") == EVTWIN_NO_COLUMN);
    assert_int_equal(evtwin_table_find(t, "voltage"), 0);
    assert_string_equal(evtwin_table_unit(t, 0), "V");
    assert_string_equal(evtwin_table_unit(t, 2), "");
    assert_ok(evtwin_table_set_unit(t, 0, "mV"));
    assert_string_equal(evtwin_table_unit(t, 0), "mV");
    assert_ok(evtwin_table_set_unit(t, 0, NULL));
    assert_string_equal(evtwin_table_unit(t, 0), "");
    evtwin_table_free(t);
}

static void many_columns_are_found(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    for (size_t i = 0; i < 1000; i++) {
        char name[16];
        size_t col;
        snprintf(name, sizeof name, "c%zu", i);
        assert_ok(evtwin_table_add_column(t, name, EVTWIN_F64, NULL, &col));
        assert_int_equal(col, i);
    }
    for (size_t i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%zu", i);
        assert_int_equal(evtwin_table_find(t, name), i);
    }
    assert_true(evtwin_table_find(t, "c1000") == EVTWIN_NO_COLUMN);
    evtwin_table_free(t);
}

static void rows_come_and_go_as_missing(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(100);
    assert_ok(evtwin_table_resize(t, 43));
    assert_ok(evtwin_table_resize(t, 300));
    for (size_t i = 0; i < 300; i++) {
        check_row(t, i, i < 43 ? i : 4);
    }
    size_t col;
    assert_ok(evtwin_table_add_column(t, "late", EVTWIN_I64, NULL, &col));
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(evtwin_table_is_valid(t, col, i), 0);
    }
    assert_ok(evtwin_table_resize(t, 4)); /* none of the first four is missing */
    for (size_t c = 0; c < 5; c++) {
        assert_null(evtwin_table_validity(t, c));
    }
    assert_non_null(evtwin_table_validity(t, col));
    evtwin_table_free(t);
}

static void missing_can_be_set_and_unset(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(10);
    for (size_t c = 0; c < 5; c++) {
        assert_ok(evtwin_table_set_missing(t, c, 7));
        assert_ok(evtwin_table_set_missing(t, c, 7));
        assert_int_equal(evtwin_table_is_valid(t, c, 7), 0);
        assert_int_equal(evtwin_table_is_valid(t, c, 8), 1);
    }
    int64_t *n = evtwin_table_i64_edit(t, 1);
    n[7] = 5;
    assert_null(evtwin_table_validity(t, 1));
    double *v = evtwin_table_f64_edit(t, 0);
    for (size_t i = 0; i < 10; i++) {
        v[i] = 1.0;
    }
    assert_null(evtwin_table_validity(t, 0));
    v = evtwin_table_f64_edit(t, 0);
    v[3] = NAN;
    const uint8_t *map = evtwin_table_validity(t, 0);
    assert_non_null(map);
    assert_int_equal(evtwin__bits_count(map, 0, 10), 9);
    assert_ok(evtwin_table_set_f64(t, 0, 3, 2.0));
    assert_null(evtwin_table_validity(t, 0));
    evtwin_table_free(t);
}

static void texts_are_numbered_once(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(9);
    int32_t a, b;
    assert_ok(evtwin_table_intern(t, 4, "B1", &a));
    assert_ok(evtwin_table_intern(t, 4, "new", &b));
    assert_int_equal(a, 1);
    assert_int_equal(b, 3);
    assert_int_equal(evtwin_table_dict_size(t, 4), 4);
    assert_string_equal(evtwin_table_dict_text(t, 4, 3), "new");
    assert_null(evtwin_table_dict_text(t, 4, 4));
    assert_null(evtwin_table_dict_text(t, 4, -1));
    assert_ok(evtwin_table_set_code(t, 4, 0, b));
    assert_string_equal(evtwin_table_text(t, 4, 0), "new");
    assert_ok(evtwin_table_set_text(t, 4, 1, "")); /* empty is a text, not a missing one */
    assert_string_equal(evtwin_table_text(t, 4, 1), "");
    assert_fails(evtwin_table_set_code(t, 4, 0, 5), EVTWIN_E_ARG, "code 5");
    assert_fails(evtwin_table_set_code(t, 4, 0, -1), EVTWIN_E_ARG, "code -1");
    assert_fails(evtwin_table_set_text(t, 4, 0, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_table_set_text(t, 4, 0, "a\xc0\x80"), EVTWIN_E_ARG, "UTF-8");
    assert_fails(evtwin_table_intern(t, 0, "x", &a), EVTWIN_E_ARG, "0|text");
    evtwin_table_free(t);
}

/* The strings of column col are laid out as Arrow wants them: (n + 1) offsets from 0 that never
 * fall, and the bytes of each string between two of them, nothing else. */
static void check_utf8(const evtwin_table *t, size_t col, const char *const *expected, size_t n) {
    const int32_t *offset = NULL;
    const char *bytes = NULL;
    assert_int_equal(evtwin_table_dict_utf8(t, col, &offset, &bytes), n);
    assert_non_null(offset);
    assert_non_null(bytes);
    assert_int_equal(offset[0], 0);
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(expected[i]);
        assert_int_equal(offset[i + 1] - offset[i], length);
        assert_memory_equal(bytes + offset[i], expected[i], length);
        assert_string_equal(evtwin_table_dict_text(t, col, (int32_t)i), expected[i]);
    }
    assert_null(memchr(bytes, '\0', (size_t)offset[n]));
}

static void dictionaries_are_in_arrows_layout(void **state) {
    (void)state;
    static const char *const strings[] = {"B1", "", "\xc3\xa9", "\xf0\x9f\x94\x8b x", "B1 ", "B"};
    enum { N = sizeof strings / sizeof strings[0] };
    evtwin_table *t = create_mixed(0);
    check_utf8(t, 4, NULL, 0);
    assert_ok(evtwin_table_resize(t, N));
    for (size_t i = 0; i < N; i++) {
        assert_ok(evtwin_table_set_text(t, 4, i, strings[i]));
        check_utf8(t, 4, strings, i + 1);
    }

    /* only what is selected, in its order, and as the first of two tables has it */
    static const char *const selected[] = {"B", "", "B1", "\xc3\xa9", "\xf0\x9f\x94\x8b x", "B1 "};
    const size_t rows[] = {5, 1, 5};
    evtwin_table *part, *copy;
    assert_ok(evtwin_table_select(t, rows, 3, &part));
    check_utf8(part, 4, selected, 2);
    assert_ok(evtwin_table_append(part, t));
    check_utf8(part, 4, selected, N);
    assert_ok(evtwin_table_copy(t, &copy));
    check_utf8(copy, 4, strings, N);
    evtwin_table_free(copy);
    evtwin_table_free(part);

    const int32_t any = 7;
    const int32_t *offset = &any;
    const char *bytes = "";
    assert_int_equal(evtwin_table_dict_utf8(t, 0, &offset, &bytes), 0); /* not text */
    assert_null(offset);
    assert_null(bytes);
    assert_int_equal(evtwin_table_dict_utf8(t, 4, NULL, NULL), N);
    assert_int_equal(evtwin_table_dict_utf8(NULL, 4, NULL, NULL), 0);
    evtwin_table_free(t);
}

/* A string stays where it is while the table lives, however many come after it. */
static void strings_do_not_move(void **state) {
    (void)state;
    enum { N = 5000 };
    static const char *at[N];
    evtwin_table *t = create_mixed(1);
    char text[700];
    for (int i = 0; i < N; i++) {
        int32_t code;
        snprintf(text, sizeof text, "%d%*s", i, i % 600, "");
        assert_ok(evtwin_table_intern(t, 4, text, &code));
        at[i] = evtwin_table_dict_text(t, 4, code);
    }
    assert_ok(evtwin_table_resize(t, 100000));
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%d%*s", i, i % 600, "");
        assert_string_equal(at[i], text);
        assert_ptr_equal(at[i], evtwin_table_dict_text(t, 4, i + 1)); /* "B0" came first */
    }
    evtwin_table_free(t);
}

/* Arrow's offsets end at INT32_MAX. (The dictionary is told that it is full; to fill it would take
 * gigabytes.) */
static void a_dictionary_has_an_end(void **state) {
    (void)state;
    evtwin__dict dict = {0};
    int32_t code = -1;
    assert_ok(evtwin__dict_intern(&dict, "a", 1, &code));
    dict.offset[1] = INT32_MAX - 2;
    code = -1;
    assert_fails(evtwin__dict_intern(&dict, "bcd", 3, &code), EVTWIN_E_RANGE, "string 2 has 3");
    assert_int_equal(code, -1);
    assert_int_equal(dict.n, 1);
    dict.offset[1] = 1;
    assert_ok(evtwin__dict_intern(&dict, "bcd", 3, &code));
    assert_int_equal(code, 1);
    assert_int_equal(evtwin__dict_find(&dict, "bcd", 3), 1);
    assert_int_equal(evtwin__dict_find(&dict, "bc", 2), -1);
    evtwin__dict_free(&dict);
}

static void a_million_rows_of_ids(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "id", EVTWIN_TEXT, NULL, NULL));
    const size_t rows = 1000000, n_ids = 10000;
    assert_ok(evtwin_table_resize(t, rows));
    char id[32];
    for (size_t i = 0; i < rows; i++) {
        snprintf(id, sizeof id, "BATTERY_%05zu", i * 7919 % n_ids);
        assert_ok(evtwin_table_set_text(t, 0, i, id));
    }
    assert_int_equal(evtwin_table_dict_size(t, 0), n_ids);
    for (size_t i = 0; i < rows; i += 977) {
        snprintf(id, sizeof id, "BATTERY_%05zu", i * 7919 % n_ids);
        assert_string_equal(evtwin_table_text(t, 0, i), id);
    }
    assert_null(evtwin_table_validity(t, 0));
    evtwin_table_free(t);
}

static void a_copy_is_independent(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(23);
    evtwin_table *copy;
    assert_ok(evtwin_table_copy(t, &copy));
    assert_ok(evtwin_table_set_text(t, 4, 0, "changed"));
    assert_ok(evtwin_table_set_missing(t, 0, 1));
    assert_int_equal(evtwin_table_rows(copy), 23);
    for (size_t i = 0; i < 23; i++) {
        check_row(copy, i, i);
    }
    assert_string_equal(evtwin_table_unit(copy, 0), "V");
    assert_ok(evtwin_table_set_text(copy, 4, 2, "mine"));
    assert_string_equal(evtwin_table_text(copy, 4, 2), "mine");
    evtwin_table_free(t);
    evtwin_table_free(copy);
    assert_fails(evtwin_table_copy(NULL, &copy), EVTWIN_E_ARG, "NULL");
}

static void selected_rows_come_in_order(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(50);
    const size_t rows[] = {49, 0, 0, 4, 17, 33};
    evtwin_table *part = NULL;
    assert_ok(evtwin_table_select(t, rows, 6, &part));
    assert_int_equal(evtwin_table_rows(part), 6);
    for (size_t i = 0; i < 6; i++) {
        check_row(part, i, rows[i]);
    }
    assert_int_equal(evtwin_table_dict_size(part, 4), 2); /* B0 and B2; B1 does not occur */
    evtwin_table_free(part);

    assert_ok(evtwin_table_select(t, NULL, 0, &part));
    assert_int_equal(evtwin_table_rows(part), 0);
    assert_int_equal(evtwin_table_cols(part), 5);
    evtwin_table_free(part);

    const size_t outside[] = {0, 50};
    part = NULL;
    assert_fails(evtwin_table_select(t, outside, 2, &part), EVTWIN_E_ARG, "row_index[1] is 50");
    assert_null(part);
    evtwin_table_free(t);
}

static void append_matches_by_name(void **state) {
    (void)state;
    for (size_t n = 0; n < 40; n += 7) {
        for (size_t m = 0; m < 40; m += 3) {
            evtwin_table *t = create_mixed(n);
            evtwin_table *other = create_mixed(m);
            assert_ok(evtwin_table_append(t, other));
            assert_ok(evtwin_table_append(t, t));
            assert_int_equal(evtwin_table_rows(t), 2 * (n + m));
            for (size_t i = 0; i < 2 * (n + m); i++) {
                check_row(t, i, i % (n + m) < n ? i % (n + m) : i % (n + m) - n);
            }
            assert_true(evtwin_table_dict_size(t, 4) <= 3);
            evtwin_table_free(t);
            evtwin_table_free(other);
        }
    }
}

static void append_joins_columns(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(3);
    evtwin_table *other;
    assert_ok(evtwin_table_create(&other));
    assert_ok(evtwin_table_add_column(other, "extra", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(other, "id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_resize(other, 2));
    assert_ok(evtwin_table_set_text(other, 0, 1, "x"));
    assert_ok(evtwin_table_set_text(other, 1, 0, "Z"));
    assert_ok(evtwin_table_set_text(other, 1, 1, "B1"));

    assert_ok(evtwin_table_append(t, other));
    assert_int_equal(evtwin_table_rows(t), 5);
    assert_int_equal(evtwin_table_cols(t), 6);
    assert_null(evtwin_table_text(t, 5, 0));
    assert_null(evtwin_table_text(t, 5, 3));
    assert_string_equal(evtwin_table_text(t, 5, 4), "x");
    assert_string_equal(evtwin_table_text(t, 4, 3), "Z");
    assert_int_equal(evtwin_table_codes(t, 4)[4], 1);
    for (size_t c = 0; c < 4; c++) {
        assert_int_equal(evtwin_table_is_valid(t, c, 2), 1);
        assert_int_equal(evtwin_table_is_valid(t, c, 3), 0);
        assert_non_null(evtwin_table_validity(t, c));
    }
    evtwin_table_free(other);

    /* another type or unit under the same name */
    assert_ok(evtwin_table_create(&other));
    assert_ok(evtwin_table_add_column(other, "fresh", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_table_add_column(other, "n", EVTWIN_F64, NULL, NULL));
    assert_fails(evtwin_table_append(t, other), EVTWIN_E_SCHEMA, "'n'");
    assert_int_equal(evtwin_table_cols(t), 6);
    assert_ok(evtwin_table_rename(other, 1, "v"));
    assert_ok(evtwin_table_set_unit(other, 1, "mV"));
    assert_fails(evtwin_table_append(t, other), EVTWIN_E_SCHEMA, "'v'|V|mV");
    evtwin_table_free(other);
    evtwin_table_free(t);
}

static void a_shared_table_is_immutable(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(8);
    evtwin_table *other = create_mixed(1);
    evtwin_table *same = evtwin_table_share(t);
    assert_ptr_equal(same, t);
    int32_t code;
    assert_fails(evtwin_table_resize(t, 9), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_reserve(t, 9), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_add_column(t, "x", EVTWIN_F64, "", NULL), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_rename(t, 0, "x"), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_set_unit(t, 0, "x"), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_append(t, other), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_set_f64(t, 0, 0, 1.0), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_set_text(t, 4, 0, "x"), EVTWIN_E_STATE, "shared");
    assert_fails(evtwin_table_intern(t, 4, "x", &code), EVTWIN_E_STATE, "shared");
    assert_null(evtwin_table_f64_edit(t, 0));
    assert_null(evtwin_table_i64_edit(t, 1));
    evtwin_table_free(t);
    for (size_t i = 0; i < 8; i++) {
        check_row(same, i, i);
    }
    evtwin_table *copy;
    assert_ok(evtwin_table_copy(same, &copy));
    assert_ok(evtwin_table_set_f64(copy, 0, 0, 1.0));
    evtwin_table_free(copy);
    evtwin_table_free(same);
    evtwin_table_free(other);
}

/* Each thread holds a reference of its own, reads (the f64 map is made on the way) and drops it. */
static void *read_and_free(void *arg) {
    evtwin_table *t = arg;
    size_t n_present = 0;
    for (int repeat = 0; repeat < 50; repeat++) {
        const uint8_t *map = evtwin_table_validity(t, 0);
        n_present = evtwin__bits_count(map, 0, evtwin_table_rows(t));
    }
    evtwin_table_free(t);
    return (void *)(uintptr_t)n_present;
}

static void many_threads_read(void **state) {
    (void)state;
    evtwin_table *t = create_mixed(1000);
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, read_and_free, evtwin_table_share(t)), 0);
    }
    evtwin_table_free(t);
    for (size_t i = 0; i < 4; i++) {
        void *n_present;
        assert_int_equal(pthread_join(thread[i], &n_present), 0);
        assert_int_equal((uintptr_t)n_present, 800);
    }
}

/* Refuses what no machine has, as malloc does; a sanitizer's would end the program. */
static void *bounded_realloc(void *ctx, void *ptr, size_t new_size) {
    (void)ctx;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return new_size >> 20 < 1 << (sizeof(size_t) > 4 ? 20 : 9) ? realloc(ptr, new_size) : NULL;
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    evtwin_set_allocator(bounded_realloc, NULL);
    evtwin_table *t = create_mixed(3);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8, SIZE_MAX / 64};
    for (size_t i = 0; i < 4; i++) {
        assert_fails(evtwin_table_resize(t, sizes[i]), EVTWIN_E_NOMEM, "rows");
        assert_fails(evtwin_table_reserve(t, sizes[i]), EVTWIN_E_NOMEM, "rows");
    }
    assert_int_equal(evtwin_table_rows(t), 3);
    for (size_t i = 0; i < 3; i++) {
        check_row(t, i, i);
    }
    evtwin_table_free(t);

    evtwin_table *huge;
    assert_ok(evtwin_table_create(&huge)); /* without columns any number of rows costs nothing */
    assert_ok(evtwin_table_resize(huge, SIZE_MAX));
    assert_fails(evtwin_table_append(huge, huge), EVTWIN_E_NOMEM, "rows");
    evtwin_table_free(huge);
    evtwin_set_allocator(NULL, NULL);
}

/* ---- an allocator that fails at the n-th request and counts what is not given back ---- */

static evtwin_status exercise(void *ctx) {
    (void)ctx;
    evtwin_table *t = NULL, *copy = NULL, *part = NULL;
    const size_t rows[] = {0, 99};
    evtwin_status st = evtwin_table_create(&t);
    if (st < 0 || (st = evtwin_table_add_column(t, "v", EVTWIN_F64, "V", NULL)) < 0 ||
        (st = evtwin_table_add_column(t, "id", EVTWIN_TEXT, NULL, NULL)) < 0 ||
        (st = evtwin_table_resize(t, 100)) < 0) {
        goto done;
    }
    for (size_t i = 0; i < 100; i++) {
        char id[8];
        snprintf(id, sizeof id, "%zu", i);
        if ((st = evtwin_table_set_text(t, 1, i, id)) < 0) {
            goto done;
        }
    }
    if ((st = evtwin_table_copy(t, &copy)) < 0 || (st = evtwin_table_rename(copy, 0, "w")) < 0 ||
        (st = evtwin_table_select(t, rows, 2, &part)) < 0) {
        goto done;
    }
    st = evtwin_table_append(copy, t);
    if (st < 0) {
        assert_int_equal(evtwin_table_rows(copy), 100);
        assert_int_equal(evtwin_table_cols(copy), 2);
        assert_string_equal(evtwin_table_text(copy, 1, 99), "99");
    }
done:
    evtwin_table_free(t);
    evtwin_table_free(copy);
    evtwin_table_free(part);
    return st;
}

static void no_memory_is_an_error_and_no_leak(void **state) {
    (void)state;
    assert_true(fail_every_allocation(exercise, NULL) > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_table_is_empty),
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(buffers_are_aligned),
        cmocka_unit_test(a_type_is_read_as_itself_only),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(many_columns_are_found),
        cmocka_unit_test(rows_come_and_go_as_missing),
        cmocka_unit_test(missing_can_be_set_and_unset),
        cmocka_unit_test(texts_are_numbered_once),
        cmocka_unit_test(dictionaries_are_in_arrows_layout),
        cmocka_unit_test(strings_do_not_move),
        cmocka_unit_test(a_dictionary_has_an_end),
        cmocka_unit_test(a_million_rows_of_ids),
        cmocka_unit_test(a_copy_is_independent),
        cmocka_unit_test(selected_rows_come_in_order),
        cmocka_unit_test(append_matches_by_name),
        cmocka_unit_test(append_joins_columns),
        cmocka_unit_test(a_shared_table_is_immutable),
        cmocka_unit_test(many_threads_read),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(no_memory_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
