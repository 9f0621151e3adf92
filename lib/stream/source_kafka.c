/* SPDX-License-Identifier: MIT */
/* stream/source_kafka.c: "kafka://host:port/topic" as a source: the records in the messages of a
 * topic, whose partitions a group shares. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/kafka_position.h"
#include "stream/kafka_uri.h"
#include "stream/record_reader.h"
#include "stream/telemetry_json.h"

#include <stdio.h>
#include <string.h>

enum { COMMIT_MS = 5000 };

typedef struct kafka_source {
    evtwin__kafka_config *config;
    const char *topic, *group;
    evtwin_naive_time naive;
    const char *time_format;   /* NULL = of any form */
    evtwin__time_counts times; /* of the records read */
    evtwin__kafka_consumer *consumer;
    evtwin__kafka_position kept; /* to begin at; no group = none */

    /* since the partitions were assigned */
    unsigned assignment;
    evtwin__kafka_offset *given; /* what the position says */
    size_t n_given, capacity;

    evtwin__kafka_message message; /* in hand while the reader has it */
    evtwin__record_reader reader;

    evtwin__text position;
} kafka_source;

static const evtwin__param params[] = {
    EVTWIN__PARAM("group", TEXT, offsetof(kafka_source, group)),
    EVTWIN__PARAM("naive_time", WORD, offsetof(kafka_source, naive), .words = EVTWIN__NAIVE_WORDS),
    EVTWIN__PARAM("time_format", TEXT, offsetof(kafka_source, time_format)),
    {.key = NULL}};

/* ---- of a message ---- */

static evtwin_status decode(void *ctx, const char *text, size_t length, evtwin_table *table) {
    kafka_source *s = ctx;
    const evtwin__time_rule rule = {s->time_format, s->naive};
    evtwin__time_kind kind;
    EVTWIN_TRY(evtwin__telemetry_decode(text, length, &rule, table, &kind));
    evtwin__time_count(&s->times, kind);
    return EVTWIN_OK;
}

static void name_place(void *ctx, char place[EVTWIN__RECORD_PLACE]) {
    const kafka_source *s = ctx;
    snprintf(place, EVTWIN__RECORD_PLACE, "%.250s [%ld] at offset %lld", s->topic,
             (long)s->message.partition, (long long)s->message.offset);
}

/* ---- open, close ---- */

static void close_source(void *ctx) {
    kafka_source *s = ctx;
    evtwin__kafka_consumer_free(s->consumer);
    evtwin__kafka_config_free(s->config);
    evtwin__kafka_position_free(&s->kept);
    evtwin__time_log(&s->times, s->topic != NULL ? s->topic : "kafka", s->naive);
    evtwin__free(s->given);
    evtwin__text_free(&s->position);
}

static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    kafka_source *s = ctx;
    s->group = "evtwin";
    s->reader = (evtwin__record_reader){.ctx = s, .decode = decode, .place = name_place};
    s->naive = EVTWIN_NAIVE_REJECT; /* a live stream must not guess what a time means */
    EVTWIN_TRY(evtwin__kafka_uri_read(uri, params, s, &s->config, &s->topic));
    EVTWIN_FAIL_IF(s->group[0] == '\0' || strlen(s->group) > 200, EVTWIN_E_ARG,
                   "kafka: group has not 1 to 200 bytes");
    return s->time_format != NULL ? evtwin__time_format_check(s->time_format) : EVTWIN_OK;
}

static evtwin_status make_consumer(kafka_source *s) {
    if (s->consumer != NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__kafka_consumer_create(s->config, s->group, s->topic, &s->consumer));
    s->assignment = evtwin__kafka_assignment(s->consumer);
    return s->kept.offsets.n > 0
               ? evtwin__kafka_consumer_keep(s->consumer, s->kept.offsets.offset, s->kept.offsets.n)
               : EVTWIN_OK;
}

/* ---- position ---- */

/* So that the offset of the next message can be noted once that is given. */
static evtwin_status reserve_offset(kafka_source *s) {
    if (s->n_given < s->capacity) {
        return EVTWIN_OK;
    }
    evtwin__kafka_offset *grown = evtwin__realloc(s->given, s->n_given + 1, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for an offset");
    s->given = grown;
    s->capacity = s->n_given + 1;
    return EVTWIN_OK;
}

/* The message is given or refused to its end. */
static void end_message(kafka_source *s) {
    size_t i = 0;
    while (i < s->n_given && s->given[i].partition != s->message.partition) {
        i++;
    }
    s->n_given += i == s->n_given;
    s->given[i] = (evtwin__kafka_offset){s->message.partition, s->message.offset + 1};
}

static evtwin_status set_position(kafka_source *s, evtwin_source *source) {
    const evtwin__kafka_offsets offsets = {.group = s->group,
                                           .topic = s->topic,
                                           .member = evtwin__kafka_member(s->consumer),
                                           .offset = s->given,
                                           .n = s->n_given};
    EVTWIN_TRY(evtwin__kafka_position_format(evtwin__kafka_consumer_cluster(s->consumer), &offsets,
                                             &s->position));
    return evtwin_source_set_position(source, s->position.data);
}

/* Without memory for it the position stays before what was given: that must not be lost for it. */
static void note_position(kafka_source *s, evtwin_source *source) {
    if (s->n_given > 0 && set_position(s, source) < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "kafka: %s: %s", s->topic, evtwin_last_error());
    }
}

