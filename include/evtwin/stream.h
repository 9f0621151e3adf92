/* SPDX-License-Identifier: MIT */
/* evtwin/stream.h: telemetry JSON, sources and sinks of telemetry by URI or from callbacks, and the
 * pump that delivers from a source to sinks. */
#ifndef EVTWIN_STREAM_H
#define EVTWIN_STREAM_H

#include "evtwin/session.h"
#include "evtwin/sim.h"
#include "evtwin/store.h"
#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- telemetry JSON ---- */

/**
 * Write row `row` as one JSON object without a newline: the contract's keys first, then those
 * additive ones that are present; a missing value leaves its key out. Columns may have any naming
 * and unit of the schema: names, units and signs come out as ours.
 * @param text  (text_size) receives the NUL-terminated text; NULL = only measure.
 * @param length_out  may be NULL; the length without the NUL, also where text is too small.
 * @return EVTWIN_E_SCHEMA if the row has no time or battery_id, EVTWIN_E_ARG if the id is invalid
 * or text is too small, EVTWIN_E_RANGE for infinity, a negative seq or a time outside the years 0
 * to 9999.
 */
EVTWIN_API evtwin_status evtwin_telemetry_encode(const evtwin_table *table, size_t row, char *text,
                                                 size_t text_size, size_t *length_out);

/**
 * Append the record in text (length bytes) to a telemetry table. Keys are ours, or machine names of
 * the Battery Data Format and paths of VSS with their units and signs; if a value has two keys,
 * ours counts, and unknown keys are ignored. A value outside its range is not changed:
 * evtwin_session_apply and evtwin_telemetry_check judge it. A CloudEvent 1.0 in JSON is read as the
 * record in its data.
 * @return EVTWIN_E_PARSE (not a JSON object, duplicate key, a string for a number, infinity,
 * invalid UTF-8, over 64 KiB or 16 deep), EVTWIN_E_SCHEMA (no battery_id or timestamp),
 * EVTWIN_E_RANGE (a negative seq, a time outside the years 0 to 9999); the table is unchanged then.
 */
EVTWIN_API evtwin_status evtwin_telemetry_decode(const char *text, size_t length,
                                                 evtwin_naive_time naive, evtwin_table *table);

/* ---- sources ---- */

/** Where telemetry comes from. One thread at a time. */
typedef struct evtwin_source evtwin_source;

