/* SPDX-License-Identifier: MIT */
/* test_seek.c: a file that is read on behind a position that it gave, and one that is another by
 * then. */

#include "test.h"

enum { MAX_GIVEN = 64 };

/* What a source gives one after the other: rows by their seq, refused records as -1. */
typedef struct given {
    int64_t seq[MAX_GIVEN];
    char position[MAX_GIVEN][64]; /* behind it */
    char place[MAX_GIVEN][400];   /* of a refused one */
    size_t n;
} given;

static evtwin_source *open_source(const char *uri) {
    evtwin_source *s = NULL;
    assert_ok(evtwin_source_open(uri, &s));
    return s;
}

/* All that is left, one at a time. */
static void read_rest(evtwin_source *s, given *g) {
    evtwin_table *rows = NULL;
    assert_ok(evtwin_telemetry_table_create(&rows));
    const size_t seq = evtwin_table_find(rows, "seq");
    *g = (given){.n = 0};
    for (;;) {
        assert_ok(evtwin_table_resize(rows, 0));
        const evtwin_status st = evtwin_source_read(s, 1, 0, rows);
        if (st == EVTWIN_DONE || (st == EVTWIN_OK && evtwin_table_rows(rows) == 0)) {
            break;
        }
        assert_true(st == EVTWIN_OK || st == EVTWIN_REFUSED);
        evtwin_refusal refusal;
        if (st == EVTWIN_REFUSED) {
            assert_ok(evtwin_source_refusal(s, &refusal, sizeof refusal));
            snprintf(g->place[g->n], sizeof g->place[0], "%s", refusal.place);
        }
        g->seq[g->n] = st == EVTWIN_OK ? evtwin_table_i64(rows, seq)[0] : -1;
        snprintf(g->position[g->n], sizeof g->position[0], "%s", evtwin_source_position(s));
        g->n++;
    }
    evtwin_table_free(rows);
}

/* From each position it gives the same as without a stop, places included. */
static void assert_goes_on_everywhere(const char *uri, size_t n) {
    given all, rest;
    evtwin_source *s = open_source(uri);
    read_rest(s, &all);
    evtwin_source_free(s);
    assert_int_equal(all.n, n);
    for (size_t i = 0; i < all.n; i++) {
        s = open_source(uri);
        assert_ok(evtwin_source_seek(s, all.position[i]));
        read_rest(s, &rest);
        evtwin_source_free(s);
        assert_int_equal(rest.n, all.n - i - 1);
        for (size_t k = 0; k < rest.n; k++) {
            assert_int_equal(rest.seq[k], all.seq[i + 1 + k]);
            assert_string_equal(rest.place[k], all.place[i + 1 + k]);
            assert_string_equal(rest.position[k], all.position[i + 1 + k]);
        }
    }
}

static const char lines[] =
    "{\"timestamp\":\"2024-01-01T00:00:01Z\",\"battery_id\":\"B\",\"seq\":1}\n"
    "{\"timestamp\":\"2024-01-01T00:00:02Z\",\"battery_id\":\"B\",\"seq\":2}\n"
    "\n"
    "not a record\n"
    "{\"timestamp\":\"2024-01-01T00:00:03Z\",\"battery_id\":\"B\",\"seq\":3}\n"
    "{\"timestamp\":\"2024-01-01T00:00:04Z\",\"seq\":4}\n"
    "{\"timestamp\":\"2024-01-01T00:00:05Z\",\"battery_id\":\"B\",\"seq\":5}\n";

static void json_lines_go_on(void **state) {
    (void)state;
    char uri[300];
    snprintf(uri, sizeof uri, "jsonl:%s", temp_file("in.jsonl", lines));
    assert_goes_on_everywhere(uri, 6);
    snprintf(uri, sizeof uri, "jsonl:%s?follow=1", temp_file("in.jsonl", lines));
    assert_goes_on_everywhere(uri, 6);

    /* the last line may lack its line break */
    char cut[sizeof lines];
    memcpy(cut, lines, sizeof cut - 2);
    cut[sizeof cut - 2] = '\0';
    snprintf(uri, sizeof uri, "jsonl:%s", temp_file("cut.jsonl", cut));
    assert_goes_on_everywhere(uri, 6);
}

static void csv_goes_on(void **state) {
    (void)state;
    char uri[300];
    snprintf(uri, sizeof uri, "csv:%s",
             temp_file("in.csv", "time,battery_id,seq,soc\n"
                                 "2024-01-01T00:00:01Z,B,1,50\n"
                                 "2024-01-01T00:00:02Z,B,2,50\n"
                                 "2024-01-01T00:00:03Z,B,3,half\n"
                                 "2024-01-01T00:00:04Z,,4,50\n"
                                 "2024-01-01T00:00:05Z,B,5,50\n"));
    assert_goes_on_everywhere(uri, 5);
}

static void assert_begins_anew(const char *uri, const char *position, size_t n) {
    given g;
    evtwin_source *s = open_source(uri);
    assert_int_equal(evtwin_source_seek(s, position), EVTWIN_E_PARSE);
    read_rest(s, &g);
    assert_int_equal(g.n, n);
    assert_int_equal(g.seq[0], 1);
    evtwin_source_free(s);
}

static void another_file_is_read_from_its_start(void **state) {
    (void)state;
    char uri[300];
    given g;
    snprintf(uri, sizeof uri, "jsonl:%s?follow=1", temp_file("f.jsonl", lines));
    evtwin_source *s = open_source(uri);
    read_rest(s, &g);
    evtwin_source_free(s);
    char position[64];
    snprintf(position, sizeof position, "%s", g.position[1]);
    position[strlen(position) - 1] = (char)(position[strlen(position) - 1] ^ 1);
    assert_begins_anew(uri, position, 6); /* another first line */
    assert_begins_anew(uri, "3", 6);      /* in the middle of a line */
    assert_begins_anew(uri, "99999", 6);  /* it is shorter */
    assert_begins_anew(uri, "many", 6);
    assert_begins_anew(uri, "-1", 6);
    snprintf(uri, sizeof uri, "csv:%s",
             temp_file("f.csv", "time,battery_id,seq\n2024-01-01T00:00:01Z,B,1\n"));
    assert_begins_anew(uri, "x", 1);
    assert_begins_anew(uri, "1", 1);
    s = open_source(uri);
    read_rest(s, &g);
    evtwin_source_free(s);
    snprintf(position, sizeof position, "2%s", strchr(g.position[0], '@'));
    assert_begins_anew(uri, position, 1); /* it is shorter */
    snprintf(uri, sizeof uri, "csv:%s",
             temp_file("f.csv", "time,battery_id,seq\n2024-01-02T00:00:01Z,B,1\n"
                                "2024-01-02T00:00:02Z,B,2\n"));
    assert_begins_anew(uri, g.position[0], 2); /* the same header, another first row */
}

static void what_is_not_a_file_says_so(void **state) {
    (void)state;
    evtwin_source *s = open_source("sim:?rows=1");
    assert_fails(evtwin_source_seek(s, "1"), EVTWIN_E_UNSUPPORTED, "sim:");
    evtwin_source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_go_on),
        cmocka_unit_test(csv_goes_on),
        cmocka_unit_test(another_file_is_read_from_its_start),
        cmocka_unit_test(what_is_not_a_file_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
