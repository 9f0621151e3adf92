/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_counter.c: revisions, and the store's own clock. */

#include "core/hash.h"
#include "core/status.h"
#include "store/store_sqlite.h"

#include <stdio.h>
#include <string.h>

/* Revisions are given out inside the write transaction, of which there is one at a time: readers
 * see them in commit order, without gaps that could fill later.
 *
 * The clock of a store advances with the machine's uptime from one write to the next, also between
 * two processes. It stands still while the machine is off, and does not know what time it is. Every
 * ten minutes a mark keeps which revision it had come to, so that the age of a row follows from its
 * revision. */

static const int64_t mark_every_us = INT64_C(600) * 1000000;

/* Rows of another program with revisions that leave no room: they get the next ones. */
static evtwin_status renumber(sqlite_store *s, sqlite_counter *c) {
    evtwin__stmt *stmt = NULL;
    int64_t too_high = 0, highest = 0;
    size_t n = 0;
    c->revision = c->revision <= SQLITE_MAX_REVISION ? c->revision : 0;
    for (;; n++) {
        EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_NEXT_TOO_HIGH, &stmt, "i", SQLITE_MAX_REVISION));
        const evtwin_status st = evtwin__stmt_step(stmt);
        const int is_one = st == EVTWIN_OK && evtwin__stmt_i64(stmt, 0, &too_high);
        if (n == 0 && st == EVTWIN_OK && evtwin__stmt_i64(stmt, 1, &highest)) {
            c->revision = highest > c->revision ? highest : c->revision;
        }
        evtwin__stmt_reset(stmt);
        EVTWIN_TRY(st);
        if (!is_one) {
            break;
        }
        c->revision++;
        EVTWIN_TRY(evtwin__sqlite_run(s, SQL_RENUMBER, "ii", c->revision, too_high));
    }
    evtwin__log(EVTWIN_LOG_WARNING,
                "%s: revisions near the end of their range, set by another program: %zu row%s "
                "numbered anew",
                evtwin__db_name(s->db), n, n == 1 ? " was" : "s were");
    return EVTWIN_OK;
}

static void advance(sqlite_store *s, const char *boot, sqlite_counter *c) {
    const int64_t uptime_us = s->base.uptime(c->boot);
    const int is_sane = c->clock_us >= 0 && c->clock_us < SQLITE_MAX_REVISION;
    c->clock_us = is_sane ? c->clock_us : 0;
    if (strcmp(boot, c->boot) == 0 && c->uptime_us >= 0 && uptime_us > c->uptime_us) {
        c->clock_us += uptime_us - c->uptime_us;
    }
    c->uptime_us = uptime_us;
}

evtwin_status evtwin__sqlite_counter_get(sqlite_store *s, sqlite_counter *out) {
    evtwin__stmt *stmt = NULL;
    sqlite_counter c = {.revision = 0};
    int64_t highest = 0, mark_us = -mark_every_us; /* none yet */
    char boot[EVTWIN__BOOT_SIZE] = "";
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_REVISION_GET, &stmt, ""));
    evtwin_status st = evtwin__stmt_step(stmt);
    if (st >= 0 && (st == EVTWIN_DONE || !evtwin__stmt_i64(stmt, 0, &c.revision))) {
        st = evtwin__fail(EVTWIN_E_CORRUPT, "%s: table ev_revision has lost its row",
                          evtwin__db_name(s->db));
    }
    if (st >= 0) {
        const char *text = evtwin__stmt_text(stmt, 3);
        evtwin__stmt_i64(stmt, 1, &c.clock_us);
        evtwin__stmt_i64(stmt, 2, &c.uptime_us);
        evtwin__stmt_i64(stmt, 4, &highest);
        evtwin__stmt_i64(stmt, 5, &mark_us);
        snprintf(boot, sizeof boot, "%s", text != NULL ? text : "");
    }
    evtwin__stmt_reset(stmt);
    EVTWIN_TRY(st);

    /* what the write before this one had come to */
    const sqlite_counter before = c;
    advance(s, boot, &c);
    if (before.clock_us > mark_us && c.clock_us > before.clock_us &&
        c.clock_us / 2 - mark_us / 2 >= mark_every_us / 2) {
        EVTWIN_TRY(evtwin__sqlite_run(s, SQL_MARK, "ii", before.clock_us, before.revision));
    }

    /* other programs must take a revision themselves; one that did not count it is caught up with
     */
    c.revision = highest > c.revision ? highest : c.revision;
    EVTWIN_TRY(c.revision > SQLITE_MAX_REVISION ? renumber(s, &c) : EVTWIN_OK);
    *out = c;
    return EVTWIN_OK;
}

/* It is the one that was made at that moment and, if it began as a backup, in that one: only a
 * plain copy of the file cannot be told from it. */
evtwin_status evtwin__sqlite_identity(evtwin_store *store, uint64_t *identity_out,
                                      int64_t *end_out) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask((sqlite_store *)store, SQL_IDENTITY, &stmt, ""));
    evtwin_status st = evtwin__stmt_step(stmt);
    const char *origin = st == EVTWIN_OK ? evtwin__stmt_text(stmt, 0) : NULL;
    if (origin != NULL && evtwin__stmt_i64(stmt, 1, end_out)) {
        *identity_out = evtwin__hash(EVTWIN__HASH_BEGIN, origin, strlen(origin));
    } else if (st >= 0) {
        st = evtwin__fail(EVTWIN_E_CORRUPT, "%s: table ev_migration or ev_revision is empty",
                          evtwin__db_name(((sqlite_store *)store)->db));
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

/* One transaction writes at a time. */
evtwin_status evtwin__sqlite_held_back(evtwin_store *store, int64_t after_revision,
                                       int64_t *from_out) {
    (void)store, (void)after_revision;
    *from_out = 0;
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_counter_set(sqlite_store *s, const sqlite_counter *counter) {
    return evtwin__sqlite_run(s, SQL_REVISION_SET, "iiis", counter->revision, counter->clock_us,
                              counter->uptime_us, counter->boot);
}