/**
 * Open a source:
 *   "csv:FILE"     any naming of the schema
 *     battery_id   the battery, for a file without that column; default: the cell that the name
 *                  of a Battery Data Format file has, "INSTITUTION__CELL__YYYYMMDD_….bdf.csv"
 *     start        for a file with a test time only: when that was 0; default: the date of such a
 *                  name
 *     delimiter, decimal, skip_lines, time_format
 *                  as in evtwin_csv_options; "tab" stands for a tab
 *     naive_time   utc (default), local or reject
 *     unit         "soc=percent,voltage=mV": columns in other units than their names say
 *   "jsonl:FILE"   one record a line, bare or as a CloudEvent
 *     time_format  as above
 *     naive_time   as above; the default for standard input is reject
 *     follow=1     wait for the file, and at its end for more, as tail -F: a truncated file is read
 *                  from its start, a replaced file is read to its end first
 *   "sqlite:FILE"  must exist: every insert and prediction in commit order, so a row comes again
 *                  when it is predicted
 *     rows=unpredicted  only the rows that wait for a prediction, until they have one; the table
 *                  gets a column revision, which tells a sink of predictions where they belong. A
 *                  pump reads it again when that sink has what was read before: the sink with the
 *                  same URI up to the '?'; if there is none, every sink that keeps states
 *   "postgresql://[USER@]HOST[:PORT]/DATABASE"
 *                  the same ("postgres:" too); parameters: docs/postgresql.md
 *   "kafka://HOST:PORT[,…]/TOPIC"
 *                  the records of a topic, shared by the members of a consumer group
 *   "mqtt://[USER@]HOST[:PORT]/FILTER", "mqtts://…" (TLS)
 *                  a position also names the messages that are not acknowledged, which seek makes
 *                  known to the next process. The connection is served in the calls of this
 *                  source alone: without one, or without a commit of what was read, for longer than
 *                  1.5 times the parameter keepalive_s (60 by default), the broker ends it. A read
 *                  then fails with EVTWIN_E_AGAIN, and the next one connects again; nothing is
 *                  given twice
 *   "sim:"
 *     fleet, seed, model (ecm, classic), cell, use (cycle, daily), battery_id, soh, final_soh,
 *     start        as in evtwin_sim_options; final_soh by default soh
 *     interval     wall-clock seconds between two records of a pack, default 2
 *     speed        simulated seconds per wall-clock second, default 60; max: do not wait, a
 *                  record every interval simulated seconds from start on
 *     rows         records of each pack, default no limit
 * A message of Kafka or MQTT is a record or an array of records, and is acknowledged by
 * evtwin_source_commit; parameters and guarantees: docs/kafka.md, docs/mqtt.md. The first read
 * connects to a server, and fails with EVTWIN_E_AGAIN while it cannot be reached. Parameters follow
 * a '?', as in "sim:?fleet=20&speed=max", so a file name cannot contain one. FILE "-" is standard
 * input.
 * @return EVTWIN_E_UNSUPPORTED for an unknown scheme (the text lists the known ones), EVTWIN_E_ARG
 * for an unknown parameter or value, EVTWIN_E_SCHEMA for a CSV without time or battery_id, or what
 * the source itself returns.
 */
EVTWIN_API evtwin_status evtwin_source_open(const char *uri, evtwin_source **out);
/** NULL is fine. */
EVTWIN_API void evtwin_source_free(evtwin_source *source);

/** The source's URI with passwords replaced by ***, or its name. Borrowed. Since 0.2. */
EVTWIN_API const char *evtwin_source_uri(const evtwin_source *source);

/**
 * Append at most max_rows records to a telemetry table, waiting at most timeout_ms for the first (0
 * = not at all; a CSV on a pipe waits for a whole record).
 * @return EVTWIN_OK, with 0 new rows if none arrived in time; EVTWIN_DONE (none will come);
 * EVTWIN_REFUSED (one record was refused and is skipped: evtwin_source_refusal; the rows before it
 * came first); EVTWIN_E_ARG, or the failure of the source itself. Unless it is EVTWIN_OK the table
 * is unchanged; the source may be read again.
 */
EVTWIN_API evtwin_status evtwin_source_read(evtwin_source *source, size_t max_rows, int timeout_ms,
                                            evtwin_table *table);

/** A record that was skipped. Strings are borrowed until the next read. Since 0.2. */
typedef struct evtwin_refusal {
    size_t size;
    evtwin_status status; /**< EVTWIN_E_PARSE, EVTWIN_E_SCHEMA, EVTWIN_E_RANGE, … */
    const char *place;    /**< "pack.jsonl:17", "pack.csv: data row 16" */
    const char *reason;   /**< one line, which names the place too */
    const char *raw;      /**< (raw_size) the record as it came, at most its first 64 KiB; a NUL
                               follows. "" where the source does not have it; telemetry JSON of a
                               CSV record that could be read but is not valid telemetry */
    size_t raw_size;
} evtwin_refusal;

/** The last record refused; size is sizeof *out. EVTWIN_DONE if there was none. Since 0.2. */
EVTWIN_API evtwin_status evtwin_source_refusal(const evtwin_source *source, evtwin_refusal *out,
                                               size_t size);

/**
 * The position behind the rows returned so far, in a form of the source (a store: the revision, "@"
 * and a hash that identifies the database; JSON lines: the byte offset, "@" and a hash of the
 * file's first line, which identifies the file; CSV: the number of records; a simulator with
 * has_positions: the next seq, "@" and the simulated time in us); "" if it has none. Borrowed until
 * the next read. Since 0.2.
 */
