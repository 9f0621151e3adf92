/* SPDX-License-Identifier: MIT */
/* stream/append_file.h: a file of whole lines that batches are appended to, each all or nothing. */
#ifndef EVTWIN_STREAM_APPEND_FILE_H
#define EVTWIN_STREAM_APPEND_FILE_H

#include "core/text.h"
#include "stream/scheme.h"

typedef struct evtwin__append_file {
    int fd;
    int is_regular; /* can be locked, cut and synchronised */
    int replace;
    const char *path;  /* as the URI says */
    evtwin__text text; /* what is to be written next */
} evtwin__append_file;

/* Says whether a file that begins with first_line (length bytes, without its line break) may be
 * appended to; is_whole is 0 if the file ends before the line does. */
typedef evtwin_status (*evtwin__first_line_fn)(void *ctx, const char *path, const char *first_line,
                                               size_t length, int is_whole);

/* The parameters of a sink whose ctx begins with an evtwin__append_file. */
extern const evtwin__param evtwin__append_params[];

/* Open (or make) and lock the file of a URI for appending; "-" is standard output, a pipe waits for
 * its reader. A file that is there already is shown to check, then an incomplete last line,
 * left by a killed process, is cut off with a warning to the log. "replace=1" empties the file
 * instead. EVTWIN_E_BUSY if someone else writes it. */
evtwin_status evtwin__append_open(const evtwin__uri *uri, evtwin__first_line_fn check,
                                  void *check_ctx, evtwin__append_file *file);

/* Append the text, all or nothing (a pipe may keep a part). Failures do not name the file: the sink
 * does. */
evtwin_status evtwin__append_write(evtwin__append_file *file);

/* Callbacks of such a sink. Flush: make what was written last through a power cut, where the file
 * is one that can. */
evtwin_status evtwin__append_flush(void *ctx);
void evtwin__append_close(void *ctx);

#endif
