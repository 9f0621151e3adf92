/* SPDX-License-Identifier: MIT */
/* core/file.c: read a whole file under a cap; write one that appears whole or not at all. */

#include "core/file.h"

#include "core/mem.h"
#include "core/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

evtwin_status evtwin__fail_errno(const char *path, int error) {
    const int is_absent = error == ENOENT || error == ENOTDIR;
    EVTWIN_FAIL(is_absent ? EVTWIN_E_NOT_FOUND : EVTWIN_E_IO, "%s: %s", path, strerror(error));
}

ssize_t evtwin__fd_read(int fd, char *data, size_t size) {
    ssize_t n;
    do {
        n = read(fd, data, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

int evtwin__fd_write(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

int evtwin__fd_open(const char *path, int flags, mode_t mode) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* ---- what a user names ---- */

/* May it be read to an end? A terminal is a device too. */
static evtwin_status check_input(const char *path, int fd, const struct stat *info) {
    if (S_ISDIR(info->st_mode)) {
        return evtwin__fail_errno(path, EISDIR);
    }
    const int is_device = S_ISBLK(info->st_mode) || (S_ISCHR(info->st_mode) && !isatty(fd));
    EVTWIN_FAIL_IF(is_device, EVTWIN_E_UNSUPPORTED, "%s: is a device; expected a file or a pipe",
                   path);
    return EVTWIN_OK;
}

/* Reading and writing wait again, as after an ordinary open. */
static evtwin_status make_blocking(const char *path, int fd) {
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0
               ? EVTWIN_OK
               : evtwin__fail_errno(path, errno);
}

/* A named pipe reads like an empty file until its first writer comes; poll tells them apart. */
static evtwin_status await_writer(const char *path, int fd) {
    struct pollfd first = {.fd = fd, .events = POLLIN};
    return poll(&first, 1, -1) >= 0 ? EVTWIN_OK : evtwin__fail_errno(path, errno);
}

evtwin_status evtwin__fd_open_input(const char *path, int waits, int *fd_out) {
    const int fd = evtwin__fd_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    EVTWIN_FAIL_IF(fd < 0 && errno == ENXIO, EVTWIN_E_UNSUPPORTED,
                   "%s: is a socket or device; expected a file or a pipe", path);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return evtwin__fail_errno(path, errno);
    }
    evtwin_status st = check_input(path, fd, &info);
    if (st == EVTWIN_OK && waits && S_ISFIFO(info.st_mode)) {
        st = await_writer(path, fd);
    }
    if (st == EVTWIN_OK && waits) {
        st = make_blocking(path, fd);
    }
    if (st < 0) {
        close(fd);
        return st;
    }
    *fd_out = fd;
    return EVTWIN_OK;
}

evtwin_status evtwin__fd_open_output(const char *path, int flags, mode_t mode, int *fd_out) {
    const int fd = evtwin__fd_open(path, flags | O_NONBLOCK | O_NOCTTY, mode);
    EVTWIN_FAIL_IF(fd < 0 && errno == ENXIO, EVTWIN_E_AGAIN, "%s: nobody reads from this pipe yet",
                   path);
    if (fd < 0) {
        return evtwin__fail_errno(path, errno);
    }
    const evtwin_status st = make_blocking(path, fd);
    if (st < 0) {
        close(fd);
        return st;
    }
    *fd_out = fd;
    return EVTWIN_OK;
}

/* ---- read ---- */

/* Read to the end; expected is what the file says its size is (a pipe or /proc says 0). *data_io is
 * the caller's to free. */
static evtwin_status read_all(int fd, const char *path, size_t expected, size_t max_bytes,
                              char **data_io, size_t *size_out) {
    size_t size = 0, capacity = 0;
    for (ssize_t n = 1; n > 0; size += (size_t)n) {
        /* one byte over the expected size finds the end without growing, one more holds the NUL */
        if (capacity - size < 2) {
            capacity = capacity == 0 ? expected + 4096 : capacity * 2;
            char *grown = evtwin__realloc(*data_io, capacity, 1);
            EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu bytes", path,
                           capacity);
            *data_io = grown;
        }
        n = evtwin__fd_read(fd, *data_io + size, capacity - size - 1);
        if (n < 0) {
            return evtwin__fail_errno(path, errno);
        }
        EVTWIN_FAIL_IF(size + (size_t)n > max_bytes, EVTWIN_E_UNSUPPORTED,
                       "%s: is larger than %zu bytes", path, max_bytes);
    }
    (*data_io)[size] = '\0';
    *size_out = size;
    return EVTWIN_OK;
}

evtwin_status evtwin__file_read(const char *path, size_t max_bytes, char **data_out,
                                size_t *size_out) {
    int fd;
    EVTWIN_TRY(evtwin__fd_open_input(path, 1, &fd));
    struct stat info;
    evtwin_status st;
    char *data = NULL;
    if (fstat(fd, &info) != 0) {
        st = evtwin__fail_errno(path, errno);
    } else if (info.st_size > 0 && (uint64_t)info.st_size > max_bytes) {
        st = evtwin__fail(EVTWIN_E_UNSUPPORTED, "%s: is larger than %zu bytes", path, max_bytes);
    } else {
        st = read_all(fd, path, (size_t)info.st_size, max_bytes, &data, size_out);
    }
    close(fd);
    if (st < 0) {
        evtwin__free(data);
    } else {
        *data_out = data;
    }
    return st;
}

evtwin_status evtwin__file_check_private(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return EVTWIN_OK; /* who reads it will find out */
    }
    /* what root hands to a service, a secret of Kubernetes or a credential of systemd, is read by
     * the service's group; PostgreSQL's rule for its key */
    const mode_t permitted = info.st_uid == 0 && geteuid() != 0 ? S_IRGRP : 0;
    EVTWIN_FAIL_IF((info.st_mode & (S_IRWXG | S_IRWXO) & ~permitted) != 0, EVTWIN_E_ARG,
                   "%s: others can read the password in this file; chmod 600 %s", path, path);
    return EVTWIN_OK;
}

/* ---- write ---- */

enum { TEMP_TRIES = 1000, READER_POLL_MS = 50 };

#define TEMP_FORM ".evtwin-%ld-%u.tmp"

struct evtwin__writer {
    int fd;
    char *path;   /* what the caller named, for messages */
    char *target; /* where the name leads to: symbolic links are followed, not replaced */
    char *temp;   /* NULL: fd is the target itself (standard output, a device, a pipe) */
};

static void writer_free(evtwin__writer *w) {
    if (w->fd >= 0) {
        close(w->fd);
    }
    if (w->temp != NULL) {
        unlink(w->temp);
    }
    evtwin__free(w->path);
    evtwin__free(w->target);
    evtwin__free(w->temp);
    evtwin__free(w);
}

/* The folder part of a path, with its '/': "" for a bare name. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* A temporary file is locked as long as it is in use: a killed process has no locks. */
static int is_in_use(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) != 0;
}

