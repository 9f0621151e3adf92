/* SPDX-License-Identifier: MIT */
/* test_pump_spool.c: through a spool every sink gets what was accepted, whatever fails or is killed
 * when; refused records become letters. */

#ifdef HAVE_SQLITE
#include "spool_rows.h"

#include "fail_nth.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { MIB = 1 << 20, MAX_SEEN = 200000, DEADLINE_S = 60 };

/* ---- a source of n numbered rows, and sinks that remember ---- */

typedef struct numbers {
    int64_t next, n;
    int64_t refuse_every; /* 0 = none */
    int64_t refused;      /* the last one */
    int64_t n_bad;        /* so many more that are refused come behind the rows */
    int64_t committed;
} numbers;

static evtwin_status read_numbers(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
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

static evtwin_status commit_numbers(void *ctx, const char *position) {
    ((numbers *)ctx)->committed = strtoll(position, NULL, 10);
    return EVTWIN_OK;
}

static evtwin_status seek_numbers(void *ctx, const char *position) {
    ((numbers *)ctx)->next = strtoll(position, NULL, 10) + 1;
    return EVTWIN_OK;
}

static const char *source_name = "numbers:?order=up";

static evtwin_source *source_of(numbers *n) {
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

static evtwin_status write_memory(void *ctx, const evtwin_batch *batch) {
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

static evtwin_status position_memory(void *ctx, const char *source, char *text, size_t text_size) {
    memory *m = ctx;
    if (!m->keeps_position || m->position[0] == '\0') {
        return EVTWIN_DONE;
    }
    assert_memory_equal(source, "spool:", 6);
    snprintf(text, text_size, "%s", m->position);
    return EVTWIN_OK;
}

static evtwin_status letters_memory(void *ctx, const evtwin_letter *letters, size_t n) {
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

static void interrupt_memory(void *ctx) {
    memory *m = ctx;
    m->n_interrupts++;
    m->is_down = 1;
    m->is_slow = 0;
}

static evtwin_sink *sink_of(memory *m, const char *name) {
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

static memory *new_memory(void) {
    memory *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

/* ---- a pump with them ---- */

typedef struct events {
    int n_failed, n_recovered, n_full, n_room, n_refused, n_lost;
    size_t n_refused_rows;
} events;

static void count_event(void *ctx, const evtwin_pump_event *e) {
    events *n = ctx;
    n->n_failed += e->kind == EVTWIN_PUMP_SINK_FAILED;
    n->n_recovered += e->kind == EVTWIN_PUMP_SINK_RECOVERED;
    n->n_full += e->kind == EVTWIN_PUMP_SPOOL_FULL;
    n->n_room += e->kind == EVTWIN_PUMP_SPOOL_ROOM;
    n->n_refused += e->kind == EVTWIN_PUMP_SINK_REFUSED;
    n->n_refused_rows += e->kind == EVTWIN_PUMP_SINK_REFUSED ? e->n_rows : 0;
    n->n_lost += e->kind == EVTWIN_PUMP_SINK_LOST;
}

static evtwin_pump *pump_of(const char *folder, uint64_t max_bytes, numbers *n, size_t max_batch,
                            double drain_s) {
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

static void add(evtwin_pump *p, memory *m, const char *name) {
    assert_ok(evtwin_pump_take_sink(p, sink_of(m, name)));
}

static evtwin_pump_sink_stats stats_of(const evtwin_pump *p, size_t i) {
    evtwin_pump_sink_stats stats;
    assert_ok(evtwin_pump_sink_stats_get(p, i, &stats, sizeof stats));
    return stats;
}

/* Run until the source has ended. */
static void run_all(evtwin_pump *p) {
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) != EVTWIN_DONE) {
        assert_true(st == EVTWIN_OK || st == EVTWIN_REFUSED || st == EVTWIN_E_AGAIN);
    }
}

/* Run until *n is that many, or the test has taken far too long. */
static void run_until(evtwin_pump *p, atomic_long *n, long expected) {
    const time_t end = time(NULL) + DEADLINE_S;
    while (atomic_load(n) < expected) {
        assert_true(time(NULL) < end);
        (void)evtwin_pump_run_once(p, 0, NULL);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

static void every_sink_gets_every_row_once(void **state) {
    (void)state;
    memory *a = new_memory(), *b = new_memory();
    numbers n = {.next = 1, .n = 5003};
    evtwin_pump *p = pump_of(memory_path("every"), 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    add(p, b, "b:");
    run_all(p);
    assert_int_equal(n.committed, 5003);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 5003 && b->n == 5003 && a->n_doubled == 0 && b->n_doubled == 0);
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    assert_true(stats.n_read == 5003 && stats.n_written == 5003 && stats.n_held == 0 &&
                stats.n_lost == 0 && stats.n_errors == 0);
    assert_int_equal(evtwin_pump_take_sink(p, NULL), EVTWIN_E_ARG);
    evtwin_pump_free(p);
    free(a);
    free(b);
}

static void a_dead_sink_stops_neither_another_nor_the_source(void **state) {
    (void)state;
    memory *fast = new_memory(), *dead = new_memory();
    dead->is_down = 1;
    events seen = {0};
    numbers n = {.next = 1, .n = 20000};
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("dead"));
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 500, 0.2);
    add(p, fast, "fast:");
    add(p, dead, "dead:");
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    run_all(p);
    assert_int_equal(n.committed, 20000);
    run_until(p, &fast->n, 20000);
    assert_int_equal(dead->n, 0);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "dead:|20000");
    const evtwin_pump_sink_stats of_dead = stats_of(p, 1);
    assert_true(of_dead.n_held == 20000 && !of_dead.is_up && of_dead.n_failures > 0 &&
                of_dead.held_bytes > 20000 && of_dead.oldest_held_s >= 0.0);
    assert_true(text_names(of_dead.reason, "dead:"));
    assert_true(stats_of(p, 0).is_up && stats_of(p, 0).n_delivered == 20000);
    assert_int_equal(seen.n_failed, 1); /* once, however often it is tried */

    /* it comes back: catches up in batches, not in those that were accepted */
    const long n_writes = dead->n_writes;
    dead->is_down = 0;
    const time_t end = time(NULL) + DEADLINE_S; /* each time it has a moment only */
    while (evtwin_pump_finish(p) == EVTWIN_E_AGAIN && time(NULL) < end) {
    }
    assert_int_equal(dead->n, 20000);
    assert_int_equal(dead->n_doubled, 0);
    assert_true(dead->n_writes - n_writes <= 41);
    assert_int_equal(seen.n_recovered, 1);
    assert_true(stats_of(p, 1).is_up && stats_of(p, 1).n_held == 0);
    evtwin_pump_free(p);
    free(fast);
    free(dead);
}

static void a_slow_sink_is_behind_alone(void **state) {
    (void)state;
    memory *fast = new_memory(), *slow = new_memory();
    slow->is_slow = 1;
    numbers n = {.next = 1, .n = 3000};
    evtwin_pump *p = pump_of(memory_path("slow"), 16 * MIB, &n, 100, 30);
    add(p, fast, "fast:");
    add(p, slow, "slow:");
    run_all(p);
    run_until(p, &fast->n, 3000);
    assert_int_equal(slow->n, 0);
    slow->is_slow = 0;
    assert_ok(evtwin_pump_finish(p));
    assert_int_equal(slow->n, 3000);
    evtwin_pump_free(p);
    free(fast);
    free(slow);
}

static void a_stop_waits_for_a_sink_that_may_soon_work(void **state) {
    (void)state;
    memory *locked = new_memory();
    locked->n_locked = 4;
    numbers n = {.next = 1, .n = 100};
    evtwin_pump *p = pump_of(memory_path("locked"), 16 * MIB, &n, 100, 30);
    add(p, locked, "locked:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(locked->n == 100 && stats_of(p, 0).n_failures == 4);
    evtwin_pump_free(p);

    /* but not for one that needs somebody to mend it */
    n = (numbers){.next = 1, .n = 100};
    locked->is_down = locked->fails_for_good = 1;
    const time_t begin = time(NULL);
    p = pump_of(memory_path("denied"), 16 * MIB, &n, 100, 200);
    add(p, locked, "locked:");
    run_all(p);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "locked:|100");
    assert_true(time(NULL) - begin < 100); /* half of drain_s */
    evtwin_pump_free(p);
    free(locked);
}

/* Without an end of its own the write would hold up the end of the pump for ever. */
static void a_sink_that_does_not_come_back_is_interrupted(void **state) {
    (void)state;
    memory *fast = new_memory(), *stuck = new_memory();
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("stuck"));
    stuck->is_slow = 1;
    numbers n = {.next = 1, .n = 3000};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 0.1);
    add(p, fast, "fast:");
    add(p, stuck, "stuck:");
    run_all(p);
    run_until(p, &fast->n, 3000);
    run_until(p, &stuck->n_writes, 1);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "stuck:|3000");
    evtwin_pump_free(p);
    assert_true(stuck->n_interrupts == 1 && fast->n_interrupts == 0);

    /* nothing of it is lost */
    stuck->is_down = 0;
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, fast, "fast:");
    add(p, stuck, "stuck:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    evtwin_pump_free(p);
    assert_true(stuck->n == 3000 && stuck->n_doubled == 0 && stuck->n_interrupts == 1);
    free(fast);
    free(stuck);
}

static void a_full_spool_stops_the_source_and_says_so_once(void **state) {
    (void)state;
    memory *dead = new_memory();
    dead->is_down = 1;
    events seen = {0};
    numbers n = {.next = 1, .n = 190000};
    evtwin_pump *p = pump_of(memory_path("stops"), MIB, &n, 500, 30);
    add(p, dead, "dead:");
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "full|dead:");
    assert_int_equal(seen.n_full, 1);
    const int64_t committed = n.committed;
    assert_true(committed < n.next - 1 && n.next - 1 - committed <= 500);
    dead->is_down = 0;
    run_until(p, &dead->n, 190000);
    assert_ok(evtwin_pump_finish(p));
    assert_true(seen.n_full >= 1 && seen.n_room == seen.n_full);
    assert_true(dead->n == 190000 && dead->n_doubled == 0);
    evtwin_pump_free(p);
    free(dead);
}

