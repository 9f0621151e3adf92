/* SPDX-License-Identifier: MIT */
/* core/folder_lock.c: flock on a folder: it ends with its process, whatever way that goes. */

#include "core/folder_lock.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

enum { WAIT_ms = 30000, POLL_ms = 10 };

/* 1 if it is locked, 0 if another holds it; -1 if there is no lock to have. */
static int try_lock(int fd, int operation) {
    int rc;
    do {
        rc = flock(fd, operation | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? 1 : errno == EWOULDBLOCK ? 0 : -1;
}

evtwin_status evtwin__folder_lock(const char *path, int is_for_writing, int *fd_out) {
    *fd_out = -1;
    const int fd = evtwin__fd_open(path[0] != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return EVTWIN_OK;
    }
    const int64_t end_ms = evtwin__monotonic_ms() + WAIT_ms;
    int is_locked;
    while ((is_locked = try_lock(fd, is_for_writing ? LOCK_EX : LOCK_SH)) == 0 &&
           evtwin__monotonic_ms() < end_ms) {
        poll(NULL, 0, POLL_ms);
    }
    if (is_locked > 0) {
        *fd_out = fd;
        return EVTWIN_OK;
    }
    close(fd);
    EVTWIN_FAIL_IF(is_locked == 0, EVTWIN_E_BUSY,
                   "%s: another process has been using this folder for %d s: try again", path,
                   WAIT_ms / 1000);
    return EVTWIN_OK;
}

int evtwin__folder_try_lock(const char *path, int *fd_out) {
    *fd_out = -1;
    const int fd = evtwin__fd_open(path, O_RDONLY | O_DIRECTORY, 0);
    const int is_locked = fd >= 0 ? try_lock(fd, LOCK_EX) : -1;
    if (is_locked > 0) {
        *fd_out = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return is_locked;
}

void evtwin__folder_unlock(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}
