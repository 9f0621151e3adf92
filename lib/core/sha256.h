/* SPDX-License-Identifier: MIT */
/* core/sha256.h: SHA-256 (FIPS 180-4), for the hashes of a bundle's files. */
#ifndef EVTWIN_CORE_SHA256_H
#define EVTWIN_CORE_SHA256_H

#include <stddef.h>

enum { EVTWIN__SHA256_HEX_SIZE = 65 };

/* Hash of data (size bytes) as 64 lower-case hex digits and NUL. */
void evtwin__sha256_hex(const void *data, size_t size, char hex[EVTWIN__SHA256_HEX_SIZE]);

#endif
