/* SPDX-License-Identifier: MIT */
/* core/file_kind.h: what a file is that was to hold text, by its first bytes. */
#ifndef EVTWIN_CORE_FILE_KIND_H
#define EVTWIN_CORE_FILE_KIND_H

#include "evtwin/base.h"

/* Bytes from the start of a file that are enough to look at. */
enum { EVTWIN__FILE_KIND_BYTES = 512 };

/* EVTWIN_E_UNSUPPORTED "NAME is compressed by gzip: decompress it first" if the first bytes of a
 * file (all of them, or at least EVTWIN__FILE_KIND_BYTES) are those of a well-known kind of file
 * that is not text, EVTWIN_OK otherwise. instead: what to do with a file that no unpacking makes
 * text of, such as "save the table as CSV". A byte-order mark of UTF-8 is no other kind. */
evtwin_status evtwin__file_kind(const char *name, const char *data, size_t size,
                                const char *instead);

/* 1 if the first bytes are those of a UBJSON object, which evtwin__file_kind refuses as text. */
int evtwin__file_is_ubjson(const char *data, size_t size);

#endif
