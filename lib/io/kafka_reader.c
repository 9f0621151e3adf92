/* SPDX-License-Identifier: MIT */
/* io/kafka_reader.c: every record of a topic up to where it ends, which is what a compacted topic
 * knows; and whether one message is committed. */

#include "core/mem.h"
#include "core/status.h"
#include "io/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

enum { PARTITIONS_MS = 1000 };

/* One partition. Records behind a transaction that is still open are not given before its end, and
 * the end counts them: without them the answer would be too old. */
typedef struct partition {
    int64_t next, end; /* -1 = not known yet */
} partition;

struct evtwin__kafka_reader {
    evtwin__kafka_client client;
    char *topic;
    partition *partition;
    int n; /* 0: not known yet */
};

evtwin_status evtwin__kafka_reader_create(const evtwin__kafka_config *config, const char *topic,
                                          evtwin__kafka_reader **out) {
    const evtwin__kafka_property properties[] = {{"group.id", "evtwin"}, /* none is joined */
                                                 {"enable.auto.commit", "false"},
                                                 {"enable.auto.offset.store", "false"},
                                                 {"isolation.level", "read_committed"},
                                                 {"enable.partition.eof", "true"},
                                                 {"auto.offset.reset", "error"},
                                                 {"fetch.wait.max.ms", "20"},
                                                 {"allow.auto.create.topics", "false"},
                                                 {NULL, NULL}};
    void *conf = NULL;
    EVTWIN_TRY(evtwin__kafka_config_make(config, 0, properties, &conf));
    evtwin__kafka_reader *r = evtwin__calloc(1, sizeof *r);
    char *copy = evtwin__strdup(topic);
    if (r == NULL || copy == NULL) {
        evtwin__free(r);
        evtwin__free(copy);
        rd_kafka_conf_destroy(conf);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to read a topic");
    }
    r->topic = copy;
    const evtwin_status st = evtwin__kafka_client_open(&r->client, config, 0, conf);
    if (st < 0) {
        evtwin__kafka_reader_free(r);
        return st;
    }
    *out = r;
    return EVTWIN_OK;
}

void evtwin__kafka_reader_free(evtwin__kafka_reader *r) {
    if (r != NULL) {
        evtwin__kafka_client_close(&r->client);
        evtwin__free(r->partition);
        evtwin__free(r->topic);
        evtwin__free(r);
    }
}

/* How many partitions has it? */
static evtwin_status count_partitions(evtwin__kafka_reader *r, int timeout_ms, int *n_out) {
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(r->client.rk, r->topic, NULL);
    EVTWIN_FAIL_IF(topic == NULL, EVTWIN_E_ARG, "topic %.250s: invalid name", r->topic);
    const int code = rd_kafka_metadata(r->client.rk, 0, topic, &metadata, timeout_ms);
    rd_kafka_topic_destroy(topic);
    rd_kafka_poll(r->client.rk, 0);
    if (code != 0) {
        return evtwin__kafka_fail(&r->client, code, rd_kafka_err2str(code));
    }
    const int is_there = metadata->topic_cnt == 1 && metadata->topics[0].err == 0;
    *n_out = is_there ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    return EVTWIN_OK;
}