EVTWIN_API const char *evtwin_source_position(const evtwin_source *source);

/**
 * Acknowledge: every sink has taken everything up to this position, so the source need not return
 * it again. Does nothing for files, stores and the simulator. @return the failure of the source.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_source_commit(evtwin_source *source, const char *position);

/**
 * Before the first read: continue behind a position of an earlier run. Since 0.2.
 * @return EVTWIN_E_UNSUPPORTED if it cannot, EVTWIN_E_PARSE if the text is not a position of it;
 * then it begins where it would have begun.
 */
EVTWIN_API evtwin_status evtwin_source_seek(evtwin_source *source, const char *position);

/**
 * Check that it can be read. Connects to a server, waiting at most timeout_ms; files and the
 * simulator were checked when they were opened. Since 0.2.
 * @return EVTWIN_E_AGAIN (not reachable), EVTWIN_E_DENIED, or what reading would fail with.
 */
EVTWIN_API evtwin_status evtwin_source_check(evtwin_source *source, int timeout_ms);

/** A custom source; the built-in ones are made of the same functions. Since 0.2. */
typedef struct evtwin_source_callbacks {
    size_t size;
    const char *name; /**< for messages: a URI or a name; copied */
    /** As evtwin_source_read with its arguments checked. It may return at once with EVTWIN_OK and
     * no row: it is called again until timeout_ms is over. */
    evtwin_status (*read)(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                          evtwin_table *table);
    evtwin_status (*commit)(void *ctx, const char *position); /**< may be NULL */
    void (*close)(void *ctx);                                 /**< may be NULL */
    evtwin_status (*seek)(void *ctx, const char *position);   /**< may be NULL */
    evtwin_status (*check)(void *ctx, int timeout_ms);        /**< may be NULL */
} evtwin_source_callbacks;

/** A source from callbacks; on failure ctx stays the caller's. Since 0.2. */
EVTWIN_API evtwin_status evtwin_source_create(const evtwin_source_callbacks *callbacks, void *ctx,
                                              evtwin_source **out);

/**
 * For read of a custom source: set the record that is skipped.
 * @param status  < 0, as of a call that would have failed.
 * @param reason  one line; NULL = evtwin_last_error().
 * @param raw  (raw_size) the record as it came; NULL = not known.
 * @return EVTWIN_REFUSED, for read to return. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_source_refuse(evtwin_source *source, evtwin_status status,
                                              const char *place, const char *reason,
                                              const char *raw, size_t raw_size);

/** For read of a custom source: the position behind the rows that it appends; copied.
 * Since 0.2. */
EVTWIN_API evtwin_status evtwin_source_set_position(evtwin_source *source, const char *position);

/** How a simulator is read. Since 0.2. */
typedef struct evtwin_sim_source_options {
    size_t size;
    double interval_s; /**< default 2: wall seconds between two records of a pack; simulated seconds
                          if speed is INFINITY */
    double speed;      /**< default 60: simulated seconds per wall second; INFINITY does not wait */
    int64_t start_time_us; /**< default 2024-01-01: start of the simulated time, which stamps
                              records if speed is INFINITY */
    size_t max_records;    /**< default 0 = no limit: of each pack */
    size_t max_late;       /**< default 30: if the reader is late, up to this many overdue records
                                of each pack are delivered; if there are more, all of them are
                                dropped, which is logged */
    int has_positions;     /**< default 0. 1: it has positions and can continue behind one, as by
                              evtwin_sim_go_on. Only for a pump with a spool: without one, a sink that
                              keeps positions (kafka: with a permanent id) would mistake the records of
                              a later run for those that it has */
    int starts_anew;       /**< default 0. 1: seek succeeds and begins anew, from seq 0 */
} evtwin_sim_source_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_sim_source_options_init(evtwin_sim_source_options *options,
                                                        size_t size);

