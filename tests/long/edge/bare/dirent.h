/* SPDX-License-Identifier: MIT */
/* dirent.h of a machine without folders. */
#ifndef BARE_DIRENT_H
#define BARE_DIRENT_H

#include <stddef.h>

typedef struct bare_folder DIR;

struct dirent {
    char d_name[1];
};

static inline DIR *opendir(const char *path) {
    (void)path;
    return NULL;
}

static inline struct dirent *readdir(DIR *folder) {
    (void)folder;
    return NULL;
}

static inline int dirfd(DIR *folder) {
    (void)folder;
    return -1;
}

static inline int closedir(DIR *folder) {
    (void)folder;
    return -1;
}

#endif
