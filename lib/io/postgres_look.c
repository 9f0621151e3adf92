/* SPDX-License-Identifier: MIT */
/* io/postgres_look.c: a look at a server that says nothing, by a connection of its own. */

#include "io/postgres_conn.h"

#include "core/status.h"

#include <libpq-fe.h>

/* A session that is idle has not seen the statement yet; one that waits for its client has not seen
 * the end of it, or cannot get rid of its answer. Whoever may not see the state sees NULL. */
static const char look_sql[] =
    "SELECT (state LIKE 'idle%' OR wait_event_type = 'Client')::int::bigint FROM pg_stat_activity"
    " WHERE pid = $1::bigint";

/* A session that is gone waits, too, as far as we are concerned. */
static evtwin_status ask(evtwin__pg *look, int64_t pid, int64_t *is_waiting_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__pg_add_i64(&params, pid);
    const evtwin_status st = evtwin__pg_query(look, look_sql, &params, &result);
    evtwin__pg_params_free(&params);
    EVTWIN_TRY(st);
    *is_waiting_out = evtwin__pg_rows(result) == 0;
    evtwin__pg_i64(result, 0, 0, is_waiting_out);
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

evtwin__pg_sight evtwin__pg_look(evtwin__pg *pg) {
    const evtwin__pg_place place = {PQhost(pg->conn), PQhostaddr(pg->conn), PQport(pg->conn)};
    evtwin__pg look = {.target = pg->target, /* borrowed */
                       .patience_ms = pg->target.connect_timeout_ms * 3 / 5,
                       .deadline_us = pg->deadline_us,
                       .wake = pg->wake,
                       .asker = pg};
    int64_t is_waiting = 0;
    evtwin_status st = evtwin__pg_dial(&look, &place, look.patience_ms);
    if (st >= 0 && pg->backend_pid != 0) {
        st = ask(&look, pg->backend_pid, &is_waiting);
    }
    evtwin__pg_disconnect(&look);
    if (st >= 0) {
        return is_waiting ? EVTWIN__PG_WAITING : EVTWIN__PG_WORKING;
    }
    /* a refusal is an answer, too: the server lives, and more is not known */
    const int is_answer = look.sqlstate[0] != '\0' && !evtwin__pg_begins(look.sqlstate, "08");
    return st == EVTWIN_E_AGAIN && !is_answer ? EVTWIN__PG_SILENT : EVTWIN__PG_WORKING;
}
