/* SPDX-License-Identifier: MIT */
/* core/folder_lock.h: files of one folder that belong together: one writer, or readers. */
#ifndef EVTWIN_CORE_FOLDER_LOCK_H
#define EVTWIN_CORE_FOLDER_LOCK_H

#include "evtwin/base.h"

/* Lock a folder that is there, for writing (alone) or for reading, across processes and threads;
 * the lock is on the folder itself, so no file is left. What holds it does so while it renames or
 * reads a few files: after 30 s of waiting EVTWIN_E_BUSY. *fd_out is for the call below; -1 where
 * there is no lock to have, on a file system that has none or a folder that may not be read. */
evtwin_status evtwin__folder_lock(const char *path, int is_for_writing, int *fd_out);

/* The same without waiting: 1 if it is locked for writing (*fd_out as above), 0 if another holds
 * it, -1 if there is no lock to have. */
int evtwin__folder_try_lock(const char *path, int *fd_out);

void evtwin__folder_unlock(int fd);

#endif
