/* SPDX-License-Identifier: MIT */
/* stream/append_file.c: append batches of lines to a file, each all or nothing. */

#include "stream/append_file.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536, READER_WAIT_ms = 500, MAX_UNSYNCED = 16 << 20 };

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

static evtwin_status check_first_line(const evtwin__append_file *f, off_t size, char *chunk) {
    const size_t n = size < CHUNK ? (size_t)size : CHUNK;
    EVTWIN_TRY(read_at(f, 0, chunk, n));
    const char *end = memchr(chunk, '\n', n);
    return f->check(f->check_ctx, f->path, chunk, end != NULL ? (size_t)(end - chunk) : n,
                    end != NULL);
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
static evtwin_status adopt(evtwin__append_file *f, off_t size) {
    if (size == 0) {
        return f->check(f->check_ctx, f->path, NULL, 0, 0);
    }
    char *chunk = evtwin__calloc(CHUNK, 1);
    EVTWIN_FAIL_IF(chunk == NULL, EVTWIN_E_NOMEM, "%s: out of memory", f->path);
    off_t end = size;
    evtwin_status st = check_first_line(f, size, chunk);
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

/* ---- open ---- */

/* Lock a regular file and bring it into a state to append to. */
static evtwin_status prepare(evtwin__append_file *f) {
    EVTWIN_TRY(lock(f));
    f->unsynced.size = 0;
    f->is_in_doubt = 0;

    /* the size is what it is under the lock */
    if (fstat(f->fd, &f->last) != 0 || (f->replace && ftruncate(f->fd, 0) != 0)) {
        return evtwin__fail_errno(f->path, errno);
    }
    EVTWIN_TRY(adopt(f, f->replace ? 0 : f->last.st_size));
    f->replace = 0;
    return fstat(f->fd, &f->last) == 0 ? EVTWIN_OK : evtwin__fail_errno(f->path, errno);
}

/* A pipe or device is only written to: open for reading too, a pipe would be its own reader. No
 * open waits: a signal could not end it. */
static evtwin_status open_path(evtwin__append_file *f) {
    struct stat info;
    const int exists = stat(f->path, &info) == 0;
    const int flags =
        !exists || S_ISREG(info.st_mode) ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY | O_NOCTTY;
    f->is_pipe = exists && S_ISFIFO(info.st_mode);
    f->fd = evtwin__fd_open(f->path, flags | O_NONBLOCK, 0600);
    EVTWIN_FAIL_IF(f->fd < 0 && errno == ENXIO && f->is_pipe, EVTWIN_E_AGAIN,
                   "nobody reads the pipe");
    if (f->fd < 0 || fstat(f->fd, &info) != 0) {
        return evtwin__fail_errno(f->path, errno);
    }
    f->is_regular = S_ISREG(info.st_mode);
    f->is_pipe = S_ISFIFO(info.st_mode);
    if (!f->is_pipe && fcntl(f->fd, F_SETFL, flags & O_APPEND) != 0) { /* a device may block */
        return evtwin__fail_errno(f->path, errno);
    }
    if (!exists) {
        evtwin__file_sync_folder(f->path);
    }
    return f->is_regular ? prepare(f) : EVTWIN_OK;
}

static void leave(evtwin__append_file *f) {
    if (f->fd >= 0) {
        close(f->fd); /* gives the lock back */
    }
    f->fd = -1;
}

const evtwin__param evtwin__append_params[] = {EVTWIN__PARAM("replace", WORD,
                                                             offsetof(evtwin__append_file, replace),
                                                             .words = EVTWIN__FLAG_WORDS),
                                               {.key = NULL}};

evtwin_status evtwin__append_open(const evtwin__uri *uri, evtwin__first_line_fn check,
                                  void *check_ctx, evtwin__append_file *f) {
    f->fd = -1;
    f->path = uri->path;
    f->check = check;
    f->check_ctx = check_ctx;
    EVTWIN_TRY(evtwin__params_read(uri, evtwin__append_params, f));
    if (strcmp(f->path, "-") == 0) {
        f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        return f->fd < 0 ? evtwin__fail_errno("standard output", errno) : EVTWIN_OK;
    }
    const evtwin_status st = open_path(f);
    return st == EVTWIN_E_AGAIN && f->is_pipe ? EVTWIN_OK : st;
}

/* ---- make it last ---- */

/* In its place, byte by byte the same: the file is not cut, which whoever reads it would take for
 * a new one. What somebody cut off meanwhile is not put back. */
static evtwin_status write_unsynced_again(evtwin__append_file *f) {
    struct stat info;
    EVTWIN_FAIL_IF(fstat(f->fd, &info) != 0 || fcntl(f->fd, F_SETFL, 0) != 0, EVTWIN_E_IO, "%s",
                   strerror(errno));
    const off_t there = info.st_size - f->unsynced_at;
    const size_t n =
        there < (off_t)f->unsynced.size ? (size_t)(there > 0 ? there : 0) : f->unsynced.size;
    int error = 0;
    for (size_t at = 0; at < n && error == 0;) {
        const ssize_t m = pwrite(f->fd, f->unsynced.data + at, n - at, f->unsynced_at + (off_t)at);
        at += m > 0 ? (size_t)m : 0;
        error = m == 0 ? EIO : m < 0 && errno != EINTR ? errno : 0;
    }
    EVTWIN_FAIL_IF(fcntl(f->fd, F_SETFL, O_APPEND) != 0, EVTWIN_E_IO, "%s", strerror(errno));
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "%s", strerror(error));
    return EVTWIN_OK;
}

/* The system tells once that pages could not be written, and takes them for clean from then on: the
 * next sync would succeed without them. */
static evtwin_status sync_file(evtwin__append_file *f) {
    EVTWIN_TRY(f->is_in_doubt ? write_unsynced_again(f) : EVTWIN_OK);
    f->is_in_doubt = fdatasync(f->fd) != 0;
    EVTWIN_FAIL_IF(f->is_in_doubt, EVTWIN_E_IO, "%s", strerror(errno));
    f->unsynced.size = 0;
    return EVTWIN_OK;
}

/* ---- is it still that file? ---- */

/* Open the path anew, now or in a later call: whoever took its place may go again. */
static evtwin_status open_again(evtwin__append_file *f) {
    leave(f);
    const evtwin_status st = open_path(f);
    if (st < 0) {
        leave(f);
        return evtwin_status_is_temporary(st)
                   ? st
                   : evtwin__fail(EVTWIN_E_AGAIN, "%s", evtwin_last_error());
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__append_begin(evtwin__append_file *f) {
    struct stat open_one, named;
    if (f->fd < 0) {
        return open_again(f);
    }
    if (f->is_pipe || strcmp(f->path, "-") == 0) {
        return EVTWIN_OK; /* whoever reads a pipe goes on, with or without its name */
    }
    EVTWIN_FAIL_IF(fstat(f->fd, &open_one) != 0, EVTWIN_E_IO, "%s", strerror(errno));
    if (stat(f->path, &named) != 0 || named.st_ino != open_one.st_ino ||
        named.st_dev != open_one.st_dev) {
        const int owes_sync = f->unsynced.size > 0 && open_one.st_nlink > 0;
        EVTWIN_TRY(owes_sync ? sync_file(f) : EVTWIN_OK);
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: was %s since the last record; the next ones go into a new file", f->path,
                    f->is_regular && open_one.st_nlink == 0 ? "removed" : "renamed or replaced");
        return open_again(f);
    }
    if (f->is_regular && open_one.st_size < f->last.st_size) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: was cut from %lld to %lld bytes since the last record",
                    f->path, (long long)f->last.st_size, (long long)open_one.st_size);
        return open_again(f);
    }
    return EVTWIN_OK;
}

