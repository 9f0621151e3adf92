/* SPDX-License-Identifier: MIT */
/* tests/unit/core/test_arrow.c: tables as Arrow streams and back: every type, what is copied and
 * what is not, who releases what. */

#include "test.h"

#include "core/arrow_producer.h"

#include <math.h>
#include <time.h>

static evtwin_arrow_options options(void) {
    evtwin_arrow_options o;
    assert_ok(evtwin_arrow_options_init(&o, sizeof o));
    return o;
}

/* One column, one batch. */
static producer one(const char *format, const char *name, int64_t n, const void *data) {
    return (producer){.n_cols = 1,
                      .n_batches = 1,
                      .batch = {{.length = n,
                                 .col = {{.format = format,
                                          .name = name,
                                          .length = n,
                                          .n_buffers = 2,
                                          .buffer = {NULL, data}}}}}};
}

static evtwin_table *read_all_of(producer *p, const evtwin_arrow_options *o) {
    struct ArrowArrayStream stream = stream_of(p);
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_from_arrow(&stream, o, &table));
    assert_null(stream.release);
    assert_int_equal(p->n_streams_released, 1);
    assert_int_equal(p->n_schemas_released, 1);
    return table;
}

/* ---- out ---- */

static evtwin_table *make_table(void) {
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_ok(evtwin_table_add_column(t, "charge_cycles", EVTWIN_I64, "cycles", NULL));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_add_column(t, "is_charging", EVTWIN_BOOL, "", NULL));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_resize(t, 3));
    for (size_t row = 0; row < 2; row++) { /* the third row stays missing */
        assert_ok(evtwin_table_set_f64(t, 0, row, 80.5 + (double)row));
        assert_ok(evtwin_table_set_i64(t, 1, row, 100 + (int64_t)row));
        assert_ok(evtwin_table_set_i64(t, 2, row, 1700000000000000 + (int64_t)row));
        assert_ok(evtwin_table_set_bool(t, 3, row, row == 1));
        assert_ok(evtwin_table_set_text(t, 4, row, row == 1 ? "B\xc3\xa9" : "A"));
    }
    return t;
}

static void assert_same_table(const evtwin_table *a, const evtwin_table *b) {
    assert_int_equal(evtwin_table_rows(a), evtwin_table_rows(b));
    assert_int_equal(evtwin_table_cols(a), evtwin_table_cols(b));
    for (size_t col = 0; col < evtwin_table_cols(a); col++) {
        assert_string_equal(evtwin_table_name(a, col), evtwin_table_name(b, col));
        assert_string_equal(evtwin_table_unit(a, col), evtwin_table_unit(b, col));
        assert_int_equal(evtwin_table_type(a, col), evtwin_table_type(b, col));
        for (size_t row = 0; row < evtwin_table_rows(a); row++) {
            const double x = evtwin_table_number(a, col, row), y = evtwin_table_number(b, col, row);
            assert_true(x == y || (isnan(x) && isnan(y)));
            assert_int_equal(evtwin_table_is_valid(a, col, row),
                             evtwin_table_is_valid(b, col, row));
            if (evtwin_table_text(a, col, row) != NULL) {
                assert_string_equal(evtwin_table_text(a, col, row), evtwin_table_text(b, col, row));
            }
        }
    }
}

