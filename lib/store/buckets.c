/* SPDX-License-Identifier: MIT */
/* store/buckets.c: a time cut into parts of equal, round length. */

#include "store/buckets.h"

#include "core/status.h"
#include "core/text.h"
#include "core/time.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What a chart can show: numbers, but for those that only tell records apart. */
static int is_measure(size_t q) {
    const evtwin__quantity *of = &evtwin__schema[q];
    return evtwin__is_of(q, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS) &&
           evtwin__quantity_is_number(q) &&
           !(of->type == EVTWIN_I64 && of->role == EVTWIN__ROLE_BOOKKEEPING);
}

static evtwin_status not_a_measure(const char *name, size_t length) {
    char list[512] = "";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (is_measure(q)) {
            evtwin__text_append(list, sizeof list, "%s%s", list[0] != '\0' ? ", " : "",
                                evtwin__schema[q].name);
        }
    }
    EVTWIN_FAIL(EVTWIN_E_ARG, "there is no history of '%.*s'; possible: %s",
                (int)(length < 64 ? length : 64), name, list);
}

static size_t find_measure(const char *name, size_t length) {
    size_t q = 0;
    while (q < EVTWIN__Q_COUNT && !(is_measure(q) && strlen(evtwin__schema[q].name) == length &&
                                    memcmp(evtwin__schema[q].name, name, length) == 0)) {
        q++;
    }
    return q;
}

/* A quantity that is named twice is given once. */
static void add_quantity(evtwin__buckets *b, size_t q) {
    for (size_t i = 0; i < b->n_quantities; i++) {
        if (b->quantity[i] == q) {
            return;
        }
    }
    b->quantity[b->n_quantities++] = q;
}

static evtwin_status read_quantities(const char *names, evtwin__buckets *b) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT && names == NULL; q++) {
        if (is_measure(q)) {
            add_quantity(b, q);
        }
    }
    for (const char *name = names; name != NULL;) {
        const size_t length = strcspn(name, ",");
        const size_t q = find_measure(name, length);
        if (q == EVTWIN__Q_COUNT) {
            return not_a_measure(name, length);
        }
        add_quantity(b, q);
        name = name[length] == ',' ? name + length + 1 : NULL;
    }
    return EVTWIN_OK;
}

/* ---- widths ---- */

static int64_t floor_to(int64_t time_us, int64_t width_us) {
    const int64_t rest = time_us % width_us;
    return time_us - (rest < 0 ? rest + width_us : rest);
}

static size_t count(const evtwin__buckets *b, int64_t width_us) {
    return (size_t)((floor_to(b->to_us, width_us) - floor_to(b->from_us, width_us)) / width_us) + 1;
}

/* The next of the lengths that divide a second, minute, hour or day without a rest; whole days
 * beyond. */
static int64_t next_width(int64_t width_us) {
    static const struct {
        int64_t us;
        int parts; /* of this length make one of the next */
    } units[] = {{1000, 1000}, {1000000, 60}, {60000000, 60}, {INT64_C(3600000000), 24}};
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        if (width_us < units[u].us * units[u].parts) {
            int64_t n = width_us / units[u].us + 1;
            while (units[u].parts % n != 0) {
                n++;
            }
            return n * units[u].us;
        }
    }
    return width_us + INT64_C(86400000000);
}

static void choose_width(evtwin__buckets *b, size_t max_buckets) {
    const int64_t day_us = INT64_C(86400000000), span_us = b->to_us - b->from_us;
    b->width_us = 1000;
    if (span_us / day_us / (int64_t)max_buckets > 1) { /* no need to try every number of days */
        b->width_us = span_us / day_us / (int64_t)max_buckets * day_us;
    }
    while (count(b, b->width_us) > max_buckets) {
        b->width_us = next_width(b->width_us);
    }
    b->n = count(b, b->width_us);
    b->first_us = floor_to(b->from_us, b->width_us);
}

static int64_t clamped(int64_t time_us) {
    return time_us < EVTWIN__TIME_FIRST_US  ? EVTWIN__TIME_FIRST_US
           : time_us > EVTWIN__TIME_LAST_US ? EVTWIN__TIME_LAST_US
                                            : time_us;
}

evtwin_status evtwin__buckets_cut(const evtwin_buckets_options *options, evtwin__buckets *out) {
    evtwin__buckets b = {.from_us = clamped(options->from_us), .to_us = clamped(options->to_us)};
    EVTWIN_FAIL_IF(options->from_us > options->to_us, EVTWIN_E_ARG, "from is after to");
    EVTWIN_FAIL_IF(options->max_buckets < 2 || options->max_buckets > EVTWIN__MAX_BUCKETS,
                   EVTWIN_E_ARG, "max_buckets %zu is not in 2 to %d", options->max_buckets,
                   EVTWIN__MAX_BUCKETS);
    EVTWIN_TRY(read_quantities(options->quantities, &b));
    choose_width(&b, options->max_buckets);
    *out = b;
    return EVTWIN_OK;
}

/* ---- the answer ---- */

static evtwin_status add_columns(const evtwin__buckets *b, evtwin_table *table) {
    static const char *const endings[] = {"min", "mean", "max"};
    EVTWIN_TRY(evtwin_table_add_column(table, "time", EVTWIN_TIME, "", NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "n", EVTWIN_I64, "", NULL));
    for (size_t i = 0; i < 3 * b->n_quantities; i++) {
        const evtwin__quantity *of = &evtwin__schema[b->quantity[i / 3]];
        char name[80];
        snprintf(name, sizeof name, "%s_%s", of->name, endings[i % 3]);
        EVTWIN_TRY(evtwin_table_add_column(table, name, EVTWIN_F64, of->unit, NULL));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__buckets_table(const evtwin__buckets *buckets, size_t rows,
                                    evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st = evtwin_table_create(&table);
    st = st < 0 ? st : evtwin_table_resize(table, rows);
    st = st < 0 ? st : add_columns(buckets, table);
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}
