/* SPDX-License-Identifier: MIT */
/* core/sha256.h: SHA-256 (FIPS 180-4), for the hashes of a bundle's files. */
#ifndef EVTWIN_CORE_SHA256_H
#define EVTWIN_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { EVTWIN__SHA256_HEX_SIZE = 65 };

/* Hash of data (size bytes) as 64 lower-case hex digits and NUL. */
void evtwin__sha256_hex(const void *data, size_t size, char hex[EVTWIN__SHA256_HEX_SIZE]);

/* The same of what comes in pieces: begin, add …, end. */
typedef struct evtwin__sha256 {
    uint32_t hash[8];
    uint64_t size;
    uint8_t tail[64]; /* of size % 64 bytes */
} evtwin__sha256;

void evtwin__sha256_begin(evtwin__sha256 *sha);
void evtwin__sha256_add(evtwin__sha256 *sha, const void *data, size_t size);
void evtwin__sha256_end(const evtwin__sha256 *sha, char hex[EVTWIN__SHA256_HEX_SIZE]);

#endif
