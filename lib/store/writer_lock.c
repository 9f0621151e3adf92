/* SPDX-License-Identifier: MIT */
/* store/writer_lock.c: one writer for each battery: locks on bytes of a file beside the database.
 */

#include "store/writer_lock.h"

#include "core/file.h"
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
    char *database;
    int64_t *slot; /* open addressing by hash; EMPTY or the offset of a lock held */
    size_t n_slots, n_held;
};

enum { EMPTY = -1, FIRST_SLOTS = 64 };

static int64_t offset_of(const char *battery_id) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const unsigned char *c = (const unsigned char *)battery_id; *c != '\0'; c++) {
        hash = (hash ^ *c) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (int64_t)((hash ^ hash >> 32) >> 2);
}

/* The slot of an offset, or the empty one where it belongs. */
static size_t find(const int64_t *slot, size_t n_slots, int64_t offset) {
    size_t i = (size_t)offset & (n_slots - 1);
    while (slot[i] != EMPTY && slot[i] != offset) {
        i = (i + 1) & (n_slots - 1);
    }
    return i;
}

static evtwin_status grow(evtwin__writer_locks *locks) {
    const size_t n_slots = locks->n_slots > 0 ? locks->n_slots * 2 : FIRST_SLOTS;
    int64_t *slot = evtwin__calloc(n_slots, sizeof *slot);
    EVTWIN_FAIL_IF(slot == NULL, EVTWIN_E_NOMEM, "out of memory for the writer locks on %s",
                   locks->database);
    for (size_t i = 0; i < n_slots; i++) {
        slot[i] = EMPTY;
    }
    for (size_t i = 0; i < locks->n_slots; i++) {
        if (locks->slot[i] != EMPTY) {
            slot[find(slot, n_slots, locks->slot[i])] = locks->slot[i];
        }
    }
    evtwin__free(locks->slot);
    locks->slot = slot;
    locks->n_slots = n_slots;
    return EVTWIN_OK;
}

static evtwin_status open_file(evtwin__writer_locks *locks) {
    static const char suffix[] = "-writers";
    const size_t length = strlen(locks->database);
    char *path = evtwin__calloc(length + sizeof suffix, 1);
    EVTWIN_FAIL_IF(path == NULL, EVTWIN_E_NOMEM, "out of memory for the writer locks on %s",
                   locks->database);
    memcpy(path, locks->database, length);
    memcpy(path + length, suffix, sizeof suffix);
    locks->fd = evtwin__fd_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    const evtwin_status st =
        locks->fd >= 0 ? EVTWIN_OK : evtwin__fail(EVTWIN_E_IO, "%s: %s", path, strerror(errno));
    evtwin__free(path);
    return st;
}

evtwin_status evtwin__writer_locks_open(const char *database, evtwin__writer_locks **out) {
    evtwin__writer_locks *locks = evtwin__calloc(1, sizeof *locks);
    EVTWIN_FAIL_IF(locks == NULL, EVTWIN_E_NOMEM, "out of memory for the writer locks on %s",
                   database);
    locks->fd = -1;
    locks->database = evtwin__strdup(database);
    evtwin_status st = EVTWIN_OK;
    if (locks->database == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the writer locks on %s", database);
    } else if ((st = open_file(locks)) >= 0) {
        st = grow(locks);
    }
    if (st < 0) {
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
        evtwin__free(locks->slot);
        evtwin__free(locks->database);
        evtwin__free(locks);
    }
}

evtwin_status evtwin__writer_locks_take(evtwin__writer_locks *locks, const char *battery_id) {
    const int64_t offset = offset_of(battery_id);
    size_t i = find(locks->slot, locks->n_slots, offset);
    if (locks->slot[i] == offset) {
        return EVTWIN_OK;
    }

    /* make room first: a lock taken is a lock remembered */
    if (2 * (locks->n_held + 1) > locks->n_slots) {
        EVTWIN_TRY(grow(locks));
        i = find(locks->slot, locks->n_slots, offset);
    }

    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
    int rc;
    do {
        rc = fcntl(locks->fd, F_OFD_SETLK, &lock);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        EVTWIN_FAIL_IF(
            errno == EAGAIN || errno == EACCES, EVTWIN_E_BUSY,
            "battery %s in %s is held by another process: stop that one, or write another "
            "battery",
            battery_id, locks->database);
        EVTWIN_FAIL(EVTWIN_E_IO, "%s-writers: %s", locks->database, strerror(errno));
    }
    locks->slot[i] = offset;
    locks->n_held++;
    return EVTWIN_OK;
}