/**
 * A simulator as a source. The first record shows the fleet as it is.
 * @param sim  taken; on failure it stays the caller's.
 * @param options  NULL = defaults. @return EVTWIN_E_ARG for an interval or speed that is not > 0.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_source_from_sim(evtwin_sim *sim,
                                                const evtwin_sim_source_options *options,
                                                evtwin_source **out);

/* ---- sinks ---- */

/** Where telemetry goes. One thread at a time. */
typedef struct evtwin_sink evtwin_sink;

/**
 * Open a sink:
 *   "null:"        takes everything and keeps nothing
 *   "csv:FILE", "jsonl:FILE"
 *                  "-" is standard output. Files are appended to (?replace=1: started anew): an
 *                  incomplete last line, left by a killed process, is cut off, with a warning to
 *                  the log; a CSV with another header and a file that does not hold JSON lines are
 *                  refused. New files have mode 0600; a file that is renamed, removed or
 *                  emptied is noticed before each batch and created again, which is logged. A
 *                  named pipe fails with EVTWIN_E_AGAIN while it has no reader or its reader reads
 *                  nothing. A CSV has
 *                  all telemetry columns, and those prediction columns that its first batch has.
 *     names        of jsonl:, kafka: and mqtt:: the naming of the keys of records: evtwin
 *                  (default), vss, bdf (docs/streams.md); of csv: evtwin or bdf, a file of the
 *                  Battery Data Format, which holds one test of one battery (docs/files.md)
 *     cloudevents  of jsonl:, kafka: and mqtt:: none (default), binary, structured: each record as
 *                  a CloudEvent (docs/streams.md)
 *   "sqlite:FILE", "postgresql://[USER@]HOST[:PORT]/DATABASE"
 *     write=predictions  update predictions of existing rows instead of inserting
 *     shared=1     take no writer locks on batteries
 *     busy_timeout_ms    500 by default for rows, which a pump offers again
 *     …            the other parameters of the store: docs/store.md, docs/postgresql.md
 *   "kafka://HOST:PORT[,…]/TOPIC"
 *                  records with their battery as key, in transactions
 *   "mqtt://[USER@]HOST[:PORT]/TOPIC", "mqtts://…" (TLS)
 *                  messages with QoS 1
 * Parameters and guarantees of kafka: and mqtt: are in docs/kafka.md and docs/mqtt.md. The first
 * write or check connects to a server; a write fails with EVTWIN_E_AGAIN while it cannot be
 * reached.
 * @return EVTWIN_E_BUSY if another sink writes the file, EVTWIN_E_SCHEMA for a foreign file,
 * EVTWIN_E_UNSUPPORTED and EVTWIN_E_ARG as for sources, or what the sink itself returns.
 */
EVTWIN_API evtwin_status evtwin_sink_open(const char *uri, evtwin_sink **out);

/** Flushes; NULL is fine. Errors of that last flush are lost: call evtwin_sink_flush first to see
 * them. */
EVTWIN_API void evtwin_sink_free(evtwin_sink *sink);

/** Rows with their source, position and states. Since 0.2. */
typedef struct evtwin_batch {
    size_t size;
    const evtwin_table *rows;
    const char *source;         /**< name of the source, NULL if unknown; of a
                                     pump's: its URI up to the '?' */
    const char *position;       /**< the source's position behind the rows, NULL if unknown; a sink
                                     may keep it in the transaction of the rows */
    const evtwin_table *states; /**< battery states to keep with the predictions, NULL = none */
    int completes; /**< 1: every other sink has the batch, so that a sink may acknowledge it to the
                        source in its own transaction, as kafka: does with a source on its cluster
                    */
} evtwin_batch;

