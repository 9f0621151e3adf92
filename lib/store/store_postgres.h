/* SPDX-License-Identifier: MIT */
/* store/store_postgres.h: what the files of the PostgreSQL store share. */
#ifndef EVTWIN_STORE_POSTGRES_H
#define EVTWIN_STORE_POSTGRES_H

#include "core/dict.h"
#include "core/schema.h"
#include "io/postgres.h"
#include "store/backend.h"
#include "store/sweep.h"

/* What store_postgres_migrate.c finds out about the database. */
typedef struct postgres_schema {
    char name[64 * 2 + 3];                   /* of the schema in use, quoted for SQL */
    evtwin__pg_type column[EVTWIN__Q_COUNT]; /* types of ev_telemetry's columns, for COPY */
    uint8_t has_default[EVTWIN__Q_COUNT];    /* 1: a column that is left out is not NULL */
    int is_hypertable;                       /* kept by TimescaleDB */
    int has_hourly_aggregate;                /* ev_telemetry_hourly is a continuous aggregate */
    int is_expired_by_server;                /* a job of TimescaleDB drops old chunks, */
    int is_expired_by_time;                  /* a policy of others, whenever their rows came */
} postgres_schema;

/* Whose batteries the handle's are. */
typedef struct postgres_writer {
    int64_t number, before; /* of this session and of the one before; 0 = none */
    int64_t session;
    evtwin__dict held; /* the batteries */
} postgres_writer;

/* Where a sweep is. */
typedef struct postgres_place {
    int is_in_battery;
    char battery_id[256]; /* the battery it is in, or has left; "" = before the first */
    int64_t time_us;      /* rows of it up to this time are done */
} postgres_place;

/* Rows of ev_health as they were when they were last read or written here: another's change shows
 * in their xmin. */
typedef struct postgres_known {
    int64_t session;
    int64_t clock_us; /* the server's time is this ahead of the monotonic clock */
    size_t n_calm;    /* batches in a row in which no battery changed its health */
    evtwin__dict id;
    size_t capacity;
    struct postgres_known_row *row; /* (capacity) by the code of the id */
} postgres_known;

typedef struct postgres_store {
    evtwin_store base;
    evtwin__pg *pg;
    postgres_schema schema;
    char *naive_zone;  /* as the URI has it, or NULL */
    int64_t session;   /* the evtwin__pg_session that schema was read in */
    char identity[80]; /* of the database, its table and history: another is a new generation */
    postgres_writer writer;
    evtwin__sweep sweep;
    postgres_place place;
    int has_warned_of_policy;
    postgres_known known;
} postgres_store;

void evtwin__postgres_forget_known(postgres_store *s);

/* Of ev_telemetry_hourly, behind bucket and battery_id. The counts are the weights of the means:
 * hours joined by them give the mean of their rows. New ones come last, as a view that is replaced
 * wants it. CASE, since aggregates of older TimescaleDB know no FILTER. */
#define POSTGRES_HOURLY_COLUMNS                                                                    \
    "avg(soc) AS avg_soc, avg(soh) AS avg_soh, avg(temperature) AS avg_temperature,"               \
    " avg(voltage) AS avg_voltage, avg(current) AS avg_current, max(charge_cycles) AS max_cycles," \
    " avg(rul_prediction) AS avg_rul, avg(failure_probability) AS avg_failure_probability,"        \
    " count(*) AS records, avg(power_consumption) AS avg_power, count(soc) AS n_soc,"              \
    " count(soh) AS n_soh, count(temperature) AS n_temperature, count(voltage) AS n_voltage,"      \
    " count(current) AS n_current, count(power_consumption) AS n_power,"                           \
    " count(CASE WHEN status = 'NORMAL' THEN 1 END) AS n_normal,"                                  \
    " count(CASE WHEN status = 'WARNING' THEN 1 END) AS n_warning,"                                \
    " count(CASE WHEN status = 'CRITICAL' THEN 1 END) AS n_critical"

