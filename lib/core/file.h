/* SPDX-License-Identifier: MIT */
/* core/file.h: read a whole file under a cap; write one that appears whole or not at all. */
#ifndef EVTWIN_CORE_FILE_H
#define EVTWIN_CORE_FILE_H

#include "evtwin/base.h"

#include <sys/types.h>

/* EVTWIN_E_NOT_FOUND or EVTWIN_E_IO, "PATH: the system's reason". */
evtwin_status evtwin__fail_errno(const char *path, int error);

/* open with O_CLOEXEC, and read: again when a signal interrupts it. A path that a user names goes
 * through the two calls below, for open waits for the other end of a named pipe. */
int evtwin__fd_open(const char *path, int flags, mode_t mode);
ssize_t evtwin__fd_read(int fd, char *data, size_t size);

/* Open a user's path for reading: a file, a pipe or a terminal; EVTWIN_E_UNSUPPORTED for a device
 * or socket, which may never end. waits says what becomes of a named pipe without a writer: 0: it
 * is open at once and does not block; poll before each read, for its end and "no writer yet" read
 * alike. 1: the call waits for a writer; a signal ends the wait with EVTWIN_E_IO. */
evtwin_status evtwin__fd_open_input(const char *path, int waits, int *fd_out);

/* Open a user's path for writing, at once: EVTWIN_E_AGAIN for a named pipe that nobody reads yet.
 * flags: O_WRONLY or O_RDWR, and the like. */
evtwin_status evtwin__fd_open_output(const char *path, int flags, mode_t mode, int *fd_out);

/* Write all of it; 0, or the errno of what stopped it. */
int evtwin__fd_write(int fd, const char *data, size_t size);

/* Read path (at most max_bytes, else EVTWIN_E_UNSUPPORTED "… is larger than …"); *data_out is
 * NUL-terminated beyond size and freed with evtwin__free. EVTWIN_E_NOT_FOUND if there is no such
 * file; a named pipe is waited for. */
evtwin_status evtwin__file_read(const char *path, size_t max_bytes, char **data_out,
                                size_t *size_out);

/* EVTWIN_E_ARG if a file that holds a secret can be read by its group or by others. */
evtwin_status evtwin__file_check_private(const char *path);

/* A writer (of large pieces: it has no buffer) to a temporary file beside path that commit renames
 * over it (fsync of file and folder); "-" writes to standard output. A new file is its owner's
 * alone (0600: telemetry tells where people were), one that is replaced keeps its mode. */
typedef struct evtwin__writer evtwin__writer;

evtwin_status evtwin__writer_open(const char *path, evtwin__writer **out);

/* The same for a file that others are to read, too: a new one has what the umask leaves of 0666. */
evtwin_status evtwin__writer_open_shared(const char *path, evtwin__writer **out);
evtwin_status evtwin__writer_write(evtwin__writer *w, const void *data, size_t size);

/* All that was written is on the disk, so that commit has only to rename: for files that belong
 * together. */
evtwin_status evtwin__writer_sync(evtwin__writer *w);

/* Rename into place and free w; on failure the temporary file is gone and path is as it was. */
evtwin_status evtwin__writer_commit(evtwin__writer *w);

/* Remove the temporary file and free w; NULL is fine. */
void evtwin__writer_abandon(evtwin__writer *w);

/* open, write, commit. */
evtwin_status evtwin__file_write(const char *path, const void *data, size_t size);

/* Create an empty file of an unused name of ours in target's folder; *temp_out is freed with
 * evtwin__free. As long as *fd_out is open it counts as in use; those of killed processes, which
 * are not, are removed first. 0, or the errno. */
int evtwin__temp_create(const char *target, char **temp_out, int *fd_out);

/* Make the name of a new file last through a power cut. The file is in place by then, so this can
 * only warn, to the log. */
void evtwin__file_sync_folder(const char *path);

/* Make a directory and its parents (0700) where they are absent. */
evtwin_status evtwin__mkdirs(const char *path);

/* The same, with what the umask leaves of 0777. */
evtwin_status evtwin__mkdirs_shared(const char *path);

#endif
