/* SPDX-License-Identifier: MIT */
/* standalone.c: runs a fuzz target without libFuzzer: every file of a folder, whole, and cut short
 * at every byte if it is small. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20, MAX_CUT_BYTES = 2048 };

/* A copy of exactly size bytes, so that a sanitizer sees a read beyond them. */
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        perror("malloc");
        exit(2);
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_file(const char *path) {
    static uint8_t data[MAX_BYTES];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    const size_t size = fread(data, 1, sizeof data, f);
    if (ferror(f)) {
        perror(path);
        exit(2);
    }
    fclose(f);
    run(data, size);
    for (size_t cut = 0; size <= MAX_CUT_BYTES && cut < size; cut++) {
        run(data, cut);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 2;
    }
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
            run_file(path);
            n++;
        }
    }
    closedir(folder);
    printf("%zu files of %s\n", n, argv[1]);
    return n > 0 ? 0 : 2;
}