/* Begin to read all partitions. */
static evtwin_status begin(evtwin__kafka_reader *r, int64_t deadline_ms) {
    EVTWIN_TRY(evtwin__kafka_client_check(&r->client, r->topic, 0, deadline_ms));
    int n = 0;
    EVTWIN_TRY(count_partitions(r, PARTITIONS_MS, &n));
    EVTWIN_FAIL_IF(n == 0, EVTWIN_E_AGAIN, "topic %s has no partitions yet", r->topic);
    partition *all = evtwin__calloc((size_t)n, sizeof *all);
    EVTWIN_FAIL_IF(all == NULL, EVTWIN_E_NOMEM, "out of memory to read a topic");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++) {
        all[i] = (partition){-1, -1};
        rd_kafka_topic_partition_list_add(list, r->topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    const int code = rd_kafka_assign(r->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != 0) {
        evtwin__free(all);
        return evtwin__kafka_fail(&r->client, code, rd_kafka_err2str(code));
    }
    r->partition = all;
    r->n = n;
    return EVTWIN_OK;
}

/* A message, or the end of what may be read now. */
static evtwin_status take(evtwin__kafka_reader *r, const rd_kafka_message_t *m,
                          evtwin__kafka_record_fn fn, void *ctx) {
    const int is_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (evtwin__kafka_status(m->err) == EVTWIN_E_DENIED) {
        char text[300];
        snprintf(text, sizeof text, "topic %.200s cannot be read: %s", r->topic,
                 rd_kafka_err2str(m->err));
        return evtwin__kafka_fail(&r->client, m->err, text);
    }
    if ((m->err != 0 && !is_end) || m->partition < 0 || m->partition >= r->n) {
        return EVTWIN_OK;
    }
    partition *p = &r->partition[m->partition];
    p->next = m->offset + !is_end;
    if (p->end < 0) { /* as of the first answer */
        int64_t low = 0, high = 0;
        if (rd_kafka_get_watermark_offsets(r->client.rk, r->topic, m->partition, &low, &high) ==
            0) {
            p->end = high;
        }
    }
    return is_end ? EVTWIN_OK
                  : fn(ctx, m->key, m->key_len, m->payload, m->payload != NULL ? m->len : 0);
}

static int is_at_end(const evtwin__kafka_reader *r) {
    for (int i = 0; i < r->n; i++) {
        if (r->partition[i].end < 0 || r->partition[i].next < r->partition[i].end) {
            return 0;
        }
    }
    return 1;
}

evtwin_status evtwin__kafka_reader_run(evtwin__kafka_reader *r, evtwin__kafka_record_fn fn,
                                       void *ctx, int64_t deadline_ms) {
    EVTWIN_TRY(r->n == 0 ? begin(r, deadline_ms) : EVTWIN_OK);
    while (!is_at_end(r)) {
        rd_kafka_message_t *m =
            rd_kafka_consumer_poll(r->client.rk, evtwin__kafka_left_ms(deadline_ms));
        rd_kafka_poll(r->client.rk, 0);
        if (m == NULL) {
            return evtwin__kafka_fail(&r->client, RD_KAFKA_RESP_ERR__TIMED_OUT,
                                      "what was written before cannot be read yet");
        }
        const evtwin_status st = take(r, m, fn, ctx);
        rd_kafka_message_destroy(m);
        EVTWIN_TRY(st);
    }
    return EVTWIN_OK;
}

/* ---- one message ---- */

static evtwin_status assign_one(evtwin__kafka_reader *r, evtwin__kafka_place place) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, r->topic, place.partition)->offset = place.offset;
    const int code = rd_kafka_assign(r->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    r->n = code == 0;
    return code == 0 ? EVTWIN_OK : evtwin__kafka_fail(&r->client, code, rd_kafka_err2str(code));
}

/* What a reader of committed records gets first from there on tells. Up to an open transaction it
 * gets nothing but the end, which is at that transaction. */
static evtwin_status judge(const evtwin__kafka_reader *r, const rd_kafka_message_t *m,
                           evtwin__kafka_place place) {
    if (m->err == 0 || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return m->offset > place.offset ? EVTWIN_DONE : m->err == 0 ? EVTWIN_OK : EVTWIN_E_AGAIN;
    }
    EVTWIN_FAIL_IF(m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, EVTWIN_E_NOT_FOUND,
                   "topic %s has no message %lld any more", r->topic, (long long)place.offset);
    /* a broker that has just started may not know of it yet; the message was there */
    return m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   m->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
               ? EVTWIN_E_AGAIN
               : evtwin__kafka_fail(&r->client, m->err, rd_kafka_message_errstr(m));
}

evtwin_status evtwin__kafka_reader_find(evtwin__kafka_reader *r, evtwin__kafka_place place,
                                        int64_t deadline_ms) {
    EVTWIN_TRY(r->n == 0 ? assign_one(r, place) : EVTWIN_OK);
    for (;;) {
        rd_kafka_message_t *m =
            rd_kafka_consumer_poll(r->client.rk, evtwin__kafka_left_ms(deadline_ms));
        rd_kafka_poll(r->client.rk, 0);
        if (m == NULL) {
            return evtwin__kafka_fail(&r->client, RD_KAFKA_RESP_ERR__TIMED_OUT,
                                      "it is not known yet whether a message was committed");
        }
        const evtwin_status st = judge(r, m, place);
        rd_kafka_message_destroy(m);
        if (st != EVTWIN_E_AGAIN) {
            return st;
        }
    }
}
