/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_ubj_scan.c: every marker of UBJSON, cut anywhere, of any length. */

#include "test.h"

#include "core/status.h"
#include "learn/ubj_scan.h"

#define BYTES(text) text, sizeof text - 1

/* In memory of exactly its size, so that a sanitizer sees a step too far. */
typedef struct copied {
    char *data;
    evtwin__ubj_scan scan;
} copied;

static copied scan_of(const char *bytes, size_t size) {
    copied c;
    c.data = malloc(size > 0 ? size : 1);
    assert_non_null(c.data);
    memcpy(c.data, bytes, size);
    evtwin__ubj_scan_begin(&c.scan, c.data, size);
    return c;
}

static void test_integers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int64_t value;
    } cases[] = {
        {BYTES("i\x7f"), 127},
        {BYTES("i\x80"), -128},
        {BYTES("U\0"), 0},
        {BYTES("U\xff"), 255},
        {BYTES("I\x7f\xff"), 32767},
        {BYTES("I\x80\0"), -32768},
        {BYTES("I\1\2"), 258},
        {BYTES("l\x7f\xff\xff\xff"), INT32_MAX},
        {BYTES("l\x80\0\0\0"), INT32_MIN},
        {BYTES("L\0\0\0\0\0\1\0\0"), 65536},
        {BYTES("L\xff\xff\xff\xff\xff\xff\xff\xfe"), -2},
        {BYTES("T"), 1},
        {BYTES("F"), 0},
        {BYTES("NNi\5"), 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        int32_t v = 99;
        assert_ok(evtwin__ubj_scan_int(&c.scan, INT32_MIN, INT32_MAX, &v));
        assert_int_equal(v, cases[i].value);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);

        if (*cases[i].bytes == 'T' || *cases[i].bytes == 'F') {
            continue;
        }
        float f = 99.0f;
        c = scan_of(cases[i].bytes, cases[i].size);
        assert_ok(evtwin__ubj_scan_f32(&c.scan, &f));
        assert_true(f == (float)cases[i].value);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);
    }

    static const struct {
        const char *bytes;
        size_t size;
        evtwin_status status;
        const char *names;
    } refused[] = {
        {BYTES("i\x0b"), EVTWIN_E_CORRUPT, "byte 0|11|0|10"},
        {BYTES("i\xff"), EVTWIN_E_CORRUPT, "-1"},
        {BYTES("L\x7f\xff\xff\xff\xff\xff\xff\xff"), EVTWIN_E_CORRUPT, "9223372036854775807"},
        {BYTES("L\x80\0\0\0\0\0\0\0"), EVTWIN_E_CORRUPT, "-9223372036854775808"},
        {BYTES("d\0\0\0\0"), EVTWIN_E_PARSE, "byte 0|'d'|integer"},
        {BYTES("D\0\0\0\0\0\0\0\0"), EVTWIN_E_PARSE, "'D'|integer"},
        {BYTES("C5"), EVTWIN_E_PARSE, "'C'|integer"},
        {BYTES("SU\1"
               "5"),
         EVTWIN_E_PARSE, "'S'|integer"},
        {BYTES("HU\1"
               "5"),
         EVTWIN_E_PARSE, "'H'|integer"},
        {BYTES("Z"), EVTWIN_E_PARSE, "'Z'|integer"},
        {BYTES("["), EVTWIN_E_PARSE, "integer"},
        {BYTES("{"), EVTWIN_E_PARSE, "'{'|integer"},
        {BYTES("u\1"), EVTWIN_E_PARSE, "'u'|integer"},
        {BYTES("\xff"), EVTWIN_E_PARSE, "0xff|integer"},
        {BYTES("\0"), EVTWIN_E_PARSE, "0x00|integer"},
        {BYTES("N"), EVTWIN_E_PARSE, "byte 1|file ends|integer"},
        {BYTES(""), EVTWIN_E_PARSE, "byte 0|file ends|integer"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        copied c = scan_of(refused[i].bytes, refused[i].size);
        int32_t v = 99;
        assert_fails(evtwin__ubj_scan_int(&c.scan, 0, 10, &v), refused[i].status, refused[i].names);
        assert_int_equal(v, 99);
        free(c.data);
    }
}

