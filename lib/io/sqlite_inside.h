/* SPDX-License-Identifier: MIT */
/* io/sqlite_inside.h: what the files share that talk to SQLite. */
#ifndef EVTWIN_IO_SQLITE_INSIDE_H
#define EVTWIN_IO_SQLITE_INSIDE_H

#include "io/sqlite.h"

#include <stdatomic.h>
#include <sys/types.h>

/* SQLite's own. */
struct sqlite3;

struct evtwin__db {
    struct sqlite3 *handle;
    char *name;    /* as the user gave it */
    char *watched; /* the same from the root on; NULL in memory */
    int file;      /* the file that was opened, as a name only; -1 in memory */
    ino_t log_inode[2];
    ino_t own_log;        /* that commits go to; 0 = none yet */
    int64_t length;       /* of the file when it was last whole */
    int is_log_lost;      /* and that has been said */
    int64_t next_look_us; /* at the size of the log */
    int is_log_large;
    evtwin__db_mode mode;
    int busy_timeout_ms;
    atomic_int is_interrupted; /* by any thread, for good */
    int64_t deadline_us;       /* on the monotonic clock; INT64_MAX = none */
};

/* ---- sqlite.c ---- */

/* Our status and text for a result code of SQLite's. */
evtwin_status evtwin__db_fail(evtwin__db *db, int rc);

/* errno says why path could not be made. */
evtwin_status evtwin__db_fail_create(const char *path);

/* ---- sqlite_watch.c ---- */

/* From then on it is seen when the name leads to another file, also by way of a symbolic link. */
evtwin_status evtwin__db_watch(evtwin__db *db);

/* After a commit: its rows are safe even if somebody has removed the log. */
void evtwin__db_save_log(evtwin__db *db);

/* Before the handle is closed: what is in its log goes where it belongs. */
void evtwin__db_leave_log(evtwin__db *db);

#endif
