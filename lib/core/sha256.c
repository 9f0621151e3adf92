/* SPDX-License-Identifier: MIT */
/* core/sha256.c: SHA-256. Source: FIPS 180-4, sections 4.1.2, 5 and 6.2. */

#include "core/sha256.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK_SIZE = 64, LENGTH_SIZE = 8 };

static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static uint32_t load_big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* W of section 6.2.2, step 1. */
static void expand(const uint8_t *block, uint32_t w[64]) {
    for (int t = 0; t < 16; t++) {
        w[t] = load_big_endian(block + 4 * t);
    }
    for (int t = 16; t < 64; t++) {
        const uint32_t a = w[t - 15], b = w[t - 2];
        const uint32_t s0 = rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3;
        const uint32_t s1 = rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
}

/* Steps 2 to 4: fold one block into the hash; s[0..7] are the standard's a to h. */
static void compress(uint32_t hash[8], const uint8_t *block) {
    uint32_t w[64];
    expand(block, w);
    uint32_t s[8];
    memcpy(s, hash, sizeof s);
    for (int t = 0; t < 64; t++) {
        const uint32_t sum1 =
            rotate_right(s[4], 6) ^ rotate_right(s[4], 11) ^ rotate_right(s[4], 25);
        const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint32_t t1 = s[7] + sum1 + choice + round_constant[t] + w[t];
        const uint32_t sum0 =
            rotate_right(s[0], 2) ^ rotate_right(s[0], 13) ^ rotate_right(s[0], 22);
        const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + sum0 + majority;
    }
    for (int i = 0; i < 8; i++) {
        hash[i] += s[i];
    }
}

/* The last bytes, a 1 bit, zeros, and the length in bits: one block or two (section 5.1.1). */
static void compress_tail(uint32_t hash[8], const uint8_t *tail, size_t n, uint64_t size) {
    uint8_t block[2 * BLOCK_SIZE] = {0};
    if (n > 0) {
        memcpy(block, tail, n);
    }
    block[n] = 0x80;
    const size_t end = n + 1 + LENGTH_SIZE <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;
    const uint64_t bits = size * 8;
    for (size_t i = 0; i < LENGTH_SIZE; i++) {
        block[end - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    for (size_t at = 0; at < end; at += BLOCK_SIZE) {
        compress(hash, block + at);
    }
}

void evtwin__sha256_begin(evtwin__sha256 *sha) {
    *sha = (evtwin__sha256){.hash = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void evtwin__sha256_add(evtwin__sha256 *sha, const void *data, size_t size) {
    const uint8_t *p = data;
    const size_t n_tail = (size_t)(sha->size % BLOCK_SIZE);
    sha->size += size;
    if (n_tail > 0) {
        const size_t n = size < BLOCK_SIZE - n_tail ? size : BLOCK_SIZE - n_tail;
        memcpy(sha->tail + n_tail, p, n);
        if (n_tail + n < BLOCK_SIZE) {
            return;
        }
        compress(sha->hash, sha->tail);
        p += n;
        size -= n;
    }
    for (; size >= BLOCK_SIZE; size -= BLOCK_SIZE, p += BLOCK_SIZE) {
        compress(sha->hash, p);
    }
    if (size > 0) {
        memcpy(sha->tail, p, size);
    }
}

void evtwin__sha256_end(const evtwin__sha256 *sha, char hex[EVTWIN__SHA256_HEX_SIZE]) {
    static const char digit[] = "0123456789abcdef";
    uint32_t hash[8];
    memcpy(hash, sha->hash, sizeof hash);
    compress_tail(hash, sha->tail, (size_t)(sha->size % BLOCK_SIZE), sha->size);
    for (int i = 0; i < 64; i++) {
        hex[i] = digit[hash[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
    }
    hex[64] = '\0';
}

void evtwin__sha256_hex(const void *data, size_t size, char hex[EVTWIN__SHA256_HEX_SIZE]) {
    evtwin__sha256 sha;
    evtwin__sha256_begin(&sha);
    if (size > 0) {
        evtwin__sha256_add(&sha, data, size);
    }
    evtwin__sha256_end(&sha, hex);
}