static void test_floats(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        float value;
    } cases[] = {
        {BYTES("d\x40\x20\0\0"), 2.5f},
        {BYTES("d\x80\0\0\0"), -0.0f},
        {BYTES("d\0\0\0\1"), 1e-45f},
        {BYTES("d\xff\x7f\xff\xff"), -3.40282347e38f},
        {BYTES("D\x40\x04\0\0\0\0\0\0"), 2.5f},
        {BYTES("D\x3f\xb9\x99\x99\x99\x99\x99\x9a"), 0.1f},
        {BYTES("D\x36\xa0\0\0\0\0\0\0"), 1e-45f},
        {BYTES("D\x36\x00\0\0\0\0\0\0"), 0.0f}, /* too small for a float32 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        float v = 99.0f;
        assert_ok(evtwin__ubj_scan_f32(&c.scan, &v));
        assert_memory_equal(&v, &cases[i].value, sizeof v);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);
    }

    static const struct {
        const char *bytes;
        size_t size;
        evtwin_status status;
        const char *names;
    } refused[] = {
        {BYTES("d\x7f\xc0\0\0"), EVTWIN_E_CORRUPT, "byte 0|NaN|labels"},
        {BYTES("d\x7f\x80\0\0"), EVTWIN_E_CORRUPT, "infinity"},
        {BYTES("D\xff\xf0\0\0\0\0\0\0"), EVTWIN_E_CORRUPT, "infinity"},
        {BYTES("D\x48\0\0\0\0\0\0\0"), EVTWIN_E_CORRUPT, "float32"},
        {BYTES("T"), EVTWIN_E_PARSE, "'T'|number"},
        {BYTES("SU\1"
               "1"),
         EVTWIN_E_PARSE, "'S'|number"},
        {BYTES("[$d#U\0"), EVTWIN_E_PARSE, "number"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        copied c = scan_of(refused[i].bytes, refused[i].size);
        float v = 99.0f;
        assert_fails(evtwin__ubj_scan_f32(&c.scan, &v), refused[i].status, refused[i].names);
        assert_true(v == 99.0f);
        free(c.data);
    }
}

static void test_strings(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *value; /* NULL: refused … */
        const char *names; /* … by a text with these */
    } cases[] = {
        {BYTES("Si\3abc"), "abc", NULL},
        {BYTES("SU\3abc"), "abc", NULL},
        {BYTES("SI\0\3abc"), "abc", NULL},
        {BYTES("Sl\0\0\0\3abc"), "abc", NULL},
        {BYTES("SL\0\0\0\0\0\0\0\3abc"), "abc", NULL},
        {BYTES("SU\0"), "", NULL},
        {BYTES("SU\3\xe2\x82\xac"), "\xe2\x82\xac", NULL},
        {BYTES("SU\2\\n"), "\\n", NULL}, /* no escapes */
        {BYTES("SU\3\xe2\x82("), NULL, "byte 3|UTF-8"},
        {BYTES("SU\3a\0c"), NULL, "byte 3|NUL"},
        {BYTES("Si\xff"), NULL, "byte 1|-1|negative"},
        {BYTES("SL\x80\0\0\0\0\0\0\0abc"), NULL, "negative"},
        {BYTES("SL\x7f\xff\xff\xff\xff\xff\xff\xff"
               "abc"),
         NULL, "9223372036854775807|3"},
        {BYTES("Sl\x7f\xff\xff\xff"
               "abc"),
         NULL, "2147483647|3"},
        {BYTES("SU\4abc"), NULL, "byte 1|4|3"},
        {BYTES("SS\3abc"), NULL, "byte 1|'S'|length"},
        {BYTES("Sd\0\0\0\0"), NULL, "'d'|length"},
        {BYTES("S"), NULL, "file ends|length"},
        {BYTES("C\x61"), NULL, "'C'|string"},
        {BYTES("i\1"), NULL, "'i'|string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        evtwin__slice v = {NULL, 0};
        if (cases[i].value != NULL) {
            assert_ok(evtwin__ubj_scan_string(&c.scan, &v));
            assert_true(evtwin__slice_is(v, cases[i].value));
            assert_ok(evtwin__ubj_scan_end(&c.scan));
        } else {
            assert_fails(evtwin__ubj_scan_string(&c.scan, &v), EVTWIN_E_PARSE, cases[i].names);
        }
        free(c.data);
    }
}

static int next_item(evtwin__ubj_scan *s) {
    int more = 0;
    assert_ok(evtwin__ubj_scan_item(s, &more));
    return more;
}

/* The sum of an array of integers, however it is written. */
static void test_arrays(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int sum, n;
    } cases[] = {
        {BYTES("[i\1U\2I\0\3l\0\0\0\4]"), 10, 4},
        {BYTES("[]"), 0, 0},
        {BYTES("[NNi\1Ni\2NN]"), 3, 2},
        {BYTES("[#U\2i\1l\0\0\0\2"), 3, 2},
        {BYTES("[#U\2Ni\1NTN"), 2, 2}, /* no-ops do not count */
        {BYTES("[#L\0\0\0\0\0\0\0\0"), 0, 0},
        {BYTES("[$i#U\3\1\2\xff"), 2, 3},
        {BYTES("[$U#i\2\xff\1"), 256, 2},
        {BYTES("[$I#I\0\2\0\1\1\0"), 257, 2},
        {BYTES("[$l#l\0\0\0\1\0\0\1\1"), 257, 1},
        {BYTES("[$L#L\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1\1"), 257, 1},
        {BYTES("[$U#U\3N]N"), 78 + 93 + 78, 3}, /* bytes, not no-ops and markers */
        {BYTES("[$l#U\0"), 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        int sum = 0, n = 0;
        assert_ok(evtwin__ubj_scan_enter(&c.scan, '['));
        while (next_item(&c.scan)) {
            int32_t v;
            assert_ok(evtwin__ubj_scan_int(&c.scan, INT32_MIN, INT32_MAX, &v));
            sum += v;
            n++;
        }
        assert_int_equal(n, cases[i].n);
        assert_int_equal(sum, cases[i].sum);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);
    }
}