/* Every sink needs a file of its own to begin with. Nothing is read until it has one. */
static void a_spool_that_cannot_begin_says_so_once(void **state) {
    (void)state;
    numbers n = {.next = 1, .n = 20};
    events seen = {0};
    memory *m = new_memory();
    evtwin_pump *p = pump_of(memory_path("files"), MIB, &n, 10, DEADLINE_S);
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    add(p, m, "memory:");

    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = dup(0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const evtwin_status first = evtwin_pump_run_once(p, 0, NULL);
    const evtwin_status second = evtwin_pump_run_once(p, 0, NULL);
    assert_non_null(strstr(evtwin_last_error(), "open files"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

    assert_true(evtwin_status_is_temporary(first) && evtwin_status_is_temporary(second));
    assert_int_equal(seen.n_full, 1);
    assert_int_equal(seen.n_room, 0);
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(seen.n_room == 1 && m->n == 20);
    evtwin_pump_free(p);
    free(m);
}

/* ---- refused ---- */

static void rows_that_a_sink_refuses_become_letters(void **state) {
    (void)state;
    memory *picky = new_memory(), *other = new_memory(), *letters = new_memory();
    picky->bad_every = 333;
    events seen = {0};
    numbers n = {.next = 1, .n = 2000};
    evtwin_pump *p = pump_of(memory_path("picky"), 16 * MIB, &n, 500, 30);
    add(p, picky, "picky:");
    add(p, other, "other:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(picky->n == 2000 - 6 && picky->n_doubled == 0 && other->n == 2000);
    assert_int_equal(letters->n_letters, 6);
    assert_true(text_names(letters->letter, "picky:|EVTWIN_E_RANGE|1998|battery_id"));
    assert_int_equal(seen.n_refused_rows, 6);
    assert_int_equal(seen.n_failed, 0);
    assert_int_equal(stats_of(p, 0).n_refused, 6);
    assert_int_equal(stats_of(p, 0).n_delivered, 1994);
    const evtwin_pump_sink_stats of_letters = stats_of(p, 2);
    assert_true(of_letters.is_letters && of_letters.n_delivered == 6);
    evtwin_pump_free(p);
    free(picky);
    free(other);
    free(letters);
}

static void records_that_the_source_refuses_become_letters(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 100, .refuse_every = 10};
        evtwin_pump *p = pump_of(has_spool ? memory_path("source") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        assert_fails(evtwin_pump_take_dead_letters(p, NULL), EVTWIN_E_ARG, "sink");
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_int_equal(a->n, 100);
        assert_int_equal(letters->n_letters, 10);
        assert_true(text_names(letters->letter, "numbers:|EVTWIN_E_PARSE|100"));
        assert_int_equal(stats_of(p, 1).n_delivered, 10);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_flood_of_refused_records_is_written_in_batches(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 10, .n_bad = 1000};
        evtwin_pump *p = pump_of(has_spool ? memory_path("flood") : NULL, MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 10 && letters->n_letters == 1000 && n.committed == 1010);
        assert_false(letters->is_disordered);
        assert_int_equal(letters->n_writes, 20);
        evtwin_pump_stats stats;
        assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
        assert_int_equal(stats.n_refused, 1000);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_letter_that_is_refused_holds_up_nothing(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        numbers n = {.next = 1, .n = 60, .refuse_every = 10};
        memory *a = new_memory(), *letters = new_memory();
        letters->bad_every = 20;
        n.n_bad = 40; /* of these 80 and 100 */
        events seen = {0};
        evtwin_pump *p = pump_of(has_spool ? memory_path("too_long") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        assert_ok(evtwin_pump_on_event(p, count_event, &seen));
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 60 && n.committed == 100);
        assert_int_equal(letters->n_letters, 3 + 38);
        assert_false(letters->is_disordered);
        const evtwin_pump_sink_stats stats = stats_of(p, 1);
        assert_true(stats.n_refused == 5 && stats.n_delivered == 41 && stats.n_held == 0);
        assert_true(seen.n_refused_rows == 5 && seen.n_failed == 0);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_letter_waits_for_memory(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 9, .refuse_every = 10};
        evtwin_pump *p = pump_of(has_spool ? memory_path("owed") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        run_until(p, &a->n, 9);
        assert_ok(evtwin_pump_finish(p)); /* the threads need no memory from now on */
        n.n = 19;
        int n_failures = 0;
        evtwin_set_allocator(fail_nth_realloc, NULL);
        fail_nth_countdown = 0;
        for (; n_failures < 3; n_failures++) {
            assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_NOMEM);
        }
        fail_nth_countdown = -1;
        evtwin_set_allocator(NULL, NULL);
        assert_true(n.next == 10 && n.committed == 9);
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 19 && letters->n_letters == 1 && n.committed == 19);
        evtwin_pump_stats stats;
        assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
        assert_int_equal(stats.n_refused, 1);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void without_a_spool_no_row_passes_a_letter(void **state) {
    (void)state;
    memory *a = new_memory(), *letters = new_memory();
    letters->is_down = 1;
    numbers n = {.next = 1, .n = 20, .refuse_every = 10};
    evtwin_pump *p = pump_of(NULL, 0, &n, 50, 30);
    add(p, a, "a:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_OK);
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    for (int i = 0; i < 3; i++) {
        assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    }
    assert_true(n.next == 20 && a->n == 9 && n.committed == 9); /* those behind it wait */
    assert_true(stats_of(p, 1).n_held == 1 && !stats_of(p, 1).is_up);
    letters->is_down = 0;
    assert_ok(evtwin_pump_finish(p));
    assert_true(letters->n_letters == 1 && a->n == 19 && n.committed == 19);
    run_all(p);
    assert_true(a->n == 20 && letters->n_letters == 2);
    evtwin_pump_free(p);
    free(a);
    free(letters);
}

/* Whoever calls again and again must not do so without a rest. */
static void without_a_spool_a_call_waits_for_letters(void **state) {
    (void)state;
    memory *a = new_memory(), *letters = new_memory();
    letters->is_down = 1;
    numbers n = {.next = 1, .n = 20, .refuse_every = 1};
    evtwin_pump *p = pump_of(NULL, 0, &n, 50, 30);
    add(p, a, "a:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    letters->is_down = 0;
    assert_true(evtwin_pump_run_once(p, 1000 * DEADLINE_S, NULL) >= 0);
    assert_true(letters->n_letters > 0);
    evtwin_pump_free(p);
    free(a);
    free(letters);
}

static void a_sink_without_letters_is_refused_as_one(void **state) {
    (void)state;
    evtwin_pump *p = NULL;
    evtwin_sink *null = NULL;
    assert_ok(evtwin_pump_create(NULL, &p));
    const evtwin_sink_callbacks plain = {
        .size = sizeof plain, .name = "plain:", .write = write_memory};
    assert_ok(evtwin_sink_create(&plain, NULL, &null));
    assert_fails(evtwin_pump_take_dead_letters(p, null), EVTWIN_E_UNSUPPORTED, "plain:");
    evtwin_sink_free(null);
    evtwin_pump_free(p);
}

/* ---- start again ---- */

static void the_source_goes_on_behind_what_was_accepted(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("again"));
    memory *a = new_memory();
    a->is_down = 1;
    numbers n = {.next = 1, .n = 1000};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 0);
    add(p, a, "a:?timeout=3");
    run_all(p);
    assert_int_equal(evtwin_pump_finish(p), EVTWIN_E_AGAIN);
    evtwin_pump_free(p);
    assert_int_equal(a->n, 0);

    n = (numbers){.next = 1, .n = 1500};
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "b:");
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_STATE, "a:|1000");
    evtwin_pump_free(p);

    a->is_down = 0;
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:?timeout=5"); /* the same sink */
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 1500 && a->n_doubled == 0);
    evtwin_pump_free(p);
    free(a);
}

static void a_source_goes_on_with_other_parameters(void **state) {
    (void)state;
    char dir[256], position[32];
    snprintf(dir, sizeof dir, "%s", memory_path("parameters"));
    memory *a = new_memory();

    /* an earlier version kept the position under the whole URI */
    evtwin_table *rows = numbered_rows(1, 40);
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = source_name, .position = "40"};
    assert_ok(evtwin_spool_append(s, &batch));
    evtwin_spool_free(s);
    evtwin_table_free(rows);

    static const char *const names[] = {"numbers:?order=up", "numbers:?naive_time=utc", "numbers:"};
    const char *const before = source_name;
    for (int i = 0; i < 3; i++) {
        numbers n = {.next = 1, .n = 100 * (i + 1)};
        source_name = names[i];
        evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        evtwin_pump_free(p);
        assert_true(a->n == 100 * (i + 1) && a->n_doubled == 0);
    }
    source_name = before;
    s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(evtwin_spool_position(s, "numbers:", position, sizeof position));
    assert_string_equal(position, "300");
    evtwin_spool_free(s);
    free(a);
}

static void a_second_sink_of_a_place_leaves_the_first_its_name(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("second"));
    memory *a = new_memory(), *b = new_memory();
    static const struct {
        const char *name[2];
        int is_swapped, takes;      /* the first is b; rows are taken */
    } runs[] = {{{"a:?x=1"}, 0, 0}, /* 100 wait */
                {{"a:?x=1", "a:?x=2"}, 0, 0},
                {{"a:?x=2", "a:?x=1"}, 1, 0},
                {{"a:?x=3", "a:?x=2"}, 0, 1},
                {{"a:?x=2"}, 1, 1}};
    for (int i = 0; i < 5; i++) {
        numbers n = {.next = 1, .n = 100 * (i + 1)};
        a->is_down = b->is_down = !runs[i].takes;
        evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 50, runs[i].takes ? 30 : 0);
        add(p, runs[i].is_swapped ? b : a, runs[i].name[0]);
        if (runs[i].name[1] != NULL) {
            add(p, runs[i].is_swapped ? a : b, runs[i].name[1]);
        }
        run_all(p);
        assert_int_equal(evtwin_pump_finish(p), runs[i].takes ? EVTWIN_OK : EVTWIN_E_AGAIN);
        evtwin_pump_free(p);
    }
    assert_true(a->n == 400 && a->n_doubled == 0);
    assert_true(b->n == 400 && b->n_doubled == 0 && !b->seen[100] && b->seen[101]);
    free(a);
    free(b);
}

