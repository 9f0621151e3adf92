/* SPDX-License-Identifier: MIT */
/* store/store_postgres_revision.c: where revisions of a transaction begin, so that readers see rows
 * in commit order. */

#include "core/hash.h"
#include "core/status.h"
#include "store/store_postgres.h"

#include <string.h>

#define SHIFT "20"
_Static_assert(POSTGRES_REVISION_SHIFT == 20, "the texts below say 20");

/* Whoever raises the offset waits for writers that use the old one, and they for him. */
#define LOCK_ROWS "LOCK TABLE ONLY ev_telemetry IN " /* a hypertable has many chunks */

evtwin_status evtwin__postgres_begin_write(evtwin__pg *pg, int64_t *revision_out) {
    evtwin_status st = evtwin__pg_exec(pg, "BEGIN; " POSTGRES_LOCK_ROWS);
    if (st >= 0) {
        st = evtwin__pg_query_i64(pg, "SELECT " POSTGRES_FIRST_REVISION " FROM ev_revision", NULL,
                                  -1, revision_out);
    }
    EVTWIN_TRY(st < 0 ? evtwin__pg_end(pg, st) : EVTWIN_OK);
    if (*revision_out < 0) {
        return evtwin__pg_end(pg, evtwin__fail(EVTWIN_E_CORRUPT, "%s: ev_revision has lost its row",
                                               evtwin__pg_name(pg)));
    }
    return EVTWIN_OK;
}

/* No row of this cluster can have that revision or a higher one: all that are visible are of
 * transactions before the next, or of this one. */
static evtwin_status read_next(evtwin__pg *pg, int64_t *next_out) {
    return evtwin__pg_query_i64(pg,
                                "SELECT (greatest(pg_snapshot_xmax(pg_current_snapshot())::text::"
                                "bigint, pg_current_xact_id_if_assigned()::text::bigint + 1) +"
                                " transaction_offset) << " SHIFT " FROM ev_revision",
                                NULL, INT64_MAX, next_out);
}

evtwin_status evtwin__postgres_identity(evtwin_store *store, uint64_t *identity_out,
                                        int64_t *end_out) {
    postgres_store *s = (postgres_store *)store;
    int64_t is_behind = 0;
    *identity_out = evtwin__hash(EVTWIN__HASH_BEGIN, s->identity, strlen(s->identity));
    *end_out = INT64_MAX; /* a standby has not come to all revisions that its primary gave */
    EVTWIN_TRY(evtwin__pg_query_i64(s->pg, "SELECT pg_is_in_recovery()::int::bigint", NULL, 0,
                                    &is_behind));
    return is_behind ? EVTWIN_OK : read_next(s->pg, end_out);
}

/* What is asked with the revision as a parameter: compressed rows are then passed over. */
static evtwin_status ask(evtwin__pg *pg, const char *sql, int64_t revision, int64_t *out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_i64(&params, revision);
    const evtwin_status st = evtwin__pg_query_i64(pg, sql, &params, 0, out);
    evtwin__pg_params_free(&params);
    return st;
}

evtwin_status evtwin__postgres_revisions_check(evtwin__pg *pg, int64_t *are_ahead_out) {
    int64_t next = 0;
    EVTWIN_TRY(read_next(pg, &next));
    return ask(pg, "SELECT 1 FROM ev_telemetry WHERE revision >= $1 ORDER BY revision DESC LIMIT 1",
               next, are_ahead_out);
}

evtwin_status evtwin__postgres_raise_revisions(evtwin__pg *pg) {
    int64_t ahead = 0, next = 0, by = 0;
    EVTWIN_TRY(evtwin__postgres_revisions_check(pg, &ahead));
    if (!ahead) {
        return EVTWIN_OK;
    }
    /* perhaps a row came just now: see again while nobody writes */
    EVTWIN_TRY(evtwin__pg_exec(pg, LOCK_ROWS "SHARE ROW EXCLUSIVE MODE"));
    EVTWIN_TRY(read_next(pg, &next));
    EVTWIN_TRY(ask(pg,
                   "SELECT ((max(revision) - $1) >> " SHIFT ") + 1 FROM ev_telemetry WHERE revision"
                   " >= $1",
                   next, &by));
    if (by <= 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(
        ask(pg, "UPDATE ev_revision SET transaction_offset = transaction_offset + $1", by, &ahead));
    evtwin__log(EVTWIN_LOG_INFO,
                "%s: its rows come from another cluster: revisions go on from theirs",
                evtwin__pg_name(pg));
    return EVTWIN_OK;
}
