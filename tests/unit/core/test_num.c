/* SPDX-License-Identifier: MIT */
/* test_num.c: text to number exactly as strtod in the C locale, and back in the shortest form. */

#include "test.h"

#include "core/num.h"
#include "core/rng.h"
#include "core/wide.h"

#include <locale.h>

static uint64_t random_u64(uint64_t i) {
    const evtwin__rng_block b = evtwin__rng_at(7, EVTWIN__RNG_SPLIT, 0, 0, i);
    return (uint64_t)b.word[0] << 32 | b.word[1];
}

static double f64_of(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Both readers agree to the bit, or both see no finite number. The copy has no byte to spare, so
 * that a sanitizer sees a read beyond the end. */
static void check_as_strtod(const char *text) {
    const size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    char *end;
    const double expected = strtod(text, &end);
    assert_true(*end == '\0');
    double v = 77.0;
    const int is_read = evtwin__parse_f64(copy, length, &v);
    free(copy);
    if (is_read != (isfinite(expected) != 0)) {
        fail_msg("%s: read %d, strtod %a", text, is_read, expected);
    }
    if (is_read && memcmp(&v, &expected, sizeof v) != 0) {
        fail_msg("%s: %a, strtod %a", text, v, expected);
    }
    if (!is_read) {
        assert_true(v == 77.0);
    }
}

static const char *const number_texts[] = {"0",
                                           "-0",
                                           "+0",
                                           "1",
                                           "-1",
                                           "+1",
                                           "0.5",
                                           ".5",
                                           "5.",
                                           "-.5",
                                           "007",
                                           "00.500",
                                           "1e3",
                                           "1E3",
                                           "1e+3",
                                           "1e-3",
                                           "1.5e10",
                                           "123456789",
                                           "1234567",
                                           "12345.67",
                                           "123456.7",
                                           "0.000001",
                                           "350.123456789012345",
                                           "9007199254740993",
                                           "9007199254740992",
                                           "9007199254740991",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "9999999999999999999",
                                           "1e22",
                                           "1e23",
                                           "8.5e22",
                                           "1e27",
                                           "1e28",
                                           "1e-27",
                                           "1e-28",
                                           "1.7976931348623157e308",
                                           "1.7976931348623158e308",
                                           "1.7976931348623159e308",
                                           "1e308",
                                           "1e309",
                                           "-1e400",
                                           "1e99999999999999999999",
                                           "1e-99999999999999999999",
                                           "0e99999999999999999999",
                                           "0.0000000000000000000000000000e999",
                                           "2.2250738585072014e-308",
                                           "2.2250738585072011e-308",
                                           "4.9406564584124654e-324",
                                           "2.4703282292062327e-324",
                                           "2.4703282292062328e-324",
                                           "2.47032822920623272088e-324",
                                           "5e-324",
                                           "3e-324",
                                           "1e-323",
                                           "1e-400",
                                           "6.9294956446009195e15",
                                           "7.2057594037927933e16",
                                           "0.1",
                                           "0.2",
                                           "0.3",
                                           "0.12345678",
                                           "0.123456789012345678",
                                           "12345678.12345678",
                                           "00000000000000000000000000001",
                                           "0.00000000000000000000000000001",
                                           "100000000000000000000000000000"};

static void numbers_are_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof number_texts / sizeof *number_texts; i++) {
        check_as_strtod(number_texts[i]);
    }
}

static void other_texts_are_not(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",         " ",   "-",        "+",         ".",       "-.",    "e5",       ".e5",  "1e",
        "1e+",      "1e-", "1 ",       " 1",        "1,5",     "1.2.3", "--1",      "+-1",  "0x10",
        "1p3",      "inf", "-inf",     "infinity",  "nan",     "NaN",   "1f",       "1d0",  "1_000",
        "\xc2\xb5", "1\n", "1234567x", "12345678x", "1.5e3.2", "1e5e5", "\xb1\xb2", "1\xb2"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v = 77.0;
        if (evtwin__parse_f64(texts[i], strlen(texts[i]), &v)) {
            fail_msg("'%s' was read as %g", texts[i], v);
        }
        assert_true(v == 77.0);
    }
    double v;
    assert_int_equal(evtwin__parse_f64("1\0", 2, &v), 0);
}

