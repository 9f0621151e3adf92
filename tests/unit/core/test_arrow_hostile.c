/* SPDX-License-Identifier: MIT */
/* tests/unit/core/test_arrow_hostile.c: streams that are not what they say: an error that names
 * what is wrong, everything released once, nothing given. */

#include "test.h"

#include "core/arrow_producer.h"
#include "fail_nth.h"

static const double v[] = {1.0, 2.0, 3.0};

static producer good(void) {
    return (producer){
        .n_cols = 1,
        .n_batches = 1,
        .batch = {
            {.length = 3,
             .col = {
                 {.format = "g", .name = "x", .length = 3, .n_buffers = 2, .buffer = {NULL, v}}}}}};
}

static void assert_refused(producer *p, evtwin_status status, const char *names) {
    struct ArrowArrayStream stream = stream_of(p);
    evtwin_table *table = NULL;
    assert_fails(evtwin_table_from_arrow(&stream, NULL, &table), status, names);
    assert_null(table);
    assert_null(stream.release);
    assert_int_equal(p->n_streams_released, 1);
    assert_int_equal(p->n_schemas_released, p->schema_error == 0);
    assert_int_equal(p->n_released, p->n_made);
}

static void test_arguments(void **state) {
    (void)state;
    producer p = good();
    struct ArrowArrayStream stream = stream_of(&p);
    evtwin_table *table = NULL;
    assert_fails(evtwin_table_from_arrow(NULL, NULL, &table), EVTWIN_E_ARG, "stream");
    assert_fails(evtwin_table_from_arrow(&stream, NULL, NULL), EVTWIN_E_ARG, "out");
    assert_int_equal(p.n_streams_released, 1);
    assert_fails(evtwin_table_from_arrow(&stream, NULL, &table), EVTWIN_E_ARG, "released");
    evtwin_arrow_options o = {.size = 0};
    p = good();
    stream = stream_of(&p);
    assert_fails(evtwin_table_from_arrow(&stream, &o, &table), EVTWIN_E_ARG,
                 "evtwin_arrow_options_init");
    assert_ok(evtwin_arrow_options_init(&o, sizeof o));
    o.naive_time = (evtwin_naive_time)9;
    stream = stream_of(&p);
    assert_fails(evtwin_table_from_arrow(&stream, &o, &table), EVTWIN_E_ARG, "9|naive_time");
    assert_int_equal(p.n_streams_released, 2);
    assert_null(table);
}

static void test_producer_fails(void **state) {
    (void)state;
    producer p = good();
    p.schema_error = EINVAL;
    assert_refused(&p, EVTWIN_E_EXTERNAL, "22|schema");
    for (size_t at = 0; at < 3; at++) { /* the first batch, the one behind it, a later one */
        p = good();
        p.n_batches = 2;
        p.batch[1] = p.batch[0];
        p.error = "the disk\nis gone";
        p.error_at = at;
        assert_refused(&p, EVTWIN_E_EXTERNAL, "5|batch|the disk is gone");
    }
}

