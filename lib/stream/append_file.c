/* SPDX-License-Identifier: MIT */
/* stream/append_file.c: append batches of lines to a file, each all or nothing. */

#include "stream/append_file.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* An open-file-description lock: it also holds between two sinks of one process. */
static evtwin_status lock(const evtwin__append_file *f) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(f->fd, F_OFD_SETLK, &whole) == 0) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(errno == EAGAIN || errno == EACCES, EVTWIN_E_BUSY,
                   "%s: held by another process or sink", f->path);
    return evtwin__fail_errno(f->path, errno);
}

/* Read exactly n bytes at offset. */
static evtwin_status read_at(const evtwin__append_file *f, off_t offset, char *data, size_t n) {
    while (n > 0) {
        const ssize_t got = pread(f->fd, data, n, offset);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return evtwin__fail_errno(f->path, got == 0 ? EIO : errno);
        }
        if (got > 0) {
            data += got;
            offset += got;
            n -= (size_t)got;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status check_first_line(const evtwin__append_file *f, off_t size, char *chunk,
                                      evtwin__first_line_fn check, void *ctx) {
    const size_t n = size < CHUNK ? (size_t)size : CHUNK;
    EVTWIN_TRY(read_at(f, 0, chunk, n));
    const char *end = memchr(chunk, '\n', n);
    return check(ctx, f->path, chunk, end != NULL ? (size_t)(end - chunk) : n, end != NULL);
}

/* Where the last whole line ends, 0 if there is none. */
static evtwin_status find_last_line_end(const evtwin__append_file *f, off_t size, char *chunk,
                                        off_t *end_out) {
    off_t end = size;
    while (end > 0) {
        const size_t n = end < CHUNK ? (size_t)end : CHUNK;
        EVTWIN_TRY(read_at(f, end - (off_t)n, chunk, n));
        const char *newline = memrchr(chunk, '\n', n);
        if (newline != NULL) {
            end -= (off_t)(n - (size_t)(newline - chunk)) - 1;
            break;
        }
        end -= (off_t)n;
    }
    *end_out = end;
    return EVTWIN_OK;
}

/* Look at what is there already, and make it end with a whole line. */
static evtwin_status adopt(evtwin__append_file *f, off_t size, evtwin__first_line_fn check,
                           void *check_ctx) {
    char *chunk = evtwin__calloc(CHUNK, 1);
    EVTWIN_FAIL_IF(chunk == NULL, EVTWIN_E_NOMEM, "%s: out of memory", f->path);
    off_t end = size;
    evtwin_status st = check_first_line(f, size, chunk, check, check_ctx);
    if (st == EVTWIN_OK) {
        st = find_last_line_end(f, size, chunk, &end);
    }
    evtwin__free(chunk);
    if (st < 0) {
        return st;
    }
    if (end < size) {
        if (ftruncate(f->fd, end) != 0) {
            return evtwin__fail_errno(f->path, errno);
        }
        evtwin__log(EVTWIN_LOG_WARNING, "%s: cut off an incomplete last line of %lld bytes",
                    f->path, (long long)(size - end));
    }
    return EVTWIN_OK;
}

/* A pipe or device is only written to: open for reading too, a pipe would be its own reader. */
static evtwin_status open_path(evtwin__append_file *f) {
    struct stat info;
    const int exists = stat(f->path, &info) == 0;
    f->is_regular = !exists || S_ISREG(info.st_mode);
    const int flags = f->is_regular ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY;
    f->fd = evtwin__fd_open(f->path, flags, 0666);
    if (f->fd < 0 || fstat(f->fd, &info) != 0) {
        return evtwin__fail_errno(f->path, errno);
    }
    f->is_regular = S_ISREG(info.st_mode);
    if (!exists) {
        evtwin__file_sync_folder(f->path);
    }
    return EVTWIN_OK;
}

/* Lock a regular file and bring it into a state to append to. */
static evtwin_status prepare(evtwin__append_file *f, evtwin__first_line_fn check, void *check_ctx) {
    EVTWIN_TRY(lock(f));

    /* the size is what it is under the lock */
    struct stat info;
    if (fstat(f->fd, &info) != 0 || (f->replace && ftruncate(f->fd, 0) != 0)) {
        return evtwin__fail_errno(f->path, errno);
    }
    return f->replace || info.st_size == 0 ? EVTWIN_OK : adopt(f, info.st_size, check, check_ctx);
}

const evtwin__param evtwin__append_params[] = {EVTWIN__PARAM("replace", WORD,
                                                             offsetof(evtwin__append_file, replace),
                                                             .words = EVTWIN__FLAG_WORDS),
                                               {.key = NULL}};

evtwin_status evtwin__append_open(const evtwin__uri *uri, evtwin__first_line_fn check,
                                  void *check_ctx, evtwin__append_file *f) {
    f->fd = -1;
    f->path = uri->path;
    EVTWIN_TRY(evtwin__params_read(uri, evtwin__append_params, f));
    if (strcmp(f->path, "-") == 0) {
        f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        return f->fd < 0 ? evtwin__fail_errno("standard output", errno) : EVTWIN_OK;
    }
    EVTWIN_TRY(open_path(f));
    return f->is_regular ? prepare(f, check, check_ctx) : EVTWIN_OK;
}

evtwin_status evtwin__append_write(evtwin__append_file *file) {
    struct stat before = {.st_size = 0};
    EVTWIN_FAIL_IF(file->is_regular && fstat(file->fd, &before) != 0, EVTWIN_E_IO, "%s",
                   strerror(errno));
    const int error = evtwin__fd_write(file->fd, file->text.data, file->text.size);
    EVTWIN_FAIL_IF(error != 0 && file->is_regular && ftruncate(file->fd, before.st_size) != 0,
                   EVTWIN_E_IO, "%s, and the part that was written stays: %s", strerror(error),
                   strerror(errno));
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "%s", strerror(error));
    return EVTWIN_OK;
}

evtwin_status evtwin__append_flush(void *ctx) {
    const evtwin__append_file *file = ctx;
    EVTWIN_FAIL_IF(file->is_regular && fdatasync(file->fd) != 0, EVTWIN_E_IO, "%s",
                   strerror(errno));
    return EVTWIN_OK;
}

void evtwin__append_close(void *ctx) {
    evtwin__append_file *file = ctx;
    if (file->fd >= 0) {
        close(file->fd); /* gives the lock back */
    }
    evtwin__text_free(&file->text);
}
