/* SPDX-License-Identifier: MIT */
/* store/store_postgres_revision.c: where revisions of a transaction begin, so that readers see rows
 * in commit order. */

#include "core/status.h"
#include "store/store_postgres.h"

#define SHIFT "20"
_Static_assert(POSTGRES_REVISION_SHIFT == 20, "the texts below say 20");

/* Whoever raises the offset waits for writers that use the old one, and they for him. */
#define LOCK_ROWS "LOCK TABLE ev_telemetry IN "

evtwin_status evtwin__postgres_begin_write(evtwin__pg *pg, int64_t *revision_out) {
    EVTWIN_TRY(evtwin__pg_exec(pg, "BEGIN; " LOCK_ROWS "ROW EXCLUSIVE MODE"));
    const evtwin_status st = evtwin__pg_query_i64(
        pg,
        "SELECT (pg_current_xact_id()::text::bigint + transaction_offset) << " SHIFT
        " FROM ev_revision",
        NULL, -1, revision_out);
    EVTWIN_TRY(st < 0 ? evtwin__pg_end(pg, st) : EVTWIN_OK);
    if (*revision_out < 0) {
        return evtwin__pg_end(pg, evtwin__fail(EVTWIN_E_CORRUPT, "%s: ev_revision has lost its row",
                                               evtwin__pg_name(pg)));
    }
    return EVTWIN_OK;
}

/* No row that is visible can be of a transaction from xmax on, if the rows are of this cluster. */
#define IS_AHEAD                                                                                   \
    " FROM (SELECT max(revision) >> " SHIFT " AS row, pg_snapshot_xmax(pg_current_snapshot())"     \
    "::text::bigint AS next FROM ev_telemetry) AS x, ev_revision AS r"                             \
    " WHERE x.row >= x.next + r.transaction_offset"

evtwin_status evtwin__postgres_raise_revisions(evtwin__pg *pg) {
    int64_t is_ahead = 0;
    EVTWIN_TRY(evtwin__pg_query_i64(pg, "SELECT 1" IS_AHEAD, NULL, 0, &is_ahead));
    if (!is_ahead) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__pg_exec(pg, LOCK_ROWS "SHARE ROW EXCLUSIVE MODE"));
    EVTWIN_TRY(evtwin__pg_exec(pg, "UPDATE ev_revision SET transaction_offset ="
                                   " n.value FROM (SELECT x.row + 1 - x.next AS value" IS_AHEAD
                                   ") AS n"));
    evtwin__log(EVTWIN_LOG_INFO,
                "%s: its rows come from another cluster: revisions go on from theirs",
                evtwin__pg_name(pg));
    return EVTWIN_OK;
}
