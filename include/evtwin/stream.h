/* SPDX-License-Identifier: MIT */
/* evtwin/stream.h: sources and sinks of telemetry by URI, telemetry JSON, and the pump between
 * them. */
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
 * additive ones that are present; a missing value leaves its key out. Columns may have any naming
 * and unit of the schema: names, units and signs come out as ours.
 * @param text  (text_size) receives the NUL-terminated text; EVTWIN_TELEMETRY_JSON_SIZE is always
 * enough.
 * @param length_out  may be NULL.
 * @return EVTWIN_E_SCHEMA if the row has no time or battery_id, EVTWIN_E_ARG if the id is not valid
 * or text too small, EVTWIN_E_RANGE for infinity or a time outside the years 0 to 9999.
 */
EVTWIN_API evtwin_status evtwin_telemetry_encode(const evtwin_table *table, size_t row, char *text,
                                                 size_t text_size, size_t *length_out);

/**
 * Append the record in text (length bytes) to a telemetry table. Unknown keys are ignored.
 * @return EVTWIN_E_PARSE (no JSON object, doubled key, text for a number, infinity, invalid UTF-8,
 * over 64 KiB or 16 deep), EVTWIN_E_SCHEMA (no battery_id or timestamp), EVTWIN_E_RANGE; the table
 * is unchanged then.
 */
EVTWIN_API evtwin_status evtwin_telemetry_decode(const char *text, size_t length,
                                                 evtwin_naive_time naive, evtwin_table *table);

/* ---- ends ---- */

/** Where telemetry comes from. One thread at a time. */
typedef struct evtwin_source evtwin_source;

/** Where telemetry goes. One thread at a time. */
typedef struct evtwin_sink evtwin_sink;

/**
 * Open a source:
 * "csv:FILE" (any naming of the schema; ?battery_id=NAME for a file without that column,
 * ?naive_time=utc|local|reject, ?unit=soc=percent,voltage=mV for columns in other units than their
 * names say); "jsonl:FILE" (?naive_time=, by default utc, for standard input reject; ?follow=1
 * waits at the end of the file); "sqlite:FILE", which has to exist: every insert and every
 * prediction in commit order, so a row comes again when it is predicted (?rows=unpredicted: the
 * rows that wait for a prediction, newest first, until they have one);
 * "sim:?fleet=N&seed=S&model=ecm|classic&cell=NAME&use=cycle|daily&battery_id=ID&soh=P&final_soh=P&start=TIME",
 * &interval=S (2) wall seconds between two records of a pack, &speed=K (60) physics seconds per
 * wall second, &rows=N records of each pack; speed=max does not wait: a record every S physics
 * seconds from start on. FILE "-" is standard input. A '?' cannot be part of a file name.
 * @return EVTWIN_E_UNSUPPORTED for an unknown scheme (the text lists the known ones), EVTWIN_E_ARG
 * for an unknown parameter or value, EVTWIN_E_SCHEMA for a CSV without time or battery_id, or what
 * the end says.
 */
EVTWIN_API evtwin_status evtwin_source_open(const char *uri, evtwin_source **out);
/** NULL is fine. */
EVTWIN_API void evtwin_source_free(evtwin_source *source);

/**
 * Append at most max_rows records to a telemetry table. Returns at once: EVTWIN_OK with no new row
 * means "none yet", EVTWIN_DONE that none will come. On failure the table is as before; what was
 * refused (one line of JSON, one record of CSV) is passed over, so reading may go on; the rows
 * before it came first.
 * @return EVTWIN_E_PARSE, EVTWIN_E_SCHEMA or EVTWIN_E_RANGE naming file and line, or what the end
 * says.
 */
EVTWIN_API evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows,
                                            evtwin_table *table);

/**
 * Open a sink: "null:", "csv:FILE", "jsonl:FILE" ("-" = standard output), "sqlite:FILE"
 * (?write=predictions: update predictions of existing rows instead of inserting;
 * ?retention_days=D). Opening a named pipe waits for its reader. Files are appended to (?replace=1:
 * started anew): a last line that a killed process left torn is cut off, with a warning to the log;
 * a CSV with another header and a file that holds no JSON lines are refused. A CSV has all
 * telemetry columns, and the prediction columns if its first batch has one.
 * @return EVTWIN_E_BUSY if another sink writes the file, EVTWIN_E_SCHEMA for a foreign file,
 * EVTWIN_E_UNSUPPORTED and EVTWIN_E_ARG as for sources, or what the end says.
 */
EVTWIN_API evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out);

/** Flushes; NULL is fine. Errors of that last flush are lost: call evtwin_sink_flush first to see
 * them. */
EVTWIN_API void evtwin_sink_free(evtwin_sink *sink);

/**
 * All rows of the table, or none: on failure a file or database has none of them (a pipe may have a
 * part).
 * @return EVTWIN_E_SCHEMA / EVTWIN_E_ARG naming a row without time or with no valid battery_id,
 * EVTWIN_E_IO.
 */
EVTWIN_API evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table);
/** What was written lasts through a power cut from here on, where the end is one that can. */
EVTWIN_API evtwin_status evtwin_sink_flush(evtwin_sink *sink);

/** The sink's URI with passwords replaced by ***. Borrowed. */
EVTWIN_API const char *evtwin_sink_uri(const evtwin_sink *sink);

/* ---- pump: source -> predictor -> sinks ---- */

/** One thread at a time. */
typedef struct evtwin_pump evtwin_pump;

/** Counted since the pump was made. */
typedef struct evtwin_pump_stats {
    size_t size;
    uint64_t n_read;                 /**< rows from the source */
    uint64_t n_predicted, n_unknown; /**< rows with a figure; rows with a note instead */
    uint64_t n_written;              /**< rows that every sink has taken */
    uint64_t n_errors;               /**< calls of evtwin_pump_run_once that failed */
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
 * Move one batch of at most max_rows: read, predict, write to every sink. n_rows_out (may be NULL)
 * is how many. EVTWIN_DONE when the source has ended. A sink that fails does not keep the batch
 * from the others; the batch stays in the pump, and the next call tries those again that have not
 * taken it, so no row is lost or doubled. A failure of the source leaves no batch: the next call
 * reads on.
 * @return EVTWIN_E_STATE without a source, or the first failure of source, predictor or sinks.
 */
EVTWIN_API evtwin_status evtwin_pump_run_once(evtwin_pump *pump, size_t max_rows,
                                              size_t *n_rows_out);

/** Counts since the pump was made; size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out,
                                               size_t size);

#ifdef __cplusplus
}
#endif
#endif