/* Objects: the sum of the values, the keys one after the other. */
static void test_objects(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *keys;
        int sum;
    } cases[] = {
        {BYTES("{}"), "", 0},
        {BYTES("{U\1ai\1I\0\2bcl\0\0\0\2}"), "abc", 3},
        {BYTES("{NU\1aNi\1N}"), "a", 1},
        {BYTES("{#U\2U\1ai\1i\1bi\2"), "ab", 3},
        {BYTES("{$I#U\2U\1a\0\1U\1b\1\0"), "ab", 257},
        {BYTES("{#U\0"), "", 0},
        {BYTES("{U\0i\4}"), "", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        char keys[16] = "";
        int sum = 0, more = 1;
        evtwin__slice key;
        assert_ok(evtwin__ubj_scan_enter(&c.scan, '{'));
        while (evtwin__ubj_scan_member(&c.scan, &key, &more) >= 0 && more) {
            int32_t v;
            assert_ok(evtwin__ubj_scan_int(&c.scan, INT32_MIN, INT32_MAX, &v));
            sum += v;
            strncat(keys, key.at, key.size);
        }
        assert_false(more);
        assert_string_equal(keys, cases[i].keys);
        assert_int_equal(sum, cases[i].sum);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);
    }
}

/* What is skipped is skipped to its end: an integer follows. */
static void test_skip(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {BYTES("Z")},
        {BYTES("T")},
        {BYTES("F")},
        {BYTES("NNZ")},
        {BYTES("i\1")},
        {BYTES("U\1")},
        {BYTES("I\1\2")},
        {BYTES("l\1\2\3\4")},
        {BYTES("L\1\2\3\4\5\6\7\x8")},
        {BYTES("d\x7f\xc0\0\0")},
        {BYTES("D\1\2\3\4\5\6\7\x8")},
        {BYTES("Cx")},
        {BYTES("SU\3abc")},
        {BYTES("HU\4"
               "1e99")},
        {BYTES("[]")},
        {BYTES("{}")},
        {BYTES("[ZTF[{U\1a[]}]]")},
        {BYTES("[$d#U\2\1\2\3\4\5\6\7\x8")},
        {BYTES("[$C#U\3]]]")},
        {BYTES("[$S#U\2U\1ai\2bc")},
        {BYTES("[$H#U\1U\1"
               "7")},
        {BYTES("[$[#U\3]#U\1Z$U#U\1\7")},
        {BYTES("[${#U\2}U\1aT}")},
        {BYTES("{$[#U\1U\1aTTF]")},
        {BYTES("{$S#U\2U\1aU\1xU\1bU\0")},
        {BYTES("{$d#U\1U\1a\1\2\3\4")},
        {BYTES("{#U\2U\1aZU\1b[#U\1[]")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[64];
        memcpy(bytes, cases[i].bytes, cases[i].size);
        memcpy(bytes + cases[i].size, "i\x2a", 2);
        copied c = scan_of(bytes, cases[i].size + 2);
        int32_t v = 0;
        assert_ok(evtwin__ubj_scan_skip(&c.scan));
        assert_ok(evtwin__ubj_scan_int(&c.scan, 0, 99, &v));
        assert_int_equal(v, 42);
        assert_ok(evtwin__ubj_scan_end(&c.scan));
        free(c.data);

        /* cut at every byte, it ends too early */
        for (size_t n = 0; n < cases[i].size; n++) {
            c = scan_of(cases[i].bytes, n);
            assert_fails(evtwin__ubj_scan_skip(&c.scan), EVTWIN_E_PARSE, "byte");
            free(c.data);
        }
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *names;
    } cases[] = {
        /* values that take no bytes: any number of them would fit */
        {BYTES("[$T#L\0\0\0\xff\0\0\0\0"), "byte 2|'T'|type"},
        {BYTES("[$F#U\1"), "'F'|type"},
        {BYTES("[$Z#U\1"), "'Z'|type"},
        {BYTES("[$N#U\1"), "'N'|type"},
        {BYTES("{$Z#U\1U\1a"), "'Z'|type"},
        {BYTES("[$x#U\1"), "'x'|type"},
        {BYTES("[$]#U\1"), "']'|type"},
        {BYTES("[$\0#U\1"), "0x00|type"},
        {BYTES("[$dU\1"), "byte 3|'U'|count"},
        {BYTES("[$d"), "file ends|count"},

        /* more than the file holds, before anything is read of it */
        {BYTES("[#L\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807|0"},
        {BYTES("[$d#L\x20\0\0\0\0\0\0\1\1\2\3\4"), "2305843009213693953|4"},
        {BYTES("[$D#L\x40\0\0\0\0\0\0\0\1\2\3\4"), "4611686018427387904|4"},
        {BYTES("[$d#U\2\1\2\3\4\5\6\7"), "byte 4|2|7"},
        {BYTES("[$S#U\2U\1a"), "byte 4|2|3"},
        {BYTES("{#U\2U\1ai\1"), "byte 2|2|5"},
        {BYTES("[#i\xff"), "-1|negative"},
        {BYTES("[$U#L\xff\xff\xff\xff\xff\xff\xff\xff\1"), "-1|negative"},
        {BYTES("[#Z"), "'Z'|length"},

        /* other bytes */
        {BYTES("]"), "byte 0|']'|value"},
        {BYTES("}"), "'}'|value"},
        {BYTES("[}"), "byte 1|'}'|value"},
        {BYTES("{]"), "byte 1|']'|length"},
        {BYTES("{SU\1a"), "byte 1|'S'|length"},
        {BYTES("{U\1\xffZ}"), "byte 3|UTF-8"},
        {BYTES("{U\1a}"), "byte 4|'}'|value"},
        {BYTES("{\"a\":1}"), "byte 1|length"},
        {BYTES("u\1"), "'u'|value"},
        {BYTES("m\1\2\3\4"), "'m'|value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied c = scan_of(cases[i].bytes, cases[i].size);
        assert_fails(evtwin__ubj_scan_skip(&c.scan), EVTWIN_E_PARSE, cases[i].names);
        free(c.data);
    }
    copied c = scan_of(BYTES("Z Z"));
    assert_ok(evtwin__ubj_scan_skip(&c.scan));
    assert_fails(evtwin__ubj_scan_end(&c.scan), EVTWIN_E_PARSE, "byte 1|0x20|end of the file");
    free(c.data);
}

/* All 256 bytes as a marker: those of the language alone are a value. */
static void test_every_marker(void **state) {
    (void)state;
    for (int b = 0; b < 256; b++) {
        const char bytes[16] = {(char)b, 'U', '\0'};
        if (b == '[' || b == '{' || b == 'N') {
            continue; /* tried above */
        }
        copied c = scan_of(bytes, sizeof bytes);
        const evtwin_status st = evtwin__ubj_scan_skip(&c.scan);
        assert_int_equal(st, b != '\0' && strchr("iUIlLdDCSHZTF", b) != NULL ? EVTWIN_OK
                                                                             : EVTWIN_E_PARSE);
        free(c.data);
    }
}

/* Nested up to the limit and one deeper, by each way of nesting; a million deep is as quick. */
static void test_nesting(void **state) {
    (void)state;
    enum { LIMIT = EVTWIN__UBJ_MAX_NESTING, DEEP = 1000000 };
    char bytes[2 * LIMIT + 8];
    for (int extra = 0; extra < 2; extra++) {
        const size_t n = (size_t)(LIMIT + extra);
        memset(bytes, '[', n);
        memset(bytes + n, ']', n);
        copied c = scan_of(bytes, 2 * n);
        if (extra) {
            assert_fails(evtwin__ubj_scan_skip(&c.scan), EVTWIN_E_PARSE, "byte 64|64");
        } else {
            assert_ok(evtwin__ubj_scan_skip(&c.scan));
            assert_ok(evtwin__ubj_scan_end(&c.scan));
        }
        free(c.data);
    }
    static const struct {
        const char *bytes;
        size_t size;
    } ways[] = {{BYTES("[")}, {BYTES("{U\0")}, {BYTES("[$[#U\1")}, {BYTES("[#U\1")}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *deep = malloc(DEEP);
        assert_non_null(deep);
        for (size_t k = 0; k < DEEP; k++) {
            deep[k] = ways[i].bytes[k % ways[i].size];
        }
        copied c = scan_of(deep, DEEP);
        assert_fails(evtwin__ubj_scan_skip(&c.scan), EVTWIN_E_PARSE, i == 2 ? "byte" : "64");
        free(c.data);
        free(deep);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_floats),
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_objects),  cmocka_unit_test(test_skip),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_every_marker),
        cmocka_unit_test(test_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
