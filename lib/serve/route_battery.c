/* SPDX-License-Identifier: MIT */
/* serve/route_battery.c: /api/battery/…: what one battery does, did and is predicted to do. */

#include "serve/routes.h"

#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Read what is known of the battery now; 0 after the error was answered. */
static int read_latest(evtwin__call *call) {
    const char *id = call->params.battery_id;
    return evtwin__call_read_latest(call, id) &&
           (call->rows != NULL || evtwin__answer_error(call, 404, "there is no battery %s", id));
}

void evtwin__route_latest(evtwin__call *call) {
    const char *id = call->params.battery_id;
    evtwin__live_battery *battery = NULL;
    const evtwin_status st = evtwin__live_find(call->server->live, id, &battery);
    if (!evtwin__store_answered(call, st) ||
        (battery == NULL && !evtwin__answer_error(call, 404, "there is no battery %s", id))) {
        return;
    }
    evtwin__condition condition;
    (void)evtwin__text_room(&call->response->body, battery->size + 512); /* all of it at once */
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__condition_of(&battery->standing, evtwin_time_now(), &condition);
    evtwin__text_open(body, "data", '{');
    evtwin__live_battery_write(battery, &condition, 0, body);
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
    evtwin__live_battery_release(battery);
}

/* Nothing was found: is the battery known at all? An empty page of a known one is not an error. */
static int is_known(evtwin__call *call) {
    const int known = read_latest(call);
    evtwin__call_free(call);
    return known;
}

static int add_row(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, NULL);
    return 1;
}

/* One page of the battery's rows, and "next": the cursor of the page after this one, null if this
 * one was not full. */
static void answer_page(evtwin__call *call, const char *name, int predicted_only) {
    const evtwin__params *p = &call->params;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    options.from_us = p->from_us;
    options.to_us = p->to_us;
    options.limit = p->limit;
    options.predicted_only = predicted_only;
    options.before_time_us = p->before_time_us;
    options.before_seq = p->before_seq;
    if (!evtwin__store_answered(call, evtwin_store_history(call->handle->store, p->battery_id,
                                                           &options, &call->rows)) ||
        !(call->rows != NULL ? evtwin__call_read_context(call) : is_known(call))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const size_t n = evtwin__answer_list(call, name, add_row);
    const int64_t *time_us = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "time"));
    const int64_t *seq = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "seq"));
    if (n == p->limit && time_us != NULL && seq != NULL) {
        evtwin__query_cursor_write(body, "next", time_us[n - 1], seq[n - 1]);
    } else {
        evtwin__text_word(body, "next", "null");
    }
    if (p->hours > 0.0) {
        evtwin__text_number(body, "period_hours", p->hours);
    }
    evtwin__answer_end(call);
}

/* A bucket: {"time":…,"n":…,"soc":[min,mean,max],…}, null for a quantity that has no value. The
 * columns of a quantity stand side by side, the first one's name ending in _min. */
static int add_bucket(evtwin__call *call, size_t row) {
    const evtwin_table *table = call->rows;
    evtwin__text *body = &call->response->body;
    evtwin__text_time(body, "time", evtwin_table_i64(table, 0)[row]);
    evtwin__text_integer(body, "n", evtwin_table_i64(table, 1)[row]);
    for (size_t col = 2; col + 2 < evtwin_table_cols(table); col += 3) {
        char key[80];
        const char *name = evtwin_table_name(table, col);
        snprintf(key, sizeof key, "%.*s", (int)(strlen(name) - strlen("_min")), name);
        if (!evtwin_table_is_valid(table, col, row)) {
            evtwin__text_word(body, key, "null");
            continue;
        }
        const double min = evtwin_table_f64(table, col)[row];
        const double max = evtwin_table_f64(table, col + 2)[row];
        const double mean = evtwin__rounded(evtwin_table_f64(table, col + 1)[row]);
        evtwin__text_open(body, key, '[');
        evtwin__text_number(body, NULL, min);
        evtwin__text_number(body, NULL, fmin(fmax(mean, min), max)); /* rounded, still between */
        evtwin__text_number(body, NULL, max);
        evtwin__text_put(body, "]");
    }
    return 1;
}

/* The battery's rows in so many buckets. Without "until" they end with the one of now. */
static void answer_buckets(evtwin__call *call) {
    const evtwin__params *p = &call->params;
    evtwin_buckets_options options;
    int64_t width_us = 0;
    evtwin_buckets_options_init(&options, sizeof options);
    options.from_us = p->from_us;
    options.to_us = p->to_us < INT64_MAX ? p->to_us : evtwin_time_now();
    options.to_us = options.to_us < p->from_us ? p->from_us : options.to_us;
    options.max_buckets = p->points;
    options.quantities = p->quantities;
    const evtwin_status st =
        evtwin_store_buckets(call->handle->store, p->battery_id, &options, &call->rows, &width_us);
    if (st == EVTWIN_E_ARG) {
        evtwin__answer_error(call, 400, "quantities: %s", evtwin_last_error());
        return;
    }
    if (!evtwin__store_answered(call, st) || (call->rows == NULL && !is_known(call))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_number(body, "bucket_s", (double)width_us / 1e6);
    evtwin__answer_list(call, "data", add_bucket);
    evtwin__text_number(body, "period_hours", p->hours);
    evtwin__answer_end(call);
}

void evtwin__route_history(evtwin__call *call) {
    if (call->params.points > 0) {
        answer_buckets(call);
    } else {
        answer_page(call, "data", 0);
    }
}

void evtwin__route_predictions(evtwin__call *call) {
    answer_page(call, "predictions", 1);
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
        evtwin__text_number(body, members[i].key, evtwin__rounded(members[i].value));
    }
    evtwin__text_put(body, "}");
}

void evtwin__route_stats(evtwin__call *call) {
    const evtwin__params *p = &call->params;
    evtwin_store_stats stats;
    const evtwin_status st = evtwin_store_stats_get(call->handle->store, p->battery_id, p->from_us,
                                                    p->to_us, &stats, sizeof stats);
    if (!evtwin__store_answered(call, st) || (st == EVTWIN_DONE && !read_latest(call))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    add_stats(body, &stats);
    evtwin__text_number(body, "period_hours", p->hours);
    evtwin__answer_end(call);
}
