/* SPDX-License-Identifier: MIT */
/* serve/route_battery.c: /api/battery/…: what one battery does, did and is predicted to do. */

#include "serve/server.h"

/* Read what is known of a battery now; 0 after the error was answered. */
static int read_latest(evtwin__call *call, const char *battery) {
    if (!evtwin__call_read_latest(call, battery)) {
        return 0;
    }
    if (call->rows == NULL) {
        evtwin__answer_error(call, 404, "there is no battery %s", battery);
        return 0;
    }
    return 1;
}

void evtwin__route_latest(evtwin__call *call) {
    const char *battery;
    if (!evtwin__answer_if_invalid(call, evtwin__query_battery(&call->query, &battery)) ||
        !read_latest(call, battery)) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_open(body, "data", '{');
    evtwin__answer_row(call, 0, NULL);
    evtwin__answer_standing(call, 0);
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
}

/* Nothing was found: is the battery known at all? An empty page of a known one is not
 * an error. */
static int is_known(evtwin__call *call, const char *battery) {
    const int known = read_latest(call, battery);
    evtwin_table_free(call->rows);
    call->rows = NULL;
    return known;
}

static int add_row(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, NULL);
    return 1;
}

/* Rows and "next": the cursor of the page after this one, null if this one was not full. */
static void add_page(evtwin__call *call, const char *name, size_t limit) {
    evtwin__text *body = &call->response->body;
    const size_t n = evtwin__answer_list(call, name, add_row);
    const int64_t *time_us = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "time"));
    const int64_t *seq = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "seq"));
    if (n == limit && time_us != NULL && seq != NULL) {
        evtwin__query_cursor_write(body, "next", time_us[n - 1], seq[n - 1]);
    } else {
        evtwin__text_word(body, "next", "null");
    }
}

/* Answer one page of a battery's rows; hours 0 = of any age. */
static void answer_page(evtwin__call *call, const char *battery, const char *name,
                        const evtwin_history_options *options, double hours) {
    if (!evtwin__store_answered(
            call, evtwin_store_history(call->handle->store, battery, options, &call->rows)) ||
        !(call->rows != NULL ? evtwin__call_read_context(call) : is_known(call, battery))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    add_page(call, name, options->limit);
    if (hours > 0.0) {
        evtwin__text_number(body, "period_hours", hours);
    }
    evtwin__answer_end(call);
}

void evtwin__route_history(evtwin__call *call) {
    const evtwin__query *query = &call->query;
    const char *battery;
    evtwin__window window;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    evtwin_status st;
    if ((st = evtwin__query_battery(query, &battery)) < 0 ||
        (st = evtwin__query_window(query, 1.0, &window)) < 0 ||
        (st = evtwin__query_limit(query, 1000, 1000, &options.limit)) < 0 ||
        (st = evtwin__query_cursor(query, &options.before_time_us, &options.before_seq)) < 0) {
        (void)evtwin__answer_if_invalid(call, st);
        return;
    }
    options.from_us = window.from_us;
    options.to_us = window.to_us;
    answer_page(call, battery, "data", &options, window.hours);
}

void evtwin__route_predictions(evtwin__call *call) {
    const evtwin__query *query = &call->query;
    const char *battery;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    options.predicted_only = 1;
    evtwin_status st;
    if ((st = evtwin__query_battery(query, &battery)) < 0 ||
        (st = evtwin__query_limit(query, 100, 1000, &options.limit)) < 0 ||
        (st = evtwin__query_cursor(query, &options.before_time_us, &options.before_seq)) < 0) {
        (void)evtwin__answer_if_invalid(call, st);
        return;
    }
    answer_page(call, battery, "predictions", &options, 0.0);
}

static void add_stats(evtwin__text *body, const evtwin_store_stats *s) {
    const struct {
        const char *key;
        double value;
    } members[] = {
        {"avg_soc", s->avg_soc},
        {"min_soc", s->min_soc},
        {"max_soc", s->max_soc},
        {"avg_soh", s->avg_soh},
        {"avg_temperature", s->avg_temperature},
        {"max_temperature", s->max_temperature},
        {"avg_voltage", s->avg_voltage},
        {"avg_current", s->avg_current},
        {"total_cycles", s->total_cycles},
        {"avg_rul", s->avg_rul},
        {"avg_failure_risk", s->avg_failure_risk},
    };
    evtwin__text_open(body, "stats", '{');
    evtwin__text_integer(body, "total_records", s->total_records);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        evtwin__text_number(body, members[i].key, members[i].value);
    }
    evtwin__text_put(body, "}");
}

void evtwin__route_stats(evtwin__call *call) {
    const char *battery;
    evtwin__window window;
    evtwin_status st;
    if ((st = evtwin__query_battery(&call->query, &battery)) < 0 ||
        (st = evtwin__query_window(&call->query, 24.0, &window)) < 0) {
        (void)evtwin__answer_if_invalid(call, st);
        return;
    }
    evtwin_store_stats stats;
    st = evtwin_store_stats_get(call->handle->store, battery, window.from_us, window.to_us, &stats,
                                sizeof stats);
    if (!evtwin__store_answered(call, st) || (st == EVTWIN_DONE && !read_latest(call, battery))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    add_stats(body, &stats);
    evtwin__text_number(body, "period_hours", window.hours);
    evtwin__answer_end(call);
}
