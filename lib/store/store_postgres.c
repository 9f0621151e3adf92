/* SPDX-License-Identifier: MIT */
/* store/store_postgres.c: the store in PostgreSQL: open and close, its place in the list. */

#include "store/store_postgres.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* ---- open ---- */

/* Parameters of the store itself; the others are those of a connection. */
static evtwin_status check_params(const evtwin__uri *uri) {
    static const char *const own[] = {"retention_days", "busy_timeout_ms", "naive_time"};
    enum { N_OWN = sizeof own / sizeof own[0] };
    const char *known[48] = {NULL};
    size_t n = 0;
    for (; n < N_OWN; n++) {
        known[n] = own[n];
    }
    for (size_t i = 0; evtwin__pg_uri_params[i] != NULL; i++) {
        known[n++] = evtwin__pg_uri_params[i];
    }
    return evtwin__uri_check_params(uri, known);
}

static evtwin_status read_uri(const evtwin__uri *uri, evtwin_store_options *options) {
    double timeout_ms = options->busy_timeout_ms;
    EVTWIN_TRY(check_params(uri));
    EVTWIN_TRY(evtwin__uri_number(uri, "retention_days", 1e6, &options->retention_days));
    EVTWIN_TRY(evtwin__uri_number(uri, "busy_timeout_ms", 1e6, &timeout_ms));
    options->busy_timeout_ms = (int)timeout_ms;
    return EVTWIN_OK;
}

static void postgres_free(evtwin_store *store) {
    postgres_store *s = (postgres_store *)store;
    evtwin__pg_free(s->pg);
    evtwin__dict_free(&s->writer.held);
    evtwin__postgres_forget_known(s);
    evtwin__free(s->naive_zone);
    evtwin__free(s);
}

/* Another cluster, database or table under the same name is another one; and so is a history that
 * branched off: a standby that took over, or a backup, gives numbers of lost transactions again. A
 * standby knows of its timeline what the last restart point or write-out of pages says. */
#define TABLE                                                                                      \
    "d.oid, to_regclass('ev_telemetry')::oid) FROM pg_database AS d WHERE d.datname ="             \
    " current_database()"
static const char *const identity_sql[] = {
    "SELECT concat_ws('/', " TABLE,
    "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
    " ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int, " TABLE,
    "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
    " (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline) FROM pg_control_checkpoint() AS"
    " c, pg_control_recovery() AS r), " TABLE};

/* Everybody may ask for that, unless somebody took the right away. */
static const char may_ask_sql[] =
    "SELECT CASE WHEN NOT (SELECT bool_and(has_function_privilege(f, 'EXECUTE')) FROM unnest("
    "'{pg_control_system(),pg_control_checkpoint(),pg_control_recovery(),pg_current_wal_lsn(),"
    "pg_walfile_name(pg_lsn)}'::text[]) AS f) THEN 0 WHEN pg_is_in_recovery() THEN 2 ELSE 1 END"
    "::bigint";

static evtwin_status read_identity(postgres_store *s) {
    evtwin__pg_result *result = NULL;
    int64_t which = 0;
    EVTWIN_TRY(evtwin__pg_query_i64(s->pg, may_ask_sql, NULL, 0, &which));
    EVTWIN_TRY(evtwin__pg_query(s->pg, identity_sql[which], NULL, &result));
    const char *text = evtwin__pg_text(result, 0, 0);
    text = text != NULL ? text : "";
    if (s->identity[0] != '\0' && strcmp(s->identity, text) != 0) {
        s->base.generation++;
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: was replaced, set back, or taken over by a standby; what has its name is "
                    "used now",
                    evtwin__pg_name(s->pg));
    }
    snprintf(s->identity, sizeof s->identity, "%s", text);
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

/* Who may not make the tables that are not there, and wants to read, waits until another has. */
static evtwin_status fail_migration(const postgres_store *s, evtwin_status st, int is_reading) {
    char text[400];
    int64_t are_missing = 0;
    if (strcmp(evtwin__pg_sqlstate(s->pg), "42501") != 0) {
        return st;
    }
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    evtwin__pg_query_i64(s->pg, "SELECT (to_regclass('ev_migration') IS NULL)::int::bigint", NULL,
                         0, &are_missing);
    EVTWIN_FAIL_IF(!are_missing, st, "%s", text);
    EVTWIN_FAIL(is_reading ? EVTWIN_E_AGAIN : st,
                "%s: the store has no tables yet; open it once as a user who may make them, or"
                " grant CREATE on the schema to this one",
                text);
}