/* Behind the name of a table of batteries; schema is "", or a name with its dot. */
#define POSTGRES_WITHOUT_ROWS(schema)                                                              \
    " AS x WHERE NOT EXISTS (SELECT 1 FROM " schema "ev_telemetry AS t"                            \
    " WHERE t.battery_id = x.battery_id)"

/* Delete what is known of batteries that have no rows left. Those who write are waited for: a
 * battery that comes back just then would be found without its new rows. */
#define POSTGRES_FORGET(schema, table)                                                             \
    " DELETE FROM " schema table POSTGRES_WITHOUT_ROWS(schema) ";"
#define POSTGRES_FORGET_BATTERIES(schema)                                                          \
    "LOCK TABLE ONLY " schema "ev_telemetry IN SHARE MODE;" POSTGRES_FORGET(schema, "ev_battery")  \
        POSTGRES_FORGET(schema, "ev_state") POSTGRES_FORGET(schema, "ev_health")

/* revision = ((xid of the writing transaction + offset) << this) + number within the transaction */
enum { POSTGRES_REVISION_SHIFT = 20 };

/* ---- store_postgres_migrate.c ---- */

typedef struct postgres_migration {
    int read_only, may_create;
    int keeps_tables; /* 1: what is there is not changed */
    double retention_days;
    const char
        *naive_zone; /* of times without an offset in a table of others; NULL = the session's */
} postgres_migration;

/* Find the schema in use; bring it up to date, or (for readers) see that it is; find out about it.
 * In a new session, outside of a transaction. EVTWIN_E_SCHEMA if it is newer, or ev_telemetry a
 * table of another shape, which is then untouched; EVTWIN_E_AGAIN for a reader of a database
 * without tables, and without may_create; EVTWIN_DONE where keeps_tables left it as it was. */
evtwin_status evtwin__postgres_migrate(evtwin__pg *pg, const postgres_migration *how,
                                       postgres_schema *out);

/* ---- store_postgres_transaction.c ---- */

/* Once in a session, before anything is written. */
evtwin_status evtwin__postgres_prepare_writing(evtwin__pg *pg);

/* ---- store_postgres_revision.c ---- */

/* What a transaction that writes rows begins with; what then gives the first of its revisions, in a
 * query FROM ev_revision. */
#define POSTGRES_LOCK_ROWS "LOCK TABLE ONLY ev_telemetry IN ROW EXCLUSIVE MODE"
#define POSTGRES_FIRST_REVISION "((pg_current_xact_id()::text::bigint + transaction_offset) << 20)"

/* Begin a transaction that writes rows: *revision_out is the first of its revisions, count up from
 * it. End it with evtwin__pg_end, also after a failure of anything but this call. */
evtwin_status evtwin__postgres_begin_write(evtwin__pg *pg, int64_t *revision_out);

/* 1 in *are_ahead_out if rows have revisions that this cluster has not come to: those of another
 * one (a restored dump). */
evtwin_status evtwin__postgres_revisions_check(evtwin__pg *pg, int64_t *are_ahead_out);

/* In a transaction: let this cluster's revisions go on from theirs. */
evtwin_status evtwin__postgres_raise_revisions(evtwin__pg *pg);

/* ---- store_postgres_kept.c: small tables ---- */

/* Within a transaction of the caller's. */
evtwin_status evtwin__postgres_keep_rows(evtwin__pg *pg, evtwin__kept_id which,
                                         const evtwin_table *table);

/* The name of a source: its bytes that are no UTF-8, which the server does not take, as %XX. */
void evtwin__postgres_add_source(evtwin__pg_params *params, const char *source);

/* ---- the operations: insert, put_predictions, put_letters in store_postgres_write.c; expire in
 *      _expire.c; identity in _revision.c; keep, kept, position in _kept.c; unpredicted in
 *      _waiting.c; the others in _read.c ---- */

#define POSTGRES_OPERATION(name, ...)                                                              \
    evtwin_status evtwin__postgres_##name(evtwin_store *store, __VA_ARGS__);
EVTWIN__STORE_OPERATIONS(POSTGRES_OPERATION)
#undef POSTGRES_OPERATION

#endif
