/* SPDX-License-Identifier: MIT */
/* stream/source_kafka.c: "kafka://host:port/topic" as a source: the records in the messages of a
 * topic, whose partitions a group shares. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/kafka_position.h"
#include "stream/kafka_uri.h"
#include "stream/record_list.h"
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

    /* the message in hand, of which something is left to give */
    evtwin__kafka_message message;
    int has_message;
    size_t n_taken; /* records of it that were given, or were refused as they came */
    int has_bad; /* some of the others are bad: all those are refused before the good are given */
    int is_checked;
    evtwin__record_list checked; /* up to here they were looked at for that; no data: not begun */

    evtwin__text position;
} kafka_source;

static const evtwin__param params[] = {
    EVTWIN__PARAM("group", TEXT, offsetof(kafka_source, group)),
    EVTWIN__PARAM("naive_time", WORD, offsetof(kafka_source, naive), .words = EVTWIN__NAIVE_WORDS),
    EVTWIN__PARAM("time_format", TEXT, offsetof(kafka_source, time_format)),
    {.key = NULL}};

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

/* The message in hand is given or refused to its end. */
static evtwin_status end_message(kafka_source *s) {
    size_t i = 0;
    while (i < s->n_given && s->given[i].partition != s->message.partition) {
        i++;
    }
    if (i == s->n_given) {
        evtwin__kafka_offset *grown = evtwin__realloc(s->given, s->n_given + 1, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for an offset");
        s->given = grown;
        s->given[s->n_given++].partition = s->message.partition;
    }
    s->given[i].next = s->message.offset + 1;
    s->has_message = 0;
    return EVTWIN_OK;
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
    s->has_message = 0;
    s->n_given = 0;
}

/* Take the next message in hand; EVTWIN_DONE if none comes in time. *is_lost_out: the rows of this
 * read are of partitions that were taken away. */
static evtwin_status next_message(kafka_source *s, int timeout_ms, int *is_lost_out) {
    evtwin__kafka_message message;
    const evtwin_status st = evtwin__kafka_poll(s->consumer, timeout_ms, &message);
    if (evtwin__kafka_assignment(s->consumer) != s->assignment) {
        begin_assignment(s);
        *is_lost_out = 1;
    }
    if (st == EVTWIN_OK) {
        s->message = message;
        s->has_message = 1;
        s->n_taken = 0;
        s->has_bad = s->is_checked = 0;
        s->checked.data = NULL;
    }
    return st;
}

static evtwin_status decode(kafka_source *s, const char *text, size_t length, evtwin_table *table) {
    const evtwin__time_rule rule = {s->time_format, s->naive};
    evtwin__time_kind kind;
    EVTWIN_TRY(evtwin__telemetry_decode(text, length, &rule, table, &kind));
    evtwin__time_count(&s->times, kind);
    return EVTWIN_OK;
}

/* It failed for want of something else than a good record. */
static int is_ours(evtwin_status st) {
    return st == EVTWIN_E_NOMEM || st == EVTWIN_E_STATE;
}

/* Pass over record number `record` (0 = the whole message) for the last failure. */
static evtwin_status refuse(kafka_source *s, evtwin_source *source, evtwin_status st, size_t record,
                            const char *text, size_t length) {
    char place[400];
    const int n = snprintf(place, sizeof place, "%.250s [%ld] at offset %lld", s->topic,
                           (long)s->message.partition, (long long)s->message.offset);
    if (record > 0) {
        snprintf(place + n, sizeof place - (size_t)n, ", record %zu", record);
    }
    evtwin__fail_in(st, "%s", place);
    return evtwin_source_refuse(source, st, place, NULL, text, length);
}

/* Look for the next record that is to be refused, behind those that were. EVTWIN_OK: there is none
 * any more. */
static evtwin_status refuse_next(kafka_source *s, evtwin_source *source, evtwin_table *table) {
    const size_t rows = evtwin_table_rows(table);
    evtwin__record_list *list = &s->checked, before;
    const char *text = s->message.data;
    size_t length = s->message.size;
    evtwin_status st = list->data == NULL ? evtwin__records_begin(list, text, length) : EVTWIN_OK;
    if (st < 0) {
        st = refuse(s, source, st, 0, text, length);
        const evtwin_status end = end_message(s);
        return end < 0 ? end : st;
    }
    while ((before = *list, st = evtwin__records_next(list, &text, &length)) == EVTWIN_OK) {
        if (list->n_given <= s->n_taken) {
            continue;
        }
        st = decode(s, text, length, table);
        evtwin_table_resize(table, rows); /* shrinking does not fail */
        if (is_ours(st)) {
            *list = before; /* not the record's fault: it comes again */
            return st;
        }
        if (st < 0) {
            return refuse(s, source, st, list->is_array ? list->n_given : 0, text, length);
        }
    }
    s->is_checked = 1;
    return st < 0 ? refuse(s, source, st, 0, s->message.data, s->message.size) : EVTWIN_OK;
}

/* Append the records of the message for which there is room. EVTWIN_DONE: something in it is to be
 * refused first, and nothing was appended. */
static evtwin_status give(kafka_source *s, evtwin_table *table, size_t room) {
    const size_t before = evtwin_table_rows(table);
    evtwin__record_list list;
    const char *text = NULL;
    size_t length = 0;
    evtwin_status st = evtwin__records_begin(&list, s->message.data, s->message.size);
    while (st == EVTWIN_OK && (st = evtwin__records_next(&list, &text, &length)) == EVTWIN_OK) {
        if (list.n_given <= s->n_taken) {
            continue;
        }
        if (evtwin_table_rows(table) - before == room) {
            s->n_taken = list.n_given - 1; /* the rest is for the next read */
            return EVTWIN_OK;
        }
        st = decode(s, text, length, table);
        st = st < 0 && s->is_checked && !is_ours(st) ? EVTWIN_OK : st; /* was refused */
    }
    if (st < 0 && (!s->is_checked || is_ours(st))) {
        evtwin_table_resize(table, before);
        return is_ours(st) ? st : EVTWIN_DONE;
    }
    return end_message(s);
}

/* ---- read ---- */

/* Give of the message in hand, or refuse of it; EVTWIN_DONE: first the rows that were given. */
static evtwin_status take_message(kafka_source *s, evtwin_source *source, size_t room, int has_rows,
                                  evtwin_table *table) {
    if (!s->has_bad || s->is_checked) {
        const evtwin_status st = give(s, table, room);
        if (st != EVTWIN_DONE) {
            return st;
        }
        s->has_bad = 1;
    }
    if (has_rows) {
        return EVTWIN_DONE;
    }
    const evtwin_status st = refuse_next(s, source, table);
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
        if (!s->has_message) {
            int is_lost = 0;
            const evtwin_status st = next_message(s, has_rows ? 0 : timeout_ms, &is_lost);
            if (is_lost) {
                evtwin_table_resize(table, first);
            }
            if (st < 0 && evtwin_table_rows(table) == first) {
                return st;
            }
            if (st != EVTWIN_OK) {
                break;
            }
            continue;
        }
        const size_t before = evtwin_table_rows(table), room = max_rows - (before - first);
        const evtwin_status st = take_message(s, source, room, has_rows, table);
        if (st < 0 && has_rows) {
            evtwin_table_resize(table,
                                before); /* those before are given, the failure comes again */
        }
        if (st == EVTWIN_DONE || (st < 0 && has_rows)) {
            break;
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