/* Connect, if there is no connection; a new one may lead to a database as it was long ago. */
static evtwin_status connect_to(postgres_store *s, int may_create, int is_reading) {
    EVTWIN_TRY(evtwin__pg_connect(s->pg));
    if (s->session == evtwin__pg_session(s->pg)) {
        return EVTWIN_OK;
    }
    const postgres_migration how = {.read_only = s->base.options.read_only,
                                    .may_create = may_create,
                                    .keeps_tables = may_create == EVTWIN__MAKES_NEW,
                                    .retention_days = s->base.options.retention_days,
                                    .naive_zone = s->naive_zone};
    evtwin_status st = evtwin__postgres_migrate(s->pg, &how, &s->schema);
    st = st < 0 ? fail_migration(s, st, is_reading) : st;
    if (st == EVTWIN_OK && !s->base.options.read_only) {
        st = evtwin__postgres_prepare_writing(s->pg);
    }
    if (st != EVTWIN_OK || (st = read_identity(s)) < 0) {
        evtwin__pg_disconnect(s->pg);
        return st;
    }
    s->session = evtwin__pg_session(s->pg);
    return EVTWIN_OK;
}

/* The first time any call may make the tables: opening has not connected. */
static evtwin_status postgres_refresh(evtwin_store *store, int may_create) {
    postgres_store *s = (postgres_store *)store;
    const int is_first = may_create == 0 && s->identity[0] == '\0';
    return connect_to(s, is_first ? EVTWIN__MAKES_ALL : may_create, may_create == 0);
}

static void postgres_deadline(evtwin_store *store, double seconds) {
    evtwin__pg_deadline(((postgres_store *)store)->pg, seconds);
}

static void postgres_interrupt(evtwin_store *store) {
    evtwin__pg_interrupt(((postgres_store *)store)->pg);
}

static evtwin_status create(const evtwin__uri *uri, const evtwin_store_options *options,
                            evtwin_store **out) {
    postgres_store *s = evtwin__calloc(1, sizeof *s);
    const char *zone = evtwin__uri_param(uri, "naive_time");
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory for a store");
    s->base = (evtwin_store){.backend = &evtwin__store_postgres,
                             .options = *options,
                             .now = evtwin_time_now,
                             .uptime = evtwin__uptime_us};
    s->naive_zone = evtwin__strdup(zone);
    const int patience_ms = options->busy_timeout_ms; /* for the server 0 is no limit */
    const evtwin__pg_options connection = {.is_reader = options->read_only,
                                           .lock_timeout_ms = patience_ms > 0 ? patience_ms : 1};
    evtwin_status st = evtwin__pg_create(uri, &connection, &s->pg);
    if (st >= 0 && zone != NULL && s->naive_zone == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a store");
    }
    if (st < 0) {
        postgres_free(&s->base);
        return st;
    }
    *out = &s->base;
    return EVTWIN_OK;
}

static evtwin_status postgres_open(const char *text, const evtwin_store_options *options,
                                   evtwin_store **out) {
    evtwin__uri uri;
    EVTWIN_TRY(evtwin__uri_parse(text, &uri));
    evtwin_store_options complete = *options;
    evtwin_status st = read_uri(&uri, &complete);
    if (st >= 0) {
        st = create(&uri, &complete, out);
    }
    evtwin__uri_free(&uri);
    return st;
}

const evtwin__store_backend evtwin__store_postgres = {.open = postgres_open,
                                                      .free = postgres_free,
                                                      .refresh = postgres_refresh,
                                                      .deadline = postgres_deadline,
                                                      .interrupt = postgres_interrupt,
#define OPERATION(name, ...) .name = evtwin__postgres_##name,
                                                      EVTWIN__STORE_OPERATIONS(OPERATION)
#undef OPERATION
};
