/* SPDX-License-Identifier: MIT */
/* io/postgres.h: a connection to PostgreSQL as the library wants it: safe defaults, bounded waits,
 * typed binary values, our errors. */
#ifndef EVTWIN_IO_POSTGRES_H
#define EVTWIN_IO_POSTGRES_H

#include "evtwin/table.h"

#include "core/binding.h"
#include "core/text.h"
#include "core/uri.h"

/* One connection, which is made when it is needed and again after it was lost. One thread at a
 * time; evtwin__pg_interrupt from any. */
typedef struct evtwin__pg evtwin__pg;

/* ---- connect ---- */

/* The parameters of a URI that evtwin__pg_create takes: those of libpq with libpq's names, and
 * password_file; ends with NULL. Callers with parameters of their own check for both. */
extern const char *const evtwin__pg_uri_params[];

typedef struct evtwin__pg_options {
    int is_reader;       /* transactions cannot write */
    int lock_timeout_ms; /* how long a statement waits for another transaction; 0 = no limit */
} evtwin__pg_options;

/* From "postgresql://user@host:port/database?…" (or postgres:); "postgresql:///database" goes to a
 * local socket, or to what PGHOST names. Connects to nothing yet. A remote host gets
 * sslmode=verify-full unless the URI or PGSSLMODE says otherwise. EVTWIN_E_ARG for a URI without
 * "//", for a port without a host, for a password file that others can read; EVTWIN_E_NOT_FOUND if
 * it does not exist. */
evtwin_status evtwin__pg_create(const evtwin__uri *uri, const evtwin__pg_options *options,
                                evtwin__pg **out);
void evtwin__pg_free(evtwin__pg *pg); /* NULL is fine */

/* Connect if there is no connection. EVTWIN_E_AGAIN if the server cannot be reached or does not
 * take connections now, EVTWIN_E_DENIED (user, password, certificate, missing right),
 * EVTWIN_E_NOT_FOUND (no such database), EVTWIN_E_UNSUPPORTED (a server before PostgreSQL 13). */
evtwin_status evtwin__pg_connect(evtwin__pg *pg);
void evtwin__pg_disconnect(evtwin__pg *pg);

/* 0 before the first connect and after the connection was found lost. */
int evtwin__pg_is_connected(const evtwin__pg *pg);

/* How many connections were made: what belongs to a session (temporary tables, advisory locks) is
 * gone when this has changed. */
int64_t evtwin__pg_session(const evtwin__pg *pg);

/* Process id of the server's end of the connection, 0 without one. */
int evtwin__pg_backend_pid(const evtwin__pg *pg);

/* 150003 for 15.3; 0 before the first connect. */
int evtwin__pg_server_version(const evtwin__pg *pg);

/* "host:port/database", for messages. */
const char *evtwin__pg_name(const evtwin__pg *pg);

/* ---- bounds ---- */

/* How long a call waits for a server that works on one statement and says nothing: then the
 * connection is given up and the call answers EVTWIN_E_AGAIN. 0 = as long as it works. A server
 * that does not work on it, because it is frozen or cut off, is given up within some 5 s of
 * silence: a second connection looks (see postgres_look.c). */
enum { EVTWIN__PG_PATIENCE_MS = 600000 /* the default */ };
void evtwin__pg_patience(evtwin__pg *pg, int milliseconds);

/* Let calls answer EVTWIN_E_CANCELLED when so many seconds from now have passed; 0 = no deadline. A
 * statement that is cut off takes its connection with it. */
void evtwin__pg_deadline(evtwin__pg *pg, double seconds);

/* Let the call that runs, and all later ones, answer EVTWIN_E_CANCELLED. */
void evtwin__pg_interrupt(evtwin__pg *pg);

/* ---- parameters: $1, $2, … in the order they are added; all zero is none ---- */

typedef enum evtwin__pg_type {
    EVTWIN__PG_F64 = 0, /* double precision */
    EVTWIN__PG_I64,     /* bigint */
    EVTWIN__PG_TIME,    /* timestamp with time zone; microseconds since 1970 here */
    EVTWIN__PG_BOOL,
    EVTWIN__PG_TEXT,
    EVTWIN__PG_BYTES, /* bytea */
    EVTWIN__PG_I32,   /* integer and smallint: of columns only */
    EVTWIN__PG_I16,
    EVTWIN__PG_N_TYPES
} evtwin__pg_type;

enum { EVTWIN__PG_MAX_PARAMS = 64 };

typedef struct evtwin__pg_param {
    evtwin__pg_type type;
    int is_array, is_null, has_null;
    size_t n;           /* elements of an array */
    evtwin__text bytes; /* as the server wants them */
} evtwin__pg_param;

typedef struct evtwin__pg_params {
    size_t n;
    evtwin__pg_param param[EVTWIN__PG_MAX_PARAMS];
} evtwin__pg_params;

/* Scalars. NaN and infinity, NULL texts and evtwin__pg_add_null are NULL. Out of memory comes from
 * the call that uses them. */
void evtwin__pg_add_f64(evtwin__pg_params *params, double value);
void evtwin__pg_add_i64(evtwin__pg_params *params, int64_t value);
void evtwin__pg_add_time(evtwin__pg_params *params, int64_t time_us);
void evtwin__pg_add_bool(evtwin__pg_params *params, int value);
void evtwin__pg_add_text(evtwin__pg_params *params, const char *text);
void evtwin__pg_add_bytes(evtwin__pg_params *params, const void *data, size_t size);
void evtwin__pg_add_null(evtwin__pg_params *params, evtwin__pg_type type);

