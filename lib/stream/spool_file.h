/* SPDX-License-Identifier: MIT */
/* stream/spool_file.h: the folder of a spool: its lock, its database and the statements on it. */
#ifndef EVTWIN_STREAM_SPOOL_FILE_H
#define EVTWIN_STREAM_SPOOL_FILE_H

#include "io/sqlite.h"

#include <stdint.h>

/* Of the database: sizes are counted in them. */
enum { EVTWIN__SPOOL_PAGE_BYTES = 4096 };

/* What is queued, each in a table and with numbers of its own. */
typedef enum evtwin__spool_kind {
    EVTWIN__SPOOL_ROWS,
    EVTWIN__SPOOL_LETTERS,
    EVTWIN__SPOOL_KINDS
} evtwin__spool_kind;

/* Statements that exist once for each kind come first: EVTWIN__SQL_INSERT + kind. */
typedef enum evtwin__spool_sql {
    EVTWIN__SQL_INSERT = 0,                                            /* an entry */
    EVTWIN__SQL_DELETE = EVTWIN__SQL_INSERT + EVTWIN__SPOOL_KINDS,     /* one */
    EVTWIN__SQL_CLEAR = EVTWIN__SQL_DELETE + EVTWIN__SPOOL_KINDS,      /* some that all have */
    EVTWIN__SQL_OLDEST = EVTWIN__SQL_CLEAR + EVTWIN__SPOOL_KINDS,      /* behind a number */
    EVTWIN__SQL_WAITING = EVTWIN__SQL_OLDEST + EVTWIN__SPOOL_KINDS,    /* sums of those behind it */
    EVTWIN__SQL_SET_ASIDE = EVTWIN__SQL_WAITING + EVTWIN__SPOOL_KINDS, /* a damaged one */
    EVTWIN__SQL_SET_LAST = EVTWIN__SQL_SET_ASIDE + EVTWIN__SPOOL_KINDS,
    EVTWIN__SQL_SET_SOURCE,
    EVTWIN__SQL_GET_SOURCE,
    EVTWIN__SQL_SET_STATE,
    EVTWIN__SQL_GET_STATES,
    EVTWIN__SQL_GET_CURSORS,
    EVTWIN__SQL_SET_CURSOR,
    EVTWIN__SQL_RENAME_CURSOR,
    EVTWIN__SQL_RENAME_LOSSES,
    EVTWIN__SQL_DELETE_CURSOR,
    EVTWIN__SQL_EXTEND_LOSS,
    EVTWIN__SQL_ADD_LOSS,
    EVTWIN__SQL_COUNT_LOSS,
    EVTWIN__SQL_GET_LOSS,
    EVTWIN__SQL_COUNT
} evtwin__spool_sql;

typedef struct evtwin__spool_file {
    char *folder, *path; /* of the database */
    int lock;            /* the descriptor that holds it */
    evtwin__db *db;
    int is_synced;                /* commits wait for the disk */
    uint64_t least_log, most_log; /* bytes that count for it, and that it may have now */
    evtwin__stmt *stmt[EVTWIN__SQL_COUNT];
    char id[32];
} evtwin__spool_file;

/* Make what is absent, take the lock, prepare the statements; on failure *file holds nothing.
 * max_bytes sizes the log. read_only: make and write nothing, but fail as if; a database that is
 * absent is an empty one in memory. */
evtwin_status evtwin__spool_file_open(const char *folder, uint64_t max_bytes, int read_only,
                                      evtwin__spool_file *file);
void evtwin__spool_file_close(evtwin__spool_file *file);

/* A connection of another thread, and the statement that gives the entries of a kind behind a
 * number: number, n_records, accepted_us, hash, data. */
evtwin_status evtwin__spool_file_open_reader(const evtwin__spool_file *file,
                                             evtwin__spool_kind kind, evtwin__db **db_out,
                                             evtwin__stmt **next_out);

/* Begin a transaction that lasts through a power cut once committed, or (is_synced 0) only through
 * the end of the process, until the next synced one is. */
evtwin_status evtwin__spool_file_begin(evtwin__spool_file *file, int is_synced);

/* What it takes on disk. */
typedef struct evtwin__spool_bytes {
    uint64_t used, free; /* of the database: free is what deleted entries have left */
    uint64_t log;
} evtwin__spool_bytes;

evtwin_status evtwin__spool_file_bytes(evtwin__spool_file *file, evtwin__spool_bytes *out);

/* The log as it may be without that anything is accepted. */
uint64_t evtwin__spool_log_reserve(const evtwin__spool_file *file,
                                   const evtwin__spool_bytes *bytes);

/* Empty the log into the database, which a reader may delay. */
void evtwin__spool_file_checkpoint(evtwin__spool_file *file);

/* After an accept: its log is within the bound. */
void evtwin__spool_file_note_log(evtwin__spool_file *file);

/* After the move of a cursor: empty the log if it has grown since. */
void evtwin__spool_file_keep_log(evtwin__spool_file *file);

/* Give back to the disk what deleted entries have left, outside a transaction. */
void evtwin__spool_file_shrink(evtwin__spool_file *file);

/* Give back some of it, also if other pages have to be moved. DONE: there is none. */
evtwin_status evtwin__spool_file_squeeze(evtwin__spool_file *file);

#endif