/* As a source of a thousand partitions has it. */
static void a_long_position_comes_back(void **state) {
    (void)state;
    char dir[256], *position = malloc(20001);
    snprintf(dir, sizeof dir, "%s", memory_path("long"));
    memset(position, '0', 20000);
    memcpy(position + 19998, "40", 3);
    evtwin_table *rows = numbered_rows(1, 40);
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = "numbers:", .position = position};
    assert_ok(evtwin_spool_append(s, &batch));
    evtwin_spool_free(s);
    memory *a = new_memory();
    numbers n = {.next = 1, .n = 100};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 100 && a->n_doubled == 0);
    evtwin_pump_free(p);
    evtwin_table_free(rows);
    free(position);
    free(a);
}

static void what_a_sink_has_by_its_own_word_is_not_written_again(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("word"));
    memory *a = new_memory();
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(append_rows(s, 1, 100));
    evtwin_spool_free(s);
    a->keeps_position = 1;
    snprintf(a->position, sizeof a->position, "40"); /* its commit came before a kill */
    numbers n = {.next = 101, .n = 100};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_int_equal(a->n, 60);
    assert_true(!a->seen[40] && a->seen[41]);
    assert_string_equal(a->position, "100");
    evtwin_pump_free(p);
    free(a);
}

/* ---- kills ---- */

