/* SPDX-License-Identifier: MIT */
/* evtwin/spool.h: a durable queue on disk between the program that accepts records and every sink.
 */
#ifndef EVTWIN_SPOOL_H
#define EVTWIN_SPOOL_H

#include "evtwin/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A folder, used by this process only, in which accepted records wait until every sink has them.
 * Accepted records are numbered consecutively; each sink has a cursor, the number of the last
 * record that it has permanently. Accepted records survive SIGKILL and a power cut. Safe from many
 * threads at once. Since 0.2.
 */
typedef struct evtwin_spool evtwin_spool;

/** What happens to a record that does not fit. */
typedef enum evtwin_spool_full {
    EVTWIN_SPOOL_BLOCK = 0,       /**< it is not accepted: EVTWIN_E_AGAIN */
    EVTWIN_SPOOL_DROP_OLDEST = 1, /**< the oldest ones that wait are dropped */
    EVTWIN_SPOOL_DROP_NEWEST = 2  /**< it is dropped */
} evtwin_spool_full;

typedef struct evtwin_spool_options {
    size_t size;
    uint64_t max_bytes; /**< on disk, the log of the database included; default 1 GiB, at least
                             1 MiB */
    evtwin_spool_full when_full; /**< default EVTWIN_SPOOL_BLOCK. What is dropped is counted for
                                      each sink and listed: evtwin_spool_loss_get */
    int read_only; /**< read only: nothing in the folder changes, an absent folder counts as empty,
                      and another process may open it for writing meanwhile. Sinks are renamed and
                      forgotten in this object only; a call that would write returns EVTWIN_E_STATE,
                      and so does the first run of a pump with it */
} evtwin_spool_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_spool_options_init(evtwin_spool_options *options, size_t size);

/**
 * Open the spool in a folder, which is made (mode 0700) if it is absent. Free with
 * evtwin_spool_free.
 * @param options  NULL = the defaults.
 * @return EVTWIN_E_BUSY naming the process that has it open, EVTWIN_E_SCHEMA for a spool of a newer
 * version (untouched), EVTWIN_E_CORRUPT if the database is damaged or is not a spool, EVTWIN_E_IO,
 * also if the folder or a file in it cannot be written, EVTWIN_E_ARG for a bad option,
 * EVTWIN_E_UNSUPPORTED in a build without SQLite. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_spool_open(const char *folder, const evtwin_spool_options *options,
                                           evtwin_spool **out);
/** Waiting records stay in the folder. NULL is fine. Since 0.2. */
EVTWIN_API void evtwin_spool_free(evtwin_spool *spool);

/** The name under which sinks keep their position, "spool:" and 16 hexadecimal digits that are
 * stored in the folder. Borrowed. Since 0.2. */
EVTWIN_API const char *evtwin_spool_id(const evtwin_spool *spool);

/**
 * Accept all rows of a batch with its states, or none; they are durable when this returns. position
 * becomes that of the source (evtwin_spool_position) in the same transaction; without rows only the
 * position is stored.
 * @return EVTWIN_E_AGAIN if there is no room (EVTWIN_SPOOL_BLOCK), EVTWIN_E_IO (a full disk, …),
 * EVTWIN_E_RANGE for one row of more than 900 KB. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_spool_append(evtwin_spool *spool, const evtwin_batch *batch);

/** The position of a source behind its last accepted record. @return EVTWIN_DONE if there is
 * none, EVTWIN_E_RANGE if it needs more than text_size bytes. Since 0.2. */
EVTWIN_API evtwin_status evtwin_spool_position(evtwin_spool *spool, const char *source, char *text,
                                               size_t text_size);

/**
 * Sinks are identified by name: their URI up to a '?', passwords hidden. If two sinks of a pump
 * differ only after the '?', the second is identified by its whole URI. A pump refuses to start
 * (EVTWIN_E_STATE) while records wait for a sink that it does not have, so that none is lost by a
 * changed URI: rename the sink, or forget it, which gives up its waiting records (listed as lost).
 * @return EVTWIN_E_NOT_FOUND naming the sinks that the spool knows, EVTWIN_E_STATE if a pump
 * delivers from it, of rename also if it knows `to`. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_spool_rename_sink(evtwin_spool *spool, const char *from,
                                                  const char *to);
/** See evtwin_spool_rename_sink. Since 0.2. */
EVTWIN_API evtwin_status evtwin_spool_forget_sink(evtwin_spool *spool, const char *name);

/**
 * Check whether a pump whose sinks have these (n) URIs would start. Changes nothing.
 * @param letters  the URI of its dead-letter sink, NULL = none.
 * @return EVTWIN_E_STATE naming a sink that is not among them and for which records wait,
 * EVTWIN_E_ARG for two sinks of one name. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_spool_check_sinks(evtwin_spool *spool, const char *const *sinks,
                                                  size_t n, const char *letters);

/** How full it is. Since 0.2. */
typedef struct evtwin_spool_stats {
    size_t size;
    uint64_t n_accepted;       /**< records and letters since the folder was made */
    uint64_t n_refused_full;   /**< appends without room, since it was opened */
    uint64_t bytes, max_bytes; /**< on disk */
    uint64_t n_damaged; /**< records that could not be read back; see evtwin_spool_loss_get */
} evtwin_spool_stats;

/** size is sizeof *out. Since 0.2. */
EVTWIN_API evtwin_status evtwin_spool_stats_get(evtwin_spool *spool, evtwin_spool_stats *out,
                                                size_t size);

/** Records that a sink did not get, and why. Since 0.2. */
typedef struct evtwin_spool_loss {
    size_t size;
    char sink[512];      /**< its name */
    char reason[64];     /**< "dropped: spool full", "damaged", "missing", "sink forgotten", "the
                              sink has others of these numbers" (docs/streams.md) */
    int64_t first, last; /**< numbers of the records */
    uint64_t n_records;  /**< of them that were for this sink */
} evtwin_spool_loss;

/** Loss number i, the oldest first; size is sizeof *out. EVTWIN_DONE beyond the last. Since 0.2. */
EVTWIN_API evtwin_status evtwin_spool_loss_get(evtwin_spool *spool, size_t i,
                                               evtwin_spool_loss *out, size_t size);

/**
 * Deliver through a spool: evtwin_pump_run_once then reads, predicts, appends to the spool and
 * acknowledges to the source; each sink is written by a separate thread and retried without end, so
 * that none waits for another. Before its first read the pump lets the source continue behind its
 * last accepted record. max_held_rows, first_pause_s and longest_pause_s do not apply. The pump
 * takes ownership, before the first evtwin_pump_run_once and once.
 * @return EVTWIN_E_STATE if it has one or has run; EVTWIN_E_UNSUPPORTED if its options have
 * n_reasons, which a spool does not keep, or recalls_states: the store that keeps the states is
 * behind the spool. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_pump_take_spool(evtwin_pump *pump, evtwin_spool *spool);

#ifdef __cplusplus
}
#endif
#endif