/* Remove what killed processes left in a folder. */
static void sweep(const char *folder) {
    DIR *dir = opendir(folder[0] != '\0' ? folder : ".");
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        long pid;
        unsigned number;
        int end = 0;
        if (sscanf(entry->d_name, TEMP_FORM "%n", &pid, &number, &end) != 2 ||
            entry->d_name[end] != '\0') {
            continue;
        }
        const int fd =
            openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && !is_in_use(fd)) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* The name does not grow with the target's, which may have the longest length allowed. */
static int temp_create(const char *target, mode_t mode, char **temp_out, int *fd_out) {
    static atomic_uint counter;
    const size_t folder = folder_length(target);
    const size_t size = folder + 64;
    char *temp = evtwin__calloc(size, 1);
    if (temp == NULL) {
        return ENOMEM;
    }
    memcpy(temp, target, folder);
    sweep(temp);
    int fd = -1, error = EEXIST;
    for (int i = 0; i < TEMP_TRIES && error == EEXIST; i++) {
        snprintf(temp + folder, size - folder, TEMP_FORM, (long)getpid(),
                 atomic_fetch_add(&counter, 1));
        fd = evtwin__fd_open(temp, O_RDWR | O_CREAT | O_EXCL, mode);
        error = fd < 0 ? errno : 0;
        struct stat info;
        if (fd >= 0 && (is_in_use(fd) || fstat(fd, &info) != 0 || info.st_nlink == 0)) {
            close(fd); /* swept away before it was locked */
            error = EEXIST;
        }
    }
    if (error != 0) {
        evtwin__free(temp);
        return error;
    }
    *temp_out = temp;
    *fd_out = fd;
    return 0;
}