/* ---- what is offered again ---- */

/* The longest run of whole lines that ends `tail`, whose first line begins at from, and begins the
 * text: how many bytes. */
static size_t find_overlap(const char *from, const char *end, const evtwin__text *text) {
    while (from < end) {
        const size_t size = (size_t)(end - from);
        if (size <= text->size && memcmp(from, text->data, size) == 0) {
            return size;
        }
        const char *newline = memchr(from, '\n', size);
        from = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

evtwin_status evtwin__append_skip_known(evtwin__append_file *f, const char *source) {
    if (f->knows_end || !f->is_regular || source == NULL || strncmp(source, "spool:", 6) != 0) {
        return EVTWIN_OK;
    }
    struct stat info;
    EVTWIN_FAIL_IF(fstat(f->fd, &info) != 0, EVTWIN_E_IO, "%s", strerror(errno));

    /* and the byte before it, which shows whether a line begins there */
    const int is_all = info.st_size <= (off_t)f->text.size;
    const size_t n = is_all ? (size_t)info.st_size : f->text.size + 1;
    char *tail = evtwin__calloc(n + 1, 1);
    EVTWIN_FAIL_IF(tail == NULL, EVTWIN_E_NOMEM, "out of memory for the end of the file");
    const evtwin_status st = read_at(f, info.st_size - (off_t)n, tail, n);
    const char *first = is_all ? tail : memchr(tail, '\n', n);
    size_t known = 0;
    if (st >= 0 && first != NULL) {
        known = find_overlap(is_all ? first : first + 1, tail + n, &f->text);
    }
    evtwin__free(tail);
    EVTWIN_TRY(st);
    if (known == 0) {
        return EVTWIN_OK;
    }

    /* the process that wrote it may have died of a sync that failed */
    EVTWIN_FAIL_IF(evtwin__text_room(&f->unsynced, known) == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the end of the file");
    memcpy(f->unsynced.data, f->text.data, known);
    f->unsynced.size = known;
    f->unsynced_at = info.st_size - (off_t)known;
    f->is_in_doubt = 1;
    memmove(f->text.data, f->text.data + known, f->text.size - known);
    f->text.size -= known;
    return EVTWIN_OK;
}

/* ---- write ---- */

/* Give a pipe's reader what is left for it, as long as it takes some. If it has gone, the next one
 * gets the line that it was in from its beginning. */
static evtwin_status give_rest(evtwin__append_file *f) {
    evtwin__text *rest = &f->rest;
    while (f->n_sent < rest->size) {
        const ssize_t n = write(f->fd, rest->data + f->n_sent, rest->size - f->n_sent);
        struct pollfd reader = {.fd = f->fd, .events = POLLOUT};
        if (n >= 0) {
            f->n_sent += (size_t)n;
        } else if (errno == EPIPE) {
            while (f->n_sent > 0 && rest->data[f->n_sent - 1] != '\n') {
                f->n_sent--;
            }
            leave(f);
            EVTWIN_FAIL(EVTWIN_E_AGAIN, "nobody reads the pipe any more");
        } else if (errno != EINTR && errno != EAGAIN) {
            EVTWIN_FAIL(EVTWIN_E_IO, "%s", strerror(errno));
        } else {
            EVTWIN_FAIL_IF(poll(&reader, 1, READER_WAIT_ms) <= 0, EVTWIN_E_AGAIN,
                           "the reader of the pipe reads nothing");
        }
    }
    rest->size = f->n_sent = 0;
    return EVTWIN_OK;
}

/* All of the text is taken: the reader's, or ours to give it. */
static evtwin_status write_to_pipe(evtwin__append_file *f) {
    const evtwin__text empty = f->rest;
    f->rest = f->text;
    f->text = empty;
    const evtwin_status st = give_rest(f);
    return evtwin_status_is_temporary(st) ? EVTWIN_OK : st;
}

/* Room to remember what is written behind a file of that size. */
static evtwin_status prepare_unsynced(evtwin__append_file *f, off_t size) {
    if (f->unsynced.size > 0 && (f->unsynced.size + f->text.size > MAX_UNSYNCED ||
                                 f->unsynced_at + (off_t)f->unsynced.size != size)) {
        EVTWIN_TRY(sync_file(f));
    }
    f->unsynced_at = size - (off_t)f->unsynced.size;
    EVTWIN_FAIL_IF(evtwin__text_room(&f->unsynced, f->text.size + 1) == NULL, EVTWIN_E_NOMEM,
                   "out of memory for what is not on the disk yet");
    return EVTWIN_OK;
}

static evtwin_status write_to_file(evtwin__append_file *f) {
    struct stat before;
    EVTWIN_FAIL_IF(fstat(f->fd, &before) != 0, EVTWIN_E_IO, "%s", strerror(errno));
    EVTWIN_TRY(prepare_unsynced(f, before.st_size));
    const int error = evtwin__fd_write(f->fd, f->text.data, f->text.size);
    EVTWIN_FAIL_IF(error != 0 && ftruncate(f->fd, before.st_size) != 0, EVTWIN_E_IO,
                   "%s, and the part that was written stays: %s", strerror(error), strerror(errno));
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "%s", strerror(error));
    memcpy(f->unsynced.data + f->unsynced.size, f->text.data, f->text.size);
    f->unsynced.size += f->text.size;
    EVTWIN_FAIL_IF(fstat(f->fd, &f->last) != 0, EVTWIN_E_IO, "%s", strerror(errno));
    EVTWIN_FAIL_IF(f->last.st_nlink == 0, EVTWIN_E_AGAIN, "was removed while it was written");
    return EVTWIN_OK;
}

evtwin_status evtwin__append_write(evtwin__append_file *file) {
    EVTWIN_TRY(give_rest(file));
    if (file->is_pipe) {
        return write_to_pipe(file);
    }
    if (file->is_regular) {
        EVTWIN_TRY(write_to_file(file));
        file->knows_end = 1;
        return EVTWIN_OK;
    }
    const int error = evtwin__fd_write(file->fd, file->text.data, file->text.size);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "%s", strerror(error));
    return EVTWIN_OK;
}

evtwin_status evtwin__append_flush(void *ctx) {
    evtwin__append_file *file = ctx;
    if (file->n_sent < file->rest.size) {
        EVTWIN_TRY(file->fd < 0 ? open_again(file) : EVTWIN_OK);
        EVTWIN_TRY(give_rest(file));
    }
    return file->is_regular && file->fd >= 0 ? sync_file(file) : EVTWIN_OK;
}

void evtwin__append_close(void *ctx) {
    evtwin__append_file *file = ctx;
    leave(file);
    evtwin__text_free(&file->text);
    evtwin__text_free(&file->rest);
    evtwin__text_free(&file->unsynced);
}