/* In a child that dies at a place: rows 1 to 300 into a store and two files. */
static void run_child(const char *dir, const char *in, const char *site) {
    char uri[300];
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_pump *p = NULL;
    evtwin_spool *spool = NULL;
    evtwin_pump_options options;
    setenv("EVTWIN_CRASH_AT", site, 1);
    evtwin_pump_options_init(&options, sizeof options);
    options.max_batch_rows = 50;
    options.drain_s = 200.0;
    snprintf(uri, sizeof uri, "jsonl:%s", in);
    if (evtwin_pump_create(&options, &p) < 0 || evtwin_source_open(uri, &source) < 0 ||
        evtwin_pump_take_source(p, source) < 0) {
        _exit(1);
    }
    static const char *const names[][2] = {
        {"sqlite", "store.db"}, {"jsonl", "out.jsonl"}, {"csv", "out.csv"}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(uri, sizeof uri, "%s:%s/%s", names[i][0], dir, names[i][1]);
        if (evtwin_sink_open(uri, &sink) < 0 || evtwin_pump_take_sink(p, sink) < 0) {
            _exit(2);
        }
    }
    snprintf(uri, sizeof uri, "%s/spool", dir);
    if (evtwin_spool_open(uri, NULL, &spool) < 0 || evtwin_pump_take_spool(p, spool) < 0) {
        _exit(3);
    }
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    if (st != EVTWIN_DONE || evtwin_pump_finish(p) < 0) {
        _exit(4);
    }
    evtwin_pump_free(p);
    _exit(0);
}

