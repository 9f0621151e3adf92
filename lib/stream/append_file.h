/* SPDX-License-Identifier: MIT */
/* stream/append_file.h: a file of whole lines that batches are appended to, each all or nothing. */
#ifndef EVTWIN_STREAM_APPEND_FILE_H
#define EVTWIN_STREAM_APPEND_FILE_H

#include "core/text.h"
#include "stream/scheme.h"

#include <sys/stat.h>

/* Says whether a file that begins with first_line (length bytes, without its line break) may be
 * appended to; is_whole is 0 if the file ends before the line does. NULL: the file is empty. */
typedef evtwin_status (*evtwin__first_line_fn)(void *ctx, const char *path, const char *first_line,
                                               size_t length, int is_whole);

typedef struct evtwin__append_file {
    int fd;         /* -1: to be opened when something is to be written */
    int is_regular; /* can be locked, cut and synchronised */
    int is_pipe;
    int replace;
    const char *path; /* as the URI says */
    evtwin__first_line_fn check;
    void *check_ctx;
    struct stat last;  /* of a regular file, as we left it */
    evtwin__text text; /* what is to be written next */
    evtwin__text rest; /* of a pipe: what its reader has not taken yet, from n_sent on */
    size_t n_sent;
    int knows_end; /* what is in the file before is not offered again */

    /* of a regular file: what was written since the last sync that succeeded, and where */
    evtwin__text unsynced;
    off_t unsynced_at;
    int is_in_doubt; /* a sync failed, so it may not be on the disk though the next one succeeds */
} evtwin__append_file;

/* The parameters of a sink whose ctx has it as this member; alone, of one whose ctx begins with it.
 */
#define EVTWIN__APPEND_PARAMS(type, member)                                                        \
    EVTWIN__PARAM("replace", WORD, offsetof(type, member.replace), .words = EVTWIN__FLAG_WORDS)
extern const evtwin__param evtwin__append_params[];

/* Open (or make, with mode 0600) and lock the file of a URI for appending; "-" is standard output.
 * What is there already is shown to check, then an incomplete last line, left by a killed process,
 * is cut off with a warning to the log. "replace=1" empties the file instead. A pipe that nobody
 * reads is opened later. EVTWIN_E_BUSY if someone else writes it. */
evtwin_status evtwin__append_open(const evtwin__uri *uri, evtwin__first_line_fn check,
                                  void *check_ctx, evtwin__append_file *file);

/* Before a batch is put into text: is the file still the one that its path names? One that was
 * removed, renamed or replaced since is left and the path opened again, one that was cut is looked
 * at again, and the log says so. EVTWIN_E_AGAIN where that is not possible now. */
evtwin_status evtwin__append_begin(evtwin__append_file *file);

/* Of the text, if it is the first and from a spool: leave out of its front what the file ends with.
 * A kill between the write of a batch and the move of the spool's cursor has the same rows offered
 * again. */
evtwin_status evtwin__append_skip_known(evtwin__append_file *file, const char *source);

/* Append the text, all or nothing: EVTWIN_E_AGAIN if the file was removed meanwhile. A pipe is
 * given what its reader takes; what is left waits for the next call or flush. Failures do not name
 * the file: the sink does. */
evtwin_status evtwin__append_write(evtwin__append_file *file);

/* Callbacks of such a sink. Flush: make what was written last through a power cut, where the file
 * is one that can: after a failure it is written again in its place, so that OK means all of it.
 * EVTWIN_E_AGAIN if the reader of a pipe has not taken all. */
evtwin_status evtwin__append_flush(void *ctx);
void evtwin__append_close(void *ctx);

#endif
