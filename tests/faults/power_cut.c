/* SPDX-License-Identifier: MIT */
/* power_cut.c: for LD_PRELOAD. The process loses its power at a moment, and its files what was not
 * synced. A SIGKILL cannot show that: the kernel keeps what was written.
 *
 * POWER_CUT_FOLDER names the folder whose files are watched, POWER_CUT_AT=N:SEED the moment: before
 * the N-th write, truncation or sync there. Each file is then made of what its last sync has made
 * sure of, and of all, nothing or a random part of what was done to it since: each write whole, not
 * at all, or torn at a sector. Of a file whose name ends with .jsonl it is a beginning of what was
 * appended, torn at any byte, as file systems with ordered data leave it. Indexes in shared memory
 * are gone. Names of files are taken to last. */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#undef pwrite
#undef ftruncate

enum { MAX_FILES = 32, SECTOR = 512 };

typedef struct change {
    struct change *next;
    off_t at;    /* of a write; the new size of a truncation */
    ssize_t n;   /* -1 = a truncation */
    char data[]; /* (n) */
} change;

typedef struct watched {
    ino_t inode;
    char path[512];
    char *data; /* what is sure to be on the disk: (size) */
    size_t size;
    change *first, **last; /* done since */
} watched;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static watched files[MAX_FILES];
static size_t n_files;
static const char *folder;
static long left = -1; /* -1 = no cut */
static uint64_t random_state;

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    folder = getenv("POWER_CUT_FOLDER");
    const char *at = getenv("POWER_CUT_AT");
    if (folder != NULL && at != NULL) {
        char *end;
        left = strtol(at, &end, 10);
        random_state = strtoull(end + (*end == ':'), NULL, 10) * 2 + 1;
    }
}

static void give_up(const char *what) {
    fprintf(stderr, "power_cut: %s\n", what);
    abort();
}

