/* SPDX-License-Identifier: MIT */
/* io/postgres_wire.h: PostgreSQL's binary form of values: big-endian, times from 2000 on. */
#ifndef EVTWIN_IO_POSTGRES_WIRE_H
#define EVTWIN_IO_POSTGRES_WIRE_H

#include "io/postgres.h"

/* Object ids of the server's types, which never change; of evtwin__pg_oids for each
 * evtwin__pg_type.
 */
enum {
    EVTWIN__OID_BOOL = 16,
    EVTWIN__OID_BYTEA = 17,
    EVTWIN__OID_CHAR = 18,
    EVTWIN__OID_NAME = 19,
    EVTWIN__OID_INT8 = 20,
    EVTWIN__OID_INT2 = 21,
    EVTWIN__OID_INT4 = 23,
    EVTWIN__OID_TEXT = 25,
    EVTWIN__OID_OID = 26,
    EVTWIN__OID_FLOAT4 = 700,
    EVTWIN__OID_FLOAT8 = 701,
    EVTWIN__OID_UNKNOWN = 705,
    EVTWIN__OID_BPCHAR = 1042,
    EVTWIN__OID_VARCHAR = 1043,
    EVTWIN__OID_TIMESTAMP = 1114,
    EVTWIN__OID_TIMESTAMPTZ = 1184,
    EVTWIN__OID_NUMERIC = 1700,
    EVTWIN__OID_XID8 = 5069
};

extern const struct evtwin__pg_oid { uint32_t scalar, array; } evtwin__pg_oids[EVTWIN__PG_N_TYPES];

/* 2000-01-01 in microseconds since 1970. */
#define EVTWIN__PG_EPOCH_US INT64_C(946684800000000)

/* What lies before all times of the server is its -infinity. */
static inline int64_t evtwin__pg_wire_time(int64_t time_us) {
    return time_us < INT64_MIN + EVTWIN__PG_EPOCH_US ? INT64_MIN : time_us - EVTWIN__PG_EPOCH_US;
}

/* The last size bytes of value, the highest first. */
void evtwin__pg_wire_int(evtwin__text *to, int64_t value, size_t size);
void evtwin__pg_wire_f64(evtwin__text *to, double value);

#endif