/* Buffers are the table's own, and outlive it and the stream. */
static void test_out_is_no_copy(void **state) {
    (void)state;
    evtwin_table *t = make_table();
    const double *soc = evtwin_table_f64(t, 0);
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array, end;
    assert_ok(evtwin_table_to_arrow(t, &stream));
    assert_int_equal(evtwin_table_resize(t, 4), EVTWIN_E_STATE);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    assert_null(stream.get_last_error(&stream));
    evtwin_table_free(t);
    stream.release(&stream);
    assert_null(stream.release);

    static const char *const formats[] = {"g", "l", "tsu:UTC", "b", "i"};
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(schema.children[i]->format, formats[i]);
        assert_int_equal(schema.children[i]->flags, ARROW_FLAG_NULLABLE);
        assert_int_equal(array.children[i]->length, 3);
        assert_int_equal(array.children[i]->null_count, 1);
        assert_int_equal(((const uint8_t *)array.children[i]->buffers[0])[0] & 7, 3);
    }
    assert_string_equal(schema.children[4]->dictionary->format, "u");
    assert_null(schema.children[0]->dictionary);
    assert_memory_equal(schema.children[0]->metadata, "\1\0\0\0\4\0\0\0unit\7\0\0\0percent", 23);
    assert_null(schema.children[2]->metadata);
    assert_ptr_equal(array.children[0]->buffers[1], soc);
    assert_int_equal(array.children[4]->dictionary->length, 2);
    assert_memory_equal(array.children[4]->dictionary->buffers[2], "AB\xc3\xa9", 4);

    /* a consumer moves a child away, releases the rest and reads on */
    struct ArrowArray moved = *array.children[0];
    array.children[0]->release = NULL;
    struct ArrowSchema moved_schema = *schema.children[4];
    schema.children[4]->release = NULL;
    array.release(&array);
    schema.release(&schema);
    assert_null(array.release);
    assert_near(((const double *)moved.buffers[1])[1], 81.5, 0.0);
    assert_string_equal(moved_schema.name, "battery_id");
    moved.release(&moved);
    moved_schema.release(&moved_schema);
}

static void test_there_and_back(void **state) {
    (void)state;
    evtwin_table *t = make_table(), *empty, *back = NULL;
    struct ArrowArrayStream stream;
    assert_ok(evtwin_table_to_arrow(t, &stream));
    assert_ok(evtwin_table_from_arrow(&stream, NULL, &back));
    assert_same_table(t, back);
    evtwin_table_free(back);
    evtwin_table_free(t);

    assert_ok(evtwin_table_create(&empty)); /* neither columns nor rows */
    assert_ok(evtwin_table_to_arrow(empty, &stream));
    assert_ok(evtwin_table_from_arrow(&stream, NULL, &back));
    assert_int_equal(evtwin_table_cols(back), 0);
    evtwin_table_free(back);
    evtwin_table_free(empty);

    assert_ok(evtwin_telemetry_table_create(&empty)); /* columns without rows */
    assert_ok(evtwin_table_to_arrow(empty, &stream));
    assert_ok(evtwin_table_from_arrow(&stream, NULL, &back));
    assert_same_table(empty, back);
    evtwin_table_free(back);
    evtwin_table_free(empty);
}

/* ---- in: what is copied ---- */

/* A column of one batch stays where it is until it is edited, and no longer than the table. */
static void test_in_is_no_copy(void **state) {
    (void)state;
    static const double v[] = {3.0, 3.5, 3.6, NAN};
    producer p = one("g", "voltage", 3, v);
    p.batch[0].length = 2; /* sliced twice: rows 1 and 2 of the array from its row 1 on */
    p.batch[0].offset = 1;
    p.batch[0].col[0].offset = 1;
    evtwin_table *t = read_all_of(&p, NULL);
    assert_ptr_equal(evtwin_table_f64(t, 0), &v[2]);
    assert_string_equal(evtwin_table_unit(t, 0), "V");
    assert_int_equal(evtwin_table_is_valid(t, 0, 0), 1);
    assert_int_equal(evtwin_table_is_valid(t, 0, 1), 0); /* NaN is missing */

    /* other columns come beside it, without touching it */
    assert_ok(evtwin_table_add_column(t, "more", EVTWIN_I64, "", NULL));
    assert_ptr_equal(evtwin_table_f64(t, 0), &v[2]);
    assert_int_equal(p.n_released, 0);

    evtwin_table *copy;
    assert_ok(evtwin_table_copy(t, &copy));
    assert_ptr_not_equal(evtwin_table_f64(copy, 0), &v[2]);
    evtwin_table_free(t);
    assert_int_equal(p.n_released, 1);
    assert_near(evtwin_table_number(copy, 0, 0), 3.6, 0.0);
    evtwin_table_free(copy);
}

