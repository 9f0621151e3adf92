/* SPDX-License-Identifier: MIT */
/* io/kafka.h: Kafka in our terms: settings, a transactional producer, a consumer of a group, and a
 * reader of a topic. Behind it is librdkafka, which only lib/io/kafka*.c know. */
#ifndef EVTWIN_IO_KAFKA_H
#define EVTWIN_IO_KAFKA_H

#include "evtwin/base.h"

#include <stddef.h>
#include <stdint.h>

/* Failures of all calls below: EVTWIN_E_AGAIN (no broker answers, with the last reason that is
 * known), EVTWIN_E_DENIED (user, password, certificate, right), EVTWIN_E_NOT_FOUND (topic),
 * EVTWIN_E_ARG (settings), EVTWIN_E_BUSY (another producer has taken the transactional id). A call
 * that waits has a deadline: a time of evtwin__monotonic_ms. */

/* ---- settings ---- */

typedef struct evtwin__kafka_config evtwin__kafka_config;

/* servers: "host:port,host:port" */
evtwin_status evtwin__kafka_config_create(const char *servers, evtwin__kafka_config **out);
void evtwin__kafka_config_free(evtwin__kafka_config *config);

/* A property as librdkafka names it, over our default. EVTWIN_E_ARG naming it (never its value)
 * if there is no such one, its value is invalid, or it is not the caller's to set. */
evtwin_status evtwin__kafka_config_set(evtwin__kafka_config *config, const char *name,
                                       const char *value);

/* The properties in a file of "name=value" lines; '#' begins a comment. EVTWIN_E_ARG if one is a
 * secret and others can read the file. */
evtwin_status evtwin__kafka_config_read(evtwin__kafka_config *config, const char *path);

/* Does what travels to the brokers go unencrypted? */
int evtwin__kafka_config_is_plain(const evtwin__kafka_config *config);

/* ---- offsets of a group ---- */

typedef struct evtwin__kafka_offset {
    int32_t partition;
    int64_t next; /* the offset to read next */
} evtwin__kafka_offset;

typedef struct evtwin__kafka_offsets {
    const char *group, *topic;
    const char *member; /* who in the group has read up to there, in librdkafka's form as hex */
    const evtwin__kafka_offset *offset;
    size_t n;
} evtwin__kafka_offsets;

/* ---- producer ---- */

typedef struct evtwin__kafka_producer evtwin__kafka_producer;

enum { EVTWIN__KAFKA_TOPICS = 2 }; /* that a producer writes to */

/* transactional_id NULL: without transactions, so that messages of a failed one may be there in
 * part. topics: (EVTWIN__KAFKA_TOPICS), NULL = none; they and config are borrowed. Connects in the
 * background. */
evtwin_status evtwin__kafka_producer_create(const evtwin__kafka_config *config,
                                            const char *transactional_id, const char *const *topics,
                                            evtwin__kafka_producer **out);
/* Gives up an open transaction: brokers abort it. */
void evtwin__kafka_producer_free(evtwin__kafka_producer *p);

/* Fence older producers of the id, and end their transactions. Once it has succeeded it does
 * nothing. EVTWIN_E_AGAIN: call it again. */
evtwin_status evtwin__kafka_producer_start(evtwin__kafka_producer *p, int64_t deadline_ms);

/* Make a topic of one partition that keeps the newest record of each key, if there is none of that
 * name. Whether it was allowed shows when it is used. */
void evtwin__kafka_producer_make_compacted(evtwin__kafka_producer *p, const char *topic,
                                           int64_t deadline_ms);

/* Log a warning if the topic does not keep the newest record of each key, as far as the brokers
 * tell. */
void evtwin__kafka_producer_warn_of_policy(evtwin__kafka_producer *p, const char *topic,
                                           int64_t deadline_ms);

/* "" if it is not known within the time. Borrowed. */
const char *evtwin__kafka_producer_cluster(evtwin__kafka_producer *p, int64_t deadline_ms);

/* EVTWIN_E_NOT_FOUND if there is no such topic; without makes none is made by asking. */
evtwin_status evtwin__kafka_producer_check(evtwin__kafka_producer *p, const char *topic, int makes,
                                           int64_t deadline_ms);

evtwin_status evtwin__kafka_begin(evtwin__kafka_producer *p);

typedef struct evtwin__kafka_header {
    const char *name, *value;
} evtwin__kafka_header;

typedef struct evtwin__kafka_record {
    const char *key; /* (key_size), NULL = none */
    size_t key_size;
    const char *data; /* (size) */
    size_t size;
    const evtwin__kafka_header *headers; /* (n_headers) */
    size_t n_headers;
} evtwin__kafka_record;

/* Add a message for topic number `topic`. It is copied. After a failure the transaction is to be
 * given up: evtwin__kafka_give_up. */
evtwin_status evtwin__kafka_put(evtwin__kafka_producer *p, int topic,
                                const evtwin__kafka_record *record, int64_t deadline_ms);

