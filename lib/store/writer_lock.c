/* SPDX-License-Identifier: MIT */
/* store/writer_lock.c: one writer for each battery: locks on bytes of a file beside the database.
 */

#include "store/writer_lock.h"

#include "core/dict.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each battery has the byte at a 62-bit hash of its id: the file itself stays empty. Two ids on one
 * byte would need luck of 1 in 10^11 in a fleet of 10,000, and would only refuse a second writer.
 * Locks of the open file description, not of the process: two handles in one process exclude each
 * other too, and closing one does not drop the other's. */
struct evtwin__writer_locks {
    int fd;
    char *path;
    evtwin__dict held; /* the batteries that are locked */
};

static int64_t offset_of(const char *battery_id) {
    uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, battery_id, strlen(battery_id));
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (int64_t)((hash ^ hash >> 32) >> 2);
}

evtwin_status evtwin__writer_locks_open(const char *database, evtwin__writer_locks **out) {
    static const char suffix[] = "-writers";
    const size_t length = strlen(database);
    evtwin__writer_locks *locks = evtwin__calloc(1, sizeof *locks);
    char *path = evtwin__calloc(length + sizeof suffix, 1);
    if (locks == NULL || path == NULL) {
        evtwin__free(locks);
        evtwin__free(path);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the writer locks on %s", database);
    }
    memcpy(path, database, length);
    memcpy(path + length, suffix, sizeof suffix);
    locks->path = path;
    locks->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (locks->fd < 0) {
        const evtwin_status st = evtwin__fail(EVTWIN_E_IO, "%s: %s", path, strerror(errno));
        evtwin__writer_locks_free(locks);
        return st;
    }
    *out = locks;
    return EVTWIN_OK;
}

void evtwin__writer_locks_free(evtwin__writer_locks *locks) {
    if (locks != NULL) {
        if (locks->fd >= 0) {
            close(locks->fd);
        }
        evtwin__dict_free(&locks->held);
        evtwin__free(locks->path);
        evtwin__free(locks);
    }
}

evtwin_status evtwin__writer_locks_take(evtwin__writer_locks *locks, const char *battery_id) {
    if (evtwin__dict_find(&locks->held, battery_id, strlen(battery_id)) >= 0) {
        return EVTWIN_OK;
    }
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)offset_of(battery_id),
                         .l_len = 1};
    int rc;
    do {
        rc = fcntl(locks->fd, F_OFD_SETLK, &lock);
    } while (rc != 0 && errno == EINTR);
    EVTWIN_FAIL_IF(rc != 0 && errno != EAGAIN && errno != EACCES, EVTWIN_E_IO, "%s: %s",
                   locks->path, strerror(errno));
    EVTWIN_FAIL_IF(rc != 0, EVTWIN_E_BUSY,
                   "%s: battery %s is held by another process: stop that one, or write another "
                   "battery",
                   locks->path, battery_id);
    /* a lock that is not remembered is taken again, which is no harm */
    int32_t code;
    return evtwin__dict_intern(&locks->held, battery_id, strlen(battery_id), &code);
}