/* Every way to edit makes the column the table's own first, with all its values. */
static void test_an_edit_owns(void **state) {
    (void)state;
    static const double v[] = {1.0, 2.0, 3.0};
    for (int way = 0; way < 6; way++) {
        producer p = one("g", "x", 3, v);
        evtwin_table *t = read_all_of(&p, NULL);
        assert_ptr_equal(evtwin_table_f64(t, 0), v);
        size_t rows = 3;
        switch (way) {
        case 0:
            assert_ok(evtwin_table_set_f64(t, 0, 1, 9.0));
            break;
        case 1:
            evtwin_table_f64_edit(t, 0)[1] = 9.0;
            break;
        case 2:
            assert_ok(evtwin_table_set_missing(t, 0, 1));
            break;
        case 3:
            assert_ok(evtwin_table_resize(t, rows = 5));
            break;
        case 4:
            assert_ok(evtwin_table_append(t, t));
            rows = 6;
            break;
        default:
            assert_ok(evtwin_table_resize(t, rows = 2));
            break;
        }
        assert_int_equal(p.n_released, 1);
        assert_int_equal(evtwin_table_rows(t), rows);
        assert_near(evtwin_table_number(t, 0, 0), 1.0, 0.0);
        if (rows > 2) {
            assert_near(evtwin_table_number(t, 0, 2), 3.0, 0.0);
        }
        assert_int_equal(evtwin_table_is_valid(t, 0, rows - 1), way != 3);
        evtwin_table_free(t);
        assert_int_equal(p.n_released, 1);
    }
    assert_near(v[1], 2.0, 0.0);
}

/* Two columns of one batch are released once, when both are gone; a shared table keeps it. */
static void test_release_once(void **state) {
    (void)state;
    static const double v[] = {1.0, 2.0};
    static const int64_t n[] = {5, 6};
    producer p = one("g", "a", 2, v);
    p.n_cols = 2;
    p.batch[0].col[1] =
        (column){.format = "l", .name = "b", .length = 2, .n_buffers = 2, .buffer = {NULL, n}};
    evtwin_table *t = read_all_of(&p, NULL);
    assert_ptr_equal(evtwin_table_i64(t, 1), n);
    assert_non_null(evtwin_table_i64_edit(t, 1));
    assert_int_equal(p.n_released, 0);
    evtwin_table *shared = evtwin_table_share(t);
    evtwin_table_free(t);
    assert_int_equal(p.n_released, 0);
    assert_null(evtwin_table_f64_edit(shared, 0));
    evtwin_table_free(shared);
    assert_int_equal(p.n_released, 1);
}

static void test_nulls(void **state) {
    (void)state;
    static const double v[] = {1.0, 2.0, 3.0, 4.0};
    static const int64_t n[] = {1, 2, 3, 4};
    static const uint8_t map[] = {0xF0 | 0xB}; /* row 2 is null */
    producer p = one("g", "a", 4, v);
    p.n_cols = 3;
    p.batch[0].col[0].buffer[0] = map;
    p.batch[0].col[0].null_count = -1;
    p.batch[0].col[1] = (column){.format = "l",
                                 .name = "b",
                                 .length = 4,
                                 .null_count = 1,
                                 .n_buffers = 2,
                                 .buffer = {map, n}};
    p.batch[0].col[2] = (column){.format = "n", .name = "c", .length = 4, .null_count = 4};
    evtwin_table *t = read_all_of(&p, NULL);
    assert_int_equal(p.n_released, 1); /* all of it was copied */
    for (size_t row = 0; row < 4; row++) {
        assert_int_equal(evtwin_table_is_valid(t, 0, row), row != 2);
        assert_int_equal(evtwin_table_is_valid(t, 1, row), row != 2);
        assert_int_equal(evtwin_table_is_valid(t, 2, row), 0);
    }
    assert_near(evtwin_table_number(t, 1, 3), 4.0, 0.0);
    assert_int_equal(evtwin_table_type(t, 2), EVTWIN_F64);
    evtwin_table_free(t);

    /* a map without a hole changes nothing */
    static const uint8_t full[] = {0xFF};
    p = one("g", "a", 4, v);
    p.batch[0].col[0].buffer[0] = full;
    p.batch[0].col[0].null_count = -1;
    t = read_all_of(&p, NULL);
    assert_ptr_equal(evtwin_table_f64(t, 0), v);
    evtwin_table_free(t);
}

