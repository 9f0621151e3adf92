/* SPDX-License-Identifier: MIT */
/* io/sqlite_watch.c: the files under a connection, which somebody can replace, cut short or
 * remove while it is open. */

#include "io/sqlite_inside.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *evtwin__db_path(const evtwin__db *db) {
    const char *path = sqlite3_db_filename(db->handle, "main");
    return path != NULL ? path : "";
}

static const char *const log_suffixes[2] = {"-wal", "-shm"};

/* Name of part i of the log, which SQLite keeps beside the file that the user's name leads to. */
static int log_name(const evtwin__db *db, size_t i, char name[PATH_MAX]) {
    const int n = snprintf(name, PATH_MAX, "%s%s", evtwin__db_path(db), log_suffixes[i]);
    return n > 0 && n < PATH_MAX;
}

/* The descriptor is of the kind whose closing does not drop SQLite's locks. */
evtwin_status evtwin__db_watch(evtwin__db *db) {
    char folder[PATH_MAX] = "", path[2 * PATH_MAX];
    EVTWIN_FAIL_IF(db->name[0] != '/' && getcwd(folder, sizeof folder) == NULL, EVTWIN_E_IO,
                   "%s: %s", db->name, strerror(errno));
    snprintf(path, sizeof path, "%s%s%s", folder, db->name[0] != '/' ? "/" : "", db->name);
    db->watched = evtwin__strdup(path);
    EVTWIN_FAIL_IF(db->watched == NULL, EVTWIN_E_NOMEM, "out of memory for the name of %s",
                   db->name);
    db->file = open(path, O_PATH | O_CLOEXEC);
    EVTWIN_FAIL_IF(db->file < 0, EVTWIN_E_IO, "%s: %s", db->name, strerror(errno));
    return EVTWIN_OK;
}

static int is_elsewhere(const evtwin__db *db) {
    int has_moved = 0;
    return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
               SQLITE_OK &&
           has_moved;
}

int evtwin__db_has_moved(evtwin__db *db) {
    struct stat opened, named;
    if (db->watched == NULL) {
        return 0;
    }
    if (is_elsewhere(db) || stat(db->watched, &named) != 0 || fstat(db->file, &opened) != 0 ||
        named.st_dev != opened.st_dev || named.st_ino != opened.st_ino) {
        return 1;
    }
    for (size_t i = 0; i < 2 && db->log_inode[i] == 0; i++) {
        char name[PATH_MAX];
        db->log_inode[i] = log_name(db, i, name) && stat(name, &named) == 0 ? named.st_ino : 0;
    }
    return 0;
}

int evtwin__db_has_other_log(const evtwin__db *db) {
    struct stat named;
    char name[PATH_MAX];
    return db->watched != NULL && db->log_inode[0] != 0 && log_name(db, 0, name) &&
           stat(name, &named) == 0 && named.st_ino != db->log_inode[0];
}

/* How long the file should be by its own header, which SQLite changes before it makes a file
 * shorter (https://sqlite.org/fileformat.html: page size at 16, pages at 28, both big-endian). */
static int64_t length_by_header(const evtwin__db *db) {
    sqlite3_file *file = NULL;
    unsigned char header[32];
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file->pMethods == NULL ||
        file->pMethods->xRead(file, header, sizeof header, 0) != SQLITE_OK) {
        return INT64_MAX;
    }
    const int64_t page = header[16] << 8 | header[17];
    const int64_t n_pages =
        (int64_t)header[28] << 24 | header[29] << 16 | header[30] << 8 | header[31];
    return (page == 1 ? 65536 : page) * n_pages;
}

int evtwin__db_is_cut(evtwin__db *db) {
    struct stat opened;
    if (db->watched == NULL || fstat(db->file, &opened) != 0) {
        return 0;
    }
    if (opened.st_size < db->length && length_by_header(db) > opened.st_size) {
        return 1;
    }
    db->length = opened.st_size;
    return 0;
}

/* A log that somebody has removed goes with the last of the connections that still write to it:
 * what is in it goes into the database at once. */
void evtwin__db_save_log(evtwin__db *db) {
    struct stat named = {0};
    char name[PATH_MAX];
    if (db->watched == NULL || !log_name(db, 0, name)) {
        return;
    }
    const ino_t inode = stat(name, &named) == 0 ? named.st_ino : 0;
    db->own_log = db->own_log != 0 ? db->own_log : inode;
    if (inode == db->own_log || is_elsewhere(db) || evtwin__db_is_cut(db)) {
        return;
    }
    sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (!db->is_log_lost) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: was removed while it was open; rows go into the database at once: end all "
                    "programs that have it open before others write to it",
                    name);
        db->is_log_lost = 1;
    }
}

/* SQLite finds a log by its name alone: one that belongs to a file which has moved away would be
 * played into the file that has its name now, and closing could remove that file's. So what is in
 * the log goes where it belongs, and its name goes, unless it is another's already. */
static void clear_log(evtwin__db *db) {
    int persist = 1, n_frames = -1, n_moved = 0;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    const int rc =
        sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_frames, &n_moved);
    struct stat info;
    const int is_gone = fstat(db->file, &info) == 0 && info.st_nlink == 0;
    const int is_needed = !is_gone && (rc != SQLITE_OK || n_frames != n_moved);
    for (size_t i = is_needed ? 1 : 0; i < 2; i++) {
        char name[PATH_MAX];
        if (log_name(db, i, name) && stat(name, &info) == 0 && info.st_ino == db->log_inode[i]) {
            unlink(name);
        }
    }
}

void evtwin__db_leave_log(evtwin__db *db) {
    if (db->watched != NULL && is_elsewhere(db)) {
        clear_log(db);
    } else if (db->own_log != 0) {
        evtwin__db_save_log(db);
    }
}

/* A reader that never ends its transaction keeps the log from being used anew. */
void evtwin__db_check_log(evtwin__db *db, int64_t limit_bytes) {
    struct stat log, data;
    char name[PATH_MAX];
    const int64_t now_us = evtwin__monotonic_us();
    if (db->watched == NULL || now_us < db->next_look_us) {
        return;
    }
    db->next_look_us = now_us + 10000000;
    const int is_large = log_name(db, 0, name) && stat(name, &log) == 0 &&
                         stat(evtwin__db_path(db), &data) == 0 && log.st_size > limit_bytes &&
                         log.st_size > data.st_size;
    if (is_large && !db->is_log_large) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: its log has grown to %lld MB, more than the database (%lld MB): a program "
                    "keeps a read transaction open",
                    name, (long long)log.st_size >> 20, (long long)data.st_size >> 20);
    }
    db->is_log_large = is_large;
}
