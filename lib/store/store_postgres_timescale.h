/* SPDX-License-Identifier: MIT */
/* store/store_postgres_timescale.h: ev_telemetry where TimescaleDB is installed. */
#ifndef EVTWIN_STORE_POSTGRES_TIMESCALE_H
#define EVTWIN_STORE_POSTGRES_TIMESCALE_H

#include "store/store_postgres.h"

/* What a statement is for. */
typedef enum timescale_part {
    TIMESCALE_HYPERTABLE,
    TIMESCALE_COMPRESSION,
    TIMESCALE_COMPRESSION_POLICY,
    TIMESCALE_AGGREGATE,
    TIMESCALE_AGGREGATE_POLICY,
    TIMESCALE_RETENTION,
    TIMESCALE_DECOMPRESS,
    TIMESCALE_COMPRESS_OFF
} timescale_part;

typedef struct timescale {
    int version;                                           /* 20017 for 2.17; 0 = not installed */
    char extension_schema[64 * 2 + 3], schema[64 * 2 + 3]; /* of it, of the table: quoted */
    int is_hypertable, is_compressed;
    int has_hourly;    /* ev_telemetry_hourly is a continuous aggregate */
    int has_retention; /* a job drops old chunks: ours, or a policy that goes by time alone */
    int drops_by_time; /* it is a policy */
    double retention_days;
} timescale;

int evtwin__timescale_version(const char *text);

/* What is there; schema is quoted. */
evtwin_status evtwin__timescale_read(evtwin__pg *pg, const char *schema, timescale *out);

/* Let this session change rows of compressed chunks, however many are decompressed for that. */
evtwin_status evtwin__timescale_lift_limit(evtwin__pg *pg);

/* The end of the newest chunk that is compressed, INT64_MIN if none is. */
evtwin_status evtwin__timescale_compressed_until(evtwin__pg *pg, const char *schema,
                                                 int64_t *time_us_out);

/* The text of a statement, with a NUL behind it. */
void evtwin__timescale_sql(const timescale *t, timescale_part part, evtwin__text *to);

/* Run it, in the caller's transaction. */
evtwin_status evtwin__timescale_run(evtwin__pg *pg, const timescale *t, timescale_part part);

/* In the transaction of the migration, when the table and its keys are there: make what is not, as
 * far as it can be had; *t is then what is there. */
evtwin_status evtwin__timescale_make(evtwin__pg *pg, const char *schema, double retention_days,
                                     timescale *t);

#endif
