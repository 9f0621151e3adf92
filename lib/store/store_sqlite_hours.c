/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_hours.c: keep the sums of whole hours in step with the rows, and answer
 * statistics from them.
 *
 * Whoever changes a row of an hour takes its sums away, in the same transaction; what is not summed
 * is answered from its rows. So the sums can be late but never wrong. They are made later, by a
 * write that has come to a newer hour: an hour that still fills is not summed again and again. */

#include "core/hash.h"
#include "core/status.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <string.h>

enum { HOUR = SQLITE_HOUR_SIZE - 1 };

/* Where a battery's last hour is remembered. */
static sqlite_hour *place_of(sqlite_hours *hours, const char *battery_id) {
    const uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, battery_id, strlen(battery_id));
    return &hours->last[hash % (sizeof hours->last / sizeof hours->last[0])];
}

evtwin_status evtwin__sqlite_touch_hour(sqlite_store *s, sqlite_hours *hours,
                                        const char *battery_id, const char *time) {
    sqlite_hour *h = place_of(hours, battery_id);
    if (memcmp(h->hour, time, HOUR) == 0 && strcmp(h->battery_id, battery_id) == 0) {
        return EVTWIN_OK;
    }
    assert(strlen(battery_id) < sizeof h->battery_id); /* a battery id is at most 50 characters */
    memcpy(h->hour, time, HOUR);
    memcpy(h->battery_id, battery_id, strlen(battery_id) + 1);
    if (strcmp(h->hour, hours->newest) > 0) {
        memcpy(hours->newest, h->hour, sizeof h->hour);
    }
    return evtwin__sqlite_run(s, SQL_HOUR_TOUCH, "ss", h->battery_id, h->hour);
}

/* Sum one hour; *n_out is its number of rows. One that has lost all its rows goes. */
static evtwin_status sum(sqlite_store *s, const sqlite_hour *h, int64_t *n_out) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_HOUR_SUM, &stmt, "ss", h->battery_id, h->hour));
    const evtwin_status st = evtwin__stmt_step(stmt);
    *n_out = 0;
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, n_out);
    }
    evtwin__stmt_reset(stmt);
    EVTWIN_TRY(st);
    return *n_out > 0 ? EVTWIN_OK
                      : evtwin__sqlite_run(s, SQL_HOUR_FORGET, "ss", h->battery_id, h->hour);
}

/* Take in an hour that a statement names. 0 if its id or time are not of our form: another
 * program's rows, which nobody can ask for. */
static int read_hour(evtwin__stmt *stmt, sqlite_hour *h) {
    const char *id = evtwin__stmt_text(stmt, 0), *hour = evtwin__stmt_text(stmt, 1);
    if (id == NULL || hour == NULL || strlen(id) >= sizeof h->battery_id ||
        strlen(hour) >= sizeof h->hour) {
        return 0;
    }
    memcpy(h->battery_id, id, strlen(id) + 1);
    memcpy(h->hour, hour, strlen(hour) + 1);
    return 1;
}

/* Delete the hour of the row that a statement stands on. */
static evtwin_status forget(sqlite_store *s, evtwin__stmt *at) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_HOUR_FORGET, &stmt, ""));
    evtwin__stmt_bind_column(stmt, 1, at, 0);
    evtwin__stmt_bind_column(stmt, 2, at, 1);
    return evtwin__stmt_run(stmt);
}

/* The oldest hour before the newest one that has no sums: EVTWIN_DONE if there is none. One that
 * cannot be read goes, so that it keeps no other from being summed: h->hour is "" then. */
static evtwin_status next(sqlite_store *s, const char *newest, sqlite_hour *h) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_HOUR_NEXT, &stmt, "s", newest));
    evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK && !read_hour(stmt, h)) {
        st = forget(s, stmt);
    }
    evtwin__stmt_reset(stmt);
    return st;
}

/* Each row that is written pays for two that are summed, so that sums keep up with rows that come
 * in any order and no write takes long; one hour is always possible. */
evtwin_status evtwin__sqlite_sum_hours(sqlite_store *s, const sqlite_hours *touched,
                                       size_t n_written) {
    const int64_t n_most = 2 * (int64_t)n_written;
    for (int64_t n_summed = 0, n = 0; n_summed < n_most; n_summed += n + 1) {
        sqlite_hour h = {.hour = ""};
        const evtwin_status st = next(s, touched->newest, &h);
        if (st != EVTWIN_OK) {
            return st < 0 ? st : EVTWIN_OK;
        }
        n = 0;
        EVTWIN_TRY(h.hour[0] != '\0' ? sum(s, &h, &n) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_expired_hours(sqlite_store *s, const char *battery_id,
                                           const char *after_time, const char *to_time) {
    EVTWIN_TRY(evtwin__sqlite_run(s, SQL_HOURS_FORGET, "sss", battery_id, after_time, to_time));
    return evtwin__sqlite_run(s, SQL_HOURS_TOUCH, "sss", battery_id, after_time, to_time);
}

/* ---- statistics ---- */

/* The hours that lie wholly in [from, to]: from the first to before the end, as texts that times
 * begin with. 0 if there is none. */
static int whole_hours(int64_t from_us, int64_t to_us, char first[EVTWIN_TIME_TEXT_SIZE],
                       char end[EVTWIN_TIME_TEXT_SIZE]) {
    const int64_t hour_us = INT64_C(3600000000), limit_us = 80000000 * hour_us; /* 9,126 years */
    from_us = from_us < -limit_us ? -limit_us : from_us;
    to_us = to_us > limit_us ? limit_us : to_us;
    const int64_t before = (from_us - 1 + limit_us) / hour_us, in = (to_us + limit_us) / hour_us;
    if (from_us >= to_us || before + 1 >= in) {
        return 0;
    }
    evtwin__sqlite_time((before + 1) * hour_us - limit_us, first);
    evtwin__sqlite_time(in * hour_us - limit_us, end);
    first[HOUR] = end[HOUR] = '\0';
    return 1;
}

evtwin_status evtwin__sqlite_stats(evtwin_store *store, const char *battery_id, int64_t from_us,
                                   int64_t to_us, evtwin_store_stats *out) {
    sqlite_store *s = (sqlite_store *)store;
    evtwin__stmt *stmt = NULL;
    char first[EVTWIN_TIME_TEXT_SIZE], end[EVTWIN_TIME_TEXT_SIZE];
    if (whole_hours(from_us, to_us, first, end)) {
        EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_STATS, &stmt, "sttss", battery_id, from_us, to_us,
                                      first, end));
    } else { /* all of it is the edge before the first whole hour */
        EVTWIN_TRY(
            evtwin__sqlite_ask(s, SQL_STATS, &stmt, "sttss", battery_id, from_us, to_us, "~", "~"));
    }
    double *const numbers[] = {&out->avg_soc,     &out->min_soc,         &out->max_soc,
                               &out->avg_soh,     &out->avg_temperature, &out->max_temperature,
                               &out->avg_voltage, &out->avg_current,     &out->total_cycles,
                               &out->avg_rul,     &out->avg_failure_risk};
    evtwin_status st = evtwin__stmt_step(stmt);
    if (st >= 0) {
        evtwin__stmt_i64(stmt, 0, &out->total_records);
        for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++) {
            *numbers[i] = evtwin__stmt_f64(stmt, i + 1);
        }
        st = out->total_records > 0 ? EVTWIN_OK : EVTWIN_DONE;
    }
    evtwin__stmt_reset(stmt);
    return st;
}
