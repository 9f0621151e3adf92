/* SPDX-License-Identifier: MIT */
/* core/record_seq.c: the number of a record that came without one, from what it says. */

#include "core/record_seq.h"

#include "core/hash.h"

#include <string.h>

int evtwin__is_key(size_t q) {
    return q == EVTWIN__Q_TIME || q == EVTWIN__Q_BATTERY_ID || q == EVTWIN__Q_SEQ;
}

int evtwin__is_payload(size_t q) {
    return evtwin__is_of(q, EVTWIN__TELEMETRY) && !evtwin__is_key(q) && q != EVTWIN__Q_QUALITY;
}

int64_t evtwin__row_seq(const evtwin__value *value) {
    uint64_t hash = EVTWIN__HASH_BEGIN;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_payload(q) || !value[q].is_present) {
            continue;
        }
        const char *name = evtwin__schema[q].name;
        hash = evtwin__hash(hash, name, strlen(name) + 1);
        uint64_t bits;
        memcpy(&bits, &value[q].i64, sizeof bits);
        unsigned char little_endian[8];
        for (int k = 0; k < 8; k++) {
            little_endian[k] = (unsigned char)(bits >> (8 * k));
        }
        hash = evtwin__hash(hash, little_endian, sizeof little_endian);
    }
    /* the finaliser of SplitMix64: FNV alone leaves the high bits poor */
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((hash ^ hash >> 31) >> 2);
}