/**
 * All rows of the batch, or none: on failure a file or database has none of them (a pipe may have a
 * part).
 * @return EVTWIN_DONE (see completes), EVTWIN_E_SCHEMA / EVTWIN_E_ARG naming a row without time or
 * with no valid battery_id, EVTWIN_E_IO; the text begins with the sink's URI. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sink_write_batch(evtwin_sink *sink, const evtwin_batch *batch);
/** The same for rows alone. */
EVTWIN_API evtwin_status evtwin_sink_write(evtwin_sink *sink, const evtwin_table *table);
/** After this call, everything written survives a power cut, if the sink supports that. */
EVTWIN_API evtwin_status evtwin_sink_flush(evtwin_sink *sink);

/** The sink's URI with passwords replaced by ***, or its name. Borrowed. */
EVTWIN_API const char *evtwin_sink_uri(const evtwin_sink *sink);

/**
 * The position of a source that the sink keeps with the rows (evtwin_batch.position of the last
 * batch that it has permanently): records up to there need not be written again. Since 0.2.
 * @return EVTWIN_DONE if it has none or keeps none (text is then untouched), EVTWIN_E_RANGE if it
 * needs more than text_size bytes, EVTWIN_E_AGAIN, or what the sink fails with.
 */
EVTWIN_API evtwin_status evtwin_sink_position(evtwin_sink *sink, const char *source, char *text,
                                              size_t text_size);

/**
 * The states of these batteries (from evtwin_batch.states) that the sink keeps, as
 * evtwin_store_states_of does for a store. *out is a new table, evtwin_table_free frees it. @return
 * EVTWIN_DONE, and *out NULL, if it has no state of these batteries, or keeps no states;
 * EVTWIN_E_SCHEMA without a column battery_id (TEXT), EVTWIN_E_AGAIN, or what the sink fails with.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_sink_states(evtwin_sink *sink, const evtwin_table *batteries,
                                            evtwin_table **out);

/** Check that it can be written to. Connects to a server, waiting at most timeout_ms; no record is
 * written, and no existing table is changed (an empty PostgreSQL database gets its tables). Since
 * 0.2.
 * @return EVTWIN_E_AGAIN (not reachable), EVTWIN_E_DENIED, or what writing would fail with. */
EVTWIN_API evtwin_status evtwin_sink_check(evtwin_sink *sink, int timeout_ms);

/**
 * Write n letters, all or none; they last when this returns. As JSON lines: received_at, source,
 * place, status, reason, and raw, or raw_base64 where the record is not UTF-8 without NUL; stores
 * keep them in the table ev_dead_letter. Since 0.2.
 * @return EVTWIN_E_UNSUPPORTED if this kind of sink takes no letters.
 */
EVTWIN_API evtwin_status evtwin_sink_write_letters(evtwin_sink *sink, const evtwin_letter *letters,
                                                   size_t n);

/** A custom sink; the built-in ones are made of the same functions. Since 0.2. */
typedef struct evtwin_sink_callbacks {
    size_t size;
    const char *name; /**< for messages: a URI or a name; copied */
    /** As evtwin_sink_write_batch; the batch has at least one row and is borrowed for the call. The
     * reason of a failure is evtwin_last_error, or else what its status means. */
    evtwin_status (*write)(void *ctx, const evtwin_batch *batch);
    evtwin_status (*flush)(void *ctx); /**< may be NULL */
    void (*close)(void *ctx);          /**< may be NULL; after a flush */
    /** As the calls of evtwin_sink_…; each may be NULL. */
    evtwin_status (*position)(void *ctx, const char *source, char *text, size_t text_size);
    evtwin_status (*check)(void *ctx, int timeout_ms);
    evtwin_status (*write_letters)(void *ctx, const evtwin_letter *letters, size_t n);
    /** Make the running call, and every later one, fail soon: a pump with a spool is being freed
     * and waits for it. Called from another thread; may be NULL. */
    void (*interrupt)(void *ctx);
    /** As evtwin_sink_states, with its arguments checked; NULL: the sink keeps no states. */
    evtwin_status (*states)(void *ctx, const evtwin_table *batteries, evtwin_table **out);
} evtwin_sink_callbacks;

