/* SPDX-License-Identifier: MIT */
/* io/sqlite_private.h: what sqlite.c and sqlite_backup.c share. */
#ifndef EVTWIN_IO_SQLITE_PRIVATE_H
#define EVTWIN_IO_SQLITE_PRIVATE_H

#include "io/sqlite.h"

#include <sqlite3.h>

struct evtwin__db {
    sqlite3 *handle;
    char *name; /* as the user gave it */
    evtwin__db_mode mode;
    int busy_timeout_ms;
};

/* Error text and code from a SQLite result code. */
evtwin_status evtwin__db_fail(evtwin__db *db, int rc);

#endif
