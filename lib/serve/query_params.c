/* SPDX-License-Identifier: MIT */
/* serve/query_params.c: typed query parameters; what is not understood is refused by name. */

#include "serve/server.h"

#include "evtwin/telemetry.h"

#include "core/num.h"

#include <math.h>
#include <string.h>

static const double max_hours = 24.0 * 366.0;
static const double us_per_hour = 3600e6;

int evtwin__params_check(evtwin__call *call, const char *const *known) {
    for (size_t i = 0; i < call->query.n_params; i++) {
        const char *const *k = known;
        while (*k != NULL && strcmp(*k, call->query.key[i]) != 0) {
            k++;
        }
        if (*k == NULL) {
            evtwin__reply_error(call, 400, "%s has no parameter %.64s", call->query.path,
                                call->query.key[i]);
            return 0;
        }
    }
    return 1;
}

int evtwin__param_battery(evtwin__call *call, const char **out) {
    const char *id = evtwin__query_get(&call->query, "battery_id");
    if (id == NULL) {
        id = "BATTERY_001";
    }
    if (!evtwin_battery_id_is_valid(id)) {
        evtwin__reply_error(call, 400, "battery_id must be 1 to 50 of A-Z a-z 0-9 . _ : -");
        return 0;
    }
    *out = id;
    return 1;
}

int evtwin__param_hours(evtwin__call *call, double default_hours, double *out) {
    const char *text = evtwin__query_get(&call->query, "hours");
    double hours = default_hours;
    if (text != NULL && (!evtwin__parse_f64(text, strlen(text), &hours) || !isfinite(hours) ||
                         hours <= 0.0 || hours > max_hours)) {
        evtwin__reply_error(call, 400, "hours must be a number above 0, at most %g", max_hours);
        return 0;
    }
    *out = hours;
    return 1;
}

int evtwin__param_window(evtwin__call *call, double hours, int64_t *from_us, int64_t *to_us) {
    const char *text = evtwin__query_get(&call->query, "until");
    int64_t until_us = evtwin_time_now();
    if (text != NULL && evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &until_us) < 0) {
        evtwin__reply_error(call, 400, "until must be a time, as 2026-01-31T12:00:00Z");
        return 0;
    }
    /* a year has four digits, so that nothing here overflows */
    *from_us = until_us - (int64_t)(hours * us_per_hour);
    *to_us = text == NULL ? INT64_MAX : until_us;
    return 1;
}

int evtwin__param_limit(evtwin__call *call, size_t default_limit, size_t max, size_t *out) {
    const char *text = evtwin__query_get(&call->query, "limit");
    int64_t limit = (int64_t)default_limit;
    if (text != NULL &&
        (!evtwin__parse_i64(text, strlen(text), &limit) || limit < 1 || limit > (int64_t)max)) {
        evtwin__reply_error(call, 400, "limit must be a whole number from 1 to %zu", max);
        return 0;
    }
    *out = (size_t)limit;
    return 1;
}

/* "TIME.SEQ", both whole numbers. */
int evtwin__param_cursor(evtwin__call *call, int64_t *before_time_us, int64_t *before_seq) {
    const char *text = evtwin__query_get(&call->query, "cursor");
    if (text == NULL) {
        return 1;
    }
    const char *point = strchr(text, '.');
    int64_t time_us, seq;
    if (point == NULL || !evtwin__parse_i64(text, (size_t)(point - text), &time_us) ||
        !evtwin__parse_i64(point + 1, strlen(point + 1), &seq)) {
        evtwin__reply_error(call, 400, "cursor must be what \"next\" of the page before said");
        return 0;
    }
    *before_time_us = time_us;
    *before_seq = seq;
    return 1;
}

void evtwin__cursor_write(evtwin__body *body, int64_t time_us, int64_t seq) {
    evtwin__body_text(body, "\"");
    evtwin__body_i64(body, time_us);
    evtwin__body_text(body, ".");
    evtwin__body_i64(body, seq);
    evtwin__body_text(body, "\"");
}
