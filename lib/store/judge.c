/* SPDX-License-Identifier: MIT */
/* store/judge.c: limits, and the health of batteries by them. */

#include "store/judge.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Arrivals within this time are one: a batch that comes in several transactions. */
static const double one_arrival_s = 0.5;

/* What a transaction changes of a battery. */
typedef struct battery {
    evtwin__health health;         /* its text of broken limits is not used */
    int has_rows, has_predictions; /* new ones */
    int is_changed;
    struct {
        int is_broken;
        double value; /* that broke it last */
    } limit[];        /* (n_limits) */
} battery;

struct evtwin__judge {
    const evtwin__limits *limits;
    const evtwin__rows *rows;
    const int32_t *code;                 /* of the ids of the rows */
    char (*key)[EVTWIN__LIMIT_KEY_SIZE]; /* (n_limits) see key_of */
    evtwin__text broken;                 /* the text given out last */
    size_t n;
    battery *battery[]; /* (n) by the code of its id; NULL = not known yet */
};

const evtwin__health evtwin__health_unknown = {
    .status = EVTWIN_HEALTH_NORMAL,
    .since_us = INT64_MIN,
    .time_us = INT64_MIN,
    .predicted_us = INT64_MIN,
    .arrivals = {INT64_MIN, NAN},
    .predictions = {INT64_MIN, NAN},
};

/* ---- limits ---- */

evtwin_health evtwin__health_of(const char *word) {
    for (int level = EVTWIN_HEALTH_CRITICAL; word != NULL && level > EVTWIN_HEALTH_NORMAL;
         level--) {
        if (strcmp(word, evtwin_health_name((evtwin_health)level)) == 0) {
            return (evtwin_health)level;
        }
    }
    return EVTWIN_HEALTH_NORMAL;
}

void evtwin__limits_add(evtwin__limits *limits, const char *quantity, const char *level,
                        const char *is_beyond, double limit, int is_alert) {
    const size_t q = quantity != NULL ? evtwin__quantity_by_name(quantity) : EVTWIN__Q_COUNT;
    if (limits->n == EVTWIN__MAX_LIMITS || q == EVTWIN__Q_COUNT ||
        !evtwin__is_of(q, EVTWIN__STORED) || !evtwin__quantity_is_number(q) || level == NULL ||
        is_beyond == NULL || !isfinite(limit)) {
        return;
    }
    limits->limit[limits->n++] =
        (evtwin__limit){.limit = limit,
                        .q = (int32_t)q,
                        .is_below = is_beyond[0] == '<',
                        .level = strcmp(level, "CRITICAL") == 0 ? EVTWIN_HEALTH_CRITICAL
                                 : strcmp(level, "NORMAL") == 0 ? EVTWIN_HEALTH_NORMAL
                                                                : EVTWIN_HEALTH_WARNING,
                        .kind = is_alert ? EVTWIN_THRESHOLD_ALERT : EVTWIN_THRESHOLD_STATUS};
}

int evtwin__limits_are_equal(const evtwin__limits *a, const evtwin__limits *b) {
    return a->n == b->n && memcmp(a->limit, b->limit, a->n * sizeof a->limit[0]) == 0;
}

evtwin_health evtwin__limits_status(const evtwin__limits *limits, const evtwin__value *value) {
    int status = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < limits->n; i++) {
        const evtwin__limit *l = &limits->limit[i];
        const size_t q = (size_t)l->q;
        if (l->kind == EVTWIN_THRESHOLD_STATUS && l->level > status &&
            evtwin__limit_is_beyond(l->is_below, l->limit, evtwin__value_number(q, &value[q]))) {
            status = l->level;
        }
    }
    return (evtwin_health)status;
}

/* ---- how often it comes ---- */

int evtwin__is_arrival(const evtwin__rhythm *r, int64_t now_us) {
    const double gap_s = r->at_us == INT64_MIN ? NAN : (double)(now_us - r->at_us) * 1e-6;
    return now_us != r->at_us && !(gap_s >= 0.0 && gap_s < one_arrival_s);
}

/* Grows at most twofold from one arrival to the next, so that a battery that comes back after an
 * hour is not waited for by the hour; shrinks by half the way. */
