/* SPDX-License-Identifier: MIT */
/* learn/rows_file.h: columns of numbers in a temporary file, block by block, for data that are
 * larger than memory. */
#ifndef EVTWIN_LEARN_ROWS_FILE_H
#define EVTWIN_LEARN_ROWS_FILE_H

#include "evtwin/base.h"

#include <sys/types.h>

typedef struct evtwin__rows_block {
    off_t offset; /* of its first column */
    size_t rows;
} evtwin__rows_block;

/* It has no name in its folder, so that nothing stays when the process ends, however it ends. */
typedef struct evtwin__rows_file {
    int fd;
    char *folder; /* for messages */
    size_t cols;
    off_t size;
    evtwin__rows_block *block; /* (n_blocks) */
    size_t n_blocks, capacity;
} evtwin__rows_file;

/* In folder (NULL = that of the environment's TMPDIR, else /var/tmp), the owner's alone.
 * EVTWIN_E_IO naming the folder. */
evtwin_status evtwin__rows_file_open(const char *folder, size_t cols, evtwin__rows_file *out);
/* Also of one that is all zero. */
void evtwin__rows_file_close(evtwin__rows_file *file);

/* Append a block v (cols, rows), column by column. EVTWIN_E_IO, of a full disk with how much was
 * written and what to do. */
evtwin_status evtwin__rows_file_append(evtwin__rows_file *file, const double *v, size_t rows);

/* v (n_cols, rows of the block) = columns first_col to first_col + n_cols - 1 of a block. Any
 * number of threads may read at once. EVTWIN_E_IO if the file is shorter than what was written. */
evtwin_status evtwin__rows_file_read(const evtwin__rows_file *file, size_t block, size_t first_col,
                                     size_t n_cols, double *v);

#endif
