/* SPDX-License-Identifier: MIT */
/* stream/append_file.h: a file of whole lines that batches are appended to, each all or nothing. */
#ifndef EVTWIN_STREAM_APPEND_FILE_H
#define EVTWIN_STREAM_APPEND_FILE_H

#include "evtwin/base.h"

typedef struct evtwin__append_file evtwin__append_file;

/* Says whether a file that begins with first_line (length bytes, without its line break) may be
 * appended to; is_whole is 0 if the file ends before the line does. */
typedef evtwin_status (*evtwin__first_line_fn)(void *ctx, const char *path, const char *first_line,
                                               size_t length, int is_whole);

/* Open (or make) and lock path for appending; "-" is standard output. A file that is there already
 * is shown to check, then a torn last line, left by a process that was killed, is cut off with a
 * warning to the log. replace empties the file instead. EVTWIN_E_BUSY if someone else writes it. */
evtwin_status evtwin__append_open(const char *path, int replace, evtwin__first_line_fn check,
                                  void *check_ctx, evtwin__append_file **out);

/* Append data, all or nothing (a pipe may keep a part). */
evtwin_status evtwin__append_write(evtwin__append_file *file, const char *data, size_t size);

/* Make what was written last through a power cut, where the file is one that can. */
evtwin_status evtwin__append_flush(evtwin__append_file *file);

void evtwin__append_close(evtwin__append_file *file);

#endif