static void a_scan_ends_where_the_number_does(void **state) {
    (void)state;
    static const struct {
        const char *text;
        ptrdiff_t length; /* -1: no number */
    } cases[] = {{"12,34567890123", 2},
                 {"1.5\n2345678901", 3},
                 {"-7\"xxxxxxxxxxx", 2},
                 {"1e5,xxxxxxxxxx", 3},
                 {"1e,xxxxxxxxxxx", 1},
                 {"1.5.6xxxxxxxxxx", 3},
                 {",12345678901", -1},
                 {"-,12345678901", -1},
                 {".,12345678901", -1},
                 {"12345678.5,xxxx", 10},
                 {"x", -1},
                 {"", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        double v;
        const char *end = evtwin__scan_f64(text, text + strlen(text), &v);
        assert_int_equal(end != NULL ? end - text : -1, cases[i].length);
    }
}

/* Random doubles printed with 1 to 25 digits. */
static void random_doubles_are_read_exactly(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 300000; i++) {
        const double v = f64_of(random_u64(2 * i));
        if (isfinite(v)) {
            char text[64];
            snprintf(text, sizeof text, "%.*g", (int)(random_u64(2 * i + 1) % 25) + 1, v);
            check_as_strtod(text);
        }
    }
}

/* 1 to 19 random digits with a point anywhere or an exponent: the exact integer paths. */
static void random_decimals_are_read_exactly(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 600000; i++) {
        const uint64_t random = random_u64(2 * i + 1);
        char digits[32], text[64];
        snprintf(digits, sizeof digits, "%020llu", (unsigned long long)random_u64(2 * i));
        const int n = 1 + (int)(random % 19);
        const int n_before = (int)((random >> 8) % (uint64_t)(n + 1));
        const char *sign = random >> 20 & 1 ? "-" : "";
        if (random >> 21 & 1) {
            snprintf(text, sizeof text, "%s%.*s.%.*s", sign, n_before, digits + 1, n - n_before,
                     digits + 1 + n_before);
        } else {
            snprintf(text, sizeof text, "%s%.*se%d", sign, n, digits + 1,
                     (int)(random >> 32) % 64 - 32);
        }
        check_as_strtod(text);
    }
}

/* Points halfway between two doubles, and their neighbours: where rounding is decided. */
static void ties_go_to_even(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        const uint64_t random = random_u64(i);
        const double v = ldexp((double)(random >> 11 | (uint64_t)1 << 52), (int)(random % 60) - 50);
        const double above = nextafter(v, INFINITY);
        char text[1200];
        /* the sum of two neighbours is exact in long double or in text: print both ways */
        const long double half = ((long double)v + (long double)above) / 2;
        const int n = snprintf(text, sizeof text, "%.60Lf", half);
        assert_true(n > 0 && (size_t)n + 2 < sizeof text);
        check_as_strtod(text);
        text[n - 1] = '1'; /* a little more */
        check_as_strtod(text);
    }
}

/* The hardest known length: 767 significant digits, and digits beyond that decide. */
static void long_texts_are_read_exactly(void **state) {
    (void)state;
    char text[2100];
    snprintf(text, sizeof text, "%.1100f", 0x1.fffffffffffffp-1022 * 1.0);
    check_as_strtod(text);
    snprintf(text, sizeof text, "%.1500f", 4.9406564584124654e-324);
    check_as_strtod(text);
    snprintf(text, sizeof text, "%.*e", 1000, 0x1.8p-1074);
    check_as_strtod(text);

    /* half of the smallest subnormal in all its 751 digits: to even, 0; with a far digit more, up
     */
    int n = snprintf(text, sizeof text, "%.1074f", 0x1p-1074);
    for (int i = 2, rest = 0; i < n; i++) { /* behind "0.": long division by two */
        const int digit = 10 * rest + (text[i] - '0');
        text[i] = (char)('0' + digit / 2);
        rest = digit % 2;
    }
    text[n++] = '5';
    text[n] = '\0';
    check_as_strtod(text);
    memset(text + n, '0', 700);
    text[n + 700] = '\0';
    check_as_strtod(text);
    text[n + 699] = '1';
    check_as_strtod(text);

    memset(text, '9', 2000);
    text[2000] = '\0';
    text[1] = '.';
    check_as_strtod(text);
    text[0] = '0';
    check_as_strtod(text);
    memset(text + 2, '0', 1900);
    memcpy(text + 2000, "e1950", 6);
    check_as_strtod(text);
}

static void integers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int is_read;
        int64_t value;
    } cases[] = {{"0", 1, 0},
                 {"-0", 1, 0},
                 {"+7", 1, 7},
                 {"007", 1, 7},
                 {"9223372036854775807", 1, INT64_MAX},
                 {"-9223372036854775808", 1, INT64_MIN},
                 {"9223372036854775808", 0, 0},
                 {"-9223372036854775809", 0, 0},
                 {"99999999999999999999", 0, 0},
                 {"", 0, 0},
                 {"-", 0, 0},
                 {"1.0", 0, 0},
                 {"1 ", 0, 0},
                 {"a", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = 77;
        assert_int_equal(evtwin__parse_i64(cases[i].text, strlen(cases[i].text), &v),
                         cases[i].is_read);
        assert_int_equal(v, cases[i].is_read ? cases[i].value : 77);
    }
}

