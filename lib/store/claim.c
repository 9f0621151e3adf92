/* SPDX-License-Identifier: MIT */
/* store/claim.c: claims on batteries as open-file-description locks on a file beside the database.
 */

#include "store/claim.h"

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
struct evtwin__claims {
    int fd;
    char *database;
    int64_t *slot; /* open addressing by hash; EMPTY or the offset of a claim held */
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

static evtwin_status grow(evtwin__claims *claims) {
    const size_t n_slots = claims->n_slots > 0 ? claims->n_slots * 2 : FIRST_SLOTS;
    int64_t *slot = evtwin__calloc(n_slots, sizeof *slot);
    if (slot == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the claims on %s", claims->database);
    }
    for (size_t i = 0; i < n_slots; i++) {
        slot[i] = EMPTY;
    }
    for (size_t i = 0; i < claims->n_slots; i++) {
        if (claims->slot[i] != EMPTY) {
            slot[find(slot, n_slots, claims->slot[i])] = claims->slot[i];
        }
    }
    evtwin__free(claims->slot);
    claims->slot = slot;
    claims->n_slots = n_slots;
    return EVTWIN_OK;
}

static evtwin_status open_file(evtwin__claims *claims) {
    static const char suffix[] = "-writers";
    const size_t length = strlen(claims->database);
    char *path = evtwin__calloc(length + sizeof suffix, 1);
    if (path == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the claims on %s", claims->database);
    }
    memcpy(path, claims->database, length);
    memcpy(path + length, suffix, sizeof suffix);
    evtwin_status st = EVTWIN_OK;
    claims->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (claims->fd < 0) {
        st = evtwin__fail(EVTWIN_E_IO, "%s: %s", path, strerror(errno));
    }
    evtwin__free(path);
    return st;
}

evtwin_status evtwin__claims_open(const char *database, evtwin__claims **out) {
    evtwin__claims *claims = evtwin__calloc(1, sizeof *claims);
    if (claims == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the claims on %s", database);
    }
    claims->fd = -1;
    claims->database = evtwin__strdup(database);
    evtwin_status st = EVTWIN_OK;
    if (claims->database == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the claims on %s", database);
    } else if ((st = open_file(claims)) >= 0) {
        st = grow(claims);
    }
    if (st < 0) {
        evtwin__claims_free(claims);
        return st;
    }
    *out = claims;
    return EVTWIN_OK;
}

void evtwin__claims_free(evtwin__claims *claims) {
    if (claims != NULL) {
        if (claims->fd >= 0) {
            close(claims->fd);
        }
        evtwin__free(claims->slot);
        evtwin__free(claims->database);
        evtwin__free(claims);
    }
}

evtwin_status evtwin__claims_take(evtwin__claims *claims, const char *battery_id) {
    const int64_t offset = offset_of(battery_id);
    size_t i = find(claims->slot, claims->n_slots, offset);
    if (claims->slot[i] == offset) {
        return EVTWIN_OK;
    }

    /* make room first: a lock taken is a lock remembered */
    if (2 * (claims->n_held + 1) > claims->n_slots) {
        const evtwin_status st = grow(claims);
        if (st < 0) {
            return st;
        }
        i = find(claims->slot, claims->n_slots, offset);
    }

    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
    int rc;
    do {
        rc = fcntl(claims->fd, F_OFD_SETLK, &lock);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            EVTWIN_FAIL(EVTWIN_E_BUSY,
                        "battery %s is written to %s by another process: stop that one, or give "
                        "this one another --battery-id",
                        battery_id, claims->database);
        }
        EVTWIN_FAIL(EVTWIN_E_IO, "%s-writers: %s", claims->database, strerror(errno));
    }
    claims->slot[i] = offset;
    claims->n_held++;
    return EVTWIN_OK;
}