int evtwin__temp_create(const char *target, char **temp_out, int *fd_out) {
    return temp_create(target, 0600, temp_out, fd_out);
}

static evtwin_status open_temp(evtwin__writer *w, mode_t mode) {
    const int error = temp_create(w->target, mode, &w->temp, &w->fd);
    EVTWIN_FAIL_IF(error == ENOMEM, EVTWIN_E_NOMEM, "%s: out of memory", w->path);
    return error == 0 ? EVTWIN_OK : evtwin__fail_errno(w->path, error);
}

/* A device, or a pipe: its reader is waited for, until a signal comes. */
static evtwin_status open_other(evtwin__writer *w) {
    evtwin_status st;
    while ((st = evtwin__fd_open_output(w->path, O_WRONLY, 0, &w->fd)) == EVTWIN_E_AGAIN) {
        if (poll(NULL, 0, READER_POLL_MS) < 0) {
            return evtwin__fail_errno(w->path, errno);
        }
    }
    return st;
}

/* Decide by what is there already: nothing, a file to be replaced, or something to write into. */
static evtwin_status open_target(evtwin__writer *w, mode_t mode) {
    struct stat info;
    if (stat(w->path, &info) != 0) {
        if (errno != ENOENT) {
            return evtwin__fail_errno(w->path, errno);
        }
        w->target = evtwin__strdup(w->path);
        return w->target != NULL ? open_temp(w, mode)
                                 : evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory", w->path);
    }
    if (S_ISDIR(info.st_mode)) {
        return evtwin__fail_errno(w->path, EISDIR);
    }
    if (!S_ISREG(info.st_mode)) {
        return open_other(w);
    }

    char *real = realpath(w->path, NULL);
    if (real == NULL) {
        return evtwin__fail_errno(w->path, errno);
    }
    w->target = evtwin__strdup(real);
    free(real); /* realpath's; layer-check: allowed */
    EVTWIN_FAIL_IF(w->target == NULL, EVTWIN_E_NOMEM, "%s: out of memory", w->path);
    const evtwin_status st = open_temp(w, 0600); /* then that of the one it replaces */
    if (st == EVTWIN_OK && fchmod(w->fd, info.st_mode & 07777) != 0) {
        return evtwin__fail_errno(w->path, errno);
    }
    return st;
}

static evtwin_status writer_open(const char *path, mode_t mode, evtwin__writer **out) {
    evtwin__writer *w = evtwin__calloc(1, sizeof *w);
    EVTWIN_FAIL_IF(w == NULL, EVTWIN_E_NOMEM, "%s: out of memory", path);
    w->fd = -1;
    w->path = evtwin__strdup(path);

    evtwin_status st = EVTWIN_OK;
    if (w->path == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory", path);
    } else if (strcmp(path, "-") != 0) {
        st = open_target(w, mode);
    } else if ((w->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)) < 0) {
        st = evtwin__fail(EVTWIN_E_IO, "standard output: %s", strerror(errno));
    }
    if (st < 0) {
        writer_free(w);
        return st;
    }
    *out = w;
    return EVTWIN_OK;
}

