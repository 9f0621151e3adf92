/* SPDX-License-Identifier: MIT */
/* evtwin/screen.h: telemetry of unknown senders: faults of a record that can be read are flagged in
 * its quantity quality; its values are not changed. */
#ifndef EVTWIN_SCREEN_H
#define EVTWIN_SCREEN_H

#include "evtwin/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The flags of the quantity quality, which is their sum, or missing if there is no flag. Since
 * 0.2.
 */
typedef enum evtwin_quality {
    EVTWIN_QUALITY_LATE = 1,         /**< it came long after its own time */
    EVTWIN_QUALITY_OUT_OF_ORDER = 2, /**< a newer record of its battery came before it */
    EVTWIN_QUALITY_OUT_OF_RANGE = 4, /**< a value is not in the range of its quantity */
    EVTWIN_QUALITY_FUTURE = 8,       /**< its time is in the future */
    EVTWIN_QUALITY_NAIVE_TIME = 16,  /**< its time had no offset: set by the reader of the JSON */
    EVTWIN_QUALITY_FRACTION = 32 /**< soh, or soc for long, lies within 0 to 1.1 percent: perhaps a
                                    fraction instead of a percentage */
} evtwin_quality;

/** What is remembered of batteries, to judge their next records by. One thread at a time.
 * Since 0.2. */
typedef struct evtwin_screen evtwin_screen;

typedef struct evtwin_screen_options {
    size_t size;
    double late_after_s;   /**< default 300; INFINITY = no record is late */
    double future_after_s; /**< default 60: clocks differ; INFINITY = none is in the future */
    size_t max_batteries;  /**< default 100000; beyond it the battery whose last record is oldest is
                              forgotten, and its next record counts as its first */
} evtwin_screen_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_screen_options_init(evtwin_screen_options *options, size_t size);

/** options NULL = defaults. Free with evtwin_screen_free. @return EVTWIN_E_ARG for a time that is
 * not 0 or more, or no batteries. Since 0.2. */
EVTWIN_API evtwin_status evtwin_screen_create(const evtwin_screen_options *options,
                                              evtwin_screen **out);
/** NULL is fine. Since 0.2. */
EVTWIN_API void evtwin_screen_free(evtwin_screen *screen);

/**
 * Judge the rows of a telemetry table from row number first on, in their order, by the present
 * time: flags are added to those in quality. A record that is equal to one of the last 16 of its
 * battery is counted as a duplicate, not flagged: a store recognises it by its key.
 * @return EVTWIN_E_SCHEMA if a row has no time or battery_id or the table has no column quality.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_screen_apply(evtwin_screen *screen, evtwin_table *table,
                                             size_t first);

/** Counted since the screen was made; a row with two flags counts in both. Since 0.2. */
typedef struct evtwin_screen_stats {
    size_t size;
    uint64_t n_rows, n_flagged;
    uint64_t n_late, n_out_of_order, n_out_of_range, n_future, n_naive_time, n_fraction;
    uint64_t n_duplicate;
    uint64_t n_forgotten; /**< batteries */
} evtwin_screen_stats;

/** size is sizeof *out. Since 0.2. */
EVTWIN_API evtwin_status evtwin_screen_stats_get(const evtwin_screen *screen,
                                                 evtwin_screen_stats *out, size_t size);

/**
 * A source that screens the rows of another source. Its URI, refusals and positions are those of
 * the other source.
 * @param source  taken; on failure it stays the caller's.
 * @param screen  borrowed: it must live as long as the new source. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_source_screened(evtwin_source *source, evtwin_screen *screen,
                                                evtwin_source **out);

#ifdef __cplusplus
}
#endif
#endif