static int exit_of_child(const char *dir, const char *in, const char *site) {
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        run_child(dir, in, site);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Each seq from 1 to n once. */
static void assert_store_has(const char *dir, int64_t n) {
    char uri[300];
    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    int64_t revision;
    snprintf(uri, sizeof uri, "sqlite:%s/store.db", dir);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_store_changes(store, 0, 100000, &rows, &revision));
    assert_int_equal(evtwin_table_rows(rows), n);
    unsigned char *seen = calloc((size_t)n + 1, 1);
    for (size_t i = 0; i < (size_t)n; i++) {
        const int64_t seq = seq_of(rows, i);
        assert_true(seq >= 1 && seq <= n && !seen[seq]);
        seen[seq] = 1;
    }
    free(seen);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* The same of a file, in order, whatever the kill left: each row names its seq behind that text. */
static void assert_lines_are(const char *dir, const char *name, const char *before, int skip,
                             int64_t n) {
    char path[300], line[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    int64_t seen = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        const char *at = line;
        if (skip-- > 0) {
            continue;
        }
        for (int i = 0; i < (before[0] == ',' ? 10 : 1) && at != NULL; i++) {
            at = strstr(at, before);
            at = at != NULL ? at + strlen(before) : NULL;
        }
        assert_non_null(at);
        assert_int_equal(strtoll(at, NULL, 10), ++seen);
    }
    fclose(f);
    assert_int_equal(seen, n);
}

static void a_kill_at_any_place_loses_and_doubles_nothing(void **state) {
    (void)state;
    static const char *const sites[] = {"spool.before_commit",       "spool.after_commit",
                                        "spool.before_cursor",       "spool.after_cursor",
                                        "pump.before_source_commit", "pump.after_source_commit"};
    char in[256];
    snprintf(in, sizeof in, "%s", memory_path("in.jsonl"));
    FILE *f = fopen(in, "wb");
    for (int i = 1; i <= 300; i++) {
        fprintf(f,
                "{\"timestamp\":\"2024-01-01T00:%02d:%02dZ\",\"battery_id\":\"B%d\",\"seq\":%d,"
                "\"soc\":%d}\n",
                i / 60, i % 60, i % 3, i, i % 100);
    }
    fclose(f);
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        for (int at = 1; at <= 3; at += 2) {
            char dir[256], site[64], name[32];
            snprintf(name, sizeof name, "kill%zu-%d", i, at);
            snprintf(dir, sizeof dir, "%s", memory_path(name));
            assert_int_equal(mkdir(dir, 0700), 0);
            snprintf(site, sizeof site, "%s:%d", sites[i], at);
            const int first = exit_of_child(dir, in, site);
            if (first == 0 && i == 0) {
                print_message("skipped: built without crash sites\n");
                skip();
            }
            if (first != -SIGKILL) {
                fail_msg("%s: exit %d", site, first);
            }
            assert_int_equal(exit_of_child(dir, in, "none"), 0);
            assert_store_has(dir, 300);
            assert_lines_are(dir, "out.jsonl", "\"seq\":", 0, 300);
            assert_lines_are(dir, "out.csv", ",", 1, 300);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sink_gets_every_row_once),
        cmocka_unit_test(a_dead_sink_stops_neither_another_nor_the_source),
        cmocka_unit_test(a_slow_sink_is_behind_alone),
        cmocka_unit_test(a_stop_waits_for_a_sink_that_may_soon_work),
        cmocka_unit_test(a_sink_that_does_not_come_back_is_interrupted),
        cmocka_unit_test(a_full_spool_stops_the_source_and_says_so_once),
        cmocka_unit_test(a_spool_that_cannot_begin_says_so_once),
        cmocka_unit_test(rows_that_a_sink_refuses_become_letters),
        cmocka_unit_test(records_that_the_source_refuses_become_letters),
        cmocka_unit_test(a_flood_of_refused_records_is_written_in_batches),
        cmocka_unit_test(a_letter_that_is_refused_holds_up_nothing),
        cmocka_unit_test(a_letter_waits_for_memory),
        cmocka_unit_test(without_a_spool_no_row_passes_a_letter),
        cmocka_unit_test(without_a_spool_a_call_waits_for_letters),
        cmocka_unit_test(a_sink_without_letters_is_refused_as_one),
        cmocka_unit_test(the_source_goes_on_behind_what_was_accepted),
        cmocka_unit_test(a_source_goes_on_with_other_parameters),
        cmocka_unit_test(a_second_sink_of_a_place_leaves_the_first_its_name),
        cmocka_unit_test(a_long_position_comes_back),
        cmocka_unit_test(what_a_sink_has_by_its_own_word_is_not_written_again),
        cmocka_unit_test(a_kill_at_any_place_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>

int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#endif