evtwin_status evtwin__writer_open(const char *path, evtwin__writer **out) {
    return writer_open(path, 0600, out);
}

evtwin_status evtwin__writer_open_shared(const char *path, evtwin__writer **out) {
    return writer_open(path, 0666, out);
}

evtwin_status evtwin__writer_write(evtwin__writer *w, const void *data, size_t size) {
    const int error = evtwin__fd_write(w->fd, data, size);
    return error == 0 ? EVTWIN_OK : evtwin__fail_errno(w->path, error);
}

void evtwin__file_sync_folder(const char *path) {
    const size_t length = folder_length(path);
    char *folder = length > 0 ? evtwin__strndup(path, length) : evtwin__strdup(".");
    const int fd = folder != NULL ? evtwin__fd_open(folder, O_RDONLY | O_DIRECTORY, 0) : -1;
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: its folder could not be synchronised: %s", path,
                    strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    evtwin__free(folder);
}

evtwin_status evtwin__writer_sync(evtwin__writer *w) {
    return w->temp != NULL && fsync(w->fd) != 0 ? evtwin__fail_errno(w->path, errno) : EVTWIN_OK;
}

evtwin_status evtwin__writer_commit(evtwin__writer *w) {
    evtwin_status st = evtwin__writer_sync(w);
    if (w->temp != NULL) {
        /* not closed before it has its name: without its lock another process would sweep it away.
         * Closing fails no more, the data are on the disk */
        if (st == EVTWIN_OK && rename(w->temp, w->target) != 0) {
            st = evtwin__fail_errno(w->path, errno);
        }
        if (st == EVTWIN_OK) {
            evtwin__free(w->temp);
            w->temp = NULL;
            evtwin__file_sync_folder(w->target);
        }
    }
    writer_free(w);
    return st;
}

void evtwin__writer_abandon(evtwin__writer *w) {
    if (w != NULL) {
        writer_free(w);
    }
}

evtwin_status evtwin__file_write(const char *path, const void *data, size_t size) {
    evtwin__writer *w;
    EVTWIN_TRY(evtwin__writer_open(path, &w));
    const evtwin_status st = evtwin__writer_write(w, data, size);
    if (st < 0) {
        evtwin__writer_abandon(w);
        return st;
    }
    return evtwin__writer_commit(w);
}

/* ---- folders ---- */

static evtwin_status make_one(const char *path, mode_t mode) {
    if (mkdir(path, mode) == 0) {
        return EVTWIN_OK;
    }
    const int error = errno;
    struct stat info;
    const int is_there = stat(path, &info) == 0;
    EVTWIN_FAIL_IF(!is_there || !S_ISDIR(info.st_mode), EVTWIN_E_IO, "%s: %s", path,
                   strerror(is_there ? ENOTDIR : error));
    return EVTWIN_OK;
}

static evtwin_status make_all(const char *path, mode_t mode) {
    char *part = evtwin__strdup(path);
    EVTWIN_FAIL_IF(part == NULL, EVTWIN_E_NOMEM, "%s: out of memory", path);

    /* cut the path at each '/' that ends a name, from left to right */
    evtwin_status st = EVTWIN_OK;
    for (char *p = part; *p != '\0' && st == EVTWIN_OK; p++) {
        if (*p == '/' && p > part && p[-1] != '/') {
            *p = '\0';
            st = make_one(part, mode);
            *p = '/';
        }
    }
    if (st == EVTWIN_OK) {
        st = make_one(part, mode);
    }
    evtwin__free(part);
    return st;
}

evtwin_status evtwin__mkdirs(const char *path) {
    return make_all(path, 0700);
}

evtwin_status evtwin__mkdirs_shared(const char *path) {
    return make_all(path, 0777);
}
