/* SPDX-License-Identifier: MIT */
/* stream/screen.c: records of unknown senders, judged one by one; see evtwin/screen.h. */

#include "evtwin/screen.h"

#include "core/binding.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/recent.h"

#include <math.h>
#include <string.h>

struct evtwin_screen {
    evtwin_screen_options options;
    evtwin__recent recent;
    evtwin_screen_stats stats;
};

/* The count of each flag. */
static const struct {
    evtwin_quality flag;
    size_t offset;
} counts[] = {
    {EVTWIN_QUALITY_LATE, offsetof(evtwin_screen_stats, n_late)},
    {EVTWIN_QUALITY_OUT_OF_ORDER, offsetof(evtwin_screen_stats, n_out_of_order)},
    {EVTWIN_QUALITY_OUT_OF_RANGE, offsetof(evtwin_screen_stats, n_out_of_range)},
    {EVTWIN_QUALITY_FUTURE, offsetof(evtwin_screen_stats, n_future)},
    {EVTWIN_QUALITY_NAIVE_TIME, offsetof(evtwin_screen_stats, n_naive_time)},
    {EVTWIN_QUALITY_FRACTION, offsetof(evtwin_screen_stats, n_fraction)},
};
enum { N_COUNTS = sizeof counts / sizeof counts[0] };

evtwin_status evtwin_screen_options_init(evtwin_screen_options *options, size_t size) {
    const evtwin_screen_options defaults = {.size = sizeof defaults,
                                            .late_after_s = 300.0,
                                            .future_after_s = 60.0,
                                            .max_batteries = 100000};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

evtwin_status evtwin_screen_create(const evtwin_screen_options *options, evtwin_screen **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_screen_options taken;
    EVTWIN_TRY(evtwin_screen_options_init(&taken, sizeof taken));
    EVTWIN_TRY(evtwin__options_merge(&taken, sizeof taken, options, "evtwin_screen_options_init"));
    EVTWIN_FAIL_IF(!(taken.late_after_s >= 0.0) || !(taken.future_after_s >= 0.0) ||
                       taken.max_batteries == 0,
                   EVTWIN_E_ARG,
                   "late_after_s or future_after_s is not 0 or more, or "
                   "max_batteries is 0");
    evtwin_screen *s = evtwin__calloc(1, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory for a screen");
    s->options = taken;
    evtwin__recent_init(&s->recent, taken.max_batteries);
    *out = s;
    return EVTWIN_OK;
}

void evtwin_screen_free(evtwin_screen *screen) {
    if (screen != NULL) {
        evtwin__recent_free(&screen->recent);
        evtwin__free(screen);
    }
}

evtwin_status evtwin_screen_stats_get(const evtwin_screen *screen, evtwin_screen_stats *out,
                                      size_t size) {
    EVTWIN_FAIL_IF(screen == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "screen or out is NULL, or out is too small");
    evtwin_screen_stats stats = screen->stats;
    stats.n_forgotten = screen->recent.n_forgotten;
    evtwin__report_copy(out, size, &stats, sizeof stats);
    return EVTWIN_OK;
}

/* ---- one record ---- */

/* What one record says. */
typedef struct record {
    evtwin__value value[EVTWIN__Q_COUNT];
    uint64_t hash; /* of all of it but what was noted on its way; never 0 */
} record;

static evtwin_status read_record(const evtwin__binding *b, size_t row, record *out) {
    uint64_t hash = EVTWIN__HASH_BEGIN;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, EVTWIN__TELEMETRY)) {
            continue;
        }
        evtwin__value *v = &out->value[q];
        EVTWIN_TRY(evtwin__binding_get(b, q, row, v));
        if (v->is_present && q != EVTWIN__Q_QUALITY && evtwin__schema[q].type != EVTWIN_TEXT) {
            const unsigned char id = (unsigned char)q;
            hash = evtwin__hash(hash, &id, 1);
            hash = evtwin__hash(hash, &v->i64, sizeof v->i64);
        }
    }
    EVTWIN_FAIL_IF(!out->value[EVTWIN__Q_TIME].is_present ||
                       out->value[EVTWIN__Q_BATTERY_ID].text == NULL,
                   EVTWIN_E_SCHEMA, "row %zu has no time or battery_id", row + 1);
    out->hash = hash != 0 ? hash : 1;
    return EVTWIN_OK;
}

static int is_out_of_range(const record *r) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, EVTWIN__TELEMETRY) || !evtwin__quantity_is_number(q) ||
            q == EVTWIN__Q_QUALITY || !r->value[q].is_present) {
            continue;
        }
        const double v = evtwin__value_number(q, &r->value[q]);
        if (v < evtwin__schema[q].min || v > evtwin__schema[q].max) { /* NaN = no limit */
            return 1;
        }
    }
    return 0;
}

/* A battery with an SoH of 1 % is not in use; one with that SoC is empty, but not for long. */
static int is_like_fraction(evtwin__recent_battery *b, const record *r) {
    const evtwin__value *soc = &r->value[EVTWIN__Q_SOC], *soh = &r->value[EVTWIN__Q_SOH];
    const int is_small = soc->is_present && soc->f64 >= 0.0 && soc->f64 <= EVTWIN__FRACTION_MAX;
    if (soc->is_present) {
        b->n_small_soc = !is_small                                  ? 0
                         : b->n_small_soc < EVTWIN__FRACTION_VALUES ? b->n_small_soc + 1
                                                                    : b->n_small_soc;
    }
    return (soh->is_present && soh->f64 > 0.0 && soh->f64 <= EVTWIN__FRACTION_MAX) ||
           (is_small && b->n_small_soc == EVTWIN__FRACTION_VALUES);
}

