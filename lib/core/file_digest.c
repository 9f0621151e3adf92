/* SPDX-License-Identifier: MIT */
/* core/file_digest.c: the hash of a file, whatever its size. */

#include "core/file.h"
#include "core/sha256.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static evtwin_status hash_fd(const char *path, int fd, char hex[EVTWIN__SHA256_HEX_SIZE]) {
    enum { PIECE = 1 << 16 };
    char piece[PIECE];
    evtwin__sha256 sha;
    ssize_t n;
    evtwin__sha256_begin(&sha);
    while ((n = evtwin__fd_read(fd, piece, sizeof piece)) > 0) {
        evtwin__sha256_add(&sha, piece, (size_t)n);
    }
    if (n < 0) {
        return evtwin__fail_errno(path, errno);
    }
    evtwin__sha256_end(&sha, hex);
    return EVTWIN_OK;
}

evtwin_status evtwin_file_sha256(const char *path, char *hex, size_t hex_size) {
    char made[EVTWIN__SHA256_HEX_SIZE];
    struct stat info;
    EVTWIN_FAIL_IF(path == NULL || hex == NULL || hex_size < sizeof made, EVTWIN_E_ARG,
                   "path or hex is NULL, or hex has fewer than %zu bytes", sizeof made);
    /* what was opened is looked at, not what the name was a moment before: a pipe never waits */
    const int fd = evtwin__fd_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 && errno != ENXIO) { /* a socket, or a device that is not there */
        return evtwin__fail_errno(path, errno);
    }
    evtwin_status st = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)
                           ? hash_fd(path, fd, made)
                           : evtwin__fail(EVTWIN_E_UNSUPPORTED,
                                          "%s: not a file: its bytes can be read once only", path);
    if (fd >= 0) {
        close(fd);
    }
    if (st >= 0) {
        memcpy(hex, made, sizeof made);
    }
    return st;
}