/* An array parameter, empty; returns its number (from 0) for the calls below, each of which adds
 * one element: for unnest($1, $2, …). Of a BOOL or TIME array push_i64 adds. */
size_t evtwin__pg_add_array(evtwin__pg_params *params, evtwin__pg_type type);
void evtwin__pg_push_f64(evtwin__pg_params *params, size_t array, double value);
void evtwin__pg_push_i64(evtwin__pg_params *params, size_t array, int64_t value);
void evtwin__pg_push_text(evtwin__pg_params *params, size_t array, const char *text);
void evtwin__pg_push_bytes(evtwin__pg_params *params, size_t array, const void *data, size_t size);
void evtwin__pg_push_null(evtwin__pg_params *params, size_t array);

/* A cell of a table: into an array of the type that fits the column's. */
void evtwin__pg_push_cell(evtwin__pg_params *params, size_t array, const evtwin_table *table,
                          size_t col, size_t row);

void evtwin__pg_params_clear(evtwin__pg_params *params); /* none again; keeps its memory */
void evtwin__pg_params_free(evtwin__pg_params *params);

/* ---- statements ---- */

typedef struct evtwin__pg_result evtwin__pg_result;

/* Run one or more statements without parameters and rows. */
evtwin_status evtwin__pg_exec(evtwin__pg *pg, const char *sql);

/* Run several statements without parameters in one round trip. The rows are those of the last one:
 * their values are in the form of text, so its columns must be of type text. */
evtwin_status evtwin__pg_script(evtwin__pg *pg, const char *sql, evtwin__pg_result **out);

/* Run one statement, prepared the first time its text is seen on a connection. params NULL: none.
 * out NULL: its rows are not wanted. */
evtwin_status evtwin__pg_query(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                               evtwin__pg_result **out);

/* First column of the first row as an integer; otherwise if there is no row or it is NULL. */
evtwin_status evtwin__pg_query_i64(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                                   int64_t otherwise, int64_t *out);

/* SQLSTATE of the last failure on this connection, "" if it had none: "23505" is a unique
 * violation.
 */
const char *evtwin__pg_sqlstate(const evtwin__pg *pg);
int evtwin__pg_is_duplicate(const evtwin__pg *pg);

/* begin takes the words behind BEGIN: "", "ISOLATION LEVEL REPEATABLE READ READ ONLY". */
evtwin_status evtwin__pg_begin(evtwin__pg *pg, const char *mode);

/* End a transaction that has come to st: commit it, or roll it back if st or the commit is a
 * failure, whose status and error text stay (and the SQLSTATE). A connection lost during COMMIT
 * answers EVTWIN_E_AGAIN: whether it was committed is not known. */
evtwin_status evtwin__pg_end(evtwin__pg *pg, evtwin_status st);

/* ---- rows of a result; row and col count from 0 ---- */

void evtwin__pg_result_free(evtwin__pg_result *result); /* NULL is fine */
size_t evtwin__pg_rows(const evtwin__pg_result *result);
size_t evtwin__pg_cols(const evtwin__pg_result *result);

/* Rows that a statement without RETURNING has changed. */
int64_t evtwin__pg_changed(const evtwin__pg_result *result);

/* float4, float8, integers and numeric as a number; what is none, NULL, NaN and infinity: NaN. */
double evtwin__pg_f64(const evtwin__pg_result *result, size_t row, size_t col);

/* Integers, bool, xid8, oid, timestamps (microseconds since 1970; without time zone: as if in UTC;
 * infinity: missing). 0 = missing, *out untouched. */
int evtwin__pg_i64(const evtwin__pg_result *result, size_t row, size_t col, int64_t *out);

/* text, varchar, char, name: borrowed from the result; NULL if missing or of another type. */
const char *evtwin__pg_text(const evtwin__pg_result *result, size_t row, size_t col);

/* Fill column table_col of a table, which has as many rows, from a column of the result: by the
 * type of the table's. Values that have not that type are missing. */
evtwin_status evtwin__pg_fill(const evtwin__pg_result *result, size_t col, evtwin_table *table,
                              size_t table_col);

/* ---- COPY table (columns) FROM STDIN (FORMAT binary) ---- */

/* type (n_columns) of the columns, borrowed until the end. */
evtwin_status evtwin__pg_copy_begin(evtwin__pg *pg, const char *sql, const evtwin__pg_type *type,
                                    size_t n_columns);

/* The same behind other statements, which sql begins with, in one round trip; *rows_out: as of
 * evtwin__pg_script, of the last of them that has rows. */
evtwin_status evtwin__pg_copy_begin_after(evtwin__pg *pg, const char *sql,
                                          const evtwin__pg_type *type, size_t n_columns,
                                          evtwin__pg_result **rows_out);

/* A row, whose column k has the value value[from[k]]; NaN and infinity are NULL. Sends what has
 * gathered, now and then. EVTWIN_E_RANGE for a number that its integer column cannot hold. After a
 * failure: evtwin__pg_copy_end. */
evtwin_status evtwin__pg_copy_row(evtwin__pg *pg, const evtwin__value *value, const uint8_t *from);

/* End it; with st < 0 nothing is stored, and st and its error text stay. The transaction must be
 * rolled back after a failure. */
evtwin_status evtwin__pg_copy_end(evtwin__pg *pg, evtwin_status st);

#endif