static int is_out_of_order(const evtwin__recent_battery *b, const record *r) {
    const int64_t time_us = r->value[EVTWIN__Q_TIME].i64;
    const evtwin__value *seq = &r->value[EVTWIN__Q_SEQ];
    return b->has_time && (time_us < b->time_us || (time_us == b->time_us && b->has_seq &&
                                                    seq->is_present && seq->i64 < b->seq));
}

static int is_repeated(const evtwin__recent_battery *b, uint64_t hash) {
    int is_known = 0;
    for (size_t i = 0; i < EVTWIN__RECENT_HASHES; i++) {
        is_known |= b->hash[i] == hash;
    }
    return is_known;
}

static void remember(evtwin__recent_battery *b, const record *r, unsigned flags) {
    b->hash[b->next_hash] = r->hash;
    b->next_hash = (uint8_t)((b->next_hash + 1) % EVTWIN__RECENT_HASHES);
    /* a clock that was wrong once must not make all that follows look old */
    if ((flags & (EVTWIN_QUALITY_FUTURE | EVTWIN_QUALITY_OUT_OF_ORDER)) == 0) {
        b->has_time = 1;
        b->time_us = r->value[EVTWIN__Q_TIME].i64;
        b->has_seq = r->value[EVTWIN__Q_SEQ].is_present != 0;
        b->seq = b->has_seq ? r->value[EVTWIN__Q_SEQ].i64 : 0;
    }
}

static unsigned judge(evtwin_screen *s, evtwin__recent_battery *b, const record *r,
                      int64_t now_us) {
    const double age_s = 1e-6 * ((double)now_us - (double)r->value[EVTWIN__Q_TIME].i64);
    unsigned flags = 0;
    flags |= age_s > s->options.late_after_s ? EVTWIN_QUALITY_LATE : 0u;
    flags |= -age_s > s->options.future_after_s ? EVTWIN_QUALITY_FUTURE : 0u;
    flags |= is_out_of_range(r) ? EVTWIN_QUALITY_OUT_OF_RANGE : 0u;
    flags |= is_like_fraction(b, r) ? EVTWIN_QUALITY_FRACTION : 0u;
    if (is_repeated(b, r->hash)) {
        s->stats.n_duplicate++;
        return flags;
    }
    flags |= is_out_of_order(b, r) ? EVTWIN_QUALITY_OUT_OF_ORDER : 0u;
    remember(b, r, flags);
    return flags;
}

static void count(evtwin_screen *s, const char *id, int64_t flags) {
    s->stats.n_rows++;
    s->stats.n_flagged += flags != 0;
    for (size_t i = 0; i < N_COUNTS; i++) {
        *(uint64_t *)((char *)&s->stats + counts[i].offset) += (flags & counts[i].flag) != 0;
    }
    if ((flags & EVTWIN_QUALITY_FRACTION) != 0 && s->stats.n_fraction == 1) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "battery %s: soh or soc lies within 0 to 1.1 percent; its sender perhaps writes "
            "fractions; the values are kept unchanged and flagged; further ones are only counted",
            id);
    }
}

/* ---- rows ---- */

static evtwin_status judge_row(evtwin_screen *s, const evtwin__binding *b, size_t row,
                               int64_t now_us, int64_t *flags_out) {
    record r;
    evtwin__recent_battery *battery = NULL;
    EVTWIN_TRY(read_record(b, row, &r));
    const char *id = r.value[EVTWIN__Q_BATTERY_ID].text;
    EVTWIN_TRY(evtwin__recent_get(&s->recent, id, &battery));
    const evtwin__value *noted = &r.value[EVTWIN__Q_QUALITY]; /* by whoever had it before */
    *flags_out = (noted->is_present && noted->i64 > 0 ? noted->i64 : 0) |
                 (int64_t)judge(s, battery, &r, now_us);
    count(s, id, *flags_out);
    return EVTWIN_OK;
}

static evtwin_status set_flags(evtwin_table *table, size_t col, size_t row, int64_t flags) {
    return flags != 0                               ? evtwin_table_set_i64(table, col, row, flags)
           : evtwin_table_is_valid(table, col, row) ? evtwin_table_set_missing(table, col, row)
                                                    : EVTWIN_OK;
}

evtwin_status evtwin_screen_apply(evtwin_screen *screen, evtwin_table *table, size_t first) {
    EVTWIN_FAIL_IF(screen == NULL || table == NULL, EVTWIN_E_ARG, "screen or table is NULL");
    const size_t n_rows = evtwin_table_rows(table);
    const size_t n = first < n_rows ? n_rows - first : 0;
    const size_t col = evtwin_table_find(table, evtwin__schema[EVTWIN__Q_QUALITY].name);
    const int64_t now_us = evtwin_time_now();
    evtwin__binding binding;
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN || evtwin_table_type(table, col) != EVTWIN_I64,
                   EVTWIN_E_SCHEMA, "the table has no column quality");
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY, &binding));
    int64_t *flags = evtwin__calloc(n, sizeof *flags); /* the binding borrows the table */
    EVTWIN_FAIL_IF(flags == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = judge_row(screen, &binding, first + i, now_us, &flags[i]);
    }
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = set_flags(table, col, first + i, flags[i]);
    }
    evtwin__free(flags);
    return st;
}