static void test_schema(void **state) {
    (void)state;
    static const struct {
        const char *format, *name, *dictionary;
        evtwin_status status;
        const char *names;
    } fields[] = {{"+l", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|+l"},
                  {"d:19,10,256", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:19,10,256"},
                  {"d:0,0", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:0,0"},
                  {"d:9", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:9"},
                  {"d:9,999", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:9,999"},
                  {"d:9,2x", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:9,2x"},
                  {"d:9,2,128x", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|d:9,2,128x"},
                  {"w:16", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|w:16"},
                  {"", "x", NULL, EVTWIN_E_UNSUPPORTED, "x"},
                  {NULL, "x", NULL, EVTWIN_E_UNSUPPORTED, "x"},
                  {"tsx:", "x", NULL, EVTWIN_E_UNSUPPORTED, "x|tsx"},
                  {"g", "x", "u", EVTWIN_E_UNSUPPORTED, "x|dictionary"},
                  {"i", "x", "l", EVTWIN_E_UNSUPPORTED, "x|dictionary"},
                  {"i", "x", "+l", EVTWIN_E_UNSUPPORTED, "x|dictionary"},
                  {"g", "", NULL, EVTWIN_E_SCHEMA, "number 0|name"},
                  {"g", NULL, NULL, EVTWIN_E_SCHEMA, "number 0|name"},
                  {"g", "\xff", NULL, EVTWIN_E_SCHEMA, "number 0|UTF-8"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        producer p = good();
        p.batch[0].col[0].format = fields[i].format;
        p.batch[0].col[0].name = fields[i].name;
        p.batch[0].col[0].dictionary = fields[i].dictionary;
        assert_refused(&p, fields[i].status, fields[i].names);
    }
    producer p = good();
    p.n_cols = 2;
    p.batch[0].col[1] = p.batch[0].col[0];
    assert_refused(&p, EVTWIN_E_SCHEMA, "duplicate|x");
    p = good();
    p.schema_format = "g";
    assert_refused(&p, EVTWIN_E_SCHEMA, "record batches");
    p = good();
    p.batch[0].col[0].metadata = "\1\0\0\0\xff\xff\xff\xff";
    assert_refused(&p, EVTWIN_E_PARSE, "x|-1");
}

/* No machine gets a chance to promise more. */
static void *at_most_a_GiB(void *ctx, void *ptr, size_t new_size) {
    (void)ctx;
    if (new_size == 0) {
        free(ptr);
    }
    return new_size > 0 && new_size <= (size_t)1 << 30 ? realloc(ptr, new_size) : NULL;
}

static void test_lengths(void **state) {
    (void)state;
    producer p = good();
    p.batch[0].length = -1;
    assert_refused(&p, EVTWIN_E_PARSE, "-1");
    p = good();
    p.batch[0].length = 4;
    assert_refused(&p, EVTWIN_E_PARSE, "x|3|4");
    p = good();
    p.batch[0].offset = 1;
    assert_refused(&p, EVTWIN_E_PARSE, "x|3|4");
    p = good();
    p.batch[0].offset = INT64_MAX;
    assert_refused(&p, EVTWIN_E_PARSE, "9223372036854775807");
    p = good();
    p.batch[0].has_other_width = 1;
    assert_refused(&p, EVTWIN_E_PARSE, "0 columns|1");
    p = good();
    p.batch[0].null_count = 2;
    assert_refused(&p, EVTWIN_E_PARSE, "2 rows|null");
    static const uint8_t but_one[] = {0x05}; /* not counted, as -1 says */
    p = good();
    p.batch[0].null_count = -1;
    p.batch[0].buffer[0] = but_one;
    assert_refused(&p, EVTWIN_E_PARSE, "1 rows|null");
    const int64_t bad[] = {-1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        p = good();
        p.batch[0].col[0].length = bad[i];
        assert_refused(&p, EVTWIN_E_PARSE, "x");
        p = good();
        p.batch[0].col[0].offset = bad[i];
        assert_refused(&p, EVTWIN_E_PARSE, "x");
        p = good();
        p.batch[0].col[0].null_count = i == 0 ? -2 : bad[i];
        assert_refused(&p, EVTWIN_E_PARSE, "x|nulls");
        p = good();
        p.batch[0].col[0].n_buffers = bad[i] == INT64_MAX ? 1 : bad[i];
        assert_refused(&p, EVTWIN_E_PARSE, "x|buffers|2");
    }
    p = good();
    p.batch[0].col[0].buffer[1] = NULL;
    assert_refused(&p, EVTWIN_E_PARSE, "x|3 rows|buffer");
    p = good();
    p.batch[0].col[0].null_count = 1;
    assert_refused(&p, EVTWIN_E_PARSE, "x|bitmap");

    /* more rows than there is memory for */
    p = good();
    p.batch[0].col[0].format = "f";
    p.batch[0].length = p.batch[0].col[0].length = INT64_MAX / 64;
    evtwin_set_allocator(at_most_a_GiB, NULL);
    assert_refused(&p, EVTWIN_E_NOMEM, "");
    evtwin_set_allocator(NULL, NULL);
}

static producer strings(const char *format, const void *offsets, const char *bytes) {
    producer p = good();
    p.batch[0].col[0] = (column){.format = format,
                                 .name = "id",
                                 .length = 3,
                                 .n_buffers = 3,
                                 .buffer = {NULL, offsets, bytes}};
    return p;
}

static void test_strings(void **state) {
    (void)state;
    static const int32_t good_offsets[] = {0, 2, 4, 6};
    static const int32_t falling[] = {0, 4, 2, 6}, negative[] = {-1, 2, 4, 6};
    static const int64_t large[] = {0, INT64_MIN, 0, 0};
    producer p = strings("u", falling, "abcdef");
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 1|offsets");
    p = strings("u", negative, "abcdef");
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 0|offsets");
    p = strings("U", large, "abcdef");
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 0|offsets");
    p = strings("u", good_offsets, NULL);
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 0|offsets");
    p = strings("u", good_offsets, "ab\xff\xfe");
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 1|UTF-8");
    p = strings("u", good_offsets, "abcd\0f");
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 2|NUL");
    p = strings("u", good_offsets, "abcdef");
    p.batch[0].col[0].n_buffers = 2;
    assert_refused(&p, EVTWIN_E_PARSE, "id|2 buffers|3");

    /* views: length, buffer and offset, each outside what there is */
    static const char longer[] = "a string of more than twelve bytes";
    static const int64_t sizes[] = {sizeof longer - 1};
    static const int32_t views[][4] = {{-1, 0, 0, 0},
                                       {34, 0, 1, 0},
                                       {34, 0, -1, 0},
                                       {34, 0, 0, 1},
                                       {34, 0, 0, -1},
                                       {35, 0, 0, 0},
                                       {INT32_MAX, 0, 0, INT32_MAX}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        p = good();
        p.batch[0].length = 1;
        p.batch[0].col[0] = (column){.format = "vu",
                                     .name = "id",
                                     .length = 1,
                                     .n_buffers = 4,
                                     .buffer = {NULL, views[i], longer, sizes}};
        assert_refused(&p, EVTWIN_E_PARSE, "id|row 0|offsets");
    }
}

static void test_dictionaries(void **state) {
    (void)state;
    static const int32_t offsets[] = {0, 2}, bad_offsets[] = {2, 0};
    static const int8_t codes[] = {0, 0, 1}, negative[] = {0, -1, 0};
    const column good_values = {
        .format = "u", .length = 1, .n_buffers = 3, .buffer = {NULL, offsets, "ab"}};
    column values = good_values;
    producer p = good();
    p.batch[0].col[0] = (column){.format = "c",
                                 .name = "id",
                                 .dictionary = "u",
                                 .length = 3,
                                 .n_buffers = 2,
                                 .buffer = {NULL, codes},
                                 .values = &values};
    const producer template = p;
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 2|code");
    p = template;
    p.batch[0].col[0].buffer[1] = negative;
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 1|code");
    p = template;
    p.batch[0].col[0].values = NULL;
    assert_refused(&p, EVTWIN_E_PARSE, "id|lacks");
    p = template;
    values.buffer[1] = bad_offsets;
    assert_refused(&p, EVTWIN_E_PARSE, "id|row 0|offsets");
    values = good_values;
    values.length = -1;
    p = template;
    assert_refused(&p, EVTWIN_E_PARSE, "id|-1");
    values.length = INT64_C(1) << 32;
    p = template;
    assert_refused(&p, EVTWIN_E_PARSE, "id|4294967296");
    p = good();
    p.batch[0].col[0].values = &values;
    assert_refused(&p, EVTWIN_E_PARSE, "x|has");
}

static void test_values(void **state) {
    (void)state;
    static const uint64_t large[] = {0, 0, UINT64_MAX};
    static const int64_t s[] = {0, INT64_MAX / 1000, 0};
    static const int32_t days[] = {0, 0, INT32_MAX}; /* 5.9 million years */
    static const double numbers[] = {1700000000, 1e300, 0};
    static const int64_t short_one[] = {1700000000, 12, 0};
    static const struct {
        const char *format, *name;
        const void *data;
        evtwin_status status;
        const char *names;
    } columns[] = {{"L", "x", large, EVTWIN_E_RANGE, "x|row 2"},
                   {"tss:Z", "x", s, EVTWIN_E_RANGE, "x|row 1"},
                   {"tdD", "x", days, EVTWIN_E_RANGE, "x|row 2"},
                   {"g", "time", numbers, EVTWIN_E_RANGE, "time|row 1"},
                   {"l", "time", short_one, EVTWIN_E_PARSE, "time|row 1|12"}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        producer p = good();
        p.batch[0].col[0].format = columns[i].format;
        p.batch[0].col[0].name = columns[i].name;
        p.batch[0].col[0].buffer[1] = columns[i].data;
        assert_refused(&p, columns[i].status, columns[i].names);
    }
}

/* ---- memory ---- */

/* Out, in as one batch and in as two, with every type. */
static evtwin_status there_and_back(void *ctx) {
    producer p = good();
    p.n_batches = *(const size_t *)ctx;
    p.batch[0].col[0].metadata = "\1\0\0\0\4\0\0\0unit\1\0\0\0V";
    p.n_cols = 3;
    static const int32_t offsets[] = {0, 2, 4, 6};
    static const float f[] = {1, 2, 3};
    p.batch[0].col[1] = (column){.format = "u",
                                 .name = "id",
                                 .length = 3,
                                 .n_buffers = 3,
                                 .buffer = {NULL, offsets, "abcdef"}};
    p.batch[0].col[2] =
        (column){.format = "f", .name = "f", .length = 3, .n_buffers = 2, .buffer = {NULL, f}};
    p.batch[1] = p.batch[0];
    struct ArrowArrayStream stream = stream_of(&p), out;
    evtwin_table *table = NULL, *again = NULL;
    evtwin_status st = evtwin_table_from_arrow(&stream, NULL, &table);
    st = st < 0 ? st : evtwin_table_to_arrow(table, &out);
    st = st < 0 ? st : evtwin_table_from_arrow(&out, NULL, &again);
    assert_int_equal(evtwin_table_rows(again), st < 0 ? 0 : 3 * p.n_batches);
    evtwin_table_free(table);
    evtwin_table_free(again);
    assert_int_equal(p.n_streams_released, 1);
    assert_int_equal(p.n_released, p.n_made);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    for (size_t n_batches = 1; n_batches <= 2; n_batches++) {
        assert_true(fail_every_allocation(there_and_back, &n_batches) > 40);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_producer_fails),
        cmocka_unit_test(test_schema),    cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_dictionaries),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
