/* SPDX-License-Identifier: MIT */
/* fuzz_broker_message.c: every record of a broker's message is either a row or refused with its raw
 * bytes, whatever the size of the reads, and no message costs more than a few looks at each record.
 * The first byte says how: bits 0 to 2 the rows of a read, bit 3 that the topic names the battery.
 */

#include "evtwin/stream.h"
#include "evtwin/telemetry.h"
#include "stream/letter_json.h"
#include "stream/mqtt_topic.h"
#include "stream/record_reader.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SINGLE = 10, MAX_RAW = 65536, MAX_LOOKS = 4 };

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* ---- a source over one message ---- */

typedef struct message {
    evtwin__record_reader reader;
    int is_named; /* by its topic */
    evtwin__text named;
    size_t n_decoded;
} message;

static evtwin_status decode(void *ctx, const char *text, size_t length, evtwin_table *table) {
    message *m = ctx;
    const evtwin__time_rule rule = {NULL, EVTWIN_NAIVE_UTC};
    evtwin__time_kind kind;
    m->n_decoded++;
    if (m->is_named && evtwin__mqtt_name_battery(text, length, "pack", &m->named)) {
        text = m->named.data;
        length = m->named.size;
    }
    return evtwin__telemetry_decode(text, length, &rule, table, &kind);
}

static void name_place(void *ctx, char place[EVTWIN__RECORD_PLACE]) {
    (void)ctx;
    snprintf(place, EVTWIN__RECORD_PLACE, "topic [1]");
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

/* ---- what has to come of it ---- */

typedef struct outcome {
    evtwin__text rows; /* as JSON */
    struct {
        const char *raw; /* in the message */
        size_t size;
    } refused[MAX_SINGLE + 2];
    size_t n_refused, n_records;
} outcome;

static void add_rows(evtwin__text *rows, const evtwin_table *table) {
    for (size_t row = 0; row < evtwin_table_rows(table); row++) {
        char text[2048];
        size_t length = 0;
        require(evtwin_telemetry_encode(table, row, text, sizeof text, &length) == EVTWIN_OK);
        evtwin__text_add(rows, text, length + 1);
    }
}

static void add_refused(outcome *o, const char *raw, size_t size) {
    o->refused[o->n_refused].raw = raw;
    o->refused[o->n_refused++].size = size < MAX_RAW ? size : MAX_RAW;
}

static evtwin_table *new_table(void) {
    evtwin_table *table = NULL;
    require(evtwin_telemetry_table_create(&table) == EVTWIN_OK);
    return table;
}

/* Each record by itself; then, as the message, what is more than ten, and a broken array. */
static void judge(message *m, const char *data, size_t size, outcome *o) {
    evtwin__record_list list;
    const char *text = NULL;
    size_t length = 0, n_more = 0;
    evtwin_table *table = new_table();
    evtwin_status st = evtwin__records_begin(&list, data, size);
    while (st == EVTWIN_OK && (st = evtwin__records_next(&list, &text, &length)) == EVTWIN_OK) {
        require(text >= data && text + length <= data + size);
        o->n_records++;
        if (decode(m, text, length, table) >= 0) {
            continue;
        }
        if (o->n_refused < MAX_SINGLE) {
            add_refused(o, text, length);
        } else {
            n_more++;
        }
    }
    if (n_more > 0) {
        add_refused(o, data, size);
    }
    if (st < 0) {
        add_refused(o, data, size);
    }
    add_rows(&o->rows, table);
    evtwin_table_free(table);
}

/* ---- what comes of it ---- */

/* The refusal is of these bytes, and a text sink can keep it. */
static void check_refusal(const evtwin_source *source, const char *raw, size_t size) {
    evtwin_refusal r = {.place = NULL};
    evtwin__text json = {.data = NULL};
    require(evtwin_source_refusal(source, &r, sizeof r) == EVTWIN_OK);
    require(r.status < 0 && r.reason[0] != '\0' && strchr(r.reason, '\n') == NULL);
    require(r.raw_size == size && memcmp(r.raw, raw, size) == 0);
    const evtwin_letter letter = {.source = "s",
                                  .place = r.place,
                                  .status = r.status,
                                  .reason = r.reason,
                                  .raw = r.raw,
                                  .raw_size = r.raw_size};
    require(evtwin__letter_put_json(&letter, &json) == EVTWIN_OK);
    evtwin__text_free(&json);
}

static void read_all(message *m, const char *data, size_t size, size_t max_rows,
                     const outcome *expected) {
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "m", .read = read_message};
    evtwin__text rows = {.data = NULL};
    evtwin_source *source = NULL;
    evtwin_table *table = new_table();
    size_t n_refused = 0;
    require(evtwin_source_create(&callbacks, m, &source) == EVTWIN_OK);
    evtwin__record_reader_begin(&m->reader, data, size);
    while (m->reader.data != NULL) {
        require(evtwin_table_resize(table, 0) == EVTWIN_OK);
        const evtwin_status st = evtwin_source_read(source, max_rows, 0, table);
        require(evtwin_table_rows(table) <= (st == EVTWIN_OK ? max_rows : 0));
        add_rows(&rows, table);
        if (st != EVTWIN_OK) {
            require(st == EVTWIN_REFUSED && n_refused < expected->n_refused);
            check_refusal(source, expected->refused[n_refused].raw,
                          expected->refused[n_refused].size);
            n_refused++;
        }
    }
    require(n_refused == expected->n_refused && rows.size == expected->rows.size &&
            (rows.size == 0 || memcmp(rows.data, expected->rows.data, rows.size) == 0));
    evtwin__text_free(&rows);
    evtwin_table_free(table);
    evtwin_source_free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    message m = {.reader = {.ctx = &m, .decode = decode, .place = name_place}};
    outcome expected = {.n_refused = 0};
    if (size == 0) {
        return 0;
    }
    const size_t max_rows = 1 + (data[0] & 7);
    const char *text = size > 1 ? (const char *)data + 1 : "";
    m.is_named = (data[0] & 8) != 0;
    judge(&m, text, size - 1, &expected);
    m.n_decoded = 0;
    read_all(&m, text, size - 1, max_rows, &expected);
    require(m.n_decoded <= MAX_LOOKS * expected.n_records);
    evtwin__text_free(&expected.rows);
    evtwin__text_free(&m.named);
    return 0;
}
