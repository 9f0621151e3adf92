/* SPDX-License-Identifier: MIT */
/* evtwin/stream.h: sources and sinks of telemetry by URI, telemetry JSON, and the pump between them. */
#ifndef EVTWIN_STREAM_H
#define EVTWIN_STREAM_H

#include "evtwin/predictor.h"
#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- telemetry JSON ---- */

/** Room that is always enough for one record. */
#define EVTWIN_TELEMETRY_JSON_SIZE 2048

/**
 * Write row `row` as one JSON object without a newline: the contract's keys first, then those
 * additive ones that are present; a missing value leaves its key out.
 * @param text  (text_size) receives the NUL-terminated text; EVTWIN_TELEMETRY_JSON_SIZE is always enough.
 */
EVTWIN_API evtwin_status evtwin_telemetry_encode(const evtwin_table *table, size_t row, char *text,
                                                 size_t text_size, size_t *length_out);

/**
 * Append the record in text (length bytes) to a telemetry table. Unknown keys are ignored.
 * @return EVTWIN_E_PARSE (no JSON object, doubled key, text for a number, infinity, invalid UTF-8, over 64 KiB or 16 deep),
 * EVTWIN_E_SCHEMA (no battery_id or timestamp), EVTWIN_E_RANGE; the table is unchanged then.
 */
EVTWIN_API evtwin_status evtwin_telemetry_decode(const char *text, size_t length,
                                                 evtwin_naive_time naive, evtwin_table *table);

/* ---- ends ---- */

/** Where telemetry comes from. One thread at a time. */
typedef struct evtwin_source evtwin_source;

/** Where telemetry goes. One thread at a time. */
typedef struct evtwin_sink evtwin_sink;

/**
 * Open a source: "csv:FILE", "jsonl:FILE" ("-" = standard input), "sqlite:FILE" (every row in commit
 * order; ?rows=unpredicted: those that wait for a prediction, newest first), "sim:?fleet=N&seed=S&speed=K…".
 * @return EVTWIN_E_UNSUPPORTED for an unknown scheme (the text lists the known ones), or what the end says.
 */
EVTWIN_API evtwin_status evtwin_source_open(const char *uri, evtwin_source **out);
/** NULL is fine. */
EVTWIN_API void evtwin_source_free(evtwin_source *source);

/**
 * Append at most max_rows records to a telemetry table. Returns at once: EVTWIN_OK with no new row
 * means "none yet", EVTWIN_DONE that none will come.
 */
EVTWIN_API evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows, evtwin_table *table);

/**
 * Open a sink: "null:", "csv:FILE", "jsonl:FILE" ("-" = standard output), "sqlite:FILE"
 * (?write=predictions: update predictions of existing rows instead of inserting). Files are appended
 * to; a CSV with another header is refused.
 */
EVTWIN_API evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out);

/** Flushes; NULL is fine. Errors of that last flush are lost: call evtwin_sink_flush first to see them. */
EVTWIN_API void evtwin_sink_free(evtwin_sink *sink);

/** All rows of the table, or none: on failure nothing of this call is promised to be stored. */
EVTWIN_API evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table);
/** Bring what was written to where it lasts: file data is on disk, a database has committed. */
EVTWIN_API evtwin_status evtwin_sink_flush(evtwin_sink *sink);

/** The sink's URI with passwords replaced by ***. Borrowed. */
EVTWIN_API const char *evtwin_sink_uri(const evtwin_sink *sink);

/* ---- pump: source -> predictor -> sinks ---- */

/** One thread at a time. */
typedef struct evtwin_pump evtwin_pump;

typedef struct evtwin_pump_stats {
    size_t size;
    uint64_t n_read, n_predicted, n_unknown, n_written, n_errors;
} evtwin_pump_stats;

/** A pump without ends. Give it back with evtwin_pump_free. */
EVTWIN_API evtwin_status evtwin_pump_create(evtwin_pump **out);

/** Frees what it took. NULL is fine. */
EVTWIN_API void evtwin_pump_free(evtwin_pump *pump);

/** The pump owns the source from here on. */
EVTWIN_API evtwin_status evtwin_pump_take_source(evtwin_pump *pump, evtwin_source *source);
/** The pump owns the sink from here on; there may be several, each gets every row. */
EVTWIN_API evtwin_status evtwin_pump_take_sink(evtwin_pump *pump, evtwin_sink *sink);
/** The pump owns the predictor from here on; without one rows pass through as they are. */
EVTWIN_API evtwin_status evtwin_pump_take_predictor(evtwin_pump *pump, evtwin_predictor *predictor);

/** Called with each batch after it was written; batch is borrowed for the call. */
typedef void (*evtwin_batch_fn)(void *ctx, const evtwin_table *batch);
/** Set the callback; NULL removes it. */
EVTWIN_API evtwin_status evtwin_pump_on_batch(evtwin_pump *pump, evtwin_batch_fn fn, void *ctx);

/**
 * Move one batch of at most max_rows: read, predict, write to every sink. n_rows_out (may be NULL) is
 * how many. EVTWIN_DONE when the source has ended. On failure the batch stays in the pump and the
 * next call tries the sinks that have not taken it yet again.
 */
EVTWIN_API evtwin_status evtwin_pump_run_once(evtwin_pump *pump, size_t max_rows, size_t *n_rows_out);

/** Counts since the pump was made; size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
