/* SPDX-License-Identifier: MIT */
/* store/store_postgres_writing.h: what the files share that write rows to PostgreSQL. */
#ifndef EVTWIN_STORE_POSTGRES_WRITING_H
#define EVTWIN_STORE_POSTGRES_WRITING_H

#include "store/judge.h"
#include "store/sql_text.h"
#include "store/store_postgres.h"

/* The newest predicted row of a battery. */
typedef struct postgres_standing {
    int is_there;
    int64_t time_us, seq;
} postgres_standing;

/* The batteries of some rows, each by the first of its rows. */
typedef struct postgres_batteries {
    size_t n;
    size_t *row; /* (n) */
} postgres_batteries;

/* A transaction that writes rows. */
typedef struct postgres_writing {
    postgres_store *s;
    const evtwin__rows *rows;
    int locks_first;   /* lock the batteries before anything is written */
    int are_known;     /* the health of all batteries was seen before */
    int are_calm;      /* and none is due to be written for its rows having come */
    int ends_itself;   /* COMMIT was sent with the COPY, and follows the last row */
    const char *along; /* statements that then go along, each with its semicolon; NULL = none */
    int has_news;      /* which turned out wrong: batteries have to be written, too */
    int64_t xid;       /* of the transaction */
    int64_t now_us;    /* by the server's clock */
    int64_t revision;  /* of row 0; the others follow */
    evtwin__limits limits;
    evtwin__judge *judge;
    postgres_batteries batteries;
    size_t n_ids;                /* strings in the dictionary of the battery ids */
    postgres_standing *standing; /* (n_ids) by code */
} postgres_writing;

/* ---- store_postgres_transaction.c ---- */

/* Of rows that are to be written: evtwin__postgres_writing_end follows in any case. */
evtwin_status evtwin__postgres_writing_open(postgres_writing *w, postgres_store *s,
                                            const evtwin__rows *rows);

/* Begin the transaction. Batteries are locked in the order of their ids, so that no two such
 * transactions wait for each other: with locks_first now, as rows that are there are changed; else
 * where they have to be written. */
evtwin_status evtwin__postgres_writing_begin(postgres_writing *w, int locks_first);

/* The same and a COPY, in one round trip: for batteries that are all known. With w->ends_itself
 * also the COMMIT behind it. */
evtwin_status evtwin__postgres_writing_begin_copy(postgres_writing *w, const char *copy_sql,
                                                  const evtwin__pg_type *type, size_t n_columns);

/* Row i was written: judge its battery, note its prediction. */
void evtwin__postgres_writing_note(postgres_writing *w, size_t i, const evtwin__value *value,
                                   evtwin__row_event event);

/* Write what has become of the batteries. */
evtwin_status evtwin__postgres_writing_batteries(postgres_writing *w);

/* Commit, or roll back if st is a failure, which stays. */
evtwin_status evtwin__postgres_writing_end(postgres_writing *w, evtwin_status st);

/* ---- store_postgres_health.c ---- */

evtwin_status evtwin__postgres_find_batteries(postgres_writing *w);

/* See are_known and are_calm of w. */
void evtwin__postgres_look_at_known(postgres_writing *w);

/* 1 if nothing will have to be written of the batteries: a guess. */
int evtwin__postgres_expects_no_news(const postgres_writing *w);

/* After all rows were noted: 1 if something has to be written of the batteries. */
int evtwin__postgres_has_news(postgres_writing *w);

/* Tell the judge what is kept of the batteries of the rows; then write what has become of them. */
evtwin_status evtwin__postgres_judge_begin(postgres_writing *w);
evtwin_status evtwin__postgres_judge_end(postgres_writing *w);

/* ---- store_postgres_known.c ---- */

/* A row of ev_health, and the transaction that wrote it. */
typedef struct postgres_known_row {
    evtwin__health health;
    char *broken; /* of its own */
    char xmin[24];
} postgres_known_row;

/* NULL if it is not known. */
const postgres_known_row *evtwin__postgres_known(postgres_store *s, const char *id);

/* Copied. */
evtwin_status evtwin__postgres_know(postgres_store *s, const evtwin__health *health,
                                    const char *xmin);

/* ---- store_postgres_copy.c ---- */

/* Begin, and COPY all rows into ev_telemetry, each with its status and revision. may_end: and
 * commit, if nothing else seems to have to be written; EVTWIN_E_AGAIN with w->has_news if it has.
 */
evtwin_status evtwin__postgres_begin_and_copy(postgres_writing *w, int may_end);

/* COPY all rows into a table with the columns of ev_telemetry, where they are not noted. */
evtwin_status evtwin__postgres_copy_aside(postgres_writing *w, const char *table);

/* ---- store_postgres_merge.c ---- */

/* Insert rows of which some are there already. */
evtwin_status evtwin__postgres_merge_rows(postgres_writing *w, evtwin_insert_report *report);

/* Add text with its marks replaced: those of sql_text.h; @assignments and @differences (of the
 * prediction of s to that of t), @same (the payload of s and t), @status (of row t with the
 * prediction of s, by the limits), @arrays (parameters from $7 on, one for each column of
 * @predictions). */
void evtwin__postgres_sql(const postgres_writing *w, const char *text, evtwin__text *sql);

/* Add two parameters: the first and the last time of the rows. */
void evtwin__postgres_add_bounds(const postgres_writing *w, evtwin__pg_params *params);

/* Run such a statement. */
evtwin_status evtwin__postgres_run(const postgres_writing *w, const char *text,
                                   const evtwin__pg_params *params, evtwin__pg_result **out);

/* ---- store_postgres_lock.c ---- */

/* The first insert of a battery takes its writer lock: EVTWIN_E_BUSY naming the battery if another
 * handle holds it. */
evtwin_status evtwin__postgres_lock_batteries(postgres_store *s, const evtwin__rows *rows);

/* ---- store_postgres_expire.c: a little of it, after an insert of rows ---- */

void evtwin__postgres_expire_some(postgres_store *s, const evtwin__binding *rows);

#endif
