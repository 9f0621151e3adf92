/* SPDX-License-Identifier: MIT */
/* bench_json.c: telemetry records to JSON and back, beside jansson building and dumping the same.
 */

#include "evtwin/stream.h"
#include "evtwin/telemetry.h"

#include "core/rng.h"
#include "stream/telemetry_json.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 4096, REPEATS = 40 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(int holds) {
    if (!holds) {
        fprintf(stderr, "bench_json: %s\n", evtwin_last_error());
        exit(1);
    }
}

/* Values with the decimals that sensors have. */
static evtwin_table *make_rows(void) {
    static const double scale[] = {100, 1000, 100, 100, 100, 1000, 100, 1, 10};
    static const double span[] = {0, 0, 100, 100, 400, 150, 40, 1000, 60000};
    evtwin_table *t = NULL;
    check(evtwin_telemetry_table_create(&t) == EVTWIN_OK);
    check(evtwin_table_resize(t, ROWS) == EVTWIN_OK);
    for (size_t i = 0; i < ROWS; i++) {
        char id[32];
        snprintf(id, sizeof id, "BATTERY_%03zu", i % 100);
        check(evtwin_table_set_i64(t, 0, i, 1706702400000000 + (int64_t)i * 100000) == EVTWIN_OK);
        check(evtwin_table_set_text(t, 1, i, id) == EVTWIN_OK);
        for (size_t c = 2; c < 9; c++) {
            const evtwin__rng_block b =
                evtwin__rng_at(1, EVTWIN__RNG_SENSOR, (uint32_t)c, 0, (uint64_t)i);
            const int64_t steps = (int64_t)(evtwin__rng_uniform(b, 0) * span[c] * scale[c]);
            check(c == 7 ? evtwin_table_set_i64(t, c, i, steps) == EVTWIN_OK
                         : evtwin_table_set_f64(t, c, i, (double)steps / scale[c]) == EVTWIN_OK);
        }
        check(evtwin_table_set_bool(t, 9, i, i % 3 == 0) == EVTWIN_OK);
    }
    return t;
}

static char text[ROWS][512];
static size_t length[ROWS];

static void encode_by_hand(evtwin_table *t) {
    static evtwin__text batch;
    evtwin__binding binding;
    check(evtwin__bind(t, EVTWIN__TELEMETRY, &binding) == EVTWIN_OK &&
          evtwin__binding_check_keys(&binding) == EVTWIN_OK);
    batch.size = 0;
    for (size_t i = 0; i < ROWS; i++) {
        check(evtwin__telemetry_put_json(&binding, i, EVTWIN__TELEMETRY, &batch) == EVTWIN_OK);
    }
}

static void encode_one_by_one(evtwin_table *t) {
    for (size_t i = 0; i < ROWS; i++) {
        check(evtwin_telemetry_encode(t, i, text[i], sizeof text[i], &length[i]) == EVTWIN_OK);
    }
}

static void encode_by_jansson(evtwin_table *t) {
    for (size_t i = 0; i < ROWS; i++) {
        char time[EVTWIN_TIME_TEXT_SIZE];
        json_t *o = json_object();
        check(evtwin_time_format(evtwin_table_i64(t, 0)[i], time, sizeof time) == EVTWIN_OK);
        json_object_set_new(o, "timestamp", json_string(time));
        json_object_set_new(o, "battery_id", json_string(evtwin_table_text(t, 1, i)));
        for (size_t c = 2; c < 9; c++) {
            json_object_set_new(o, evtwin_table_name(t, c),
                                c == 7 ? json_integer(evtwin_table_i64(t, c)[i])
                                       : json_real(evtwin_table_f64(t, c)[i]));
        }
        json_object_set_new(o, "is_charging", json_boolean(evtwin_table_number(t, 9, i) != 0.0));
        length[i] = json_dumpb(o, text[i], sizeof text[i], JSON_COMPACT);
        json_decref(o);
    }
}

static void decode_ours(evtwin_table *t) {
    check(evtwin_table_resize(t, 0) == EVTWIN_OK);
    for (size_t i = 0; i < ROWS; i++) {
        check(evtwin_telemetry_decode(text[i], length[i], EVTWIN_NAIVE_REJECT, t) == EVTWIN_OK);
    }
}

static void decode_jansson(evtwin_table *t) {
    (void)t;
    for (size_t i = 0; i < ROWS; i++) {
        json_decref(json_loadb(text[i], length[i], JSON_REJECT_DUPLICATES, NULL));
    }
}

/* Best of the repeats, in ns a record. */
static double measure(void (*fn)(evtwin_table *), evtwin_table *t) {
    double best = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        const double start = now_s();
        fn(t);
        const double took = now_s() - start;
        best = took < best ? took : best;
    }
    return best / ROWS * 1e9;
}

int main(void) {
    evtwin_table *t = make_rows(), *back = NULL;
    check(evtwin_telemetry_table_create(&back) == EVTWIN_OK);
    const double jansson = measure(encode_by_jansson, t);
    const double single = measure(encode_one_by_one, t);
    const double batch = measure(encode_by_hand, t);
    printf("a record of %zu bytes: %s\n", length[0], text[0]);
    printf("encode a batch      %7.0f ns a record, %5.1f times jansson %s\n", batch,
           jansson / batch, jansson_version_str());
    printf("encode row by row   %7.0f ns a record, %5.1f times jansson\n", single,
           jansson / single);
    printf("jansson build, dump %7.0f ns a record\n", jansson);
    const double ours = measure(decode_ours, back), load = measure(decode_jansson, NULL);
    printf("decode into a table %7.0f ns a record, %5.2f times the time of json_loadb alone\n",
           ours, ours / load);
    printf("json_loadb alone    %7.0f ns a record\n", load);
    evtwin_table_free(t);
    evtwin_table_free(back);
    return 0;
}
