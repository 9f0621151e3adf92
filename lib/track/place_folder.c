/* SPDX-License-Identifier: MIT */
/* track/place_folder.c: artifacts in a folder that this machine shares with the tracking server. */

#include "track/place.h"
#include "track/url.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

/* All of fd from its start, at most max bytes, into w, which is committed or abandoned. */
static evtwin_status copy(int fd, const char *from, evtwin__writer *w, size_t max,
                          size_t *size_out) {
    char *piece = evtwin__calloc(1, PIECE);
    size_t size = 0;
    evtwin_status st =
        piece != NULL ? EVTWIN_OK : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for artifacts");
    for (ssize_t n = 1; st == EVTWIN_OK && n > 0;) {
        do {
            n = pread(fd, piece, PIECE, (off_t)size);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            st = evtwin__fail_errno(from, errno);
        } else if ((size_t)n > max - size) {
            st = evtwin__fail(EVTWIN_E_RANGE, "%s: has more than %zu bytes", from, max);
        } else if (n > 0) {
            st = evtwin__writer_write(w, piece, (size_t)n);
            size += (size_t)n;
        }
    }
    evtwin__free(piece);
    if (st < 0) {
        evtwin__writer_abandon(w);
        return st;
    }
    *size_out = size;
    return evtwin__writer_commit(w);
}

/* With the modes that the umask leaves, as MLflow's own client writes them: the server may be
 * another user, who is to read them. */
static evtwin_status put(const evtwin__place *place, const char *path, int fd, size_t size) {
    evtwin__writer *w;
    char *file = evtwin__url_join(place->path, path);
    size_t n;
    EVTWIN_FAIL_IF(file == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    char *slash = strrchr(file, '/');
    *slash = '\0';
    evtwin_status st = evtwin__mkdirs_shared(file);
    *slash = '/';
    if (st == EVTWIN_OK && (st = evtwin__writer_open_shared(file, &w)) == EVTWIN_OK) {
        st = copy(fd, path, w, SIZE_MAX, &n);
    }
    (void)size;
    evtwin__free(file);
    return st;
}

static evtwin_status get(const evtwin__place *place, const char *path, const char *file, size_t max,
                         size_t *size_out) {
    char *from = evtwin__url_join(place->path, path);
    EVTWIN_FAIL_IF(from == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    const int fd = evtwin__fd_open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    evtwin__writer *w;
    evtwin_status st = fd < 0 ? evtwin__fail_errno(from, errno) : evtwin__writer_open(file, &w);
    if (st == EVTWIN_OK) {
        st = copy(fd, from, w, max, size_out);
    }
    if (fd >= 0) {
        close(fd);
    }
    evtwin__free(from);
    return st;
}

/* Files and folders; what is anything else is not an artifact. */
static evtwin_status tell(const char *folder, const struct dirent *d, evtwin__entry_fn fn,
                          void *ctx) {
    struct stat s;
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) {
        return EVTWIN_OK;
    }
    char *path = evtwin__url_join(folder, d->d_name);
    EVTWIN_FAIL_IF(path == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    const int is_there = lstat(path, &s) == 0 && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode));
    evtwin__free(path);
    const evtwin__entry entry = {d->d_name, is_there && S_ISDIR(s.st_mode),
                                 is_there ? (int64_t)s.st_size : -1};
    return is_there ? fn(ctx, &entry) : EVTWIN_OK;
}

static evtwin_status list(const evtwin__place *place, const char *path, evtwin__entry_fn fn,
                          void *ctx) {
    char *folder = evtwin__url_join(place->path, path);
    EVTWIN_FAIL_IF(folder == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    DIR *dir = opendir(folder);
    evtwin_status st =
        dir != NULL || errno == ENOENT ? EVTWIN_OK : evtwin__fail_errno(folder, errno);
    const struct dirent *d;
    while (st == EVTWIN_OK && dir != NULL && (d = readdir(dir)) != NULL) {
        st = tell(folder, d, fn, ctx);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    evtwin__free(folder);
    return st;
}

static const evtwin__place_kind folder = {put, list, get};

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place; what is not %XX stays. */
static void decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        const int high = *from == '%' ? hex(from[1]) : -1;
        const int low = high >= 0 ? hex(from[2]) : -1;
        const int c = low >= 0 ? high * 16 + low : 0;
        *to++ = c != 0 ? (char)c : *from;
        from += c != 0 ? 2 : 0;
    }
    *to = '\0';
}

/* "file:///PATH", "file:/PATH" or "/PATH". The server names the path, and we read and write there:
 * it has to be of this machine, for else it could be anybody's choice. */
evtwin_status evtwin__place_folder(evtwin__place *place) {
    const char *uri = place->given;
    const int has_scheme = uri[0] != '/';
    EVTWIN_FAIL_IF(
        !place->tracker->is_local, EVTWIN_E_UNSUPPORTED,
        "artifacts at %.200s: a folder of the tracking server, which is another machine; "
        "start it with --serve-artifacts",
        place->uri);
    if (has_scheme) {
        uri += strlen("file:");
        uri += strncmp(uri, "///", 3) == 0 ? 2 : strncmp(uri, "//localhost/", 12) == 0 ? 11 : 0;
    }
    EVTWIN_FAIL_IF(strncmp(uri, "//", 2) == 0, EVTWIN_E_UNSUPPORTED,
                   "artifacts at %.200s: a folder of another machine", place->uri);
    place->kind = &folder;
    place->path = evtwin__strdup(uri);
    EVTWIN_FAIL_IF(place->path == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    if (has_scheme) {
        decode(place->path);
    }
    EVTWIN_FAIL_IF(!evtwin__url_stays_below(place->path + 1), EVTWIN_E_PARSE,
                   "artifacts at %.200s: not the path of a folder", place->uri);
    return EVTWIN_OK;
}