/* Several batches, one of them empty and one sliced, become one column. */
static void test_batches(void **state) {
    (void)state;
    static const double v[] = {1.0, 2.0, 3.0, 4.0, 5.0};
    producer p = one("g", "a", 2, v);
    p.n_batches = 4;
    for (size_t b = 1; b < 4; b++) {
        p.batch[b] = p.batch[0];
    }
    p.batch[1].length = 0;
    p.batch[2].col[0].offset = 2;
    p.batch[3].col[0].length = 1;
    p.batch[3].length = 1;
    p.batch[3].col[0].offset = 4;
    evtwin_table *t = read_all_of(&p, NULL);
    assert_int_equal(p.n_released, 4);
    assert_int_equal(evtwin_table_rows(t), 5);
    assert_memory_equal(evtwin_table_f64(t, 0), v, sizeof v);
    evtwin_table_free(t);

    /* an empty batch behind the only one with rows: still no copy */
    p = one("g", "a", 5, v);
    p.n_batches = 2;
    p.batch[1] = p.batch[0];
    p.batch[1].length = 0;
    t = read_all_of(&p, NULL);
    assert_ptr_equal(evtwin_table_f64(t, 0), v);
    evtwin_table_free(t);
    assert_int_equal(p.n_released, 2);
}

/* ---- in: types ---- */

static void test_numbers(void **state) {
    (void)state;
    const struct {
        const char *format;
        const void *data;
        double expected[2];
    } types[] = {{"c", (const int8_t[]){-128, 127}, {-128, 127}},
                 {"C", (const uint8_t[]){0, 255}, {0, 255}},
                 {"s", (const int16_t[]){-32768, 1}, {-32768, 1}},
                 {"S", (const uint16_t[]){0, 65535}, {0, 65535}},
                 {"i", (const int32_t[]){INT32_MIN, 7}, {INT32_MIN, 7}},
                 {"I", (const uint32_t[]){0, UINT32_MAX}, {0, UINT32_MAX}},
                 {"L", (const uint64_t[]){0, 1u << 30}, {0, 1u << 30}},
                 {"e", (const uint16_t[]){0x3C01, 0xFBFF}, {1.0009765625, -65504}},
                 {"e", (const uint16_t[]){0x0001, 0x83FF}, {0x1p-24, -0x3FFp-24}},
                 {"f", (const float[]){0.5f, -1e30f}, {0.5, (double)-1e30f}},
                 {"d:4,1", (const uint64_t[]){843, 0, (uint64_t)-1, (uint64_t)-1}, {84.3, -0.1}},
                 {"d:38,20,128", /* -2^64 and 2^64 of 10^-20 */
                  (const uint64_t[]){0, (uint64_t)-1, 0, 1},
                  {-0.18446744073709551616, 0.18446744073709551616}},
                 {"d:5,-2,64", (const int64_t[]){-3, 7}, {-300, 700}},
                 {"d:5,2,32", (const int32_t[]){INT32_MIN, 101}, {-21474836.48, 1.01}},
                 {"b", (const uint8_t[]){2}, {0, 1}}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        producer p = one(types[i].format, "n", 2, types[i].data);
        evtwin_table *t = read_all_of(&p, NULL);
        assert_int_equal(p.n_released, 1);
        for (size_t row = 0; row < 2; row++) {
            assert_near(evtwin_table_number(t, 0, row), types[i].expected[row], 0.0);
        }
        const int is_float = strchr("efd", types[i].format[0]) != NULL;
        assert_int_equal(evtwin_table_type(t, 0), is_float                    ? EVTWIN_F64
                                                  : types[i].format[0] == 'b' ? EVTWIN_BOOL
                                                                              : EVTWIN_I64);
        evtwin_table_free(t);
    }
}

