/* SPDX-License-Identifier: MIT */
/* learn/rows_file.c: columns of numbers in a temporary file. Through read and write, not mmap:
 * pages of a mapping count as the memory of the process. */

#include "learn/rows_file.h"

#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static evtwin_status fail(const evtwin__rows_file *f, const char *what, int error) {
    const char *advice = error == ENOSPC || error == EDQUOT || error == EFBIG
                             ? ": name a folder with more room (option scratch_dir, or TMPDIR)"
                             : "";
    EVTWIN_FAIL(EVTWIN_E_IO, "%s: %s a temporary file after %.0f MB: %s%s", f->folder, what,
                (double)f->size / 1e6, strerror(error), advice);
}

/* A new file that has no name, or loses it at once. */
static int open_nameless(const char *folder) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/evtwin-rows-XXXXXX", folder);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int fd = mkostemp(path, O_CLOEXEC); /* 0600 */
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

evtwin_status evtwin__rows_file_open(const char *folder, size_t cols, evtwin__rows_file *out) {
    const char *from_environment = getenv("TMPDIR");
    const char *used = folder != NULL && folder[0] != '\0'                       ? folder
                       : from_environment != NULL && from_environment[0] != '\0' ? from_environment
                                                                                 : "/var/tmp";
    evtwin__rows_file f = {.fd = -1, .cols = cols, .folder = evtwin__strdup(used)};
    EVTWIN_FAIL_IF(f.folder == NULL, EVTWIN_E_NOMEM, "out of memory for the name of a folder");
    f.fd = open_nameless(f.folder);
    if (f.fd < 0) {
        const int error = errno;
        evtwin__free(f.folder);
        EVTWIN_FAIL(EVTWIN_E_IO,
                    "%s: no temporary file can be made there: %s: name another folder (option "
                    "scratch_dir, or TMPDIR)",
                    used, strerror(error));
    }
    *out = f;
    return EVTWIN_OK;
}

void evtwin__rows_file_close(evtwin__rows_file *file) {
    if (file->folder != NULL) {
        close(file->fd);
    }
    evtwin__free(file->folder);
    evtwin__free(file->block);
    *file = (evtwin__rows_file){.fd = -1};
}

static evtwin_status make_room(evtwin__rows_file *f) {
    if (f->n_blocks < f->capacity) {
        return EVTWIN_OK;
    }
    const size_t capacity = f->capacity > 0 ? 2 * f->capacity : 64;
    evtwin__rows_block *grown = evtwin__realloc(f->block, capacity, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu blocks of rows", capacity);
    f->block = grown;
    f->capacity = capacity;
    return EVTWIN_OK;
}

evtwin_status evtwin__rows_file_append(evtwin__rows_file *f, const double *v, size_t rows) {
    EVTWIN_TRY(make_room(f));
    const char *data = (const char *)v;
    const size_t size = f->cols * rows * sizeof *v;
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(f->fd, data + done, size - done, f->size + (off_t)done);
        if (n < 0 && errno != EINTR) {
            return fail(f, "cannot write", errno);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    f->block[f->n_blocks++] = (evtwin__rows_block){f->size, rows};
    f->size += (off_t)size;
    return EVTWIN_OK;
}

evtwin_status evtwin__rows_file_read(const evtwin__rows_file *f, size_t block, size_t first_col,
                                     size_t n_cols, double *v) {
    const evtwin__rows_block *b = &f->block[block];
    char *data = (char *)v;
    const size_t size = n_cols * b->rows * sizeof *v;
    const off_t at = b->offset + (off_t)(first_col * b->rows * sizeof *v);
    for (size_t done = 0; done < size;) {
        const ssize_t n = pread(f->fd, data + done, size - done, at + (off_t)done);
        if (n < 0 && errno != EINTR) {
            return fail(f, "cannot read", errno);
        }
        EVTWIN_FAIL_IF(n == 0, EVTWIN_E_IO,
                       "%s: a temporary file has lost what was written to it: %.0f MB are missing "
                       "at its end",
                       f->folder, (double)(size - done) / 1e6);
        done += n > 0 ? (size_t)n : 0;
    }
    return EVTWIN_OK;
}