static unsigned draw(unsigned n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

/* ---- what a file is made of ---- */

static void apply(watched *f, const change *c, size_t from, size_t to) {
    const size_t size = c->n < 0 ? (size_t)c->at : (size_t)c->at + to;
    if (c->n < 0 || size > f->size) {
        f->data = realloc(f->data, size + 1);
        if (f->data == NULL) {
            give_up("out of memory");
        }
        if (size > f->size) {
            memset(f->data + f->size, 0, size - f->size);
        }
        f->size = size;
    }
    if (c->n > 0) {
        memcpy(f->data + c->at + from, c->data + from, to - from);
    }
}

static void read_whole(watched *f) {
    struct stat info;
    const int fd = open(f->path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0 || (f->data = malloc((size_t)info.st_size + 1)) == NULL ||
        read(fd, f->data, (size_t)info.st_size) != info.st_size) {
        give_up(f->path);
    }
    f->size = (size_t)info.st_size;
    close(fd);
}

/* The file of a descriptor if it is watched, as it was before anything was done to it. */
static watched *find(int fd) {
    struct stat info;
    char link[64], path[512];
    if (left < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return NULL;
    }
    for (size_t i = 0; i < n_files; i++) {
        if (files[i].inode == info.st_ino) {
            return &files[i];
        }
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    const size_t n_folder = strlen(folder);
    if (n <= 0 || strncmp(path, folder, n_folder) != 0 || path[n_folder] != '/' ||
        strstr(path, "-shm") != NULL) {
        return NULL;
    }
    if (n_files == MAX_FILES) {
        give_up("too many files");
    }
    watched *f = &files[n_files++];
    *f = (watched){.inode = info.st_ino};
    f->last = &f->first;
    strcpy(f->path, path);
    read_whole(f);
    return f;
}

static void note(watched *f, off_t at, ssize_t n, const void *data) {
    change *c = malloc(sizeof *c + (n > 0 ? (size_t)n : 0));
    if (c == NULL) {
        give_up("out of memory");
    }
    *c = (change){.at = at, .n = n};
    if (n > 0) {
        memcpy(c->data, data, (size_t)n);
    }
    *f->last = c;
    f->last = &c->next;
}

static void forget_changes(watched *f) {
    while (f->first != NULL) {
        change *c = f->first;
        f->first = c->next;
        free(c);
    }
    f->last = &f->first;
}

static void make_sure(watched *f) {
    for (const change *c = f->first; c != NULL; c = c->next) {
        apply(f, c, 0, c->n > 0 ? (size_t)c->n : 0);
    }
    forget_changes(f);
}

/* ---- the cut ---- */

static void lose_some(watched *f) {
    const char *dot = strrchr(f->path, '.');
    if (dot != NULL && strcmp(dot, ".jsonl") == 0) {
        const change *c = f->first;
        while (c != NULL && draw(2) == 0) {
            apply(f, c, 0, c->n > 0 ? (size_t)c->n : 0);
            c = c->next;
        }
        if (c != NULL && c->n > 0) {
            apply(f, c, 0, draw((unsigned)c->n + 1));
        }
        return;
    }
    const unsigned fate = draw(3); /* of all its changes: done, not done, each by itself */
    for (const change *c = f->first; c != NULL; c = c->next) {
        const size_t n = c->n > 0 ? (size_t)c->n : 0;
        const size_t torn = n < SECTOR ? 0 : SECTOR * draw((unsigned)(n / SECTOR) + 1);
        switch (fate == 2 ? draw(4) : 3 * fate) {
        case 0:
            apply(f, c, 0, n);
            break;
        case 1:
            apply(f, c, c->n < 0 ? 0 : torn, n);
            break;
        case 2:
            apply(f, c, 0, c->n < 0 ? n : torn);
            break;
        default:
            break;
        }
    }
}

static void write_whole(const watched *f) {
    const int fd = open(f->path, O_WRONLY | O_TRUNC);
    if (fd < 0) {
        return; /* removed meanwhile */
    }
    if (REAL(ssize_t, write, int, const void *, size_t)(fd, f->data, f->size) != (ssize_t)f->size) {
        give_up(f->path);
    }
    close(fd);
    char index[520];
    const size_t n = strlen(f->path);
    snprintf(index, sizeof index, "%s-shm", f->path);
    if (n > 3 && strcmp(f->path + n - 3, ".db") == 0) {
        unlink(index);
    }
}

/* Under the lock, which is never given back. */
static void cut(void) {
    left = -1;
    for (size_t i = 0; i < n_files; i++) {
        lose_some(&files[i]);
        write_whole(&files[i]);
    }
    kill(getpid(), SIGKILL);
}

static watched *come_to(int fd) {
    pthread_mutex_lock(&lock);
    watched *f = find(fd);
    if (f != NULL && left-- == 0) {
        cut();
    }
    return f;
}

/* ---- instead of those of the C library ---- */

#pragma GCC visibility push(default)

static ssize_t written(watched *f, off_t at, const void *data, ssize_t n) {
    if (f != NULL && n > 0) {
        note(f, at, n, data);
    }
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *data, size_t size) {
    watched *f = come_to(fd);
    const ssize_t n = REAL(ssize_t, write, int, const void *, size_t)(fd, data, size);
    return written(f, f != NULL && n > 0 ? lseek(fd, 0, SEEK_CUR) - n : 0, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    watched *f = come_to(fd);
    return written(f, at, data,
                   REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return pwrite(fd, data, size, (off_t)at);
}

static int truncated(watched *f, off_t size, int code) {
    if (f != NULL && code == 0) {
        note(f, size, -1, NULL);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int ftruncate(int fd, off_t size) {
    watched *f = come_to(fd);
    return truncated(f, size, REAL(int, ftruncate, int, off_t)(fd, size));
}

int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, (off_t)size);
}

static int synced(watched *f, int code) {
    if (f != NULL && code == 0) {
        make_sure(f);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

/* (The disk itself need not do it: what is sure is kept here.) */
int fsync(int fd) {
    return synced(come_to(fd), 0);
}

int fdatasync(int fd) {
    return synced(come_to(fd), 0);
}
