/* SPDX-License-Identifier: MIT */
/* pump_memory.h: a pump from numbered rows, through a spool, into sinks that remember what they
 * got. */
#ifndef EVTWIN_TEST_PUMP_MEMORY_H
#define EVTWIN_TEST_PUMP_MEMORY_H

#include "spool_cursors.h"

#include <stdatomic.h>
#include <time.h>

enum { MAX_SEEN = 200000, DEADLINE_S = 60 };

/* ---- a source of n numbered rows, and sinks that remember ---- */

typedef struct numbers {
    int64_t next, n;
    int64_t refuse_every; /* 0 = none */
    int64_t refused;      /* the last one */
    int64_t n_bad;        /* so many more that are refused come behind the rows */
    int64_t committed;
} numbers;

static inline evtwin_status read_numbers(void *ctx, evtwin_source *source, size_t max_rows,
                                         int timeout_ms, evtwin_table *table) {
    numbers *s = ctx;
    char text[32];
    (void)timeout_ms;
    if (s->next > s->n && s->next <= s->n + s->n_bad) {
        snprintf(text, sizeof text, "%lld", (long long)s->next++);
        evtwin_source_set_position(source, text);
        return evtwin_source_refuse(source, EVTWIN_E_PARSE, "numbers", text, text, strlen(text));
    }
    if (s->next > s->n) {
        return EVTWIN_DONE;
    }
    if (s->refuse_every > 0 && s->next % s->refuse_every == 0 && s->refused != s->next) {
        s->refused = s->next;
        snprintf(text, sizeof text, "%lld!", (long long)s->next);
        return evtwin_source_refuse(source, EVTWIN_E_PARSE, "numbers", text, text, strlen(text));
    }
    size_t n = 0;
    while (n < max_rows && s->next + (int64_t)n <= s->n &&
           (n == 0 || s->refuse_every == 0 || (s->next + (int64_t)n) % s->refuse_every != 0)) {
        n++;
    }
    evtwin_table *rows = numbered_rows(s->next, n);
    const evtwin_status st = evtwin_table_append(table, rows);
    evtwin_table_free(rows);
    s->next += (int64_t)n;
    snprintf(text, sizeof text, "%lld", (long long)s->next - 1);
    evtwin_source_set_position(source, text);
    return st;
}

static inline evtwin_status commit_numbers(void *ctx, const char *position) {
    ((numbers *)ctx)->committed = strtoll(position, NULL, 10);
    return EVTWIN_OK;
}

static inline evtwin_status seek_numbers(void *ctx, const char *position) {
    ((numbers *)ctx)->next = strtoll(position, NULL, 10) + 1;
    return EVTWIN_OK;
}

static const char *source_name = "numbers:?order=up";

static inline evtwin_source *source_of(numbers *n) {
    const evtwin_source_callbacks callbacks = {.size = sizeof callbacks,
                                               .name = source_name,
                                               .read = read_numbers,
                                               .commit = commit_numbers,
                                               .seek = seek_numbers};
    evtwin_source *s = NULL;
    assert_ok(evtwin_source_create(&callbacks, n, &s));
    return s;
}

/* What a sink has; its own thread writes, and the test reads when it is done. */
typedef struct memory {
    atomic_int is_down;  /* every write fails, temporarily */
    atomic_int is_slow;  /* wait until it is 0 */
    atomic_int n_locked; /* writes that still fail, temporarily */
    int fails_for_good;  /* … not temporarily */
    int64_t bad_every;   /* rows whose seq is a multiple are refused; 0 = none */
    int keeps_position;  /* and drops what it has, by position */
    atomic_long n, n_doubled, n_letters, n_writes, n_interrupts;
    int64_t last_letter; /* the number of it */
    int is_disordered;   /* one came that is not behind it */
    char position[32];
    unsigned char seen[MAX_SEEN + 1];
    char letter[200];
} memory;