static void assert_texts(const evtwin_table *t, const char *const *expected, size_t n) {
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_TEXT);
    assert_int_equal(evtwin_table_rows(t), n);
    for (size_t row = 0; row < n; row++) {
        const char *text = evtwin_table_text(t, 0, row);
        assert_int_equal(text == NULL, expected[row] == NULL);
        if (text != NULL) {
            assert_string_equal(text, expected[row]);
        }
    }
}

/* A frame has ids of digits as numbers, one with a missing id as floats; a file has them as names,
 * by which models know batteries. */
static void test_ids_of_digits(void **state) {
    (void)state;
    const struct {
        const char *format, *name;
        const void *data;
        const char *expected[2];
    } ids[] = {
        {"l", "battery_id", (const int64_t[]){7, INT64_MIN}, {"7", "-9223372036854775808"}},
        {"L", "battery_id", (const uint64_t[]){7, UINT64_MAX}, {"7", "18446744073709551615"}},
        {"C", "battery_id", (const uint8_t[]){7, 7}, {"7", "7"}},
        {"g", "battery_id", (const double[]){7, NAN}, {"7", NULL}},
        {"d:9,0", "battery_id", (const uint64_t[]){7, 0, 12, 0}, {"7", "12"}}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        producer p = one(ids[i].format, ids[i].name, 2, ids[i].data);
        evtwin_table *t = read_all_of(&p, NULL);
        assert_texts(t, ids[i].expected, 2);
        assert_int_equal(p.n_released, 1);
        evtwin_table_free(t);
    }
}

static void assert_time(const evtwin_table *t, size_t row, const char *expected) {
    char text[EVTWIN_TIME_TEXT_SIZE];
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_TIME);
    assert_ok(evtwin_time_format(evtwin_table_i64(t, 0)[row], text, sizeof text));
    assert_string_equal(text, expected);
}

