/* SPDX-License-Identifier: MIT */
/* io/postgres_query.c: run statements and transactions. */

#include "io/postgres_conn.h"

#include "core/mem.h"
#include "core/status.h"
#include "io/postgres_wire.h"

#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- statements ---- */

evtwin_status evtwin__pg_exec(evtwin__pg *pg, const char *sql) {
    PGresult *result = NULL;
    EVTWIN_TRY(evtwin__pg_check_ready(pg));
    const evtwin_status st = evtwin__pg_finish(pg, PQsendQuery(pg->conn, sql), &result);
    PQclear(result);
    return st;
}

/* The parameters as libpq wants them. */
typedef struct bound {
    int n;
    Oid type[EVTWIN__PG_MAX_PARAMS];
    const char *value[EVTWIN__PG_MAX_PARAMS];
    int length[EVTWIN__PG_MAX_PARAMS], format[EVTWIN__PG_MAX_PARAMS];
} bound;

static evtwin_status bind(evtwin__pg *pg, const evtwin__pg_params *params, bound *b) {
    b->n = 0;
    if (params == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(params->n > EVTWIN__PG_MAX_PARAMS, EVTWIN_E_ARG,
                   "a statement with more than %d parameters", EVTWIN__PG_MAX_PARAMS);
    for (size_t i = 0; i < params->n; i++) {
        const evtwin__pg_param *p = &params->param[i];
        EVTWIN_FAIL_IF(p->bytes.is_failed || p->bytes.size > INT_MAX / 2, EVTWIN_E_NOMEM,
                       "%s: out of memory for the parameters of a statement", pg->target.name);
        b->type[i] = p->is_array ? evtwin__pg_oids[p->type].array : evtwin__pg_oids[p->type].scalar;
        b->value[i] = p->is_null ? NULL : p->bytes.size > 0 ? p->bytes.data : "";
        b->length[i] = (int)p->bytes.size;
        b->format[i] = 1;
        pg->n_sent += p->bytes.size;
    }
    b->n = (int)params->n;
    return EVTWIN_OK;
}

/* Name of the statement, prepared; "" if there is no room to remember one more. */
static evtwin_status prepare(evtwin__pg *pg, const char *sql, const bound *b, char name[32]) {
    name[0] = '\0';
    for (size_t i = 0; i < pg->n_prepared; i++) {
        if (strcmp(pg->prepared[i], sql) == 0) {
            snprintf(name, 32, "evtwin_%zu", i);
            return EVTWIN_OK;
        }
    }
    if (pg->n_prepared == EVTWIN__PG_MAX_PREPARED) {
        return EVTWIN_OK;
    }
    char *copy = evtwin__strdup(sql);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory for a statement");
    PGresult *result = NULL;
    snprintf(name, 32, "evtwin_%zu", pg->n_prepared);
    const evtwin_status st =
        evtwin__pg_finish(pg, PQsendPrepare(pg->conn, name, sql, b->n, b->type), &result);
    PQclear(result);
    if (st < 0) {
        evtwin__free(copy);
        return st;
    }
    pg->prepared[pg->n_prepared++] = copy;
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_query(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                               evtwin__pg_result **out) {
    char name[32];
    PGresult *result = NULL;
    bound b;
    EVTWIN_TRY(evtwin__pg_check_ready(pg));
    EVTWIN_TRY(bind(pg, params, &b));
    EVTWIN_TRY(prepare(pg, sql, &b, name));
    const char *const *value = b.value;
    const int is_sent =
        name[0] != '\0'
            ? PQsendQueryPrepared(pg->conn, name, b.n, value, b.length, b.format, 1)
            : PQsendQueryParams(pg->conn, sql, b.n, b.type, value, b.length, b.format, 1);
    EVTWIN_TRY(evtwin__pg_finish(pg, is_sent, &result));
    if (out != NULL) {
        *out = (evtwin__pg_result *)(void *)result;
    } else {
        PQclear(result);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_script(evtwin__pg *pg, const char *sql, evtwin__pg_result **out) {
    PGresult *result = NULL;
    EVTWIN_TRY(evtwin__pg_check_ready(pg));
    EVTWIN_TRY(evtwin__pg_finish(pg, PQsendQuery(pg->conn, sql), &result));
    *out = (evtwin__pg_result *)(void *)result;
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_query_i64(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                                   int64_t otherwise, int64_t *out) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg, sql, params, &result));
    *out = otherwise;
    evtwin__pg_i64(result, 0, 0, out);
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

/* ---- transactions ---- */

evtwin_status evtwin__pg_begin(evtwin__pg *pg, const char *mode) {
    char sql[120];
    snprintf(sql, sizeof sql, "BEGIN %s", mode);
    return evtwin__pg_exec(pg, sql);
}

/* What comes of it is of no interest: a connection that does not even do this is given up. */
static void roll_back(evtwin__pg *pg) {
    PGresult *result = NULL;
    if (pg->conn == NULL) {
        return;
    }
    if (evtwin__pg_is_over(pg) ||
        evtwin__pg_finish(pg, PQsendQuery(pg->conn, "ROLLBACK"), &result) < 0) {
        evtwin__pg_disconnect(pg);
    }
    PQclear(result);
}

static evtwin_status commit(evtwin__pg *pg) {
    PGresult *result = NULL;
    const evtwin_status st = evtwin__pg_check_ready(pg);
    if (st < 0) { /* too late: the transaction must not stay open for what comes next */
        evtwin__pg_disconnect(pg);
        return st;
    }
    EVTWIN_TRY(evtwin__pg_finish(pg, PQsendQuery(pg->conn, "COMMIT"), &result));
    const int is_committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    EVTWIN_FAIL_IF(!is_committed, EVTWIN_E_STATE,
                   "%s: a statement of the transaction has failed: nothing was committed",
                   pg->target.name);
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_end(evtwin__pg *pg, evtwin_status st) {
    if (st >= 0) {
        return commit(pg);
    }
    char text[600], state[6];
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    memcpy(state, pg->sqlstate, sizeof state);
    roll_back(pg);
    memcpy(pg->sqlstate, state, sizeof state);
    return evtwin__fail(st, "%s", text);
}