static void integers_are_written(void **state) {
    (void)state;
    const int64_t values[] = {0, 1, -1, 42, INT64_MAX, INT64_MIN, -9000000000000000000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[EVTWIN__NUM_SIZE], expected[EVTWIN__NUM_SIZE];
        snprintf(expected, sizeof expected, "%lld", (long long)values[i]);
        assert_int_equal(evtwin__format_i64(values[i], text), strlen(expected));
        assert_string_equal(text, expected);
    }
}

static void doubles_are_written_as_people_do(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0"},
                 {-0.0, "-0"},
                 {85.0, "85"},
                 {-120.5, "-120.5"},
                 {0.1, "0.1"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {100.0, "100"},
                 {1e15, "1000000000000000"},
                 {1e16, "10000000000000000"},
                 {9007199254740993.0, "9007199254740992"},
                 {123456789012345680.0, "1.2345678901234568e17"},
                 {1e17, "1e17"},
                 {1e22, "1e22"},
                 {1e23, "1e23"},
                 {0.00001, "0.00001"},
                 {0.000001, "1e-6"},
                 {1.5e-10, "1.5e-10"},
                 {5e-324, "5e-324"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {0x1p-44, "5.684341886080802e-14"},
                 {0x1p-1022, "2.2250738585072014e-308"},
                 {9.5367431640625e-7, "9.5367431640625e-7"},
                 {299792.458, "299792.458"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[EVTWIN__NUM_SIZE];
        const size_t length = evtwin__format_f64(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
    }
}

static size_t count_digits(const char *text) {
    size_t n = 0, n_zeros = 0; /* zeros that end the digits do not count, nor leading ones */
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '1' && *text <= '9') {
            n += n_zeros + 1;
            n_zeros = 0;
        } else if (*text == '0' && n > 0) {
            n_zeros++;
        }
    }
    return n;
}

/* What is written reads back, and no decimal with fewer digits would (libc's nearest does not). */
static void check_shortest(double v) {
    char text[EVTWIN__NUM_SIZE], shorter[64];
    const size_t length = evtwin__format_f64(v, text);
    double back = NAN;
    if (length >= EVTWIN__NUM_SIZE || text[length] != '\0' ||
        !evtwin__parse_f64(text, length, &back) || memcmp(&back, &v, sizeof v) != 0) {
        fail_msg("%a was written as '%s'", v, text);
    }
    const size_t n = count_digits(text);
    if (n > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", (int)n - 2, v);
        if (strtod(shorter, NULL) == v) {
            fail_msg("%a was written as '%s', %s is shorter", v, text, shorter);
        }
    }
}

static void random_doubles_are_written_exactly(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 150000; i++) {
        const uint64_t random = random_u64(i);
        const double any = f64_of(random);
        if (isfinite(any)) {
            check_shortest(any);
        }
        check_shortest((double)(int64_t)(random % 100000000) / 1e4);
        check_shortest(ldexp((double)(random >> 11), -(int)(random % 80)));
        check_shortest(f64_of(random >> 12)); /* subnormal */
    }
    for (int e = -1074; e < 1024; e++) {
        check_shortest(ldexp(1.0, e));
        check_shortest(nextafter(ldexp(1.0, e), 0.0));
        check_shortest(nextafter(ldexp(1.0, e), INFINITY));
    }
}

/* A decimal comma in the process's locale changes nothing. */
static void values_that_are_not_numbers_have_words(void **state) {
    (void)state;
    char text[EVTWIN__NUM_SIZE];
    assert_string_equal(evtwin__number_text(-2.5, text), "-2.5");
    assert_string_equal(evtwin__number_text((double)NAN, text), "unknown");
    assert_string_equal(evtwin__number_text((double)INFINITY, text), "infinity");
    assert_string_equal(evtwin__number_text((double)-INFINITY, text), "-infinity");
}

static void the_locale_does_not_matter(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                        "de_DE",       "fr_FR",      "ps_AF.UTF-8"};
    int is_set = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && !is_set; i++) {
        is_set = setlocale(LC_NUMERIC, names[i]) != NULL &&
                 strcmp(localeconv()->decimal_point, ".") != 0;
    }
    if (!is_set) {
        print_message("skipped: no locale with a decimal comma is installed\n");
        skip();
    }
    double v;
    char text[EVTWIN__NUM_SIZE];
    assert_int_equal(evtwin__parse_f64("1.2345678901234567890123", 24, &v), 1);
    assert_true(v == 1.2345678901234567890123);
    assert_int_equal(evtwin__parse_f64("1,5", 3, &v), 0);
    evtwin__format_f64(5e-324, text);
    assert_string_equal(text, "5e-324");
    evtwin__format_f64(1.2345678901234568e-300, text);
    assert_string_equal(text, "1.2345678901234568e-300");
    setlocale(LC_NUMERIC, "C");
}

