/* SPDX-License-Identifier: MIT */
/* io/file_tree.h: folders with all that is in them. */
#ifndef EVTWIN_IO_FILE_TREE_H
#define EVTWIN_IO_FILE_TREE_H

/* Remove a folder and what is in it, as far as that can be; links are removed, not followed, and
 * other file systems are left alone. */
void evtwin__remove_tree(const char *path);

#endif