/* ---- messages ---- */

/* Partitions came or went: what is in hand is read again, here or elsewhere. */
static void begin_assignment(kafka_source *s) {
    s->assignment = evtwin__kafka_assignment(s->consumer);
    s->reader.data = NULL;
    s->n_given = 0;
}

/* Take the next message in hand; EVTWIN_DONE if none comes in time. *is_lost_out: the rows of this
 * read are of partitions that were taken away. */
static evtwin_status next_message(kafka_source *s, int timeout_ms, int *is_lost_out) {
    evtwin__kafka_message message;
    EVTWIN_TRY(reserve_offset(s));
    const evtwin_status st = evtwin__kafka_poll(s->consumer, timeout_ms, &message);
    if (evtwin__kafka_assignment(s->consumer) != s->assignment) {
        begin_assignment(s);
        *is_lost_out = 1;
    }
    if (st == EVTWIN_OK) {
        s->message = message;
        evtwin__record_reader_begin(&s->reader, message.data, message.size);
    }
    return st;
}

/* ---- read ---- */

/* Give of the message in hand, or refuse of it; EVTWIN_DONE: first the rows that were given. */
static evtwin_status take_message(kafka_source *s, evtwin_source *source, size_t room, int has_rows,
                                  evtwin_table *table) {
    const evtwin_status st = evtwin__record_reader_take(&s->reader, source, room, has_rows, table);
    if (s->reader.data == NULL) {
        end_message(s);
    }
    if (st == EVTWIN_REFUSED) {
        note_position(s, source);
    }
    return st;
}

static evtwin_status read_rows(kafka_source *s, evtwin_source *source, size_t max_rows,
                               int timeout_ms, evtwin_table *table) {
    const size_t first = evtwin_table_rows(table);
    while (evtwin_table_rows(table) - first < max_rows) {
        const int has_rows = evtwin_table_rows(table) > first;
        if (s->reader.data == NULL) {
            int is_lost = 0;
            const evtwin_status st = next_message(s, has_rows ? 0 : timeout_ms, &is_lost);
            if (is_lost) {
                evtwin_table_resize(table, first);
                evtwin__source_share_changed(source);
            }
            if (st < 0 && evtwin_table_rows(table) == first) {
                return st;
            }
            if (st != EVTWIN_OK) {
                break;
            }
            continue;
        }
        const size_t room = max_rows - (evtwin_table_rows(table) - first);
        const evtwin_status st = take_message(s, source, room, has_rows, table);
        if (st == EVTWIN_DONE || (st < 0 && has_rows)) {
            break; /* those before are given first, a failure comes again */
        }
        if (st != EVTWIN_OK) {
            return st;
        }
    }
    note_position(s, source);
    return EVTWIN_OK;
}

static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    kafka_source *s = ctx;
    EVTWIN_TRY(make_consumer(s));
    return read_rows(s, source, max_rows, timeout_ms, table);
}

/* ---- commit, seek, check ---- */

/* Offsets read by this member only: after the group has changed they may be another's. */
static evtwin_status commit_source(void *ctx, const char *position) {
    kafka_source *s = ctx;
    if (s->consumer == NULL || position[0] == '\0') {
        return EVTWIN_OK;
    }
    evtwin__kafka_position p;
    EVTWIN_TRY(evtwin__kafka_position_parse(position, &p));
    const evtwin_status st = strcmp(p.offsets.member, evtwin__kafka_member(s->consumer)) == 0
                                 ? evtwin__kafka_commit(s->consumer, p.offsets.offset, p.offsets.n,
                                                        evtwin__monotonic_ms() + COMMIT_MS)
                                 : EVTWIN_OK;
    evtwin__kafka_position_free(&p);
    return st;
}

static evtwin_status seek_source(void *ctx, const char *position) {
    kafka_source *s = ctx;
    EVTWIN_FAIL_IF(s->consumer != NULL, EVTWIN_E_STATE, "kafka: is being read");
    evtwin__kafka_position p;
    EVTWIN_TRY(evtwin__kafka_position_parse(position, &p));
    if (strcmp(p.offsets.topic, s->topic) != 0 || strcmp(p.offsets.group, s->group) != 0) {
        evtwin__fail(EVTWIN_E_PARSE, "a position of group %.100s in topic %.100s", p.offsets.group,
                     p.offsets.topic);
        evtwin__kafka_position_free(&p);
        return EVTWIN_E_PARSE;
    }
    evtwin__kafka_position_free(&s->kept);
    s->kept = p;
    return EVTWIN_OK;
}

static evtwin_status check_source(void *ctx, int timeout_ms) {
    kafka_source *s = ctx;
    EVTWIN_TRY(make_consumer(s));
    return evtwin__kafka_consumer_check(s->consumer, evtwin__monotonic_ms() + timeout_ms);
}

const evtwin__scheme evtwin__source_kafka = {
    .name = "kafka",
    .takes_host = 1,
    .passes_params = 1,
    .ctx_size = sizeof(kafka_source),
    .open = open_source,
    .source = {.read = read_source,
               .commit = commit_source,
               .close = close_source,
               .seek = seek_source,
               .check = check_source},
};