static inline evtwin_status write_memory(void *ctx, const evtwin_batch *batch) {
    memory *m = ctx;
    m->n_writes++;
    while (atomic_load(&m->is_slow)) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    const size_t n = evtwin_table_rows(batch->rows);
    if (atomic_load(&m->is_down) || (m->n_locked > 0 && m->n_locked-- > 0)) {
        return m->fails_for_good ? EVTWIN_E_DENIED : EVTWIN_E_AGAIN;
    }
    for (size_t i = 0; i < n; i++) {
        if (m->bad_every > 0 && seq_of(batch->rows, i) % m->bad_every == 0) {
            return EVTWIN_E_RANGE;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t seq = seq_of(batch->rows, i);
        m->n_doubled += m->seen[seq];
        m->seen[seq] = 1;
    }
    m->n += (long)n;
    snprintf(m->position, sizeof m->position, "%s", batch->position);
    return EVTWIN_OK;
}

static inline evtwin_status position_memory(void *ctx, const char *source, char *text,
                                            size_t text_size) {
    memory *m = ctx;
    if (!m->keeps_position || m->position[0] == '\0') {
        return EVTWIN_DONE;
    }
    assert_memory_equal(source, "spool:", 6);
    snprintf(text, text_size, "%s", m->position);
    return EVTWIN_OK;
}

static inline evtwin_status letters_memory(void *ctx, const evtwin_letter *letters, size_t n) {
    memory *m = ctx;
    if (atomic_load(&m->is_down)) {
        return EVTWIN_E_AGAIN;
    }
    m->n_writes++;
    for (size_t i = 0; i < n; i++) {
        if (m->bad_every > 0 && strtoll(letters[i].raw, NULL, 10) % m->bad_every == 0) {
            return EVTWIN_E_RANGE;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t number = strtoll(letters[i].raw, NULL, 10);
        m->is_disordered |= number <= m->last_letter;
        m->last_letter = number;
        snprintf(m->letter, sizeof m->letter, "%s %s %s %.*s", letters[i].source,
                 evtwin_status_name(letters[i].status), letters[i].place, (int)letters[i].raw_size,
                 letters[i].raw);
    }
    m->n_letters += (long)n;
    return EVTWIN_OK;
}

static inline void interrupt_memory(void *ctx) {
    memory *m = ctx;
    m->n_interrupts++;
    m->is_down = 1;
    m->is_slow = 0;
}

static inline evtwin_sink *sink_of(memory *m, const char *name) {
    const evtwin_sink_callbacks callbacks = {.size = sizeof callbacks,
                                             .name = name,
                                             .write = write_memory,
                                             .position = position_memory,
                                             .write_letters = letters_memory,
                                             .interrupt = interrupt_memory};
    evtwin_sink *s = NULL;
    assert_ok(evtwin_sink_create(&callbacks, m, &s));
    return s;
}

static inline memory *new_memory(void) {
    memory *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

/* ---- a pump with them ---- */

typedef struct events {
    int n_failed, n_recovered, n_full, n_room, n_refused, n_lost;
    size_t n_refused_rows;
} events;

static inline void count_event(void *ctx, const evtwin_pump_event *e) {
    events *n = ctx;
    n->n_failed += e->kind == EVTWIN_PUMP_SINK_FAILED;
    n->n_recovered += e->kind == EVTWIN_PUMP_SINK_RECOVERED;
    n->n_full += e->kind == EVTWIN_PUMP_SPOOL_FULL;
    n->n_room += e->kind == EVTWIN_PUMP_SPOOL_ROOM;
    n->n_refused += e->kind == EVTWIN_PUMP_SINK_REFUSED;
    n->n_refused_rows += e->kind == EVTWIN_PUMP_SINK_REFUSED ? e->n_rows : 0;
    n->n_lost += e->kind == EVTWIN_PUMP_SINK_LOST;
}

static inline evtwin_pump *pump_of(const char *folder, uint64_t max_bytes, numbers *n,
                                   size_t max_batch, double drain_s) {
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    assert_true(options.drain_s == 10.0);
    options.max_batch_rows = max_batch;
    options.drain_s = drain_s;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_pump_take_source(p, source_of(n)));
    if (folder != NULL) {
        assert_ok(evtwin_pump_take_spool(p, open_spool(folder, max_bytes, EVTWIN_SPOOL_BLOCK)));
    }
    return p;
}

static inline void add(evtwin_pump *p, memory *m, const char *name) {
    assert_ok(evtwin_pump_take_sink(p, sink_of(m, name)));
}

static inline evtwin_pump_sink_stats stats_of(const evtwin_pump *p, size_t i) {
    evtwin_pump_sink_stats stats;
    assert_ok(evtwin_pump_sink_stats_get(p, i, &stats, sizeof stats));
    return stats;
}

/* Run until the source has ended. */
static inline void run_all(evtwin_pump *p) {
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) != EVTWIN_DONE) {
        assert_true(st == EVTWIN_OK || st == EVTWIN_REFUSED || st == EVTWIN_E_AGAIN);
    }
}

/* Run until *n is that many, or the test has taken far too long. */
static inline void run_until(evtwin_pump *p, atomic_long *n, long expected) {
    const time_t end = time(NULL) + DEADLINE_S;
    while (atomic_load(n) < expected) {
        assert_true(time(NULL) < end);
        (void)evtwin_pump_run_once(p, 0, NULL);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

#endif
