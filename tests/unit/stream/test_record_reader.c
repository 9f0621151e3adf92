/* SPDX-License-Identifier: MIT */
/* test_record_reader.c: messages of good and bad records, in reads of any size. */

#include "test.h"

#include "core/status.h"
#include "stream/record_reader.h"
#include "stream/telemetry_json.h"

#define GOOD(n) "{\"timestamp\":1700000000,\"battery_id\":\"A\",\"seq\":" #n "}"

/* A source over one message. */
typedef struct message {
    evtwin__record_reader reader;
    long n_decoded, failing; /* number of the one that fails for want of memory; 0 = none */
} message;

static evtwin_status decode(void *ctx, const char *text, size_t length, evtwin_table *table) {
    message *m = ctx;
    const evtwin__time_rule rule = {NULL, EVTWIN_NAIVE_REJECT};
    evtwin__time_kind kind;
    EVTWIN_FAIL_IF(++m->n_decoded == m->failing, EVTWIN_E_NOMEM, "out of memory");
    return evtwin__telemetry_decode(text, length, &rule, table, &kind);
}

static void name_place(void *ctx, char place[EVTWIN__RECORD_PLACE]) {
    (void)ctx;
    snprintf(place, EVTWIN__RECORD_PLACE, "t [1]");
}

static evtwin_status read_message(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
    message *m = ctx;
    (void)timeout_ms;
    evtwin_status st = EVTWIN_OK;
    while (st == EVTWIN_OK && m->reader.data != NULL && evtwin_table_rows(table) < max_rows) {
        const size_t n = evtwin_table_rows(table);
        st = evtwin__record_reader_take(&m->reader, source, max_rows - n, n > 0, table);
    }
    return st == EVTWIN_DONE ? EVTWIN_OK : st;
}

static char reason[600]; /* of the last refusal */

/* Read it to its end, in reads of max_rows, into "SEQ " for a row and "PLACE: RAW; " for a refusal
 * (of its first 12 bytes). Returns the number of refusals. */
static size_t read_all(const char *data, size_t max_rows, long failing, char *out, size_t size) {
    message m = {.reader = {.ctx = &m, .decode = decode, .place = name_place}, .failing = failing};
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "m", .read = read_message};
    evtwin_source *source = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_source_create(&callbacks, &m, &source));
    assert_ok(evtwin_telemetry_table_create(&t));
    evtwin__record_reader_begin(&m.reader, data, strlen(data));
    size_t n_refused = 0;
    out[0] = '\0';
    while (m.reader.data != NULL) {
        assert_ok(evtwin_table_resize(t, 0));
        const evtwin_status st = evtwin_source_read(source, max_rows, 0, t);
        assert_true(st == EVTWIN_OK || st == EVTWIN_REFUSED || st == EVTWIN_E_NOMEM);
        evtwin_refusal r = {.place = ""};
        if (st == EVTWIN_REFUSED) {
            n_refused++;
            assert_ok(evtwin_source_refusal(source, &r, sizeof r));
            snprintf(reason, sizeof reason, "%s", r.reason);
            const size_t used = strlen(out);
            snprintf(out + used, size - used, "%s: %.12s; ", r.place, r.raw);
        }
        for (size_t row = 0; st == EVTWIN_OK && row < evtwin_table_rows(t); row++) {
            const size_t used = strlen(out);
            snprintf(out + used, size - used, "%.0f ",
                     evtwin_table_number(t, evtwin_table_find(t, "seq"), row));
        }
    }
    evtwin_source_free(source);
    evtwin_table_free(t);
    return n_refused;
}

static void refuses_first_and_gives_then(void **state) {
    (void)state;
    static const struct {
        const char *message, *outcome;
    } cases[] = {
        {GOOD(1), "1 "},
        {"[" GOOD(1) "," GOOD(2) "]", "1 2 "},
        {"[]", ""},
        {"no", "t [1]: no; "},
        {"", "t [1]: ; "},
        {"[7]", "t [1], record 1: 7; "},
        {"[7", "t [1], record 1: 7; t [1]: [7; "},
        {"[" GOOD(1) ",7," GOOD(2) ",8]", "t [1], record 2: 7; t [1], record 4: 8; 1 2 "},
        {"[7," GOOD(1), "t [1], record 1: 7; t [1]: [7,{\"timesta; 1 "},
        {"[0,1,2,3,4,5,6,7,8,9,10]",
         "t [1], record 1: 0; t [1], record 2: 1; t [1], record 3: 2; t [1], record 4: 3; "
         "t [1], record 5: 4; t [1], record 6: 5; t [1], record 7: 6; t [1], record 8: 7; "
         "t [1], record 9: 8; t [1], record 10: 9; t [1]: [0,1,2,3,4,5; "},
        {"[0,1,2,3,4,5,6,7,8,9," GOOD(1) ",10,11," GOOD(2),
         "t [1], record 1: 0; t [1], record 2: 1; t [1], record 3: 2; t [1], record 4: 3; "
         "t [1], record 5: 4; t [1], record 6: 5; t [1], record 7: 6; t [1], record 8: 7; "
         "t [1], record 9: 8; t [1], record 10: 9; t [1]: [0,1,2,3,4,5; t [1]: [0,1,2,3,4,5; 1 2 "},
    };
    char out[2048];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (long failing = 0; failing < 20; failing++) {
            read_all(cases[i].message, 100, failing, out, sizeof out);
            if (strcmp(out, cases[i].outcome) != 0) {
                fail_msg("'%s': '%s'", cases[i].message, out);
            }
        }
    }
}

/* Bad records behind what a read had room for are refused when they come. */
static void gives_parts_of_a_message(void **state) {
    (void)state;
    char out[512];
    read_all("[" GOOD(1) "," GOOD(2) "," GOOD(3) ",7," GOOD(4) "," GOOD(5) "]", 2, 0, out,
             sizeof out);
    assert_string_equal(out, "1 2 t [1], record 4: 7; 3 4 5 ");
    read_all("[7," GOOD(1) "," GOOD(2) "," GOOD(3) ",8]", 2, 0, out, sizeof out);
    assert_string_equal(out, "t [1], record 1: 7; t [1], record 5: 8; 1 2 3 ");
}

/* A message of 2 MiB holds a million of them. */
static void many_bad_records_are_few_refusals(void **state) {
    (void)state;
    enum { N = 50000 };
    char *text = malloc(2 * N + 200), out[4096];
    assert_non_null(text);
    for (size_t i = 0; i < N; i++) {
        memcpy(text + 2 * i, i == 0 ? "[1" : ",1", 2);
    }
    strcpy(text + 2 * N, "," GOOD(5) "]");
    assert_int_equal(read_all(text, 100, 0, out, sizeof out), 11);
    assert_non_null(strstr(out, "t [1]: [1,1,1,1,1,1; 5 "));
    assert_true(text_names(reason, "49990"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_first_and_gives_then),
        cmocka_unit_test(gives_parts_of_a_message),
        cmocka_unit_test(many_bad_records_are_few_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
