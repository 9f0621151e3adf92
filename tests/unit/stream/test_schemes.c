/* SPDX-License-Identifier: MIT */
/* test_schemes.c: how sources and sinks are chosen, what their URIs may say, and the sink that
 * keeps nothing. */

#include "test.h"

#include "core/uri.h"
#include "stream/scheme.h"

#include <math.h>

static void unknown_schemes_list_the_known(void **state) {
    (void)state;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    assert_fails(evtwin_source_open("carrier-pigeon:x", &source), EVTWIN_E_UNSUPPORTED,
                 "source|'carrier-pigeon:'|csv:, jsonl:, sqlite:, postgresql:, postgres:|sim:");
    assert_fails(evtwin_sink_open("carrier-pigeon://u:hunter2@h/t", &sink), EVTWIN_E_UNSUPPORTED,
                 "sink|'carrier-pigeon:'|null:, csv:, jsonl:, sqlite:, postgresql:, postgres:");
    assert_null(strstr(evtwin_last_error(), "hunter2"));
#ifndef HAVE_KAFKA
    assert_fails(evtwin_sink_open("kafka://h/t", &sink), EVTWIN_E_UNSUPPORTED,
                 "kafka:|-DEVTWIN_KAFKA=ON");
#endif
    assert_fails(evtwin_source_open("null:", &source), EVTWIN_E_UNSUPPORTED, "source|'null:'");
    assert_fails(evtwin_sink_open("sim:", &sink), EVTWIN_E_UNSUPPORTED, "sink|'sim:'");
    assert_fails(evtwin_sink_open("out.csv", &sink), EVTWIN_E_PARSE, "out.csv|scheme");
    assert_fails(evtwin_sink_open(NULL, &sink), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_open("null:", NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_source_open(NULL, &source), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_source_open("csv:x", NULL), EVTWIN_E_ARG, "NULL");
    assert_null(source);
    assert_null(sink);
}

static void a_typo_does_not_pass(void **state) {
    (void)state;
    static const struct {
        const char *uri, *says;
    } sinks[] = {
        {"null:x", "null:"},
        {"null:?a=1", "null:|\"a\""},
        {"csv:", "csv:FILE"},
        {"csv://tmp/x.csv", "csv:/PATH"},
        {"csv:x?repalce=1", "csv:|\"repalce\""},
        {"csv:x?replace=yes", "csv:|replace=yes|0, 1"},
        {"jsonl:", "jsonl:FILE"},
        {"jsonl:x?follow=1", "jsonl:|\"follow\""},
        {"sqlite:", "sqlite:FILE"},
#ifdef HAVE_SQLITE /* its parameters are those of the store too */
        {"sqlite:x?write=all", "sqlite:|write=all|rows, predictions"},
        {"sqlite:x?retention_days=-1", "retention_days=-1|0|1e+06"},
        {"sqlite:x?rows=all", "sqlite:|\"rows\""},
        {"sqlite:x?shared=yes", "sqlite:|shared=yes|0, 1"},
#endif
    };
    for (size_t i = 0; i < sizeof sinks / sizeof sinks[0]; i++) {
        evtwin_sink *sink = NULL;
        assert_fails(evtwin_sink_open(sinks[i].uri, &sink), EVTWIN_E_ARG, sinks[i].says);
        assert_null(sink);
    }
    static const struct {
        const char *uri, *says;
    } sources[] = {
        {"csv:", "csv:FILE"},
        {"csv:x?naive_time=gmt", "csv:|naive_time=gmt|utc, local, reject"},
        {"csv:x?battery_id=a%20b", "csv:|battery_id=a b"},
        {"jsonl:x?follow=2", "jsonl:|follow=2|0, 1"},
        {"sqlite:x?rows=new", "sqlite:|rows=new|all, unpredicted"},
        {"sim:x", "sim:|parameters"},
        {"sim:?flete=3", "sim:|\"flete\""},
        {"sim:?fleet=0", "sim:|fleet=0|1"},
        {"sim:?fleet=1.5", "sim:|fleet=1.5|1"},
        {"sim:?speed=0", "sim:|speed=0|0.001|1e+06"},
        {"sim:?speed=fast", "speed=fast"},
        {"sim:?interval=0", "interval=0"},
        {"sim:?seed=-1", "sim:|seed=-1|0|18446744073709551615"},
        {"sim:?seed=18446744073709551616", "seed=18446744073709551616"},
        {"sim:?model=spm", "sim:|model=spm|ecm, classic"},
        {"sim:?rows=0", "rows=0"},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        evtwin_source *source = NULL;
        assert_fails(evtwin_source_open(sources[i].uri, &source), EVTWIN_E_ARG, sources[i].says);
        assert_null(source);
    }
}

static void parameters_have_types(void **state) {
    (void)state;
    evtwin__uri u;
    assert_ok(evtwin__uri_parse("x:?flag=1&n=2.5&max_n=max&size=7&seed=18446744073709551615&"
                                "naive_time=local&start=2024-01-01",
                                &u));
    struct {
        int flag;
        double n, absent_n, max_n;
        size_t size, absent;
        uint64_t seed;
        evtwin_naive_time naive;
        int64_t start;
    } to = {.size = 3, .absent = 3, .absent_n = 4.0};
    const evtwin__param rows[] = {
        EVTWIN__PARAM("flag", WORD, (size_t)((char *)&to.flag - (char *)&to),
                      .words = EVTWIN__FLAG_WORDS),
        EVTWIN__PARAM("n", NUMBER, (size_t)((char *)&to.n - (char *)&to), .min = 0, .max = 10),
        EVTWIN__PARAM("absent_n", NUMBER, (size_t)((char *)&to.absent_n - (char *)&to), .min = 0,
                      .max = 10),
        EVTWIN__PARAM("max_n", NUMBER, (size_t)((char *)&to.max_n - (char *)&to), .min = 0,
                      .max = 10, .words = {"max"}),
        EVTWIN__PARAM("size", SIZE, (size_t)((char *)&to.size - (char *)&to), .min = 1),
        EVTWIN__PARAM("absent", SIZE, (size_t)((char *)&to.absent - (char *)&to), .min = 1),
        EVTWIN__PARAM("seed", SEED, (size_t)((char *)&to.seed - (char *)&to)),
        EVTWIN__PARAM("naive_time", WORD, (size_t)((char *)&to.naive - (char *)&to),
                      .words = EVTWIN__NAIVE_WORDS),
        EVTWIN__PARAM("start", TIME, (size_t)((char *)&to.start - (char *)&to)),
        {.key = NULL}};
    assert_ok(evtwin__params_read(&u, rows, &to));
    assert_int_equal(to.flag, 1);
    assert_true(to.n == 2.5);
    assert_true(to.absent_n == 4.0);
    assert_true(isinf(to.max_n));
    assert_int_equal(to.size, 7);
    assert_int_equal(to.absent, 3);
    assert_true(to.seed == UINT64_MAX);
    assert_int_equal(to.naive, EVTWIN_NAIVE_LOCAL);
    assert_int_equal(to.start, INT64_C(1704067200000000));
    const evtwin__param too_small[] = {
        EVTWIN__PARAM("n", NUMBER, rows[1].offset, .min = 0, .max = 2), {.key = NULL}};
    const evtwin__param no_size[] = {EVTWIN__PARAM("n", SIZE, rows[4].offset), {.key = NULL}};
    assert_fails(evtwin__params_read(&u, too_small, &to), EVTWIN_E_ARG, "n=2.5");
    assert_fails(evtwin__params_read(&u, no_size, &to), EVTWIN_E_ARG, "n=2.5");
    assert_true(to.n == 2.5);
    assert_int_equal(to.size, 7);
    evtwin__uri_free(&u);
}

static void null_takes_everything(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_sink_open("null:", &sink));
    assert_string_equal(evtwin_sink_uri(sink), "null:");
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_table_resize(t, 10));
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_flush(sink));
    assert_fails(evtwin_sink_write(NULL, t), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_write(sink, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_flush(NULL), EVTWIN_E_ARG, "NULL");
    assert_string_equal(evtwin_sink_uri(NULL), "");
    evtwin_table_free(t);
    evtwin_sink_free(sink);
    evtwin_sink_free(NULL);
    evtwin_source_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_schemes_list_the_known),
        cmocka_unit_test(a_typo_does_not_pass),
        cmocka_unit_test(parameters_have_types),
        cmocka_unit_test(null_takes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