/* Products and quotients of 128 bits without a type for them are those of the compiler's. */
static void wide_numbers_are_exact_without_a_type_for_them(void **state) {
    (void)state;
    static const uint64_t edges[] = {
        0, 1, 2, UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 63, UINT64_MAX};
    enum { N_EDGES = sizeof edges / sizeof *edges };
    for (uint64_t i = 0; i < 2000; i++) {
        const int is_edge = i < N_EDGES * N_EDGES;
        const uint64_t a = is_edge ? edges[i % N_EDGES] : random_u64(3 * i) >> i % 61;
        const uint64_t b = is_edge ? edges[i / N_EDGES] : random_u64(3 * i + 1);
        const evtwin__wide product = evtwin__wide_mul_portable(a, b);
        assert_int_equal(evtwin__wide_compare(product, evtwin__wide_mul(a, b)), 0);

        const uint64_t rest = b > 0 ? random_u64(3 * i + 2) % b : 0;
        if (b > 0) { /* a b + rest, divided by b, is a */
            const evtwin__wide sum = evtwin__wide_add(product, (evtwin__wide){0, rest});
            assert_true(evtwin__wide_div_portable(sum, b) == a);
            assert_true(evtwin__wide_div(sum, b) == a);
            const evtwin__wide back = evtwin__wide_sub(sum, (evtwin__wide){0, rest});
            assert_int_equal(evtwin__wide_compare(back, product), 0);
            assert_true(rest == 0 || evtwin__wide_compare(sum, product) > 0);
        }
        for (int bits = 1; bits < 128; bits += 7) {
            const evtwin__wide up = evtwin__wide_shift_up((evtwin__wide){0, 1}, bits);
            assert_true(evtwin__wide_shift_down(up, bits).low == 1);
            const evtwin__wide down = evtwin__wide_shift_down(product, bits);
            const evtwin__wide twice = evtwin__wide_add(down, down);
            const evtwin__wide less =
                bits > 1 ? evtwin__wide_shift_down(product, bits - 1) : product;
            assert_true(evtwin__wide_compare(less, twice) >= 0);
            assert_true(evtwin__wide_sub(less, twice).low <= 1);
        }
    }
}

/* Every fraction of four digits becomes the percent of two that people mean, and back. */
static void a_change_of_unit_keeps_a_decimal_a_decimal(void **state) {
    (void)state;
    assert_true(100.0 * 0.8993 != 89.93); /* what this is about */
    for (int i = 0; i <= 10000; i++) {
        assert_true(evtwin__scale(i / 10000.0, 100.0) == i / 100.0);
        assert_true(evtwin__scale(-i / 10000.0, -100.0) == i / 100.0);
        assert_true(evtwin__scale(i / 10.0, 1e-3) == i / 10000.0);
        assert_true(evtwin__scale(i / 1000.0, 1e3) == i);
    }
    const double third = 1.0 / 3.0;
    assert_true(evtwin__scale(third, 100.0) == third * 100.0); /* nothing is cut off */
    assert_true(evtwin__scale(1e300, 1e3) == 1e303);
    assert_true(evtwin__scale(third, 1.0) == third);
    assert_true(isnan(evtwin__scale(NAN, 100.0)));
    assert_true(isinf(evtwin__scale(INFINITY, 100.0)));
}

static void a_resolution_gives_the_nearest_double(void **state) {
    (void)state;
    assert_true(evtwin__round_to(95.0 - 0.01 * 507, 100.0) == 89.93);
    assert_true(evtwin__round_to(-84.26, 10.0) == -84.3);
    assert_true(isnan(evtwin__round_to(NAN, 10.0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_numbers_are_exact_without_a_type_for_them),
        cmocka_unit_test(a_change_of_unit_keeps_a_decimal_a_decimal),
        cmocka_unit_test(a_resolution_gives_the_nearest_double),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(other_texts_are_not),
        cmocka_unit_test(a_scan_ends_where_the_number_does),
        cmocka_unit_test(random_doubles_are_read_exactly),
        cmocka_unit_test(random_decimals_are_read_exactly),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(long_texts_are_read_exactly),
        cmocka_unit_test(integers_are_read),
        cmocka_unit_test(integers_are_written),
        cmocka_unit_test(doubles_are_written_as_people_do),
        cmocka_unit_test(random_doubles_are_written_exactly),
        cmocka_unit_test(values_that_are_not_numbers_have_words),
        cmocka_unit_test(the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