static void test_times(void **state) {
    (void)state;
    static const int64_t s[] = {-1}, ms[] = {1700000000123}, us[] = {-1}, ns[] = {-1};
    static const int32_t days[] = {19675};
    static const int64_t digits[] = {1700000000}, digits_ms[] = {1700000000123};
    static const double real[] = {1700000000.25}, near[] = {1700000000.9999998}, before[] = {-1.5},
                        just_before[] = {-0.25};
    static const struct {
        const char *format, *name;
        const void *data;
        const char *expected;
    } types[] = {
        {"tss:", "t", s, "1969-12-31T23:59:59.000000Z"},
        {"tsm:Europe/Berlin", "t", ms, "2023-11-14T22:13:20.123000Z"},
        {"tsu:UTC", "t", us, "1969-12-31T23:59:59.999999Z"},
        {"tsn:", "t", ns, "1969-12-31T23:59:59.999999Z"}, /* cut off, towards the past */
        {"tdD", "t", days, "2023-11-14T00:00:00.000000Z"},
        {"tdm", "t", ms, "2023-11-14T22:13:20.123000Z"},
        {"l", "time", digits, "2023-11-14T22:13:20.000000Z"},
        {"l", "time", digits_ms, "2023-11-14T22:13:20.123000Z"},
        {"g", "Unix Time / s", real, "2023-11-14T22:13:20.250000Z"},
        {"g", "time", real, "2023-11-14T22:13:20.250000Z"},
        {"g", "time", near, "2023-11-14T22:13:21.000000Z"}, /* less than a microsecond to it */
        {"g", "Unix Time / s", before, "1969-12-31T23:59:58.500000Z"},
        {"g", "Unix Time / s", just_before, "1969-12-31T23:59:59.750000Z"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        producer p = one(types[i].format, types[i].name, 1, types[i].data);
        evtwin_table *t = read_all_of(&p, NULL);
        assert_time(t, 0, types[i].expected);
        evtwin_table_free(t);
    }

    /* without a zone it is what the caller says */
    evtwin_arrow_options o = options();
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    o.naive_time = EVTWIN_NAIVE_LOCAL;
    producer p = one("tsu:", "t", 1, us);
    evtwin_table *t = read_all_of(&p, &o);
    assert_time(t, 0, "1969-12-31T18:29:59.999999Z");
    evtwin_table_free(t);
    o.naive_time = EVTWIN_NAIVE_REJECT;
    p = one("tsu:", "t", 1, us);
    struct ArrowArrayStream stream = stream_of(&p);
    t = NULL;
    assert_int_equal(evtwin_table_from_arrow(&stream, &o, &t), EVTWIN_E_PARSE);
    assert_int_equal(p.n_released, 1);
    p = one("tsu:Z", "t", 1, us);
    t = read_all_of(&p, &o);
    assert_ptr_equal(evtwin_table_i64(t, 0), us); /* where it is */
    evtwin_table_free(t);
}

/* ---- in: strings ---- */

typedef struct view {
    int32_t length;
    union {
        char text[12];
        struct {
            char prefix[4];
            int32_t buffer, offset;
        } at;
    };
} view;

static void test_strings(void **state) {
    (void)state;
    static const char bytes[] = "xxBAT_1BAT_2";
    static const int32_t offsets[] = {2, 7, 7, 12};
    static const int64_t large[] = {2, 7, 7, 12};
    static const char *const expected[] = {"BAT_1", "", "BAT_2"};
    producer p = one("u", "id", 3, offsets);
    p.batch[0].col[0].n_buffers = 3;
    p.batch[0].col[0].buffer[2] = bytes;
    evtwin_table *t = read_all_of(&p, NULL);
    assert_texts(t, expected, 3);
    evtwin_table_free(t);

    p = one("U", "id", 3, large);
    p.batch[0].col[0].n_buffers = 3;
    p.batch[0].col[0].buffer[2] = bytes;
    t = read_all_of(&p, NULL);
    assert_texts(t, expected, 3);
    evtwin_table_free(t);

    static const char longer[] = "..a string of more than twelve bytes";
    static const int64_t sizes[] = {sizeof longer - 1};
    const view views[] = {{.length = 5, .text = "BAT_1"},
                          {.length = 34, .at = {"a st", 0, 2}},
                          {.length = 12, .text = "twelve bytes"}};
    static const char *const of_views[] = {"BAT_1", "a string of more than twelve bytes",
                                           "twelve bytes"};
    p = one("vu", "id", 3, views);
    p.batch[0].col[0].n_buffers = 4;
    p.batch[0].col[0].buffer[2] = longer;
    p.batch[0].col[0].buffer[3] = sizes;
    t = read_all_of(&p, NULL);
    assert_texts(t, of_views, 3);
    evtwin_table_free(t);
}

/* Codes of any width; a dictionary of each batch, with a string twice and a null in it. */
static void test_dictionaries(void **state) {
    (void)state;
    static const char bytes[] = "BAT_1BAT_2BAT_1";
    static const int32_t offsets[] = {0, 5, 10, 15, 15};
    static const uint8_t map[] = {7};
    static const uint8_t codes[] = {1, 0, 2, 3};
    static const int64_t wide[] = {2, 1, 0, 1};
    static const char *const expected[] = {"BAT_2", "BAT_1", "BAT_1", NULL,
                                           "BAT_1", "BAT_2", "BAT_1", "BAT_2"};
    column values = {.format = "u",
                     .length = 4,
                     .null_count = 1,
                     .n_buffers = 3,
                     .buffer = {map, offsets, bytes}};
    producer p = one("C", "id", 4, codes);
    p.batch[0].col[0].dictionary = "u";
    p.batch[0].col[0].values = &values;
    p.n_batches = 2;
    p.batch[1] = p.batch[0];
    evtwin_table *t = read_all_of(&p, NULL);
    assert_int_equal(evtwin_table_dict_size(t, 0), 2);
    assert_texts(
        t, (const char *const[]){"BAT_2", "BAT_1", "BAT_1", NULL, "BAT_2", "BAT_1", "BAT_1", NULL},
        8);
    evtwin_table_free(t);

    p = one("l", "id", 4, wide);
    p.batch[0].col[0].dictionary = "u";
    p.batch[0].col[0].values = &values;
    t = read_all_of(&p, NULL);
    assert_texts(t, expected + 4, 4);
    evtwin_table_free(t);
}

/* ---- in: names and units ---- */

static void test_units(void **state) {
    (void)state;
    static double v[20];
    for (size_t i = 0; i < 20; i++) {
        v[i] = 0.5 + (double)i / 100.0;
    }
    evtwin_arrow_options o = options();
    evtwin_table *t;
    producer p = one("g", "SoC", 20, v);
    t = read_all_of(&p, NULL);
    assert_string_equal(evtwin_table_unit(t, 0), "fraction"); /* the training CSV's name */
    evtwin_table_free(t);

    p = one("g", "soc", 20, v);
    struct ArrowArrayStream stream = stream_of(&p);
    t = NULL;
    o.name = "frame";
    assert_fails(evtwin_table_from_arrow(&stream, &o, &t), EVTWIN_E_RANGE, "frame|soc|20|fraction");
    assert_int_equal(p.n_released, 1);
    static const char *const stated[] = {"fraction", "percent"};
    for (size_t i = 0; i < 2; i++) {
        char units[32];
        snprintf(units, sizeof units, "soc=%s", stated[i]);
        o.units = units;
        p = one("g", "soc", 20, v);
        t = read_all_of(&p, &o);
        assert_string_equal(evtwin_table_unit(t, 0), stated[i]);
        evtwin_table_free(t);
    }
    o.units = NULL;
    p = one("g", "soc", 20, v);
    p.batch[0].col[0].metadata = "\2\0\0\0\1\0\0\0a\0\0\0\0\4\0\0\0unit\10\0\0\0fraction";
    t = read_all_of(&p, &o);
    assert_string_equal(evtwin_table_unit(t, 0), "fraction");
    evtwin_table_free(t);

    /* integers of a quantity that is no count are numbers like others */
    static const uint64_t whole[] = {80, UINT64_MAX};
    o.units = NULL;
    p = one("L", "voltage", 2, whole);
    t = read_all_of(&p, NULL);
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_F64);
    assert_near(evtwin_table_number(t, 0, 1), 0x1p64, 0.0);
    evtwin_table_free(t);

    o.units = "voltage=mV";
    p = one("g", "soc", 20, v);
    stream = stream_of(&p);
    t = NULL;
    assert_fails(evtwin_table_from_arrow(&stream, &o, &t), EVTWIN_E_NOT_FOUND, "voltage");
    assert_int_equal(p.n_released, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_is_no_copy), cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_in_is_no_copy),  cmocka_unit_test(test_an_edit_owns),
        cmocka_unit_test(test_release_once),   cmocka_unit_test(test_nulls),
        cmocka_unit_test(test_batches),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ids_of_digits),  cmocka_unit_test(test_times),
        cmocka_unit_test(test_strings),        cmocka_unit_test(test_dictionaries),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