static void note_arrival(evtwin__rhythm *r, int64_t now_us) {
    const double gap_s = r->at_us == INT64_MIN ? NAN : (double)(now_us - r->at_us) * 1e-6;
    if (gap_s > 0.0) {
        r->interval_s = isnan(r->interval_s)    ? gap_s
                        : gap_s > r->interval_s ? fmin(gap_s, 2.0 * r->interval_s)
                                                : 0.5 * (r->interval_s + gap_s);
    }
    r->at_us = now_us;
}

/* ---- what is kept of a battery ---- */

/* Of limit i in the texts of broken limits. Written when it is first needed: seldom. */
static const char *key_of(const evtwin__judge *judge, size_t i) {
    const evtwin__limit *l = &judge->limits->limit[i];
    if (judge->key[i][0] == '\0') {
        evtwin__limit_key((evtwin_threshold_kind)l->kind, (size_t)l->q, l->is_below, l->limit,
                          (evtwin_health)l->level, judge->key[i]);
    }
    return judge->key[i];
}

static void judge_limit(const evtwin__judge *judge, battery *b, size_t i, double value) {
    const evtwin__limit *l = &judge->limits->limit[i];
    const int was_broken = b->limit[i].is_broken;
    const int is_broken = evtwin__limit_is_broken(
        l->is_below, l->limit, evtwin__limit_margin((size_t)l->q, l->limit), was_broken, value);
    if (is_broken != was_broken) {
        b->limit[i].is_broken = is_broken;
        b->is_changed = 1;
    }
    if (is_broken && !isnan(value)) {
        b->limit[i].value = value; /* written with the next change or arrival */
    }
}

/* Health may have got better or worse with the row of that time. */
static void judge_status(const evtwin__judge *judge, battery *b, int64_t time_us) {
    evtwin_health status = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < judge->limits->n; i++) {
        const evtwin__limit *l = &judge->limits->limit[i];
        if (b->limit[i].is_broken && l->kind == EVTWIN_THRESHOLD_STATUS && l->level > (int)status) {
            status = (evtwin_health)l->level;
        }
    }
    if (status != b->health.status || b->health.since_us == INT64_MIN) {
        b->health.status = status;
        b->health.since_us = time_us;
        b->is_changed = 1;
    }
}

evtwin_status evtwin__judge_begin(evtwin__judge *judge, size_t i, const evtwin__health *kept,
                                  const evtwin_table *current) {
    const size_t id_col = judge->rows->binding.bound[EVTWIN__Q_BATTERY_ID].col;
    battery *b = evtwin__calloc(1, sizeof *b + judge->limits->n * sizeof b->limit[0]);
    EVTWIN_FAIL_IF(b == NULL, EVTWIN_E_NOMEM, "out of memory for the health of a battery");
    evtwin__free(judge->battery[judge->code[i]]);
    judge->battery[judge->code[i]] = b;
    b->health = *kept;
    b->health.battery_id = evtwin_table_text(judge->rows->binding.table, id_col, i);
    for (size_t k = 0; k < judge->limits->n; k++) {
        if (kept->broken != NULL && kept->broken[0] != '\0') {
            b->limit[k].is_broken =
                evtwin__limit_find(kept->broken, key_of(judge, k), &b->limit[k].value);
        }
        if (current != NULL) {
            const char *name = evtwin__schema[judge->limits->limit[k].q].name;
            judge_limit(judge, b, k,
                        evtwin_table_number(current, evtwin_table_find(current, name), 0));
        }
    }
    if (current != NULL) {
        judge_status(judge, b, evtwin_table_i64(current, evtwin_table_find(current, "time"))[0]);
    }
    return EVTWIN_OK;
}

int evtwin__judge_knows(const evtwin__judge *judge, size_t i) {
    return judge->battery[judge->code[i]] != NULL;
}

evtwin_status evtwin__judge_create(const evtwin__limits *limits, const evtwin__rows *rows,
                                   evtwin__judge **out) {
    const size_t id = rows->binding.bound[EVTWIN__Q_BATTERY_ID].col;
    const size_t n = evtwin_table_dict_size(rows->binding.table, id);
    evtwin__judge *judge = evtwin__calloc(1, sizeof *judge + n * sizeof judge->battery[0]);
    char(*key)[EVTWIN__LIMIT_KEY_SIZE] = evtwin__calloc(limits->n + 1, sizeof *key);
    if (judge == NULL || key == NULL) {
        evtwin__free(judge);
        evtwin__free(key);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the health of %zu batteries", n);
    }
    judge->limits = limits;
    judge->rows = rows;
    judge->code = evtwin_table_codes(rows->binding.table, id);
    judge->key = key;
    judge->n = n;
    *out = judge;
    return EVTWIN_OK;
}