/** A sink from callbacks; on failure ctx stays the caller's. Since 0.2. */
EVTWIN_API evtwin_status evtwin_sink_create(const evtwin_sink_callbacks *callbacks, void *ctx,
                                            evtwin_sink **out);

/* ---- pump: source -> predictor -> sinks ---- */

/** Reads, predicts, delivers, holds, retries, acknowledges and counts. One thread at a time. */
typedef struct evtwin_pump evtwin_pump;

typedef struct evtwin_pump_options {
    size_t size;
    size_t max_batch_rows; /**< default 4096 */
    size_t max_held_rows;  /**< 0 (default): stop reading while any sink fails. N > 0, at most
                              1,000,000, as a sink gets them in one batch: buffer up to N rows for
                              each sink that fails temporarily; further rows are lost for it, which
                              is counted and reported. Before the first write, and while it fails, a
                              sink's check is called in a separate thread */
    double first_pause_s, longest_pause_s; /**< default 0.5 and 30: a sink that fails is tried again
                                              after 0.5, 1, 2 … 30 s */
    double drain_s;   /**< default 10: with a spool, how long evtwin_pump_finish waits for the sinks
                           to take what it has. Since 0.2. */
    size_t n_reasons; /**< default 0. N > 0: with each prediction its N largest reasons, made with
                           the battery's past (evtwin_session_options), which a jsonl: sink writes,
                           and those of a battery's newest row in its state, which a store keeps;
                           not with a spool. Since 0.2. */
    int reasons_of_newest; /**< default 0. 1: only the newest row of each battery in a batch: a
                              store needs no others. Since 0.2. */
    int recalls_states;    /**< default 0. 1: before a batch is predicted, the first sink that keeps
                              states is asked for the states of batteries that the session does not
                              know (evtwin_sink_states), and after EVTWIN_PUMP_SHARE_CHANGED for each
                              of them again, since other processes may have continued them. While this
                              fails nothing is predicted. For sources whose rows come once; not with
                              max_held_rows or a spool, which are ahead of their sinks. Since 0.2. */
} evtwin_pump_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_pump_options_init(evtwin_pump_options *options, size_t size);

/** A pump without a source or sink. options NULL = defaults. Free with evtwin_pump_free.
 * @return EVTWIN_E_ARG for a batch of 0 rows, more than 1,000,000 held ones, a pause that is not
 * 0 or more, or recalls_states with max_held_rows. */
EVTWIN_API evtwin_status evtwin_pump_create(const evtwin_pump_options *options, evtwin_pump **out);

/** Frees everything it took. Held rows are dropped: see evtwin_pump_finish. With a spool a sink
 * that is being written to is interrupted after a second. NULL is fine. */
EVTWIN_API void evtwin_pump_free(evtwin_pump *pump);

/** The pump takes ownership of the source. EVTWIN_E_STATE if it has one. */
EVTWIN_API evtwin_status evtwin_pump_take_source(evtwin_pump *pump, evtwin_source *source);
/** The pump takes ownership of the sink; there may be several, each gets every row. */
EVTWIN_API evtwin_status evtwin_pump_take_sink(evtwin_pump *pump, evtwin_sink *sink);
/** The pump takes ownership of the predictor, and predicts with its own session; without a
 * predictor rows pass through unchanged. EVTWIN_E_STATE if it has one. */
EVTWIN_API evtwin_status evtwin_pump_take_predictor(evtwin_pump *pump, evtwin_predictor *predictor);