/* Offsets that the transaction commits to their group; copied. */
evtwin_status evtwin__kafka_add_offsets(evtwin__kafka_producer *p,
                                        const evtwin__kafka_offsets *offsets);

/* Let evtwin__kafka_end abort instead of commit and fail as the last call did, with `why`. */
void evtwin__kafka_give_up(evtwin__kafka_producer *p, evtwin_status why);

/**
 * End the transaction. EVTWIN_DONE: the offsets were not this member's any more, so nothing was
 * written and the rows are another's. After a failure: evtwin__kafka_is_ending tells that it is to
 * be called again for the same transaction, evtwin__kafka_is_unsure that it may have been
 * committed: after another producer of its id was started a reader can tell
 * (evtwin__kafka_reader_find). Otherwise nothing of it was written.
 */
evtwin_status evtwin__kafka_end(evtwin__kafka_producer *p, int64_t deadline_ms);
int evtwin__kafka_is_ending(const evtwin__kafka_producer *p);
int evtwin__kafka_is_unsure(const evtwin__kafka_producer *p);

/* Where a message is in its topic. */
typedef struct evtwin__kafka_place {
    int32_t partition; /* -1: not known */
    int64_t offset;
} evtwin__kafka_place;

/* One of the last transaction's messages in the first topic. */
evtwin__kafka_place evtwin__kafka_written(const evtwin__kafka_producer *p);

/* It failed for good and is to be freed, and another to be made, unless it was EVTWIN_E_BUSY. */
int evtwin__kafka_is_broken(const evtwin__kafka_producer *p);

/* ---- consumer ---- */

typedef struct evtwin__kafka_consumer evtwin__kafka_consumer;

typedef struct evtwin__kafka_message {
    const char *data; /* (size) borrowed until the next poll; "" for a tombstone */
    size_t size;
    int32_t partition;
    int64_t offset;
} evtwin__kafka_message;

/* A reader of the topic in the group, which it joins by its first poll; config, group and topic are
 * borrowed. */
evtwin_status evtwin__kafka_consumer_create(const evtwin__kafka_config *config, const char *group,
                                            const char *topic, evtwin__kafka_consumer **out);
void evtwin__kafka_consumer_free(evtwin__kafka_consumer *c);

/* When partitions are assigned: begin at the later of these (copied) and the group's. */
evtwin_status evtwin__kafka_consumer_keep(evtwin__kafka_consumer *c,
                                          const evtwin__kafka_offset *offset, size_t n);

/* The next message; EVTWIN_DONE if none comes in time. */
evtwin_status evtwin__kafka_poll(evtwin__kafka_consumer *c, int timeout_ms,
                                 evtwin__kafka_message *out);

/* Changes whenever partitions come or go: what was polled before and not given on is another's. */
unsigned evtwin__kafka_assignment(const evtwin__kafka_consumer *c);

/* Who in the group this is since the last assignment (evtwin__kafka_offsets.member); borrowed. */
const char *evtwin__kafka_member(const evtwin__kafka_consumer *c);

/* "" if it is not known. Borrowed. */
const char *evtwin__kafka_consumer_cluster(evtwin__kafka_consumer *c);

/* Commit offsets of partitions that are this member's. */
evtwin_status evtwin__kafka_commit(evtwin__kafka_consumer *c, const evtwin__kafka_offset *offset,
                                   size_t n, int64_t deadline_ms);

evtwin_status evtwin__kafka_consumer_check(evtwin__kafka_consumer *c, int64_t deadline_ms);

/* ---- a topic without a group ---- */

typedef struct evtwin__kafka_reader evtwin__kafka_reader;

typedef evtwin_status (*evtwin__kafka_record_fn)(void *ctx, const char *key, size_t key_size,
                                                 const char *data, size_t size);

/* Read every committed record of a topic, up to where it ends when this begins. */
evtwin_status evtwin__kafka_reader_create(const evtwin__kafka_config *config, const char *topic,
                                          evtwin__kafka_reader **out);
void evtwin__kafka_reader_free(evtwin__kafka_reader *r);

/* EVTWIN_OK: all were given to fn. EVTWIN_E_AGAIN: call it again; it goes on. What fn fails with
 * ends it. */
evtwin_status evtwin__kafka_reader_run(evtwin__kafka_reader *r, evtwin__kafka_record_fn fn,
                                       void *ctx, int64_t deadline_ms);

/* Is the message at this place committed? EVTWIN_DONE: it is not, for its transaction was aborted.
 * EVTWIN_E_AGAIN: not decided yet; EVTWIN_E_NOT_FOUND: the topic has forgotten what was there. For
 * a reader that does nothing else. */
evtwin_status evtwin__kafka_reader_find(evtwin__kafka_reader *r, evtwin__kafka_place place,
                                        int64_t deadline_ms);

#endif