void evtwin__judge_free(evtwin__judge *judge) {
    if (judge != NULL) {
        for (size_t i = 0; i < judge->n; i++) {
            evtwin__free(judge->battery[i]);
        }
        evtwin__free(judge->key);
        evtwin__text_free(&judge->broken);
        evtwin__free(judge);
    }
}

/* ---- row by row ---- */

/* What a limit sees of a row; NaN: nothing that could change it. */
static double seen(const evtwin__judge *judge, size_t q, size_t i, const evtwin__value *value,
                   evtwin__row_event event) {
    if (event == EVTWIN__ROW_INSERTED || evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
        return evtwin__value_number(q, &value[q]);
    }
    evtwin__value beside = {0};
    const int is_there = event == EVTWIN__ROW_PREDICTED && evtwin__is_of(q, EVTWIN__TELEMETRY) &&
                         judge->rows->binding.bound[q].col != EVTWIN_NO_COLUMN &&
                         evtwin__binding_get(&judge->rows->binding, q, i, &beside) >= 0;
    return is_there ? evtwin__value_number(q, &beside) : NAN;
}

void evtwin__judge_row(evtwin__judge *judge, size_t i, const evtwin__value *value,
                       evtwin__row_event event) {
    battery *b = judge->battery[judge->code[i]];
    assert(b != NULL);
    evtwin__health *h = &b->health;
    const int64_t time_us = value[EVTWIN__Q_TIME].i64;
    const int is_predicted = evtwin__row_is_predicted(value);
    const int is_newest = event != EVTWIN__ROW_MERGED && time_us >= h->time_us;
    const int is_newest_prediction = is_predicted && time_us >= h->predicted_us;
    for (size_t k = 0; k < judge->limits->n; k++) {
        const size_t q = (size_t)judge->limits->limit[k].q;
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS) ? is_newest_prediction : is_newest) {
            judge_limit(judge, b, k, seen(judge, q, i, value, event));
        }
    }
    b->has_rows |= event == EVTWIN__ROW_INSERTED;
    b->has_predictions |= is_predicted;
    h->time_us = is_newest ? time_us : h->time_us;
    h->predicted_us = is_newest_prediction ? time_us : h->predicted_us;
    judge_status(judge, b, time_us);
}

/* ---- what has become of them ---- */

static void write_broken(const evtwin__judge *judge, const battery *b, evtwin__text *text) {
    text->size = 0;
    for (size_t i = 0; i < judge->limits->n; i++) {
        char number[EVTWIN__NUM_SIZE];
        if (b->limit[i].is_broken) {
            evtwin__text_put(text, key_of(judge, i));
            evtwin__text_put(text, evtwin__number_text(b->limit[i].value, number));
            evtwin__text_put(text, ";");
        }
    }
    evtwin__text_add(text, "", 1);
}

static int has_news(const battery *b, int64_t now_us) {
    return b->is_changed || (b->has_rows && evtwin__is_arrival(&b->health.arrivals, now_us)) ||
           (b->has_predictions && evtwin__is_arrival(&b->health.predictions, now_us));
}

int evtwin__judge_has_news(const evtwin__judge *judge, int64_t now_us, size_t i) {
    return has_news(judge->battery[judge->code[i]], now_us);
}

evtwin_status evtwin__judge_next(evtwin__judge *judge, int64_t now_us, size_t *at,
                                 evtwin__health *out) {
    while (*at < judge->n) {
        battery *b = judge->battery[(*at)++];
        if (b == NULL || !has_news(b, now_us)) {
            continue;
        }
        if (b->has_rows && evtwin__is_arrival(&b->health.arrivals, now_us)) {
            note_arrival(&b->health.arrivals, now_us);
        }
        if (b->has_predictions && evtwin__is_arrival(&b->health.predictions, now_us)) {
            note_arrival(&b->health.predictions, now_us);
        }
        write_broken(judge, b, &judge->broken);
        EVTWIN_FAIL_IF(judge->broken.is_failed, EVTWIN_E_NOMEM,
                       "out of memory for the health of %s", b->health.battery_id);
        *out = b->health;
        out->broken = judge->broken.data;
        return EVTWIN_OK;
    }
    return EVTWIN_DONE;
}