/**
 * From the next batch on the pump predicts with another predictor, of which it takes ownership; the
 * old one is freed. Its session continues, see evtwin_session_swap. The new predictor predicts a
 * batch that was read but not predicted yet.
 * @param n_anew_out  batteries whose past was dropped; may be NULL.
 * @return EVTWIN_E_STATE if the pump has no predictor, EVTWIN_E_AGAIN while a predicted batch waits
 * for its sinks (evtwin_pump_run_once delivers it), or what evtwin_session_swap returns; the pump
 * is then unchanged. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_pump_swap_predictor(evtwin_pump *pump, evtwin_predictor *predictor,
                                                    size_t *n_anew_out);

/**
 * Records that the source refuses, and with a spool rows that a sink refuses, go to this sink as
 * letters (evtwin_sink_write_letters) before their position is acknowledged; a sink that fails is
 * tried again, and without a spool the source is not read meanwhile. Records that the source
 * refuses one after the other are read in one evtwin_pump_run_once and written together. Without
 * such a sink they are counted and reported. The pump takes ownership.
 * @return EVTWIN_E_STATE if it has one. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_pump_take_dead_letters(evtwin_pump *pump, evtwin_sink *sink);

/** The predictor that the pump has now; NULL without one. Borrowed until it is swapped. Since 0.2.
 */
EVTWIN_API const evtwin_predictor *evtwin_pump_predictor(const evtwin_pump *pump);

/** The pump's session, to restore states before it runs; NULL without a predictor. The
 * states that a batch changes go to the sinks with it. They are committed when every sink has the
 * batch or holds it for retry. Borrowed. Since 0.2. */
EVTWIN_API evtwin_session *evtwin_pump_session(evtwin_pump *pump);

typedef enum evtwin_pump_event_kind {
    EVTWIN_PUMP_BATCH = 0,       /**< every sink has written the batch or holds it for retry */
    EVTWIN_PUMP_REFUSED = 1,     /**< the source refused a record */
    EVTWIN_PUMP_SINK_FAILED = 2, /**< for the first time */
    EVTWIN_PUMP_SINK_STILL_FAILING = 3,
    EVTWIN_PUMP_SINK_RECOVERED = 4, /**< n_rows held ones were delivered */
    EVTWIN_PUMP_HOLD_FULL = 5,      /**< n_rows are held, new ones are being lost; reported once */
    EVTWIN_PUMP_SOURCE_FAILED = 6,  /**< for the first time */
    EVTWIN_PUMP_SOURCE_RECOVERED = 7,
    EVTWIN_PUMP_OUT_OF_RANGE = 8, /**< n_rows of the batch have an impossible value, and therefore
                                     no prediction; text is the reason for the first */
    EVTWIN_PUMP_SINK_REFUSED =
        9, /**< a sink refused n_rows rows that it would refuse again; the others were written */
    EVTWIN_PUMP_SINK_LOST = 10,  /**< n_rows are lost for a sink: dropped from a full spool, or
                                    damaged in it; text has their numbers */
    EVTWIN_PUMP_SPOOL_FULL = 11, /**< for the first time: the source is not read any more */
    EVTWIN_PUMP_SPOOL_ROOM = 12, /**< the spool takes records again */
    EVTWIN_PUMP_SHARE_CHANGED =
        13 /**< the source has a new share of what several processes read, such as the partitions of
              a topic; the batch that was read is the first of the new share, and is not predicted
              yet. Other processes may have continued its batteries: call evtwin_session_restore
              with their states now, unless the pump recalls them itself (recalls_states). Since 0.2
            */
} evtwin_pump_event_kind;

/** An event in evtwin_pump_run_once or evtwin_pump_finish; everything is borrowed for the call.
 * Since 0.2. */
typedef struct evtwin_pump_event {
    size_t size;
    evtwin_pump_event_kind kind;
    const char *uri;      /**< of the sink or source */
    evtwin_status status; /**< of a failure or refusal, else EVTWIN_OK */
    const char *text;     /**< its reason, else "" */
    size_t n_rows;
    const evtwin_refusal *refusal; /**< REFUSED, else NULL */
    const evtwin_table *batch;     /**< BATCH, else NULL */
    double predict_s; /**< BATCH of a pump with a predictor: how long features and predictions of
                           its rows took, for evtwin_metrics_observe_duration; else 0 */
} evtwin_pump_event;

