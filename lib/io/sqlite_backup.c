/* SPDX-License-Identifier: MIT */
/* io/sqlite_backup.c: copy a database that is in use. */

#include "io/sqlite_inside.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One step for all pages: its read transaction pins the state that is copied, and in a database
 * with a log no writer waits for a reader. Smaller steps would begin anew after every commit of
 * others. */
static evtwin_status copy_pages(evtwin__db *from, evtwin__db *to) {
    sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (backup == NULL) {
        return evtwin__db_fail(to, sqlite3_extended_errcode(to->handle));
    }
    const int rc = sqlite3_backup_step(backup, -1);
    const int end = sqlite3_backup_finish(backup);
    if (rc != SQLITE_DONE) {
        return evtwin__db_fail(to, rc);
    }
    return end == SQLITE_OK ? EVTWIN_OK : evtwin__db_fail(to, end);
}

/* The copy is one file: it leaves the mode in which a database needs its log beside it. Nobody has
 * it yet, so that its mark needs no journal on disk. */
static evtwin_status copy_into(evtwin__db *db, const char *path, int32_t user_version) {
    evtwin__db *to = NULL;
    char sql[120];
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = MEMORY;"
             " PRAGMA user_version = %" PRId32,
             user_version);
    evtwin_status st = evtwin__db_open(path, EVTWIN__DB_WRITE, db->busy_timeout_ms, &to);
    if (st >= 0 && (st = copy_pages(db, to)) >= 0) {
        st = evtwin__db_exec(to, sql);
    }
    evtwin__db_close(to);
    return st;
}

/* Give the finished copy its name, never that of a file that is there; a moment with two names
 * would look like a hard link. */
static evtwin_status publish(const char *temporary, const char *path) {
    int failed = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);
    if (failed && (errno == EINVAL || errno == ENOSYS)) { /* a file system that cannot do that */
        failed = link(temporary, path) != 0 || unlink(temporary) != 0;
    }
    EVTWIN_FAIL_IF(failed, EVTWIN_E_IO, "%s: %s", path, strerror(errno));
    evtwin__file_sync_folder(path);
    return EVTWIN_OK;
}

evtwin_status evtwin__db_backup(evtwin__db *db, const char *path, int32_t user_version) {
    struct stat info;
    EVTWIN_FAIL_IF(lstat(path, &info) == 0, EVTWIN_E_IO,
                   "%s: exists; a backup never replaces a file", path);
    char *temporary = NULL;
    int fd = -1;
    errno = evtwin__temp_create(path, &temporary, &fd);
    EVTWIN_FAIL_IF(errno == ENOMEM, EVTWIN_E_NOMEM, "out of memory for the name of %s", path);
    if (errno != 0) {
        return evtwin__db_fail_create(path);
    }
    evtwin_status st = fchmod(fd, 0600) == 0 ? copy_into(db, temporary, user_version)
                                             : evtwin__db_fail_create(path);
    if (st >= 0) {
        st = publish(temporary, path);
    }
    if (st < 0) {
        unlink(temporary);
    }
    close(fd);
    evtwin__free(temporary);
    return st;
}
