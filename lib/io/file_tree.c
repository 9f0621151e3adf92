/* SPDX-License-Identifier: MIT */
/* io/file_tree.c: remove a folder with all that is in it. */

#include "io/file_tree.h"

#include <ftw.h>
#include <stdio.h>

enum { MAX_OPEN = 8 };

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    (void)remove(path); /* what stays keeps its folder: the caller meets it again */
    return 0;
}

void evtwin__remove_tree(const char *path) {
    (void)nftw(path, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