typedef void (*evtwin_pump_event_fn)(void *ctx, const evtwin_pump_event *event);
/** Set the callback, which must not call the pump; NULL removes it. Since 0.2. */
EVTWIN_API evtwin_status evtwin_pump_on_event(evtwin_pump *pump, evtwin_pump_event_fn fn,
                                              void *ctx);

/**
 * Move one batch: read (waiting at most timeout_ms), predict, deliver to every sink and flush it,
 * retry held rows, acknowledge to the source the records that every sink has taken. n_rows_out (may
 * be NULL) is the number of rows delivered or held. If one sink fails, the others still get the
 * batch, and no sink gets it twice.
 * @return EVTWIN_OK (0 rows: none yet), EVTWIN_DONE (the source has ended; held rows may be left:
 * evtwin_pump_finish), EVTWIN_REFUSED (see the event; call it again), EVTWIN_E_STATE without a
 * source, or the first failure of source, predictor or sinks. With max_held_rows > 0 a temporary
 * failure of a sink (evtwin_status_is_temporary) is not returned, since its rows are held. After a
 * failure of predictor or sink the batch stays in the pump: the next call continues with it, or
 * returns the same failure again during a pause.
 */
EVTWIN_API evtwin_status evtwin_pump_run_once(evtwin_pump *pump, int timeout_ms,
                                              size_t *n_rows_out);

/**
 * At the end: retry held rows once without a pause, and flush. @return the first failure;
 * evtwin_pump_stats_get and evtwin_pump_sink_stats_get count the rows that were not delivered.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_pump_finish(evtwin_pump *pump);

/** Counted since the pump was made. */
typedef struct evtwin_pump_stats {
    size_t size;
    uint64_t n_read;                 /**< rows from the source */
    uint64_t n_refused;              /**< records that it refused */
    uint64_t n_predicted, n_unknown; /**< rows with a figure; rows with a note instead */
    uint64_t n_written;              /**< rows that every sink has taken */
    uint64_t n_held, n_lost;         /**< rows that wait now; rows lost: summed over the sinks */
    uint64_t n_errors;               /**< failures of source, predictor and sinks */
    uint64_t n_out_of_range; /**< rows of n_unknown with a value outside its range. Since 0.2. */
    uint64_t n_due; /**< with a source rows=unpredicted: rows that were read, and whose predictions
                         wait for their store; it is read again once it has them. Since 0.2. */
} evtwin_pump_stats;

/** size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_pump_stats_get(const evtwin_pump *pump, evtwin_pump_stats *out,
                                               size_t size);

/** Of one sink. Since 0.2. */
typedef struct evtwin_pump_sink_stats {
    size_t size;
    const char *uri;      /**< borrowed from the pump */
    uint64_t n_delivered; /**< rows written and flushed */
    uint64_t n_held;      /**< rows that wait now */
    uint64_t n_lost;      /**< rows that did not fit in memory or the spool, or are damaged in it */
    uint64_t n_refused;   /**< rows that it refused permanently. Since 0.2, as all below */
    uint64_t n_failures;  /**< failed tries */
    int is_up;            /**< 0 from a failed try to the next successful one */
    int is_letters;      /**< 1: evtwin_pump_take_dead_letters; it counts letters instead of rows */
    uint64_t held_bytes; /**< bytes that wait in the spool; 0 without one */
    double oldest_held_s; /**< age of the oldest record that waits in the spool, 0 = none does */
    char reason[512];     /**< of the last failure, "" if there was none */
} evtwin_pump_sink_stats;

/** Of sink number i, in the order taken, that of dead letters last; size is sizeof *out.
 * EVTWIN_DONE beyond the last. Since 0.2. */
EVTWIN_API evtwin_status evtwin_pump_sink_stats_get(const evtwin_pump *pump, size_t i,
                                                    evtwin_pump_sink_stats *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
